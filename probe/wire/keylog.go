package wire

import (
	"bytes"
	"crypto/rsa"
	"encoding/hex"
)

// A KeyLog holds secrets for several connections. The zero KeyLog holds none. It may grow
// while connections are decoded; it is not safe for concurrent use.
type KeyLog struct {
	secrets keyLog
	keys    []*rsa.PrivateKey // of servers
}

// Add reads a key log in the SSLKEYLOGFILE format. Lines that are not well formed are skipped.
func (l *KeyLog) Add(text []byte) {
	if l.secrets == nil {
		l.secrets = make(keyLog)
	}
	for key, secret := range parseKeyLog(text) {
		l.secrets[key] = secret
	}
}

// Empty reports whether there is no secret.
func (l *KeyLog) Empty() bool { return len(l.secrets) == 0 && len(l.keys) == 0 }

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
