package report

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
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
		Skipped  int         `xml:"skipped,attr"`
		Time     string      `xml:"timestamp,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		Failure *junitMessage `xml:"failure,omitempty"`
		Skipped *junitMessage `xml:"skipped,omitempty"`
	}
	junitMessage struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// writeJUnit writes a suite for each identity: a case for its verdict, and one
// for each named CA. What is not known is skipped. A CA that is not reached
// fails only if none is: a client needs one.
func writeJUnit(w io.Writer, r *Report) error {
	all := junitSuites{Name: "mtlsprobe"}
	for n := range r.Identities {
		all.Suites = append(all.Suites, newSuite(r, &r.Identities[n]))
	}
	if r.Migration != nil {
		all.Suites = all.Suites[:0]
		for n := range r.Migration.Rows {
			all.Suites = append(all.Suites, r.Migration.Rows[n].suite(r))
		}
	}
	document, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return fmt.Errorf("writing JUnit: %w", err)
	}
	_, err = io.WriteString(w, xml.Header+cleaned(string(document))+"\n")
	return err
}

func (s *junitSuite) add(c junitCase) {
	s.Tests++
	if c.Failure != nil {
		s.Failures++
	}
	if c.Skipped != nil {
		s.Skipped++
	}
	s.Cases = append(s.Cases, c)
}

func newSuite(r *Report, i *Identity) junitSuite {
	s := junitSuite{Name: plain(i.Label), Time: r.GeneratedAt.Format("2006-01-02T15:04:05")}
	verdict := junitCase{Class: plain(i.Label), Name: "fits"}
	lines, refusal := reasons(i)
	switch i.Verdict {
	case DoesNotFit:
		var text []string
		for _, f := range lines {
			text = append(text, f.text(), plain("→ "+f.Remedy.String()))
		}
		if refusal != "" {
			text = append(text, plain(refusal))
		}
		message := answer(i.Trial, true)
		if len(lines) > 0 && (i.Trial == nil || i.Trial.Outcome == "not-tried") {
			message = lines[0].text()
		}
		verdict.Failure = &junitMessage{Message: message, Text: strings.Join(text, "\n")}
	case Fits:
	default:
		verdict.Skipped = &junitMessage{Message: "unknown"}
	}
	s.add(verdict)
	any := false
	for _, n := range i.NamedCAs {
		any = any || n.Result == "reached"
	}
	for _, n := range i.NamedCAs {
		c := junitCase{Class: plain(i.Label), Name: plain("reaches " + n.DN)}
		switch {
		case n.Result == "reached":
		case any || n.Result == "name-only" || n.Result == "unknown":
			c.Skipped = &junitMessage{Message: plain(n.Result)}
		default:
			c.Failure = &junitMessage{Message: plain(n.Result),
				Text: plain(advice(cmp.Or(n.Detail.String(), "no path to it was found"), n.Remedy))}
		}
		s.add(c)
	}
	return s
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
		c := junitCase{Class: plain(row.Label), Name: plain("fits in phase " + cell.Phase)}
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
