// Package account says whether the account that runs a client could read a file,
// without becoming that account: the one who looks for a fault often is root or
// an administrator, for whom all files are readable.
//
// [Lookup] the account, then ask [Account.Read] about each file. [Exposed] asks
// the other way round: who else may read a key.
//
// It reads owners, modes and POSIX ACLs (Linux). What else may decide it does not
// know: SELinux, AppArmor and other security modules; servers of network file
// systems, which may treat root as nobody; FUSE mounts without allow_other; other mount namespaces, as of
// containers and of systemd's ProtectHome and PrivateTmp; idmapped mounts; NFSv4
// and macOS ACLs; the kernel's protected_symlinks in sticky directories; and what
// became of the account's groups since its processes were started.
package account

import (
	"strconv"

	"mtlsprobe/report/say"
)

// An Account is what the kernel compares with a file's owner, group and ACL.
type Account struct {
	Name     string // empty for a UID that no account has
	UID, GID uint32
	Groups   []uint32 // supplementary
	Home     string   // empty for a UID that no account has
}

// String names the account for people.
func (a *Account) String() string {
	if a.Name != "" {
		return a.Name
	}
	return "UID " + strconv.FormatUint(uint64(a.UID), 10)
}

// Access is the answer of [Account.Read].
type Access struct {
	// Result is unknown where something on the way could not be inspected.
	Result say.Answer
	// Detail says what decides, as in
	//	directory "/etc/private" (root:root, 0700): "www-data" may not enter it
	// With several obstacles on the way it names each.
	Detail string
	// Remedy is a shell command that gives the access that is missing; empty where
	// none is missing or none is known.
	Remedy string
}

// Exposure is the answer of [Exposed].
type Exposure struct {
	// Readers are who may read the file beside its owner and root.
	Readers []Reader
	// Refusals are the clients that do not use a key file with such an owner and
	// mode, and why.
	Refusals []Refusal
}

// A Refusal is that of a client that does not use a key file with such an owner and mode.
type Refusal struct {
	Client string // by its stable ID: libpq
	Why    string
}

// A Reader is who may read a file beside its owner and root.
type Reader struct {
	// User is a user on the file's access control list; empty for groups and for
	// everybody.
	User string
	// Text names the reader: "every user of this host", or a user or group.
	Text string
}
