package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/cluster"
)

const (
	attempts     = 3
	firstBackoff = 100 * time.Millisecond // doubled after each attempt
	batchRecords = 100
)

// ConsumeConfig says which application of the shop consumes, and how long.
type ConsumeConfig struct {
	Client Client
	// Group is Billing or Notify.
	Group string
	// Prefix before the names of topics and group.
	Prefix string
	// Instance is the static member's id; empty means <group>-1. Two consumers of a
	// group need two.
	Instance string
	// Count of records; then the member leaves the group. 0 means until ctx ends;
	// the member then stays known for its session timeout, so that a restart within
	// it moves no partition.
	Count int64
	// Fixed is the application after the repair: totals that are texts are read,
	// and the ledger answers.
	Fixed    bool
	Seed     uint64
	Now      func() time.Time
	Progress func(Event)
}

// ConsumeReport says what became of the records whose offsets are committed.
type ConsumeReport struct {
	Group        string `json:"group"`
	Consumed     int64  `json:"consumed"`
	Retried      int64  `json:"retried"`
	DeadLettered int64  `json:"dead_lettered"`
	Produced     int64  `json:"produced"`
}

// Consume reads orders as one member of the group. A record that fails for a while
// is retried with back-off; one that fails for good is written to the group's
// dead-letter topic. Offsets are committed only behind records that are handled or
// in the dead-letter topic, so nothing is lost whenever it stops; a crash between
// the work and the commit repeats the work of one batch.
func Consume(ctx context.Context, cfg ConsumeConfig) (*ConsumeReport, error) {
	c := &consuming{cfg: cfg, topic: cfg.Prefix + Orders, group: cfg.Prefix + cfg.Group}
	c.report.Group = c.group
	s, err := newShop(cfg.Seed, cfg.Prefix)
	if err != nil {
		return &c.report, err
	}
	switch cfg.Group {
	case Billing:
		c.handle = s.billing(cfg.Fixed, cfg.Now)
	case Notify:
		c.handle = notifications
	default:
		return &c.report, fmt.Errorf("group %s: the shop has the groups %s and %s", cfg.Group, Billing, Notify)
	}
	c.dlt = cfg.Prefix + DeadLetters(cfg.Group)
	if c.cfg.Instance == "" {
		c.cfg.Instance = firstInstance(c.group)
	}
	if c.client, err = cfg.Client(c.options()...); err != nil {
		return &c.report, err
	}
	defer c.client.CloseAllowingRebalance()
	err = c.run(ctx)
	if err == nil {
		err = c.leave(ctx)
	}
	return &c.report, err
}

type consuming struct {
	cfg               ConsumeConfig
	topic, group, dlt string
	handle            handler
	client            *kgo.Client
	report            ConsumeReport
}

// firstInstance is the static member that a group has when no other is named.
func firstInstance(group string) string { return group + "-1" }

func (c *consuming) options() []kgo.Opt {
	return []kgo.Opt{
		kgo.ClientID(c.cfg.Group),
		kgo.ConsumerGroup(c.group),
		kgo.InstanceID(c.cfg.Instance),
		// Short, so that a member that is gone is noticed while somebody looks.
		kgo.SessionTimeout(10 * time.Second),
		kgo.HeartbeatInterval(time.Second),
		kgo.ConsumeTopics(c.topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.DisableAutoCommit(),
		// A partition must not move between the work and its commit.
		kgo.BlockRebalanceOnPoll(),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordDeliveryTimeout(drainTimeout),
		kgo.RecordPartitioner(c.partitioner()),
	}
}

// partitioner puts a dead letter into the partition of its origin where the topic
// has it, and everything else where its key belongs.
func (c *consuming) partitioner() kgo.Partitioner {
	byKey := kgo.StickyKeyPartitioner(nil)
	return kgo.BasicConsistentPartitioner(func(topic string) func(*kgo.Record, int) int {
		rest := byKey.ForTopic(topic)
		return func(r *kgo.Record, n int) int {
			if topic == c.dlt && int(r.Partition) < n {
				return int(r.Partition)
			}
			return rest.Partition(r, n)
		}
	})
}

func (c *consuming) run(ctx context.Context) error {
	for c.cfg.Count == 0 || c.report.Consumed < c.cfg.Count {
		want := int64(batchRecords)
		if c.cfg.Count > 0 {
			want = min(want, c.cfg.Count-c.report.Consumed)
		}
		fetches := c.client.PollRecords(ctx, int(want))
		if ctx.Err() != nil {
			c.client.AllowRebalance()
			return context.Cause(ctx)
		}
		err := c.batch(ctx, fetches.Records())
		c.client.AllowRebalance()
		if err != nil {
			return err
		}
		for _, e := range fetches.Errors() {
			return cluster.Classify("consume", e.Topic, e.Err)
		}
	}
	return nil
}

// batch handles records and commits behind those that are done, also when it is
// told to stop in the middle.
func (c *consuming) batch(ctx context.Context, records []*kgo.Record) error {
	var done, out []*kgo.Record
	var stopped error
	tally := c.report
	for _, r := range records {
		caused, err := c.record(ctx, r, &tally)
		if err != nil {
			stopped = err
			break
		}
		done, out = append(done, r), append(out, caused...)
	}
	if len(done) == 0 {
		return stopped
	}
	// Finished also after ^C: the work is done, only its traces are not written.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	if err := c.client.ProduceSync(ctx, out...).FirstErr(); err != nil {
		return cluster.Classify("write what the records caused", "", err)
	}
	if err := c.client.CommitRecords(ctx, done...); err != nil {
		return cluster.Classify("commit offsets of", c.group, err)
	}
	c.report = tally
	for _, d := range out {
		if d.Topic == c.dlt {
			emit(c.cfg.Progress, Event{Kind: DeadLettered, Topic: d.Topic, Partition: d.Partition, Offset: d.Offset, Key: string(d.Key), Records: 1})
		}
	}
	emit(c.cfg.Progress, Event{Kind: Committed, Topic: c.topic, Records: len(done)})
	return stopped
}

// record handles one record, again and again if that may help, and returns what is
// to be written: results, or a dead letter.
func (c *consuming) record(ctx context.Context, r *kgo.Record, tally *ConsumeReport) ([]*kgo.Record, error) {
	backoff := firstBackoff
	for attempt := 1; ; attempt++ {
		out, f := c.handle(r, attempt)
		if f == nil {
			tally.Consumed++
			tally.Produced += int64(len(out))
			emit(c.cfg.Progress, Event{Kind: Consumed, Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Key: string(r.Key), Records: 1})
			return out, nil
		}
		if !f.transient || attempt == attempts {
			tally.Consumed++
			tally.DeadLettered++
			return []*kgo.Record{deadLetter(r, c.group, c.dlt, f, c.cfg.Now())}, nil
		}
		tally.Retried++
		emit(c.cfg.Progress, Event{Kind: Retried, Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Key: string(r.Key), Attempt: attempt, Cause: f.Error()})
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(backoff):
			backoff *= 2
		}
	}
}

// leave takes the static member out of the group, which closing the client does
// not do: it is not expected back.
func (c *consuming) leave(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	// Stop the heartbeats first, or the member would join again.
	if err := c.client.LeaveGroupContext(ctx); err != nil {
		return fmt.Errorf("leave group %s: %w", c.group, err)
	}
	r, err := kadm.NewClient(c.client).LeaveGroup(ctx, kadm.LeaveGroup(c.group).InstanceIDs(c.cfg.Instance).Reason("done"))
	if err == nil {
		err = r.Error()
	}
	if err != nil {
		return cluster.Classify("leave group", c.group, err)
	}
	return nil
}
