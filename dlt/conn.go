package dlt

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Conn is how this package reaches a cluster. Clients are made by the caller, who knows addresses and credentials.
type Conn struct {
	Admin  *kadm.Client
	Client func(opts ...kgo.Opt) (*kgo.Client, error)
	Now    func() time.Time
	Sleep  func(ctx context.Context, d time.Duration) error // nil: a timer
	Events func(Event)                                      // nil: nobody listens
}

func (c *Conn) sleep(ctx context.Context, d time.Duration) error {
	if c.Sleep != nil {
		return c.Sleep(ctx, d)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// unknownFor is how long an answer that a healthy cluster gives at once is asked for again. A broker that was killed
// stalls others until the controller fences it, 9 s by default.
const unknownFor = 30 * time.Second

// retry asks again until do succeeds, an error is final, or unknownFor has passed. Listing calls need it: neither the
// client's retries nor its timeouts apply to the error of one shard.
func (c *Conn) retry(ctx context.Context, what string, do func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, unknownFor)
	defer cancel()
	pause := 100 * time.Millisecond
	for {
		err := do(ctx)
		if err == nil {
			return nil
		}
		if !transient(err) {
			return fmt.Errorf("%s: %w", what, err)
		}
		if serr := c.sleep(ctx, pause); serr != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		pause = min(2*pause, 2*time.Second)
	}
}

// transient reports whether asking again may help.
func transient(err error) bool {
	if se, ok := errors.AsType[*kadm.ShardErrors](err); ok {
		for _, e := range se.Errs {
			if !transient(e.Err) {
				return false
			}
		}
		return true
	}
	if ke, ok := errors.AsType[*kerr.Error](err); ok {
		return ke.Retriable && !errors.Is(err, kerr.UnknownTopicOrPartition)
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	return !errors.Is(err, kgo.ErrClientClosed) && (errors.Is(err, context.DeadlineExceeded) || isDial(err))
}

func isDial(err error) bool {
	_, ok := errors.AsType[*net.OpError](err)
	return ok
}

// Span is where a partition begins and ends. It counts offsets, not records: control records, aborted data and
// compaction leave offsets without one.
type Span struct {
	Partition     int32 `json:"partition"`
	Start         int64 `json:"start"`
	Stable        int64 `json:"stable"`         // what a read_committed reader may see ends here
	HighWatermark int64 `json:"high_watermark"` // what is written ends here
}

// Spans reads the bounds of every partition of a topic, ordered by partition. A partition whose bounds cannot be read
// is an error: an offset that is not known must not be taken for 0.
func (c *Conn) Spans(ctx context.Context, topic string) ([]Span, error) {
	return c.spans(ctx, topic, unknownFor)
}

// offlineFor is how long who only looks waits for a partition that no broker left can lead: an election cannot help it,
// only the start of a broker.
const offlineFor = 5 * time.Second

// spans waits no longer than offline for partitions whose replicas are all offline.
func (c *Conn) spans(ctx context.Context, topic string, offline time.Duration) ([]Span, error) {
	begun := c.Now()
	var start, stable, end kadm.ListedOffsets
	for _, q := range []struct {
		to *kadm.ListedOffsets
		do func(context.Context, ...string) (kadm.ListedOffsets, error)
	}{{&start, c.Admin.ListStartOffsets}, {&stable, c.Admin.ListCommittedOffsets}, {&end, c.Admin.ListEndOffsets}} {
		err := c.retry(ctx, "list offsets of "+topic, func(ctx context.Context) error {
			l, err := q.do(ctx, topic)
			if err != nil && transient(err) && offline < unknownFor && c.Now().Sub(begun) >= offline {
				if oerr := c.offline(ctx, topic); oerr != nil {
					return oerr
				}
			}
			if err != nil {
				return err
			}
			if len(l[topic]) == 0 {
				return kerr.UnknownTopicOrPartition
			}
			for _, o := range l[topic] {
				if o.Err != nil {
					return o.Err
				}
				if o.Offset < 0 {
					return kerr.OffsetNotAvailable
				}
			}
			*q.to = l
			return nil
		})
		if err != nil {
			return nil, denied(err, "read "+topic, "DESCRIBE", "topic "+topic)
		}
	}
	out := make([]Span, 0, len(end[topic]))
	for _, p := range slices.Sorted(maps.Keys(end[topic])) {
		s, sok := start[topic][p]
		l, lok := stable[topic][p]
		if !sok || !lok {
			return nil, fmt.Errorf("list offsets of %s: partition %d appeared while they were read: try again", topic, p)
		}
		out = append(out, Span{Partition: p, Start: s.Offset, Stable: l.Offset, HighWatermark: end[topic][p].Offset})
	}
	return out, nil
}

// OfflineError says that partitions have no leader and cannot get one, because the brokers that hold them are offline.
type OfflineError struct {
	Partitions []int32
	Brokers    []int32
}

func (e *OfflineError) Error() string {
	return fmt.Sprintf("%d of its partitions, the first is %d, have no leader and nobody to elect: their replicas in sync are on brokers that are offline (%s)",
		len(e.Partitions), e.Partitions[0], strings.Trim(fmt.Sprint(e.Brokers), "[]"))
}

// Code is the class of the failure.
func (e *OfflineError) Code() string { return "unreachable" }

// Hint says what to do next.
func (e *OfflineError) Hint() string { return "start these brokers; then try again" }

// offline is an [OfflineError] where the topic has partitions that no broker left can lead.
func (c *Conn) offline(ctx context.Context, topic string) error {
	m, err := c.Admin.Metadata(ctx, topic)
	if err != nil {
		return nil //nolint:nilerr // it is not known, so they may be elected
	}
	e := &OfflineError{}
	for _, p := range m.Topics[topic].Partitions.Sorted() {
		may := p.ISR
		if len(may) == 0 {
			may = p.Replicas
		}
		if p.Leader >= 0 || slices.ContainsFunc(may, func(b int32) bool { return !slices.Contains(p.OfflineReplicas, b) }) {
			continue
		}
		e.Partitions = append(e.Partitions, p.Partition)
		e.Brokers = append(e.Brokers, may...)
	}
	if len(e.Partitions) == 0 {
		return nil
	}
	slices.Sort(e.Brokers)
	e.Brokers = slices.Compact(e.Brokers)
	return e
}

// Range is a half-open range of offsets of one partition: [Start, End).
type Range struct {
	Partition int32 `json:"partition"`
	Start     int64 `json:"start"`
	End       int64 `json:"end"`
}

// StalledError says that a reader got nothing for a long time although the partition does not end there.
type StalledError struct {
	Topic     string
	Partition int32
	At, Want  int64
	After     time.Duration
}

func (e *StalledError) Error() string {
	return fmt.Sprintf("read %s partition %d: nothing for %s at offset %d, %d is to come", e.Topic, e.Partition, e.After, e.At, e.Want-1)
}

// RewoundError says that a reader was handed an offset it had passed, or passed over the start of a trimmed log.
type RewoundError struct {
	Topic     string
	Partition int32
	Got, Next int64
}

func (e *RewoundError) Error() string {
	return fmt.Sprintf("read %s partition %d: offset %d came after %d was expected: stopped, nothing is read twice", e.Topic, e.Partition, e.Got, e.Next)
}

// readerOpts are the options of every reader here: exact partitions, committed data only, and no reset policy. With
// the default one a reader restarts at 0 when leaders move, and everything is read twice.
func readerOpts(topic string, ranges []Range) []kgo.Opt {
	at := map[int32]kgo.Offset{}
	for _, r := range ranges {
		at[r.Partition] = kgo.NewOffset().At(r.Start)
	}
	return []kgo.Opt{
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: at}),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), // they tell how far the log has been read
		kgo.FetchMaxBytes(8 << 20), kgo.FetchMaxPartitionBytes(2 << 20), kgo.MaxConcurrentFetches(2),
		kgo.KeepRetryableFetchErrors(),
	}
}

// readStall is how long a reader waits for data that must be there.
const readStall = 60 * time.Second

// rangeReader reads ranges of one topic in the order of each partition.
type rangeReader struct {
	c     *Conn
	cl    *kgo.Client
	topic string
	next  map[int32]int64
	end   map[int32]int64
	left  int
	stall time.Duration
	seen  time.Time
}

// openRange starts a reader. Ranges that are empty are done at once.
func (c *Conn) openRange(topic string, ranges []Range, opts ...kgo.Opt) (*rangeReader, error) {
	rr := &rangeReader{c: c, topic: topic, next: map[int32]int64{}, end: map[int32]int64{}, stall: readStall, seen: c.Now()}
	var open []Range
	for _, r := range ranges {
		if r.Start < r.End {
			open = append(open, r)
			rr.next[r.Partition], rr.end[r.Partition] = r.Start, r.End
		}
	}
	rr.left = len(open)
	if rr.left == 0 {
		return rr, nil
	}
	cl, err := c.Client(append(readerOpts(topic, open), opts...)...)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", topic, err)
	}
	rr.cl = cl
	return rr, nil
}

func (rr *rangeReader) close() {
	if rr.cl != nil {
		rr.cl.CloseAllowingRebalance()
	}
}

// poll hands every data record of the next fetch to do, in order, until do says stop. It reports whether all ranges
// are read. max bounds the records of one poll, 0 takes what is there.
func (rr *rangeReader) poll(ctx context.Context, maxRecords int, do func(*kgo.Record) error) (done bool, err error) {
	if rr.left == 0 {
		return true, nil
	}
	pctx, cancel := context.WithTimeout(ctx, time.Second)
	fs := rr.cl.PollRecords(pctx, maxRecords)
	cancel()
	if err := ctx.Err(); err != nil {
		return false, err
	}
	for _, e := range fs.Errors() {
		if errors.Is(e.Err, context.DeadlineExceeded) && e.Topic == "" || transient(e.Err) {
			continue
		}
		if errors.Is(e.Err, kerr.TopicAuthorizationFailed) {
			return false, &DeniedError{Op: "read", Right: "READ", Resource: "topic " + rr.topic, Err: e.Err}
		}
		return false, fmt.Errorf("read %s partition %d: %w", rr.topic, e.Partition, e.Err)
	}
	got := false
	for it := fs.RecordIter(); !it.Done(); {
		r := it.Next()
		end, ok := rr.end[r.Partition]
		if !ok || rr.next[r.Partition] >= end {
			continue
		}
		if r.Offset < rr.next[r.Partition] {
			return false, &RewoundError{rr.topic, r.Partition, r.Offset, rr.next[r.Partition]}
		}
		got = true
		if r.Offset < end {
			if !r.Attrs.IsControl() {
				if err := do(r); err != nil {
					return false, err
				}
			}
			rr.next[r.Partition] = r.Offset + 1
		} else {
			rr.next[r.Partition] = end
		}
		if rr.next[r.Partition] >= end {
			rr.left--
			if rr.left > 0 {
				rr.cl.PauseFetchPartitions(map[string][]int32{rr.topic: {r.Partition}})
			}
		}
	}
	now := rr.c.Now()
	if got {
		rr.seen = now
	} else if now.Sub(rr.seen) > rr.stall {
		for p, n := range rr.next {
			if n < rr.end[p] {
				return false, &StalledError{rr.topic, p, n, rr.end[p], rr.stall}
			}
		}
	}
	return rr.left == 0, nil
}

// ReadRanges hands every data record of the ranges to do. It fetches in small pieces: who looks at records and lets them
// go gains nothing from large ones, and one that is compressed grows tenfold in memory.
func (c *Conn) ReadRanges(ctx context.Context, topic string, ranges []Range, do func(*kgo.Record) error) error {
	rr, err := c.openRange(topic, ranges, kgo.FetchMaxBytes(1<<20), kgo.FetchMaxPartitionBytes(256<<10))
	if err != nil {
		return err
	}
	defer rr.close()
	for {
		done, err := rr.poll(ctx, 0, do)
		if err != nil || done {
			return err
		}
	}
}

// stored returns the ranges a read_committed reader sees, one a partition.
func stored(spans []Span) []Range {
	out := make([]Range, 0, len(spans))
	for _, s := range spans {
		out = append(out, Range{s.Partition, s.Start, s.Stable})
	}
	return out
}

// fill makes r a view of k without copying bytes.
func (r *Record) fill(k *kgo.Record) {
	r.Topic, r.Partition, r.Offset = k.Topic, k.Partition, k.Offset
	r.Key, r.Value = k.Key, k.Value
	r.TimestampMS = k.Timestamp.UnixMilli()
	switch k.Attrs.TimestampType() {
	case 0:
		r.TimestampType = "CreateTime"
	case 1:
		r.TimestampType = "LogAppendTime"
	default:
		r.TimestampType = "NoTimestampType"
	}
	r.Headers = r.Headers[:0]
	for i := range k.Headers {
		r.Headers = append(r.Headers, Header{k.Headers[i].Key, k.Headers[i].Value})
	}
}

// FromKafka returns a copy of k that shares its bytes.
func FromKafka(k *kgo.Record) *Record {
	r := &Record{}
	r.fill(k)
	return r
}

func openTransactionNote(topic string, s Span) string {
	return fmt.Sprintf("%s partition %d: %d offsets lie behind an open transaction and were not read", topic, s.Partition, s.HighWatermark-s.Stable)
}

// noteOpen tells of the records that a reader of committed data passes over now.
func (c *Conn) noteOpen(topic string, spans []Span) {
	for _, s := range spans {
		if s.Stable < s.HighWatermark {
			emit(c.Events, Event{Note: openTransactionNote(topic, s), At: c.Now()})
		}
	}
}

// Code is the class of the failure.
func (e *StalledError) Code() string { return "timeout" }
