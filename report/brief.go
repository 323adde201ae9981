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
	case r.Connections != nil:
		briefConnections(&b, r)
	case r.Migration != nil || len(r.Reports) > 0:
		briefMatrix(&b, newMatrix(r), r, f.By)
	case r.Error != "":
		briefLine(&b, "ERROR", "", r.Error)
	case len(r.Identities) == 0 && q != nil:
		fmt.Fprintln(&b, briefRequest(q))
	default:
		for n := range r.Identities {
			i := &r.Identities[n]
			word, why := briefly(r, i)
			if i.Verdict == Fits && !i.untried() && !i.fitsFor(f.By) || i.Verdict == Unknown && i.refusedBy(f.By.Server) {
				word, why = briefBy(i, f.By)
			}
			briefLine(&b, word, i.Label, why)
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

// briefLine writes one line. A label that is too long is cut in the middle, a reason at its end.
func briefLine(b *bytes.Buffer, word, label, why string) {
	const least = 12 // of the label
	head := fmt.Sprintf("%-8s ", word)
	why, label = asciiLine(why), asciiOnly(label)
	if room := briefWidth - len(head) - 1 - min(least, len(label)); len(why) > room {
		why = why[:max(0, room-1)] + "~"
	}
	if room := briefWidth - len(head) - 1 - len(why); len(label) > room {
		half := max(0, room-1) / 2 // names of one kind differ at their ends
		label = label[:max(0, room-1)-half] + "~" + label[len(label)-half:]
	}
	fmt.Fprintln(b, head+strings.TrimSpace(label+" "+why))
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
	until := i.untilText()
	e := explained(i)
	switch s := i.standing(); s {
	case acceptedStanding:
		if r.Request.takesAny() {
			until = "as any would be, " + until
		}
		if i.NotAfter != nil && r.JudgedAt.After(*i.NotAfter) { // as of --at
			until = "today, not on " + r.JudgedAt.Format(time.DateOnly)
		}
		return "ACCEPTED", until
	case predictedStanding:
		switch {
		case i.untried() && r.Server != nil && r.Server.Verified == "no":
			return "UNTRIED", "server not verified"
		case i.untried():
			return "UNTRIED", until
		}
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

// untilText is when an identity ends; empty where that is not known.
func (i *Identity) untilText() string {
	if i.NotAfter == nil {
		return ""
	}
	return "until " + i.NotAfter.Format(time.DateOnly)
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

// briefBy says which program does not get an identity across.
func briefBy(i *Identity, by By) (word, why string) {
	if by.Client != "" && !i.sentBy(by.Client) && i.Verdict == Fits {
		return briefClient(i, by.Client)
	}
	if i.refusedBy(by.Server) {
		return "FAILS", i.serverModel(by.Server).Name + " refuses it"
	}
	return "UNKNOWN", by.Server + " cannot be told"
}

// briefClient says why one client does not get an identity across.
func briefClient(i *Identity, client string) (word, why string) {
	at := slices.IndexFunc(i.Predictions, func(p Prediction) bool { return p.Stack == client })
	switch {
	case at >= 0 && i.Predictions[at].Taken == "no" && i.Predictions[at].Chain != nil:
		return "FAILS", client + " sends another chain"
	case at < 0:
		return "UNKNOWN", client + " not known"
	case i.Predictions[at].Taken == "no":
		return "FAILS", client + " sends the leaf alone"
	case i.Predictions[at].Taken != "" && i.Predictions[at].Chain != nil:
		return "UNKNOWN", client + " sends another chain"
	case i.Predictions[at].Sends == "yes" && i.Predictions[at].Taken != "":
		return "UNKNOWN", client + " sends the leaf alone"
	case i.Predictions[at].Sends == "unknown":
		return "UNKNOWN", client + " cannot be told"
	case i.Predictions[at].Action == "local error":
		return "FAILS", client + " cannot load it"
	}
	return "FAILS", client + " does not send it"
}

// briefMatrix writes a line for each identity, where the same is true of it everywhere, and
// else one for each server or request.
func briefMatrix(b *bytes.Buffer, m *matrix, r *Report, by By) {
	if len(m.rows) == 0 {
		for _, c := range m.columns {
			said := "could not be asked"
			if c.report.Error == "" && c.report.Request != nil {
				said = briefRequest(c.report.Request)
			}
			briefLine(b, strings.ToUpper(m.noun), c.label, said)
		}
		return
	}
	for n := range m.rows {
		briefRow(b, m, &m.rows[n], r, by)
	}
	for _, c := range m.columns {
		if c.report.Error != "" {
			briefLine(b, "UNKNOWN", c.label, "could not be asked")
		}
	}
}

// briefRow writes a line for each answer that an identity gets, with where it gets it.
func briefRow(b *bytes.Buffer, m *matrix, row *matrixRow, r *Report, by By) {
	type answer struct{ word, why string }
	var answers []answer
	where := make(map[answer][]string)
	asked := 0
	for k, cell := range row.cells {
		if cell == nil {
			continue
		}
		asked++
		var a answer
		a.word, a.why = briefly(m.columns[k].report, cell)
		switch {
		case cell.Verdict == Fits && by.Client != "" && !sentFor(r, cell, by.Client):
			a = answer{"FAILS", by.Client + " does not send it"}
		case cell.Verdict == Fits && by.Server != "" && !cell.takenBy(by.Server):
			a.word, a.why = briefBy(cell, By{Server: by.Server})
		case a.word == "FITS": // which says that it was not tried
			a.why = cell.untilText()
		}
		if where[a] == nil {
			answers = append(answers, a)
		}
		where[a] = append(where[a], m.columns[k].label)
	}
	const few = 2
	for _, a := range answers {
		at := strings.Join(where[a], ", ")
		switch count := len(where[a]); {
		case count == asked && asked > 1:
			at = fmt.Sprintf("all %d, ", asked)
		case count > few:
			at = fmt.Sprintf("%d of %d: ", count, asked)
		default:
			at += ": "
		}
		briefLine(b, a.word, row.label, at+a.why)
	}
}

// sentFor reports whether a client sends what fits. The cells of a migration list those that
// do not.
func sentFor(r *Report, cell *Identity, client string) bool {
	if r.Migration == nil {
		return cell.sentBy(client)
	}
	return !slices.ContainsFunc(cell.Predictions, func(p Prediction) bool { return p.Stack == client })
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
