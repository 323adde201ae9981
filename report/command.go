package report

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"

	"mtlsprobe/certstore"
	"mtlsprobe/certstore/account"
	"mtlsprobe/report/say"
)

// fixCommand is what to type to have a complete bundle written, where all that is missing is
// in files at hand; nil elsewhere.
func (i *Identity) fixCommand() command {
	if !i.fixable() || i.Key.State != "usable" || !isFile(i.Source) {
		return nil
	}
	var authorities []string
	remedies := []say.Phrase{explained(i).Main.Remedy}
	for _, n := range i.NamedCAs {
		remedies = append(remedies, n.Remedy)
	}
	for _, remedy := range remedies {
		for _, part := range remedy {
			if part.Kind == say.FileKind && isFile(part.Value) && !slices.Contains(authorities, part.Value) {
				authorities = append(authorities, part.Value)
			}
		}
	}
	if authorities == nil {
		return nil
	}
	words := command{"mtlsprobe fix", "--cert " + account.ShellQuote(i.Source)}
	if i.Key.Source != "" && i.Key.Source != i.Source {
		if !isFile(i.Key.Source) {
			return nil
		}
		words = append(words, "--key "+account.ShellQuote(i.Key.Source))
	}
	for _, file := range authorities {
		words = append(words, "--authorities "+account.ShellQuote(file))
	}
	extension := filepath.Ext(i.Source)
	name := strings.TrimSuffix(i.Source, extension)
	switch strings.ToLower(extension) {
	case ".p12", ".pfx", ".pem", ".jks", ".ks", ".keystore":
	case ".jceks":
		extension = ".jks" // which is read by whoever reads that
	default:
		extension = ".pem"
	}
	return append(words, "--out "+account.ShellQuote(name+"-full"+extension))
}

// A command is what to type, in the pieces between which a line may be broken.
type command []string

func (c command) String() string { return plain(strings.Join(c, " ")) }

// lines are the command in lines of at most width cells where that can be done, which a shell
// reads as one.
func (c command) lines(width int) []string {
	var lines []string
	for n, piece := range c {
		piece = plain(piece)
		room := width
		if n < len(c)-1 {
			room -= len(" \\")
		}
		last := len(lines) - 1
		if n > 0 && displayWidth(lines[last])+1+displayWidth(piece) <= room {
			lines[last] += " " + piece
			continue
		}
		if n > 0 {
			lines[last] += " \\"
			piece = "  " + piece
		}
		lines = append(lines, piece)
	}
	return lines
}

// isFile reports whether a source has the name of a file, and not of a token, a store, a
// variable or standard input.
func isFile(source string) bool {
	return source != "" && source != "-" && (!strings.Contains(source, ":") || filepath.IsAbs(source))
}

// rewriteCommand writes an identity's file in the form that a client reads; nil where that is no remedy.
func (i *Identity) rewriteCommand(p *Prediction) command {
	if p.Rewrite == "" {
		return nil
	}
	ending := cmp.Or(map[string]string{string(certstore.PEM): ".pem"}[p.Rewrite], ".p12")
	out := strings.TrimSuffix(i.Source, filepath.Ext(i.Source)) + "-" + p.Stack + ending
	return command{"mtlsprobe fix", "--cert " + account.ShellQuote(i.Source), "--for " + p.Stack,
		"--out " + account.ShellQuote(out)}
}
