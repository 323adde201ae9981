package capture

import (
	"strings"

	"mtlsprobe/probe/wire"
)

// A spelling is a message as people write it: letters only.
type spelling struct {
	word string
	from wire.Peer // who alone sends it; zero for both
	kind wire.HandshakeType
}

// spellings are the handshake messages, those whose names contain others first.
func spellings() []spelling {
	return []spelling{
		{"serverhellodone", wire.Server, wire.ServerHelloDone}, {"hellodone", wire.Server, wire.ServerHelloDone},
		{"hellorequest", wire.Server, wire.HelloRequest}, {"helloretryrequest", wire.Server, wire.ServerHello},
		{"clienthello", wire.Client, wire.ClientHello}, {"serverhello", wire.Server, wire.ServerHello},
		{"encryptedextensions", wire.Server, wire.EncryptedExtensions},
		{"certificaterequest", wire.Server, wire.CertRequest}, {"certrequest", wire.Server, wire.CertRequest},
		{"certificateverify", 0, wire.CertificateVerify}, {"certverify", 0, wire.CertificateVerify},
		{"certificatestatus", wire.Server, wire.CertificateStatus},
		{"clientkeyexchange", wire.Client, wire.ClientKeyExchange},
		{"serverkeyexchange", wire.Server, wire.ServerKeyExchange},
		{"newsessionticket", wire.Server, wire.NewSessionTicket}, {"certificate", 0, wire.Certificate},
		{"finished", 0, wire.Finished}, {"encryptedhandshakemessage", 0, wire.Finished}, {"hello", 0, wire.ClientHello},
	}
}

// letters are those of a text, in lower case.
func letters(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r
		}
		return -1
	}, strings.ToLower(text))
}

// handshakeOf finds the handshake message that a word, in letters only, contains or is a
// misspelling of.
func handshakeOf(word string) (spelling, bool) {
	all := spellings()
	for _, s := range all {
		if s.word == "hello" && word == s.word || s.word != "hello" && strings.Contains(word, s.word) {
			return s, true
		}
	}
	const shortest, slips = 8, 2
	for _, s := range all {
		if len(s.word) >= shortest && distance(s.word, word) <= slips {
			return s, true
		}
	}
	return spelling{}, false
}

// distance is how many letters of one word have to be changed, added or left out to get
// another (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for n := range row {
		row[n] = n
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
