package cmd

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"mtlsprobe/certstore"
	"mtlsprobe/probe"
	"mtlsprobe/probe/diagnosis"
	"mtlsprobe/probe/wire"

	"github.com/spf13/pflag"
)

// connectFlags say how to connect.
type connectFlags struct {
	cacert, capath string
	path, host     string
	fields         []string
	serverNames    []string
	allAddresses   bool
	insecure       bool
	noSweep        bool
	alpn           []string
	tlsMin, tlsMax string
	timeout        time.Duration
	maxTime        time.Duration
	way            wayFlags
	carrier        carrierFlags
}

func (f *connectFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.cacert, "cacert", "",
		"verify the server with the CA certificates in this `FILE` instead of the system's")
	flags.StringVar(&f.capath, "capath", "", "like --cacert, for all CA certificates in this `DIRECTORY`")
	flags.BoolVarP(&f.insecure, "insecure", "k", false, "present certificates although the server is not verified")
	flags.StringSliceVar(&f.serverNames, "servername", nil,
		"SNI `NAME` to send and to verify the server by (default: the target's host); a comma-separated list compares "+
			"several")
	flags.StringVar(&f.path, "path", "",
		"HTTP `PATH` to request after the handshake (default: that of the target, or /)")
	flags.StringVar(&f.host, "host-header", "",
		"`NAME` in HTTP's Host, where it is not the one that is sent as SNI")
	flags.StringArrayVar(&f.fields, "header", nil,
		"`NAME` of an HTTP field by which a proxy passes the certificate on, to look for in what the application answers; "+
			"the usual ones are known (repeatable)")
	f.way.register(flags)
	f.carrier.register(flags)
	flags.StringSliceVar(&f.alpn, "alpn", nil, "offer these application `PROTOCOLS`, with commas between")
	flags.StringVar(&f.tlsMin, "tls-min", "", "lowest `VERSION`: 1.0, 1.1, 1.2 or 1.3")
	flags.StringVar(&f.tlsMax, "tls-max", "", "highest `VERSION`: 1.0, 1.1, 1.2 or 1.3")
	flags.BoolVar(&f.noSweep, "no-sweep", false,
		"test only the negotiated TLS version, not all from SSL 3.0 to TLS 1.3")
	flags.BoolVar(&f.allAddresses, "all-addresses", false, "ask at every address of the host, and compare")
	flags.DurationVar(&f.timeout, "timeout", 10*time.Second,
		"timeout per connection: a `DURATION` as in 10s or 1m")
	flags.DurationVar(&f.maxTime, "max-time", 0,
		"time limit for the whole run: a `DURATION` as in 30s or 5m; what is known by then is reported (default none)")
}

// limit bounds the run by --max-time.
func (f *connectFlags) limit(ctx context.Context) (context.Context, context.CancelFunc, error) {
	switch {
	case f.maxTime < 0:
		return nil, nil, usage(fmt.Errorf("--max-time must not be negative: %v", f.maxTime))
	case f.maxTime == 0:
		limited, cancel := context.WithCancel(ctx)
		return limited, cancel, nil
	}
	limited, cancel := context.WithTimeoutCause(ctx, f.maxTime, fmt.Errorf("--max-time %v is over: not all was done",
		f.maxTime))
	return limited, cancel, nil
}

// destination is where and how to connect, with the options that are the same for all targets.
func (f *connectFlags) destination(s *Streams, target string, common *probe.Options) (probe.Target, *probe.Options,
	error) {
	t, err := f.target(target)
	if err != nil {
		return t, nil, err
	}
	if t.Password {
		warn(s.Err, fmt.Sprintf("the password in the target is not used, and visible to other users of this host: only the "+
			"certificate is tried (%s)", t.Address()))
	}
	o := *common
	t.User = login(s, t)
	if err := f.carrier.apply(&t, &o); err != nil {
		return t, nil, err
	}
	return t, &o, f.way.apply(s, t, &o)
}

// login is the user whom a database is told, by the rules of its own clients.
func login(s *Streams, t probe.Target) string {
	switch t.Protocol {
	case "postgres": // PostgreSQL, libpq, Parameter Key Words, user
		return cmp.Or(t.User, s.Getenv("PGUSER"), s.Account)
	case "mysql": // MySQL, Connection Options, --user
		return cmp.Or(t.User, s.Account)
	}
	return t.User
}

func (f *connectFlags) target(s string) (t probe.Target, err error) {
	if s, err = f.way.scheme(s); err != nil {
		return t, err
	} else if t, err = parseTarget(s); err != nil {
		return t, err
	}
	for n, name := range f.serverNames {
		if strings.TrimSpace(name) == "" {
			return t, usage(fmt.Errorf("--servername: name %d of %d is empty", n+1, len(f.serverNames)))
		}
	}
	if len(f.serverNames) > 0 {
		t.ServerName = f.serverNames[0]
	}
	if f.path != "" {
		if !strings.HasPrefix(f.path, "/") || strings.ContainsAny(f.path, " \r\n") {
			return t, usage(fmt.Errorf("--path %q does not start with / or has spaces", f.path))
		}
		t.Path = f.path
	}
	if strings.ContainsFunc(f.host, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return t, usage(fmt.Errorf("--host-header %q has spaces", f.host))
	}
	t.HostHeader, t.Fields = f.host, f.fields
	return t, nil
}

// plan says how else to look at the server.
func (f *connectFlags) plan() diagnosis.Plan {
	return diagnosis.Plan{NoSweep: f.noSweep, AllAddresses: f.allAddresses,
		ServerNames: f.serverNames[min(1, len(f.serverNames)):]}
}

func (f *connectFlags) options(ctx context.Context, s *Streams) (*probe.Options, error) {
	o := &probe.Options{Insecure: f.insecure, ALPN: f.alpn, Timeout: f.timeout}
	if f.timeout <= 0 {
		return nil, usage(fmt.Errorf("--timeout must be greater than 0, not %v", f.timeout))
	}
	for _, v := range []struct {
		flag, value string
		into        *uint16
	}{{"--tls-min", f.tlsMin, &o.MinVersion}, {"--tls-max", f.tlsMax, &o.MaxVersion}} {
		if v.value == "" {
			continue
		}
		number, ok := wire.ParseVersion("TLS " + strings.ReplaceAll(
			strings.TrimLeft(strings.ToLower(v.value), "tlsv "), "_", ".")) // as in TLSv1.2 and tls1_2
		if !ok {
			return nil, invalid(v.flag, v.value, []string{"1.0", "1.1", "1.2", "1.3"})
		}
		*v.into = number
	}
	if o.MaxVersion != 0 && o.MinVersion > o.MaxVersion {
		return nil, usage(errors.New("--tls-min is above --tls-max"))
	}
	var err error
	if o.Carrier, err = f.carrier.options(ctx, s); err != nil {
		return nil, err
	}
	var sources []certstore.Source
	for _, path := range []string{f.cacert, f.capath} {
		if path != "" {
			sources = append(sources, certstore.Source{Path: path, Role: certstore.Authorities})
		}
	}
	if sources == nil {
		return o, nil
	}
	trusted, err := certstore.Load(ctx, &certstore.Options{Stdin: s.standardInput}, sources...)
	if err != nil {
		return nil, fmt.Errorf("verifying the server: %w", err)
	}
	o.Roots = x509.NewCertPool()
	for _, a := range trusted.Authorities {
		o.Roots.AddCert(a.Certificate)
	}
	if len(trusted.Authorities) == 0 {
		return nil, fmt.Errorf("--cacert %q contains no CA certificate", cmp.Or(f.cacert, f.capath))
	}
	return o, nil
}

// holdFlags say what the candidates are.
type holdFlags struct {
	certs, keys, authorities, pass []string
	namedCAs                       []string // files of --named-ca
	asUser                         string
	pid                            int
	discovering                    bool               // to look around
	found                          []certstore.Source // by that
	home                           string             // of the account that is looked around for; empty for this user's
	looking                        bool               // to see what is there, and nothing more
	given                          *givenPasswords    // what pass says; nil before it was read
}

func (f *holdFlags) register(flags *pflag.FlagSet) {
	flags.StringArrayVar(&f.certs, "cert", nil,
		"client certificates: `SOURCE` is a file or directory in any format, or what else \"mtlsprobe inspect --help\" "+
			"lists (repeatable)")
	flags.StringArrayVar(&f.keys, "key", nil,
		"private key `FILE`, if the key is separate from the certificate; keys are paired by public key (repeatable)")
	flags.StringArrayVar(&f.authorities, "authorities", nil,
		"CA certificates to build paths from: `SOURCE` is a file or directory (repeatable)")
	f.registerOpen(flags)
}

// registerOpen registers how to open what is locked, and for whom.
func (f *holdFlags) registerOpen(flags *pflag.FlagSet) {
	flags.StringArrayVar(&f.pass, "pass", nil,
		"passwords: `FROM` is env:VAR, file:PATH, fd:N, stdin or pass:WORD; SOURCE=FROM applies to one source only, as in "+
			"client.p12=env:VAR (repeatable)")
	flags.IntVar(&f.pid, "pid", 0,
		"check whether the client that runs as process `NUMBER` can have read the files as they are now, or started before "+
			"they were renewed")
	flags.StringVar(&f.asUser, "as-user", "",
		"check whether this `ACCOUNT` could read the files: NAME or UID, with :GROUP for a group other than its own "+
			"(required for a UID without an account)")
}

func (f *holdFlags) sources() []certstore.Source {
	var sources []certstore.Source
	for _, group := range []struct {
		paths []string
		role  certstore.Role
	}{{f.certs, certstore.Candidate}, {f.keys, certstore.KeyFile}, {f.authorities, certstore.Authorities}, {f.namedCAs,
		certstore.NamedCAs}} {
		for _, path := range group.paths {
			sources = append(sources, certstore.Source{Path: path, Role: group.role})
		}
	}
	return append(sources, f.found...)
}

func (f *holdFlags) options(ctx context.Context, s *Streams) (*certstore.Options, error) {
	given, err := f.passwords(ctx, s)
	if err != nil {
		return nil, err
	}
	o := &certstore.Options{Passwords: given.all, PasswordsFor: given.of, Getenv: s.Getenv,
		Stdin: s.standardInput,
		Home:  cmp.Or(f.home, s.Getenv("HOME")), Readers: f.looking, Partial: f.looking}
	if len(given.all) == 0 {
		o.Prompt = prompt(s)
	}
	return o, nil
}

// passwords reads what --pass says, once: a stream cannot be read again.
func (f *holdFlags) passwords(ctx context.Context, s *Streams) (*givenPasswords, error) {
	if f.given == nil {
		given, err := passwords(ctx, s, f.pass)
		if err != nil {
			return nil, err
		}
		f.given = given
	}
	return f.given, nil
}

// judgeFlags say by which time to judge.
type judgeFlags struct{ at, ntp string }

func (f *judgeFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.ntp, "ntp", "", "compare this host's clock with the NTP server on this `HOST`")
	flags.StringVar(&f.at, "at", "",
		"judge as of this `TIME`: 2026-12-31, which begins at 0:00 UTC, or 2026-12-31T23:59:59Z")
}

// time is the time to judge by; zero for that at which the report is made.
func (f *judgeFlags) time() (time.Time, error) {
	if f.at == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, f.at); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usage(fmt.Errorf("--at %q is neither a date such as 2026-12-31 nor a time such as "+
		"2026-12-31T23:59:59Z", f.at))
}

// clock asks the time server, if there is one to ask.
func (f *judgeFlags) clock(ctx context.Context, s *Streams, holding *certstore.Holding) *probe.NTPClock {
	const limit = 5 * time.Second
	if f.ntp == "" {
		return nil
	}
	clock, err := probe.AskNTP(ctx, f.ntp, limit)
	if err != nil {
		warn(s.Err, "--ntp: "+err.Error())
		holding.Problems = append(holding.Problems, fmt.Errorf("--ntp: %w", err))
	}
	return clock
}
