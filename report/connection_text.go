package report

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"mtlsprobe/report/say"
)

// connections writes a capture: a line for each connection that matters, and below it what
// each of them means.
func (t *text) connections(f Format, r *Report) error {
	t.marked(t.captured(r))
	shown := shownConnections(f, r)
	if len(shown) > 1 {
		t.WriteByte('\n')
		if err := t.render(connectionTable(shown)); err != nil {
			return err
		}
	}
	for _, c := range shown {
		t.WriteByte('\n')
		t.connection(c)
	}
	for _, problem := range r.Problems {
		t.WriteByte('\n')
		t.item("!", problem)
	}
	if !f.Verbose && len(shown) < len(r.Connections) {
		fmt.Fprintf(t, "\n%d more connections: -v\n", len(r.Connections)-len(shown))
	}
	return nil
}

// WriteConnection writes one connection as the table format does, as soon as it is over; nothing
// for one that does not matter, unless the format is verbose.
func WriteConnection(w io.Writer, f Format, c *Connection) error {
	if !f.Verbose && !c.matters() {
		return nil
	}
	t := newText(f)
	t.connection(c)
	t.WriteByte('\n')
	_, err := w.Write(t.Bytes())
	return err
}

// connection writes what is to be said of one connection.
func (t *text) connection(c *Connection) {
	fmt.Fprintln(t, t.emphasis(plain(c.title())))
	t.entry("CAs", c.asked())
	t.entry("Client", "answered: "+c.answered())
	t.entry("Ended", c.ending())
	for n, phrase := range c.Reading {
		t.entry(map[bool]string{true: "Reading"}[n == 0], phrase.String())
	}
	if c.MissingPackets > 0 {
		t.entry("Caution", "at least "+count(c.MissingPackets, "packet")+" of it not recorded")
	}
	if c.Lost > 0 {
		t.entry("Caution", fmt.Sprintf("%d bytes of it were not recorded", c.Lost))
	}
}

// WriteConnectionCount writes how many connections there were, and what came of them.
func WriteConnectionCount(w io.Writer, f Format, r *Report) error {
	t := newText(f)
	t.marked(t.captured(r))
	_, err := w.Write(t.Bytes())
	return err
}

// captured is the answer in a sentence, with its mark.
func (t *text) captured(r *Report) (mark, color, sentence string) {
	asked, failed, hidden := 0, 0, 0
	for n := range r.Connections {
		c := &r.Connections[n]
		switch c.Request.Asked {
		case "yes":
			asked++
		case Unknown:
			hidden++
		}
		if c.Failed {
			failed++
		}
	}
	total := len(r.Connections)
	if total == 0 {
		return "?", yellow, "There was no TLS connection."
	}
	sentence = fmt.Sprintf("%s; %d asked for a client certificate", count(total, "TLS connection"), asked)
	switch {
	case hidden == total:
		sentence = count(total, "TLS connection") + "; whether the server asked for a client certificate cannot be seen"
	case hidden > 0:
		sentence += fmt.Sprintf(", of %d that cannot be seen", hidden)
	}
	sentence += fmt.Sprintf("; %d failed.", failed)
	if failed > 0 {
		return t.glyphs.fail, red, sentence
	}
	if slices.ContainsFunc(r.Connections, func(c Connection) bool { return c.Ended == notTold }) {
		return "?", yellow, sentence
	}
	mark, color = t.glyphs.standing(acceptedStanding)
	return mark, color, sentence
}

// shownConnections are those that matter, or all.
func shownConnections(f Format, r *Report) []*Connection {
	var shown []*Connection
	for n := range r.Connections {
		if c := &r.Connections[n]; f.Verbose || c.matters() {
			shown = append(shown, c)
		}
	}
	return shown
}

func connectionTable(shown []*Connection) []column {
	columns := []column{{header: "#"}, {header: "Time", spare: 3}, {header: "Client", spare: 2}, {header: "Server"},
		{header: "Version", spare: 1}, {header: "CAs", spare: 4, least: 12}, {header: "Client answered"}, {header: "Ended"}}
	for _, c := range shown {
		at := ""
		if c.Started != nil {
			at = c.Started.Format("15:04:05")
		}
		server := c.Server
		if c.ServerName != "" {
			server += " (" + c.ServerName + ")"
		}
		for n, cell := range []string{fmt.Sprint(c.Number), at, c.Client, server, c.Version, c.asking(), c.answered(),
			c.ending()} {
			columns[n].cells = append(columns[n].cells, plain(cell))
		}
	}
	return columns
}

// title names a connection.
func (c *Connection) title() string {
	parts := []string{fmt.Sprintf("#%d", c.Number)}
	if c.Started != nil {
		parts = append(parts, c.Started.Format("15:04:05.000"))
	}
	if c.Client != "" {
		parts = append(parts, c.Client+" -> "+c.Server)
	}
	if c.ServerName != "" {
		parts = append(parts, "("+c.ServerName+")")
	}
	if c.Carrier != "" {
		parts = append(parts, c.Carrier)
	}
	if c.Identity != "" {
		parts = append(parts, strconv.Quote(c.Identity))
	}
	if c.Version != "" {
		parts = append(parts, c.Version)
	}
	return strings.Join(parts, "  ")
}

// asked names the acceptable CAs in full.
func (c *Connection) asked() string {
	const most = 8
	names := c.Request.NamedCAs
	switch {
	case c.Request.Asked == "no":
		return "the server did not ask for a client certificate"
	case c.Request.Asked == Unknown:
		return "it cannot be seen whether the server asked"
	case names == nil:
		return "the server asked; which CAs it names is not known"
	case len(names) == 0:
		return "the server asked, and names no acceptable CA"
	case len(names) > most:
		return fmt.Sprintf("%d acceptable: %s and %d more", len(names), strings.Join(names[:most], "; "), len(names)-most)
	}
	return strings.Join(names, "; ")
}

// markdownConnections writes a capture for a ticket.
func markdownConnections(b *bytes.Buffer, f Format, r *Report) {
	shown := shownConnections(f, r)
	_, _, sentence := newText(f).captured(r)
	fmt.Fprintf(b, "# TLS connections\n\n**%s**\n\n", escapeMarkdown(sentence))
	if len(shown) > 0 {
		markdownTable(b, connectionTable(shown))
	}
	for _, c := range shown {
		fmt.Fprintf(b, "\n### %s\n\n- CAs: %s\n- Client answered: %s\n- Ended: %s\n", escapeMarkdown(c.title()),
			escapeMarkdown(c.asked()), escapeMarkdown(c.answered()), escapeMarkdown(c.ending()))
		for _, phrase := range c.Reading {
			fmt.Fprintf(b, "- %s\n", escapeMarkdown(phrase.String()))
		}
	}
}

// briefConnections writes a line for each connection that matters.
func briefConnections(b *bytes.Buffer, r *Report) {
	for n := range r.Connections {
		c := &r.Connections[n]
		if !c.matters() {
			continue
		}
		word := "OK"
		if c.Failed {
			word = "FAILED"
		}
		sent := map[string]string{"yes": "certificate sent", "empty": "empty certificate", "no": "no certificate",
			"hidden": "hidden", "not-asked": "not asked"}[c.ClientCertificate.Sent]
		if likely := map[string]string{"yes": ", likely a certificate", "empty": ", likely none",
			"not-asked": ", likely not asked"}[c.ClientCertificate.Likely]; likely != "" {
			sent += likely
		}
		why := sent
		if a := c.decisive(); a != nil {
			why = fmt.Sprintf("%s, %s alert %d", sent, a.From, *a.Number)
		}
		briefLine(b, word, fmt.Sprintf("#%d", c.Number), why)
	}
	if b.Len() == 0 {
		fmt.Fprintf(b, "%d TLS connections, none asked or failed\n", len(r.Connections))
	}
}

// suite is the case of a connection: one in which a client certificate was asked for and that
// failed is a failure.
func (c *Connection) suite(r *Report) junitSuite {
	s := junitSuite{Name: plain(c.title()), Time: r.GeneratedAt.Format("2006-01-02T15:04:05")}
	one := junitCase{Class: plain(c.title()), Name: "succeeds"}
	if c.refused() {
		one.Failure = &junitMessage{Message: plain(c.answered() + "; " + c.ending()),
			Text: plain(say.Join(" ", c.Reading...).String())}
	}
	s.add(one)
	return s
}

// refused reports whether a client certificate was asked for, as far as that can be told, and
// the connection failed.
func (c *Connection) refused() bool {
	return c.Failed && (c.Request.Asked == "yes" || c.ClientCertificate.Likely == "empty" ||
		c.ClientCertificate.Likely == "yes")
}

// Refused reports whether any connection of a capture failed in which a client certificate was
// asked for.
func (r *Report) Refused() bool {
	return slices.ContainsFunc(r.Connections, func(c Connection) bool { return c.refused() })
}
