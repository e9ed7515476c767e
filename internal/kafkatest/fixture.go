package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
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
	cl, err := c.join(group, "", topics...)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(cl.Close)
	return cl
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

func (c *Cluster) join(group, instance string, topics ...string) (*kgo.Client, error) {
	adm, err := c.adminClient()
	if err != nil {
		return nil, err
	}
	// An unknown group is described as dead, without members.
	before, err := adm.DescribeGroups(context.Background(), group)
	if err != nil {
		return nil, err
	}
	var opts []kgo.Opt
	if instance != "" {
		opts = append(opts, kgo.InstanceID(instance))
	}
	cl, err := kgo.NewClient(append(append(c.Options(), opts...),
		kgo.ConsumerGroup(group),
		kgo.ConsumeTopics(topics...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),
	)...)
	if err != nil {
		return nil, err
	}
	err = wait("a member of "+group, func(ctx context.Context) (bool, error) {
		d, err := adm.DescribeGroups(ctx, group)
		return d[group].State == "Stable" && len(d[group].Members) > len(before[group].Members), err
	})
	if err != nil {
		cl.Close()
		return nil, err
	}
	return cl, nil
}

// consume reads n records in the group, commits behind them and leaves.
func (c *Cluster) consume(group, topic string, n int) error {
	cl, err := c.join(group, "", topic)
	if err != nil {
		return err
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for read := 0; read < n; {
		f := cl.PollRecords(ctx, n-read)
		if err := f.Err(); err != nil {
			return fmt.Errorf("consume %s: %d of %d records: %w", topic, read, n, err)
		}
		read += f.NumRecords()
		if err := cl.CommitRecords(ctx, f.Records()...); err != nil {
			return fmt.Errorf("consume %s: commit: %w", topic, err)
		}
	}
	return nil
}
