package report

// glyphs are the signs that a terminal may be unable to show.
type glyphs struct {
	fail, arrow, dash string
	fork, last, pipe  string
}

func newGlyphs(ascii bool) glyphs {
	if ascii {
		return glyphs{fail: "x", arrow: "->", dash: "-", fork: "|- ", last: "`- ", pipe: "|  "}
	}
	return glyphs{fail: "✗", arrow: "→", dash: "–", fork: "├─ ", last: "└─ ", pipe: "│  "}
}

// rail is what stands to the left of the lines below a branch.
func (g glyphs) rail(open bool) string {
	if open {
		return g.pipe
	}
	return "   "
}
