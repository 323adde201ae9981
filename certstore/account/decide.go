//go:build unix

package account

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// A permission is a bit of a mode's triple and of an ACL entry.
type permission uint32

const (
	read   permission = 4
	write  permission = 2
	search permission = 1 // of a directory
)

// String is as in "rx".
func (p permission) String() string {
	s := ""
	for _, bit := range []struct {
		bit    permission
		letter string
	}{{read, "r"}, {write, "w"}, {search, "x"}} {
		if p&bit.bit != 0 {
			s += bit.letter
		}
	}
	return s
}

// An inode is what decides about access to a file or directory.
type inode struct {
	uid, gid uint32
	mode     uint32  // the lowest nine bits
	acl      []entry // nil without one
}

// An entry is one of a POSIX ACL.
type entry struct {
	tag  uint16
	perm permission
	id   uint32 // of namedUser and namedGroup
}

// The tags of entries (include/uapi/linux/posix_acl.h).
const (
	owner       = 0x01
	namedUser   = 0x02
	owningGroup = 0x04
	namedGroup  = 0x08
	mask        = 0x10
	others      = 0x20
)

// A class is the part of an inode's permissions that applied.
type class string

const (
	byRoot      class = "root"
	byOwner     class = "owner"
	byNamedUser class = "named user"
	byGroup     class = "group"
	byOthers    class = "others"
	byMask      class = "mask" // an entry grants it, and the mask takes it away
)

const (
	maxACL       = 64 << 10 // of an extended attribute on Linux
	aclVersion   = 2
	aclEntrySize = 8
)

func (a *Account) in(gid uint32) bool { return gid == a.GID || slices.Contains(a.Groups, gid) }

// judgedByACL reports whether the kernel looks at the ACL at all. It does not where
// the group's bits, which show the mask, are all clear (fs/namei.c,
// acl_permission_check). Against acl(5) others' bits may then grant what an entry
// denies.
func (n inode) judgedByACL() bool { return n.acl != nil && n.mode&0o070 != 0 }

// allowed is the access check of path_resolution(7) and acl(5): the first class
// that applies decides, even where a later one would grant more.
func (a *Account) allowed(n inode, want permission) (bool, class) {
	bits := func(shift int) permission { return permission(n.mode >> shift & 7) }
	switch {
	case a.UID == 0: // CAP_DAC_OVERRIDE
		return true, byRoot
	case n.judgedByACL():
		return a.allowedByACL(n, want)
	case a.UID == n.uid:
		return bits(6)&want != 0, byOwner
	case a.in(n.gid):
		return bits(3)&want != 0, byGroup
	}
	return bits(0)&want != 0, byOthers
}

// allowedByACL is the algorithm in acl(5), "Access check algorithm".
func (a *Account) allowedByACL(n inode, want permission) (bool, class) {
	limit, other := permission(7), permission(0)
	inGroup, granted := false, false
	for _, e := range n.acl {
		switch {
		case e.tag == owner && a.UID == n.uid:
			return e.perm&want != 0, byOwner
		case e.tag == mask:
			limit = e.perm
		case e.tag == others:
			other = e.perm
		case e.tag == owningGroup && a.in(n.gid), e.tag == namedGroup && a.in(e.id):
			inGroup = true
			granted = granted || e.perm&want != 0
		}
	}
	by := byGroup
	for _, e := range n.acl {
		if e.tag == namedUser && e.id == a.UID {
			by, granted = byNamedUser, e.perm&want != 0
		}
	}
	switch {
	case by == byGroup && !inGroup:
		return other&want != 0, byOthers
	case granted && limit&want == 0:
		return false, byMask
	}
	return granted, by
}

// parseACL reads the value of system.posix_acl_access: a version, and entries of
// tag, permissions and ID in little endian (include/uapi/linux/posix_acl_xattr.h).
func parseACL(value []byte) ([]entry, error) {
	if len(value) < 4 || binary.LittleEndian.Uint32(value) != aclVersion || len(value)%aclEntrySize != 4 {
		return nil, errors.New("its ACL is of an unknown form")
	}
	acl := []entry{}
	for b := value[4:]; len(b) > 0; b = b[aclEntrySize:] {
		e := entry{tag: binary.LittleEndian.Uint16(b), perm: permission(binary.LittleEndian.Uint16(b[2:])),
			id: binary.LittleEndian.Uint32(b[4:])}
		switch e.tag {
		case owner, namedUser, owningGroup, namedGroup, mask, others:
		default:
			return nil, fmt.Errorf("its ACL has an entry of the unknown kind %#x", e.tag)
		}
		acl = append(acl, e)
	}
	return acl, nil
}
