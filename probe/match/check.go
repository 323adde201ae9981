package match

import "slices"

// A Check is one rule of judgement, whole in one place. Its ID is never used
// again for another rule. Checks are compared by pointer: a misspelt one does not
// build.
type Check struct {
	ID       string // theme.name
	Title    string // the headline when it fails
	Good     string // the headline when it passes
	Doc      string // what it means, why servers care, how to fix it
	Citation string
	Since    string // the version of this program that brought it
	// Objections are the alerts with which servers refuse what the check finds; nil
	// where a server cannot see it.
	Objections []Objection
	// Doubt says why a check that passed here does not rule the cause out at the
	// server; nil where passing does.
	Doubt func(*Verdict) Doubt
	// HowTo is what to type to fix it, tool by tool; nil where no tool helps.
	HowTo []HowTo
	// Directives are the settings of server programs that decide it, for checks that
	// only the server can make.
	Directives []Directive
	Carried    map[Carrier][]Directive // likewise of servers that take TLS from a carrier
	// ChainOnly says that a certificate added to the bundle, or another bundle, can
	// fix it: names and paths, not the certificate itself.
	ChainOnly bool
	// ProofOnly says that a warning is no more than a missing proof, which an accepted
	// trial makes irrelevant.
	ProofOnly bool
	// LocalOnly says that the finding decides even where a trial was accepted: the
	// client cannot use the identity as it is stored.
	LocalOnly bool

	// One of these is set, except for what only the server can see: the check is
	// about an identity, or about the server.
	judge  func(*judgement) Finding
	server func(*Server) Finding
}

// An Objection is an alert by which servers refuse what a check finds.
type Objection struct {
	Alert   uint8
	Library TLSLibrary // the one that says so; empty for all
}

// A HowTo is a command or a place to fix what a check found, for one tool.
type HowTo struct {
	Tool string // openssl, keytool, Windows, Kubernetes
	Text string // words in capitals are the reader's own
}

// A Directive is the setting of one server program.
type Directive struct {
	Server  string // nginx, Apache, …
	Library TLSLibrary
	Setting string
}

// A Carrier is what carries TLS to a server in place of a TCP stream.
type Carrier string

// The carriers.
const (
	EAP     Carrier = "EAP"
	OpenVPN Carrier = "OpenVPN"
)

// visible reports whether a server can object to what the check finds.
func (c *Check) visible() bool { return c.Objections != nil }

// saidAs reports whether a server words the check's failure as this refusal.
// A refusal without an alert can be about anything that a server sees.
func (c *Check) saidAs(r *Refusal) bool {
	if !r.Alerted {
		return slices.ContainsFunc(c.Objections, func(o Objection) bool { return slices.Contains(unspecific, o.Alert) })
	}
	return slices.ContainsFunc(c.Objections, func(o Objection) bool {
		return o.Alert == r.Alert && (o.Library == "" || o.Library == r.Library)
	})
}

// ownWords reports whether the library that refused is known to word the check's
// failure so.
func (c *Check) ownWords(r *Refusal) bool {
	return r.Alerted && r.Library != OtherLibrary && slices.Contains(c.Objections, Objection{r.Alert, r.Library})
}

// objections makes those of a check from alerts that every library may use.
func objections(groups ...[]uint8) []Objection {
	var all []Objection
	for _, alert := range slices.Concat(groups...) {
		all = append(all, Objection{Alert: alert})
	}
	return all
}

// Checks returns the catalogue in order of weight: what makes every other
// question pointless comes first. The slice is the caller's.
func Checks() []*Check {
	return slices.Concat(
		[]*Check{KeyMissing, KeyUnreadable, KeyLocked, KeyMismatched, KeyElsewhere, KeyAccount, FileRunning, KeyExposed,
			KeyCannotSign, ContainerAltered},
		[]*Check{Expired, NotYetValid, ClockSkew, Revoked},
		[]*Check{UsageExtended, UsageKey, UsageCA, UsageNetscape},
		[]*Check{StrengthSignature, PathNotReached, PathRekeyed, PathRenamed, PathCrossSigned, ChainIncomplete, ChainTwins,
			ChainKeyIdentifier},
		[]*Check{SelfNamed, SelfIssued, IssuerNotNamed, IssuerEncoding, ChainOrder, ChainSurplus},
		[]*Check{RequestType, RequestScheme, RequestChainSignature, UserName},
		[]*Check{Ending, StrengthKey},
		[]*Check{ServerInjection, ServerSSL3, ServerVersion, ServerLate, ServerFront, ServerVersionsDiffer, ServerVariants,
			ServerCAList, ServerPublicCAs,
			ServerListSize, ServerAnyPasses, ServerAnswersDiffer, ServerCertificatesDiffer, ServerRateLimit},
		[]*Check{HiddenTrust, HiddenRoot, HiddenDepth, HiddenRevocation, HiddenIdentity, HiddenRules},
	)
}

// Lookup returns the check with the ID, or nil.
func Lookup(id string) *Check {
	for _, c := range Checks() {
		if c.ID == id {
			return c
		}
	}
	return nil
}

// Headline is the title that suits a result.
func (c *Check) Headline(r Result) string {
	if r == Pass && c.Good != "" {
		return c.Good
	}
	return c.Title
}

const (
	v1 = "0.1"
	v2 = "0.2"
	v3 = "0.3"
)

// bundleHowTo writes a bundle again; requestHowTo asks for a new certificate with
// a new key.
var (
	bundleHowTo = []HowTo{
		{"mtlsprobe", "mtlsprobe fix --cert OLD.p12 --named-ca ROOT.pem --authorities CAS --out NEW.p12"},
		{"openssl", "openssl pkcs12 -export -inkey KEY.pem -in LEAF.pem -certfile CHAIN.pem -name NAME -out NEW.p12"},
		{"keytool", "keytool -importkeystore -srckeystore NEW.p12 -srcstoretype PKCS12 -destkeystore client.jks (the " +
			"chain comes with the key entry; certificates imported alone do not count)"},
		{"Windows", "certutil -f -p PASSWORD -importPFX NEW.p12 (intermediates go to \"Intermediate Certification " +
			"Authorities\"; Schannel completes the chain from there only)"},
		{"Kubernetes", "kubectl create secret tls NAME --cert BUNDLE.pem --key KEY.pem --dry-run=client -o yaml | " +
			"kubectl apply -f - (leaf first, then the intermediates, in one file)"},
	}
	requestHowTo = []HowTo{
		{"openssl", "openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout NEW-KEY.pem -subj /CN=NAME " +
			"-addext keyUsage=digitalSignature -addext extendedKeyUsage=clientAuth -out REQUEST.csr"},
		{"keytool", "keytool -genkeypair -keyalg EC -groupname secp256r1 -alias NEW -dname CN=NAME -keystore client.p12 " +
			"&& keytool -certreq -alias NEW -keystore client.p12 -ext KU=digitalSignature -ext EKU=clientAuth -file " +
			"REQUEST.csr"},
		{"Windows", "certreq -new REQUEST.inf REQUEST.csr, with OID=1.3.6.1.5.5.7.3.2 under [EnhancedKeyUsageExtension]"},
		{"Kubernetes", "a CertificateSigningRequest with signerName kubernetes.io/kube-apiserver-client and usages " +
			"[digital signature, client auth]"},
	}
	clockHowTo = []HowTo{
		{"Linux", "timedatectl; chronyc tracking"},
		{"Windows", "w32tm /query /status"},
	}
)
