package report

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"slices"
	"strings"
)

// A graphNode is a certificate that trees of several identities share.
type graphNode struct {
	id     string
	branch *Branch
	breaks []string // of all identities
	leaf   bool
}

// graph flattens the trees: each certificate once, each step from a certificate
// to an issuer once.
func graph(r *Report) (nodes []graphNode, edges [][2]*graphNode) {
	byHash := make(map[string]*graphNode)
	seen := make(map[[2]string]bool)
	var list []*graphNode
	var walk func(b *Branch, leaf bool) *graphNode
	walk = func(b *Branch, leaf bool) *graphNode {
		n := byHash[b.SHA256]
		if n == nil {
			n = &graphNode{id: fmt.Sprintf("c%d", len(list)+1), branch: b, leaf: leaf}
			byHash[b.SHA256] = n
			list = append(list, n)
		}
		for _, text := range b.broken() { // it may break on another identity's path only
			if !slices.Contains(n.breaks, text) {
				n.breaks = append(n.breaks, text)
			}
		}
		for _, issuer := range b.Issuers {
			above := walk(issuer, false)
			if key := [2]string{b.SHA256, issuer.SHA256}; !seen[key] {
				seen[key] = true
				edges = append(edges, [2]*graphNode{n, above})
			}
		}
		return n
	}
	for i := range r.Identities {
		if tree := r.Identities[i].Tree; tree != nil {
			walk(tree, true)
		}
	}
	for _, n := range list {
		nodes = append(nodes, *n)
	}
	return nodes, edges
}

func (n *graphNode) label() []string {
	lines := append([]string{n.branch.Subject}, strings.Join(n.branch.words(n.leaf), ", "))
	return append(lines, n.breaks...)
}

// writeDOT writes the certificates as a graph in Graphviz's language.
func writeDOT(w io.Writer, r *Report) error {
	var b bytes.Buffer
	b.WriteString("digraph chains {\n\trankdir=BT\n\tnode [shape=box, fontname=\"sans-serif\"]\n")
	nodes, edges := graph(r)
	for _, n := range nodes {
		var lines []string
		for _, l := range n.label() {
			lines = append(lines, strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(plain(l)))
		}
		style := ""
		switch {
		case len(n.breaks) > 0:
			style = ", style=dashed, color=red"
		case n.branch.NamedCA > 0:
			style = ", penwidth=2"
		}
		fmt.Fprintf(&b, "\t%s [label=\"%s\"%s]\n", n.id, strings.Join(lines, `\n`), style)
	}
	for _, e := range edges {
		fmt.Fprintf(&b, "\t%s -> %s\n", e[0].id, e[1].id)
	}
	b.WriteString("}\n")
	_, err := w.Write(b.Bytes())
	return err
}

// writeMermaid writes the certificates as a flowchart for Mermaid.
func writeMermaid(w io.Writer, r *Report) error {
	var b bytes.Buffer
	b.WriteString("flowchart BT\n")
	nodes, edges := graph(r)
	for _, n := range nodes {
		var lines []string
		for _, l := range n.label() {
			// Mermaid decodes entities by number, and would read # as their start.
			l = strings.NewReplacer("#", "#35;", `"`, "#quot;", "`", "#96;").Replace(plain(l))
			lines = append(lines, strings.NewReplacer("<", "#lt;", ">", "#gt;").Replace(l))
		}
		fmt.Fprintf(&b, "    %s[\"%s\"]\n", n.id, strings.Join(lines, "<br/>"))
	}
	for _, e := range edges {
		fmt.Fprintf(&b, "    %s --> %s\n", e[0].id, e[1].id)
	}
	for _, n := range nodes {
		switch {
		case len(n.breaks) > 0:
			fmt.Fprintf(&b, "    style %s stroke:#c00,stroke-dasharray:4\n", n.id)
		case n.branch.NamedCA > 0:
			fmt.Fprintf(&b, "    style %s stroke-width:3px\n", n.id)
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

// Sizes of the drawing, in CSS pixels.
const (
	boxWidth, boxGap = 270, 46
	lineHeight       = 16
	rowGap           = 14
	drawingMargin    = 12
	labelChars       = 40 // that fit into a box
)

// A placed branch has a place in the drawing.
type placed struct {
	*Branch
	leaf   bool
	x, y   int
	height int
	lines  []string
	above  []*placed
}

// place lays the tree out from left to right: a column for each step up, the
// issuers below each other. It returns the bottom of what it placed.
func place(b *Branch, depth, top int, leaf bool) (*placed, int) {
	p := &placed{Branch: b, leaf: leaf, x: drawingMargin + depth*(boxWidth+boxGap)}
	for i, text := range append([]string{b.Subject, strings.Join(b.words(leaf), ", ")}, b.broken()...) {
		if i > 1 {
			text = "✗ " + text
		}
		p.lines = append(p.lines, wrap(plain(text), labelChars)...)
	}
	p.height = lineHeight*len(p.lines) + 12
	bottom := top
	for _, issuer := range b.Issuers {
		var child *placed
		child, bottom = place(issuer, depth+1, bottom, false)
		p.above = append(p.above, child)
	}
	p.y = top
	if n := len(p.above); n > 0 {
		p.y = max(top, (p.above[0].y+p.above[n-1].y+p.above[n-1].height-p.height)/2)
	}
	return p, max(bottom, p.y+p.height+rowGap)
}

func (p *placed) width() int {
	width := p.x + boxWidth + drawingMargin
	for _, a := range p.above {
		width = max(width, a.width())
	}
	return width
}

// treeStyle gives a drawing that stands alone the viewer's light or dark colours.
const treeStyle = `<style>.tree{font:12px system-ui,sans-serif;color:#1b1f24;color-scheme:light dark}.tree rect{fill:none;stroke:currentColor}.tree text{fill:currentColor}.tree path{fill:none;stroke:currentColor}.tree .named rect{stroke-width:2.5}.tree .broken{color:#b3261e}.tree .broken rect{stroke-dasharray:5 3}.tree .away rect{stroke-dasharray:2 2}.tree .minor{opacity:.75}@media (prefers-color-scheme:dark){.tree{color:#e6e6e6}.tree .broken{color:#ff9088}}</style>`

// treeSVG draws one tree as an SVG element that needs nothing from elsewhere. An
// empty style is for a page that has its own.
func treeSVG(root *Branch, title, style string) string {
	p, bottom := place(root, 0, drawingMargin, true)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" class="tree" role="img" viewBox="0 0 %d %d" width="%d" height="%d">`,
		p.width(), bottom, p.width(), bottom)
	fmt.Fprintf(&b, "<title>%s</title><desc>%s</desc>",
		html.EscapeString(plain(title)), html.EscapeString(plain(describeTree(root))))
	b.WriteString(style)
	p.draw(&b)
	b.WriteString("</svg>")
	return b.String()
}

func (p *placed) draw(b *strings.Builder) {
	var class []string
	if p.NamedCA > 0 {
		class = append(class, "named")
	}
	if len(p.Breaks) > 0 {
		class = append(class, "broken")
	} else if !p.Held {
		class = append(class, "away")
	}
	fmt.Fprintf(b, `<g class="%s"><rect x="%d" y="%d" width="%d" height="%d" rx="6"/>`,
		strings.Join(class, " "), p.x, p.y, boxWidth, p.height)
	subject := len(wrap(plain(p.Subject), labelChars))
	for i, line := range p.lines {
		minor := ""
		if i >= subject {
			minor = ` class="minor"`
		}
		fmt.Fprintf(b, `<text x="%d" y="%d"%s>%s</text>`, p.x+10, p.y+6+lineHeight*(i+1)-4, minor, html.EscapeString(line))
	}
	b.WriteString("</g>")
	for _, a := range p.above {
		fromX, fromY, toX, toY := p.x+boxWidth, p.y+p.height/2, a.x, a.y+a.height/2
		broken := ""
		if len(a.Breaks) > 0 {
			broken = ` class="broken"`
		}
		fmt.Fprintf(b, `<path%s d="M%d %dC%d %d %d %d %d %d"/>`,
			broken, fromX, fromY, fromX+boxGap/2, fromY, toX-boxGap/2, toY, toX, toY)
		a.draw(b)
	}
}

// describeTree says in words what the drawing shows.
func describeTree(b *Branch) string {
	text := b.Subject
	if len(b.Breaks) > 0 {
		text += " (" + strings.Join(b.broken(), "; ") + ")"
	}
	switch len(b.Issuers) {
	case 0:
		return text
	case 1:
		return text + ", issued by " + describeTree(b.Issuers[0])
	}
	var ways []string
	for _, issuer := range b.Issuers {
		ways = append(ways, describeTree(issuer))
	}
	return text + ", issued by one of: " + strings.Join(ways, " | or ")
}

// writeSVG writes the trees of all identities as one drawing, below each other.
func writeSVG(w io.Writer, r *Report) error {
	var b strings.Builder
	var inner strings.Builder
	top, width := drawingMargin, 400
	for i := range r.Identities {
		tree := r.Identities[i].Tree
		if tree == nil {
			continue
		}
		p, bottom := place(tree, 0, drawingMargin, true)
		fmt.Fprintf(&inner, `<text x="%d" y="%d" font-family="system-ui,sans-serif" font-size="14" font-weight="bold" fill="#777">%s</text>`,
			drawingMargin, top+14, html.EscapeString(plain(r.Identities[i].Label)))
		svg := treeSVG(tree, r.Identities[i].Label, treeStyle)
		fmt.Fprintf(&inner, `<g transform="translate(0 %d)">%s</g>`, top+20, svg)
		top, width = top+20+bottom, max(width, p.width())
	}
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 %d %d" width="%d" height="%d"><title>Paths of certificates</title>%s</svg>`+"\n",
		width, top, width, top, inner.String())
	_, err := io.WriteString(w, b.String())
	return err
}
