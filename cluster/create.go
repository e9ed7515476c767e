package cluster

import (
	"context"
	"errors"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
)

// CreatedTopic is a topic that is made, and what became of it.
type CreatedTopic struct {
	Name string `json:"name"`
	// Partitions, like ReplicationFactor, is null where the broker did not tell.
	Partitions        *int32            `json:"partitions"`
	ReplicationFactor *int16            `json:"replication_factor"`
	Configs           map[string]string `json:"configs"`
	// Result is created, would_create, exists or failed.
	Result string  `json:"result"`
	Error  *string `json:"error"`

	Spec TopicSpec `json:"-"` // as it was asked for
}

// Exists says that the topic was there and stays as it is.
func (t *CreatedTopic) Exists() bool { return t.Result == "exists" }

func (t *CreatedTopic) fail(err error) error {
	t.Result, t.Error = "failed", new(err.Error())
	return err
}

// Creation makes topics. It says what would be made, and once it is sent what was.
type Creation struct {
	DryRun bool `json:"dry_run"`
	// JudgedBy is broker: every topic was put to it before anything was done.
	JudgedBy string         `json:"judged_by"`
	Topics   []CreatedTopic `json:"topics"`
	Warnings []string       `json:"warnings"`
}

// JudgeTopics puts topics to the broker and makes none of them. With ifNotExists a topic
// that exists is no refusal. It returns the refusals, and an error when nothing was answered.
func JudgeTopics(ctx context.Context, conn *Conn, specs []TopicSpec, ifNotExists bool) (r *Creation, refusals []error, err error) {
	judged, err := conn.CreateTopics(ctx, specs, true)
	if err != nil {
		return nil, nil, err
	}
	r = &Creation{JudgedBy: "broker", Topics: []CreatedTopic{}, Warnings: []string{}}
	for i := range judged {
		j := &judged[i]
		spec := specs[slices.IndexFunc(specs, func(s TopicSpec) bool { return s.Name == j.Topic })]
		row := CreatedTopic{Name: j.Topic, Partitions: j.Partitions, ReplicationFactor: j.ReplicationFactor, Configs: spec.Configs, Spec: spec, Result: "would_create"}
		switch {
		case j.Err != nil && ifNotExists && errors.Is(j.Err, kerr.TopicAlreadyExists):
			row.Result = "exists"
		case j.Err != nil:
			refusals = append(refusals, row.fail(j.Err))
		}
		if w := j.Unwritable(spec.Configs); w != "" {
			r.Warnings = append(r.Warnings, w)
		}
		r.Topics = append(r.Topics, row)
	}
	return r, refusals, nil
}

// Send makes the topics that do not exist and notes what became of each. It returns the
// refusals, and an error when nothing was answered, so that they may be made or not.
func (r *Creation) Send(ctx context.Context, conn *Conn) (refusals []error, err error) {
	var specs []TopicSpec
	for i := range r.Topics {
		if t := &r.Topics[i]; !t.Exists() {
			specs = append(specs, t.Spec)
		}
	}
	if len(specs) == 0 {
		return nil, nil
	}
	made, err := conn.CreateTopics(ctx, specs, false)
	if err != nil {
		return nil, err
	}
	for i := range r.Topics {
		t := &r.Topics[i]
		if t.Exists() {
			continue
		}
		j := slices.IndexFunc(made, func(m Created) bool { return m.Topic == t.Name })
		switch {
		case j < 0:
			refusals = append(refusals, t.fail(Classify("create topic", t.Name, errors.New("the broker did not say what became of it"))))
		case made[j].Err != nil:
			refusals = append(refusals, t.fail(made[j].Err))
		default:
			t.Result = "created"
			if made[j].Partitions != nil {
				t.Partitions, t.ReplicationFactor = made[j].Partitions, made[j].ReplicationFactor
			}
		}
	}
	return refusals, nil
}

// Created are the topics that were made, with their least numbers of partitions.
func (r *Creation) Created() map[string]int32 {
	made := map[string]int32{}
	for i := range r.Topics {
		if t := &r.Topics[i]; t.Result == "created" {
			made[t.Name] = 1
			if t.Partitions != nil {
				made[t.Name] = *t.Partitions
			}
		}
	}
	return made
}
