package plan

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/weirhq/weir/cluster"
)

// requestTopics bounds the topics of one admin request.
const requestTopics = 500

// Judge asks the broker to validate every topic step without doing it, so that a
// policy refuses before anything is written and not in the middle. It asks for the
// rights of apply; without them the step says that it was not judged. Rights have no
// such mode: weir judged them.
func (p *Plan) Judge(ctx context.Context, conn *cluster.Conn) error {
	if conn.Profile.ReadOnly {
		for _, s := range p.Pending() {
			if s.Kind == TopicKind {
				s.JudgedBy, s.NotJudged = ByWeir, "the profile is read-only"
			}
		}
		return nil
	}
	for _, kind := range []topicRequest{createTopics, alterConfigs, growTopics} {
		for batch := range slices.Chunk(p.Pending(), requestTopics) {
			verdicts, err := kind(ctx, conn, batch, true)
			if err != nil {
				return err
			}
			for _, s := range batch {
				if verdict, ok := verdicts[s.Name]; ok && s.Kind == TopicKind {
					s.judged(verdict)
				}
			}
		}
	}
	p.finish()
	return nil
}

func (s *Step) judged(verdict error) {
	switch {
	case s.Op == Blocked:
	case verdict == nil:
		if s.NotJudged == "" {
			s.JudgedBy = ByBroker
		}
	case errors.Is(verdict, kerr.TopicAuthorizationFailed), errors.Is(verdict, kerr.ClusterAuthorizationFailed):
		s.JudgedBy, s.NotJudged = ByWeir, "no right to ask: "+rightOf(s)
	default:
		s.Op, s.JudgedBy, s.Reason = Blocked, ByBroker, "the broker refuses: "+told(verdict).Error()
	}
}

// rightOf names what validating a step asks for.
func rightOf(s *Step) string {
	switch {
	case s.Op == Create:
		return "CREATE on Cluster or Topic"
	case s.growsTo() > 0:
		return "ALTER on Topic"
	}
	return "ALTER_CONFIGS on Topic"
}

// growsTo is the wanted number of partitions, or 0 when it does not change.
func (s *Step) growsTo() int32 {
	for _, c := range s.Changes {
		if c.Op == "grow" && c.After != nil {
			var n int32
			for _, d := range *c.After {
				n = n*10 + (d - '0')
			}
			return n
		}
	}
	return 0
}

// Each request takes the steps that it is for and answers by topic; topics that it does
// not answer for are missing from the map.

func createTopics(ctx context.Context, conn *cluster.Conn, steps []*Step, validate bool) (map[string]error, error) {
	var specs []cluster.TopicSpec
	for _, s := range steps {
		if s.Op == Create && s.Kind == TopicKind {
			specs = append(specs, cluster.TopicSpec{Name: s.Name, Partitions: s.Partitions, ReplicationFactor: s.Replicas, Configs: s.Config})
		}
	}
	if len(specs) == 0 {
		return nil, nil
	}
	created, err := conn.CreateTopics(ctx, specs, validate)
	outcomes := make([]cluster.Outcome, len(created))
	for i := range created {
		outcomes[i] = created[i].Outcome
		for _, s := range steps {
			if s.Name == created[i].Topic && s.Kind == TopicKind {
				s.Effect = strings.TrimPrefix(created[i].Unwritable(s.Config), s.Name+": ")
			}
		}
	}
	return byTopic(outcomes, err)
}

func alterConfigs(ctx context.Context, conn *cluster.Conn, steps []*Step, validate bool) (map[string]error, error) {
	var changes []cluster.ConfigChange
	for _, s := range steps {
		if s.Op != Modify || s.Kind != TopicKind {
			continue
		}
		change := cluster.ConfigChange{Topic: s.Name, Set: map[string]string{}}
		for _, c := range s.Changes {
			switch c.Op {
			case "set":
				change.Set[c.Name] = *c.After
			case "unset":
				change.Unset = append(change.Unset, c.Name)
			}
		}
		if len(change.Set)+len(change.Unset) > 0 {
			changes = append(changes, change)
		}
	}
	if len(changes) == 0 {
		return nil, nil
	}
	return byTopic(conn.AlterConfigs(ctx, changes, validate))
}

func growTopics(ctx context.Context, conn *cluster.Conn, steps []*Step, validate bool) (map[string]error, error) {
	counts := map[string]int32{}
	for _, s := range steps {
		if n := s.growsTo(); n > 0 && s.Op == Modify && s.Kind == TopicKind {
			counts[s.Name] = n
		}
	}
	if len(counts) == 0 {
		return nil, nil
	}
	return byTopic(conn.SetPartitions(ctx, counts, validate))
}

// deleteTopics deletes the topics that are there now, by their ids: one that somebody
// makes anew under the same name in between stays.
func deleteTopics(ctx context.Context, conn *cluster.Conn, steps []*Step, _ bool) (map[string]error, error) {
	var names []string
	for _, s := range steps {
		if s.Op == Delete && s.Kind == TopicKind {
			names = append(names, s.Name)
		}
	}
	list, err := conn.Topics(ctx, cluster.TopicsQuery{Names: names})
	if err != nil {
		return nil, err
	}
	out := map[string]error{}
	var there []cluster.Topic
	for i := range list.Topics {
		switch t := &list.Topics[i]; {
		case t.ErrorName == nil:
			there = append(there, *t)
		case *t.ErrorName == kerr.UnknownTopicOrPartition.Message:
			out[t.Name] = kerr.UnknownTopicOrPartition
		default:
			out[t.Name] = t.Err("delete topic")
		}
	}
	if len(there) == 0 {
		return out, nil
	}
	answers, err := byTopic(conn.DeleteTopics(ctx, there))
	maps.Copy(out, answers)
	return out, err
}

func byTopic(outcomes []cluster.Outcome, err error) (map[string]error, error) {
	if err != nil {
		return nil, err
	}
	out := make(map[string]error, len(outcomes))
	for _, o := range outcomes {
		out[o.Topic] = o.Err
	}
	return out, nil
}

// told is a broker's answer without what was asked, which the step says already.
func told(answer error) error {
	if e, ok := errors.AsType[*cluster.Error](answer); ok {
		return e.Err
	}
	return answer
}
