package dlt

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// The headers a replay adds, all ASCII.
const (
	HeaderReplayID        = replayPrefix + "id"                 // the job
	HeaderReplayCount     = replayPrefix + "count"              // replays of this record so far, this one included
	HeaderReplaySource    = replayPrefix + "src"                // dead letter topic/partition/offset
	HeaderReplayOrigin    = replayPrefix + "origin"             // where the record was when it died: topic/partition/offset
	HeaderReplayTimestamp = replayPrefix + "original-timestamp" // ms, where the replay gives the record a new one
)

// checksum is what a plan remembers of a record, to see at the replay that it is still the same one.
func checksum(r *Record) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	var sum uint32
	var n [8]byte
	length := func(l int) {
		binary.LittleEndian.PutUint64(n[:], uint64(l)) // #nosec G115 -- a length, or -1 for null
		sum = crc32.Update(sum, table, n[:])
	}
	part := func(b []byte) {
		if b == nil {
			length(-1)
			return
		}
		length(len(b))
		sum = crc32.Update(sum, table, b)
	}
	part(r.Key)
	part(r.Value)
	var name [64]byte
	for _, hd := range r.Headers {
		part(append(name[:0], hd.Name...))
		part(hd.Value)
	}
	return sum
}

// replayCount is how often a record was replayed already.
func replayCount(hs []Header) int64 {
	var n int64
	for _, h := range hs {
		if h.Name == HeaderReplayCount {
			if v, err := strconv.ParseInt(string(h.Value), 10, 32); err == nil && v > n {
				n = v
			}
		}
	}
	return n
}

// outcome of mapping a record that cannot be replayed; code words of the report.
type skipError struct {
	reason string
	detail string
}

func (e *skipError) Error() string { return e.reason + ": " + e.detail }

// mapRecord makes the record a replay writes: key and value byte for byte, the headers without what the dialects of
// the failure wrote, and our own.
func (d *Decoder) mapRecord(r *Record, dl *DeadLetter, job string, keepTimestamp bool) *kgo.Record {
	out := &kgo.Record{Key: r.Key, Value: r.Value}
	if dl.restored.hasKey {
		out.Key = dl.restored.key
	}
	if dl.restored.hasValue {
		out.Value = restoreValue(dl)
	}
	out.Headers = make([]kgo.RecordHeader, 0, 8)
	for _, h := range r.Headers {
		if !strings.HasPrefix(h.Name, replayPrefix) && !d.strips(h.Name, dl.found) {
			out.Headers = append(out.Headers, kgo.RecordHeader{Key: h.Name, Value: h.Value})
		}
	}
	original := r.TimestampMS
	if dl.Origin != nil && dl.Origin.TimestampMS != nil {
		original = *dl.Origin.TimestampMS
	}
	if keepTimestamp && original >= 0 {
		out.Timestamp = time.UnixMilli(original)
	}
	// One buffer for all our values: a replay makes millions of them.
	buf := make([]byte, 0, 96+len(job)+2*len(r.Topic))
	add := func(name string, start int) {
		out.Headers = append(out.Headers, kgo.RecordHeader{Key: name, Value: buf[start:len(buf):len(buf)]})
	}
	start := len(buf)
	buf = append(buf, job...)
	add(HeaderReplayID, start)
	start = len(buf)
	buf = strconv.AppendInt(buf, replayCount(r.Headers)+1, 10)
	add(HeaderReplayCount, start)
	start = len(buf)
	buf = appendPosition(buf, r.Topic, r.Partition, r.Offset)
	add(HeaderReplaySource, start)
	if dl.Origin.Known() {
		start = len(buf)
		buf = appendPosition(buf, *dl.Origin.Topic, *dl.Origin.Partition, *dl.Origin.Offset)
		add(HeaderReplayOrigin, start)
	}
	if !keepTimestamp && original >= 0 {
		start = len(buf)
		buf = strconv.AppendInt(buf, original, 10)
		add(HeaderReplayTimestamp, start)
	}
	return out
}

// restoreValue takes the failure out of a value. Headers that the producer itself had embedded stay embedded, for
// then the consumer reads such values.
func restoreValue(dl *DeadLetter) []byte {
	e := dl.EmbeddedHeaders
	if e == nil {
		return dl.restored.value
	}
	var own embedded
	for _, h := range e {
		if !embeddedFailure(h.name) {
			own = append(own, h)
		}
	}
	if len(own) == 0 {
		return dl.restored.value
	}
	b := []byte{0xff, byte(len(own))} // #nosec G115 -- at most as many as were read from one byte
	for _, h := range own {
		b = append(b, byte(len(h.name))) // #nosec G115 -- read from one byte
		b = append(b, h.name...)
		n := len(h.value)
		b = append(b, byte(n>>24), byte(n>>16), byte(n>>8), byte(n)) // #nosec G115 -- bytes of a number
		b = append(b, h.value...)
	}
	return append(b, dl.restored.value...)
}

func embeddedFailure(name string) bool {
	return slices.Contains([]string{
		"x-original-topic", "x-original-partition", "x-original-offset", "x-original-timestamp", "x-original-timestamp-type",
		"x-exception-fqcn", "x-exception-message", "x-exception-stacktrace",
	}, name)
}

func appendPosition(b []byte, topic string, partition int32, offset int64) []byte {
	b = append(append(b, topic...), '/')
	b = strconv.AppendInt(b, int64(partition), 10)
	return strconv.AppendInt(append(b, '/'), offset, 10)
}

// size is what a record takes in a batch, roughly and never too little.
func size(r *kgo.Record) int {
	n := len(r.Key) + len(r.Value) + 64
	for _, h := range r.Headers {
		n += len(h.Key) + len(h.Value) + 10
	}
	return n
}

// PartitionMode says where a replayed record goes.
type PartitionMode string

// The modes. Auto finds the hash of the producer by trying the usual ones on recorded positions and pins the original
// partition where none fits. Records are never spread round-robin.
const (
	PartitionAuto     PartitionMode = "auto"
	PartitionOriginal PartitionMode = "original"
	PartitionKey      PartitionMode = "key" // murmur2, the hash of the Java client
	PartitionCRC32    PartitionMode = "crc32"
	PartitionFNV      PartitionMode = "fnv1a"
)

// hasher returns the partition of a key among n.
func hasher(m PartitionMode) func(topic string, key []byte, n int) int {
	var p kgo.Partitioner
	switch m {
	case PartitionCRC32: // librdkafka, ruby-kafka
		p = kgo.StickyKeyPartitioner(kgo.SaramaHasher(crc32.ChecksumIEEE))
	case PartitionFNV: // sarama
		p = kgo.StickyKeyPartitioner(kgo.SaramaCompatHasher(func(b []byte) uint32 {
			h := fnv.New32a()
			_, _ = h.Write(b)
			return h.Sum32()
		}))
	default:
		p = kgo.StickyKeyPartitioner(nil)
	}
	byTopic := map[string]kgo.TopicPartitioner{}
	return func(topic string, key []byte, n int) int {
		tp := byTopic[topic]
		if tp == nil {
			tp = p.ForTopic(topic)
			byTopic[topic] = tp
		}
		return tp.Partition(&kgo.Record{Topic: topic, Key: key}, n)
	}
}

// fetchOrigin reads the record a dead letter points at, for dialects that do not keep it.
func (c *Conn) fetchOrigin(ctx context.Context, o *Origin) (*Record, error) {
	if !o.Known() {
		return nil, &skipError{"unrecoverable", "the dead letter does not tell its origin"}
	}
	spans, err := c.Spans(ctx, *o.Topic)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(spans, func(s Span) bool { return s.Partition == *o.Partition })
	switch {
	case i < 0:
		return nil, &skipError{"unrecoverable", fmt.Sprintf("%s has no partition %d", *o.Topic, *o.Partition)}
	case *o.Offset < spans[i].Start:
		return nil, &skipError{"unrecoverable", fmt.Sprintf("%s %d@%d is gone: the log begins at %d", *o.Topic, *o.Partition, *o.Offset, spans[i].Start)}
	case *o.Offset >= spans[i].Stable:
		return nil, &skipError{"unrecoverable", fmt.Sprintf("%s %d@%d does not exist", *o.Topic, *o.Partition, *o.Offset)}
	}
	var rec *Record
	err = c.ReadRanges(ctx, *o.Topic, []Range{{*o.Partition, *o.Offset, *o.Offset + 1}}, func(k *kgo.Record) error {
		rec = FromKafka(k)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if rec == nil {
		return nil, &skipError{"unrecoverable", fmt.Sprintf("%s %d@%d holds no record any more", *o.Topic, *o.Partition, *o.Offset)}
	}
	return rec, nil
}
