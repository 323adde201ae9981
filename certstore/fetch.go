package certstore

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"syscall"
	"time"

	"golang.org/x/crypto/ocsp"
)

// Bounds on fetching. An issuer's certificate and an OCSP answer have a few KiB.
const (
	maxFetches   = 16
	maxFetchSize = 256 << 10
	fetchTimeout = 5 * time.Second
)

// A Fetcher gets what certificates point to: issuers (authorityInfoAccess,
// caIssuers) and their status (OCSP). It speaks HTTP only, to the address that
// stands in the certificate, without proxy and without following redirects. The
// zero Fetcher refuses private addresses: a certificate is a stranger's text, and
// must not make this host ask its neighbours.
type Fetcher struct {
	// Private allows loopback, link-local and private addresses.
	Private bool
}

var errPrivate = errors.New("a private address, which is not asked by default")

func (f *Fetcher) client() *http.Client {
	dialer := &net.Dialer{Timeout: fetchTimeout, Control: func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		ip := at.Addr().Unmap()
		if !f.Private && !public(ip) {
			return fmt.Errorf("%v is %w", ip, errPrivate)
		}
		return nil
	}}
	return &http.Client{
		Timeout:       fetchTimeout,
		Transport:     &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true, Proxy: nil},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// notPublic are the blocks of addresses that lead to neighbours or into other blocks:
// the IANA special-purpose registries (RFC 6890), shared address space (RFC 6598), and
// those that carry an IPv4 address (NAT64, RFC 6052 and RFC 8215; 6to4, RFC 3056;
// Teredo, RFC 4380).
var notPublic = []string{"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24",
	"198.18.0.0/15",
	"198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/32",
	"2001:db8::/32", "2002::/16", "::/96", "fec0::/10"}

// public reports whether an address is one of the public Internet.
func public(ip netip.Addr) bool {
	if ip = ip.Unmap(); !ip.IsGlobalUnicast() || ip.IsPrivate() {
		return false
	}
	return !slices.ContainsFunc(notPublic, func(block string) bool { return netip.MustParsePrefix(block).Contains(ip) })
}

func (f *Fetcher) do(ctx context.Context, method, address, contentType string, body []byte) ([]byte, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" || u.Host == "" {
		return nil, fmt.Errorf("%q is not an http address", address)
	}
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("asking %q: %w", address, err)
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := f.client().Do(request)
	if err != nil {
		return nil, fmt.Errorf("asking %q: %w", address, errors.Unwrap(err))
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%q answers HTTP %d", address, response.StatusCode)
	}
	data, err := io.ReadAll(io.LimitReader(response.Body, maxFetchSize+1))
	if err == nil && len(data) > maxFetchSize {
		err = fmt.Errorf("more than %d KiB came", maxFetchSize>>10)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", address, err)
	}
	return data, nil
}

// Issuers fetches the issuers that the certificates name, and theirs, up to 16
// in all. What was fetched is no more trusted than anything else: it only helps
// to see paths. Failures are returned beside what was found.
func (f *Fetcher) Issuers(ctx context.Context, certs []*x509.Certificate) (found []Authority, problems []error) {
	seen := make(map[string]bool)
	for fetches := 0; len(certs) > 0; certs = certs[1:] {
		for _, address := range certs[0].IssuingCertificateURL {
			if seen[address] || ctx.Err() != nil || bytes.Equal(certs[0].RawIssuer, certs[0].RawSubject) {
				continue
			}
			seen[address] = true
			if fetches++; fetches > maxFetches {
				return found, append(problems, fmt.Errorf("more than %d issuers to fetch: the rest was left out", maxFetches))
			}
			issuers, err := f.issuer(ctx, address)
			if err != nil {
				problems = append(problems, err)
			}
			for _, c := range issuers {
				found = append(found, Authority{Certificate: c, Source: address, Origin: FromBundle})
			}
			certs = append(certs, issuers...)
		}
	}
	return found, problems
}

func (f *Fetcher) issuer(ctx context.Context, address string) ([]*x509.Certificate, error) {
	data, err := f.do(ctx, http.MethodGet, address, "", nil)
	if err != nil {
		return nil, err
	}
	if block, _ := pem.Decode(data); block != nil {
		data = block.Bytes
	}
	certs, err := x509.ParseCertificates(data)
	if err != nil {
		return nil, fmt.Errorf("what %q answers is not a certificate: %w", address, err)
	}
	return certs, nil
}

// A Status is what an issuer says of one of its certificates.
type Status string

// The statuses. StatusUnknown also stands for an answer that never came.
const (
	Good          Status = "good"
	Revoked       Status = "revoked"
	StatusUnknown Status = "unknown"
)

// A Statement is an OCSP answer about one certificate.
type Statement struct {
	Certificate *x509.Certificate
	Source      string // the responder's address
	Status      Status
	RevokedAt   time.Time // for Revoked
	AsOf        time.Time // thisUpdate
	Until       time.Time // nextUpdate; zero if the responder does not say
	// Delegate is the certificate of a responder to which the issuer delegates; nil
	// where the issuer answers itself. Its validity is for the judge of dates.
	Delegate *x509.Certificate
	Err      error // why the status is unknown; nil if the responder says so
}

// Status asks the responder named in the certificate, with the issuer's key
// verifying the answer. It returns nil if the certificate names none.
func (f *Fetcher) Status(ctx context.Context, c, issuer *x509.Certificate) *Statement {
	if len(c.OCSPServer) == 0 {
		return nil
	}
	s := &Statement{Certificate: c, Source: c.OCSPServer[0], Status: StatusUnknown}
	request, err := ocsp.CreateRequest(c, issuer, nil)
	if err == nil {
		var data []byte
		if data, err = f.do(ctx, http.MethodPost, s.Source, "application/ocsp-request", request); err == nil {
			var answer *ocsp.Response
			answer, err = ocsp.ParseResponseForCert(data, c, issuer)
			if err == nil && answer.Certificate != nil && !answer.Certificate.Equal(issuer) &&
				!slices.Contains(answer.Certificate.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning) {
				err = errors.New("the answer is signed by a certificate that is not for OCSP (RFC 6960, Section 4.2.2.2)")
			}
			if err == nil {
				s.AsOf, s.Until, s.RevokedAt = answer.ThisUpdate, answer.NextUpdate, answer.RevokedAt
				s.Delegate = answer.Certificate
				s.Status = map[int]Status{ocsp.Good: Good, ocsp.Revoked: Revoked}[answer.Status]
				if s.Status == "" {
					s.Status = StatusUnknown
				}
			}
		}
	}
	if err != nil {
		s.Err = fmt.Errorf("asking for the status of %s: %w", NameString(c.RawSubject), err)
	}
	return s
}
