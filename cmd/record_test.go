package cmd

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"mtlsprobe/certstore/certtest/debian"
	"mtlsprobe/probe/recording"
)

// Wireshark's own decoder opens a capture without further help: the request, what
// was presented and the alert, in TLS 1.2 and 1.3, with valid checksums.
func TestCaptureInTshark(t *testing.T) {
	tshark := debian.Program(t, "tshark", "tshark")
	p := scriptPKI()
	t.Chdir(t.TempDir())
	if err := writeScriptFiles(".", p); err != nil {
		t.Fatal(err)
	}
	server, err := startKind(p, "required")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	for _, version := range []string{"1.2", "1.3"} {
		t.Run(version, func(t *testing.T) {
			code, _, stderr := run(t, "probe", server.Address, "--cacert", "ca.pem", "--cert", "good.pem", "--cert",
				"expired.pem", "--no-sweep", "--tls-min", version, "--tls-max", version, "--pcapng", "out.pcapng")
			if code != exitAnswered {
				t.Fatalf("exit code %d: %s", code, stderr)
			}
			out, err := exec.Command(tshark, "-n", "-r", "out.pcapng", "-o", "tcp.check_checksum:TRUE", "-o",
				"ip.check_checksum:TRUE", "-V").CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			text := string(out)
			for _, want := range []string{
				"Handshake Type: Certificate Request", "Handshake Type: Certificate Verify", "Handshake Type: Finished",
				"Alert Message", "Certificate Expired (45)",
				"id-at-commonName=good", "GET / HTTP/1.1", "HTTP/1.1 200 OK", "presents good.pem", "asks, and presents nothing",
			} {
				if !strings.Contains(text, want) {
					t.Errorf("tshark does not show %q", want)
				}
			}
			if bad := regexp.MustCompile(`(?i)\[checksum status: bad\]|malformed|out-of-order|retransmission|previous segment`).FindString(text); bad != "" || !strings.Contains(text, "Checksum Status: Good") {
				t.Errorf("tshark says %q", bad)
			}
		})
	}
}

// What would be too much is dropped, and said.
func TestRecorderBound(t *testing.T) {
	r := &recorder{flags: recordFlags{pcapng: "x"}}
	data := make([]byte, maxRecorded/2+1)
	for n := range 3 {
		r.keep(&recording.Connection{Opened: time.Unix(int64(n), 0), Segments: []recording.Segment{{Data: data}}})
	}
	if len(r.connections) != 1 || r.dropped != 2 {
		t.Errorf("%d kept, %d dropped", len(r.connections), r.dropped)
	}
}
