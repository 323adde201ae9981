package certstore

import (
	"crypto/x509"
	"fmt"
	"strings"

	"mtlsprobe/certstore/pfx"

	"software.sslmate.com/src/go-pkcs12"
)

// A Container says what a file with identities is made of.
type Container struct {
	// Format is its kind, as in "PKCS#12".
	Format string
	// Integrity says how it is protected against change; empty where that is not
	// known.
	Integrity string
	// Parts say, for each bag or entry, what it is and how it is encrypted.
	Parts []string
	// Readers say which programs read it, and which do not.
	Readers []string
}

// describePFX words the structure of a file; certs are those in it that could be
// parsed. The programs are judged by what their documentation and sources say:
// OpenSSL 3 has RC2, RC4 and DES only in its legacy provider; Java reads PBES2 and
// HMAC-SHA-256 from 8u301 on (JDK-8076190); Windows reads AES from 10 1709 and
// Server 2019 on; of macOS only that old versions did not is known here.
func describePFX(file *pfx.File, certs []*x509.Certificate) *Container {
	c := &Container{Format: "PKCS#12", Integrity: file.Integrity}
	if file.BER {
		c.Format += " in BER"
	}
	legacy, modern := false, false
	for n, b := range file.Bags {
		text := string(b.Kind)
		if b.FriendlyName != "" {
			text = fmt.Sprintf("%s %q", text, b.FriendlyName)
		}
		for _, cert := range certs {
			if b.Kind == pfx.CertBag && string(cert.Raw) == string(b.DER) {
				text += " of " + NameString(cert.RawSubject)
			}
		}
		switch {
		case b.Encryption == "":
			text += ": not encrypted"
		case n > 0 && b.Encryption == file.Bags[n-1].Encryption:
			text += ": likewise"
		default:
			text += ": " + b.Encryption
		}
		modern = modern || strings.HasPrefix(b.Encryption, "PBES2")
		legacy = legacy || b.Legacy
		c.Parts = append(c.Parts, text)
	}
	if legacy {
		c.Readers = append(c.Readers, "OpenSSL 3 reads it only with -legacy (RC2, RC4 or DES)")
	} else {
		c.Readers = append(c.Readers, "OpenSSL 3 reads it")
	}
	if modern {
		c.Readers = append(c.Readers, "Java before 8u301, and Windows before 10 1709 and Server 2019, do not read it (AES); older macOS may not")
	} else {
		c.Readers = append(c.Readers, "old Java and Windows read it, too")
	}
	if file.BER {
		c.Readers = append(c.Readers, "programs that insist on DER do not read it")
	}
	return c
}

// readByGo says whether Go programs read a file, by trying: nearly all of them use
// go-pkcs12. The file has been opened, so what it costs is bounded.
func readByGo(data []byte, password string) string {
	if _, _, _, err := pkcs12.DecodeChain(data, password); err != nil {
		return fmt.Sprintf("Go programs do not read it with go-pkcs12: %s", strings.TrimPrefix(err.Error(), "pkcs12: "))
	}
	return "Go programs read it with go-pkcs12"
}
