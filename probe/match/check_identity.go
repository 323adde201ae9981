package match

import (
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"mtlsprobe/certstore"
	"mtlsprobe/certstore/chain"
	"mtlsprobe/probe/wire"
)

type certificate = x509.Certificate

// What most checks say most of the time.
var (
	pass          = Finding{Result: Pass}
	notApplicable = Finding{Result: NotApplicable}
)

func fail(detail, remedy string) Finding {
	return Finding{Result: Fail, Detail: detail, Remedy: remedy}
}
func warn(detail, remedy string) Finding {
	return Finding{Result: Warn, Detail: detail, Remedy: remedy}
}

// keyState makes the check for one state of the key.
func keyState(state certstore.KeyState, remedy string) func(*judgement) Finding {
	return func(j *judgement) Finding {
		switch j.identity.Key.State {
		case state:
			return fail(j.identity.Key.Detail, remedy)
		case certstore.Unknown:
			return Finding{Result: Unknown, Detail: j.identity.Key.Detail}
		}
		return pass
	}
}

func keyElsewhere(j *judgement) Finding {
	i := j.identity
	switch {
	case i.Container == nil || i.Key.Source == "" || i.Container.Format == "PKCS#7":
		return notApplicable
	case i.Key.Source == i.Source, i.Container.Format == "NSS database" && filepath.Dir(i.Key.Source) == filepath.Dir(i.Source):
		return pass
	case i.Key.OwnLocked != "":
		return warn(fmt.Sprintf("the key in %q is locked; the one in %q was used here", i.Source, i.Key.Source), "give the password with --pass, and tell it to the client, too")
	}
	return warn(fmt.Sprintf("%q holds no key for it; the one in %q was used here", i.Source, i.Key.Source), "export the bundle again with its private key, or give the client both files")
}

func keyCannotSign(j *judgement) Finding {
	proofs := j.identity.Key.Proofs
	if len(proofs) == 0 {
		return notApplicable
	}
	var failed []string
	for _, p := range proofs {
		if p.Err != nil {
			failed = append(failed, fmt.Sprintf("%s: %v", wire.SchemeName(p.Scheme), p.Err))
		}
	}
	detail := strings.Join(failed, "; ")
	const remedy = "use a longer key, or a token that can make these signatures"
	switch len(failed) {
	case 0:
		return Finding{Result: Pass, Detail: fmt.Sprintf("signed and verified with %d schemes", len(proofs))}
	case len(proofs):
		return fail(detail, remedy)
	}
	return warn("with some of the allowed schemes: "+detail, remedy)
}

// stored returns the leaf and the chain, or nothing without a leaf.
func (j *judgement) stored() []*certificate {
	if j.identity.Leaf == nil {
		return nil
	}
	return append([]*certificate{j.identity.Leaf}, j.identity.Chain...)
}

// each asks of every stored certificate and joins the answers.
func (j *judgement) each(ask func(c *certificate) string) (details []string, known bool) {
	for n, c := range j.stored() {
		if text := ask(c); text != "" {
			if n > 0 {
				text = certstore.NameString(c.RawSubject) + " " + text
			}
			details = append(details, text)
		}
	}
	return details, j.identity.Leaf != nil
}

func (j *judgement) eachFinding(result Result, remedy string, ask func(c *certificate) string) Finding {
	details, known := j.each(ask)
	switch {
	case !known:
		return Finding{Result: Unknown}
	case len(details) == 0:
		return pass
	}
	return Finding{Result: result, Detail: strings.Join(details, "; "), Remedy: remedy}
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func validityExpired(j *judgement) Finding {
	return j.outside("have the certificate renewed, and replace it in the bundle",
		func(c *certificate, t time.Time) bool { return t.After(c.NotAfter) },
		func(c *certificate) string {
			return fmt.Sprintf("expired %s, %s ago", stamp(c.NotAfter), days(j.Now.Sub(c.NotAfter)))
		})
}

func validityNotYet(j *judgement) Finding {
	return j.outside("wait, or set the clock right",
		func(c *certificate, t time.Time) bool { return t.Before(c.NotBefore) },
		func(c *certificate) string {
			return fmt.Sprintf("is valid from %s on, in %s", stamp(c.NotBefore), days(c.NotBefore.Sub(j.Now)))
		})
}

// outside judges one end of the validity. What only this host's clock says is no
// failure of the certificate: clock.skew tells it.
func (j *judgement) outside(remedy string, out func(*certificate, time.Time) bool, say func(*certificate) string) Finding {
	result := Warn
	f := j.eachFinding(Fail, remedy, func(c *certificate) string {
		if !out(c, j.Now) {
			return ""
		}
		text := say(c)
		for _, clock := range j.Clocks {
			if clock.Skew.Abs() > skewTolerance && !out(c, j.Now.Add(clock.Skew)) {
				return text + ", by this host's clock alone: not by " + clock.Name
			}
		}
		result = Fail
		return text
	})
	switch f.Result {
	case Fail:
		f.Result = result
	case Pass:
		f.Detail = j.margin()
	}
	return f
}

// margin says how far the stored certificates are from both ends of the time in
// which all of them are valid.
func (j *judgement) margin() string {
	var begins, ends *certificate
	for _, c := range j.stored() {
		if begins == nil || c.NotBefore.After(begins.NotBefore) {
			begins = c
		}
		if ends == nil || c.NotAfter.Before(ends.NotAfter) {
			ends = c
		}
	}
	return fmt.Sprintf("valid since %s (for %s, %s), until %s (%s, in %s)",
		stamp(begins.NotBefore), days(j.Now.Sub(begins.NotBefore)), certstore.NameString(begins.RawSubject),
		stamp(ends.NotAfter), certstore.NameString(ends.RawSubject), days(ends.NotAfter.Sub(j.Now)))
}

func validityEnding(j *judgement) Finding {
	ending := j.Ending
	if ending == 0 {
		ending = 30 * 24 * time.Hour
	}
	return j.eachFinding(Warn, "renew it before", func(c *certificate) string {
		left := c.NotAfter.Sub(j.Now)
		if left < 0 || left > ending {
			return ""
		}
		return fmt.Sprintf("ends %s, in %s", stamp(c.NotAfter), days(left))
	})
}

func days(d time.Duration) string {
	if d < 48*time.Hour {
		return d.Round(time.Second).String()
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// skewTolerance is what an HTTP Date, with its one second and the way, allows.
const skewTolerance = 5 * time.Second

func clockSkew(j *judgement) Finding {
	if len(j.Clocks) == 0 || j.identity.Leaf == nil {
		return notApplicable
	}
	var told, wrong []string
	result := Warn
	for _, clock := range j.Clocks {
		told = append(told, clock.Name+" "+apart(clock.Skew))
		if clock.Skew.Abs() <= skewTolerance {
			continue
		}
		details, _ := j.each(func(c *certificate) string {
			here, there := validAt(c, j.Now), validAt(c, j.Now.Add(clock.Skew))
			who := "" // each names the others
			if c == j.identity.Leaf {
				who = "the certificate "
			}
			switch {
			case here == there:
				return ""
			case here:
				result = Fail
				return fmt.Sprintf("%sis valid only because this host's clock is %s %s", who, distance(clock.Skew), clock.Name)
			}
			if clock.Server { // another clock says nothing of the server's
				result = Fail
			}
			return fmt.Sprintf("%sis out of its validity only because this host's clock is %s %s", who, distance(clock.Skew), clock.Name)
		})
		wrong = append(wrong, details...)
	}
	if len(wrong) == 0 {
		return Finding{Result: Pass, Detail: strings.Join(told, "; ")}
	}
	return Finding{Result: result, Detail: strings.Join(wrong, "; "), Remedy: "set the clocks by NTP; where this host's is right, it is the other one's owner who has to"}
}

func validAt(c *certificate, t time.Time) bool { return !t.Before(c.NotBefore) && !t.After(c.NotAfter) }

// distance says where the local clock is against another one, as in "3h12m0s
// behind".
func distance(skew time.Duration) string {
	if skew > 0 {
		return Spell(skew) + " behind"
	}
	return Spell(-skew) + " ahead of"
}

func apart(skew time.Duration) string {
	if skew.Abs() <= skewTolerance {
		return "agrees with this host's"
	}
	if skew > 0 {
		return "is " + Spell(skew) + " ahead of this host's"
	}
	return "is " + Spell(-skew) + " behind this host's"
}

// Spell writes the two largest units of a duration, as in "3 h 12 min"; it is empty
// for what is shorter than a second, or negative.
func Spell(d time.Duration) string {
	d = d.Round(time.Second)
	days, rest := d/(24*time.Hour), d%(24*time.Hour)
	var parts []string
	for _, unit := range []struct {
		n    time.Duration
		name string
	}{{days, "d"}, {rest / time.Hour, "h"}, {rest % time.Hour / time.Minute, "min"}, {rest % time.Minute / time.Second, "s"}} {
		if unit.n > 0 && len(parts) < 2 {
			parts = append(parts, fmt.Sprintf("%d %s", unit.n, unit.name))
		}
	}
	return strings.Join(parts, " ")
}

func usageExtended(j *judgement) Finding {
	return j.eachFinding(Fail, "have a certificate issued with extendedKeyUsage clientAuth", func(c *certificate) string {
		if chain.ForClientAuth(c) {
			return ""
		}
		return "has an extendedKeyUsage without clientAuth"
	})
}

func usageKey(j *judgement) Finding {
	leaf := j.identity.Leaf
	switch {
	case leaf == nil:
		return Finding{Result: Unknown}
	case leaf.KeyUsage == 0:
		return notApplicable
	case leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		return fail("keyUsage lacks digitalSignature", "have a certificate issued with keyUsage digitalSignature")
	}
	return pass
}

func usageCA(j *judgement) Finding {
	switch {
	case j.identity.Leaf == nil:
		return Finding{Result: Unknown}
	case j.identity.Leaf.IsCA:
		return warn("basicConstraints says CA", "have an end-entity certificate issued for the client")
	}
	return pass
}

func strengthKey(j *judgement) Finding {
	return j.eachFinding(Warn, "use a key of at least 2,048 bits, or ECDSA", func(c *certificate) string {
		if key, ok := c.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() < 2048 {
			return fmt.Sprintf("has an RSA key of %d bits", key.N.BitLen())
		}
		return ""
	})
}

func strengthSignature(j *judgement) Finding {
	result := Warn
	finding := j.eachFinding(Warn, "have the certificate issued with SHA-256", func(c *certificate) string {
		if !chain.IsWeak(c.SignatureAlgorithm) || string(c.RawSubject) == string(c.RawIssuer) {
			return ""
		}
		if c.SignatureAlgorithm == x509.MD5WithRSA || c.SignatureAlgorithm == x509.MD2WithRSA {
			result = Fail
		}
		return fmt.Sprintf("is signed with %v", c.SignatureAlgorithm)
	})
	if finding.Result == Warn {
		finding.Result = result
	}
	return finding
}
