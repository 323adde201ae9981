//go:build slow

package stack_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"mtlsprobe/certstore"
	"mtlsprobe/certstore/certtest/debian"
	"mtlsprobe/certstore/chain"
	"mtlsprobe/certstore/pfx"
	"mtlsprobe/probe/match"
	"mtlsprobe/probe/stack"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

// stores are the entries of key stores, in their order: alias and leaf.
func stores() []string {
	return []string{"a:good b:no-eku", "b:good a:no-eku", "old:good new:no-eku", "new:good old:no-eku",
		"client:good billing:no-eku 2026:rsa", "rsa:rsa ec:good", "x:good y:rsa", "17:good 33:no-eku 1:p384",
		"foreign:weak-path fits:good", "one:server-auth two:good", "q:expired zz:good", "Upper:good lower:no-eku",
		"e1:good e2:no-eku e3:p384 e4:server-auth", "only:good", "b:good a:rsa b:no-eku", "2:good :rsa :no-eku",
		"ab:good fw:no-eku", "fw:good ab:no-eku", "w:good x26:rsa", "x26:rsa w:good a:expired"}
}

// TestStores holds which key the real clients take of several in one store against the models.
func TestStores(t *testing.T) {
	slow, stop := slowClients(t)
	defer stop()
	alike, stopAlike := aliases(t)
	defer stopAlike()
	w := newWorld(t)
	scores := make(map[string]*score)
	for _, c := range slices.Concat(clients(), slow, alike) {
		profile := stack.Lookup(c.profile)
		if c.browser || !profile.Reads(certstore.PKCS12Kind) || profile.Several == stack.AsAsked || c.profile == "openssl" ||
			c.profile == "openssl-strict" { // whose command lines write the key out first
			continue
		}
		if _, err := exec.LookPath(c.tool); c.tool != "" && err != nil {
			debian.Missing(t, c.pkg)
			continue
		}
		scores[c.profile] = &score{}
		for n, entries := range stores() {
			for kind, encoding := range map[string]certstore.Encoding{"PKCS12": certstore.PKCS12, "JKS": certstore.JKS} {
				if kind == "JKS" && !profile.Reads(certstore.JavaKind) {
					continue
				}
				named := strings.Fields(entries)
				slices.Sort(named)
				if kind == "JKS" && (strings.HasPrefix(named[0], ":") || len(named) > len(slices.CompactFunc(named, sameAlias))) {
					continue // which Java's own stores do not have
				}
				f := w.store(t, fmt.Sprintf("store-%d.%s", n, kind), kind, encoding, entries)
				for _, version := range []string{"1.2", "1.3"} {
					for _, schemes := range [][]tls.SignatureScheme{nil,
						{tls.Ed25519, tls.PSSWithSHA256, tls.ECDSAWithP256AndSHA256}} {
						s := scenario{name: entries + ", " + kind, named: []string{"Root A"}}
						r := w.request(s, versions[version])
						if schemes != nil {
							r.SignatureSchemes = schemes
							s.name += ", Ed25519 first"
						}
						w.fromStore(t, &c, f, s, r, version, scores[c.profile])
					}
				}
			}
		}
	}
	printScores(t, scores)
}

func sameAlias(a, b string) bool {
	one, _, _ := strings.Cut(a, ":")
	other, _, _ := strings.Cut(b, ":")
	return one == other
}

// fromStore lets a client connect with a store, and compares what it sends of it.
func (w *world) fromStore(t *testing.T, c *client, f *storeFile, s scenario, r *wire.CertificateRequest,
	version string, scored *score) {
	t.Helper()
	q := &match.Question{Request: r, Identities: f.identities, Graph: chain.NewGraph(), Now: w.now}
	predictions := stack.New(q).PredictAll(stack.Lookup(c.profile), f.identities)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	port, seen := listen(t, w, r, c, cancel)
	out, _ := c.run(ctx, w, &f.files, port, version)
	cancel()
	sighting := seen()
	at := 0 // of the one that was sent, and for which the prediction is compared
	for n, i := range f.identities {
		if sighting != nil && sighting.Leaf() != nil && sighting.Leaf().Equal(i.Leaf) {
			at = n
		}
	}
	for n := range predictions {
		if n != at && predictions[n].Sends == say.Yes {
			t.Errorf("%s, %s, TLS %s: predicted that %q is sent", c.profile, s.name, version, f.identities[n].Label)
		}
	}
	w.compare(t, c.profile, s, version, &predictions[at], sighting, out, scored)
}

// A storeFile is a key store with several identities, as it is loaded.
type storeFile struct {
	files
	identities []*certstore.Identity
}

func (w *world) store(t *testing.T, name, kind string, encoding certstore.Encoding, entries string) *storeFile {
	t.Helper()
	var identities []*certstore.Identity
	for _, entry := range strings.Fields(entries) {
		alias, leaf, _ := strings.Cut(entry, ":")
		chain := w.pki.Certs("Int A")
		if leaf == "weak-path" {
			leaf, chain = "p384-rsa", []*x509.Certificate{}
		}
		l := w.leaves[leaf]
		identities = append(identities, &certstore.Identity{FriendlyName: alias, Leaf: l.cert, Chain: chain,
			Key: certstore.Key{Signer: l.key}})
	}
	f := &storeFile{files: files{dir: t.TempDir(), kind: kind, password: formPassword}}
	var data []byte
	if encoding == certstore.PKCS12 { // with aliases that certstore does not write
		var all []pfx.Entry
		for _, i := range identities {
			e := pfx.Entry{FriendlyName: i.FriendlyName, Certificates: [][]byte{i.Leaf.Raw},
				Key: must(x509.MarshalPKCS8PrivateKey(i.Key.Signer))}
			for _, c := range i.Chain {
				e.Certificates = append(e.Certificates, c.Raw)
			}
			all = append(all, e)
		}
		data = must(pfx.Write(pfx.Modern, pfx.DefaultMAC, formPassword, all...))
	} else {
		data = must(certstore.Encode(certstore.Form{Encoding: encoding, Password: formPassword}, identities...))
	}
	f.bundle = w.write(t, name, data)
	holding, err := certstore.Load(t.Context(), &certstore.Options{Passwords: []string{formPassword}},
		certstore.Source{Path: f.bundle, Role: certstore.Candidate})
	if err != nil {
		t.Fatal(err)
	}
	f.identities, f.Identity = holding.Identities, holding.Identities[0]
	return f
}
