package lag

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weirhq/weir/cluster"
)

// DeletePlan is what a delete would take away: a whole group, or its offsets on topics.
type DeletePlan struct {
	Group  string   `json:"group"`
	Kind   Kind     `json:"type"`
	State  *string  `json:"state"`
	Topics []string `json:"topics"` // empty: the whole group
	// Offsets is what is lost with it.
	Offsets []DeletedOffset `json:"offsets"`
	// TopicsScope tells whether more may be lost, on topics that this user may not see.
	TopicsScope cluster.Scope `json:"topics_scope"`
}

// DeletedOffset is one partition of such a plan.
type DeletedOffset struct {
	Offset
	Error *string `json:"error"` // set when it was tried and refused
}

// Op is what the plan does to the group, as errors and the audit log call it.
func (p *DeletePlan) Op() string {
	if len(p.Topics) > 0 {
		return "delete offsets of group"
	}
	return "delete group"
}

// Before are the offsets that were committed.
func (p *DeletePlan) Before() []Offset {
	return p.offsets(func(DeletedOffset) bool { return true })
}

// After are the offsets that were refused and stay.
func (p *DeletePlan) After() []Offset {
	return p.offsets(func(o DeletedOffset) bool { return o.Error != nil })
}

func (p *DeletePlan) offsets(keep func(DeletedOffset) bool) []Offset {
	out := []Offset{}
	for _, o := range p.Offsets {
		if keep(o) {
			out = append(out, o.Offset)
		}
	}
	return out
}

// PlanDelete looks at what a delete would take away. It refuses groups with members, and
// topics that the group has no offsets on.
func (r *Reader) PlanDelete(ctx context.Context, group string, topics []string) (*DeletePlan, error) {
	run, g, err := r.one(ctx, group)
	if err != nil {
		return nil, err
	}
	if err := g.idle("delete"); err != nil {
		return nil, err
	}
	if g.Err != nil {
		return nil, fmt.Errorf("fetch offsets of group %s: %w", group, g.Err)
	}
	if err := run.prove(ctx, topics); err != nil {
		return nil, err
	}
	p := &DeletePlan{Group: group, Kind: g.Kind, Topics: slices.Clone(topics), Offsets: []DeletedOffset{}, TopicsScope: *run.scope}
	if p.Topics == nil {
		p.Topics = []string{}
	}
	slices.Sort(p.Topics)
	p.Topics = slices.Compact(p.Topics)
	if g.State != "" {
		p.State = &g.State
	}
	found := map[string]bool{}
	for _, c := range g.Commits {
		if len(topics) > 0 && !slices.Contains(topics, c.Topic) {
			continue
		}
		found[c.Topic] = true
		if c.Offset >= 0 {
			p.Offsets = append(p.Offsets, DeletedOffset{Offset: Offset{c.Partition, c.Offset}})
		}
	}
	for _, t := range p.Topics {
		if !found[t] {
			return nil, &RefusedError{Group: group, Reason: "it has no offsets on topic " + t, Remedy: "weir group describe " + group + " shows where it has"}
		}
	}
	return p, nil
}

// Delete carries out a plan. It notes in the offsets what the broker refused; failed counts
// them. That all were refused is an error.
func (r *Reader) Delete(ctx context.Context, p *DeletePlan) (failed int, err error) {
	adm := kadm.NewClient(r.Client)
	if len(p.Topics) == 0 {
		if _, err := adm.DeleteGroup(ctx, p.Group); err != nil {
			return 0, gone(p, err)
		}
		return 0, nil
	}
	var refusal func(Partition) error
	var last error
	if p.Kind == Share {
		resps, err := adm.DeleteShareGroupOffsets(ctx, p.Group, p.Topics...)
		if err != nil {
			return 0, gone(p, err)
		}
		for t, err := range resps {
			if err != nil {
				last = onTopic("delete offsets on topic", t, err)
			}
		}
		refusal = func(part Partition) error { return resps[part.Topic] }
	} else {
		set := kadm.TopicsSet{}
		for _, o := range p.Offsets {
			set.Add(o.Topic, o.Partition.Partition)
		}
		resps, err := adm.DeleteOffsets(ctx, p.Group, set)
		if err != nil {
			return 0, gone(p, err)
		}
		refusal = func(part Partition) error { return resps[part.Topic][part.Partition] }
	}
	for i := range p.Offsets {
		o := &p.Offsets[i]
		if err := refusal(o.Partition); err != nil {
			o.Error, last = new(errText(err)), onTopic("delete offsets on topic", o.Topic, err)
			failed++
		}
	}
	if last != nil && failed == len(p.Offsets) {
		return failed, gone(p, last)
	}
	return failed, nil
}

// onTopic names the topic where it is the topic that is refused, and not the group.
func onTopic(op, topic string, err error) error {
	if errors.Is(err, kerr.TopicAuthorizationFailed) || errors.Is(err, kerr.UnknownTopicOrPartition) {
		return &TopicError{Op: op, Topic: topic, Err: err}
	}
	return err
}

func gone(p *DeletePlan, err error) error {
	if errors.Is(err, kerr.NonEmptyGroup) || errors.Is(err, kerr.GroupSubscribedToTopic) {
		return &RefusedError{Group: p.Group, Reason: "delete refused by the broker: a member has joined (" + errText(err) + ")", Remedy: "stop its consumers and wait until the group is Empty"}
	}
	return fmt.Errorf("%s %s: %w", p.Op(), p.Group, err)
}

// RemovePlan names the members that a removal would send away.
type RemovePlan struct {
	Group   string    `json:"group"`
	Kind    Kind      `json:"type"`
	State   *string   `json:"state"`
	Removed []Removed `json:"members"`
}

// Removed is one member of such a plan.
type Removed struct {
	MemberID   string  `json:"member_id"`
	InstanceID string  `json:"instance_id"`
	ClientID   string  `json:"client_id"`
	Host       string  `json:"host"`
	Partitions int     `json:"partitions"`
	Error      *string `json:"error"`
}

// PlanRemove finds members by instance id or member id. A name that fits no member is an
// error: the instance has left already, or was never there.
func (r *Reader) PlanRemove(ctx context.Context, group string, names []string) (*RemovePlan, error) {
	_, g, err := r.one(ctx, group)
	if err != nil {
		return nil, err
	}
	if g.Kind == Share || g.Kind == Streams {
		return nil, &RefusedError{Group: group, Reason: fmt.Sprintf("remove-member refused: groups of type %s have no request for it", g.Kind), Remedy: "stop the member"}
	}
	p := &RemovePlan{Group: group, Kind: g.Kind}
	if g.State != "" {
		p.State = &g.State
	}
	for _, name := range names {
		i := slices.IndexFunc(g.Members, func(m Member) bool { return m.InstanceID == name || m.ID == name })
		if i < 0 {
			return nil, &RefusedError{Group: group, Reason: fmt.Sprintf("no member %q among %s", name, memberNames(g.Members)), Remedy: "weir group describe " + group + " lists instance ids"}
		}
		m := g.Members[i]
		if m.InstanceID == "" && g.Kind == Consumer {
			return nil, &RefusedError{Group: group, Reason: fmt.Sprintf("remove-member refused: member %s is not static, and only static members of this type can be removed", name), Remedy: "stop the member"}
		}
		p.Removed = append(p.Removed, Removed{MemberID: m.ID, InstanceID: m.InstanceID, ClientID: m.ClientID, Host: m.Host, Partitions: len(m.Assigned)})
	}
	return p, nil
}

func memberNames(ms []Member) string {
	if len(ms) == 0 {
		return "no members at all"
	}
	names := make([]string, len(ms))
	for i, m := range ms {
		names[i] = m.ID
		if m.InstanceID != "" {
			names[i] = m.InstanceID
		}
	}
	return strings.Join(names, ", ")
}

// Remove sends the members away with LeaveGroup (KIP-345). A consumer that still runs
// joins again; one that has stopped frees its group at once instead of after its session
// timeout. failed counts the refusals, which are noted in the plan.
func (r *Reader) Remove(ctx context.Context, p *RemovePlan) (failed int, err error) {
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Group = p.Group
	for i := range p.Removed {
		m := kmsg.NewLeaveGroupRequestMember()
		if id := p.Removed[i].InstanceID; id != "" {
			m.InstanceID = &id
		} else {
			m.MemberID = p.Removed[i].MemberID
		}
		m.Reason = new("removed by an operator")
		req.Members = append(req.Members, m)
	}
	if len(req.Members) == 1 {
		req.MemberID = req.Members[0].MemberID // brokers before 2.4 know this field only
	}
	resp, err := leave(ctx, r.Client, req)
	if err != nil {
		return 0, fmt.Errorf("remove members of group %s: %w", p.Group, err)
	}
	for i := range resp.Members {
		if e := kerr.ErrorForCode(resp.Members[i].ErrorCode); e != nil && i < len(p.Removed) {
			p.Removed[i].Error = new(errText(e))
			failed++
		}
	}
	return failed, nil
}

func leave(ctx context.Context, cl *kgo.Client, req *kmsg.LeaveGroupRequest) (*kmsg.LeaveGroupResponse, error) {
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return nil, err
	}
	return resp, kerr.ErrorForCode(resp.ErrorCode)
}
