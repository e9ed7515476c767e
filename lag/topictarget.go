package lag

import (
	"context"

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
