package report

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"sync"
	"time"

	"mtlsprobe/certstore"
	"mtlsprobe/probe"
	"mtlsprobe/probe/diagnosis"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

// A Scanned is what "scan" writes of one target, as a line of JSON.
type Scanned struct {
	Target string `json:"target"` // as it stands in the list
	Line   int    `json:"line"`   // of the list
	Asked  string `json:"asked"`  // yes, no, unknown
	// Mode is what the server insists on: required, optional, ignored, unknown. Verified says
	// whether it looks at what it gets: yes, partly, no, unknown. Without a trial they are known
	// only as far as presenting nothing tells.
	Mode     string `json:"mode,omitempty"`
	Verified string `json:"verified,omitempty"`
	Version  string `json:"version,omitempty"`
	// Level is what this rests on: the server's first "flight", which proves nothing, and shows
	// neither the mode nor a request that comes after it; a "handshake", in which nothing was
	// presented; or a "trial".
	Level string `json:"level,omitempty"`
	// NamedCAs are the acceptable CAs: empty for any, absent where they are not known.
	NamedCAs          []string            `json:"named_cas,omitzero"`
	ServerCertificate *ScannedCertificate `json:"server_certificate,omitempty"`
	// Verdicts are those of the client certificates, by label: fits, does-not-fit, unknown.
	Verdicts map[string]string `json:"verdicts,omitempty"`
	Error    *ScanError        `json:"error,omitempty"`
}

// A ScannedCertificate is a server's certificate.
type ScannedCertificate struct {
	Subject  string    `json:"subject"`
	Issuer   string    `json:"issuer"`
	SHA256   string    `json:"sha256"`
	NotAfter time.Time `json:"not_after"`
	Verified string    `json:"verified"` // yes, no, unknown
}

// A ScanError is why a target was not asked. Its kinds are line, unknown-host, refused,
// unreachable, no-connect, silent, not-tls, hangup, alert, malformed, starttls, proxy, files and
// other.
type ScanError struct {
	Kind   string `json:"kind"`
	Detail string `json:"detail"`
}

// A Scanner makes lines. It keeps the names of lists that many servers have. It is safe for
// concurrent use.
type Scanner struct {
	mu    sync.Mutex
	lists map[[sha256.Size]byte][]string
}

// maxLists bounds how many lists of names are kept.
const maxLists = 1024

// NewScanner returns one that has seen nothing.
func NewScanner() *Scanner { return &Scanner{lists: make(map[[sha256.Size]byte][]string)} }

// Line is that of a target that was asked.
func (s *Scanner) Line(target string, line int, d *diagnosis.Diagnosis) *Scanned {
	o := d.Server.Observation
	out := &Scanned{Target: target, Line: line, Asked: o.Asked.String(), Mode: string(d.Mode), Level: "handshake",
		Version: wire.VersionName(o.Version), Verified: say.Unknown.String()}
	if o.Flight {
		out.Level = "flight"
	}
	if c := d.Server.Conclusion; c != nil && c.SelfSigned != nil {
		out.Level, out.Verified = "trial", string(c.Verified)
	}
	if o.Asked == say.No {
		out.Mode, out.Verified = "", ""
	}
	if o.Request != nil {
		out.NamedCAs = s.names(o.Request.NamedCAs)
	}
	if len(o.Certificates) > 0 {
		c := o.Certificates[0]
		sum := sha256.Sum256(c.Raw)
		out.ServerCertificate = &ScannedCertificate{Subject: certstore.NameString(c.RawSubject),
			Issuer: certstore.NameString(c.RawIssuer), SHA256: hex.EncodeToString(sum[:]), NotAfter: c.NotAfter.UTC(),
			Verified: o.Verification.Result.String()}
	}
	for n := range d.Identities {
		if i := &d.Identities[n]; i.Verdict != "" {
			if out.Verdicts == nil {
				out.Verdicts = make(map[string]string)
			}
			out.Verdicts[i.Label] = string(i.Verdict)
		}
	}
	return out
}

// names renders a list, once for all that are equal.
func (s *Scanner) names(list [][]byte) []string {
	h := sha256.New()
	for _, der := range list {
		h.Write(der) // which tells its own length
	}
	key := [sha256.Size]byte(h.Sum(nil))
	s.mu.Lock()
	names, known := s.lists[key]
	s.mu.Unlock()
	if known {
		return names
	}
	names = make([]string, len(list))
	for n, der := range list {
		names[n] = certstore.NameString(der)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.lists) < maxLists {
		s.lists[key] = names
	}
	return names
}

// Wrong is the line of what cannot be a target.
func (s *Scanner) Wrong(target string, line int, err error) *Scanned {
	return &Scanned{Target: target, Line: line, Asked: Unknown,
		Error: &ScanError{Kind: "line", Detail: plain(err.Error())}}
}

// Failed is the line of a target that was not asked.
func (s *Scanner) Failed(target string, line int, err error) *Scanned {
	out := &Scanned{Target: target, Line: line, Asked: Unknown,
		Error: &ScanError{Kind: "other", Detail: plain(err.Error())}}
	var connect *probe.ConnectError
	switch {
	case errors.As(err, &connect):
		out.Error.Kind = map[probe.ConnectKind]string{probe.UnknownHost: "unknown-host", probe.Refused: "refused",
			probe.Unreachable: "unreachable", probe.NoConnect: "no-connect", probe.Silent: "silent",
			probe.NotTLS: "not-tls", probe.Hangup: "hangup", probe.Alerted: "alert", probe.Malformed: "malformed",
			probe.NoStartTLS: "starttls", probe.NoCarrier: "carrier", probe.ByProxy: "proxy"}[connect.Kind]
	case errors.Is(err, context.DeadlineExceeded):
		out.Error.Kind = "silent"
	}
	return out
}
