package dlt

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Why a replay is exactly once, whatever dies when:
//
//  1. What commits with what. The records of a batch and one journal entry are one transaction (KIP-98). The entry says
//     up to which offset each partition of the plan is done (next), so there is no moment at which a record is written
//     and not noted, or noted and not written. With a local journal the offsets of a group take the entry's place in the
//     same transaction. Nothing else is ever progress: not the local file, not what this process remembers.
//     A promise of the client that failed means that a record is not there, although the commit would succeed: produce
//     asks every one of them, and takes the transaction back. The opposite happens too: the client may take back what
//     was written, and say of the commit that it went well (meet).
//  2. Who may write. The transactional id belongs to the job, so taking the job over is one InitProducerID: the
//     coordinator ends the predecessor's open transaction before it answers, and refuses everything that comes from the
//     predecessor later. A session that is refused stops for good (FencedError): a new client of its own would throw the
//     successor out.
//  3. Why a resume is safe. open fences first and reads the journal second, up to the high watermark of that moment.
//     What the predecessor committed is below it and what it did not will never be. Reading only to the last stable
//     offset would not do: the open transaction of another job hides our own committed entries behind it. So the
//     reader waits until that one ends, or gives up: progress that is not known is refused, never taken for 0.
//  4. When an answer is lost. A commit without an answer may have happened. The only new client that a session ever
//     makes finishes the transaction one way or the other, then the journal tells (settled): our entry is there, or the
//     journal is as we left it, or somebody else wrote, and then this session stops.
//  5. What is read. Exactly the offsets of the plan, in order, with no reset policy; one that comes twice, is missing or
//     has another checksum ends the session. Entries are written in the order of each partition, so next is all of it.
//
//  6. What others do. A session notes which letters it may write before it reads what other jobs have done and have
//     noted (claims.go). What is done is left out (handled); a letter that another session may still write stops this
//     one. Of two that begin at the same moment at least one reads after the other has noted, so never do both go on.
//     A discard is such a session too.
//
// It is exactly once in the topic, for readers of committed data. --at-least-once gives 1 up, and says so in the plan.
//
// The way through the files: replay.go runs the session, verify.go compares the world with the plan, claims.go keeps
// jobs apart, batch.go reads, checks and maps, transaction.go opens, fences and commits, produce.go writes one batch,
// recover.go says what an error means and what may be done after it, breaker.go looks at the world between two
// transactions, journal.go and local.go keep the progress, report.go tells.

// ReplayOptions says how to carry a plan out.
type ReplayOptions struct {
	Rate     float64       // records a second; 0 without limit
	Batch    int           // records of a transaction at most; 0 for what the rate asks for
	Canary   int           // records of the first batch; 0 for none
	Settle   time.Duration // wait after the canary and between steps of the ramp
	Breaker  bool          // stop when records die again
	LagGroup string        // hold on while this group is behind
	MaxLag   int64
	Deadline time.Duration // stop after so long; 0 never
	Session  string        // a random name of this run
	Operator string
	Resume   bool   // the job must exist already
	LocalDir string // folder of local journals, for plans with journal "local"
	PlanFile string // where the plan came from, for the command that resumes
}

// replay is one session of a job.
type replay struct {
	c       *Conn
	d       *Decoder
	p       *Plan
	o       ReplayOptions
	rep     *Report
	info    *journalInfo
	prog    *progress
	cl      *kgo.Client     // transactional
	met     map[string]bool // topics whose partitions cl has on its books
	ranges  map[int32]*planned
	targets map[string]*target
	start   time.Time
	due     time.Time
	mine    map[string]map[int32]*Offsets // offsets of the targets written by this job
	dlt     *watcher
	bodies  atomic.Int64
	rec     Record
	handed  []kgo.Record // given to the client by the attempt before, which is over
	failed  bool         // an attempt at the present batch failed: the client may still hold its records
	sum     summer
	fast    int // records of a transaction without a pace, growing
	topicID [16]byte
	written map[string]outputRun // at-least-once: what an earlier session wrote and did not note
	handled *Resolution          // what other jobs did for good with letters of this plan
}

// Replay carries out a plan, or goes on with it where the journal says it stopped. The report is valid also with an
// error.
func (c *Conn) Replay(ctx context.Context, d *Decoder, p *Plan, o ReplayOptions) (*Report, error) {
	r := &replay{c: c, d: d.clone(), p: p, o: o, start: c.Now(), ranges: map[int32]*planned{}, targets: map[string]*target{}, mine: map[string]map[int32]*Offsets{}, fast: fastRecords}
	r.rep = &Report{
		Job: p.Job, Topic: p.Topic, State: "failed", Guarantee: p.Guarantee, Selected: p.Counts.Selected,
		FailedRecords: []FailedRecord{}, SkippedRecs: []FailedRecord{}, Outputs: []Output{}, Remaining: p.Counts.Selected,
	}
	defer r.close()
	err := r.run(ctx)
	r.tookOver(ctx, err)
	r.finish(err)
	if err == nil {
		err = r.rep.check()
	}
	return r.rep, err
}

func (r *replay) close() {
	if r.cl != nil {
		r.cl.Close()
	}
	if r.dlt != nil {
		r.dlt.close()
	}
}

func (r *replay) run(ctx context.Context) error {
	if err := r.verify(ctx); err != nil {
		return err
	}
	if err := r.open(ctx); err != nil {
		return err
	}
	if r.prog.state == "aborted" {
		return &RefusedError{Reason: fmt.Sprintf("replay %s: the job was aborted", r.p.Job), hint: planAgain}
	}
	var todo []Range
	for _, rg := range r.p.Ranges {
		pl := rg.from(max(rg.Start, r.prog.next[rg.Partition]))
		r.ranges[rg.Partition] = pl
		if pl.want >= 0 { // what lies before it may be gone
			todo = append(todo, Range{rg.Partition, pl.want, rg.Selected.Last() + 1})
		}
	}
	if len(todo) == 0 {
		r.rep.State = "done"
		return nil
	}
	if err := r.trimmed(ctx, todo); err != nil {
		return err
	}
	if err := r.guardable(ctx); err != nil {
		return err
	}
	rr, err := r.c.openRange(r.p.Topic, todo) // fetches while the start is noted
	if err != nil {
		return err
	}
	defer rr.close()
	if err := r.note(ctx, "start", "", ""); err != nil {
		return err
	}
	return r.over(ctx, r.work(ctx, rr))
}

// work writes what is left of the plan.
func (r *replay) work(ctx context.Context, rr *rangeReader) (err error) {
	if err := r.readOthers(ctx); err != nil {
		return err
	}
	if r.o.Breaker {
		if r.dlt, err = r.watch(ctx); err != nil {
			return err
		}
	}
	if err := r.loop(ctx, rr); err != nil {
		return err
	}
	if r.rep.State == "stopped" {
		return nil
	}
	for _, pl := range r.ranges {
		if pl.want >= 0 {
			return r.pause(context.WithoutCancel(ctx), pl.gone(r.p.Topic).Error())
		}
	}
	return r.note(context.WithoutCancel(ctx), "end", "done", "")
}

// loop reads, paces and commits until everything is done, ctx ends or something stops it.
func (r *replay) loop(ctx context.Context, rr *rangeReader) error {
	src := &batches{r: r, rr: rr}
	defer src.wait()
	step := 0
	rate := r.o.Rate
	if r.o.Canary > 0 && rate > 0 {
		rate = min(rate, 10)
	}
	var settled time.Time
	for !src.empty() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if r.late(0) {
			return r.stop(ctx)
		}
		limit, bytes := r.batchLimit(rate, step)
		batch, err := src.next(ctx, limit, bytes)
		if err != nil {
			return err
		}
		if len(batch.items) == 0 {
			continue
		}
		wait := r.pace(rate, int64(len(batch.items)))
		if r.late(wait) {
			return r.stop(ctx)
		}
		if wait > 0 { // never inside a transaction
			if err := r.c.sleep(ctx, wait); err != nil {
				return err
			}
		}
		if rate <= 0 && !src.empty() {
			limit, bytes = r.fastLimit()
			src.prefetch(ctx, limit, bytes)
		}
		// What was begun is finished, also when ctx ends: only then nobody has to clean up.
		begun := r.c.Now()
		r.failed = false
		if err := r.halve(context.WithoutCancel(ctx), batch.items); err != nil {
			return err
		}
		r.resize(len(batch.items), r.c.Now().Sub(begun))
		if !r.failed {
			src.recycle(batch)
		}
		r.progressed()
		if err := r.guards(ctx, step == 0 && r.o.Canary > 0); err != nil {
			return err
		}
		if r.o.Canary > 0 && r.o.Settle > 0 && (step == 0 || rate < r.o.Rate && r.c.Now().Sub(settled) >= r.o.Settle) && !src.empty() {
			if step == 0 {
				if err := r.settle(ctx); err != nil {
					return err
				}
			} else {
				rate = min(2*rate, r.o.Rate)
			}
			settled = r.c.Now()
		}
		step++
	}
	return nil
}

// late says whether the deadline will have passed after wait.
func (r *replay) late(wait time.Duration) bool {
	return r.o.Deadline > 0 && r.c.Now().Add(wait).Sub(r.start) > r.o.Deadline
}

// stop ends a replay whose deadline has come; the rest remains.
func (r *replay) stop(ctx context.Context) error {
	r.rep.State, r.rep.Reason = "stopped", "the deadline passed"
	return r.note(context.WithoutCancel(ctx), "end", "stopped", "deadline")
}

// pace returns how long to wait until the rate allows n more records.
func (r *replay) pace(rate float64, n int64) time.Duration {
	if rate <= 0 {
		return 0
	}
	now := r.c.Now()
	if r.due.Before(now) {
		r.due = now
	}
	wait := r.due.Sub(now)
	r.due = r.due.Add(time.Duration(float64(n) / rate * float64(time.Second)))
	return wait
}

func (r *replay) progressed() {
	emit(r.c.Events, Event{Stage: "replay", Done: r.prog.produced + int64(len(r.prog.failed)+len(r.prog.skipped)), Total: r.p.Counts.Selected, Bytes: r.bodies.Load(), At: r.c.Now()})
}

// halve writes items in one transaction, or in ever smaller ones: to find the records that cannot be written, or because
// the transaction takes too long.
func (r *replay) halve(ctx context.Context, items []item) error {
	err := r.commit(ctx, items, r.entry("batch"))
	bad, unwritable := errors.AsType[*unwritableError](err)
	_, late := errors.AsType[*lateError](err)
	switch {
	case late:
		r.fast = len(items) / 2
	case !unwritable:
		return err
	case len(items) == 1:
		items[0].skip, items[0].out = &skipError{bad.reason, bad.Err.Error()}, nil
		return r.commit(ctx, items, r.entry("batch"))
	}
	half := len(items) / 2
	if err := r.halve(ctx, items[:half]); err != nil {
		return err
	}
	return r.halve(ctx, items[half:])
}
