package protocol

// ftpProtocol is FTP (RFC 4217). PBSZ belongs to TLS itself and is answered
// before any login.
func ftpProtocol() *Protocol {
	return &Protocol{Name: "ftp", Greets: true, Schemes: []Scheme{{Name: "ftp", Port: "21", StartTLS: true},
		{Name: "ftps", Port: "990"}},
		StartTLS: func(c *Conversation, _ *Question) error { return startCoded(c, "AUTH TLS", 220, 234) },
		Ask:      func(c *Conversation, q *Question) *Answer { return askCoded(c, q, "ftp", "PBSZ 0") },
	}
}

// startCoded reads the greeting, of which every 2xx is good, and asks for TLS.
func startCoded(c *Conversation, command string, greeting, goAhead int) error {
	code, text, err := c.reply()
	if err == nil && code/100 == greeting/100 {
		c.send("%s\r\n", command)
		greeting = goAhead
		code, text, err = c.reply()
		if err == nil && code == goAhead {
			return nil
		}
	}
	if err != nil {
		return err
	}
	return &Refusal{Protocol: command, Said: saidCode(code, text)}
}

func askCoded(c *Conversation, q *Question, name, command string) *Answer {
	if !q.Plain {
		code, text, err := c.reply()
		if err != nil {
			return nil
		}
		if code/100 != 2 {
			return codeAnswer(name, code, text)
		}
	}
	c.send("%s\r\n", command)
	code, text, err := c.reply()
	if err != nil {
		return nil
	}
	c.send("QUIT\r\n")
	a := codeAnswer(name, code, text)
	if a != nil && a.Verdict == Welcome {
		a.Before = login
	}
	return a
}
