package main

import (
	"embed"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/cpuguy83/go-md2man/v2/md2man"
)

// guide has the pages of the guide.
//
//go:embed guide/*.md
var guide embed.FS

// guidePages are the names of the guide's manual pages.
func guidePages() ([]string, error) {
	files, err := guide.ReadDir("guide")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, file := range files {
		names = append(names, "mtlsprobe-"+strings.TrimSuffix(file.Name(), ".md"))
	}
	return names, nil
}

// writeGuide writes the pages of the guide as manual pages of section 7.
func writeGuide(dir string) error {
	names, err := guidePages()
	if err != nil {
		return err
	}
	for _, name := range names {
		data, err := guide.ReadFile(path.Join("guide", strings.TrimPrefix(name, "mtlsprobe-")+".md"))
		if err != nil {
			return err
		}
		title, text, _ := strings.Cut(strings.TrimPrefix(string(data), "# "), "\n")
		page := md2man.Render(fmt.Appendf(nil, "%% %s 7 \"\" mtlsprobe \"Guide\"\n\n# NAME\n\n%s \\- %s\n\n# DESCRIPTION\n%s",
			strings.ToUpper(name), name, title, text))
		if err := os.WriteFile(filepath.Join(dir, name+".7"), page, 0o644); err != nil { //nolint:gosec // public
			return err
		}
	}
	return nil
}
