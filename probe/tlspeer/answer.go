package tlspeer

import (
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"errors"

	"mtlsprobe/probe/wire"
)

// answer is the client's last flight: Certificate and CertificateVerify if there
// is a request, and Finished by the traffic secret. The messages are added to
// covered. See RFC 8446, Section 4.4.
func (c *Conn) answer(covered *[]byte, request *wire.CertificateRequest, secret []byte) ([]byte, error) {
	start := len(*covered)
	l := Layer{Transcript: *covered}
	if request != nil {
		if err := c.present(&l, request); err != nil {
			return nil, err
		}
	}
	finished, err := c.schedule.Finished(secret, l.Transcript)
	if err != nil {
		return nil, err
	}
	l.Add(wire.Finished, finished)
	*covered = l.Transcript
	return l.Transcript[start:], nil
}

func (c *Conn) present(l *Layer, request *wire.CertificateRequest) error {
	cert := c.config.Certificate
	if cert == nil {
		body, err := wire.MarshalCertificate(tls.VersionTLS13, request.Context, nil)
		l.Add(wire.Certificate, body)
		return err
	}
	key, scheme, err := choose(cert.PrivateKey, request.SignatureSchemes)
	if err != nil {
		return err
	}
	body, err := wire.MarshalCertificate(tls.VersionTLS13, request.Context, cert.Certificate)
	if err != nil {
		return err
	}
	l.Add(wire.Certificate, body)
	signature, err := scheme.Sign(rand.Reader, key, Signed13(ClientContext, c.schedule.Sum(l.Transcript)))
	if err != nil {
		return err
	}
	if body, err = wire.MarshalSignature(scheme.ID, signature); err != nil {
		return err
	}
	l.Add(wire.CertificateVerify, body)
	if c.config.Presented != nil {
		c.config.Presented()
	}
	return nil
}

// choose takes the first scheme of the request that the key can sign with.
func choose(key crypto.PrivateKey, allowed []tls.SignatureScheme) (crypto.Signer, wire.Scheme, error) {
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, wire.Scheme{}, errors.New("the key cannot sign")
	}
	for _, id := range allowed {
		if scheme, known := wire.LookupScheme(id); known && scheme.Suits(signer.Public(), tls.VersionTLS13) {
			return signer, scheme, nil
		}
	}
	return nil, wire.Scheme{}, errors.New("none of the server's signature schemes fits the key")
}
