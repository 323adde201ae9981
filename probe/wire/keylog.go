package wire

import (
	"bytes"
	"encoding/hex"
)

// A keyLog holds the secrets of a key log in the SSLKEYLOGFILE format, by label
// and client random (RFC 9850).
type keyLog map[string][]byte

// parseKeyLog keeps every well-formed line and skips the others, comments among
// them: a key log is written by many hands.
func parseKeyLog(text []byte) keyLog {
	log := make(keyLog)
	for line := range bytes.Lines(text) {
		fields := bytes.Fields(line)
		if len(fields) != 3 {
			continue
		}
		random, err1 := hex.DecodeString(string(fields[1]))
		secret, err2 := hex.DecodeString(string(fields[2]))
		if err1 == nil && err2 == nil {
			log[string(fields[0])+string(random)] = secret
		}
	}
	return log
}

// secret returns nil where the log has none.
func (l keyLog) secret(label string, clientRandom []byte) []byte {
	return l[label+string(clientRandom)]
}
