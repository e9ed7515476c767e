//go:build unix

package cmd

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/kafkatest"
)

// BenchmarkReplayMemory is the whole process that replays 200,000 records of 1 KiB, hard to
// compress, without a pace.
func BenchmarkReplayMemory(b *testing.B) {
	const n = 200_000
	c := kafkatest.Start(b, kafkatest.WithoutACLs())
	origin, topic := c.Topic("orders", 12), c.Topic("orders-dlt", 12)
	rnd := rand.NewChaCha8([32]byte{})
	writeLetters(c, origin, topic, n, 12, "", func(r *kgo.Record) {
		r.Value = make([]byte, 1024)
		_, _ = rnd.Read(r.Value)
	})
	bin, brokers := buildBinary(b, ".."), strings.Join(c.Brokers, ",")
	plan := filepath.Join(b.TempDir(), "plan.json")
	peak := int64(0)
	for b.Loop() {
		_ = os.Remove(plan)
		measuring(b, 0, bin, "dlt", "plan", topic, "-b", brokers, "--again", "--superseded", "allow", "--out", plan)()
		u := measuring(b, 0, bin, "dlt", "replay", plan, "-b", brokers, "--rate", "0", "--canary", "0", "--no-breaker", "--yes", "--confirm", topic)()
		peak = max(peak, u.PeakKiB)
	}
	b.ReportMetric(float64(peak)/1024, "peak-MB")
}

// BenchmarkInspectMemory is the whole process over many dead letters of Spring, which
// the client compresses to a small part: what a fetch grows to in memory is what counts.
func BenchmarkInspectMemory(b *testing.B) {
	for _, run := range []struct {
		name   string
		n      int
		traces int // lines of the stack trace of each
	}{{"100B-6headers", 1_000_000, 0}, {"4KiB-trace", 200_000, 40}} {
		b.Run(run.name, func(b *testing.B) {
			c := kafkatest.Start(b, kafkatest.WithoutACLs())
			topic := c.Topic("orders-dlt", 6)
			trace := strings.Repeat("\tat org.springframework.kafka.listener.KafkaMessageListenerContainer.invoke(KafkaMessageListenerContainer.java:27)\n", run.traces)
			writeLetters(c, "orders", topic, run.n, 6, trace, func(r *kgo.Record) { r.Value = make([]byte, 100) })
			bin := buildBinary(b, "..")
			benchProcess(b, 0, bin, "dlt", "inspect", topic, "-b", strings.Join(c.Brokers, ","))
		})
	}
}

// writeLetters writes n dead letters over the partitions of a topic; fill gives each its
// value.
func writeLetters(c *kafkatest.Cluster, origin, topic string, n, partitions int, trace string, fill func(*kgo.Record)) {
	records := make([]*kgo.Record, 0, 20_000)
	for i := range n {
		r := springLetter(origin, topic, i, partitions, trace)
		fill(r)
		records = append(records, r)
		if len(records) == cap(records) || i == n-1 {
			c.Produce(records...)
			records = records[:0]
		}
	}
}

func springLetter(origin, topic string, i, partitions int, trace string) *kgo.Record {
	partition := int32(i % partitions)
	headers := []kgo.RecordHeader{
		{Key: "kafka_dlt-exception-fqcn", Value: []byte("org.springframework.kafka.listener.ListenerExecutionFailedException")},
		{Key: "kafka_dlt-exception-cause-fqcn", Value: []byte("demo.QuotaExceeded")},
		{Key: "kafka_dlt-exception-message", Value: fmt.Appendf(nil, "Listener failed; quota of %d exceeded for customer %d", i%17, i)},
		{Key: "kafka_dlt-original-topic", Value: []byte(origin)},
		{Key: "kafka_dlt-original-partition", Value: binary.BigEndian.AppendUint32(nil, uint32(partition))},
		{Key: "kafka_dlt-original-offset", Value: binary.BigEndian.AppendUint64(nil, uint64(i/partitions))},
	}
	if trace != "" {
		headers = append(headers, kgo.RecordHeader{Key: "kafka_dlt-exception-stacktrace", Value: []byte(trace)})
	}
	return &kgo.Record{Topic: topic, Partition: partition, Key: fmt.Appendf(nil, "key-%d", i%5000), Headers: headers}
}
