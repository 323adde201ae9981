package wire

import (
	"crypto/tls"
	"encoding/hex"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// The corpora here come from elsewhere and lie beside the project, not in it.
const corpora = "../../../shared/data"

// corpusRows returns the rows of a corpus's index, by column name.
func corpusRows(t *testing.T, corpus string) []map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(corpora, corpus, "index.tsv"))
	if err != nil {
		t.Skipf("skipped: the corpus %s is not at hand: %v", corpus, err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	columns := strings.Split(lines[0], "\t")
	var rows []map[string]string
	for _, line := range lines[1:] {
		row := make(map[string]string)
		for i, v := range strings.Split(line, "\t") {
			row[columns[i]] = v
		}
		rows = append(rows, row)
	}
	return rows
}

// Requests that real servers wrote are decoded to the numbers that others counted.
func TestCorpusRequests(t *testing.T) {
	for _, row := range corpusRows(t, "certificate-requests") {
		version, ok := ParseVersion("TLS " + row["tls"])
		if !strings.HasPrefix(row["file"], "pcap/") || !ok {
			continue
		}
		body, err := os.ReadFile(filepath.Join(corpora, "certificate-requests", row["file"]))
		if err != nil {
			t.Fatal(err)
		}
		r, err := ParseCertificateRequest(version, body)
		if err != nil {
			t.Errorf("%s: %v", row["file"], err)
			continue
		}
		if got := strconv.Itoa(len(r.NamedCAs)); got != row["n_DNs"] {
			t.Errorf("%s: %s named CAs, want %s", row["file"], got, row["n_DNs"])
		}
		if got := strconv.Itoa(len(r.SignatureSchemes)); version >= tls.VersionTLS12 && got != row["n_sigalgs"] {
			t.Errorf("%s: %s schemes, want %s", row["file"], got, row["n_sigalgs"])
		}
		types := make([]byte, len(r.CertificateTypes))
		for i, c := range r.CertificateTypes {
			types[i] = byte(c)
		}
		if got := hex.EncodeToString(types); got != row["cert_types(hex)"] && version < tls.VersionTLS13 {
			t.Errorf("%s: certificate types %s, want %s", row["file"], got, row["cert_types(hex)"])
		}
	}
}

// Streams from other projects' fuzzers must not panic, and every request in
// clear that others counted must be found when the stream is well framed.
func TestCorpusStreams(t *testing.T) {
	counted := 0
	for _, row := range corpusRows(t, "tls-server-streams") {
		stream, err := os.ReadFile(filepath.Join(corpora, "tls-server-streams", row["file"]))
		if err != nil {
			continue // only a part of the corpus may be at hand
		}
		tr := Decode([]Flow{{Server, stream}}, nil)
		if row["framing"] != "" || row["n_CertificateRequest"] == "0" || len(tr.Faults) > 0 {
			continue
		}
		counted++
		if got := len(tr.Requests()); strconv.Itoa(got) != row["n_CertificateRequest"] && tr.Version < tls.VersionTLS13 {
			t.Errorf("%s: %d requests, want %s", row["file"], got, row["n_CertificateRequest"])
		}
	}
	t.Logf("%d streams with requests", counted)
}
