package lag

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Limits are the conditions of a gate. A nil limit is not checked.
type Limits struct {
	MaxLag *int64         // records of a group, all its partitions together
	MaxAge *time.Duration // of the first unread record of any partition
	// MaxLossRisk is the largest part of a log that may be unread, 0 to 1. Records that
	// are lost already always exceed it.
	MaxLossRisk *float64
	// Objectives checks the x-slo of the catalog.
	Objectives bool
}

// Any reports whether there is anything to check.
func (l Limits) Any() bool {
	return l.MaxLag != nil || l.MaxAge != nil || l.MaxLossRisk != nil || l.Objectives
}

// Ages are the limits in time: asked as rungs of their own, they are decided exactly.
func (l Limits) Ages() []time.Duration {
	if l.MaxAge == nil {
		return nil
	}
	return []time.Duration{*l.MaxAge}
}

// Gate is the verdict on the limits. Passed is null when nothing known exceeds a limit
// and something that matters is unknown.
type Gate struct {
	Passed    *bool       `json:"passed"`
	Breaches  []Breach    `json:"breaches"`
	Undecided []Undecided `json:"undecided"`
}

// Breach is one limit exceeded.
type Breach struct {
	Limit   string  `json:"limit"` // max-lag, max-age, max-loss-risk, slo
	Group   string  `json:"group"`
	Topic   *string `json:"topic"` // null for the whole group
	Message string  `json:"message"`
	Owner   *string `json:"owner"`
}

// Undecided is a limit that could not be judged.
type Undecided struct {
	Limit  string  `json:"limit"`
	Group  string  `json:"group"`
	Topic  *string `json:"topic"`
	Reason string  `json:"reason"`
}

// judge compares every group with the limits. A lower bound above a limit is a breach;
// one below it decides nothing. Nor does a selection, narrowed, that holds nothing: it is
// more often a name that is spelt wrong than a group that reads everything.
func (l Limits) judge(r *Report, narrowed bool) *Gate {
	g := &Gate{Breaches: []Breach{}, Undecided: []Undecided{}}
	for i := range r.Groups {
		l.judgeGroup(g, &r.Groups[i])
	}
	if len(r.Groups) == 0 || r.Total.Partitions == 0 {
		if narrowed {
			g.Undecided = append(g.Undecided, Undecided{Limit: "any", Reason: "no group here reads what was asked for, so nothing was checked"})
		}
	}
	if r.Coverage.Answered < r.Coverage.Brokers {
		g.Undecided = append(g.Undecided, Undecided{Limit: "any", Reason: fmt.Sprintf("%d of %d brokers answered", r.Coverage.Answered, r.Coverage.Brokers)})
	}
	slices.SortFunc(g.Breaches, func(a, b Breach) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(text(a.Topic), text(b.Topic)), cmp.Compare(a.Limit, b.Limit))
	})
	switch {
	case len(g.Breaches) > 0:
		g.Passed = new(false)
	case len(g.Undecided) == 0:
		g.Passed = new(true)
	}
	return g
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func (l Limits) judgeGroup(g *Gate, gl *GroupLag) {
	breach := func(limit string, topic *string, owner *string, format string, args ...any) {
		g.Breaches = append(g.Breaches, Breach{limit, gl.Group, topic, fmt.Sprintf(format, args...), owner})
	}
	undecided := func(limit string, topic *string, f *Figures, what string) {
		g.Undecided = append(g.Undecided, Undecided{limit, gl.Group, topic, reason(gl, f, what)})
	}
	if l.MaxLag != nil {
		switch {
		case gl.gateLag != nil && *gl.gateLag > *l.MaxLag:
			breach("max-lag", nil, gl.Owner, "lag %s%d records, limit %d", atLeast(gl.AtLeast), *gl.gateLag, *l.MaxLag)
		case gl.gateUnknown > 0:
			undecided("max-lag", nil, &gl.Figures, "lag")
		}
	}
	if l.MaxAge != nil {
		l.judgeAge(*l.MaxAge, "max-age", nil, gl.Owner, &gl.Figures, breach, undecided)
	}
	if l.MaxLossRisk != nil {
		switch {
		case num(gl.Lost) > 0:
			breach("max-loss-risk", nil, gl.Owner, "%d records were deleted before they were read", *gl.Lost)
		case gl.RetentionRatio != nil && *gl.RetentionRatio > *l.MaxLossRisk:
			breach("max-loss-risk", nil, gl.Owner, "%.0f %% of a log is unread, limit %.0f %%", *gl.RetentionRatio*100, *l.MaxLossRisk*100)
		case gl.gateUnknown > 0:
			undecided("max-loss-risk", nil, &gl.Figures, "retention risk")
		}
	}
	if !l.Objectives {
		return
	}
	if gl.gateUnknown > 0 && len(gl.Topics) == 0 || gl.hidden != "" {
		undecided("slo", nil, &gl.Figures, "lag")
	}
	for i := range gl.Topics {
		t := &gl.Topics[i]
		owner := cmp.Or(t.Owner, gl.Owner)
		if gl.Owner != nil {
			owner = gl.Owner
		}
		if t.ObjectiveRecords != nil {
			switch {
			case t.gateLag != nil && *t.gateLag > *t.ObjectiveRecords:
				breach("slo", &t.Topic, owner, "lag %s%d records, objective %d", atLeast(t.AtLeast), *t.gateLag, *t.ObjectiveRecords)
			case t.gateUnknown > 0:
				undecided("slo", &t.Topic, &t.Figures, "lag")
			}
		}
		if t.ObjectiveAgeMS != nil {
			l.judgeAge(time.Duration(*t.ObjectiveAgeMS)*time.Millisecond, "slo", &t.Topic, owner, &t.Figures, breach, undecided)
		}
	}
}

func (Limits) judgeAge(limit time.Duration, name string, topic, owner *string, f *Figures,
	breach func(string, *string, *string, string, ...any), undecided func(string, *string, *Figures, string),
) {
	switch {
	case f.Age != nil && f.Age.MinMS >= limit.Milliseconds() && f.Age.MinMS > 0:
		breach(name, topic, owner, "first unread record is at least %s old, limit %s", time.Duration(f.Age.MinMS)*time.Millisecond, limit)
	case f.gateUnknown > 0:
		undecided(name, topic, f, "age")
	case f.Deleted == f.Partitions: // nothing has an age
	case f.Age == nil, f.ageUnknown > 0, f.Age.MaxMS == nil || *f.Age.MaxMS > limit.Milliseconds():
		undecided(name, topic, f, "age")
	}
}

func atLeast(yes bool) string {
	if yes {
		return "at least "
	}
	return ""
}

func reason(gl *GroupLag, f *Figures, what string) string {
	switch {
	case gl.Error != nil:
		return what + " unknown: " + *gl.Error
	case f.Unread > 0:
		return fmt.Sprintf("%s unknown on %d of %d partitions", what, f.Unread, f.Partitions)
	case f.Never > 0:
		return fmt.Sprintf("%d partitions were never committed; --assume earliest or latest counts them", f.Never)
	case f.hidden != "":
		return what + " unknown: " + f.hidden
	case f.Partitions == 0 && f.gateUnknown > 0:
		return what + " unknown: " + joiningNote
	}
	return what + " unknown"
}

// Drained reports whether nothing is left to read, and whether that is certain. A group
// that has committed nothing has not read everything.
func (r *Report) Drained() (drained, certain bool) {
	drained, certain = true, r.Coverage.Complete()
	for i := range r.Groups {
		left, known := r.Groups[i].left()
		drained, certain = drained && left == 0, certain && known
	}
	return drained, certain
}

// left is what a group has still to read; not known when that may be more.
func (g *GroupLag) left() (records int64, known bool) {
	switch {
	case !g.consumes || g.hidden == "" && g.Deleted > 0 && g.Deleted == g.Partitions:
		return 0, true
	case g.gateLag == nil:
		return 0, false
	}
	return *g.gateLag, g.gateUnknown == 0
}

// FailWait notes in the gate which groups kept a wait for zero from its end.
func (r *Report) FailWait() {
	const limit = "wait-zero"
	if r.Gate == nil {
		r.Gate = &Gate{Breaches: []Breach{}, Undecided: []Undecided{}}
	}
	for i := range r.Groups {
		g := &r.Groups[i]
		switch left, known := g.left(); {
		case left > 0:
			r.Gate.Breaches = append(r.Gate.Breaches, Breach{Limit: limit, Group: g.Group, Message: fmt.Sprintf("%d records are left", left), Owner: g.Owner})
		case !known && g.gateUnknown == 0:
			r.Gate.Undecided = append(r.Gate.Undecided, Undecided{Limit: limit, Group: g.Group, Reason: "nothing is committed and nothing is assigned"})
		case !known:
			r.Gate.Undecided = append(r.Gate.Undecided, Undecided{Limit: limit, Group: g.Group, Reason: reason(g, &g.Figures, "lag")})
		}
	}
	r.Gate.Passed = new(false)
}

// Known reports whether every figure of the report was read.
func (r *Report) Known() bool {
	return r.Coverage.Complete() && r.Total.Unread == 0
}
