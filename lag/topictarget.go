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

// Of are the partitions of the scope in its topic. It fails where there is no such one.
func (s Scope) Of(topic *cluster.Topic) ([]*cluster.Partition, error) {
	var out []*cluster.Partition
	for i := range topic.Partitions {
		if p := &topic.Partitions[i]; len(s.Partitions) == 0 || slices.Contains(s.Partitions, p.ID) {
			out = append(out, p)
		}
	}
	for _, id := range s.Partitions {
		if !slices.ContainsFunc(out, func(p *cluster.Partition) bool { return p.ID == id }) {
			return nil, fmt.Errorf("topic %s has no partition %d: it has %d", topic.Name, id, len(topic.Partitions))
		}
	}
	return out, nil
}
