package scan

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
)

// Comments, networks, and what is wrong in a list.
func TestLines(t *testing.T) {
	read := func(text string, ports ...string) (targets []string, wrong map[int]string) {
		wrong = make(map[int]string)
		for line := range Lines(strings.NewReader(text), ports) {
			if line.Err != nil {
				wrong[line.Number] = line.Err.Error()
				continue
			}
			targets = append(targets, line.Target)
		}
		return targets, wrong
	}
	for _, tt := range []struct {
		name, text string
		ports      []string
		want       []string
		wrong      int // the line; zero for none
	}{
		{"plain", "a.example\nb.example:8443\n", nil, []string{"a.example", "b.example:8443"}, 0},
		{"comments and spaces", "# all\n  a.example # one\n\n\r\nsmtp://b.example\r\n", nil,
			[]string{"a.example", "smtp://b.example"}, 0},
		{"a byte order mark", "\ufeffa\n", nil, []string{"a"}, 0},
		{"no end of the last line", "a\nb", nil, []string{"a", "b"}, 0},
		{"a network", "10.0.0.1/31", []string{"443", "8443"},
			[]string{"10.0.0.0:443", "10.0.0.0:8443", "10.0.0.1:443", "10.0.0.1:8443"}, 0},
		{"a network of IPv6", "fd00::/127", []string{"443"}, []string{"[fd00::]:443", "[fd00::1]:443"}, 0},
		{"a network without ports", "10.0.0.0/32", nil, []string{"10.0.0.0"}, 0},
		{"the last address", "255.255.255.254/31", nil, []string{"255.255.255.254", "255.255.255.255"}, 0},
		{"too large a network", "a\n10.0.0.0/8\nb", nil, []string{"a", "b"}, 2},
		{"too long a line", "a\n" + strings.Repeat("x", 10_000) + "\nb", nil, []string{"a", "b"}, 2},
		{"nothing", "", nil, nil, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, wrong := read(tt.text, tt.ports...)
			if !slices.Equal(got, tt.want) || tt.wrong == 0 && len(wrong) > 0 || tt.wrong != 0 && wrong[tt.wrong] == "" {
				t.Errorf("%q, wrong %v", got, wrong)
			}
		})
	}
	broken := errors.New("the disk is gone")
	var last Line
	for line := range Lines(io.MultiReader(strings.NewReader("a\n"), iotest.ErrReader(broken)), nil) {
		last = line
	}
	if !errors.Is(last.Err, broken) {
		t.Errorf("an error of the reader is lost: %+v", last)
	}
	for range Lines(strings.NewReader("10.0.0.0/16\na"), nil) {
		break // which must not go on by itself
	}
}

func FuzzLines(f *testing.F) {
	f.Add("a\n10.0.0.0/30 # x")
	f.Fuzz(func(t *testing.T, text string) {
		for line := range Lines(strings.NewReader(text), []string{"443"}) {
			if line.Number < 1 || line.Err == nil && line.Target == "" {
				t.Fatalf("%+v", line)
			}
		}
	})
}

// most runs tasks, and returns the most that ran at the same time, and how long it took.
func most(o Options, tasks ...Task) (at int, took time.Duration) {
	var mu sync.Mutex
	running := 0
	begun := time.Now()
	Run(context.Background(), func(yield func(Task) bool) {
		for _, task := range tasks {
			do := task.Do
			task.Do = func(ctx context.Context) {
				mu.Lock()
				running++
				at = max(at, running)
				mu.Unlock()
				do(ctx)
				mu.Lock()
				running--
				mu.Unlock()
			}
			if !yield(task) {
				return
			}
		}
	}, o)
	return at, time.Since(begun)
}

// lasting are tasks of different hosts that take so long.
func lasting(count int, d time.Duration) []Task {
	var tasks []Task
	for n := range count {
		tasks = append(tasks, Task{Host: string(rune('a' + n)), Do: func(context.Context) { time.Sleep(d) }})
	}
	return tasks
}

// Time is virtual here: see testing/synctest.
func TestRun(t *testing.T) {
	options := Options{Concurrency: 2, Patience: time.Second}
	synctest.Test(t, func(t *testing.T) {
		if at, took := most(options, lasting(6, 100*time.Millisecond)...); at != 2 || took != 300*time.Millisecond {
			t.Errorf("%d at the same time, %v", at, took)
		}
	})
	synctest.Test(t, func(t *testing.T) { // those that are silent do not keep others from being asked
		tasks := append(lasting(6, time.Minute), lasting(10, 100*time.Millisecond)...)
		if _, took := most(options, tasks...); took > time.Minute+3*time.Second {
			t.Errorf("%v", took)
		}
	})
	synctest.Test(t, func(t *testing.T) { // but there is an end to what waits
		if at, _ := most(options, lasting(26, time.Hour)...); at > 2*spread {
			t.Errorf("%d at the same time", at)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		tasks := lasting(8, 100*time.Millisecond)
		for n := range tasks {
			tasks[n].Host = "one"
		}
		if at, took := most(Options{Concurrency: 8, PerHost: 2, Patience: time.Second}, tasks...); at != 2 ||
			took != 400*time.Millisecond {
			t.Errorf("%d of one host at the same time, %v", at, took)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		if _, took := most(Options{Concurrency: 8, Rate: 10, Patience: time.Second},
			lasting(11, time.Millisecond)...); took < time.Second || took > 1100*time.Millisecond {
			t.Errorf("11 tasks, 10 a second: %v", took)
		}
	})
	synctest.Test(t, func(t *testing.T) { // nothing begins after the end of the context
		ctx, cancel := context.WithCancel(t.Context())
		begun := 0
		Run(ctx, func(yield func(Task) bool) {
			for yield(Task{Host: "a", Do: func(context.Context) {
				if begun++; begun == 3 {
					cancel()
				}
			}}) {
				synctest.Wait()
			}
		}, Options{Concurrency: 1, PerHost: 1, Patience: time.Second})
		if begun != 3 {
			t.Errorf("%d tasks", begun)
		}
	})
}
