package protocol

import (
	"regexp"
	"time"
)

// smtpProtocol is mail submission and relay (RFC 3207, RFC 8314). The question is
// EHLO: Postfix and nginx refuse there, or in place of their greeting.
func smtpProtocol() *Protocol {
	return &Protocol{Name: "smtp", Greets: true,
		Schemes: []Scheme{{Name: "smtp", Port: "25", StartTLS: true}, {Name: "submission", Port: "587", StartTLS: true},
			{Name: "smtps", Port: "465"}, {Name: "submissions", Port: "465"}},
		StartTLS: func(c *Conversation, _ *Question) error { return startSMTP(c, "EHLO") },
		Ask:      func(c *Conversation, q *Question) *Answer { return askSMTP(c, q, "smtp", "EHLO") },
	}
}

// lmtpProtocol is local delivery (RFC 2033), SMTP but for the greeting.
func lmtpProtocol() *Protocol {
	return &Protocol{Name: "lmtp", Greets: true, Schemes: []Scheme{{Name: "lmtp", Port: "24", StartTLS: true}},
		StartTLS: func(c *Conversation, _ *Question) error { return startSMTP(c, "LHLO") },
		Ask:      func(c *Conversation, q *Question) *Answer { return askSMTP(c, q, "lmtp", "LHLO") },
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

func askSMTP(c *Conversation, q *Question, name, hello string) *Answer {
	a := &Answer{Protocol: name}
	if !q.Plain {
		code, text, err := c.reply()
		if err != nil {
			return nil
		}
		if code/100 != 2 {
			return codeAnswer(name, code, text)
		}
		a.Date, a.DateFrom = dateIn(text)
	}
	c.send("%s mtlsprobe.invalid\r\n", hello)
	code, text, err := c.reply()
	if err != nil {
		return nil
	}
	said := codeAnswer(name, code, text)
	said.Date, said.DateFrom = a.Date, a.DateFrom
	c.send("QUIT\r\n")
	return said
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
