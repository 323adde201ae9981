package stack_test

import (
	"crypto/x509"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"mtlsprobe/certstore"
	"mtlsprobe/certstore/account"
	"mtlsprobe/certstore/certtest"
	"mtlsprobe/certstore/chain"
	"mtlsprobe/probe/match"
	"mtlsprobe/probe/mirror"
	"mtlsprobe/probe/stack"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

// The guide names every alias in the row of its profile.
func TestAliasesInGuide(t *testing.T) {
	guide, err := os.ReadFile("../../cmd/docs/guide/clients.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := make(map[string]string)
	for line := range strings.Lines(string(guide)) {
		if cells := strings.Split(line, "|"); len(cells) == 4 {
			rows[strings.TrimSpace(cells[1])] = cells[2]
		}
	}
	for _, p := range stack.Aliases() {
		if !strings.Contains(rows["`"+p.Like+"`"], "`"+p.ID+"`") {
			t.Errorf("the guide does not have %s in the row of %s", p.ID, p.Like)
		}
	}
}

// A prediction without a source or a confidence cannot be built.
func TestProfiles(t *testing.T) {
	want := strings.Fields(`openssl openssl-strict curl python node nginx libpq mysql mariadb librdkafka go client-go gnutls gnutls-forced nss nss-nickname firefox
		chromium-linux chromium-windows chromium-macos java-sunx509 java-pkix dotnet-httpclient dotnet-sslstream schannel apple-keychain rustls boringssl erlang mbedtls wolfssl`)
	var got []string
	for _, p := range append(stack.Profiles(), stack.Aliases()...) {
		if p.Like == "" {
			got = append(got, p.ID)
		}
		if base := stack.Lookup(p.Like); (p.Like == "") != (base == nil) || base != nil && base.Like != "" || stack.Lookup(p.ID).Name != p.Name {
			t.Errorf("%s is like %q, which is no profile, or its ID stands twice", p.ID, p.Like)
		}
		if p.Name == "" || p.Versions == "" || len(p.Citation) < 20 || !slices.Contains([]stack.Confidence{stack.Run, stack.Source, stack.Documented}, p.Confidence) {
			t.Errorf("%s lacks a name, versions, a source or a confidence: %+v", p.ID, p)
		}
		if !slices.Contains(certstore.Encodings(), p.Files.Takes) {
			t.Errorf("%s does not say which file it takes", p.ID)
		}
		if p.Schemes.None.In12.Action == "" || p.Schemes.None.In13.Action == "" {
			t.Errorf("%s does not say what happens without a scheme", p.ID)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("profiles %q\nwant %q", got, want)
	}
}

// A key file that others may read is not used by libpq, and by the rest it is.
func TestExposedKey(t *testing.T) {
	p := certtest.New(certtest.Edge{Subject: "Root", Issuer: "Root"}, certtest.Edge{Subject: "client", Issuer: "Root"})
	i := &certstore.Identity{Leaf: p.Cert("client"), Key: certstore.Key{State: certstore.Usable, Signer: p.Key("client"), Source: "client.key",
		Exposure: &account.Exposure{Refusals: []account.Refusal{{Client: "libpq", Why: "libpq refuses the mode"}}}}}
	q := &match.Question{Request: mirror.Suppose([][]byte{p.Cert("Root").RawSubject})[0], Identities: []*certstore.Identity{i}, Graph: chain.NewGraph(), Now: certtest.Now}
	for _, profile := range stack.Profiles() {
		got := stack.New(q).Predict(profile, i)
		if refused := profile.ID == "libpq"; refused != (got.Action == stack.Fails && got.Remedy.String() == `chmod 600 "client.key"`) {
			t.Errorf("%s: %s, %s", profile.ID, got.Action, got.Remedy)
		}
	}
}

// The mission's case: an intermediate that two roots have signed, both in the
// client's store, and a server that names the older root.
func TestCrossSigned(t *testing.T) {
	p := certtest.New(
		certtest.Edge{Subject: "Old", Issuer: "Old"}, certtest.Edge{Subject: "New", Issuer: "New"},
		certtest.Edge{Subject: "CA", Issuer: "Old"},
		certtest.Edge{Subject: "CA", Issuer: "New", Name: "cross", Mutate: func(c *x509.Certificate) { c.NotBefore = certtest.Now.AddDate(0, -1, 0) }},
		certtest.Edge{Subject: "client", Issuer: "CA"},
	)
	i := &certstore.Identity{Leaf: p.Cert("client"), Chain: p.Certs("CA", "cross"), Key: certstore.Key{State: certstore.Usable, Signer: p.Key("client")}}
	q := &match.Question{Request: mirror.Suppose([][]byte{p.Cert("Old").RawSubject})[0], Identities: []*certstore.Identity{i}, Graph: chain.NewGraph(), Now: certtest.Now, Store: i.Chain}
	predictor := stack.New(q)
	want := map[string]struct {
		sends  say.Answer
		second string // in the chain that is sent
		reason string
	}{
		"curl":             {say.Yes, "CA", "not looked at"},
		"go":               {say.Yes, "CA", "a name on the list matches"},
		"java-sunx509":     {say.Yes, "CA", "a name on the list matches"},
		"gnutls":           {say.Yes, "CA", "a name on the list matches"},
		"nss":              {say.No, "", "through the newest CN=CA,O=Example, signed by CN=New,O=Example"},
		"chromium-linux":   {say.No, "", "through the newest"},
		"firefox":          {say.Yes, "cross", "a name on the list matches"}, // offered by the old way, sent with the new one
		"chromium-windows": {say.Unknown, "", "which one the system prefers is not known"},
		"apple-keychain":   {say.Yes, "", "a name on the list matches"},
	}
	for _, profile := range stack.Profiles() {
		w, ok := want[profile.ID]
		if !ok {
			continue
		}
		got := predictor.Predict(profile, i)
		if got.Sends != w.sends || !strings.Contains(got.Reason.String(), w.reason) {
			t.Errorf("%s: %s (%s), want %s (%s)", profile.ID, got.Sends, got.Reason, w.sends, w.reason)
		}
		if w.second != "" && (len(got.Chain) < 2 || !got.Chain[1].Equal(p.Cert(w.second))) {
			t.Errorf("%s sends %d certificates, want %s second", profile.ID, len(got.Chain), w.second)
		}
		if got.Sends == say.No && (got.Remedy == nil || got.ServerLog() == "") {
			t.Errorf("%s: no remedy, or no word on the server's log", profile.ID)
		}
	}
}

func TestPredictLimits(t *testing.T) {
	p := certtest.New(certtest.Edge{Subject: "CA", Issuer: "CA"}, certtest.Edge{Subject: "client", Issuer: "CA"})
	i := &certstore.Identity{Leaf: p.Cert("client"), Key: certstore.Key{State: certstore.Usable, Signer: p.Key("client")}}
	ask := func(q *match.Question, id string, i *certstore.Identity) stack.Prediction {
		predictor := stack.New(q)
		return predictor.Predict(stack.Lookup(id), i)
	}
	q := &match.Question{Request: mirror.Suppose([][]byte{p.Cert("CA").RawSubject})[1], Graph: chain.NewGraph(), Now: certtest.Now}
	for when, want := range map[wire.Stage]map[string]say.Answer{
		wire.InHandshake:     {"go": say.Yes, "java-pkix": say.Yes, "curl": say.Yes},
		wire.InRenegotiation: {"go": say.No, "java-pkix": say.Yes, "curl": say.Yes, "nginx": say.Unknown, "boringssl": say.Unknown},
		wire.PostHandshake:   {"go": say.No, "java-pkix": say.No, "curl": say.Yes, "openssl": say.No, "nginx": say.Unknown},
	} {
		late := *q
		late.When = when
		for id, answer := range want {
			if got := ask(&late, id, i); got.Sends != answer || answer != say.Yes && !strings.Contains(got.Reason.String(), "asks late") {
				t.Errorf("%s, asked by %s: %+v, want %s", id, when, got, answer)
			}
		}
	}
	q.Request.Raw = make([]byte, 40_000)
	if got := ask(q, "java-pkix", i); got.Sends != say.No || !strings.Contains(got.Reason.String(), "40004 bytes, and this client accepts 32768") {
		t.Errorf("Java and a large request: %+v", got)
	}
	if got := ask(q, "openssl", i); got.Sends != say.Yes {
		t.Errorf("OpenSSL and a large request: %+v", got)
	}
	q.Request.Raw = nil
	for state, want := range map[certstore.KeyState]say.Answer{certstore.Missing: say.No, certstore.Mismatched: say.No, certstore.Locked: say.Unknown} {
		if got := ask(q, "curl", &certstore.Identity{Leaf: i.Leaf, Key: certstore.Key{State: state}}); got.Sends != want {
			t.Errorf("key %s: %+v", state, got)
		}
	}
	for id, want := range map[string]say.Answer{"curl": say.No, "node": say.No, "openssl": say.No, "go": say.Yes} {
		old := *i
		old.Kind, old.Container = certstore.PKCS12Kind, &certstore.Container{Format: "PKCS#12", Legacy: true}
		if got := ask(q, id, &old); got.Sends != want {
			t.Errorf("%s with an old PKCS#12: %+v", id, got)
		}
	}
	for format, clients := range map[string]map[string]say.Answer{
		"PKCS#12": {"python": say.No, "nginx": say.No, "libpq": say.No, "mysql": say.No, "client-go": say.No, "curl": say.Yes, "java-pkix": say.Yes},
		"JKS":     {"python": say.No, "curl": say.No, "openssl": say.No, "java-pkix": say.Yes, "java-sunx509": say.Yes},
	} {
		for id, want := range clients {
			stored := *i
			stored.Container = &certstore.Container{Format: format}
			stored.Kind = map[string]certstore.FileKind{"PKCS#12": certstore.PKCS12Kind, "JKS": certstore.JavaKind}[format]
			if got := ask(q, id, &stored); got.Sends != want || want == say.No && got.Reason.String() != "this client does not read "+format {
				t.Errorf("%s with %s: %+v", id, format, got)
			}
		}
	}
	if got := ask(q, "curl", &certstore.Identity{}); got.Sends != say.Unknown {
		t.Errorf("nothing read: %+v", got)
	}
	if got := ask(&match.Question{Graph: chain.NewGraph(), Now: certtest.Now}, "curl", i); got.Sends != say.No || !strings.Contains(got.Reason.String(), "did not ask") {
		t.Errorf("not asked: %+v", got)
	}
}

// Of several identities in one store a program takes one; each case was run with the real programs,
// see TestStores.
func TestPredictAll(t *testing.T) {
	p := certtest.New(certtest.Edge{Subject: "CA", Issuer: "CA"}, certtest.Edge{Subject: "a", Issuer: "CA"},
		certtest.Edge{Subject: "b", Issuer: "CA"}, certtest.Edge{Subject: "old", Issuer: "CA", Mutate: func(c *x509.Certificate) {
			c.NotAfter = certtest.Now.AddDate(0, 0, -1)
		}})
	for _, tt := range []struct {
		client  string
		kind    certstore.FileKind
		aliases []string // of the entries, in their order
		leaves  []string
		want    []stack.Action
	}{
		{"java-sunx509", certstore.PKCS12Kind, []string{"old", "new"}, []string{"a", "b"}, []stack.Action{stack.SendsOther, stack.Sends}},
		{"java-sunx509", certstore.PKCS12Kind, []string{"new", "old"}, []string{"a", "b"}, []stack.Action{stack.Sends, stack.SendsOther}},
		{"java-sunx509", certstore.JavaKind, []string{"b", "a"}, []string{"a", "b"}, []stack.Action{stack.SendsOther, stack.Sends}},
		{"java-pkix", certstore.PKCS12Kind, []string{"old", "new"}, []string{"a", "b"}, []stack.Action{stack.Sends, stack.SendsOther}},
		{"java-pkix", certstore.JavaKind, []string{"new", "old"}, []string{"a", "b"}, []stack.Action{stack.SendsOther, stack.Sends}},
		{"java-pkix", certstore.JavaKind, []string{"a", "b"}, []string{"a", "b"}, []stack.Action{stack.SendsOther, stack.Sends}},
		{"java-pkix", certstore.PKCS12Kind, []string{"q", "zz"}, []string{"old", "b"}, []stack.Action{stack.SendsOther, stack.Sends}},
		{"curl", certstore.PKCS12Kind, []string{"b", "a"}, []string{"a", "b"}, []stack.Action{stack.Sends, stack.SendsOther}},
		{"go", certstore.PKCS12Kind, []string{"a", "b"}, []string{"a", "b"}, []stack.Action{stack.Fails, stack.Fails}},
		{"firefox", certstore.PKCS12Kind, []string{"a", "b"}, []string{"a", "b"}, []stack.Action{stack.Sends, stack.Sends}},
		{"java-sunx509", certstore.PKCS12Kind, []string{"a"}, []string{"a"}, []stack.Action{stack.Sends}},
	} {
		var identities []*certstore.Identity
		for n, leaf := range tt.leaves {
			key := certstore.Key{State: certstore.Usable, Signer: p.Key(leaf), KeyForm: certstore.KeyForm{Index: n}}
			identities = append(identities, &certstore.Identity{Label: tt.aliases[n], FriendlyName: tt.aliases[n], Kind: tt.kind,
				Source: "one.store", Leaf: p.Cert(leaf), Key: key, Container: &certstore.Container{}})
		}
		q := &match.Question{Request: mirror.Suppose([][]byte{p.Cert("CA").RawSubject})[0], Identities: identities,
			Graph: chain.NewGraph(), Now: certtest.Now}
		var got []stack.Action
		for _, prediction := range stack.New(q).PredictAll(stack.Lookup(tt.client), identities) {
			got = append(got, prediction.Action)
			if prediction.Profile == nil || prediction.Profile.ID != tt.client {
				t.Errorf("%s, %v: a prediction of %v", tt.client, tt.aliases, prediction.Profile)
			}
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s, %v: %q, want %q", tt.client, tt.aliases, got, tt.want)
		}
		for n := range identities { // the same ones in files of their own
			identities[n].Source = fmt.Sprint(n)
		}
		for n, prediction := range stack.New(q).PredictAll(stack.Lookup(tt.client), identities) {
			if prediction.Action != stack.Sends && tt.leaves[n] != "old" {
				t.Errorf("%s, %s in a file of its own: %s", tt.client, tt.aliases[n], prediction.Action)
			}
		}
	}
}

// CAs that have signed each other many times do not make a prediction slow.
func TestMutualCrossCertificates(t *testing.T) {
	edges := []certtest.Edge{{Subject: "A", Issuer: "A"}, {Subject: "B", Issuer: "B"}}
	var names []string
	for n := range 12 {
		a, b := "a"+string(rune('a'+n)), "b"+string(rune('a'+n))
		edges = append(edges, certtest.Edge{Subject: "A", Issuer: "B", Name: a}, certtest.Edge{Subject: "B", Issuer: "A", Name: b})
		names = append(names, a, b)
	}
	p := certtest.New(append(edges, certtest.Edge{Subject: "client", Issuer: "A"}, certtest.Edge{Subject: "Other", Issuer: "Other"})...)
	i := &certstore.Identity{Leaf: p.Cert("client"), Chain: p.Certs(names...), Key: certstore.Key{State: certstore.Usable, Signer: p.Key("client")}}
	q := &match.Question{Request: mirror.Suppose([][]byte{p.Cert("Other").RawSubject})[0], Graph: chain.NewGraph(), Now: certtest.Now, Store: i.Chain}
	predictor := stack.New(q)
	for _, profile := range stack.Profiles() {
		got := predictor.Predict(profile, i)
		if profile.Names != stack.Ignored && got.Sends != say.No {
			t.Errorf("%s: %s (%s), though no way leads to the named CA", profile.ID, got.Sends, got.Reason)
		}
	}
}

// Where nobody has seen the request, what differs between versions is not known.
func TestSupposedRequest(t *testing.T) {
	p := certtest.New(certtest.Edge{Subject: "CA", Issuer: "CA"}, certtest.Edge{Subject: "client", Issuer: "CA"})
	i := &certstore.Identity{Leaf: p.Cert("client"), Key: certstore.Key{State: certstore.Usable, Signer: p.Key("client")}}
	q := &match.Question{Request: &wire.CertificateRequest{NamedCAs: [][]byte{p.Cert("CA").RawSubject}}, Graph: chain.NewGraph(), Now: certtest.Now}
	predictor := stack.New(q)
	for id, want := range map[string]say.Answer{"openssl-strict": say.Unknown, "go": say.Yes, "curl": say.Yes} {
		if got := predictor.Predict(stack.Lookup(id), i); got.Sends != want {
			t.Errorf("%s: %s (%s), want %s", id, got.Sends, got.Reason, want)
		}
	}
}

// What a client imports into a store of its own is sent from there: a file in another form has to
// be written for it first.
func TestImported(t *testing.T) {
	p := certtest.New(certtest.Edge{Subject: "CA", Issuer: "CA"}, certtest.Edge{Subject: "client", Issuer: "CA"})
	q := &match.Question{Request: mirror.Suppose([][]byte{p.Cert("CA").RawSubject})[0], Graph: chain.NewGraph(), Now: certtest.Now}
	predictor := stack.New(q)
	for _, tt := range []struct {
		client  string
		kind    certstore.FileKind
		rewrite bool
	}{
		{"firefox", certstore.PEMKind, true},
		{"java-sunx509", certstore.DERKind, true},
		{"firefox", certstore.PKCS12Kind, false},
		{"java-sunx509", certstore.JavaKind, false},
		{"curl", certstore.PEMKind, false},
	} {
		i := &certstore.Identity{Leaf: p.Cert("client"), Kind: tt.kind, Key: certstore.Key{State: certstore.Usable, Signer: p.Key("client")}}
		got := predictor.Predict(stack.Lookup(tt.client), i)
		if got.Sends != say.Yes || got.Rewrite != tt.rewrite || (got.Remedy != nil) != tt.rewrite || got.Fault {
			t.Errorf("%s, kind %d: sends %s, rewrite %t, remedy %q", tt.client, tt.kind, got.Sends, got.Rewrite, got.Remedy)
		}
	}
}

// A client that passes over a certificate in the file sends the chain without it.
func TestPassedOver(t *testing.T) {
	p := certtest.New(certtest.Edge{Subject: "CA", Issuer: "CA"}, certtest.Edge{Subject: "Issuing", Issuer: "CA"}, certtest.Edge{Subject: "client", Issuer: "Issuing"})
	q := &match.Question{Request: mirror.Suppose(nil)[0], Graph: chain.NewGraph(), Now: certtest.Now}
	for _, tt := range []struct {
		name   string
		over   string // the certificate that is passed over
		client string
		sends  say.Answer
		sent   int
	}{
		{"the issuer", "Issuing", "deno", say.Yes, 1},
		{"the leaf", "client", "deno", say.No, 0},
		{"another program", "Issuing", "curl", say.Yes, 2},
	} {
		obstacle := certstore.Obstacle{Readers: []certstore.Reader{certstore.RustReader}, Passing: []certstore.Reader{certstore.RustReader}, Block: p.Cert(tt.over).Raw}
		i := &certstore.Identity{Leaf: p.Cert("client"), Chain: p.Certs("Issuing"), Kind: certstore.PEMKind, Key: certstore.Key{State: certstore.Usable, Signer: p.Key("client")},
			Container: &certstore.Container{Format: "PEM", Obstacles: []certstore.Obstacle{obstacle}}}
		got := stack.New(q).Predict(stack.Lookup(tt.client), i)
		if got.Sends != tt.sends || len(got.Chain) != tt.sent || got.Rechained != (tt.sent == 1) || len(i.Chain) != 1 {
			t.Errorf("%s: sends %s a chain of %d (%s)", tt.name, got.Sends, len(got.Chain), got.Reason)
		}
	}
}

// What cannot be told of a store with several keys is unknown, and never a yes for each of them.
func TestPredictAllUnknown(t *testing.T) {
	p := certtest.New(certtest.Edge{Subject: "CA", Issuer: "CA"}, certtest.Edge{Subject: "a", Issuer: "CA"},
		certtest.Edge{Subject: "b", Issuer: "CA"})
	for _, tt := range []struct {
		name, client string
		kind         certstore.FileKind
		change       func([]*certstore.Identity)
		want         []stack.Action
	}{
		{"a key with another password", "curl", certstore.PKCS12Kind, func(i []*certstore.Identity) {
			i[0].Key.State, i[0].Key.Signer = certstore.Locked, nil
		}, []stack.Action{stack.NotKnown, stack.NotKnown}},
		{"the same in Java", "java-sunx509", certstore.PKCS12Kind, func(i []*certstore.Identity) {
			i[0].Key.State, i[0].Key.Signer = certstore.Locked, nil
		}, []stack.Action{stack.NotKnown, stack.NotKnown}},
		{"the same in Go", "go", certstore.PKCS12Kind, func(i []*certstore.Identity) {
			i[0].Key.State, i[0].Key.Signer = certstore.Locked, nil
		}, []stack.Action{stack.Fails, stack.Fails}},
		{"the first key has no certificate", "curl", certstore.PKCS12Kind, func(i []*certstore.Identity) {
			i[0].Key.Index, i[1].Key.Index = 1, 2
		}, []stack.Action{stack.Fails, stack.Fails}},
		{"a certificate without a key", "go", certstore.PKCS12Kind, func(i []*certstore.Identity) {
			i[0].Key = certstore.Key{State: certstore.Missing}
			i[1].Key.Index = 0
		}, []stack.Action{stack.Declines, stack.Sends}},
		{"a large table", "java-pkix", certstore.JavaKind, func(i []*certstore.Identity) {
			i[0].Container.Parts = make([]string, 9)
		}, []stack.Action{stack.NotKnown, stack.NotKnown}},
		{"one alias twice", "java-sunx509", certstore.PKCS12Kind, func(i []*certstore.Identity) {
			i[0].FriendlyName, i[1].FriendlyName = "x", "X"
		}, []stack.Action{stack.Declines, stack.Sends}},
	} {
		var identities []*certstore.Identity
		container := &certstore.Container{}
		for n, name := range []string{"a", "b"} {
			key := certstore.Key{State: certstore.Usable, Signer: p.Key(name), KeyForm: certstore.KeyForm{Index: n}}
			identities = append(identities, &certstore.Identity{Label: name, FriendlyName: name, Kind: tt.kind, Source: "store",
				Leaf: p.Cert(name), Key: key, Container: container})
		}
		tt.change(identities)
		q := &match.Question{Request: mirror.Suppose([][]byte{p.Cert("CA").RawSubject})[0], Identities: identities,
			Graph: chain.NewGraph(), Now: certtest.Now}
		var got []stack.Action
		for _, prediction := range stack.New(q).PredictAll(stack.Lookup(tt.client), identities) {
			got = append(got, prediction.Action)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
