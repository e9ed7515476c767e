package dlt

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
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
func (s *summer) checksum(r *Record) uint32 {
	s.table, s.sum, s.n = crc32.MakeTable(crc32.Castagnoli), 0, 0
	s.part(r.Key)
	s.part(r.Value)
	for _, hd := range r.Headers {
		s.length(len(hd.Name))
		if len(hd.Name) <= len(s.buf) {
			s.room(len(hd.Name))
			s.n += copy(s.buf[s.n:], hd.Name)
		} else {
			s.bytes([]byte(hd.Name))
		}
		s.part(hd.Value)
	}
	s.flush()
	return s.sum
}

// summer gathers small parts before it sums them: a dozen headers in one call cost a third of two dozen calls. One serves
// many records, one after the other.
type summer struct {
	table *crc32.Table
	sum   uint32
	n     int
	buf   [512]byte
}

func (s *summer) flush() {
	s.sum = crc32.Update(s.sum, s.table, s.buf[:s.n])
	s.n = 0
}

func (s *summer) room(n int) {
	if s.n+n > len(s.buf) {
		s.flush()
	}
}

func (s *summer) length(l int) {
	s.room(8)
	binary.LittleEndian.PutUint64(s.buf[s.n:], uint64(l)) // #nosec G115 -- a length, or -1 for null
	s.n += 8
}

func (s *summer) bytes(b []byte) {
	s.room(len(b))
	if len(b) > len(s.buf) {
		s.sum = crc32.Update(s.sum, s.table, b)
		return
	}
	s.n += copy(s.buf[s.n:], b)
}

func (s *summer) part(b []byte) {
	if b == nil {
		s.length(-1)
		return
	}
	s.length(len(b))
	s.bytes(b)
}

// arena hands out what mapped records are made of from blocks that many of them share: a replay makes millions. A full
// block is left to those who hold parts of it, and a larger one takes its place.
type arena struct {
	records []kgo.Record
	headers []kgo.RecordHeader
	bytes   []byte
	job     []byte // the value of a header that all records of a job share
}

const (
	arenaRecords = 256
	arenaBytes   = 64 << 10
)

// reset gives out the same memory again: nobody may hold any of it.
func (a *arena) reset() {
	a.records, a.headers, a.bytes = a.records[:0], a.headers[:0], a.bytes[:0]
}

func (a *arena) record() *kgo.Record {
	if len(a.records) == cap(a.records) {
		a.records = make([]kgo.Record, 0, max(arenaRecords, 2*cap(a.records)))
	}
	a.records = a.records[:len(a.records)+1]
	k := &a.records[len(a.records)-1]
	*k = kgo.Record{}
	return k
}

// takeHeaders returns room for n headers; keepHeaders gives back what was not used of it.
func (a *arena) takeHeaders(n int) []kgo.RecordHeader {
	if cap(a.headers)-len(a.headers) < n {
		a.headers = make([]kgo.RecordHeader, 0, max(n, 8*arenaRecords, 2*cap(a.headers)))
	}
	return a.headers[len(a.headers) : len(a.headers) : len(a.headers)+n]
}

func (a *arena) keepHeaders(hs []kgo.RecordHeader) []kgo.RecordHeader {
	a.headers = a.headers[:len(a.headers)+len(hs)]
	return slices.Clip(hs)
}

// takeBytes returns room for n bytes; keepBytes gives back what was not used of it.
func (a *arena) takeBytes(n int) []byte {
	if cap(a.bytes)-len(a.bytes) < n {
		a.bytes = make([]byte, 0, max(n, arenaBytes, 2*cap(a.bytes)))
	}
	return a.bytes[len(a.bytes) : len(a.bytes) : len(a.bytes)+n]
}

func (a *arena) keepBytes(b []byte) { a.bytes = a.bytes[:len(a.bytes)+len(b)] }

func (a *arena) jobID(job string) []byte {
	if string(a.job) != job {
		a.job = []byte(job)
	}
	return a.job
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

// leftOut says that nothing went wrong: there is nothing to write.
func (e *skipError) leftOut() bool { return e.reason == "unrecoverable" || e.reason == "handled" }

func (e *skipError) Error() string { return e.reason + ": " + e.detail }

// mapRecord makes the record a replay writes: key and value byte for byte, the headers without what the dialects of
// the failure wrote, and our own. The arena is the caller's; the record lives as long as anything of its block does.
func (d *Decoder) mapRecord(a *arena, r *Record, dl *DeadLetter, job string, keepTimestamp bool) *kgo.Record {
	out := a.record()
	out.Key, out.Value = r.Key, r.Value
	if dl.restored.hasKey {
		out.Key = dl.restored.key
	}
	if dl.restored.hasValue {
		out.Value = restoreValue(dl)
	}
	const ours = 5
	hs := a.takeHeaders(len(r.Headers) + ours)
	for i := range r.Headers {
		h := &r.Headers[i]
		if dl.drop != nil && dl.drop[i] || dl.drop == nil && (strings.HasPrefix(h.Name, replayPrefix) || d.strips(h.Name, dl.found)) {
			continue
		}
		hs = append(hs, kgo.RecordHeader{Key: h.Name, Value: h.Value})
	}
	original := r.TimestampMS
	if dl.Origin != nil && dl.Origin.TimestampMS != nil {
		original = *dl.Origin.TimestampMS
	}
	if keepTimestamp && original >= 0 {
		out.Timestamp = time.UnixMilli(original)
	}
	origin := ""
	if dl.Origin.Known() {
		origin = *dl.Origin.Topic
	}
	// Five numbers of at most 20 digits, two of at most 11, and four strokes.
	buf := a.takeBytes(len(r.Topic) + len(origin) + 5*20 + 2*11 + 4)
	add := func(name string, start int) {
		hs = append(hs, kgo.RecordHeader{Key: name, Value: buf[start:len(buf):len(buf)]})
	}
	hs = append(hs, kgo.RecordHeader{Key: HeaderReplayID, Value: a.jobID(job)})
	start := len(buf)
	buf = strconv.AppendInt(buf, replayCount(r.Headers)+1, 10)
	add(HeaderReplayCount, start)
	start = len(buf)
	buf = appendPosition(buf, r.Topic, r.Partition, r.Offset)
	add(HeaderReplaySource, start)
	if dl.Origin.Known() {
		start = len(buf)
		buf = appendPosition(buf, origin, *dl.Origin.Partition, *dl.Origin.Offset)
		add(HeaderReplayOrigin, start)
	}
	if !keepTimestamp && original >= 0 {
		start = len(buf)
		buf = strconv.AppendInt(buf, original, 10)
		add(HeaderReplayTimestamp, start)
	}
	a.keepBytes(buf)
	out.Headers = a.keepHeaders(hs)
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
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		return nil, &skipError{"unrecoverable", *o.Topic + " does not exist any more"}
	}
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
