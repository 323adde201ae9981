// Package scan does the same with very many targets, of which some answer slowly and some
// never. [Lines] reads the list of targets, and [Run] goes through them. What is done with each
// is the caller's.
package scan

import (
	"context"
	"iter"
	"sync"
	"time"
)

// Options bound what Run does at the same time.
type Options struct {
	// Concurrency is how many tasks run that make progress; at least 1.
	Concurrency int
	// PerHost is how many tasks of one host run at the same time; zero for no limit.
	PerHost int
	// Rate is how many tasks begin in a second; zero for no limit.
	Rate float64
	// Patience is after which time a task no longer counts for Concurrency: it waits for a
	// server that may never answer, and another task takes its place.
	Patience time.Duration
}

// spread is how many tasks may wait for every one that counts.
const spread = 20

// A Task is what is to be done with one target.
type Task struct {
	Host string // for PerHost
	Do   func(ctx context.Context)
}

// Run does the tasks, and returns when all are done. When the context ends it begins no more.
func Run(ctx context.Context, tasks iter.Seq[Task], o Options) {
	var running sync.WaitGroup
	defer running.Wait()
	working, waiting := make(chan struct{}, o.Concurrency), make(chan struct{}, o.Concurrency*spread)
	hosts := &hosts{most: o.PerHost, rooms: make(map[string]*room)}
	pace := newPace(o.Rate)
	for task := range tasks {
		if !pace.wait(ctx) || !take(ctx, waiting) {
			return
		}
		if !take(ctx, working) {
			<-waiting
			return
		}
		running.Go(func() {
			defer func() { <-waiting }()
			var once sync.Once
			leave := func() { once.Do(func() { <-working }) }
			defer leave()
			impatient := time.AfterFunc(o.Patience, leave)
			defer impatient.Stop()
			if hosts.enter(ctx, task.Host) {
				defer hosts.leave(task.Host)
				task.Do(ctx)
			}
		})
	}
}

// take puts a token into a channel; false if the context ends first.
func take(ctx context.Context, into chan struct{}) bool {
	if ctx.Err() != nil {
		return false
	}
	select {
	case into <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// hosts lets a few tasks of each host run.
type hosts struct {
	most  int
	mu    sync.Mutex
	rooms map[string]*room
}

// A room is the tasks of one host that run or wait.
type room struct {
	tokens chan struct{}
	users  int
}

// enter waits until there is room; false if the context ends first.
func (h *hosts) enter(ctx context.Context, host string) bool {
	if h.most <= 0 {
		return ctx.Err() == nil
	}
	h.mu.Lock()
	r := h.rooms[host]
	if r == nil {
		r = &room{tokens: make(chan struct{}, h.most)}
		h.rooms[host] = r
	}
	r.users++
	h.mu.Unlock()
	if !take(ctx, r.tokens) {
		h.forget(host, r)
		return false
	}
	return true
}

func (h *hosts) leave(host string) {
	if h.most <= 0 {
		return
	}
	h.mu.Lock()
	r := h.rooms[host]
	h.mu.Unlock()
	<-r.tokens
	h.forget(host, r)
}

// forget drops a room that nobody uses.
func (h *hosts) forget(host string, r *room) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r.users--; r.users == 0 {
		delete(h.rooms, host)
	}
}

// A pace is when the next task may begin.
type pace struct {
	every time.Duration // zero for no limit
	next  time.Time
}

func newPace(rate float64) *pace {
	if rate <= 0 {
		return &pace{}
	}
	const longest = float64(24 * time.Hour)
	return &pace{every: time.Duration(min(longest, float64(time.Second)/rate)), next: time.Now()}
}

// wait returns when it is time; false if the context ends first.
func (p *pace) wait(ctx context.Context) bool {
	if p.every == 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(time.Until(p.next))
	defer timer.Stop()
	p.next = p.next.Add(p.every)
	if now := time.Now(); p.next.Before(now) { // no burst after a pause
		p.next = now
	}
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
