package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

// scanOf is a scan of servers of all kinds.
func scanOf() *ScanSummary {
	s, _ := scanPageOf()
	return s
}

func scanPageOf() (*ScanSummary, *ScanPage) {
	s, page := &ScanSummary{}, &ScanPage{}
	company := []string{"CN=Company Root CA 2016,O=Example Corporation,C=DE",
		"CN=Company Root CA 2026,O=Example Corporation,C=DE"}
	long := []string{}
	for n := range 144 {
		long = append(long, fmt.Sprintf("CN=Public Root %d,O=Somebody,C=US", n))
	}
	for n := range 40 {
		l := &Scanned{Target: fmt.Sprintf("api-%d.example.com:8443", n), Line: n + 1, Asked: "yes", Mode: "required",
			NamedCAs: company[:1+n%2], Verdicts: map[string]string{"a.p12": Fits, "b.p12": DoesNotFit}}
		switch {
		case n%10 == 3:
			l.Mode, l.NamedCAs = "optional", []string{}
		case n%10 == 5:
			l.NamedCAs = long
			l.Verdicts["a.p12"] = Unknown
		case n%10 == 7:
			*l = Scanned{Target: l.Target, Asked: "no"}
		case n%10 == 9:
			*l = Scanned{Target: l.Target, Asked: Unknown, Error: &ScanError{Kind: []string{"silent", "refused"}[n/10%2],
				Detail: "x"}}
		}
		s.Add(l)
		page.Add(l)
	}
	return s, page
}

// The page has a row for each target and a cell for each certificate, and takes nobody's words for
// its own.
func TestScanPage(t *testing.T) {
	s, page := scanPageOf()
	hostile := &Scanned{Target: "<script>alert(1)</script>", Asked: "yes", Mode: "optional", Level: "trial",
		NamedCAs: []string{"CN=<b>\u202eevil</b>", "CN=Root,O=A", "CN=Root,O=B"}, Verdicts: map[string]string{"a.p12": Fits},
		ServerCertificate: &ScannedCertificate{NotAfter: time.Date(2027, 1, 2, 0, 0, 0, 0, time.UTC)}}
	s.Add(hostile)
	page.Add(hostile)
	var out bytes.Buffer
	if err := page.Write(&out, s, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for want, times := range map[string]int{
		"<tr data-verdict=": 41, `data-verdict="does-not-fit"`: 0, `data-verdict="fits"`: 29, `data-verdict="unknown"`: 8,
		`<td class="sign fits" title="a.p12: fits">✓</td>`: 29, `class="sign does-not-fit"`: 32, "not requested": 4,
		"silent: x": 2, "refused: x": 2, `<details class="part" id="list`: 4, "<th scope=\"col\">b.p12</th>": 1,
		"&lt;script&gt;alert(1)&lt;/script&gt;": 1, "CN=Root,O=A, CN=Root,O=B": 1, "2027-01-02": 1,
		"as far as it was tried":       1,
		"Made 2026-01-02 03:04:05 UTC": 1, "CN=Public Root 143,O=Somebody,C=US": 2, "<script>alert": 0, "\u202e": 0,
	} {
		if got := strings.Count(text, want); got != times {
			t.Errorf("%q is there %d times, not %d", want, got, times)
		}
	}
}

func TestScanGolden(t *testing.T) {
	for _, width := range []int{60, 100} {
		t.Run(fmt.Sprintf("scan-%d", width), func(t *testing.T) {
			var out bytes.Buffer
			if err := WriteScan(&out, Format{Width: width}, scanOf()); err != nil {
				t.Fatal(err)
			}
			golden(t, out.String())
		})
	}
}

// A list that many servers have is counted once for each of them, one that was read from a file
// as well.
func TestScanSummary(t *testing.T) {
	s := scanOf()
	if s.Targets != 40 || s.Asking != 32 || s.NotAsking != 4 || s.Failed != 4 || len(s.groups) != 4 ||
		s.unservedCount != 4 {
		t.Errorf("%+v", s)
	}
	again := &ScanSummary{}
	for range 3 {
		again.Add(&Scanned{Target: "x", Asked: "yes", NamedCAs: []string{"CN=A", "CN=A"}})
	}
	var out bytes.Buffer
	if err := WriteScan(&out, Format{Width: 80}, again); err != nil ||
		!strings.Contains(out.String(), "│ 3       │ CN=A") {
		t.Errorf("%v\n%s", err, out.String())
	}
	hostile := &ScanSummary{}
	for n := range 100 {
		hostile.Add(&Scanned{Target: "x", Asked: "yes", NamedCAs: []string{strings.Repeat("x", 1<<20) + fmt.Sprint(n)}})
	}
	if len(hostile.groups) > 20 || hostile.more+len(hostile.groups) != 100 {
		t.Errorf("%d groups, %d more", len(hostile.groups), hostile.more)
	}
	if err := WriteScan(&out, Format{}, &ScanSummary{}); err != nil {
		t.Error(err)
	}
}

// Lines are read as they were written; what is cut short, or is something else, is not.
func TestReadScanned(t *testing.T) {
	line := &Scanned{Target: "a<b>", Line: 1, Asked: "yes", NamedCAs: []string{}, ServerCertificate: &ScannedCertificate{
		NotAfter: time.Unix(1_700_000_000, 0).UTC()}}
	var b bytes.Buffer
	for range 2 {
		if err := WriteScanned(&b, line); err != nil {
			t.Fatal(err)
		}
	}
	size := b.Len()
	for _, tt := range []struct {
		text  string
		lines int
		whole int
		wrong bool
	}{
		{b.String(), 2, size, false},
		{b.String()[:size-1], 1, size / 2, false},
		{"", 0, 0, false},
		{b.String() + "{}\n", 2, size, true},
		{"[1]\n", 0, 0, true},
		{"not JSON\n", 0, 0, true},
	} {
		lines := 0
		whole, err := ReadScanned(strings.NewReader(tt.text), func(l *Scanned) {
			lines++
			if l.Target != line.Target || l.NamedCAs == nil {
				t.Errorf("%+v", l)
			}
		})
		if lines != tt.lines || whole != int64(tt.whole) || (err != nil) != tt.wrong {
			t.Errorf("%d lines, %d bytes, %v; want %d, %d", lines, whole, err, tt.lines, tt.whole)
		}
	}
}

// A server's words are no formula in a spreadsheet.
func TestScannedCSV(t *testing.T) {
	var b bytes.Buffer
	if err := WriteScannedCSV(&b, &Scanned{Target: "=cmd()", NamedCAs: []string{"@x", "CN=\"a\",O=b\n"}}); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); !strings.HasPrefix(got, "'=cmd(),0,") || strings.Count(got, "\n") != 1 ||
		!strings.Contains(got, `"'@x; `) {
		t.Errorf("%q", got)
	}
}

func FuzzReadScanned(f *testing.F) {
	f.Add([]byte("{\"target\": \"a\", \"line\": 1}\n{"))
	f.Fuzz(func(t *testing.T, data []byte) {
		whole, _ := ReadScanned(bytes.NewReader(data), func(l *Scanned) { (&ScanSummary{}).Add(l) })
		if whole > int64(len(data)) {
			t.Errorf("%d of %d bytes", whole, len(data))
		}
	})
}
