package report

// glyphs are the signs that a terminal may be unable to show.
type glyphs struct {
	fail, arrow      string
	out, in          string // what the client sends, and the server
	fork, last, pipe string
	bar, now         rune // of a timeline: a stretch of time, and the present within it
	ascii            bool
}

func newGlyphs(ascii bool) glyphs {
	if ascii {
		return glyphs{fail: "x", arrow: "->", out: ">", in: "<", fork: "|- ", last: "`- ", pipe: "|  ",
			bar: '=', now: '|', ascii: true}
	}
	return glyphs{fail: "✗", arrow: "→", out: "→", in: "←", fork: "├─ ", last: "└─ ", pipe: "│  ", bar: '━', now: '╋'}
}

// Colours, as a terminal writes them.
const red, green, yellow = "31", "32", "33"

// standing is the mark of a standing, and its colour as a terminal writes it: green, red
// or yellow. The word beside it says the same.
func (g glyphs) standing(s standing) (mark, color string) {
	switch s {
	case acceptedStanding:
		if g.ascii {
			return "*", green
		}
		return "✓", green
	case refusedStanding, mismatchStanding:
		return g.fail, red
	case predictedStanding:
		return "~", yellow
	}
	return "?", yellow
}

// rail is what stands to the left of the lines below a branch.
func (g glyphs) rail(open bool) string {
	if open {
		return g.pipe
	}
	return "   "
}
