package stack

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"mtlsprobe/certstore"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

// several says which identity a program takes of several in one store of keys.
type several int

// The choices.
const (
	AsAsked    several = iota // the one that somebody names or chooses, or that is not known here
	firstKey                  // the first of the file, whether it fits or not
	noSeveral                 // none: such a file is not read
	hashOrder                 // of those that fit the first one in the order of a java.util.HashMap
	storeOrder                // of those the one with the least against it, then the store's first
)

// PredictAll is Predict for each identity, where the program is given the files as they are: of
// several in one store of keys it takes one.
func (p *Predictor) PredictAll(profile *Profile, identities []*certstore.Identity) []Prediction {
	predictions := make([]Prediction, len(identities))
	stores := make(map[string][]int)
	for n, i := range identities {
		predictions[n] = p.Predict(profile, i)
		if i.Leaf != nil && (i.Kind == certstore.PKCS12Kind || i.Kind == certstore.JavaKind) {
			stores[i.Source] = append(stores[i.Source], n)
		}
	}
	for _, members := range stores {
		if len(members) > 1 {
			(&keyStore{p, profile, identities, predictions, members}).choose()
		}
	}
	return predictions
}

// A keyStore is the identities of one file, in the order of their keys.
type keyStore struct {
	*Predictor
	profile     *Profile
	identities  []*certstore.Identity
	predictions []Prediction
	members     []int
}

// choose changes the predictions of the members to what comes of there being several.
func (s *keyStore) choose() {
	slices.SortStableFunc(s.members, func(a, b int) int {
		return cmp.Compare(s.identities[a].Key.Index, s.identities[b].Key.Index)
	})
	reads := s.profile.Files.Kinds.has(s.identities[s.members[0]].Kind)
	locked := func(n int) bool {
		state := s.identities[n].Key.State
		return state == certstore.Locked || state == certstore.Unknown
	}
	keys := slices.DeleteFunc(slices.Clone(s.members), func(n int) bool {
		return s.identities[n].Key.State != certstore.Usable && !locked(n)
	})
	switch {
	case s.profile.Several == AsAsked || !reads || len(keys) == 0:
	case s.profile.Several == noSeveral && len(keys) == 1:
	case s.profile.Several == noSeveral:
		for _, n := range s.members {
			s.predictions[n] = *s.profile.rewrite("write it to a file of its own, with --label LABEL",
				say.Text("this client reads no such file with several keys"))
			s.predictions[n].Profile = s.profile
		}
	case slices.ContainsFunc(s.members, locked):
		s.unknown(say.Text("another key of the file has a password that was not given, and whether this client reads the " +
			"file then is not known"))
	case s.profile.Several == firstKey:
		s.first()
	default:
		s.fitting()
	}
}

// usable are the members with a key.
func (s *keyStore) usable() []int {
	return slices.DeleteFunc(slices.Clone(s.members), func(n int) bool {
		return s.identities[n].Key.State != certstore.Usable
	})
}

// unknown makes what would be sent unknown.
func (s *keyStore) unknown(why say.Phrase) {
	for _, n := range s.members {
		if s.predictions[n].Sends == say.Yes {
			s.predictions[n] = Prediction{Profile: s.profile, Sends: say.Unknown, Action: NotKnown, Fault: true, Reason: why,
				Remedy: s.alone()}
		}
	}
}

func (s *keyStore) alone() say.Phrase {
	return say.Text("write a file with it alone: ", again(s.profile), " --label LABEL")
}

// others makes the members that are not sent so, where one is taken before them.
func (s *keyStore) others(taken int, among []int, why, remedy say.Phrase) {
	for _, n := range among {
		if n != taken {
			s.predictions[n] = Prediction{Profile: s.profile, Sends: say.No, Action: SendsOther, Fault: true,
				Reason: say.Text(why, say.Quote(s.identities[taken].Label)), Remedy: remedy}
		}
	}
}

// first is for programs that take the first key of the file, with the certificate that belongs to
// it (OpenSSL crypto/pkcs12/p12_kiss.c: PKCS12_parse).
func (s *keyStore) first() {
	usable := s.usable()
	if len(usable) > 0 && s.identities[usable[0]].Key.Index == 0 {
		s.others(usable[0], usable, say.Text("this client takes the first key of the file, that of "), s.alone())
		return
	}
	for _, n := range usable {
		s.predictions[n] = *s.profile.rewrite("write a file with it alone, with --label LABEL",
			say.Text("this client takes the first key of the file, which has no certificate there"))
		s.predictions[n].Profile = s.profile
	}
}

// fitting is for Java's key managers, which take one of those that fit.
func (s *keyStore) fitting() {
	entries, replaced := s.entries()
	for _, n := range replaced {
		s.predictions[n] = Prediction{Profile: s.profile, Sends: say.No, Action: Declines, Fault: true,
			Reason: say.Text("a later entry of the store has the same alias, by which Java replaces this one"),
			Remedy: say.Text("give it an alias of its own")}
	}
	var fitting []int
	for _, e := range entries {
		switch s.predictions[e.member].Sends {
		case say.Unknown:
			return // as it says itself
		case say.Yes:
			fitting = append(fitting, e.member)
		}
	}
	if len(fitting) < 2 {
		return
	}
	taken, known := s.preferred(entries, fitting)
	if !known {
		s.unknown(say.Text("of the ", len(fitting), " in this store that fit, this client takes one, and which one is not ",
			"known here"))
		return
	}
	s.others(taken, fitting, say.Text("of the ", len(fitting), " in this store that fit, this client takes "),
		say.Text("name the alias in the client's configuration, or write a store with it alone: ", again(s.profile),
			" --label LABEL"))
}

// An entry is a key of a store by its alias.
type entry struct {
	alias  string
	member int
}

// entries are what Java makes of the file: an entry replaces an earlier one of its alias, in whose
// place it stands. Aliases are in lower case.
func (s *keyStore) entries() (entries []entry, replaced []int) {
	unnamed := 0
	for _, n := range s.usable() {
		alias := strings.ToLower(strings.ReplaceAll(s.identities[n].FriendlyName, "\u0130", "i\u0307"))
		if alias == "" && s.identities[n].Kind == certstore.PKCS12Kind { // as Java's store names it
			unnamed++
			alias = strconv.Itoa(unnamed)
		}
		at := slices.IndexFunc(entries, func(e entry) bool { return e.alias == alias })
		if at < 0 {
			entries = append(entries, entry{alias, n})
			continue
		}
		replaced = append(replaced, entries[at].member)
		entries[at].member = n
	}
	return entries, replaced
}

// preferred is the one of those that fit that Java takes, and known says whether that is known: by
// the place of the entry, and of the kind of key among those that the server lists (OpenJDK
// SunX509KeyManagerImpl: chooseClientAlias, X509KeyManagerImpl: chooseAlias).
func (s *keyStore) preferred(entries []entry, fitting []int) (taken int, known bool) {
	kind := func(n int) int {
		if len(s.question.Request.SignatureSchemes) == 0 {
			return 0
		}
		return slices.IndexFunc(s.question.Request.SignatureSchemes, func(id tls.SignatureScheme) bool {
			scheme, found := wire.LookupScheme(id)
			return found && scheme.Key == certstore.KeyType(s.identities[n].Leaf)
		})
	}
	for _, n := range fitting {
		one, other := s.identities[fitting[0]].Leaf, s.identities[n].Leaf
		if len(s.question.Request.SignatureSchemes) == 0 && certstore.KeyType(one) != certstore.KeyType(other) {
			return 0, false // which the server prefers is not known
		}
	}
	listed := listedOrder(s.identities[entries[0].member], entries)
	if listed == nil || slices.ContainsFunc(entries, func(e entry) bool { return strings.Contains(e.alias, "σ") }) {
		return 0, false // Java's lower case of that depends on what follows
	}
	if s.profile.Several == hashOrder {
		listed = hashMapOrder(listed)
	}
	var order []int
	for _, e := range listed {
		if slices.Contains(fitting, e.member) {
			order = append(order, e.member)
		}
	}
	byKind := func(a, b int) int { return cmp.Compare(kind(a), kind(b)) }
	if s.profile.Several == hashOrder {
		return slices.MinFunc(order, byKind), true
	}
	clean := func(n int) bool { return s.against(s.identities[n]) == 0 }
	if at := slices.IndexFunc(order, func(n int) bool { return clean(n) && kind(n) == 0 }); at >= 0 {
		return order[at], true
	}
	if clean(order[0]) {
		return order[0], true
	}
	return slices.MinFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(s.against(s.identities[a]), s.against(s.identities[b])), byKind(a, b))
	}), true
}

// against is how much Java's PKIX key manager has against a certificate: nothing, its dates, or
// its usages (CheckResult in X509KeyManagerImpl).
func (p *Predictor) against(i *certstore.Identity) int {
	const clean, expired, mismatch = 0, 1, 2
	unsigned := i.Leaf.KeyUsage != 0 && i.Leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0
	switch {
	case !clientAuth(i.Leaf), unsigned:
		return mismatch
	case !validAt(i.Leaf, p.question.Now):
		return expired
	}
	return clean
}

// javaHash is that of java.lang.String.
func javaHash(s string) uint32 {
	var h uint32
	for _, unit := range utf16.Encode([]rune(s)) {
		h = 31*h + uint32(unit)
	}
	return h
}

// hashMapOrder returns entries as java.util.HashMap lists them that were put in this order: by
// bucket, and within one as they came.
func hashMapOrder(entries []entry) []entry {
	const initial, full = 16, 0.75
	size := initial
	for float64(len(entries)) > full*float64(size) {
		size *= 2
	}
	bucket := func(alias string) uint32 {
		h := javaHash(alias)
		return (h ^ h>>16) & uint32(size-1)
	}
	order := slices.Clone(entries)
	slices.SortStableFunc(order, func(a, b entry) int { return cmp.Compare(bucket(a.alias), bucket(b.alias)) })
	return order
}

// listedOrder returns entries as a store of Java lists them: PKCS #12 as they came, JKS as
// java.util.Hashtable does, from the last bucket to the first and within one the latest first; nil
// for a table that has grown, whose order depends on its other entries.
func listedOrder(one *certstore.Identity, entries []entry) []entry {
	const buckets, threshold = 11, 8
	order := slices.Clone(entries)
	if one.Kind == certstore.PKCS12Kind {
		return order
	}
	if one.Container == nil || len(one.Container.Parts) > threshold {
		return nil
	}
	bucket := func(e entry) uint32 { return javaHash(e.alias) & 0x7FFFFFFF % buckets }
	slices.Reverse(order)
	slices.SortStableFunc(order, func(a, b entry) int { return cmp.Compare(bucket(b), bucket(a)) })
	return order
}
