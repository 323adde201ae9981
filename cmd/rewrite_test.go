package cmd

import (
	"os"
	"testing"

	"mtlsprobe/report"
)

// What a command wrote, the same command writes again, in every format.
func TestRewrite(t *testing.T) {
	p := hostileFolder(t)
	v := startVictim(t, p)
	var commands [][]string
	for _, format := range report.Formats() {
		commands = append(commands, []string{"check", "--cert", "good.pem", "--named-ca", "ca.pem", "-o", format,
			"--output-file", "out." + format})
	}
	commands = append(commands, []string{"check", "--cert", "good.pem", "--named-ca", "ca.pem", "--redact",
		"--redact-map", "map.json"},
		[]string{"request", v.address, "-k", "--no-sweep", "--save", "saved.json", "--keylog", "keys.log", "--pcapng",
			"c.pcapng"},
		[]string{"mirror", "--named-ca", "ca.pem", "--save-ca", "mirror.pem", "--timeout", "100ms"})
	for _, args := range commands {
		for n := range 2 {
			if code, _, stderr := runIn(t, nil, args...); code == 2 {
				t.Errorf("%v, time %d: %s", args, n+1, stderr)
			}
		}
	}
	for _, name := range []string{"out.html", "map.json", "keys.log", "c.pcapng", "mirror.pem"} {
		if info, err := os.Stat(name); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}
