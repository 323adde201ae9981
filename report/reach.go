package report

import (
	"fmt"
	"strings"
)

// A caNames gives the acceptable CAs names that are short enough for a table: the CN
// where it is short and nobody else's, or of several that begin alike what comes after
// that, else "CA 3", by its place on the list.
type caNames struct {
	short map[string]string // by DN
	order map[string]int
}

func newCANames(r *Report) *caNames {
	const room = 28
	n := &caNames{short: make(map[string]string), order: make(map[string]int)}
	if r.Request == nil {
		return n
	}
	bearers := make(map[string]int)
	for k, ca := range r.Request.NamedCAs {
		if _, known := n.order[ca.DN]; !known {
			n.order[ca.DN] = k + 1
			bearers[commonName(ca.DN)]++
		}
	}
	endings := endingsOf(bearers)
	for dn, k := range n.order {
		cn := commonName(dn)
		switch ending := endings[cn]; {
		case cn == "" && !strings.Contains(dn, "="): // a pseudonym
			cn = dn
		case cn == "" || bearers[cn] > 1:
			cn = fmt.Sprintf("CA %d", k)
		case ending != "":
			cn = ending
		case displayWidth(cn) > room:
			cn = fmt.Sprintf("CA %d", k)
		}
		n.short[dn] = plain(cn)
	}
	return n
}

// endingsOf are the last words of names of which at least three begin alike, where no other
// name is, or ends, so.
func endingsOf(names map[string]int) map[string]string {
	const enough, long, longest = 3, 10, 12 // names; characters that are spared; characters that stay
	beginnings, uses := make(map[string]int), make(map[string]int)
	for name := range names {
		uses[name]++
		begin, end := lastWord(name)
		if len(begin) >= long && displayWidth(end) <= longest && strings.Trim(end, "0123456789") != "" {
			beginnings[begin]++
			uses[end]++
		}
	}
	endings := make(map[string]string)
	for name := range names {
		if begin, end := lastWord(name); beginnings[begin] >= enough && uses[end] == 1 && end != "" {
			endings[name] = end
		}
	}
	return endings
}

// lastWord cuts a name before its last word.
func lastWord(name string) (begin, end string) {
	at := strings.LastIndexByte(name, ' ') + 1
	return name[:at], name[at:]
}

// legend has the full names behind the short ones: those that differ in that alone share a
// line.
func (n *caNames) legend(dns []string) []string {
	var forms, lines []string
	of := make(map[string][]string)
	for _, dn := range dns {
		short := n.short[dn]
		cn, tail, ok := strings.Cut(dn, ",")
		begin, ends := strings.CutSuffix(cn, short)
		switch {
		case "CN="+short == dn:
		case !ok || !ends || short == "":
			lines = append(lines, short+" is "+dn)
		default:
			form := "with " + tail
			if begin != "CN=" {
				form = "is " + begin + "…," + tail
			}
			if of[form] == nil {
				forms = append(forms, form)
			}
			of[form] = append(of[form], dn)
		}
	}
	for _, form := range forms {
		same := of[form]
		if len(same) == 1 {
			lines = append(lines, n.short[same[0]]+" is "+same[0])
			continue
		}
		var shorts []string
		for _, dn := range same {
			shorts = append(shorts, n.short[dn])
		}
		lines = append(lines, strings.Join(shorts, ", ")+": each "+form)
	}
	return lines
}

// commonName is the first CN of a name in RFC 4514 form; empty without one.
func commonName(dn string) string {
	at := strings.Index(dn, "CN=")
	if at < 0 || at > 0 && dn[at-1] != ',' && dn[at-1] != '+' {
		return ""
	}
	rest := dn[at+len("CN="):]
	for k := 0; k < len(rest); k++ {
		switch rest[k] {
		case '\\':
			k++
		case ',', '+':
			return strings.ReplaceAll(rest[:k], `\`, "")
		}
	}
	return strings.ReplaceAll(rest, `\`, "")
}

// sign is how a table marks a result for one CA; false for one that is out of reach.
func (n *NamedCA) sign(ascii bool) (string, bool) {
	pick := func(sign, plain string) (string, bool) {
		if ascii {
			return plain, true
		}
		return sign, true
	}
	switch {
	case n.Result == "reached" && n.Via == "local":
		return "+", true
	case n.Result == "reached" && n.Via == "cross-signed":
		return pick("×", "X")
	case n.Result == "reached":
		return pick("✓", "*")
	case n.Result == "name-only":
		return "~", true
	case n.Result == "near-miss":
		return "!", true
	case n.Result == "unknown":
		return "?", true
	}
	return "", false
}

// signLegend says what the marks mean, of those that are used.
func signLegend(r *Report, ascii bool) string {
	words := []struct {
		result, via, text string
	}{
		{"reached", "presented", "reached"}, {"reached", "local", "reached with a certificate to add"},
		{"reached", "cross-signed", "reached through a cross-certificate"}, {"name-only", "", "by its name only"},
		{"near-miss", "", "the path breaks, or another key"}, {"unknown", "", "not known"},
	}
	used := make(map[string]bool)
	for _, i := range r.Identities {
		for _, n := range i.NamedCAs {
			if sign, ok := n.sign(ascii); ok {
				used[sign] = true
			}
		}
	}
	var parts []string
	for _, w := range words {
		n := NamedCA{Result: w.result, Via: w.via}
		if sign, _ := n.sign(ascii); used[sign] {
			parts = append(parts, sign+" "+w.text)
		}
	}
	return strings.Join(parts, "   ")
}

// reachCell names the CAs that an identity reaches, the best results first as they are
// listed, with what stands between a mark and a name; "-" for none.
func reachCell(i *Identity, names *caNames, ascii bool, between string) string {
	const most = 4
	var cells []string
	for k := range i.NamedCAs {
		if sign, ok := i.NamedCAs[k].sign(ascii); ok {
			cells = append(cells, sign+between+names.short[i.NamedCAs[k].DN])
		}
	}
	switch {
	case len(i.NamedCAs) == 0 && i.NamedCAsRest == nil:
		return "any"
	case cells == nil:
		return "-"
	case len(cells) > most:
		return strings.Join(cells[:most], ", ") + fmt.Sprintf(" and %d more", len(cells)-most)
	}
	return strings.Join(cells, ", ")
}

// reachedNames are the CAs that any identity reaches in some way, in the list's order.
func reachedNames(r *Report) []string {
	if r.Request == nil {
		return nil
	}
	touched := make(map[string]bool)
	for _, i := range r.Identities {
		for k := range i.NamedCAs {
			if _, ok := i.NamedCAs[k].sign(true); ok {
				touched[i.NamedCAs[k].DN] = true
			}
		}
	}
	var out []string
	for _, ca := range r.Request.NamedCAs {
		if touched[ca.DN] {
			out = append(out, ca.DN)
			delete(touched, ca.DN)
		}
	}
	return out
}
