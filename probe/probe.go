// Package probe asks a server what client certificate it demands, and tries
// candidates on it for real.
//
// Call [Capture] to ask while presenting nothing, [Try] to present one
// certificate on a fresh connection, and [Conclude] to see what the trials and
// their controls mean together. The package knows nothing of files: a candidate
// is a *tls.Certificate. It judges nothing: see its neighbour probe/match.
package probe

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"time"

	"mtlsprobe/probe/recording"
	"mtlsprobe/probe/wire"
)

// Options says how to connect. Nil and the zero Options are usable.
type Options struct {
	Roots                  *x509.CertPool // to verify the server; nil means the system's
	Insecure               bool           // present certificates although the server is not verified
	ALPN                   []string
	MinVersion, MaxVersion uint16        // zero: TLS 1.0 and the highest
	Timeout                time.Duration // of one connection, all waits included; zero: 10 s
	// PostHandshake offers post-handshake authentication, which takes TLS 1.3 and
	// this program's own client.
	PostHandshake bool
	// Proxy is the way to the server; nil for none. Its scheme is http, https,
	// socks5 or socks5h.
	Proxy *url.URL
	// Lookup finds a host's addresses, where all of them are asked; nil means the
	// system's resolver.
	Lookup func(ctx context.Context, host string) ([]string, error)
	// Dial opens connections, to the proxy if there is one; nil means net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Record gets each connection that came about, once it is over, with all that
	// went over it and its secrets; nil, the default, drops them. Through a proxy
	// it begins where the proxy has connected, and with the proxy's address. It may
	// be called from several goroutines at once.
	Record func(*recording.Connection)
}

func (o *Options) withDefaults() *Options {
	var d Options
	if o != nil {
		d = *o
	}
	if d.MinVersion == 0 {
		d.MinVersion = tls.VersionTLS10
	}
	if d.Timeout == 0 {
		d.Timeout = 10 * time.Second
	}
	if d.Lookup == nil {
		d.Lookup = net.DefaultResolver.LookupHost
	}
	if d.Dial == nil {
		d.Dial = new(net.Dialer).DialContext
	}
	return &d
}

// An Answer is yes, no, or not known.
type Answer string

// The answers.
const (
	Yes     Answer = "yes"
	No      Answer = "no"
	Unknown Answer = "unknown"
)

// A Verification says whether the server's certificate is one that a client
// should trust.
type Verification struct {
	Result Answer // Unknown: not looked at
	Err    error  // why not, for No
}

// verify does what curl does: the chain to the roots, and the name. With
// Insecure and no roots of its own it does nothing, for nobody asked.
func (o *Options) verify(name string, certs []*x509.Certificate) Verification {
	if o.Insecure && o.Roots == nil || len(certs) == 0 {
		return Verification{Result: Unknown}
	}
	intermediates := x509.NewCertPool()
	for _, c := range certs[1:] {
		intermediates.AddCert(c)
	}
	_, err := certs[0].Verify(x509.VerifyOptions{Roots: o.Roots, Intermediates: intermediates, DNSName: name})
	if err != nil {
		return Verification{Result: No, Err: err}
	}
	return Verification{Result: Yes}
}

// An Observation is what a server demands, seen without presenting anything.
type Observation struct {
	Target Target
	Asked  Answer
	When   wire.Moment // empty unless asked
	// Request is nil unless the server asked and the request could be decoded.
	Request    *wire.CertificateRequest
	RequestErr error // a [*wire.DecodeError]
	// Version and CipherSuite are the negotiated ones, zero before a ServerHello.
	Version, CipherSuite uint16
	Certificates         []*x509.Certificate // the server's, leaf first; nil if not seen
	Verification         Verification
	// ServerTime is the server's clock at LocalTime; zero if it did not tell.
	ServerTime, LocalTime time.Time
	TimeSource            string // where it told, such as "HTTP Date"
	// Injected is what came in clear between the go-ahead of STARTTLS and the
	// handshake: a server that means it says nothing there.
	Injected []byte
	// Earlier is the connection on which the server turned the client away without
	// having asked, when this one asked late; see [Ask]. Nil otherwise.
	Earlier *Observation
	// None is the control trial: what came of presenting nothing.
	None       *Trial
	Transcript *wire.Transcript
	asked      time.Time // when the server was asked, by the local clock
}

// Capture connects without a client certificate and takes down what the server
// demands. The observation survives a handshake that fails: then None says how.
// An error is a [*ConnectError], which means that the server did not come as far
// as a ServerHello, or the context's.
func Capture(ctx context.Context, t Target, o *Options) (*Observation, error) {
	x, err := run(ctx, t, nil, o)
	if err != nil {
		return nil, err
	}
	obs, err := x.observation()
	if err == nil && obs.ServerTime.IsZero() {
		obs.helloTime(ctx, t, o.withDefaults())
	}
	return obs, err
}

// observation is what an exchange that presented nothing shows.
func (x *exchange) observation() (*Observation, error) {
	t, tr := x.target, x.transcript
	if tr.Version == 0 || x.err != nil && !tr.HandshakeDone() && tr.Refusal(wire.Server) == nil && len(tr.Demands()) == 0 && x.peer == nil {
		return nil, handshakeError(t, tr, x.err)
	}
	obs := &Observation{
		Target: t, Asked: Unknown, Version: tr.Version, CipherSuite: tr.CipherSuite,
		Certificates: x.peer, Verification: x.verify, None: x.trial(false), Transcript: tr, Injected: x.injected, asked: x.begun,
	}
	if asked, known := tr.AskedInHandshake(); known {
		obs.Asked = No
		if asked {
			obs.Asked = Yes
		}
	}
	if demands := tr.Demands(); len(demands) > 0 {
		d := demands[0]
		obs.Asked, obs.When, obs.Request, obs.RequestErr = Yes, d.When, d.Request, d.Err
	}
	if obs.Verification.Result == "" {
		obs.Verification.Result = Unknown
	}
	obs.LearnTime(obs.None)
	return obs, nil
}

// Try presents the certificate on a fresh connection, whatever the server's
// list says. To a server that fails verification it presents nothing unless
// o.Insecure is set; the trial is then not-tried. An error is a [*ConnectError]
// or the context's.
func Try(ctx context.Context, t Target, cert *tls.Certificate, o *Options) (*Trial, error) {
	x, err := run(ctx, t, cert, o)
	if err != nil {
		return nil, err
	}
	return x.trial(true), nil
}

// SelfSigned makes a throw-away certificate that no server has a reason to
// accept: the control that tells "checked" from "anything passes".
func SelfSigned(now time.Time) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a control certificate: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "mtlsprobe control, not to be trusted"},
		NotBefore: now.Add(-24 * time.Hour), NotAfter: now.Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("making a control certificate: %w", err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
