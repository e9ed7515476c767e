package dlt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// txnTimeout is above the 9 s a broker's death may stall a write, and no more: an orphan pins its targets that long.
const txnTimeout = 20 * time.Second

// txnDeadline bounds one wait for the cluster inside a transaction. One broker's death takes up to 14 s.
const txnDeadline = 45 * time.Second

// FencedError says that another operator took the job over. This session must not come back: it would take it away.
type FencedError struct {
	Job string
	Err error
}

func (e *FencedError) Error() string {
	return fmt.Sprintf("replay %s: another operator took the job over, or a transaction timed out: stopped here: %v", e.Job, e.Err)
}

func (e *FencedError) Unwrap() error { return e.Err }

// Code is the class of the failure.
func (e *FencedError) Code() string { return "failed" }

// Hint says what to do next.
func (e *FencedError) Hint() string {
	return "see whether somebody else replays it; if nobody does: weir dlt resume " + e.Job
}

// open fences whoever held the job and reads how far it came. The order matters: the high watermark of the journal
// is taken after the predecessor cannot write any more.
func (r *replay) open(ctx context.Context) error {
	if r.local() {
		if r.p.AtLeastOnce {
			return &RefusedError{Reason: "a local journal needs transactions: leave out --at-least-once"}
		}
		if err := r.fence(ctx); err != nil {
			return err
		}
		p, err := r.localProgress(ctx)
		r.prog = p
		return err
	}
	info, err := r.c.findJournal(ctx)
	if errors.Is(err, ErrNoJournal) && r.p.Journal == "create" {
		if err = r.c.CreateJournal(ctx); err == nil {
			info, err = r.c.findJournal(ctx)
		}
		err = denied(err, "create journal", "CREATE", "topic "+JournalTopic+"; or plan with --journal local")
	}
	if err != nil {
		return denied(err, "replay "+r.p.Job, "DESCRIBE", "topic "+JournalTopic+"; or plan with --journal local")
	}
	r.info = info
	if err := info.allows(kadm.OpRead, kadm.OpWrite); err != nil {
		return err
	}
	if err := r.fence(ctx); err != nil {
		return err
	}
	r.prog, err = r.progressNow(ctx, journalWait)
	if err != nil {
		return denied(err, "read journal", "READ", "topic "+JournalTopic)
	}
	if r.p.AtLeastOnce && r.prog.found {
		if err := r.scanTail(ctx); err != nil {
			return err
		}
	}
	if r.prog.found && r.prog.digest != "" && r.prog.digest != r.p.Digest {
		return &GateError{Reason: fmt.Sprintf("job %s was started with another plan", r.p.Job)}
	}
	if r.o.Resume && !r.prog.found {
		return &RefusedError{Reason: fmt.Sprintf("resume %s: the journal does not know this job", r.p.Job), hint: "start it with weir dlt replay PLAN"}
	}
	return nil
}

// progressNow reads how far the job came.
func (r *replay) progressNow(ctx context.Context, wait time.Duration) (*progress, error) {
	if r.local() {
		return r.localProgress(ctx)
	}
	return r.c.jobProgress(ctx, r.p.Job, r.info, wait)
}

func (r *replay) txnID() string { return "weir-replay-" + r.p.Job }

// fence makes the transactional client and lets the coordinator finish what a predecessor left.
func (r *replay) fence(ctx context.Context) error {
	maxBatch := int32(1 << 20)
	for _, t := range r.p.Targets {
		maxBatch = max(maxBatch, int32(min(t.MaxBytes, 64<<20))) // #nosec G115 -- bounded
	}
	opts := []kgo.Opt{
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchMaxBytes(maxBatch), kgo.MaxBufferedRecords(2 * fullRecords), kgo.ProducerLinger(0),
		kgo.RequestTimeoutOverhead(txnDeadline), kgo.RetryTimeout(txnDeadline), kgo.UnknownTopicRetries(3), kgo.ProduceRequestTimeout(txnDeadline),
		kgo.RequestRetries(1000),
	}
	if !r.p.AtLeastOnce {
		opts = append(opts, kgo.TransactionalID(r.txnID()), kgo.TransactionTimeout(txnTimeout))
	}
	for _, c := range codecs {
		if c.name == r.p.Compression {
			opts = append(opts, kgo.ProducerBatchCompression(c.codec))
		}
	}
	cl, err := r.c.Client(opts...)
	if err != nil {
		return fmt.Errorf("replay %s: %w", r.p.Job, err)
	}
	err = r.c.retry(ctx, "take over "+r.txnID(), func(ctx context.Context) error {
		_, _, err := cl.ProducerID(ctx)
		return err
	})
	if err != nil {
		cl.Close()
		return denied(err, "replay "+r.p.Job, "WRITE", "transactional id "+r.txnID())
	}
	if r.cl != nil {
		r.cl.Close()
	}
	r.cl = cl
	return nil
}

// entry is a new journal entry of this session.
func (r *replay) entry(kind string) *journalRecord {
	return &journalRecord{
		Version: 1, Kind: kind, Job: r.p.Job, Session: r.o.Session, Seq: r.prog.seq, AtMS: r.c.Now().UnixMilli(),
		Operator: r.o.Operator, Topic: r.p.Topic, TopicID: r.p.TopicID,
	}
}

// note writes a journal entry in a transaction of its own.
func (r *replay) note(ctx context.Context, kind, state, reason string) error {
	j := r.entry(kind)
	j.State, j.Reason = state, reason
	if kind == "start" {
		j.Digest = r.p.Digest
		if b, err := json.Marshal(r.p); err == nil && r.prog.plan == "" {
			j.Plan = packPlan(b)
		}
	}
	return r.commit(ctx, nil, j)
}

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

// commit writes items and the journal entry in one transaction and takes the entry into the progress.
func (r *replay) commit(ctx context.Context, items []item, j *journalRecord) error {
	for attempt := 0; ; attempt++ {
		err := r.try(ctx, items, j)
		if err == nil {
			return r.take(j)
		}
		r.failed, r.handed = true, nil
		again, ok := errors.AsType[*againError](err)
		switch {
		case !ok:
			return err
		case again.committed:
			return r.take(j)
		case again.late && len(items) > 1:
			return &lateError{again.Err}
		case attempt >= 5:
			return fmt.Errorf("replay %s: gave up after %d attempts: %w", r.p.Job, attempt+1, again.Err)
		}
	}
}

// take takes an entry that is committed into what is known.
func (r *replay) take(j *journalRecord) error {
	r.prog.take(j)
	if r.local() {
		if err := r.appendLocal(j); err != nil {
			return err
		}
	}
	if j.Kind != "batch" {
		return nil
	}
	r.rep.Transactions++
	r.rep.ProducedNow += j.Produced
	for _, o := range j.Outputs {
		m := r.mine[o.Topic]
		if m == nil {
			m = map[int32]*Offsets{}
			r.mine[o.Topic] = m
		}
		if m[o.Partition] == nil {
			m[o.Partition] = &Offsets{}
		}
		m[o.Partition].AddRange(o.At, o.At+o.Count-1)
	}
	return nil
}

// againError asks for another attempt, or tells that the one before was committed after all.
type againError struct {
	Err       error
	committed bool
	late      bool // the transaction timed out
}

func (e *againError) Error() string { return e.Err.Error() }

func (e *againError) Unwrap() error { return e.Err }

// lateError says that a transaction took longer than the broker lets it live: a smaller one may not.
type lateError struct{ Err error }

func (e *lateError) Error() string { return e.Err.Error() }
func (e *lateError) Unwrap() error { return e.Err }

// try is one attempt at a transaction.
func (r *replay) try(ctx context.Context, items []item, j *journalRecord) error {
	if r.p.AtLeastOnce {
		return r.produce(ctx, items, j)
	}
	if r.local() && !writes(items) {
		return r.noteOnly(ctx, items, j)
	}
	if err := r.cl.BeginTransaction(); err != nil {
		return &FencedError{r.p.Job, err}
	}
	err := r.produce(ctx, items, j)
	if err != nil {
		return r.rollback(ctx, err)
	}
	ectx, cancel := context.WithTimeout(ctx, txnDeadline)
	defer cancel()
	if err = r.cl.EndTransaction(ectx, kgo.TryCommit); err == nil {
		return nil
	}
	return r.unknownCommit(ctx, j, err)
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
	lastOf := map[int32]int{} // source partition -> its newest run
	for i := range items {
		it := &items[i]
		p, o := it.partition, it.offset
		j.Next[p] = max(j.Next[p], o+1)
		if it.skip != nil {
			f := FailedRecord{p, o, it.skip.reason, it.skip.detail}
			if it.skip.reason == "unrecoverable" {
				j.Skipped = append(j.Skipped, f)
			} else {
				j.Failed = append(j.Failed, f)
			}
			continue
		}
		perPartition(j.Resolved).add(p, o)
		j.Produced++
		f := fresh[i]
		if it.there != nil {
			f = &kgo.Record{Topic: it.there.Topic, Partition: it.there.Partition, Offset: it.there.At}
		}
		if n, ok := lastOf[p]; ok {
			if l := &j.Outputs[n]; l.Topic == f.Topic && l.Partition == f.Partition && l.From+l.Count == o && l.At+l.Count == f.Offset {
				l.Count++
				continue
			}
		}
		lastOf[p] = len(j.Outputs)
		j.Outputs = append(j.Outputs, outputRun{p, o, f.Topic, f.Partition, f.Offset, 1})
	}
}

// rollback takes a transaction back and says what is next. The first error of a transaction that timed out and of one
// that was fenced is the same; only what follows tells them apart.
func (r *replay) rollback(ctx context.Context, cause error) error {
	actx, cancel := context.WithTimeout(ctx, txnDeadline)
	defer cancel()
	if err := r.cl.AbortBufferedRecords(actx); err != nil {
		return fmt.Errorf("take back a transaction after %w: %w", cause, err)
	}
	aerr := r.cl.EndTransaction(actx, kgo.TryAbort)
	if fencing(cause) || fencing(aerr) {
		return r.afterFence(ctx, cause, aerr)
	}
	if aerr != nil {
		return r.unknownCommit(ctx, nil, aerr)
	}
	if errors.Is(cause, context.DeadlineExceeded) || errors.Is(cause, kgo.ErrRecordTimeout) || errors.Is(cause, kgo.ErrRecordRetries) || transient(cause) {
		return &againError{Err: cause}
	}
	return cause
}

// fencing reports whether the producer lost its place: it was fenced, its transaction timed out, or the broker and the
// client disagree about what was written. Taking the transaction back tells which.
func fencing(err error) bool {
	for _, k := range []*kerr.Error{kerr.InvalidProducerEpoch, kerr.ProducerFenced, kerr.InvalidProducerIDMapping, kerr.InvalidTxnState, kerr.OperationNotAttempted, kerr.UnknownProducerID, kerr.OutOfOrderSequenceNumber} {
		if errors.Is(err, k) {
			return true
		}
	}
	return false
}

// afterFence finds out whether our transaction timed out, which heals, or another operator took the job, which does
// not. Making a new client would take it back from them, so the journal is asked, and without certainty we stop.
func (r *replay) afterFence(ctx context.Context, cause, aerr error) error {
	if aerr != nil {
		return &FencedError{r.p.Job, errors.Join(cause, aerr)}
	}
	if err := r.cl.BeginTransaction(); err != nil {
		return &FencedError{r.p.Job, errors.Join(cause, err)}
	}
	if err := r.cl.EndTransaction(ctx, kgo.TryAbort); err != nil {
		return &FencedError{r.p.Job, errors.Join(cause, err)}
	}
	p, err := r.progressNow(ctx, journalWait)
	if err != nil {
		return err
	}
	if _, err := r.settled(p, nil, cause); err != nil {
		return err
	}
	return &againError{Err: cause, late: true}
}

// unknownCommit finds out whether a transaction was committed whose answer was lost. Nothing is assumed: a new client
// with the same transactional id makes the coordinator finish it, then the journal tells. Only if the journal still
// names this session, though: else the new client would fence its successor.
func (r *replay) unknownCommit(ctx context.Context, j *journalRecord, cause error) error {
	if errors.Is(cause, kerr.ProducerFenced) { // the one error that leaves no doubt
		return &FencedError{r.p.Job, cause}
	}
	if fencing(cause) {
		_ = r.cl.EndTransaction(ctx, kgo.TryAbort)
	}
	before, err := r.progressNow(ctx, time.Second)
	if _, unknown := errors.AsType[*UnknownProgressError](err); err != nil && !unknown {
		return err
	}
	if err == nil {
		if _, err := r.settled(before, j, cause); err != nil {
			return err
		}
	}
	emit(r.c.Events, Event{Stage: "wait", Note: fmt.Sprintf("the answer to a commit was lost (%v): asking the journal", cause), At: r.c.Now()})
	if err := r.fence(ctx); err != nil {
		return err
	}
	after, err := r.progressNow(ctx, journalWait)
	if err != nil {
		return err
	}
	committed, err := r.settled(after, j, cause)
	if err != nil {
		return err
	}
	return &againError{Err: cause, committed: committed}
}

// settled reports whether the journal holds our entry. Anything that we did not write there is another session's: what
// this one knows of the job is then out of date, and going on would write records twice.
func (r *replay) settled(now *progress, j *journalRecord, cause error) (committed bool, err error) {
	if r.local() {
		for p, o := range now.next {
			switch {
			case j != nil && len(j.Next) > 0 && o == max(j.Next[p], r.prog.next[p]):
				committed = committed || o != r.prog.next[p]
			case o != r.prog.next[p]:
				return false, &FencedError{r.p.Job, fmt.Errorf("another session has come to offset %d of partition %d: %w", o, p, cause)}
			}
		}
		return committed, nil
	}
	switch {
	case now.seq == r.prog.seq:
		return false, nil
	case j != nil && now.seq == j.Seq+1 && now.writer == r.o.Session:
		return true, nil
	}
	return false, &FencedError{r.p.Job, fmt.Errorf("the journal names session %s of %s: %w", now.session, now.operator, cause)}
}
