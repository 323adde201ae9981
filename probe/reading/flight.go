package reading

import (
	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

// ObserveFlight reads a connection that was ended after the server's first flight: what the
// server asks for is known, and neither that it has its key nor what it does about certificates.
// Why says why it was ended.
func ObserveFlight(tr *wire.Transcript, why say.Phrase) *Observation {
	o := &Observation{Demand: Asked(tr), Version: tr.Version, CipherSuite: tr.CipherSuite, Transcript: tr}
	o.None = &Trial{Outcome: UnknownOutcome, Asked: o.Asked == say.Yes, Transcript: tr, Detail: why}
	for n := range tr.Entries {
		if e := &tr.Entries[n]; message(e, wire.Server, wire.Certificate) {
			o.Certificates = certificates(tr.Version, e.Body)
			break
		}
	}
	return o
}
