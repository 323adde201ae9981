package cmd

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"

	"mtlsprobe/probe"
	"mtlsprobe/probe/recording"

	"github.com/spf13/pflag"
)

// recordFlags say where to keep the connections, secrets included. Nothing is
// kept unless they are given.
type recordFlags struct{ keyLog, pcapng string }

func (f *recordFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.keyLog, "keylog", "",
		"write the TLS secrets of every connection to this `FILE` (SSLKEYLOGFILE format); keep it like a key")
	flags.StringVar(&f.pcapng, "pcapng", "",
		"write every connection, secrets included, to this `FILE`, which Wireshark decrypts by itself; keep it like a key")
}

func (f *recordFlags) check(force bool) error {
	return checkOutput(force, outputFile{"--keylog", f.keyLog}, outputFile{"--pcapng", f.pcapng})
}

// maxRecorded bounds what a recorder keeps in memory.
const maxRecorded = 256 << 20

// A recorder keeps the connections of a run, if the flags ask for it.
type recorder struct {
	flags       recordFlags
	force       bool // write over any file
	mu          sync.Mutex
	connections []*recording.Connection
	size        int
	dropped     int // connections that were too much
}

// label returns the options, which record connections with the label.
func (r *recorder) label(o *probe.Options, label string) *probe.Options {
	if r.flags == (recordFlags{}) {
		return o
	}
	labelled := *o
	labelled.Record = func(c *recording.Connection) {
		c.Comment = label
		r.keep(c)
	}
	return &labelled
}

func (r *recorder) keep(c *recording.Connection) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.size += c.Size(); r.size > maxRecorded {
		r.dropped++
		return
	}
	r.connections = append(r.connections, c)
}

// write writes the files and warns of what is in them, whatever came of the run,
// which is err. It returns err, or its own failure where that is worse.
func (r *recorder) write(s *Streams, err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.SortStableFunc(r.connections, func(a, b *recording.Connection) int { return a.Opened.Compare(b.Opened) })
	if r.dropped > 0 {
		warn(s.Err, fmt.Sprintf("%d connections are not recorded: more than %d MiB", r.dropped, maxRecorded>>20))
	}
	failure := errors.Join(
		r.file(s, "--keylog", r.flags.keyLog,
			"the TLS secrets of this run: who has a capture of its connections can read them", func(b *bytes.Buffer) error {
				fmt.Fprintf(b, "# written by mtlsprobe %s\n", version())
				return recording.WriteKeyLog(b, r.connections)
			}),
		r.file(s, "--pcapng", r.flags.pcapng,
			r.content(),
			func(b *bytes.Buffer) error {
				return recording.WritePCAPNG(b, "mtlsprobe "+version(), r.connections)
			}))
	switch {
	case failure == nil:
		return err
	case err == nil, errors.Is(err, errNoneFits):
		return failure
	}
	warn(s.Err, failure.Error())
	return err
}

// content says what a capture of the connections reveals.
func (r *recorder) content() string {
	if slices.ContainsFunc(r.connections, func(c *recording.Connection) bool { return len(c.KeyLog) > 0 }) {
		return "the connections of this run with their TLS secrets, client certificates and what was said"
	}
	return "the connections of this run, and all that was said in them without encryption"
}

// file writes one file for its owner alone. That there were no connections leaves
// nothing to write.
func (r *recorder) file(s *Streams, flag, path, content string, write func(*bytes.Buffer) error) error {
	if path == "" || len(r.connections) == 0 {
		return nil
	}
	var b bytes.Buffer
	err := write(&b)
	if err == nil {
		err = replace(path, b.Bytes(), r.force)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", flag, err)
	}
	warn(s.Err, fmt.Sprintf("%s %q contains %s; keep it like a key", flag, path, content))
	return nil
}
