package certstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"mtlsprobe/certstore/config"
)

// KubeContext finds a context where kubectl does: in the files of KUBECONFIG, or else in
// ~/.kube/config (kubernetes.io, "Organizing Cluster Access Using kubeconfig Files"). An
// empty name stands for the current context. The error is a [*SourceError].
func KubeContext(ctx context.Context, o *Options, name string) (*config.Context, error) {
	fail := func(kind ErrorKind, err error) (*config.Context, error) {
		return nil, &SourceError{Source: "kubeconfig:" + name, Kind: kind, Err: err}
	}
	var paths []string
	if o.Getenv != nil {
		paths = slices.DeleteFunc(filepath.SplitList(o.Getenv("KUBECONFIG")), func(path string) bool { return path == "" })
	}
	switch {
	case len(paths) > 0:
	case o.Home == "":
		return fail(NothingFound, errors.New("is looked for in KUBECONFIG and in the home folder, and neither is set"))
	default:
		paths = []string{filepath.Join(o.Home, ".kube", "config")}
	}
	var texts []*config.Text
	for _, path := range paths {
		data, err := ReadFile(ctx, path)
		if errors.Is(err, os.ErrNotExist) && len(paths) > 1 { // as kubectl has it
			continue
		}
		if err != nil {
			return fail(NotReadable, fmt.Errorf("cannot be read: %s: %w", quote(path), reason(err)))
		}
		texts = append(texts, &config.Text{Name: path, Dirs: []string{filepath.Dir(path)}, Data: data, Home: o.Home,
			Look: (&file{path: path, source: Source{Path: path}}).look})
	}
	contexts, err := config.Contexts(texts...)
	if err != nil {
		return fail(NotUnderstood, fmt.Errorf("is not understood: %w", err))
	}
	const most = 8
	var known []string
	for n := range contexts {
		c := &contexts[n]
		if c.Name != name && (name != "" || !c.Current) {
			if len(known) < most {
				known = append(known, config.Clip(c.Name))
			}
			continue
		}
		if c.Err != nil {
			return fail(NotUnderstood, fmt.Errorf("cannot be used: %w", c.Err))
		}
		return c, nil
	}
	files := strings.Join(paths, ", ")
	if name == "" {
		return fail(NothingFound, fmt.Errorf("stands for the current context, which %s does not have", files))
	}
	text := strings.Join(known, ", ")
	if len(contexts) > len(known) {
		text += fmt.Sprintf(" and %d more", len(contexts)-len(known))
	}
	return fail(NothingFound, fmt.Errorf("names no context of %s; there are: %s", files, text))
}

// kubeContext is what a source "kubeconfig:CONTEXT" stands for: that context's user alone.
func (r *reader) kubeContext(ctx context.Context, s *Source) (*file, error) {
	context, err := KubeContext(ctx, r.options, strings.TrimPrefix(s.Path, "kubeconfig:"))
	if err != nil {
		return nil, err
	}
	s.Path = context.File
	return &file{path: s.Path, source: *s, config: &config.Config{Format: "kubeconfig",
		References: []config.Reference{context.Identity}}}, nil
}
