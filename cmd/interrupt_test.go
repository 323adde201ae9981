package cmd

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mtlsprobe/probe/probetest"
	"mtlsprobe/report"
)

// An interrupt ends the trials, and what is known so far is written, in every
// format.
func TestInterrupt(t *testing.T) {
	p := scriptPKI()
	t.Chdir(t.TempDir())
	if err := writeScriptFiles(".", p); err != nil {
		t.Fatal(err)
	}
	for _, format := range report.Formats() {
		ctx, interrupt := context.WithCancel(t.Context())
		var connections atomic.Int32
		config := &tls.Config{
			Certificates: []tls.Certificate{{Certificate: [][]byte{p.Cert("server").Raw}, PrivateKey: p.Key("server")}},
			ClientAuth:   tls.RequireAnyClientCert,
		}
		server, err := probetest.Serve(func(conn net.Conn) {
			if connections.Add(1) == 1 { // the asking; later ones hang, and the user gives up
				_ = tls.Server(conn, config).Handshake()
				return
			}
			interrupt()
			_, _ = io.Copy(io.Discard, conn)
		})
		if err != nil {
			t.Fatal(err)
		}
		var out, errs bytes.Buffer
		s := &Streams{In: strings.NewReader(""), Out: &out, Err: &errs, Now: time.Now, LookupEnv: os.LookupEnv}
		begin := time.Now()
		code := Main(ctx, []string{"probe", server.Address, "-k", "--cert", "good.pem", "--cert", "expired.pem", "-o",
			format, "--timeout", "30s"}, s)
		server.Close()
		if code != exitInterrupt || !strings.Contains(errs.String(), "mtlsprobe: error: interrupted") {
			t.Errorf("%s: exit code %d, %s", format, code, errs.String())
		}
		if !strings.Contains(out.String(), "good") {
			t.Errorf("%s: what is known was not written:\n%s", format, out.String())
		}
		if time.Since(begin) > 20*time.Second {
			t.Errorf("%s: the interrupt was waited out", format)
		}
	}
}
