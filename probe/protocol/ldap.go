package protocol

import (
	"fmt"
)

// ldapProtocol is LDAP (RFC 4511, RFC 4513). The question is for the root DSE,
// which servers show to anybody.
func ldapProtocol() *Protocol {
	return &Protocol{Name: "ldap", Schemes: []Scheme{{Name: "ldap", Port: "389", StartTLS: true},
		{Name: "ldaps", Port: "636"}},
		StartTLS: func(c *Conversation, _ *Question) error {
			const oid = "1.3.6.1.4.1.1466.20037"
			name := append([]byte{0x80, byte(len(oid))}, oid...)
			c.sendBytes(ldapMessage(1, 0x77, name))
			tag, body, err := readLDAP(c)
			if err != nil {
				return err
			}
			if code, text := ldapResult(body); tag != 0x78 || code != 0 {
				return &Refusal{Protocol: "StartTLS", Said: shorten(fmt.Sprintf("result %d %s", code, text))}
			}
			return nil
		}, Ask: askLDAP}
}

func askLDAP(c *Conversation, _ *Question) *Answer {
	search := []byte{
		0x04, 0, 0x0a, 1, 0, 0x0a, 1, 0, 0x02, 1, 1, 0x02, 1, 5, 0x01, 1, 0, // base "", scope base, one entry, 5 s
		0x87, 11, 'o', 'b', 'j', 'e', 'c', 't', 'C', 'l', 'a', 's', 's', 0x30, 5, 0x04, 3, '1', '.', '1',
	}
	c.sendBytes(ldapMessage(2, 0x63, search))
	tag, body, err := readLDAP(c)
	if err != nil {
		return nil
	}
	a := &Answer{Protocol: "ldap", Complete: true, Verdict: Welcome, Detail: "the root DSE is shown",
		Before: "bind"}
	if tag == 0x64 || tag == 0x73 {
		return a
	}
	code, text := ldapResult(body)
	a.Status, a.Detail = code, shorten(fmt.Sprintf("result %d %s", code, text))
	switch code {
	case 0, 32, 50, 53: // decided above TLS, and by somebody who goes on
		a.Verdict = Welcome
		if tag == 0x78 {
			a.Verdict = refused(text) // notice of disconnection
		}
	case -1, 1, 2: // no result, or one about the question itself
		a.Verdict = Undecided
	default:
		a.Verdict = refused(text)
	}
	return a
}

func ldapMessage(id, tag byte, body []byte) []byte {
	inner := append([]byte{0x02, 1, id, tag, byte(len(body))}, body...)
	return append([]byte{0x30, byte(len(inner))}, inner...)
}

// readLDAP returns the operation of the next message. LDAP is BER: lengths may
// have more bytes than they need.
func readLDAP(c *Conversation) (tag byte, body []byte, err error) {
	head, err := c.bytes(2)
	if err != nil {
		return 0, nil, err
	}
	length := int(head[1])
	if length >= 0x80 {
		more, err := c.bytes(length & 0x7f)
		if err != nil {
			return 0, nil, err
		}
		length = 0
		for _, b := range more[max(0, len(more)-4):] {
			length = length<<8 | int(b)
		}
	}
	if head[0] != 0x30 {
		return 0, nil, fmt.Errorf("not LDAP: %q", head)
	}
	message, err := c.bytes(length)
	if err != nil {
		return 0, nil, err
	}
	_, _, operation := berElement(message) // after the message's number
	tag, body, _ = berElement(operation)
	return tag, body, nil
}

// berElement splits off the first element; what does not fit is empty.
func berElement(data []byte) (tag byte, body, rest []byte) {
	if len(data) < 2 {
		return 0, nil, nil
	}
	tag, length, at := data[0], int(data[1]), 2
	if length >= 0x80 {
		n := length & 0x7f
		length = 0
		if n > 4 || len(data) < 2+n {
			return tag, nil, nil
		}
		for _, b := range data[2 : 2+n] {
			length = length<<8 | int(b)
		}
		at += n
	}
	if length > len(data)-at {
		return tag, nil, nil
	}
	return tag, data[at : at+length], data[at+length:]
}

// ldapResult reads an LDAPResult; -1 if it is none.
func ldapResult(body []byte) (code int, text string) {
	tag, number, rest := berElement(body)
	if tag != 0x0a || len(number) != 1 {
		return -1, ""
	}
	_, _, rest = berElement(rest) // matchedDN
	_, said, _ := berElement(rest)
	return int(number[0]), string(said)
}
