package verifier

import (
	"crypto/x509"

	"mtlsprobe/report/say"
)

// A Judgement is what one server program would say to a case.
type Judgement struct {
	Profile *Profile
	Accepts say.Answer
	// Reason is why it refuses; empty where it accepts, or where that is not known.
	Reason Reason
	// Certificate is the one that Reason is about; nil where it is about none.
	Certificate *x509.Certificate
	// Path is what was judged, the leaf first; nil where the program found none.
	Path []*x509.Certificate
	// Elsewhere is a path that the program would accept if nothing else were sent; nil for none.
	Elsewhere []*x509.Certificate
	// OfLeaf says that Certificate is the client's own.
	OfLeaf bool
	// Missing says that no certificate of the issuer's name is sent or trusted, where the reason is
	// NoIssuer.
	Missing bool
	// Contradicts says that the issuer's certificate is there, and its identifiers are others than
	// those that the certificate has of it.
	Contradicts bool
	// Trusted says that the certificate itself is trusted, where the reason is NoIssuer: it is no root.
	Trusted bool
	// Alert is what the program sends for the reason; 0 where it sends none, or that is not
	// known.
	Alert uint8
	// Silent says that it sends no alert and no answer, but closes the connection.
	Silent bool
	// Setting names what would have the program accept it, if it were set otherwise; with Elsewhere
	// it takes both. Needs is what it then has to be, for a depth or a security level.
	Setting Setting
	Needs   int
	// Depth is the one that was too small, where the reason is TooLong.
	Depth int
}
