package cmd

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
	"time"
)

// The demonstration's server goes on until the interrupt, and the files that it
// leaves work with it from elsewhere.
func TestDemoServe(t *testing.T) {
	t.Chdir(t.TempDir())
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	serving := &firstWrite{found: make(chan string, 1)}
	ended := make(chan int, 1)
	go func() {
		var out bytes.Buffer
		ended <- Main(ctx, []string{"demo", "--keep", "kept", "--serve", "127.0.0.1:0"},
			&Streams{In: strings.NewReader(""), Out: &out, Err: serving, Now: time.Now, LookupEnv: os.LookupEnv})
	}()
	select {
	case line := <-serving.found:
		_, rest, found := strings.Cut(line, "serving on ")
		if !found {
			t.Fatalf("not serving: %s", line)
		}
		address, _, _ := strings.Cut(rest, " ")
		code, stdout, stderr := run(t, "probe", address, "--servername", "localhost", "--cacert", "kept/server-ca.pem",
			"--authorities", "kept/authorities", "--cert", "kept/good.p12")
		if code != 0 || !strings.Contains(stdout, "good.p12 is accepted by "+address) {
			t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
		}
	case code := <-ended:
		t.Fatalf("it did not wait: exit code %d", code)
	}
	interrupt()
	if code := <-ended; code != 0 {
		t.Errorf("exit code %d after the interrupt", code)
	}
}

// firstWrite is a writer that hands on what is written to it first.
type firstWrite struct{ found chan string }

func (f *firstWrite) Write(p []byte) (int, error) {
	select {
	case f.found <- string(p):
	default:
	}
	return len(p), nil
}
