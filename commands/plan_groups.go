package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/lag"
	"github.com/weirhq/weir/plan"
)

// topicReaders are the groups on topics, by topic, and why there may be more of them:
// empty means that there are not.
type topicReaders struct {
	groups  map[string][]cluster.TopicGroup
	unknown string
}

// readersOf finds the groups that have offsets or members on topics, whatever their type:
// a live group may not have committed yet, and a share group never does as others do.
func (d *Deps) readersOf(ctx context.Context, conn *cluster.Conn, topics []string) (*topicReaders, error) {
	if len(topics) == 0 {
		return &topicReaders{}, nil
	}
	list, err := conn.Groups(ctx, nil, nil)
	if err != nil {
		return nil, err
	}
	var doubts, unread []string
	if c := list.Scope.Complete; c == nil || !*c {
		doubts = append(doubts, list.Scope.Reason)
	}
	r := &topicReaders{groups: map[string][]cluster.TopicGroup{}}
	for _, t := range topics {
		r.groups[t] = nil
	}
	asked := func(topic string) bool { _, ok := r.groups[topic]; return ok }
	reader := &lag.Reader{Client: conn.Client, Now: d.Now}
	cov, err := reader.Each(ctx, lag.Query{Topic: asked}, func(s *lag.Snapshot) error {
		for i := range s.Groups {
			if err := r.add(&s.Groups[i]); err != nil {
				unread = append(unread, s.Groups[i].Name+" ("+err.Error()+")")
			}
		}
		return nil
	})
	if err != nil {
		return nil, lagFailure("read groups", "", err)
	}
	if n := len(unread); n > 0 {
		doubts = append(doubts, fmt.Sprintf("%s could not be read, the first is %s", plural(n, "group"), unread[0]))
	}
	if len(doubts) == 0 && slices.ContainsFunc(cov.Failures, func(f lag.Failure) bool { return f.What == "list groups" }) {
		doubts = append(doubts, "some brokers did not answer")
	}
	r.unknown = strings.Join(doubts, "; ")
	return r, nil
}

// add notes a group on the topics that it reads. It returns why more of them may be.
func (r *topicReaders) add(g *lag.Group) error {
	committed := map[string]int{} // partitions, none for what is only read
	for _, c := range g.Commits {
		switch {
		case c.Offset >= 0:
			committed[c.Topic]++
		case c.Pending, c.Err != nil: // there is something, whatever it is
			committed[c.Topic] += 0
		}
	}
	for i := range g.Members {
		for _, t := range g.Members[i].Subscribed {
			committed[t] += 0
		}
		for _, p := range g.Members[i].Assigned {
			committed[p.Topic] += 0
		}
	}
	row := cluster.TopicGroup{Group: g.Name, Type: new(string(g.Kind))}
	if g.State != "" {
		row.State = &g.State
	}
	for t, n := range committed {
		if others, asked := r.groups[t]; asked {
			row.Committed = n
			r.groups[t] = append(others, row)
		}
	}
	for _, err := range []error{g.DescribeErr, g.Err} {
		if err != nil && !errors.Is(err, kerr.GroupIDNotFound) { // one that is gone reads nothing
			if ke, ok := errors.AsType[*kerr.Error](err); ok {
				return errors.New(ke.Message)
			}
			return err
		}
	}
	return nil
}

// planReaders are the same groups as a plan takes them.
func (d *Deps) planReaders(ctx context.Context, conn *cluster.Conn, topics []string) (*plan.Readers, error) {
	r, err := d.readersOf(ctx, conn, topics)
	if err != nil {
		return nil, err
	}
	out := &plan.Readers{ByTopic: map[string][]string{}, Unknown: r.unknown}
	for t, gs := range r.groups {
		for _, g := range gs {
			out.ByTopic[t] = append(out.ByTopic[t], g.Group)
		}
	}
	return out, nil
}

func (d *Deps) observeDeletes(ctx context.Context, conn *cluster.Conn, p *plan.Plan) error {
	return plan.ObserveDeletes(ctx, conn, p, func(topics []string) (*plan.Readers, error) {
		return d.planReaders(ctx, conn, topics)
	})
}
