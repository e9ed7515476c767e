package cluster_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/internal/kafkatest"
)

// follow reads what arrives for as long as ctx lasts, with a clock that runs fast.
func follow(ctx context.Context, c *cluster.Conn, topic string, do func(*kgo.Record) error) error {
	began := time.Now()
	fast := func() time.Time { return began.Add(30 * time.Since(began)) }
	return c.Read(ctx, cluster.ReadOptions{Topic: topic, Spans: []cluster.Span{{Partition: 0}}, Follow: true, Now: fast}, do)
}

// A topic that is deleted ends the reading, and one of the same name does not take its place.
func TestFollowADeletedTopic(t *testing.T) {
	for _, again := range []bool{false, true} {
		k := kafkatest.Start(t)
		c := dial(t, k)
		name := k.Topic("a", 1)
		k.ProduceValues(name, 0, "one")
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		err := follow(ctx, c, name, func(*kgo.Record) error {
			if _, err := k.Admin().DeleteTopics(ctx, name); err != nil {
				t.Error(err)
			}
			if again {
				k.Topic("a", 1)
			}
			return nil
		})
		if e, ok := errors.AsType[*cluster.Error](err); !ok || e.Class != cluster.NotFound || err.Error() != "read topic "+name+": the topic was deleted" {
			t.Errorf("made again %t: %v", again, err)
		}
	}
}

// Brokers that have not heard of a topic yet deny it for a moment.
func TestFollowThroughADenial(t *testing.T) {
	k := kafkatest.Start(t, kafkatest.Embedded())
	c := dial(t, k)
	name := k.Topic("a", 1)
	k.ProduceValues(name, 0, "one")
	k.Fake().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: name, Err: kerr.UnknownTopicOrPartition, Count: 2})
	if err := follow(t.Context(), c, name, func(*kgo.Record) error { return cluster.ErrStop }); err != nil {
		t.Error(err)
	}
}
