// Package report is what the program has to say, as versioned plain data, and
// one writer per format.
//
// Call [New] with a diagnosis, then [Write]; [Parse] reads a saved report. The types are the
// contract of the JSON output, schema "mtlsprobe/1": a field may be added, and
// none changes its meaning. Times are RFC 3339 in UTC, names RFC 4514,
// fingerprints SHA-256 in lower-case hex.
package report

import (
	"slices"
	"time"

	"mtlsprobe/report/say"
)

// Schema is the version of the report.
const Schema = "mtlsprobe/1"

// A Report is everything that one run found.
type Report struct {
	Schema      string    `json:"schema" redact:"keep"`
	GeneratedAt time.Time `json:"generated_at"`
	JudgedAt    time.Time `json:"judged_at"` // the time that certificates were judged by
	Target      *Target   `json:"target,omitempty"`
	Server      *Server   `json:"server,omitempty"`
	Request     *Request  `json:"request,omitempty"`
	Versions    []Version `json:"versions,omitempty"` // when they were tried one by one
	// Variants are the same server at its other addresses and by other names.
	Variants []Variant `json:"variants,omitempty"`
	// ServerFindings are what the checks of servers say.
	ServerFindings []Finding       `json:"server_findings,omitempty"`
	Clock          *Clock          `json:"clock,omitempty"`
	Identities     []Identity      `json:"identities"`
	Authorities    []Certificate   `json:"authorities,omitempty"`
	Containers     []Contained     `json:"containers,omitempty"` // of sources without an identity
	Migration      *Migration      `json:"migration,omitempty"`
	Controls       []Control       `json:"controls,omitempty"`
	Transcript     []TranscriptRow `json:"transcript,omitempty"` // of the connection that asked
	// EarlierTranscript is that of a connection before, on which the server did not
	// ask where it asks late.
	EarlierTranscript []TranscriptRow `json:"earlier_transcript,omitempty"`
	Sightings         []Sighting      `json:"sightings,omitempty"`              // of "mirror"
	Problems          []string        `json:"problems,omitempty" redact:"drop"` // what could not be read
	// Interrupted says that the run did not end: not everything was tried.
	Interrupted bool `json:"interrupted,omitempty"`
	// Differs says how the server's answers differed from connection to connection.
	Differs say.Phrase `json:"differs,omitempty"`
	// Reports are those of several targets, one each; what belongs to one target is then
	// in them, and Identities is empty.
	Reports []*Report `json:"reports,omitempty"`
	// Connections are those of a capture, in the order in which they began.
	Connections []Connection `json:"connections,omitempty"`
	// Error says why the target could not be asked, where it is one of several.
	Error string `json:"error,omitempty" redact:"drop"`
	// Values are the names, files and times in the report's sentences, so that they can
	// be told from its own words when it is read again.
	Values []Value `json:"values"`
}

// A Target is where the program connected.
type Target struct {
	Address    string `json:"address" redact:"Host"`
	ServerName string `json:"server_name" redact:"Host"`
	Protocol   string `json:"protocol" redact:"keep"`
	StartTLS   string `json:"starttls,omitempty" redact:"keep"` // the protocol after whose preamble TLS began
	Proxy      string `json:"proxy,omitempty" redact:"URL"`     // without user and password
	User       string `json:"user,omitempty" redact:"Account"`  // whom a database was told
}

// A Server is what the server showed of itself.
type Server struct {
	Version      string        `json:"version,omitempty" redact:"keep"`
	CipherSuite  string        `json:"cipher_suite,omitempty" redact:"keep"`
	Verified     string        `json:"verified" redact:"keep"` // yes, no, unknown
	VerifyError  string        `json:"verify_error,omitempty" redact:"drop"`
	Certificates []Certificate `json:"certificates,omitempty"`
}

// A Certificate is a certificate that is named, not judged.
type Certificate struct {
	Subject  string     `json:"subject" redact:"CA"`
	Issuer   string     `json:"issuer" redact:"CA"`
	NotAfter *time.Time `json:"not_after,omitempty"`
	SHA256   string     `json:"sha256" redact:"Fingerprint"`
	Source   string     `json:"source,omitempty" redact:"File"`
}

// A Request is what the server demands. "check --request" reads it back.
type Request struct {
	Asked      string `json:"asked" redact:"keep"` // yes, no, unknown
	When       string `json:"when,omitempty" redact:"keep"`
	Insistence string `json:"insistence" redact:"keep"`
	// yes, partly, no, unknown: whether the server verifies certificates
	Verified             string   `json:"verified,omitempty" redact:"keep"`
	Version              string   `json:"version,omitempty" redact:"keep"`
	CertificateTypes     []string `json:"certificate_types,omitempty" redact:"keep"`
	SignatureSchemes     []string `json:"signature_schemes,omitempty" redact:"keep"`
	SignatureSchemesCert []string `json:"signature_schemes_cert,omitempty" redact:"keep"`
	NamedCAs             []Name   `json:"named_cas"`
	// that such requests come from, by the order of what is listed
	Library string `json:"library,omitempty" redact:"keep"`
	Raw     []byte `json:"raw,omitempty" redact:"drop"`
	Error   string `json:"error,omitempty" redact:"drop"` // why it could not be decoded
}

// A Name is a distinguished name, readable and as sent.
type Name struct {
	DN  string `json:"dn" redact:"CA"`
	DER []byte `json:"der" redact:"drop"`
}

// A Clock compares the local clock with the server's.
type Clock struct {
	Local       time.Time  `json:"local"`
	Server      *time.Time `json:"server,omitempty"`
	SkewSeconds *int64     `json:"skew_seconds,omitempty"` // the server's minus the local
	Source      string     `json:"source,omitempty" redact:"keep"`
	NTP         *NTP       `json:"ntp,omitempty"` // when a time server was asked
}

// NTP is what a time server says of the local clock.
type NTP struct {
	Host               string  `json:"host" redact:"Host"`
	SkewSeconds        float64 `json:"skew_seconds"` // its clock minus the local
	UncertaintySeconds float64 `json:"uncertainty_seconds"`
}

// An Identity is a candidate with everything found about it.
type Identity struct {
	Label  string `json:"label" redact:"File"`
	Source string `json:"source" redact:"File"`
	// NamedBy is the configuration that names or contains it; NamedAs is by which setting
	// and line.
	NamedBy string `json:"named_by,omitempty" redact:"File"`
	NamedAs string `json:"named_as,omitempty" redact:"File"`
	// BeginsWith names the certificate that stands before the leaf in a PEM file.
	BeginsWith string `json:"begins_with,omitempty" redact:"CA"`
	// FriendlyName is the one stored beside it.
	FriendlyName string `json:"friendly_name,omitempty" redact:"Friendly"`
	// Container says what the file is made of; absent where there is nothing to say.
	Container *Container `json:"container,omitempty"`
	Subject   string     `json:"subject,omitempty" redact:"Client"`
	Issuer    string     `json:"issuer,omitempty" redact:"CA"`
	Serial    string     `json:"serial,omitempty" redact:"drop"`
	NotBefore *time.Time `json:"not_before,omitempty"`
	NotAfter  *time.Time `json:"not_after,omitempty"`
	SHA256    string     `json:"sha256,omitempty" redact:"Fingerprint"`
	Key       Key        `json:"key"`
	// Access is absent unless an account was named.
	Access *Access `json:"access,omitempty"`
	// Running is absent unless a process was named.
	Running  *Running      `json:"running,omitempty"`
	Chain    []Certificate `json:"chain,omitempty"`
	Verdict  string        `json:"verdict,omitempty" redact:"keep"` // fits, does-not-fit, unknown
	Basis    string        `json:"basis,omitempty" redact:"keep"`   // of the verdict: tried, predicted, none
	Findings []Finding     `json:"findings,omitempty"`
	NamedCAs []NamedCA     `json:"named_cas,omitempty"`
	// NamedCAsRest stands for the names of a long list that are not in NamedCAs.
	NamedCAsRest *NamedCARest `json:"named_cas_rest,omitempty"`
	Tree         *Branch      `json:"tree,omitempty"`     // the ways up from the leaf
	TreeCut      bool         `json:"tree_cut,omitempty"` // not all of them are shown
	// Predictions say what client stacks would do with it.
	Predictions []Prediction `json:"predictions,omitempty"`
	// ServerModels say what server programs that trust the acceptable CAs would do with it.
	ServerModels []ServerModel `json:"server_models,omitempty"`
	Trial        *Trial        `json:"trial,omitempty"`
}

// A Container says what a file with identities is made of.
type Container struct {
	Format    string   `json:"format" redact:"keep"`
	Integrity string   `json:"integrity,omitempty" redact:"keep"` // how it is protected against change
	Parts     []string `json:"parts,omitempty" redact:"drop"`     // each bag or entry, and its encryption
	Readers   []string `json:"readers,omitempty" redact:"keep"`   // which programs read it, and which do not
}

// A Contained is what a file without an identity is made of.
type Contained struct {
	Source string `json:"source" redact:"File"`
	Container
}

// A Key is an identity's private key, never its material.
type Key struct {
	Algorithm string `json:"algorithm,omitempty" redact:"keep"`
	State     string `json:"state" redact:"keep"`
	Detail    string `json:"detail,omitempty" redact:"drop"`
	// Source is the file that holds the key; absent unless it is usable.
	Source string `json:"source,omitempty" redact:"File"`
	// Protection is what the key is encrypted with; absent for one in clear, and in a
	// container, which says it.
	Protection string `json:"protection,omitempty" redact:"keep"`
	// ExposedTo are who else may read the file, and the clients that refuse it for
	// that.
	ExposedTo []string `json:"exposed_to,omitempty" redact:"drop"`
}

// A Running says what a process can have read of an identity's files.
type Running struct {
	PID     int       `json:"pid"`
	Name    string    `json:"name" redact:"keep"`
	Started time.Time `json:"started"`
	// State is the worst of the files': deleted, later, elsewhere, touched, earlier; absent
	// where it is not known. File is the one it is of.
	State   string    `json:"state,omitempty" redact:"keep"`
	File    string    `json:"file" redact:"File"`
	Changed time.Time `json:"changed"`
}

// An Access says whether the account that is to use an identity could read it.
type Access struct {
	Account string `json:"account" redact:"Account"`
	Result  string `json:"result" redact:"keep"` // yes, no, unknown
	Detail  string `json:"detail,omitempty" redact:"drop"`
	Remedy  string `json:"remedy,omitempty" redact:"drop"`
}

// A Finding is what one check says of one identity.
type Finding struct {
	Check  string     `json:"check" redact:"keep"`
	Title  string     `json:"title" redact:"keep"`
	Result string     `json:"result" redact:"keep"` // pass, warn, fail, not-applicable, unknown
	Detail say.Phrase `json:"detail,omitempty"`
	Remedy say.Phrase `json:"remedy,omitempty"`
}

// A NamedCA is how an identity stands to one name on the server's list.
type NamedCA struct {
	DN     string     `json:"dn" redact:"CA"`
	Result string     `json:"result" redact:"keep"` // reached, name-only, near-miss, not-reached, unknown
	Paths  [][]string `json:"paths,omitempty" redact:"CA"`
	Via    string     `json:"via,omitempty" redact:"keep"` // presented, local, cross-signed
	// Anchor says where the certificate of that name comes from: given, authorities,
	// system, server, bundle. Only a bundle's own is no proof.
	Anchor string     `json:"anchor,omitempty" redact:"keep"`
	Detail say.Phrase `json:"detail,omitempty"`
	Remedy say.Phrase `json:"remedy,omitempty"`
}

// A NamedCARest is the result for so many names.
type NamedCARest struct {
	Result string `json:"result" redact:"keep"` // not-reached, unknown
	Count  int    `json:"count"`
}

// A Trial is what came of presenting an identity.
type Trial struct {
	Outcome     string       `json:"outcome" redact:"keep"`
	Detail      say.Phrase   `json:"detail,omitempty"`
	Alert       *Alert       `json:"alert,omitempty"`
	Application *Application `json:"application,omitempty"`
	Presented   bool         `json:"presented,omitempty"` // the certificate was shown to the server
	// Mute says that such servers refuse everything by the same alert.
	Mute bool `json:"mute,omitempty"`
	// PastTLS says that HTTP refused it as it refuses names and roles, and not as the
	// self-signed control was refused: the certificate itself was most likely verified.
	PastTLS bool `json:"past_tls,omitempty"`
	// Causes are what can have made the server refuse, the likeliest first.
	Causes []Cause `json:"causes,omitempty"`
	// Model is what the model of the server's TLS library, where that can be told, says of
	// the refusal.
	Model       say.Phrase `json:"model,omitempty"`
	ModelRemedy say.Phrase `json:"model_remedy,omitempty"`
	// Transcript is there if it was asked for.
	Transcript []TranscriptRow `json:"transcript,omitempty"`
}

// An Alert is a TLS alert with its direction: who accuses whom.
type Alert struct {
	Number uint8  `json:"number"`
	Name   string `json:"name" redact:"keep"`
	From   string `json:"from" redact:"keep"` // server, client
	When   string `json:"when" redact:"keep"` // handshake, after-handshake
}

// An Application is the answer to the question after the handshake.
type Application struct {
	Protocol string `json:"protocol,omitempty" redact:"keep"`
	Status   int    `json:"status,omitempty"`
	Detail   string `json:"detail,omitempty" redact:"drop"`
	// PassedOn are HTTP fields by which a proxy passed the certificate on, as the answer shows.
	PassedOn []string `json:"passed_on,omitempty" redact:"keep"`
}

// A Control is a trial that shows what an acceptance is worth.
type Control struct {
	Kind  string `json:"kind" redact:"keep"` // none, self-signed
	Trial Trial  `json:"trial"`
}

// Verdicts of an identity.
const (
	Fits       = "fits"
	DoesNotFit = "does-not-fit"
	Unknown    = "unknown"
)

// Each returns the reports of several targets, or else this one alone.
func (r *Report) Each() []*Report {
	if len(r.Reports) == 0 {
		return []*Report{r}
	}
	return r.Reports
}

// Labels returns the names of the identities that have a verdict.
func (r *Report) Labels() []string {
	var labels []string
	for _, part := range r.Reports {
		for _, label := range part.Labels() { // the same ones in each that could be asked
			if !slices.Contains(labels, label) {
				labels = append(labels, label)
			}
		}
	}
	if r.Migration != nil {
		for _, row := range r.Migration.Rows {
			labels = append(labels, row.Label)
		}
		return labels
	}
	for _, i := range r.Identities {
		labels = append(labels, i.Label)
	}
	return labels
}

// By says which programs an answer is for, by their IDs: a client that has to send the
// certificate, and a server that has to accept it. Empty asks of neither.
type By struct{ Client, Server string }

// Fits reports whether the identity with the label fits: in every phase of a migration,
// at each of several targets, and with those programs.
func (r *Report) Fits(label string, by By) bool {
	if len(r.Reports) > 0 {
		return !slices.ContainsFunc(r.Reports, func(part *Report) bool { return !part.Fits(label, by) })
	}
	if r.Migration != nil {
		return slices.ContainsFunc(r.Migration.Rows,
			func(row MigrationRow) bool { return row.Label == label && row.fits(by.Client) })
	}
	i := r.identity(label)
	return i != nil && i.fitsFor(by)
}

// Fitting counts the identities that fit, as Fits tells.
func (r *Report) Fitting(by By) int {
	n := 0
	if len(r.Reports) > 0 {
		for _, label := range r.Labels() {
			if r.Fits(label, by) {
				n++
			}
		}
		return n
	}
	if r.Migration != nil {
		for _, row := range r.Migration.Rows {
			if row.fits(by.Client) {
				n++
			}
		}
		return n
	}
	for _, i := range r.Identities {
		if i.fitsFor(by) {
			n++
		}
	}
	return n
}

// Satisfies reports whether what is required holds. Each requirement is "any" for at least
// one identity that fits, "all", or a label; none at all means any. Of several targets
// each has to satisfy it by itself.
func (r *Report) Satisfies(required []string, by By) bool {
	if len(r.Reports) > 0 {
		return !slices.ContainsFunc(r.Reports, func(part *Report) bool { return !part.Satisfies(required, by) })
	}
	if len(required) == 0 {
		required = []string{"any"}
	}
	for _, which := range required {
		ok := false
		switch which {
		case "any":
			ok = r.Fitting(by) > 0
		case "all":
			ok = len(r.Labels()) > 0 && r.Fitting(by) == len(r.Labels())
		default:
			ok = r.Fits(which, by)
		}
		if !ok {
			return false
		}
	}
	return true
}

// fitsFor reports whether an identity fits, was tried if it was to be, is sent by the client, and is accepted by
// the server program.
func (i *Identity) fitsFor(by By) bool {
	return i.Verdict == Fits && !i.untried() && (by.Client == "" || i.sentBy(by.Client)) &&
		(by.Server == "" || i.takenBy(by.Server))
}

// untried reports whether an identity was to be presented and was not, such as to a server that
// is not verified: what is predicted then is not what was asked.
func (i *Identity) untried() bool { return i.Trial != nil && i.Trial.Outcome == "not-tried" }

// Predicts reports whether the report says of any identity what the client, by its ID, would do.
func (r *Report) Predicts(client string) bool {
	return slices.ContainsFunc(r.Identities, func(i Identity) bool {
		return slices.ContainsFunc(i.Predictions, func(p Prediction) bool { return p.Stack == client })
	}) || slices.ContainsFunc(r.Reports, func(inner *Report) bool { return inner.Predicts(client) })
}

// Lacks reports whether it says of some identity what server programs would do, and leaves out this
// one.
func (r *Report) Lacks(server string) bool {
	return slices.ContainsFunc(r.Identities, func(i Identity) bool {
		return len(i.ServerModels) > 0 && i.serverModel(server) == nil
	}) || slices.ContainsFunc(r.Reports, func(inner *Report) bool { return inner.Lacks(server) })
}

func (i *Identity) sentBy(client string) bool {
	return slices.ContainsFunc(i.Predictions, func(p Prediction) bool {
		return p.Stack == client && p.Sends == "yes" &&
			p.Action == "sends" && (p.Taken == "" || p.Taken == "yes")
	})
}
