package lag

import (
	"context"
	"fmt"
	"slices"

	"github.com/weirhq/weir/cluster"
)

// Offsets returns a function from a partition of a topic, whose offsets were read, to
// the offset that the target means there. It is false where a broker did not tell the
// offset of a moment. A target that counts from the committed offset has no place here.
func (t Target) Offsets(ctx context.Context, conn *cluster.Conn, topic *cluster.Topic) (func(*cluster.Partition) (int64, bool), error) {
	var at map[int32]int64
	if t.From == FromTime {
		var err error
		if at, err = conn.OffsetsAt(ctx, *topic, t.At.UnixMilli()); err != nil {
			return nil, err
		}
	}
	return func(p *cluster.Partition) (int64, bool) {
		switch t.From {
		case FromStart:
			return *p.StartOffset + t.N, true
		case FromEnd:
			return *p.EndOffset + t.N, true
		case FromTime:
			offset, ok := at[p.ID]
			return offset, ok
		case FromOffset, FromCurrent:
		}
		return t.N, true
	}, nil
}

// Reading says which records of a topic to read.
type Reading struct {
	Scope Scope
	// From and To are where to begin and to end; nil for the start of the log and for what
	// is there now.
	From, To *Target
	// Last, unless 0, begins so many records before the end where From is nil.
	Last int
	// Follow begins at the end where From is nil.
	Follow bool
	// Uncommitted ends at the high watermark and not at the last stable offset.
	Uncommitted bool
}

// Spans turns the reading into offsets of each partition of the topic, whose offsets were
// read, held within its log. A partition that the topic does not have is a [ScopeError].
func (r Reading) Spans(ctx context.Context, conn *cluster.Conn, topic *cluster.Topic) ([]cluster.Span, error) {
	partitions, err := r.Scope.Of(topic)
	if err != nil {
		return nil, err
	}
	from, err := r.From.orEnd(ctx, conn, topic)
	if err != nil {
		return nil, err
	}
	to, err := r.To.orEnd(ctx, conn, topic)
	if err != nil {
		return nil, err
	}
	var out []cluster.Span
	for _, p := range partitions {
		last := p.StableOffset
		if r.Uncommitted {
			last = p.EndOffset
		}
		if p.StartOffset == nil || p.EndOffset == nil || last == nil {
			return nil, p.Unread("read topic", topic.Name, "leave it out: --partition names the others")
		}
		s := cluster.Span{Partition: p.ID, Start: *p.StartOffset, End: *last}
		switch {
		case r.From != nil:
			s.Start = from(p)
		case r.Follow:
			s.Start = *p.EndOffset
		case r.Last > 0:
			s.Start = *last - int64(r.Last)
		}
		if r.To != nil {
			s.End = min(to(p), s.End)
		}
		s.Start = min(max(s.Start, *p.StartOffset), *p.EndOffset)
		out = append(out, s)
	}
	return out, nil
}

// orEnd is [Target.Offsets] where a broker that does not tell the offset of a moment
// means that nothing was written since.
func (t *Target) orEnd(ctx context.Context, conn *cluster.Conn, topic *cluster.Topic) (func(*cluster.Partition) int64, error) {
	if t == nil {
		return nil, nil
	}
	offset, err := t.Offsets(ctx, conn, topic)
	return func(p *cluster.Partition) int64 {
		if n, ok := offset(p); ok {
			return n
		}
		return *p.EndOffset
	}, err
}

// ScopeError says that a topic does not have a partition that was named.
type ScopeError struct {
	Topic     string
	Partition int32
	Has       int // so many partitions, counted from 0
}

func (e *ScopeError) Error() string {
	return fmt.Sprintf("topic %s has no partition %d: it has %d", e.Topic, e.Partition, e.Has)
}

// Code is the class of the failure.
func (*ScopeError) Code() string { return "usage" }

// Of are the partitions of the scope in its topic. A partition that the topic does
// not have is a [ScopeError].
func (s Scope) Of(topic *cluster.Topic) ([]*cluster.Partition, error) {
	var out []*cluster.Partition
	for i := range topic.Partitions {
		if p := &topic.Partitions[i]; len(s.Partitions) == 0 || slices.Contains(s.Partitions, p.ID) {
			out = append(out, p)
		}
	}
	for _, id := range s.Partitions {
		if !slices.ContainsFunc(out, func(p *cluster.Partition) bool { return p.ID == id }) {
			return nil, &ScopeError{topic.Name, id, len(topic.Partitions)}
		}
	}
	return out, nil
}
