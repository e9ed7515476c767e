// Package demo is a small shop on Kafka that shows weir at work: three topics, two
// consumer groups with a dead-letter topic each, a producer and a consumer that
// are written as a model of either would be, and a tour that walks through weir.
//
// It decides what the shop sends and how its applications fail: how much of it is
// poison, what is retried, what becomes a dead letter. It refuses to be a load
// generator, and to write to a topic it was not told to use.
//
// The two types to know are [ProduceConfig] and [ConsumeConfig]; the embedded
// broker is in package broker.
package demo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weirhq/weir/cluster"
)

// The shop's topics and groups. Each group has a dead-letter topic of its own.
const (
	Orders    = "orders.order.v1"      // JSON
	Payments  = "payments.payment.v1"  // Avro
	Shipments = "shipping.shipment.v1" // Protobuf
	Billing   = "billing"              // reads orders, writes payments
	Notify    = "notifications"        // reads orders
	dltSuffix = ".dlt"                 // <topic>.<group>.dlt

	shopReplicas = 3            // of every topic
	week         = "604800000"  // milliseconds
	month        = "2592000000" // milliseconds
)

// Ports of the embedded broker that `weir demo up` starts.
const (
	FirstPort = 19092
	PortCount = 3
)

// DeadLetters names the dead-letter topic of a group that reads orders.
func DeadLetters(group string) string { return Orders + "." + group + dltSuffix }

// Topic is one topic of the shop, as its catalog declares it.
type Topic struct {
	Name       string
	Partitions int32
	Replicas   int16
	Configs    map[string]string
}

// Topics returns all topics, in the order a reader of the demo meets them.
func Topics() []Topic {
	topic := func(name string, partitions int32, retention string) Topic {
		return Topic{Name: name, Partitions: partitions, Replicas: shopReplicas, Configs: map[string]string{
			"cleanup.policy":      "delete",
			"min.insync.replicas": "2",
			"retention.ms":        retention,
		}}
	}
	return []Topic{
		topic(Orders, 6, week),
		topic(Payments, 6, month),
		topic(Shipments, 3, week),
		topic(DeadLetters(Billing), 6, month),
		topic(DeadLetters(Notify), 6, month),
	}
}

// Client opens a client of the demo's cluster with further options.
type Client func(opts ...kgo.Opt) (*kgo.Client, error)

// CreateTopics creates those of the shop's topics that are missing, each name
// behind prefix, and returns the new ones when every broker knows them. A topic that
// exists is left as it is. On fewer than three brokers there are as many replicas as
// brokers.
func CreateTopics(ctx context.Context, cl *kgo.Client, prefix string) ([]string, error) {
	adm := kadm.NewClient(cl)
	brokers, err := adm.ListBrokers(ctx)
	if err != nil {
		return nil, cluster.Classify("create the demo's topics", "", err)
	}
	var created []string
	for _, t := range Topics() {
		replicas := min(t.Replicas, int16(len(brokers)))
		configs := maps.Clone(t.Configs)
		configs["min.insync.replicas"] = strconv.Itoa(inSync(int(replicas)))
		name := prefix + t.Name
		r, err := adm.CreateTopic(ctx, t.Partitions, replicas, pointers(configs), name)
		switch {
		case err == nil:
			created = append(created, name)
		case errors.Is(err, kerr.TopicAlreadyExists):
		case r.ErrMessage != "":
			return created, cluster.Classify("create topic", name, fmt.Errorf("%w: %s", err, r.ErrMessage))
		default:
			return created, cluster.Classify("create topic", name, err)
		}
	}
	return created, awaitTopics(ctx, cl, created, true)
}

// inSync is the min.insync.replicas of a topic: one broker may be down, but the last
// replica must have a record.
func inSync(replicas int) int { return max(replicas-1, 1) }

// awaitTopics waits until each broker names a leader for every partition, or knows
// none of the topics any more: it hears of a new or deleted topic up to a tenth of a
// second after the change is answered.
func awaitTopics(ctx context.Context, cl *kgo.Client, topics []string, want bool) error {
	if len(topics) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	brokers, err := kadm.NewClient(cl).ListBrokers(ctx)
	if err != nil {
		return cluster.Classify("list the brokers", "", err)
	}
	req := kmsg.NewPtrMetadataRequest()
	req.AllowAutoTopicCreation = false
	for _, name := range topics {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = new(name)
		req.Topics = append(req.Topics, t)
	}
	for _, id := range brokers.NodeIDs() {
		for {
			there, gone, err := known(ctx, cl.Broker(int(id)), req)
			if want && there || !want && gone {
				break
			}
			select {
			case <-ctx.Done():
				return cluster.Classify("wait for the demo's topics on broker", strconv.Itoa(int(id)), errors.Join(context.Cause(ctx), err))
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
	return nil
}

// known asks one broker whether all topics and their leaders are there, or all gone.
func known(ctx context.Context, b *kgo.Broker, req *kmsg.MetadataRequest) (there, gone bool, err error) {
	answer, err := b.RetriableRequest(ctx, req)
	if err != nil {
		return false, false, err
	}
	resp, ok := answer.(*kmsg.MetadataResponse)
	if !ok {
		return false, false, fmt.Errorf("unexpected answer %T", answer)
	}
	there, gone = true, true
	for _, t := range resp.Topics {
		gone = gone && t.ErrorCode == kerr.UnknownTopicOrPartition.Code
		there = there && t.ErrorCode == 0 && !slices.ContainsFunc(t.Partitions, func(p kmsg.MetadataResponseTopicPartition) bool { return p.ErrorCode != 0 })
	}
	return there, gone, nil
}

func pointers(m map[string]string) map[string]*string {
	p := make(map[string]*string, len(m))
	for k, v := range m {
		p[k] = &v
	}
	return p
}

// EventKind says what an Event tells.
type EventKind string

// What happens while the shop runs.
const (
	Produced     EventKind = "produced"      // an order was acknowledged
	Consumed     EventKind = "consumed"      // a record was handled
	Retried      EventKind = "retried"       // a record failed and is tried again
	DeadLettered EventKind = "dead-lettered" // a record was written to the dead-letter topic
	Committed    EventKind = "committed"     // Records records are behind the group
)

// Event is one step of the pair, for a progress display.
type Event struct {
	Kind      EventKind
	Topic     string
	Partition int32
	Offset    int64
	Key       string
	Attempt   int    // of a retry: the one that failed, from 1
	Cause     string // of a failure: class and message
	Records   int
}

func emit(to func(Event), e Event) {
	if to != nil {
		to(e)
	}
}
