package lag

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"
)

// The bounds of a fetch at the head of a group's work: bytes and time, not a count of
// offsets, because one aborted transaction may hold millions.
const (
	probeBytes  = 1 << 20
	probeRounds = 16
	probeTime   = 3 * time.Second
	probeFlight = 8
)

var errProbeBound = fmt.Errorf("no record within %d MiB and %s", probeRounds*probeBytes>>20, probeTime)

// Spot is an offset to look at.
type Spot struct {
	Partition
	Offset int64
}

// Unread lists where each group would read next and has something to read: what a fetch
// can judge better than the ends of the logs.
func Unread(s *Snapshot) []Spot {
	seen := map[Spot]bool{}
	var spots []Spot
	for i := range s.Groups {
		g := &s.Groups[i]
		if g.Kind == Share {
			continue
		}
		for _, c := range g.Commits {
			l, ok := s.Logs[c.Partition]
			if !ok || l.Err != nil || c.Offset < 0 {
				continue
			}
			spot := Spot{c.Partition, max(c.Offset, l.Start)}
			if spot.Offset < l.LSO && !seen[spot] {
				seen[spot] = true
				spots = append(spots, spot)
			}
		}
	}
	return spots
}

// proofs bounds how many partitions are looked at unasked.
const proofs = 100

// still lists where records seem to wait although nothing moves.
func still(s *Snapshot, h *History) []Spot {
	const quiet = time.Minute
	type candidate struct {
		Spot
		waits int64
	}
	seen := map[Spot]bool{}
	var found []candidate
	for i := range s.Groups {
		g := &s.Groups[i]
		if g.Kind == Share {
			continue
		}
		for _, c := range g.Commits {
			l, ok := s.Logs[c.Partition]
			if !ok || l.Err != nil || c.Offset < 0 {
				continue
			}
			spot := Spot{c.Partition, max(c.Offset, l.Start)}
			if spot.Offset >= l.LSO || seen[spot] {
				continue
			}
			silent := slices.ContainsFunc(l.Rungs, func(r Rung) bool { return r.Offset < 0 && s.EndsAt.Sub(r.From) >= quiet })
			if silent || h.unchanged(g.Name, c, l) {
				seen[spot] = true
				found = append(found, candidate{spot, l.LSO - spot.Offset})
			}
		}
	}
	// Control records are few: the smallest lags are the likeliest to be none.
	slices.SortFunc(found, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.waits, b.waits), a.Compare(b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	found = found[:min(len(found), proofs)]
	spots := make([]Spot, len(found))
	for i, c := range found {
		spots[i] = c.Spot
	}
	return spots
}

// Probe fetches read_committed at the spots and notes in the snapshot the first record
// there, or that there is none up to the last stable offset. It needs READ on the topics;
// without it the spot keeps the error, and nothing else changes.
func (r *Reader) Probe(ctx context.Context, s *Snapshot, spots []Spot) {
	var mu sync.Mutex
	denied := map[string]error{} // a right that is missing once is not asked for again
	var eg errgroup.Group
	eg.SetLimit(probeFlight)
	for _, spot := range spots {
		l := s.Logs[spot.Partition]
		if l.Err != nil || l.Leader < 0 {
			continue
		}
		eg.Go(func() error {
			mu.Lock()
			h := Head{Err: denied[spot.Topic]}
			mu.Unlock()
			if h.Err == nil {
				h = r.probe(ctx, l.Leader, spot, l.LSO)
			}
			mu.Lock()
			defer mu.Unlock()
			if errors.Is(h.Err, kerr.TopicAuthorizationFailed) {
				denied[spot.Topic] = h.Err
			}
			l := s.Logs[spot.Partition]
			if l.Head == nil {
				l.Head = map[int64]Head{}
			}
			l.Head[spot.Offset] = h
			s.Logs[spot.Partition] = l
			return nil
		})
	}
	_ = eg.Wait()
}

// fetch is Fetch up to version 12, the last that takes names instead of topic ids.
type fetch struct{ *kmsg.FetchRequest }

func (fetch) MaxVersion() int16 { return 12 }

func (r *Reader) probe(ctx context.Context, leader int32, spot Spot, lso int64) Head {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	at := spot.Offset
	for range probeRounds {
		req := kmsg.NewPtrFetchRequest()
		req.ReplicaID = -1
		req.MaxWaitMillis = 100
		req.MinBytes = 1
		req.MaxBytes = probeBytes
		req.IsolationLevel = 1
		rt := kmsg.NewFetchRequestTopic()
		rt.Topic = spot.Topic
		rp := kmsg.NewFetchRequestTopicPartition()
		rp.Partition = spot.Partition.Partition
		rp.FetchOffset = at
		rp.PartitionMaxBytes = probeBytes
		rp.CurrentLeaderEpoch = -1
		rt.Partitions = append(rt.Partitions, rp)
		req.Topics = append(req.Topics, rt)
		resp, err := request[*kmsg.FetchResponse](ctx, r, leader, fetch{req}, nil)
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			return Head{Err: errProbeBound}
		case err != nil:
			return Head{Err: err}
		case len(resp.Topics) == 0 || len(resp.Topics[0].Partitions) == 0:
			return Head{Err: errors.Join(kerr.ErrorForCode(resp.ErrorCode), errNoAnswer)}
		}
		fp, next := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{
			Offset: at, IsolationLevel: kgo.ReadCommitted(), Topic: spot.Topic, Partition: spot.Partition.Partition,
		}, &resp.Topics[0].Partitions[0], kgo.DefaultDecompressor(), nil)
		if len(fp.Records) > 0 {
			return Head{Offset: fp.Records[0].Offset, Time: fp.Records[0].Timestamp}
		}
		if fp.Err != nil {
			return Head{Err: fp.Err}
		}
		if next <= at { // the broker gives nothing more, although the end is further
			return Head{Err: errProbeBound}
		}
		if at = next; at >= lso {
			return Head{Empty: true}
		}
	}
	return Head{Err: errProbeBound}
}
