package reading

import (
	"errors"
	"testing"

	"mtlsprobe/probe/wire"
)

// FuzzRead takes any two streams for a connection, decodes them, and reads and
// concludes: without the word of the TLS end nothing is accepted, and nobody verified.
func FuzzRead(f *testing.F) {
	f.Add([]byte{22, 3, 1, 0, 5, 1, 0, 0, 1, 0}, []byte{22, 3, 3, 0, 4, 14, 0, 0, 0, 21, 3, 3, 0, 2, 2, 48}, uint8(1), uint8(3))
	f.Add([]byte{22, 3, 1, 0, 5, 1, 0, 0, 1, 0, 20, 3, 3, 0, 1, 1}, []byte{20, 3, 3, 0, 1, 1, 22, 3, 3, 0, 40}, uint8(3), uint8(1))
	f.Add([]byte{}, []byte("220 hello\r\n"), uint8(0), uint8(0))
	f.Fuzz(func(t *testing.T, client, server []byte, flags, end uint8) {
		hello := min(len(client), 512)
		c := &Connection{
			Transcript: wire.Decode([]wire.Flow{{From: wire.Client, Data: client[:hello]}, {From: wire.Server, Data: server}, {From: wire.Client, Data: client[hello:]}}, nil),
			Presents:   flags&1 != 0, Presented: flags&2 != 0, Guessed: flags&4 != 0, End: End(end % 4),
		}
		c.Verification.Result = 1
		if c.End == Stopped {
			c.Err = errors.New("stopped")
		}
		o, trial := Observe(c), Classify(c)
		if trial.Outcome == Accepted || trial.Processed {
			t.Errorf("%s, processed %t, of a handshake that was not completed", trial.Outcome, trial.Processed)
		}
		concluded := Conclude(&Evidence{None: []*Trial{o.None}, SelfSigned: []*Trial{trial}, Identities: [][]*Trial{{trial, trial}}})
		if concluded.Mode == IgnoredMode || concluded.Mode == Optional {
			t.Errorf("%s, and nothing was accepted", concluded.Mode)
		}
	})
}
