package certstore

import (
	"os"
	"slices"
	"strings"

	"mtlsprobe/certstore/account"
	"mtlsprobe/report/say"
)

// An Access says whether the account that is to use an identity could read it.
type Access struct {
	Account string
	Named   bool // Account is a name, and not a UID without one
	account.Access
}

// Access fills each identity's Access for an account, NAME or UID[:GID], without
// becoming it. The error says that there is no such account.
func (h *Holding) Access(spec string) error {
	a, err := account.Lookup(spec)
	if err != nil {
		return err
	}
	for _, i := range h.Identities {
		for _, f := range i.files() {
			found := a.Read(f)
			if i.Access == nil || worse(found.Result, i.Access.Result) {
				i.Access = &Access{Account: a.String(), Named: a.Name != "", Access: found}
			}
		}
	}
	return nil
}

func worse(a, b say.Answer) bool {
	rank := map[say.Answer]int{say.Yes: 0, say.Unknown: 1, say.No: 2}
	return rank[a] > rank[b]
}

// Expose fills in, for each usable key in a file, who else may read it; the account
// of [Holding.Access] is meant to. That libpq refuses a key is said of keys in the
// formats that it reads.
func (h *Holding) Expose() {
	seen := make(map[string]*account.Exposure)
	for _, i := range h.Identities {
		f := i.Key.Source
		if i.Key.State != Usable || !isFile(f) {
			continue
		}
		if _, done := seen[f]; !done {
			seen[f], _ = account.Exposed(f) // nil where that cannot be said
		}
		if i.Key.Exposure = seen[f]; i.Key.Exposure == nil {
			continue
		}
		own := *seen[f]
		if i.Access != nil {
			own.Readers = slices.DeleteFunc(slices.Clone(own.Readers),
				func(r account.Reader) bool { return r.User == i.Access.Account })
		}
		if i.Key.inStore {
			own.Refusals = nil
		}
		i.Key.Exposure = &own
	}
}

// isFile tells files from variables, tokens, agents and properties.
func isFile(path string) bool {
	for _, scheme := range []string{"env:", "pkcs11:", "store:", "spiffe:"} {
		if strings.HasPrefix(path, scheme) {
			return false
		}
	}
	_, err := os.Lstat(path)
	return err == nil || os.IsPermission(err)
}
