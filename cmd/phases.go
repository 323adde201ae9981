package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"mtlsprobe/certstore"
	"mtlsprobe/probe/match"
	"mtlsprobe/probe/reading"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report"

	"github.com/spf13/pflag"
)

// phaseFlags say what servers demand: saved requests and lists of CAs, in the
// order of the command line. One is a question, several are a migration.
type phaseFlags struct{ files []phaseFile }

type phaseFile struct {
	path    string
	namedCA bool
	mode    reading.Mode // that a saved report holds; set by phases
}

func (f *phaseFlags) register(flags *pflag.FlagSet) {
	f.registerNamedCA(flags)
	flags.Var(&phaseValue{f, false}, "request",
		"judge by what a server demanded: `FILE` is what \"mtlsprobe request --save\" wrote, or a JSON report of "+
			"\"mtlsprobe probe\"; several make a table, with a column for each")
}

func (f *phaseFlags) registerNamedCA(flags *pflag.FlagSet) {
	flags.Var(&phaseValue{f, true}, "named-ca",
		"judge by the CA certificates that a server will name: `SOURCE` is a file or directory; several make a table, "+
			"with a column for each")
}

// mode is what the saved report of a single phase says; unknown for others.
func (f *phaseFlags) mode() reading.Mode {
	if len(f.files) == 1 && f.files[0].mode != "" {
		return f.files[0].mode
	}
	return reading.UnknownMode
}

// A phaseValue appends to the files, so that both flags keep one order.
type phaseValue struct {
	flags   *phaseFlags
	namedCA bool
}

func (v *phaseValue) String() string { return "" }
func (v *phaseValue) Type() string   { return "file" }
func (v *phaseValue) Set(path string) error {
	v.flags.files = append(v.flags.files, phaseFile{path: path, namedCA: v.namedCA})
	return nil
}

// GetSlice returns the paths that the flag was given.
func (v *phaseValue) GetSlice() []string {
	var paths []string
	for _, file := range v.flags.files {
		if file.namedCA == v.namedCA {
			paths = append(paths, file.path)
		}
	}
	return paths
}

// namedCAs returns the files that hold CA certificates.
func (f *phaseFlags) namedCAs() []string { return (&phaseValue{f, true}).GetSlice() }

// phases reads the files. Labels are the files' names, made unique.
func (f *phaseFlags) phases(ctx context.Context, s *Streams) ([]match.Phase, error) {
	var phases []match.Phase
	taken := make(map[string]bool)
	for n := range f.files {
		file := &f.files[n]
		var request *wire.CertificateRequest
		var err error
		if file.namedCA {
			request, err = requestOf(ctx, s, file.path)
		} else {
			request, file.mode, err = readRequest(ctx, s, file.path)
		}
		if err != nil {
			return nil, err
		}
		name := strings.TrimSuffix(filepath.Base(file.path), filepath.Ext(file.path))
		label := name
		for n := 2; taken[label]; n++ {
			label = fmt.Sprintf("%s (%d)", name, n)
		}
		taken[label] = true
		phases = append(phases, match.Phase{Label: label, Request: request})
	}
	return phases, nil
}

// requestOf makes the request of a server that names the CAs in a file. Nobody
// has seen it: its version is zero.
func requestOf(ctx context.Context, s *Streams, path string) (*wire.CertificateRequest, error) {
	named, err := certstore.Load(ctx, &certstore.Options{Stdin: s.standardInput},
		certstore.Source{Path: path, Role: certstore.NamedCAs})
	if err != nil {
		return nil, err
	}
	request, listed := &wire.CertificateRequest{}, make(map[string]bool)
	for _, a := range named.Authorities {
		if !a.Certificate.IsCA && a.Certificate.Version == 3 { // of the first version nothing says it
			warn(s.Err, fmt.Sprintf("--named-ca %q: %s is not a CA certificate; the flag takes those of the CAs that a "+
				"server names",
				path, certstore.NameString(a.Certificate.RawSubject)))
		}
		if name := string(a.Certificate.RawSubject); !listed[name] {
			listed[name] = true
			request.NamedCAs = append(request.NamedCAs, a.Certificate.RawSubject)
		}
	}
	if len(request.NamedCAs) == 0 {
		return nil, fmt.Errorf("--named-ca %q contains no certificate", path)
	}
	return request, nil
}

// readRequest reads the request from a saved report, and the server's mode.
func readRequest(ctx context.Context, s *Streams, path string) (*wire.CertificateRequest, reading.Mode, error) {
	data, err := s.readUpTo(ctx, path, maxReport)
	if err != nil {
		return nil, "", fmt.Errorf("--request: %w", err)
	}
	r, err := report.Parse(data)
	if err != nil {
		return nil, "", fmt.Errorf("--request %q is not a saved request: %w", path, err)
	}
	switch {
	case r.Request != nil && r.Request.Asked == "yes" && len(r.Request.Raw) == 0:
		return nil, "", fmt.Errorf("--request %q is redacted: the names of the CAs are gone, by which to judge", path)
	case r.Request == nil || len(r.Request.Raw) == 0:
		return nil, "", fmt.Errorf("--request %q contains no request: the server did not ask, or it was not seen", path)
	}
	mode, ok := reading.ParseMode(cmp.Or(r.Request.Insistence, string(reading.UnknownMode)))
	if !ok {
		return nil, "", fmt.Errorf("--request %q: insistence %q is not known", path, r.Request.Insistence)
	}
	version, ok := wire.ParseVersion(r.Request.Version)
	if !ok {
		return nil, "", fmt.Errorf("--request %q: version %q is not known", path, r.Request.Version)
	}
	request, err := wire.ParseCertificateRequest(version, r.Request.Raw)
	if err != nil {
		return nil, "", fmt.Errorf("--request %q: %w", path, err)
	}
	return request, mode, nil
}

var errNoPhase = usage(errors.New("give --request FILE or --named-ca FILE"))
