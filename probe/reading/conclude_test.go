package reading

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"mtlsprobe/probe/protocol"
	"mtlsprobe/probe/wire"
	"mtlsprobe/report/say"
)

// made is a trial of a server that asked, with the outcome.
func made(o Outcome) *Trial {
	t := &Trial{Outcome: o, Asked: true, Presented: true, Processed: o == StayedSilent || o == Accepted || o == Closed || o == UnknownOutcome, Transcript: &wire.Transcript{}}
	switch o {
	case RefusedByTLS:
		t.Alert = &wire.AlertSeen{Alert: wire.Alert{Level: 2, Description: wire.AlertUnknownCA}, From: wire.Server}
	case RefusedByApplication:
		t.Application = &protocol.Answer{Protocol: "http", Status: 403, Verdict: protocol.AccessRefused}
	case UnknownOutcome:
		t.Application = &protocol.Answer{Protocol: "mysql", Status: 1045, Verdict: protocol.Undecided, UserOrCertificate: true}
	case Accepted:
		t.Application = &protocol.Answer{Protocol: "http", Status: 200, Verdict: protocol.Welcome}
	}
	return t
}

func trials(outcomes ...Outcome) []*Trial {
	var all []*Trial
	for _, o := range outcomes {
		all = append(all, made(o))
	}
	return all
}

// undecided is an answer of the application that does not tell.
func undecided(status int) *Trial {
	t := made(UnknownOutcome)
	t.Application = &protocol.Answer{Protocol: "http", Status: status, Verdict: protocol.Undecided}
	return t
}

func TestConclude(t *testing.T) {
	tests := []struct {
		name                string
		none, self, client  Outcome
		mode                Mode
		verified            Verified
		wantSelf, wantTrial Outcome
	}{
		{"required and verified", RefusedByTLS, RefusedByTLS, Accepted, Required, VerifiedYes, RefusedByTLS, Accepted},
		{"required, any passes", RefusedByTLS, Accepted, Accepted, Required, VerifiedNo, Accepted, Accepted},
		{"required, verified in part", RefusedByTLS, Accepted, RefusedByTLS, Required, VerifiedPartly, Accepted, RefusedByTLS},
		{"required, silent application", RefusedByTLS, RefusedByTLS, StayedSilent, Required, VerifiedYes, RefusedByTLS, Accepted},
		{"optional and verified", Accepted, RefusedByTLS, Accepted, Optional, VerifiedYes, RefusedByTLS, Accepted},
		{"optional, verified in part", Accepted, Accepted, RefusedByTLS, Optional, VerifiedPartly, Accepted, RefusedByTLS},
		{"ignored", Accepted, Accepted, Accepted, IgnoredMode, VerifiedNo, Ignored, Ignored},
		{"all silent", StayedSilent, StayedSilent, StayedSilent, UnknownMode, VerifiedUnknown, StayedSilent, StayedSilent},
		{"403 for all", RefusedByApplication, RefusedByApplication, RefusedByApplication, UnknownMode, VerifiedUnknown, RefusedByApplication, RefusedByApplication},
		{"403 without, 200 with", RefusedByApplication, RefusedByApplication, Accepted, Required, VerifiedYes, RefusedByApplication, Accepted},
		{"closed without, passes with", Closed, Closed, Accepted, Required, VerifiedYes, Closed, Accepted},
		{"closed for all", Closed, Closed, Closed, UnknownMode, VerifiedUnknown, Closed, Closed},
		{"alerts for the controls, a silent end for the client", RefusedByTLS, RefusedByTLS, Closed, Required, VerifiedUnknown, RefusedByTLS, UnknownOutcome},
		{"1045 for all", UnknownOutcome, RefusedByTLS, UnknownOutcome, UnknownMode, VerifiedYes, RefusedByTLS, UnknownOutcome},
		{"1045 without, logged in with", UnknownOutcome, RefusedByTLS, Accepted, Required, VerifiedYes, RefusedByTLS, Accepted},
		{"1045 for another", Accepted, UnknownOutcome, UnknownOutcome, Optional, VerifiedYes, RefusedByApplication, RefusedByApplication},
		{"an alert without, a silent end for any", RefusedByTLS, Closed, Closed, Required, VerifiedUnknown, UnknownOutcome, UnknownOutcome},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := &Evidence{None: trials(tt.none), SelfSigned: trials(tt.self), Identities: [][]*Trial{trials(tt.client)}}
			got := Conclude(e)
			if got.Mode != tt.mode || got.Verified != tt.verified {
				t.Errorf("%s, verified %s; want %s, %s", got.Mode, got.Verified, tt.mode, tt.verified)
			}
			if got.SelfSigned.Outcome != tt.wantSelf || got.Trials[0].Outcome != tt.wantTrial {
				t.Errorf("self-signed %s, trial %s; want %s, %s", got.SelfSigned.Outcome, got.Trials[0].Outcome, tt.wantSelf, tt.wantTrial)
			}
			if e.Identities[0][0].Outcome != tt.client || e.SelfSigned[0].Outcome != tt.self {
				t.Error("the evidence was changed")
			}
		})
	}
}

// TestContrasts has a case that applies and one that does not for each rule.
func TestContrasts(t *testing.T) {
	open := made(StayedSilent)
	open.Processed = false
	open.Transcript = &wire.Transcript{Entries: []wire.Entry{
		{From: wire.Client, ContentType: wire.HandshakeRecord, Handshake: wire.Finished}, {From: wire.Server, ContentType: wire.HandshakeRecord, Handshake: wire.Finished}}}
	guessed := func() *Trial {
		t := made(Closed)
		t.Guessed = true
		return t
	}
	tests := []struct {
		name       string
		none, self []*Trial
		trial      *Trial
		others     []*Trial
		want       Outcome
	}{
		{"silence, refused without", trials(RefusedByTLS), trials(RefusedByTLS), made(StayedSilent), nil, Accepted},
		{"silence, once refused without and once not", trials(RefusedByTLS, StayedSilent), trials(RefusedByTLS), made(StayedSilent), nil, StayedSilent},
		{"open, both controls closed", trials(Closed), trials(Closed), open, nil, StayedSilent},
		{"open, one control open", trials(Closed), trials(StayedSilent), open, nil, StayedSilent},
		{"a silent end among alerts, in a guessed protocol", trials(RefusedByTLS), trials(RefusedByTLS), guessed(), nil, UnknownOutcome},
		{"a silent end among alerts, in a protocol that was named", trials(RefusedByTLS), trials(RefusedByTLS), made(Closed), nil, UnknownOutcome},
		{"a silent end like the control's", trials(RefusedByTLS), trials(Closed), made(Closed), nil, UnknownOutcome},
		{"a silent end like the control's, another is accepted", trials(RefusedByTLS), trials(Closed), made(Closed), trials(Accepted), Closed},
		{"everything closes in a guessed protocol", []*Trial{guessed()}, []*Trial{guessed()}, guessed(), nil, UnknownOutcome},
		{"everything closes in a protocol that was named", trials(Closed), trials(Closed), made(Closed), nil, Closed},
		{"503 behind TLS that refuses the controls", trials(RefusedByTLS), trials(RefusedByTLS), undecided(503), nil, Accepted},
		{"503 behind TLS that accepts everybody", trials(Accepted), trials(RefusedByTLS), undecided(503), nil, UnknownOutcome},
		{"1045, another certificate is accepted", trials(RefusedByTLS), trials(RefusedByApplication), made(UnknownOutcome), trials(Accepted), RefusedByApplication},
		{"404 where the controls get 403", trials(RefusedByApplication), trials(RefusedByApplication), undecided(404), nil, Accepted},
		{"403 as the controls", trials(RefusedByApplication), trials(RefusedByApplication), undecided(403), nil, UnknownOutcome},
		{"429 where the controls get 403", trials(RefusedByApplication), trials(RefusedByApplication), undecided(429), nil, UnknownOutcome},
		{"accepted and refused", trials(RefusedByTLS), trials(RefusedByTLS), nil, trials(Accepted, RefusedByTLS), UnknownOutcome},
		{"accepted twice, a control differs", trials(RefusedByTLS, Accepted), trials(RefusedByTLS), nil, trials(Accepted, Accepted), UnknownOutcome},
		{"refused twice, a control differs", trials(RefusedByTLS, Accepted), trials(RefusedByTLS), nil, trials(RefusedByTLS, RefusedByTLS), RefusedByTLS},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := &Evidence{None: tt.none, SelfSigned: tt.self}
			if tt.trial != nil {
				e.Identities = append(e.Identities, []*Trial{tt.trial})
				for _, o := range tt.others {
					e.Identities = append(e.Identities, []*Trial{o})
				}
			} else {
				e.Identities = [][]*Trial{tt.others}
			}
			got := Conclude(e).Trials[0]
			if past := strings.HasSuffix(tt.name, "in a protocol that was named") && tt.want == UnknownOutcome; got.PastTLS != past {
				t.Errorf("past TLS: %t, want %t", got.PastTLS, past)
			}
			if got.Outcome != tt.want {
				t.Errorf("%s (%s), want %s", got.Outcome, got.Detail, tt.want)
			}
		})
	}
}

// TestClassify has a connection for each rule, in the order of the rules, and one to
// which the rule does not apply because another one comes first.
func TestClassify(t *testing.T) {
	asks := wire.Entry{From: wire.Server, ContentType: wire.HandshakeRecord, Handshake: wire.CertRequest}
	alert := wire.Entry{From: wire.Server, ContentType: wire.AlertRecord, Alert: wire.Alert{Level: 2, Description: wire.AlertUnknownCA}}
	injected := alert
	injected.Injected = true
	ours := wire.Entry{From: wire.Client, ContentType: wire.AlertRecord, Alert: wire.Alert{Level: 2, Description: 20}}
	plain := wire.Entry{From: wire.Server, ContentType: wire.NotTLS, Body: []byte("500 OOPS\x1b")}
	transcript := func(entries ...wire.Entry) *wire.Transcript {
		return &wire.Transcript{Version: versionTLS13, Entries: append([]wire.Entry{asks}, entries...)}
	}
	welcome := &protocol.Answer{Protocol: "http", Status: 200, Verdict: protocol.Welcome}
	tests := map[string]struct {
		give   Connection
		want   Outcome
		detail string
	}{
		"withheld":                       {Connection{Transcript: transcript(), Presents: true, Withheld: Unverified}, NotTried, "not presented because the server's own certificate could not be verified"},
		"ended before the request":       {Connection{Transcript: &wire.Transcript{}, Presents: true, End: ByServer}, NotTried, "the handshake ended before the server asked, so nothing was presented"},
		"could not present":              {Connection{Transcript: transcript(), Presents: true, End: Stopped, Err: fmt.Errorf("token gone")}, NotTried, `this program could not present it: "token gone"`},
		"refused by alert":               {Connection{Transcript: transcript(alert), Presents: true, Presented: true, End: ByServer}, RefusedByTLS, ""},
		"an injected alert":              {Connection{Transcript: transcript(injected, ours), Presents: true, Presented: true, Established: true, End: Stopped, Err: fmt.Errorf("bad record")}, UnknownOutcome, `stopped by this program: "bad record"`},
		"plaintext":                      {Connection{Transcript: transcript(plain), Presents: true, Presented: true, Established: true, End: Stopped}, Closed, `plaintext came in the middle of TLS, from the server or a third party: "500 OOPS\x1b"`},
		"no handshake":                   {Connection{Transcript: transcript(), Presents: true, Presented: true, End: ByServer}, Closed, "closed during the handshake, without an alert"},
		"no handshake in time":           {Connection{Transcript: transcript(), Presents: true, Presented: true, End: TimedOut}, StayedSilent, "the handshake did not end within the time limit"},
		"application answered":           {Connection{Transcript: transcript(), Presents: true, Presented: true, Established: true, Application: welcome}, Accepted, ""},
		"answered, but not asked":        {Connection{Transcript: &wire.Transcript{Version: versionTLS13}, Presents: true, Established: true, Application: welcome}, Accepted, "the server did not ask, so nothing was presented"},
		"closed after the handshake":     {Connection{Transcript: transcript(), Presents: true, Presented: true, Established: true, End: ByServer}, Closed, "closed after the handshake, without an alert or an answer"},
		"silent":                         {Connection{Transcript: transcript(), Presents: true, Presented: true, Established: true}, StayedSilent, "no answer and no refusal"},
		"opaque records prove nothing":   {Connection{Transcript: transcript(wire.Entry{From: wire.Server, ContentType: wire.HandshakeRecord, Opaque: true}), Presents: true, Presented: true}, Closed, "closed during the handshake, without an alert"},
		"an application without a name":  {Connection{Transcript: transcript(), Established: true, Application: &protocol.Answer{Detail: "hello"}}, UnknownOutcome, `the server answered in an unknown protocol: "hello"`},
		"an application that wants more": {Connection{Transcript: transcript(), Established: true, Application: &protocol.Answer{Protocol: "http", Status: 503}}, UnknownOutcome, "the application's answer does not show whether it accepts the certificate"},
		"an application that refuses":    {Connection{Transcript: transcript(), Established: true, Application: &protocol.Answer{Protocol: "http", Status: 403, Verdict: protocol.AccessRefused}}, RefusedByApplication, ""},
	}
	for name, tt := range tests {
		if got := Classify(&tt.give); got.Outcome != tt.want || got.Detail.String() != tt.detail {
			t.Errorf("%s: %s %q, want %s %q", name, got.Outcome, got.Detail, tt.want, tt.detail)
		}
	}
}

// A session ticket proves that the server read the client's flight only if it came
// after it.
func TestHostileTicket(t *testing.T) {
	message := func(from wire.Peer, kind wire.HandshakeType) wire.Entry {
		return wire.Entry{From: from, ContentType: wire.HandshakeRecord, Handshake: kind}
	}
	ticket, ours := message(wire.Server, wire.NewSessionTicket), message(wire.Client, wire.Finished)
	for _, tt := range []struct {
		name    string
		version uint16
		entries []wire.Entry
		done    bool
		want    bool
	}{
		{"after", versionTLS13, []wire.Entry{ours, ticket}, true, true},
		{"before", versionTLS13, []wire.Entry{ticket, ours}, true, false},
		{"none", versionTLS13, []wire.Entry{ours}, true, false},
		{"not established", versionTLS13, []wire.Entry{ours, ticket}, false, false},
		{"TLS 1.2", 0x0303, nil, true, true},
	} {
		c := &Connection{Transcript: &wire.Transcript{Version: tt.version, Entries: tt.entries}, Established: tt.done}
		got := Classify(c).Processed
		if got != tt.want {
			t.Errorf("%s: processed %t, want %t", tt.name, got, tt.want)
		}
		t.Logf("row: a server's session ticket, %s | to be taken for having read the client's flight | processed %t | nothing", tt.name, got)
	}
}

// A server is verified only if it has proved its key.
func TestVerified(t *testing.T) {
	message := func(from wire.Peer, kind wire.HandshakeType) []wire.Entry {
		return []wire.Entry{{From: from, ContentType: wire.HandshakeRecord, Handshake: kind}}
	}
	const ecdhe, rsa = 0xc02f, 0x009c
	for _, tt := range []struct {
		name string
		c    Connection
		want say.Answer
	}{
		{"established", Connection{Transcript: &wire.Transcript{Version: versionTLS13}, Established: true}, say.Yes},
		{"TLS 1.3, the client went on", Connection{Transcript: &wire.Transcript{Version: versionTLS13, Entries: message(wire.Client, wire.Finished)}}, say.Yes},
		{"TLS 1.3, the client gave up", Connection{Transcript: &wire.Transcript{Version: versionTLS13}}, say.Unknown},
		{"TLS 1.2 with ECDHE", Connection{Transcript: &wire.Transcript{Version: 0x0303, CipherSuite: ecdhe, Entries: message(wire.Client, wire.ClientKeyExchange)}}, say.Yes},
		{"TLS 1.2 with RSA key exchange", Connection{Transcript: &wire.Transcript{Version: 0x0303, CipherSuite: rsa, Entries: message(wire.Client, wire.ClientKeyExchange)}}, say.Unknown},
		{"RSA key exchange, established", Connection{Transcript: &wire.Transcript{Version: 0x0303, CipherSuite: rsa}, Established: true}, say.Yes},
	} {
		tt.c.Verification = Verification{Result: say.Yes}
		if got := Observe(&tt.c).Verification; got.Result != tt.want || (got.Err == nil) != (tt.want == say.Yes) {
			t.Errorf("%s: %+v, want %s", tt.name, got, tt.want)
		}
	}
}

// TestConcludeProperties draws servers of one or two backends, each strict, lax or
// limited in rate, and holds that nothing is concluded which any observation
// contradicts.
func TestConcludeProperties(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	// A backend answers to none, self-signed, a good and a bad certificate.
	backends := map[string][4]Outcome{
		"strict":   {RefusedByTLS, RefusedByTLS, Accepted, RefusedByTLS},
		"stricter": {RefusedByTLS, RefusedByTLS, RefusedByTLS, RefusedByTLS},
		"optional": {Accepted, RefusedByTLS, Accepted, RefusedByTLS},
		"lax":      {Accepted, Accepted, Accepted, Accepted},
		"any":      {RefusedByTLS, Accepted, Accepted, Accepted},
		"silent":   {RefusedByTLS, RefusedByTLS, StayedSilent, RefusedByTLS},
		"closing":  {Closed, Closed, Accepted, Closed},
	}
	names := []string{"strict", "stricter", "optional", "lax", "any", "silent", "closing"}
	for range 20_000 {
		pool := []string{names[random.IntN(len(names))], names[random.IntN(len(names))]}
		limit := random.IntN(3) == 0
		seen := map[int][]Outcome{}
		draw := func(who, times int) []*Trial {
			var all []*Trial
			for range times {
				o := backends[pool[random.IntN(2)]][who]
				trial := made(o)
				if limit && random.IntN(5) == 0 {
					trial = undecided(429)
					o = UnknownOutcome
				}
				seen[who] = append(seen[who], o)
				all = append(all, trial)
			}
			return all
		}
		e := &Evidence{None: draw(0, 1+random.IntN(2)), SelfSigned: draw(1, random.IntN(3)), Identities: [][]*Trial{draw(2, 1+random.IntN(2)), draw(3, 1+random.IntN(2))}}
		got := Conclude(e)
		for n, trial := range got.Trials {
			for _, o := range seen[2+n] {
				if (o == RefusedByTLS || o == Closed) && trial.Outcome == Accepted {
					t.Fatalf("%v: accepted, and refused as well: %v", pool, seen)
				}
			}
		}
		for who, outcomes := range seen {
			for _, o := range outcomes {
				if (o == RefusedByTLS || o == Closed) && got.Mode == IgnoredMode {
					t.Fatalf("%v: ignored, and %d was refused: %v", pool, who, seen)
				}
				if who == 0 && o == Accepted && got.Mode == Required {
					t.Fatalf("%v: required, and no certificate was accepted: %v", pool, seen)
				}
			}
		}
		if again := Conclude(e); again.Mode != got.Mode || again.Differs.String() != got.Differs.String() {
			t.Fatal("the same evidence, another conclusion")
		}
	}
}
