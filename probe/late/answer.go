package late

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"errors"

	"mtlsprobe/probe/handshake"
	"mtlsprobe/probe/wire"

	"golang.org/x/crypto/cryptobyte"
)

// answer is the client's last flight: Certificate and CertificateVerify if there
// is a request, and Finished by the traffic secret. The messages are added to
// covered. See RFC 8446, Section 4.4.
func (c *Conn) answer(covered *[]byte, request *wire.CertificateRequest, secret []byte) ([]byte, error) {
	start := len(*covered)
	l := handshake.Layer{Transcript: *covered}
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

func (c *Conn) present(l *handshake.Layer, request *wire.CertificateRequest) error {
	cert := c.config.Certificate
	var b cryptobyte.Builder
	b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(request.Context) })
	b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) {
		if cert == nil {
			return
		}
		for _, der := range cert.Certificate {
			b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(der) })
			b.AddUint16(0)
		}
	})
	body, err := b.Bytes()
	if err != nil {
		return err
	}
	if cert == nil {
		l.Add(wire.Certificate, body)
		return nil
	}
	signer, scheme, err := choose(cert.PrivateKey, request.SignatureSchemes)
	if err != nil {
		return err
	}
	l.Add(wire.Certificate, body)
	if c.config.Presented != nil {
		c.config.Presented()
	}
	signature, err := sign(signer, scheme, handshake.Signed13(handshake.ClientContext, c.schedule.Sum(l.Transcript)))
	if err != nil {
		return err
	}
	var v cryptobyte.Builder
	v.AddUint16(uint16(scheme))
	v.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(signature) })
	if body, err = v.Bytes(); err != nil {
		return err
	}
	l.Add(wire.CertificateVerify, body)
	return nil
}

// choose takes the first scheme of the request that the key can sign with.
func choose(key crypto.PrivateKey, allowed []tls.SignatureScheme) (crypto.Signer, tls.SignatureScheme, error) {
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, 0, errors.New("the key cannot sign")
	}
	for _, scheme := range allowed {
		fits := false
		switch public := signer.Public().(type) {
		case *rsa.PublicKey:
			hash := hashOf(scheme)
			// RSA-PSS with a salt as long as the hash takes twice the hash and two bytes.
			fits = scheme>>4 == 0x080 && hash != 0 && public.Size() >= 2*hash.Size()+2
		case *ecdsa.PublicKey:
			curve := map[tls.SignatureScheme]elliptic.Curve{tls.ECDSAWithP256AndSHA256: elliptic.P256(), tls.ECDSAWithP384AndSHA384: elliptic.P384(), tls.ECDSAWithP521AndSHA512: elliptic.P521()}[scheme]
			fits = curve != nil && public.Curve == curve
		case ed25519.PublicKey:
			fits = scheme == tls.Ed25519
		}
		if fits {
			return signer, scheme, nil
		}
	}
	return nil, 0, errors.New("none of the server's signature schemes fits the key")
}

// hashOf is the hash of a scheme; zero for Ed25519 and those not known.
func hashOf(scheme tls.SignatureScheme) crypto.Hash {
	switch scheme {
	case tls.PSSWithSHA256, tls.ECDSAWithP256AndSHA256:
		return crypto.SHA256
	case tls.PSSWithSHA384, tls.ECDSAWithP384AndSHA384:
		return crypto.SHA384
	case tls.PSSWithSHA512, tls.ECDSAWithP521AndSHA512:
		return crypto.SHA512
	}
	return 0
}

func sign(signer crypto.Signer, scheme tls.SignatureScheme, message []byte) ([]byte, error) {
	hash := hashOf(scheme)
	if hash == 0 {
		return signer.Sign(rand.Reader, message, crypto.Hash(0))
	}
	h := hash.New()
	h.Write(message)
	var options crypto.SignerOpts = hash
	if _, ok := signer.Public().(*rsa.PublicKey); ok {
		options = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash}
	}
	return signer.Sign(rand.Reader, h.Sum(nil), options)
}
