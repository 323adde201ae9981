package capture

import (
	"slices"
	"strings"

	"mtlsprobe/probe/wire"
)

// A spelling is a message as people write it: letters only.
type spelling struct {
	word string
	from wire.Peer // who alone sends it; zero for both
	kind wire.HandshakeType
}

// spellings are the names of handshake messages.
func spellings() []spelling {
	return []spelling{
		{"clienthello", wire.Client, wire.ClientHello}, {"hello", 0, wire.ClientHello},
		{"serverhello", wire.Server, wire.ServerHello}, {"helloretryrequest", wire.Server, wire.ServerHello},
		{"encryptedextensions", wire.Server, wire.EncryptedExtensions},
		{"certificate", 0, wire.Certificate}, {"certificates", 0, wire.Certificate}, {"cert", 0, wire.Certificate},
		{"clientcertificate", wire.Client, wire.Certificate}, {"servercertificate", wire.Server, wire.Certificate},
		{"certificaterequest", wire.Server, wire.CertRequest}, {"certrequest", wire.Server, wire.CertRequest},
		{"requestcert", wire.Server, wire.CertRequest}, {"requestcertificate", wire.Server, wire.CertRequest},
		{"certificateverify", 0, wire.CertificateVerify}, {"certverify", 0, wire.CertificateVerify},
		{"certificatestatus", wire.Server, wire.CertificateStatus},
		{"serverkeyexchange", wire.Server, wire.ServerKeyExchange},
		{"clientkeyexchange", wire.Client, wire.ClientKeyExchange}, {"keyexchange", 0, wire.ClientKeyExchange},
		{"serverhellodone", wire.Server, wire.ServerHelloDone}, {"hellodone", wire.Server, wire.ServerHelloDone},
		{"done", wire.Server, wire.ServerHelloDone}, {"serverdone", wire.Server, wire.ServerHelloDone},
		{"hellorequest", wire.Server, wire.HelloRequest},
		{"newsessionticket", wire.Server, wire.NewSessionTicket}, {"sessionticket", wire.Server, wire.NewSessionTicket},
		{"finished", 0, wire.Finished}, {"encrypted", 0, wire.Finished}, // Wireshark's "Encrypted Handshake Message"
	}
}

// fillers are words beside the names of messages that say nothing.
var fillers = []string{"message", "messages", "handshake", "protocol", "record", "layer", "multiple", "new", "a", "an",
	"the", "sends", "sent", "send", "says", "said", "with", "of", "its", "and", "then", "tls", "ssl"}

// words are those of a text in lower case, without what says nothing: "certificate_request (2
// CAs)" is "certificate", "request".
func words(text string) []string {
	depth := 0
	text = strings.Map(func(r rune) rune {
		switch r {
		case '(', '[':
			depth++
		case ')', ']':
			depth--
			return ' '
		}
		if depth > 0 || r != ' ' && (r < 'a' || r > 'z') {
			return ' '
		}
		return r
	}, strings.ToLower(text))
	return slices.DeleteFunc(strings.Fields(text), func(w string) bool { return slices.Contains(fillers, w) })
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

// messagesOf divides words into the names of messages, and reports whether they are nothing
// else. It takes the longest name that fits, and a misspelt one only where none is right.
func messagesOf(words []string) ([]spelling, bool) {
	const longest, most = 4, 64 // words of a name, and of a line
	if len(words) > most {
		return nil, false
	}
	all := spellings()
	hopeless := make([]bool, len(words)+1) // from here on it cannot be divided
	var divide func(at int) ([]spelling, bool)
	divide = func(at int) ([]spelling, bool) {
		if at == len(words) || hopeless[at] {
			return nil, at == len(words)
		}
		for _, near := range []func(spelling, string) bool{exactly, nearly} {
			for n := min(longest, len(words)-at); n > 0; n-- {
				name := strings.Join(words[at:at+n], "")
				k := slices.IndexFunc(all, func(s spelling) bool { return near(s, name) })
				if k < 0 {
					continue
				}
				if rest, ok := divide(at + n); ok {
					return append([]spelling{all[k]}, rest...), true
				}
			}
		}
		hopeless[at] = true
		return nil, false
	}
	return divide(0)
}

func exactly(s spelling, name string) bool { return s.word == name }

// nearly allows two slips in a long name, and one in a short one.
func nearly(s spelling, name string) bool {
	const long, short = 8, 5
	switch {
	case len(s.word) >= long:
		return distance(s.word, name) <= 2
	case len(s.word) >= short:
		return distance(s.word, name) == 1
	}
	return false
}

// alertOf is the number of the alert whose name a text is, or is nearly; -1 for none.
func alertOf(text string) int {
	const longest, long = 40, 12 // letters
	if n := exactAlert(text); n >= 0 {
		return n
	}
	name := letters(text)
	if len(name) > longest {
		return -1
	}
	for n := range 256 {
		known := letters((wire.Alert{Description: uint8(n)}).Name()) //nolint:gosec // within 0 and 255
		slips := 1
		if len(known) >= long {
			slips = 2
		}
		if known != "alert" && len(name) > slips && distance(known, name) <= slips { // those without a name are called so
			return n
		}
	}
	return -1
}

// exactAlert is the number of the alert whose name a text is; -1 for none.
func exactAlert(text string) int {
	name := letters(text)
	if n, ok := goAlerts()[name]; ok {
		return n
	}
	for n := range 256 {
		known := letters((wire.Alert{Description: uint8(n)}).Name()) //nolint:gosec // within 0 and 255
		if known == name && known != "alert" {
			return n
		}
	}
	return -1
}

// alertIn is the alert whose name a text begins with; other words may follow.
func alertIn(text string) int {
	const most = 6 // words of a name
	words := strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == '_' })
	for n := min(most, len(words)); n > 0; n-- {
		if number := exactAlert(strings.Join(words[:n], " ")); number >= 0 {
			return number
		}
	}
	return -1
}

// goAlerts are the words of Go's crypto/tls that differ from the registry's (alertText in alert.go).
func goAlerts() map[string]int {
	return map[string]int{"revokedcertificate": 44, "expiredcertificate": 45, "unknowncertificate": 46,
		"unknowncertificateauthority": 48, "errordecodingmessage": 50, "errordecryptingmessage": 51,
		"protocolversionnotsupported": 70, "insufficientsecuritylevel": 71, "unknownpskidentity": 115}
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
