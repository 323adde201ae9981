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
		Path:     EveryPath, Names: Exact, Settable: Settable{Defaults: Settings{PartialChain: on(true)}},
		LeafRules: LeafRules{EKU: ClientAuthOrAny}, CA: CARules{EKU: ClientAuthOrAny}, Keys: KeyRules{NoSHA1: true},
		Extensions: ExtensionRules{AsGo: true, Forms: []chain.NameForm{chain.DirectoryName, chain.CommonName}},
		Reasons: ReasonRules{
			OnAnchor: []Reason{Expired, NotYetValid, NotCA, NoBasicConstraints, MaySign, Length, CAUsage, Usage, Constraint,
				Critical},
			Order: [][]Reason{{Expired, NotYetValid, Critical, Constraint, NotCA, NoBasicConstraints, MaySign, Length,
				NoIssuer, Untrusted, SelfSignedLeaf}},
		},
		Refusal: Refusal{Other: wire.AlertBadCertificate, Alerts: alerts{
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
		Path:     EveryPath, Choice: Choice{Ordered: true},
		Settable:  Settable{Defaults: Settings{PartialChain: on(true)}, MaxCertificates: 10},
		LeafRules: LeafRules{EKU: ClientAuthOrAny, KeyUsage: Signs, Netscape: NetscapeCounts},
		Keys:      KeyRules{MinRSA: 1024, NoP224: true},
		Reasons: ReasonRules{OnAnchor: []Reason{NoBasicConstraints, NotCA, MaySign},
			OnBuilt: []Reason{Expired, NotYetValid}},
		Refusal: Refusal{Other: wire.AlertCertificateUnknown,
			Alerts: alerts{wire.AlertHandshakeFailure: {TooLong}}.byReason()},
	}
}

func gnuTLS() *Profile {
	return &Profile{
		ID: "gnutls", Name: "GnuTLS", Versions: "3.7", Confidence: Run,
		Citation: "GnuTLS lib/x509/verify-high.c, lib/x509/verify.c",
		Path:     AsSent, Names: ExactToAnchor, Choice: Choice{Identifiers: true},
		Settable:  Settable{Defaults: Settings{PartialChain: on(true)}},
		LeafRules: LeafRules{KeyUsage: Signs}, Keys: KeyRules{NoSHA1: true},
		Extensions: ExtensionRules{Forms: []chain.NameForm{chain.DirectoryName, chain.CommonName}},
		Reasons: ReasonRules{
			OnAnchor: []Reason{Expired, NotYetValid, NotCA, MaySign, Length, Constraint, Critical},
			Order: [][]Reason{{NoIssuer, Expired, NotYetValid, Weak, NotCA, NoBasicConstraints, MaySign, Length,
				Constraint, Critical, Policy}},
		},
		Refusal: Refusal{Other: wire.AlertAccessDenied, Alerts: alerts{wire.AlertInternalError: {LeafKeyUsage}}.byReason()},
	}
}

func nss() *Profile {
	return &Profile{
		ID: "nss", Name: "NSS", Versions: "3.87", Confidence: Run,
		Citation: "NSS lib/certhigh/certvfy.c: cert_VerifyCertChainOld",
		Choice: Choice{Identifiers: true, Newest: true, Reverse: true, Self: SelfNamed,
			Issuing: []Reason{MaySign, NotCA, NoBasicConstraints}},
		Names: Exact, Settable: Settable{Defaults: Settings{PartialChain: on(true)}},
		LeafRules: LeafRules{EKU: ClientAuth, KeyUsage: Signs, Netscape: NetscapeWithoutEKU, NoCA: true},
		CA:        CARules{EKU: TLSUsage}, Keys: KeyRules{NoEd25519: true, NoP224: true},
		Extensions: ExtensionRules{Forms: []chain.NameForm{chain.CommonName}},
		Reasons: ReasonRules{
			OnAnchor: []Reason{Expired, NotYetValid, NotCA, NoBasicConstraints, Length, Constraint, Critical},
			Order: [][]Reason{{Expired, NotYetValid, Usage, LeafKeyUsage, NetscapeType, LeafIsCA, MaySign, CAUsage,
				Critical, Constraint, Length}},
		},
		Refusal: Refusal{Other: wire.AlertBadCertificate, CADates: wire.AlertUnknownCA, Alerts: alerts{
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
		Choice: Choice{AnchorSigns: true, Current: true, Later: true, NoLeaf: true, Self: SelfGoesOn,
			Issuing: []Reason{NotCA, NoBasicConstraints, MaySign, Length}},
		Names: FoldedCase, Settable: Settable{Defaults: Settings{PartialChain: on(true), Depth: of(8)}},
		LeafRules: LeafRules{EKU: ClientAuthOrAny, KeyUsage: Signs},
		Keys:      KeyRules{MinRSA: 2048, NoSHA1: true, NoEd25519: true, NoP224: true},
		Extensions: ExtensionRules{Forms: []chain.NameForm{chain.HostName, chain.CommonName, chain.DirectoryName},
			Unhandled: []int{nameConstraints, policyConstraints}, DecodesAll: true},
		Reasons: ReasonRules{
			Ignored: []Reason{Policy}, OnAnchor: []Reason{Expired, NotYetValid, Key, Critical},
			Order: [][]Reason{{Critical, Unsupported}, {TooLong}, {Usage, LeafKeyUsage, Key}, {Expired},
				{NoIssuer, Untrusted, Signature}},
		},
		Refusal: Refusal{Other: wire.AlertBadCertificate, Alerts: alerts{
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
		Path:     EachSent, Choice: Choice{Identifiers: true}, Names: Exact,
		Settable:  Settable{Defaults: Settings{PartialChain: on(true), Depth: of(8)}},
		LeafRules: LeafRules{EKU: ClientAuthOrAny, KeyUsage: Signs}, CA: CARules{NeedsKeyUsage: true},
		Keys:       KeyRules{MD5: true},
		Extensions: ExtensionRules{HostsNeeded: true, ConstraintsOfCA: true, DecodesAll: true},
		Reasons: ReasonRules{Ignored: []Reason{Policy}, OnAnchor: []Reason{Constraint}, OnIntermediate: []Reason{Length},
			Order: [][]Reason{{Usage, LeafKeyUsage, Critical}}},
		Refusal: Refusal{Other: wire.AlertBadCertificate, Alerts: alerts{
			wire.AlertCertificateExpired: {Expired, NotYetValid},
			wire.AlertUnknownCA:          {NoIssuer, NotCA, NoBasicConstraints, TooLong},
		}.byReason()},
	}
}

func rustls() *Profile {
	return &Profile{
		ID: "rustls", Name: "rustls", Versions: "0.20 with webpki 0.22", Confidence: Run,
		Citation: "webpki src/verify_cert.rs: build_chain, check_issuer_independent_properties",
		Path:     EveryPath, Names: Exact, Choice: Choice{NoLeaf: true},
		Settable:  Settable{Defaults: Settings{PartialChain: on(true), Depth: of(6)}},
		LeafRules: LeafRules{EKU: ClientAuth, NoCA: true}, CA: CARules{EKU: ClientAuth},
		Keys:       KeyRules{MinRSA: 2048, NoSHA1: true, NoP224: true, NoP521: true},
		Extensions: ExtensionRules{Unhandled: []int{nameConstraints}},
		Reasons:    ReasonRules{Ignored: []Reason{MaySign}, OnAnchor: []Reason{Key, Critical, Constraint, Usage, LeafIsCA}},
		Refusal:    Refusal{Other: wire.AlertHandshakeFailure, LeafKey: wire.AlertAccessDenied},
	}
}

func erlang() *Profile {
	return &Profile{
		ID: "erlang", Name: "Erlang", Versions: "OTP 25", Confidence: Run,
		Citation: "Erlang/OTP lib/ssl/src/ssl_certificate.erl, lib/public_key/src/pubkey_cert.erl",
		Path:     EveryPath, Choice: Choice{SentFirst: true, NoLeaf: true, NoSelfSigned: true, Self: SelfNamed},
		Settable: Settable{Defaults: Settings{PartialChain: on(false), Depth: of(10)},
			Directives: map[Setting]string{Depth: "depth", PartialChain: "partial_chain"}},
		LeafRules: LeafRules{EKU: ClientAuth}, CA: CARules{EKU: ClientAuth},
		Keys:       KeyRules{NoEd25519: true, NoPSS: true},
		Extensions: ExtensionRules{Forms: []chain.NameForm{chain.CommonName}, Unhandled: []int{policyConstraints}},
		Reasons: ReasonRules{
			OnAnchor: []Reason{Expired, NotYetValid},
			Order: [][]Reason{{NoIssuer, Untrusted}, {Signature, Expired, NotYetValid, Constraint, Critical, Usage, CAUsage,
				MaySign, NotCA, NoBasicConstraints, Length, Policy}},
		},
		Refusal: Refusal{Other: wire.AlertBadCertificate, Alerts: alerts{
			wire.AlertCertificateExpired:     {Expired, NotYetValid},
			wire.AlertUnknownCA:              {NoIssuer, Untrusted},
			wire.AlertInternalError:          {Weak},
			wire.AlertUnsupportedCertificate: {Critical, Policy},
			wire.AlertHandshakeFailure:       {MaySign, NotCA, NoBasicConstraints, Length, Usage, CAUsage, TooLong},
		}.byReason()},
	}
}
