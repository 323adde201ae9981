package verifier

import "mtlsprobe/certstore/chain"

func yes() *bool     { v := true; return &v }
func no() *bool      { v := false; return &v }
func set(n int) *int { return &n }

// order is OpenSSL's: it builds a path, then checks extensions, strengths, signatures and dates,
// names, policies.
func order() [][]Reason {
	return [][]Reason{
		{NoIssuer, Untrusted, SelfSignedLeaf},
		{Critical, NotCA, NoBasicConstraints, MaySign, NoKeyUsage, NoKeyIdentifier, Usage, CAUsage, LeafKeyUsage, NetscapeType, Length},
		{Key, Weak},
		{Signature, Expired, NotYetValid, TooLong},
		{Constraint}, {Policy},
	}
}

// openSSL is what OpenSSL does, and programs on it that leave its settings alone.
func openSSL(id, name, versions, citation string) *Profile {
	return &Profile{
		ID: id, Name: name, Versions: versions, Confidence: Run, Citation: citation,
		Choice:   Choice{Identifiers: true, Serials: true, Current: true, TrustedOnly: true, Self: SelfIdentified},
		Defaults: Settings{Depth: set(100), PartialChain: no(), Strict: no(), SecurityLevel: set(2)},
		Directives: map[Setting]string{Depth: "SSL_CTX_set_verify_depth", PartialChain: "X509_V_FLAG_PARTIAL_CHAIN",
			Strict: "X509_V_FLAG_X509_STRICT", SecurityLevel: "SECLEVEL"},
		LeafEKU: ClientAuth, CAEKU: ClientAuth, KeyUsage: SignsOrAgreesKeys, Netscape: NetscapeCounts,
		Ignored:  []Reason{Policy},
		OnAnchor: []Reason{Expired, NotYetValid, NotCA, MaySign, Length, CAUsage, Key, Critical, Constraint, TooLong, Usage, LeafKeyUsage, NetscapeType},
		Order:    order(),
		Alerts: map[Reason]uint8{Expired: 45, NotYetValid: 42, Key: 42, Weak: 42, Usage: 43, CAUsage: 43, LeafKeyUsage: 43, NetscapeType: 43,
			Signature: 51, Critical: 46, Constraint: 46, NoKeyUsage: 46, NoKeyIdentifier: 46},
		Other: 48,
	}
}

// Profiles returns every profile, in the order in which people think of them. The slice is
// the caller's.
func Profiles() []*Profile {
	openssl := openSSL("openssl", "OpenSSL", "3.0 (Debian)", "OpenSSL crypto/x509/x509_vfy.c: build_chain, check_extensions, internal_verify")
	nginx := openSSL("nginx", "nginx", "1.22 with OpenSSL 3.0", "nginx src/event/ngx_event_openssl.c; ssl_verify_depth")
	nginx.Defaults.Depth, nginx.Status = set(1), 400
	nginx.Directives = map[Setting]string{Depth: "ssl_verify_depth"}
	apache := openSSL("apache", "Apache", "2.4 with OpenSSL 3.0", "Apache modules/ssl/ssl_engine_kernel.c: ssl_callback_SSLVerify")
	apache.Defaults.Depth, apache.Counts = set(1), CACertificates
	apache.Directives = map[Setting]string{Depth: "SSLVerifyDepth"}
	apache.Alerts[TooLong] = 80
	haproxy := openSSL("haproxy", "HAProxy", "2.6 with OpenSSL 3.0", "HAProxy src/ssl_sock.c: ssl_sock_bind_verifycbk")
	haproxy.Directives = nil
	node := openSSL("node", "Node.js", "20", "Node.js src/crypto/crypto_tls.cc; OpenSSL 3.0 at security level 1")
	node.Defaults.SecurityLevel, node.Alerts, node.Other = set(1), nil, 0
	node.Directives = nil
	boring := openSSL("boringssl", "BoringSSL", "as in Bun 1.4", "BoringSSL crypto/x509/x509_vfy.cc")
	boring.Defaults, boring.Directives = Settings{Depth: set(100), PartialChain: no()}, nil
	boring.Choice = Choice{Identifiers: true, Serials: true, AnchorCurrent: true, Unordered: true, TrustedOnly: true, Self: SelfIssuing}
	boring.Choice.Issuing = []Reason{MaySign}
	boring.KeyUsage, boring.Netscape, boring.Ignored, boring.Alerts, boring.Other = Signs, NetscapeIgnored, nil, nil, 0
	return []*Profile{
		openssl, nginx, apache, haproxy, node, boring,
		{
			ID: "go", Name: "Go", Versions: "1.26", Confidence: Run, Citation: "Go src/crypto/x509/verify.go: Certificate.Verify",
			Path: EveryPath, Names: Exact, Defaults: Settings{PartialChain: yes()},
			LeafEKU: ClientAuthOrAny, CAEKU: ClientAuthOrAny, Keys: KeyRules{NoSHA1: true}, GoExtensions: true,
			Forms:    []chain.NameForm{chain.DirectoryName, chain.CommonName},
			OnAnchor: []Reason{Expired, NotYetValid, NotCA, NoBasicConstraints, MaySign, Length, CAUsage, Usage, Constraint, Critical},
			Order:    [][]Reason{{Expired, NotYetValid, Critical, Constraint, NotCA, NoBasicConstraints, MaySign, Length, NoIssuer, Untrusted, SelfSignedLeaf}},
			Alerts:   map[Reason]uint8{Expired: 45, NotYetValid: 45, NoIssuer: 48, Untrusted: 48, SelfSignedLeaf: 48, Signature: 48, Weak: 48, MaySign: 48, NotCA: 48, NoBasicConstraints: 48}, Other: 42,
		},
		{
			ID: "java", Name: "Java (PKIX)", Versions: "17", Confidence: Run, Citation: "OpenJDK sun/security/validator/PKIXValidator.java, EndEntityChecker.java",
			Path: EveryPath, Choice: Choice{Ordered: true}, Defaults: Settings{PartialChain: yes()}, MaxCertificates: 10,
			LeafEKU: ClientAuthOrAny, KeyUsage: Signs, Netscape: NetscapeCounts, Keys: KeyRules{MinRSA: 1024, NoP224: true},
			OnAnchor: []Reason{NoBasicConstraints, NotCA, MaySign}, OnBuilt: []Reason{Expired, NotYetValid}, Alerts: map[Reason]uint8{TooLong: 40}, Other: 46,
		},
		{
			ID: "gnutls", Name: "GnuTLS", Versions: "3.7", Confidence: Run, Citation: "GnuTLS lib/x509/verify-high.c, lib/x509/verify.c",
			Path: AsSent, Names: ExactToAnchor, Choice: Choice{Identifiers: true},
			KeyUsage: Signs, Keys: KeyRules{NoSHA1: true}, Forms: []chain.NameForm{chain.DirectoryName, chain.CommonName},
			Ignored:  []Reason{CAUsage},
			OnAnchor: []Reason{Expired, NotYetValid, NotCA, MaySign, Length, Constraint, Critical},
			Order:    [][]Reason{{NoIssuer, Expired, NotYetValid, Weak, NotCA, NoBasicConstraints, MaySign, Length, Constraint, Critical, Policy}},
			Alerts:   map[Reason]uint8{LeafKeyUsage: 80}, Other: 49,
		},
		{
			ID: "nss", Name: "NSS", Versions: "3.87", Confidence: Run, Citation: "NSS lib/certhigh/certvfy.c: cert_VerifyCertChainOld",
			Choice: Choice{Identifiers: true, Newest: true, Reverse: true, Self: SelfNamed, Issuing: []Reason{MaySign, NotCA, NoBasicConstraints}}, Names: Exact, Defaults: Settings{PartialChain: yes()},
			LeafEKU: ClientAuth, CAEKU: TLSUsage, KeyUsage: Signs, Netscape: NetscapeWithoutEKU, NoCALeaf: true, Keys: KeyRules{NoEd25519: true, NoP224: true}, Forms: []chain.NameForm{chain.CommonName},
			OnAnchor: []Reason{Expired, NotYetValid, NotCA, NoBasicConstraints, Length, Constraint, Critical},
			Order:    [][]Reason{{Expired, NotYetValid, Usage, LeafKeyUsage, NetscapeType, LeafIsCA, MaySign, CAUsage, Critical, Constraint, Length}},
			Alerts:   map[Reason]uint8{Expired: 45, NotYetValid: 45, Usage: 46, LeafKeyUsage: 46, NetscapeType: 46, LeafIsCA: 46, MaySign: 46, NoIssuer: 48, Untrusted: 48, NotCA: 48, NoBasicConstraints: 48}, Other: 42, CADates: 48,
		},
		{
			ID: "mbedtls", Name: "Mbed TLS", Versions: "2.28", Confidence: Run, Citation: "Mbed TLS library/x509_crt.c: x509_crt_verify_chain",
			Choice: Choice{AnchorSigns: true, Current: true, Later: true, NoLeaf: true, Self: SelfGoesOn, Issuing: []Reason{NotCA, NoBasicConstraints, MaySign, Length}},
			Names:  FoldedCase, Defaults: Settings{PartialChain: yes(), Depth: set(8)},
			LeafEKU: ClientAuthOrAny, KeyUsage: Signs, Keys: KeyRules{MinRSA: 2048, NoSHA1: true, NoEd25519: true, NoP224: true},
			Forms: []chain.NameForm{chain.HostName, chain.CommonName, chain.DirectoryName}, Unhandled: []int{30, 36}, DecodesAll: true, Ignored: []Reason{Policy},
			Order:    [][]Reason{{Critical, Unsupported}, {TooLong}, {Usage, LeafKeyUsage, Key}, {Expired}, {NoIssuer, Untrusted}},
			OnAnchor: []Reason{Expired, NotYetValid, Key, Critical},
			Alerts:   map[Reason]uint8{Expired: 45, NotYetValid: 46, Usage: 43, LeafKeyUsage: 43, Key: 43, Weak: 46, NoIssuer: 48, Untrusted: 48, SelfSignedLeaf: 48, Signature: 48, TooLong: 49}, Other: 42,
		},
		{
			ID: "wolfssl", Name: "wolfSSL", Versions: "5.5", Confidence: Run, Citation: "wolfSSL src/internal.c: ProcessPeerCerts",
			Path: EachSent, CAKeyUsage: true, Choice: Choice{Identifiers: true}, Names: Exact, Defaults: Settings{PartialChain: yes(), Depth: set(8)},
			LeafEKU: ClientAuthOrAny, KeyUsage: Signs, Keys: KeyRules{MD5: true}, HostsNeeded: true, ConstraintsOfCA: true, DecodesAll: true, Ignored: []Reason{Policy},
			OnAnchor: []Reason{Constraint}, OnIntermediate: []Reason{Length}, Order: [][]Reason{{Usage, LeafKeyUsage, Critical}},
			Alerts: map[Reason]uint8{Expired: 45, NotYetValid: 45, NoIssuer: 48, NotCA: 48, NoBasicConstraints: 48, TooLong: 48}, Other: 42,
		},
		{
			ID: "erlang", Name: "Erlang", Versions: "OTP 25", Confidence: Run, Citation: "Erlang/OTP lib/ssl/src/ssl_certificate.erl, lib/public_key/src/pubkey_cert.erl",
			Path: EveryPath, Choice: Choice{SentFirst: true, NoLeaf: true, NoSelfSigned: true, Self: SelfNamed}, Defaults: Settings{PartialChain: no(), Depth: set(10)},
			Directives: map[Setting]string{Depth: "{depth, N}", PartialChain: "{partial_chain, Fun}"},
			LeafEKU:    ClientAuth, CAEKU: ClientAuth, Keys: KeyRules{NoEd25519: true, NoPSS: true}, Forms: []chain.NameForm{chain.CommonName}, Unhandled: []int{36},
			OnAnchor: []Reason{Expired, NotYetValid},
			Order: [][]Reason{{NoIssuer, Untrusted}, {Signature, Expired, NotYetValid, Constraint, Critical, Usage, CAUsage, MaySign, NotCA, NoBasicConstraints,
				Length, Policy}},
			Alerts: map[Reason]uint8{Expired: 45, NotYetValid: 45, NoIssuer: 48, Untrusted: 48, Weak: 80, Critical: 43, Policy: 43, MaySign: 40, NotCA: 40, NoBasicConstraints: 40, Length: 40, Usage: 40,
				CAUsage: 40, TooLong: 40}, Other: 42,
		},
	}
}
