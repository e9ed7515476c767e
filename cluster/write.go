package cluster

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// serverTimeout is how long a broker may take to do an administrative act, in ms.
const serverTimeout = 30_000

// Outcome is what became of one item of a batch. The broker decides item by item, so
// some may be done and others refused.
type Outcome struct {
	Topic string
	// Err is a classed [Error], or nil when it was done (or would be).
	Err error
}

// itemError turns an item's code and the broker's own words into an [Error]. The words
// of an authorization failure are left out: some brokers dump the request into them.
func itemError(op, topic string, code int16, message *string) error {
	ke := kerr.TypedErrorForCode(code)
	if code == 0 {
		return nil
	}
	if ke == nil {
		return Classify(op, topic, errors.New(*errorName(code)))
	}
	err := Classify(op, topic, ke)
	e, ok := errors.AsType[*Error](err)
	if ok && e.Class != Unauthorised && message != nil && *message != "" {
		e.Err = &toldError{name: ke.Message, text: strings.TrimSuffix(*message, "."), cause: ke}
	}
	return err
}

// toldError is a protocol error in the broker's own words.
type toldError struct {
	name, text string
	cause      error
}

func (t *toldError) Error() string { return t.name + ": " + t.text }
func (t *toldError) Unwrap() error { return t.cause }

// TopicSpec is a topic to be made. Partitions and ReplicationFactor of -1 leave the
// number to the broker's default.
type TopicSpec struct {
	Name              string            `json:"name"`
	Partitions        int32             `json:"partitions"`
	ReplicationFactor int16             `json:"replication_factor"`
	Configs           map[string]string `json:"configs"`
}

// Created is an [Outcome] with what the broker made or would make of it. The numbers
// are nil when it does not tell.
type Created struct {
	Outcome
	Partitions        *int32
	ReplicationFactor *int16
	// MinISR is the min.insync.replicas in effect, declared or inherited.
	MinISR *string
}

// Unwritable says why no write with acks=all would be taken, or is empty: the topic would
// need more replicas in sync than it has. declared are the settings that were asked for.
func (c *Created) Unwritable(declared map[string]string) string {
	if c.MinISR == nil || c.ReplicationFactor == nil {
		return ""
	}
	n, err := strconv.Atoi(*c.MinISR)
	if err != nil || n <= int(*c.ReplicationFactor) {
		return ""
	}
	where := "inherited from the broker"
	if _, ok := declared["min.insync.replicas"]; ok {
		where = "declared"
	}
	return fmt.Sprintf("%s: min.insync.replicas %d (%s) is more than the replication factor %d: every write with acks=all will be refused", c.Topic, n, where, *c.ReplicationFactor)
}

// settleTime bounds the wait for what was written to show.
const settleTime = 5 * time.Second

// TopicsSettled waits until what was written shows, so that the next command finds it,
// and reports whether it does. want is the least number of partitions of each topic, all
// with leaders, or 0 for a topic that is gone. Brokers learn of a change some 100 ms after
// the answer; the wait ends after five seconds.
func (c *Conn) TopicsSettled(ctx context.Context, want map[string]int32) bool {
	if len(want) == 0 {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	names := slices.Sorted(maps.Keys(want))
	for {
		list, err := c.Topics(ctx, TopicsQuery{Names: names})
		if err == nil && !slices.ContainsFunc(list.Topics, func(t Topic) bool { return !t.shows(want[t.Name]) }) {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(25 * time.Millisecond):
		}
	}
}

// shows reports whether a broker knows a topic of so many partitions, or none for 0.
// Whoever may write it need not be allowed to describe it.
func (t *Topic) shows(partitions int32) bool {
	switch {
	case t.ErrorName != nil && *t.ErrorName == kerr.TopicAuthorizationFailed.Message:
		return true
	case t.ErrorName != nil || partitions == 0:
		return partitions == 0 && t.ErrorName != nil && *t.ErrorName == kerr.UnknownTopicOrPartition.Message
	}
	return len(t.Partitions) >= int(partitions) && !slices.ContainsFunc(t.Partitions, func(p Partition) bool { return p.Leader == nil })
}

// CreateTopics makes topics, or with validateOnly asks the broker whether it would.
func (c *Conn) CreateTopics(ctx context.Context, specs []TopicSpec, validateOnly bool) ([]Created, error) {
	const op = "create topic"
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis, req.ValidateOnly = serverTimeout, validateOnly
	for _, s := range specs {
		t := kmsg.NewCreateTopicsRequestTopic()
		t.Topic, t.NumPartitions, t.ReplicationFactor = s.Name, s.Partitions, s.ReplicationFactor
		for _, k := range slices.Sorted(maps.Keys(s.Configs)) {
			cfg := kmsg.NewCreateTopicsRequestTopicConfig()
			cfg.Name, cfg.Value = k, new(s.Configs[k])
			t.Configs = append(t.Configs, cfg)
		}
		req.Topics = append(req.Topics, t)
	}
	resp, err := req.RequestWith(ctx, c.Client)
	if err != nil {
		return nil, Classify(op, topicSubject(specs), err)
	}
	out := make([]Created, 0, len(resp.Topics))
	for i := range resp.Topics {
		t := &resp.Topics[i]
		row := Created{Outcome: Outcome{Topic: t.Topic, Err: itemError(op, t.Topic, t.ErrorCode, t.ErrorMessage)}}
		if t.NumPartitions > 0 {
			row.Partitions = &t.NumPartitions
		}
		if t.ReplicationFactor > 0 {
			row.ReplicationFactor = &t.ReplicationFactor
		}
		for j := range t.Configs {
			if t.Configs[j].Name == "min.insync.replicas" {
				row.MinISR = t.Configs[j].Value
			}
		}
		out = append(out, row)
	}
	slices.SortFunc(out, func(a, b Created) int { return strings.Compare(a.Topic, b.Topic) })
	return out, nil
}

func topicSubject(specs []TopicSpec) string {
	if len(specs) == 1 {
		return specs[0].Name
	}
	return fmt.Sprintf("(%d topics)", len(specs))
}

// ConfigChange sets and unsets settings of one topic and leaves all others alone.
type ConfigChange struct {
	Topic string
	Set   map[string]string
	Unset []string
}

// AlterConfigs changes settings incrementally, or with validateOnly asks the broker
// whether it would.
func (c *Conn) AlterConfigs(ctx context.Context, changes []ConfigChange, validateOnly bool) ([]Outcome, error) {
	const op = "alter topic"
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	req.ValidateOnly = validateOnly
	for _, ch := range changes {
		r := kmsg.NewIncrementalAlterConfigsRequestResource()
		r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeTopic, ch.Topic
		for _, k := range slices.Sorted(maps.Keys(ch.Set)) {
			r.Configs = append(r.Configs, kmsg.IncrementalAlterConfigsRequestResourceConfig{Name: k, Op: kmsg.IncrementalAlterConfigOpSet, Value: new(ch.Set[k])})
		}
		for _, k := range slices.Sorted(slices.Values(ch.Unset)) {
			r.Configs = append(r.Configs, kmsg.IncrementalAlterConfigsRequestResourceConfig{Name: k, Op: kmsg.IncrementalAlterConfigOpDelete})
		}
		req.Resources = append(req.Resources, r)
	}
	var out []Outcome
	err := eachShard(ctx, c.Client, req, op, func(resp *kmsg.IncrementalAlterConfigsResponse) {
		for i := range resp.Resources {
			r := &resp.Resources[i]
			out = append(out, Outcome{r.ResourceName, itemError(op, r.ResourceName, r.ErrorCode, r.ErrorMessage)})
		}
	})
	return sortOutcomes(out), err
}

// SetPartitions raises the number of partitions to the given count, or with
// validateOnly asks the broker whether it would.
func (c *Conn) SetPartitions(ctx context.Context, counts map[string]int32, validateOnly bool) ([]Outcome, error) {
	const op = "add partitions"
	req := kmsg.NewPtrCreatePartitionsRequest()
	req.TimeoutMillis, req.ValidateOnly = serverTimeout, validateOnly
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		t := kmsg.NewCreatePartitionsRequestTopic()
		t.Topic, t.Count = name, counts[name]
		req.Topics = append(req.Topics, t)
	}
	resp, err := req.RequestWith(ctx, c.Client)
	if err != nil {
		return nil, Classify(op, "", err)
	}
	var out []Outcome
	for i := range resp.Topics {
		t := &resp.Topics[i]
		out = append(out, Outcome{t.Topic, itemError(op, t.Topic, t.ErrorCode, t.ErrorMessage)})
	}
	return sortOutcomes(out), nil
}

func sortOutcomes(out []Outcome) []Outcome {
	slices.SortFunc(out, func(a, b Outcome) int { return strings.Compare(a.Topic, b.Topic) })
	return out
}

// DeleteTopics deletes exactly the topics that were read: where they have ids, a topic
// that was deleted and made anew since is another one and stays.
func (c *Conn) DeleteTopics(ctx context.Context, topics []Topic) ([]Outcome, error) {
	const op = "delete topic"
	req := kmsg.NewPtrDeleteTopicsRequest()
	req.TimeoutMillis = serverTimeout
	byID := map[[16]byte]string{}
	for i := range topics {
		t := kmsg.NewDeleteTopicsRequestTopic()
		name := topics[i].Name
		if id, ok := topicID(topics[i].ID); ok {
			t.TopicID = id
			byID[id] = name
		} else {
			t.Topic = &name
		}
		req.Topics = append(req.Topics, t)
		req.TopicNames = append(req.TopicNames, name) // for brokers before 2.8
	}
	resp, err := req.RequestWith(ctx, c.Client)
	if err != nil {
		return nil, Classify(op, "", err)
	}
	var out []Outcome
	for i := range resp.Topics {
		t := &resp.Topics[i]
		name := byID[t.TopicID]
		if t.Topic != nil && *t.Topic != "" {
			name = *t.Topic
		}
		out = append(out, Outcome{name, itemError(op, name, t.ErrorCode, t.ErrorMessage)})
	}
	return sortOutcomes(out), nil
}

func topicID(s *string) (id [16]byte, ok bool) {
	if s == nil {
		return id, false
	}
	n, err := base64.RawURLEncoding.Decode(id[:], []byte(*s))
	return id, err == nil && n == len(id)
}

// Cut is the outcome of removing the records of one partition up to an offset.
type Cut struct {
	Topic     string
	Partition int32
	// LowWatermark is the first offset left; nil when nothing was done.
	LowWatermark *int64
	Err          error
}

// DeleteRecords removes the records before the given offsets. Offsets come from the
// caller and never as "the end", so that records written meanwhile stay.
func (c *Conn) DeleteRecords(ctx context.Context, topic string, before map[int32]int64) ([]Cut, error) {
	const op = "purge topic"
	req := kmsg.NewPtrDeleteRecordsRequest()
	req.TimeoutMillis = serverTimeout
	rt := kmsg.NewDeleteRecordsRequestTopic()
	rt.Topic = topic
	for _, p := range slices.Sorted(maps.Keys(before)) {
		rp := kmsg.NewDeleteRecordsRequestTopicPartition()
		rp.Partition, rp.Offset = p, before[p]
		rt.Partitions = append(rt.Partitions, rp)
	}
	req.Topics = append(req.Topics, rt)
	done := map[int32]Cut{}
	_, err := shards(ctx, c.Client, req, op, func(_ kgo.BrokerMetadata, resp *kmsg.DeleteRecordsResponse) {
		for _, t := range resp.Topics {
			for _, p := range t.Partitions {
				cut := Cut{Topic: t.Topic, Partition: p.Partition, Err: itemError(op, fmt.Sprintf("%s partition %d", t.Topic, p.Partition), p.ErrorCode, nil)}
				if p.ErrorCode == 0 {
					cut.LowWatermark = &p.LowWatermark
				}
				done[p.Partition] = cut
			}
		}
	})
	out := make([]Cut, 0, len(before))
	for _, p := range slices.Sorted(maps.Keys(before)) {
		cut, ok := done[p]
		if !ok {
			cut = Cut{Topic: topic, Partition: p, Err: Classify(op, fmt.Sprintf("%s partition %d", topic, p), cmpErr(err))}
		}
		out = append(out, cut)
	}
	if len(done) == 0 && err != nil {
		return nil, err
	}
	return out, nil
}

func cmpErr(err error) error {
	if err == nil {
		return errors.New("its leader did not answer, so it may or may not be done")
	}
	return err
}
