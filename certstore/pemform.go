package certstore

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Readers of PEM files that refuse a form: each was run on it (OpenSSL 3.0 in Python
// and Node.js, Go 1.26, JDK 17, GnuTLS 3.7, NSS 3.87, Bun 1.4, Deno 2, Erlang/OTP 25,
// Mbed TLS 2.28, wolfSSL 5.5).
var (
	lineStart = []Reader{OpenSSLReader, JavaReader, GoReader, BoringSSLReader, RustReader, ErlangReader}
	byteOrder = []Reader{JavaReader, GoReader, BoringSSLReader, RustReader, ErlangReader}
	headers   = []Reader{OpenSSLReader, JavaReader, GnuTLSReader, NSSReader, MbedTLSReader, WolfSSLReader}
	oldLabel  = []Reader{GoReader, RustReader, ErlangReader, MbedTLSReader, WolfSSLReader}
	trusted   = append([]Reader{RubyReader, OpenVPNReader, GnuTLSReader}, oldLabel...)
	joinedEnd = []Reader{OpenSSLReader, GoReader, BoringSSLReader} // OpenSSL not all, by the last line's length
	spacing   = []Reader{OpenSSLReader, BoringSSLReader}           // wolfSSL not where END follows
	lineEnd   = []Reader{OpenSSLReader, GoReader, BoringSSLReader, MbedTLSReader, WolfSSLReader}
)

// oddities are what about a block that was read keeps other programs from reading it.
// The block stands in data from start to end, in a line of the file. Go skips what it
// cannot read after the first block, and goes on.
func oddities(data []byte, start, end, line int, block *pem.Block, joined, first bool) []Obstacle {
	var found []Obstacle
	odd := func(readers, passing []Reader, why string) {
		if !first {
			readers = slices.DeleteFunc(slices.Clone(readers), func(r Reader) bool { return r == GoReader })
		}
		if len(readers) == 0 {
			return
		}
		o := Obstacle{Readers: readers, Passing: passing, Why: fmt.Sprintf("in line %d %s", line, why)}
		if strings.HasSuffix(block.Type, "CERTIFICATE") {
			o.Block = block.Bytes
		}
		found = append(found, o)
	}
	switch before := data[bytes.LastIndexByte(data[:start], '\n')+1 : start]; {
	case bytes.Equal(before, []byte("\xef\xbb\xbf")) && !first: // which was read then
	case bytes.Equal(before, []byte("\xef\xbb\xbf")):
		odd(byteOrder, []Reader{ErlangReader}, "a byte order mark (UTF-8) stands before BEGIN: write the file without one")
	case len(before) > 0:
		after := bytes.Contains(before, []byte("-----END ")) // whose block Go does not read either
		first = first || after
		var passing []Reader
		if after {
			passing = []Reader{RustReader, ErlangReader}
		}
		odd(lineStart, passing, "BEGIN does not begin the line: put it on a line of its own")
	}
	if joined {
		odd(joinedEnd, nil, "the block's END does not begin a line: put it at the beginning of a line of its own")
	}
	oddSpaces(data[start:end], joined || len(block.Headers) > 0, odd)
	switch block.Type {
	case "CERTIFICATE":
		if len(block.Headers) > 0 {
			odd(headers, nil, "headers stand between BEGIN and the certificate: remove them")
		}
	case "X509 CERTIFICATE", "TRUSTED CERTIFICATE":
		readers := map[string][]Reader{"X509 CERTIFICATE": oldLabel, "TRUSTED CERTIFICATE": trusted}[block.Type]
		odd(readers, readers, "the block is labelled "+block.Type+": openssl x509 -in FILE writes it as CERTIFICATE")
	}
	return found
}

// oddSpaces looks at the white space of a block, from its BEGIN on. Blank lines say nothing
// where the block is odd in another way.
func oddSpaces(text []byte, otherwise bool, odd func(readers, passing []Reader, why string)) {
	text, _, _ = bytes.Cut(text, []byte("-----END "))
	begin, body, _ := bytes.Cut(text, []byte("\n"))
	switch _, behind, _ := bytes.Cut(begin[len(pemBegin):], []byte("-----")); {
	case bytes.Contains(behind, []byte("\t")):
		odd([]Reader{MbedTLSReader, WolfSSLReader}, nil, "a tab stands behind BEGIN: remove it")
	case len(bytes.TrimRight(behind, "\r")) > 1:
		odd([]Reader{MbedTLSReader}, nil, "spaces stand behind BEGIN: remove them")
	}
	blank := func(line []byte) bool { return len(bytes.TrimSpace(line)) == 0 }
	lines := bytes.Split(body, []byte("\n"))
	if !otherwise && len(lines) > 2 && slices.ContainsFunc(lines[1:len(lines)-1], blank) {
		readers := spacing
		if slices.ContainsFunc(bytes.Split(bytes.TrimSpace(body), []byte("\n")), blank) { // and not only before END
			readers = append([]Reader{WolfSSLReader}, spacing...)
		}
		odd(readers, nil, "blank lines stand within the block: remove them")
	}
	if slices.ContainsFunc(lines, func(l []byte) bool { return !blank(l) && (l[0] == ' ' || l[0] == '\t') }) {
		odd([]Reader{MbedTLSReader}, nil, "the lines of the block are indented: remove the spaces")
	}
}

// separateEnd puts the END of a block on a line of its own; nil where that is not what
// is wrong with it.
func separateEnd(block []byte) []byte {
	at := bytes.Index(block, []byte("-----END "))
	if at <= 0 || block[at-1] == '\n' || !bytes.Contains(block[:at], []byte("\n")) {
		return nil
	}
	return slices.Concat(block[:at], []byte("\n"), block[at:])
}

// obstacles notes what keeps other programs from reading a PEM file.
func (c *contents) obstacles(found []Obstacle) {
	if len(found) == 0 || !c.file.is(Candidate) && !c.file.is(KeyFile) {
		return
	}
	for _, o := range found {
		c.problem("", errors.New(o.String()))
	}
	if c.container == nil {
		c.container = &Container{Format: "PEM"}
	}
	c.container.Obstacles = append(c.container.Obstacles, found...)
}
