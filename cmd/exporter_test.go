package cmd

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"mtlsprobe/certstore/certtest"
	"mtlsprobe/certstore/certtest/debian"
	"mtlsprobe/probe"
	"mtlsprobe/probe/probetest"
)

// A listing server names the CAs that it is told to.
func listing(t *testing.T, p *certtest.PKI) (address string, names func(subjects ...string)) {
	t.Helper()
	var pool atomic.Pointer[x509.CertPool]
	names = func(subjects ...string) {
		next := x509.NewCertPool()
		for _, subject := range subjects {
			next.AddCert(p.Cert(subject))
		}
		pool.Store(next)
	}
	names("root")
	config := &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return &tls.Config{ClientCAs: pool.Load(), ClientAuth: tls.RequireAndVerifyClientCert,
			Certificates: []tls.Certificate{{Certificate: [][]byte{p.Cert("server").Raw}, PrivateKey: p.Key("server")}}}, nil
	}}
	server, err := probetest.Serve(func(conn net.Conn) { answerHTTP(tls.Server(conn, config)) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server.Address, names
}

// startExporter runs the exporter, and returns what asks it: the status and the text of an answer.
func startExporter(t *testing.T, args ...string) (base string, get func(path string) (int, string)) {
	t.Helper()
	address, _ := startListener(t, `127\.0\.0\.1:\d+`,
		append([]string{"exporter", "--listen", "127.0.0.1:0"}, args...)...)
	base = "http://" + address
	return base, func(path string) (int, string) {
		t.Helper()
		resp, err := http.Get(base + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
}

// bundle is a PKCS#12 file of one identity.
func bundle(t *testing.T, p *certtest.PKI, subject, password string) []byte {
	t.Helper()
	data, err := pkcs12.Modern.WithIterations(1).Encode(p.Key(subject), p.Cert(subject), nil, password)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// value is that of a metric, with its labels as they are written; empty where there is none.
func value(text, series string) string {
	found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(series) + ` (\S+)$`).FindStringSubmatch(text)
	if found == nil {
		return ""
	}
	return found[1]
}

func TestExporter(t *testing.T) {
	t.Chdir(t.TempDir())
	p := scanPKI()
	address, names := listing(t, p)
	const secret = "correct horse battery staple"
	writeFile(t, "ca.pem", p.CertPEM("root"))
	writeFile(t, "client.pass", []byte(secret+"\n"))
	writeFile(t, "client.p12", bundle(t, p, "client", secret))
	closed := debian.FreePort(t)
	config := fmt.Sprintf("modules:\n  m:\n    targets: [%q, \"127.0.0.0/8:%s\"]\n    cacert: ca.pem\n    cert: "+
		"client.p12\n"+
		"    pass: file:client.pass\n    try: true\n", address, closed)
	writeFile(t, "x.yaml", []byte(config))
	folder, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	base, get := startExporter(t, "--config", folder+"/x.yaml")

	of := func(target string) string {
		t.Helper()
		status, text := get("/probe?module=m&target=" + url.QueryEscape(target))
		if status != http.StatusOK {
			t.Fatalf("%d %s", status, text)
		}
		return text
	}
	text := of(address)
	for series, want := range map[string]string{
		"mtlsprobe_success": "1", "mtlsprobe_client_certificate_requested": "1", "mtlsprobe_server_verified": "1",
		"mtlsprobe_acceptable_cas":                                                            "1",
		`mtlsprobe_acceptable_ca_info{ca="CN=root,O=Example"}`:                                "1",
		`mtlsprobe_mode_info{mode="required"}`:                                                "1",
		`mtlsprobe_tls_version_info{version="TLS 1.3"}`:                                       "1",
		`mtlsprobe_identity_fits{identity="client.p12"}`:                                      "1",
		`mtlsprobe_trial_accepted{identity="client.p12"}`:                                     "1",
		`mtlsprobe_identity_cas{identity="client.p12"}`:                                       "1",
		`mtlsprobe_trial_alert{identity="client.p12"}`:                                        "",
		`mtlsprobe_trial_info{identity="client.p12",outcome="accepted"}`:                      "1",
		`mtlsprobe_identity_verdict_info{basis="tried",identity="client.p12",verdict="fits"}`: "1",
	} {
		if got := value(text, series); got != want {
			t.Errorf("%s is %q, not %q\n%s", series, got, want, text)
		}
	}
	until := fmt.Sprintf("%g", float64(p.Cert("client").NotAfter.Unix()))
	for _, series := range []string{`mtlsprobe_identity_not_after_timestamp_seconds{identity="client.p12"}`,
		`mtlsprobe_path_not_after_timestamp_seconds{ca="CN=root,O=Example",identity="client.p12"}`} {
		if got := value(text, series); got != until {
			t.Errorf("%s is %q, not %s", series, got, until)
		}
	}
	for _, phase := range []string{"connect", "handshake", "answer"} {
		if got := value(text, `mtlsprobe_phase_duration_seconds{phase="`+phase+`"}`); got == "" {
			t.Errorf("no duration of %s", phase)
		}
	}
	hash := value(text, "mtlsprobe_acceptable_cas_hash")

	// Another list, which this certificate does not lead to.
	names("Other")
	text = of(address)
	for series, want := range map[string]string{
		`mtlsprobe_acceptable_ca_info{ca="CN=root,O=Example"}`:  "",
		`mtlsprobe_acceptable_ca_info{ca="CN=Other,O=Example"}`: "1",
		`mtlsprobe_identity_fits{identity="client.p12"}`:        "0", `mtlsprobe_trial_accepted{identity="client.p12"}`: "0",
		`mtlsprobe_trial_alert{identity="client.p12"}`: "48"} {
		if got := value(text, series); got != want {
			t.Errorf("another list: %s is %q, not %q", series, got, want)
		}
	}
	if now := value(text, "mtlsprobe_acceptable_cas_hash"); now == hash || now == "" {
		t.Errorf("the hash of another list is %q", now)
	}
	names("root", "Other")
	both := value(of(address), "mtlsprobe_acceptable_cas_hash")
	names("Other", "root")
	if again := value(of(address), "mtlsprobe_acceptable_cas_hash"); again != both {
		t.Errorf("the hash depends on the order: %s, %s", both, again)
	}

	// What cannot be asked, and what may not be.
	status, text := get("/probe?target=127.0.0.1:" + closed)
	if status != http.StatusOK || value(text, "mtlsprobe_success") != "0" ||
		value(text, `mtlsprobe_error_info{kind="refused"}`) != "1" ||
		value(text, "mtlsprobe_client_certificate_requested") != "" {
		t.Errorf("%d %s", status, text)
	}
	for path, want := range map[string]int{
		"/probe?target=example.com:443": http.StatusForbidden, "/probe?target=" + address + "/secret": http.StatusForbidden,
		"/probe?target=https://u@" + address: http.StatusForbidden, "/probe?target=127.0.0.1:22": http.StatusForbidden,
		"/probe?module=none&target=" + address: http.StatusBadRequest, "/probe": http.StatusBadRequest,
		"/probe?target=smtp://127.0.0.1:" + closed: http.StatusForbidden,
		"/probe?target=x:y":                        http.StatusBadRequest, "/nowhere": http.StatusNotFound,
		"/":          http.StatusOK,
		"/-/healthy": http.StatusOK, "/-/reload": http.StatusMethodNotAllowed} {
		if status, text := get(path); status != want {
			t.Errorf("%s: %d, not %d: %s", path, status, want, text)
		}
	}

	reload := func() int {
		resp, err := http.Post(base+"/-/reload", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	loaded := func(want string) {
		t.Helper()
		if _, text := get("/metrics"); value(text,
			`mtlsprobe_exporter_identities_last_load_successful{module="m"}`) != want {
			t.Errorf("the last load is not %s\n%s", want, text)
		}
	}
	// A new bundle is read, and one that cannot be read leaves the earlier in use.
	loaded("1")
	writeFile(t, "client.p12", bundle(t, p, "other client", secret))
	names("Other")
	if got := value(of(address), `mtlsprobe_identity_fits{identity="client.p12"}`); got != "1" {
		t.Errorf("the new bundle fits: %q", got)
	}
	writeFile(t, "client.p12", []byte("nothing"))
	if got := value(of(address), `mtlsprobe_identity_fits{identity="client.p12"}`); got != "1" {
		t.Errorf("the bundle before fits: %q", got)
	}
	loaded("0")
	writeFile(t, "client.p12", bundle(t, p, "client", secret))
	if got := value(of(address), `mtlsprobe_identity_fits{identity="client.p12"}`); got != "0" {
		t.Errorf("the old bundle again fits: %q", got)
	}
	loaded("1")

	// The configuration, too.
	writeFile(t, "x.yaml", []byte("modules: 5"))
	if status := reload(); status != http.StatusInternalServerError {
		t.Errorf("a wrong configuration: %d", status)
	}
	_, text = get("/metrics")
	if value(text, "mtlsprobe_exporter_config_last_reload_successful") != "0" ||
		value(text, `mtlsprobe_exporter_probes_total{module="m",success="true"}`) == "" {
		t.Error(text)
	}
	of(address)
	writeFile(t, "x.yaml", []byte(strings.ReplaceAll(config, "try: true", "try: false\n    names: 0")))
	if status := reload(); status != http.StatusOK {
		t.Errorf("the next configuration: %d", status)
	}
	text = of(address)
	if value(text, `mtlsprobe_identity_verdict_info{basis="predicted",identity="client.p12",verdict="does-not-fit"}`) != "1" ||
		strings.Contains(text, "CN=") {
		t.Error(text)
	}
	// To a server that is not verified nothing is presented: then nothing is said to fit.
	writeFile(t, "x.yaml", []byte(strings.ReplaceAll(config, "cacert: ca.pem", "max-time: 10s")))
	names("root")
	if status := reload(); status != http.StatusOK {
		t.Errorf("without a CA: %d", status)
	}
	text = of(address)
	if value(text, "mtlsprobe_server_verified") != "0" ||
		value(text, `mtlsprobe_identity_fits{identity="client.p12"}`) != "" ||
		value(text, `mtlsprobe_trial_info{identity="client.p12",outcome="not-tried"}`) != "1" {
		t.Error(text)
	}
	for _, path := range []string{"/metrics", "/probe?target=" + address, "/"} {
		if _, text := get(path); strings.Contains(text, secret) || strings.Contains(text, folder) {
			t.Errorf("%s has a password or a path:\n%s", path, text)
		}
	}
}

// What a rule allows, and what it does not.
func TestExporterRules(t *testing.T) {
	for _, row := range []struct {
		rule, allowed, refused string
	}{
		{"bank.example.com", "bank.example.com BANK.example.com https://bank.example.com bank.example.com:443",
			"bank.example.com:8443 x.bank.example.com https://bank.example.com/x https://u@bank.example.com " +
				"smtp://bank.example.com:443"},
		{"https://bank.example.com/x", "https://bank.example.com/x",
			"https://bank.example.com https://bank.example.com/x?y"},
		{"*.example.com", "a.example.com https://b.a.example.com",
			"example.com a.example.com:8443 a.example.com.evil.org smtp://a.example.com [::1%.example.com] " +
				"[::ffff:127.0.0.1%.example.com]:443"},
		{"*", "a.example.com 10.1.2.3", "[::1%.x] a.example.com:1"},
		{"*.example.com:*", "a.example.com:8443 a.example.com:25", "smtp://a.example.com redis://a.example.com:8443"},
		{"smtp://*.example.com:*", "smtp://a.example.com a.example.com:25", "a.example.com:8443 a.example.com"},
		{"10.0.0.0/8", "10.1.2.3 [::ffff:10.1.2.3]:443",
			"11.1.2.3 10.1.2.3:8443 ten.example.com 10.1 [::ffff:10.1.2.3%eth0]:443"},
		{"[fd00::/8]:8443", "[fd00::1]:8443", "[fe80::1]:8443 [fd00::1]:443"},
	} {
		r, err := parseRule(row.rule)
		if err != nil {
			t.Fatal(err)
		}
		for list, want := range map[string]bool{row.allowed: true, row.refused: false} {
			for text := range strings.FieldsSeq(list) {
				target, err := probe.ParseTarget(text)
				if err != nil {
					t.Fatal(err)
				}
				if got := r.allows(target); got != want {
					t.Errorf("%s allows %s: %v", row.rule, text, got)
				}
			}
		}
	}
}

func TestExporterConfig(t *testing.T) {
	t.Chdir(t.TempDir())
	p := scanPKI()
	writeFile(t, "c.pem", slices.Concat(p.CertPEM("client"), p.KeyPEM("client")))
	for _, row := range []struct{ config, says string }{
		{"modules: {m: {targets: [a]}}", ""},
		{"modules: {m: {targets: [a], cert: c.pem, try: true}}", ""},
		{"modules: {m: {targets: ['*.example.com:*', '10.0.0.0/8', 'smtp://*.example.com']}}", ""},
		{"modules: {m: {targets: ['[fd00::/8]:443', 'fd00::/8', 'postgres://10.0.0.0/8:*']}}", ""},
		{"", "it has no modules"},
		{"x", `the file is "modules:"`},
		{"modules: {}", "it has no modules"},
		{"modules:\n  m: {}", `line 2: module "m" has no targets`},
		{"modules:\n  m: 5", `line 2: module "m" has no settings`},
		{"modules: {m: {targets: [a]}, m: {targets: [a]}}", `there are two modules "m"`},
		{"modules: {m: {targets: ['https://*.example.com/x']}}", "only a TARGET has a path"},
		{"modules: {m: {targets: ['a b']}}", `"a b" is neither`},
		{"modules: {m: {targets: [[a]]}}", "targets: the entries of the list are strings"},
		{"modules: {m: {targets: {a: b}}}", "targets is a string or a list of strings"},
		{"modules:\n  m:\n    targets: a\n    sert: c.pem", `line 4: module "m": "sert" is not a setting`},
		{"modules: {m: {targets: a, timeout: 5}}", `timeout: invalid argument`},
		{"modules: {m: {targets: a, try: true}}", "try without cert"},
		{"modules: {m: {targets: a, cert: none.pem}}", `"none.pem"`},
		{"modules: {m: {targets: a, cert: c.pem, pass: 'pass:hunter2'}}", "a password is not written here"},
		{"modules: {m: {targets: a, cert: c.pem, pass: 'c.pem=stdin'}}", "a password is not written here"},
		{"modules: {m: {targets: a, timeout: 5s, timeout: 6s}}", "timeout is set twice"},
		{"modules: [", "yaml"},
		{"modules: {m: {targets: a, cert: '-'}}", `cert: "-" names no file`},
		{"modules: {m: {targets: a, cert: ''}}", `cert: "" names no file`},
		{"modules: {m: {targets: a, timeout: [5s, 6s]}}", "timeout has one value, not 2"},
		{"modules: {m: {targets: a}}\n---\nmodules: {}", "more than one document"},
		{"modules: {m: {targets: ['[fd00::]/8']}}", "a path needs its scheme"},
		{"modules: {m: {targets: ['10.0.0.0/33']}}", "a path needs its scheme"},
		{"modules: {m: {targets: ['10.1.*:443']}}", "for addresses give a network"},
		{"modules: {m: {targets: a, names: -3}}", "less than none"},
		{"modules:\n  m: {targets: a}\n  n: {targets: a, timeout: 0s}", `line 3: module "n": --timeout`},
		{"modules: {m: &m {targets: a}, n: *m}", ""},
		{"modules: {m: {targets: &t [a]}, n: {targets: *t}}", ""},
	} {
		writeFile(t, "x.yaml", []byte(row.config))
		code, _, stderr := run(t, "exporter", "--config", "x.yaml", "--check")
		if row.says == "" && code != 0 || row.says != "" && (code != 1 || !strings.Contains(stderr, row.says)) {
			t.Errorf("%s: %d %s", row.config, code, stderr)
		}
		if strings.Contains(stderr, "hunter2") {
			t.Errorf("the password is repeated: %s", stderr)
		}
	}
	if code, _, stderr := run(t, "exporter"); code != 2 || !strings.Contains(stderr, "--config") {
		t.Errorf("%d %s", code, stderr)
	}
}

// The files that the guide gives: each metric that they use exists, and Prometheus takes them.
func TestPrometheusFiles(t *testing.T) {
	promtool := debian.Program(t, "prometheus", "promtool")
	source, err := os.ReadFile("../report/metrics/metrics.go")
	if err != nil {
		t.Fatal(err)
	}
	own, err := os.ReadFile("exporter_probe.go")
	if err != nil {
		t.Fatal(err)
	}
	known := string(source) + string(own)
	for _, name := range []string{"rules.yaml", "dashboard.json"} {
		data, err := os.ReadFile("docs/deploy/prometheus/" + name)
		if err != nil {
			t.Fatal(err)
		}
		used := regexp.MustCompile(`\bmtlsprobe_\w+`).FindAllString(string(data), -1)
		if len(used) < 5 {
			t.Errorf("%s uses %d metrics", name, len(used))
		}
		for _, metric := range used {
			if !strings.Contains(known, `"`+metric+`"`) {
				t.Errorf("%s: there is no metric %s", name, metric)
			}
		}
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	data, err := os.ReadFile("docs/deploy/prometheus/dashboard.json")
	if err == nil {
		err = json.Unmarshal(data, &dashboard)
	}
	if err != nil {
		t.Fatal(err)
	}
	rules := "groups:\n- name: dashboard\n  rules:\n"
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			rules += fmt.Sprintf("  - {record: x, expr: %q, labels: {panel: %q}}\n", target.Expr, panel.Title)
		}
	}
	folder := t.TempDir()
	writeFile(t, filepath.Join(folder, "dashboard.yaml"), []byte(rules))
	for _, args := range [][]string{{"check", "rules", filepath.Join(folder, "dashboard.yaml")},
		{"check", "rules", "docs/deploy/prometheus/rules.yaml"},
		{"check", "config", "docs/deploy/prometheus/prometheus.yml"},
		{"test", "rules", "docs/deploy/prometheus/rules_test.yaml"}} {
		if out, err := exec.Command(promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", args, err, out)
		}
	}
	example, err := os.ReadFile("docs/deploy/prometheus/exporter.yaml")
	if err == nil {
		_, err = parseModules("exporter.yaml", example)
	}
	if err != nil {
		t.Errorf("exporter.yaml: %v", err)
	}
}

// The exporter protects itself as others do.
func TestExporterWebConfig(t *testing.T) {
	t.Chdir(t.TempDir())
	p := scanPKI()
	writeFile(t, "ca.pem", p.CertPEM("root"))
	writeFile(t, "server.pem", p.CertPEM("server"))
	writeFile(t, "server.key", p.KeyPEM("server"))
	writeFile(t, "x.yaml", []byte("modules: {m: {targets: [a]}}"))
	writeFile(t, "wrong.yaml", []byte("tls_server_config: {cert_file: none.pem, key_file: server.key}"))
	if code, _, stderr := run(t, "exporter", "--config", "x.yaml", "--web-config", "wrong.yaml", "--check"); code != 1 ||
		!strings.Contains(stderr, "none.pem") {
		t.Errorf("%d %s", code, stderr)
	}
	writeFile(t, "web.yaml",
		[]byte("tls_server_config: {cert_file: server.pem, key_file: server.key, client_ca_file: ca.pem, "+
			"client_auth_type: RequireAndVerifyClientCert}"))
	address, _ := startListener(t, `127\.0\.0\.1:\d+`, "exporter", "--config", "x.yaml", "--listen", "127.0.0.1:0",
		"--web-config", "web.yaml")
	roots := x509.NewCertPool()
	roots.AddCert(p.Cert("root"))
	for name, row := range map[string]struct {
		certs []tls.Certificate
		want  bool
	}{"none": {nil, false},
		"client": {[]tls.Certificate{{Certificate: [][]byte{p.Cert("client").Raw}, PrivateKey: p.Key("client")}}, true}} {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true,
			TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: row.certs}}}
		resp, err := client.Get("https://" + address + "/metrics")
		if err == nil {
			resp.Body.Close()
		}
		if (err == nil) != row.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A real Prometheus asks the exporter, and an alert fires when a root is removed from a list.
func TestPrometheus(t *testing.T) {
	prometheus := debian.Program(t, "prometheus", "prometheus")
	p := scanPKI()
	address, names := listing(t, p)
	names("root", "Other")
	rules, err := os.ReadFile("docs/deploy/prometheus/rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	writeFile(t, "ca.pem", p.CertPEM("root"))
	writeFile(t, "c.pem", slices.Concat(p.CertPEM("client"), p.KeyPEM("client")))
	writeFile(t, "x.yaml", []byte(fmt.Sprintf("modules: {m: {targets: [%q], cacert: ca.pem, cert: c.pem}}", address)))
	exporter, _ := startExporter(t, "--config", "x.yaml")
	// The hour of the rule is too long for a test.
	writeFile(t, "rules.yaml", []byte(strings.ReplaceAll(string(rules), "offset 1h", "offset 3s")))
	writeFile(t, "prometheus.yml", []byte(fmt.Sprintf(`global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [rules.yaml]
scrape_configs:
- job_name: mtls
  metrics_path: /probe
  static_configs: [{targets: [%q]}]
  relabel_configs:
  - {source_labels: [__address__], target_label: __param_target}
  - {source_labels: [__param_target], target_label: instance}
  - {target_label: __address__, replacement: %q}
`, address, strings.TrimPrefix(exporter, "http://"))))
	port := debian.FreePort(t)
	debian.Serve(t, exec.Command(prometheus, "--config.file=prometheus.yml", "--storage.tsdb.path=data",
		"--web.listen-address=127.0.0.1:"+port), port)

	query := func(expr string) (results int) { // negative while there is no answer
		t.Helper()
		resp, err := http.Get("http://127.0.0.1:" + port + "/api/v1/query?query=" + url.QueryEscape(expr))
		if err != nil {
			return -1 // it may still start
		}
		defer resp.Body.Close()
		var answer struct {
			Status string
			Data   struct{ Result []json.RawMessage }
		}
		if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Status != "success" {
			return -1
		}
		return len(answer.Data.Result)
	}
	await := func(expr string) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); query(expr) < 1; { // another process: there is nothing to wait on
			if time.Now().After(deadline) {
				t.Fatalf("%s never comes true", expr)
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
	await(fmt.Sprintf(`mtlsprobe_acceptable_ca_info{instance=%q, ca="CN=Other,O=Example"} offset 3s`, address))
	await(fmt.Sprintf(`mtlsprobe_identity_fits{instance=%q} == 1`, address))
	if n := query(`ALERTS{alertname="MutualTLSCARemoved"}`); n != 0 {
		t.Fatalf("%d alerts before anything was removed", n)
	}
	names("root")
	await(fmt.Sprintf(`ALERTS{alertname="MutualTLSCARemoved", alertstate="firing", instance=%q, ca="CN=Other,O=Example"}`,
		address))
	if n := query(`ALERTS{alertname="MutualTLSCARemoved", ca="CN=root,O=Example"}`); n != 0 {
		t.Errorf("%d alerts for the CA that is still there", n)
	}
}
