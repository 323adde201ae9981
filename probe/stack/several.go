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
			p.choose(profile, identities, predictions, members)
		}
	}
	return predictions
}

// choose changes the predictions of a store's members to what comes of there being several. It
// changes none where it is not known which one is taken.
func (p *Predictor) choose(profile *Profile, identities []*certstore.Identity, predictions []Prediction,
	members []int) {
	slices.SortStableFunc(members, func(a, b int) int {
		return cmp.Compare(identities[a].Key.Index, identities[b].Key.Index)
	})
	var fitting []int
	for _, n := range members {
		switch {
		case identities[n].Key.State != certstore.Usable, predictions[n].Sends == say.Unknown:
			return
		case predictions[n].Sends == say.Yes:
			fitting = append(fitting, n)
		}
	}
	others, why := fitting, say.Text("of the ", len(fitting), " in this store that fit, this client takes ")
	switch kind := identities[members[0]].Kind; {
	case profile.Several == noSeveral && profile.Files.Kinds.has(kind):
		for _, n := range members {
			predictions[n] = *profile.rewrite("write it to a file of its own",
				say.Text("this client reads no such file with several keys"))
			predictions[n].Profile = profile
		}
		return
	case profile.Several == firstKey && profile.Files.Kinds.has(kind):
		others, why = members, say.Text("this client takes the first key of the file, that of ")
	case len(fitting) < 2, profile.Several != hashOrder && profile.Several != storeOrder:
		return
	default:
		if !p.order(profile, identities, members, fitting) {
			return
		}
	}
	for _, n := range others[1:] {
		predictions[n] = Prediction{Profile: profile, Sends: say.No, Action: SendsOther, Fault: true,
			Reason: say.Text(why, say.Quote(identities[others[0]].Label)),
			Remedy: say.Text("name the alias in the client's configuration, or write a store with it alone: ",
				again(profile), " --label ", say.Quote(identities[n].Label))}
	}
}

// order sorts those that fit as Java's key managers prefer them, and reports whether that is
// known: the kind of key that the server lists first wins, and with PKIX before that the one that
// has the least against it (OpenJDK SunX509KeyManagerImpl, X509KeyManagerImpl).
func (p *Predictor) order(profile *Profile, identities []*certstore.Identity, members, fitting []int) bool {
	var aliases []string
	unnamed := 0
	for _, n := range members {
		alias := strings.ToLower(identities[n].FriendlyName)
		if alias == "" { // as Java's PKCS #12 store names it
			unnamed++
			alias = strconv.Itoa(unnamed)
		}
		aliases = append(aliases, alias)
	}
	places := hashMapOrder(aliases)
	if profile.Several == storeOrder {
		if places = listedOrder(identities[members[0]], aliases); places == nil {
			return false
		}
	}
	rank := func(n int) (fault, kind, place int) {
		if profile.Several == storeOrder {
			fault = p.against(identities[n])
		}
		kind = slices.IndexFunc(p.question.Request.SignatureSchemes, func(s tls.SignatureScheme) bool {
			scheme, known := wire.LookupScheme(s)
			return known && scheme.Key == certstore.KeyType(identities[n].Leaf)
		})
		return fault, kind, slices.Index(places, slices.Index(members, n))
	}
	slices.SortFunc(fitting, func(a, b int) int {
		faultA, kindA, placeA := rank(a)
		faultB, kindB, placeB := rank(b)
		return cmp.Or(cmp.Compare(faultA, faultB), cmp.Compare(kindA, kindB), cmp.Compare(placeA, placeB))
	})
	kinds := len(p.question.Request.SignatureSchemes)
	return kinds > 0 || !slices.ContainsFunc(fitting, func(n int) bool {
		return certstore.KeyType(identities[n].Leaf) != certstore.KeyType(identities[fitting[0]].Leaf)
	})
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

// hashMapOrder returns the indices of the keys as java.util.HashMap lists them that were put in
// this order: by bucket, and within one as they came.
func hashMapOrder(keys []string) []int {
	const initial, full = 16, 0.75
	size := initial
	for float64(len(keys)) > full*float64(size) {
		size *= 2
	}
	bucket := func(key string) uint32 {
		h := javaHash(key)
		return (h ^ h>>16) & uint32(size-1)
	}
	order := indices(keys)
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(bucket(keys[a]), bucket(keys[b])) })
	return order
}

// listedOrder returns the indices of the aliases as a store of Java lists them: PKCS #12 as they
// came, JKS as java.util.Hashtable does, from the last bucket to the first and within one the
// latest first; nil for a table that has grown, whose order depends on its other entries.
func listedOrder(one *certstore.Identity, aliases []string) []int {
	const buckets, threshold = 11, 8
	order := indices(aliases)
	if one.Kind == certstore.PKCS12Kind {
		return order
	}
	if one.Container == nil || len(one.Container.Parts) > threshold {
		return nil
	}
	bucket := func(n int) uint32 { return javaHash(aliases[n]) & 0x7FFFFFFF % buckets }
	slices.Reverse(order)
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(bucket(b), bucket(a)) })
	return order
}

func indices(of []string) []int {
	order := make([]int, len(of))
	for n := range of {
		order[n] = n
	}
	return order
}
