// Package metrics says what one probe found as metrics of Prometheus.
//
// Call [Of] with a line of a scan and its diagnosis. What is not known has no metric, so that an
// alert on a value fires on knowledge only; mtlsprobe_success says whether the probe succeeded. No
// metric has a secret, the path of a file, or a sentence.
package metrics

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"

	"mtlsprobe/certstore/chain"
	"mtlsprobe/probe"
	"mtlsprobe/probe/diagnosis"
	"mtlsprobe/probe/match"
	"mtlsprobe/probe/reading"
	"mtlsprobe/report"
	"mtlsprobe/report/say"
)

// A Set is the metrics of one probe. It is a [prometheus.Collector].
type Set struct {
	metrics []prometheus.Metric
	seen    map[string]bool
}

// Describe describes nothing: which metrics there are depends on what was found.
func (s *Set) Describe(chan<- *prometheus.Desc) {}

// Collect hands the metrics over.
func (s *Set) Collect(out chan<- prometheus.Metric) {
	for _, m := range s.metrics {
		out <- m
	}
}

// Of returns the metrics of a target. Line is what a scan says of it, and d its diagnosis, nil
// where line has an error. A list of acceptable CAs, and of those that an identity leads to, has a
// metric for each CA if it has no more than names. Took is how long all of it took.
func Of(line *report.Scanned, d *diagnosis.Diagnosis, names int, took time.Duration) *Set {
	s := &Set{seen: make(map[string]bool)}
	s.gauge("mtlsprobe_duration_seconds", "How long the whole probe took.", took.Seconds())
	s.gauge("mtlsprobe_success", "Whether the target could be asked.", truth(line.Error == nil))
	if line.Error != nil {
		s.info("mtlsprobe_error_info", "Why the target could not be asked.", "kind", line.Error.Kind)
		return s
	}
	s.server(line, d)
	s.request(d, line.NamedCAs, names)
	for n := range d.Identities {
		s.identity(&d.Identities[n], line.NamedCAs, names, d.Interrupted)
	}
	return s
}

func (s *Set) server(line *report.Scanned, d *diagnosis.Diagnosis) {
	o := d.Server.Observation
	s.answer("mtlsprobe_client_certificate_requested", "Whether the server requests a client certificate.", o.Asked)
	if line.Mode != "" {
		s.info("mtlsprobe_mode_info", "What the server insists on: required, optional, ignored or unknown.", "mode",
			line.Mode)
	}
	if line.Version != "" {
		s.info("mtlsprobe_tls_version_info", "The TLS version that was negotiated.", "version", line.Version)
	}
	s.answer("mtlsprobe_server_verified", "Whether the server's certificate, name and key could be verified.",
		o.Verification.Result)
	if c := line.ServerCertificate; c != nil {
		s.gauge("mtlsprobe_server_certificate_not_after_timestamp_seconds", "When the server's certificate expires.",
			unix(c.NotAfter))
	}
	if skew, known := o.Clock.Skew(); known {
		s.gauge("mtlsprobe_clock_skew_seconds", "The server's clock minus the local one, to about a second.", skew.Seconds())
	}
	s.times(&o.Times)
}

func (s *Set) times(t *probe.Times) {
	for _, part := range []struct {
		name string
		took time.Duration
	}{{"connect", t.Connect}, {"preamble", t.Preamble}, {"handshake", t.Handshake}, {"answer", t.Answer}} {
		if part.took > 0 {
			s.gauge("mtlsprobe_phase_duration_seconds", "How long each part of the first connection took.",
				part.took.Seconds(), "phase", part.name)
		}
	}
}

// request says which CAs a server names. The hash does not depend on their order, which differs
// between the servers behind a balancer.
func (s *Set) request(d *diagnosis.Diagnosis, cas []string, names int) {
	if d.Request == nil {
		return
	}
	list := d.Request.NamedCAs
	s.gauge("mtlsprobe_acceptable_cas", "How many CAs the server names as acceptable; 0 means any.", float64(len(list)))
	sorted := slices.Clone(list)
	slices.SortFunc(sorted, slices.Compare)
	hash := sha256.New()
	for _, der := range sorted {
		hash.Write(der) // which tells its own length
	}
	const exact = 16 // bits less than 64, for a float to hold it
	s.gauge("mtlsprobe_acceptable_cas_hash", "Changes when the list of acceptable CAs changes; the order does not count.",
		float64(binary.BigEndian.Uint64(hash.Sum(nil))>>exact))
	s.gauge("mtlsprobe_acceptable_cas_listed", "Whether each acceptable CA has a metric: there are not too many.",
		truth(len(cas) <= names))
	if len(cas) > names {
		return
	}
	told := slices.Clone(cas)
	slices.Sort(told)
	for _, ca := range slices.Compact(told) {
		s.info("mtlsprobe_acceptable_ca_info", "A CA that the server names as acceptable.", "ca", ca)
	}
}

func (s *Set) identity(i *diagnosis.Identity, cas []string, names int, interrupted bool) {
	if i.Leaf != nil {
		s.gauge("mtlsprobe_identity_not_after_timestamp_seconds", "When the client certificate expires.",
			unix(i.Leaf.NotAfter), "identity", i.Label)
	}
	if i.Verdict != "" {
		s.info("mtlsprobe_identity_verdict_info", "The verdict, and whether it was tried or is predicted.", "identity",
			i.Label,
			"verdict", string(i.Verdict), "basis", string(i.Basis))
	}
	// What was to be tried and was not, as at a server that is not verified, is not said to fit.
	untried := i.Trial != nil && i.Trial.Outcome == reading.NotTried || i.Trial == nil && interrupted
	if i.Verdict == diagnosis.DoesNotFit || i.Verdict == diagnosis.Fits && !untried {
		s.gauge("mtlsprobe_identity_fits", "Whether the client certificate fits; absent where that is not known.",
			truth(i.Verdict == diagnosis.Fits), "identity", i.Label)
	}
	if i.Judgement != nil {
		s.paths(i, cas, names)
	}
	s.trial(i)
}

// paths says until when an identity leads to each CA on the list, as far as certificates are at
// hand: the longest of its ways.
func (s *Set) paths(i *diagnosis.Identity, cas []string, names int) {
	latest := make(map[string]time.Time) // a list may name a CA twice
	for n := range i.Judgement.NamedCAs {
		named := &i.Judgement.NamedCAs[n]
		if named.Result != match.Reached && named.Result != match.NameOnly || named.Path == nil || named.Index >= len(cas) {
			continue
		}
		for _, path := range append([]*chain.Path{named.Path}, named.Others...) {
			way := match.NamedCA{Path: path}
			if end, _ := way.Until(); end.After(latest[cas[named.Index]]) {
				latest[cas[named.Index]] = end
			}
		}
	}
	s.gauge("mtlsprobe_identity_cas",
		"To how many of the acceptable CAs the client certificate leads: by signatures, or by "+
			"name where the CA's own certificate is not at hand.", float64(len(latest)), "identity", i.Label)
	if len(latest) > names {
		return
	}
	for ca, end := range latest {
		s.gauge("mtlsprobe_path_not_after_timestamp_seconds", "When the first certificate on the way to this CA expires.",
			unix(end), "identity", i.Label, "ca", ca)
	}
}

func (s *Set) trial(i *diagnosis.Identity) {
	t := i.Trial
	if t == nil {
		return
	}
	s.info("mtlsprobe_trial_info", "What came of presenting the client certificate.", "identity", i.Label, "outcome",
		string(t.Outcome))
	if t.Outcome == reading.Accepted || t.Refused() {
		s.gauge("mtlsprobe_trial_accepted",
			"Whether the server accepted the client certificate; absent where that is not known.",
			truth(t.Outcome == reading.Accepted), "identity", i.Label)
	}
	if t.Alert != nil && t.Refused() {
		s.gauge("mtlsprobe_trial_alert", "The number of the TLS alert that ended the trial.", float64(t.Alert.Description),
			"identity", i.Label)
	}
}

// gauge adds a value, whose labels come as names and values in turn.
func (s *Set) gauge(name, help string, value float64, labels ...string) {
	var keys, values []string
	for n := 0; n < len(labels); n += 2 {
		keys, values = append(keys, labels[n]), append(values, bounded(labels[n+1]))
	}
	key := name + "\x00" + strings.Join(values, "\x00")
	if s.seen[key] { // two that are the same once they are bounded
		return
	}
	s.seen[key] = true
	s.metrics = append(s.metrics, prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, keys, nil),
		prometheus.GaugeValue, value, values...))
}

// bounded is a label's value that Prometheus takes, whatever a server or a file calls itself.
func bounded(value string) string {
	const longest = 256
	value = strings.ToValidUTF8(value, "\ufffd")
	if utf8.RuneCountInString(value) > longest {
		value = string([]rune(value)[:longest]) + "…"
	}
	return value
}

func (s *Set) info(name, help string, labels ...string) { s.gauge(name, help, 1, labels...) }

// answer adds yes or no; nothing for unknown.
func (s *Set) answer(name, help string, a say.Answer) {
	if a != say.Unknown {
		s.gauge(name, help, truth(a == say.Yes))
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func unix(t time.Time) float64 { return float64(t.Unix()) }
