package probe

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"sync"

	"mtlsprobe/probe/wire"
)

// A Served is what a server does when a client offers one protocol version alone.
type Served struct {
	Version   uint16
	Supported Answer
	Detail    string // why not, or why it is not known
	Asked     Answer
	When      wire.Moment
	Request   *wire.CertificateRequest // nil unless asked and decoded
	// None is the control that presented nothing; nil where the handshake was read
	// up to ServerHelloDone only, for want of the means to complete it.
	None *Trial
	// SelfSigned is the control with a throw-away certificate; nil unless tried.
	SelfSigned *Trial
	Insistence Insistence
	options    *Options
}

// Sweep offers each version from SSL 3.0 to TLS 1.3 alone, on connections of
// their own, and returns what the server does, the newest version first. seen is
// an observation that need not be repeated, nor its controls: insistence is what
// came of those; nil for none. What crypto/tls cannot
// complete is read up to ServerHelloDone, in clear. Nothing is presented unless
// control is set: a throw-away certificate, shown in every other version. The error is
// the context's.
func Sweep(ctx context.Context, t Target, seen *Observation, insistence Insistence, control *tls.Certificate, o *Options) ([]Served, error) {
	o = o.withDefaults()
	versions := []uint16{tls.VersionTLS13, tls.VersionTLS12, tls.VersionTLS11, tls.VersionTLS10, wire.VersionSSL30}
	served := make([]Served, len(versions))
	var wait sync.WaitGroup
	for n, version := range versions {
		wait.Go(func() {
			s := &served[n]
			*s = Served{Version: version, Supported: Unknown, Asked: Unknown, Insistence: UnknownInsistence}
			if seen != nil && seen.Version == version {
				s.observed(seen, o)
				s.Insistence = insistence
				return
			}
			s.ask(ctx, t, o)
			s.insist(ctx, t, control)
		})
	}
	wait.Wait()
	return served, ctx.Err()
}

// ask fills in what one connection shows, with crypto/tls if it can.
func (s *Served) ask(ctx context.Context, t Target, o *Options) {
	if s.Version > wire.VersionSSL30 {
		only := *o
		only.MinVersion, only.MaxVersion, only.PostHandshake = s.Version, s.Version, false
		obs, how, err := Ask(ctx, t, &only)
		if err == nil && obs.Version == s.Version {
			s.observed(obs, how)
			return
		}
		if s.Version == tls.VersionTLS13 && err == nil {
			s.Supported, s.Detail = No, "the server answers with "+wire.VersionName(obs.Version)
			return
		}
		if s.Version == tls.VersionTLS13 {
			s.refused(err)
			return
		}
	}
	tr, err := listen(ctx, t, s.Version, o)
	switch {
	case err != nil:
		s.refused(err)
	case tr.Version == s.Version:
		s.Supported, s.Detail = Yes, "read up to ServerHelloDone only: the handshake takes what this program does not have"
		s.demand(tr)
	case tr.Version != 0:
		s.Supported, s.Detail = No, "the server answers with "+wire.VersionName(tr.Version)
	default:
		s.Supported = No
		s.Detail = "the server closed the connection"
		if a := tr.Refusal(wire.Server); a != nil {
			s.Detail = fmt.Sprintf("the server's alert %d %s", a.Description, a.Name())
		}
	}
}

// refused takes an error for the answer that it is: an end by the server means
// no, silence and everything else is not known.
func (s *Served) refused(err error) {
	var connect *ConnectError
	if errors.As(err, &connect) {
		s.Detail = string(connect.Kind)
		if connect.Detail != "" {
			s.Detail = connect.Detail
		}
		if connect.Kind == Alerted || connect.Kind == Hangup {
			s.Supported = No
		}
	}
}

func (s *Served) observed(obs *Observation, how *Options) {
	s.Supported, s.Asked, s.When, s.Request, s.None, s.options = Yes, obs.Asked, obs.When, obs.Request, obs.None, how
}

func (s *Served) demand(tr *wire.Transcript) {
	if asked, known := tr.AskedInHandshake(); known {
		s.Asked = No
		if asked {
			s.Asked = Yes
		}
	}
	for _, d := range tr.Demands() {
		s.When, s.Request = d.When, d.Request
	}
}

// insist finds out how much the server insists in this version.
func (s *Served) insist(ctx context.Context, t Target, control *tls.Certificate) {
	if s.None == nil || s.Asked != Yes {
		return
	}
	none := *s.None // Conclude may change it
	if control != nil {
		only := *s.options
		if !only.PostHandshake {
			only.MinVersion, only.MaxVersion = s.Version, s.Version
		}
		s.SelfSigned, _ = Try(ctx, t, control, &only)
	}
	s.Insistence = Conclude(&none, s.SelfSigned, nil)
}

// listen sends a ClientHello alone and reads the server's flight in clear, up to
// ServerHelloDone, an alert or the end.
func listen(ctx context.Context, t Target, version uint16, o *Options) (*wire.Transcript, error) {
	limited, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	x := &exchange{target: t, protocol: t.protocol(), options: o}
	defer x.record()
	conn, err := x.connect(ctx, limited)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer bound(limited, conn)()
	random := make([]byte, 32)
	_, _ = rand.Read(random) // never fails (crypto/rand)
	if _, err := x.tap.Write(wire.HelloOnly(version, t.ServerName, x.offered(), random)); err != nil {
		return nil, handshakeError(t, &wire.Transcript{}, err)
	}
	buffer := make([]byte, 16<<10)
	for total := 0; total < maxTap; {
		n, err := x.tap.Read(buffer)
		total += n
		tr := wire.Decode(x.tap.snapshot(), nil)
		if tr.Sent(wire.Server, wire.ServerHelloDone) || len(tr.Alerts()) > 0 {
			return tr, nil
		}
		if err != nil {
			if tr.Version == 0 && !errors.Is(err, io.EOF) || tr.Version == 0 && len(tr.Entries) > 1 {
				return nil, handshakeError(t, tr, err)
			}
			return tr, nil
		}
	}
	return nil, handshakeError(t, &wire.Transcript{}, errors.New("more than any server says"))
}
