package stack

import (
	"mtlsprobe/certstore"
	"mtlsprobe/certstore/pbe"
	"mtlsprobe/report/say"
)

// weakDebian is what OpenSSL at security level 2, as Debian sets it, refuses to
// load: SSL_CTX_use_certificate answers "ee key too small" and "ca md too weak".
func weakDebian() LoadRules {
	return LoadRules{MinRSA: 2048, Weak: true, NoMLDSA: true, NoLegacy: true, Leading12: fails, Leading13: fails,
		Files: Files{certstore.PEMKind, certstore.DERKind, certstore.PKCS12Kind}, Mixed: true}
}

// openSSL is the selection of OpenSSL without a callback: what most programs on
// top of it do (ssl/statem/statem_clnt.c, ssl/t1_lib.c).
func openSSL(id, name, versions, citation string) *Profile {
	return &Profile{
		ID: id, Name: name, Versions: versions, Confidence: Run, Citation: citation,
		Late:  Late{Renegotiation: say.Yes, PostHandshake: say.No}, // which SSL_set_post_handshake_auth changes
		Chain: TrustStore, Load: weakDebian(), Reader: certstore.OpenSSLReader, Takes: certstore.PEM, Several: LastLoaded, MaxRequest: 102400,
		Schemes: SchemeRules{NoSHA1: true, None12: declines, None13: declines}, // from security level 1 on
	}
}

// boringSSL is BoringSSL's selection: a credential that cannot sign ends the
// handshake (ssl/handshake_client.cc, ssl/tls13_client.cc).
func boringSSL() SchemeRules {
	return SchemeRules{Types: true, NoType: alerts40, None12: alerts40, None13: alerts40}
}

// Profiles returns every profile, in the order in which people think of them.
// The slice is the caller's.
func Profiles() []*Profile {
	pemAlone, pemDER := Files{certstore.PEMKind}, Files{certstore.PEMKind, certstore.DERKind}
	pemPKCS12 := Files{certstore.PEMKind, certstore.PKCS12Kind}
	pkcs12, javaFiles := Files{certstore.PKCS12Kind}, Files{certstore.PKCS12Kind, certstore.JavaKind}
	nginx := openSSL("nginx", "nginx proxy", "1.22", "nginx src/event/ngx_event_openssl.c: SSL_MODE_NO_AUTO_CHAIN")
	nginx.Chain = AsStored
	node := openSSL("node", "Node.js", "20", "Node.js src/crypto/crypto_context.cc")
	node.Load.MinRSA, node.Load.Files, node.Load.Mixed, node.Load.Unchecked = 1024, pemPKCS12, false, true
	mysql := openSSL("mysql", "MySQL client", "8", "MySQL vio/viosslfactories.c: vio_set_cert_stuff loads the leaf only")
	mysql.Confidence, mysql.Chain = Source, LeafAlone
	mysql.Load.NoMLDSA = false // whatever OpenSSL it is built with
	rdkafka := openSSL("librdkafka", "librdkafka", "2.0, as in kcat; ssl.certificate.location", "librdkafka src/rdkafka_ssl.c")
	rdkafka.Load.Files, rdkafka.Load.Mixed = pemAlone, false
	strict := openSSL("openssl-strict", "OpenSSL strict", "3.0", "OpenSSL ssl/t1_lib.c: tls1_check_chain with SSL_CERT_FLAG_TLS_STRICT")
	strict.Names, strict.Schemes.Types, strict.Schemes.Signed = FoldedStoredTo12, true, EachSignature
	browsers := Gate{Expired: true, NotYetValid: true, ExtKeyUsage: true, KeyUsage12: declines, KeyUsage13: declines}
	nss := SchemeRules{Ed25519: NoEd25519, Short12: fails, Short13: Failure{SendsAlerts, 80}, PSSUnchecked12: true, PSSUnchecked13: true, None12: declines, None13: declines}

	chromiumLinux := boringSSL()
	chromiumLinux.Ed25519 = NoEd25519 // NSS, which holds the keys, has none
	curl := openSSL("curl", "curl", "7.88 with OpenSSL", "curl lib/vtls/openssl.c: cert_stuff")
	curl.Load.WeakLate, curl.Late.PostHandshake = Failure{Alerts, 80}, say.Yes
	python := openSSL("python", "Python", "3.11 ssl", "CPython Modules/_ssl.c: load_cert_chain")
	libpq := openSSL("libpq", "psql (libpq)", "15", "PostgreSQL src/interfaces/libpq/fe-secure-openssl.c")
	mariadb := openSSL("mariadb", "MariaDB client", "10.11 with OpenSSL", "MariaDB Connector/C libmariadb/secure/openssl.c")
	for _, p := range []*Profile{python, nginx, libpq, mysql, mariadb} { // SSL_CTX_use_certificate_chain_file and its kin
		p.Load.Files, p.Load.Mixed = pemAlone, p == libpq
	}
	mariadb.ClearKey = true
	for _, p := range []*Profile{nginx, libpq, mysql, mariadb, rdkafka} { // whose servers do not ask late: not run
		p.Late = Late{}
	}
	neverLate, byRenegotiation := Late{say.No, say.No}, Late{Renegotiation: say.Yes, PostHandshake: say.No}
	return []*Profile{
		openSSL("openssl", "OpenSSL", "3.0 (Debian)", "OpenSSL ssl/statem/statem_clnt.c: tls_prepare_client_certificate; ssl/t1_lib.c: tls_choose_sigalg"),
		strict,
		curl,
		python,
		node,
		nginx,
		libpq,
		mysql,
		mariadb,
		rdkafka,
		{
			ID: "go", Late: neverLate, Takes: certstore.PEM, ClearKey: true, Reader: certstore.GoReader, Name: "Go", Versions: "1.26, Config.Certificates", Confidence: Run, Citation: "Go src/crypto/tls/handshake_client.go: getClientCertificate; common.go: SupportsCertificate",
			Names: RawStored, Several: FirstFit, MaxRequest: 65536, Load: LoadRules{NoMLDSA: true, Files: pemPKCS12, Leading12: fails, Leading13: fails},
			Schemes: SchemeRules{Types: true, NoSHA1: true, None12: declines, None13: declines},
		},
		{
			ID: "client-go", Late: neverLate, Takes: certstore.PEM, ClearKey: true, Reader: certstore.GoReader, Name: "kubectl (client-go)", Versions: "0.34", Confidence: Run, Citation: "kubernetes/client-go transport/transport.go: TLSConfigFor sets GetClientCertificate",
			Several: LastLoaded, MaxRequest: 65536, Load: LoadRules{NoMLDSA: true, Files: pemAlone, Leading12: Failure{Alerts, 80}, Leading13: fails},
			Schemes: SchemeRules{NoSHA1: true, None12: sends40, None13: sends40},
		},
		{
			ID: "gnutls", Late: Late{say.Yes, say.Yes}, Takes: certstore.PEM, ClearKey: true, Reader: certstore.GnuTLSReader, Name: "GnuTLS", Versions: "3.7 default, as in wget", Confidence: Run, Citation: "GnuTLS lib/auth/cert.c: find_x509_client_cert",
			Names: RawStored, Several: OnlyOne, MaxRequest: 131072, Load: LoadRules{NoMLDSA: true, Files: pemDER, Hidden: declines, Leading12: declines, Leading13: fails}, Gate: Gate{KeyUsage12: declines, KeyUsage13: fails, KeyUsageUnnamed: fails}, Chain: Sorted,
			Schemes: SchemeRules{Types: true, Ed25519: TypedEd25519To12, NamedPKCS1: true, PSSUnchecked12: true, None12: Failure{Action: Fails}, None13: declines},
		},
		{
			ID: "gnutls-forced", Late: neverLate, Takes: certstore.PEM, ClearKey: true, Reader: certstore.GnuTLSReader, Name: "GnuTLS forced", Versions: "3.7 with GNUTLS_FORCE_CLIENT_CERT, as in git and libcurl-gnutls", Confidence: Run, Citation: "GnuTLS lib/auth/cert.c; curl lib/vtls/gtls.c",
			Several: LastLoaded, MaxRequest: 131072, Load: LoadRules{NoMLDSA: true, Files: pemAlone, Leading12: fails, Leading13: fails}, Gate: Gate{KeyUsage12: fails, KeyUsage13: fails}, Chain: Sorted,
			Schemes: SchemeRules{PSSUnchecked12: true, PSSUnchecked13: true, Short13: fails, None12: Failure{Action: Fails}, None13: declines},
		},
		{
			ID: "nss", Late: byRenegotiation, Takes: certstore.PKCS12, Reader: certstore.NSSReader, Name: "NSS", Versions: "3.87, automatic", Confidence: Run, Citation: "NSS lib/ssl/authcert.c: NSS_GetClientAuthData; lib/pki/pkibase.c: nssCertificateArray_FindBestCertificate",
			Names: TextBuilt, Gate: browsers, Chain: BuiltNewest, Schemes: nss, MaxRequest: 131072, Load: LoadRules{Files: pkcs12, Imports: true, Hidden: declines},
		},
		{
			ID: "nss-nickname", Late: byRenegotiation, Takes: certstore.PKCS12, Reader: certstore.NSSReader, Name: "NSS by nickname", Versions: "3.87", Confidence: Run, Citation: "NSS lib/ssl/authcert.c: NSS_GetClientAuthData",
			Gate: Gate{ExtKeyUsage: true, KeyUsage12: declines, KeyUsage13: declines}, Chain: BuiltNewest, Schemes: nss, Several: FirstFit, MaxRequest: 131072, Load: LoadRules{Files: pkcs12, Imports: true, Hidden: declines},
		},
		{
			ID: "firefox", Late: byRenegotiation, Takes: certstore.PKCS12, Reader: certstore.NSSReader, Name: "Firefox", Versions: "ESR 153", Confidence: Run, Citation: "Firefox security/manager/ssl/TLSClientAuthCertSelection.cpp",
			Names: RawAll, Gate: Gate{Expired: true, NotYetValid: true, PathDates: true, ExtKeyUsage: true, KeyUsage12: declines, KeyUsage13: declines},
			Chain: BuiltNewest, Schemes: nss, MaxRequest: 131072, Load: LoadRules{Files: pkcs12, Imports: true, Hidden: declines},
		},
		{
			ID: "chromium-linux", Late: byRenegotiation, Takes: certstore.PKCS12, Reader: certstore.NSSReader, Name: "Chromium on Linux", Versions: "156", Confidence: Run, Citation: "Chromium net/ssl/client_cert_store_nss.cc, net/third_party/nss/ssl/cmpcert.cc",
			Names: RawBuilt, Empty: EmptyMeansLeaf, Gate: browsers, Chain: WalkedToName, Schemes: chromiumLinux, MaxRequest: 102400, Load: LoadRules{Files: pkcs12, Imports: true, Hidden: declines},
		},
		{
			ID: "chromium-windows", Late: byRenegotiation, Takes: certstore.PKCS12, Name: "Chromium on Windows", Versions: "2026", Confidence: Source, Citation: "Chromium net/ssl/client_cert_store_win.cc",
			Names: EngineBest, Gate: browsers, Chain: Engine, Schemes: boringSSL(), MaxRequest: 102400, Load: LoadRules{Files: pkcs12, Imports: true},
		},
		{
			ID: "chromium-macos", Late: byRenegotiation, Takes: certstore.PKCS12Legacy, Name: "Chromium on macOS", Versions: "2026", Confidence: Source, Citation: "Chromium net/ssl/client_cert_store_mac.cc",
			Names: EngineBest, Gate: Gate{Expired: true, ExtKeyUsage: true, KeyUsage12: declines, KeyUsage13: declines}, Chain: Engine, Schemes: boringSSL(), MaxRequest: 102400, Load: LoadRules{Files: pkcs12, Imports: true},
		},
		{
			ID: "java-sunx509", Late: byRenegotiation, Takes: certstore.PKCS12, Reader: certstore.JavaReader, Name: "Java SunX509", Versions: "JDK 8 to 25, the default key manager", Confidence: Run, Citation: "OpenJDK sun/security/ssl/SunX509KeyManagerImpl.java, CertificateRequest.java",
			Names: FoldedStored, MaxRequest: 32768, Chain: Sorted, Load: LoadRules{Files: javaFiles, Imports: true}, // a PKCS #12 key store links by issuer
			Schemes: SchemeRules{Types: true, KeyTypeOnly: true, CurveBound12: true, None12: Failure{SendsAlerts, 80}, None13: Failure{SendsAlerts, 80}},
		},
		{
			ID: "java-pkix", Late: byRenegotiation, Takes: certstore.PKCS12, Reader: certstore.JavaReader, Name: "Java PKIX", Versions: "JDK 17 NewSunX509; from JDK 26 on SunX509, too, unless jdk.tls.SunX509KeyManager.certChecking=false", Confidence: Run, Citation: "OpenJDK sun/security/ssl/X509KeyManagerImpl.java; JDK-8359956",
			Names: FoldedStored, MaxRequest: 32768, Chain: Sorted, Load: LoadRules{MinRSA: 1024, ShortRSA: declines, Files: javaFiles, Imports: true},
			Schemes: SchemeRules{Types: true, KeyTypeOnly: true, CurveBound12: true, Signed: EachSignature, None12: Failure{SendsAlerts, 80}, None13: Failure{SendsAlerts, 80}},
		},
		{
			ID: "dotnet-httpclient", Takes: certstore.PKCS12, Name: ".NET HttpClient", Versions: "8, ClientCertificateOptions.Manual", Confidence: Source, Citation: "dotnet/runtime CertificateHelper.GetEligibleClientCertificate",
			Gate: Gate{ExtKeyUsage: true, KeyUsage12: declines, KeyUsage13: declines}, Chain: Engine, Several: FirstFit,
			Schemes: SchemeRules{None12: declines, None13: declines},
		},
		{
			ID: "dotnet-sslstream", Takes: certstore.PKCS12, Name: ".NET SslStream", Versions: "8 on Linux, certificates without a callback", Confidence: Source, Citation: "dotnet/runtime SslStream.Protocol.cs",
			Chain: Engine, Several: FirstFit,
			Schemes: SchemeRules{None12: declines, None13: declines},
		},
		{
			ID: "schannel", Takes: certstore.PKCS12, Name: "Windows Schannel", Versions: "default credentials", Confidence: Documented, Citation: "Microsoft, TLS/SSL (Schannel SSP) overview; KB 2464556",
			Names: EngineBest, Gate: Gate{ExtKeyUsage: true}, Chain: Engine, Load: LoadRules{Files: pkcs12, Imports: true},
			Schemes: SchemeRules{None12: Failure{Action: NotKnown}, None13: Failure{Action: NotKnown}},
		},
		{
			ID: "apple-keychain", Takes: certstore.PKCS12Legacy, Name: "Apple keychain", Versions: "kSecMatchIssuers", Confidence: Source, Citation: "Apple Security OSX/libsecurity_keychain/lib/SecItem.cpp",
			Names: FoldedAll, Chain: Engine, Load: LoadRules{Files: pkcs12, Imports: true},
			Schemes: SchemeRules{None12: declines, None13: declines},
		},
		{
			ID: "rustls", Late: neverLate, Takes: certstore.PEM, ClearKey: true, Name: "rustls", Versions: "0.20 to 0.23", Confidence: Run, Citation: "rustls client/common.rs: ClientAuthDetails::resolve; crypto/signer.rs",
			Several: LastLoaded, MaxRequest: 65535, Load: LoadRules{MinRSA: 2048, Leading12: unseen, Leading13: unseen},
			Schemes: SchemeRules{CurveBound12: true, NoSHA1: true, None12: declines, None13: declines},
		},
		{
			ID: "boringssl", Late: Late{PostHandshake: say.No}, Takes: certstore.PEM, Reader: certstore.BoringSSLReader, Name: "BoringSSL", Versions: "2026, as in gRPC and Envoy", Confidence: Run, Citation: "BoringSSL ssl/ssl_credential.cc, ssl/handshake_client.cc",
			Several: LastLoaded, MaxRequest: 102400, Schemes: boringSSL(), Load: LoadRules{Leading12: fails, Leading13: fails, Undecrypted: []pbe.Family{pbe.PKCS5v1, pbe.Scrypt}},
			Gate: Gate{KeyUsage12: fails, KeyUsage13: fails, KeyUsageECDSA: true},
		},
		{
			ID: "erlang", Late: byRenegotiation, Takes: certstore.PEM, Reader: certstore.ErlangReader, Name: "Erlang", Versions: "OTP 25, as in RabbitMQ and Elixir", Confidence: Run, Citation: "Erlang/OTP lib/ssl/src/ssl_certificate.erl: handle_cert_auths",
			Names: RawAbove13, Several: FirstFit, Load: LoadRules{NoMLDSA: true, Files: pemAlone, Leading12: signsAway, Leading13: unseen, Undecrypted: []pbe.Family{pbe.PKCS12, pbe.Scrypt}},
			Schemes: SchemeRules{Ed25519: NoEd25519To12, Signed: LeafByHash, None12: declines, None13: declines},
		},
		{
			ID: "mbedtls", Takes: certstore.PEM, Name: "Mbed TLS", Versions: "2.28 in TLS 1.2; 3 in TLS 1.3, from its source", Confidence: Run, Citation: "Mbed TLS library/ssl_tls12_client.c, include/mbedtls/ssl.h",
			Several: FirstFit, MaxRequest: 16384, Load: LoadRules{Files: pemDER, Mixed: true, Leading12: signsAway, Leading13: unseen},
			Schemes: SchemeRules{NoSHA1: true, PKCS1Only12: true, Ed25519: UnreadEd25519, None12: signsAway, None13: alerts40},
		},
		{
			ID: "wolfssl", Takes: certstore.PEM, ClearKey: true, Name: "wolfSSL", Versions: "5.5", Confidence: Run, Citation: "wolfSSL src/internal.c: PickHashSigAlgo, MAX_HANDSHAKE_SZ",
			Several: LastLoaded, MaxRequest: 18500, Load: LoadRules{MinRSA: 1024, Files: pemAlone, Leading12: signsAway, Leading13: signsAway},
			Schemes: SchemeRules{PKCS1Only12: true, NoneRSA12: signsAway, PSSUnchecked12: true, PSSUnchecked13: true, None12: Failure{Action: Fails}, None13: Failure{Alerts, 47}},
		},
	}
}
