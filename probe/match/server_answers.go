package match

import (
	"mtlsprobe/report/say"
)

// Checks of a server that may be several: they compare the connections of one run.
var (
	ServerAnswersDiffer = &Check{
		ID: "server.answers-differ", Title: "Answers differ from connection to connection",
		Good: "The same answer on every connection", Since: v3,
		Doc: "Behind one address there may be several servers, of which one asks or verifies and another does not. " +
			"Which one a client meets is the balancer's choice, so that no single connection proves anything.",
		Citation: "RFC 8446, Section 4.3.2", server: serverAnswersDiffer,
	}
	ServerCertificatesDiffer = &Check{
		ID: "server.certificates-differ", Title: "The server shows different certificates of its own",
		Good: "One certificate of the server", Since: v3,
		Doc: "The connections of one run met different server certificates for the same name: several servers, or one " +
			"that is being renewed. Whether a client certificate is presented depends on the one that it meets.",
		Citation: "RFC 9525, Section 6", server: serverCertificatesDiffer,
	}
	ServerRateLimit = &Check{
		ID: "server.rate-limit", Title: "The server limits how many connections it accepts",
		Good: "No limit on connections was met", Since: v3,
		Doc: "A server that turns connections away for their number says nothing about certificates by that. Trials that " +
			"it turned away are unknown.",
		Citation: "RFC 6585, Section 4; RFC 9110, Section 15.6.4", server: serverRateLimit,
	}
)

// compared reports whether there are connections to compare.
func (a *Answers) compared() bool { return a.Connections > 1 }

func serverAnswersDiffer(s *Server) Finding {
	a := &s.Answers
	remedy := say.Text("find every server behind the address (--all-addresses, the balancer's configuration) and let " +
		"them ask and trust alike; --repeat N compares more connections")
	switch {
	case !a.compared():
		return notApplicable
	case a.Differ != nil:
		return warn(a.Differ, remedy)
	case a.Lists > 1:
		return warn(say.Text(a.Lists, " different lists of CA names came on ", a.Connections, " connections"), remedy)
	}
	return Finding{Result: Pass, Detail: say.Text(a.Connections, " connections were compared")}
}

func serverCertificatesDiffer(s *Server) Finding {
	a := &s.Answers
	switch {
	case !a.compared() || len(a.Certificates) == 0:
		return notApplicable
	case len(a.Certificates) == 1:
		return pass
	}
	const most = 3
	var names []say.Phrase
	for n, c := range a.Certificates {
		if n == most {
			names = append(names, say.Text(len(a.Certificates)-most, " more"))
			break
		}
		names = append(names, say.Text(Name(c.RawSubject), ", valid until ", say.Date(c.NotAfter)))
	}
	return warn(say.Text(len(a.Certificates), " certificates on ", a.Connections, " connections: ",
		say.Join("; ", names...)),
		say.Text("find out which servers are behind the address, and whether each of them is meant to be"))
}

func serverRateLimit(s *Server) Finding {
	switch {
	case s.Answers.Connections == 0:
		return notApplicable
	case s.Answers.TurnedAway > 0:
		return warn(say.Text("the server turned ", count(s.Answers.TurnedAway, "connection"), " away before it looked at a "+
			"certificate; this program slowed down, and nothing is concluded from them"),
			say.Text("run again later, with fewer identities, or from an address that the server does not limit"))
	}
	return pass
}
