package dlt

import (
	"context"
	"fmt"
)

// Pending counts the records of dead letter topics that nobody has replayed or discarded, without reading them: an
// upper bound, because control records between the ends of a log count too. A topic that does not exist is left out.
// It is [ErrNoJournal] where records lie in a topic and no journal tells what became of them.
func (c *Conn) Pending(ctx context.Context, topics ...string) (map[string]int64, error) {
	m, err := c.Admin.Metadata(ctx, topics...)
	if err != nil {
		return nil, fmt.Errorf("count unresolved dead letters: %w", err)
	}
	spans := map[string][]Span{}
	ids := map[string]bool{}
	for _, t := range topics {
		td, ok := m.Topics[t]
		if !ok || td.Err != nil {
			continue
		}
		if spans[t], err = c.Spans(ctx, t); err != nil {
			return nil, err
		}
		for _, s := range spans[t] {
			if s.HighWatermark > s.Start {
				ids[td.ID.String()] = true
			}
		}
	}
	resolutions := map[string]*Resolution{}
	if len(ids) > 0 { // empty topics need no journal
		if resolutions, err = c.Resolutions(ctx, ids); err != nil {
			return nil, err
		}
	}
	out := map[string]int64{}
	for t, ss := range spans {
		res := resolutions[m.Topics[t].ID.String()]
		var n int64
		for _, s := range ss {
			n += s.HighWatermark - s.Start - res.handled(s)
		}
		out[t] = n
	}
	return out, nil
}

// handled counts the offsets of a span that were replayed or discarded.
func (r *Resolution) handled(s Span) int64 {
	if r == nil {
		return 0
	}
	var n int64
	for _, r := range r.both(s.Partition).runs {
		n += max(0, min(r.to+1, s.HighWatermark)-max(r.from, s.Start))
	}
	return n
}

// both is what was handled in a partition, one way or the other.
func (r *Resolution) both(p int32) *Offsets {
	both := &Offsets{}
	for _, outcome := range []Outcome{Replayed, Discarded} {
		if o := r.done[outcome][p]; o != nil {
			both.Union(o)
		}
	}
	return both
}
