package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/weirhq/weir/internal/term"
	"github.com/weirhq/weir/lag"
)

const (
	sparkLength  = 20
	changesShown = 8
)

// lagScreen is what a watch remembers for people: the lags it drew and the statuses that
// changed. Rates and judgements come from the history in package lag.
type lagScreen struct {
	lags    map[string][]int64
	status  map[string]lag.Status
	changes []statusChange
}

type statusChange struct {
	at       time.Time
	group    string
	from, to lag.Status
}

// watch repeats the reading. A reading that fails is shown and the next one tried, but an
// error that will not go away by itself ends the watch.
func (r *lagRun) watch(ctx context.Context, o *lagOptions) error {
	r.history = lag.NewHistory()
	first := true
	next := func(ctx context.Context) (*lag.Report, error) {
		rep, err := r.read(ctx)
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
	e, ok := errors.AsType[interface {
		error
		Code() string
	}](err)
	return ok && (e.Code() == Unreachable || e.Code() == Timeout)
}

func (s *lagScreen) take(rep *lag.Report) {
	for i := range rep.Groups {
		g := &rep.Groups[i]
		n := int64(-1)
		if g.Lag != nil {
			n = *g.Lag
		}
		l := s.lags[g.Group]
		l = append(l, n)
		s.lags[g.Group] = l[max(0, len(l)-sparkLength):]
		before, known := s.status[g.Group]
		if known && before != g.Status {
			s.changes = append(s.changes, statusChange{rep.At, g.Group, before, g.Status})
			s.changes = s.changes[max(0, len(s.changes)-changesShown):]
		}
		s.status[g.Group] = g.Status
	}
}

func (s *lagScreen) frame(p *term.Page, rep *lag.Report, wide bool) {
	p.Line("%s  %s", term.In(term.Bold, "lag"), rep.At.Format(time.RFC3339))
	p.Table(lagTable(p, rep, wide, func(group string) string { return sparkline(s.lags[group], p.Unicode) }))
	for _, c := range slices.Backward(s.changes) {
		p.Line("%s %s: %s -> %s", term.In(term.Faint, c.at.Format(time.TimeOnly)), c.group, wordOf(c.from), wordOf(c.to))
	}
	viewLagRest(p, rep, "")
}

func wordOf(s lag.Status) string {
	if s == lag.None {
		return "-"
	}
	return string(s)
}

// sparkline draws a history, newest on the right; what was unknown is a question mark.
func sparkline(lags []int64, unicode bool) string {
	bars := []rune("▁▂▃▄▅▆▇█")
	if !unicode {
		bars = []rune("_.-=+*#@")
	}
	var top int64
	for _, n := range lags {
		top = max(top, n)
	}
	out := make([]rune, 0, len(lags))
	for _, n := range lags {
		switch {
		case n < 0:
			out = append(out, '?')
		case top == 0:
			out = append(out, bars[0])
		default:
			// Division first: a lag near the largest number must not overflow.
			out = append(out, bars[min(len(bars)-1, int(float64(n)/float64(top)*float64(len(bars)-1)+0.5))])
		}
	}
	trend := ""
	if n := len(lags); n >= 2 && lags[n-1] >= 0 && lags[n-2] >= 0 {
		switch {
		case lags[n-1] > lags[n-2]:
			trend = fmt.Sprintf(" +%d", lags[n-1]-lags[n-2])
		case lags[n-1] < lags[n-2]:
			trend = fmt.Sprintf(" -%d", lags[n-2]-lags[n-1])
		default:
			trend = " ="
		}
	}
	return string(out) + trend
}
