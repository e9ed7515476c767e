//go:build unix

package cmd

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/kafkatest"
)

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
			records := make([]*kgo.Record, 0, 20_000)
			for i := range run.n {
				records = append(records, springLetter(topic, i, trace))
				if len(records) == cap(records) || i == run.n-1 {
					c.Produce(records...)
					records = records[:0]
				}
			}
			bin := buildBinary(b, "..")
			benchProcess(b, 0, bin, "dlt", "inspect", topic, "-b", strings.Join(c.Brokers, ","))
		})
	}
}

func springLetter(topic string, i int, trace string) *kgo.Record {
	partition := int32(i % 6)
	headers := []kgo.RecordHeader{
		{Key: "kafka_dlt-exception-fqcn", Value: []byte("org.springframework.kafka.listener.ListenerExecutionFailedException")},
		{Key: "kafka_dlt-exception-cause-fqcn", Value: []byte("demo.QuotaExceeded")},
		{Key: "kafka_dlt-exception-message", Value: fmt.Appendf(nil, "Listener failed; quota of %d exceeded for customer %d", i%17, i)},
		{Key: "kafka_dlt-original-topic", Value: []byte("orders")},
		{Key: "kafka_dlt-original-partition", Value: binary.BigEndian.AppendUint32(nil, uint32(partition))},
		{Key: "kafka_dlt-original-offset", Value: binary.BigEndian.AppendUint64(nil, uint64(i/6))},
	}
	if trace != "" {
		headers = append(headers, kgo.RecordHeader{Key: "kafka_dlt-exception-stacktrace", Value: []byte(trace)})
	}
	return &kgo.Record{Topic: topic, Partition: partition, Key: fmt.Appendf(nil, "key-%d", i%5000), Value: make([]byte, 100), Headers: headers}
}
