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

// described pairs what an answer tells with the groups that were asked for. fill takes
// over a group that was described; one that the answer leaves out keeps that as its error.
func described[D any](groups []*Group, answer []D, name func(*D) string, code func(*D) int16, fill func(*Group, *D)) {
	at := make(map[string]*D, len(answer))
	for i := range answer {
		at[name(&answer[i])] = &answer[i]
	}
	for _, g := range groups {
		d, ok := at[g.Name]
		if !ok {
			g.DescribeErr = errNoAnswer
			continue
		}
		if g.DescribeErr = kerr.ErrorForCode(code(d)); g.DescribeErr == nil {
			fill(g, d)
			g.sortMembers()
		}
	}
}

var errNoAnswer = errors.New("the broker's answer leaves it out")

func (r *reading) describeClassic(ctx context.Context, broker int32, groups []*Group) error {
	type told = kmsg.DescribeGroupsResponseGroup
	req := kmsg.NewPtrDescribeGroupsRequest()
	req.Groups = namesOf(groups)
	code := func(d *told) int16 { return d.ErrorCode }
	resp, err := request(ctx, r.Reader, broker, req, func(resp *kmsg.DescribeGroupsResponse) error { return retriable(resp.Groups, code) })
	if err != nil {
		return err
	}
	described(groups, resp.Groups, func(d *told) string { return d.Group }, code, func(g *Group, d *told) {
		g.State, g.ProtocolType, g.Assignor = d.State, cmp.Or(d.ProtocolType, g.ProtocolType), d.Protocol
		for i := range d.Members {
			dm := &d.Members[i]
			m := Member{ID: dm.MemberID, InstanceID: str(dm.InstanceID), ClientID: dm.ClientID, Host: dm.ClientHost}
			if d.ProtocolType == "consumer" { // others, such as Connect's workers, own no partitions
				r.classicAssignment(&m, dm)
			}
			g.Members = append(g.Members, m)
		}
	})
	return nil
}

// classicAssignment decodes what the members of a classic group tell each other; the
// broker passes it on unread.
func (r *reading) classicAssignment(m *Member, dm *kmsg.DescribeGroupsResponseGroupMember) {
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

func (r *reading) describeConsumer(ctx context.Context, broker int32, groups []*Group) error {
	type told = kmsg.ConsumerGroupDescribeResponseGroup
	req := kmsg.NewPtrConsumerGroupDescribeRequest()
	req.Groups = namesOf(groups)
	code := func(d *told) int16 { return d.ErrorCode }
	resp, err := request(ctx, r.Reader, broker, req, func(resp *kmsg.ConsumerGroupDescribeResponse) error { return retriable(resp.Groups, code) })
	if err != nil {
		return err
	}
	described(groups, resp.Groups, func(d *told) string { return d.Group }, code, func(g *Group, d *told) {
		g.State, g.ProtocolType, g.Assignor = d.State, cmp.Or(g.ProtocolType, "consumer"), d.AssignorName
		for i := range d.Members {
			dm := &d.Members[i]
			m := Member{ID: dm.MemberID, InstanceID: str(dm.InstanceID), ClientID: dm.ClientID, Host: dm.ClientHost, Subscribed: dm.SubscribedTopics}
			for _, t := range dm.Assignment.TopicPartitions {
				m.assign(r.topicName(t.Topic, t.TopicID), t.Partitions)
			}
			g.Members = append(g.Members, m)
		}
	})
	return nil
}

func (r *reading) describeShare(ctx context.Context, broker int32, groups []*Group) error {
	type told = kmsg.ShareGroupDescribeResponseGroup
	req := kmsg.NewPtrShareGroupDescribeRequest()
	req.GroupIDs = namesOf(groups)
	code := func(d *told) int16 { return d.ErrorCode }
	resp, err := request(ctx, r.Reader, broker, req, func(resp *kmsg.ShareGroupDescribeResponse) error { return retriable(resp.Groups, code) })
	if err != nil {
		return err
	}
	described(groups, resp.Groups, func(d *told) string { return d.GroupID }, code, func(g *Group, d *told) {
		g.State, g.ProtocolType, g.Assignor = d.GroupState, cmp.Or(g.ProtocolType, "share"), d.Assignor
		for i := range d.Members {
			dm := &d.Members[i]
			m := Member{ID: dm.MemberID, ClientID: dm.ClientID, Host: dm.ClientHost, Subscribed: dm.SubscribedTopicNames}
			for _, t := range dm.Assignment.TopicPartitions {
				m.assign(r.topicName(t.Topic, t.TopicID), t.Partitions)
			}
			g.Members = append(g.Members, m)
		}
	})
	return nil
}

// describeStreams goes to the coordinator by number: the client does not route this
// request, and any other broker answers NOT_COORDINATOR. Members own tasks; a task is one
// partition of every source topic of its subtopology.
func (r *reading) describeStreams(ctx context.Context, broker int32, groups []*Group) error {
	type told = kmsg.StreamsGroupDescribeResponseGroup
	req := kmsg.NewPtrStreamsGroupDescribeRequest()
	req.Groups = namesOf(groups)
	code := func(d *told) int16 { return d.ErrorCode }
	resp, err := request(ctx, r.Reader, broker, req, func(resp *kmsg.StreamsGroupDescribeResponse) error { return retriable(resp.Groups, code) })
	if err != nil {
		return err
	}
	described(groups, resp.Groups, func(d *told) string { return d.Group }, code, func(g *Group, d *told) {
		g.State, g.ProtocolType = d.State, cmp.Or(g.ProtocolType, "streams")
		sources := map[string][]string{}
		if d.Topology != nil {
			for _, st := range d.Topology.Subtopologies {
				for _, t := range st.SourceTopics {
					sources[st.SubtopologyID] = append(sources[st.SubtopologyID], r.intern(t))
				}
				for _, t := range st.RepartitionSourceTopics {
					sources[st.SubtopologyID] = append(sources[st.SubtopologyID], r.intern(t.Topic))
				}
			}
		}
		for i := range d.Members {
			dm := &d.Members[i]
			m := Member{ID: dm.MemberID, InstanceID: str(dm.InstanceID), ClientID: dm.ClientID, Host: dm.ClientHost}
			for _, task := range dm.Assignment.ActiveTasks {
				for _, t := range sources[task.SubtopologyID] {
					m.assign(t, r.existing(t, task.Partitions))
				}
			}
			g.Members = append(g.Members, m)
		}
	})
	return nil
}

func namesOf(groups []*Group) []string {
	names := make([]string, len(groups))
	for i, g := range groups {
		names[i] = g.Name
	}
	return names
}

// retriable finds an error that a coordinator on the move gives for a while.
func retriable[D any](answer []D, code func(*D) int16) error {
	for i := range answer {
		if err := kerr.ErrorForCode(code(&answer[i])); err != nil && kerr.IsRetriable(err) && !errors.Is(err, kerr.UnstableOffsetCommit) {
			return err
		}
	}
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
