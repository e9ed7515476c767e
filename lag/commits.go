package lag

import (
	"context"
	"errors"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"
)

// commits fills in what the groups of one coordinator committed.
func (r *reading) commits(ctx context.Context, broker int32, groups []*Group) {
	var shares, others []*Group
	for _, g := range groups {
		if g.Kind == Share {
			shares = append(shares, g)
		} else {
			others = append(others, g)
		}
	}
	var eg errgroup.Group
	eg.SetLimit(inFlight)
	for part := range slices.Chunk(shares, groupsPerOffsetFetch) {
		eg.Go(func() error {
			if err := r.shareOffsets(ctx, broker, part); err != nil {
				r.failGroups(broker, part, err)
			}
			return nil
		})
	}
	batches := slices.Collect(slices.Chunk(others, groupsPerOffsetFetch))
	if len(batches) > 0 {
		// The first batch tells whether the broker takes many groups at all.
		r.fetchBatch(ctx, broker, batches[0])
		for _, part := range batches[1:] {
			eg.Go(func() error {
				r.fetchBatch(ctx, broker, part)
				return nil
			})
		}
	}
	_ = eg.Wait()
}

func (r *reading) failGroups(broker int32, groups []*Group, err error) {
	r.fail(broker, err, "fetch offsets")
	for _, g := range groups {
		g.Err = err
	}
}

// offsetFetch is OffsetFetch up to version 9. From version 10 the broker answers topic
// ids, which this client resolves only for requests that it routes itself; weir sends
// them straight to the coordinators that the listing named.
type offsetFetch struct{ *kmsg.OffsetFetchRequest }

func (offsetFetch) MaxVersion() int16 { return 9 }

// fetchBatch fetches many groups at once (KIP-709, brokers from 3.0), or one by one when
// the broker turns out to be older: it then answers the first group only.
func (r *reading) fetchBatch(ctx context.Context, broker int32, groups []*Group) {
	if !r.isOld(broker) {
		old, err := r.fetchGroups(ctx, broker, groups, true)
		if err != nil {
			r.failGroups(broker, groups, err)
			return
		}
		if !old {
			r.settleUnstable(ctx, broker, groups)
			return
		}
		r.settleUnstable(ctx, broker, groups[:1])
		groups = groups[1:]
	}
	var eg errgroup.Group
	eg.SetLimit(singlesInFlight)
	for _, g := range groups {
		eg.Go(func() error {
			one := []*Group{g}
			if _, err := r.fetchGroups(ctx, broker, one, true); err != nil {
				r.failGroups(broker, one, err)
				return nil
			}
			r.settleUnstable(ctx, broker, one)
			return nil
		})
	}
	_ = eg.Wait()
}

func (r *reading) isOld(broker int32) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.oldFetch[broker]
}

func (r *reading) markOld(broker int32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.oldFetch == nil {
		r.oldFetch = map[int32]bool{}
	}
	r.oldFetch[broker] = true
}

// settleUnstable asks again, without KIP-447's stability, for groups with a pending
// transactional commit: the last settled offset is a sound bound for the lag.
func (r *reading) settleUnstable(ctx context.Context, broker int32, groups []*Group) {
	unstable := func(c Commit) bool { return errors.Is(c.Err, kerr.UnstableOffsetCommit) }
	var again []*Group
	for _, g := range groups {
		if slices.ContainsFunc(g.Commits, unstable) {
			again = append(again, g)
		}
	}
	for len(again) > 0 {
		pending := make([]map[Partition]bool, len(again))
		for i, g := range again {
			pending[i] = map[Partition]bool{}
			for _, c := range g.Commits {
				if unstable(c) {
					pending[i][c.Partition] = true
				}
			}
		}
		old, err := r.fetchGroups(ctx, broker, again, false)
		if err != nil {
			return // the partitions keep their error
		}
		n := len(again)
		if old {
			n = 1
		}
		for i, g := range again[:n] {
			for j := range g.Commits {
				g.Commits[j].Pending = pending[i][g.Commits[j].Partition]
			}
		}
		again = again[n:]
	}
}

// fetchGroups sends one OffsetFetch for all groups, or for the first one if the broker
// is older than KIP-709; old says so.
func (r *reading) fetchGroups(ctx context.Context, broker int32, groups []*Group, stable bool) (old bool, err error) {
	req := kmsg.NewPtrOffsetFetchRequest()
	req.RequireStable = stable
	req.Group = groups[0].Name // what a broker before version 8 reads
	req.Topics = nil           // all that is committed
	for _, g := range groups {
		rg := kmsg.NewOffsetFetchRequestGroup()
		rg.Group = g.Name
		req.Groups = append(req.Groups, rg)
	}
	resp, err := request[*kmsg.OffsetFetchResponse](ctx, r.Reader, broker, offsetFetch{req}, func(resp *kmsg.OffsetFetchResponse) error {
		if err := kerr.ErrorForCode(resp.ErrorCode); resp.Version < 8 && kerr.IsRetriable(err) {
			return err
		}
		return retriable(resp.Groups, func(g *kmsg.OffsetFetchResponseGroup) int16 { return g.ErrorCode })
	})
	if err != nil {
		return false, err
	}
	if resp.Version < 8 {
		r.markOld(broker)
		old, groups = true, groups[:1]
		resp.Groups = []kmsg.OffsetFetchResponseGroup{newerAnswer(groups[0].Name, resp)}
	}
	at := make(map[string]int, len(resp.Groups))
	for i := range resp.Groups {
		at[resp.Groups[i].Group] = i
	}
	for _, g := range groups {
		i, ok := at[g.Name]
		if !ok {
			g.Err = errNoAnswer
			continue
		}
		rg := &resp.Groups[i]
		if g.Err = kerr.ErrorForCode(rg.ErrorCode); g.Err != nil {
			// The embedded broker calls a group without offsets unknown; a real one
			// answers nothing. The listing says that it exists.
			if errors.Is(g.Err, kerr.GroupIDNotFound) {
				g.Err = nil
			}
			continue
		}
		g.Commits = g.Commits[:0]
		for j := range rg.Topics {
			t := r.intern(rg.Topics[j].Topic)
			for k := range rg.Topics[j].Partitions {
				p := &rg.Topics[j].Partitions[k]
				g.Commits = append(g.Commits, Commit{Partition: Partition{t, p.Partition}, Offset: p.Offset, LeaderEpoch: p.LeaderEpoch, Err: kerr.ErrorForCode(p.ErrorCode)})
			}
		}
		g.sortCommits()
	}
	return old, nil
}

// newerAnswer is the answer about the one group of an old request as version 8 has it.
func newerAnswer(group string, resp *kmsg.OffsetFetchResponse) kmsg.OffsetFetchResponseGroup {
	g := kmsg.OffsetFetchResponseGroup{Group: group, ErrorCode: resp.ErrorCode}
	for i := range resp.Topics {
		t := kmsg.OffsetFetchResponseGroupTopic{Topic: resp.Topics[i].Topic}
		for _, p := range resp.Topics[i].Partitions {
			t.Partitions = append(t.Partitions, kmsg.OffsetFetchResponseGroupTopicPartition{
				Partition: p.Partition, Offset: p.Offset, LeaderEpoch: p.LeaderEpoch, ErrorCode: p.ErrorCode,
			})
		}
		g.Topics = append(g.Topics, t)
	}
	return g
}

func (g *Group) sortCommits() {
	slices.SortFunc(g.Commits, func(a, b Commit) int { return a.Compare(b.Partition) })
}

// shareOffsets asks the coordinators of share groups. Their start offset moves late, so
// the lag they count is taken instead of end - start (KIP-1226, brokers from 4.2).
func (r *reading) shareOffsets(ctx context.Context, broker int32, groups []*Group) error {
	req := kmsg.NewPtrDescribeShareGroupOffsetsRequest()
	for _, g := range groups {
		rg := kmsg.NewDescribeShareGroupOffsetsRequestGroup()
		rg.GroupID = g.Name
		rg.Topics = nil // all
		req.Groups = append(req.Groups, rg)
	}
	resp, err := request[*kmsg.DescribeShareGroupOffsetsResponse](ctx, r.Reader, broker, req, func(resp *kmsg.DescribeShareGroupOffsetsResponse) error {
		return retriable(resp.Groups, func(g *kmsg.DescribeShareGroupOffsetsResponseGroup) int16 { return g.ErrorCode })
	})
	if err != nil {
		return err
	}
	at := make(map[string]int, len(resp.Groups))
	for i := range resp.Groups {
		at[resp.Groups[i].GroupID] = i
	}
	for _, g := range groups {
		i, ok := at[g.Name]
		if !ok {
			g.Err = errNoAnswer
			continue
		}
		rg := &resp.Groups[i]
		if g.Err = kerr.ErrorForCode(rg.ErrorCode); g.Err != nil {
			continue
		}
		for j := range rg.Topics {
			t := r.intern(rg.Topics[j].Topic)
			for k := range rg.Topics[j].Partitions {
				p := &rg.Topics[j].Partitions[k]
				c := Commit{Partition: Partition{t, p.Partition}, Offset: p.StartOffset, LeaderEpoch: p.LeaderEpoch, Err: kerr.ErrorForCode(p.ErrorCode)}
				if resp.Version >= 1 && p.Lag >= 0 {
					c.ShareLag = &p.Lag
				}
				c.Unstarted = resp.Version >= 1 && p.StartOffset < 0
				g.Commits = append(g.Commits, c)
			}
		}
		g.sortCommits()
	}
	return nil
}
