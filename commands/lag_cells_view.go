package commands

import (
	"fmt"
	"strings"
	"time"

	"github.com/weirhq/weir/internal/term"
	"github.com/weirhq/weir/lag"
)

// lagCell is a sum: a number, at least a number, or unknown.
func lagCell(p *term.Page, f *lag.Figures) any {
	switch {
	case f.Lag == nil && !f.AtLeast: // there is nothing that could have a lag
		return nil
	case f.Lag == nil:
		return term.In(term.Warn, "?")
	}
	s := p.Int(*f.Lag)
	if f.Approximate {
		s = "~" + s
	}
	if f.AtLeast {
		s = ">=" + s
	}
	return s
}

func partitionLag(p *term.Page, r *lag.PartitionLag) any {
	switch {
	case r.TopicDeleted:
		return nil
	case r.Error != nil:
		return term.In(term.Warn, "?")
	case r.Lag == nil && r.IfEarliest != nil: // both readings of a partition never committed
		return p.Int(*r.IfLatest) + ".." + p.Int(*r.IfEarliest)
	case r.Lag == nil:
		return term.In(term.Warn, "?")
	case r.Approximate:
		return "~" + p.Int(*r.Lag)
	}
	return p.Int(*r.Lag)
}

// ageCell writes a bracket: exact, from..to, or more than.
func ageCell(a *lag.Age) any {
	if a == nil {
		return nil
	}
	d := func(ms int64) string { return term.Duration(time.Duration(ms) * time.Millisecond) }
	switch {
	case a.MaxMS != nil && *a.MaxMS == 0:
		return nil
	case a.Exact:
		return d(a.MinMS)
	case a.MaxMS == nil && a.MinMS == 0:
		return term.In(term.Warn, "?")
	case a.MaxMS == nil:
		return ">" + d(a.MinMS)
	case a.MinMS == 0:
		return "<" + d(*a.MaxMS)
	}
	return d(a.MinMS) + ".." + d(*a.MaxMS)
}

// rateCell is how fast the group gains on its producers: below zero it falls behind.
func rateCell(f *lag.Figures) any {
	if f.Produced == nil || f.Consumed == nil {
		return nil
	}
	return fmt.Sprintf("%.0f", *f.Consumed-*f.Produced)
}

func etaCell(c *lag.CatchUp) any {
	switch {
	case c == nil:
		return nil
	case c.Never:
		return "never"
	}
	return term.Duration(time.Duration(*c.MS) * time.Millisecond)
}

func ratioCell(r *float64) any {
	if r == nil {
		return nil
	}
	return fmt.Sprintf("%.0f%%", *r*100)
}

func objectiveCell(t *lag.TopicLag) any {
	var parts []string
	if t.ObjectiveAgeMS != nil {
		parts = append(parts, term.Duration(time.Duration(*t.ObjectiveAgeMS)*time.Millisecond))
	}
	if t.ObjectiveRecords != nil {
		parts = append(parts, fmt.Sprintf("%d records", *t.ObjectiveRecords))
	}
	return strings.Join(parts, ", ")
}

func statusCell(s lag.Status) any {
	switch {
	case s == lag.None:
		return nil
	case s == lag.OK || s == lag.Idle:
		return term.In(term.Good, string(s))
	case s.Bad():
		return term.In(term.Bad, string(s))
	}
	return term.In(term.Warn, string(s))
}
