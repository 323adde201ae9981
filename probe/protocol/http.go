// Package protocol asks the harmless question after a handshake that shows
// whether the application accepts the client, and reads the answer. It does no
// I/O: bytes out, bytes in.
package protocol

import (
	"bufio"
	"bytes"
	"fmt"
	"net/textproto"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// MaxAnswer bounds how much of an answer is worth reading.
const MaxAnswer = 64 << 10

// An Answer is what the application said.
type Answer struct {
	Protocol string // "http", or "" when the bytes are in no known protocol
	Status   int    // the HTTP status; zero when unknown
	// Detail is a short text for people, without control characters.
	Detail string
	// Date is the server's clock as it told it; zero if it did not.
	Date time.Time
	// Complete says that nothing more is expected.
	Complete bool
}

// HTTPQuestion is a GET of the path in HTTP/1.1 that asks the server to close.
func HTTPQuestion(host, path string) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: mtlsprobe\r\nAccept: */*\r\nConnection: close\r\n\r\n", path, host)
}

// ParseHTTP reads an answer as far as it has come. It reports false while not
// even the head is there. Bytes that are no HTTP are an answer without protocol.
func ParseHTTP(data []byte) (Answer, bool) {
	if len(data) == 0 {
		return Answer{}, false
	}
	if prefix := data[:min(len(data), 5)]; !bytes.HasPrefix([]byte("HTTP/"), prefix) {
		return Answer{Detail: shorten(string(data)), Complete: true}, true
	}
	head, body, found := bytes.Cut(data, []byte("\r\n\r\n"))
	if !found {
		return Answer{}, false
	}
	line, _, _ := strings.Cut(string(head), "\r\n")
	fields := strings.SplitN(line, " ", 3)
	if len(fields) < 2 {
		return Answer{Detail: shorten(line), Complete: true}, true
	}
	status, err := strconv.Atoi(fields[1])
	if err != nil || status < 100 || status > 999 {
		return Answer{Detail: shorten(line), Complete: true}, true
	}
	a := Answer{Protocol: "http", Status: status}
	if len(fields) == 3 {
		a.Detail = shorten(fields[2])
	}
	// A malformed header is as good as none: the status has been read.
	reader := textproto.NewReader(bufio.NewReader(bytes.NewReader(append(head[min(len(line)+2, len(head)):len(head):len(head)], "\r\n\r\n"...))))
	header, _ := reader.ReadMIMEHeader()
	if date, err := time.Parse("Mon, 02 Jan 2006 15:04:05 GMT", header.Get("Date")); err == nil {
		a.Date = date
	}
	length, err := strconv.Atoi(header.Get("Content-Length"))
	switch {
	case err == nil:
		a.Complete = len(body) >= length
	case strings.EqualFold(header.Get("Transfer-Encoding"), "chunked"):
		a.Complete = bytes.HasSuffix(body, []byte("0\r\n\r\n"))
	}
	if status >= 400 {
		if text := explanation(body); text != "" {
			a.Detail = text
		}
	}
	return a, true
}

// explanation finds the sentence in an error page: nginx puts it into an h1 or
// center element after the title.
func explanation(body []byte) string {
	text := string(body)
	for _, tag := range []string{"center", "h1", "title", "p"} {
		for rest := text; ; {
			_, after, found := strings.Cut(rest, "<"+tag+">")
			if !found {
				break
			}
			inner, tail, closed := strings.Cut(after, "</"+tag+">")
			if !closed {
				break
			}
			if !strings.Contains(inner, "<") && certificateWord(inner) {
				return shorten(inner)
			}
			rest = tail
		}
	}
	if _, inner, found := strings.Cut(text, "<title>"); found {
		inner, _, _ = strings.Cut(inner, "</title>")
		return shorten(inner)
	}
	if !strings.Contains(text, "<") {
		return shorten(text)
	}
	return ""
}

func certificateWord(s string) bool {
	s = strings.ToLower(s)
	return strings.Contains(s, "certificate") || strings.Contains(s, "ssl")
}

// CertificateRefused reports whether the answer says that the application wants
// another certificate or one at all: 495 and 496 of nginx, and 400 with a text
// about certificates.
func (a *Answer) CertificateRefused() bool {
	return a.Status == 495 || a.Status == 496 || a.Status == 400 && certificateWord(a.Detail)
}

// AccessRefused reports whether the answer is 401 or 403, which may have to do
// with the certificate or not.
func (a *Answer) AccessRefused() bool { return a.Status == 401 || a.Status == 403 }

// shorten makes one short line of printable characters.
func shorten(s string) string {
	const limit = 120
	var b strings.Builder
	for _, r := range strings.Join(strings.FieldsFunc(s, unicode.IsSpace), " ") {
		if b.Len() >= limit {
			b.WriteString("…")
			break
		}
		if !unicode.IsGraphic(r) || r == unicode.ReplacementChar {
			r = '.'
		}
		b.WriteRune(r)
	}
	return b.String()
}
