package reading

import (
	"crypto/sha256"
	"fmt"

	"mtlsprobe/report/say"
)

// Answering is what a server did in one connection, by which two that share an address are told
// apart.
type Answering struct {
	Server, ServerName string // the address, and the name that the client asked for
	// Subject is that of its certificate, and Key the fingerprint of the certificate's key; zero
	// where that was not seen.
	Subject string
	Key     [sha256.Size]byte
	Asked   say.Answer // whether it asked for a client certificate in the handshake
}

// Compare says of each connection how others of the same capture, to the same address and name,
// were answered otherwise; nil for those of which there is nothing to say. It is a hint: servers
// behind one address differ, too.
func Compare(all []Answering) []say.Phrase {
	type place struct{ server, name string }
	groups := make(map[place][]int)
	for n, a := range all {
		if a.Server != "" {
			at := place{a.Server, a.ServerName}
			groups[at] = append(groups[at], n)
		}
	}
	phrases := make([]say.Phrase, len(all))
	for _, group := range groups {
		for _, n := range group {
			phrases[n] = all[n].against(all, group)
		}
	}
	return phrases
}

// against compares with the others at the same address.
func (a *Answering) against(all []Answering, group []int) say.Phrase {
	otherKey, otherAnswer, subject := 0, 0, ""
	for _, n := range group {
		other := &all[n]
		if a.Subject != "" && other.Subject != "" && a.Key != other.Key {
			otherKey++
			subject = other.Subject
		}
		if a.Asked != say.Unknown && other.Asked != say.Unknown && a.Asked != other.Asked {
			otherAnswer++
		}
	}
	const hint = ": several servers share the address, or something in between answers in place of the server"
	switch {
	case otherKey > 0:
		text := say.Text("the same address answered ", others(otherKey), " with the certificate of ", say.DN(subject),
			" in place of that of ", say.DN(a.Subject))
		if subject == a.Subject {
			text = say.Text("the same address answered ", others(otherKey), " with another certificate and key of ",
				say.DN(subject))
		}
		if otherAnswer > 0 {
			text = say.Text(text, ", and ", asks(a.Asked))
		}
		return say.Text(text, hint)
	case otherAnswer > 0:
		return say.Text("the same address, in ", others(otherAnswer), ", ", asks(a.Asked), hint)
	}
	return nil
}

// others counts further connections.
func others(n int) string {
	if n == 1 {
		return "another connection of this capture"
	}
	return fmt.Sprintf("%d other connections of this capture", n)
}

// asks words what the others did, where this one asked or did not.
func asks(asked say.Answer) string {
	if asked == say.Yes {
		return "did not ask for a client certificate"
	}
	return "asked for a client certificate"
}
