package verifier

import (
	"slices"

	"mtlsprobe/probe/wire"
)

// Versions are older and newer versions of programs that judge otherwise than [Profiles] says.
// They are left out of it, and are asked for by name.
func Versions() []*Profile {
	version := func(like, id, name, versions string, change func(*Profile)) *Profile {
		out := *find(Profiles(), like)
		out.ID, out.Name, out.Versions, out.Like = id, name, versions, like
		change(&out)
		return &out
	}
	return []*Profile{
		version("node", "node-16", "Node.js 16", "16, with OpenSSL 1.1.1", func(p *Profile) { p.Keys.SHA1Level = 1 }),
		version("node", "node-24", "Node.js 24", "24, with OpenSSL 3.5", func(p *Profile) {
			p.Settable.Defaults.SecurityLevel = of(2)
		}),
		version("go", "go-1.19", "Go 1.19", "1.19", func(p *Profile) {
			p.Refusal = refusal{Other: wire.AlertBadCertificate} // whatever the reason
		}),
	}
}

// Lookup returns the profile or version of an ID, or nil if there is none.
func Lookup(id string) *Profile { return find(append(Profiles(), Versions()...), id) }

func find(profiles []*Profile, id string) *Profile {
	if at := slices.IndexFunc(profiles, func(p *Profile) bool { return p.ID == id }); at >= 0 {
		return profiles[at]
	}
	return nil
}
