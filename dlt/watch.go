package dlt

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Arrival is a dead letter that came while somebody watched.
type Arrival struct {
	Kind          string  `json:"kind"`
	SchemaVersion int     `json:"schema_version"`
	Topic         string  `json:"topic"`
	Partition     int32   `json:"partition"`
	Offset        int64   `json:"offset"`
	TimestampMS   int64   `json:"timestamp_ms"`
	NoticedMS     int64   `json:"noticed_ms"`
	DelayMS       *int64  `json:"delay_ms"` // between death and notice; nil where the time of death is not told
	Cause         string  `json:"cause"`    // as dlt inspect names it
	Dialect       *string `json:"dialect"`
	Failure       *string `json:"failure"`
	Class         *string `json:"root_class"`
	Message       string  `json:"message"` // masked, as in dlt inspect
	Origin        *Origin `json:"origin"`
	Group         *string `json:"consumer_group"`
}

// unknownTopic is how long brokers may not know a topic that is there.
const unknownTopic = 5 * time.Second

// Watch hands every dead letter that arrives from now on to do, until ctx ends or do returns an error. An event of the
// stage "watch" says that it has begun.
func (c *Conn) Watch(ctx context.Context, d *Decoder, topics []string, do func(*Arrival) error) error {
	at, ids := map[string]map[int32]kgo.Offset{}, map[string]kadm.TopicID{}
	for _, t := range topics {
		td, err := c.topicDetail(ctx, t)
		if err != nil {
			return denied(err, "watch "+t, "DESCRIBE", "topic "+t)
		}
		ids[t] = td.ID
		spans, err := c.Spans(ctx, t)
		if err != nil {
			return err
		}
		at[t] = map[int32]kgo.Offset{}
		for _, s := range spans {
			at[t][s.Partition] = kgo.NewOffset().At(s.HighWatermark)
		}
	}
	cl, err := c.Client(kgo.ConsumePartitions(at), kgo.ConsumeResetOffset(kgo.NoResetOffset()), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepRetryableFetchErrors())
	if err != nil {
		return err
	}
	defer cl.CloseAllowingRebalance()
	emit(c.Events, Event{Stage: "watch", At: c.Now()})
	unknown := map[string]time.Time{} // since when brokers do not know a topic
	looked := c.Now()
	for {
		if c.Now().Sub(looked) >= lookEvery {
			looked = c.Now()
			c.addPartitions(ctx, cl, at, ids)
		}
		pctx, cancel := context.WithTimeout(ctx, time.Second)
		fs := cl.PollFetches(pctx)
		cancel()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		for _, e := range fs.Errors() {
			switch {
			case errors.Is(e.Err, kerr.UnknownTopicOrPartition), errors.Is(e.Err, kerr.UnknownTopicID), errors.Is(e.Err, kerr.InconsistentTopicID):
				if unknown[e.Topic].IsZero() {
					unknown[e.Topic] = c.Now()
				}
			case !transient(e.Err):
				if err := c.replaced(ctx, e.Topic, ids[e.Topic]); err != nil {
					return err
				}
				return fmt.Errorf("watch %s partition %d: %w", e.Topic, e.Partition, e.Err)
			}
		}
		for t, since := range unknown {
			if c.Now().Sub(since) < unknownTopic {
				continue
			}
			if err := c.replaced(ctx, t, ids[t]); err != nil {
				return err
			}
			delete(unknown, t)
		}
		for it := fs.RecordIter(); !it.Done(); {
			if err := do(d.arrival(FromKafka(it.Next()), c.Now().UnixMilli())); err != nil {
				return err
			}
		}
	}
}

// lookEvery is how often a watch looks for partitions that its topics were given meanwhile.
const lookEvery = 10 * time.Second

// addPartitions reads partitions that are new, from their start. What cannot be asked now is asked the next time.
func (c *Conn) addPartitions(ctx context.Context, cl *kgo.Client, at map[string]map[int32]kgo.Offset, ids map[string]kadm.TopicID) {
	m, err := c.Admin.Metadata(ctx, slices.Sorted(maps.Keys(at))...)
	if err != nil {
		return
	}
	for t, known := range at {
		fresh := map[int32]kgo.Offset{}
		for p := range m.Topics[t].Partitions {
			if _, ok := known[p]; !ok && m.Topics[t].ID == ids[t] {
				known[p] = kgo.NewOffset().AtStart()
				fresh[p] = known[p]
			}
		}
		if len(fresh) > 0 {
			cl.AddConsumePartitions(map[string]map[int32]kgo.Offset{t: fresh})
		}
	}
}

// replaced says that a topic was deleted, or made anew: who waits for dead letters there would take the silence for
// success.
func (c *Conn) replaced(ctx context.Context, topic string, id kadm.TopicID) error {
	td, err := c.topicDetail(ctx, topic)
	switch {
	case errors.Is(err, kerr.UnknownTopicOrPartition):
		return fmt.Errorf("the topic %s does not exist any more", topic)
	case err == nil && td.ID != id:
		return fmt.Errorf("the topic %s was made anew", topic)
	}
	return nil
}

func (d *Decoder) arrival(r *Record, now int64) *Arrival {
	cause := d.cause(r, nil)
	a := &Arrival{
		Kind: "dlt_arrival", SchemaVersion: 1, Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, TimestampMS: r.TimestampMS,
		NoticedMS: now, Cause: cause.id(d), Message: string(cause.sig[cause.masked:]),
	}
	dl := d.Decode(r)
	a.Dialect, a.Failure, a.Origin, a.Group = dl.Dialect, dl.Failure, dl.Origin, dl.ConsumerGroup
	if dl.Exception != nil {
		a.Class = dl.Exception.RootClass
	}
	if dl.TimestampIs == "death" {
		a.DelayMS = new(max(0, now-r.TimestampMS))
	}
	return a
}
