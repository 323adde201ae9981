package cmd

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"mtlsprobe/certstore"
	"mtlsprobe/certstore/account"
	"mtlsprobe/probe/diagnosis"
	"mtlsprobe/probe/match"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

type fixOptions struct {
	hold     holdFlags
	chain    chainFlags
	judge    judgeFlags
	phases   phaseFlags
	out      string
	passOut  []string
	encoding string
	client   string // the bundle is for
	keyOut   string
	mac      string // of PKCS #12
	labels   []string
	aliases  []string
	force    bool
}

func newFix(s *Streams, run func(context.Context, *Streams, *fixOptions) error) *cobra.Command {
	o := &fixOptions{}
	c := &cobra.Command{
		Use:   "fix --cert SOURCE --out FILE",
		Short: "Write a bundle with the complete chain, and judge it",
		Long: "Write a bundle with the certificate, its key and the intermediates that lead to the CAs which\n" +
			"the server names, in order. The CAs come from --named-ca or --request files, else they are those\n" +
			"of --authorities, else those that the bundle leads to; the intermediates come from the bundle\n" +
			"itself and --authorities. --for writes the form that a client program reads.",
		Example: "  mtlsprobe fix --cert billing.pem --authorities issuing-ca.pem --out billing-full.pem\n" +
			"  mtlsprobe fix --cert old.p12 --named-ca new-root.pem --authorities ./cas --out new.p12\n" +
			"  mtlsprobe fix --cert client.jks --for curl --out client.pem\n" +
			"  mtlsprobe fix --cert client.p12 --for libpq --out client.crt --key-out client.key",
		Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return run(c.Context(), s, o) },
	}
	addFlags(c, flagGroup{demandGroup, o.phases.register}, flagGroup{candidateGroup, o.hold.register},
		flagGroup{"New bundle", o.registerBundle},
		flagGroup{judgementGroup, o.judge.register}, flagGroup{judgementGroup, o.chain.register})
	return c
}

func (o *fixOptions) registerBundle(flags *pflag.FlagSet) {
	flags.StringVar(&o.out, "out", "",
		"write the bundle to this `FILE`: .pem for PEM, .der for DER, .p12 or .pfx for PKCS#12, .jks for Java's own")
	flags.StringArrayVar(&o.passOut, "pass-out", nil,
		"password of the new bundle, `FROM` as for --pass (default: the first --pass)")
	flags.StringVar(&o.encoding, "encoding", "",
		"write this `KIND`: pkcs12, pkcs12-legacy, pem, der or jks (default: by the ending of --out)")
	flags.StringVar(&o.mac, "mac", "",
		"integrity check of a PKCS#12 file by this `DIGEST`: sha1, sha256, sha384, sha512 or none (default sha256, and "+
			"sha1 in pkcs12-legacy)")
	flags.StringVar(&o.client, "for", "",
		"write what this client `STACK` reads, such as curl, go, java-pkix, libpq; the exit code answers for it")
	flags.StringVar(&o.keyOut, "key-out", "", "write the private key to this `FILE` of its own, with PEM and DER")
	flags.StringArrayVar(&o.labels, "label", nil,
		"which identity, where the sources contain several: its `LABEL` as \"inspect\" shows it; repeat it "+
			"to write several, with PKCS#12 and JKS")
	flags.StringArrayVar(&o.aliases, "alias", nil,
		"the `NAME` of the entry in the new bundle, one for each --label (default: the old one)")
	flags.BoolVar(&o.force, "force", false, "overwrite the file")
}

func (o *fixOptions) check() error {
	switch {
	case len(o.hold.certs) == 0:
		return usage(errors.New("nothing to fix: give --cert SOURCE"))
	case o.out == "":
		return usage(errors.New("give --out FILE"))
	case o.out == "-":
		return usage(errors.New("--out -: a private key is written to a file only, which nobody else may read"))
	case o.keyOut != "" && (filepath.Clean(o.keyOut) == filepath.Clean(o.out) || sameFile(o.keyOut, o.out)):
		return usage(fmt.Errorf("--out and --key-out are both %q: give the key a file of its own", o.out))
	case slices.ContainsFunc(o.aliases, func(a string) bool { return strings.ContainsFunc(a, unicode.IsControl) }):
		return usage(errors.New("--alias: a name has control characters"))
	case len(o.passOut) > 1:
		return usage(errors.New("--pass-out stands once"))
	}
	if err := o.chooseForm(); err != nil {
		return err
	}
	for _, out := range o.outs() {
		if err := o.checkOut(out); err != nil {
			return err
		}
	}
	return nil
}

// outs are the files that are written.
func (o *fixOptions) outs() []string {
	if o.keyOut == "" {
		return []string{o.out}
	}
	return []string{o.out, o.keyOut}
}

func (o *fixOptions) checkOut(out string) error {
	for _, source := range o.hold.certs {
		if sameFile(source, out) {
			return usage(fmt.Errorf("--out %q is the file that is to be fixed: give another name, and replace it when "+
				"the new one has been tried", out))
		}
	}
	if _, err := os.Lstat(out); err == nil && !o.force {
		return usage(fmt.Errorf("%q exists: give --force to overwrite it", out))
	}
	if folder := filepath.Dir(out); !isFolder(folder) {
		return usage(fmt.Errorf("--out: no such directory: %q", folder))
	}
	return nil
}

func encodings() []string {
	var names []string
	for _, e := range certstore.Encodings() {
		names = append(names, string(e))
	}
	return names
}

// sameFile reports whether two names are of one file that exists.
func sameFile(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func runFix(ctx context.Context, s *Streams, o *fixOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	now, err := o.judge.time()
	if err != nil {
		return err
	}
	phases, err := o.phases.phases(ctx, s)
	if err != nil {
		return err
	}
	o.hold.namedCAs = o.phases.namedCAs()
	holding, password, err := o.load(ctx, s)
	if err != nil {
		return err
	}
	given := len(phases) > 0
	if !given {
		phases = anyAuthority(holding)
	}
	settings, err := o.chain.settings(ctx, s, now, holding)
	if err != nil {
		return err
	}
	d, err := diagnosis.New(settings).Check(ctx, o.phases.mode(), match.Phase{Request: joined(phases)})
	if err != nil {
		return err
	}
	identities, err := o.complete(s, d)
	if err != nil {
		return err
	}
	if err := o.write(identities, password); err != nil {
		return err
	}
	if n := len(identities[0].Chain); n > 0 && o.encoding == string(certstore.DER) {
		warn(s.Err, fmt.Sprintf("a file in DER contains one certificate: its chain of %d is left out", n))
	}
	if password == "" && !o.clearKey() {
		warn(s.Err, "the new bundle has no password; give one with --pass-out")
	}
	if given {
		return o.verdict(ctx, s, settings, password, phases)
	}
	if holding, err = o.again(ctx, password); err != nil {
		return err
	}
	o.written(s, holding.Identities)
	fmt.Fprintln(s.Out, "No server's request was given: try the bundle with \"mtlsprobe probe\", or judge it with "+
		"\"mtlsprobe check\".")
	return o.reads(ctx, s, settings, holding, phases[0].Request)
}

// load loads the identities that are meant, and finds out the password of the new bundle; empty
// where its key is to be in clear.
func (o *fixOptions) load(ctx context.Context, s *Streams) (*certstore.Holding, string, error) {
	password, err := o.password(ctx, s)
	if err != nil {
		return nil, "", err
	}
	holding, err := holdIdentities(ctx, s.remember(&password), &o.hold)
	if err != nil {
		return nil, "", err
	}
	if holding.Identities, err = o.choose(holding.Identities); err != nil {
		return nil, "", err
	}
	switch {
	case o.encoding == string(certstore.DER):
		warn(s.Err, "the private key is not encrypted in DER: it is written in clear, readable by you alone")
		password = ""
	case o.clearKey() && password != "":
		warn(s.Err, o.client+" reads no encrypted private key: it is written in clear, readable by you alone")
		password = ""
	}
	return holding, password, nil
}

// complete returns the identities with their aliases, and the chains that lead to the named CAs. It says
// what is wrong where one has none.
func (o *fixOptions) complete(s *Streams, d *diagnosis.Diagnosis) ([]*certstore.Identity, error) {
	identities, err := o.named(d.Holding.Identities)
	if err != nil {
		return nil, err
	}
	for n, i := range identities {
		var reached int
		if i.Chain, reached = match.Bundle(d.Identities[n].Judgement); reached > 0 {
			continue
		}
		if err := (&outputFlags{format: "table", color: "auto"}).write(s, report.New(d, false)); err != nil {
			return nil, err
		}
		warn(s.Err, fmt.Sprintf("nothing was written: no path leads from %q to a named CA", i.Label))
		return nil, errNoneFits
	}
	return identities, nil
}

// anyAuthority asks as a server would that names every authority at hand, or if there is none, every
// issuer in the bundle.
func anyAuthority(holding *certstore.Holding) []match.Phase {
	request := &wire.CertificateRequest{}
	for _, a := range holding.Authorities {
		request.NamedCAs = append(request.NamedCAs, a.Certificate.RawSubject)
	}
	if request.NamedCAs == nil {
		for _, i := range holding.Identities {
			request.NamedCAs = append(request.NamedCAs, i.Leaf.RawIssuer)
			for _, c := range i.Chain {
				request.NamedCAs = append(request.NamedCAs, c.RawIssuer)
			}
		}
	}
	return []match.Phase{{Label: "authorities", Request: request}}
}

// joined is a request with the named CAs of all phases.
func joined(phases []match.Phase) *wire.CertificateRequest {
	all := *phases[0].Request
	for _, p := range phases[1:] {
		all.NamedCAs = append(all.NamedCAs[:len(all.NamedCAs):len(all.NamedCAs)], p.Request.NamedCAs...)
	}
	return &all
}

// remember keeps the last answer at the terminal: what protected the old bundle
// shall protect the new one, unless a password was given.
func (s *Streams) remember(password *string) *Streams {
	if s.ReadPassword == nil || *password != "" {
		return s
	}
	out := *s
	out.ReadPassword = func(ctx context.Context, prompt string) (string, error) {
		answer, err := s.ReadPassword(ctx, prompt)
		if answer != "" {
			*password = answer
		}
		return answer, err
	}
	return &out
}

// password of the new bundle: its own, or the first one given for the old.
func (o *fixOptions) password(ctx context.Context, s *Streams) (string, error) {
	forms := o.passOut
	if len(forms) == 0 {
		forms = o.hold.pass
	}
	if len(forms) == 0 {
		return "", nil
	}
	if len(o.passOut) == 0 {
		given, err := o.hold.passwords(ctx, s)
		if err != nil {
			return "", err
		}
		return given.first(), nil
	}
	given, err := passwords(ctx, s, forms)
	if err != nil {
		return "", err
	}
	return given.first(), nil
}

// choose returns the identities that are meant, in the order of their labels.
func (o *fixOptions) choose(identities []*certstore.Identity) ([]*certstore.Identity, error) {
	var chosen []*certstore.Identity
	var labels []string
	for _, i := range identities {
		labels = append(labels, i.Label)
		if len(o.labels) == 0 && i.Leaf != nil {
			chosen = append(chosen, i)
		}
	}
	for _, label := range o.labels {
		at := slices.Index(labels, label)
		if at < 0 {
			return nil, usage(fmt.Errorf("--label %q: there are %q", label, labels))
		}
		if slices.Contains(chosen, identities[at]) {
			return nil, usage(fmt.Errorf("--label %q stands twice", label))
		}
		chosen = append(chosen, identities[at])
	}
	if len(chosen) > 1 && len(o.labels) == 0 {
		return nil, usage(fmt.Errorf("the sources contain %d identities: choose with --label, of %q", len(chosen), labels))
	}
	if n := len(o.aliases); n > 0 && n != len(chosen) {
		return nil, usage(fmt.Errorf("%d of --alias for %d identities: give one for each --label", n, len(chosen)))
	}
	for _, i := range chosen {
		if i.Certificate() == nil {
			return nil, fmt.Errorf("%q cannot be written again: its key is %s: %s", i.Label, i.Key.State, i.Key.Detail)
		}
	}
	return chosen, nil
}

// named returns copies of the identities with the aliases that they are to have: of several each
// needs one.
func (o *fixOptions) named(identities []*certstore.Identity) ([]*certstore.Identity, error) {
	var out []*certstore.Identity
	for n, i := range identities {
		named := *i
		switch {
		case len(o.aliases) > 0:
			named.FriendlyName = o.aliases[n]
		case len(identities) > 1 && named.FriendlyName == "":
			named.FriendlyName = i.Label
		}
		same := func(other *certstore.Identity) bool { return strings.EqualFold(other.FriendlyName, named.FriendlyName) }
		if slices.ContainsFunc(out, same) {
			return nil, usage(fmt.Errorf("two identities would have the alias %q, where case does not count: give one --alias "+
				"for each --label", named.FriendlyName))
		}
		out = append(out, &named)
	}
	return out, nil
}

// verdict loads what was written as anybody would, and judges it in each phase.
func (o *fixOptions) verdict(ctx context.Context, s *Streams, before diagnosis.Settings, password string,
	phases []match.Phase) error {
	holding, err := o.again(ctx, password)
	if err != nil {
		return err
	}
	holding.Authorities = append(holding.Authorities, before.Holding.Authorities...)
	for _, i := range before.Holding.Identities {
		for _, c := range i.Chain {
			holding.Authorities = append(holding.Authorities,
				certstore.Authority{Certificate: c, Source: i.Source, Origin: certstore.FromBundle})
		}
	}
	before.Holding = holding
	d, err := diagnosis.New(before).Check(ctx, o.phases.mode(), phases...)
	if err != nil {
		return err
	}
	o.written(s, holding.Identities)
	return answer(ctx, s, &outputFlags{format: "table", color: "auto", paths: true, client: o.client},
		report.New(d, false))
}

// again loads what was written as anybody would.
func (o *fixOptions) again(ctx context.Context, password string) (*certstore.Holding, error) {
	holding, err := certstore.Load(ctx, &certstore.Options{Passwords: []string{password}},
		o.sources()...)
	if err == nil {
		err = holding.RequireIdentity()
	}
	if err != nil {
		return nil, fmt.Errorf("reading again what was written: %w", err)
	}
	return holding, nil
}

// written says what was written, and where.
func (o *fixOptions) written(s *Streams, identities []*certstore.Identity) {
	if o.keyOut != "" {
		fmt.Fprintf(s.Out, "Written    %s: the key\n", account.ShellQuote(o.keyOut))
	}
	for _, i := range identities {
		parts := []string{certstore.NameString(i.Leaf.RawSubject)}
		for _, c := range i.Chain {
			parts = append(parts, describeIssued(c))
		}
		if o.keyOut == "" {
			parts = slices.Insert(parts, 0, "the key")
		}
		alias := ""
		if len(identities) > 1 {
			alias = fmt.Sprintf("%q: ", i.FriendlyName)
		}
		fmt.Fprintf(s.Out, "Written    %s: %s%s\n", account.ShellQuote(o.out), alias, strings.Join(parts, ", "))
	}
}

func describeIssued(c *x509.Certificate) string {
	return fmt.Sprintf("%s (signed by %s)", certstore.NameString(c.RawSubject), certstore.NameString(c.RawIssuer))
}
