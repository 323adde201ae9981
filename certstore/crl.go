package certstore

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
)

// A CRL is a revocation list with the file it came from.
type CRL struct {
	*x509.RevocationList
	Source string
	// Revoked has an entry for each serial number on the list, in bytes.
	Revoked map[string]x509.RevocationListEntry
}

// LoadCRLs reads revocation lists in PEM or DER. An error is a [*SourceError] or
// the context's.
func LoadCRLs(ctx context.Context, paths ...string) ([]*CRL, error) {
	var sources []Source
	for _, path := range paths {
		sources = append(sources, Source{Path: path, Role: Authorities})
	}
	files, failures, err := readSources(ctx, &Options{}, sources)
	if err != nil {
		return nil, err
	}
	if len(failures) > 0 {
		return nil, failures[0]
	}
	var lists []*CRL
	for _, f := range files {
		if f.err != nil {
			return nil, &SourceError{Source: f.path, Kind: NotReadable, Err: fmt.Errorf("cannot be read: %w", reason(f.err))}
		}
		found, err := parseCRLs(f.data)
		if err != nil {
			return nil, &SourceError{Source: f.path, Kind: NotUnderstood, Err: err}
		}
		for _, list := range found {
			list.Source = f.path
		}
		lists = append(lists, found...)
	}
	return lists, nil
}

func parseCRLs(data []byte) ([]*CRL, error) {
	var ders [][]byte
	for rest := data; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type == "X509 CRL" {
			ders = append(ders, block.Bytes)
		}
	}
	if len(ders) == 0 {
		ders = [][]byte{data}
	}
	var lists []*CRL
	for _, der := range ders {
		list, err := x509.ParseRevocationList(der)
		if err != nil {
			return nil, fmt.Errorf("is not a revocation list that this program can read: %w", err)
		}
		crl := &CRL{RevocationList: list, Revoked: make(map[string]x509.RevocationListEntry,
			len(list.RevokedCertificateEntries))}
		for _, entry := range list.RevokedCertificateEntries {
			crl.Revoked[string(entry.SerialNumber.Bytes())] = entry
		}
		lists = append(lists, crl)
	}
	return lists, nil
}

// RevocationReason names a reason code (RFC 5280, Section 5.3.1).
func RevocationReason(code int) string {
	switch code {
	case 1:
		return "keyCompromise"
	case 2:
		return "cACompromise"
	case 3:
		return "affiliationChanged"
	case 4:
		return "superseded"
	case 5:
		return "cessationOfOperation"
	case 6:
		return "certificateHold"
	case 8:
		return "removeFromCRL"
	case 9:
		return "privilegeWithdrawn"
	case 10:
		return "aACompromise"
	case 0:
		return "unspecified"
	}
	return fmt.Sprintf("reason %d", code)
}
