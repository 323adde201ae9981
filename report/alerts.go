package report

import (
	"fmt"
	"strings"

	"mtlsprobe/probe/wire"
)

// alertMeaning says what an alert means, who sent it and whom it accuses.
func alertMeaning(a wire.Alert, from wire.Peer) string {
	peer := wire.Client
	if from == wire.Client {
		peer = wire.Server
	}
	level := map[uint8]string{1: "warning", 2: "fatal"}[a.Level]
	if level == "" {
		level = fmt.Sprintf("level %d", a.Level)
	}
	sense := strings.NewReplacer("SENDER", "the "+from.String(), "PEER", "the "+peer.String()).Replace(alertSense(a.Description))
	return fmt.Sprintf("%s %d %s: %s", level, a.Description, a.Name(), sense)
}

// alertSense returns the sense of RFC 8446, Section 6, and RFC 5246, Section 7.2,
// in a few words; SENDER is who sent it and PEER whom it accuses.
func alertSense(description uint8) string {
	switch description {
	case wire.CloseNotify:
		return "SENDER closes; no refusal"
	case 10:
		return "PEER sent a message that does not belong there"
	case 20:
		return "SENDER could not verify a record of PEER: it was changed, or has other keys"
	case 21:
		return "SENDER could not decrypt a record of PEER"
	case 22:
		return "PEER sent a record that is too long"
	case 30:
		return "SENDER could not decompress a record of PEER"
	case 40:
		return "SENDER finds no acceptable set of parameters; up to TLS 1.2 it may also mean that no certificate came"
	case 41:
		return "SENDER has no certificate that fits; in SSL 3.0 this stands in place of an empty Certificate, and PEER decides whether to go on"
	case 42:
		return "PEER's certificate is corrupt, or its signature does not verify"
	case 43:
		return "PEER's certificate is of an unsupported type, or not for this use"
	case 44:
		return "PEER's certificate was revoked by its signer"
	case 45:
		return "PEER's certificate has expired or is not currently valid, by SENDER's clock"
	case 46:
		return "SENDER does not accept PEER's certificate, for some other (unspecified) reason"
	case 47:
		return "PEER sent a field that is out of range or contradicts others"
	case 48:
		return "SENDER found no CA that it trusts for PEER's certificate: the CA is unknown there, or the chain incomplete"
	case 49:
		return "SENDER took PEER's certificate for valid and does not let its bearer in"
	case 50:
		return "SENDER could not decode a message of PEER"
	case 51:
		return "a signature or Finished of PEER does not verify"
	case 60:
		return "PEER wants keys that export rules forbid"
	case 70:
		return "SENDER recognises PEER's protocol version and does not support it"
	case 71:
		return "SENDER wants stronger ciphers than PEER offers"
	}
	return laterAlertSense(description)
}

func laterAlertSense(description uint8) string {
	switch description {
	case 80:
		return "SENDER has trouble of its own, unrelated to PEER"
	case 86:
		return "PEER fell back to an older version though SENDER supports a newer one (RFC 7507)"
	case wire.UserCanceled:
		return "SENDER cancels for a reason that is no failure of the protocol, and closes; no refusal"
	case 100:
		return "SENDER does not want a new handshake"
	case 109:
		return "PEER left out an extension that is mandatory"
	case 110:
		return "PEER sent an extension that is not allowed there"
	case 111:
		return "SENDER could not fetch PEER's certificate from its URL (RFC 6066)"
	case 112:
		return "no server is known by the name that PEER asked for"
	case 113:
		return "PEER's OCSP answer is invalid or not acceptable"
	case 114:
		return "PEER's certificate does not match its hash (RFC 6066)"
	case 115:
		return "SENDER does not know PEER's pre-shared key"
	case 116:
		return "SENDER wants a certificate, and PEER sent none"
	case 120:
		return "SENDER speaks none of the application protocols that PEER offers"
	case 121:
		return "SENDER wants PEER to use Encrypted Client Hello (RFC 9849)"
	}
	return "SENDER names a reason that this program does not know"
}
