package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Topic creates the topic Prefix+name and returns that name. The replication
// factor is 1; each config is "key=value". It returns when every node knows the
// topic.
func (c *Cluster) Topic(name string, partitions int, configs ...string) string {
	c.t.Helper()
	name = c.Name(name)
	if err := c.createTopic(name, partitions, 1, configs); err != nil {
		c.t.Fatal(err)
	}
	return name
}

// Produce writes records, each to the partition it names (0 unless set), and
// returns when all replicas in sync have them. The records carry their offsets
// afterwards.
func (c *Cluster) Produce(records ...*kgo.Record) {
	c.t.Helper()
	if err := c.produce(records...); err != nil {
		c.t.Fatal(err)
	}
}

// ProduceValues writes values without keys to one partition.
func (c *Cluster) ProduceValues(topic string, partition int32, values ...string) {
	c.t.Helper()
	records := make([]*kgo.Record, len(values))
	for i, v := range values {
		records[i] = &kgo.Record{Topic: topic, Partition: partition, Value: []byte(v)}
	}
	c.Produce(records...)
}

// Commit sets the group's committed offset of one partition. The group comes
// into being by it.
func (c *Cluster) Commit(group, topic string, partition int32, offset int64) {
	c.t.Helper()
	if err := c.commit(group, topic, partition, offset); err != nil {
		c.t.Fatal(err)
	}
}

// Join makes a live member of the group, which consumes the topics until the
// test ends or the client is closed. It returns when the group is stable.
func (c *Cluster) Join(group string, topics ...string) *kgo.Client {
	c.t.Helper()
	m, err := c.enter(group, memberSort{}, topics...)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(m.client.Close)
	return m.client
}

// Wait asks again and again until done says true, and ends the test when it does
// not within 30 seconds. What names the condition.
func (c *Cluster) Wait(what string, done func(context.Context) (bool, error)) {
	c.t.Helper()
	if err := wait(what, done); err != nil {
		c.t.Fatal(err)
	}
}

func wait(what string, done func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		ok, err := done(ctx)
		if ok && err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited %s for %s: %w", patience, what, errors.Join(ctx.Err(), err))
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (c *Cluster) createTopic(name string, partitions, replication int, configs []string) error {
	adm, err := c.adminClient()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	set := make(map[string]*string, len(configs)+1)
	if c.Real && replication == 1 && os.Getenv("WEIR_TEST_NODES") == "3" {
		// Three nodes ask for two replicas in sync by default, which one never has.
		set["min.insync.replicas"] = new("1")
	}
	for _, kv := range configs {
		k, v, ok := strings.Cut(kv, "=")
		if !ok {
			return fmt.Errorf("create topic %s: config %q is not key=value", name, kv)
		}
		set[k] = &v
	}
	r, err := adm.CreateTopic(ctx, int32(partitions), int16(replication), set, name)
	if err != nil {
		return fmt.Errorf("create topic %s: %w (%s)", name, err, r.ErrMessage)
	}
	return wait("topic "+name, func(ctx context.Context) (bool, error) {
		return c.everyNodeLeads(ctx, name, partitions)
	})
}

// everyNodeLeads reports whether all leaders of the topic answer for it.
func (c *Cluster) everyNodeLeads(ctx context.Context, topic string, partitions int) (bool, error) {
	ends, err := c.admin.ListEndOffsets(ctx, topic)
	if err != nil {
		return false, err
	}
	return len(ends[topic]) == partitions, ends.Error()
}

func (c *Cluster) produce(records ...*kgo.Record) error {
	if _, err := c.adminClient(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return c.client.ProduceSync(ctx, records...).FirstErr()
}

func (c *Cluster) commit(group, topic string, partition int32, offset int64) error {
	adm, err := c.adminClient()
	if err != nil {
		return err
	}
	var o kadm.Offsets
	o.Add(kadm.Offset{Topic: topic, Partition: partition, At: offset, LeaderEpoch: -1})
	// A coordinator that has just come up answers NOT_COORDINATOR for a moment.
	return wait("commit of "+group, func(ctx context.Context) (bool, error) {
		r, err := adm.CommitOffsets(ctx, group, o)
		if err != nil {
			return false, err
		}
		return true, r.Error()
	})
}

// member is a member of a group, of the sort that was asked for.
type member struct {
	client *kgo.Client
	life   Lifeline
}

// memberSort is how a member takes part in its group.
type memberSort struct {
	kind     string // classic, consumer or share; empty is classic
	instance string // of a static member, else empty
}

func (s memberSort) options(group string, life *Lifeline) ([]kgo.Opt, error) {
	opts := []kgo.Opt{kgo.Dialer(life.Dial), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())}
	if s.kind == "share" {
		return append(opts, kgo.ShareGroup(group)), nil
	}
	opts = append(opts, kgo.ConsumerGroup(group), kgo.DisableAutoCommit())
	if s.instance != "" {
		opts = append(opts, kgo.InstanceID(s.instance))
	}
	switch s.kind {
	case "", "classic": // the shortest timeout that a broker takes: a crashed member is missed soon
		opts = append(opts, kgo.SessionTimeout(6*time.Second))
	case "consumer":
		opts = append(opts, kgo.ServerSideBalancer(), kgo.Balancers(kgo.RangeBalancer()))
	default:
		return nil, fmt.Errorf("unknown sort of group %q", s.kind)
	}
	return opts, nil
}

// enter makes a member and returns when its group is stable with it.
func (c *Cluster) enter(group string, sort memberSort, topics ...string) (*member, error) {
	if _, err := c.adminClient(); err != nil {
		return nil, err
	}
	m := &member{}
	opts, err := sort.options(group, &m.life)
	if err != nil {
		return nil, err
	}
	if sort.kind == "share" { // which otherwise begins at the end
		if err := c.shareFromStart(group); err != nil {
			return nil, err
		}
	}
	if m.client, err = kgo.NewClient(append(append(c.Options(), kgo.ConsumeTopics(topics...)), opts...)...); err != nil {
		return nil, err
	}
	if err := c.state(group, "Stable"); err != nil {
		m.client.Close()
		return nil, err
	}
	return m, nil
}

func (c *Cluster) shareFromStart(group string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	res := kmsg.NewIncrementalAlterConfigsRequestResource()
	res.ResourceType, res.ResourceName = kmsg.ConfigResourceTypeGroupConfig, group
	conf := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	conf.Name, conf.Value = "share.auto.offset.reset", new("earliest")
	res.Configs = append(res.Configs, conf)
	req.Resources = append(req.Resources, res)
	resp, err := req.RequestWith(ctx, c.client)
	if err != nil {
		return err
	}
	for _, r := range resp.Resources {
		if err := kerr.ErrorForCode(r.ErrorCode); err != nil {
			return fmt.Errorf("configure share group %s: %w", group, err)
		}
	}
	return nil
}

// state waits until the group is in that state.
func (c *Cluster) state(group, want string) error {
	adm, err := c.adminClient()
	if err != nil {
		return err
	}
	return wait(group+" to be "+want, func(ctx context.Context) (bool, error) {
		groups, err := adm.ListGroups(ctx)
		return groups[group].State == want, err
	})
}

// consume reads n records in the group, commits behind them and leaves.
func (c *Cluster) consume(group string, sort memberSort, topic string, n int) error {
	m, err := c.enter(group, sort, topic)
	if err != nil {
		return err
	}
	cl := m.client
	defer cl.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for read := 0; read < n; {
		f := cl.PollRecords(ctx, n-read)
		if err := f.Err(); err != nil {
			return fmt.Errorf("consume %s: %d of %d records: %w", topic, read, n, err)
		}
		read += f.NumRecords()
		if sort.kind == "share" {
			cl.MarkAcks(kgo.AckAccept)
			if err := cl.FlushAcks(ctx); err != nil {
				return fmt.Errorf("consume %s: acknowledge: %w", topic, err)
			}
			continue
		}
		if err := cl.CommitRecords(ctx, f.Records()...); err != nil {
			return fmt.Errorf("consume %s: commit: %w", topic, err)
		}
	}
	return nil
}
