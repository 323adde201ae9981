package cmd

import (
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// A Note is a term and what it means, for help and manual pages.
type Note struct{ Term, Text string }

// ExitCodes are those of a command.
func ExitCodes(c *cobra.Command) []Note {
	if c.Name() == "compare" {
		return []Note{{"0", "nothing changed"}, {"1", "something changed"}, {"2", "error"}}
	}
	return []Note{
		{"0", "answered, and at least one identity is accepted, or matches if nothing was to be tried (request, inspect, " +
			"trace, relay: answered; scan: at least one target was)"},
		{"1", "error, for example the server cannot be reached or a file cannot be read"},
		{"2", "usage error"},
		{"3", "answered, but a requirement is not met: no identity fits, the server does not request a " +
			"certificate, or --require, --client, --expect or --expires-within is not met (trace, relay: a connection failed " +
			"in which a client certificate was asked for)"},
		{"130", "interrupted; what was known by then has been reported"},
	}
}

// Environment are the variables that the program reads.
func Environment() []Note {
	return []Note{
		{"HTTPS_PROXY, ALL_PROXY, NO_PROXY", "the proxy, where --proxy is not given"},
		{"SSL_CERT_FILE", "CA certificates in this file take the place of the system's"},
		{"NO_COLOR", "no colours, if it is set to anything"},
		{"COLUMNS", "width of tables that do not go to a terminal (default 100)"},
		{"LC_ALL, LC_CTYPE, LANG", "tables are drawn in ASCII if the locale has no UTF-8"},
		{"PGUSER", "the user whom a PostgreSQL server is told"},
		{"HOME, KUBECONFIG, CURL_HOME, XDG_CONFIG_HOME, PGSYSCONFDIR, MYSQL_HOME, DOCKER_CONFIG",
			"where --discover looks"},
		{"CREDENTIALS_DIRECTORY", "where credential:NAME is found (systemd)"},
	}
}

// Files are those that the program reads by itself.
func Files() []Note {
	return []Note{
		{"/etc/ssl/certs, /etc/pki/tls/certs", "the system's CA certificates, which verify the server and build paths"},
		{"~/.kube/config, ~/.curlrc, ~/.postgresql, ~/.pki/nssdb and others", "read by --discover alone"},
	}
}

// A FlagGroup is flags under one heading.
type FlagGroup struct {
	Title string
	Flags []*pflag.Flag
}

// FlagGroups returns the flags of a command in the order of its help.
func FlagGroups(c *cobra.Command) []FlagGroup {
	var groups []FlagGroup
	add := func(title string, f *pflag.Flag) {
		at := slices.IndexFunc(groups, func(g FlagGroup) bool { return g.Title == title })
		if at < 0 {
			at = len(groups)
			groups = append(groups, FlagGroup{Title: title})
		}
		groups[at].Flags = append(groups[at].Flags, f)
	}
	var others []*pflag.Flag
	for _, flags := range []*pflag.FlagSet{c.LocalFlags(), c.InheritedFlags()} {
		flags.SortFlags = false
		flags.VisitAll(func(f *pflag.Flag) {
			switch group := f.Annotations[groupKey]; {
			case f.Hidden:
			case len(group) > 0:
				add(group[0], f)
			default:
				others = append(others, f)
			}
		})
	}
	for _, f := range others {
		add(otherGroup, f)
	}
	return groups
}
