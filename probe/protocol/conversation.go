package protocol

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
)

// Bounds of what a server may say.
const (
	maxLine  = 8 << 10 // far above any protocol's own limit
	maxLines = 200     // of one reply
	maxFrame = 1 << 20 // of a binary message
)

// MaxAnswer bounds how much of an answer is worth reading.
const MaxAnswer = 64 << 10

// A Conversation is a connection on which lines and messages are exchanged.
type Conversation struct {
	r *bufio.Reader
	w io.Writer
}

// NewConversation returns a conversation over rw, whose reads have to be bounded
// in time.
func NewConversation(rw io.ReadWriter) *Conversation {
	return &Conversation{r: bufio.NewReaderSize(rw, maxLine), w: rw}
}

// Rest returns what the server has said and nobody has read, without waiting.
func (c *Conversation) Rest() []byte {
	rest, _ := c.r.Peek(c.r.Buffered())
	return rest
}

func (c *Conversation) send(format string, args ...any) {
	// A write may fail because the server has hung up; what it said before that
	// is still to be read, and reading tells the failure.
	_, _ = fmt.Fprintf(c.w, format, args...)
}

func (c *Conversation) sendBytes(data []byte) { _, _ = c.w.Write(data) }

// line reads one line without its end. What does not end within the bound is cut.
func (c *Conversation) line() (string, error) {
	line, err := c.r.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		err = nil
	}
	text := strings.TrimRight(string(line), "\r\n")
	if err == io.EOF && text != "" {
		err = nil
	}
	return text, err
}

// reply reads a reply of SMTP, FTP or NNTP: a number and one or more lines. A
// line without a number is a reply with the number zero.
func (c *Conversation) reply() (code int, text string, err error) {
	for n := range maxLines {
		line, err := c.line()
		if err != nil {
			return 0, "", err
		}
		if len(line) < 3 {
			return 0, line, nil
		}
		number, ok := replyCode(line)
		if !ok && n == 0 {
			return 0, line, nil
		}
		if text == "" {
			text = strings.TrimSpace(line[min(4, len(line)):])
		}
		if ok && (len(line) == 3 || line[3] == ' ') {
			return number, text, nil
		}
	}
	return 0, text, nil
}

// replyCode reads the three digits that begin a line of a reply.
func replyCode(line string) (int, bool) {
	if len(line) > 3 && line[3] != ' ' && line[3] != '-' {
		return 0, false
	}
	code := 0
	for _, digit := range line[:3] {
		if digit < '0' || digit > '9' {
			return 0, false
		}
		code = 10*code + int(digit-'0')
	}
	return code, code >= 100
}

// until reads lines up to the first for which done reports true, and returns it.
func (c *Conversation) until(done func(line string) bool) (string, error) {
	for range maxLines {
		line, err := c.line()
		if err != nil {
			return "", err
		}
		if done(line) {
			return line, nil
		}
	}
	return "", fmt.Errorf("more than %d lines", maxLines)
}

// bytes reads n bytes; more than any message has are an error.
func (c *Conversation) bytes(n int) ([]byte, error) {
	if n < 0 || n > maxFrame {
		return nil, fmt.Errorf("a message of %d bytes", n)
	}
	data := make([]byte, n)
	_, err := io.ReadFull(c.r, data)
	return data, err
}

// frame32 reads a message that begins with its length in four bytes, counted
// with or without themselves.
func (c *Conversation) frame32(order binary.ByteOrder, counted int) ([]byte, error) {
	head, err := c.bytes(4)
	if err != nil {
		return nil, err
	}
	return c.bytes(int(order.Uint32(head)) - counted)
}

// certificateWord reports whether a text speaks of certificates or TLS.
func certificateWord(s string) bool {
	s = strings.ToLower(s)
	for _, word := range []string{"certificate", "ssl", "tls", "x.509", "x509"} {
		if strings.Contains(s, word) {
			return true
		}
	}
	return false
}

// refused is the verdict on a client that an application turns away with a text.
func refused(text string) Verdict {
	if certificateWord(text) {
		return CertificateRefused
	}
	return AccessRefused
}

// unknown is the answer of bytes that are in no protocol that was asked for.
func unknown(text string) *Answer {
	if text == "" {
		return nil
	}
	return &Answer{Detail: shorten(text), Complete: true}
}

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

// codeAnswer is what a reply with a number means: 2xx goes on, 4xx and 5xx refuse,
// and others are no answer to what was asked. It is nil for an empty line.
func codeAnswer(name string, code int, text string) *Answer {
	if code == 0 {
		return unknown(text)
	}
	a := &Answer{Protocol: name, Status: code, Detail: shorten(text), Complete: true}
	switch {
	case code/100 == 2:
		a.Verdict = Welcome
	case code >= 400:
		a.Verdict = refused(text)
	}
	return a
}

func saidCode(code int, text string) string {
	if code == 0 {
		return shorten(text)
	}
	return shorten(strconv.Itoa(code) + " " + text)
}
