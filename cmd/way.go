package cmd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"mtlsprobe/probe"

	"github.com/spf13/pflag"
	"golang.org/x/net/http/httpproxy"
)

// wayFlags say by which way to connect.
type wayFlags struct {
	starttls, proxy, unix string
	resolve               []string
}

func (f *wayFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.starttls, "starttls", "",
		"use STARTTLS with `PROTOCOL`: "+strings.Join(probe.StartTLSNames(), ", "))
	flags.StringVar(&f.proxy, "proxy", "",
		"connect through a proxy: `URL` is http://, https:// or socks5://[user:password@]host:port, or none; an "+
			"https proxy is verified with the system's roots (default that of HTTPS_PROXY or ALL_PROXY)")
	flags.StringArrayVar(&f.resolve, "resolve", nil, "connect to this address for a host name: `HOST:IP` (repeatable)")
	flags.StringVar(&f.unix, "unix-socket", "", "connect through the unix socket at this `PATH`")
}

// scheme writes what --starttls says into the target.
func (f *wayFlags) scheme(target string) (string, error) {
	switch {
	case f.starttls == "":
		return target, nil
	case !slices.Contains(probe.StartTLSNames(), f.starttls):
		return "", invalid("--starttls", f.starttls, probe.StartTLSNames())
	case strings.Contains(target, "://"):
		return "", usage(fmt.Errorf("--starttls %s and a target with a scheme: give one of the two", f.starttls))
	}
	return f.starttls + "://" + target, nil
}

// apply fills in how to dial.
func (f *wayFlags) apply(s *Streams, t probe.Target, o *probe.Options) error {
	var err error
	if o.Proxy, err = f.proxyFor(s, t); err != nil {
		return err
	}
	addresses, err := f.addresses()
	if err != nil || f.unix == "" && len(addresses) == 0 {
		return err
	}
	o.Lookup = func(ctx context.Context, host string) ([]string, error) {
		if given := addresses[strings.ToLower(host)]; given != nil {
			return given, nil
		}
		return net.DefaultResolver.LookupHost(ctx, host)
	}
	o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if f.unix != "" {
			return new(net.Dialer).DialContext(ctx, "unix", f.unix)
		}
		host, port, err := net.SplitHostPort(address)
		if given := addresses[strings.ToLower(host)]; err == nil && given != nil {
			address = net.JoinHostPort(given[0], port)
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	return nil
}

// addresses reads --resolve: HOST:ADDRESS, or curl's HOST:PORT:ADDRESS. Of several
// for one host the first is connected to, and --all-addresses takes all.
func (f *wayFlags) addresses() (map[string][]string, error) {
	addresses := make(map[string][]string)
	for _, entry := range f.resolve {
		host, rest, _ := strings.Cut(entry, ":")
		if port, address, found := strings.Cut(rest, ":"); found && net.ParseIP(strings.Trim(rest, "[]")) == nil {
			if _, err := strconv.ParseUint(port, 10, 16); err == nil {
				rest = address
			}
		}
		address := strings.Trim(rest, "[]")
		if host == "" || net.ParseIP(address) == nil {
			return nil, usage(fmt.Errorf("--resolve %q is not HOST:ADDRESS", entry))
		}
		addresses[strings.ToLower(host)] = append(addresses[strings.ToLower(host)], address)
	}
	return addresses, nil
}

// proxyFor returns the proxy that was given, or that the environment names for
// the target, as curl and most clients take it.
func (f *wayFlags) proxyFor(s *Streams, t probe.Target) (*url.URL, error) {
	switch {
	case f.proxy == "none" || f.unix != "", f.proxy == "" && t.Datagrams(): // UDP is not for the variables
		return nil, nil
	case t.Datagrams():
		return nil, usage(fmt.Errorf("--proxy: %s goes over UDP, which this program does not send through a proxy",
			t.Protocol))
	case f.proxy != "":
		u, err := proxyURL(f.proxy)
		if err != nil {
			return nil, usage(fmt.Errorf("--proxy %w", err))
		}
		return u, nil
	}
	env := func(names ...string) (name, value string) {
		for _, name := range names {
			if value := s.Getenv(name); value != "" {
				return name, value
			}
		}
		return "", ""
	}
	variable, named := env("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
	if named == "" {
		return nil, nil
	}
	proxy, err := proxyURL(named)
	if err != nil { // httpproxy would connect directly
		return nil, usage(fmt.Errorf("the proxy of the environment, %s, %w: correct it, or give --proxy URL or "+
			"--proxy none", variable, err))
	}
	_, except := env("no_proxy", "NO_PROXY")
	config := httpproxy.Config{HTTPSProxy: named, NoProxy: except}
	if through, err := config.ProxyFunc()(&url.URL{Scheme: "https", Host: t.Address()}); err != nil || through == nil {
		return nil, err // NO_PROXY names the target
	}
	return proxy, nil
}

// proxyURL reads a proxy. The error does not quote it: it may hold a password.
func proxyURL(text string) (*url.URL, error) {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme) {
		return nil, errors.New("is not http://, https:// or socks5:// with host and port")
	}
	return u, nil
}
