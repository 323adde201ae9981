package probe

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"mtlsprobe/probe/probetest"
	"mtlsprobe/probe/reading"
	"mtlsprobe/probe/recording"
	"mtlsprobe/probe/wire"
)

// keep returns options that record into the slice.
func keep(o *Options) (*Options, *[]*recording.Connection) {
	var mu sync.Mutex
	var all []*recording.Connection
	recorded := *o
	recorded.Record = func(c *recording.Connection) {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, c)
	}
	return &recorded, &all
}

// Every connection is recorded with what decodes it: asking, trying, and those of
// the sweep, also where nothing came of them.
func TestRecord(t *testing.T) {
	p := testPKI(time.Now())
	target, plain := startTLS(t, p, tls.RequireAndVerifyClientCert, 0, nil)
	o, all := keep(plain)
	obs, how, err := Ask(t.Context(), target, o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Try(t.Context(), target, certificate(p, "client"), how); err != nil {
		t.Fatal(err)
	}
	if len(*all) != 2 {
		t.Fatalf("%d connections", len(*all))
	}
	for _, c := range *all {
		var flows []wire.Flow
		for n, s := range c.Segments {
			if s.At.Before(c.Opened) || n > 0 && s.At.Before(c.Segments[n-1].At) {
				t.Errorf("segment %d is before its time", n)
			}
			flows = append(flows, wire.Flow{From: s.From, Data: s.Data})
		}
		tr := wire.Decode(flows, c.KeyLog)
		if !tr.HandshakeDone() || len(tr.Requests()) != 1 || c.Server.String() != target.Address() || c.Client.Port() == 0 || c.Closed.Before(c.Opened) {
			t.Errorf("recorded %s to %s: %d demands", c.Client, c.Server, len(tr.Requests()))
		}
	}
	if _, err := Sweep(t.Context(), target, obs, reading.UnknownMode, nil, how); err != nil {
		t.Fatal(err)
	}
	if len(*all) < 6 {
		t.Errorf("%d connections with those of the sweep", len(*all))
	}
}

// How a server ends the connection is recorded.
func TestRecordEnd(t *testing.T) {
	for _, end := range []recording.End{recording.Finished, recording.Reset} {
		server, err := probetest.Serve(func(conn net.Conn) {
			_, _ = conn.Read(make([]byte, 1)) // the rest, unread, makes a reset
			if end == recording.Finished {
				_, _ = conn.Read(make([]byte, 4096))
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		target, err := ParseTarget(server.Address)
		if err != nil {
			t.Fatal(err)
		}
		o, all := keep(&Options{MinVersion: tls.VersionTLS13, Timeout: 3 * time.Second})
		if _, err := Capture(t.Context(), target, o); err == nil || len(*all) != 1 || (*all)[0].ServerEnd != end || (*all)[0].ServerClosed.IsZero() {
			t.Errorf("%v, %d connections, end %d, want %d", err, len(*all), (*all)[0].ServerEnd, end)
		}
	}
}

// A preamble is recorded in clear, also where it does not lead to TLS.
func TestRecordPreamble(t *testing.T) {
	p := testPKI(time.Now())
	config := &tls.Config{Certificates: []tls.Certificate{*certificate(p, "server")}, ClientAuth: tls.RequestClientCert}
	for _, goAhead := range []string{"220 go ahead\r\n", "454 not today\r\n"} {
		server, err := probetest.Serve(func(conn net.Conn) {
			reader := bufio.NewReader(conn)
			fmt.Fprint(conn, "220 mail\r\n")
			for range 2 {
				line, err := reader.ReadString('\n')
				if err != nil {
					return
				}
				if strings.HasPrefix(line, "STARTTLS") {
					fmt.Fprint(conn, goAhead)
				} else {
					fmt.Fprint(conn, "250-mail\r\n250 STARTTLS\r\n")
				}
			}
			_, _ = io.Copy(io.Discard, tls.Server(conn, config))
		})
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		target, err := ParseTarget("smtp://" + server.Address)
		if err != nil {
			t.Fatal(err)
		}
		o, all := keep(&Options{Insecure: true, Timeout: 3 * time.Second})
		_, err = Capture(t.Context(), target, o)
		if well := strings.HasPrefix(goAhead, "220"); well != (err == nil) || len(*all) != 1 || well != ((*all)[0].KeyLog != nil) {
			t.Fatalf("%q: %v, %d connections", goAhead, err, len(*all))
		}
		var said []byte
		for _, s := range (*all)[0].Segments {
			if s.From == wire.Server {
				said = append(said, s.Data...)
			}
		}
		if !bytes.HasPrefix(said, []byte("220 mail\r\n250-mail\r\n250 STARTTLS\r\n"+goAhead)) {
			t.Errorf("recorded %.80q", said)
		}
	}
}
