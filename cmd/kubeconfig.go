package cmd

import (
	"context"
	"crypto/x509"
	"fmt"
	"strings"

	"mtlsprobe/certstore"
	"mtlsprobe/certstore/config"
	"mtlsprobe/probe"
)

// isContext reports whether a TARGET or SOURCE is a context of a kubeconfig.
func isContext(text string) bool { return strings.HasPrefix(text, "kubeconfig:") }

// contextDestination is where a context of a kubeconfig leads. What flags say goes before what
// the context says.
func (f *connectFlags) contextDestination(ctx context.Context, s *Streams, text string, common *probe.Options) (
	t probe.Target, o *probe.Options, err error) {
	c, err := certstore.KubeContext(ctx, &certstore.Options{Getenv: s.Getenv, Home: s.Getenv("HOME")},
		strings.TrimPrefix(text, "kubeconfig:"))
	if err != nil {
		return t, nil, err
	}
	if c.Server == "" {
		return t, nil, fmt.Errorf("%q: the context %q names no server", c.File, c.Name)
	}
	if t, o, err = f.destination(s, c.Server, common); err != nil {
		return t, nil, fmt.Errorf("%q: the context %q: %w", c.File, c.Name, err)
	}
	if c.ServerName != "" && len(f.serverNames) == 0 {
		t.ServerName = c.ServerName
	}
	if c.Proxy != "" && f.way.proxy == "" {
		warn(s.Err, fmt.Sprintf("kubectl goes through a proxy for the context %q: give it as --proxy", c.Name))
	}
	if c.Unverified && !o.Insecure {
		warn(s.Err, fmt.Sprintf("kubectl does not verify the server of the context %q; here, -k says so", c.Name))
	}
	if o.Roots == nil {
		o.Roots, err = contextRoots(ctx, c)
	}
	return t, o, err
}

// contextRoots are the CA certificates that a context verifies its server by; nil for the
// system's.
func contextRoots(ctx context.Context, c *config.Context) (*x509.CertPool, error) {
	data := c.Identity.AuthoritiesData
	if path := c.Identity.Authorities; path != "" {
		var err error
		if data, err = certstore.ReadFile(ctx, path); err != nil {
			return nil, fmt.Errorf("verifying the server of the context %q: %w", c.Name, err)
		}
	}
	if len(data) == 0 {
		return nil, nil
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("verifying the server of the context %q: its CA is not a certificate in PEM", c.Name)
	}
	return roots, nil
}
