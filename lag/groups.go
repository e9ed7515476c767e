package lag

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"
)

// describe fills in state and members. Each kind has a request of its own, and asking
// with the wrong one answers Dead or not found on a real broker.
func (r *reading) describe(ctx context.Context, broker int32, groups []*Group) {
	byKind := map[Kind][]*Group{}
	for _, g := range groups {
		byKind[g.Kind] = append(byKind[g.Kind], g)
	}
	var eg errgroup.Group
	eg.SetLimit(inFlight)
	for kind, gs := range byKind {
		ask := r.describer(kind)
		if ask == nil {
			continue // a kind of the future is listed with what the listing told
		}
		for part := range slices.Chunk(gs, groupsPerDescribe) {
			eg.Go(func() error {
				if err := ask(ctx, broker, part); err != nil {
					r.fail(broker, err, "describe groups")
					for _, g := range part {
						g.DescribeErr = err
					}
				}
				return nil
			})
		}
	}
	_ = eg.Wait()
}

func (r *reading) describer(k Kind) func(context.Context, int32, []*Group) error {
	switch k {
	case Classic:
		return r.describeClassic
	case Consumer:
		return r.describeConsumer
	case Share:
		return r.describeShare
	case Streams:
		return r.describeStreams
	}
	return nil
}

// described pairs the groups of an answer with those asked for and notes what is missing.
func described(groups []*Group, name func(i int) string, n int, fill func(g *Group, i int)) {
	at := make(map[string]int, n)
	for i := range n {
		at[name(i)] = i
	}
	for _, g := range groups {
		if i, ok := at[g.Name]; ok {
			fill(g, i)
			continue
		}
		g.DescribeErr = errNoAnswer
	}
}

var errNoAnswer = errors.New("the broker's answer leaves it out")

func (r *reading) describeClassic(ctx context.Context, broker int32, groups []*Group) error {
	req := kmsg.NewPtrDescribeGroupsRequest()
	for _, g := range groups {
		req.Groups = append(req.Groups, g.Name)
	}
	resp, err := request[*kmsg.DescribeGroupsResponse](ctx, r.Reader, broker, req, func(resp *kmsg.DescribeGroupsResponse) error {
		return firstRetriable(len(resp.Groups), func(i int) int16 { return resp.Groups[i].ErrorCode })
	})
	if err != nil {
		return err
	}
	described(groups, func(i int) string { return resp.Groups[i].Group }, len(resp.Groups), func(g *Group, i int) {
		dg := &resp.Groups[i]
		if g.DescribeErr = kerr.ErrorForCode(dg.ErrorCode); g.DescribeErr != nil {
			return
		}
		g.State, g.ProtocolType, g.Assignor = dg.State, cmp.Or(dg.ProtocolType, g.ProtocolType), dg.Protocol
		for j := range dg.Members {
			dm := &dg.Members[j]
			m := Member{ID: dm.MemberID, InstanceID: str(dm.InstanceID), ClientID: dm.ClientID, Host: dm.ClientHost}
			if dg.ProtocolType == "consumer" {
				var sub kmsg.ConsumerMemberMetadata
				if sub.ReadFrom(dm.ProtocolMetadata) == nil {
					for _, t := range sub.Topics {
						m.Subscribed = append(m.Subscribed, r.intern(t))
					}
				}
				var as kmsg.ConsumerMemberAssignment
				if as.ReadFrom(dm.MemberAssignment) == nil {
					for _, t := range as.Topics {
						m.assign(r.intern(t.Topic), t.Partitions)
					}
				}
			}
			g.Members = append(g.Members, m)
		}
		g.sortMembers()
	})
	return nil
}

func (r *reading) describeConsumer(ctx context.Context, broker int32, groups []*Group) error {
	req := kmsg.NewPtrConsumerGroupDescribeRequest()
	for _, g := range groups {
		req.Groups = append(req.Groups, g.Name)
	}
	resp, err := request[*kmsg.ConsumerGroupDescribeResponse](ctx, r.Reader, broker, req, func(resp *kmsg.ConsumerGroupDescribeResponse) error {
		return firstRetriable(len(resp.Groups), func(i int) int16 { return resp.Groups[i].ErrorCode })
	})
	if err != nil {
		return err
	}
	described(groups, func(i int) string { return resp.Groups[i].Group }, len(resp.Groups), func(g *Group, i int) {
		dg := &resp.Groups[i]
		if g.DescribeErr = kerr.ErrorForCode(dg.ErrorCode); g.DescribeErr != nil {
			return
		}
		g.State, g.ProtocolType, g.Assignor = dg.State, cmp.Or(g.ProtocolType, "consumer"), dg.AssignorName
		for j := range dg.Members {
			dm := &dg.Members[j]
			m := Member{ID: dm.MemberID, InstanceID: str(dm.InstanceID), ClientID: dm.ClientID, Host: dm.ClientHost, Subscribed: dm.SubscribedTopics}
			for _, t := range dm.Assignment.TopicPartitions {
				m.assign(r.topicName(t.Topic, t.TopicID), t.Partitions)
			}
			g.Members = append(g.Members, m)
		}
		g.sortMembers()
	})
	return nil
}

func (r *reading) describeShare(ctx context.Context, broker int32, groups []*Group) error {
	req := kmsg.NewPtrShareGroupDescribeRequest()
	for _, g := range groups {
		req.GroupIDs = append(req.GroupIDs, g.Name)
	}
	resp, err := request[*kmsg.ShareGroupDescribeResponse](ctx, r.Reader, broker, req, func(resp *kmsg.ShareGroupDescribeResponse) error {
		return firstRetriable(len(resp.Groups), func(i int) int16 { return resp.Groups[i].ErrorCode })
	})
	if err != nil {
		return err
	}
	described(groups, func(i int) string { return resp.Groups[i].GroupID }, len(resp.Groups), func(g *Group, i int) {
		dg := &resp.Groups[i]
		if g.DescribeErr = kerr.ErrorForCode(dg.ErrorCode); g.DescribeErr != nil {
			return
		}
		g.State, g.ProtocolType, g.Assignor = dg.GroupState, cmp.Or(g.ProtocolType, "share"), dg.Assignor
		for j := range dg.Members {
			dm := &dg.Members[j]
			m := Member{ID: dm.MemberID, ClientID: dm.ClientID, Host: dm.ClientHost, Subscribed: dm.SubscribedTopicNames}
			for _, t := range dm.Assignment.TopicPartitions {
				m.assign(r.topicName(t.Topic, t.TopicID), t.Partitions)
			}
			g.Members = append(g.Members, m)
		}
		g.sortMembers()
	})
	return nil
}

// describeStreams goes to the coordinator by number: the client does not route this
// request, and any other broker answers NOT_COORDINATOR.
func (r *reading) describeStreams(ctx context.Context, broker int32, groups []*Group) error {
	req := kmsg.NewPtrStreamsGroupDescribeRequest()
	for _, g := range groups {
		req.Groups = append(req.Groups, g.Name)
	}
	resp, err := request[*kmsg.StreamsGroupDescribeResponse](ctx, r.Reader, broker, req, func(resp *kmsg.StreamsGroupDescribeResponse) error {
		return firstRetriable(len(resp.Groups), func(i int) int16 { return resp.Groups[i].ErrorCode })
	})
	if err != nil {
		return err
	}
	described(groups, func(i int) string { return resp.Groups[i].Group }, len(resp.Groups), func(g *Group, i int) {
		dg := &resp.Groups[i]
		if g.DescribeErr = kerr.ErrorForCode(dg.ErrorCode); g.DescribeErr != nil {
			return
		}
		g.State, g.ProtocolType = dg.State, cmp.Or(g.ProtocolType, "streams")
		sources := map[string][]string{}
		if dg.Topology != nil {
			for _, st := range dg.Topology.Subtopologies {
				for _, t := range st.SourceTopics {
					sources[st.SubtopologyID] = append(sources[st.SubtopologyID], r.intern(t))
				}
				for _, t := range st.RepartitionSourceTopics {
					sources[st.SubtopologyID] = append(sources[st.SubtopologyID], r.intern(t.Topic))
				}
			}
		}
		for j := range dg.Members {
			dm := &dg.Members[j]
			m := Member{ID: dm.MemberID, InstanceID: str(dm.InstanceID), ClientID: dm.ClientID, Host: dm.ClientHost}
			for _, task := range dm.Assignment.ActiveTasks {
				for _, t := range sources[task.SubtopologyID] {
					m.assign(t, r.existing(t, task.Partitions))
				}
			}
			g.Members = append(g.Members, m)
		}
		g.sortMembers()
	})
	return nil
}

// topicName is the name of a topic in an answer that may hold its id only.
func (r *reading) topicName(name string, id [16]byte) string {
	if name == "" {
		r.mu.Lock()
		name = r.ids[id]
		r.mu.Unlock()
	}
	if name == "" {
		name = fmt.Sprintf("topic id %x", id)
	}
	return r.intern(name)
}

// existing keeps the partitions that the topic has: the tasks of a subtopology number as
// many as its largest source topic has partitions.
func (r *reading) existing(topic string, parts []int32) []int32 {
	r.mu.Lock()
	defer r.mu.Unlock()
	m, ok := r.meta[topic]
	if !ok {
		return parts
	}
	return slices.DeleteFunc(slices.Clone(parts), func(p int32) bool { _, ok := m.leaders[p]; return !ok })
}

func (m *Member) assign(topic string, parts []int32) {
	for _, p := range parts {
		m.Assigned = append(m.Assigned, Partition{topic, p})
	}
}

func (g *Group) sortMembers() {
	for i := range g.Members {
		slices.SortFunc(g.Members[i].Assigned, Partition.Compare)
		slices.Sort(g.Members[i].Subscribed)
	}
	slices.SortFunc(g.Members, func(a, b Member) int {
		return cmp.Or(cmp.Compare(a.InstanceID, b.InstanceID), cmp.Compare(a.ID, b.ID))
	})
}

func str(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// firstRetriable finds an error that a coordinator on the move gives for a while.
func firstRetriable(n int, code func(i int) int16) error {
	for i := range n {
		if err := kerr.ErrorForCode(code(i)); err != nil && kerr.IsRetriable(err) && !errors.Is(err, kerr.UnstableOffsetCommit) {
			return err
		}
	}
	return nil
}

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
		if resp.Version < 8 {
			return firstRetriable(1, func(int) int16 { return resp.ErrorCode })
		}
		return firstRetriable(len(resp.Groups), func(i int) int16 { return resp.Groups[i].ErrorCode })
	})
	if err != nil {
		return false, err
	}
	if resp.Version < 8 {
		r.mu.Lock()
		if r.oldFetch == nil {
			r.oldFetch = map[int32]bool{}
		}
		r.oldFetch[broker] = true
		r.mu.Unlock()
		r.fillOld(groups[0], resp)
		return true, nil
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
	return false, nil
}

func (r *reading) fillOld(g *Group, resp *kmsg.OffsetFetchResponse) {
	if g.Err = kerr.ErrorForCode(resp.ErrorCode); g.Err != nil {
		if errors.Is(g.Err, kerr.GroupIDNotFound) {
			g.Err = nil
		}
		return
	}
	g.Commits = g.Commits[:0]
	for j := range resp.Topics {
		t := r.intern(resp.Topics[j].Topic)
		for k := range resp.Topics[j].Partitions {
			p := &resp.Topics[j].Partitions[k]
			g.Commits = append(g.Commits, Commit{Partition: Partition{t, p.Partition}, Offset: p.Offset, LeaderEpoch: p.LeaderEpoch, Err: kerr.ErrorForCode(p.ErrorCode)})
		}
	}
	g.sortCommits()
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
		return firstRetriable(len(resp.Groups), func(i int) int16 { return resp.Groups[i].ErrorCode })
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
				g.Commits = append(g.Commits, c)
			}
		}
		g.sortCommits()
	}
	return nil
}
