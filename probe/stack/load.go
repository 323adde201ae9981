package stack

import (
	"cmp"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"slices"

	"mtlsprobe/certstore"
	"mtlsprobe/certstore/chain"
	"mtlsprobe/certstore/pbe"
	"mtlsprobe/probe/match"
	"mtlsprobe/report/say"
)

// load asks whether the program takes the identity from its file at all.
func (p *Predictor) load(profile *Profile, i *certstore.Identity) *Prediction {
	for _, gate := range []func(*Profile, *certstore.Identity) *Prediction{p.leading, exposed, p.unread, unreadKey,
		postQuantum, short, weak} {
		if verdict := gate(profile, i); verdict != nil {
			return verdict
		}
	}
	return nil
}

// again is how the identity is written in the form that a client reads.
func again(profile *Profile) string { return "mtlsprobe fix --for " + profile.ID }

// fails is what a program does that cannot load its file.
func (p *Profile) fails(reason say.Phrase, remedy say.Phrase) *Prediction {
	return p.Files.Unloaded.of(failure{Action: Fails}, reason, remedy)
}

// rewrite is what a program does that cannot load its file, where another file helps.
func (p *Profile) rewrite(remedy string, reason say.Phrase) *Prediction {
	out := p.fails(reason, say.Text(remedy, ": ", again(p)))
	out.Rewrite = true
	return out
}

// of is a prediction of the failure, or of another one where there is none.
func (f failure) of(otherwise failure, reason, remedy say.Phrase) *Prediction {
	if f == (failure{}) {
		f = otherwise
	}
	return &Prediction{Sends: f.sends(), Action: f.Action, Alert: f.Alert, Fault: true, Reason: reason, Remedy: remedy}
}

// sends says whether the server nevertheless gets to see a certificate.
func (f failure) sends() say.Answer {
	switch f.Action {
	case SendsAlerts, BadSigns:
		return say.Yes
	case NotKnown:
		return say.Unknown
	}
	return say.No
}

// leading is the gate of a PEM file that begins with another certificate.
func (p *Predictor) leading(profile *Profile, i *certstore.Identity) *Prediction {
	if i.Preceding == nil || profile.Files.Pairs.Leading13 == (failure{}) {
		return nil
	}
	rest := slices.DeleteFunc(slices.Clone(i.Chain), i.Preceding.Equal)
	return p.first(profile, i, i.Preceding, append(rest, i.Leaf))
}

// first is what becomes of a file in which another certificate is the first that the client
// reads, and rest what follows.
func (p *Predictor) first(profile *Profile, i *certstore.Identity, other *x509.Certificate,
	rest []*x509.Certificate) *Prediction {
	f := profile.Files.Pairs.Leading13
	if p.question.Request.Version < tls.VersionTLS13 {
		f = profile.Files.Pairs.Leading12
	}
	if otherType := profile.Files.Pairs.OtherType; otherType != (failure{}) &&
		certstore.KeyType(other) != certstore.KeyType(i.Leaf) {
		f = otherType
	}
	if f.Action == BadSigns { // which goes on with it as with the right one
		taken := *i
		taken.Leaf, taken.Chain = other, rest
		if verdict := p.names(profile, &taken); verdict != nil {
			return verdict
		}
	}
	name := match.Name(other.RawSubject)
	reason := say.Text("the file begins with ", name, ", which this client uses as the certificate of the key")
	if f.Action == NotKnown {
		reason = say.Text("the file begins with ", name, "; what this client makes of that was not observed")
	}
	out := f.of(f, reason, say.Text("write the file again, the leaf first: ", again(profile)))
	if out.Sends == say.Yes { // the other certificate
		out.Sends = say.No
	}
	out.Rewrite = true
	return out
}

// exposed is the gate of a key that others may read.
func exposed(profile *Profile, i *certstore.Identity) *Prediction {
	if i.Key.Exposure == nil {
		return nil
	}
	for _, refusal := range i.Key.Exposure.Refusals {
		if refusal.Client == cmp.Or(profile.Like, profile.ID) {
			return profile.fails(say.Text(refusal.Why), say.Text("chmod 600 ", say.File(i.Key.Source)))
		}
	}
	return nil
}

// read is the identity without the certificates of its chain that the program passes over in
// their file.
func (p *Profile) read(i *certstore.Identity) *certstore.Identity {
	obstacles := i.Container.ObstaclesFor(p.Files.Reader)
	if len(obstacles) == 0 {
		return i
	}
	out := *i
	out.Chain = slices.DeleteFunc(slices.Clone(i.Chain), func(c *x509.Certificate) bool {
		return slices.ContainsFunc(obstacles, func(o certstore.Obstacle) bool { return o.PassesOver(p.Files.Reader, c) })
	})
	if len(out.Chain) < len(i.Chain) {
		out.Written = nil // which has them
	}
	return &out
}

// unread is the gate of files that the program does not read. What is imported into its
// store is taken to have been written for that before.
func (p *Predictor) unread(profile *Profile, i *certstore.Identity) *Prediction {
	l := profile.Files
	if l.Imports && i.Kind != certstore.PKCS12Kind && i.Kind != certstore.JavaKind {
		return nil
	}
	format, container := "PEM", i.Container
	if container != nil {
		format = container.Format
	}
	if kind := i.Kind; kind != certstore.OtherKind && !l.Kinds.has(kind) {
		return profile.rewrite("write a file that it reads", say.Text("this client does not read ", format))
	}
	for _, o := range container.ObstaclesFor(profile.Files.Reader) {
		passes := func(c *x509.Certificate) bool { return o.PassesOver(profile.Files.Reader, c) }
		switch {
		case len(i.Chain) > 0 && profile.Files.Pairs.Leading13 != (failure{}) && passes(i.Leaf):
			return p.first(profile, i, i.Chain[0], i.Chain[1:])
		case o.Block != nil && !passes(i.Leaf) && o.Skips(profile.Files.Reader):
			continue // of the chain: see read
		}
		out := profile.rewrite("write the file again", say.Text("this client cannot read the file: ", o.Why))
		if o.Empty {
			out.Action = Declines
		}
		return out
	}
	if l.NoLegacy && container != nil && container.Legacy {
		return profile.rewrite("write the file again with AES",
			say.Text("OpenSSL 3 opens a PKCS#12 file with RC2, RC4 or DES "+
				"only with its legacy provider, which this client does not load"))
	}
	return nil
}

// unreadKey is the gate of keys in files of PEM or DER that the program does not read.
func unreadKey(profile *Profile, i *certstore.Identity) *Prediction {
	key, l := i.Key, profile.Files
	if l.Imports || i.Kind != certstore.PEMKind && i.Kind != certstore.DERKind {
		return nil
	}
	switch {
	case key.After != "" && l.Kinds != nil:
		out := profile.rewrite("write a file with this key alone", say.Text("another key (", string(key.After),
			") stands first in ", say.File(key.Source), ", and this client uses that"))
		f := l.Pairs.OtherKey
		if key.After != certstore.KeyType(i.Leaf) {
			f = cmp.Or(l.Pairs.OtherType, f)
		}
		if f != (failure{}) {
			out.Action, out.Alert, out.Sends = f.Action, f.Alert, f.sends()
		}
		return out
	case key.Before != "" && l.OneKey:
		return profile.rewrite("write a file with this key alone", say.Text("another key (", string(key.Before),
			") stands behind it in ", say.File(key.Source), ", and this client reads no file with two"))
	case mixed(i.Kind, key.Kind) && l.Kinds != nil && !l.Mixed:
		return profile.rewrite("write both as PEM",
			say.Text("of certificate and key one is in DER and one in PEM, which this "+
				"client does not read"))
	case key.Explicit && slices.Contains([]certstore.Reader{certstore.GoReader, certstore.GnuTLSReader,
		certstore.MbedTLSReader, certstore.WolfSSLReader}, profile.Files.Reader):
		return profile.rewrite("write it again",
			say.Text("the key writes its curve out in place of naming it, and this client "+
				"does not read that"))
	case key.Protection != "" && profile.Files.ClearKey:
		return profile.rewrite("write it in clear, and guard the file",
			say.Text("the key is encrypted, and this client reads only keys in clear"))
	case key.Protection != "" && !l.decrypts(key.Algorithm):
		remedy := "write it again with AES"
		if !profile.ReadsEncrypted() {
			remedy = "write it in clear, and guard the file"
		}
		return profile.rewrite(remedy, say.Text("the key is encrypted by ", key.Family, " with ", key.Cipher,
			", which this client does not decrypt"))
	case key.Legacy && l.NoLegacy:
		return profile.rewrite("write it again with AES", say.Text("OpenSSL 3 decrypts a key with RC2, RC4 or DES only with "+
			"its legacy provider, which this client does not load"))
	}
	return nil
}

// decrypts reports whether keys are read that are encrypted so, as far as that is known.
func (l *fileRules) decrypts(algorithm pbe.Algorithm) bool {
	return !slices.ContainsFunc(l.Undecrypted, func(a pbe.Algorithm) bool {
		return a.Family == algorithm.Family && (a.Cipher == "" || a.Cipher == algorithm.Cipher)
	})
}

// ReadsEncrypted reports whether the program reads encrypted keys as [certstore.Encode]
// writes them in PEM.
func (p *Profile) ReadsEncrypted() bool {
	return !p.Files.ClearKey && p.Files.decrypts(pbe.Algorithm{Family: pbe.PBES2, Cipher: pbe.AES256})
}

// mixed reports whether one is PEM and the other DER.
func mixed(a, b certstore.FileKind) bool {
	plain := func(k certstore.FileKind) bool { return k == certstore.PEMKind || k == certstore.DERKind }
	return plain(a) && plain(b) && a != b
}

// postQuantum is the gate of keys of ML-DSA. That newer versions read one is from the
// release notes of OpenSSL 3.5 and Go 1.27; Go's was run.
func postQuantum(profile *Profile, i *certstore.Identity) *Prediction {
	switch {
	case !certstore.KeyType(i.Leaf).IsMLDSA():
		return nil
	case !profile.Load.NoMLDSA:
		return &Prediction{Sends: say.Unknown, Action: NotKnown, Fault: true,
			Reason: say.Text("whether this client reads keys of ML-DSA is not known")}
	}
	return profile.fails(say.Text("these versions read no keys of ML-DSA; OpenSSL from 3.5 and Go from 1.27 do"),
		say.Text("use a version that does, or a certificate with an RSA or ECDSA key"))
}

// short is the gate of RSA keys that are refused for their length.
func short(profile *Profile, i *certstore.Identity) *Prediction {
	key, ok := i.Leaf.PublicKey.(*rsa.PublicKey)
	if !ok || key.N.BitLen() >= profile.Load.MinRSA {
		return nil
	}
	return profile.Load.ShortRSA.of(failure{Action: Fails}, say.Text("an RSA key of ", key.N.BitLen(),
		" bits is refused when it is loaded; ", profile.Load.MinRSA, " are required"), say.Text("use a longer key"))
}

// weak is the gate of certificates in the file that are signed with SHA-1 or MD5.
func weak(profile *Profile, i *certstore.Identity) *Prediction {
	if !profile.Load.Weak {
		return nil
	}
	loaded := []*x509.Certificate{i.Leaf}
	if profile.Chain != LeafAlone {
		loaded = append(loaded, i.Chain...)
	}
	for n, c := range loaded {
		if !chain.IsWeak(c.SignatureAlgorithm) || selfIssued(c) {
			continue
		}
		var late failure
		if n > 0 && i.Kind == certstore.PKCS12Kind {
			late = profile.Load.WeakLate
		}
		if late.Action == Sends {
			continue
		}
		out := profile.fails(say.Text(match.Name(c.RawSubject), " is signed with ", c.SignatureAlgorithm,
			", which is refused when it is loaded"), say.Text("have it issued again with SHA-256"))
		if late != (failure{}) {
			out.Action, out.Alert = late.Action, late.Alert
		}
		return out
	}
	return nil
}

// kinds are the kinds of files that a program reads; nil stands for a program of which that
// is not known, and that reads what programs usually do.
type kinds []certstore.FileKind

func (f kinds) has(kind certstore.FileKind) bool {
	if f == nil {
		return kind != certstore.JavaKind && kind != certstore.PKCS7Kind
	}
	return slices.Contains(f, kind)
}

// Reads reports whether the program is known to read such files.
func (p *Profile) Reads(kind certstore.FileKind) bool { return slices.Contains(p.Files.Kinds, kind) }
