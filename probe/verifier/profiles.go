package verifier

import (
	"mtlsprobe/certstore/chain"
	"mtlsprobe/probe/wire"
)

// Profiles returns every profile, in the order in which people think of them. The slice is
// the caller's.
func Profiles() []*Profile {
	return append(onOpenSSL(), boringSSL(), golang(), java(), gnuTLS(), nss(), mbedTLS(), wolfSSL(), rustls(), erlang())
}

func golang() *Profile {
	return &Profile{
		ID: "go", Name: "Go", Versions: "1.26", Confidence: Run,
		Citation: "Go src/crypto/x509/verify.go: Certificate.Verify",
		Path:     everyPath, Names: exact, Settable: settable{Defaults: Settings{PartialChain: on(true)}},
		LeafRules: leafRules{EKU: clientAuthOrAny}, CA: caRules{EKU: clientAuthOrAny}, Keys: keyRules{NoSHA1: true},
		Extensions: extensionRules{AsGo: true, Forms: []chain.NameForm{chain.DirectoryName, chain.CommonName}},
		Reasons: reasonRules{
			OnAnchor: []Reason{Expired, NotYetValid, NotCA, NoBasicConstraints, MaySign, Length, CAUsage, Usage, Constraint,
				Critical},
			Order: [][]Reason{{Expired, NotYetValid, Critical, Constraint, NotCA, NoBasicConstraints, MaySign, Length,
				NoIssuer, Untrusted, SelfSignedLeaf}},
		},
		Refusal: refusal{Other: wire.AlertBadCertificate, Alerts: alerts{
			wire.AlertCertificateExpired: {Expired, NotYetValid},
			wire.AlertUnknownCA: {NoIssuer, Untrusted, SelfSignedLeaf, Signature, Weak, MaySign, NotCA,
				NoBasicConstraints},
		}.byReason()},
	}
}

func java() *Profile {
	return &Profile{
		ID: "java", Name: "Java (PKIX)", Versions: "17", Confidence: Run,
		Citation: "OpenJDK sun/security/validator/PKIXValidator.java, EndEntityChecker.java",
		Path:     everyPath, Choice: choice{Ordered: true},
		Settable:  settable{Defaults: Settings{PartialChain: on(true)}, MaxCertificates: 10},
		LeafRules: leafRules{EKU: clientAuthOrAny, KeyUsage: signs, Netscape: netscapeCounts},
		Keys:      keyRules{MinRSA: 1024, NoP224: true},
		Reasons: reasonRules{OnAnchor: []Reason{NoBasicConstraints, NotCA, MaySign},
			OnBuilt: []Reason{Expired, NotYetValid}},
		Refusal: refusal{Other: wire.AlertCertificateUnknown,
			Alerts: alerts{wire.AlertHandshakeFailure: {TooLong}}.byReason()},
	}
}

func gnuTLS() *Profile {
	return &Profile{
		ID: "gnutls", Name: "GnuTLS", Versions: "3.7", Confidence: Run,
		Citation: "GnuTLS lib/x509/verify-high.c, lib/x509/verify.c",
		Path:     asSent, Names: exactToAnchor, Choice: choice{Identifiers: true},
		Settable:  settable{Defaults: Settings{PartialChain: on(true)}},
		LeafRules: leafRules{KeyUsage: signs}, Keys: keyRules{NoSHA1: true},
		Extensions: extensionRules{Forms: []chain.NameForm{chain.DirectoryName, chain.CommonName}},
		Reasons: reasonRules{
			OnAnchor: []Reason{Expired, NotYetValid, NotCA, MaySign, Length, Constraint, Critical},
			Order: [][]Reason{{NoIssuer, Expired, NotYetValid, Weak, NotCA, NoBasicConstraints, MaySign, Length,
				Constraint, Critical, Policy}},
		},
		Refusal: refusal{Other: wire.AlertAccessDenied, Alerts: alerts{wire.AlertInternalError: {LeafKeyUsage}}.byReason()},
	}
}

func nss() *Profile {
	return &Profile{
		ID: "nss", Name: "NSS", Versions: "3.87", Confidence: Run,
		Citation: "NSS lib/certhigh/certvfy.c: cert_VerifyCertChainOld",
		Choice: choice{Identifiers: true, Newest: true, Reverse: true, Self: selfNamed,
			Issuing: []Reason{MaySign, NotCA, NoBasicConstraints}},
		Names: exact, Settable: settable{Defaults: Settings{PartialChain: on(true)}},
		LeafRules: leafRules{EKU: clientAuth, KeyUsage: signs, Netscape: netscapeWithoutEKU, NoCA: true},
		CA:        caRules{EKU: tlsUsage}, Keys: keyRules{NoEd25519: true, NoP224: true},
		Extensions: extensionRules{Forms: []chain.NameForm{chain.CommonName}},
		Reasons: reasonRules{
			OnAnchor: []Reason{Expired, NotYetValid, NotCA, NoBasicConstraints, Length, Constraint, Critical},
			Order: [][]Reason{{Expired, NotYetValid, Usage, LeafKeyUsage, NetscapeType, LeafIsCA, MaySign, CAUsage,
				Critical, Constraint, Length}},
		},
		Refusal: refusal{Other: wire.AlertBadCertificate, CADates: wire.AlertUnknownCA, Alerts: alerts{
			wire.AlertCertificateExpired: {Expired, NotYetValid},
			wire.AlertCertificateUnknown: {Usage, LeafKeyUsage, NetscapeType, LeafIsCA, MaySign},
			wire.AlertUnknownCA:          {NoIssuer, Untrusted, NotCA, NoBasicConstraints},
		}.byReason()},
	}
}

func mbedTLS() *Profile {
	return &Profile{
		ID: "mbedtls", Name: "Mbed TLS", Versions: "2.28", Confidence: Run,
		Citation: "Mbed TLS library/x509_crt.c: x509_crt_verify_chain",
		Choice: choice{AnchorSigns: true, Current: true, Later: true, NoLeaf: true, Self: selfGoesOn,
			Issuing: []Reason{NotCA, NoBasicConstraints, MaySign, Length}},
		Names: foldedCase, Settable: settable{Defaults: Settings{PartialChain: on(true), Depth: of(8)}},
		LeafRules: leafRules{EKU: clientAuthOrAny, KeyUsage: signs},
		Keys:      keyRules{MinRSA: 2048, NoSHA1: true, NoEd25519: true, NoP224: true},
		Extensions: extensionRules{Forms: []chain.NameForm{chain.HostName, chain.CommonName, chain.DirectoryName},
			Unhandled: []int{nameConstraints, policyConstraints}, DecodesAll: true},
		Reasons: reasonRules{
			Ignored: []Reason{Policy}, OnAnchor: []Reason{Expired, NotYetValid, Key, Critical},
			Order: [][]Reason{{Critical, Unsupported}, {TooLong}, {Usage, LeafKeyUsage, Key}, {Expired},
				{NoIssuer, Untrusted, Signature}},
		},
		Refusal: refusal{Other: wire.AlertBadCertificate, Alerts: alerts{
			wire.AlertCertificateExpired:     {Expired},
			wire.AlertCertificateUnknown:     {NotYetValid, Weak},
			wire.AlertUnsupportedCertificate: {Usage, LeafKeyUsage, Key},
			wire.AlertUnknownCA:              {NoIssuer, Untrusted, SelfSignedLeaf, Signature},
			wire.AlertAccessDenied:           {TooLong},
		}.byReason()},
	}
}

func wolfSSL() *Profile {
	return &Profile{
		ID: "wolfssl", Name: "wolfSSL", Versions: "5.5", Confidence: Run,
		Citation: "wolfSSL src/internal.c: ProcessPeerCerts",
		Path:     eachSent, Choice: choice{Identifiers: true}, Names: exact,
		Settable:  settable{Defaults: Settings{PartialChain: on(true), Depth: of(8)}},
		LeafRules: leafRules{EKU: clientAuthOrAny, KeyUsage: signs}, CA: caRules{NeedsKeyUsage: true},
		Keys:       keyRules{MD5: true},
		Extensions: extensionRules{HostsNeeded: true, ConstraintsOfCA: true, DecodesAll: true},
		Reasons: reasonRules{Ignored: []Reason{Policy}, OnAnchor: []Reason{Constraint}, OnIntermediate: []Reason{Length},
			Order: [][]Reason{{Usage, LeafKeyUsage, Critical}}},
		Refusal: refusal{Other: wire.AlertBadCertificate, Alerts: alerts{
			wire.AlertCertificateExpired: {Expired, NotYetValid},
			wire.AlertUnknownCA:          {NoIssuer, NotCA, NoBasicConstraints, TooLong},
		}.byReason()},
	}
}

func rustls() *Profile {
	return &Profile{
		ID: "rustls", Name: "rustls", Versions: "0.20 with webpki 0.22", Confidence: Run,
		Citation: "webpki src/verify_cert.rs: build_chain, check_issuer_independent_properties",
		Path:     everyPath, Names: exact, Choice: choice{NoLeaf: true},
		Settable:  settable{Defaults: Settings{PartialChain: on(true), Depth: of(6)}},
		LeafRules: leafRules{EKU: clientAuth, NoCA: true}, CA: caRules{EKU: clientAuth},
		Keys:       keyRules{MinRSA: 2048, NoSHA1: true, NoP224: true, NoP521: true},
		Extensions: extensionRules{Unhandled: []int{nameConstraints}},
		Reasons:    reasonRules{Ignored: []Reason{MaySign}, OnAnchor: []Reason{Key, Critical, Constraint, Usage, LeafIsCA}},
		Refusal:    refusal{Other: wire.AlertHandshakeFailure, LeafKey: wire.AlertAccessDenied},
	}
}

func erlang() *Profile {
	return &Profile{
		ID: "erlang", Name: "Erlang", Versions: "OTP 25", Confidence: Run,
		Citation: "Erlang/OTP lib/ssl/src/ssl_certificate.erl, lib/public_key/src/pubkey_cert.erl",
		Path:     everyPath, Choice: choice{SentFirst: true, NoLeaf: true, NoSelfSigned: true, Self: selfNamed},
		Settable: settable{Defaults: Settings{PartialChain: on(false), Depth: of(10)},
			Directives: map[Setting]string{Depth: "depth", PartialChain: "partial_chain"}},
		LeafRules: leafRules{EKU: clientAuth}, CA: caRules{EKU: clientAuth},
		Keys:       keyRules{NoEd25519: true, NoPSS: true},
		Extensions: extensionRules{Forms: []chain.NameForm{chain.CommonName}, Unhandled: []int{policyConstraints}},
		Reasons: reasonRules{
			OnAnchor: []Reason{Expired, NotYetValid},
			Order: [][]Reason{{NoIssuer, Untrusted}, {Signature, Expired, NotYetValid, Constraint, Critical, Usage, CAUsage,
				MaySign, NotCA, NoBasicConstraints, Length, Policy}},
		},
		Refusal: refusal{Other: wire.AlertBadCertificate, Alerts: alerts{
			wire.AlertCertificateExpired:     {Expired, NotYetValid},
			wire.AlertUnknownCA:              {NoIssuer, Untrusted},
			wire.AlertInternalError:          {Weak},
			wire.AlertUnsupportedCertificate: {Critical, Policy},
			wire.AlertHandshakeFailure:       {MaySign, NotCA, NoBasicConstraints, Length, Usage, CAUsage, TooLong},
		}.byReason()},
	}
}
