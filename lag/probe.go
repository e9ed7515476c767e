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

// The bounds of fetches at the heads of groups' work: bytes and time, not a count of
// offsets, because one aborted transaction may hold millions.
const (
	probePartitions = 100      // in one request
	probeBytes      = 4 << 20  // of one answer
	probeFirst      = 16 << 10 // of a partition in its first answer: enough for most batches
	probeMost       = 1 << 20  // of a partition in any answer
	probeRounds     = 16       // answers that move one spot on
	probeTime       = 3 * time.Second
)

var errProbeBound = fmt.Errorf("no record within %d MiB and %s", probeRounds*probeMost>>20, probeTime)

// spot is an offset to look at.
type spot struct {
	Partition
	offset int64
}

// candidates lists where groups would read next and have something to read, as far as
// keep takes them: what a fetch can judge better than the ends of the logs.
func candidates(s *Snapshot, keep func(g *Group, c Commit, l Log) bool) []spot {
	seen := map[spot]bool{}
	var spots []spot
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
			at := spot{c.Partition, max(c.Offset, l.Start)}
			if at.offset < l.LSO && !seen[at] && keep(g, c, l) {
				seen[at] = true
				spots = append(spots, at)
			}
		}
	}
	return spots
}

// unread are all of them, for the times of the records there.
func unread(s *Snapshot) []spot {
	return candidates(s, func(*Group, Commit, Log) bool { return true })
}

// proofs bounds how many offsets are looked at unasked.
const proofs = 100

// still are those where records seem to wait although nothing moves.
func still(s *Snapshot, h *History) []spot {
	const quiet = time.Minute
	spots := candidates(s, func(g *Group, c Commit, l Log) bool {
		silent := slices.ContainsFunc(l.Rungs, func(r Rung) bool { return r.Offset < 0 && s.EndsAt.Sub(r.From) >= quiet })
		return silent || h.unchanged(g.Name, c, l)
	})
	// Control records are few: the smallest lags are the likeliest to be none.
	waits := func(p spot) int64 { return s.Logs[p.Partition].LSO - p.offset }
	slices.SortFunc(spots, func(a, b spot) int {
		return cmp.Or(cmp.Compare(waits(a), waits(b)), a.Compare(b.Partition))
	})
	return spots[:min(len(spots), proofs)]
}

// probe fetches read_committed at the spots, side by side on every leader, and notes in
// the snapshot the first record at each, or that there is none up to the last stable
// offset. Unless all are wanted it ends on a partition with the first record that it
// meets, from the end of the log backwards: whoever is further behind has that record to
// read too. It needs READ on the topics; without it a spot keeps the error, and nothing
// else changes.
func (r *Reader) probe(ctx context.Context, s *Snapshot, spots []spot, all bool) {
	queues := map[int32]map[Partition][]spot{}
	for _, at := range spots {
		leader := s.Logs[at.Partition].Leader
		if leader < 0 {
			continue
		}
		if queues[leader] == nil {
			queues[leader] = map[Partition][]spot{}
		}
		queues[leader][at.Partition] = append(queues[leader][at.Partition], at)
	}
	var mu sync.Mutex
	found := map[spot]Head{}
	var eg errgroup.Group
	for leader, queue := range queues {
		var chases []*chase
		for p, waiting := range queue {
			slices.SortFunc(waiting, func(a, b spot) int { return cmp.Compare(b.offset, a.offset) })
			chases = append(chases, &chase{spot: waiting[0], at: waiting[0].offset, end: s.Logs[p].LSO, waiting: waiting[1:], share: probeFirst})
		}
		slices.SortFunc(chases, func(a, b *chase) int { return a.Compare(b.Partition) })
		eg.Go(func() error {
			r.chase(ctx, leader, chases, all, func(at spot, h Head) {
				mu.Lock()
				defer mu.Unlock()
				found[at] = h
			})
			return nil
		})
	}
	_ = eg.Wait()
	for at, h := range found {
		l := s.Logs[at.Partition]
		if l.Head == nil {
			l.Head = map[int64]Head{}
		}
		l.Head[at.offset] = h
		s.Logs[at.Partition] = l
	}
}

// chase is the search for the first record at a spot, and the spots of the same partition
// that come after it: a request may name a partition once only.
type chase struct {
	spot
	at, end int64 // how far it has come, and the last stable offset
	rounds  int   // answers that moved it on
	share   int32 // how many bytes it asks for
	waiting []spot
}

// chase asks one leader until every search has ended.
func (r *Reader) chase(ctx context.Context, leader int32, open []*chase, all bool, found func(spot, Head)) {
	for len(open) > 0 {
		asked, later := open[:min(len(open), probePartitions)], open[min(len(open), probePartitions):]
		moved, ended := 0, make([]*Head, len(asked))
		err := r.fetchHeads(ctx, leader, asked, func(i int, h Head, next int64) {
			c := asked[i]
			switch {
			case h.Err != nil, h.Offset >= 0:
				ended[i] = &h
			case next <= c.at: // the request was full before its turn came, or the broker gives no more
				return
			default:
				if c.at, c.rounds = next, c.rounds+1; c.at >= c.end {
					ended[i] = &Head{Empty: true}
				} else if c.rounds >= probeRounds {
					ended[i] = &Head{Err: errProbeBound}
				}
			}
			moved++
		})
		if err == nil && moved == 0 {
			err = errProbeBound
		}
		var again, fresh []*chase
		for i, c := range asked {
			switch h := ended[i]; {
			case h == nil && err == nil:
				c.share = min(c.share*8, probeMost)
				again = append(again, c)
			case h == nil || h.Err != nil: // what holds for one spot of a partition holds for all
				h = cmp.Or(h, &Head{Err: err})
				for _, at := range append([]spot{c.spot}, c.waiting...) {
					found(at, *h)
				}
			default:
				found(c.spot, *h)
				if len(c.waiting) > 0 && (all || h.Empty) {
					fresh = append(fresh, &chase{spot: c.waiting[0], at: c.waiting[0].offset, end: c.end, waiting: c.waiting[1:], share: probeFirst})
				}
			}
		}
		open = slices.Concat(again, later, fresh)
	}
}

// fetch is Fetch up to version 12, the last that takes names instead of topic ids.
type fetch struct{ *kmsg.FetchRequest }

func (fetch) MaxVersion() int16 { return 12 }

// fetchHeads asks once where all the searches are, and tells of each the first record, or
// an error, or with offset -1 how far there is none.
func (r *Reader) fetchHeads(ctx context.Context, leader int32, asked []*chase, told func(i int, h Head, next int64)) error {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	req := kmsg.NewPtrFetchRequest()
	req.ReplicaID = -1
	req.MaxWaitMillis = 100
	req.MinBytes = 1
	req.MaxBytes = probeBytes
	req.IsolationLevel = 1
	at, topics := make(map[Partition]int, len(asked)), map[string]int{}
	for i, c := range asked {
		at[c.Partition] = i
		rp := kmsg.NewFetchRequestTopicPartition()
		rp.Partition = c.Partition.Partition
		rp.FetchOffset = c.at
		rp.PartitionMaxBytes = c.share
		rp.CurrentLeaderEpoch = -1
		n, ok := topics[c.Topic]
		if !ok {
			n = len(req.Topics)
			topics[c.Topic] = n
			rt := kmsg.NewFetchRequestTopic()
			rt.Topic = c.Topic
			req.Topics = append(req.Topics, rt)
		}
		req.Topics[n].Partitions = append(req.Topics[n].Partitions, rp)
	}
	resp, err := request[*kmsg.FetchResponse](ctx, r, leader, fetch{req}, func(resp *kmsg.FetchResponse) error { return kerr.ErrorForCode(resp.ErrorCode) })
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return errProbeBound
	case err != nil:
		return err
	}
	for i := range resp.Topics {
		t := &resp.Topics[i]
		for j := range t.Partitions {
			n, ok := at[Partition{t.Topic, t.Partitions[j].Partition}]
			if !ok {
				continue
			}
			fp, next := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{
				Offset: asked[n].at, IsolationLevel: kgo.ReadCommitted(), Topic: t.Topic, Partition: t.Partitions[j].Partition,
			}, &t.Partitions[j], kgo.DefaultDecompressor(), nil)
			h := Head{Offset: -1, Err: fp.Err}
			if len(fp.Records) > 0 {
				h = Head{Offset: fp.Records[0].Offset, Time: fp.Records[0].Timestamp}
			}
			told(n, h, next)
		}
	}
	return nil
}
