package cmd

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"mtlsprobe/probe"
	"mtlsprobe/probe/diagnosis"
	"mtlsprobe/probe/scan"
	"mtlsprobe/report"
)

// A scanning is the work of one run.
type scanning struct {
	streams *Streams
	options *scanOptions
	cancel  context.CancelFunc
	in      io.ReadCloser
	size    int64        // of the list; zero where that is not known
	read    atomic.Int64 // bytes of it
	asking  *asking
	scanner *report.Scanner
	done    map[[sumSize]byte]bool // sums of the targets that have a line, or will have one

	shard scan.Shard

	mu    sync.Mutex
	lines *lineWriter
	file  *os.File // that lines go to; nil for standard output
	short bool     // of files
}

// sumSize is enough for millions of targets to differ.
const sumSize = 16

// lineKey is what a line is known by: its target, or its number where it has none.
func lineKey(target string, number int) [sumSize]byte {
	if target == "" {
		target = fmt.Sprintf("\x00line %d", number)
	}
	return sumOf(target)
}

func sumOf(target string) [sumSize]byte {
	sum := sha256.Sum256([]byte(target))
	return [sumSize]byte(sum[:sumSize])
}

// prepare opens what is read and written, and loads the certificates.
func (run *scanning) prepare(ctx context.Context) (err error) {
	s, o := run.streams, run.options
	if o.file != "-" {
		f, err := os.Open(o.file)
		if err != nil {
			return unreadable(o.file, err)
		}
		run.in = f
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			run.size = info.Size()
		}
	}
	if o.shard != "" {
		if run.shard, err = scan.ParseShard(o.shard, s.Getenv); err != nil {
			return usage(fmt.Errorf("--shard: %w", err))
		}
	}
	if run.asking, err = newAsking(ctx, s, &o.connect, &o.hold, &o.chain, o.try, o.fast); err != nil {
		return err
	}
	if o.save != "" {
		if err := os.MkdirAll(o.save, 0o755); err != nil {
			return fmt.Errorf("--save: %w", err)
		}
	}
	switch path := cmp.Or(o.resume, o.output.file); {
	case o.resume != "":
		err = run.resume(path)
	case path != "":
		if run.file, err = os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644); err == nil {
			run.lines.out = run.file
		}
	}
	if err == nil {
		err = run.lines.begin()
	}
	return err
}

// resume takes over the lines of an earlier run, of which the last may be cut short.
func (run *scanning) resume(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return fmt.Errorf("--resume: %w", err)
	}
	run.file, run.lines.out = f, f
	whole, err := report.ReadScanned(f, func(l *report.Scanned) {
		run.done[lineKey(l.Target, l.Line)] = true
		run.lines.summary.Add(l)
	})
	if err != nil {
		return fmt.Errorf("--resume %q: %w", path, err)
	}
	if err := f.Truncate(whole); err != nil {
		return fmt.Errorf("--resume: %w", err)
	}
	_, err = f.Seek(whole, io.SeekStart)
	return err
}

// close closes files and tokens, when everything is said.
func (run *scanning) close() {
	_ = run.in.Close()
	if run.file != nil {
		_ = run.file.Close()
	}
	if run.asking != nil {
		run.asking.close()
	}
}

// tasks are what is to be done with each target of the list. What cannot be a target gets its
// line at once.
func (run *scanning) tasks(ctx context.Context) iter.Seq[scan.Task] {
	lines := make(chan scan.Line)
	go func() { // standard input may have nothing to say
		defer close(lines)
		for line := range scan.Lines(&counted{run.in, &run.read}, run.options.ports) {
			select {
			case lines <- line:
			case <-ctx.Done():
				return
			}
		}
	}()
	return func(yield func(scan.Task) bool) {
		for {
			select {
			case line, more := <-lines:
				if !more || !run.line(line, yield) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
}

// line begins with one target, and reports whether to go on.
func (run *scanning) line(line scan.Line, yield func(scan.Task) bool) bool {
	if line.Err == nil && !run.shard.Has(line.Target) || line.Err != nil && run.shard.Part > 1 {
		return true // another part has it
	}
	target, key := line.Target, lineKey(line.Target, line.Number)
	if run.done[key] {
		return true
	}
	run.done[key] = true
	if line.Err != nil {
		run.write(run.scanner.Wrong(line.Target, line.Number, line.Err))
		return true
	}
	to, options, err := run.options.connect.destination(run.streams, target, run.asking.common)
	if err != nil {
		run.write(run.scanner.Wrong(line.Target, line.Number, err))
		return true
	}
	return yield(scan.Task{Host: to.Host, Do: func(ctx context.Context) {
		d, err := run.asking.ask(ctx, to, options, run.tellShort)
		switch {
		case ctx.Err() != nil: // it is asked again when the run goes on
		case err != nil:
			run.write(run.scanner.Failed(line.Target, line.Number, err))
		default:
			run.keep(to, d)
			run.write(run.scanner.Line(line.Target, line.Number, d))
		}
	}})
}

func (run *scanning) tellShort() {
	run.mu.Lock()
	defer run.mu.Unlock()
	if !run.short {
		run.short = true
		warn(run.streams.Err,
			"this process may not open more files: it goes on more slowly; raise the limit (ulimit -n), or "+
				"give a lower --concurrency")
	}
}

// write writes a line. After one that cannot be written the run ends.
func (run *scanning) write(l *report.Scanned) {
	run.mu.Lock()
	defer run.mu.Unlock()
	if run.lines.write(l); run.lines.err != nil {
		run.cancel()
	}
}

// keep saves what a server asks for.
func (run *scanning) keep(target probe.Target, d *diagnosis.Diagnosis) {
	if run.options.save == "" || d.Request == nil {
		return
	}
	data, err := json.MarshalIndent(report.New(d, false), "", "  ")
	name := strings.Map(func(r rune) rune {
		if r == '/' || r == '\\' || r == ':' && os.PathSeparator == '\\' {
			return '_'
		}
		return r
	}, target.Address()) + ".json"
	if err == nil {
		err = replace(filepath.Join(run.options.save, name), append(data, '\n'), run.options.output.force)
	}
	if err != nil {
		warn(run.streams.Err, "--save: "+err.Error())
	}
}

// progress shows how far it is, on a terminal. It returns what ends that.
func (run *scanning) progress() (stop func()) {
	if !run.streams.ErrTerminal {
		return func() {}
	}
	begun := run.streams.Now()
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				fmt.Fprintf(run.streams.Err, "\r\x1b[K%s", run.position(run.streams.Now().Sub(begun)))
			case <-done:
				fmt.Fprint(run.streams.Err, "\r\x1b[K")
				return
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}

// position is how many targets are done after a time, and when the rest will be.
func (run *scanning) position(after time.Duration) string {
	run.mu.Lock()
	defer run.mu.Unlock()
	text := fmt.Sprintf("%d targets done, %d of them could not be asked", run.lines.summary.Targets,
		run.lines.summary.Failed)
	if read := run.read.Load(); run.size > 0 && read > 0 {
		rest := time.Duration(float64(after) * float64(run.size-read) / float64(read))
		text += fmt.Sprintf("; %d %% of the list, about %v to go", 100*read/run.size, rest.Round(time.Second))
	}
	return text
}

// finish writes the summary, and says what came of it all.
func (run *scanning) finish(ctx context.Context) error {
	to := run.streams.Err
	if run.file != nil || run.options.output.format == "table" {
		to = run.streams.Out
	}
	if run.lines.end(run.streams.Now()); run.lines.err != nil {
		return fmt.Errorf("writing the lines: %w; what is missing is asked with --resume", run.lines.err)
	}
	if run.file != nil {
		if err := run.file.Close(); err != nil {
			return fmt.Errorf("writing the lines: %w", err)
		}
	}
	if m, ok := to.(*messages); ok && m.errorsOnly {
		to = io.Discard
	}
	if err := report.WriteScan(to, run.options.output.forText(run.streams), &run.lines.summary); err != nil {
		return err
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if run.lines.summary.Targets == 0 && run.shard.Of > 1 {
		return nil // other parts have them all
	}
	if run.lines.summary.Targets == 0 {
		return fmt.Errorf("%q contains no target", run.options.file)
	}
	if run.lines.summary.Asking+run.lines.summary.NotAsking == 0 {
		return errors.New("no target could be asked")
	}
	return nil
}

// A counted reader counts what was read.
type counted struct {
	io.Reader
	read *atomic.Int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.read.Add(int64(n))
	return n, err
}
