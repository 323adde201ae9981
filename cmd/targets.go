package cmd

import (
	"context"
	"fmt"

	"mtlsprobe/probe"
	"mtlsprobe/probe/diagnosis"
	"mtlsprobe/report"

	"golang.org/x/sync/errgroup"
)

// A destination is where, and how, to connect.
type destination struct {
	target  probe.Target
	options *probe.Options
}

// parseAll returns where and how to connect for each TARGET.
func (f *connectFlags) parseAll(ctx context.Context, s *Streams, targets []string) ([]*destination, error) {
	common, err := f.options(ctx, s)
	if err != nil {
		return nil, err
	}
	var all []*destination
	seen := make(map[string]bool)
	for _, text := range targets {
		var target probe.Target
		var options *probe.Options
		if isContext(text) {
			target, options, err = f.contextDestination(ctx, s, text, common)
		} else {
			target, options, err = f.destination(s, text, common)
		}
		if err != nil {
			return nil, err
		}
		if key := fmt.Sprint(target); !seen[key] {
			seen[key] = true
			all = append(all, &destination{target, options})
		}
	}
	return all, nil
}

// maxAtOnce bounds how many targets are asked at the same time.
const maxAtOnce = 8

// askEach asks every target, and returns what there is to report: of one target its report,
// or an error; of several one report with a part for each, and no error, for those that
// failed say so.
func askEach(ctx context.Context, s *Streams, targets []*destination, transcripts bool,
	ask func(context.Context, *destination) (*diagnosis.Diagnosis, error)) (*report.Report, error) {
	parts := make([]*report.Report, len(targets))
	failures, problems := make([]error, len(targets)), make([][]error, len(targets))
	group := new(errgroup.Group)
	group.SetLimit(maxAtOnce)
	for n, at := range targets {
		group.Go(func() error {
			d, err := ask(ctx, at)
			if err != nil {
				failures[n], parts[n] = err, report.Failed(at.target, s.Now(), err)
				return nil
			}
			if d.Holding != nil { // those were told when it was loaded
				problems[n] = d.Problems[len(d.Holding.Problems):]
			}
			parts[n] = report.New(d, transcripts)
			return nil
		})
	}
	_ = group.Wait()
	for n := range problems {
		for _, problem := range problems[n] {
			warn(s.Err, problem.Error())
		}
	}
	if len(parts) == 1 {
		return parts[0], failures[0]
	}
	if ctx.Err() != nil {
		for _, part := range parts {
			if part.Error == "" { // something is known
				return report.Several(parts), nil
			}
		}
		return report.Several(parts), ctx.Err()
	}
	return report.Several(parts), nil
}
