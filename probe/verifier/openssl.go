package verifier

import "mtlsprobe/probe/wire"

// onOpenSSL are OpenSSL, and programs on it that judge as it does, with settings of their own.
func onOpenSSL() []*Profile {
	openssl := openSSL("openssl", "OpenSSL", "3.0 (Debian)",
		"OpenSSL crypto/x509/x509_vfy.c: build_chain, check_extensions, internal_verify")
	openssl.Settable.Directives = map[Setting]string{Depth: "SSL_CTX_set_verify_depth",
		PartialChain: "X509_V_FLAG_PARTIAL_CHAIN", Strict: "X509_V_FLAG_X509_STRICT", SecurityLevel: "SECLEVEL"}
	nginx := openSSL("nginx", "nginx", "1.22 with OpenSSL 3.0", "nginx src/event/ngx_event_openssl.c")
	nginx.Settable.Defaults.Depth, nginx.Refusal.Status = of(1), 400
	nginx.Settable.Directives = map[Setting]string{Depth: "ssl_verify_depth"}
	apache := openSSL("apache", "Apache", "2.4 with OpenSSL 3.0",
		"Apache modules/ssl/ssl_engine_kernel.c: ssl_callback_SSLVerify")
	apache.Settable.Defaults.Depth, apache.Settable.Counts = of(1), caCertificates
	apache.Settable.Directives = map[Setting]string{Depth: "SSLVerifyDepth"}
	apache.Refusal.Alerts[TooLong] = wire.AlertInternalError
	haproxy := openSSL("haproxy", "HAProxy", "2.6 with OpenSSL 3.0", "HAProxy src/ssl_sock.c: ssl_sock_bind_verifycbk")
	node := openSSL("node", "Node.js", "20", "Node.js src/crypto/crypto_tls.cc; its own OpenSSL, at security level 1")
	node.Settable.Defaults.SecurityLevel, node.Refusal = of(1), refusal{}
	return []*Profile{openssl, nginx, apache, haproxy, node}
}

// openSSL is what OpenSSL does, and programs on it that leave its settings alone.
func openSSL(id, name, versions, citation string) *Profile {
	return &Profile{
		ID: id, Name: name, Versions: versions, Confidence: Run, Citation: citation,
		Choice: choice{Identifiers: true, Serials: true, Current: true, TrustedOnly: true, Self: selfIdentified},
		Settable: settable{Defaults: Settings{Depth: of(100), PartialChain: on(false), Strict: on(false),
			SecurityLevel: of(2)}},
		LeafRules: leafRules{EKU: clientAuth, KeyUsage: signsOrAgreesKeys, Netscape: netscapeCounts},
		CA:        caRules{EKU: clientAuth},
		Reasons: reasonRules{
			Ignored: []Reason{Policy},
			OnAnchor: []Reason{Expired, NotYetValid, NotCA, MaySign, Length, CAUsage, Key, Critical, Constraint, TooLong,
				Usage, LeafKeyUsage, NetscapeType},
			// It builds a path, then checks extensions, strengths, signatures and dates, and names.
			Order: [][]Reason{
				{NoIssuer, Untrusted, SelfSignedLeaf},
				{Critical, NotCA, NoBasicConstraints, MaySign, NoKeyUsage, NoKeyIdentifier, Usage, CAUsage, LeafKeyUsage,
					NetscapeType, Length},
				{Key, Weak}, {Signature, Expired, NotYetValid, TooLong}, {Constraint},
			},
		},
		Refusal: refusal{Other: wire.AlertUnknownCA, Alerts: alerts{
			wire.AlertCertificateExpired:     {Expired},
			wire.AlertBadCertificate:         {NotYetValid, Key, Weak},
			wire.AlertUnsupportedCertificate: {Usage, CAUsage, LeafKeyUsage, NetscapeType},
			wire.AlertDecryptError:           {Signature},
			wire.AlertCertificateUnknown:     {Critical, Constraint, NoKeyUsage, NoKeyIdentifier},
		}.byReason()},
	}
}

// boringSSL differs from the OpenSSL that it comes from in how it looks for a path.
func boringSSL() *Profile {
	p := openSSL("boringssl", "BoringSSL", "as in Bun 1.4", "BoringSSL crypto/x509/x509_vfy.cc")
	p.Settable.Defaults = Settings{Depth: of(100), PartialChain: on(false)}
	p.Choice = choice{Identifiers: true, Serials: true, AnchorCurrent: true, Unordered: true, TrustedOnly: true,
		Self: selfIssuing, Issuing: []Reason{MaySign}}
	p.LeafRules.KeyUsage, p.LeafRules.Netscape = signs, netscapeIgnored
	p.Reasons.Ignored, p.Refusal = nil, refusal{}
	return p
}

// alerts are those of one program, each with its reasons.
type alerts map[uint8][]Reason

func (a alerts) byReason() map[Reason]uint8 {
	alerts := make(map[Reason]uint8)
	for alert, reasons := range a {
		for _, r := range reasons {
			alerts[r] = alert
		}
	}
	return alerts
}

func on(b bool) *bool { return &b }

func of(n int) *int { return &n }
