package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"mtlsprobe/probe/carrier"
	"mtlsprobe/probe/reading"
	"mtlsprobe/probe/wire"
)

// A ConnectError says why a server could not be asked at all.
type ConnectError struct {
	Address string
	Kind    ConnectKind
	Err     error  // the cause; nil where Kind says it all
	Alert   uint8  // the server's, for Alerted
	Version uint16 // of its ServerHello; zero without one
	Detail  string
	Carried bool // TLS is carried by another protocol
}

// A ConnectKind groups connect errors by what helps against them.
type ConnectKind string

// The kinds of connect errors.
const (
	UnknownHost ConnectKind = "the host name cannot be resolved"
	Refused     ConnectKind = "nothing listens there: connection refused"
	Unreachable ConnectKind = "the host cannot be reached"
	Silent      ConnectKind = "no answer to the TLS handshake within the time limit"
	NoConnect   ConnectKind = "no connection within the time limit"
	NotTLS      ConnectKind = "the server does not speak TLS there"
	Hangup      ConnectKind = "the server closed the connection during the handshake"
	Alerted     ConnectKind = "the server refused the handshake"
	Malformed   ConnectKind = "the handshake could not be completed"
	NoStartTLS  ConnectKind = "the server could not be brought to start TLS"
	NoCarrier   ConnectKind = "the server could not be asked to begin TLS"
	ByProxy     ConnectKind = "the proxy made no connection"
)

func (e *ConnectError) Error() string {
	text := fmt.Sprintf("%s: %s", e.Address, e.Kind)
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	return text
}

func (e *ConnectError) Unwrap() error { return e.Err }

func dialError(t Target, err error) error {
	var dns *net.DNSError
	kind := Unreachable
	detail := ""
	var before *preambleError
	var proxy *proxyError
	switch {
	case errors.As(err, &proxy):
		kind, detail = ByProxy, proxy.Error()
	case errors.Is(err, syscall.ECONNREFUSED):
		kind = Refused
	case errors.As(err, &before):
		kind, detail = NoStartTLS, before.Error()
		if t.carried() {
			kind = NoCarrier
		}
	case errors.As(err, &dns):
		kind, detail = UnknownHost, dns.Err
	case isTimeout(err):
		kind = NoConnect
	default:
		var sys *os.SyscallError
		if errors.As(err, &sys) {
			detail = sys.Err.Error()
		}
	}
	return &ConnectError{Address: t.Address(), Kind: kind, Err: err, Detail: detail, Carried: t.carried()}
}

// A preambleError says why TLS was not begun on a connection that came about.
type preambleError struct{ err error }

func (e *preambleError) Error() string {
	var silent *carrier.SilentError
	switch {
	case errors.As(e.err, &silent):
		return silent.Error()
	case isTimeout(e.err):
		return "no answer within the time limit"
	case errors.Is(e.err, io.EOF):
		return "it closed the connection"
	}
	return e.err.Error()
}

func (e *preambleError) Unwrap() error { return e.err }

func isTimeout(err error) bool {
	var netErr net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) ||
		errors.As(err, &netErr) && netErr.Timeout()
}

// handshakeError explains a handshake that ended before it was seen whether the
// server asks.
func handshakeError(t Target, tr *wire.Transcript, err error, end reading.End) error {
	e := &ConnectError{Address: t.Address(), Kind: Malformed, Err: err, Version: tr.Version,
		Carried: t.carried()}
	for _, entry := range tr.Entries {
		if entry.ContentType == wire.NotTLS && entry.From == wire.Server && tr.Version == 0 {
			e.Kind, e.Detail = NotTLS, foreign(entry.Body)
			return e
		}
	}
	switch a := tr.Refusal(wire.Server); {
	case tr.Cut:
		e.Detail = "this program stopped reading, for the server sent more messages than any handshake has"
	case a != nil:
		e.Kind, e.Alert, e.Detail = Alerted, a.Description, fmt.Sprintf("alert %d %s", a.Description, a.Name())
		if tr.Version != 0 {
			e.Detail += ", after its ServerHello and before a certificate request: no client gets in, so this is not about " +
				"a client certificate"
			if a.Description == wire.AlertInternalError {
				e.Detail += "; OpenSSL's servers do so where their list of CA names is too long for a request"
			}
		}
		return e
	case tr.Cut:
		e.Detail = "stopped by this program: " + tr.Faults[len(tr.Faults)-1].Err.Error()
		return e
	case end == reading.TimedOut && len(tr.Faults) > 0 && tr.Faults[0].Incomplete:
		e.Kind = Silent
	case len(tr.Faults) > 0 && tr.Faults[0].From == wire.Server && end != reading.ByServer:
		e.Detail = tr.Faults[0].Err.Error()
	case end == reading.TimedOut:
		e.Kind = Silent
	case end == reading.ByServer:
		e.Kind = Hangup
	default:
		e.Detail = errorText(err)
	}
	if tr.Version != 0 {
		e.Detail = strings.TrimPrefix(e.Detail+"; "+progress(tr), "; ")
	}
	return e
}

// progress says how far a handshake came.
func progress(tr *wire.Transcript) string {
	last := wire.ServerHello
	for _, entry := range tr.Entries {
		if entry.From == wire.Server && entry.ContentType == wire.HandshakeRecord && !entry.Opaque && !entry.Injected {
			last = entry.Handshake
		}
	}
	return fmt.Sprintf("the last message of the server's %s handshake that could be read is %v",
		wire.VersionName(tr.Version), last)
}

func errorText(err error) string {
	if err == nil {
		return "no reason is known"
	}
	return strings.TrimPrefix(strings.TrimPrefix(err.Error(), "local error: "), "tls: ")
}

// foreign names the protocol that a server speaks in place of TLS.
func foreign(data []byte) string {
	s := string(data[:min(len(data), 16)])
	switch {
	case strings.HasPrefix(s, "HTTP/"):
		return "it answers in plain HTTP"
	case strings.HasPrefix(s, "SSH-"):
		return "it is an SSH server"
	case strings.HasPrefix(s, "220"):
		return "it greets as a mail or FTP server, which wants STARTTLS first"
	case strings.HasPrefix(s, "* OK"), strings.HasPrefix(s, "+OK"):
		return "it greets as a mail server, which wants STARTTLS first"
	}
	return fmt.Sprintf("its answer starts with %q", s)
}
