package commands

import (
	"context"
	"errors"
	"time"

	"github.com/weirhq/weir/internal/term"
	"github.com/weirhq/weir/lag"
)

// waitZero reads until nothing is left. The end of --timeout is the answer no, told with
// the last reading, and not a failure.
func (r *lagRun) waitZero(ctx context.Context, o *lagOptions) error {
	r.history = lag.NewHistory()
	began := r.d.Now()
	var last *lag.Report
	for {
		rep, err := r.read(ctx)
		switch {
		case err == nil:
			last = rep
		case last == nil || !errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
			return err
		}
		if len(last.Groups) == 0 && len(o.names) > 0 { // a pattern that is spelt wrong would wait for nothing
			return failed("", "weir group list shows the groups", "wait for zero: no group matches %s", joinComma(o.names))
		}
		drained, certain := last.Drained()
		if err == nil && drained && certain {
			if err := r.d.emitLag(o, last, "Everything has been read after "+term.Duration(r.d.Now().Sub(began))+"."); err != nil {
				return err
			}
			return lagOutcome(last)
		}
		if err == nil {
			err = pauseFor(ctx, o.interval.d)
		}
		if err == nil {
			continue
		}
		if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return err
		}
		verdict := "Not everything has been read after " + term.Duration(r.d.Now().Sub(began)) + "."
		last.FailWait()
		if err := r.d.emitLag(o, last, verdict); err != nil {
			return err
		}
		return errGate
	}
}

func pauseFor(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
