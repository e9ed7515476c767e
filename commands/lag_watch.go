package commands

import (
	"context"
	"errors"

	"github.com/weirhq/weir/internal/term"
	"github.com/weirhq/weir/lag"
)

// watch repeats the reading. A reading that fails is shown and the next one tried, but an
// error that will not go away by itself ends the watch.
func (r *lagRun) watch(ctx context.Context, o *lagOptions) error {
	r.history, r.quiet = lag.NewHistory(), true
	first := true
	next := func(ctx context.Context) (*lag.Report, error) {
		rep, err := r.read(ctx)
		if !first && ctx.Err() != nil { // the end of the watch, and not the cluster
			return nil, ctx.Err()
		}
		if err != nil && (first || !passing(err)) {
			return nil, err
		}
		first = false
		if err != nil {
			r.d.Log.Warn(err.Error())
		}
		return rep, nil
	}
	if o.format == term.JSON {
		line := r.d.Out.Lines()
		for {
			rep, err := next(ctx)
			if err == nil && rep != nil {
				err = line(struct {
					Kind    string `json:"kind"`
					Version int    `json:"schema_version"`
					*lag.Report
				}{"lag", 1, rep})
			}
			if err == nil {
				err = pauseFor(ctx, o.watch.d)
			}
			if ctx.Err() != nil {
				return nil //nolint:nilerr // the end of the context is how a watch is ended
			}
			if err != nil {
				return err
			}
		}
	}
	s := &lagScreen{lags: map[string][]int64{}, status: map[string]lag.Status{}}
	return r.d.Out.Watch(ctx, o.watch.d, func(ctx context.Context, p *term.Page) error {
		rep, err := next(ctx)
		if err != nil {
			return err
		}
		if rep == nil {
			p.Line("%s the cluster did not answer, trying again", p.Mark("warn"))
			return nil
		}
		s.take(rep)
		s.frame(p, rep, o.format == term.Wide)
		return nil
	})
}

// passing tells a failure that a later reading may not meet.
func passing(err error) bool {
	e, ok := errors.AsType[coded](err)
	return ok && (e.Code() == Unreachable || e.Code() == Timeout)
}
