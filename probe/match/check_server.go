package match

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"slices"
	"strings"

	"mtlsprobe/certstore"
	"mtlsprobe/probe/wire"
)

func serverVersion(s *Server) Finding {
	var old []string
	for _, v := range s.Versions {
		if v.Supported == Yes && v.Number < tls.VersionTLS12 && v.Number > wire.VersionSSL30 {
			old = append(old, wire.VersionName(v.Number))
		}
	}
	switch {
	case !s.seen() && s.Versions == nil:
		return notApplicable
	case s.seen() && s.Request.Version < tls.VersionTLS12:
		return warn("the server asked in "+wire.VersionName(s.Request.Version), "let the server offer TLS 1.2 or 1.3")
	case len(old) > 0:
		return warn("the server still takes "+strings.Join(old, " and "), "let the server offer TLS 1.2 and 1.3 alone")
	}
	return pass
}

func serverSSL3(s *Server) Finding {
	for _, v := range s.Versions {
		if v.Number != wire.VersionSSL30 {
			continue
		}
		switch v.Supported {
		case No:
			return pass
		case Yes:
		default:
			return Finding{Result: Unknown}
		}
		detail := "the server takes SSL 3.0, which POODLE has broken"
		if v.Asked == Yes {
			detail += "; a client without a certificate answers the request there with a warning alert 41 no_certificate in place of an empty Certificate message, which the server's log may call an alert and nothing more"
		}
		return warn(detail, "turn SSL 3.0 off at the server")
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
		return warn("the server names no CA: any certificate may be sent, and only a trial tells what is accepted", "")
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
		return warn(fmt.Sprintf("%d of %d entries are no distinguished names", broken, len(names)), "mend the server's list of CA names")
	case len(raw) < len(names):
		return warn(fmt.Sprintf("%d names stand on the list more than once", len(names)-len(raw)), "remove the doubles from the server's CA file")
	case len(keys) < len(raw):
		return warn(fmt.Sprintf("%d names stand on the list in two encodings: the same text, other bytes", len(raw)-len(keys)),
			"that may be meant, for clients that compare bytes; else remove the one that the CA's certificates do not use")
	}
	for _, i := range s.Identities {
		if i.Leaf != nil && !i.Leaf.IsCA && slices.ContainsFunc(names, func(name []byte) bool { return bytes.Equal(name, i.Leaf.RawSubject) }) {
			return warn(fmt.Sprintf("the list names %s, which is an end entity and no CA; most clients find no issuer of that name", certstore.NameString(i.Leaf.RawSubject)),
				"put the issuing CA's certificate into the server's CA file, or let the server trust the certificate without naming it")
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
	var broken []string
	for _, l := range s.Limits {
		if size > l.Bytes {
			broken = append(broken, l.Client)
		}
	}
	const remedy = "let the server name fewer CAs: the issuing ones of its clients alone, or none"
	switch {
	case s.Request.Overlong:
		return fail(fmt.Sprintf("the list of CA names has %d bytes, and its length field can tell %d: the message is malformed for every client that takes the protocol at its word; too large it is for %s", list, listLimit, orNone(broken)), remedy)
	case len(broken) > 0:
		return warn(fmt.Sprintf("the request has %d bytes, too many for %s: they end the handshake before they choose a certificate", size, strings.Join(broken, ", ")), remedy)
	case list >= schannelNear && list <= schannelLimit:
		return warn(fmt.Sprintf("the list of CA names has %d bytes: servers on Windows cut theirs near %d, so that names may be missing (Schannel event 36885)", list, schannelLimit), "look for that event in the server's log, and remove roots that no client needs from its store")
	}
	return pass
}

func orNone(clients []string) string {
	if len(clients) == 0 {
		return "no client in particular"
	}
	return strings.Join(clients, ", ")
}

func serverLate(s *Server) Finding {
	const cannot = "Go's client, JDK and browsers do not offer post-handshake authentication by themselves, and HTTP/2 forbids it"
	var detail string
	switch s.When {
	case "":
		return notApplicable
	case wire.PostHandshake:
		detail = "the server asks after the handshake, when it has read the path; " + cannot
	case wire.InRenegotiation:
		detail = "the server asks by renegotiation, when it has read the path; many clients forbid that (Go's default), HTTP/2 and TLS 1.3 do not have it"
	default:
		return pass
	}
	if s.TurnedAway != "" {
		detail = s.TurnedAway + "; " + detail
	}
	return warn(detail, "ask for the certificate in the handshake, on a host name or port of its own")
}

func serverVersionsDiffer(s *Server) Finding {
	var first *Version
	var differ []string
	for n := range s.Versions {
		v := &s.Versions[n]
		if v.Supported != Yes || v.Asked == "" {
			continue
		}
		if first == nil {
			first = v
			continue
		}
		if d := first.difference(v); d != "" {
			differ = append(differ, wire.VersionName(v.Number)+" "+d)
		}
	}
	switch {
	case first == nil:
		return notApplicable
	case len(differ) > 0:
		return warn("compared with "+wire.VersionName(first.Number)+": "+strings.Join(differ, "; "), "the client's highest version decides what it meets: set it with --tls-min and --tls-max here, and in the client")
	}
	return pass
}

// difference says how another version differs from v; empty if not at all or if
// that is not known.
func (v *Version) difference(other *Version) string {
	switch {
	case v.Asked == Yes && other.Asked == No:
		return "does not ask"
	case v.Asked == No && other.Asked == Yes:
		return "asks, and the other does not"
	case v.Request == nil || other.Request == nil:
		return ""
	case !slices.EqualFunc(v.Request.NamedCAs, other.Request.NamedCAs, bytes.Equal):
		return "has another list: " + listDifference(v.Request.NamedCAs, other.Request.NamedCAs)
	case v.Insistence != "" && v.Insistence != "unknown" && other.Insistence != "" && other.Insistence != "unknown" && v.Insistence != other.Insistence:
		return "is " + other.Insistence + ", not " + v.Insistence
	}
	return ""
}

// listDifference says what another list lacks and has; in what order only, if that
// is all.
func listDifference(list, other [][]byte) string {
	without := func(a, b [][]byte) string {
		const most = 3
		var names []string
		for _, name := range a {
			if !slices.ContainsFunc(b, func(n []byte) bool { return bytes.Equal(n, name) }) {
				names = append(names, certstore.NameString(name))
			}
		}
		if len(names) > most {
			names = append(names[:most], fmt.Sprintf("%d more", len(names)-most))
		}
		return strings.Join(names, ", ")
	}
	var said []string
	if lacks := without(list, other); lacks != "" {
		said = append(said, "without "+lacks)
	}
	if has := without(other, list); has != "" {
		said = append(said, "with "+has)
	}
	if said == nil {
		return "the same names in another order"
	}
	return strings.Join(said, ", ")
}

func serverVariants(s *Server) Finding {
	if len(s.Variants) == 0 {
		return notApplicable
	}
	here := &Version{Asked: s.Asked, Request: s.Request}
	var differ []string
	for n := range s.Variants {
		v := &s.Variants[n]
		d := v.Failed
		if d == "" {
			d = here.difference(&v.Version)
		}
		if d != "" {
			differ = append(differ, v.Label+" "+d)
		}
	}
	if len(differ) > 0 {
		return warn(strings.Join(differ, "; "), "find out which of them the client reaches, and by which name; let them all be configured alike")
	}
	return Finding{Result: Pass, Detail: fmt.Sprintf("%d answer alike", len(s.Variants))}
}

func serverInjection(s *Server) Finding {
	switch {
	case !s.StartTLS:
		return notApplicable
	case len(s.Injected) == 0:
		return pass
	}
	return fail(fmt.Sprintf("%d bytes came in clear after the go-ahead for TLS and before the handshake: %q; somebody on the way can put words into this connection, or the server is broken", len(s.Injected), s.Injected[:min(len(s.Injected), 40)]),
		"use the port on which TLS begins at once, and look at what lies between here and the server")
}

func serverAnyPasses(s *Server) Finding {
	if !s.seen() {
		return notApplicable
	}
	switch s.AnyPasses {
	case Yes:
		return warn("a self-signed throw-away certificate was let in: the server demands a certificate and does not verify it at this place", "verify client certificates at the server, if that is meant to be its lock")
	case No:
		return pass
	}
	return Finding{Result: Unknown, Detail: "no throw-away certificate was tried"}
}
