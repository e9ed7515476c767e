package plan

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

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
	for _, kind := range []func(context.Context, *cluster.Conn, []*Step, bool) (map[string]error, error){createTopics, alterConfigs, growTopics} {
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
		s.Op, s.JudgedBy, s.Reason = Blocked, ByBroker, "the broker refuses: "+verdict.Error()
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

// brokerError is a broker's answer with its own text, which names the cause.
func brokerError(code int16, text *string) error {
	err := kerr.ErrorForCode(code)
	if err == nil || text == nil || *text == "" {
		return err
	}
	return &answer{err, strings.Join(strings.Fields(*text), " ")}
}

type answer struct {
	err  error
	text string
}

func (a *answer) Error() string {
	if e, ok := errors.AsType[*kerr.Error](a.err); ok {
		return e.Message + ": " + a.text
	}
	return a.text
}
func (a *answer) Unwrap() error { return a.err }

func createTopics(ctx context.Context, conn *cluster.Conn, steps []*Step, validate bool) (map[string]error, error) {
	req := kmsg.NewPtrCreateTopicsRequest()
	req.ValidateOnly, req.TimeoutMillis = validate, 30_000
	for _, s := range steps {
		if s.Op != Create || s.Kind != TopicKind {
			continue
		}
		t := kmsg.NewCreateTopicsRequestTopic()
		t.Topic, t.NumPartitions, t.ReplicationFactor = s.Name, s.Partitions, s.Replicas
		for _, k := range slices.Sorted(maps.Keys(s.Config)) {
			c := kmsg.NewCreateTopicsRequestTopicConfig()
			c.Name, c.Value = k, new(s.Config[k])
			t.Configs = append(t.Configs, c)
		}
		req.Topics = append(req.Topics, t)
	}
	out := map[string]error{}
	if len(req.Topics) == 0 {
		return out, nil
	}
	resp, err := req.RequestWith(ctx, conn.Client)
	if err != nil {
		return nil, cluster.Classify("create topics", "", err)
	}
	for _, t := range resp.Topics {
		out[t.Topic] = brokerError(t.ErrorCode, t.ErrorMessage)
	}
	return out, nil
}

func alterConfigs(ctx context.Context, conn *cluster.Conn, steps []*Step, validate bool) (map[string]error, error) {
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	req.ValidateOnly = validate
	for _, s := range steps {
		r := kmsg.NewIncrementalAlterConfigsRequestResource()
		r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeTopic, s.Name
		for _, ch := range s.Changes {
			c := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
			c.Name, c.Value = ch.Name, ch.After
			switch ch.Op {
			case "set":
				c.Op = kmsg.IncrementalAlterConfigOpSet
			case "unset":
				c.Op = kmsg.IncrementalAlterConfigOpDelete
			default:
				continue
			}
			r.Configs = append(r.Configs, c)
		}
		if s.Op == Modify && s.Kind == TopicKind && len(r.Configs) > 0 {
			req.Resources = append(req.Resources, r)
		}
	}
	out := map[string]error{}
	if len(req.Resources) == 0 {
		return out, nil
	}
	resp, err := req.RequestWith(ctx, conn.Client)
	if err != nil {
		return nil, cluster.Classify("alter topic settings", "", err)
	}
	for _, r := range resp.Resources {
		out[r.ResourceName] = brokerError(r.ErrorCode, r.ErrorMessage)
	}
	return out, nil
}

func growTopics(ctx context.Context, conn *cluster.Conn, steps []*Step, validate bool) (map[string]error, error) {
	req := kmsg.NewPtrCreatePartitionsRequest()
	req.ValidateOnly, req.TimeoutMillis = validate, 30_000
	for _, s := range steps {
		if n := s.growsTo(); n > 0 && s.Op == Modify && s.Kind == TopicKind {
			t := kmsg.NewCreatePartitionsRequestTopic()
			t.Topic, t.Count = s.Name, n
			req.Topics = append(req.Topics, t)
		}
	}
	out := map[string]error{}
	if len(req.Topics) == 0 {
		return out, nil
	}
	resp, err := req.RequestWith(ctx, conn.Client)
	if err != nil {
		return nil, cluster.Classify("add partitions", "", err)
	}
	for _, t := range resp.Topics {
		out[t.Topic] = brokerError(t.ErrorCode, t.ErrorMessage)
	}
	return out, nil
}

func deleteTopics(ctx context.Context, conn *cluster.Conn, steps []*Step, _ bool) (map[string]error, error) {
	req := kmsg.NewPtrDeleteTopicsRequest()
	req.TimeoutMillis = 30_000
	for _, s := range steps {
		if s.Op == Delete && s.Kind == TopicKind {
			t := kmsg.NewDeleteTopicsRequestTopic()
			t.Topic = new(s.Name)
			req.Topics = append(req.Topics, t)
			req.TopicNames = append(req.TopicNames, s.Name)
		}
	}
	out := map[string]error{}
	if len(req.Topics) == 0 {
		return out, nil
	}
	resp, err := req.RequestWith(ctx, conn.Client)
	if err != nil {
		return nil, cluster.Classify("delete topics", "", err)
	}
	for _, t := range resp.Topics {
		if t.Topic != nil {
			out[*t.Topic] = brokerError(t.ErrorCode, t.ErrorMessage)
		}
	}
	return out, nil
}
