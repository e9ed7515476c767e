package dlt

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
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

// What a transaction costs whatever is in it, 65 to 90 ms on a real cluster, weighs little in one of a second, and a
// second is not long for a reader of the target to wait. So after a quick transaction the next one may be twice as
// large, and after a slow one it must be smaller: at [txnTimeout] the broker takes it back.
const (
	quickTxn = time.Second
	slowTxn  = 5 * time.Second
)

// item is a dead letter on its way.
type item struct {
	partition int32 // of the dead letter topic
	offset    int64
	out       *kgo.Record
	// skip says why it is not written.
	skip *skipError
	// there is where an earlier session wrote it already.
	there *outputRun
}

// batch is what goes into one transaction, and the memory that its records are made of. It is used again for a later
// one, but only after a first attempt that succeeded: then nobody else holds any of it.
type batch struct {
	items []item
	arena arena
}

// batches hands out batches of prepared records.
type batches struct {
	r       *replay
	rr      *rangeReader
	pending []*kgo.Record
	done    bool
	ahead   chan prepared // the batch that is being prepared meanwhile, nil when none is
	spare   *batch
}

type prepared struct {
	batch *batch
	err   error
}

// empty says that nothing is left. While a batch is being prepared, the rest is not looked at: it belongs to that
// goroutine then.
func (b *batches) empty() bool { return b.ahead == nil && b.done && len(b.pending) == 0 }

// next reads and prepares up to limit records; none at the end of everything.
func (b *batches) next(ctx context.Context, limit, bytes int) (*batch, error) {
	if b.ahead != nil {
		p := <-b.ahead
		b.ahead = nil
		return p.batch, p.err
	}
	return b.prepare(ctx, b.room(), limit, bytes)
}

// prefetch prepares the next batch while the present one is being written.
func (b *batches) prefetch(ctx context.Context, limit, bytes int) {
	ch := make(chan prepared, 1)
	b.ahead = ch
	into := b.room()
	go func() {
		next, err := b.prepare(ctx, into, limit, bytes)
		ch <- prepared{next, err}
	}()
}

func (b *batches) room() *batch {
	if x := b.spare; x != nil {
		b.spare = nil
		return x
	}
	return &batch{}
}

// recycle takes a batch back that nobody holds any more.
func (b *batches) recycle(x *batch) {
	clear(x.items)
	x.items = x.items[:0]
	x.arena.reset()
	b.spare = x
}

// wait lets a prefetch end, before what it uses is closed.
func (b *batches) wait() {
	if b.ahead != nil {
		<-b.ahead
		b.ahead = nil
	}
}

func (b *batches) prepare(ctx context.Context, into *batch, limit, bytes int) (*batch, error) {
	for !b.done && len(b.pending) < limit {
		var err error
		if b.done, err = b.rr.poll(ctx, limit-len(b.pending), func(k *kgo.Record) error {
			take, err := b.r.ranges[k.Partition].planned(k)
			if take {
				b.pending = append(b.pending, k)
			}
			return err
		}); err != nil {
			if errors.Is(err, kerr.OffsetOutOfRange) {
				err = &GateError{Reason: fmt.Sprintf("planned records are gone: %s was trimmed during the replay: %v", b.r.p.Topic, err)}
			}
			return nil, err
		}
	}
	n := cut(b.pending, limit, bytes)
	for _, k := range b.pending[:n] {
		it, err := b.r.prepare(ctx, &into.arena, k)
		if err != nil {
			return nil, err
		}
		into.items = append(into.items, it)
	}
	clear(b.pending[:n]) // what was read can go
	if b.pending = b.pending[n:]; len(b.pending) == 0 {
		b.pending = nil
	}
	return into, nil
}

// target is a topic to write to, and how the partition of a key is found.
type target struct {
	*Target
	hash func(topic string, key []byte, n int) int
}

// planned is where a replay stands in one partition of the plan.
type planned struct {
	PlannedRange
	run   int   // of the selected offsets
	want  int64 // the selected offset that comes next, -1 at the end
	index int   // of the checksum of the next record to prepare
}

// from starts at an offset: what is before it is done.
func (rg PlannedRange) from(next int64) *planned {
	pl := &planned{PlannedRange: rg, want: -1}
	for i, run := range rg.Selected.runs {
		if run.to >= next {
			pl.run, pl.want = i, max(run.from, next)
			pl.index += int(max(0, next-run.from))
			break
		}
		pl.index += int(run.to - run.from + 1)
	}
	return pl
}

// planned reports whether a record is selected. Every selected one must come, and in order: a topic that is compacted
// loses records between the plan and its replay.
func (pl *planned) planned(k *kgo.Record) (bool, error) {
	switch {
	case pl.want < 0 || k.Offset < pl.want:
		return false, nil
	case k.Offset > pl.want:
		return false, pl.gone(k.Topic)
	}
	if runs := pl.Selected.runs; pl.want < runs[pl.run].to {
		pl.want++
	} else if pl.run++; pl.run < len(runs) {
		pl.want = runs[pl.run].from
	} else {
		pl.want = -1
	}
	return true, nil
}

func (pl *planned) gone(topic string) error {
	return &GateError{Reason: fmt.Sprintf("%s %d@%d, which the plan selects, is not in the topic any more", topic, pl.Partition, pl.want)}
}

// fastLimit is the size of a transaction without a pace.
func (r *replay) fastLimit() (records, bytes int) {
	if r.o.Batch > 0 {
		return min(r.o.Batch, fastRecords), fastBytes
	}
	return r.fast, min(fullBytes, r.fast*fastBytes/fastRecords)
}

// resize makes the next transaction larger where this one was full and quick, and smaller where it was slow.
func (r *replay) resize(records int, took time.Duration) {
	switch {
	case took > slowTxn:
		r.fast = max(1, min(r.fast, records)/2)
	case took < quickTxn && 2*records > r.fast:
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
func (r *replay) prepare(ctx context.Context, a *arena, k *kgo.Record) (item, error) {
	pl := r.ranges[k.Partition]
	rec := &r.rec // reused: what is kept of it are views of the fetched bytes
	rec.fill(k)
	want := binary.BigEndian.Uint32(pl.CRCs[4*pl.index:])
	pl.index++
	if got := r.sum.checksum(rec); got != want {
		return item{}, &GateError{Reason: fmt.Sprintf("%s %d@%d is not the record of the plan (checksum %08x, planned %08x)", k.Topic, k.Partition, k.Offset, got, want)}
	}
	if r.handled.Has(k.Partition, k.Offset) {
		job, _ := r.handled.Job(k.Partition, k.Offset)
		return item{partition: k.Partition, offset: k.Offset, skip: &skipError{"handled", "handled by job " + job + " since the plan was made"}}, nil
	}
	dl := r.d.forReplay(rec)
	it := item{partition: k.Partition, offset: k.Offset}
	out := r.d.mapRecord(a, rec, dl, r.p.Job, r.p.KeepTimestamp)
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
func (r *replay) partition(t *target, out *kgo.Record, dl *DeadLetter) int32 {
	original := int32(-1)
	if o := dl.Origin; o != nil && o.Partition != nil && int(*o.Partition) < t.Partitions {
		original = *o.Partition
	}
	if out.Key != nil && (t.Hash != PartitionOriginal || original < 0) {
		return int32(t.hash(t.Topic, out.Key, t.Partitions)) // #nosec G115 -- below the number of partitions
	}
	if original >= 0 {
		return original
	}
	return 0
}
