package cluster

import (
	"cmp"
	"context"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// TopicGroup is a consumer group with offsets committed on a topic.
type TopicGroup struct {
	Group string  `json:"group"`
	State *string `json:"state"`
	Type  *string `json:"type"`
	// Committed is the number of the topic's partitions with a committed offset.
	Committed int `json:"committed_partitions"`
	// LagRecords is the sum over those partitions; nil when an end offset is unknown. An
	// offset committed past the end counts as none.
	LagRecords *int64 `json:"lag_records"`
}

// Live says that members may be working: any state but Empty and Dead, and an unknown
// one too.
func (g TopicGroup) Live() bool {
	return g.State == nil || *g.State != "Empty" && *g.State != "Dead"
}

// TopicUsage is who reads a topic, and how much of that could be seen.
type TopicUsage struct {
	Groups map[string][]TopicGroup `json:"groups"` // by topic, sorted by group
	Scope  Scope                   `json:"scope"`
}

// fetchBatch bounds the groups in one OffsetFetch; the client splits them further, one
// request for each coordinator.
const fetchBatch = 500

// Usage finds the groups that have committed offsets on the topics. Lag needs end
// offsets, see [Conn.Offsets].
func (c *Conn) Usage(ctx context.Context, topics []Topic) (*TopicUsage, error) {
	list, err := c.Groups(ctx, nil, nil)
	if err != nil {
		return nil, err
	}
	out := &TopicUsage{Groups: map[string][]TopicGroup{}, Scope: list.Scope}
	byName := map[string]Group{}
	var names []string
	for _, g := range list.Groups {
		// Share and streams groups keep their offsets elsewhere.
		if g.Type != nil && *g.Type == "share" {
			continue
		}
		byName[g.Name] = g
		names = append(names, g.Name)
	}
	at := index(topics)
	for batch := range slices.Chunk(names, fetchBatch) {
		req := kmsg.NewPtrOffsetFetchRequest()
		for _, name := range batch {
			req.Groups = append(req.Groups, offsetsOf(name, topics))
		}
		err := eachShard(ctx, c.Client, req, "fetch offsets", func(resp *kmsg.OffsetFetchResponse) {
			for i := range resp.Groups {
				g := &resp.Groups[i]
				if g.ErrorCode != 0 {
					no := false
					out.Scope = Scope{&no, "the offsets of some groups could not be read"}
					continue
				}
				out.add(byName[g.Group], g, at)
			}
		})
		if err != nil {
			return nil, err
		}
	}
	for _, gs := range out.Groups {
		slices.SortFunc(gs, func(a, b TopicGroup) int { return cmp.Compare(a.Group, b.Group) })
	}
	return out, nil
}

func offsetsOf(group string, topics []Topic) kmsg.OffsetFetchRequestGroup {
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group = group
	for i := range topics {
		t := kmsg.NewOffsetFetchRequestGroupTopic()
		t.Topic = topics[i].Name
		for _, p := range topics[i].Partitions {
			t.Partitions = append(t.Partitions, p.ID)
		}
		g.Topics = append(g.Topics, t)
	}
	return g
}

func (u *TopicUsage) add(g Group, resp *kmsg.OffsetFetchResponseGroup, at map[topicPartition]*Partition) {
	for _, t := range resp.Topics {
		row := TopicGroup{Group: g.Name, State: g.State, Type: g.Type}
		var lag int64
		known := true
		for _, p := range t.Partitions {
			if p.ErrorCode != 0 || p.Offset < 0 {
				continue
			}
			row.Committed++
			part := at[topicPartition{t.Topic, p.Partition}]
			if part == nil || part.EndOffset == nil {
				known = false
				continue
			}
			lag += max(0, *part.EndOffset-p.Offset)
		}
		if row.Committed == 0 {
			continue
		}
		if known {
			row.LagRecords = &lag
		}
		u.Groups[t.Topic] = append(u.Groups[t.Topic], row)
	}
}

// Times fills in the timestamps of the first and the newest record of every partition;
// a partition without records, or a broker before Kafka 3.0 for the newest, leaves nil.
func (c *Conn) Times(ctx context.Context, topics []Topic) error {
	const oldest, newest = 0, -3
	first := func(p *Partition, rp *kmsg.ListOffsetsResponseTopicPartition) {
		if rp.Offset >= 0 && rp.Timestamp >= 0 {
			p.FirstTimestampMS = &rp.Timestamp
		}
	}
	last := func(p *Partition, rp *kmsg.ListOffsetsResponseTopicPartition) {
		if rp.Offset >= 0 && rp.Timestamp >= 0 {
			p.LastTimestampMS = &rp.Timestamp
		}
	}
	if err := c.listOffsets(ctx, topics, oldest, 0, first); err != nil {
		return err
	}
	return c.listOffsets(ctx, topics, newest, 0, last)
}

// LastWrite is the newest record's timestamp in milliseconds since 1970, as the
// producers wrote it; nil when no partition has one, or one could not be read: it may hold
// a newer one. Needs [Conn.Offsets] and [Conn.Times] before.
func (t *Topic) LastWrite() *int64 {
	return extreme(t.Partitions, func(p *Partition) *int64 { return p.LastTimestampMS }, func(a, b int64) bool { return a > b })
}

// FirstWrite is the oldest record's timestamp, as [Topic.LastWrite].
func (t *Topic) FirstWrite() *int64 {
	return extreme(t.Partitions, func(p *Partition) *int64 { return p.FirstTimestampMS }, func(a, b int64) bool { return a < b })
}

func extreme(ps []Partition, of func(*Partition) *int64, better func(a, b int64) bool) *int64 {
	var best *int64
	for i := range ps {
		if ps[i].unread() {
			return nil
		}
		if v := of(&ps[i]); v != nil && (best == nil || better(*v, *best)) {
			best = v
		}
	}
	return best
}

// OffsetsAt returns, for every partition with a leader, the offset of the first record
// at or after a moment in milliseconds since 1970; the end offset where there is none.
// A partition that could not be asked has no entry. Needs [Conn.Offsets] before.
func (c *Conn) OffsetsAt(ctx context.Context, topic Topic, ms int64) (map[int32]int64, error) {
	out := map[int32]int64{}
	err := c.listOffsets(ctx, []Topic{topic}, ms, 0, func(p *Partition, rp *kmsg.ListOffsetsResponseTopicPartition) {
		switch {
		case rp.Offset >= 0:
			out[p.ID] = rp.Offset
		case p.EndOffset != nil:
			out[p.ID] = *p.EndOffset
		}
	})
	return out, err
}
