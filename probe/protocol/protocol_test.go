package protocol

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// A script is a server's side of a conversation: what it says, whatever it hears.
type script struct {
	io.Reader
	heard bytes.Buffer
}

func (s *script) Write(b []byte) (int, error) { return s.heard.Write(b) }

func say(text string) *script { return &script{Reader: strings.NewReader(text)} }

func question(plain bool) *Question {
	return &Question{Host: "example.com:1", Name: "example.com", Path: "/x", Plain: plain, Login: true}
}

func TestAsk(t *testing.T) {
	const (
		xmppHead = "<?xml version='1.0'?><stream:stream id='1' version='1.0'>"
		readyPG  = "R\x00\x00\x00\x08\x00\x00\x00\x03"
	)
	pgError := func(state, text string) string {
		body := "SFATAL\x00C" + state + "\x00M" + text + "\x00\x00"
		return "E\x00\x00\x00" + string(rune(len(body)+4)) + body
	}
	tests := []struct {
		name, protocol string
		plain          bool
		said           string
		verdict        Verdict
		status         int
		detail         string // contained
	}{
		{"welcome", "smtp", true, "250-mail\r\n250 HELP\r\n250 Ok\r\n250 Accepted\r\n", Welcome, 250, "Accepted"},
		{"greeting first", "smtps", false, "220 mail ready\r\n250 mail\r\n250 Ok\r\n250 Accepted\r\n", Welcome, 250, "Accepted"},
		{"Postfix, at RCPT", "smtp", true, "250 mail\r\n250 Ok\r\n554 5.7.1 <x>: Client host rejected: Access denied\r\n", AccessRefused, 554, "RCPT TO: 5.7.1"},
		{"Exim, at RCPT", "smtp", true, "250 mail\r\n250 OK\r\n550 a client certificate is required\r\n", CertificateRefused, 550, "RCPT TO: a client"},
		{"at MAIL", "smtp", true, "250 mail\r\n550 no null sender\r\n", AccessRefused, 550, "MAIL FROM: no null"},
		{"greylisting", "smtp", true, "250 mail\r\n250 Ok\r\n450 4.2.0 try again\r\n", Undecided, 450, "try again"},
		{"a command that it does not know", "smtp", true, "250 mail\r\n502 no\r\n", Undecided, 502, "MAIL FROM: no"},
		{"no such mailbox", "smtp", true, "250 mail\r\n250 Ok\r\n550 5.1.1 unknown\r\n", Undecided, 550, "5.1.1"},
		{"a login first", "submission", true, "250 mail\r\n530 5.7.0 Authentication required\r\n", Undecided, 530, "Authentication"},
		{"Postfix, wrapper mode", "smtps", false, "421 4.7.1 mail Error: No client certificate presented\r\n220 mail\r\n", CertificateRefused, 421, "No client certificate"},
		{"Postfix, STARTTLS", "smtp", true, "421 4.7.1 Client certificate not trusted\r\n", CertificateRefused, 421, "not trusted"},
		{"not for another reason", "smtp", true, "421 too busy\r\n", AccessRefused, 421, "too busy"},
		{"LMTP", "lmtp", true, "250 mail\r\n", Welcome, 250, "mail"},
		{"ready", "imaps", false, "* OK ready\r\n+ \r\n", Welcome, 0, "ready to log in"},
		{"Dovecot", "imap", true, "b NO [ALERT] Client didn't present valid SSL certificate\r\n", CertificateRefused, 0, "NO [ALERT]"},
		{"nginx mail", "imaps", false, "* BYE No required SSL certificate\r\n", CertificateRefused, 0, "BYE"},
		{"no PLAIN", "imap", true, "b NO Unsupported mechanism\r\n", Undecided, 0, "Unsupported"},
		{"no IMAP", "imaps", false, "HTTP/1.1 400\r\n", Undecided, 0, "HTTP/1.1 400"},
		{"ready", "pop3s", false, "+OK ready\r\n+ \r\n", Welcome, 0, "ready"},
		{"Dovecot", "pop3", true, "-ERR [AUTH] Client didn't present valid SSL certificate\r\n", CertificateRefused, 0, "[AUTH]"},
		{"ready", "sieve", true, "\"IMPLEMENTATION\" \"x\"\r\nOK \"ready\"\r\n\"\"\r\nNO \"aborted\"\r\n", Welcome, 0, "ready to log in"},
		{"Dovecot", "sieve", true, "\"IMPLEMENTATION\" \"x\"\r\nOK \"ready\"\r\nNO \"Client didn't present valid SSL certificate\"\r\n", CertificateRefused, 0, "valid SSL"},
		{"no PLAIN", "sieve", true, "OK\r\nNO \"Unsupported authentication mechanism.\"\r\n", Undecided, 0, "Unsupported"},
		{"bye", "sieve", true, "BYE \"no certificate\"\r\n", CertificateRefused, 0, "BYE"},
		{"ready", "ftp", true, "200 PBSZ set to 0.\r\n", Welcome, 200, "PBSZ"},
		{"refused", "ftps", false, "220 hello\r\n530 certificate needed\r\n", CertificateRefused, 530, "certificate"},
		{"date", "nntps", false, "200 hello\r\n111 20261124100000\r\n", Welcome, 111, "20261124100000"},
		{"root DSE", "ldaps", false, "\x30\x07\x02\x01\x02\x64\x02\x04\x00", Welcome, 0, "root DSE"},
		{"strong authentication required", "ldap", true, "\x30\x0c\x02\x01\x02\x65\x07\x0a\x01\x08\x04\x00\x04\x00", AccessRefused, 8, "result 8"},
		{"goes on", "postgres", true, readyPG, Welcome, 0, "goes on"},
		{"no certificate", "postgres", true, pgError("28000", "connection requires a valid client certificate"), CertificateRefused, 0, "28000"},
		{"too many", "postgres", true, pgError("53300", "sorry, too many clients already"), Undecided, 0, "too many"},
		{"starting", "postgres", true, pgError("57P03", "the database system is starting up"), Undecided, 0, "starting"},
		{"no rule", "postgres", true, pgError("28000", "no pg_hba.conf entry for host"), AccessRefused, 0, "no pg_hba"},
		{"another user's, verify-full", "postgres", true, pgError("28000", "\"trust\" authentication failed for user \"x\""), UserRefused, 0, "trust"},
		{"unknown role", "postgres", true, pgError("28000", "role \"x\" does not exist"), Welcome, 0, "role"},
		{"another user's", "postgres", true, pgError("28000", "certificate authentication failed for user \"x\""), UserRefused, 0, "authentication failed"},
		{"denied", "mysql", true, "\x1b\x00\x00\x03\xff\x15\x04#28000Access denied for u", Undecided, 1045, "the same is said"},
		{"asks for a password", "mariadb", true, "\x01\x00\x00\x03\xfe", Undecided, 0, "password"},
		{"logged in", "mysql", true, "\x01\x00\x00\x03\x00", Welcome, 0, "logged in"},
		{"host is blocked", "mysql", true, "\x0d\x00\x00\x03\xff\x6a\x04Host denied", AccessRefused, 1130, "Host"},
		{"external", "xmpp", true, xmppHead + "<stream:features><mechanisms><mechanism>EXTERNAL</mechanism></mechanisms></stream:features>", Welcome, 0, "EXTERNAL is offered"},
		{"not an identity", "xmpp", true, xmppHead + "<stream:features/>", Welcome, 0, "not taken as an identity"},
		{"error", "xmpp", true, xmppHead + "<stream:error><not-authorized/></stream:error>", AccessRefused, 0, "not-authorized"},
		{"capabilities", "ircs", false, ":irc NOTICE * :hello\r\n:irc CAP * LS :sasl\r\n", Welcome, 0, "LS"},
		{"closing link", "irc", true, "ERROR :Closing Link: certificate required\r\n", CertificateRefused, 0, "Closing"},
		{"pong", "rediss", false, "+PONG\r\n", Welcome, 0, "PONG"},
		{"password", "rediss", false, "-NOAUTH Authentication required.\r\n", Welcome, 0, "NOAUTH"},
		{"denied", "rediss", false, "-DENIED protected mode\r\n", AccessRefused, 0, "DENIED"},
		{"accepted", "mqtts", false, "\x20\x02\x00\x00", Welcome, 0, "accepted"},
		{"not authorized", "mqtts", false, "\x20\x02\x00\x05", AccessRefused, 5, "not authorized"},
		{"start", "amqps", false, "\x01\x00\x00\x00\x00\x00\x10\x00\x0a\x00\x0a\x00\x09EXTERNAL..", Welcome, 0, "EXTERNAL is offered"},
		{"another version", "amqps", false, "AMQP\x00\x01\x00\x00", Undecided, 0, "1-0-0"},
		{"hello", "mongodb", false, "\x14\x00\x00\x00" + "\x00\x00\x00\x00\x01\x00\x00\x00\xdd\x07\x00\x00\x00\x00\x00\x00", Welcome, 0, "answered"},
		{"no MongoDB", "mongodb", false, "\x20\x00\x00\x00" + strings.Repeat("x", 28), Undecided, 0, "xxx"},
		{"signed number", "smtp", true, "-12 no\r\n", Undecided, 0, "-12 no"},
		{"goes on later", "smtp", true, "354 no\r\n", Undecided, 354, "no"},
		{"no POP3", "pop3", true, "HTTP/1.1 400 Bad Request\r\n", Undecided, 0, "HTTP"},
		{"another error", "pop3", true, "-ERR [SYS/PERM] go away\r\n", Undecided, 0, "go away"},
		{"banned", "ircs", false, ":srv 465 x :You are banned: no client certificate\r\n", CertificateRefused, 0, "banned"},
		{"no IRC", "ircs", false, "HTTP/1.1 400 Bad Request\r\n", Undecided, 0, "HTTP"},
		{"closed stream", "xmpp", true, "</stream:stream>", Undecided, 0, "stream"},
		{"server unavailable", "mqtts", false, "\x20\x02\x00\x03", Undecided, 3, "unavailable"},
		{"wants HTTP/1.1", "h2", false, "\x00\x00\x04\x03\x00\x00\x00\x00\x01\x00\x00\x00\x0d", Undecided, 0, "HTTP/1.1"},
		{"no status", "h2", false, "\x00\x00\x00\x01\x05\x00\x00\x00\x01", Undecided, 0, ""},
		{"not HPACK", "h2", false, "\x00\x00\x01\x01\x05\x00\x00\x00\x01\xff", Undecided, 0, "decoded"},
		{"in two frames", "h2", false, "\x00\x00\x01\x01\x00\x00\x00\x00\x01\x48" + "\x00\x00\x04\x09\x04\x00\x00\x00\x01\x03403", AccessRefused, 403, ""},
		{"early hints", "h2", false, "\x00\x00\x05\x01\x04\x00\x00\x00\x01\x48\x03103" + "\x00\x00\x05\x01\x05\x00\x00\x00\x01\x48\x03403", AccessRefused, 403, ""},
		{"another stream", "h2", false, "\x00\x00\x01\x01\x05\x00\x00\x00\x03\x88" + "\x00\x00\x05\x01\x05\x00\x00\x00\x01\x48\x03401", AccessRefused, 401, ""},
		{"versions", "kafka", false, "\x00\x00\x00\x06\x00\x00\x00\x01\x00\x00", Welcome, 0, "answered"},
		{"unsupported version", "kafka", false, "\x00\x00\x00\x06\x00\x00\x00\x01\x00\x23", Welcome, 35, "error 35"},
		{"200", "h3", false, "\x01\x03\x00\x00\xd9", Welcome, 200, ""},
		{"403 after early hints and a frame of its own", "h3", false, "\x01\x03\x00\x00\xd8" + "\x40\x21\x00" + "\x01\x04\x00\x00\xff\x05" + "\x00\x00", AccessRefused, 403, ""},
		{"400 and the page that says why", "h3", false, "\x01\x04\x00\x00\xff\x04" + "\x00\x35<center>No required SSL certificate was sent</center>", CertificateRefused, 400, "No required"},
		{"not QPACK", "h3", false, "\x01\x01\xff", Undecided, 0, "decoded"},
		{"cut off", "h3", false, "\x01\x04\x00\x00\xff\x04" + "\x00\x35<cent", Undecided, 400, ""},
		{"403", "h2", false, "\x00\x00\x00\x04\x00\x00\x00\x00\x00" + "\x00\x00\x05\x01\x04\x00\x00\x00\x01\x48\x03403", AccessRefused, 403, ""},
		{"nginx, 400 and the page that says why", "h2", false, "\x00\x00\x01\x01\x04\x00\x00\x00\x01\x8c" + "\x00\x00\x35\x00\x01\x00\x00\x00\x01<center>No required SSL certificate was sent</center>",
			CertificateRefused, 400, "No required SSL"},
		{"400 and nothing", "h2", false, "\x00\x00\x01\x01\x04\x00\x00\x00\x01\x8c", Undecided, 400, ""},
		{"200", "etcd", false, "\x00\x00\x01\x01\x04\x00\x00\x00\x01\x88", Welcome, 200, ""},
		{"go away", "grpcs", false, "\x00\x00\x0a\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x0dno", AccessRefused, 0, "GOAWAY"},
		{"logged in", "nats", true, "+OK\r\nPONG\r\n", Welcome, 0, "+OK"},
		{"TLS first", "nats-tls-first", false, "INFO {\"x\":1}\r\nPONG\r\n", Welcome, 0, "PONG"},
		{"no user", "nats", true, "-ERR 'Authorization Violation'\r\n", Undecided, 0, "Authorization"},
		{"a certificate is missing", "nats", true, "-ERR 'Secure Connection - TLS Required'\r\n", CertificateRefused, 0, "TLS"},
		{"no NATS", "nats", true, "HTTP/1.1 400\r\n", Undecided, 0, "HTTP"},
		{"version", "memcached", false, "VERSION 1.6.18\r\n", Welcome, 0, "1.6.18"},
		{"a login first", "memcached", false, "CLIENT_ERROR unauthenticated\r\n", Welcome, 0, "unauthenticated"},
		{"it fails", "memcached", false, "SERVER_ERROR certificate not allowed\r\n", CertificateRefused, 0, "not allowed"},
		{"no memcached", "memcached", false, "HTTP/1.1 400\r\n", Undecided, 0, "HTTP"},
		{"supported", "cassandra", false, "\x84\x00\x00\x00\x06\x00\x00\x00\x00", Welcome, 0, "OPTIONS is answered"},
		{"another version", "cassandra", false, "\x83\x00\x00\x00\x00\x00\x00\x00\x08\x00\x00\x00\x0a\x00\x02no", Welcome, 10, "no"},
		{"an error", "cassandra", false, "\x83\x00\x00\x00\x00\x00\x00\x00\x11\x00\x00\x01\x00\x00\x0bcertificate", CertificateRefused, 256, "certificate"},
		{"no CQL", "cassandra", false, "HTTP/1.1 ", Undecided, 0, "HTTP"},
		{"OK", "sips", false, "SIP/2.0 200 OK\r\n\r\n", Welcome, 200, "OK"},
		{"a login first", "sip", false, "SIP/2.0 401 Unauthorized\r\n\r\n", Welcome, 401, "Unauthorized"},
		{"forbidden", "sips", false, "SIP/2.0 403 Forbidden\r\n\r\n", AccessRefused, 403, "Forbidden"},
		{"overloaded", "sips", false, "SIP/2.0 503 Service Unavailable\r\n\r\n", Undecided, 503, "Unavailable"},
		{"it fails", "sips", false, "SIP/2.0 500 Certificate required\r\n\r\n", CertificateRefused, 500, "Certificate"},
		{"too many hops", "sips", false, "SIP/2.0 483 Too Many Hops\r\n\r\n", Welcome, 483, "Hops"},
		{"bad request", "sips", false, "SIP/2.0 400 Bad Request\r\n\r\n", Undecided, 400, "Bad"},
		{"no SIP", "sips", false, "HTTP/1.1 400 Bad Request\r\n", Undecided, 0, "HTTP"},
		{"answered", "dot", false, "\x00\x0c\x00\x01\x81\x80\x00\x00\x00\x00\x00\x00\x00\x00", Welcome, 0, "Success"},
		{"refused", "dot", false, "\x00\x0c\x00\x01\x81\x85\x00\x00\x00\x00\x00\x00\x00\x00", AccessRefused, 5, "Refused"},
		{"it fails", "dot", false, "\x00\x0c\x00\x01\x81\x82\x00\x00\x00\x00\x00\x00\x00\x00", Undecided, 2, "ServerFailure"},
		{"another query's", "dot", false, "\x00\x0c\x00\x02\x81\x80\x00\x00\x00\x00\x00\x00\x00\x00", Undecided, 0, ""},
		{"another secret", "radsec", false, "\x02\x00\x00\x14" + strings.Repeat("x", 16), Welcome, 0, "an authenticator that does not match"},
		{"rejected", "radsec", false, "\x03\x00\x00\x14" + strings.Repeat("x", 16), Undecided, 0, "Access-Reject"},
		{"no RADIUS", "radsec", false, "HTTP/1.1 400 Bad Request\r\n", Undecided, 0, "HTTP"},
		{"set up", "openvpn", false, "\x00\x00\x00\x00\x02PUSH_REPLY,ifconfig\x00", Welcome, 0, "PUSH_REPLY"},
		{"not let in", "openvpn-tcp", false, "\x00\x00\x00\x00\x02AUTH_FAILED,CRV\x00", AccessRefused, 0, "AUTH_FAILED,CRV"},
		{"traced", "http-proxy", false, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Welcome, 200, "OK"},
		{"a login first", "http-proxy", false, "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", Welcome, 407, "Proxy"},
		{"denied", "http-proxy", false, "HTTP/1.1 403 Forbidden\r\n\r\n", AccessRefused, 403, "Forbidden"},
		{"200", "https", false, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Welcome, 200, "OK"},
		{"needs a certificate", "https", false, "HTTP/1.1 400 Bad Request\r\n\r\nNo required SSL certificate was sent", CertificateRefused, 400, "No required"},
	}
	asked := make(map[string]bool)
	for _, tt := range tests {
		t.Run(tt.protocol+"/"+tt.name, func(t *testing.T) {
			p := Find(tt.protocol)
			if p == nil {
				t.Fatal("unknown protocol")
			}
			asked[p.Name] = true
			s := say(tt.said)
			a := p.Ask(NewConversation(s), question(tt.plain))
			if a == nil {
				t.Fatalf("no answer; asked %q", s.heard.String())
			}
			if a.Verdict != tt.verdict || a.Status != tt.status || !strings.Contains(a.Detail, tt.detail) {
				t.Errorf("got %+v, want verdict %q, status %d, detail with %q", *a, tt.verdict, tt.status, tt.detail)
			}
		})
	}
	for _, p := range All() {
		if p.Ask == nil {
			continue
		}
		if !asked[p.Name] {
			t.Errorf("%s: its question has no test", p.Name)
		}
		if a := p.Ask(NewConversation(say("")), question(false)); a != nil {
			t.Errorf("%s: an answer out of nothing: %+v", p.Name, *a)
		}
	}
}

// A welcome says which step was not taken, where that one may yet refuse.
func TestBefore(t *testing.T) {
	for _, tt := range []struct{ scheme, said, before string }{
		{"imaps", "* OK ready\r\n+ \r\n", "login"},
		{"pop3s", "+OK ready\r\n+ \r\n", "login"},
		{"lmtp", "250 mail\r\n", "RCPT"},
		{"smtp", "250 mail\r\n250 Ok\r\n250 Ok\r\n", "relaying to other domains"},
		{"mqtts", "\x20\x02\x00\x00", "subscribing and publishing"},
		{"rediss", "+PONG\r\n", ""},
		{"sips", "SIP/2.0 407 Proxy Authentication Required\r\n", "login"},
		{"sips", "SIP/2.0 200 OK\r\n", ""},
		{"memcached", "ERROR\r\n", "login"},
		{"rediss", "-NOAUTH Authentication required.\r\n", "login"},
		{"postgres", "R\x00\x00\x00\x08\x00\x00\x00\x03", "login"},
		{"postgres", "R\x00\x00\x00\x08\x00\x00\x00\x00", ""},
		{"ldaps", "\x30\x07\x02\x01\x02\x64\x02\x04\x00", "bind"},
	} {
		a := Find(tt.scheme).Ask(NewConversation(say(tt.said)), question(tt.scheme == "smtp" || tt.scheme == "lmtp"))
		if a == nil || a.Verdict != Welcome || a.Before != tt.before {
			t.Errorf("%s %q: %+v, want before %q", tt.scheme, tt.said, a, tt.before)
		}
	}
}

func TestStartTLS(t *testing.T) {
	tests := []struct{ scheme, yes, no string }{
		{"smtp", "220 mail\r\n250-mail\r\n250 STARTTLS\r\n220 go\r\n", "220 mail\r\n250 mail\r\n502 no\r\n"},
		{"submission", "220-mail\r\n220 mail\r\n250 mail\r\n220 go\r\n", "421 too busy\r\n"},
		{"lmtp", "220 mail\r\n250 mail\r\n220 go\r\n", "500 no\r\n"},
		{"imap", "* OK hi\r\n* CAPABILITY x\r\na OK go\r\n", "* OK hi\r\na BAD no\r\n"},
		{"pop3", "+OK hi\r\n+OK go\r\n", "+OK hi\r\n-ERR no\r\n"},
		{"sieve", "\"SIEVE\" \"x\"\r\nOK\r\nOK \"go\"\r\n", "OK\r\nNO\r\n"},
		{"ftp", "220 hi\r\n234 go\r\n", "220 hi\r\n500 no\r\n"},
		{"nntp", "201 hi\r\n382 go\r\n", "200 hi\r\n580 no\r\n"},
		{"ldap", "\x30\x84\x00\x00\x00\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00", "\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x02\x04\x00\x04\x00"},
		{"postgres", "S", "N"},
		{"mysql", "\x1b\x00\x00\x00\x0a8.0\x00\x01\x00\x00\x0012345678\x00\xff\xff12345678", "\x1b\x00\x00\x00\x0a8.0\x00\x01\x00\x00\x0012345678\x00\x00\x0012345678"},
		{"xmpp", "<stream:stream><stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features><proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", "<stream:stream><stream:features></stream:features>"},
		{"nats", "INFO {\"tls_required\":true}\r\n", "INFO {\"server_id\":\"x\"}\r\n"},
		{"irc", ":irc NOTICE * :hi\r\n:irc 670 * :go\r\n", ":irc 691 * :no\r\n"},
	}
	tested := make(map[string]bool)
	for _, tt := range tests {
		p, _ := ByScheme(tt.scheme)
		tested[p.Name] = true
		if err := p.StartTLS(NewConversation(say(tt.yes)), question(false)); err != nil {
			t.Errorf("%s, go-ahead: %v", tt.scheme, err)
		}
		var refusal *Refusal
		if err := p.StartTLS(NewConversation(say(tt.no)), question(false)); !errors.As(err, &refusal) {
			t.Errorf("%s, refusal: %v", tt.scheme, err)
		}
		if err := p.StartTLS(NewConversation(say("")), question(false)); !errors.Is(err, io.EOF) {
			t.Errorf("%s, hang-up: %v", tt.scheme, err)
		}
	}
	for _, p := range All() {
		if (p.StartTLS != nil) != tested[p.Name] {
			t.Errorf("%s: its preamble has no test", p.Name)
		}
	}
}

func TestDates(t *testing.T) {
	want := time.Date(2026, 11, 24, 17, 0, 0, 0, time.UTC)
	for scheme, said := range map[string]string{
		"smtps": "220 mail ESMTP Exim 4.96 Tue, 24 Nov 2026 18:00:00 +0100\r\n250 mail\r\n250 Ok\r\n250 Ok\r\n",
		"nntps": "200 hi\r\n111 20261124170000\r\n",
		"https": "HTTP/1.1 200 OK\r\nDate: Tue, 24 Nov 2026 17:00:00 GMT\r\n\r\n",
	} {
		if a := Find(scheme).Ask(NewConversation(say(said)), question(false)); a == nil || !a.Date.Equal(want) || a.DateFrom == "" {
			t.Errorf("%s: %+v", scheme, a)
		}
	}
}

// What comes after the go-ahead and before the handshake is left to be seen.
func TestRest(t *testing.T) {
	c := NewConversation(say("220 mail\r\n250 mail\r\n220 go\r\n250 injected\r\n"))
	if err := Find("smtp").StartTLS(c, question(false)); err != nil {
		t.Fatal(err)
	}
	if got := string(c.Rest()); got != "250 injected\r\n" {
		t.Errorf("rest %q", got)
	}
}

func FuzzAsk(f *testing.F) {
	seeds := 0
	for _, p := range All() {
		if p.Ask != nil {
			f.Add(p.Name, []byte("220 x\r\n250 \x00\x01\x02"))
			seeds++
		}
	}
	if seeds == 0 {
		f.Fatal("no seeds")
	}
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		p := Find(name)
		if p == nil {
			return
		}
		if p.StartTLS != nil {
			_ = p.StartTLS(NewConversation(say(string(data))), question(false))
		}
		if p.Ask == nil {
			return
		}
		if a := p.Ask(NewConversation(say(string(data))), question(false)); a != nil && strings.ContainsFunc(a.Detail, func(r rune) bool { return r < ' ' }) {
			t.Errorf("%s: control characters in %q", name, a.Detail)
		}
	})
}
