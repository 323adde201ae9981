package certstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"mtlsprobe/certstore/config"
)

// KubeContext finds a context where kubectl does: in the files of KUBECONFIG, or else in
// ~/.kube/config (kubernetes.io, "Organizing Cluster Access Using kubeconfig Files"). An
// empty name stands for the current context. The error is a [*SourceError].
func KubeContext(ctx context.Context, o *Options, name string) (path string, c *config.Context, err error) {
	source := "kubeconfig:" + name
	fail := func(kind ErrorKind, err error) error { return &SourceError{Source: source, Kind: kind, Err: err} }
	paths := []string{filepath.Join(o.Home, ".kube", "config")}
	if o.Getenv != nil && o.Getenv("KUBECONFIG") != "" {
		paths = filepath.SplitList(o.Getenv("KUBECONFIG"))
	}
	var known []string
	for _, path := range paths {
		if path == "" {
			continue
		}
		data, err := ReadFile(ctx, path)
		if errors.Is(err, os.ErrNotExist) && len(paths) > 1 { // as kubectl has it
			continue
		}
		if err != nil {
			return "", nil, fail(NotReadable, fmt.Errorf("cannot be read: %s: %w", quote(path), reason(err)))
		}
		contexts, err := config.Contexts(&config.Text{Name: path, Dirs: []string{filepath.Dir(path)}, Data: data,
			Home: o.Home,
			Look: (&file{path: path, source: Source{Path: path}}).look})
		if err != nil {
			return "", nil, fail(NotUnderstood, fmt.Errorf("is not understood: %s: %w", quote(path), err))
		}
		for n := range contexts {
			if contexts[n].Name == name || name == "" && contexts[n].Current {
				return path, &contexts[n], nil
			}
			known = append(known, contexts[n].Name)
		}
	}
	if name == "" {
		return "", nil, fail(NothingFound, fmt.Errorf("names the current context, and none of %s has one", paths))
	}
	const most = 8
	text := strings.Join(known[:min(len(known), most)], ", ")
	if len(known) > most {
		text += fmt.Sprintf(" and %d more", len(known)-most)
	}
	return "", nil, fail(NothingFound, fmt.Errorf("names no context of %s; there are: %s", strings.Join(paths, ", "),
		clip(text)))
}

// kubeContext is what a source "kubeconfig:CONTEXT" stands for: that context's user alone.
func (r *reader) kubeContext(ctx context.Context, s *Source) (*file, error) {
	path, context, err := KubeContext(ctx, r.options, strings.TrimPrefix(s.Path, "kubeconfig:"))
	if err != nil {
		return nil, err
	}
	s.Path = path
	return &file{path: path, source: *s, config: &config.Config{Format: "kubeconfig",
		References: []config.Reference{context.Identity}}}, nil
}
