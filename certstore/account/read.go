//go:build unix

package account

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"mtlsprobe/report/say"
)

// maxLinks is how many symbolic links Linux follows in one path
// (path_resolution(7)).
const maxLinks = 40

// Read says whether the account could open the file for reading: each directory
// on the way must let it pass, also those of symbolic links, and the file must let
// it read. A relative path starts at the working directory, of which all parents
// count as well.
//
// For UID 0 the answer is yes if the file is there, which proves nothing for a
// client that runs as root with dropped capabilities.
func (a *Account) Read(path string) Access {
	if !filepath.IsAbs(path) {
		dir, err := os.Getwd()
		if err != nil {
			return Access{Result: say.Unknown, Detail: fmt.Sprintf("the working directory is unknown: %v", err)}
		}
		path = dir + "/" + path // not cleaned: ".." after a link leads elsewhere
	}
	w := &walk{account: a, entered: make(map[string]bool)}
	if err := w.follow(path); err != nil {
		return w.failed(path, err)
	}
	switch {
	case len(w.obstacles) > 0:
		return Access{say.No, strings.Join(w.obstacles, "; "), strings.Join(w.remedies, " && ")}
	case a.UID == 0:
		return Access{Result: say.Yes,
			Detail: "root may read any file (CAP_DAC_OVERRIDE); without that capability the answer may differ"}
	}
	return Access{Result: say.Yes, Detail: w.granted}
}

// A walk follows one path as the kernel does, and goes on after an obstacle as far
// as this process may look.
type walk struct {
	account   *Account
	entered   map[string]bool // directories that were judged
	obstacles []string
	remedies  []string
	granted   string
}

func (w *walk) failed(path string, err error) Access {
	var dead *deadEnd
	if len(w.obstacles) == 0 && !errors.As(err, &dead) {
		return Access{Result: say.Unknown, Detail: fmt.Sprintf("%q could not be inspected: %v", path, err)}
	}
	// What was found so far decides; a remedy for part of the way would not help.
	return Access{Result: say.No, Detail: strings.Join(append(w.obstacles, err.Error()), "; ")}
}

// A deadEnd is an error that the account would meet as well.
type deadEnd struct{ text string }

func (e *deadEnd) Error() string { return e.text }

// follow takes one name of the path after the other; at is free of links.
func (w *walk) follow(path string) error {
	at, names, links := "/", strings.Split(path, "/"), 0
	info, err := os.Lstat(at)
	if err != nil {
		return err
	}
	for len(names) > 0 {
		name := names[0]
		names = names[1:]
		if !info.IsDir() {
			return &deadEnd{fmt.Sprintf("%q is not a directory", at)}
		}
		if err := w.enter(at, info); err != nil {
			return err
		}
		next := filepath.Join(at, name) // of ".." and "." too
		found, err := os.Lstat(next)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return &deadEnd{fmt.Sprintf("%q does not exist", next)}
		case err != nil:
			return err
		case found.Mode()&fs.ModeSymlink == 0:
			at, info = next, found
			continue
		}
		if links++; links > maxLinks {
			return &deadEnd{fmt.Sprintf("there are more than %d symbolic links on the way", maxLinks)}
		}
		target, err := os.Readlink(next)
		if err != nil {
			return err
		}
		names = append(strings.Split(target, "/"), names...)
		if filepath.IsAbs(target) {
			at = "/"
			if info, err = os.Lstat(at); err != nil {
				return err
			}
		}
	}
	if info.IsDir() {
		return &deadEnd{fmt.Sprintf("%q is a directory", at)}
	}
	return w.judge("file", at, info, read)
}

func (w *walk) enter(path string, info fs.FileInfo) error {
	if w.entered[path] {
		return nil
	}
	w.entered[path] = true
	return w.judge("directory", path, info, search)
}

func (w *walk) judge(kind, path string, info fs.FileInfo, want permission) error {
	n, err := inspect(path, info)
	if err != nil {
		return err
	}
	ok, by := w.account.allowed(n, want)
	if ok {
		w.granted = fmt.Sprintf("%s %q (%v): %q may read it, %s", kind, path, n, w.account.String(), because(ok, by, n))
		return nil
	}
	verb := "read"
	if want == search {
		verb = "enter"
	}
	w.obstacles = append(w.obstacles, fmt.Sprintf("%s %q (%v): %q may not %s it, %s", kind, path, n, w.account.String(),
		verb, because(ok, by, n)))
	remedy := grant(w.id(), want, n, path)
	if by == byOwner {
		remedy = "chmod u+" + want.String() + " " + ShellQuote(path)
	}
	if remedy != "" {
		w.remedies = append(w.remedies, remedy)
	}
	return nil
}

func (w *walk) id() string {
	if w.account.Name != "" {
		return w.account.Name
	}
	return strconv.FormatUint(uint64(w.account.UID), 10)
}

func inspect(path string, info fs.FileInfo) (inode, error) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return inode{}, errors.New("its owner is unknown")
	}
	acl, err := readACL(path)
	if err != nil {
		return inode{}, fmt.Errorf("reading the ACL of %q: %w", path, err)
	}
	return inode{uid: stat.Uid, gid: stat.Gid, mode: uint32(info.Mode().Perm()), acl: acl}, nil
}

// String is as in "root:ssl-cert, 0640 with an ACL".
func (n inode) String() string {
	s := fmt.Sprintf("%s:%s, %04o", userName(n.uid), groupName(n.gid), n.mode)
	if n.acl != nil {
		s += " with an ACL"
	}
	return s
}

// because says which part of the permissions decided.
func because(ok bool, by class, n inode) string {
	switch by {
	case byRoot:
		return "as root"
	case byOwner:
		return "as its owner"
	case byNamedUser:
		return "by an entry of the ACL for this user"
	case byMask:
		return "for the mask of the ACL takes away what an entry grants"
	case byGroup:
		if n.judgedByACL() {
			return "by the ACL, for a group that it is in"
		}
		return "as a member of " + groupName(n.gid)
	}
	if ok {
		return "as everybody may"
	}
	text := "being neither its owner nor in its group " + groupName(n.gid)
	if n.acl != nil && !n.judgedByACL() {
		text += "; the ACL does not count, for its mask allows nothing"
	}
	return text
}
