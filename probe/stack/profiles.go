package stack

import (
	"mtlsprobe/certstore"
	"mtlsprobe/certstore/pbe"
	"mtlsprobe/report/say"
)

// openSSL is the selection of OpenSSL without a callback: what most programs on
// top of it do (ssl/statem/statem_clnt.c, ssl/t1_lib.c). At security level 2, as Debian
// sets it, SSL_CTX_use_certificate answers "ee key too small" and "ca md too weak".
func openSSL(id, name, versions, citation string) *Profile {
	return &Profile{
		Program: Program{ID: id, Name: name, Versions: versions, Confidence: Run, Citation: citation},
		Files: fileRules{Takes: certstore.PEM, Reader: certstore.OpenSSLReader, Kinds: kinds{certstore.PEMKind, certstore.DERKind, certstore.PKCS12Kind},
			Mixed: true, NoLegacy: true, Pairs: pairing{Leading12: fails, Leading13: fails}},
		Load:  loadRules{MinRSA: 2048, Weak: true, NoMLDSA: true},
		Late:  late{Renegotiation: say.Yes, PostHandshake: say.No}, // which SSL_set_post_handshake_auth changes
		Chain: trustStore, Several: firstKey, MaxRequest: 102400,
		Schemes: schemeRules{NoSHA1: true, None: misfit{In12: declines, In13: declines}}, // from security level 1 on
	}
}

// boringSSL is BoringSSL's selection: a credential that cannot sign ends the
// handshake (ssl/handshake_client.cc, ssl/tls13_client.cc).
func boringSSL() schemeRules {
	return schemeRules{Types: true, None: misfit{Type: alerts40, In12: alerts40, In13: alerts40}}
}

// Profiles returns every profile, in the order in which people think of them.
// The slice is the caller's.
func Profiles() []*Profile {
	pemAlone, pemDER := kinds{certstore.PEMKind}, kinds{certstore.PEMKind, certstore.DERKind}
	pemPKCS12 := kinds{certstore.PEMKind, certstore.PKCS12Kind}
	pkcs12, javaFiles := kinds{certstore.PKCS12Kind}, kinds{certstore.PKCS12Kind, certstore.JavaKind}
	nginx := openSSL("nginx", "nginx proxy", "1.22", "nginx src/event/ngx_event_openssl.c: SSL_MODE_NO_AUTO_CHAIN")
	nginx.Chain = asStored
	node := openSSL("node", "Node.js", "20", "Node.js src/crypto/crypto_context.cc")
	node.Load.MinRSA, node.Files.Kinds, node.Files.Mixed, node.Files.Pairs.OtherType = 1024, pemPKCS12, false, declines
	mysql := openSSL("mysql", "MySQL client", "8", "MySQL vio/viosslfactories.c: vio_set_cert_stuff loads the leaf only")
	mysql.Confidence, mysql.Chain = Source, LeafAlone
	mysql.Load.NoMLDSA = false // whatever OpenSSL it is built with
	rdkafka := openSSL("librdkafka", "librdkafka", "2.0, as in kcat; ssl.certificate.location", "librdkafka src/rdkafka_ssl.c")
	rdkafka.Files.Kinds, rdkafka.Files.Mixed = pemAlone, false
	strict := openSSL("openssl-strict", "OpenSSL strict", "3.0", "OpenSSL ssl/t1_lib.c: tls1_check_chain with SSL_CERT_FLAG_TLS_STRICT")
	strict.Names, strict.Schemes.Types, strict.Schemes.Signed = foldedStoredTo12, true, eachSignature
	browsers := gate{Expired: true, NotYetValid: true, ExtKeyUsage: true, KeyUsage12: declines, KeyUsage13: declines}
	nss := schemeRules{Length: lengthRules{Unchecked12: true, Unchecked13: true, Short12: fails, Short13: failure{SendsAlerts, 80}}, Ed25519: noEd25519, None: misfit{In12: declines, In13: declines}}

	chromiumLinux := boringSSL()
	chromiumLinux.Ed25519 = noEd25519 // NSS, which holds the keys, has none
	curl := openSSL("curl", "curl", "7.88 with OpenSSL", "curl lib/vtls/openssl.c: cert_stuff")
	curl.Chain = reversedPKCS12
	curl.Load.WeakLate, curl.Late.PostHandshake = failure{Alerts, 80}, say.Yes
	python := openSSL("python", "Python", "3.11 ssl", "CPython Modules/_ssl.c: load_cert_chain")
	libpq := openSSL("libpq", "psql (libpq)", "15", "PostgreSQL src/interfaces/libpq/fe-secure-openssl.c")
	mariadb := openSSL("mariadb", "MariaDB client", "10.11 with OpenSSL", "MariaDB Connector/C libmariadb/secure/openssl.c")
	for _, p := range []*Profile{python, nginx, libpq, mysql, mariadb} { // SSL_CTX_use_certificate_chain_file and its kin
		p.Files.Kinds, p.Files.Mixed = pemAlone, p == libpq
	}
	mariadb.Files.ClearKey = true
	for _, p := range []*Profile{nginx, libpq, mysql, mariadb, rdkafka} { // whose servers do not ask late: not run
		p.Late = late{}
	}
	noAES := []pbe.Algorithm{{Family: pbe.PKCS5v1}, {Family: pbe.Scrypt}, {Family: pbe.PBES2, Cipher: pbe.AES128},
		{Family: pbe.PBES2, Cipher: pbe.AES192}, {Family: pbe.PBES2, Cipher: pbe.AES256}}
	neverLate, byRenegotiation := late{say.No, say.No}, late{Renegotiation: say.Yes, PostHandshake: say.No}
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
			Program: Program{ID: "go", Name: "Go", Versions: "1.26, Config.Certificates", Confidence: Run, Citation: "Go src/crypto/tls/handshake_client.go: getClientCertificate; common.go: SupportsCertificate"},
			Files:   fileRules{Takes: certstore.PEM, Reader: certstore.GoReader, ClearKey: true, Kinds: pemPKCS12, Pairs: pairing{Leading12: fails, Leading13: fails}},
			Load:    loadRules{NoMLDSA: true},
			Late:    neverLate, Names: rawStored, MaxRequest: 65536,
			Several: noSeveral,
			Schemes: schemeRules{Types: true, NoSHA1: true, None: misfit{In12: declines, In13: declines}},
		},
		{
			Program: Program{ID: "client-go", Name: "kubectl (client-go)", Versions: "0.34", Confidence: Run, Citation: "kubernetes/client-go transport/transport.go: TLSConfigFor sets GetClientCertificate"},
			Files:   fileRules{Takes: certstore.PEM, Reader: certstore.GoReader, ClearKey: true, Kinds: pemAlone, Pairs: pairing{Leading12: failure{Alerts, 80}, Leading13: fails}},
			Load:    loadRules{NoMLDSA: true},
			Late:    neverLate, MaxRequest: 65536,
			Schemes: schemeRules{NoSHA1: true, None: misfit{In12: sends40, In13: sends40}},
		},
		{
			Program: Program{ID: "gnutls", Name: "GnuTLS", Versions: "3.7 default, as in wget", Confidence: Run, Citation: "GnuTLS lib/auth/cert.c: find_x509_client_cert"},
			Files:   fileRules{Takes: certstore.PEM, Reader: certstore.GnuTLSReader, ClearKey: true, Kinds: pemDER, Unloaded: declines, Pairs: pairing{Leading12: declines, Leading13: fails}},
			Load:    loadRules{NoMLDSA: true},
			Late:    late{say.Yes, say.Yes}, Names: rawStored, MaxRequest: 131072, Gate: gate{KeyUsage12: declines, KeyUsage13: fails, KeyUsageUnnamed: fails}, Chain: sorted,
			Schemes: schemeRules{Length: lengthRules{Unchecked12: true}, Types: true, Ed25519: typedEd25519To12, NamedPKCS1: true, None: misfit{In12: failure{Action: Fails}, In13: declines}},
		},
		{
			Program: Program{ID: "gnutls-forced", Name: "GnuTLS forced", Versions: "3.7 with GNUTLS_FORCE_CLIENT_CERT, as in git and libcurl-gnutls", Confidence: Run, Citation: "GnuTLS lib/auth/cert.c; curl lib/vtls/gtls.c"},
			Files:   fileRules{Takes: certstore.PEM, Reader: certstore.GnuTLSReader, ClearKey: true, Kinds: pemAlone, Pairs: pairing{Leading12: fails, Leading13: fails}},
			Load:    loadRules{NoMLDSA: true},
			Late:    neverLate, MaxRequest: 131072, Gate: gate{KeyUsage12: fails, KeyUsage13: fails}, Chain: sorted,
			Schemes: schemeRules{Length: lengthRules{Unchecked12: true, Unchecked13: true, Short13: fails}, None: misfit{In12: failure{Action: Fails}, In13: declines}},
		},
		{
			Program: Program{ID: "nss", Name: "NSS", Versions: "3.87, automatic", Confidence: Run, Citation: "NSS lib/ssl/authcert.c: NSS_GetClientAuthData; lib/pki/pkibase.c: nssCertificateArray_FindBestCertificate"},
			Files:   fileRules{Takes: certstore.PKCS12, Reader: certstore.NSSReader, Kinds: pkcs12, Imports: true, Unloaded: declines},
			Late:    byRenegotiation, Names: textBuilt, Gate: browsers, Chain: builtNewest, MaxRequest: 131072,
			Schemes: nss,
		},
		{
			Program: Program{ID: "nss-nickname", Name: "NSS by nickname", Versions: "3.87", Confidence: Run, Citation: "NSS lib/ssl/authcert.c: NSS_GetClientAuthData"},
			Files:   fileRules{Takes: certstore.PKCS12, Reader: certstore.NSSReader, Kinds: pkcs12, Imports: true, Unloaded: declines},
			Late:    byRenegotiation, Gate: gate{ExtKeyUsage: true, KeyUsage12: declines, KeyUsage13: declines}, Chain: builtNewest, MaxRequest: 131072,
			Schemes: nss,
		},
		{
			Program: Program{ID: "firefox", Name: "Firefox", Versions: "ESR 153", Confidence: Run, Citation: "Firefox security/manager/ssl/TLSClientAuthCertSelection.cpp"},
			Files:   fileRules{Takes: certstore.PKCS12, Reader: certstore.NSSReader, Kinds: pkcs12, Imports: true, Unloaded: declines},
			Late:    byRenegotiation, Names: rawAll, Gate: gate{Expired: true, NotYetValid: true, PathDates: true, ExtKeyUsage: true, KeyUsage12: declines, KeyUsage13: declines}, Chain: builtNewest, MaxRequest: 131072,
			Schemes: nss,
		},
		{
			Program: Program{ID: "chromium-linux", Name: "Chromium on Linux", Versions: "156", Confidence: Run, Citation: "Chromium net/ssl/client_cert_store_nss.cc, net/third_party/nss/ssl/cmpcert.cc"},
			Files:   fileRules{Takes: certstore.PKCS12, Reader: certstore.NSSReader, Kinds: pkcs12, Imports: true, Unloaded: declines},
			Late:    byRenegotiation, Names: rawBuilt, Empty: emptyMeansLeaf, Gate: browsers, Chain: walkedToName, MaxRequest: 102400,
			Schemes: chromiumLinux,
		},
		{
			Program: Program{ID: "chromium-windows", Name: "Chromium on Windows", Versions: "2026", Confidence: Source, Citation: "Chromium net/ssl/client_cert_store_win.cc"},
			Files:   fileRules{Takes: certstore.PKCS12, Kinds: pkcs12, Imports: true},
			Late:    byRenegotiation, Names: engineBest, Gate: browsers, Chain: engine, MaxRequest: 102400,
			Schemes: boringSSL(),
		},
		{
			Program: Program{ID: "chromium-macos", Name: "Chromium on macOS", Versions: "2026", Confidence: Source, Citation: "Chromium net/ssl/client_cert_store_mac.cc"},
			Files:   fileRules{Takes: certstore.PKCS12Legacy, Kinds: pkcs12, Imports: true},
			Late:    byRenegotiation, Names: engineBest, Gate: gate{Expired: true, ExtKeyUsage: true, KeyUsage12: declines, KeyUsage13: declines}, Chain: engine, MaxRequest: 102400,
			Schemes: boringSSL(),
		},
		{
			Program: Program{ID: "java-sunx509", Name: "Java SunX509", Versions: "JDK 8 to 25, the default key manager", Confidence: Run, Citation: "OpenJDK sun/security/ssl/SunX509KeyManagerImpl.java, CertificateRequest.java"},
			Files:   fileRules{Takes: certstore.PKCS12, Reader: certstore.JavaReader, Kinds: javaFiles, Imports: true},
			Late:    byRenegotiation, Names: foldedStored, MaxRequest: 32768, Chain: sorted, // a PKCS #12 key store links by issuer
			Several: hashOrder,
			Schemes: schemeRules{Types: true, KeyTypeOnly: true, CurveBound12: true, None: misfit{In12: failure{SendsAlerts, 80}, In13: failure{SendsAlerts, 80}}},
		},
		{
			Program: Program{ID: "java-pkix", Name: "Java PKIX", Versions: "JDK 17 NewSunX509; from JDK 26 on SunX509, too, unless jdk.tls.SunX509KeyManager.certChecking=false", Confidence: Run, Citation: "OpenJDK sun/security/ssl/X509KeyManagerImpl.java; JDK-8359956"},
			Files:   fileRules{Takes: certstore.PKCS12, Reader: certstore.JavaReader, Kinds: javaFiles, Imports: true},
			Load:    loadRules{MinRSA: 1024, ShortRSA: declines},
			Late:    byRenegotiation, Names: foldedStored, MaxRequest: 32768, Chain: sorted, // a PKCS #12 key store links by issuer
			Several: storeOrder,
			Schemes: schemeRules{Types: true, KeyTypeOnly: true, CurveBound12: true, Signed: eachSignature, None: misfit{In12: failure{SendsAlerts, 80}, In13: failure{SendsAlerts, 80}}},
		},
		{
			Program: Program{ID: "dotnet-httpclient", Name: ".NET HttpClient", Versions: "8, ClientCertificateOptions.Manual", Confidence: Source, Citation: "dotnet/runtime CertificateHelper.GetEligibleClientCertificate"},
			Files:   fileRules{Takes: certstore.PKCS12},
			Gate:    gate{ExtKeyUsage: true, KeyUsage12: declines, KeyUsage13: declines}, Chain: engine,
			Schemes: schemeRules{None: misfit{In12: declines, In13: declines}},
		},
		{
			Program: Program{ID: "dotnet-sslstream", Name: ".NET SslStream", Versions: "8 on Linux, certificates without a callback", Confidence: Source, Citation: "dotnet/runtime SslStream.Protocol.cs"},
			Files:   fileRules{Takes: certstore.PKCS12},
			Chain:   engine,
			Schemes: schemeRules{None: misfit{In12: declines, In13: declines}},
		},
		{
			Program: Program{ID: "schannel", Name: "Windows Schannel", Versions: "default credentials", Confidence: Documented, Citation: "Microsoft, TLS/SSL (Schannel SSP) overview; KB 2464556"},
			Files:   fileRules{Takes: certstore.PKCS12, Kinds: pkcs12, Imports: true},
			Names:   engineBest, Gate: gate{ExtKeyUsage: true}, Chain: engine,
			Schemes: schemeRules{None: misfit{In12: failure{Action: NotKnown}, In13: failure{Action: NotKnown}}},
		},
		{
			Program: Program{ID: "apple-keychain", Name: "Apple keychain", Versions: "kSecMatchIssuers", Confidence: Source, Citation: "Apple Security OSX/libsecurity_keychain/lib/SecItem.cpp"},
			Files:   fileRules{Takes: certstore.PKCS12Legacy, Kinds: pkcs12, Imports: true},
			Names:   foldedAll, Chain: engine,
			Schemes: schemeRules{None: misfit{In12: declines, In13: declines}},
		},
		{
			Program: Program{ID: "rustls", Name: "rustls", Versions: "0.20 to 0.23", Confidence: Run, Citation: "rustls client/common.rs: ClientAuthDetails::resolve; crypto/signer.rs"},
			Files:   fileRules{Takes: certstore.PEM, ClearKey: true, Pairs: pairing{Leading12: unseen, Leading13: unseen}},
			Load:    loadRules{MinRSA: 2048},
			Late:    neverLate, MaxRequest: 65535,
			Schemes: schemeRules{CurveBound12: true, NoSHA1: true, None: misfit{In12: declines, In13: declines}},
		},
		{
			Program: Program{ID: "boringssl", Name: "BoringSSL", Versions: "2026, as in gRPC and Envoy", Confidence: Run, Citation: "BoringSSL ssl/ssl_credential.cc, ssl/handshake_client.cc"},
			Files:   fileRules{Takes: certstore.PEM, Reader: certstore.BoringSSLReader, Undecrypted: []pbe.Algorithm{{Family: pbe.PKCS5v1}, {Family: pbe.Scrypt}}, Pairs: pairing{Leading12: fails, Leading13: fails}},
			Late:    late{PostHandshake: say.No}, MaxRequest: 102400, Gate: gate{KeyUsage12: fails, KeyUsage13: fails, KeyUsageECDSA: true},
			Schemes: boringSSL(),
		},
		{
			Program: Program{ID: "erlang", Name: "Erlang", Versions: "OTP 25, as in RabbitMQ and Elixir", Confidence: Run, Citation: "Erlang/OTP lib/ssl/src/ssl_certificate.erl: handle_cert_auths"},
			Files:   fileRules{Takes: certstore.PEM, Reader: certstore.ErlangReader, Kinds: pemAlone, Undecrypted: []pbe.Algorithm{{Family: pbe.PKCS12}, {Family: pbe.Scrypt}}, OneKey: true, Pairs: pairing{Leading12: signsAway, Leading13: signsAway}},
			Load:    loadRules{NoMLDSA: true},
			Late:    byRenegotiation, Names: rawAbove13,
			Schemes: schemeRules{Ed25519: noEd25519To12, Signed: leafByHash, None: misfit{In12: declines, In13: declines}},
		},
		{
			Program: Program{ID: "mbedtls", Name: "Mbed TLS", Versions: "2.28 in TLS 1.2; 3 in TLS 1.3, from its source", Confidence: Run, Citation: "Mbed TLS library/ssl_tls12_client.c, include/mbedtls/ssl.h"},
			Files:   fileRules{Takes: certstore.PEM, Reader: certstore.MbedTLSReader, Kinds: pemDER, Mixed: true, Undecrypted: noAES, Pairs: pairing{OtherKey: signsAway, Leading12: signsAway, Leading13: unseen}},
			Late:    late{Renegotiation: say.No}, MaxRequest: 16384,
			Schemes: schemeRules{NoSHA1: true, PKCS1Only12: true, Ed25519: unreadEd25519, None: misfit{In12: signsAway, In13: alerts40}},
		},
		{
			Program: Program{ID: "wolfssl", Name: "wolfSSL", Versions: "5.5", Confidence: Run, Citation: "wolfSSL src/internal.c: PickHashSigAlgo, MAX_HANDSHAKE_SZ"},
			Files:   fileRules{Takes: certstore.PEM, Reader: certstore.WolfSSLReader, ClearKey: true, Kinds: pemAlone, Pairs: pairing{OtherKey: signsAway, Leading12: signsAway, Leading13: signsAway}},
			Load:    loadRules{MinRSA: 1024},
			Late:    neverLate, MaxRequest: 18500,
			Schemes: schemeRules{NoSHA1: true, Length: lengthRules{Unchecked12: true, Unchecked13: true}, PKCS1Only12: true, None: misfit{SHA1: fails, In12: failure{Action: Fails}, In13: failure{Alerts, 47}, RSA12: signsAway}},
		},
	}
}
