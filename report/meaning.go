package report

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	"mtlsprobe/certstore"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

// A meaning is what one part of a connection says, for people. Texts in it that a
// peer wrote are not yet made safe to show.
type meaning struct {
	text     say.Phrase
	names    []string // that stand in text
	quote    string   // the peer's own first line
	citation string
}

// explain says what an entry means in a connection of the protocol version, zero
// if none was agreed on. What a CertificateRequest says is in explainRequest.
func explain(version uint16, e *wire.Entry) meaning {
	var m meaning
	switch {
	case e.Injected:
		m.text = say.Text("came in clear where it had to be encrypted: a third party can have sent it, and it proves " +
			"nothing")
	case e.Opaque:
		m.text = say.Text("not decrypted")
	case e.ContentType == wire.HandshakeRecord:
		m = explainHandshake(version, e)
	case e.ContentType == wire.AlertRecord:
		m.text = say.Text(alertMeaning(e.Alert, e.From))
	case e.ContentType == wire.ChangeCipherSpec && version >= tls.VersionTLS13:
		m.text = say.Text("without meaning in TLS 1.3, sent for middleboxes")
	case e.ContentType == wire.ChangeCipherSpec:
		m.text = say.Text("what the ", e.From, " sends from here on is protected")
	default:
		m.text, m.quote = explainData(e)
	}
	m.citation = citation(version, e)
	return m
}

func explainData(e *wire.Entry) (text say.Phrase, quote string) {
	quote = firstLine(e.Body)
	switch {
	case e.ContentType == wire.NotTLS && quote != "":
		return say.Text("not TLS, but plain text"), quote
	case e.ContentType == wire.NotTLS:
		return say.Text("bytes that are not TLS"), ""
	case e.Length == 0:
		return say.Text("empty"), ""
	case quote != "":
		return say.Text("begins"), quote
	}
	return say.Text("no text"), ""
}

func explainHandshake(version uint16, e *wire.Entry) meaning {
	says := func(parts ...any) meaning { return meaning{text: say.Text(parts...)} }
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
			return says("chooses the application protocol ", quotedList(alpn))
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
		return says("the client is to answer")
	case wire.CertificateStatus:
		return says("an OCSP response about the server's certificate")
	case wire.Finished:
		return says("the ", e.From, "'s part of the handshake is complete")
	case wire.NewSessionTicket:
		if version < tls.VersionTLS13 {
			return says("a ticket to resume the session")
		}
		return says("a ticket; if it comes after the client's Finished, the server has read that, which is not an " +
			"acceptance")
	case wire.KeyUpdate:
		return says("the ", e.From, "'s next record has new keys")
	}
	return meaning{}
}

func undecoded(err error) meaning { return meaning{text: say.Text("cannot be decoded: ", err.Error())} }

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
	m := meaning{text: say.Text("offers ", versions)}
	if offer.ServerName != "" {
		name := clip(strings.ReplaceAll(offer.ServerName, `"`, "'"))
		m.text = say.Text(m.text, "; server name \"", say.Host(name), "\"")
		m.names = []string{name}
	} else {
		m.text = say.Text(m.text, "; no server name")
	}
	if len(offer.ALPN) > 0 {
		m.text = say.Text(m.text, "; application protocols ", quotedList(offer.ALPN))
	}
	m.text = say.Text(m.text, "; ", count(len(offer.Suites), "cipher suite"))
	return m
}

func explainServerHello(body []byte) meaning {
	choice, err := wire.ParseServerHello(body)
	switch {
	case err != nil:
		return undecoded(err)
	case choice.Retry:
		return meaning{text: say.Text("HelloRetryRequest: asks for another ClientHello, with another key share")}
	}
	m := meaning{text: say.Text("chooses ", wire.VersionName(choice.Version), ", ",
		tls.CipherSuiteName(choice.CipherSuite))}
	if len(choice.ALPN) > 0 {
		m.text = say.Text(m.text, "; application protocol ", quotedList(choice.ALPN))
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
		return meaning{text: say.Text("empty: no certificate is sent")}
	}
	var m meaning
	for _, der := range list[:min(len(list), mostNames)] {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			break
		}
		m.names = append(m.names, clip(certstore.NameString(c.RawSubject)))
	}
	m.text = say.Text(count(len(list), "certificate"))
	switch {
	case len(m.names) == 0:
		m.text = say.Text(m.text, ", the first of which cannot be decoded")
	case len(list) == 1:
		m.text = say.Text(m.text, ", ", say.DN(m.names[0]))
	default:
		m.text = say.Text(m.text, ", the first ", say.DN(m.names[0]))
	}
	return m
}

func explainVerify(version uint16, e *wire.Entry) meaning {
	scheme, _, err := wire.ParseCertificateVerify(version, e.Body)
	switch {
	case err != nil:
		return undecoded(err)
	case version < tls.VersionTLS12:
		return meaning{text: say.Text("a signature of the ", e.From, ", to prove that it has the certificate's key")}
	}
	return meaning{text: say.Text("signed with ", wire.SchemeName(scheme), ", to prove that the ", e.From,
		" has the certificate's key")}
}

// explainRequest says what a CertificateRequest asks for.
func explainRequest(version uint16, d *wire.RequestSeen) meaning {
	m := meaning{citation: "RFC 5246, Section 7.4.4"}
	switch {
	case d.When == wire.PostHandshake:
		m.citation = "RFC 8446, Section 4.6.2"
	case version >= tls.VersionTLS13:
		m.citation = "RFC 8446, Section 4.3.2"
	case version == wire.VersionSSL30:
		m.citation = "RFC 6101, Section 5.6.4"
	}
	m.text = say.Text("asks for a certificate")
	if d.When != wire.InHandshake {
		m.text = say.Text(m.text, map[wire.Stage]string{wire.InRenegotiation: " in a renegotiation",
			wire.PostHandshake: " after the handshake"}[d.When])
	}
	if d.Request == nil {
		m.text = say.Text(m.text, ", and cannot be decoded: ", d.Err)
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
	m.text = say.Text(m.text, ": ", strings.Join(parts, ", "))
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
