package match

import (
	"crypto/x509"
	"slices"

	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

// What only the server knows. These checks judge nothing: they are offered as
// possible causes of a refusal, with the setting that decides.
var (
	// HiddenTrust is a server that does not trust the issuer.
	HiddenTrust = &Check{
		ID: "server.trust", Title: "The server does not trust the issuer", Since: v3,
		Doc: "The list of CA names that a server sends is not its trust store: it may trust other CAs than it names. " +
			"Only the server's operator can see which CA certificates it loads.",
		Citation:   "RFC 8446, Section 4.2.4",
		Objections: objections(trustAlerts),
		Directives: []Directive{
			{"nginx", OpenSSL, "ssl_client_certificate, ssl_trusted_certificate"}, {"Apache", OpenSSL, "SSLCACertificateFile"},
			{"HAProxy", OpenSSL, "ca-file"}, {"Go", Go, "tls.Config.ClientCAs"}, {"Java", JSSE, "javax.net.ssl.trustStore"},
			{"GnuTLS", GnuTLS, "the trust file of the server program"}, {"Envoy", BoringSSL, "validation_context.trusted_ca"},
			{"Erlang", Erlang, "cacertfile"},
		},
		Carried: map[Carrier][]Directive{OpenVPN: {{"OpenVPN", OpenSSL, "ca, capath"}},
			EAP: {{"FreeRADIUS", OpenSSL, "ca_file, ca_path of tls-config"}, {"hostapd", OpenSSL, "ca_cert"}}},
	}
	// HiddenRoot is a trust file that holds an intermediate and lacks its root.
	HiddenRoot = &Check{
		ID: "server.root-missing", Title: "The server's CA file lacks the root above a named intermediate", Since: v3,
		Doc: "OpenSSL accepts a path only up to a self-signed certificate unless the server allows partial chains. A " +
			"server that is given an intermediate alone names it, and then refuses every certificate below it.",
		Citation:   "OpenSSL, X509_VERIFY_PARAM_set_flags(3), X509_V_FLAG_PARTIAL_CHAIN",
		Objections: objections([]uint8{wire.AlertUnknownCA, wire.AlertBadCertificate}),
		Directives: []Directive{{"nginx", OpenSSL, "ssl_trusted_certificate with the root as well"},
			{"Apache", OpenSSL, "SSLCACertificateFile with the root as well"},
			{"HAProxy", OpenSSL, "ca-verify-file with the root as well"}},
	}
	// HiddenDepth is a limit on the length of the path.
	HiddenDepth = &Check{
		ID: "server.depth", Title: "The server's limit on the length of the chain", Since: v3,
		Doc: "Server programs bound how many certificates may be between the client's and the root. nginx allows one by " +
			"default, and so do others.",
		Citation:   "nginx, ngx_http_ssl_module, ssl_verify_depth; Apache, mod_ssl, SSLVerifyDepth; Erlang, ssl, depth",
		Objections: append(objections(trustAlerts), Objection{wire.AlertHandshakeFailure, Erlang}),
		Directives: []Directive{{"nginx", OpenSSL, "ssl_verify_depth (1 unless set)"},
			{"Apache", OpenSSL, "SSLVerifyDepth (1 unless set)"}, {"Erlang, RabbitMQ, EMQX, VerneMQ", Erlang,
				"depth of the listener's ssl options (10 since OTP 24, 1 before; programs set their own)"}},
	}
	// HiddenRevocation is a revocation list at the server.
	HiddenRevocation = &Check{
		ID: "server.revocation", Title: "A revocation list at the server", Since: v3,
		Doc: "A server that is given revocation lists refuses a good certificate where the list of its issuer is missing " +
			"or out of date, with certificate_expired or unknown_ca.",
		Citation: "OpenSSL, X509_V_ERR_UNABLE_TO_GET_CRL, X509_V_ERR_CRL_HAS_EXPIRED",
		Objections: objections([]uint8{wire.AlertCertificateExpired, wire.AlertUnknownCA, wire.AlertCertificateRevoked,
			wire.AlertBadCertificate}, unspecific),
		Directives: []Directive{{"nginx", OpenSSL, "ssl_crl"},
			{"Apache", OpenSSL, "SSLCARevocationFile, SSLCARevocationCheck"}, {"HAProxy", OpenSSL, "crl-file"},
			{"mosquitto", OpenSSL, "crlfile"}},
		Carried: map[Carrier][]Directive{OpenVPN: {{"OpenVPN", OpenSSL, "crl-verify"}},
			EAP: {{"FreeRADIUS", OpenSSL, "check_crl, ocsp"}, {"hostapd", OpenSSL, "check_crl"}}},
	}
	// HiddenIdentity is a comparison of the certificate's name with the user's outside TLS.
	HiddenIdentity = &Check{
		ID: "server.identity", Title: "The certificate's name is not the user's outside TLS", Since: v3,
		Doc: "Servers of Wi-Fi and wired networks may compare the name in the certificate with the identity that the " +
			"device gives outside TLS, and let nobody in where they differ.",
		Citation:   "RFC 5216, Section 5.2; FreeRADIUS, mods-available/eap, check_cert_cn",
		Objections: []Objection{},
		Carried:    map[Carrier][]Directive{EAP: {{"FreeRADIUS", OpenSSL, "check_cert_cn"}}},
	}
	// HiddenRules are rules on names or accounts after the certificate was verified.
	HiddenRules = &Check{
		ID: "server.rules", Title: "A rule of the application on names, roles or accounts", Since: v3,
		Doc: "TLS accepted the certificate, and the program behind it refused: the name in the certificate is not " +
			"registered, lacks a role, or does not match the user.",
		Citation:   "RFC 9110, Section 15.5.4",
		Objections: []Objection{},
	}
)

// hiddenCauses offers what only the server knows and would word as this refusal.
func hiddenCauses(r *Refusal, v *Verdict) []Cause {
	var causes []Cause
	offer := func(c *Check, why say.Phrase) {
		if c.saidAs(r) && (r.Alerted || r.Carrier != "") {
			causes = append(causes, Cause{Check: c, Status: Unknown, Detail: say.Text(why, c.settings(r))})
		}
	}
	const unseen = "not visible from here"
	if v.Identity.Leaf == nil {
		return nil
	}
	if r.User != "" && !r.Alerted && !named(v.Identity.Leaf, r.User) {
		causes = append(causes, Cause{Check: HiddenIdentity, Status: Unknown, Detail: say.Text("the identity was ",
			say.Quote(r.User), ", and the certificate is of ", Name(v.Identity.Leaf.RawSubject),
			HiddenIdentity.settings(r))})
	}
	if r.ByApplication && !r.Alerted {
		causes = append(causes, Cause{Check: HiddenRules, Status: Unknown, Detail: say.Text(unseen)})
	}
	intermediates := 0
	counted := make(map[string]bool) // of cross-signed certificates a path has one
	for _, c := range v.Identity.Chain {
		twin := string(c.RawSubject) + string(c.RawSubjectPublicKeyInfo)
		if string(c.RawSubject) != string(c.RawIssuer) && !counted[twin] {
			counted[twin] = true
			intermediates++
		}
	}
	depth := func() {
		offer(HiddenDepth, say.Text(unseen, ": ", count(intermediates, "certificate"),
			" between the client's and the root, which the limit has to allow"))
	}
	if intermediates > 1 { // more than many servers allow by default
		depth()
	}
	if above := v.namedIntermediate(); above != nil && (r.Library == OpenSSL || r.Library == OtherLibrary) {
		offer(HiddenRoot, say.Text(unseen, ": the list names ", say.DN(above.name()), ", which is not a root"))
	}
	offer(HiddenTrust, say.Text(unseen, ": whether the server trusts ", Name(v.Identity.Leaf.RawIssuer)))
	if intermediates == 1 {
		depth()
	}
	offer(HiddenRevocation, say.Text(unseen))
	return causes
}

// named reports whether a certificate has the name, as a common name or as an address of mail.
func named(leaf *x509.Certificate, name string) bool {
	return leaf.Subject.CommonName == name || slices.Contains(leaf.EmailAddresses, name)
}

// settings names the directives of the servers that use the library and take TLS from the carrier; of
// all libraries where it is not known.
func (c *Check) settings(r *Refusal) say.Phrase {
	directives := c.Directives
	if r.Carrier != "" {
		directives = c.Carried[r.Carrier]
	}
	var said []say.Phrase
	for _, d := range directives {
		if r.Library == OtherLibrary || d.Library == r.Library {
			said = append(said, say.Text(d.Server, ": ", d.Setting))
		}
	}
	if said == nil {
		return nil
	}
	return say.Text(" (", say.Join("; ", said...), ")")
}

// namedIntermediate is the named CA that is reached and is not self-signed; nil if
// a root is reached or nothing is.
func (v *Verdict) namedIntermediate() *NamedCA {
	at := slices.IndexFunc(v.NamedCAs, func(n NamedCA) bool { return n.Result == Reached })
	if at < 0 || slices.ContainsFunc(v.NamedCAs, func(n NamedCA) bool { return n.Result == Reached && n.Path.Root }) {
		return nil
	}
	return &v.NamedCAs[at]
}
