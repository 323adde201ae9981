package verifier_test

import (
	"crypto/x509"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// meshes are random chains: CAs that several others have signed, some with a defect, sent in
// any order and not all of them, to a server that trusts some. Nothing was fitted to them.
func meshes(count int) (cases []chainCase) {
	for seed := range count {
		cases = append(cases, mesh(seed))
	}
	return cases
}

func mesh(seed int) chainCase {
	r := rand.New(rand.NewPCG(uint64(seed), 9))
	c := chainCase{name: fmt.Sprintf("mesh %03d", seed), change: make(map[string]change)}
	defects := []change{expired, early, eku(x509.ExtKeyUsageServerAuth), eku(x509.ExtKeyUsageAny), usage(x509.KeyUsageCRLSign), usage(0),
		func(c *x509.Certificate) { c.IsCA = false }, pathLength(0), pathLength(1), netscapeType(0x40), newer, keyIdentifier(0x80, 4, 1, 2, 3, 4),
		permitDNS("example.org"), permitDirectory("Other")}
	const constraints = 2 // the last ones: Mbed TLS loads no CA file with an extension that it does not know
	var edges, all, roots []string
	add := func(subject, issuer string, odds int) string {
		edge := subject + "<" + issuer
		for slices.Contains(edges, edge) {
			edge += "'"
		}
		if r.IntN(odds) == 0 {
			c.change[edge] = defects[r.IntN(len(defects)-map[bool]int{true: constraints}[subject == issuer])]
		}
		edges = append(edges, edge)
		return edge
	}
	nodes := []string{"R0", "R1"}
	for _, root := range nodes {
		roots = append(roots, add(root, root, 8))
	}
	for n := range 1 + r.IntN(3) {
		name := fmt.Sprintf("C%d", n)
		for range 1 + r.IntN(2) {
			// Mostly the node before: longer paths.
			issuer := nodes[len(nodes)-1]
			if r.IntN(2) == 0 {
				issuer = nodes[r.IntN(len(nodes))]
			}
			all = append(all, add(name, issuer, 4))
		}
		nodes = append(nodes, name)
	}
	if r.IntN(3) == 0 {
		all = append(all, roots[r.IntN(2)])
	}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	sent := all
	if r.IntN(4) == 0 {
		sent = all[1:]
	}
	trusts := []string{roots[r.IntN(2)]}
	if r.IntN(3) == 0 {
		trusts = roots
	}
	if intermediate := all[r.IntN(len(all))]; r.IntN(5) == 0 && c.change[intermediate] == nil {
		trusts = append(trusts[:len(trusts):len(trusts)], intermediate)
	}
	edges = append(edges, "leaf<"+nodes[len(nodes)-1])
	if r.IntN(4) == 0 {
		c.change["leaf"] = []change{eku(x509.ExtKeyUsageServerAuth), eku(x509.ExtKeyUsageAny), noEKU, netscapeType(0x40), usage(x509.KeyUsageKeyEncipherment),
			func(c *x509.Certificate) { c.DNSNames = []string{"a.example.com"} }}[r.IntN(6)]
	}
	c.edges, c.sent, c.trusts = strings.Join(edges, " "), strings.Join(sent, " "), strings.Join(trusts, " ")
	return c
}
