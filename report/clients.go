package report

import (
	"fmt"
	"strings"

	"mtlsprobe/certstore"
	"mtlsprobe/probe/stack"
	"mtlsprobe/report/say"
)

// A Prediction is what one client stack would do with an identity.
type Prediction struct {
	Stack  string   `json:"stack" redact:"keep"`
	Name   string   `json:"name" redact:"keep"`  // for people
	Sends  string   `json:"sends" redact:"keep"` // yes, no, unknown
	Action string   `json:"action" redact:"keep"`
	Alert  uint8    `json:"alert,omitempty"`             // that the client sends
	Chain  []string `json:"chain,omitempty" redact:"CA"` // subjects, the leaf first; absent if not known
	// Taken says whether the server accepts what is sent, where that is the leaf alone
	// out of a bundle with more, or a chain of the client's own, and the file's was accepted: yes,
	// no, unknown; absent otherwise.
	Taken     string     `json:"taken,omitempty" redact:"keep"`
	Reason    say.Phrase `json:"reason"`
	ServerLog string     `json:"server_log,omitempty" redact:"keep"`
	Remedy    say.Phrase `json:"remedy,omitempty"`
	// Rewrite is the form of file to write for the client, where that is the remedy: pem, pkcs12,
	// pkcs12-legacy.
	Rewrite    string `json:"rewrite,omitempty" redact:"keep"`
	Confidence string `json:"confidence" redact:"keep"` // run, source, documented
	Citation   string `json:"citation" redact:"keep"`
}

func newPrediction(p *stack.Prediction) Prediction {
	out := Prediction{
		Stack: p.Profile.ID, Name: p.Profile.Name, Sends: p.Sends.String(), Action: string(p.Action), Alert: p.Alert,
		Reason: p.Reason, ServerLog: p.ServerLog(), Remedy: p.Remedy,
		Confidence: string(p.Profile.Confidence), Citation: p.Profile.Name + " " + p.Profile.Versions + ": " +
			p.Profile.Citation,
	}
	if p.Rewrite {
		out.Rewrite = string(p.Profile.Files.Takes)
	}
	if p.Counts {
		out.Taken = p.Taken.String()
	}
	for _, c := range p.Chain {
		out.Chain = append(out.Chain, certstore.NameString(c.RawSubject))
	}
	return out
}

// clientLine says how many of the identities that fit one client gets accepted, and why
// not the first of the others; empty without a client, or where they all are.
func clientLine(r *Report, client string) string {
	fitting, sent := r.Fitting(By{}), r.Fitting(By{Client: client})
	if client == "" || r.Migration != nil || sent == fitting || len(r.Identities) == 1 {
		return "" // of one the answer says it
	}
	for _, i := range r.Identities {
		for _, p := range i.Predictions {
			if p.Stack != client || i.Verdict != Fits || i.sentBy(client) {
				continue
			}
			line := fmt.Sprintf("%s gets %d of these %d accepted. %s: %s", p.Name, sent, fitting, i.Label,
				p.Reason)
			if p.Remedy != nil {
				line += ". Remedy: " + p.Remedy.String()
			}
			return line + "."
		}
	}
	return ""
}

// clientsCell groups the stacks that send an identity: "all", "none", "only
// curl", "20 of 29; not Go, GnuTLS and 3 more; 4 unknown", "unknown for 24 of 29; not Go".
func clientsCell(predictions []Prediction) string {
	yes, no, unknown := sentBy(predictions)
	text := fmt.Sprintf("%d of %d", len(yes), len(predictions))
	switch all := len(predictions); {
	case all == 0:
		return "?"
	case len(unknown) == all:
		return "unknown"
	case len(yes) == all:
		return "all"
	case len(no) == all:
		return "none"
	case len(yes) == 0 && len(no) > 0:
		return fmt.Sprintf("unknown for %d of %d; not %s", len(unknown), all, some(no))
	case len(yes) > 0 && len(yes) <= 3:
		text = "only " + some(yes)
	case len(no) > 0:
		text += "; not " + some(no)
	}
	if n := len(unknown); n > 0 {
		text += fmt.Sprintf("; %d unknown", n)
	}
	return text
}

// sentBy sorts client stacks by whether they get an identity across.
func sentBy(predictions []Prediction) (yes, no, unknown []string) {
	for _, p := range predictions {
		switch {
		case p.Sends == "yes" && !p.refused():
			yes = append(yes, p.Name)
		case p.Sends != "unknown":
			no = append(no, p.Name)
		default:
			unknown = append(unknown, p.Name)
		}
	}
	return yes, no, unknown
}

// refused reports whether the server refuses what this client sends.
func (p *Prediction) refused() bool { return p.Sends == "yes" && p.Taken == "no" }

// some names the first ones and counts the rest.
func some(names []string) string {
	const most = 3
	if len(names) > most+1 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// clients writes, for each identity, a table of what the stacks would do. Stacks
// that do the same for the same reason share a row.
func (t *text) clients(r *Report) error {
	for n := range r.Identities {
		i := &r.Identities[n]
		if len(i.Predictions) == 0 {
			continue
		}
		fmt.Fprintf(t, "\n%s\n", t.emphasis(plain("Clients with "+i.Label)))
		columns := []column{{header: "Client"}, {header: "Sends"}, {header: "Why, and what the server's log shows"},
			{header: "Remedy", spare: 1}}
		rows := make(map[string]int)
		for _, p := range i.Predictions {
			why := p.Reason.String()
			if len(p.Chain) > 1 {
				why += "; sends " + strings.Join(p.Chain, " < ")
			} else if len(p.Chain) == 1 {
				why += "; sends the leaf alone"
			}
			if p.Sends != "yes" && p.ServerLog != "" {
				why += "; log: " + p.ServerLog
			}
			sends := p.Sends
			if p.Taken == "no" {
				sends += ", and is refused"
			}
			if p.Action != "sends" && p.Action != "empty certificate" && p.Action != "unknown" {
				sends += ", " + p.Action
				if p.Alert != 0 {
					sends += fmt.Sprintf(" %d", p.Alert)
				}
			}
			key := sends + "\x00" + why + "\x00" + p.Remedy.String()
			if row, ok := rows[key]; ok {
				columns[0].cells[row] += ", " + p.Name
				continue
			}
			rows[key] = len(columns[0].cells)
			for k, cell := range []string{p.Name, sends, plain(why), plain(p.Remedy.String())} {
				columns[k].cells = append(columns[k].cells, cell)
			}
		}
		if err := t.render(columns); err != nil {
			return err
		}
	}
	return nil
}
