package cmd

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
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
		".p12": certstore.PKCS12, ".pfx": certstore.PKCS12, ".jks": certstore.JKS, ".ks": certstore.JKS,
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
		return usage(fmt.Errorf("--out %q: the name tells no format; end it in .pem, .p12 or .jks, or give --encoding",
			o.out))
	}
	if !slices.Contains(certstore.Encodings(), certstore.Encoding(o.encoding)) {
		return invalid("--encoding", o.encoding, encodings())
	}
	if o.encoding == string(certstore.PEM) && (len(o.labels) > 1 || len(o.aliases) > 0) {
		return usage(errors.New("PEM takes one identity, without an alias: programs use the first key of a file; " +
			"give --encoding pkcs12 or jks, or write a file for each"))
	}
	if o.keyOut != "" && o.encoding != string(certstore.PEM) {
		return usage(errors.New("--key-out goes with PEM only: other files have the key beside the certificates"))
	}
	return nil
}

// formFor is the form that a client reads: what the file's name tells, if it reads that.
func formFor(p *stack.Profile, byName certstore.Encoding) (certstore.Encoding, error) {
	pkcs12 := p.Files.Takes == certstore.PKCS12 || p.Files.Takes == certstore.PKCS12Legacy
	switch {
	case byName == "", byName == p.Files.Takes, byName == certstore.PKCS12 && pkcs12:
		return p.Files.Takes, nil
	case byName == certstore.JKS && p.Reads(certstore.JavaKind),
		byName == certstore.PKCS12 && p.Reads(certstore.PKCS12Kind):
		return byName, nil
	}
	return "", fmt.Errorf("%s does not read %s: give it a name for %s, or give --encoding", p.Name, byName, p.Files.Takes)
}

// profile is that of the client that the bundle is for; nil for none.
func (o *fixOptions) profile() *stack.Profile {
	return stack.Lookup(o.client)
}

// clearKey reports whether the client reads no encrypted key.
func (o *fixOptions) clearKey() bool {
	p := o.profile()
	return p != nil && !p.ReadsEncrypted() && o.encoding == string(certstore.PEM)
}

// write writes the bundle, and the key to a file of its own if there is one.
func (o *fixOptions) write(identities []*certstore.Identity, password string) error {
	data, err := certstore.Encode(certstore.Encoding(o.encoding), password, identities...)
	if err != nil {
		return err
	}
	if o.keyOut != "" {
		certificates, key := apart(data)
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

// apart sorts the blocks of a bundle in PEM.
func apart(data []byte) (certificates, key []byte) {
	var certs, keys bytes.Buffer
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			_ = pem.Encode(&certs, block) // into memory
		} else {
			_ = pem.Encode(&keys, block)
		}
	}
	return certs.Bytes(), keys.Bytes()
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
	for _, p := range predictions {
		if p.Sends == say.No {
			fmt.Fprintf(s.Out, "%s does not send it: %s\n", p.Profile.Name, p.Reason)
			return errNoneFits
		}
		fmt.Fprintf(s.Out, "%s reads it.\n", p.Profile.Name)
	}
	return nil
}

// sources are what was written, to be loaded again.
func (o *fixOptions) sources() []certstore.Source {
	sources := []certstore.Source{{Path: o.out, Role: certstore.Candidate}}
	if o.keyOut != "" {
		sources = append(sources, certstore.Source{Path: o.keyOut, Role: certstore.Candidate})
	}
	return sources
}
