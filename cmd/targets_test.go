package cmd

import (
	"os"
	"strings"
	"testing"

	"mtlsprobe/certstore/certtest/debian"

	"github.com/joshdk/go-junit"
)

// Several targets make one table; one that cannot be asked takes nothing from the others.
func TestSeveralTargets(t *testing.T) {
	openssl := tool(t, "openssl", "openssl")
	serverFiles(t)
	here, there, away := "127.0.0.1:"+debian.FreePort(t), "127.0.0.1:"+debian.FreePort(t), "127.0.0.1:"+debian.FreePort(t)
	for _, address := range []string{here, there} {
		startServer(t, strings.TrimPrefix(address, "127.0.0.1:"), openssl, "s_server", "-accept", address, "-cert",
			"server.pem",
			"-key", "server.key", "-www", "-Verify", "3", "-verify_return_error", "-CAfile", "ca.pem")
	}
	code, stdout, stderr := run(t, "probe", here, there, here, "-k", "--cert", "good.p12", "--cert", "expired.pem")
	if code != 0 || strings.Count(stdout, "│ ✓ ") != 2 || strings.Count(stdout, "│ ✗ ") != 2 ||
		!strings.Contains(stdout, "1 of 2 certificates is accepted by all 2 servers; 1 by none.") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	if code, _, _ = run(t, "probe", here, there, "-k", "--cert", "good.p12", "--cert", "expired.pem", "--require",
		"all"); code != exitNoIdentity {
		t.Errorf("--require all: exit code %d", code)
	}
	code, stdout, stderr = run(t, "probe", here, away, "-k", "--cert", "good.p12")
	if code != exitNoAnswer ||
		!strings.Contains(stdout, "good.p12 is accepted by 1 of 1 server. 1 more could not be asked: "+
			away) || !strings.Contains(stderr, "1 of 2 targets could not be asked: "+away) {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	code, stdout, _ = run(t, "probe", here, away, "-k", "--cert", "good.p12", "-o", "junit")
	if suites, err := junit.Ingest([]byte(stdout)); code != exitNoAnswer || err != nil || len(suites) != 2 ||
		suites[0].Totals.Passed != 1 || suites[1].Totals.Error != 1 {
		t.Errorf("exit code %d: %v\n%s", code, err, stdout)
	}
	code, stdout, _ = run(t, "request", here, away, "-k")
	if code != exitNoAnswer ||
		!strings.Contains(stdout, "1 of 2 servers request a client certificate; 1 could not be asked.") {
		t.Errorf("exit code %d\n%s", code, stdout)
	}
	if code, _, stderr = run(t, "request", here, there, "-k", "--save", "saved.json"); code != exitUsage ||
		!strings.Contains(stderr, "--save keeps the request of one TARGET") {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
}

// Where nothing could be asked a CI system is told of the error, not of a failure.
func TestJUnitOnError(t *testing.T) {
	serverFiles(t)
	away := "127.0.0.1:" + debian.FreePort(t)
	code, _, stderr := run(t, "probe", away, "--cert", "good.p12", "-o", "junit", "--output-file", "junit.xml")
	data, err := os.ReadFile("junit.xml")
	if err != nil {
		t.Fatalf("exit code %d, %v\n%s", code, err, stderr)
	}
	suites, err := junit.Ingest(data)
	if code != exitNoAnswer || err != nil || len(suites) != 1 || suites[0].Totals.Error != 1 ||
		suites[0].Totals.Failed != 0 {
		t.Errorf("exit code %d: %v\n%s", code, err, data)
	}
	for _, args := range [][]string{{"probe", away, "--cert", "nosuch.p12"},
		{"check", "--cert", "nosuch.p12", "--named-ca", "ca.pem"},
		{"inspect", "nosuch.p12"}} {
		code, stdout, _ := run(t, append(args, "-o", "junit")...)
		suites, err := junit.Ingest([]byte(stdout))
		if code != exitNoAnswer || err != nil || len(suites) != 1 || suites[0].Totals.Error != 1 {
			t.Errorf("%v: exit code %d: %v\n%s", args, code, err, stdout)
		}
	}
}
