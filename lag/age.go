package lag

import "time"

// gapOffsets is how many offsets between the head and the next record may be control
// records rather than data: one transaction leaves one, and a reader that commits
// "record + 1" rests on it.
const gapOffsets = 2

// undated tells a record without a timestamp, which Kafka holds as -1: it has no age.
func undated(t time.Time) bool { return t.UnixMilli() < 0 }

func noAge() *Age { return &Age{MaxMS: new(int64(0)), Exact: true} }

// ageOf is the age of the first record that the group has not read: nothing when there
// is none, exact when a fetch saw it, else what the ladder proves; nil when unknown.
func ageOf(p *PartitionLag, l Log, t Topic, now time.Time) *Age {
	if p.Effective == nil {
		return nil
	}
	if *p.Effective == 0 {
		return noAge()
	}
	head := l.Start
	if p.Committed != nil {
		head = max(*p.Committed, l.Start)
	}
	if h, ok := l.Head[head]; ok && h.Err == nil && !h.Empty {
		if undated(h.Time) {
			return nil
		}
		ms := max(0, now.Sub(h.Time).Milliseconds())
		return &Age{MinMS: ms, MaxMS: &ms, Exact: true}
	}
	ordered := t.LogAppendTime != nil && *t.LogAppendTime
	compacted := t.Compacted == nil || *t.Compacted
	return bracket(l.Rungs, head, now, ordered, compacted)
}

// bracket is what a ladder tells about the age of the first record at or after head.
//
// A rung whose answer lies above head proves that every record between head and the
// answer is older than the rung. A rung whose answer lies at or below head bounds the age
// from above by that record's own timestamp, if timestamps follow offsets. An answer at
// head itself is exact. Rungs are given oldest first.
//
// Offsets without a record can lie between head and an answer: control records always
// may, and compaction makes any number of them. Where the distance is that small, the
// answer itself may be the first record, and its own time is the bound that holds.
func bracket(rungs []Rung, head int64, now time.Time, ordered, compacted bool) *Age {
	if len(rungs) == 0 {
		return nil
	}
	a := &Age{MaxUnsure: !ordered}
	for _, r := range rungs {
		if r.Offset == head && !undated(r.Time) {
			ms := max(0, now.Sub(r.Time).Milliseconds())
			return &Age{MinMS: ms, MaxMS: &ms, Exact: true}
		}
	}
	for _, r := range rungs { // the oldest rung above head bounds best
		if r.Offset >= 0 && r.Offset < head {
			continue
		}
		a.MinMS = now.Sub(r.From).Milliseconds()
		if r.Offset >= 0 && (compacted || r.Offset-head <= gapOffsets) {
			a.MinMS = max(0, min(a.MinMS, now.Sub(r.Time).Milliseconds()))
		}
		break
	}
	for _, r := range rungs {
		if r.Offset < 0 || r.Offset > head {
			continue
		}
		// A record from the future below head shows that clocks are not in order; it
		// bounds nothing.
		if ms := now.Sub(r.Time).Milliseconds(); ms >= 0 && (a.MaxMS == nil || ms < *a.MaxMS) {
			a.MaxMS = &ms
		}
	}
	if a.MaxMS == nil {
		a.MaxUnsure = false
	} else if *a.MaxMS < a.MinMS {
		*a.MaxMS = a.MinMS
	}
	return a
}
