package report

import (
	"fmt"
	"slices"
	"strings"

	"mtlsprobe/probe/diagnosis"
	"mtlsprobe/probe/match"
	"mtlsprobe/probe/reading"
	"mtlsprobe/probe/verifier"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

// A ServerModel is what one server program would do with an identity whose whole bundle is
// sent to it, and that trusts the acceptable CAs.
type ServerModel struct {
	Server  string `json:"server" redact:"keep"`
	Name    string `json:"name" redact:"keep"`    // for people
	Accepts string `json:"accepts" redact:"keep"` // yes, no, unknown
	// How it refuses: by an alert, by an HTTP status, or neither: it closes the connection, or by
	// what is not known.
	Alert  uint8      `json:"alert,omitempty"`
	Status int        `json:"status,omitempty"`
	Closes bool       `json:"closes,omitempty"`
	Reason say.Phrase `json:"reason,omitempty"`
	Remedy say.Phrase `json:"remedy,omitempty"`
	// Setting is that with which it would accept, as its configuration has it.
	Setting say.Phrase `json:"setting,omitempty"`
	// Confidence is how the model came to be known: run, documented.
	Confidence string `json:"confidence" redact:"keep"`
	Citation   string `json:"citation" redact:"keep"`
}

func newServerModel(j *verifier.Judgement) ServerModel {
	p := j.Profile
	m := ServerModel{Server: p.ID, Name: p.Name, Accepts: j.Accepts.String(), Confidence: string(p.Confidence),
		Citation: p.Name + " " + p.Versions + ": " + p.Citation}
	if j.Accepts == say.Yes {
		return m
	}
	m.Reason, m.Remedy = j.Why(), j.Remedy()
	if j.Elsewhere == nil {
		m.Setting = j.SettingNeeded()
	}
	if j.Accepts == say.No {
		m.Alert, m.Status, m.Closes = j.Alert, p.Refusal.Status, j.Silent
		if m.Status != 0 {
			m.Alert = 0
		}
	}
	return m
}

// refusalModel is what the model of a server's TLS library says of a refusal; nil where the library or
// what it would do is not known.
func refusalModel(r *diagnosis.Refusal, t *reading.Trial, library match.TLSLibrary, models []verifier.Judgement) (said,
	remedy say.Phrase) {
	id := map[match.TLSLibrary]string{match.OpenSSL: "openssl", match.GnuTLS: "gnutls", match.JSSE: "java",
		match.Erlang: "erlang", match.Go: "go", match.BoringSSL: "boringssl", match.WolfSSL: "wolfssl"}[library]
	at := slices.IndexFunc(models, func(j verifier.Judgement) bool { return j.Profile.ID == id })
	if at < 0 {
		return nil, nil
	}
	name := models[at].Profile.Name
	found := slices.ContainsFunc(r.Causes, func(c match.Cause) bool { return c.Status == match.Fail })
	switch j := &models[at]; {
	case j.Accepts == say.No && j.Alert != 0 && t.Alert != nil && t.Alert.Description != j.Alert:
		return nil, nil // it would have refused in another way, so this is not the reason
	case j.Accepts == say.No:
		return say.Text("most likely the server is on ", name, ", which refuses this chain: ", j.Why()), j.Remedy()
	case j.Accepts == say.Yes && !found && t.Alert != nil:
		if depth, setting := j.TooDeep(t.Alert.Description); setting != nil {
			return say.Text("most likely the server is on ", name,
				", which refuses this chain by this alert where its depth is ",
				"below ", depth), say.Text("set ", setting, " on the server")
		}
		fallthrough
	case j.Accepts == say.Yes && !found:
		return say.Text("most likely the server is on ", name, ", which accepts this chain where it trusts the CAs that ",
			"the server names: its trust store, its settings, its clock or its revocation lists may differ"), nil
	}
	return nil, nil
}

// serverModel is that of one program; nil where nothing is known of it.
func (i *Identity) serverModel(server string) *ServerModel {
	at := slices.IndexFunc(i.ServerModels, func(m ServerModel) bool { return m.Server == server })
	if at < 0 {
		return nil
	}
	return &i.ServerModels[at]
}

func (i *Identity) refusedBy(server string) bool {
	m := i.serverModel(server)
	return m != nil && m.Accepts == "no"
}

func (i *Identity) takenBy(server string) bool {
	m := i.serverModel(server)
	return m != nil && m.Accepts == "yes"
}

// says is what a program does, in words: "accepts", "alert 48 unknown_ca", "HTTP 400", "closes
// the connection", "refuses", "unknown".
func (m *ServerModel) says() string {
	switch {
	case m.Accepts == "yes":
		return "accepts"
	case m.Accepts != "no":
		return "unknown"
	case m.Status != 0:
		return fmt.Sprintf("HTTP %d", m.Status)
	case m.Alert != 0:
		return fmt.Sprintf("alert %d %s", m.Alert, wire.Alert{Description: m.Alert}.Name())
	case m.Closes:
		return "closes the connection"
	}
	return "refuses"
}

// text is what a program does, and why, as one says it of the program.
func (m *ServerModel) text() string {
	text := map[string]string{"yes": "accepts it", "no": "refuses it", "unknown": "may accept it or not"}[m.Accepts]
	if m.Accepts == "no" && (m.Status != 0 || m.Alert != 0 || m.Closes) {
		text += " (" + m.says() + ")"
	}
	if m.Reason != nil {
		text += ": " + m.Reason.String()
	}
	return text
}

// serversLine is how many server models accept a certificate; empty where that says nothing more than the answer.
func serversLine(i *Identity) string {
	models := i.ServerModels
	by := make(map[string][]string)
	var set []string
	for _, m := range models {
		if m.Accepts == "no" && m.Setting != nil {
			set = append(set, m.Name+" does with "+m.Setting.String())
			continue
		}
		by[m.Accepts] = append(by[m.Accepts], m.Name)
	}
	all := len(models)
	line := fmt.Sprintf("%d of %d known server programs that trust the acceptable CAs accept it", len(by["yes"]), all)
	switch {
	case all == 0, i.Trial != nil && i.Trial.Presented, len(by["yes"]) == 0 && i.Verdict != Fits: // which the answer says
		return ""
	case len(by["yes"]) == all:
		return fmt.Sprintf("all %d known server programs that trust the acceptable CAs accept it", all)
	case len(by["no"]) == all:
		line = "no known server program accepts it, though it trusts the acceptable CAs"
	case len(by["unknown"]) == all:
		line = "it is not known which server programs accept it"
	default:
		if len(set) > 0 {
			line += "; " + some(set)
		}
		if len(by["no"]) > 0 {
			line += "; not " + some(by["no"])
		}
		if n := len(by["unknown"]); n > 0 {
			line += fmt.Sprintf("; %d not known", n)
		}
	}
	return line + " (--servers says why)"
}

// serverModelLine says how many of the identities that fit one server program accepts, and why not
// the first of the others; empty without a program, or where it accepts them all.
func serverModelLine(r *Report, server string) string {
	fitting, taken := r.Fitting(By{}), r.Fitting(By{Server: server})
	if server == "" || taken == fitting {
		return ""
	}
	for n := range r.Identities {
		i := &r.Identities[n]
		if m := i.serverModel(server); m != nil && i.Verdict == Fits && m.Accepts != "yes" {
			line := m.Name + " " + m.text()
			if len(r.Identities) > 1 {
				line = fmt.Sprintf("%s accepts %d of these %d. Of %s: it %s", m.Name, taken, fitting, i.Label, m.text())
			}
			if m.Remedy != nil {
				line += ". Remedy: " + m.Remedy.String()
			}
			return line + "."
		}
	}
	return ""
}

// programLines are what there is to say for the programs that the answer is for.
func programLines(r *Report, by By) []string {
	return slices.DeleteFunc([]string{clientLine(r, by.Client), serverModelLine(r, by.Server)},
		func(line string) bool { return line == "" })
}

// servers writes, for each identity, what the server programs would do: each reason once, with those that
// refuse for it, and how.
func (t *text) servers(r *Report) error {
	for n := range r.Identities {
		i := &r.Identities[n]
		if len(i.ServerModels) == 0 {
			continue
		}
		fmt.Fprintf(t, "\n%s\n", t.emphasis(plain("Server programs that trust the acceptable CAs, with "+i.Label)))
		for _, g := range serverGroups(i.ServerModels) {
			standing := map[string]standing{"yes": predictedStanding, "no": refusedStanding}[g.accepts]
			mark, _ := t.glyphs.standing(standing)
			if g.reason == "" {
				t.item(mark, g.programs())
				continue
			}
			t.item(mark, g.reason)
			t.item(" ", g.programs())
			for _, remedy := range g.advice() {
				t.item("  "+t.glyphs.arrow, remedy)
			}
		}
	}
	return nil
}

// A serverGroup is the programs that do the same for the same reason.
type serverGroup struct {
	accepts, reason string
	answers         []string // how they refuse, in their order
	names           map[string][]string
	count           int
	remedies        []string            // which differ where settings do
	helps           map[string][]string // whom a remedy is for
}

// serverGroups puts those that refuse first.
func serverGroups(models []ServerModel) (groups []*serverGroup) {
	for _, accepts := range []string{"no", "unknown", "yes"} {
		for k := range models {
			m := &models[k]
			if m.Accepts != accepts {
				continue
			}
			reason := plain(m.Reason.String())
			at := slices.IndexFunc(groups, func(g *serverGroup) bool { return g.accepts == accepts && g.reason == reason })
			if at < 0 {
				at = len(groups)
				groups = append(groups, &serverGroup{accepts: accepts, reason: reason, names: make(map[string][]string),
					helps: make(map[string][]string)})
			}
			groups[at].add(m)
		}
	}
	return groups
}

func (g *serverGroup) add(m *ServerModel) {
	answer := m.says()
	if g.names[answer] == nil {
		g.answers = append(g.answers, answer)
	}
	g.names[answer] = append(g.names[answer], m.Name)
	g.count++
	remedy := plain(m.Remedy.String())
	if remedy == "" {
		return
	}
	if g.helps[remedy] == nil {
		g.remedies = append(g.remedies, remedy)
	}
	g.helps[remedy] = append(g.helps[remedy], m.Name)
}

// advice is the remedies, each with whom it is for unless that is all of them.
func (g *serverGroup) advice() []string {
	var lines []string
	for _, remedy := range g.remedies {
		if len(g.helps[remedy]) < g.count {
			remedy = strings.Join(g.helps[remedy], ", ") + ": " + remedy
		}
		lines = append(lines, remedy)
	}
	return lines
}

// programs are the names, with what they answer.
func (g *serverGroup) programs() string {
	if g.accepts == "yes" {
		return "accepted by " + strings.Join(g.names[g.answers[0]], ", ")
	}
	var parts []string
	for _, answer := range g.answers {
		parts = append(parts, strings.Join(g.names[answer], ", ")+": "+answer)
	}
	return strings.Join(parts, "; ")
}
