package dlt

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// FencedError says that another operator took the job over. This session must not come back: it would take it away.
type FencedError struct {
	Job     string
	Err     error
	aborted bool // and ended it
}

func (e *FencedError) Error() string {
	if e.aborted {
		return fmt.Sprintf("replay %s: the job was aborted meanwhile: stopped here: %v", e.Job, e.Err)
	}
	return fmt.Sprintf("replay %s: another operator took the job over, or a transaction timed out: stopped here: %v", e.Job, e.Err)
}

func (e *FencedError) Unwrap() error { return e.Err }

// Code is the class of the failure.
func (e *FencedError) Code() string { return "failed" }

// Hint says what to do next.
func (e *FencedError) Hint() string {
	if e.aborted {
		return planAgain
	}
	return "see whether somebody else replays it; if nobody does: weir dlt resume " + e.Job
}

const planAgain = "plan again: what was replayed is known"

// tookOver asks the journal whether who took the job over did it to end it: then nobody can resume it.
func (r *replay) tookOver(ctx context.Context, err error) {
	f, ok := errors.AsType[*FencedError](err)
	if !ok || r.local() {
		return
	}
	if p, err := r.progressNow(context.WithoutCancel(ctx), lookWait); err == nil && p.state == "aborted" {
		f.aborted, r.prog.state = true, p.state
	}
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
		return &FencedError{Job: r.p.Job, Err: errors.Join(cause, aerr)}
	}
	if err := r.cl.BeginTransaction(); err != nil {
		return &FencedError{Job: r.p.Job, Err: errors.Join(cause, err)}
	}
	if err := r.cl.EndTransaction(ctx, kgo.TryAbort); err != nil {
		return &FencedError{Job: r.p.Job, Err: errors.Join(cause, err)}
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
		return &FencedError{Job: r.p.Job, Err: cause}
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
				return false, &FencedError{Job: r.p.Job, Err: fmt.Errorf("another session has come to offset %d of partition %d: %w", o, p, cause)}
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
	if !now.found {
		return false, &FencedError{Job: r.p.Job, Err: fmt.Errorf("the journal does not hold what this session wrote to it: %w", cause)}
	}
	return false, &FencedError{Job: r.p.Job, Err: fmt.Errorf("the journal names session %s of %s: %w", now.session, now.operator, cause)}
}
