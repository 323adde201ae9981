package probe

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"mtlsprobe/probe/probetest"
)

// Streams that other projects' fuzzers found, each served to Capture: it must
// end in time, with an observation or a classified error.
func TestCorpusServers(t *testing.T) {
	files, err := filepath.Glob("../../shared/data/tls-server-streams/*/*")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skip("skipped: the corpus tls-server-streams is not at hand")
	}
	kinds := make(map[ConnectKind]int)
	for _, file := range files {
		stream, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		server, err := probetest.Serve(func(conn net.Conn) {
			_, _ = conn.Read(make([]byte, 4096))
			_, _ = conn.Write(stream)
		})
		if err != nil {
			t.Fatal(err)
		}
		target, err := ParseTarget(server.Address)
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		obs, err := Capture(t.Context(), target, &Options{Insecure: true, Timeout: 5 * time.Second})
		server.Close()
		var connect *ConnectError
		switch {
		case time.Since(begin) > 10*time.Second:
			t.Errorf("%s: took %v", file, time.Since(begin))
		case errors.As(err, &connect):
			kinds[connect.Kind]++
		case err != nil || obs.None == nil:
			t.Errorf("%s: %+v, %v", file, obs, err)
		default:
			kinds["observed"]++
		}
	}
	t.Logf("%v", kinds)
}
