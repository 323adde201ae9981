package cmd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"mtlsprobe/certstore"
	"mtlsprobe/certstore/account"
	"mtlsprobe/certstore/config"
	"mtlsprobe/certstore/workload"

	"github.com/spf13/pflag"
)

// registerDiscover registers to look around; what says what is done with the certificates.
func (f *holdFlags) registerDiscover(flags *pflag.FlagSet, what string) {
	flags.BoolVar(&f.discovering, "discover", false,
		"look where clients on this host usually keep identities, those of --as-user if that is given; "+what)
}

// none says that no candidate was named, nor is looked for.
func (f *holdFlags) none() bool { return len(f.certs) == 0 && !f.discovering }

// discover finds the places that exist, and says which they are: those of this
// user, or of the account that is to use them.
func (f *holdFlags) discover(s *Streams) error {
	home, getenv := s.Getenv("HOME"), s.Getenv
	if f.asUser != "" {
		a, err := account.Lookup(f.asUser)
		if err != nil {
			return usage(fmt.Errorf("--as-user: %w", err))
		}
		home, getenv = a.Home, func(string) string { return "" } // whose variables are not known
		if f.home = home; home == "" {
			return usage(fmt.Errorf("--discover: the account %s has no home folder to look in", a))
		}
	}
	for _, place := range config.Places(home, getenv, runtime.GOOS) {
		paths, _ := filepath.Glob(place.Path) // a pattern of the program's own
		for _, path := range paths {
			tell(s.Err, "looking", fmt.Sprintf("%s (%s)", path, place.Client))
			f.found = append(f.found, certstore.Source{Path: path, Found: true})
			key := strings.TrimSuffix(path, filepath.Ext(path)) + ".key"
			if _, err := os.Stat(key); err == nil && key != path {
				f.found = append(f.found, certstore.Source{Path: key, Role: certstore.KeyFile, Found: true})
			}
		}
	}
	if address := getenv(workload.Variable); address != "" {
		tell(s.Err, "looking", fmt.Sprintf("%s (SPIFFE Workload API)", address))
		f.found = append(f.found, certstore.Source{Path: "spiffe:", Found: true})
	}
	if len(f.certs)+len(f.found) == 0 {
		return errors.New("none of the places exists where clients on this host usually keep identities")
	}
	return nil
}
