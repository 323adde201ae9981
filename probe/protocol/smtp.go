package protocol

import (
	"net/netip"
	"regexp"
	"strings"
	"time"
)

// smtpProtocol is mail submission and relay (RFC 3207, RFC 8314). Postfix and nginx
// refuse at EHLO, or in place of their greeting; rules on certificates speak as late
// as RCPT. So the question goes up to RCPT, for the postmaster of the server's own
// domain, whom every server has to take (RFC 5321, Section 4.5.1); RSET takes it back.
func smtpProtocol() *Protocol {
	return &Protocol{Name: "smtp", Greets: true,
		Schemes: []Scheme{{Name: "smtp", Port: "25", StartTLS: true}, {Name: "submission", Port: "587", StartTLS: true},
			{Name: "smtps", Port: "465"}, {Name: "submissions", Port: "465"}},
		StartTLS: func(c *Conversation, _ *Question) error { return startSMTP(c, "EHLO") },
		Ask:      askSMTP,
	}
}

// lmtpProtocol is local delivery (RFC 2033), SMTP but for the greeting. Which
// mailboxes there are nobody can know.
func lmtpProtocol() *Protocol {
	return &Protocol{Name: "lmtp", Greets: true, Schemes: []Scheme{{Name: "lmtp", Port: "24", StartTLS: true}},
		StartTLS: func(c *Conversation, _ *Question) error { return startSMTP(c, "LHLO") },
		Ask: func(c *Conversation, q *Question) *Answer {
			a := greetSMTP(c, q, "lmtp", "LHLO")
			if a != nil && a.Verdict == Welcome {
				a.Before = "RCPT"
			}
			c.send("QUIT\r\n")
			return a
		},
	}
}

func startSMTP(c *Conversation, hello string) error {
	for _, command := range []string{"", hello + " mtlsprobe.invalid\r\n", "STARTTLS\r\n"} {
		c.send("%s", command)
		code, text, err := c.reply()
		if err != nil {
			return err
		}
		if code/100 != 2 {
			return &Refusal{Protocol: "STARTTLS", Said: saidCode(code, text)}
		}
	}
	return nil
}

func askSMTP(c *Conversation, q *Question) *Answer {
	a := greetSMTP(c, q, "smtp", "EHLO")
	if a == nil || a.Verdict != Welcome {
		return a
	}
	for _, step := range []string{"MAIL FROM:<>", "RCPT TO:<postmaster@" + mailDomain(a.Detail, q.Name) + ">"} {
		c.send("%s\r\n", step)
		code, text, err := c.reply()
		if err != nil {
			return nil
		}
		said := codeAnswer("smtp", code, text)
		if said == nil { // an empty line
			return nil
		}
		said.Date, said.DateFrom = a.Date, a.DateFrom
		if a = said; code/100 != 2 {
			verb, _, _ := strings.Cut(step, ":")
			a.Detail = verb + ": " + a.Detail
			undecideSMTP(a, text)
			break
		}
	}
	if a.Verdict == Welcome {
		a.Before = "relaying to other domains"
	}
	c.send("RSET\r\nQUIT\r\n")
	return a
}

// undecideSMTP takes back what a refusal of a sender or a recipient does not say: a
// temporary one, one that demands a login, and one about the address (RFC 3463,
// Section 3.2) are not about the certificate, unless another certificate fares better.
func undecideSMTP(a *Answer, text string) {
	const (
		unrecognized, notImplemented = 500, 504 // RFC 5321, Section 4.2.2: of commands, whoever sends them
		loginRequired                = 530      // RFC 4954, Section 6
	)
	if unrecognized <= a.Status && a.Status <= notImplemented {
		a.Verdict = Undecided
	}
	if a.Verdict == AccessRefused && (a.Status < 500 || a.Status == loginRequired || strings.HasPrefix(text, "5.1.")) {
		a.Verdict, a.UserOrCertificate = Undecided, true
	}
}

// greetSMTP hears the greeting, where there is one, and says hello.
func greetSMTP(c *Conversation, q *Question, name, hello string) *Answer {
	var greeted Answer
	if !q.Plain {
		code, text, err := c.reply()
		if err != nil {
			return nil
		}
		if code/100 != 2 {
			return codeAnswer(name, code, text)
		}
		greeted.Date, greeted.DateFrom = dateIn(text)
	}
	c.send("%s mtlsprobe.invalid\r\n", hello)
	code, text, err := c.reply()
	if err != nil {
		return nil
	}
	a := codeAnswer(name, code, text)
	if a != nil {
		a.Date, a.DateFrom = greeted.Date, greeted.DateFrom
	}
	return a
}

// mailDomain is the server's own domain: the one with which it answers EHLO (RFC 5321,
// Section 4.1.1.1), or else the name that it is known by.
func mailDomain(said, name string) string {
	domain, _, _ := strings.Cut(said, " ")
	odd := func(r rune) bool {
		return r != '.' && r != '-' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}
	if domain != "" && !strings.ContainsFunc(domain, odd) {
		return domain
	}
	if addr, err := netip.ParseAddr(name); err == nil {
		if addr.Is6() {
			return "[IPv6:" + addr.WithZone("").String() + "]"
		}
		return "[" + name + "]"
	}
	return name
}

// dateIn finds the date that Exim and others write into their greeting.
func dateIn(text string) (time.Time, string) {
	found := greetingDate().FindString(text)
	if date, err := time.Parse("Mon, _2 Jan 2006 15:04:05 -0700", found); err == nil {
		return date, "the SMTP greeting"
	}
	return time.Time{}, ""
}

func greetingDate() *regexp.Regexp {
	return regexp.MustCompile(`(Mon|Tue|Wed|Thu|Fri|Sat|Sun), [ 0-9]?\d \w{3} \d{4} \d\d:\d\d:\d\d [-+]\d{4}`)
}
