//go:build linux

package account

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"mtlsprobe/certstore/certtest/debian"
	"mtlsprobe/report/say"
)

// The accounts of these tests are none of the system's.
const (
	appUID, appGID, appGroup = 4711, 4712, 4713
	otherID                  = 4800
)

func accounts() []Account {
	return []Account{{UID: appUID, GID: appGID, Groups: []uint32{appGroup}}, {UID: otherID, GID: otherID}, {}}
}

// requireRoot ends the test unless it may make files for others and setfacl is
// there. It returns a directory that all may enter.
func requireRoot(t *testing.T) string {
	t.Helper()
	debian.Program(t, "acl", "setfacl")
	if os.Geteuid() != 0 {
		debian.Missing(t, "only root can make files for others")
	}
	dir := t.TempDir()
	chmod(t, dir, 0o755)
	chmod(t, filepath.Dir(dir), 0o755)
	return dir
}

// A matrix compares the answers with what the kernel does.
type matrix struct {
	agreed, remedied int
}

// cell asks all accounts about the path. Where one may not, its remedy is run, and
// must help it and nobody else. Put restores what the remedy changed.
func (m *matrix) cell(t *testing.T, name, path string, put func()) {
	t.Helper()
	for _, a := range accounts() {
		put()
		got := a.Read(path)
		kernel := cat(t, a, path)
		if (got.Result == say.Yes) != kernel || got.Result == say.Unknown {
			t.Errorf("%s, UID %d: got %s (%s), and the kernel says %v", name, a.UID, got.Result, got.Detail, kernel)
			continue
		}
		m.agreed++
		if got.Result != say.No {
			continue
		}
		stranger := Account{UID: otherID + 1, GID: otherID + 1}
		before := cat(t, stranger, path)
		run(t, "sh", "-c", got.Remedy)
		if !cat(t, a, path) || a.Read(path).Result != say.Yes || cat(t, stranger, path) != before {
			t.Errorf("%s, UID %d: after %q it may read: %v; a stranger: %v, before %v", name, a.UID, got.Remedy, cat(t, a, path), cat(t, stranger, path), before)
		}
		m.remedied++
	}
}

func (m *matrix) report(t *testing.T) {
	t.Logf("%d cells agree with the kernel; %d remedies help", m.agreed, m.remedied)
	if m.agreed == 0 || m.remedied == 0 {
		t.Error("nothing was compared")
	}
}

func TestReadModes(t *testing.T) {
	path := requireRoot(t) + "/key.pem"
	m := &matrix{}
	for _, uid := range []int{0, appUID, 5000} {
		for _, gid := range []int{0, appGID, appGroup, 5000} {
			for _, mode := range []os.FileMode{0o600, 0o640, 0o644, 0o400, 0o000, 0o604, 0o060, 0o004, 0o440} {
				m.cell(t, fmt.Sprintf("%d:%d %04o", uid, gid, mode), path, func() { file(t, path, uid, gid, mode, "") })
			}
		}
	}
	m.report(t)
}

func TestReadACLs(t *testing.T) {
	path := requireRoot(t) + "/key.pem"
	m := &matrix{}
	for _, uid := range []int{0, appUID} {
		for _, gid := range []int{0, appGID} {
			for _, mode := range []os.FileMode{0o600, 0o640, 0o604} {
				for _, acl := range []string{
					"u:4711:r", "u:4711:-", "u:5000:r", "g:4712:r", "g:4713:r", "g:4713:-", "g:5000:r", "o::r",
					"u:4711:r,m::-", "u:4711:rw,m::w", "g:4713:r,m::w", "g:4713:r,m::r", "u:4711:r,g:4712:-", "g:4712:-,g:4713:r", "u:4711:-,g:4713:r", "u:5000:rw,m::-",
				} {
					m.cell(t, fmt.Sprintf("%d:%d %04o %s", uid, gid, mode, acl), path, func() { file(t, path, uid, gid, mode, acl) })
				}
			}
		}
	}
	m.report(t)
}

func TestReadPaths(t *testing.T) {
	base := requireRoot(t)
	inner := base + "/a dir"
	for _, dir := range []string{inner, base + "/open"} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	file(t, inner+"/key.pem", 0, 0, 0o644, "")
	file(t, base+"/open/key.pem", 0, 0, 0o644, "")
	for link, target := range map[string]string{
		"open/absolute": inner + "/key.pem", "open/relative": "../a dir/key.pem", "dir": "a dir", "open/chain": "absolute", "a dir/out": base + "/open/key.pem",
	} {
		if err := os.Symlink(target, base+"/"+link); err != nil {
			t.Fatal(err)
		}
	}
	paths := []string{"a dir/key.pem", "open/absolute", "open/relative", "dir/key.pem", "open/chain", "a dir/out", "a dir/../open/key.pem", "dir/../open//./key.pem", "open/key.pem"}
	m := &matrix{}
	for _, uid := range []int{0, appUID} {
		for _, access := range []string{"0700", "0711", "0755", "0750", "0000", "u:4711:x", "u:4711:-", "g:4713:x", "g:4713:r"} {
			for _, path := range paths {
				m.cell(t, fmt.Sprintf("%d %s %s", uid, access, path), base+"/"+path, func() { directory(t, inner, uid, access) })
			}
		}
	}
	m.report(t)
}

func TestReadDetail(t *testing.T) {
	base := requireRoot(t)
	private := base + "/private"
	if err := os.Mkdir(private, 0o700); err != nil {
		t.Fatal(err)
	}
	file(t, private+"/key.pem", 0, 0, 0o600, "")
	file(t, base+"/key.pem", 0, 0, 0o640, "")
	for link, target := range map[string]string{"loop": "loop", "dangling": "nowhere"} {
		if err := os.Symlink(target, base+"/"+link); err != nil {
			t.Fatal(err)
		}
	}
	app := Account{Name: "www-data", UID: 33, GID: 33}
	for _, tt := range []struct {
		path string
		want Access
	}{
		{"/private/key.pem", Access{say.No,
			`directory "DIR/private" (root:root, 0700): "www-data" may not enter it, being neither its owner nor in its group root; file "DIR/private/key.pem" (root:root, 0600): "www-data" may not read it, being neither its owner nor in its group root`,
			"setfacl -m u:www-data:x DIR/private && setfacl -m u:www-data:r DIR/private/key.pem"}},
		{"/nowhere", Access{say.No, `"DIR/nowhere" does not exist`, ""}},
		{"/dangling", Access{say.No, `"DIR/nowhere" does not exist`, ""}},
		{"/loop", Access{say.No, "there are more than 40 symbolic links on the way", ""}},
		{"/key.pem/", Access{say.No, `"DIR/key.pem" is not a directory`, ""}},
		{"/private", Access{say.No, `"DIR/private" is a directory`, ""}},
		{"/\x00", Access{say.Unknown, `"DIR/\x00" could not be inspected: lstat DIR/` + "\x00" + `: invalid argument`, ""}},
	} {
		got := app.Read(base + tt.path)
		got.Detail, got.Remedy = strings.ReplaceAll(got.Detail, base, "DIR"), strings.ReplaceAll(got.Remedy, base, "DIR")
		if got != tt.want {
			t.Errorf("%s:\ngot  %+v\nwant %+v", tt.path, got, tt.want)
		}
	}
	t.Chdir(base)
	if got := app.Read("key.pem"); got.Result != say.No || !strings.Contains(got.Detail, base) {
		t.Errorf("a relative path: got %+v", got)
	}
	root := Account{Name: "root"}
	if got := root.Read("private/key.pem"); got.Result != say.Yes || !strings.Contains(got.Detail, "CAP_DAC_OVERRIDE") {
		t.Errorf("root: got %+v", got)
	}
}

// Who may not look himself gives no answer, or the one that he saw so far.
func TestReadUnprivileged(t *testing.T) {
	base := requireRoot(t)
	if err := os.Mkdir(base+"/private", 0o711); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(base+"/private/inner", 0o700); err != nil {
		t.Fatal(err)
	}
	file(t, base+"/private/inner/key.pem", 0, 0, 0o644, "")
	insider, outsider := Account{UID: 0}, Account{UID: appUID, GID: appGID}
	var inside, outside Access
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends here
		_, err := unix.SetfsuidRetUid(otherID)
		inside, outside = insider.Read(base+"/private/inner/key.pem"), outsider.Read(base+"/private/inner/key.pem")
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if inside.Result != say.Unknown || inside.Remedy != "" {
		t.Errorf("behind a closed door: got %+v", inside)
	}
	if outside.Result != say.No || !strings.Contains(outside.Detail, "inner") || outside.Remedy != "" {
		t.Errorf("at a closed door: got %+v", outside)
	}
}

func TestExposed(t *testing.T) {
	requireDebian(t)
	base := requireRoot(t)
	path := base + "/key.pem"
	for _, tt := range []struct {
		uid, gid int
		mode     os.FileMode
		acl, dir string
		readers  []string
		refused  bool
	}{
		{0, 0, 0o600, "", "0755", nil, false},
		{0, appGroup, 0o640, "", "0755", []string{"group 4713 (no members in /etc/group)"}, false},
		{4714, 4714, 0o640, "", "0755", []string{"group 4714 (no members in /etc/group)"}, true},
		{0, 0, 0o644, "", "0755", []string{"every user of this host"}, true},
		{0, 0, 0o644, "", "0700", nil, true},
		{0, 0, 0o600, "u:4714:r,g:4713:r", "0755", []string{"user 4714", "group 4713 (no members in /etc/group)"}, false},
		{0, 0, 0o600, "u:4714:r,m::-", "0755", nil, false},
	} {
		t.Run(fmt.Sprintf("%d:%d %04o %s in %s", tt.uid, tt.gid, tt.mode, tt.acl, tt.dir), func(t *testing.T) {
			file(t, path, tt.uid, tt.gid, tt.mode, tt.acl)
			directory(t, base, 0, tt.dir)
			got, err := Exposed(path)
			if err != nil || !slices.EqualFunc(got.Readers, tt.readers, func(r Reader, text string) bool { return r.Text == text }) || len(got.Refusals) > 0 != tt.refused {
				t.Errorf("got %+v, %v, want %q, refused %v", got, err, tt.readers, tt.refused)
			}
		})
	}
	if _, err := Exposed(base + "/nowhere"); err == nil {
		t.Error("a file that is not there has readers")
	}
}

// requireDebian ends the test where the accounts that Debian comes with are others.
func requireDebian(t *testing.T) {
	t.Helper()
	if u, err := user.Lookup("www-data"); err != nil || u.Uid != "33" {
		debian.Missing(t, "Debian's account www-data is missing")
	}
}

func TestLookup(t *testing.T) {
	requireDebian(t)
	for spec, want := range map[string]string{
		"root": "root 0:0", "0": "root 0:0", "www-data": "www-data 33:33", "33": "www-data 33:33", "www-data:daemon": "www-data 33:1", "33:4711": "www-data 33:4711",
		"4242424:7": " 4242424:7",
	} {
		a, err := Lookup(spec)
		if err != nil {
			t.Errorf("%s: %v", spec, err)
		} else if got := fmt.Sprintf("%s %d:%d", a.Name, a.UID, a.GID); got != want {
			t.Errorf("%s: got %s, want %s", spec, got, want)
		}
	}
	for spec, want := range map[string]string{
		"4242424": "4242424:GID", "no-such-account": `"no-such-account"`, "root:no-such-group": `"no-such-group"`, "": "account", "99999999999": "account",
	} {
		if a, err := Lookup(spec); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, %v, want an error with %s", spec, a, err, want)
		}
	}
}

// cat reports whether the kernel lets the account read the file.
func cat(t *testing.T, a Account, path string) bool {
	t.Helper()
	cmd := exec.Command("cat", path)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: a.UID, Gid: a.GID, Groups: a.Groups}}
	out, err := cmd.CombinedOutput()
	if err != nil && !strings.Contains(string(out), "Permission denied") {
		t.Fatalf("cat %s: %v: %s", path, err, out)
	}
	return err == nil
}

// file makes the file anew.
func file(t *testing.T, path string, uid, gid int, mode os.FileMode, acl string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("key\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	chown(t, path, uid, gid)
	chmod(t, path, mode)
	if acl != "" {
		run(t, "setfacl", "-m", acl, path)
	}
}

// directory sets a mode in octal digits, or 0700 and an ACL, and takes off the ACLs
// of before.
func directory(t *testing.T, path string, uid int, access string) {
	t.Helper()
	run(t, "setfacl", "-b", path)
	chown(t, path, uid, 0)
	var mode uint32 = math.MaxUint32
	if n, _ := fmt.Sscanf(access, "0%o", &mode); n == 1 {
		chmod(t, path, os.FileMode(mode))
		return
	}
	chmod(t, path, 0o700)
	run(t, "setfacl", "-m", access, path)
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func chown(t *testing.T, path string, uid, gid int) {
	t.Helper()
	if err := os.Chown(path, uid, gid); err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v: %s", name, args, err, out)
	}
}
