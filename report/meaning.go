package report

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	"mtlsprobe/certstore"
	"mtlsprobe/probe/wire"
)

// A meaning is what one part of a connection says, for people. Texts in it that a
// peer wrote are not yet made safe to show.
type meaning struct {
	text     string
	names    []string // that stand in text
	quote    string   // the peer's own first line
	citation string
}

// explain says what an entry means in a connection of the protocol version, zero
// if none was agreed on. What a CertificateRequest says is in explainDemand.
func explain(version uint16, e *wire.Entry) meaning {
	var m meaning
	switch {
	case e.Opaque:
		m.text = "not decrypted"
	case e.ContentType == wire.HandshakeRecord:
		m = explainHandshake(version, e)
	case e.ContentType == wire.AlertRecord:
		m.text = alertMeaning(e.Alert, e.From)
	case e.ContentType == wire.ChangeCipherSpec && version >= tls.VersionTLS13:
		m.text = "without meaning in TLS 1.3, sent for middleboxes"
	case e.ContentType == wire.ChangeCipherSpec:
		m.text = fmt.Sprintf("what the %s sends from here on is protected", e.From)
	default:
		m.text, m.quote = explainData(e)
	}
	m.citation = citation(version, e)
	return m
}

func explainData(e *wire.Entry) (text, quote string) {
	quote = firstLine(e.Body)
	switch {
	case e.ContentType == wire.NotTLS && quote != "":
		return "no TLS, but plain text", quote
	case e.ContentType == wire.NotTLS:
		return "bytes that are no TLS", ""
	case e.Length == 0:
		return "empty", ""
	case quote != "":
		return "begins", quote
	}
	return "no text", ""
}

func explainHandshake(version uint16, e *wire.Entry) meaning {
	says := func(format string, args ...any) meaning { return meaning{text: fmt.Sprintf(format, args...)} }
	switch e.Handshake {
	case wire.HelloRequest:
		return says("asks for a new handshake, in which a certificate may be asked for")
	case wire.ClientHello:
		return explainClientHello(e.Body)
	case wire.ServerHello:
		return explainServerHello(e.Body)
	case wire.EncryptedExtensions:
		alpn, err := wire.ParseEncryptedExtensions(e.Body)
		switch {
		case err != nil:
			return undecoded(err)
		case len(alpn) > 0:
			return says("chooses the application protocol %s", quotedList(alpn))
		}
		return says("chooses no application protocol")
	case wire.Certificate:
		return explainCertificate(version, e)
	case wire.CertificateVerify:
		return explainVerify(version, e)
	case wire.CertRequest:
		return says("asks for a certificate")
	case wire.ServerKeyExchange:
		return says("the server's share of the keys")
	case wire.ClientKeyExchange:
		return says("the client's share of the keys")
	case wire.ServerHelloDone:
		return says("it is the client's turn")
	case wire.CertificateStatus:
		return says("an OCSP answer about the server's certificate")
	case wire.Finished:
		return says("the %s's part of the handshake is complete", e.From)
	case wire.NewSessionTicket:
		if version < tls.VersionTLS13 {
			return says("a ticket to resume the session")
		}
		return says("shows that the server has read the client's Finished; that is no acceptance")
	case wire.KeyUpdate:
		return says("the %s's next record has new keys", e.From)
	}
	return meaning{}
}

func undecoded(err error) meaning { return meaning{text: "cannot be decoded: " + err.Error()} }

func quotedList(names []string) string {
	var out []string
	for _, name := range names {
		out = append(out, quoted(clip(name)))
	}
	return strings.Join(out, ", ")
}

func explainClientHello(body []byte) meaning {
	offer, err := wire.ParseClientHello(body)
	if err != nil {
		return undecoded(err)
	}
	versions := "up to " + wire.VersionName(offer.Version)
	if offer.Versions != nil {
		var names []string
		for _, v := range offer.Versions {
			if name := wire.VersionName(v); len(names) == 0 {
				names = append(names, name)
			} else {
				names = append(names, strings.TrimPrefix(name, "TLS "))
			}
		}
		versions = strings.Join(names, ", ")
	}
	m := meaning{text: "offers " + versions}
	if offer.ServerName != "" {
		name := clip(strings.ReplaceAll(offer.ServerName, `"`, "'"))
		m.text += "; server name " + quoted(name)
		m.names = []string{name}
	} else {
		m.text += "; no server name"
	}
	if len(offer.ALPN) > 0 {
		m.text += "; application protocols " + quotedList(offer.ALPN)
	}
	m.text += "; " + count(len(offer.Suites), "cipher suite")
	return m
}

func explainServerHello(body []byte) meaning {
	choice, err := wire.ParseServerHello(body)
	switch {
	case err != nil:
		return undecoded(err)
	case choice.Retry:
		return meaning{text: "HelloRetryRequest: asks for another ClientHello, with another key share"}
	}
	m := meaning{text: fmt.Sprintf("chooses %s, %s", wire.VersionName(choice.Version), tls.CipherSuiteName(choice.CipherSuite))}
	if len(choice.ALPN) > 0 {
		m.text += "; application protocol " + quotedList(choice.ALPN)
	}
	return m
}

func explainCertificate(version uint16, e *wire.Entry) meaning {
	const mostNames = 10
	list, err := wire.ParseCertificate(version, e.Body)
	switch {
	case err != nil:
		return undecoded(err)
	case len(list) == 0:
		return meaning{text: "empty: no certificate is sent"}
	}
	var m meaning
	for _, der := range list[:min(len(list), mostNames)] {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			break
		}
		m.names = append(m.names, clip(certstore.NameString(c.RawSubject)))
	}
	m.text = count(len(list), "certificate")
	switch {
	case len(m.names) == 0:
		m.text += ", the first of which cannot be decoded"
	case len(list) == 1:
		m.text += ", " + m.names[0]
	default:
		m.text += ", the first " + m.names[0]
	}
	return m
}

func explainVerify(version uint16, e *wire.Entry) meaning {
	scheme, err := wire.ParseCertificateVerify(version, e.Body)
	switch {
	case err != nil:
		return undecoded(err)
	case version < tls.VersionTLS12:
		return meaning{text: fmt.Sprintf("signed: the %s has the certificate's key", e.From)}
	}
	return meaning{text: fmt.Sprintf("signed with %s: the %s has the certificate's key", wire.SchemeName(scheme), e.From)}
}

// explainDemand says what a CertificateRequest asks for.
func explainDemand(version uint16, d *wire.Demand) meaning {
	m := meaning{citation: "RFC 5246, Section 7.4.4"}
	switch {
	case d.When == wire.PostHandshake:
		m.citation = "RFC 8446, Section 4.6.2"
	case version >= tls.VersionTLS13:
		m.citation = "RFC 8446, Section 4.3.2"
	case version == wire.VersionSSL30:
		m.citation = "RFC 6101, Section 5.6.4"
	}
	m.text = "asks for a certificate"
	if d.When != wire.InHandshake {
		m.text += map[wire.Moment]string{wire.InRenegotiation: " in a renegotiation", wire.PostHandshake: " after the handshake"}[d.When]
	}
	if d.Request == nil {
		m.text += fmt.Sprintf(", and cannot be decoded: %v", d.Err)
		return m
	}
	parts := []string{count(len(d.Request.NamedCAs), "CA name")}
	if len(d.Request.NamedCAs) == 0 {
		parts[0] = "no CA names (any certificate may be sent)"
	}
	if len(d.Request.SignatureSchemes) > 0 {
		parts = append(parts, count(len(d.Request.SignatureSchemes), "scheme"))
	}
	for _, t := range d.Request.CertificateTypes {
		parts = append(parts, t.String())
	}
	m.text += ": " + strings.Join(parts, ", ")
	return m
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// citation returns where an entry is defined: RFC 8446 for TLS 1.3, RFC 5246 from
// TLS 1.0 to 1.2, RFC 6101 for SSL 3.0.
func citation(version uint16, e *wire.Entry) string {
	old, now, ssl3 := "", "", ""
	switch e.ContentType {
	case wire.ChangeCipherSpec:
		old, now, ssl3 = "7.1", "D.4", "5.3"
	case wire.ApplicationData:
		old, now, ssl3 = "10", "5.2", "5.7"
	case wire.AlertRecord:
		old, now, ssl3 = "7.2.2", "6.2", "5.4.2"
		if !e.Opaque && slices.Contains([]uint8{wire.CloseNotify, wire.UserCanceled}, e.Alert.Description) {
			old, now, ssl3 = "7.2.1", "6.1", "5.4.1"
		}
	case wire.HandshakeRecord:
		if e.Opaque {
			return ""
		}
		if e.Handshake == wire.CertificateStatus {
			return "RFC 6066, Section 8"
		}
		if e.Handshake == wire.NewSessionTicket && version < tls.VersionTLS13 {
			return "RFC 5077, Section 3.3"
		}
		old, now, ssl3 = handshakeSections(e)
	}
	switch {
	case version == wire.VersionSSL30 && ssl3 != "":
		return "RFC 6101, Section " + ssl3
	case version != 0 && version < tls.VersionTLS13 && old != "", now == "" && old != "":
		return "RFC 5246, Section " + old
	case now == "D.4":
		return "RFC 8446, Appendix D.4"
	case now != "":
		return "RFC 8446, Section " + now
	}
	return ""
}

func handshakeSections(e *wire.Entry) (old, now, ssl3 string) {
	switch e.Handshake {
	case wire.HelloRequest:
		return "7.4.1.1", "", "5.6.1.1"
	case wire.ClientHello:
		return "7.4.1.2", "4.1.2", "5.6.1.2"
	case wire.ServerHello:
		return "7.4.1.3", "4.1.3", "5.6.1.3"
	case wire.NewSessionTicket:
		return "", "4.6.1", ""
	case wire.EncryptedExtensions:
		return "", "4.3.1", ""
	case wire.Certificate:
		if e.From == wire.Client {
			return "7.4.6", "4.4.2", "5.6.6"
		}
		return "7.4.2", "4.4.2", "5.6.2"
	case wire.ServerKeyExchange:
		return "7.4.3", "", "5.6.3"
	case wire.CertRequest:
		return "7.4.4", "4.3.2", "5.6.4"
	case wire.ServerHelloDone:
		return "7.4.5", "", "5.6.5"
	case wire.CertificateVerify:
		return "7.4.8", "4.4.3", "5.6.8"
	case wire.ClientKeyExchange:
		return "7.4.7", "", "5.6.7"
	case wire.Finished:
		return "7.4.9", "4.4.4", "5.6.9"
	case wire.KeyUpdate:
		return "", "4.6.3", ""
	}
	return "", "", ""
}
