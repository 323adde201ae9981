package certstore

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
)

// Readers of PEM files that refuse a form: each was run on it (OpenSSL 3.0 in Python
// and Node.js, Go 1.26, JDK 17, GnuTLS 3.7, NSS 3.87).
var (
	lineStart = []Reader{OpenSSLReader, JavaReader, GoReader}
	byteOrder = []Reader{JavaReader, GoReader}
	headers   = []Reader{OpenSSLReader, JavaReader, GnuTLSReader, NSSReader}
	oldLabel  = []Reader{GoReader, GnuTLSReader}
	joinedEnd = []Reader{GoReader}
)

// oddities are what about a block that was read keeps other programs from reading it.
// The block stands in data from start on, in a line of the file.
func oddities(data []byte, start, line int, block *pem.Block, joined bool) []Obstacle {
	var found []Obstacle
	odd := func(readers []Reader, why string) {
		found = append(found, Obstacle{readers, fmt.Sprintf("in line %d %s", line, why)})
	}
	switch before := data[bytes.LastIndexByte(data[:start], '\n')+1 : start]; {
	case bytes.Equal(before, []byte("\xef\xbb\xbf")):
		odd(byteOrder, "a byte order mark (UTF-8) stands before BEGIN: write the file without one")
	case len(before) > 0:
		odd(lineStart, "BEGIN does not begin the line: put it on a line of its own")
	}
	if joined {
		odd(joinedEnd, "the block's END does not begin a line: put it on a line of its own")
	}
	switch block.Type {
	case "CERTIFICATE":
		if len(block.Headers) > 0 {
			odd(headers, "headers stand between BEGIN and the certificate: remove them")
		}
	case "X509 CERTIFICATE", "TRUSTED CERTIFICATE":
		odd(oldLabel, "the block is labelled "+block.Type+": openssl x509 -in FILE writes it as CERTIFICATE")
	}
	return found
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
