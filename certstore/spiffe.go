package certstore

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"mtlsprobe/certstore/config"
	"mtlsprobe/certstore/workload"
)

// spiffe is what an agent of SPIFFE gives to this process; without an address it is the one
// that SPIFFE_ENDPOINT_SOCKET names.
func (r *reader) spiffe(ctx context.Context, s *Source) (*file, error) {
	fail := func(kind ErrorKind, err error) (*file, error) {
		return nil, &SourceError{Source: s.Path, Kind: kind, Err: err}
	}
	address := cmp.Or(strings.TrimPrefix(s.Path, "spiffe:"), r.getenv(workload.Variable))
	if address == "" {
		return fail(NothingFound, errors.New("names no agent, and "+workload.Variable+" is not set: spiffe:unix:///PATH"))
	}
	svids, err := workload.Fetch(ctx, address)
	if err != nil {
		return fail(NothingFound, fmt.Errorf("brings nothing: %w", err))
	}
	c := &config.Config{Format: "SPIFFE Workload API"}
	for _, svid := range svids {
		chain, err := certificatesPEM(svid.Chain)
		if err == nil && len(chain) == 0 {
			err = errors.New("it has no certificate")
		}
		if err != nil {
			return fail(NotUnderstood, fmt.Errorf("brings a damaged %s: %w", quote(config.Clip(svid.ID)), err))
		}
		authorities, err := certificatesPEM(svid.Authorities)
		if err != nil {
			c.Problems = append(c.Problems, fmt.Errorf("the CAs beside %s are damaged: %w", quote(svid.ID), err))
		}
		c.References = append(c.References, config.Reference{Name: svid.ID, CertificateData: chain,
			KeyData:         pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: svid.Key}),
			AuthoritiesData: authorities})
	}
	return &file{path: s.Path, source: *s, config: c, label: "SVID"}, nil
}

// certificatesPEM writes certificates in PEM that stand in DER, one after the other.
func certificatesPEM(der []byte) (out []byte, err error) {
	certificates, err := x509.ParseCertificates(der)
	for _, c := range certificates {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return out, err
}
