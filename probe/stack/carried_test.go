//go:build slow && linux

package stack_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"crypto/x509"

	"mtlsprobe/certstore/certtest/debian"
	"mtlsprobe/report/say"
)

// TestCarried holds which files the clients read that speak TLS within another protocol, and whether
// a server gets to see the certificate: wpa_supplicant, as eapol_test, and OpenVPN.
func TestCarried(t *testing.T) {
	w := newWorld(t)
	dir, port, udp := t.TempDir(), debian.FreePort(t), debian.FreeUDPPort(t)
	put := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	fill := strings.NewReplacer("$dir", dir, "$pki", dir, "$port", port, "$udp", udp, "THIRD", "9")
	put("ca.pem", w.pki.CertPEM("Root A", "Int A")) // so that the leaf alone is accepted
	put("server.pem", w.pki.CertPEM("localhost"))
	key := must(x509.MarshalPKCS8PrivateKey(w.server.PrivateKey))
	put("server.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
	put("radiusd.conf", []byte(fill.Replace(debian.FreeRADIUS+debian.EAP)))
	put("server.conf", []byte(fill.Replace(debian.OpenVPN+"proto tcp-server\nport $port\n")))
	radius := exec.Command(debian.Program(t, "freeradius", "freeradius"), "-d", dir, "-f", "-l",
		filepath.Join(dir, "radius.log"))
	radius.Dir = dir
	debian.Serve(t, radius)
	vpn := exec.Command(debian.Program(t, "openvpn", "openvpn"), "--config", filepath.Join(dir, "server.conf"))
	debian.Serve(t, vpn, port)
	programs := map[string]func(*files) *exec.Cmd{
		"wpa_supplicant": func(f *files) *exec.Cmd {
			network := put("eap.conf", []byte(wpaNetwork(w, f)))
			return exec.Command(debian.Program(t, "eapoltest", "eapol_test"), "-c", network, "-a", "127.0.0.1", "-p", udp,
				"-s", debian.RADIUSSecret, "-t", "8", "-n")
		},
		"openvpn": func(f *files) *exec.Cmd {
			args := []string{"--client", "--dev", "null", "--proto", "tcp-client", "--remote", "127.0.0.1", port, "--nobind",
				"--ca", w.root(), "--ifconfig-noexec", "--route-noexec", "--verb", "3", "--remap-usr1", "SIGTERM",
				"--hand-window", "8"}
			if f.kind == "PKCS12" {
				args = append(args, "--pkcs12", f.bundle)
			} else {
				args = append(args, "--cert", f.bundle, "--key", f.keyFile())
			}
			if f.password != "" {
				args = append(args, "--askpass", put("pass", []byte(f.password+"\n")))
			}
			return exec.Command("openvpn", args...)
		},
	}
	scores := make(map[string]*score)
	if os.Geteuid() != 0 {
		debian.Missing(t, "OpenVPN's server has to be started by root")
	}
	for _, form := range forms() {
		s, f, identity := w.formed(t, form)
		for profile, command := range programs {
			if scores[profile] == nil {
				scores[profile] = &score{}
			}
			out, accepted := until(t, command(f.files), map[string]bool{"CTRL-EVENT-EAP-SUCCESS": true,
				"Initialization Sequence Completed": true, "CTRL-EVENT-EAP-FAILURE": false})
			predicted := say.No
			if identity.Leaf != nil {
				prediction := w.predict(profile, &files{Identity: identity}, w.request(s, versions["1.2"]))
				predicted = prediction.Sends
			}
			observed := say.No
			if accepted {
				observed = say.Yes
			}
			if predicted == observed {
				scores[profile].agree++
				continue
			}
			t.Errorf("%s, %s: predicted %s, observed %s\n%s", profile, form.name, predicted, observed, out)
		}
	}
	printScores(t, scores)
}

// wpaNetwork is the configuration of one network with the files.
func wpaNetwork(w *world, f *files) string {
	network := fmt.Sprintf("network={\n key_mgmt=WPA-EAP\n eap=TLS\n identity=\"client\"\n ca_cert=%q\n", w.root())
	if f.kind == "PKCS12" {
		network += fmt.Sprintf(" private_key=%q\n", f.bundle)
	} else {
		network += fmt.Sprintf(" client_cert=%q\n private_key=%q\n", f.bundle, f.keyFile())
	}
	if f.password != "" {
		network += fmt.Sprintf(" private_key_passwd=%q\n", f.password)
	}
	return network + "}\n"
}

// until runs a program up to one of the words that tell how it ended, or its end, and returns the last
// that it wrote.
func until(t *testing.T, cmd *exec.Cmd, words map[string]bool) (out string, accepted bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	limited := exec.CommandContext(ctx, cmd.Path, cmd.Args[1:]...)
	limited.WaitDelay = time.Second
	pipe, err := limited.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := limited.Start(); err != nil {
		t.Fatal(err)
	}
	var last []string
	lines := bufio.NewScanner(pipe)
	for done := false; !done && lines.Scan(); {
		last = append(last, lines.Text())
		for word, good := range words {
			if bytes.Contains(lines.Bytes(), []byte(word)) {
				accepted, done = good, true
			}
		}
	}
	cancel()
	_ = limited.Wait() // which was ended
	return strings.Join(last[max(0, len(last)-12):], "\n"), accepted
}
