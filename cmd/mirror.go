package cmd

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"slices"
	"sync"
	"time"

	"mtlsprobe/certstore"
	"mtlsprobe/certstore/account"
	"mtlsprobe/probe/diagnosis"
	"mtlsprobe/probe/match"
	"mtlsprobe/probe/mirror"
	"mtlsprobe/probe/reading"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report"
	"mtlsprobe/report/say"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

type mirrorOptions struct {
	hold                  holdFlags
	output                outputFlags
	phases                phaseFlags
	listen                string
	serverCert, serverKey string
	saveCA                string
	count                 int
	timeout               time.Duration
	client                string
}

func newMirror(s *Streams, run func(context.Context, *Streams, *mirrorOptions) error) *cobra.Command {
	o := &mirrorOptions{}
	c := &cobra.Command{
		Use:   "mirror --request FILE | --named-ca FILE",
		Short: "Act as the server and report what a real client sends",
		Long: "Listen as a TLS server that asks for a client certificate exactly as another server did, byte for\n" +
			"byte, and report what each client that connects does. Point the real client at it: this settles\n" +
			"what it sends where no prediction knows it. What it sends is judged as \"check\" does, and the\n" +
			"exit code is 3 if nothing that matches came. TLS 1.2 and 1.3.",
		Example: "  mtlsprobe request api.example.com --save r.json\n" +
			"  mtlsprobe mirror --request r.json --save-ca mirror-ca.pem --cert client.p12\n" +
			"  curl --cacert mirror-ca.pem --cert client.pem https://localhost:PORT/",
		Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return run(c.Context(), s, o) },
	}
	addFlags(c, flagGroup{demandGroup, o.phases.register}, flagGroup{"Listening", o.registerListen},
		flagGroup{candidateGroup, o.hold.register}, flagGroup{candidateGroup, func(flags *pflag.FlagSet) {
			flags.StringVar(&o.client, "client", "", "compare with the prediction for this client `STACK`")
		}},
		flagGroup{reportGroup, o.output.register})
	return c
}

func (o *mirrorOptions) registerListen(flags *pflag.FlagSet) {
	flags.StringVar(&o.listen, "listen", "127.0.0.1:0", "listen on this `ADDRESS` and port; port 0 chooses a free one")
	flags.StringVar(&o.serverCert, "server-cert", "",
		"the server's certificate and chain, a PEM `FILE` (default: generated for localhost)")
	flags.StringVar(&o.serverKey, "server-key", "", "the server's key, a PEM `FILE`")
	flags.StringVar(&o.saveCA, "save-ca", "",
		"save the CA of the generated certificate to this `FILE`, for the client to trust")
	flags.IntVar(&o.count, "count", 1,
		"stop after this `NUMBER` of answers, not counting connections that are just closed; 0 means run until the "+
			"time limit or an interrupt")
	flags.DurationVar(&o.timeout, "timeout", 5*time.Minute, "limit for all of it: a `DURATION` as in 30s or 5m")
}

func runMirror(ctx context.Context, s *Streams, o *mirrorOptions) error {
	switch {
	case len(o.phases.files) != 1:
		return usage(errors.New("give one --request FILE or --named-ca FILE"))
	case (o.serverCert == "") != (o.serverKey == ""):
		return usage(errors.New("--server-cert and --server-key go together"))
	case o.timeout <= 0 || o.count < 0:
		return usage(errors.New("--timeout and --count must not be negative"))
	}
	o.output.client = o.client
	if err := cmp.Or(o.output.check(), checkOutput(o.output.force, outputFile{"--save-ca", o.saveCA})); err != nil {
		return err
	}
	phases, err := o.phases.phases(ctx, s)
	if err != nil {
		return err
	}
	o.hold.namedCAs = o.phases.namedCAs()
	holding, err := hold(ctx, s, &o.hold)
	if err == nil && len(o.hold.certs) > 0 {
		err = holding.RequireIdentity()
	}
	if err != nil {
		return err
	}
	options, err := o.ask(ctx, phases[0].Request, s.Now())
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	hint := ""
	if o.saveCA != "" {
		hint = fmt.Sprintf(", and let it trust %s", account.ShellQuote(o.saveCA))
	}
	tell(s.Err, "hint", fmt.Sprintf("listening on %s: point the client at https://localhost:%s/%s", listener.Addr(), port,
		hint))
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	m := &mirroring{streams: s, options: o, mirror: options, request: phases[0].Request, holding: holding,
		engine: diagnosis.New(diagnosis.Settings{Now: s.Now, Holding: holding})}
	sightings, err := m.serve(ctx, listener)
	if err != nil {
		return err
	}
	if !o.live() {
		if err := m.write(sightings); err != nil {
			return err
		}
	}
	if len(sightings) == 0 {
		return errors.New("no client came within the time limit")
	}
	if !slices.ContainsFunc(sightings, func(s report.Sighting) bool { return s.Verdict == report.Fits }) {
		return errNoneFits
	}
	return nil
}

// live says that sightings are shown as they come. In a file, and where pseudonyms have
// to be given out for all of them at once, they are written at the end.
func (o *mirrorOptions) live() bool {
	return o.output.format == "table" && o.output.file == "" && !o.output.redact
}

// write writes all sightings.
func (m *mirroring) write(sightings []report.Sighting) error {
	d := m.engine.Inspect()
	d.Request = m.request
	r := report.New(d, false)
	r.Sightings = sightings
	o := &m.options.output
	if o.format != "table" {
		return o.write(m.streams, r)
	}
	r, err := o.redacted(r)
	if err != nil {
		return err
	}
	return o.to(m.streams, func(w io.Writer) error {
		for n := range r.Sightings {
			if err := report.WriteSighting(w, o.forText(m.streams), n+1, &r.Sightings[n]); err != nil {
				return err
			}
		}
		return nil
	})
}

// ask prepares the requests and the server's certificate.
func (o *mirrorOptions) ask(ctx context.Context, request *wire.CertificateRequest, now time.Time) (*mirror.Options,
	error) {
	options := &mirror.Options{Requests: []*wire.CertificateRequest{request}}
	switch {
	case request.Version == 0:
		options.Requests = mirror.Suppose(request.NamedCAs)
	case request.Version < tls.VersionTLS12:
		return nil, fmt.Errorf("the request was seen in %s; the mirror asks in TLS 1.2 and 1.3",
			wire.VersionName(request.Version))
	}
	if o.serverCert != "" {
		pair, err := loadPair(ctx, o.serverCert, o.serverKey)
		options.Certificate = pair
		if err == nil {
			err = suits(pair)
		}
		if err != nil {
			return nil, fmt.Errorf("--server-cert: %w", err)
		}
		return options, nil
	}
	own, ca, err := makeServer(now)
	if err != nil {
		return nil, err
	}
	options.Certificate = own
	if o.saveCA != "" {
		if err := replace(o.saveCA, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca}),
			o.output.force); err != nil {
			return nil, fmt.Errorf("--save-ca: %w", err)
		}
	}
	return options, nil
}

// loadPair loads the server's certificate and key.
func loadPair(ctx context.Context, certFile, keyFile string) (tls.Certificate, error) {
	cert, err := certstore.ReadFile(ctx, certFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := certstore.ReadFile(ctx, keyFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(cert, key)
}

// suits says whether the mirror can sign with the key.
func suits(pair tls.Certificate) error {
	switch key := pair.PrivateKey.(type) {
	case *rsa.PrivateKey:
		return nil
	case *ecdsa.PrivateKey:
		if key.Curve == elliptic.P256() {
			return nil
		}
	}
	return errors.New("the mirror needs a key of RSA or ECDSA P-256")
}

// mirrorCA is the common name of the CA that the mirror makes.
const mirrorCA = "mtlsprobe mirror CA"

// makeServer makes a CA and a certificate for localhost, good for a week.
func makeServer(now time.Time) (own tls.Certificate, ca []byte, err error) {
	keys := make([]*ecdsa.PrivateKey, 2)
	for i := range keys {
		if keys[i], err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return own, nil, err
		}
	}
	root := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: mirrorCA,
			SerialNumber: rand.Text()[:8]},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(0, 0, 7), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano() + 1), Subject: pkix.Name{CommonName: "localhost"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(0, 0, 7), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, DNSNames: []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	if ca, err = x509.CreateCertificate(rand.Reader, root, root, &keys[0].PublicKey, keys[0]); err != nil {
		return own, nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, root, &keys[1].PublicKey, keys[0])
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: keys[1]}, ca, err
}

// Bounds on what clients can make the mirror hold.
const (
	maxClients   = 64 // at once
	maxSightings = 10_000
)

// A mirroring is the work of one run.
type mirroring struct {
	streams *Streams
	options *mirrorOptions
	mirror  *mirror.Options
	request *wire.CertificateRequest
	holding *certstore.Holding
	engine  *diagnosis.Engine

	mu        sync.Mutex
	sightings []report.Sighting
	seen      int
	answers   int // sightings that settle something
	err       error
}

// serve sees clients until there were enough, the time is over, or an interrupt.
func (m *mirroring) serve(ctx context.Context, listener net.Listener) ([]report.Sighting, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	defer stop()
	var wait sync.WaitGroup
	slots := make(chan struct{}, maxClients)
	for ctx.Err() == nil {
		conn, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			break // by the context
		}
		if err != nil { // too many open files, for one: it passes
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
			}
			continue
		}
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			seen := mirror.Serve(ctx, conn, m.mirror, func(s *mirror.Sighting) string { return string(s.Action) + "\n" })
			m.note(ctx, seen, cancel)
		})
	}
	wait.Wait()
	return m.sightings, m.err
}

// note compares what was seen and prints it at once.
func (m *mirroring) note(ctx context.Context, seen *mirror.Sighting, cancel func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := report.NewSighting(seen, m.streams.Now())
	for _, i := range m.holding.Identities {
		s.Compare(i)
	}
	s.Compared = append(s.Compared, m.predicted(ctx, seen)...)
	m.judge(ctx, seen, &s)
	if m.seen++; len(m.sightings) < maxSightings {
		m.sightings = append(m.sightings, s)
	}
	// Browsers close the connection on which they are asked, let the user choose,
	// and come again: that is no answer yet.
	if seen.Action != mirror.Closed && seen.Action != mirror.Distrusted && seen.Action != mirror.Cut {
		m.answers++
	}
	if m.options.count > 0 && m.answers >= m.options.count {
		defer cancel()
	}
	if !m.options.live() {
		return
	}
	format := m.options.output.forText(m.streams)
	if err := report.WriteSighting(m.streams.Out, format, m.seen, &s); err != nil && m.err == nil {
		m.err = err
		cancel()
	}
}

// judge holds what the client sent against the request. The signature has shown that it has the key.
func (m *mirroring) judge(ctx context.Context, seen *mirror.Sighting, s *report.Sighting) {
	sent := &certstore.Identity{Label: "what was sent", Source: "the client"}
	for _, der := range seen.Chain {
		c, err := x509.ParseCertificate(der)
		switch {
		case err != nil && sent.Leaf == nil:
			return // nothing can be said of it
		case err != nil:
		case sent.Leaf == nil:
			sent.Leaf = c
		default:
			sent.Chain = append(sent.Chain, c)
		}
	}
	if sent.Leaf == nil || seen.SignatureErr != nil {
		return
	}
	sent.Key.State = certstore.Usable
	holding := &certstore.Holding{Identities: []*certstore.Identity{sent}, Authorities: m.holding.Authorities}
	d, err := diagnosis.New(diagnosis.Settings{Now: m.streams.Now, Holding: holding}).Check(ctx, reading.UnknownMode,
		match.Phase{Request: m.request})
	if err == nil {
		s.Judge(report.New(d, false))
	}
}

// predicted compares what was seen with the prediction for the client stack.
func (m *mirroring) predicted(ctx context.Context, seen *mirror.Sighting) []say.Phrase {
	if m.options.client == "" || !seen.Asked {
		return nil
	}
	request := *m.request
	if request.Version == 0 {
		for _, r := range m.mirror.Requests {
			if r.Version == seen.Version {
				request = *r
			}
		}
	}
	predictions, err := m.engine.Predict(ctx, &request, m.options.client)
	if err != nil {
		return nil
	}
	var sentences []say.Phrase
	for n, p := range predictions {
		sentences = append(sentences, say.Text("predicted for ", p.Profile.Name, " with ",
			say.File(m.holding.Identities[n].Label), ": sends ", p.Sends.String(), " (", p.Reason, ")"))
	}
	return sentences
}
