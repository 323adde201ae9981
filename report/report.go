// Package report is what the program has to say, as versioned plain data, and
// one writer per format.
//
// Call [New] with the results of a run, then [Write]. The types are the
// contract of the JSON output, schema "mtlsprobe/1": a field may be added, and
// none changes its meaning. Times are RFC 3339 in UTC, names RFC 4514,
// fingerprints SHA-256 in lower-case hex.
package report

import (
	"slices"
	"time"
)

// Schema is the version of the report.
const Schema = "mtlsprobe/1"

// A Report is everything that one run found.
type Report struct {
	Schema      string    `json:"schema"`
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
	Sightings         []Sighting      `json:"sightings,omitempty"` // of "mirror"
	Problems          []string        `json:"problems,omitempty"`  // what could not be read
}

// A Target is where the program connected.
type Target struct {
	Address    string `json:"address"`
	ServerName string `json:"server_name"`
	Protocol   string `json:"protocol"`
	StartTLS   string `json:"starttls,omitempty"` // the protocol after whose preamble TLS began
	Proxy      string `json:"proxy,omitempty"`    // without user and password
}

// A Server is what the server showed of itself.
type Server struct {
	Version      string        `json:"version,omitempty"`
	CipherSuite  string        `json:"cipher_suite,omitempty"`
	Verified     string        `json:"verified"` // yes, no, unknown
	VerifyError  string        `json:"verify_error,omitempty"`
	Certificates []Certificate `json:"certificates,omitempty"`
}

// A Certificate is a certificate that is named, not judged.
type Certificate struct {
	Subject  string     `json:"subject"`
	Issuer   string     `json:"issuer"`
	NotAfter *time.Time `json:"not_after,omitempty"`
	SHA256   string     `json:"sha256"`
	Source   string     `json:"source,omitempty"`
}

// A Request is what the server demands. "check --request" reads it back.
type Request struct {
	Asked                string   `json:"asked"` // yes, no, unknown
	When                 string   `json:"when,omitempty"`
	Insistence           string   `json:"insistence"`
	Version              string   `json:"version,omitempty"`
	CertificateTypes     []string `json:"certificate_types,omitempty"`
	SignatureSchemes     []string `json:"signature_schemes,omitempty"`
	SignatureSchemesCert []string `json:"signature_schemes_cert,omitempty"`
	NamedCAs             []Name   `json:"named_cas"`
	Library              string   `json:"library,omitempty"` // that such requests come from, by the order of what is listed
	Raw                  []byte   `json:"raw,omitempty"`
	Error                string   `json:"error,omitempty"` // why it could not be decoded
}

// A Name is a distinguished name, readable and as sent.
type Name struct {
	DN  string `json:"dn"`
	DER []byte `json:"der"`
}

// A Clock compares the local clock with the server's.
type Clock struct {
	Local       time.Time  `json:"local"`
	Server      *time.Time `json:"server,omitempty"`
	SkewSeconds *int64     `json:"skew_seconds,omitempty"` // the server's minus the local
	Source      string     `json:"source,omitempty"`
	NTP         *NTP       `json:"ntp,omitempty"` // when a time server was asked
}

// NTP is what a time server says of the local clock.
type NTP struct {
	Host               string  `json:"host"`
	SkewSeconds        float64 `json:"skew_seconds"` // its clock minus the local
	UncertaintySeconds float64 `json:"uncertainty_seconds"`
}

// An Identity is a candidate with everything found about it.
type Identity struct {
	Label  string `json:"label"`
	Source string `json:"source"`
	// NamedBy is the client's configuration that names it.
	NamedBy string `json:"named_by,omitempty"`
	// BeginsWith names the certificate that stands before the leaf in a PEM file.
	BeginsWith string `json:"begins_with,omitempty"`
	// FriendlyName is the one stored beside it.
	FriendlyName string `json:"friendly_name,omitempty"`
	// Container says what the file is made of; absent where there is nothing to say.
	Container *Container `json:"container,omitempty"`
	Subject   string     `json:"subject,omitempty"`
	Issuer    string     `json:"issuer,omitempty"`
	Serial    string     `json:"serial,omitempty"`
	NotBefore *time.Time `json:"not_before,omitempty"`
	NotAfter  *time.Time `json:"not_after,omitempty"`
	SHA256    string     `json:"sha256,omitempty"`
	Key       Key        `json:"key"`
	// Access is absent unless an account was named.
	Access   *Access       `json:"access,omitempty"`
	Chain    []Certificate `json:"chain,omitempty"`
	Verdict  string        `json:"verdict,omitempty"` // fits, does-not-fit, unknown
	Findings []Finding     `json:"findings,omitempty"`
	NamedCAs []NamedCA     `json:"named_cas,omitempty"`
	Tree     *Branch       `json:"tree,omitempty"`     // the ways up from the leaf
	TreeCut  bool          `json:"tree_cut,omitempty"` // not all of them are shown
	// Predictions say what client stacks would do with it.
	Predictions []Prediction `json:"predictions,omitempty"`
	Trial       *Trial       `json:"trial,omitempty"`
}

// A Container says what a file with identities is made of.
type Container struct {
	Format    string   `json:"format"`
	Integrity string   `json:"integrity,omitempty"` // how it is protected against change
	Parts     []string `json:"parts,omitempty"`     // each bag or entry, and its encryption
	Readers   []string `json:"readers,omitempty"`   // which programs read it, and which do not
}

// A Contained is what a file without an identity is made of.
type Contained struct {
	Source string `json:"source"`
	Container
}

// A Key is an identity's private key, never its material.
type Key struct {
	Algorithm string `json:"algorithm,omitempty"`
	State     string `json:"state"`
	Detail    string `json:"detail,omitempty"`
	// Source is the file that holds the key; absent unless it is usable.
	Source string `json:"source,omitempty"`
	// Protection is what the key is encrypted with; absent for one in clear, and in a
	// container, which says it.
	Protection string `json:"protection,omitempty"`
	// ExposedTo are who else may read the file, and the clients that refuse it for
	// that.
	ExposedTo []string `json:"exposed_to,omitempty"`
}

// An Access says whether the account that is to use an identity could read it.
type Access struct {
	Account string `json:"account"`
	Result  string `json:"result"` // yes, no, unknown
	Detail  string `json:"detail,omitempty"`
	Remedy  string `json:"remedy,omitempty"`
}

// A Finding is what one check says of one identity.
type Finding struct {
	Check  string `json:"check"`
	Title  string `json:"title"`
	Result string `json:"result"` // pass, warn, fail, not-applicable, unknown
	Detail string `json:"detail,omitempty"`
	Remedy string `json:"remedy,omitempty"`
}

// A NamedCA is how an identity stands to one name on the server's list.
type NamedCA struct {
	DN     string     `json:"dn"`
	Result string     `json:"result"` // reached, name-only, near-miss, not-reached, unknown
	Paths  [][]string `json:"paths,omitempty"`
	Via    string     `json:"via,omitempty"` // presented, local, cross-signed
	Detail string     `json:"detail,omitempty"`
	Remedy string     `json:"remedy,omitempty"`
}

// A Trial is what came of presenting an identity.
type Trial struct {
	Outcome     string       `json:"outcome"`
	Detail      string       `json:"detail,omitempty"`
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
	// Transcript is there if it was asked for.
	Transcript []TranscriptRow `json:"transcript,omitempty"`
}

// An Alert is a TLS alert with its direction: who accuses whom.
type Alert struct {
	Number uint8  `json:"number"`
	Name   string `json:"name"`
	From   string `json:"from"` // server, client
	When   string `json:"when"` // handshake, after-handshake
}

// An Application is the answer to the question after the handshake.
type Application struct {
	Protocol string `json:"protocol,omitempty"`
	Status   int    `json:"status,omitempty"`
	Detail   string `json:"detail,omitempty"`
}

// A Control is a trial that shows what an acceptance is worth.
type Control struct {
	Kind  string `json:"kind"` // none, self-signed
	Trial Trial  `json:"trial"`
}

// Verdicts of an identity.
const (
	Fits       = "fits"
	DoesNotFit = "does-not-fit"
	Unknown    = "unknown"
)

// Judged counts the identities that have a verdict.
func (r *Report) Judged() int {
	if r.Migration != nil {
		return len(r.Migration.Rows)
	}
	return len(r.Identities)
}

// Labels returns the names of the identities that have a verdict.
func (r *Report) Labels() []string {
	var labels []string
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

// Fits reports whether the identity with the label fits, as Fitting counts.
func (r *Report) Fits(label, client string) bool {
	if r.Migration != nil {
		return slices.ContainsFunc(r.Migration.Rows, func(row MigrationRow) bool { return row.Label == label && row.fits(client) })
	}
	i := r.identity(label)
	return i != nil && i.Verdict == Fits && (client == "" || i.sentBy(client))
}

// Fitting counts the identities that fit; of a migration those that do in every
// phase. With a client stack's ID it counts those that this client sends as well.
func (r *Report) Fitting(client string) int {
	n := 0
	if r.Migration != nil {
		for _, row := range r.Migration.Rows {
			if row.fits(client) {
				n++
			}
		}
		return n
	}
	for _, i := range r.Identities {
		if i.Verdict == Fits && (client == "" || i.sentBy(client)) {
			n++
		}
	}
	return n
}

func (i *Identity) sentBy(client string) bool {
	return slices.ContainsFunc(i.Predictions, func(p Prediction) bool { return p.Stack == client && p.Sends == "yes" && p.Action == "sends" })
}
