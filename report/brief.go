package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// briefWidth is the most that a line of a brief report has: somebody reads it out, or
// types it again elsewhere.
const briefWidth = 60

// writeBrief writes a line of plain characters for each identity: how it stands, its
// label, and the one thing that matters most.
func writeBrief(w io.Writer, f Format, r *Report) error {
	var b bytes.Buffer
	switch q := r.Request; {
	case r.Migration != nil:
		for n := range r.Migration.Rows {
			briefPhases(&b, &r.Migration.Rows[n], f.Client)
		}
	case len(r.Identities) == 0 && q != nil:
		fmt.Fprintln(&b, briefRequest(q))
	default:
		for n := range r.Identities {
			i := &r.Identities[n]
			word, why := briefly(r, i)
			if i.Verdict == Fits && f.Client != "" && !i.sentBy(f.Client) {
				word, why = briefClient(i, f.Client)
			}
			briefLine(&b, word, i.Label, why)
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

// briefLine writes one line. Of a label that is too long the end is cut, of a reason
// too.
func briefLine(b *bytes.Buffer, word, label, why string) {
	const least = 12 // of the label
	head := fmt.Sprintf("%-8s ", word)
	why, label = asciiLine(why), asciiOnly(label)
	if room := briefWidth - len(head) - 1 - min(least, len(label)); len(why) > room {
		why = why[:max(0, room-1)] + "~"
	}
	if room := briefWidth - len(head) - 1 - len(why); len(label) > room {
		label = label[:max(0, room-1)] + "~"
	}
	fmt.Fprintln(b, strings.TrimRight(head+label+" "+why, " "))
}

// briefRequest is what a server asks for.
func briefRequest(q *Request) string {
	demand := map[string]string{"required": "client certificate required", "optional": "client certificate optional",
		"ignored": "client certificate ignored"}[q.Insistence]
	switch {
	case q.Asked == "no":
		demand = "no client certificate requested"
	case q.Asked != "yes":
		demand = "request not seen"
	case demand == "":
		demand = "client certificate requested"
	}
	names := fmt.Sprintf("%d CA names", len(q.NamedCAs))
	if len(q.NamedCAs) == 1 {
		names = "1 CA name"
	}
	if q.Version == "" {
		return demand + ", " + names
	}
	return demand + ", " + q.Version + ", " + names
}

// briefly is the word for how an identity stands, and what matters most about it.
func briefly(r *Report, i *Identity) (word, why string) {
	until := ""
	if i.NotAfter != nil {
		until = "until " + i.NotAfter.Format(time.DateOnly)
	}
	e := explained(i)
	switch s := i.standing(); s {
	case acceptedStanding:
		return "ACCEPTED", until
	case predictedStanding:
		return "FITS", "not tried, " + until
	case refusedStanding:
		if e.Main != nil {
			return "REFUSED", e.Main.Check
		}
		return "REFUSED", shortAnswer(i.Trial)
	case mismatchStanding:
		if e.Main != nil {
			return "FAILS", e.Main.Check
		}
		return "FAILS", "not tried"
	case unjudgedStanding:
		return briefFile(r, i, until)
	case notTriedStanding:
		return "UNKNOWN", "not tried"
	}
	switch {
	case r.Request != nil && r.Request.Asked == "no":
		return "UNKNOWN", "server did not ask"
	case i.Trial != nil && i.Trial.Outcome == "ignored":
		return "UNKNOWN", "server ignores certificates"
	}
	return "UNKNOWN", "cannot tell"
}

// briefFile is what "inspect" says of an identity.
func briefFile(r *Report, i *Identity, until string) (word, why string) {
	switch {
	case i.Key.State != "usable":
		return strings.ToUpper(i.Key.State), cmp.Or(until, "key "+i.Key.State)
	case i.NotAfter != nil && r.JudgedAt.After(*i.NotAfter):
		return "EXPIRED", "on " + i.NotAfter.Format(time.DateOnly)
	case i.NotBefore != nil && r.JudgedAt.Before(*i.NotBefore):
		return "EARLY", "from " + i.NotBefore.Format(time.DateOnly)
	}
	return "USABLE", until
}

// briefClient says why one client does not get an identity across.
func briefClient(i *Identity, client string) (word, why string) {
	at := slices.IndexFunc(i.Predictions, func(p Prediction) bool { return p.Stack == client })
	switch {
	case at < 0:
		return "UNKNOWN", client + " not known"
	case i.Predictions[at].Taken == "no":
		return "FAILS", client + " sends the leaf alone"
	case i.Predictions[at].Sends == "yes" && i.Predictions[at].Taken != "":
		return "UNKNOWN", client + " sends the leaf alone"
	case i.Predictions[at].Sends == "unknown":
		return "UNKNOWN", client + " cannot be told"
	case i.Predictions[at].Action == "local error":
		return "FAILS", client + " cannot load it"
	}
	return "FAILS", client + " does not send it"
}

func briefPhases(b *bytes.Buffer, row *MigrationRow, client string) {
	at := slices.IndexFunc(row.Cells, func(c MigrationCell) bool { return c.Verdict != Fits })
	switch {
	case row.Works && !row.fits(client):
		briefLine(b, "FAILS", row.Label, client+" does not send it in every phase")
	case row.Works:
		briefLine(b, "FITS", row.Label, "in every phase")
	case at >= 0:
		briefLine(b, "FAILS", row.Label, "in phase "+row.Cells[at].Phase)
	default:
		briefLine(b, "FAILS", row.Label, "")
	}
}

// asciiLine keeps printable ASCII and spaces.
func asciiLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= ' ' && r < 0x7f {
			return r
		}
		return '.'
	}, s)
}

func asciiOnly(s string) string {
	return strings.Map(func(r rune) rune {
		if r > ' ' && r < 0x7f {
			return r
		}
		return '.'
	}, s)
}
