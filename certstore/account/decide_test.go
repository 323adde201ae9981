//go:build unix

package account

import (
	"fmt"
	"strings"
	"testing"
)

func TestAllowed(t *testing.T) {
	app := Account{UID: 10, GID: 20, Groups: []uint32{21}}
	acl := func(more ...entry) []entry {
		return append([]entry{{tag: owner, perm: 6}, {tag: owningGroup}, {tag: others}}, more...)
	}
	for _, tt := range []struct {
		name  string
		inode inode
		want  permission
		ok    bool
		by    class
	}{
		{"owner", inode{uid: 10, mode: 0o400}, read, true, byOwner},
		{"owner without the bit, though others have it", inode{uid: 10, mode: 0o044}, read, false, byOwner},
		{"own group", inode{gid: 20, mode: 0o640}, read, true, byGroup},
		{"supplementary group", inode{gid: 21, mode: 0o640}, read, true, byGroup},
		{"group without the bit, though others have it", inode{gid: 21, mode: 0o604}, read, false, byGroup},
		{"others", inode{mode: 0o644}, read, true, byOthers},
		{"others without the bit", inode{mode: 0o640}, read, false, byOthers},
		{"search needs x", inode{mode: 0o744}, search, false, byOthers},
		{"search with x", inode{mode: 0o711}, search, true, byOthers},
		{"named user", inode{mode: 0o640, acl: acl(entry{namedUser, read, 10}, entry{mask, read, 0})}, read, true, byNamedUser},
		{"named user without the bit, though a group has it", inode{mode: 0o060, acl: acl(entry{namedUser, 0, 10}, entry{namedGroup, read, 21}, entry{mask, 7, 0})}, read, false, byNamedUser},
		{"named user and a mask that cuts", inode{mode: 0o020, acl: acl(entry{namedUser, read, 10}, entry{mask, write, 0})}, read, false, byMask},
		{"another named user", inode{mode: 0o060, acl: acl(entry{namedUser, read, 11}, entry{mask, 7, 0})}, read, false, byOthers},
		{"named group", inode{mode: 0o060, acl: acl(entry{namedGroup, read, 21}, entry{mask, read, 0})}, read, true, byGroup},
		{"one of two groups has it", inode{mode: 0o060, acl: acl(entry{namedGroup, 0, 20}, entry{namedGroup, read, 21}, entry{mask, 7, 0})}, read, true, byGroup},
		{"the owner is above the mask", inode{uid: 10, mode: 0o420, acl: acl(entry{mask, write, 0})}, read, true, byOwner},
		{"owning group by the ACL, not by the mode", inode{gid: 20, mode: 0o640, acl: acl(entry{mask, read, 0})}, read, false, byGroup},
		{"an empty mask: the ACL is not looked at", inode{mode: 0o604, acl: acl(entry{namedUser, 0, 10}, entry{mask, 0, 0})}, read, true, byOthers},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if ok, by := app.allowed(tt.inode, tt.want); ok != tt.ok || by != tt.by {
				t.Errorf("got %v by %s, want %v by %s", ok, by, tt.ok, tt.by)
			}
		})
	}
	root := Account{}
	if ok, by := root.allowed(inode{uid: 1}, read); !ok || by != byRoot {
		t.Errorf("root: got %v by %s", ok, by)
	}
}

func TestParseACL(t *testing.T) {
	value := []byte{2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 4, 0, 10, 1, 0, 0}
	got, err := parseACL(value)
	if want := "[{1 6 4294967295} {2 4 266}]"; err != nil || fmt.Sprint(got) != want {
		t.Errorf("got %v, %v, want %s", got, err, want)
	}
	for name, damaged := range map[string][]byte{"empty": nil, "version": {3, 0, 0, 0}, "cut off": value[:15], "kind": {2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0}} {
		if acl, err := parseACL(damaged); err == nil {
			t.Errorf("%s: got %v", name, acl)
		}
	}
}

func TestLibpq(t *testing.T) {
	for _, tt := range []struct {
		uid, mode uint32
		refused   bool
	}{{0, 0o600, false}, {0, 0o640, false}, {0, 0o660, true}, {0, 0o644, true}, {10, 0o600, false}, {10, 0o400, false}, {10, 0o640, true}, {10, 0o601, true}} {
		if why := libpq(inode{uid: tt.uid, mode: tt.mode}); (why != "") != tt.refused {
			t.Errorf("UID %d, %04o: got %q, want refused %v", tt.uid, tt.mode, why, tt.refused)
		}
	}
}

func TestQuote(t *testing.T) {
	for path, want := range map[string]string{"/etc/ssl/key.pem": "/etc/ssl/key.pem", "/a b": "'/a b'", "/it's": `'/it'\''s'`, "/$(x)": "'/$(x)'", "/ü\n": "'/ü\n'"} {
		if got := ShellQuote(path); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// Why the account may not, where an ACL is there and the kernel does not look at it.
func TestBecauseEmptyMask(t *testing.T) {
	without := inode{mode: 0o600}
	empty := inode{mode: 0o600, acl: []entry{{tag: namedUser, perm: 4, id: 33}}}
	if got := because(false, byOthers, empty); !strings.HasSuffix(got, "; the ACL does not count, for its mask allows nothing") {
		t.Errorf("%q", got)
	}
	if got := because(false, byOthers, without); strings.Contains(got, "ACL") {
		t.Errorf("%q", got)
	}
}
