package cmd

import (
	"bytes"
	"crypto/tls"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"mtlsprobe/certstore"
	"mtlsprobe/certstore/certtest/debian"
)

// The bundle for the old root is made one for the new root, which the servers
// that know only that one then accept: the mission's example from end to end.
func TestFix(t *testing.T) {
	openssl, nginx := tool(t, "openssl", "openssl"), tool(t, "nginx", "nginx-light")
	serverFiles(t)
	for _, file := range []string{"fixed.p12", "fixed.pem", "legacy.p12"} {
		args := []string{"fix", "--cert", "old.p12", "--named-ca", "ca.pem", "--authorities", "cross.pem", "--out", file}
		if file == "legacy.p12" {
			args = append(args, "--encoding", "pkcs12-legacy")
		}
		code, stdout, stderr := run(t, args...)
		if code != 0 || !strings.Contains(stdout,
			"Written    "+file+": the key, CN=migrated,O=Example, CN=Migrating,O=Example (signed by CN=Root,O=Example)") ||
			!strings.Contains(stdout, file+" matches what is asked for") || !strings.Contains(stderr, "has no password") {
			t.Fatalf("fix: exit code %d\n%s%s", code, stdout, stderr)
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v, want mode 0600", file, info.Mode(), err)
		}
	}
	// What compares the list with the stored chain sends the fixed bundle, and
	// would not have sent the old one.
	for client, fixed := range map[string]string{"go": "fixed.p12", "java-sunx509": "fixed.p12", "gnutls": "fixed.pem",
		"curl": "fixed.p12"} {
		for file, want := range map[string]int{fixed: exitAnswered, "old.p12": exitNoIdentity} {
			if code, stdout, _ := run(t, "check", "--cert", file, "--named-ca", "ca.pem", "--authorities", "cross.pem",
				"--client", client); code != want {
				t.Errorf("%s with %s: exit code %d, want %d\n%s", client, file, code, want, stdout)
			}
		}
	}
	port := debian.FreePort(t)
	startServer(t, port, openssl, "s_server", "-accept", "127.0.0.1:"+port, "-cert", "server.pem", "-key", "server.key",
		"-quiet",
		"-Verify", "3", "-verify_return_error", "-CAfile", "ca.pem")
	for _, port := range []string{port, startNginx(t, nginx, "TLSv1.2 TLSv1.3", "on")} {
		r := runJSON(t, 0, "probe", "127.0.0.1:"+port, "-k", "--cert", "old.p12", "--cert", "fixed.p12", "--cert",
			"fixed.pem", "--cert", "legacy.p12")
		compareTrials(t, trials(r), map[string]string{"fixed.p12": "accepted", "fixed.pem": "accepted",
			"legacy.p12": "accepted"})
		if outcome := r.Identities[0].Trial.Outcome; !strings.HasPrefix(outcome, "refused") {
			t.Errorf("the old bundle: %s", outcome)
		}
	}
}

func TestFixRefuses(t *testing.T) {
	serverFiles(t)
	if err := os.WriteFile("taken.p12", []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, args string
		code       int
		stderr     string
	}{
		{"existing file", "--cert old.p12 --named-ca ca.pem --authorities cross.pem --out taken.p12", 2,
			`"taken.p12" exists: give --force`},
		{"out of reach", "--cert other-ca.p12 --named-ca ca.pem --out x.p12", 3,
			`nothing was written: no path leads from "other-ca.p12" to a named CA`},
		{"no key", "--cert cross.pem --cert server.pem --named-ca ca.pem --out x.p12", 1,
			"cannot be written again: its key is missing"},
		{"several", "--cert old.p12 --cert good.p12 --named-ca ca.pem --out x.p12", 2,
			`choose with --label, of ["old.p12" "good.p12"]`},
		{"several in PEM", "--cert old.p12 --cert good.p12 --label old.p12 --label good.p12 --out x.pem", 2,
			"PEM and DER take one identity, without an alias"},
		{"a label twice", "--cert old.p12 --label old.p12 --label old.p12 --out x.p12", 2, `"old.p12" stands twice`},
		{"an alias for two", "--cert old.p12 --cert good.p12 --label old.p12 --label good.p12 --alias a --out x.p12", 2,
			"1 of --alias for 2 identities"},
		{"an alias twice", "--cert old.p12 --cert good.p12 --label old.p12 --label good.p12 --alias a --alias A --out x.p12",
			2, `two identities would have the alias "A", where case does not count`},
		{"key and certificate in one", "--cert good.p12 --out x.der --key-out ./x.der", 2, "--out and --key-out are both"},
		{"no such label", "--cert old.p12 --label new --named-ca ca.pem --out x.p12", 2,
			`--label "new": there are ["old.p12"]`},
		{"a form that the client does not read", "--cert good.p12 --for python --out x.p12", 2,
			`--out "x.p12": Python does not read pkcs12: give it a name for pem`},
		{"no such client", "--cert good.p12 --for netscape --out x.p12", 2, `invalid --for "netscape"; choose one of`},
		{"a key of its own in PKCS#12", "--cert good.p12 --out x.p12 --key-out x.key", 2, "--key-out goes with PEM and DER only"},
		{"no folder", "--cert good.p12 --named-ca ca.pem --out no/x.p12", 2, `--out: no such directory: "no"`},
		{"a name without a format", "--cert good.p12 --named-ca ca.pem --out html", 2, "the name tells no format"},
		{"-o", "--cert good.p12 --named-ca ca.pem -o x.p12", 2, "the bundle is written with --out FILE"},
		{"encoding", "--cert good.p12 --named-ca ca.pem --out x.p12 --encoding jceks", 2,
			`invalid --encoding "jceks"; choose one of pkcs12, pkcs12-legacy, pem, der, jks`},
		{"DER without a file for the key", "--cert good.p12 --named-ca ca.pem --out x.der", 2, "give --key-out FILE for its key"},
		{"a MAC of PEM", "--cert good.p12 --named-ca ca.pem --out x.pem --mac sha1", 2, "--mac goes with PKCS#12 only"},
		{"no such MAC", "--cert good.p12 --named-ca ca.pem --out x.p12 --mac md2", 2, `invalid --mac "md2"; choose one of sha1`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, _, stderr := run(t, append([]string{"fix"}, strings.Fields(tt.args)...)...)
			if code != tt.code || !strings.Contains(stderr, tt.stderr) {
				t.Errorf("exit code %d, want %d; stderr %q, want %q", code, tt.code, stderr, tt.stderr)
			}
			if left, _ := filepath.Glob(".mtlsprobe-*"); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
			if _, err := os.Stat("x.p12"); err == nil {
				t.Error("something was written")
			}
		})
	}
	if data, _ := os.ReadFile("taken.p12"); string(data) != "mine" {
		t.Error("an existing file was overwritten")
	}
	if code, _, stderr := run(t, "fix", "--cert", "good.p12", "--named-ca", "ca.pem", "--out", "taken.p12",
		"--force"); code != 0 {
		t.Errorf("--force: exit code %d\n%s", code, stderr)
	}
}

// Friendly name and password are kept; the password of the old bundle is the new
// one's.
func TestFixKeepsNameAndPassword(t *testing.T) {
	openssl := tool(t, "openssl", "openssl")
	serverFiles(t)
	for _, args := range [][]string{
		{"pkcs12", "-in", "old.p12", "-passin", "pass:", "-noenc", "-out", "old.pem"},
		{"pkcs12", "-export", "-in", "old.pem", "-name", "Büro-Zugang", "-passout", "pass:hunter2secret", "-out",
			"named.p12"},
	} {
		if out, err := exec.Command(openssl, args...).CombinedOutput(); err != nil {
			t.Fatalf("openssl %q: %v\n%s", args, err, out)
		}
	}
	if err := os.WriteFile("password", []byte("hunter2secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := run(t, "fix", "--cert", "named.p12", "--pass", "file:password", "--named-ca", "ca.pem",
		"--authorities", "cross.pem", "--out", "fixed.p12")
	if code != 0 || strings.Contains(stdout+stderr, "hunter2secret") {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	if code, stdout, stderr = run(t, "fix", "--cert", "named.p12", "--pass", "file:password", "--named-ca", "ca.pem",
		"--authorities", "cross.pem", "--out", "fixed.pem"); code != 0 {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	if data, err := os.ReadFile("fixed.pem"); err != nil || !bytes.Contains(data, []byte("ENCRYPTED PRIVATE KEY")) {
		t.Errorf("a key that was protected is written in clear: %v", err)
	}
	out, err := exec.Command(openssl, "pkcs12", "-in", "fixed.p12", "-passin", "pass:hunter2secret",
		"-noenc").CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("friendlyName: B")) {
		t.Errorf("openssl reads: %v\n%s", err, out)
	}
	h, err := certstore.Load(t.Context(), &certstore.Options{Passwords: []string{"hunter2secret"}},
		certstore.Source{Path: "fixed.p12"}, certstore.Source{Path: "fixed.pem"})
	if err != nil || h.Identities[0].FriendlyName != "Büro-Zugang" || h.Identities[1].Key.State != certstore.Usable {
		t.Errorf("%v, %+v", err, h)
	}
}

// Three phases of a migration from the command line.
func TestMigrationTable(t *testing.T) {
	serverFiles(t)
	code, stdout, stderr := run(t, "check", "--cert", "old.p12", "--cert", "new.p12", "--cert", "late.p12",
		"--authorities", "cross.pem", "--named-ca", "cross.pem", "--named-ca", "ca.pem")
	if code != 0 {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	r := runJSON(t, 0, "check", "--cert", "old.p12", "--cert", "new.p12", "--authorities", "cross.pem", "--named-ca",
		"ca.pem", "--named-ca", "cross.pem", "-o", "json")
	if r.Migration == nil || len(r.Migration.Rows) != 2 || r.Migration.Rows[0].Works || !r.Migration.Rows[1].Works ||
		r.Migration.Rows[1].Cells[1].Until == nil {
		t.Errorf("%+v", r.Migration)
	}
}

// A Java key store is one for Java's own tools: they open the key and have the chain.
func TestFixJKS(t *testing.T) {
	keytool := tool(t, "keytool", "openjdk-17-jdk-headless")
	serverFiles(t)
	t.Setenv("PASSWORD", "hunter2secret")
	if code, stdout, stderr := run(t, "fix", "--cert", "old.p12", "--named-ca", "ca.pem", "--authorities", "cross.pem",
		"--out", "fixed.jks", "--pass-out", "pass:hunter2secret"); code != 0 {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	do(t, keytool, "-importkeystore", "-noprompt", "-srckeystore", "fixed.jks", "-srcstoretype", "JKS", "-srcstorepass:env",
		"PASSWORD", "-destkeystore", "again.p12", "-deststoretype", "PKCS12", "-deststorepass:env", "PASSWORD")
	for _, file := range []string{"fixed.jks", "again.p12"} {
		got, stderr := runEnv(t, map[string]string{"PASSWORD": "hunter2secret"}, "inspect", file, "--pass", "env:PASSWORD")
		if text := describe(got); !strings.Contains(text, "migrated [Migrating] usable") {
			t.Errorf("%s: %s\n%s", file, text, stderr)
		}
	}
}

// Several identities lie in one store, each under its alias and with its chain.
func TestFixSeveral(t *testing.T) {
	keytool := tool(t, "keytool", "openjdk-17-jdk-headless")
	serverFiles(t)
	for _, file := range []string{"several.p12", "several.jks"} {
		code, stdout, stderr := run(t, "fix", "--cert", "old.p12", "--cert", "good.p12", "--label", "good.p12", "--label", "old.p12",
			"--alias", "billing", "--alias", "Reports", "--out", file, "--pass-out", "pass:hunter2secret")
		for _, want := range []string{`"billing": the key, CN=good`, `"reports": the key, CN=migrated`} {
			if code != 0 || !strings.Contains(strings.ToLower(stdout), strings.ToLower(want)) {
				t.Fatalf("exit code %d, want %s\n%s%s", code, want, stdout, stderr)
			}
		}
		out, err := exec.Command(keytool, "-list", "-v", "-keystore", file, "-storepass", "hunter2secret").CombinedOutput()
		for _, want := range []string{"contains 2 entries", "Alias name: billing", "Alias name: reports"} {
			if err != nil || !strings.Contains(string(out), want) {
				t.Errorf("keytool, %s: %v, want %s\n%s", file, err, want, out)
			}
		}
		if n := strings.Count(string(out), "Certificate chain length: 2"); n != 2 {
			t.Errorf("%s: %d chains\n%s", file, n, out)
		}
	}
}

// What is written for a client is loaded by the real program, and gets the certificate across. No CA
// is named: the bundle was merely in the wrong form.
func TestFixFor(t *testing.T) {
	openssl := tool(t, "openssl", "openssl")
	serverFiles(t)
	port := debian.FreePort(t)
	startServer(t, port, openssl, "s_server", "-accept", "127.0.0.1:"+port, "-cert", "server.pem", "-key", "server.key",
		"-quiet", "-www", "-Verify", "3", "-verify_return_error", "-CAfile", "ca.pem")
	url := "https://127.0.0.1:" + port + "/"
	const python = "import ssl,sys,urllib.request as u\nc=ssl.create_default_context(cafile='ca.pem')\n" +
		"c.load_cert_chain(sys.argv[2])\nprint(u.urlopen(sys.argv[1],context=c).status)"
	const node = "const fs=require('fs');require('https').get(process.argv[1],{ca:fs.readFileSync('ca.pem')," +
		"cert:fs.readFileSync(process.argv[2]),key:fs.readFileSync(process.argv[2])},r=>console.log(r.statusCode))"
	for _, tt := range []struct {
		client, out, pkg string
		run              []string
	}{
		{"curl", "curl.pem", "curl", []string{"curl", "-sS", "-w", "%{http_code}", "-o", os.DevNull, "--cacert", "ca.pem", "--cert",
			"curl.pem", url}},
		{"curl", "curl.p12", "curl", []string{"curl", "-sS", "-w", "%{http_code}", "-o", os.DevNull, "--cacert", "ca.pem",
			"--cert-type", "P12", "--cert", "curl.p12:hunter2secret", url}},
		{"python", "python.pem", "python3", []string{"python3", "-c", python, url, "python.pem"}},
		{"node", "node.pem", "nodejs", []string{"node", "-e", node, url, "node.pem"}},
		{"gnutls", "wget.pem", "wget", []string{"wget", "-q", "-S", "-O", os.DevNull, "--ca-certificate", "ca.pem", "--certificate",
			"wget.pem", "--private-key", "wget.pem", url}},
		{"java-pkix", "java.jks", "openjdk-17-jdk-headless", []string{"keytool", "-list", "-v", "-keystore", "java.jks", "-storepass",
			"hunter2secret"}},
		{"java-sunx509", "java.p12", "openjdk-17-jdk-headless", []string{"keytool", "-list", "-v", "-keystore", "java.p12",
			"-storepass", "hunter2secret"}},
	} {
		t.Run(tt.out, func(t *testing.T) {
			password := "pass:"
			if strings.HasSuffix(tt.out, ".jks") || strings.HasSuffix(tt.out, ".p12") {
				password = "pass:hunter2secret"
			}
			code, stdout, stderr := run(t, "fix", "--cert", "good.p12", "--for", tt.client, "--out", tt.out, "--pass-out", password)
			if code != 0 || !strings.Contains(stdout, " reads it.") {
				t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
			}
			program := tool(t, tt.run[0], tt.pkg)
			out, err := exec.Command(program, tt.run[1:]...).CombinedOutput()
			want := "200"
			if tt.run[0] == "keytool" {
				want = "Certificate chain length: 2"
			}
			if err != nil || !strings.Contains(string(out), want) {
				t.Errorf("%s: %v\n%s", tt.run[0], err, out)
			}
		})
	}
}

// Go reads no encrypted key, and libpq wants the key in a file of its own that nobody else reads.
func TestFixForKeys(t *testing.T) {
	serverFiles(t)
	code, stdout, stderr := run(t, "fix", "--cert", "good.p12", "--for", "go", "--out", "go.pem", "--pass-out", "pass:secret")
	if code != 0 || !strings.Contains(stderr, "go reads no encrypted private key") || !strings.Contains(stdout, "Go reads it.") {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	if _, err := tls.LoadX509KeyPair("go.pem", "go.pem"); err != nil {
		t.Error(err)
	}
	code, stdout, stderr = run(t, "fix", "--cert", "good.p12", "--for", "libpq", "--out", "pg.crt", "--key-out", "pg.key")
	if code != 0 || !strings.Contains(stdout, "Written    pg.key: the key\nWritten    pg.crt: CN=good,O=Example") {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	if _, err := tls.LoadX509KeyPair("pg.crt", "pg.key"); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat("pg.key"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("pg.key: %v, %v", info.Mode(), err)
	}
	if data, err := os.ReadFile("pg.crt"); err != nil || strings.Contains(string(data), "PRIVATE KEY") {
		t.Error("the key is beside the certificates, too", err)
	}
}

// DER is a certificate and a key in two files, and a PKCS#12 file has the integrity check that is asked for.
func TestFixForms(t *testing.T) {
	openssl := tool(t, "openssl", "openssl")
	serverFiles(t)
	code, stdout, stderr := run(t, "fix", "--cert", "good.p12", "--for", "curl", "--out", "c.der", "--key-out", "k.der",
		"--pass-out", "pass:secret")
	if code != 0 || !strings.Contains(stdout, "curl reads it.") ||
		!strings.Contains(stderr, "the private key is not encrypted in DER") {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	do(t, openssl, "pkey", "-inform", "DER", "-in", "k.der", "-pubout", "-out", "key.pub")
	do(t, openssl, "x509", "-inform", "DER", "-in", "c.der", "-noout", "-pubkey", "-out", "cert.pub")
	ofKey, _ := os.ReadFile("key.pub")
	if ofCert, err := os.ReadFile("cert.pub"); err != nil || !bytes.Equal(ofKey, ofCert) {
		t.Errorf("certificate and key do not belong together: %v\n%s%s", err, ofKey, ofCert)
	}
	for mac, want := range map[string]string{"": "MAC: sha256", "sha1": "MAC: sha1", "sha384": "MAC: sha384",
		"sha512": "MAC: sha512", "none": "MAC: "} {
		args := []string{"fix", "--cert", "good.p12", "--out", "mac.p12", "--pass-out", "pass:hunter2secret", "--force"}
		if mac != "" {
			args = append(args, "--mac", mac)
		}
		if code, stdout, stderr := run(t, args...); code != 0 {
			t.Fatalf("%s: exit code %d\n%s%s", mac, code, stdout, stderr)
		}
		out, err := exec.Command(openssl, "pkcs12", "-in", "mac.p12", "-info", "-noout", "-passin", "pass:hunter2secret").
			CombinedOutput()
		if found := strings.Contains(string(out), want); err != nil || found != (mac != "none") {
			t.Errorf("%s: %v, want %q\n%s", mac, err, want, out)
		}
	}
}
