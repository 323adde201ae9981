// Package probe talks to servers: it asks what client certificate one requests, and
// tries candidates on it for real.
//
// Call [Ask] to ask while presenting nothing, and [Try] to present one certificate on
// a fresh connection. What connections show is read by package reading, and what
// trials and controls mean together is said there. The package knows no files: a
// candidate is a *tls.Certificate.
package probe

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"time"

	"mtlsprobe/probe/carrier"
	"mtlsprobe/probe/reading"
	"mtlsprobe/probe/recording"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

// Options says how to connect. Nil and the zero Options are usable.
type Options struct {
	Roots                  *x509.CertPool // to verify the server; nil means the system's
	Insecure               bool           // present certificates although the server is not verified
	ALPN                   []string
	MinVersion, MaxVersion uint16        // zero: TLS 1.0 and the highest
	Timeout                time.Duration // of one connection, all waits included; zero: 10 s
	// Patient waits for the application's answer as long as the timeout allows, and not
	// for the usual two seconds: what is behind a balancer may be slow.
	Patient bool
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
	// Classical offers no post-quantum key exchange, which costs as much as the rest of the
	// handshake's cryptography together.
	Classical bool
	// Carrier says how to speak what carries TLS to servers that do not take it from a TCP stream.
	Carrier carrier.Options
	// staticRSA offers RSA key exchange, too: the server has nothing else.
	staticRSA bool
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
		d.Dial = (&net.Dialer{KeepAlive: -1}).DialContext // which would cost two system calls for each connection
	}
	return &d
}

// verify does what curl does: the chain to the roots, and the name, which is never
// left out, unless the protocol's servers have none: then only given roots make up for it. With
// Insecure and no roots of its own verification is skipped.
func (o *Options) verify(name string, nameless bool, certs []*x509.Certificate) reading.Verification {
	if o.Insecure && o.Roots == nil || len(certs) == 0 {
		return reading.Verification{}
	}
	switch {
	case name == "" && nameless && o.Roots == nil:
		return reading.Verification{Result: say.No, Err: errAnyName}
	case name == "" && !nameless: // crypto/x509 would skip the name
		return reading.Verification{Result: say.No, Err: errNoName}
	}
	for _, c := range certs {
		if key, ok := c.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() > wire.MaxRSA {
			return reading.Verification{Result: say.No,
				Err: fmt.Errorf("an RSA key of %d bits is too long to verify with", key.N.BitLen())}
		}
	}
	intermediates := x509.NewCertPool()
	for _, c := range certs[1:] {
		intermediates.AddCert(c)
	}
	_, err := certs[0].Verify(x509.VerifyOptions{Roots: o.Roots, Intermediates: intermediates, DNSName: name})
	if err != nil {
		return reading.Verification{Result: say.No, Err: err}
	}
	return reading.Verification{Result: say.Yes}
}

// maxHandshake is the longest handshake message that crypto/tls takes, in bytes.
const maxHandshake = 65536

// errAnyName: everybody can get a certificate from one of the system's roots.
var errAnyName = errors.New("servers of this kind do not prove their host's name: give --cacert with the network's " +
	"own CA, or --servername")

var errNoName = errors.New("there is no server name to verify")

// An Observation is what a server asks for, with what probing on takes.
type Observation struct {
	*reading.Observation
	// Flight says that only the server's first flight was read: see [Flight].
	Flight bool
	Times  Times
	asked  time.Time // when the server was asked, by the local clock
}

// Times are how long the parts of a connection took; zero for what was not done.
type Times struct {
	Connect   time.Duration // finding the address, and TCP, through a proxy if there is one
	Preamble  time.Duration // what is said before TLS, where that is not the first byte
	Handshake time.Duration // to its end or its failure
	Answer    time.Duration // the question, and the wait for its answer
}

// Capture connects without a client certificate and records what the server asks
// for. The observation survives a handshake that fails after the request: then None
// says how. An error is a [*ConnectError], which means that the server was not seen
// to ask or not to ask, or the context's.
func Capture(ctx context.Context, t Target, o *Options) (*Observation, error) {
	x, err := run(ctx, t, nil, o)
	if err != nil {
		return nil, err
	}
	obs, err := x.observation()
	if err == nil && obs.Clock.Server.IsZero() {
		obs.helloTime(ctx, t, o.withDefaults())
	}
	return obs, err
}

// observation is what an exchange that presented nothing shows.
func (x *exchange) observation() (*Observation, error) {
	obs := &Observation{Observation: reading.Observe(&x.seen), asked: x.begun, Times: x.times}
	obs.Injected = x.injected
	if obs.Asked == say.Unknown {
		return nil, handshakeError(x.target, x.seen.Transcript, x.seen.Err, x.seen.End)
	}
	tooLong := obs.Request != nil && len(obs.Request.Raw) > maxHandshake || obs.RequestErr != nil
	// the server's proof failed, or it broke the protocol
	if x.seen.End == reading.Stopped && !x.seen.Established && !tooLong {
		return nil, &ConnectError{Address: x.target.Address(), Kind: Malformed, Version: obs.Version, Err: x.seen.Err,
			Detail: errorText(x.seen.Err)}
	}
	return obs, nil
}

// Try presents the certificate on a fresh connection, whatever the server's
// list says. To a server that fails verification it presents nothing unless
// o.Insecure is set; the trial is then not-tried. An error is a [*ConnectError]
// or the context's.
func Try(ctx context.Context, t Target, cert *tls.Certificate, o *Options) (*reading.Trial, error) {
	if o != nil && o.staticRSA && !o.Insecure {
		return reading.Classify(&reading.Connection{Transcript: &wire.Transcript{}, Presents: true,
			Withheld: reading.NoProof}), nil
	}
	x, err := run(ctx, t, cert, o)
	if err != nil {
		return nil, err
	}
	return reading.Classify(&x.seen), nil
}

// Repeat connects once more without a certificate, as Capture does, for comparison.
func Repeat(ctx context.Context, t Target, o *Options) (*reading.Trial, error) {
	x, err := run(ctx, t, nil, o)
	if err != nil {
		return nil, err
	}
	return reading.Classify(&x.seen), nil
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
