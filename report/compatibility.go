package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// maxNamedColumns is how many named CAs get a column each; of more the reached ones are named.
const maxNamedColumns = 4

const clientsHeader = "Clients that send it"

// compatibility is the table: a row for each identity. What nothing is known of
// has no column. It is nil without identities.
func compatibility(r *Report) []column {
	if len(r.Identities) == 0 {
		return nil
	}
	judged, tried, predicted := false, false, false
	label, expiry, key, said, verdict := column{header: "Certificate"}, column{header: "Until", spare: 2},
		column{header: "Key", spare: 3}, column{header: "Answer"}, column{header: "Verdict"}
	subject, issuer, stored := column{header: "Subject", spare: 1}, column{header: "Issuer", spare: 4},
		column{header: "Chain", spare: 5}
	clients, why := column{header: clientsHeader, spare: 4, least: 24}, column{header: "Why", spare: 1}
	for n := range r.Identities {
		i := &r.Identities[n]
		label.cells = append(label.cells, plain(i.Label))
		expires := "?"
		if i.NotAfter != nil {
			expires = i.NotAfter.Format(time.DateOnly)
		}
		if i.Verdict == "" {
			expires += validity(i, r.JudgedAt)
		}
		expiry.cells = append(expiry.cells, expires)
		key.cells = append(key.cells, keyCell(&i.Key))
		subject.cells, issuer.cells = append(subject.cells, plain(cmp.Or(i.Subject, "?"))),
			append(issuer.cells, plain(cmp.Or(i.Issuer, "?")))
		stored.cells = append(stored.cells, fmt.Sprintf("%d more", len(i.Chain)))
		said.cells = append(said.cells, answer(i.Trial, false))
		verdict.cells = append(verdict.cells, verdictCell(i))
		reason := ""
		if e := explained(i); e.Main != nil {
			reason = plain(e.Main.Title)
		}
		why.cells = append(why.cells, reason)
		clients.cells = append(clients.cells, clientsCell(i.Predictions))
		judged, tried, predicted = judged || i.Verdict != "", tried || i.Trial != nil, predicted || i.Predictions != nil
	}
	columns := []column{label, expiry, key}
	if !judged {
		columns[2].spare = 0 // whether a key can be used is what was asked
		columns = append(columns, subject, issuer, stored)
	}
	if judged {
		columns = append(columns, namedColumns(r)...)
	}
	if predicted {
		columns = append(columns, clients)
	}
	if tried {
		columns = append(columns, said)
	}
	if slices.ContainsFunc(why.cells, func(cell string) bool { return cell != "" }) {
		columns = append(columns, why)
	}
	if judged {
		columns = append(columns, verdict)
	}
	return columns
}

// validity marks a certificate that is out of its validity, where no finding does.
func validity(i *Identity, at time.Time) string {
	switch {
	case i.NotAfter != nil && at.After(*i.NotAfter):
		return ", expired"
	case i.NotBefore != nil && at.Before(*i.NotBefore):
		return ", not yet valid"
	}
	return ""
}

func keyCell(k *Key) string {
	if k.State == "usable" {
		return k.Algorithm
	}
	return strings.TrimSpace(k.Algorithm + " " + k.State)
}

func verdictCell(i *Identity) string {
	if i.Verdict != Fits {
		return cmp.Or(string(i.standing()), "?")
	}
	for _, f := range i.Findings {
		switch {
		case f.Result == "fail":
			return "accepted, but"
		case f.Result == "warn" && !i.proven() && (i.Trial == nil || i.Trial.Outcome != "accepted"):
			return "fits by name" // the CA's certificate is not at hand to prove it
		}
	}
	return string(i.standing())
}

// proven reports whether a named CA is reached by a certificate that is at hand from
// elsewhere than the bundle; true without a list.
func (i *Identity) proven() bool {
	return len(i.NamedCAs) == 0 && i.NamedCAsRest == nil || slices.ContainsFunc(i.NamedCAs,
		func(n NamedCA) bool { return n.Result == "reached" && n.Anchor != "bundle" })
}

// namedColumns has a column for each named CA, or one count.
func namedColumns(r *Report) []column {
	if r.Request == nil || len(r.Request.NamedCAs) == 0 {
		return nil
	}
	if len(r.Request.NamedCAs) > maxNamedColumns {
		c, names := column{header: "Reaches", spare: 1}, newCANames(r)
		for n := range r.Identities {
			c.cells = append(c.cells, reachCell(&r.Identities[n], names, false, " "))
		}
		return []column{c}
	}
	columns := make([]column, len(r.Request.NamedCAs))
	for k := range columns {
		columns[k] = column{header: fmt.Sprintf("CA %d", k+1), spare: 1}
		for _, i := range r.Identities {
			cell := "?"
			if k < len(i.NamedCAs) {
				cell = i.NamedCAs[k].Result
				if via := i.NamedCAs[k].Via; cell == "reached" && via != "presented" {
					cell += ", " + via
				}
				if cell == "not-reached" {
					cell = "-"
				}
			}
			columns[k].cells = append(columns[k].cells, cell)
		}
	}
	return columns
}
