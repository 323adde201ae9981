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
	meaning := strings.NewReplacer("SENDER", "the "+from.String(), "PEER", "the "+peer.String()).Replace(a.Meaning())
	return fmt.Sprintf("%s %d %s: %s", level, a.Description, a.Name(), meaning)
}
