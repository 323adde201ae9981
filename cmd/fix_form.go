package cmd

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"mtlsprobe/certstore"
	"mtlsprobe/probe/diagnosis"
	"mtlsprobe/probe/stack"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

// chooseForm sets the encoding: the one that is given, or that the client reads, or that the name of
// the file tells.
func (o *fixOptions) chooseForm() error {
	if o.client != "" && !slices.Contains(stackIDs(), o.client) {
		return invalid("--for", o.client, stackIDs())
	}
	byName := map[string]certstore.Encoding{".pem": certstore.PEM, ".crt": certstore.PEM, ".cer": certstore.PEM,
		".der": certstore.DER, ".p12": certstore.PKCS12, ".pfx": certstore.PKCS12,
		".jks": certstore.JKS, ".ks": certstore.JKS,
		".keystore": certstore.JKS}[strings.ToLower(filepath.Ext(o.out))]
	switch {
	case o.encoding != "":
	case o.client != "":
		kind, err := formFor(o.profile(), byName)
		if err != nil {
			return usage(fmt.Errorf("--out %q: %w", o.out, err))
		}
		o.encoding = string(kind)
	case byName != "":
		o.encoding = string(byName)
	default:
		return usage(fmt.Errorf("--out %q: the name tells no format; end it in .pem, .der, .p12 or .jks, or give --encoding",
			o.out))
	}
	if !slices.Contains(certstore.Encodings(), certstore.Encoding(o.encoding)) {
		return invalid("--encoding", o.encoding, encodings())
	}
	return o.checkForm(certstore.Encoding(o.encoding))
}

// checkForm checks what goes with an encoding.
func (o *fixOptions) checkForm(encoding certstore.Encoding) error {
	textual := encoding == certstore.PEM || encoding == certstore.DER
	switch {
	case textual && (len(o.labels) > 1 || len(o.aliases) > 0):
		return usage(errors.New("PEM and DER take one identity, without an alias: programs use the first key of a file; " +
			"give --encoding pkcs12 or jks, or write a file for each"))
	case o.keyOut != "" && !textual:
		return usage(errors.New("--key-out goes with PEM and DER only: other files have the key beside the certificates"))
	case o.keyOut == "" && encoding == certstore.DER:
		return usage(errors.New("a file in DER contains one certificate: give --key-out FILE for its key"))
	case o.mac == "":
		return nil
	case textual || encoding == certstore.JKS:
		return usage(errors.New("--mac goes with PKCS#12 only"))
	case !slices.Contains(certstore.MACs(), certstore.MAC(o.mac)):
		return invalid("--mac", o.mac, macs())
	}
	return nil
}

func macs() []string {
	var names []string
	for _, m := range certstore.MACs() {
		names = append(names, string(m))
	}
	return names
}

// formFor is the form that a client reads: what the file's name tells, if it reads that.
func formFor(p *stack.Profile, byName certstore.Encoding) (certstore.Encoding, error) {
	pkcs12 := p.Files.Takes == certstore.PKCS12 || p.Files.Takes == certstore.PKCS12Legacy
	switch {
	case byName == "", byName == p.Files.Takes, byName == certstore.PKCS12 && pkcs12:
		return p.Files.Takes, nil
	case byName == certstore.JKS && p.Reads(certstore.JavaKind),
		byName == certstore.DER && p.Reads(certstore.DERKind),
		byName == certstore.PKCS12 && p.Reads(certstore.PKCS12Kind):
		return byName, nil
	}
	return "", fmt.Errorf("%s does not read %s: give it a name for %s, or give --encoding", p.Name, byName, p.Files.Takes)
}

// profile is that of the client that the bundle is for; nil for none.
func (o *fixOptions) profile() *stack.Profile {
	return stack.Lookup(o.client)
}

// clearKey reports whether the key is written in clear, since the client reads no encrypted one, or none
// in DER is written here.
func (o *fixOptions) clearKey() bool {
	p := o.profile()
	return o.encoding == string(certstore.DER) || p != nil && !p.ReadsEncrypted() && o.encoding == string(certstore.PEM)
}

// write writes the bundle, and the key to a file of its own if there is one.
func (o *fixOptions) write(identities []*certstore.Identity, password string) error {
	data, err := certstore.Encode(certstore.Form{Encoding: certstore.Encoding(o.encoding), MAC: certstore.MAC(o.mac),
		Password: password}, identities...)
	if err != nil {
		return err
	}
	if o.keyOut != "" {
		certificates, key, err := o.apart(identities[0], data)
		if err != nil {
			return err
		}
		if err := writeNew(o.keyOut, key, o.force); err != nil {
			return fmt.Errorf("writing %q: %w", o.keyOut, err)
		}
		data = certificates
	}
	if err := writeNew(o.out, data, o.force); err != nil {
		return fmt.Errorf("writing %q: %w", o.out, err)
	}
	return nil
}

// apart parts a bundle into certificates and key.
func (o *fixOptions) apart(i *certstore.Identity, data []byte) (certificates, key []byte, err error) {
	if o.encoding == string(certstore.DER) {
		key, err = x509.MarshalPKCS8PrivateKey(i.Key.Signer)
		return data, key, err
	}
	var certs, keys bytes.Buffer
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			_ = pem.Encode(&certs, block) // into memory
		} else {
			_ = pem.Encode(&keys, block)
		}
	}
	return certs.Bytes(), keys.Bytes(), nil
}

// reads says whether the client sends what was written, to a server that names its issuers.
func (o *fixOptions) reads(ctx context.Context, s *Streams, settings diagnosis.Settings, holding *certstore.Holding,
	request *wire.CertificateRequest) error {
	if o.client == "" {
		return nil
	}
	settings.Holding = holding
	predictions, err := diagnosis.New(settings).Predict(ctx, request, o.client)
	if err != nil {
		return err
	}
	var refused error
	for n, p := range predictions {
		which := "it"
		if len(predictions) > 1 {
			which = strconv.Quote(holding.Identities[n].FriendlyName)
		}
		if p.Sends == say.No {
			fmt.Fprintf(s.Out, "%s does not send %s: %s\n", p.Profile.Name, which, p.Reason)
			refused = errNoneFits
			continue
		}
		fmt.Fprintf(s.Out, "%s reads %s.\n", p.Profile.Name, which)
	}
	return refused
}

// sources are what was written, to be loaded again.
func (o *fixOptions) sources() []certstore.Source {
	sources := []certstore.Source{{Path: o.out, Role: certstore.Candidate}}
	if o.keyOut != "" {
		sources = append(sources, certstore.Source{Path: o.keyOut, Role: certstore.Candidate})
	}
	return sources
}
