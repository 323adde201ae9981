package chain

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"slices"

	"mtlsprobe/certstore"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"
)

const anyPolicy = "2.5.29.32.0"

// certificatePolicies are the three extensions about policies, decoded.
type certificatePolicies struct {
	has      bool     // certificatePolicies is there
	policies []string // dotted
	mappings [][2]string
	// What policyConstraints and inhibitAnyPolicy skip; -1 where absent.
	requireExplicit, inhibitMapping, inhibitAny int
	broken                                      bool
}

// constrains reports whether the certificate can make policies decide.
func constrains(c *x509.Certificate) bool {
	return slices.ContainsFunc(c.Extensions, func(e pkix.Extension) bool {
		return e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 36}) || e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 33})
	})
}

func parsePolicies(c *x509.Certificate) certificatePolicies {
	p := certificatePolicies{requireExplicit: -1, inhibitMapping: -1, inhibitAny: -1}
	for _, e := range c.Extensions {
		if len(e.Id) != 4 || !e.Id[:3].Equal(asn1.ObjectIdentifier{2, 5, 29}) {
			continue
		}
		s := cryptobyte.String(e.Value)
		ok := true
		switch e.Id[3] {
		case 32:
			p.has, ok = true, p.readPolicies(s)
		case 33:
			ok = p.readMappings(s)
		case 36:
			var list cryptobyte.String
			ok = s.ReadASN1(&list, casn1.SEQUENCE) && readSkip(&list, 0, &p.requireExplicit) &&
				readSkip(&list, 1, &p.inhibitMapping)
		case 54:
			ok = s.ReadASN1Integer(&p.inhibitAny) && p.inhibitAny >= 0
		}
		p.broken = p.broken || !ok
	}
	return p
}

func (p *certificatePolicies) readPolicies(s cryptobyte.String) bool {
	var list cryptobyte.String
	if !s.ReadASN1(&list, casn1.SEQUENCE) {
		return false
	}
	for !list.Empty() {
		var info cryptobyte.String
		var id asn1.ObjectIdentifier
		if !list.ReadASN1(&info, casn1.SEQUENCE) || !info.ReadASN1ObjectIdentifier(&id) {
			return false
		}
		p.policies = append(p.policies, id.String())
	}
	return true
}

func (p *certificatePolicies) readMappings(s cryptobyte.String) bool {
	var list cryptobyte.String
	if !s.ReadASN1(&list, casn1.SEQUENCE) {
		return false
	}
	for !list.Empty() {
		var pair cryptobyte.String
		var from, to asn1.ObjectIdentifier
		if !list.ReadASN1(&pair, casn1.SEQUENCE) || !pair.ReadASN1ObjectIdentifier(&from) ||
			!pair.ReadASN1ObjectIdentifier(&to) {
			return false
		}
		p.mappings = append(p.mappings, [2]string{from.String(), to.String()})
	}
	return true
}

// readSkip reads an optional SkipCerts with the implicit tag.
func readSkip(s *cryptobyte.String, tag uint8, into *int) bool {
	var content cryptobyte.String
	var has bool
	if !s.ReadOptionalASN1(&content, &has, casn1.Tag(tag).ContextSpecific()) {
		return false
	}
	if has {
		*into = int(saturate(content))
	}
	return true
}

// saturate reads a small non-negative INTEGER; a larger one stands for "never".
func saturate(content []byte) int64 {
	const never = 1 << 30
	if len(content) == 0 || len(content) > 3 {
		return never
	}
	var n int64
	for _, b := range content {
		n = n<<8 | int64(b)
	}
	return n
}

// policy validates the policies along the path, from its top down, where a
// certificate on it demands that: RFC 5280, Section 6.1, with every initial
// policy acceptable. Only the lowest level of the policy tree is kept, for
// nothing else decides whether it is empty.
func policy(p *Path) []Break {
	top := len(p.Certificates) - 1
	if !slices.ContainsFunc(p.Certificates, func(c *Certificate) bool { return constrains(c.Certificate) }) {
		return nil
	}
	n := top // certificates below the trust anchor
	if !p.Root {
		n++ // the anchor is not at hand
	}
	state := policyState{explicit: n + 1, mapping: n + 1, inhibit: n + 1, demand: top,
		level: map[string][]string{anyPolicy: {anyPolicy}}}
	for index := n - 1; index >= 0; index-- {
		c := p.Certificates[index]
		policies := parsePolicies(c.Certificate)
		selfIssued := c.node != nil && c.issuer == c.node.subject
		if policies.broken {
			return []Break{{Index: index, Reason: Policy, Detail: "an extension about policies cannot be decoded"}}
		}
		state.accept(&policies, index == 0, selfIssued)
		if state.explicit == 0 && len(state.level) == 0 {
			return []Break{state.failed(p)}
		}
		if index == 0 {
			if state.explicit > 0 {
				state.explicit--
			}
			if policies.requireExplicit == 0 {
				state.explicit, state.demand = 0, 0
			}
			break
		}
		if !state.descend(&policies, selfIssued, index) {
			return []Break{{Index: index, Reason: Policy, Detail: "policyMappings maps anyPolicy, which is forbidden"}}
		}
	}
	if state.explicit == 0 && len(state.level) == 0 {
		return []Break{state.failed(p)}
	}
	return nil
}

// A policyState is the part of the state variables of RFC 5280, Section 6.1.2,
// that policies need. level maps each valid policy to its expected set.
type policyState struct {
	explicit, mapping, inhibit int
	demand                     int // index of the certificate that demanded an explicit policy
	level                      map[string][]string
}

func (s *policyState) failed(p *Path) Break {
	return Break{Index: s.demand, Reason: Policy,
		Detail: fmt.Sprintf("%s demands an explicit policy, and none is valid down to the leaf",
			certstore.NameString(p.Certificates[s.demand].RawSubject))}
}

// accept is Section 6.1.3 (d) and (e).
func (s *policyState) accept(c *certificatePolicies, leaf, selfIssued bool) {
	if !c.has || len(s.level) == 0 {
		s.level = nil
		return
	}
	next := make(map[string][]string)
	_, any := s.level[anyPolicy]
	hasAny := false
	for _, policy := range c.policies {
		if policy == anyPolicy {
			hasAny = true
			continue
		}
		expected := any
		for _, set := range s.level {
			expected = expected || slices.Contains(set, policy)
		}
		if expected {
			next[policy] = []string{policy}
		}
	}
	if hasAny && (s.inhibit > 0 || !leaf && selfIssued) {
		for _, set := range s.level {
			for _, policy := range set {
				if next[policy] == nil {
					next[policy] = []string{policy}
				}
			}
		}
	}
	s.level = next
}

// descend is Section 6.1.4 (a), (b), (h), (i) and (j).
func (s *policyState) descend(c *certificatePolicies, selfIssued bool, index int) bool {
	mapped := make(map[string][]string)
	for _, m := range c.mappings {
		if m[0] == anyPolicy || m[1] == anyPolicy {
			return false
		}
		mapped[m[0]] = append(mapped[m[0]], m[1])
	}
	_, any := s.level[anyPolicy]
	for from, to := range mapped {
		switch _, valid := s.level[from]; {
		case s.mapping == 0:
			delete(s.level, from)
		case valid, any:
			s.level[from] = to
		}
	}
	if !selfIssued {
		s.explicit, s.mapping, s.inhibit = max(0, s.explicit-1), max(0, s.mapping-1), max(0, s.inhibit-1)
	}
	if c.requireExplicit >= 0 && c.requireExplicit < s.explicit {
		s.explicit, s.demand = c.requireExplicit, index
	}
	if c.inhibitMapping >= 0 {
		s.mapping = min(s.mapping, c.inhibitMapping)
	}
	if c.inhibitAny >= 0 {
		s.inhibit = min(s.inhibit, c.inhibitAny)
	}
	return true
}
