package lag

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// The windows. A commit that stands still is judged only after stallAfter, or twice the
// time that the group usually takes between commits if that is longer.
const (
	stallAfter   = 60 * time.Second
	growAfter    = 30 * time.Second
	windowSpan   = 10 * time.Minute
	windowLength = 120
)

// Sample is what one reading saw of one group on one partition.
type Sample struct {
	At time.Time
	// Commit is -1 when nothing was committed.
	Commit, Start, End int64
	// Effective is the lag of what there is to read.
	Effective int64
	Known     bool
}

// History keeps the windows of a watch. The zero value is not usable; see NewHistory.
type History struct {
	windows     map[historyKey][]Sample
	first, last time.Time
}

type historyKey struct {
	group string
	Partition
}

// NewHistory starts without samples.
func NewHistory() *History { return &History{windows: map[historyKey][]Sample{}} }

// prune forgets windows that nothing was added to for a whole span: groups and partitions
// that are gone.
func (h *History) prune() {
	if h == nil {
		return
	}
	maps.DeleteFunc(h.windows, func(_ historyKey, w []Sample) bool {
		return len(w) == 0 || h.last.Sub(w[len(w)-1].At) > windowSpan
	})
}

func (h *History) span() time.Duration {
	if h == nil {
		return 0
	}
	return min(h.last.Sub(h.first), windowSpan)
}

// observe adds a sample and returns the window that ends with it. Unknown samples are
// not kept: a failed reading is no change.
func (h *History) observe(group string, p Partition, s Sample) []Sample {
	if h == nil {
		return nil
	}
	if h.first.IsZero() {
		h.first = s.At
	}
	if s.At.After(h.last) {
		h.last = s.At
	}
	k := historyKey{strings.Clone(group), p}
	w := h.windows[k]
	if !s.Known {
		return w
	}
	w = append(w, s)
	cut := 0
	for cut < len(w)-1 && (s.At.Sub(w[cut].At) > windowSpan || len(w)-cut > windowLength) {
		cut++
	}
	w = slices.Delete(w, 0, cut)
	h.windows[k] = w
	return w
}

// unchanged reports whether the last sample saw the same commit and the same end.
func (h *History) unchanged(group string, c Commit, l Log) bool {
	if h == nil {
		return false
	}
	w := h.windows[historyKey{group, c.Partition}]
	return len(w) > 0 && w[len(w)-1].Commit == c.Offset && w[len(w)-1].End == l.HWM
}

func sampleOf(p *PartitionLag, at time.Time) Sample {
	s := Sample{At: at, Commit: -1}
	if p.Start == nil || p.Effective == nil {
		return s
	}
	s.Known, s.Start, s.End, s.Effective = true, *p.Start, *p.End, *p.Effective
	if p.Committed != nil {
		s.Commit = *p.Committed
	}
	return s
}

// judgement is what a status depends on beside the figures and the window.
type judgement struct {
	state      string
	owned      bool
	ownerKnown bool
	share      bool // share partitions have no owner: every member may read them
	topic      Topic
	log        Log
	objective  Objective
	now        time.Time
}

// judge finds the first status that applies.
func judge(p *PartitionLag, j judgement, w []Sample) Status {
	waits := p.Effective != nil && *p.Effective > 0
	unowned := j.ownerKnown && !j.owned && (!j.share || j.state == "Empty" || j.state == "Dead")
	switch {
	case p.Error != nil:
		return Unknown
	case p.TopicDeleted:
		return None
	case num(p.Lost) > 0:
		return Lost
	case num(p.Ahead) > 0:
		return Ahead
	case rewound(w):
		return Rewind
	case waits && unowned && !rebalancing(j.state) && !moved(w):
		return Stopped
	case waits && j.ownerKnown && !unowned && stalled(w):
		return Stalled
	case rebalancing(j.state):
		return Rebalancing
	case p.Stable != nil && *p.Stable == 0 && num(p.Pinned) > 0 && num(p.Lag) > 0:
		return Blocked
	case waits && endangered(p, j.topic):
		return AtRisk
	case waits && late(p, j.objective), growing(w):
		return Behind
	case p.NeverCommitted && p.Lag == nil:
		if j.owned {
			return Never
		}
		return None
	case !waits && idle(p, j, w):
		return Idle
	}
	return OK
}

// rewound sees a commit that fell and has not come back to where it was.
func rewound(w []Sample) bool {
	if len(w) < 2 {
		return false
	}
	highest := int64(-1)
	for _, s := range w {
		highest = max(highest, s.Commit)
	}
	return w[len(w)-1].Commit < highest
}

// moved sees a commit that rises: something commits, even if no member shows.
func moved(w []Sample) bool {
	return len(w) >= 2 && w[len(w)-1].Commit > w[0].Commit
}

// stalled sees a commit that stands still although records wait. It does not when the
// group had caught up meanwhile: production has just begun then.
func stalled(w []Sample) bool {
	if len(w) < 2 {
		return false
	}
	last := w[len(w)-1]
	still := last.At
	for i := len(w) - 1; i >= 0 && w[i].Commit == last.Commit; i-- {
		if w[i].Effective == 0 {
			return false
		}
		still = w[i].At
	}
	return last.At.Sub(still) >= max(stallAfter, 2*commitInterval(w))
}

// commitInterval is how long the group takes from one commit to the next, as far as the
// samples show it; zero when it never moved.
func commitInterval(w []Sample) time.Duration {
	var first, latest time.Time
	n := 0
	for i := 1; i < len(w); i++ {
		if w[i].Commit != w[i-1].Commit {
			if n++; n == 1 {
				first = w[i].At
			}
			latest = w[i].At
		}
	}
	if n < 2 {
		return 0
	}
	return latest.Sub(first) / time.Duration(n-1)
}

// growing sees a lag that never fell, never was nothing, and is larger than at first,
// over the whole window.
func growing(w []Sample) bool {
	if len(w) < 3 || w[0].Effective == 0 || w[len(w)-1].At.Sub(w[0].At) < growAfter {
		return false
	}
	for i := 1; i < len(w); i++ {
		if w[i].Effective < w[i-1].Effective {
			return false
		}
	}
	return w[len(w)-1].Effective > w[0].Effective
}

// endangered sees a group most of whose log is unread, or whose next record expires
// before it catches up. Young records on a long retention are in no danger, however
// large a part of the log they are.
func endangered(p *PartitionLag, t Topic) bool {
	if p.CatchUp != nil && p.LossInMS != nil {
		if p.CatchUp.MS != nil && *p.CatchUp.MS > *p.LossInMS {
			return true
		}
	}
	if p.RetentionRatio == nil || *p.RetentionRatio <= atRisk {
		return false
	}
	safe := p.Age != nil && p.Age.MaxMS != nil && t.Retention != nil && *p.Age.MaxMS*2 < t.Retention.Milliseconds()
	return !safe
}

func late(p *PartitionLag, o Objective) bool {
	if o.Age != nil && p.Age != nil && p.Age.MinMS > 0 && p.Age.MinMS >= o.Age.Milliseconds() {
		return true
	}
	return o.Records != nil && *p.Effective > *o.Records
}

// idle sees that nothing was written: by the window, by an empty log, or by a ladder on
// which nothing stands above the quarter of an hour.
func idle(p *PartitionLag, j judgement, w []Sample) bool {
	if p.Start == nil {
		return false
	}
	if len(w) >= 2 {
		return w[0].End == w[len(w)-1].End
	}
	if *p.Start == *p.End {
		return true
	}
	const quiet = 15 * time.Minute
	for _, r := range j.log.Rungs {
		if r.Offset < 0 && j.now.Sub(r.From) >= quiet {
			return true
		}
	}
	return false
}
