package cluster

import "strconv"

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

// Unhealthy counts the partitions of a topic that something is wrong with; one
// partition may count for several things.
type Unhealthy struct {
	Offline, UnderReplicated int
	UnderMinISR              *int // nil when min.insync.replicas could not be read
}

// Unhealthy judges every partition. minISR is as in [Partition.State].
func (t *Topic) Unhealthy(minISR *int) Unhealthy {
	var u Unhealthy
	if minISR != nil {
		u.UnderMinISR = new(int)
	}
	for i := range t.Partitions {
		p := &t.Partitions[i]
		if p.Leader == nil {
			u.Offline++
		}
		if len(p.InSyncReplicas) < len(p.Replicas) {
			u.UnderReplicated++
		}
		if minISR != nil && len(p.InSyncReplicas) < *minISR {
			*u.UnderMinISR++
		}
	}
	return u
}

// Words names the states that were counted, worst first.
func (u Unhealthy) Words() []string {
	words := []string{}
	if u.Offline > 0 {
		words = append(words, string(Offline))
	}
	if u.UnderMinISR != nil && *u.UnderMinISR > 0 {
		words = append(words, string(UnderMinISR))
	}
	if u.UnderReplicated > 0 {
		words = append(words, string(UnderReplicated))
	}
	return words
}

// MinISR reads min.insync.replicas out of settings; a topic where it is unknown has nil.
func MinISR(sets []ConfigSet) map[string]*int {
	out := map[string]*int{}
	for i := range sets {
		if v := sets[i].Get("min.insync.replicas"); v != nil {
			if n, err := strconv.Atoi(*v); err == nil {
				out[sets[i].Topic] = &n
			}
		}
	}
	return out
}
