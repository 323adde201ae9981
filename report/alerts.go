package report

import (
	"fmt"

	"mtlsprobe/probe/wire"
)

// alertMeaning says what an alert means, who sent it and whom it accuses.
func alertMeaning(a wire.Alert, from wire.Peer) string {
	level := map[uint8]string{1: "warning", 2: "fatal"}[a.Level]
	if level == "" {
		level = fmt.Sprintf("level %d", a.Level)
	}
	return fmt.Sprintf("%s %d %s: %s", level, a.Description, a.Name(), a.MeaningFrom(from))
}
