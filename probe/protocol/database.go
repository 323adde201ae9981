package protocol

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
)

// postgresProtocol is PostgreSQL's, with SSLRequest or, since version 17, TLS at
// once. A startup message is enough: a missing or bad certificate is refused before
// the role is looked up. See the PostgreSQL manual, "Message Flow".
func postgresProtocol() *Protocol {
	return &Protocol{Name: "postgres",
		Schemes: []Scheme{{Name: "postgres", Port: "5432", StartTLS: true}, {Name: "postgresql", Port: "5432", StartTLS: true}, {Name: "postgres-direct", Port: "5432"}},
		ALPN:    []string{"postgresql"},
		StartTLS: func(c *Conversation, _ *Question) error {
			c.sendBytes([]byte{0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f}) // SSLRequest
			said, err := c.bytes(1)
			if err == nil && said[0] != 'S' {
				err = &Refusal{Protocol: "SSLRequest", Said: string(said)}
			}
			return err
		}, Ask: askPostgres}
}

func askPostgres(c *Conversation, q *Question) *Answer {
	body := binary.BigEndian.AppendUint32(nil, 3<<16)
	body = append(body, "user\x00"+q.user()+"\x00database\x00postgres\x00application_name\x00mtlsprobe\x00\x00"...)
	c.sendBytes(append(binary.BigEndian.AppendUint32(nil, uint32(4+len(body))), body...))
	kind, err := c.bytes(1)
	if err != nil {
		return nil
	}
	message, err := c.frame32(binary.BigEndian, 4)
	if err != nil {
		return unknown(string(kind))
	}
	switch kind[0] {
	case 'R':
		a := &Answer{Protocol: "postgres", Complete: true, Detail: "the server goes on to authenticate the user"}
		if len(message) >= 4 && binary.BigEndian.Uint32(message) == 0 {
			a.Detail = "logged in"
			c.sendBytes([]byte{'X', 0, 0, 0, 4}) // Terminate
		}
		return a
	case 'E':
		return postgresError(message)
	}
	return unknown(string(kind) + string(message))
}

// postgresError reads an ErrorResponse. SQLSTATE 28000 stands for many reasons,
// so the message decides: facts seen with PostgreSQL 15.
func postgresError(message []byte) *Answer {
	var state, text string
	for field := range bytes.SplitSeq(message, []byte{0}) {
		switch {
		case len(field) > 1 && field[0] == 'C':
			state = string(field[1:])
		case len(field) > 1 && field[0] == 'M':
			text = string(field[1:])
		}
	}
	a := &Answer{Protocol: "postgres", Complete: true, Detail: shorten(state + " " + text), Verdict: AccessRefused}
	switch {
	case strings.Contains(text, "client certificate"):
		a.Verdict = CertificateRefused
	case strings.HasPrefix(text, "role ") || strings.HasPrefix(text, "database "), strings.HasPrefix(text, "no pg_hba.conf entry"):
		a.Verdict = Welcome // TLS and the certificate were good enough to look it up
		if strings.HasPrefix(text, "no pg_hba") {
			a.Verdict = AccessRefused
		}
	}
	return a
}

// mysqlProtocol is that of MySQL and MariaDB: the server greets in clear, and TLS
// begins in place of the login. Whether an account demands a certificate is told
// only together with its password: error 1045 is the same for both.
func mysqlProtocol() *Protocol {
	return &Protocol{Name: "mysql", Schemes: []Scheme{{Name: "mysql", Port: "3306", StartTLS: true}, {Name: "mariadb", Port: "3306", StartTLS: true}},
		StartTLS: func(c *Conversation, _ *Question) error {
			_, greeting, err := mysqlPacket(c)
			if err != nil {
				return err
			}
			if len(greeting) == 0 || greeting[0] != 10 {
				return &Refusal{Protocol: "SSLRequest", Said: mysqlText(greeting)}
			}
			if !mysqlOffersTLS(greeting) {
				return &Refusal{Protocol: "SSLRequest", Said: "the greeting does not offer TLS"}
			}
			c.sendBytes(append([]byte{32, 0, 0, 1}, mysqlHead()...))
			return nil
		}, Ask: askMySQL}
}

// Capabilities of the client. See the MySQL manual, "Capabilities Flags".
const (
	clientProtocol41       = 0x0200
	clientSSL              = 0x0800
	clientSecureConnection = 0x8000
	clientPluginAuth       = 0x80000
)

// mysqlHead is an SSLRequest, and the beginning of the login.
func mysqlHead() []byte {
	head := binary.LittleEndian.AppendUint32(nil, clientProtocol41|clientSSL|clientSecureConnection|clientPluginAuth)
	head = binary.LittleEndian.AppendUint32(head, 1<<24)
	head = append(head, 45) // utf8mb4
	return append(head, make([]byte, 23)...)
}

// mysqlOffersTLS reads the capabilities after the version and thread of a greeting.
func mysqlOffersTLS(greeting []byte) bool {
	_, after, found := bytes.Cut(greeting[1:], []byte{0})
	const skip = 4 + 8 + 1 // thread, first part of the challenge, filler
	return found && len(after) >= skip+2 && binary.LittleEndian.Uint16(after[skip:])&clientSSL != 0
}

func mysqlPacket(c *Conversation) (seq byte, body []byte, err error) {
	head, err := c.bytes(4)
	if err != nil {
		return 0, nil, err
	}
	body, err = c.bytes(int(head[0]) | int(head[1])<<8 | int(head[2])<<16)
	return head[3], body, err
}

func askMySQL(c *Conversation, q *Question) *Answer {
	login := append(mysqlHead(), q.user()+"\x00\x00mysql_native_password\x00"...)
	c.sendBytes(append([]byte{byte(len(login)), byte(len(login) >> 8), 0, 2}, login...))
	_, body, err := mysqlPacket(c)
	if err != nil || len(body) == 0 {
		return nil
	}
	a := &Answer{Protocol: "mysql", Complete: true}
	switch {
	case body[0] == 0xff && len(body) >= 3:
		a.Status, a.Detail = int(binary.LittleEndian.Uint16(body[1:])), mysqlText(body)
		a.Verdict = refused(a.Detail)
		if a.Status == 1045 { // access denied: no certificate, no such user, or a wrong password
			a.Verdict = Undecided
			a.Detail += "; the same is said of a missing certificate, an unknown user and a wrong password"
		}
	case body[0] == 0:
		a.Detail = "logged in without a password"
	default:
		a.Verdict, a.Detail = Undecided, "the server asks for a password, and judges the certificate together with it"
	}
	return a
}

// mysqlText is the text of an error packet.
func mysqlText(body []byte) string {
	if len(body) > 9 && body[0] == 0xff && body[3] == '#' {
		return shorten(string(body[9:]))
	}
	return shorten(string(body[min(3, len(body)):]))
}

// mongoProtocol is MongoDB's: "hello" is answered before any login. Without an
// acceptable certificate the server drops the connection after the handshake.
func mongoProtocol() *Protocol {
	return &Protocol{Name: "mongodb", Schemes: []Scheme{{Name: "mongodb", Port: "27017"}},
		Ask: func(c *Conversation, _ *Question) *Answer {
			document := []byte{0, 0, 0, 0}
			document = append(document, "\x10hello\x00\x01\x00\x00\x00\x02$db\x00\x06\x00\x00\x00admin\x00\x00"...)
			binary.LittleEndian.PutUint32(document, uint32(len(document)))
			message := append(make([]byte, 16+4+1), document...) // header, flags, kind 0: one document
			for i, n := range []int{len(message), 1, 0, 2013} {  // OP_MSG
				binary.LittleEndian.PutUint32(message[4*i:], uint32(n))
			}
			c.sendBytes(message)
			said, err := c.frame32(binary.LittleEndian, 4)
			if err != nil || len(said) < 16 {
				return nil
			}
			a := &Answer{Protocol: "mongodb", Complete: true, Detail: "hello is answered"}
			if i := bytes.Index(said, []byte("errmsg\x00")); i >= 0 {
				a.Detail = shorten(string(said[i+7+min(4, len(said)-i-7):]))
				a.Verdict = refused(a.Detail)
			}
			return a
		}}
}

// kafkaProtocol is Kafka's: ApiVersions is answered before any login.
func kafkaProtocol() *Protocol {
	return &Protocol{Name: "kafka", Schemes: []Scheme{{Name: "kafka", Port: "9093"}},
		Ask: func(c *Conversation, _ *Question) *Answer {
			const id = "mtlsprobe"
			message := []byte{0, 18, 0, 0, 0, 0, 0, 1, 0, byte(len(id))}
			message = append(message, id...)
			c.sendBytes(append(binary.BigEndian.AppendUint32(nil, uint32(len(message))), message...))
			said, err := c.frame32(binary.BigEndian, 0)
			if err != nil || len(said) < 6 || !bytes.Equal(said[:4], []byte{0, 0, 0, 1}) {
				return nil
			}
			a := &Answer{Protocol: "kafka", Complete: true, Status: int(binary.BigEndian.Uint16(said[4:])), Detail: "ApiVersions is answered"}
			if a.Status != 0 {
				a.Detail = fmt.Sprintf("ApiVersions is answered with error %d", a.Status)
			}
			return a
		}}
}
