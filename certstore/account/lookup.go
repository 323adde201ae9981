//go:build unix

package account

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
)

// Lookup reads NAME or UID, or one of them with ":" and a group's name or GID in
// place of the account's own group. Supplementary groups are those of the
// system's database. A UID that no account has, as in containers, needs a group,
// and is in that only.
func Lookup(spec string) (*Account, error) {
	name, group, grouped := strings.Cut(spec, ":")
	a, err := lookupUser(name)
	var unknown user.UnknownUserIdError
	switch {
	case errors.As(err, &unknown) && !grouped:
		return nil, fmt.Errorf("no account has the UID %s, so its group must be named: %s:GID", name, name)
	case errors.As(err, &unknown):
		a = &Account{UID: uint32(unknown)}
	case err != nil:
		return nil, err
	}
	if !grouped {
		return a, nil
	}
	if a.GID, err = lookupGroup(group); err != nil {
		return nil, err
	}
	return a, nil
}

func lookupUser(name string) (*Account, error) {
	find := user.Lookup
	if id, err := strconv.ParseUint(name, 10, 32); err == nil {
		find, name = user.LookupId, strconv.FormatUint(id, 10)
	}
	u, err := find(name)
	if err != nil {
		return nil, fmt.Errorf("looking up the account %q: %w", name, err)
	}
	a := &Account{Name: u.Username, Home: u.HomeDir}
	ids, err := u.GroupIds()
	if err != nil {
		return nil, fmt.Errorf("looking up the groups of %q: %w", u.Username, err)
	}
	if a.UID, err = number(u.Uid); err != nil {
		return nil, err
	}
	if a.GID, err = number(u.Gid); err != nil {
		return nil, err
	}
	for _, id := range ids {
		gid, err := number(id)
		if err != nil {
			return nil, err
		}
		if gid != a.GID {
			a.Groups = append(a.Groups, gid)
		}
	}
	return a, nil
}

func lookupGroup(group string) (uint32, error) {
	if gid, err := number(group); err == nil {
		return gid, nil // one that the database does not know is allowed
	}
	g, err := user.LookupGroup(group)
	if err != nil {
		return 0, fmt.Errorf("looking up the group %q: %w", group, err)
	}
	return number(g.Gid)
}

func number(id string) (uint32, error) {
	n, err := strconv.ParseUint(id, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%q is not a UID or GID", id)
	}
	return uint32(n), nil
}

func userName(uid uint32) string {
	id := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return id
}

func groupName(gid uint32) string {
	id := strconv.FormatUint(uint64(gid), 10)
	if g, err := user.LookupGroupId(id); err == nil {
		return g.Name
	}
	return id
}

// members lists the accounts in a group, as far as /etc/passwd and /etc/group know
// them: os/user cannot list any.
func members(gid uint32) []string {
	id := strconv.FormatUint(uint64(gid), 10)
	var names []string
	for _, fields := range database("/etc/passwd") {
		if len(fields) > 3 && fields[3] == id {
			names = append(names, fields[0])
		}
	}
	for _, fields := range database("/etc/group") {
		if len(fields) > 3 && fields[2] == id && fields[3] != "" {
			names = append(names, strings.Split(fields[3], ",")...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// database splits a file as of passwd(5); one that cannot be read has no lines.
func database(path string) [][]string {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	var lines [][]string
	for s := bufio.NewScanner(f); s.Scan(); {
		lines = append(lines, strings.Split(s.Text(), ":"))
	}
	return lines
}
