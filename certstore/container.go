package certstore

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	"mtlsprobe/certstore/pbe"
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
	// Keys says that files of this format hold private keys beside certificates.
	Keys bool
	// Folder says that the container is all files of one folder.
	Folder bool
	// Legacy says that OpenSSL 3 reads it only with its legacy provider, which is
	// rarely loaded.
	Legacy bool
	// Altered says that its integrity check fails, although the password opens it.
	Altered bool
	// Obstacles are what keeps some programs from reading it.
	Obstacles []Obstacle
}

// A FileKind says how an identity's file is read.
type FileKind int

// The kinds of files. OtherKind stands for what is no file of identities: a token, a store, a database.
const (
	OtherKind FileKind = iota
	PEMKind
	DERKind
	PKCS7Kind
	PKCS12Kind
	JavaKind // JKS and JCEKS
)

// A Reader is a family of programs that read files alike.
type Reader string

// The readers whose ways were measured.
const (
	OpenSSLReader Reader = "OpenSSL" // and what is built on it: curl, Node.js, Python, nginx
	GoReader      Reader = "Go"
	JavaReader    Reader = "Java"
	GnuTLSReader  Reader = "GnuTLS"
	NSSReader     Reader = "NSS"
	// BoringSSLReader is Bun's, RustReader Deno's by rustls-pemfile.
	BoringSSLReader Reader = "BoringSSL"
	RustReader      Reader = "Rust"
	ErlangReader    Reader = "Erlang"
	MbedTLSReader   Reader = "Mbed TLS"
	WolfSSLReader   Reader = "wolfSSL"
	// OpenSSL35Reader, RubyReader and OpenVPNReader are OpenSSL's but for what an Obstacle says
	// of them.
	OpenSSL35Reader Reader = "OpenSSL 3.5"
	RubyReader      Reader = "Ruby"
	OpenVPNReader   Reader = "OpenVPN"
)

// in reports whether it is one of the readers, by itself or as one of a family.
func (r Reader) in(readers []Reader) bool {
	ofOpenSSL := r == OpenSSL35Reader || r == RubyReader || r == OpenVPNReader
	return slices.Contains(readers, r) || ofOpenSSL && slices.Contains(readers, OpenSSLReader)
}

// An Obstacle is why some programs do not read a file.
type Obstacle struct {
	Readers []Reader
	Why     string
	// Except are those of a family among the Readers that do read it.
	Except []Reader
	// Passing are those of them that pass over the block in question, and read on; Block is what
	// that has, where it is a certificate: DER, to which OpenSSL may have added.
	Passing []Reader
	Block   []byte
	// Empty says that they open the file, and find nothing in it.
	Empty bool
}

// Skips reports whether the programs pass over the block, and read on.
func (o *Obstacle) Skips(r Reader) bool { return r.in(o.Passing) }

// PassesOver reports whether the programs pass over the certificate for it, and read on.
func (o *Obstacle) PassesOver(r Reader, c *x509.Certificate) bool {
	return o.Skips(r) && bytes.HasPrefix(o.Block, c.Raw)
}

// String says who does not read it, and why.
func (o Obstacle) String() string {
	names := make([]string, len(o.Readers))
	for n, r := range o.Readers {
		names[n] = string(r)
	}
	last := len(names) - 1
	list := names[last]
	if last > 0 {
		list = strings.Join(names[:last], ", ") + " and " + list
	}
	return list + " cannot read it: " + o.Why
}

// Describes reports whether there is more to say of the file than its format.
func (c *Container) Describes() bool {
	return c != nil && (c.Integrity != "" || len(c.Parts)+len(c.Readers) > 0)
}

// ObstaclesFor returns what keeps the programs from reading the file, or parts of it.
func (c *Container) ObstaclesFor(r Reader) []Obstacle {
	if c == nil {
		return nil
	}
	var found []Obstacle
	for _, o := range c.Obstacles {
		if r.in(o.Readers) && !slices.Contains(o.Except, r) {
			found = append(found, o)
		}
	}
	return found
}

// PKCS12Format is the Format of PKCS #12 files in DER.
const PKCS12Format = "PKCS#12"

// describePFX words the structure of a file; certs are those in it that could be
// parsed.
func describePFX(file *pfx.File, certs []*x509.Certificate) *Container {
	c := &Container{Format: PKCS12Format, Keys: true, Integrity: file.Integrity,
		Readers: append(openSSLReads(file), oldPrograms(file)...)}
	c.Altered = file.Altered
	switch {
	case file.Altered:
		c.Obstacles = append(c.Obstacles, Obstacle{Why: "its integrity check fails",
			Readers: []Reader{OpenSSLReader, JavaReader, GoReader, GnuTLSReader, NSSReader, BoringSSLReader}})
	case file.Unprotected:
		c.Obstacles = append(c.Obstacles, Obstacle{
			Readers: []Reader{OpenSSLReader, GoReader, GnuTLSReader, NSSReader, BoringSSLReader},
			Except:  []Reader{OpenSSL35Reader},
			Why: "it has no integrity check (MAC); OpenSSL's command line reads it, programs such as Node.js do not, " +
				"unless they have OpenSSL 3.5"})
	}
	c.Obstacles = append(c.Obstacles, pfxObstacles(file)...)
	for _, o := range c.Obstacles {
		c.Readers = append(c.Readers, o.String())
	}
	c.Legacy = slices.ContainsFunc(file.Bags, func(b pfx.Bag) bool { return b.Legacy })
	if file.BER {
		c.Format += " in BER"
		c.Readers = append(c.Readers, "programs that insist on DER do not read it")
	}
	if !file.Altered && slices.ContainsFunc(file.Bags, func(b pfx.Bag) bool { return b.Kind == pfx.Sealed }) {
		c.Readers = append(c.Readers, "what the password protects may change that")
	}
	subjects := make(map[string]string)
	for _, cert := range certs {
		subjects[string(cert.Raw)] = " of " + NameString(cert.RawSubject)
	}
	for n, b := range file.Bags {
		text := string(b.Kind)
		if b.FriendlyName != "" {
			text = fmt.Sprintf("%s %q", text, b.FriendlyName)
		}
		if b.Kind == pfx.CertBag {
			text += subjects[string(b.DER)]
		}
		text += attributes(b)
		switch {
		case b.Encryption == (pfx.Encryption{}):
			text += ": not encrypted"
		case n > 0 && b.Text == file.Bags[n-1].Text:
			text += ": likewise"
		default:
			text += ": " + b.Text
		}
		c.Parts = append(c.Parts, text)
	}
	return c
}

// attributes tells those of a bag besides its friendly name.
func attributes(b pfx.Bag) string {
	const enough = 4 // bytes to tell them apart by
	text := ""
	if id := b.LocalKeyID; len(id) > enough {
		text += fmt.Sprintf(", local key ID %x…", id[:enough])
	} else if len(id) > 0 {
		text += fmt.Sprintf(", local key ID %x", id)
	}
	if b.Provider != "" {
		text += fmt.Sprintf(", for the provider %q", b.Provider)
	}
	if b.MachineKey {
		text += ", for the machine's keys"
	}
	return text
}

// openSSLReads says whether OpenSSL 3 reads a file: it has RC2, RC4 and DES only in
// its legacy provider, and PBMAC1 from 3.4 on (OpenSSL, CHANGES). Nothing is said of
// what is not known.
func openSSLReads(file *pfx.File) []string {
	has := func(which func(pfx.Bag) bool) bool { return slices.ContainsFunc(file.Bags, which) }
	switch {
	case file.Altered, file.Unprotected, // which is an obstacle of its own
		has(func(b pfx.Bag) bool { return b.Unknown }):
		return nil
	case file.MAC != nil && file.MAC.PBMAC1:
		return []string{"OpenSSL reads it from 3.4 on (PBMAC1)"}
	case has(func(b pfx.Bag) bool { return b.Legacy }):
		return []string{"OpenSSL 3 reads it only with -legacy (RC2, RC4 or DES)"}
	}
	return []string{"OpenSSL 3 reads it"}
}

// pfxObstacles are what Java and Go do not read. Of Java it was seen with JDK 17; Go's are
// the lists of go-pkcs12. Neither is known to read what this program does not.
func pfxObstacles(file *pfx.File) []Obstacle {
	var found []Obstacle
	add := func(why string, readers ...Reader) {
		if !slices.ContainsFunc(found, func(o Obstacle) bool { return o.Why == why }) {
			found = append(found, Obstacle{Readers: readers, Why: why})
		}
	}
	if file.Altered {
		return nil
	}
	for _, b := range file.Bags {
		switch {
		case b.Encryption == (pfx.Encryption{}) && b.Kind == pfx.KeyBag:
			found = append(found, Obstacle{Readers: []Reader{JavaReader}, Empty: true,
				Why: "its private key is not encrypted"})
		case b.Unknown:
			add("it is encrypted in a way that is "+b.Text, GoReader)
		case b.Family == pbe.PKCS5v1:
			add("it is encrypted by PBES1 of PKCS #5", JavaReader, GoReader)
		case b.Cipher == pbe.RC4:
			add("it is encrypted with RC4", GoReader)
		case b.Cipher == pbe.AES192:
			add("it is encrypted with AES-192", JavaReader)
		case b.Family == pbe.Scrypt:
			add("its encryption derives the key by scrypt", GoReader)
		case b.Family == pbe.PBES2 && !b.Cipher.IsAES():
			add("it is encrypted by PBES2 with another cipher than AES", JavaReader, GoReader)
		case b.Cipher == pbe.DES3TwoKey:
			add("it is encrypted with two-key 3DES", JavaReader, GoReader)
		}
	}
	if file.MAC == nil {
		return found
	}
	switch hash := file.MAC.Hash; {
	case file.MAC.PBMAC1:
		add("its integrity is by PBMAC1", JavaReader)
	case hash == "MD5":
		add("its integrity is by MD5", JavaReader, GoReader)
	case slices.Contains([]string{"SHA3-224", "SHA3-256", "SHA3-384", "SHA3-512"}, hash):
		add("its integrity is by SHA-3", JavaReader, GoReader)
	case hash == "SHA-224" || hash == "SHA-384":
		add("its integrity is by SHA-224 or SHA-384", GoReader)
	}
	return found
}

// oldPrograms says whether old Java and Windows read a file that newer ones do. Java reads
// PBES2 and HMAC-SHA-256 from 8u301 on (JDK-8076190), Windows AES from 10 1709 and Server
// 2019 on; of macOS only that old versions did not is known here.
func oldPrograms(file *pfx.File) []string {
	classic, aes := file.MAC != nil && !file.MAC.PBMAC1 && file.MAC.Hash == "SHA-1", false
	sha1 := classic || file.Unprotected
	for _, b := range file.Bags {
		if b.Unknown || b.Family == pbe.Scrypt { // not seen
			return nil
		}
		aes = aes || b.Cipher.IsAES()
		classic = classic && b.Family == pbe.PKCS12 && (b.Cipher == pbe.DES3 || b.Cipher == pbe.RC240)
	}
	switch {
	case file.Altered, slices.ContainsFunc(pfxObstacles(file),
		func(o Obstacle) bool { return slices.Contains(o.Readers, JavaReader) }):
		return nil
	case aes:
		return []string{"Java before 8u301, and Windows before 10 1709 and Server 2019, do not read it (AES); older " +
			"macOS may not"}
	case !sha1:
		return []string{"Java before 8u301, and other programs that know only SHA-1 for the integrity check, do not read it"}
	case classic:
		return []string{"old Java and Windows read it, too"}
	}
	return nil
}

// readByGo says whether Go programs read a file, by trying: nearly all of them use
// go-pkcs12. The file has been opened, so what it costs is bounded.
func readByGo(data []byte, password string) string {
	if _, _, _, err := pkcs12.DecodeChain(data, password); err != nil {
		return fmt.Sprintf("Go programs do not read it with go-pkcs12: %s", strings.TrimPrefix(err.Error(), "pkcs12: "))
	}
	return "Go programs read it with go-pkcs12"
}
