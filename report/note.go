package report

import (
	"fmt"
	"path/filepath"
	"slices"
	"time"
)

// A note is what there is to say of an identity or a file beside the findings: what
// it is made of, where its key is, who can read it.
type note struct {
	Title string
	Items []noteItem
}

type noteItem struct{ Mark, Text string }

// The marks of items.
const (
	plainItem  = ""
	readerItem = "reader" // says who can do something with it
	warnItem   = "warn"
	failItem   = "fail"
	remedyItem = "remedy"
)

// notes are those of an identity; of a file that holds several, what it is made of
// is said with the first.
func (i *Identity) notes(first bool) []note {
	var all []note
	if i.NamedAs != "" {
		n := note{Title: "in " + i.NamedAs}
		if i.Source != i.NamedBy {
			n = note{"named by " + i.NamedAs, []noteItem{{plainItem, fmt.Sprintf("%q", i.Source)}}}
		}
		all = append(all, n)
	}
	if i.Container != nil && first {
		all = append(all, i.Container.note())
	}
	if n := i.Key.note(i); n != nil {
		all = append(all, *n)
	}
	if n := i.accessNote(); n != nil {
		all = append(all, *n)
	}
	if n := i.Running.note(); n != nil {
		all = append(all, *n)
	}
	return all
}

// eachNotes returns the notes of every identity.
func eachNotes(r *Report) [][]note {
	told := make(map[string]bool)
	all := make([][]note, len(r.Identities))
	for n := range r.Identities {
		i := &r.Identities[n]
		all[n] = i.notes(!told[i.Source])
		told[i.Source] = true
	}
	return all
}

// allNotes are those of every identity and of the files without one, each under the
// name of what it is about.
func allNotes(r *Report) []note {
	var all []note
	for n, notes := range eachNotes(r) {
		for _, note := range notes {
			note.Title = r.Identities[n].Label + ": " + note.Title
			all = append(all, note)
		}
	}
	return append(all, others(r)...)
}

// others say what the files without an identity are made of.
func others(r *Report) []note {
	var all []note
	for _, c := range r.Containers {
		n := c.note()
		n.Title = filepath.Base(c.Source) + ": " + n.Title
		all = append(all, n)
	}
	return all
}

// authorityLines say which CA certificates are at hand.
func authorityLines(r *Report) []string {
	var lines []string
	for _, a := range r.Authorities {
		until := ""
		if a.NotAfter != nil {
			until = ", until " + a.NotAfter.Format(time.DateOnly)
		}
		lines = append(lines, fmt.Sprintf("%s%s, in %s", a.Subject, until, a.Source))
	}
	return lines
}

// judged says that there are verdicts, and not only what was found in files.
func (r *Report) judged() bool {
	return slices.ContainsFunc(r.Identities, func(i Identity) bool { return i.Verdict != "" })
}

// note says what a file is made of.
func (c *Container) note() note {
	n := note{Title: c.Format}
	switch c.Integrity {
	case "":
	case "none":
		n.Title += ", not protected against change"
	default:
		n.Title += ", integrity by " + c.Integrity
	}
	for _, part := range c.Parts {
		n.Items = append(n.Items, noteItem{plainItem, part})
	}
	for _, reader := range c.Readers {
		n.Items = append(n.Items, noteItem{readerItem, reader})
	}
	return n
}

// note says why a key is of no use, or where it is and how it is protected; nil
// where that is plain.
func (k *Key) note(i *Identity) *note {
	switch {
	case k.State == "unknown" && k.Detail != "":
		return &note{"whether its key is of use is not known", []noteItem{{plainItem, k.Detail}}}
	case k.State != "usable" && k.Detail != "":
		return &note{"the key is " + k.State, []noteItem{{plainItem, k.Detail}}}
	case k.State != "usable", k.Source == i.Source && k.Protection == "":
		return nil
	case k.Protection != "":
		return &note{"the key is encrypted", []noteItem{{plainItem, fmt.Sprintf("in %q: %s", k.Source, k.Protection)}}}
	}
	return &note{"the key is in another file", []noteItem{{plainItem, fmt.Sprintf("%q", k.Source)}}}
}

// note says that a process may use something else; nil where it does not, or that was not
// asked.
func (p *Running) note() *note {
	if p == nil || p.State == "earlier" {
		return nil
	}
	who := fmt.Sprintf("the process %d (%s)", p.PID, p.Name)
	if p.State == "" {
		return &note{Title: "what " + who + " uses is not known"}
	}
	const layout = time.DateTime
	why := map[string]string{
		"deleted": fmt.Sprintf("it has an earlier %q open, which was deleted", p.File),
		"later": fmt.Sprintf("%q was written at %s, and it started at %s", p.File, p.Changed.Local().Format(layout),
			p.Started.Local().Format(layout)),
		"elsewhere": fmt.Sprintf("it has another root, where the path of %q is another file, or none", p.File),
		"touched":   fmt.Sprintf("%q was replaced since it started, or its permissions were changed", p.File),
	}[p.State]
	n := &note{"it may not be what " + who + " uses", []noteItem{{warnItem, why}}}
	if p.State == "deleted" || p.State == "later" {
		n.Items = append(n.Items, noteItem{remedyItem, "restart the client, or have it read its files again"})
	}
	return n
}

// accessNote says who can read an identity; nil where that was not asked and is
// not amiss.
func (i *Identity) accessNote() *note {
	if i.Access == nil && len(i.Key.ExposedTo) == 0 {
		return nil
	}
	n := &note{Title: "file permissions"}
	if a := i.Access; a != nil {
		said := map[string]string{"yes": "can read it", "no": "cannot read it",
			"unknown": "is not known to be able to read it"}[a.Result]
		mark := plainItem
		if a.Result == "no" {
			mark = failItem
		}
		text := fmt.Sprintf("the account %q %s", a.Account, said)
		if a.Detail != "" {
			text += ": " + a.Detail
		}
		n.Items = append(n.Items, noteItem{mark, text})
		if a.Remedy != "" {
			n.Items = append(n.Items, noteItem{remedyItem, a.Remedy})
		}
	}
	for _, line := range i.Key.ExposedTo {
		n.Items = append(n.Items, noteItem{warnItem, "the key: " + line})
	}
	return n
}
