package match

import (
	"bytes"
	"crypto/tls"
	"slices"

	"mtlsprobe/certstore"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

// Checks of a server, whoever connects.
var (
	ServerInjection = &Check{
		ID: "server.injection", Title: "Plaintext before TLS", Good: "Nothing in clear before TLS", Since: v2,
		Doc: "After the server's go-ahead for TLS the client speaks first. Bytes before that point were injected by a " +
			"third party or sent by a faulty server.",
		Citation: "RFC 3207, Section 5; CVE-2011-0411", server: serverInjection,
	}
	ServerSSL3 = &Check{
		ID: "server.ssl3", Title: "SSL 3.0 is offered", Good: "SSL 3.0 is not offered", Since: v2,
		Doc: "SSL 3.0 must not be used. In it a client without a certificate sends a warning alert in place of an empty " +
			"Certificate message, so that traces and logs look unlike those of TLS.",
		Citation: "RFC 7568; RFC 6101, Section 5.6.6", server: serverSSL3,
	}
	ServerVersion = &Check{
		ID: "server.version", Title: "Old protocol version", Good: "Current protocol versions only", Since: v1,
		Doc: "The server answers in versions that are no longer to be used.", Citation: "RFC 8996", server: serverVersion,
	}
	ServerLate = &Check{
		ID: "server.late-request", Title: "Client certificate requested after the handshake",
		Good: "Client certificate requested in the handshake", Since: v2,
		Doc: "The server asks only after it has read the request, by renegotiation up to TLS 1.2 or after the handshake " +
			"in TLS 1.3. Many clients cannot answer then: they see a refusal and were never asked.",
		Citation: "RFC 8446, Section 4.6.2; RFC 8740; RFC 5746", server: serverLate,
	}
	ServerFront = &Check{
		ID: "server.front", Title: "Something in front of the application ends TLS",
		Good: "The application and TLS agree on the certificate", Since: v3,
		Doc: "The application says that a client certificate is missing, or that a gateway failed, and TLS on this " +
			"connection did not ask for one: a load balancer, proxy or gateway in front of it ends TLS and does not ask. No " +
			"client's certificate gets through.",
		Citation: "RFC 9440, Section 1", server: serverFront,
	}
	ServerVersionsDiffer = &Check{
		ID: "server.versions-differ", Title: "Versions ask differently", Good: "Versions ask alike", Since: v2,
		Doc: "The same server asks one thing in one protocol version and another in the next. Which one a client meets " +
			"depends on its own highest version.",
		Citation: "RFC 8446, Section 4.3.2; RFC 5246, Section 7.4.4", server: serverVersionsDiffer,
	}
	ServerVariants = &Check{
		ID: "server.variants-differ", Title: "Addresses or names answer differently",
		Good: "Addresses and names answer alike", Since: v2,
		Doc: "Behind one name there may be several servers, and behind one address several names, each with a list of " +
			"its own. Which one a client meets is up to the resolver, or to the name in its hello.",
		Citation: "RFC 6066, Section 3", server: serverVariants,
	}
	ServerCAList = &Check{
		ID: "server.ca-list", Title: "Server's list of CA names", Good: "Server's list of CA names", Since: v1,
		Doc: "An empty list allows any CA and does not help a client to choose. Entries that are not names, duplicates, " +
			"and end entities are mistakes in the server's configuration.",
		Citation: "RFC 8446, Section 4.2.4; RFC 5246, Section 7.4.4", server: serverCAList,
	}
	ServerListSize = &Check{
		ID: "server.ca-list-size", Title: "Size of the list of CA names", Good: "Size of the list of CA names", Since: v2,
		Doc: "Clients limit how large a CertificateRequest may be, from 16 KiB on, and servers on Windows cut their list " +
			"near 16 KiB. Beyond 65,535 bytes its length cannot even be encoded.",
		Citation: "RFC 5246, Section 7.4.4; Microsoft KB 2464556", server: serverListSize,
	}
	ServerAnyPasses = &Check{
		ID: "server.any-passes", Title: "Any certificate is accepted", Good: "Certificates are verified", Since: v2,
		Doc:      "The server asks and does not verify what it gets, or leaves that to the application.",
		Citation: "RFC 8446, Section 4.4.2.4", server: serverAnyPasses,
	}
)

func serverVersion(s *Server) Finding {
	var old []say.Phrase
	for _, v := range s.Versions {
		if v.Supported == say.Yes && v.Number < tls.VersionTLS12 && v.Number > wire.VersionSSL30 {
			old = append(old, say.Text(wire.VersionName(v.Number)))
		}
	}
	switch {
	case !s.seen() && s.Versions == nil:
		return notApplicable
	case s.seen() && s.Request.Version < tls.VersionTLS12:
		return warn(say.Text("the server asked in ", wire.VersionName(s.Request.Version)),
			say.Text("let the server offer TLS 1.2 or 1.3"))
	case len(old) > 0:
		return warn(say.Text("the server still accepts ", say.Join(" and ", old...)),
			say.Text("let the server offer TLS 1.2 and 1.3 only"))
	}
	return pass
}

func serverSSL3(s *Server) Finding {
	for _, v := range s.Versions {
		if v.Number != wire.VersionSSL30 {
			continue
		}
		switch v.Supported {
		case say.No:
			return pass
		case say.Unknown:
			return unknown(nil)
		}
		detail := say.Text("the server accepts SSL 3.0, which POODLE has broken")
		if v.Asked == say.Yes {
			detail = say.Text(detail,
				"; a client without a certificate answers the request there with a warning alert 41 no_certificate "+
					"in place of an empty Certificate message, which the server's log may call just an alert")
		}
		return warn(detail, say.Text("turn SSL 3.0 off at the server"))
	}
	return notApplicable
}

// serverCAList looks at the names on the list.
func serverCAList(s *Server) Finding {
	if s.Request == nil {
		return notApplicable
	}
	names := s.Request.NamedCAs
	if len(names) == 0 {
		return warn(say.Text("the server names no CA: any certificate may be sent, and only a trial tells what is accepted"),
			nil)
	}
	broken := 0
	raw, keys := make(map[string]bool), make(map[string]bool)
	for _, name := range names {
		if _, err := certstore.ParseName(name); err != nil {
			broken++
		}
		raw[string(name)], keys[certstore.NameKey(name)] = true, true
	}
	switch {
	case broken > 0:
		return warn(say.Text(broken, " of ", len(names), " entries cannot be decoded as distinguished names"),
			say.Text("fix the server's list of CA names"))
	case len(raw) < len(names):
		return warn(say.Text("the list repeats ", count(len(names)-len(raw), "name")),
			say.Text("remove the duplicates from the server's CA file"))
	case len(keys) < len(raw):
		return warn(say.Text("the list has ", count(len(raw)-len(keys), "name"),
			" in two encodings: the same text, other bytes"),
			say.Text("that may be intended, for clients that compare bytes; otherwise remove the one that the CA's "+
				"certificates do not use"))
	}
	for _, i := range s.Identities {
		if i.Leaf != nil && !i.Leaf.IsCA && slices.ContainsFunc(names,
			func(name []byte) bool { return bytes.Equal(name, i.Leaf.RawSubject) }) {
			return warn(say.Text("the list names ", Name(i.Leaf.RawSubject),
				", which is an end entity and not a CA; most clients find no issuer of that name"),
				say.Text("put the issuing CA's certificate into the server's CA file, or let the server trust the certificate "+
					"without naming it"))
		}
	}
	return pass
}

// Sizes at which servers and clients are known to stumble.
const (
	schannelLimit = 16 << 10  // Microsoft KB 2464556 and 933430, event 36885
	schannelNear  = 15 << 10  // a list that was cut ends a little before
	listLimit     = 1<<16 - 1 // of certificate_authorities, RFC 5246, Section 7.4.4
)

func serverListSize(s *Server) Finding {
	if s.Request == nil || s.Request.Version == 0 {
		return notApplicable
	}
	list := 0
	for _, name := range s.Request.NamedCAs {
		list += 2 + len(name)
	}
	const header = 4 // of a handshake message
	size := header + len(s.Request.Raw)
	var broken []say.Phrase
	for _, l := range s.Limits {
		if size > l.Bytes {
			broken = append(broken, say.Text(l.Client))
		}
	}
	remedy := say.Text("let the server name fewer CAs: only the ones that issue its clients' certificates, or none")
	switch {
	case s.Request.Overlong:
		return fail(say.Text("the list of CA names has ", list, " bytes, and its length field can express ", listLimit,
			": the message is malformed for every client that follows the protocol", among(broken)), remedy)
	case len(broken) > 0:
		return warn(say.Text("the request has ", size, " bytes, too many for ", say.Join(", ", broken...),
			": they end the handshake before they choose a certificate"), remedy)
	case list >= schannelNear && list <= schannelLimit:
		return warn(say.Text("the list of CA names has ", list, " bytes: servers on Windows cut theirs near ", schannelLimit,
			", so names may be missing (Schannel event 36885)"),
			say.Text("look for that event in the server's log, and remove roots that no client needs from its store"))
	}
	return pass
}

// among names clients; nil without any.
func among(clients []say.Phrase) say.Phrase {
	if clients == nil {
		return nil
	}
	return say.Text(", among them ", say.Join(", ", clients...))
}

func serverLate(s *Server) Finding {
	var detail say.Phrase
	switch s.When {
	case "":
		return notApplicable
	case wire.PostHandshake:
		detail = say.Text("the server asks after the handshake, when it has read the path; Go's client, JDK and browsers " +
			"do not offer post-handshake authentication by themselves, and HTTP/2 forbids it")
	case wire.InRenegotiation:
		detail = say.Text("the server asks by renegotiation, when it has read the path; many clients forbid that (Go's " +
			"default), HTTP/2 and TLS 1.3 do not have it")
	default:
		return pass
	}
	return warn(say.Join("; ", s.EarlierRefusal, detail),
		say.Text("ask for the certificate in the handshake, on a host name or port of its own"))
}

func serverFront(s *Server) Finding {
	switch {
	case s.Asked != say.No:
		return notApplicable
	case s.Gateway != nil:
		return warn(say.Text(s.Gateway,
			": what ends TLS is a gateway, which got no answer from the server behind it; if that "+
				"one asks for a certificate, the client's does not get there"),
			say.Text("look at the gateway's log; let TLS pass through it (by SNI, in TCP mode), or have it present a "+
				"certificate of its own to the server behind it"))
	case s.Missed == nil:
		return pass
	}
	return warn(say.Text("the application says ", s.Missed, ", although TLS did not ask for a certificate"),
		say.Text("let TLS pass through what is in front (by SNI, in TCP mode), or have that ask and hand the certificate "+
			"on; "+
			"where only some names or paths ask, give them with --servername and --path"))
}

func serverVersionsDiffer(s *Server) Finding {
	var first *Version
	var differ []say.Phrase
	for n := range s.Versions {
		v := &s.Versions[n]
		if v.Supported != say.Yes || v.Asked == say.Unknown {
			continue
		}
		if first == nil {
			first = v
			continue
		}
		if d := first.difference(v); d != nil {
			differ = append(differ, say.Text(wire.VersionName(v.Number), " ", d))
		}
	}
	switch {
	case first == nil:
		return notApplicable
	case len(differ) > 0:
		return warn(say.Text("compared with ", wire.VersionName(first.Number), ": ", say.Join("; ", differ...)),
			say.Text("the client's highest version decides what it meets: set it with --tls-min and --tls-max here, and in "+
				"the client"))
	}
	return pass
}

// difference says how another version differs from v; nil if not at all or if
// that is not known.
func (v *Version) difference(other *Version) say.Phrase {
	switch {
	case v.Asked == say.Yes && other.Asked == say.No:
		return say.Text("does not ask")
	case v.Asked == say.No && other.Asked == say.Yes:
		return say.Text("asks, and the other does not")
	case v.Request == nil || other.Request == nil:
		return nil
	case !slices.EqualFunc(v.Request.NamedCAs, other.Request.NamedCAs, bytes.Equal):
		return say.Text("has another list: ", listDifference(v.Request.NamedCAs, other.Request.NamedCAs))
	case v.Mode != "" && v.Mode != "unknown" && other.Mode != "" && other.Mode != "unknown" && v.Mode != other.Mode:
		return say.Text("is ", other.Mode, ", not ", v.Mode)
	}
	return nil
}

// listDifference says what another list lacks and has; in what order only, if that
// is all.
func listDifference(list, other [][]byte) say.Phrase {
	without := func(a, b [][]byte) say.Phrase {
		const most = 3
		var names []say.Phrase
		for _, name := range a {
			if !slices.ContainsFunc(b, func(n []byte) bool { return bytes.Equal(n, name) }) {
				names = append(names, say.Text(Name(name)))
			}
		}
		if len(names) > most {
			names = append(names[:most], say.Text(len(names)-most, " more"))
		}
		return say.Join(", ", names...)
	}
	var said []say.Phrase
	if lacks := without(list, other); lacks != nil {
		said = append(said, say.Text("without ", lacks))
	}
	if has := without(other, list); has != nil {
		said = append(said, say.Text("with ", has))
	}
	if said == nil {
		return say.Text("the same names in another order")
	}
	return say.Join(", ", said...)
}

func serverVariants(s *Server) Finding {
	if len(s.Variants) == 0 {
		return notApplicable
	}
	here := &Version{Asked: s.Asked, Request: s.Request}
	var differ []say.Phrase
	for n := range s.Variants {
		v := &s.Variants[n]
		d := v.Failed
		if d == nil {
			d = here.difference(&v.Version)
		}
		if d != nil {
			differ = append(differ, say.Text(say.Host(v.Label), " ", d))
		}
	}
	if len(differ) > 0 {
		return warn(say.Join("; ", differ...),
			say.Text("find out which of them the client reaches, and by which name; configure them all alike"))
	}
	return Finding{Result: Pass, Detail: say.Text(len(s.Variants), " answer alike")}
}

func serverInjection(s *Server) Finding {
	switch {
	case !s.StartTLS:
		return notApplicable
	case len(s.Injected) == 0:
		return pass
	}
	return fail(say.Text(count(len(s.Injected), "byte"),
		" came in clear after the go-ahead for TLS and before the handshake: ",
		say.Quote(string(s.Injected[:min(len(s.Injected), 40)])),
		"; somebody on the way can inject text into this connection, or the server is faulty"),
		say.Text("use the port on which TLS begins at once, and look at what is between here and the server"))
}

func serverAnyPasses(s *Server) Finding {
	if !s.seen() {
		return notApplicable
	}
	switch s.AnyPasses {
	case say.Yes:
		return warn(say.Text("the server accepted a self-signed test certificate: it requires a certificate and does not "+
			"verify it"),
			say.Text("verify client certificates at the server, if this server is supposed to authenticate clients"))
	case say.No:
		return pass
	}
	return unknown(say.Text("it is not known what became of a self-signed test certificate"))
}
