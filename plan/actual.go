package plan

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weirhq/weir/cluster"
)

// Actual is what was observed of a cluster.
type Actual struct {
	ClusterID string
	// Topics by name, internal ones included.
	Topics map[string]*cluster.Topic
	// Hidden are declared topics that may exist and may not be seen.
	Hidden map[string]error
	// Configs by topic, only of topics the catalog declares.
	Configs map[string]cluster.ConfigSet
	// ACLs is nil, with ACLErr set, where they cannot be read.
	ACLs   []cluster.ACLRow
	ACLErr error
	// Reassigning are topics with a reassignment under way.
	Reassigning map[string]bool
	// Groups with commits, listed only where drift or a deletion needs them.
	Groups []cluster.Group
	Scope  cluster.Scope
}

// Observe reads what a comparison with the desired state needs, in batches: one
// Metadata for all topics, DescribeConfigs for the declared ones, one DescribeACLs, one
// ListPartitionReassignments. A topic that is not in the listing is only taken for
// missing when naming it says so.
func Observe(ctx context.Context, conn *cluster.Conn, d *Desired) (*Actual, error) {
	a := &Actual{ClusterID: conn.ClusterID, Topics: map[string]*cluster.Topic{}, Hidden: map[string]error{}, Configs: map[string]cluster.ConfigSet{}, Reassigning: map[string]bool{}}
	list, err := conn.Topics(ctx, cluster.TopicsQuery{Internal: true})
	if err != nil {
		return nil, err
	}
	a.Scope = list.Scope
	for i := range list.Topics {
		a.Topics[list.Topics[i].Name] = &list.Topics[i]
	}
	var absent, present []string
	for i := range d.Topics {
		if _, ok := a.Topics[d.Topics[i].Name]; ok {
			present = append(present, d.Topics[i].Name)
		} else {
			absent = append(absent, d.Topics[i].Name)
		}
	}
	if len(absent) > 0 && (list.Scope.Complete == nil || !*list.Scope.Complete) {
		if err := a.probe(ctx, conn, absent); err != nil {
			return nil, err
		}
	}
	sets, err := conn.TopicConfigs(ctx, present)
	if err != nil {
		return nil, err
	}
	for _, s := range sets {
		a.Configs[s.Topic] = s
	}
	a.ACLs, a.ACLErr = conn.ACLs(ctx)
	if a.ACLErr != nil && ctx.Err() != nil {
		return nil, a.ACLErr
	}
	return a, a.reassignments(ctx, conn)
}

// probe names topics that a listing did not show: TOPIC_AUTHORIZATION_FAILED means
// that they may be there.
func (a *Actual) probe(ctx context.Context, conn *cluster.Conn, names []string) error {
	list, err := conn.Topics(ctx, cluster.TopicsQuery{Names: names})
	if err != nil {
		return err
	}
	for i := range list.Topics {
		t := &list.Topics[i]
		switch {
		case t.ErrorName == nil:
			a.Topics[t.Name] = t
		case *t.ErrorName != kerr.UnknownTopicOrPartition.Message:
			a.Hidden[t.Name] = t.Err("describe topic")
		}
	}
	return nil
}

// reassignments asks for all of them: kadm's call with no topics sends nothing. A
// missing right leaves them unknown, which apply tells.
func (a *Actual) reassignments(ctx context.Context, conn *cluster.Conn) error {
	req := kmsg.NewPtrListPartitionReassignmentsRequest()
	req.Topics = nil
	resp, err := req.RequestWith(ctx, conn.Client)
	if err != nil {
		if ctx.Err() != nil {
			return cluster.Classify("list reassignments", "", err)
		}
		return nil // brokers before 2.4 do not know the request
	}
	for _, t := range resp.Topics {
		a.Reassigning[t.Topic] = true
	}
	return nil
}

// NoAuthorizer reports whether the cluster keeps no access control lists at all.
func (a *Actual) NoAuthorizer() bool {
	return a.ACLErr != nil && strings.Contains(a.ACLErr.Error(), "no authorizer")
}

// ObserveDeletes fills in records and live groups of the topics that a plan would
// delete.
func ObserveDeletes(ctx context.Context, conn *cluster.Conn, p *Plan) error {
	var topics []cluster.Topic
	var names []string
	for i := range p.Steps {
		if s := &p.Steps[i]; s.Op == Delete && s.Kind == TopicKind {
			names = append(names, s.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	list, err := conn.Topics(ctx, cluster.TopicsQuery{Names: names})
	if err != nil {
		return err
	}
	topics = list.Topics
	if err := conn.Offsets(ctx, topics); err != nil {
		return err
	}
	users, err := groupsOf(ctx, conn, names)
	if err != nil {
		return err
	}
	for i := range p.Steps {
		s := &p.Steps[i]
		if s.Op != Delete || s.Kind != TopicKind {
			continue
		}
		if j := slices.IndexFunc(topics, func(t cluster.Topic) bool { return t.Name == s.Name }); j >= 0 {
			s.Records = topics[j].Records()
		}
		s.Groups = users[s.Name]
		s.Needs = []string{"--confirm " + s.Name}
		if s.DestroysData() || len(s.Groups) > 0 {
			s.Needs = append(s.Needs, "--allow-data-loss")
		}
	}
	p.Count()
	return nil
}

// groupsOf returns the groups that hold commits on the topics, per topic.
func groupsOf(ctx context.Context, conn *cluster.Conn, topics []string) (map[string][]string, error) {
	groups, err := conn.Groups(ctx, nil, nil)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, g := range groups.Groups {
		if g.Type == nil || *g.Type != "share" {
			names = append(names, g.Name)
		}
	}
	out := map[string][]string{}
	asked := map[string]bool{}
	for _, t := range topics {
		asked[t] = true
	}
	if len(names) == 0 {
		return out, nil
	}
	var firstErr error
	fetched := conn.Admin.FetchManyOffsets(ctx, names...)
	fetched.EachError(func(r kadm.FetchOffsetsResponse) { firstErr = errors.Join(firstErr, r.Err) })
	for _, g := range names {
		for t := range fetched[g].Fetched {
			if asked[t] {
				out[t] = append(out[t], g)
			}
		}
	}
	if firstErr != nil && len(out) == 0 {
		return nil, cluster.Classify("fetch offsets", "", firstErr)
	}
	return out, nil
}
