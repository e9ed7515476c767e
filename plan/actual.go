package plan

import (
	"context"
	"slices"
	"strings"

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
	// Scope tells whether Topics are all that lie in the scope of the plan.
	Scope cluster.Scope
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
	for i := range d.Foreign {
		if _, ok := a.Topics[d.Foreign[i].Name]; !ok {
			absent = append(absent, d.Foreign[i].Name)
		}
	}
	if !a.seesTopics() {
		if err := a.probe(ctx, conn, absent, d.Scope.Prefixes); err != nil {
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

// seesTopics reports whether a topic in scope that is not listed is not there.
func (a *Actual) seesTopics() bool { return a.Scope.Complete != nil && *a.Scope.Complete }

// probeName, behind a prefix, is a topic that nobody has.
const probeName = "weir.scope-probe"

// probe names topics that a listing did not show: TOPIC_AUTHORIZATION_FAILED means
// that they may be there. A user who may describe a topic of every prefix that nobody has
// sees all of the scope, if not all of the cluster.
func (a *Actual) probe(ctx context.Context, conn *cluster.Conn, names, prefixes []string) error {
	for _, p := range prefixes {
		names = append(names, p+probeName)
	}
	if len(names) == 0 {
		return nil
	}
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
	if len(prefixes) > 0 && !slices.ContainsFunc(prefixes, func(p string) bool { return a.Hidden[p+probeName] != nil }) {
		a.Scope = cluster.Scope{Complete: new(true), Reason: "this user may describe any topic of scope.prefixes that no DENY row names"}
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

// Readers are the groups that have offsets or members on topics.
type Readers struct {
	ByTopic map[string][]string
	// Unknown tells why there may be more of them; empty means that there are not.
	Unknown string
}

// ObserveDeletes fills in records and groups of the topics that a plan would delete.
// readers is asked only when there are some.
func ObserveDeletes(ctx context.Context, conn *cluster.Conn, p *Plan, readers func(topics []string) (*Readers, error)) error {
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
	users, err := readers(names)
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
		s.Groups, s.GroupsUnknown = users.ByTopic[s.Name], users.Unknown
		s.Needs = []string{"--confirm " + s.Name}
		if s.DestroysData() || s.inUse() {
			s.Needs = append(s.Needs, "--allow-data-loss")
		}
	}
	p.Count()
	return nil
}
