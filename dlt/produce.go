package dlt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// unwritableError says that the broker or the client refuses a record for what it is.
type unwritableError struct {
	reason string
	Err    error
}

func (e *unwritableError) Error() string { return e.reason + ": " + e.Err.Error() }

func (e *unwritableError) Unwrap() error { return e.Err }

// classifyProduce tells what a failed produce means.
func (r *replay) classifyProduce(err error, topic string) error {
	switch {
	case errors.Is(err, kerr.MessageTooLarge), errors.Is(err, kerr.RecordListTooLarge):
		return &unwritableError{"too-large", err}
	case errors.Is(err, kerr.InvalidRecord), errors.Is(err, kerr.InvalidTimestamp), errors.Is(err, kerr.CorruptMessage):
		return &unwritableError{"refused", err}
	case errors.Is(err, kerr.UnknownTopicOrPartition), errors.Is(err, kerr.UnknownTopicID), errors.Is(err, kerr.InconsistentTopicID):
		return &GateError{Reason: fmt.Sprintf("the target %s is gone or was made anew: %v", topic, err)}
	}
	return denied(err, "replay "+r.p.Job, "WRITE", "topic "+topic)
}

// writes reports whether any item is written.
func writes(items []item) bool {
	return slices.ContainsFunc(items, func(i item) bool { return i.out != nil })
}

// noteOnly notes what writes nothing, with a local journal.
func (r *replay) noteOnly(ctx context.Context, items []item, j *journalRecord) error {
	if items == nil {
		return nil
	}
	fillEntry(j, items, make([]*kgo.Record, len(items)))
	return r.commitPlain(ctx, j.Next)
}

// produce writes the outputs, waits for every one of them, then writes the journal entry. A failed record does not
// spoil a transaction by itself: committed, it would be missing without a word.
func (r *replay) produce(ctx context.Context, items []item, j *journalRecord) error {
	pctx, cancel := context.WithTimeout(ctx, txnDeadline)
	defer cancel()
	fresh := make([]*kgo.Record, len(items))
	copies := slices.Grow(r.handed[:0], len(items))[:len(items)] // a record that was handed over once must not be handed over again
	r.handed = nil
	var mu sync.Mutex
	failed := map[*kgo.Record]error{}
	handed, answered := 0, 0
	answer := func(k *kgo.Record, err error) {
		mu.Lock()
		defer mu.Unlock()
		answered++
		if err != nil {
			failed[k] = err
		}
	}
	for i := range items {
		if items[i].out == nil {
			continue
		}
		copies[i] = *items[i].out
		fresh[i] = &copies[i]
		handed++
		r.cl.Produce(ctx, fresh[i], answer)
	}
	if err := r.cl.Flush(pctx); err != nil {
		return fmt.Errorf("write the records: %w", err)
	}
	mu.Lock()
	defer mu.Unlock()
	if handed != answered {
		return fmt.Errorf("write the records: %d were handed over, %d were answered", handed, answered)
	}
	r.handed = copies // nobody holds them any more
	var first error
	for i := range items {
		err := failed[fresh[i]]
		if err == nil {
			continue
		}
		c := r.classifyProduce(err, fresh[i].Topic)
		if _, ok := errors.AsType[*unwritableError](c); !ok {
			return c // more than one record's own fault
		}
		if r.p.AtLeastOnce { // nothing can be taken back: note which ones failed and go on
			bad, _ := errors.AsType[*unwritableError](c)
			items[i].skip, items[i].out, fresh[i] = &skipError{bad.reason, bad.Err.Error()}, nil, nil
			continue
		}
		if first == nil {
			first = c
		}
	}
	if first != nil {
		return first
	}
	if items != nil {
		fillEntry(j, items, fresh)
	}
	if r.local() {
		return r.commitOffsets(pctx, j.Next)
	}
	rec, err := j.record(r.info.partitions)
	if err != nil {
		return err
	}
	var jerr error
	r.cl.Produce(ctx, rec, func(_ *kgo.Record, err error) { jerr = err })
	if err := r.cl.Flush(pctx); err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	if jerr != nil {
		return denied(jerr, "write journal", "WRITE", "topic "+JournalTopic)
	}
	return nil
}

// fillEntry writes into the entry what the transaction does.
func fillEntry(j *journalRecord, items []item, fresh []*kgo.Record) {
	j.Next, j.Resolved, j.Outputs, j.Failed, j.Skipped, j.Produced = map[int32]int64{}, map[int32]*Offsets{}, nil, nil, nil, 0
	type source struct {
		next     int64
		resolved *Offsets
		last     int // its newest run, -1 for none
	}
	sources := map[int32]*source{}
	var at *source // of the partition before: records come in runs of one partition
	for i := range items {
		it := &items[i]
		p, o := it.partition, it.offset
		if i == 0 || p != items[i-1].partition {
			if at = sources[p]; at == nil {
				at = &source{resolved: &Offsets{}, last: -1}
				sources[p] = at
			}
		}
		at.next = max(at.next, o+1)
		if it.skip != nil {
			f := FailedRecord{p, o, it.skip.reason, it.skip.detail}
			if it.skip.leftOut() {
				j.Skipped = append(j.Skipped, f)
			} else {
				j.Failed = append(j.Failed, f)
			}
			continue
		}
		at.resolved.Add(o)
		j.Produced++
		f := fresh[i]
		if it.there != nil {
			f = &kgo.Record{Topic: it.there.Topic, Partition: it.there.Partition, Offset: it.there.At}
		}
		if at.last >= 0 {
			if l := &j.Outputs[at.last]; l.Topic == f.Topic && l.Partition == f.Partition && l.From+l.Count == o && l.At+l.Count == f.Offset {
				l.Count++
				continue
			}
		}
		at.last = len(j.Outputs)
		j.Outputs = append(j.Outputs, outputRun{p, o, f.Topic, f.Partition, f.Offset, 1})
	}
	for p, s := range sources {
		j.Next[p] = s.next
		if len(s.resolved.runs) > 0 {
			j.Resolved[p] = s.resolved
		}
	}
}
