package account

import (
	"errors"

	"golang.org/x/sys/unix"
)

// readACL returns nil for a file without an ACL, and on a file system without any.
func readACL(path string) ([]entry, error) {
	value := make([]byte, maxACL)
	n, err := unix.Lgetxattr(path, "system.posix_acl_access", value)
	switch {
	case errors.Is(err, unix.ENODATA), errors.Is(err, unix.ENOTSUP):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return parseACL(value[:n])
}

// grant is the command that gives one account the permission. A mask that is
// there grows by that permission only: setfacl by itself would widen it to all
// that any entry grants.
func grant(account string, want permission, n inode, path string) string {
	for _, e := range n.acl {
		if e.tag == mask {
			return "setfacl -n -m u:" + account + ":" + want.String() + ",m::" + (e.perm | want).String() + " " +
				ShellQuote(path)
		}
	}
	return "setfacl -m u:" + account + ":" + want.String() + " " + ShellQuote(path)
}
