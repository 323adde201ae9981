package report

import (
	"fmt"
	"strings"
)

// trees draws, for each identity, the ways up from its leaf.
func (t *text) trees(r *Report) {
	for n := range r.Identities {
		i := &r.Identities[n]
		if i.Tree == nil {
			continue
		}
		fmt.Fprintf(t, "\n%s\n", t.emphasis(plain(i.Label)))
		t.branch(i.Tree, "", "", true)
		if i.TreeCut {
			t.line("", "", "the search was cut, or more was found than is shown here")
		}
	}
}

// branch draws one certificate and what is above it. first is put before its
// own line, rest before the lines that follow.
func (t *text) branch(b *Branch, first, rest string, leaf bool) {
	t.line(first, rest+t.glyphs.rail(len(b.Issuers) > 0)+"   ", b.Subject+"  ("+strings.Join(b.words(leaf), ", ")+")")
	under := rest + t.glyphs.rail(len(b.Issuers) > 0)
	for _, text := range b.Breaks {
		t.line(under+t.glyphs.fail+" ", under+"  ", text.String())
	}
	for _, text := range b.Notes {
		t.line(under+"! ", under+"  ", text.String())
	}
	for k, issuer := range b.Issuers {
		if k == len(b.Issuers)-1 {
			t.branch(issuer, rest+t.glyphs.last, rest+"   ", false)
		} else {
			t.branch(issuer, rest+t.glyphs.fork, rest+t.glyphs.rail(true), false)
		}
	}
}

// line writes a wrapped text with other prefixes for its first and further lines.
func (t *text) line(first, rest, body string) {
	width := max(20, t.width-max(displayWidth(first), displayWidth(rest)))
	for k, l := range wrap(plain(body), width) {
		prefix := rest
		if k == 0 {
			prefix = first
		}
		fmt.Fprintln(t, strings.TrimRight(prefix+l, " "))
	}
}
