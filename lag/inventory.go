package lag

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Inventory is what the exporters of other projects tell about topics and brokers.
type Inventory struct {
	ClusterID  string
	Controller int32
	Brokers    []Node
	Topics     []TopicInfo // sorted, internal topics included
}

// Node is one broker.
type Node struct {
	ID   int32
	Host string
	Port int32
	Rack string
}

// TopicInfo is one topic with its replicas and ends.
type TopicInfo struct {
	Name          string
	Internal      bool
	CleanupPolicy string // empty when unknown
	Partitions    []PartitionInfo
}

// PartitionInfo is one partition. Leader is -1 when there is none.
type PartitionInfo struct {
	ID            int32
	Leader        int32
	Replicas, ISR []int32
	Log           Log
}

// Inventory reads all topics that may be seen, with the ends of their logs.
func (r *Reader) Inventory(ctx context.Context) (*Inventory, Coverage, error) {
	req := kmsg.NewPtrMetadataRequest()
	resp, err := req.RequestWith(ctx, r.Client)
	if err != nil {
		return nil, Coverage{}, fmt.Errorf("read metadata: %w", err)
	}
	inv := &Inventory{ClusterID: str(resp.ClusterID), Controller: resp.ControllerID}
	run := &reading{Reader: r, names: map[string]string{}}
	if err := run.metadata(ctx); err != nil {
		return nil, Coverage{}, err
	}
	for i := range resp.Brokers {
		b := &resp.Brokers[i]
		inv.Brokers = append(inv.Brokers, Node{b.NodeID, b.Host, b.Port, str(b.Rack)})
	}
	slices.SortFunc(inv.Brokers, func(a, b Node) int { return cmp.Compare(a.ID, b.ID) })
	union := map[Partition]bool{}
	for i := range resp.Topics {
		t := &resp.Topics[i]
		if t.Topic == nil || t.ErrorCode != 0 {
			continue
		}
		info := TopicInfo{Name: *t.Topic, Internal: t.IsInternal}
		for j := range t.Partitions {
			p := &t.Partitions[j]
			info.Partitions = append(info.Partitions, PartitionInfo{ID: p.Partition, Leader: p.Leader, Replicas: p.Replicas, ISR: p.ISR})
			union[Partition{info.Name, p.Partition}] = true
		}
		slices.SortFunc(info.Partitions, func(a, b PartitionInfo) int { return cmp.Compare(a.ID, b.ID) })
		inv.Topics = append(inv.Topics, info)
	}
	slices.SortFunc(inv.Topics, func(a, b TopicInfo) int { return cmp.Compare(a.Name, b.Name) })
	logs := run.ends(ctx, union)
	settings := run.topics(ctx, union, true)
	for i := range inv.Topics {
		t := &inv.Topics[i]
		t.CleanupPolicy = settings[t.Name].Cleanup
		for j := range t.Partitions {
			t.Partitions[j].Log = logs[Partition{t.Name, t.Partitions[j].ID}]
		}
	}
	return inv, run.coverage(), ctx.Err()
}

// Depth is how much lies in a dead-letter topic. Nil is unknown.
type Depth struct {
	Topic string
	Group string // the consumer whose dead letters these are; empty when not declared
	// Records is an upper bound: end - start, as offsets count.
	Records *int64
	// Oldest is the time of the first record; zero when the topic is empty.
	Oldest *time.Time
	// Pending is how many are not resolved, as the replay journal knows it.
	Pending *int64
}

// Depths reads how much lies in topics, and how old it is. Topics that do not exist or may
// not be seen are missing from the answer.
func (r *Reader) Depths(ctx context.Context, topics []string) (map[string]Depth, error) {
	run := &reading{Reader: r, names: map[string]string{}}
	if err := run.metadata(ctx); err != nil {
		return nil, err
	}
	union := map[Partition]bool{}
	for _, t := range topics {
		for p := range run.meta[t].leaders {
			union[Partition{t, p}] = true
		}
	}
	logs := run.ends(ctx, union)
	first := r.atTime(ctx, logs, 0)
	out := map[string]Depth{}
	for _, t := range topics {
		m, ok := run.meta[t]
		if !ok || m.err != nil {
			continue
		}
		d := Depth{Topic: t, Records: new(int64(0)), Oldest: &time.Time{}}
		for p := range m.leaders {
			l, a := logs[Partition{t, p}], first[Partition{t, p}]
			if l.Err != nil {
				d.Records, d.Oldest = nil, nil
				break
			}
			*d.Records += l.HWM - l.Start
			switch {
			case d.Oldest == nil, l.HWM == l.Start:
			case a.err != nil:
				d.Oldest = nil
			case a.offset >= 0:
				if at := time.UnixMilli(a.timestamp); d.Oldest.IsZero() || at.Before(*d.Oldest) {
					d.Oldest = &at
				}
			}
		}
		out[t] = d
	}
	return out, ctx.Err()
}
