//go:build unix

package account

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"mtlsprobe/report/say"
)

// Exposed says who may read a key file beside its owner and root, directories on
// the way considered, and which clients refuse it for its mode.
func Exposed(path string) (*Exposure, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, err
	}
	info, err := os.Lstat(real)
	if err != nil {
		return nil, err
	}
	n, err := inspect(real, info)
	if err != nil {
		return nil, err
	}
	e := &Exposure{}
	if why := libpq(n); why != "" {
		e.Refusals = append(e.Refusals, Refusal{"libpq", why})
	}
	// Each kind of reader is an account that is nobody else.
	const nobody = math.MaxUint32 - 1
	stranger := Account{UID: nobody, GID: nobody}
	if stranger.Read(path).Result == say.Yes {
		e.Readers = append(e.Readers, Reader{Text: "every user of this host"})
		return e, nil
	}
	acl := append([]entry{{tag: owningGroup}}, n.acl...)
	for i, entry := range acl {
		reader := stranger
		switch {
		case i == 0:
			reader.GID = n.gid
		case entry.tag == namedGroup:
			reader.GID = entry.id
		case entry.tag == namedUser && entry.id != n.uid && entry.id != 0:
			reader = asUser(entry.id)
		default:
			continue
		}
		if reader.Read(path).Result != say.Yes {
			continue
		}
		if entry.tag != namedUser && reader.GID == 0 && len(strangers(0)) == 0 {
			continue // nobody but root is in its group
		}
		if entry.tag == namedUser {
			name := userName(entry.id)
			e.Readers = append(e.Readers, Reader{User: name, Text: "user " + name})
		} else {
			e.Readers = append(e.Readers, Reader{Text: describe(reader.GID)})
		}
	}
	return e, nil
}

// strangers are the members of a group other than root.
func strangers(gid uint32) []string {
	return slices.DeleteFunc(members(gid), func(name string) bool { return name == "root" })
}

// asUser is the account of that UID, or the UID alone.
func asUser(uid uint32) Account {
	if a, err := Lookup(fmt.Sprint(uid)); err == nil {
		return *a
	}
	return Account{UID: uid, GID: math.MaxUint32 - 1}
}

func describe(gid uint32) string {
	names := members(gid)
	if len(names) == 0 {
		return fmt.Sprintf("group %s (no members in /etc/group)", groupName(gid))
	}
	const most = 8
	if len(names) > most {
		names = append(names[:most], "…")
	}
	return fmt.Sprintf("group %s (members: %s)", groupName(gid), strings.Join(names, ", "))
}

// libpq is the check of PostgreSQL's client library: no access for group and
// others, or, owned by root, at most 0640 (PostgreSQL documentation, libpq, "SSL
// Support", "Client Certificates"; fe-secure-openssl.c). With an ACL the group's
// bits are those of the mask.
func libpq(n inode) string {
	switch {
	case n.uid == 0 && n.mode&0o037 != 0:
		return fmt.Sprintf("libpq (psql and other PostgreSQL clients) refuses a key of root with the mode %04o; at most "+
			"0640 is allowed", n.mode)
	case n.uid != 0 && n.mode&0o077 != 0:
		return fmt.Sprintf("libpq (psql and other PostgreSQL clients) refuses a key with the mode %04o that is not "+
			"root's; at most 0600 is allowed", n.mode)
	}
	return ""
}
