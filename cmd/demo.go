package cmd

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"mtlsprobe/certstore/account"
	"mtlsprobe/certstore/certtest"
	"mtlsprobe/probe/probetest"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

type demoOptions struct {
	keep   string
	serve  string
	output outputFlags
}

func newDemo(s *Streams) *cobra.Command {
	o := &demoOptions{}
	c := &cobra.Command{
		Use:   "demo",
		Short: "Run a demonstration against a built-in server, with one candidate per cause of failure",
		Args:  args(cobra.NoArgs),
		RunE:  func(c *cobra.Command, _ []string) error { return runDemo(c.Context(), s, o) },
	}
	addFlags(c, flagGroup{demoGroup, func(flags *pflag.FlagSet) {
		flags.StringVar(&o.keep, "keep", "", "keep the demo files in this `FOLDER`")
		flags.StringVar(&o.serve, "serve", "",
			"with --keep: keep the demo server running on this `ADDRESS` until interrupted")
	}}, flagGroup{reportGroup, o.output.registerTranscript}, flagGroup{reportGroup, o.output.register})
	return c
}

// runDemo runs probe on a server of its own. That some candidates do not fit is
// the point, and so no failure, as long as the good ones do.
func runDemo(ctx context.Context, s *Streams, o *demoOptions) error {
	dir, err := o.folder()
	if err != nil {
		return err
	}
	if o.keep == "" {
		defer os.RemoveAll(dir)
	}
	pki := demoPKI(rand.Text(), s.Now())
	candidates, err := writeDemo(dir, pki)
	if err != nil {
		return fmt.Errorf("writing the demonstration's files: %w", err)
	}
	server, err := serveDemo(pki, cmp.Or(o.serve, "127.0.0.1:0"), s.Now)
	if err != nil {
		return err
	}
	defer server.Close()

	p := &probeOptions{targets: []string{server.Address}, output: o.output}
	p.connect = connectFlags{serverNames: []string{"localhost"}, cacert: filepath.Join(dir, "server-ca.pem"),
		timeout: 10 * time.Second}
	p.hold = holdFlags{certs: candidates, authorities: []string{filepath.Join(dir, "authorities")}}
	quiet := *s
	quiet.ReadPassword = nil // the locked key shall stay locked
	shown := s.Out
	if o.output.format != "table" { // another format is not to be mixed with words
		shown = s.Err
	}
	fmt.Fprintf(shown, "$ %s\n\n", demoCommand(server.Address, dir, candidates))
	if o.keep == "" {
		fmt.Fprintln(shown, "# Server and files are gone when this ends; demo --keep DIR --serve 127.0.0.1:8443 keeps "+
			"them.")
		fmt.Fprintln(shown)
	}
	err = runProbe(ctx, &quiet, p)
	if o.serve != "" && err == nil {
		tell(s.Err, "hint", "serving on "+server.Address+" until an interrupt (Ctrl-C)")
		<-ctx.Done()
	}
	return err
}

// serveDemo starts the built-in server. It knows the new root, not the old one.
func serveDemo(pki *certtest.PKI, address string, now func() time.Time) (*probetest.Server, error) {
	pool := x509.NewCertPool()
	for _, root := range pki.Certs("Demo Root", "Demo New Root", "Demo Latin Root") {
		pool.AddCert(root)
	}
	return probetest.ServeHTTPSAt(address, &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{pki.Cert("localhost").Raw},
			PrivateKey: pki.Key("localhost")}},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool,
		Time: now,
	}, now)
}

func (o *demoOptions) folder() (string, error) {
	if o.keep == "" {
		return os.MkdirTemp("", "mtlsprobe-demo-")
	}
	if err := os.MkdirAll(o.keep, 0o700); err != nil {
		return "", fmt.Errorf("--keep: %w", err)
	}
	entries, err := os.ReadDir(o.keep)
	if err != nil {
		return "", fmt.Errorf("--keep: %w", err)
	}
	about := filepath.Join(o.keep, aboutDemo)
	if info, err := os.Lstat(about); len(entries) > 0 && (err != nil || !info.Mode().IsRegular() ||
		!isOurs(about, info.Size())) {
		return "", usage(fmt.Errorf("--keep: the folder %q contains files of others: name a new or an empty one", o.keep))
	}
	return o.keep, nil
}

// demoCommand is what a user would type, with the files' folder once.
func demoCommand(address, dir string, candidates []string) string {
	_, port, _ := net.SplitHostPort(address)
	parts := []string{"cd " + account.ShellQuote(dir) + " && mtlsprobe probe 127.0.0.1:" + port +
		" --servername localhost --cacert server-ca.pem --authorities authorities"}
	for _, c := range candidates {
		parts = append(parts, "--cert "+filepath.Base(c))
	}
	return strings.Join(parts, " \\\n      ")
}
