package demo

import (
	"encoding/binary"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// The headers of Spring Kafka's dead-letter recoverer. Partition is int32, offset
// and timestamp are int64, big-endian; the rest is text.
const (
	dltPrefix        = "kafka_dlt-"
	exceptionClass   = dltPrefix + "exception-fqcn"
	exceptionCause   = dltPrefix + "exception-cause-fqcn"
	exceptionMessage = dltPrefix + "exception-message"
	exceptionTrace   = dltPrefix + "exception-stacktrace"
	originTopic      = dltPrefix + "original-topic"
	originPartition  = dltPrefix + "original-partition"
	originOffset     = dltPrefix + "original-offset"
	originTimestamp  = dltPrefix + "original-timestamp"
	originTimeType   = dltPrefix + "original-timestamp-type"
	originGroup      = dltPrefix + "original-consumer-group"

	listenerFailed = "org.springframework.kafka.listener.ListenerExecutionFailedException"
	undecodable    = "org.springframework.kafka.support.serializer.DeserializationException"
)

// deadLetter makes the dead letter of a record as Spring Kafka 3.3 and 4.0 do: the
// record's own headers, then why it failed, then where it came from. At a second
// death the old reason is replaced, the old origin stays. Key and value are the
// record's; the partition is the same where the topic has it; the time is now.
func deadLetter(r *kgo.Record, group, topic string, f *failure, now time.Time) *kgo.Record {
	d := &kgo.Record{Topic: topic, Partition: r.Partition, Key: r.Key, Value: r.Value, Timestamp: now}
	for _, h := range r.Headers {
		if !strings.HasPrefix(h.Key, dltPrefix+"exception-") {
			d.Headers = append(d.Headers, h)
		}
	}
	add := func(key string, value []byte) {
		d.Headers = append(d.Headers, kgo.RecordHeader{Key: key, Value: value})
	}
	thrown, cause, message := listenerFailed, f.class, "Listener failed; "+f.message
	if f.decoding {
		// The listener was never called: wrapper and cause are the same class, and
		// only the trace knows more.
		thrown, cause, message = undecodable, undecodable, "failed to deserialize"
	}
	add(exceptionClass, []byte(thrown))
	add(exceptionCause, []byte(cause))
	add(exceptionMessage, []byte(message))
	add(exceptionTrace, []byte(f.trace(thrown)))
	add(originTopic, []byte(r.Topic))
	add(originPartition, binary.BigEndian.AppendUint32(nil, uint32(r.Partition)))
	add(originOffset, binary.BigEndian.AppendUint64(nil, uint64(r.Offset)))
	add(originTimestamp, binary.BigEndian.AppendUint64(nil, uint64(r.Timestamp.UnixMilli())))
	add(originTimeType, []byte(timestampType(r)))
	add(originGroup, []byte(group))
	return d
}

// trace is a short Java stack trace: the wrapper first, the application's own
// exception behind the last "Caused by".
func (f *failure) trace(thrown string) string {
	first := thrown + ": Listener failed"
	if f.decoding {
		first = thrown + ": failed to deserialize"
	}
	return first + "\n\tat com.example.shop.Listeners.run(Listeners.java:19)\n" +
		"Caused by: " + f.Error() + "\n\tat " + f.at + "\n\t... 1 more\n"
}

func timestampType(r *kgo.Record) string {
	switch r.Attrs.TimestampType() {
	case 0:
		return "CreateTime"
	case 1:
		return "LogAppendTime"
	}
	return "NoTimestampType"
}
