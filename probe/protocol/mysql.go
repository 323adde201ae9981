package protocol

import (
	"bytes"
	"encoding/binary"
)

// mysqlProtocol is that of MySQL and MariaDB: the server greets in clear, and TLS
// begins in place of the login. Whether an account demands a certificate is told
// only together with its password: error 1045 is the same for both.
func mysqlProtocol() *Protocol {
	return &Protocol{Name: "mysql", Schemes: []Scheme{{Name: "mysql", Port: "3306", StartTLS: true},
		{Name: "mariadb", Port: "3306", StartTLS: true}},
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
			a.Verdict, a.UserOrCertificate = Undecided, true
			a.Detail += "; the same is said of a missing certificate, an unknown user and a wrong password"
		}
	case body[0] == 0:
		a.Verdict, a.Detail = Welcome, "logged in without a password"
	default:
		a.Verdict, a.UserOrCertificate = Undecided, true
		a.Detail = "the server asks for a password, and judges the certificate together with it"
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
