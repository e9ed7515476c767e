package dlt

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Limits of one transaction. A transaction costs tens of milliseconds whatever is in it, and an open one stalls every
// read_committed consumer of the target.
const (
	pacedRecords = 500
	pacedBytes   = 1 << 20
	fastRecords  = 5_000
	fastBytes    = 8 << 20
	fullRecords  = 20_000 // what fast ones grow to
	fullBytes    = 24 << 20
)

// quickTxn is the longest transaction after which the next one may be larger: what a transaction costs whatever is in
// it then weighs too much, and twice as long is still not long for a reader of the target to wait.
const quickTxn = 250 * time.Millisecond

// item is a record on its way.
type item struct {
	src *kgo.Record
	out *kgo.Record
	// skip says why it is not written.
	skip *skipError
	// there is where an earlier session wrote it already.
	there *outputRun
}

// batches hands out batches of prepared records.
type batches struct {
	r       *replay
	rr      *rangeReader
	pending []*kgo.Record
	done    bool
	ahead   chan prepared // the batch that is being prepared meanwhile, nil when none is
}

type prepared struct {
	items []item
	err   error
}

func (b *batches) empty() bool { return b.done && len(b.pending) == 0 && b.ahead == nil }

// next reads and prepares up to limit records; none at the end of everything.
func (b *batches) next(ctx context.Context, limit, bytes int) ([]item, error) {
	if b.ahead != nil {
		p := <-b.ahead
		b.ahead = nil
		return p.items, p.err
	}
	return b.prepare(ctx, limit, bytes)
}

// prefetch prepares the next batch while the present one is being written.
func (b *batches) prefetch(ctx context.Context, limit, bytes int) {
	ch := make(chan prepared, 1)
	b.ahead = ch
	go func() {
		items, err := b.prepare(ctx, limit, bytes)
		ch <- prepared{items, err}
	}()
}

// wait lets a prefetch end, before what it uses is closed.
func (b *batches) wait() {
	if b.ahead != nil {
		<-b.ahead
		b.ahead = nil
	}
}

func (b *batches) prepare(ctx context.Context, limit, bytes int) ([]item, error) {
	for !b.done && len(b.pending) < limit {
		var err error
		if b.done, err = b.rr.poll(ctx, 2*limit, func(k *kgo.Record) error {
			if b.r.ranges[k.Partition].Selected.Has(k.Offset) {
				b.pending = append(b.pending, k)
			}
			return nil
		}); err != nil {
			return nil, err
		}
	}
	recs := b.pending[:cut(b.pending, limit, bytes)]
	b.pending = b.pending[len(recs):]
	items := make([]item, 0, len(recs))
	for _, k := range recs {
		it, err := b.r.prepare(ctx, k)
		if err != nil {
			return nil, err
		}
		items = append(items, it)
	}
	return items, nil
}

// fastLimit is the size of a transaction without a pace.
func (r *replay) fastLimit() (records, bytes int) {
	if r.o.Batch > 0 {
		return min(r.o.Batch, fastRecords), fastBytes
	}
	return r.fast, min(fullBytes, r.fast/fastRecords*fastBytes)
}

// grow makes the next transaction larger where this one was full and quick.
func (r *replay) grow(records int, took time.Duration) {
	if 2*records > r.fast && took < quickTxn {
		r.fast = min(2*r.fast, fullRecords)
	}
}

func (r *replay) batchLimit(rate float64, step int) (records, bytes int) {
	switch {
	case step == 0 && r.o.Canary > 0:
		return r.o.Canary, pacedBytes
	case r.o.Batch > 0 || rate <= 0:
		return r.fastLimit()
	}
	return max(1, min(pacedRecords, int(rate))), pacedBytes
}

// cut returns how many of the records fit into one transaction: at least one.
func cut(recs []*kgo.Record, limit, bytes int) int {
	n := 0
	for i, k := range recs {
		if n += size(k); i >= limit || i > 0 && n > bytes {
			return i
		}
	}
	return len(recs)
}

// prepare checks that a record is the planned one and maps it.
func (r *replay) prepare(ctx context.Context, k *kgo.Record) (item, error) {
	pl := r.ranges[k.Partition]
	rec := &r.rec // reused: what is kept of it are views of the fetched bytes
	rec.fill(k)
	want := binary.BigEndian.Uint32(pl.CRCs[4*pl.index:])
	pl.index++
	if got := r.sum.checksum(rec); got != want {
		return item{}, &GateError{Reason: fmt.Sprintf("%s %d@%d is not the record of the plan (checksum %08x, planned %08x)", k.Topic, k.Partition, k.Offset, got, want)}
	}
	dl := r.d.forReplay(rec)
	it := item{src: k}
	out := r.d.mapRecord(&r.arena, rec, dl, r.p.Job, r.p.KeepTimestamp)
	if pl.Fetch.Has(k.Offset) {
		orig, err := r.c.fetchOrigin(ctx, dl.Origin)
		if skip, ok := errors.AsType[*skipError](err); ok {
			it.skip = skip
			return it, nil
		}
		if err != nil {
			return it, err
		}
		own := out.Headers[len(r.d.keep(rec, dl.found)):]
		out = &kgo.Record{Key: orig.Key, Value: orig.Value, Timestamp: out.Timestamp}
		for _, h := range orig.Headers {
			out.Headers = append(out.Headers, kgo.RecordHeader{Key: h.Name, Value: h.Value})
		}
		out.Headers = append(out.Headers, own...)
	}
	out.Topic = r.p.To
	if out.Topic == "" && dl.Origin != nil {
		out.Topic = deref(dl.Origin.Topic)
	}
	t := r.targets[out.Topic]
	if t == nil {
		return it, fmt.Errorf("replay %s: %s %d@%d goes to %q, which the plan does not know", r.p.Job, k.Topic, k.Partition, k.Offset, out.Topic)
	}
	if r.written != nil {
		if at, ok := r.written[string(appendPosition(nil, k.Topic, k.Partition, k.Offset))]; ok {
			it.there = &at
			return it, nil
		}
	}
	out.Partition = r.partition(t, out, dl)
	it.out = out
	r.bodies.Add(int64(len(out.Key) + len(out.Value)))
	return it, nil
}

// partition chooses where a record goes. A null key and a key no hash explains keep the original partition.
func (r *replay) partition(t *Target, out *kgo.Record, dl *DeadLetter) int32 {
	original := int32(-1)
	if o := dl.Origin; o != nil && o.Partition != nil && int(*o.Partition) < t.Partitions {
		original = *o.Partition
	}
	if out.Key != nil && (t.Hash != PartitionOriginal || original < 0) {
		return int32(r.hash[t.Topic](t.Topic, out.Key, t.Partitions)) // #nosec G115 -- below the number of partitions
	}
	if original >= 0 {
		return original
	}
	return 0
}
