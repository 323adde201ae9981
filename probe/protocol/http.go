package protocol

import (
	"bufio"
	"bytes"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"time"
)

// httpProtocol is HTTP/1.1: a GET of the path that asks the server to close.
func httpProtocol() *Protocol {
	return &Protocol{Name: "http", Schemes: []Scheme{{Name: "https", Port: "443"}, {Name: "docker", Port: "2376"},
		{Name: "ipps", Port: "631"}, {Name: "kubernetes", Port: "6443"},
		{Name: "vault", Port: "8200"}}, Ask: askHTTP}
}

// proxyProtocol is an HTTP proxy that is spoken to over TLS: a TRACE in absolute form that it is not
// to pass on, and so answers itself (RFC 9110, Sections 7.6.2 and 9.3.8).
func proxyProtocol() *Protocol {
	return &Protocol{Name: "http-proxy", Schemes: []Scheme{{Name: "http-proxy", Port: "3129"}},
		Ask: func(c *Conversation, _ *Question) *Answer {
			c.send("TRACE http://mtlsprobe.invalid/ HTTP/1.1\r\nHost: mtlsprobe.invalid\r\nMax-Forwards: 0\r\n" +
				"User-Agent: mtlsprobe\r\nConnection: close\r\n\r\n")
			a := readHTTP(c)
			if a != nil && a.Status == http.StatusProxyAuthRequired {
				a.Verdict, a.Before = Welcome, login
			}
			return a
		}}
}

func askHTTP(c *Conversation, q *Question) *Answer {
	c.send("GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: mtlsprobe\r\nAccept: */*\r\nConnection: close\r\n\r\n", q.Path,
		q.Host)
	return readHTTP(c, q.Fields...)
}

// readHTTP reads a response, as far as it tells something; nil where there is none. The fields are
// those of [Question].
func readHTTP(c *Conversation, fields ...string) *Answer {
	var data []byte
	for len(data) < MaxAnswer {
		if _, err := c.r.Peek(1); err != nil {
			break
		}
		rest := c.Rest()
		data = append(data, rest...)
		_, _ = c.r.Discard(len(rest))
		if a, ok := ParseHTTP(data); ok && a.Complete {
			break
		}
	}
	a, ok := ParseHTTP(data)
	if !ok {
		return nil
	}
	_, body, _ := bytes.Cut(data, []byte("\r\n\r\n"))
	a.PassedOn = passedOn(string(body), fields)
	return &a
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
	if interim(line) {
		return ParseHTTP(body)
	}
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
	reader := textproto.NewReader(bufio.NewReader(bytes.NewReader(append(head[min(len(line)+2,
		len(head)):len(head):len(head)], "\r\n\r\n"...))))
	header, _ := reader.ReadMIMEHeader()
	a.Date, a.DateFrom = parseHTTPDate(header.Get("Date"))
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
	a.Verdict = httpVerdict(status, a.Detail)
	return a, true
}

// interim reports whether a status line only announces another one (RFC 9110,
// Section 15.2); 101 is none, for what follows it is no HTTP.
func interim(line string) bool {
	fields := strings.SplitN(line, " ", 3)
	return len(fields) > 1 && len(fields[1]) == 3 && fields[1][0] == '1' && fields[1] != "101"
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

// httpVerdict takes 495 and 496 of nginx and 400 with a text about certificates
// for a refusal of the certificate; 401 and 403, and IIS's 403.7 to 403.17 that
// look like them, may have other reasons. What is redirected or not found has been
// let in. Of the rest it is not known who speaks: a proxy on the way, or a server
// in trouble.
func httpVerdict(status int, text string) Verdict {
	switch {
	case status == 495, status == 496, status == 400 && certificateWord(text):
		return CertificateRefused
	case status == 401, status == 403:
		return AccessRefused
	case status == 400, status == 407, status == 421, status >= 500, status < 200,
		status == 408, status == 425, status == 429, status == 431: // not about this request at all
		return Undecided
	}
	return Welcome
}

// parseHTTPDate reads a Date field (RFC 9110, Section 5.6.7).
func parseHTTPDate(value string) (time.Time, string) {
	if date, err := time.Parse("Mon, 02 Jan 2006 15:04:05 GMT", value); err == nil {
		return date, "HTTP Date"
	}
	return time.Time{}, ""
}
