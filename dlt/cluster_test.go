package dlt

import (
	"context"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/weirhq/weir/demo/broker"
)

// testCluster is an embedded broker with three nodes and the topics that a test names.
type testCluster struct {
	*Conn
	fake  *kfake.Cluster
	addrs []string
}

func newCluster(tb testing.TB, opts ...kfake.Opt) *testCluster {
	tb.Helper()
	fake, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(3)}, opts...)...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(fake.Close)
	broker.KeepAborted(fake)
	c := &testCluster{Conn: connTo(tb, fake.ListenAddrs()), fake: fake, addrs: fake.ListenAddrs()}
	return c
}

// clientTo makes clients of a cluster.
func clientTo(addrs []string) func(opts ...kgo.Opt) (*kgo.Client, error) {
	return func(opts ...kgo.Opt) (*kgo.Client, error) {
		return kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(addrs...), kgo.MetadataMinAge(10 * time.Millisecond), kgo.DisableClientMetrics()}, opts...)...)
	}
}

// dial opens the client for admin requests.
func (c *Conn) dial() error {
	cl, err := c.Client()
	if err != nil {
		return err
	}
	c.Admin = kadm.NewClient(cl)
	return nil
}

func connTo(tb testing.TB, addrs []string) *Conn {
	tb.Helper()
	c := &Conn{Client: clientTo(addrs), Now: time.Now}
	if err := c.dial(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.Admin.Close)
	return c
}

func (c *testCluster) topic(tb testing.TB, name string, partitions int32, configs map[string]*string) {
	tb.Helper()
	r, err := c.Admin.CreateTopic(context.Background(), partitions, 3, configs, name)
	if err != nil || r.Err != nil {
		tb.Fatalf("create %s: %v %v", name, err, r.Err)
	}
	// A real cluster answers before every broker knows the topic.
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		_, err := c.Spans(context.Background(), name)
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			tb.Fatal(err)
		}
	}
}

func (c *testCluster) produce(tb testing.TB, recs ...*kgo.Record) {
	tb.Helper()
	cl, err := c.Client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MaxBufferedRecords(100_000), kgo.UnknownTopicRetries(20), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		tb.Fatal(err)
	}
	defer cl.Close()
	if err := cl.ProduceSync(context.Background(), recs...).FirstErr(); err != nil {
		tb.Fatal(err)
	}
}

func be32(n int32) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }
func be64(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }

// springLetter is a dead letter as Spring Kafka writes it.
func springLetter(dlt string, partition int32, key, value []byte, origin string, p int32, o int64, cause, message, trace string) *kgo.Record {
	hs := []kgo.RecordHeader{
		{Key: "kafka_dlt-exception-fqcn", Value: []byte("org.springframework.kafka.listener.ListenerExecutionFailedException")},
		{Key: "kafka_dlt-exception-cause-fqcn", Value: []byte(cause)},
		{Key: "kafka_dlt-exception-message", Value: []byte("Listener failed; " + message)},
		{Key: "kafka_dlt-original-topic", Value: []byte(origin)},
		{Key: "kafka_dlt-original-partition", Value: be32(p)},
		{Key: "kafka_dlt-original-offset", Value: be64(o)},
	}
	if trace != "" {
		hs = append(hs, kgo.RecordHeader{Key: "kafka_dlt-exception-stacktrace", Value: []byte(trace)})
	}
	return &kgo.Record{Topic: dlt, Partition: partition, Key: key, Value: value, Headers: hs}
}

// springLetters writes n dead letters over the partitions of a topic, a tenth of them of a second cause.
func (c *testCluster) springLetters(tb testing.TB, dlt string, partitions int32, n, size int, trace string) {
	tb.Helper()
	value := make([]byte, size)
	recs := make([]*kgo.Record, 0, 50_000)
	for i := range n {
		cause, msg := "demo.QuotaExceeded", fmt.Sprintf("quota of %d exceeded for customer %d", i%17, i)
		if i%10 == 3 {
			cause, msg = "java.lang.IllegalStateException", "ledger closed"
		}
		p := int32(i) % partitions
		recs = append(recs, springLetter(dlt, p, fmt.Appendf(nil, "key-%d", i%5000), value, "orders", p, int64(i)/int64(partitions), cause, msg, trace))
		if len(recs) == cap(recs) || i == n-1 {
			c.produce(tb, recs...)
			recs = recs[:0]
		}
	}
}

func plainAuth(user string) sasl.Mechanism {
	return plain.Auth{User: user, Pass: user}.AsMechanism()
}
