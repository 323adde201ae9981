package match

import (
	"crypto/x509"

	"mtlsprobe/certstore"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

// A Server is what is known of a server apart from any identity. The zero Server
// knows nothing, and no check applies to it.
type Server struct {
	// Request is what the server demands; nil if it did not ask or that is not
	// known. One of version zero was not seen: somebody supposes its names.
	Request *wire.CertificateRequest
	Asked   say.Answer
	When    wire.Stage // of the request; empty unless seen
	// Versions are what the server does in each protocol version; nil when the
	// versions were not tried one by one.
	Versions []Version
	// Variants are what the same server does at its other addresses and by other
	// names; nil when these were not asked.
	Variants []Variant
	// StartTLS says that TLS began after a preamble, and Injected is what came in
	// clear between its go-ahead and the handshake.
	StartTLS bool
	Injected []byte
	// Missed is what the application said to a client without a certificate, where it
	// says that one is missing; nil otherwise.
	Missed say.Phrase
	// Gateway is the answer of something in front of the application that did not get one
	// from it; nil otherwise.
	Gateway say.Phrase
	// EarlierRefusal is how the server refused before it asked late; nil unless it did.
	EarlierRefusal say.Phrase
	// AnyPasses says whether a throw-away certificate is let in where none is not.
	AnyPasses say.Answer
	// Answers are how the connections of one run compare.
	Answers Answers
	// Identities are the candidates, whose own names have no place on the list.
	Identities []*certstore.Identity
	// Limits are what clients take; see probe/stack.
	Limits []Limit
}

// Answers are how a server answered from connection to connection.
type Answers struct {
	Connections int        // how many were made
	Differ      say.Phrase // how outcomes differed; nil if they did not
	Lists       int        // how many different lists of CA names came
	// Certificates are the server's own, each once.
	Certificates []*x509.Certificate
	// TurnedAway is how many were ended before the server asked, or answered with a
	// limit on their number, after it had answered the first.
	TurnedAway int
}

// A Version is what a server does in one protocol version.
type Version struct {
	Number    uint16
	Supported say.Answer
	Asked     say.Answer
	Request   *wire.CertificateRequest // nil unless asked and decoded
	Mode      string                   // of client authentication, as in the report; empty where not known
}

// A Variant is what the server does at one address or by one name.
type Variant struct {
	Label string
	Version
	Failed say.Phrase // why there is no answer; nil if there is
}

// A Limit is the largest CertificateRequest that a client takes, in bytes.
type Limit struct {
	Client string
	Bytes  int
}

// EvaluateServer judges the server. Every check of servers has a finding, in the
// catalogue's order.
func EvaluateServer(s *Server) []Finding {
	var findings []Finding
	for _, c := range Checks() {
		if c.server == nil {
			continue
		}
		f := c.server(s)
		f.Check = c
		findings = append(findings, f)
	}
	return findings
}

// seen reports whether the request came from a server.
func (s *Server) seen() bool { return s.Request != nil && s.Request.Version != 0 }
