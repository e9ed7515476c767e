package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// ErrStop is returned by a function that was handed a record and wants no more.
var ErrStop = errors.New("stop reading")

// readStall is how long a record that exists may take to arrive.
const readStall = 15 * time.Second

// Span is a range of offsets of one partition; End is not part of it.
type Span struct {
	Partition  int32
	Start, End int64
}

// ReadOptions say what [Conn.Read] reads.
type ReadOptions struct {
	Topic string
	Spans []Span
	// Uncommitted also hands over records of open and aborted transactions.
	Uncommitted bool
	// Follow ignores the ends of the spans and goes on until the context ends.
	Follow bool
	Now    func() time.Time
}

// StalledError says that records which exist did not arrive.
type StalledError struct {
	Topic     string
	Partition int32
	At, End   int64
	After     time.Duration
}

func (e *StalledError) Error() string {
	return fmt.Sprintf("read topic %s: partition %d gave nothing for %s at offset %d of %d", e.Topic, e.Partition, e.After, e.At, e.End)
}

// Read hands over the records of the spans, in order within each partition, and returns
// when all are read. It commits nothing and joins no group. It stops at the first
// authorization error: brokers answer those at once, and a reader that goes on asks a
// thousand times a second.
func (c *Conn) Read(ctx context.Context, o ReadOptions, do func(*kgo.Record) error) error {
	const op = "read topic"
	r := &spanReader{o: o, next: map[int32]int64{}, end: map[int32]int64{}}
	at := map[int32]kgo.Offset{}
	for _, s := range o.Spans {
		if s.Start < s.End || o.Follow {
			at[s.Partition] = kgo.NewOffset().At(s.Start)
			r.next[s.Partition], r.end[s.Partition] = s.Start, s.End
		}
	}
	if len(at) == 0 {
		return nil
	}
	isolation := kgo.ReadCommitted()
	if o.Uncommitted {
		isolation = kgo.ReadUncommitted()
	}
	cl, err := c.NewClient(
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{o.Topic: at}),
		// The default would start again at 0 when leaders move.
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.FetchIsolationLevel(isolation),
		kgo.KeepControlRecords(), // they tell how far the log was read
		kgo.KeepRetryableFetchErrors(),
		kgo.FetchMaxWait(500*time.Millisecond),
	)
	if err != nil {
		return err
	}
	defer cl.CloseAllowingRebalance()
	r.seen = o.Now()
	for {
		done, err := r.poll(ctx, cl, do)
		switch {
		case errors.Is(err, ErrStop):
			return nil
		case err != nil:
			return Classify(op, o.Topic, err)
		case done:
			return nil
		}
	}
}

type spanReader struct {
	o         ReadOptions
	next, end map[int32]int64
	seen      time.Time
	gone      time.Time // since when brokers say that there is no such topic; zero when they do not
}

func (r *spanReader) poll(ctx context.Context, cl *kgo.Client, do func(*kgo.Record) error) (done bool, err error) {
	pctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	fetches := cl.PollFetches(pctx)
	if err := ctx.Err(); err != nil {
		return false, err
	}
	gone := false
	for _, e := range fetches.Errors() {
		gone = gone || errors.Is(e.Err, kerr.UnknownTopicOrPartition) || errors.Is(e.Err, kerr.UnknownTopicID)
		if e.Topic == "" && errors.Is(e.Err, context.DeadlineExceeded) || kerr.IsRetriable(e.Err) || kgo.IsRetryableBrokerErr(e.Err) {
			continue // waiting is what the stall below bounds
		}
		return false, e.Err
	}
	for it := fetches.RecordIter(); !it.Done(); {
		rec := it.Next()
		r.seen = r.o.Now()
		if err := r.take(cl, rec, do); err != nil {
			return false, err
		}
	}
	if err := r.missing(ctx, gone); err != nil || r.o.Follow {
		return false, err
	}
	if len(r.next) == 0 {
		return true, nil
	}
	if r.o.Now().Sub(r.seen) > readStall {
		for p, n := range r.next {
			return false, &StalledError{Topic: r.o.Topic, Partition: p, At: n, End: r.end[p], After: readStall}
		}
	}
	return false, nil
}

// missing bounds how long brokers may say that there is no such topic. They do so for a
// moment after an election too, but at once and to every Fetch, so it also slows them down.
func (r *spanReader) missing(ctx context.Context, gone bool) error {
	switch now := r.o.Now(); {
	case !gone:
		r.gone = time.Time{}
		return nil
	case r.gone.IsZero():
		r.gone = now
	case now.Sub(r.gone) > readStall:
		return &Error{Class: NotFound, Op: "read topic", What: r.o.Topic, Err: errors.New("the topic was deleted"), Remedy: "weir topic list shows what exists; one of the same name that was made since is another topic"}
	}
	const slower = 200 * time.Millisecond
	select {
	case <-ctx.Done():
	case <-time.After(slower):
	}
	return nil
}

func (r *spanReader) take(cl *kgo.Client, rec *kgo.Record, do func(*kgo.Record) error) error {
	next, ok := r.next[rec.Partition]
	if !ok || rec.Offset < next {
		return nil
	}
	inside := r.o.Follow || rec.Offset < r.end[rec.Partition]
	if inside && !rec.Attrs.IsControl() {
		if err := do(rec); err != nil {
			return err
		}
	}
	r.next[rec.Partition] = rec.Offset + 1
	if !r.o.Follow && rec.Offset+1 >= r.end[rec.Partition] {
		delete(r.next, rec.Partition)
		cl.PauseFetchPartitions(map[string][]int32{r.o.Topic: {rec.Partition}})
	}
	return nil
}
