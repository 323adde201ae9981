//go:build slow && linux

package cmd

import (
	"cmp"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"mtlsprobe/certstore/certtest/debian"
	"mtlsprobe/probe/probetest"
)

// A running setup.
type running struct {
	*testing.T
	*setup
	path   string
	values map[string]string
}

func (r *running) expand(s string) string {
	return os.Expand(s, func(name string) string {
		if r.values[name] == "" {
			switch {
			case strings.HasPrefix(name, "port"):
				r.values[name] = debian.FreePort(r.T)
			case name == "udp":
				r.values[name] = debian.FreeUDPPort(r.T)
			case name == "user":
				r.values[name] = strconv.Itoa(os.Getuid())
				if u, err := user.Current(); err == nil {
					r.values[name] = u.Username
				}
			case name == "backend":
				r.values[name] = r.backend()
			case name == "silent":
				r.values[name] = r.silent()
			default:
				r.Fatalf("unknown $%s", name)
			}
		}
		return r.values[name]
	})
}

func (r *running) expandAll(list []string) []string {
	var out []string
	for _, s := range list {
		out = append(out, r.expand(s))
	}
	return out
}

func (r *running) backend() string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") }))
	r.Cleanup(server.Close)
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	return port
}

func (r *running) silent() string {
	server, err := probetest.Serve(func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(server.Close)
	_, port, _ := net.SplitHostPort(server.Address)
	return port
}

// configure finds the server's parts, writes its configuration and makes its data.
func (r *running) configure() {
	r.Helper()
	for _, m := range r.modules {
		debian.Program(r, m[1], m[0])
	}
	if r.root && os.Getuid() != 0 {
		debian.Missing(r, r.program+" has to be started by root")
	}
	r.path = tool(r.T, r.program, r.pkg)
	dir := r.TempDir()
	binary, err := filepath.EvalSymlinks(r.path)
	if err != nil {
		r.Fatal(err)
	}
	r.values["dir"], r.values["bin"] = dir, filepath.Dir(binary)
	if err := os.Chmod(filepath.Dir(dir), 0o711); err != nil { // for servers that give up being root
		r.Fatal(err)
	}
	for name, text := range r.files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(r.expand(text)), 0o600); err != nil {
			r.Fatal(err)
		}
	}
	for _, name := range r.copies {
		data, err := os.ReadFile(filepath.Join(r.values["pki"], name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), data, 0o600)
		}
		if err != nil {
			r.Fatal(err)
		}
	}
	for _, args := range r.prepare {
		args = r.expandAll(args)
		cmd := r.command(args[0], args[1:]...)
		if out, err := cmd.CombinedOutput(); err != nil {
			r.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
}

// begin starts the server.
func (r *running) begin() {
	r.Helper()
	r.configure()
	if r.beside != nil {
		args := r.expandAll(r.beside)
		debian.Serve(r.T, r.command(args[0], args[1:]...), r.expand("$port2"))
	}
	cmd := r.command(r.path, r.expandAll(r.args)...)
	for _, t := range r.targets {
		r.expand(t.url) // chooses the ports
	}
	var ports []string
	for name, port := range r.values {
		if strings.HasPrefix(name, "port") {
			ports = append(ports, port)
		}
	}
	r.Cleanup(func() {
		if cmd.Process != nil {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // children that outlive it
		}
	})
	debian.Serve(r.T, cmd, ports...)
	r.await()
}

// await polls until the server is ready: it is another process, and there is
// nothing to wait on.
func (r *running) await() {
	r.Helper()
	if r.ready == nil {
		return
	}
	args := r.expandAll(r.ready)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		out, err := r.command(args[0], args[1:]...).CombinedOutput()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			r.Fatalf("not ready: %v: %v\n%s", args, err, out)
		}
	}
}

// command is one that runs in the server's folder as the server's user.
func (r *running) command(path string, args ...string) *exec.Cmd {
	cmd := exec.Command(path, args...)
	cmd.Dir, cmd.Env = r.values["dir"], append(os.Environ(), r.expandAll(r.env)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // a group of its own, as Postfix wants it
	if r.user == "" || os.Getuid() != 0 {
		return cmd
	}
	u, err := user.Lookup(r.user)
	if err != nil {
		r.Fatal(err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	files, _ := filepath.Glob(filepath.Join(cmd.Dir, "*"))
	for _, file := range append(files, cmd.Dir) {
		if err := os.Chown(file, uid, gid); err != nil {
			r.Fatal(err)
		}
	}
	return cmd
}

// tellVersion is the program's version, or its package's.
func (r *running) tellVersion() string {
	cmd := exec.Command("dpkg-query", "-W", "-f", "${Version}", r.pkg)
	if r.version != nil {
		cmd = exec.Command(r.path, r.version...)
	}
	out, _ := cmd.CombinedOutput() // some exit with a number
	return cmp.Or(regexp.MustCompile(`\d+(\.\d+)+`).FindString(string(out)), "?")
}
