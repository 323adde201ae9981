package report

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// WriteScanned writes a line of JSON, in one piece: a run that is killed leaves whole lines, and
// at most the last one cut short.
func WriteScanned(w io.Writer, l *Scanned) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(l); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

// maxScanned bounds a line that is read.
const maxScanned = 16 << 20

// ReadScanned reads lines of JSON, and returns how many bytes the whole ones have: a last line
// without an end is left out. A line that cannot be read is an error.
func ReadScanned(r io.Reader, each func(*Scanned)) (whole int64, err error) {
	lines := bufio.NewReaderSize(r, 1<<16)
	for n := 1; ; n++ {
		var line []byte
		for {
			part, err := lines.ReadSlice('\n')
			line = append(line, part...)
			if len(line) > maxScanned {
				return whole, fmt.Errorf("line %d is longer than %d MiB", n, maxScanned>>20)
			}
			if errors.Is(err, bufio.ErrBufferFull) {
				continue
			}
			if err == io.EOF {
				return whole, nil
			}
			if err != nil {
				return whole, err
			}
			break
		}
		var l Scanned
		if err := json.Unmarshal(line, &l); err != nil || l.Target == "" && l.Line == 0 {
			return whole, fmt.Errorf("line %d is not one that \"scan\" wrote", n)
		}
		whole += int64(len(line))
		each(&l)
	}
}

// WriteScannedCSV writes a line of CSV; for nil the line with the names of the columns.
func WriteScannedCSV(w io.Writer, l *Scanned) error {
	record := []string{"target", "line", "asked", "mode", "verified", "version", "level", "named_cas", "server_subject",
		"server_not_after", "server_verified", "fits", "does_not_fit", "unknown", "error", "error_detail"}
	if l != nil {
		c, e := l.ServerCertificate, l.Error
		if c == nil {
			c = &ScannedCertificate{}
		}
		if e == nil {
			e = &ScanError{}
		}
		until := ""
		if !c.NotAfter.IsZero() {
			until = c.NotAfter.Format(time.RFC3339)
		}
		labels := make(map[string][]string)
		for _, label := range slices.Sorted(maps.Keys(l.Verdicts)) {
			labels[l.Verdicts[label]] = append(labels[l.Verdicts[label]], label)
		}
		join := func(list []string) string { return strings.Join(list, "; ") }
		record = []string{l.Target, strconv.Itoa(l.Line), l.Asked, l.Mode, l.Verified, l.Version, l.Level, join(l.NamedCAs),
			c.Subject, until, c.Verified, join(labels[Fits]), join(labels[DoesNotFit]), join(labels[Unknown]), e.Kind,
			e.Detail}
	}
	for n, cell := range record {
		record[n] = inert(cell)
	}
	var b bytes.Buffer
	e := csv.NewWriter(&b)
	if err := e.Write(record); err != nil {
		return err
	}
	e.Flush()
	_, err := w.Write(b.Bytes())
	return err
}

// inert keeps a spreadsheet from taking a server's words for a formula.
func inert(cell string) string {
	cell = plain(cell)
	if cell != "" && strings.ContainsRune("=+-@", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}
