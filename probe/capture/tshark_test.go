package capture

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mtlsprobe/certstore/certtest/debian"
	"mtlsprobe/probe/wire"
)

// pcaps are captures of other projects.
const pcaps = "../../../shared/data/pcaps"

// shown are the names, certificates, alerts and TCP connections with TLS of a capture, sorted.
type shown struct {
	Names, Certificates, Alerts, Streams []string
	TCP                                  int // connections in all
}

func (s *shown) sort() {
	for _, list := range [][]string{s.Names, s.Certificates, s.Alerts, s.Streams} {
		slices.Sort(list)
	}
}

// Captures in which a client certificate is asked for or sent have the same names, certificates
// and alerts here as in tshark.
func TestAgainstTshark(t *testing.T) {
	table, err := os.ReadFile(filepath.Join(pcaps, "classification.tsv"))
	if err != nil {
		t.Skip("the captures of other projects are not beside the project")
	}
	tshark := debian.Program(t, "tshark", "tshark")
	compared := 0
	for line := range strings.Lines(string(table)) {
		columns := strings.Split(line, "\t") // file, …, CertificateRequest, client Certificate, …
		if len(columns) < 9 || columns[0] == "file" || columns[7] == "no" && columns[8] == "no" {
			continue
		}
		t.Run(columns[0], func(t *testing.T) {
			path := filepath.Join(pcaps, columns[0])
			ours, theirs := found(t, path), dissect(t, tshark, path)
			for _, kind := range []struct {
				name         string
				theirs, ours []string
			}{
				{"names", theirs.Names, ours.Names},
				{"certificates", theirs.Certificates, ours.Certificates},
				{"alerts", theirs.Alerts, ours.Alerts},
				{"connections with TLS", theirs.Streams, ours.Streams},
			} {
				if kind.theirs == nil && kind.ours != nil { // it loses messages after PostgreSQL's preamble
					t.Logf("tshark sees no %s, and there are %d", kind.name, len(kind.ours))
				} else if diff := cmp.Diff(kind.theirs, kind.ours); diff != "" {
					t.Errorf("%s of tshark and of this program differ:\n%s", kind.name, diff)
				}
			}
			if theirs.TCP != ours.TCP {
				t.Errorf("tshark counts %d connections, this program %d", theirs.TCP, ours.TCP)
			}
			if len(ours.Certificates)+len(ours.Names)+len(ours.Alerts) > 0 {
				compared++
			}
		})
	}
	if compared < 10 {
		t.Errorf("only %d captures say anything", compared)
	}
}

// found is what this program finds.
func found(t *testing.T, path string) shown {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var s shown
	summary, err := Read(t.Context(), f, &wire.KeyLog{}, func(c *Connection) {
		s.Streams = append(s.Streams, strconv.Itoa(c.Number-1))
		for _, seen := range c.Transcript.Requests() {
			if seen.Request == nil {
				continue
			}
			for _, der := range seen.Request.NamedCAs {
				s.Names = append(s.Names, hex.EncodeToString(der))
			}
		}
		for _, e := range c.Transcript.Entries {
			switch {
			case e.Opaque:
			case e.ContentType == wire.AlertRecord:
				s.Alerts = append(s.Alerts, fmt.Sprintf("%d %d", e.Alert.Level, e.Alert.Description))
			case e.ContentType == wire.HandshakeRecord && e.Handshake == wire.Certificate:
				list, err := wire.ParseCertificate(c.Transcript.Version, e.Body)
				if err != nil {
					t.Error(err)
				}
				for _, der := range list {
					s.Certificates = append(s.Certificates, hex.EncodeToString(der))
				}
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	s.TCP = summary.TCP
	s.sort()
	return s
}

// dissect is what tshark finds.
func dissect(t *testing.T, tshark, path string) shown {
	t.Helper()
	c := exec.CommandContext(context.WithoutCancel(t.Context()), tshark, "-r", path, "-Y",
		"tls.handshake.type==13 || tls.handshake.type==11 || tls.alert_message", "-T", "jsonraw", "--no-duplicate-keys",
		"-J", "tls")
	var errs bytes.Buffer
	c.Stderr = &errs
	out, err := c.Output()
	if err != nil {
		t.Fatalf("tshark: %v, %s", err, errs.String())
	}
	var packets any
	if err := json.Unmarshal(out, &packets); err != nil {
		t.Fatal(err)
	}
	var s shown
	s.walk(t, packets)
	s.streams(t, tshark, path)
	s.sort()
	return s
}

// streams finds tshark's numbers of the connections: in all, and with TLS.
func (s *shown) streams(t *testing.T, tshark, path string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), tshark, "-r", path, "-Y", "tcp", "-T", "fields", "-e", "tcp.stream",
		"-e", "tls").Output()
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]bool) // whether it has TLS
	for line := range strings.Lines(string(out)) {
		number, layer, _ := strings.Cut(strings.TrimRight(line, "\n"), "\t")
		all[number] = all[number] || layer != ""
	}
	s.TCP = len(all)
	for number, encrypted := range all {
		if encrypted {
			s.Streams = append(s.Streams, number)
		}
	}
}

// walk collects values; each is a list that begins with the bytes, or a list of such.
func (s *shown) walk(t *testing.T, node any) {
	switch n := node.(type) {
	case []any:
		for _, child := range n {
			s.walk(t, child)
		}
	case map[string]any:
		levels, descriptions := raw(n["tls.alert_message.level_raw"]), raw(n["tls.alert_message.desc_raw"])
		for k := range min(len(levels), len(descriptions)) {
			s.Alerts = append(s.Alerts, fmt.Sprintf("%d %d", levels[k][0], descriptions[k][0]))
		}
		for _, list := range raw(n["tls.handshake.dnames_raw"]) {
			for len(list) >= 2 {
				size := int(list[0])<<8 | int(list[1])
				if len(list) < 2+size {
					t.Fatalf("names of %d bytes in %d", size, len(list))
				}
				s.Names = append(s.Names, hex.EncodeToString(list[2:2+size]))
				list = list[2+size:]
			}
		}
		for _, der := range raw(n["tls.handshake.certificate_raw"]) {
			s.Certificates = append(s.Certificates, hex.EncodeToString(der))
		}
		for _, child := range n {
			s.walk(t, child)
		}
	}
}

// raw are the bytes of a field, once or several times.
func raw(value any) [][]byte {
	list, ok := value.([]any)
	if !ok || len(list) == 0 {
		return nil
	}
	if text, ok := list[0].(string); ok {
		data, err := hex.DecodeString(text)
		if err != nil || len(data) == 0 {
			return nil
		}
		return [][]byte{data}
	}
	var all [][]byte
	for _, one := range list {
		all = append(all, raw(one)...)
	}
	return all
}
