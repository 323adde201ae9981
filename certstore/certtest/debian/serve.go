package debian

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// handedOut are the ports that FreePort has returned.
var handedOut sync.Map

// FreePort returns a port of loopback that was free just now, that no outgoing
// connection is given, and that it has not returned before: servers that start
// side by side have not taken theirs yet.
func FreePort(t testing.TB) string {
	t.Helper()
	return free(t, func(address string) (io.Closer, error) { return net.Listen("tcp", address) })
}

// FreeUDPPort is FreePort for a server of UDP.
func FreeUDPPort(t testing.TB) string {
	t.Helper()
	return free(t, func(address string) (io.Closer, error) { return net.ListenPacket("udp", address) })
}

func free(t testing.TB, listen func(string) (io.Closer, error)) string {
	t.Helper()
	const first, beyond, tries = 16384, 32768, 100 // below Linux's ip_local_port_range
	for range tries {
		port := strconv.Itoa(first + rand.IntN(beyond-first))
		if _, taken := handedOut.LoadOrStore(port, true); taken {
			continue
		}
		if l, err := listen("127.0.0.1:" + port); err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no port of loopback is free")
	return ""
}

// Serve runs a server until the test ends, and returns when it listens on the
// ports. When the test fails, what the server wrote is shown, and so are the
// files *.log in its folder.
func Serve(t testing.TB, cmd *exec.Cmd, ports ...string) {
	t.Helper()
	const patience = 30 * time.Second // of Java, on a loaded machine
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &log, &log, 2*time.Second
	stdin, err := cmd.StdinPipe() // s_server ends with its input
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		timer := time.AfterFunc(5*time.Second, func() { _ = cmd.Process.Kill() })
		<-ended
		timer.Stop()
		stdin.Close()
		if t.Failed() {
			t.Logf("%s said:\n%s%s", filepath.Base(cmd.Path), log.String(), logs(cmd.Dir))
		}
	})
	for _, port := range ports {
		answered := 0
		for deadline := time.Now().Add(patience); ; {
			conn, err := net.DialTimeout("tcp", "127.0.0.1:"+port, time.Second)
			if err == nil {
				conn.Close()
				if answered++; answered == 2 { // once may be another process that looks for a free port
					break
				}
				time.Sleep(50 * time.Millisecond) // which it does not do for so long
				continue
			}
			answered = 0
			select {
			case <-ended:
				t.Fatalf("%s has ended and does not listen", cmd.Path)
			case <-time.After(20 * time.Millisecond): // another process: there is nothing to wait on
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s does not listen: %v", cmd.Path, err)
			}
		}
	}
}

// logs returns what the files *.log in a folder hold.
func logs(dir string) string {
	if dir == "" {
		return ""
	}
	var b bytes.Buffer
	files, _ := filepath.Glob(filepath.Join(dir, "*.log"))
	for _, file := range files {
		data, _ := os.ReadFile(file)
		b.WriteString(filepath.Base(file) + ":\n")
		b.Write(data)
	}
	return b.String()
}
