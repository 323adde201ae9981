package stack

import (
	"mtlsprobe/certstore"
	"mtlsprobe/report/say"
)

// Aliases are programs that select as another profile says, or nearly so: they have that
// profile's rules under a name of their own, and [Profile.Like] names it. They are left out of
// [Profiles], which would say the same thing many times, and are asked for by name.
func Aliases() []*Profile {
	base := make(map[string]*Profile)
	for _, p := range Profiles() {
		base[p.ID] = p
	}
	like := func(of string, p Program, changes ...func(*Profile)) *Profile {
		out := *base[of]
		out.Program, out.Like = p, of
		for _, change := range changes {
			change(&out)
		}
		return &out
	}
	alerts80 := failure{Alerts, 80}
	leafAlone := func(p *Profile) { p.Chain = LeafAlone }
	clearKey := func(p *Profile) { p.Files.ClearKey = true }
	pemAlone := func(p *Profile) { p.Files.Kinds = kinds{certstore.PEMKind} }
	pemPKCS12 := func(p *Profile) { p.Files.Kinds = kinds{certstore.PEMKind, certstore.PKCS12Kind} }
	unnoticed := func(p *Profile) { p.Files.Pairs.OtherType = declines } // a key of another type
	loadsFirst := func(p *Profile) { p.Files.Pairs.Leading12 = fails }   // once before any connection
	return []*Profile{
		like("gnutls", Program{ID: "wget", Name: "wget", Versions: "1.21 with GnuTLS (Debian)", Confidence: Run, Citation: "wget src/gnutls.c: ssl_init, ssl_connect_wget"}),
		like("gnutls-forced", Program{ID: "git", Name: "git", Versions: "2.39 with GnuTLS (Debian)", Confidence: Run, Citation: "git http.c; curl lib/vtls/gtls.c"}),
		like("gnutls-forced", Program{ID: "libcurl-gnutls", Name: "libcurl with GnuTLS", Versions: "7.88, as git has it", Confidence: Run, Citation: "curl lib/vtls/gtls.c"}),
		like("librdkafka", Program{ID: "librdkafka-keystore", Name: "librdkafka key store", Versions: "2.0, as in kcat; ssl.keystore.location before 2.7", Confidence: Run, Citation: "librdkafka src/rdkafka_ssl.c; pull request 4894"},
			leafAlone, func(p *Profile) {
				p.Files.Takes, p.Files.Kinds = certstore.PKCS12, kinds{certstore.PKCS12Kind}
				p.Files.Pairs.Leading12, p.Files.Pairs.Leading13 = failure{}, failure{} // of PEM files
			}),
		like("java-sunx509", Program{ID: "okhttp", Name: "OkHttp", Versions: "3.13 on a JDK", Confidence: Run, Citation: "OkHttp OkHttpClient.Builder.sslSocketFactory"}),
		like("java-sunx509", Program{ID: "httpclient", Name: "Apache HttpClient", Versions: "4.5", Confidence: Run, Citation: "Apache HttpClient SSLConnectionSocketFactory"}),
		like("java-sunx509", Program{ID: "java-http", Name: "Java HttpClient", Versions: "17, java.net.http", Confidence: Run, Citation: "OpenJDK jdk/internal/net/http/common/SSLFlowDelegate.java"},
			func(p *Profile) { p.Schemes.None.In12, p.Schemes.None.In13 = fails, fails }),
		like("java-sunx509", Program{ID: "java-25", Name: "Java 25", Versions: "25, SunX509", Confidence: Source, Citation: "OpenJDK sun/security/ssl/SunX509KeyManagerImpl.java"}),
		like("java-pkix", Program{ID: "java-26", Name: "Java 26", Versions: "26, SunX509 with jdk.tls.SunX509KeyManager.certChecking", Confidence: Source, Citation: "OpenJDK sun/security/ssl/SunX509KeyManagerImpl.java; JDK-8359956"}),
		like("python", Program{ID: "requests", Name: "requests", Versions: "2.28", Confidence: Run, Citation: "requests adapters.py: cert_verify; urllib3 util/ssl_.py"}, clearKey),
		like("python", Program{ID: "aiohttp", Name: "aiohttp", Versions: "3.8", Confidence: Run, Citation: "aiohttp connector.py: the context of the ssl argument"}),
		like("python", Program{ID: "php", Name: "PHP streams", Versions: "8.2", Confidence: Run, Citation: "PHP ext/openssl/xp_ssl.c: php_openssl_set_local_cert"}, unnoticed),
		like("curl", Program{ID: "php-curl", Name: "PHP curl", Versions: "8.2 with OpenSSL", Confidence: Run, Citation: "PHP ext/curl/interface.c; curl lib/vtls/openssl.c"}),
		like("openssl", Program{ID: "ruby", Name: "Ruby Net::HTTP", Versions: "3.1", Confidence: Run, Citation: "Ruby lib/net/http.rb; ext/openssl/ossl_ssl.c"}, leafAlone,
			func(p *Profile) {
				p.Files.Kinds, p.Files.Reader = kinds{certstore.PEMKind, certstore.DERKind}, certstore.RubyReader
				p.Late.PostHandshake = say.Yes
			}),
		like("python", Program{ID: "perl", Name: "Perl IO::Socket::SSL", Versions: "2.081", Confidence: Run, Citation: "IO::Socket::SSL lib/IO/Socket/SSL.pm"}, unnoticed, func(p *Profile) {
			p.Files.Kinds, p.Files.Mixed = base["curl"].Files.Kinds, true
			p.Load.WeakLate, p.Chain = base["curl"].Load.WeakLate, base["curl"].Chain
			p.Late.PostHandshake = say.Yes
		}),
		like("python", Program{ID: "mosquitto", Name: "mosquitto_pub, mosquitto_sub", Versions: "2.0", Confidence: Run, Citation: "mosquitto lib/net_mosq.c: net__init_ssl_ctx"},
			clearKey), // it asks for a password on the terminal
		like("gnutls", Program{ID: "ldapsearch", Name: "ldapsearch with GnuTLS", Versions: "2.5 (Debian)", Confidence: Run, Citation: "OpenLDAP libraries/libldap/tls_g.c"},
			pemAlone, func(p *Profile) { p.Files.Unloaded, p.Files.Pairs.Leading12 = failure{}, fails }),
		like("gnutls-forced", Program{ID: "gnutls-cli", Name: "gnutls-cli", Versions: "3.7", Confidence: Run, Citation: "GnuTLS src/cli.c: cert_callback"}, func(p *Profile) {
			p.Late.Renegotiation = say.Yes
			p.Chain, p.Files.Pairs = asStored, pairing{OtherKey: signsAway, OtherType: declines, Leading12: alerts80, Leading13: signsAway}
			p.Gate.KeyUsage12, p.Gate.KeyUsage13 = alerts80, failure{}
			p.Schemes.None.In12, p.Schemes.Length.Short13 = alerts40, alerts80
		}),
		like("node", Program{ID: "node24", Name: "Node.js 24", Versions: "24", Confidence: Run, Citation: "Node.js src/crypto/crypto_context.cc, with OpenSSL 3.5"}, func(p *Profile) {
			p.Load.MinRSA, p.Load.Weak, p.Load.NoMLDSA = 2048, false, false
			p.Files.Reader = certstore.OpenSSL35Reader
		}),
		like("go", Program{ID: "docker", Name: "Docker", Versions: "28, certs.d", Confidence: Source, Citation: "moby/moby daemon/pkg/registry/registry.go: loadTLSConfig"}, pemAlone),
		like("client-go", Program{ID: "prometheus", Name: "Prometheus", Versions: "3", Confidence: Source, Citation: "prometheus/common config/http_config.go: NewTLSConfig sets GetClientCertificate"}, loadsFirst),
		like("client-go", Program{ID: "etcdctl", Name: "etcdctl", Versions: "3.5", Confidence: Source, Citation: "etcd client/pkg/transport/listener.go: baseConfig sets GetClientCertificate"}, loadsFirst),
		like("openssl", Program{ID: "openvpn", Name: "OpenVPN", Versions: "2.6 with OpenSSL 3.0", Confidence: Run, Citation: "OpenVPN src/openvpn/ssl_openssl.c; its manual page: --cert, --key, --pkcs12"},
			func(p *Profile) {
				p.Files.Kinds, p.Files.Mixed = kinds{certstore.PEMKind, certstore.PKCS12Kind}, false
				p.Files.Reader = certstore.OpenVPNReader
			}),
		like("openssl", Program{ID: "wpa_supplicant", Name: "wpa_supplicant", Versions: "2.10 with OpenSSL 3.0", Confidence: Run, Citation: "hostap src/crypto/tls_openssl.c: tls_connection_client_cert, tls_connection_private_key"},
			func(p *Profile) { // it loads the legacy provider, and leaves out what it cannot add from a PKCS #12 file
				p.Files.NoLegacy, p.Load.WeakLate = false, failure{Action: Sends}
			}),
		like("dotnet-httpclient", Program{ID: "powershell", Name: "PowerShell", Versions: "7, Invoke-WebRequest -Certificate", Confidence: Documented, Citation: "Microsoft, Invoke-WebRequest: -Certificate, -SslProtocol"}),
		like("boringssl", Program{ID: "envoy", Name: "Envoy", Versions: "2026", Confidence: Documented, Citation: "Envoy documentation, TLS: built on BoringSSL; tls_certificates"}, pemAlone),
		like("boringssl", Program{ID: "dart", Name: "Dart", Versions: "3, dart:io", Confidence: Documented, Citation: "Dart API, SecurityContext: useCertificateChain, usePrivateKey; built on BoringSSL"}, pemPKCS12),
		like("boringssl", Program{ID: "postman", Name: "Postman", Versions: "11", Confidence: Documented, Citation: "Postman, Add and manage client certificates; Electron, which has BoringSSL in place of OpenSSL"}, pemPKCS12),
		like("chromium-linux", Program{ID: "electron", Name: "Electron", Versions: "on Linux, without a handler of select-client-certificate", Confidence: Documented, Citation: "Electron, app: event select-client-certificate"}),
		like("java-sunx509", Program{ID: "conscrypt", Name: "Conscrypt", Versions: "Android, with the platform's key manager", Confidence: Source, Citation: "Conscrypt org/conscrypt/KeyManagerImpl.java: chooseAlias"},
			func(p *Profile) { // which signs with BoringSSL
				p.Files.Kinds, p.Several = kinds{certstore.PKCS12Kind}, AsAsked
				p.Schemes.None, p.Late = misfit{In12: unseen, In13: unseen}, late{PostHandshake: say.No}
			}),
		like("boringssl", Program{ID: "grpc", Name: "gRPC (C core)", Versions: "2026", Confidence: Source, Citation: "gRPC src/core/tsi/ssl_transport_security.cc: ssl_ctx_use_certificate_chain"}, pemAlone),
		like("boringssl", Program{ID: "bun", Name: "Bun", Versions: "1.4", Confidence: Run, Citation: "Bun packages/bun-usockets/src/crypto/openssl.c"},
			pemPKCS12, func(p *Profile) {
				p.Chain = sortedPKCS12
				p.Several, p.Late.Renegotiation = noSeveral, say.Yes
			}),
		like("rustls", Program{ID: "deno", Name: "Deno", Versions: "2", Confidence: Run, Citation: "Deno ext/tls/lib.rs: create_client_config"},
			pemAlone, func(p *Profile) {
				p.Files.Reader = certstore.RustReader
				p.Files.Pairs.Leading12, p.Files.Pairs.Leading13 = fails, fails
			}),
	}
}

// Lookup returns the profile or alias of an ID, or nil if there is none.
func Lookup(id string) *Profile {
	for _, p := range append(Profiles(), Aliases()...) {
		if p.ID == id {
			return p
		}
	}
	return nil
}
