package probe

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// A Target is where to connect, and under which name.
type Target struct {
	Host string // name or address, without brackets
	Port string
	// ServerName goes into SNI and the server's certificate is verified for it.
	// Equal to Host unless changed.
	ServerName string
	// Path is what is asked for in HTTP; it starts with "/".
	Path string
}

// Address returns host and port as net.Dial takes them.
func (t Target) Address() string { return net.JoinHostPort(t.Host, t.Port) }

// hostHeader is what stands in HTTP's Host.
func (t Target) hostHeader() string {
	if t.Port == "443" {
		return t.ServerName
	}
	return net.JoinHostPort(t.ServerName, t.Port)
}

// ParseTarget reads host, host:port, [v6]:port, a bare IPv6 address, or
// https://host[:port]/path. The port is 443 unless given.
func ParseTarget(s string) (Target, error) {
	path := "/"
	hostPort := s
	if scheme, _, found := strings.Cut(s, "://"); found {
		u, err := url.Parse(s)
		if err != nil {
			return Target{}, fmt.Errorf("target %q is no URL: %w", s, err)
		}
		if !strings.EqualFold(scheme, "https") {
			return Target{}, fmt.Errorf("target %q: scheme %q is not supported, https is", s, scheme)
		}
		if u.RequestURI() != "" {
			path = u.RequestURI()
		}
		hostPort = u.Host
	}
	host, port, err := splitHostPort(hostPort)
	if err != nil {
		return Target{}, fmt.Errorf("target %q: %w", s, err)
	}
	return Target{Host: host, Port: port, ServerName: host, Path: path}, nil
}

func splitHostPort(s string) (host, port string, err error) {
	if addr, err := netip.ParseAddr(s); err == nil {
		return addr.String(), "443", nil
	}
	if inner, ok := strings.CutPrefix(s, "["); ok && strings.HasSuffix(inner, "]") {
		s += ":443"
	}
	host, port = s, "443"
	if strings.Contains(s, ":") {
		if host, port, err = net.SplitHostPort(s); err != nil {
			return "", "", fmt.Errorf("expected host, host:port or [v6]:port")
		}
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", "", fmt.Errorf("port %q is not a number from 1 to 65535", port)
	}
	if host == "" || strings.ContainsAny(host, " \t\r\n/\\\"'<>") {
		return "", "", fmt.Errorf("%q is no host name", host)
	}
	return host, port, nil
}
