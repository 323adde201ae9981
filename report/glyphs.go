package report

// glyphs are the signs that a terminal may be unable to show.
type glyphs struct {
	fail, arrow      string
	fork, last, pipe string
	bar, now         rune // of a timeline: a stretch of time, and the present within it
	ascii            bool
}

func newGlyphs(ascii bool) glyphs {
	if ascii {
		return glyphs{fail: "x", arrow: "->", fork: "|- ", last: "`- ", pipe: "|  ", bar: '=', now: '|', ascii: true}
	}
	return glyphs{fail: "✗", arrow: "→", fork: "├─ ", last: "└─ ", pipe: "│  ", bar: '━', now: '╋'}
}

// rail is what stands to the left of the lines below a branch.
func (g glyphs) rail(open bool) string {
	if open {
		return g.pipe
	}
	return "   "
}
