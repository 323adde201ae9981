package cmd

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"mtlsprobe/certstore/certtest/debian"
)

// The whole job behind real proxies that want a password.
func TestProxies(t *testing.T) {
	openssl := tool(t, "openssl", "openssl")
	serverFiles(t)
	port := debian.FreePort(t)
	startServer(t, port, openssl, "s_server", "-accept", "127.0.0.1:"+port, "-cert", "server.pem", "-key", "server.key",
		"-quiet",
		"-Verify", "2", "-verify_return_error", "-CAfile", "ca.pem", "-www")
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		scheme, program string
		args            func(port string) []string
		refusal         string
	}{
		{"socks5", "microsocks", func(port string) []string {
			return []string{"-i", "127.0.0.1", "-p", port, "-u", "me", "-P", "secret"}
		}, "username/password authentication failed"},
		{"http", "tinyproxy", func(port string) []string {
			config := fmt.Sprintf("Port %s\nListen 127.0.0.1\nTimeout 60\nLogLevel Info\nAllow 127.0.0.1\nBasicAuth me "+
				"secret\n", port)
			if err := os.WriteFile("tinyproxy.conf", []byte(config), 0o600); err != nil {
				t.Fatal(err)
			}
			return []string{"-d", "-c", "tinyproxy.conf"}
		}, "the proxy answered"},
	} {
		t.Run(tt.program, func(t *testing.T) {
			path := tool(t, tt.program, tt.program)
			way := debian.FreePort(t)
			cmd := exec.Command(path, tt.args(way)...)
			cmd.Dir = dir
			debian.Serve(t, cmd, way)
			args := []string{"probe", "127.0.0.1:" + port, "--cacert", "ca.pem", "--cert", "good.p12", "--cert", "other-ca.p12"}
			through := func(user, port string) []string {
				return append(args, "--proxy", fmt.Sprintf("%s://%s@127.0.0.1:%s", tt.scheme, user, port))
			}

			r := runJSON(t, 0, through("me:secret", way)...)
			compareTrials(t, trials(r), map[string]string{"none": "refused server certificate_required",
				"self-signed": "refused server unknown_ca",
				"good.p12":    "accepted", "other-ca.p12": "refused server unknown_ca"})
			if got := r.Target.Proxy; !strings.Contains(got, "127.0.0.1:"+way) || strings.Contains(got, "secret") {
				t.Errorf("the report's proxy is %q", got)
			}

			code, stdout, stderr := run(t, through("me:wrong", way)...)
			if code != 1 || stdout != "" || !strings.Contains(stderr, "the proxy made no connection") ||
				!strings.Contains(stderr, tt.refusal) || strings.Contains(stderr, "wrong") {
				t.Errorf("wrong password: exit code %d\n%s%s", code, stdout, stderr)
			}
			code, _, stderr = run(t, through("me:secret", debian.FreePort(t))...)
			if code != 1 || !strings.Contains(stderr, "the proxy made no connection") || strings.Contains(stderr, "secret") {
				t.Errorf("no proxy there: exit code %d\n%s", code, stderr)
			}
		})
	}
}
