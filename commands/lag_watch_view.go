package commands

import (
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
