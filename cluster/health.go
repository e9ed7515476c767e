package cluster

import (
	"cmp"
	"slices"
	"strconv"
)

// PartitionState says how safe a partition's data and service are, worst last.
type PartitionState string

// The states of a partition.
const (
	Healthy PartitionState = "ok"
	// UnderReplicated: some replica is not in sync; one more failure hurts sooner.
	UnderReplicated PartitionState = "under-replicated"
	// UnderMinISR: fewer in-sync replicas than min.insync.replicas, so producers with
	// acks=all are refused.
	UnderMinISR PartitionState = "under-min-isr"
	// Offline: no leader; nothing can be written or read.
	Offline PartitionState = "offline"
)

// State judges a partition. minISR is the topic's min.insync.replicas, nil when it
// could not be read.
func (p *Partition) State(minISR *int) PartitionState {
	switch {
	case p.Leader == nil:
		return Offline
	case minISR != nil && len(p.InSyncReplicas) < *minISR:
		return UnderMinISR
	case len(p.InSyncReplicas) < len(p.Replicas):
		return UnderReplicated
	}
	return Healthy
}

// PreferredLeader says whether the first replica leads; nil without a leader.
func (p *Partition) PreferredLeader() *bool {
	if p.Leader == nil || len(p.Replicas) == 0 {
		return nil
	}
	is := p.Replicas[0] == *p.Leader
	return &is
}

// SickPartition is a partition that is not healthy.
type SickPartition struct {
	Topic     string         `json:"topic"`
	Partition int32          `json:"partition"`
	State     PartitionState `json:"state"`
}

// Health is the state of a set of topics.
type Health struct {
	Topics     int             `json:"topics"`
	Partitions int             `json:"partitions"`
	Sick       []SickPartition `json:"sick"` // sorted by topic and partition
	// Unread are topics with an error of their own, which nothing is known about.
	Unread []string `json:"unread"`
}

// Examine judges every partition of the topics. minISR maps a topic to its
// min.insync.replicas; topics without an entry are judged without.
func Examine(topics []Topic, minISR map[string]int) Health {
	h := Health{Sick: []SickPartition{}, Unread: []string{}}
	for i := range topics {
		t := &topics[i]
		if t.ErrorName != nil {
			h.Unread = append(h.Unread, t.Name)
			continue
		}
		h.Topics++
		var limit *int
		if n, ok := minISR[t.Name]; ok {
			limit = &n
		}
		for j := range t.Partitions {
			h.Partitions++
			if s := t.Partitions[j].State(limit); s != Healthy {
				h.Sick = append(h.Sick, SickPartition{t.Name, t.Partitions[j].ID, s})
			}
		}
	}
	slices.SortFunc(h.Sick, func(a, b SickPartition) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	slices.Sort(h.Unread)
	return h
}

// MinISR reads min.insync.replicas out of settings; topics where it is unknown have no
// entry.
func MinISR(sets []ConfigSet) map[string]int {
	out := map[string]int{}
	for i := range sets {
		if v := sets[i].Get("min.insync.replicas"); v != nil {
			if n, err := strconv.Atoi(*v); err == nil {
				out[sets[i].Topic] = n
			}
		}
	}
	return out
}
