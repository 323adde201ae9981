package cmd

import (
	"cmp"
	_ "embed"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// archived is the commit of a source archive: git archive puts it in place of "$Format:%H$".
//
//go:embed commit.txt
var archived string

// buildSettings are what the Go toolchain noted of this build, by their keys in package debug.
func buildSettings() (main string, settings map[string]string) {
	settings = make(map[string]string)
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "", settings
	}
	for _, setting := range info.Settings {
		settings[setting.Key] = setting.Value
	}
	return info.Main.Version, settings
}

// version is the version and the commit, as far as they are known.
func version() string {
	text, settings := buildSettings()
	text = cmp.Or(text, "(unknown)")
	commit := cmp.Or(settings["vcs.revision"], strings.TrimSpace(archived))
	const enough = 12
	if len(commit) > enough && !strings.HasPrefix(commit, "$") {
		text += ", commit " + commit[:enough]
	}
	if settings["vcs.modified"] == "true" {
		text += ", with changes"
	}
	return text
}

func newVersion(s *Streams) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Show the version, the commit and what is built in", Args: args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			_, settings := buildSettings()
			date := cmp.Or(settings["vcs.time"], "unknown")
			tokens := "not built in: that takes CGO_ENABLED=1 go build"
			if settings["CGO_ENABLED"] == "1" {
				tokens = "built in"
			}
			_, err := fmt.Fprintf(s.Out, "mtlsprobe %s\n  date     %s\n  Go       %s, %s/%s\n  PKCS#11  %s\n", version(), date,
				runtime.Version(), runtime.GOOS, runtime.GOARCH, tokens)
			return err
		},
	}
}
