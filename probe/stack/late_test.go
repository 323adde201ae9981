//go:build slow

package stack_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"crypto/x509"

	"mtlsprobe/certstore/certtest/debian"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

const lateApache = `ServerName localhost
ServerRoot /usr/lib/apache2
PidFile $dir/apache.pid
ErrorLog $dir/error.log
DefaultRuntimeDir $dir
Mutex file:$dir
Listen 127.0.0.1:$port
LoadModule mpm_event_module modules/mod_mpm_event.so
LoadModule authz_core_module modules/mod_authz_core.so
LoadModule socache_shmcb_module modules/mod_socache_shmcb.so
LoadModule ssl_module modules/mod_ssl.so
CustomLog $dir/access.log "verified=%{SSL_CLIENT_VERIFY}x %>s"
DocumentRoot $dir
SSLEngine on
SSLProtocol TLSv$version
SSLCertificateFile $dir/server.pem
SSLCertificateKeyFile $dir/server.key
SSLCACertificateFile $dir/ca.pem
<Location "/">
SSLVerifyClient require
SSLVerifyDepth 3
</Location>
`

// grown is what a file has beyond a size, once that is a line: a server writes it after its answer,
// and none for a client that never asked for anything.
func grown(path string, size int) []byte {
	for deadline := time.Now().Add(2 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		data, err := os.ReadFile(path)
		if err == nil && (bytes.HasSuffix(data[size:], []byte("\n")) || time.Now().After(deadline)) {
			return data[size:]
		}
	}
}

// TestLate holds what the real clients do where Apache asks after the handshake: by
// renegotiation in TLS 1.2, by post-handshake authentication in TLS 1.3.
func TestLate(t *testing.T) {
	slow, stop := slowClients(t)
	defer stop()
	alike, stopAlike := aliases(t)
	defer stopAlike()
	list := slices.DeleteFunc(slices.Concat(clients(), slow, alike, compiled(t)), func(c client) bool {
		return c.greet != nil || c.quick // which do not speak HTTP
	})
	w := newWorld(t)
	s := scenario{name: "late", leaf: "rsa", chain: []string{"Int A"}, named: []string{"Root A"}}
	f := w.files(t, s)
	scores := make(map[string]*score)
	for version, stage := range map[string]wire.Stage{"1.2": wire.InRenegotiation, "1.3": wire.PostHandshake} {
		dir, port := t.TempDir(), debian.FreePort(t)
		put := func(name string, data []byte) {
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		put("apache.conf", []byte(strings.NewReplacer("$dir", dir, "$port", port, "$version", version).Replace(lateApache)))
		put("ca.pem", w.pki.CertPEM("Root A", "Int A")) // so that the leaf alone is accepted
		put("server.pem", w.pki.CertPEM("localhost"))
		put("server.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(w.server.PrivateKey))}))
		cmd := exec.Command(debian.Program(t, "apache2-bin", "apache2"), "-X", "-d", dir, "-f", filepath.Join(dir, "apache.conf"))
		cmd.Dir = dir
		debian.Serve(t, cmd, port)
		log := filepath.Join(dir, "access.log")
		for _, c := range list {
			if _, err := exec.LookPath(c.tool); c.tool != "" && err != nil {
				debian.Missing(t, c.pkg)
				continue
			}
			if c.only != "" && c.only != version {
				continue
			}
			before := len(must(os.ReadFile(log)))
			ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
			out, _ := c.run(ctx, w, f, port, version)
			cancel()
			observed := say.No
			if bytes.Contains(grown(log, before), []byte("verified=SUCCESS")) {
				observed = say.Yes
			}
			label := cmp.Or(c.name, c.profile)
			if scores[label] == nil {
				scores[label] = &score{}
			}
			predicted := w.predictAt(c.profile, f, w.request(s, versions[version]), stage)
			switch predicted.Sends {
			case say.Unknown:
				scores[label].unknown++
				t.Logf("%s, TLS %s: not predicted, observed %s\n%s", label, version, observed, bytes.TrimSpace(out))
			case observed:
				scores[label].agree++
			default:
				t.Errorf("%s, TLS %s: predicted %s (%s), observed %s\n%s", label, version, predicted.Sends, predicted.Reason, observed, bytes.TrimSpace(out))
			}
		}
	}
	printScores(t, scores)
}
