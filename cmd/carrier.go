package cmd

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"path/filepath"

	"mtlsprobe/certstore"
	"mtlsprobe/probe"
	"mtlsprobe/probe/carrier"

	"github.com/spf13/pflag"
)

// carrierFlags say how to speak what carries TLS to servers that do not take it from TCP.
type carrierFlags struct {
	secret, identity, eap string
	attributes            []string
	vpnConfig             string
	vpnLogin              bool
}

func (f *carrierFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.secret, "radius-secret", "",
		"the secret shared with a RADIUS server: `FROM` is env:VAR, file:PATH, fd:N or stdin")
	flags.StringVar(&f.identity, "identity", "",
		"the user's `NAME` in EAP, outside TLS, by which a RADIUS server finds the realm (default anonymous)")
	flags.StringVar(&f.eap, "eap", "tls",
		"EAP `METHOD`: tls, or ttls or peap, of which only the outer handshake is made, in TLS 1.2")
	flags.StringArrayVar(&f.attributes, "radius-attribute", nil,
		"add an attribute to RADIUS requests: `NAME=VALUE`, as in Called-Station-Id=00-11-22-33-44-55:office (repeatable)")
	flags.StringVar(&f.vpnConfig, "openvpn-config", "",
		"a client's configuration, `FILE`, of which the tls-auth, tls-crypt or tls-crypt-v2 key is taken for an OpenVPN "+
			"server")
	flags.BoolVar(&f.vpnLogin, "openvpn-login", false,
		"log in at an OpenVPN server, which shows in TLS 1.3, too, what it thinks of a certificate; it may end the "+
			"tunnel of a client with the same one")
}

// options reads the secrets.
func (f *carrierFlags) options(ctx context.Context, s *Streams) (o carrier.Options, err error) {
	var ok bool
	if o.EAP.Method, ok = carrier.ParseMethod(f.eap); !ok && f.eap != "" {
		return o, invalid("--eap", f.eap, []string{"tls", "ttls", "peap"})
	}
	for _, text := range f.attributes {
		a, err := carrier.ParseAttribute(text)
		if err != nil {
			return o, usage(fmt.Errorf("--radius-attribute %q: %w", text, err))
		}
		o.EAP.Attributes = append(o.EAP.Attributes, a)
	}
	o.EAP.Identity = f.identity
	if f.secret != "" {
		secret, err := password(ctx, s, "--radius-secret", f.secret)
		if err != nil {
			return o, usage(err)
		}
		o.EAP.Secret = []byte(secret)
	}
	if f.vpnConfig == "" {
		return o, nil
	}
	data, err := certstore.ReadFile(ctx, f.vpnConfig)
	if err != nil {
		return o, fmt.Errorf("--openvpn-config: %w", err)
	}
	o.OpenVPN.Key, err = carrier.ParseVPNConfig(data, func(path string) ([]byte, error) {
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(f.vpnConfig), path)
		}
		return certstore.ReadFile(ctx, path)
	})
	if err != nil {
		return o, fmt.Errorf("--openvpn-config %q: %w", f.vpnConfig, err)
	}
	return o, nil
}

// apply fills in what the target says, and tells what is missing.
func (f *carrierFlags) apply(t *probe.Target, o *probe.Options) error {
	o.Carrier.EAP.Identity = cmp.Or(f.identity, t.User)
	t.Login = f.vpnLogin
	silent := t.Protocol == "radius" && o.Carrier.EAP.Method != carrier.EAPTLS ||
		(t.Protocol == "openvpn" || t.Protocol == "openvpn-tcp") && !t.Login
	if silent && o.MaxVersion == 0 && o.MinVersion < tls.VersionTLS13 {
		o.MaxVersion = tls.VersionTLS12 // in which the end of the handshake tells
	}
	if n := len(o.Carrier.EAP.Identity); n > carrier.MaxIdentity {
		return usage(fmt.Errorf("--identity has %d bytes, and may have %d", n, carrier.MaxIdentity))
	}
	switch {
	case t.Protocol != "radius":
	case f.secret != "" && len(o.Carrier.EAP.Secret) == 0:
		return usage(errors.New("--radius-secret: what it names is empty"))
	case f.secret == "":
		return usage(errors.New("a RADIUS server is asked with the secret that it shares with this host: " +
			"give --radius-secret env:VAR or file:PATH"))
	}
	return nil
}
