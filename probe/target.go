package probe

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"mtlsprobe/probe/protocol"
)

// A Target is where to connect, under which name, and what is spoken there.
type Target struct {
	Host string // name or address, without brackets
	Port string
	// ServerName goes into SNI and the server's certificate is verified for it.
	// Equal to Host unless changed; empty where servers' certificates do not have the host's
	// name, and then it is not verified.
	ServerName string
	// HostHeader is the name in HTTP's Host where it is not ServerName; empty where it is.
	HostHeader string
	// Fields are more names of HTTP's fields by which a proxy may pass the certificate on.
	Fields []string
	// Path is what is asked for in HTTP; it starts with "/".
	Path string
	// Protocol is the name of one in probe/protocol; empty means "http".
	Protocol string
	// StartTLS says that TLS begins after the protocol's preamble.
	StartTLS bool
	// User is what databases are told; empty for one that nobody has.
	User string
	// Password says that the URL had one, which is not kept: only the certificate is tried.
	Password bool
	// Login goes on to a login where that is a step of its own, and has effects: at OpenVPN the
	// server may end the tunnel of another client with the same certificate.
	Login bool
	// Guessed says that nobody named the protocol: the port or custom chose it.
	Guessed bool
}

// Address returns host and port as net.Dial takes them.
func (t Target) Address() string { return net.JoinHostPort(t.Host, t.Port) }

// carried reports whether TLS goes over something else than TCP.
func (t Target) carried() bool { return t.protocol().Carry != nil || t.protocol().QUIC }

// Datagrams reports whether the target is spoken to over UDP.
func (t Target) Datagrams() bool { return t.protocol().Network == "udp" }

func (t Target) protocol() *protocol.Protocol {
	if p := protocol.Find(t.Protocol); p != nil {
		return p
	}
	return protocol.Find("https")
}

func (t Target) question() *protocol.Question {
	q := &protocol.Question{Host: t.ServerName, Name: t.ServerName, Path: t.Path, User: t.User, Login: t.Login,
		Plain: t.StartTLS, Fields: t.Fields}
	switch {
	case t.HostHeader != "":
		q.Host = t.HostHeader
	case t.Port != "443":
		q.Host = net.JoinHostPort(t.ServerName, t.Port)
	}
	return q
}

// An UnknownScheme is the error of a URL whose scheme is none of Schemes.
type UnknownScheme struct {
	Target string // without user and password
	Scheme string // as it was written
}

func (e *UnknownScheme) Error() string {
	return fmt.Sprintf("target %q: scheme %q is not known; these are: %s", e.Target, e.Scheme,
		strings.Join(Schemes(), ", "))
}

// ParseTarget reads host, host:port, [v6]:port, a bare IPv6 address, or a URL
// such as https://host[:port]/path, smtp://host or postgres://user@host. The
// scheme chooses protocol and port; without one the port is 443 unless given, and
// the protocol that of a well-known port, or HTTP.
func ParseTarget(s string) (Target, error) {
	t := Target{Path: "/", Protocol: "http", Guessed: true}
	hostPort, port, nameless := s, "443", false
	if scheme, rest, found := strings.Cut(s, ":/"); found && !strings.HasPrefix(rest, "/") &&
		!strings.ContainsAny(scheme, ".:[") {
		return Target{}, fmt.Errorf("target %q: after the scheme belong two slashes, as in %s://", shown(s), scheme)
	}
	if !strings.Contains(s, "://") && strings.Contains(s, "/") {
		s = "https://" + s // a path is HTTP's
	}
	if name, _, found := strings.Cut(s, "://"); found {
		t.Guessed = false
		u, err := url.Parse(s)
		if err != nil {
			var reason *url.Error
			if errors.As(err, &reason) {
				err = reason.Err // the rest quotes what may be a password
			}
			return Target{}, fmt.Errorf("target %q is not a URL: %w", shown(s), err)
		}
		p, scheme := protocol.ByScheme(strings.ToLower(name))
		if p == nil {
			return Target{}, &UnknownScheme{Target: shown(s), Scheme: name}
		}
		t.Protocol, t.StartTLS, t.User, port = p.Name, scheme.StartTLS, u.User.Username(), scheme.Port
		_, t.Password = u.User.Password()
		if u.RequestURI() != "" {
			t.Path = u.RequestURI()
		}
		hostPort, nameless = u.Host, p.Nameless
	}
	var err error
	if t.Host, t.Port, err = splitHostPort(hostPort, port); err != nil {
		return Target{}, fmt.Errorf("target %q: %w", shown(s), err)
	}
	if p, scheme := protocol.ByPort(t.Port); t.Guessed && p != nil {
		t.Protocol, t.StartTLS, nameless = p.Name, scheme.StartTLS, p.Nameless
	}
	if !nameless {
		t.ServerName = t.Host
	}
	return t, nil
}

// shown is a target as it may be printed: without user and password.
func shown(s string) string {
	scheme, rest, found := strings.Cut(s, "://")
	if !found {
		scheme, rest = "", s
	} else {
		scheme += "://"
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		return scheme + "…@" + rest[at+1:]
	}
	return s
}

// Schemes returns the URL schemes that ParseTarget knows.
func Schemes() []string {
	var names []string
	for _, p := range protocol.All() {
		for _, s := range p.Schemes {
			names = append(names, s.Name)
		}
	}
	return names
}

// StartTLSNames returns the schemes in which TLS begins after a preamble: the
// names that OpenSSL's -starttls has, among others.
func StartTLSNames() []string {
	var names []string
	for _, p := range protocol.All() {
		for _, s := range p.Schemes {
			if s.StartTLS {
				names = append(names, s.Name)
			}
		}
	}
	return names
}

func splitHostPort(s, standard string) (host, port string, err error) {
	if addr, err := netip.ParseAddr(s); err == nil && speakable(s) { // a zone may hold anything
		return addr.String(), standard, nil
	}
	if inner, ok := strings.CutPrefix(s, "["); ok && strings.HasSuffix(inner, "]") {
		s += ":" + standard
	}
	host, port = s, standard
	if strings.Contains(s, ":") {
		if host, port, err = net.SplitHostPort(s); err != nil {
			return "", "", fmt.Errorf("expected host, host:port or [v6]:port")
		}
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", "", fmt.Errorf("port %q is not a number from 1 to 65535", port)
	}
	switch {
	case host == "":
		return "", "", errors.New("the host name is missing")
	case !speakable(host):
		return "", "", fmt.Errorf("%q is not a host name", shown(host))
	}
	return host, port, nil
}

// speakable reports whether a host has only characters that names and addresses have.
func speakable(host string) bool {
	return !strings.ContainsAny(host, " /\\\"'<>&") && !strings.ContainsFunc(host, unicode.IsControl)
}
