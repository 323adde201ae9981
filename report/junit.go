package report

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"

	"mtlsprobe/report/say"
)

// The elements of JUnit's XML that CI systems read.
type (
	junitSuites struct {
		XMLName xml.Name     `xml:"testsuites"`
		Name    string       `xml:"name,attr"`
		Suites  []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Time     string      `xml:"timestamp,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		Failure *junitMessage `xml:"failure,omitempty"`
		Error   *junitMessage `xml:"error,omitempty"`
		Skipped *junitMessage `xml:"skipped,omitempty"`
	}
	junitMessage struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// writeJUnit writes a suite with one case for each identity, at each of several targets.
func writeJUnit(w io.Writer, f Format, r *Report) error {
	all := junitSuites{Name: "mtlsprobe"}
	for _, part := range r.Reports {
		for _, s := range part.suites(f) {
			if part.Error == "" {
				s.at(part.Target.Address)
			}
			all.Suites = append(all.Suites, s)
		}
	}
	if len(r.Reports) == 0 {
		all.Suites = r.suites(f)
	}
	for n := range r.Connections {
		all.Suites = append(all.Suites, r.Connections[n].suite(r))
	}
	if len(f.Differences) > 0 {
		s := junitSuite{Name: "expected", Time: r.GeneratedAt.Format("2006-01-02T15:04:05")}
		for _, c := range f.Differences {
			s.add(junitCase{Class: "expected", Name: plain(c.What),
				Failure: &junitMessage{Message: plain(c.found())}})
		}
		all.Suites = append(all.Suites, s)
	}
	if r.Interrupted && len(r.Reports) == 0 {
		s := junitSuite{Name: "mtlsprobe", Time: r.GeneratedAt.Format("2006-01-02T15:04:05")}
		s.add(junitCase{Class: "mtlsprobe", Name: "complete",
			Failure: &junitMessage{Message: "the run was interrupted: not everything was tried"}})
		all.Suites = append(all.Suites, s)
	}
	document, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return fmt.Errorf("writing JUnit: %w", err)
	}
	_, err = io.WriteString(w, xml.Header+cleaned(string(document))+"\n")
	return err
}

// suites has one suite for each identity, named after the target, too, where that is one of
// several; for a target that could not be asked it has one with the error.
func (r *Report) suites(f Format) []junitSuite {
	if r.Error != "" {
		s := junitSuite{Name: "mtlsprobe", Time: r.GeneratedAt.Format("2006-01-02T15:04:05")}
		c := junitCase{Class: "mtlsprobe", Name: "asked", Error: &junitMessage{Message: plain(r.Error)}}
		if r.Target != nil {
			s.Name, c.Class = plain(r.Target.Address), plain(r.Target.Address)
		}
		s.add(c)
		return []junitSuite{s}
	}
	var all []junitSuite
	if r.Migration == nil {
		for n := range r.Identities {
			all = append(all, newSuite(r, &r.Identities[n], f))
		}
		return all
	}
	for n := range r.Migration.Rows {
		row := &r.Migration.Rows[n]
		s := row.suite(r)
		if row.Works && !row.fits(f.By.Client) {
			s.add(junitCase{Class: plain(row.Label), Name: plain("sent by " + f.By.Client),
				Failure: &junitMessage{Message: plain(f.By.Client + " does not send it with every request")}})
		}
		if !row.fits(f.By.Client) && !r.fails(&Identity{Label: row.Label}, f) {
			s.skip()
		}
		all = append(all, s)
	}
	return all
}

// at names the target of a suite that is one of several.
func (s *junitSuite) at(address string) {
	s.Name = plain(s.Name + " at " + address)
	for n := range s.Cases {
		s.Cases[n].Class = s.Name
	}
}

// skip has what failed skipped: nobody requires it.
func (s *junitSuite) skip() {
	for n := range s.Cases {
		if c := &s.Cases[n]; c.Failure != nil {
			c.Skipped, c.Failure = c.Failure, nil
			s.Failures, s.Skipped = s.Failures-1, s.Skipped+1
		}
	}
}

func (s *junitSuite) add(c junitCase) {
	s.Tests++
	if c.Failure != nil {
		s.Failures++
	}
	if c.Error != nil {
		s.Errors++
	}
	if c.Skipped != nil {
		s.Skipped++
	}
	s.Cases = append(s.Cases, c)
}

// newSuite is the case of one identity. It fails exactly where the exit code tells of
// it: where it has to fit by what is required, and does not. What else does not fit, and
// what is not known, is skipped with the reason.
func newSuite(r *Report, i *Identity, f Format) junitSuite {
	s := junitSuite{Name: plain(i.Label), Time: r.GeneratedAt.Format("2006-01-02T15:04:05")}
	verdict := junitCase{Class: plain(i.Label), Name: "fits"}
	if i.Verdict == "" { // nothing was judged
		verdict.Name = "opens"
		if i.Key.State == "locked" {
			verdict.Failure = &junitMessage{Message: "locked", Text: plain(i.Key.Detail)}
		}
	}
	if !i.fitsFor(f.By) && i.Verdict != "" {
		word, why := briefly(r, i)
		text := junitText(i, f.By)
		switch {
		case i.Verdict == Fits && i.untried():
			word, why, text = "not tried", i.Trial.Detail.String(), ""
			if r.Server != nil && r.Server.VerifyError != "" {
				text = plain(r.Server.VerifyError + " → give the CA of the server's certificate with --cacert")
			}
		case i.Verdict == Fits:
			word, why = briefBy(i, f.By)
		}
		message := &junitMessage{Message: plain(strings.ToLower(word) + ": " + why), Text: text}
		if r.fails(i, f) {
			verdict.Failure = message
		} else {
			verdict.Skipped = message
		}
	}
	s.add(verdict)
	return s
}

// fails reports whether this identity is why the exit code is not 0.
func (r *Report) fails(i *Identity, f Format) bool {
	if slices.Contains(f.Require, "all") || slices.Contains(f.Require, i.Label) {
		return true
	}
	return (len(f.Require) == 0 || slices.Contains(f.Require, "any")) && r.Fitting(f.By) == 0
}

// junitText has the reasons with their remedies, and the refusal.
func junitText(i *Identity, by By) string {
	lines, refusal := reasons(i)
	var text []string
	for _, p := range i.Predictions {
		if p.Stack == by.Client && i.Verdict == Fits {
			text = append(text, plain(advice(p.Name+": "+p.Reason.String(), p.Remedy)))
		}
	}
	if m := i.serverModel(by.Server); m != nil && i.Verdict == Fits && m.Reason != nil {
		text = append(text, plain(advice(m.Name+" "+m.text(), m.Remedy)))
	}
	for _, f := range lines {
		text = append(text, plain(advice(f.text(), f.Remedy)))
	}
	if refusal != "" {
		text = append(text, plain(refusal))
	}
	return strings.Join(text, "\n")
}

// advice is what was found and, if there is one, the remedy.
func advice(found string, remedy say.Phrase) string {
	if remedy == nil {
		return found
	}
	return found + " → " + remedy.String()
}

func (row *MigrationRow) suite(r *Report) junitSuite {
	s := junitSuite{Name: plain(row.Label), Time: r.GeneratedAt.Format("2006-01-02T15:04:05")}
	for _, cell := range row.Cells {
		c := junitCase{Class: plain(row.Label), Name: plain("fits " + cell.Phase)}
		switch cell.Verdict {
		case Fits:
		case DoesNotFit:
			c.Failure = &junitMessage{Message: plain(cell.Verdict),
				Text: plain(advice(say.Join("; ", cell.Reasons...).String(), row.Remedy))}
		default:
			c.Skipped = &junitMessage{Message: plain(cmp.Or(cell.Verdict, Unknown))}
		}
		s.add(c)
	}
	return s
}
