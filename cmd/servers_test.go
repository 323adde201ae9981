package cmd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mtlsprobe/certstore/certtest/debian"
	"mtlsprobe/report"
)

// run calls Main and returns the exit code and what it wrote.
func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	s := &Streams{In: strings.NewReader(""), Out: &out, Err: &errs, Now: time.Now,
		LookupEnv: func(string) (string, bool) { return "", false }}
	code = Main(t.Context(), args, s)
	return code, out.String(), errs.String()
}

// runJSON is run with "-o json", decoded.
func runJSON(t *testing.T, wantCode int, args ...string) *report.Report {
	t.Helper()
	code, stdout, stderr := run(t, append(args, "-o", "json")...)
	if code != wantCode {
		t.Fatalf("%v: exit code %d, want %d\n%s%s", args, code, wantCode, stdout, stderr)
	}
	var r report.Report
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		t.Fatal(err)
	}
	return &r
}

// trials describes what came of each identity: outcome, then alert or status.
func trials(r *report.Report) map[string]string {
	out := make(map[string]string)
	describe := func(t *report.Trial) string {
		text := t.Outcome
		if t.Alert != nil {
			text += fmt.Sprintf(" %s %s", t.Alert.From, t.Alert.Name)
		}
		if t.Application != nil && t.Outcome == "refused-by-application" {
			text += fmt.Sprintf(" %d", t.Application.Status)
		}
		return text
	}
	for _, c := range r.Controls {
		out[c.Kind] = describe(&c.Trial)
	}
	for _, i := range r.Identities {
		if i.Trial != nil {
			out[i.Label] = describe(i.Trial)
		}
	}
	return out
}

func TestOpenSSLServer(t *testing.T) {
	openssl := tool(t, "openssl", "openssl")
	serverFiles(t)
	tests := []struct {
		name       string
		args       []string
		insistence string
		names      int
		want       map[string]string
	}{
		{"tls1_3 Verify", []string{"-tls1_3", "-Verify", "2", "-verify_return_error", "-CAfile", "ca.pem"}, "required", 1,
			map[string]string{
				"none": "refused server certificate_required", "self-signed": "refused server unknown_ca", "good.p12": "accepted",
				"expired.pem": "refused server certificate_expired", "other-ca.p12": "refused server unknown_ca"}},
		{"tls1_2 Verify", []string{"-tls1_2", "-Verify", "2", "-verify_return_error", "-CAfile", "ca.pem"}, "required", 1,
			map[string]string{
				"none": "refused server handshake_failure", "self-signed": "refused server unknown_ca", "good.p12": "accepted",
				"expired.pem": "refused server certificate_expired", "other-ca.p12": "refused server unknown_ca"}},
		{"tls1_3 Verify without return_error takes any", []string{"-tls1_3", "-Verify", "2", "-CAfile", "ca.pem"},
			"required", 1, map[string]string{
				"none": "refused server certificate_required", "self-signed": "accepted", "good.p12": "accepted",
				"expired.pem": "accepted", "other-ca.p12": "accepted"}},
		{"tls1_2 verify with page", []string{"-tls1_2", "-verify", "2", "-verify_return_error", "-CAfile", "ca.pem", "-www"},
			"optional", 1, map[string]string{
				"none": "accepted", "self-signed": "refused server unknown_ca", "good.p12": "accepted",
				"expired.pem": "refused server certificate_expired", "other-ca.p12": "refused server unknown_ca"}},
		{"tls1_3 verify, no list, all ignored", []string{"-tls1_3", "-verify", "2", "-www"}, "ignored", 0, map[string]string{
			"none": "accepted", "self-signed": "ignored", "good.p12": "ignored", "expired.pem": "ignored",
			"other-ca.p12": "ignored"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			port := debian.FreePort(t)
			startServer(t, port, openssl, append([]string{"s_server", "-accept", "127.0.0.1:" + port, "-cert", "server.pem",
				"-key", "server.key", "-quiet"}, tt.args...)...)
			code := 0
			if tt.insistence == "ignored" { // nothing depends on the certificate
				code = 3
			}
			r := runJSON(t, code, "probe", "127.0.0.1:"+port, "-k", "--cert", "good.p12", "--cert", "expired.pem", "--cert",
				"other-ca.p12")
			if r.Request.Asked != "yes" || r.Request.Insistence != tt.insistence || len(r.Request.NamedCAs) != tt.names {
				t.Errorf("request: asked %s, insistence %s, %d names; want yes, %s, %d", r.Request.Asked, r.Request.Insistence,
					len(r.Request.NamedCAs), tt.insistence, tt.names)
			}
			compareTrials(t, trials(r), tt.want)
		})
	}
}

func compareTrials(t *testing.T, got, want map[string]string) {
	t.Helper()
	for label, w := range want {
		if got[label] != w {
			t.Errorf("%s: %q, want %q", label, got[label], w)
		}
	}
}

func TestOpenSSLServerNotAsking(t *testing.T) {
	openssl := tool(t, "openssl", "openssl")
	serverFiles(t)
	port := debian.FreePort(t)
	startServer(t, port, openssl, "s_server", "-accept", "127.0.0.1:"+port, "-cert", "server.pem", "-key", "server.key",
		"-quiet", "-www")
	r := runJSON(t, 0, "request", "127.0.0.1:"+port, "--cacert", "ca.pem")
	if r.Request.Asked != "no" || r.Server.Verified != "yes" {
		t.Errorf("asked %s, verified %s; want no, yes", r.Request.Asked, r.Server.Verified)
	}
	// Without -k nothing may be shown to a server that is not verified.
	r = runJSON(t, 3, "probe", "127.0.0.1:"+port, "--cert", "good.p12")
	if r.Server.Verified != "no" || r.Identities[0].Trial != nil || r.Identities[0].Verdict != "unknown" {
		t.Errorf("verified %s, trial %+v; want no, and none", r.Server.Verified, r.Identities[0].Trial)
	}
}

// A list of schemes that somebody configured says nothing about the library.
func TestOpenSSLServerOfFewSchemes(t *testing.T) {
	openssl := tool(t, "openssl", "openssl")
	serverFiles(t)
	for schemes, want := range map[string]string{
		"ecdsa_secp256r1_sha256:rsa_pss_rsae_sha256:rsa_pkcs1_sha256": "", // with which BoringSSL's own list begins
		"": "OpenSSL",
	} {
		port := debian.FreePort(t)
		args := []string{"s_server", "-accept", "127.0.0.1:" + port, "-cert", "server.pem", "-key", "server.key", "-quiet",
			"-Verify", "2", "-CAfile", "ca.pem"}
		if schemes != "" {
			args = append(args, "-client_sigalgs", schemes)
		}
		startServer(t, port, openssl, args...)
		if r := runJSON(t, 0, "request", "127.0.0.1:"+port, "-k"); r.Request.Library != want {
			t.Errorf("%q: %q, want %q", schemes, r.Request.Library, want)
		}
	}
}

func TestMigration(t *testing.T) {
	openssl := tool(t, "openssl", "openssl")
	serverFiles(t)
	port := debian.FreePort(t)
	startServer(t, port, openssl, "s_server", "-accept", "127.0.0.1:"+port, "-cert", "server.pem", "-key", "server.key",
		"-quiet",
		"-tls1_3", "-Verify", "3", "-verify_return_error", "-CAfile", "ca.pem")
	args := []string{"127.0.0.1:" + port, "-k", "--authorities", "cross.pem", "--cert", "old.p12", "--cert", "new.p12",
		"--cert", "both.p12", "--cert", "late.p12"}
	r := runJSON(t, 0, append([]string{"probe"}, args...)...)
	old, now := r.Identities[0].NamedCAs[0], r.Identities[1].NamedCAs[0]
	if old.Result != "reached" || old.Via != "cross-signed" ||
		!strings.Contains(old.Remedy.String(), `found in "cross.pem"`) {
		t.Errorf("old bundle: %+v, want reached through the cross-certificate in cross.pem", old)
	}
	if now.Result != "reached" || now.Via != "presented" {
		t.Errorf("new bundle: %+v, want reached, presented", now)
	}
	// OpenSSL follows the first twin that it was sent, and does not turn back.
	compareTrials(t, trials(r), map[string]string{"old.p12": "refused server unknown_ca", "new.p12": "accepted",
		"both.p12": "accepted", "late.p12": "refused server unknown_ca"})

	// The saved request gives the same findings without a network.
	if code, _, stderr := run(t, "request", "127.0.0.1:"+port, "-k", "--save", "saved.json"); code != 0 {
		t.Fatalf("request --save: exit code %d\n%s", code, stderr)
	}
	checked := runJSON(t, 0, append([]string{"check", "--request", "saved.json"}, args[2:]...)...)
	for n := range checked.Identities {
		got, want := findings(&checked.Identities[n]), findings(&r.Identities[n])
		if got != want {
			t.Errorf("check finds\n%s\nprobe found\n%s", got, want)
		}
	}
}

func findings(i *report.Identity) string {
	var b strings.Builder
	for _, f := range i.Findings {
		fmt.Fprintf(&b, "%s %s %s\n", f.Check, f.Result, f.Detail)
	}
	return b.String()
}

func TestNginx(t *testing.T) {
	nginx := tool(t, "nginx", "nginx-light")
	for _, version := range []string{"TLSv1.2", "TLSv1.3"} {
		for _, tt := range []struct {
			verify, insistence string
			want               map[string]string
		}{
			{"on", "required", map[string]string{"none": "refused-by-application 400",
				"self-signed": "refused-by-application 400",
				"good.p12":    "accepted", "expired.pem": "refused-by-application 400",
				"other-ca.p12": "refused-by-application 400"}},
			{"optional", "optional", map[string]string{"none": "accepted", "self-signed": "refused-by-application 400",
				"good.p12": "accepted", "expired.pem": "refused-by-application 400"}},
			{"optional_no_ca", "optional", map[string]string{"none": "accepted", "self-signed": "accepted",
				"good.p12": "accepted", "expired.pem": "refused-by-application 400"}},
		} {
			t.Run(version+" "+tt.verify, func(t *testing.T) {
				serverFiles(t)
				port := startNginx(t, nginx, version, tt.verify)
				r := runJSON(t, 0, "probe", "127.0.0.1:"+port, "--cacert", "ca.pem", "--cert", "good.p12", "--cert", "expired.pem",
					"--cert", "other-ca.p12")
				if r.Request.Asked != "yes" || r.Request.Insistence != tt.insistence {
					t.Errorf("asked %s, insistence %s; want yes, %s", r.Request.Asked, r.Request.Insistence, tt.insistence)
				}
				if r.Clock.SkewSeconds == nil || *r.Clock.SkewSeconds < -5 || *r.Clock.SkewSeconds > 5 {
					t.Errorf("clock = %+v, want a small skew from the Date header", r.Clock)
				}
				compareTrials(t, trials(r), tt.want)
			})
		}
	}
}

// startNginx runs nginx with one HTTPS server that knows ca.pem, and returns its
// port.
func startNginx(t *testing.T, nginx, protocols, verify string) string {
	t.Helper()
	port := debian.FreePort(t)
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf(`daemon off; master_process off; pid %[1]s/pid; error_log %[1]s/error.log;
events {}
http {
  access_log off;
  client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
  server {
    listen 127.0.0.1:%[2]s ssl; ssl_protocols %[3]s;
    ssl_certificate %[1]s/server.pem; ssl_certificate_key %[1]s/server.key;
    ssl_client_certificate %[1]s/ca.pem; ssl_verify_client %[4]s; ssl_verify_depth 3;
    return 200 ok;
  }
}`, dir, port, protocols, verify)
	if err := os.WriteFile("nginx.conf", []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	startServer(t, port, nginx, "-c", filepath.Join(dir, "nginx.conf"), "-p", dir, "-e", filepath.Join(dir, "error.log"))
	return port
}

// startApache runs Apache with the directives on a TLS port, and returns it.
func startApache(t *testing.T, directives string) string {
	t.Helper()
	apache := tool(t, "apache2", "apache2")
	port := debian.FreePort(t)
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf(`ServerRoot %[1]s
PidFile %[1]s/pid
ErrorLog %[1]s/error.log
Mutex file:%[1]s
ServerName localhost
Listen 127.0.0.1:%[2]s
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so
<IfModule !unixd_module>
LoadModule unixd_module /usr/lib/apache2/modules/mod_unixd.so
</IfModule>
DocumentRoot %[1]s
SSLEngine on
SSLCertificateFile %[1]s/server.pem
SSLCertificateKeyFile %[1]s/server.key
SSLCACertificateFile %[1]s/ca.pem
SSLVerifyDepth 3
SSLSessionCache none
%[3]s
`, dir, port, directives)
	if err := os.WriteFile("apache.conf", []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	startServer(t, port, apache, "-X", "-f", filepath.Join(dir, "apache.conf"))
	return port
}

// Apache asks for one location only: when it has read the path.
func TestApacheLocation(t *testing.T) {
	serverFiles(t)
	port := startApache(t, "<Location /secure>\nSSLVerifyClient require\n</Location>")
	for _, tt := range []struct{ version, when, none string }{
		{"1.2", "renegotiation", "refused server handshake_failure"},
		{"1.3", "post-handshake", "refused server certificate_required"},
	} {
		t.Run("TLS "+tt.version, func(t *testing.T) {
			r := runJSON(t, 0, "probe", "127.0.0.1:"+port, "-k", "--tls-max", tt.version, "--path", "/secure",
				"--cert", "good.p12", "--cert", "expired.pem", "--cert", "other-ca.p12")
			if r.Request.Asked != "yes" || r.Request.When != tt.when || r.Request.Insistence != "required" ||
				len(r.Request.NamedCAs) != 1 {
				t.Errorf("request: %+v, want one that is required, by %s", r.Request, tt.when)
			}
			compareTrials(t, trials(r), map[string]string{"none": tt.none, "self-signed": "refused server unknown_ca",
				"good.p12": "accepted", "expired.pem": "refused server certificate_expired", "other-ca.p12": "refused server unknown_ca"})
		})
	}
	r := runJSON(t, 0, "request", "127.0.0.1:"+port, "-k", "--path", "/")
	if r.Request.Asked != "no" {
		t.Errorf("another location: asked %s, want no", r.Request.Asked)
	}
}

func TestApache(t *testing.T) {
	serverFiles(t)
	port := startApache(t, "SSLVerifyClient require")
	for version, none := range map[string]string{"1.2": "refused server handshake_failure",
		"1.3": "refused server certificate_required"} {
		t.Run("TLS "+version, func(t *testing.T) {
			r := runJSON(t, 0, "probe", "127.0.0.1:"+port, "-k", "--tls-min", version, "--tls-max", version, "--path",
				"/ca.pem",
				"--cert", "good.p12", "--cert", "expired.pem", "--cert", "other-ca.p12")
			if r.Request.Insistence != "required" || len(r.Request.NamedCAs) != 1 {
				t.Errorf("insistence %s, %d names; want required, 1", r.Request.Insistence, len(r.Request.NamedCAs))
			}
			got := trials(r)
			for label, want := range map[string]string{"none": none, "expired.pem": "refused server certificate_expired",
				"other-ca.p12": "refused server unknown_ca"} {
				if got[label] != want {
					t.Errorf("%s: %q, want %q", label, got[label], want)
				}
			}
			// The file may not be readable for Apache's user: that is an answer
			// of the application, and no refusal of the certificate.
			if !strings.HasPrefix(got["good.p12"], "accepted") &&
				!strings.HasPrefix(got["good.p12"], "refused-by-application 403") {
				t.Errorf("good.p12: %q", got["good.p12"])
			}
		})
	}
}
