package dlt

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
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

// quickTxn is the longest transaction after which the next one may be larger: what a transaction costs whatever is in
// it then weighs too much, and twice as long is still not long for a reader of the target to wait.
const quickTxn = 250 * time.Millisecond

// txnTimeout is above the 9 s a broker's death may stall a write, and no more: an orphan pins its targets that long.
const txnTimeout = 20 * time.Second

// txnDeadline bounds one wait for the cluster inside a transaction. One broker's death takes up to 14 s.
const txnDeadline = 45 * time.Second

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
	// Abort tells what to do when ctx ends: the transaction at hand is finished in any case.
}

// Report is what a replay did. selected = produced + skipped + failed + remaining, which is checked.
type Report struct {
	Job           string         `json:"job"`
	Topic         string         `json:"topic"`
	State         string         `json:"state"` // done, paused, stopped, interrupted, failed
	Reason        string         `json:"reason"`
	Guarantee     string         `json:"guarantee"`
	Selected      int64          `json:"selected"`
	Produced      int64          `json:"produced"` // in all sessions of the job
	Skipped       int64          `json:"skipped"`
	Failed        int64          `json:"failed"`
	Remaining     int64          `json:"remaining"`
	ReDied        int64          `json:"re_died"`
	ProducedNow   int64          `json:"produced_now"` // in this session
	Transactions  int64          `json:"transactions"`
	ElapsedMS     int64          `json:"elapsed_ms"`
	RatePerSecond float64        `json:"rate_records_per_second"`
	FailedRecords []FailedRecord `json:"failed_records"`
	SkippedRecs   []FailedRecord `json:"skipped_records"`
	Outputs       []Output       `json:"outputs"` // where every record went
	Resume        string         `json:"resume"`  // the command, empty when done
}

// Output says where a run of records went.
type Output struct {
	SourcePartition int32  `json:"source_partition"`
	SourceOffset    int64  `json:"source_offset"`
	Topic           string `json:"topic"`
	Partition       int32  `json:"partition"`
	Offset          int64  `json:"offset"`
	Records         int64  `json:"records"`
}

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

// replay is one session of a job.
type replay struct {
	c       *Conn
	d       *Decoder
	p       *Plan
	o       ReplayOptions
	rep     *Report
	info    *journalInfo
	prog    *progress
	cl      *kgo.Client // transactional
	ranges  map[int32]*planned
	targets map[string]*Target
	hash    map[string]func(string, []byte, int) int
	start   time.Time
	due     time.Time
	mine    map[string]map[int32]*Offsets // offsets of the targets written by this job
	dlt     *watcher
	bodies  atomic.Int64
	rec     Record
	arena   arena
	sum     summer
	fast    int // records of a transaction without a pace, growing
	topicID [16]byte
	written map[string]outputRun // at-least-once: what an earlier session wrote and did not note
}

// planned is the state of one partition of the plan.
type planned struct {
	PlannedRange
	index int // of the next checksum
}

// Replay carries out a plan, or goes on with it where the journal says it stopped. The report is valid also with an
// error.
func (c *Conn) Replay(ctx context.Context, d *Decoder, p *Plan, o ReplayOptions) (*Report, error) {
	r := &replay{c: c, d: d.clone(), p: p, o: o, start: c.Now(), ranges: map[int32]*planned{}, targets: map[string]*Target{}, hash: map[string]func(string, []byte, int) int{}, mine: map[string]map[int32]*Offsets{}, fast: fastRecords}
	r.rep = &Report{
		Job: p.Job, Topic: p.Topic, State: "failed", Guarantee: p.Guarantee, Selected: p.Counts.Selected,
		FailedRecords: []FailedRecord{}, SkippedRecs: []FailedRecord{}, Outputs: []Output{}, Remaining: p.Counts.Selected,
	}
	defer r.close()
	err := r.run(ctx)
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

// check proves that the numbers add up.
func (r *Report) check() error {
	if r.Selected != r.Produced+r.Skipped+r.Failed+r.Remaining || r.Remaining < 0 {
		return fmt.Errorf("replay %s: the numbers do not add up: %d selected, %d produced, %d skipped, %d failed, %d remaining", r.Job, r.Selected, r.Produced, r.Skipped, r.Failed, r.Remaining)
	}
	return nil
}

func (r *replay) finish(err error) {
	rep := r.rep
	if p := r.prog; p != nil {
		rep.Produced, rep.Failed, rep.Skipped = p.produced, int64(len(p.failed)), int64(len(p.skipped))
		rep.FailedRecords = append(rep.FailedRecords, p.failed...)
		rep.SkippedRecs = append(rep.SkippedRecs, p.skipped...)
		for _, o := range p.outputs {
			rep.Outputs = append(rep.Outputs, Output{o.SourcePartition, o.From, o.Topic, o.Partition, o.At, o.Count})
		}
	}
	rep.Remaining = rep.Selected - rep.Produced - rep.Failed - rep.Skipped
	elapsed := r.c.Now().Sub(r.start)
	rep.ElapsedMS = elapsed.Milliseconds()
	if elapsed > 0 {
		rep.RatePerSecond = float64(rep.ProducedNow) / elapsed.Seconds()
	}
	switch {
	case err != nil && errors.Is(err, context.Canceled):
		rep.State, rep.Reason = "interrupted", "interrupted"
	case err != nil:
		rep.State, rep.Reason = "failed", err.Error()
		if g, ok := errors.AsType[*GateError](err); ok {
			rep.State, rep.Reason = "paused", g.Reason
		}
	case rep.Remaining == 0:
		rep.State = "done"
	default:
		rep.State = cmp.Or(rep.State, "stopped")
	}
	if rep.Remaining > 0 {
		rep.Resume = "weir dlt resume " + rep.Job
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
		return &RefusedError{Reason: fmt.Sprintf("replay %s: the job was aborted", r.p.Job), hint: "plan again: what was replayed is known"}
	}
	var todo []Range
	for _, rg := range r.p.Ranges {
		pl := &planned{PlannedRange: rg}
		next := max(rg.Start, r.prog.next[rg.Partition])
		for o := range rg.Selected.All {
			if o >= next {
				break
			}
			pl.index++
		}
		r.ranges[rg.Partition] = pl
		if end := rg.Selected.Last() + 1; next < end {
			todo = append(todo, Range{rg.Partition, next, end})
		}
	}
	if len(todo) == 0 {
		r.rep.State = "done"
		return nil
	}
	if err := r.trimmed(ctx, todo); err != nil {
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
	if r.o.Breaker {
		if r.dlt, err = r.watch(ctx); err != nil {
			return err
		}
	}
	if err := r.loop(ctx, rr); err != nil {
		return err
	}
	return r.note(context.WithoutCancel(ctx), "end", "done", "")
}

// verify checks that the world is still the one of the plan.
func (r *replay) verify(ctx context.Context) error {
	p := r.p
	if p.Digest != p.digest() {
		return &GateError{Reason: "the plan is not what was planned (the digest differs)"}
	}
	if err := p.Ready(); err != nil && !r.o.Resume {
		return err
	}
	if now := r.c.Now(); !r.o.Resume && now.UnixMilli() > p.ExpiresMS {
		return &GateError{Reason: fmt.Sprintf("the plan expired at %s: plan again", time.UnixMilli(p.ExpiresMS).UTC().Format(time.RFC3339))}
	}
	m, err := r.c.Admin.Metadata(kadm.WithAuthorizedOps(ctx), p.Topic)
	if err != nil {
		return fmt.Errorf("replay %s: %w", p.Job, err)
	}
	if m.Cluster != p.ClusterID {
		return &GateError{Reason: fmt.Sprintf("the plan was made on cluster %s, this is %s", p.ClusterID, m.Cluster)}
	}
	if err := r.same(m.Topics[p.Topic], p.Topic, p.TopicID, "dead letter topic"); err != nil {
		return err
	}
	r.topicID = m.Topics[p.Topic].ID
	return r.sameTargets(ctx)
}

func (r *replay) same(td kadm.TopicDetail, name, id, what string) error {
	switch {
	case errors.Is(td.Err, kerr.UnknownTopicOrPartition):
		return &GateError{Reason: fmt.Sprintf("the %s %s does not exist any more", what, name)}
	case td.Err != nil:
		return fmt.Errorf("replay %s: %s: %w", r.p.Job, name, td.Err)
	case td.ID.String() != id:
		return &GateError{Reason: fmt.Sprintf("the %s %s was made anew since the plan: its id was %s and is %s", what, name, id, td.ID)}
	}
	return nil
}

func (r *replay) sameTargets(ctx context.Context) error {
	for i := range r.p.Targets {
		t := &r.p.Targets[i]
		m, err := r.c.Admin.Metadata(kadm.WithAuthorizedOps(ctx), t.Topic)
		if err != nil {
			return fmt.Errorf("replay %s: %w", r.p.Job, err)
		}
		td := m.Topics[t.Topic]
		if err := r.same(td, t.Topic, t.TopicID, "target"); err != nil {
			return err
		}
		if len(td.Partitions) != t.Partitions {
			return &GateError{Reason: fmt.Sprintf("the target %s has %d partitions, the plan was made for %d", t.Topic, len(td.Partitions), t.Partitions)}
		}
		if len(td.AuthorizedOperations) > 0 && !slices.Contains(td.AuthorizedOperations, kadm.OpWrite) && !slices.Contains(td.AuthorizedOperations, kadm.OpAll) {
			return &DeniedError{Op: "replay " + r.p.Job, Right: "WRITE", Resource: "topic " + t.Topic}
		}
		r.targets[t.Topic] = t
		r.hash[t.Topic] = hasher(t.Hash)
	}
	return nil
}

// trimmed refuses when planned records are gone.
func (r *replay) trimmed(ctx context.Context, todo []Range) error {
	spans, err := r.c.Spans(ctx, r.p.Topic)
	if err != nil {
		return err
	}
	for _, t := range todo {
		for _, s := range spans {
			if s.Partition != t.Partition || s.Start <= t.Start {
				continue
			}
			lost := &Offsets{}
			for o := range r.ranges[t.Partition].Selected.All {
				if o >= t.Start && o < s.Start {
					lost.Add(o)
				}
			}
			if lost.Len() > 0 {
				text, _ := lost.MarshalText()
				return &GateError{Reason: fmt.Sprintf("%s partition %d was trimmed since the plan: %d planned records are gone, offsets %s", r.p.Topic, t.Partition, lost.Len(), text)}
			}
		}
	}
	return nil
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

// denied translates an authorization error into the right that is missing. A principal without any WRITE gets a
// cluster error from an idempotent producer, which says nothing about the cluster.
func denied(err error, op, right, resource string) error {
	for _, k := range []*kerr.Error{kerr.TopicAuthorizationFailed, kerr.GroupAuthorizationFailed, kerr.TransactionalIDAuthorizationFailed, kerr.ClusterAuthorizationFailed} {
		if errors.Is(err, k) {
			if k == kerr.ClusterAuthorizationFailed {
				resource += " (an idempotent producer needs a WRITE somewhere)"
			}
			return &DeniedError{Op: op, Right: right, Resource: resource, Err: err}
		}
	}
	return err
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
		if r.o.Deadline > 0 && r.c.Now().Sub(r.start) > r.o.Deadline {
			r.rep.State, r.rep.Reason = "stopped", "the deadline passed"
			return r.note(context.WithoutCancel(ctx), "end", "stopped", "deadline")
		}
		limit, bytes := r.batchLimit(rate, step)
		batch, err := src.next(ctx, limit, bytes)
		if err != nil {
			return err
		}
		if len(batch) == 0 {
			continue
		}
		if err := r.pace(ctx, rate, int64(len(batch))); err != nil {
			return err
		}
		if rate <= 0 && !src.empty() {
			limit, bytes = r.fastLimit()
			src.prefetch(ctx, limit, bytes)
		}
		// What was begun is finished, also when ctx ends: only then nobody has to clean up.
		begun := r.c.Now()
		if err := r.halve(context.WithoutCancel(ctx), batch); err != nil {
			return err
		}
		r.grow(len(batch), r.c.Now().Sub(begun))
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

// pace waits until the rate allows n more records. It never waits inside a transaction.
func (r *replay) pace(ctx context.Context, rate float64, n int64) error {
	if rate <= 0 {
		return nil
	}
	now := r.c.Now()
	if r.due.Before(now) {
		r.due = now
	}
	wait := r.due.Sub(now)
	r.due = r.due.Add(time.Duration(float64(n) / rate * float64(time.Second)))
	if wait <= 0 {
		return nil
	}
	return r.c.sleep(ctx, wait)
}

func (r *replay) progressed() {
	emit(r.c.Events, Event{Stage: "replay", Done: r.prog.produced + int64(len(r.prog.failed)+len(r.prog.skipped)), Total: r.p.Counts.Selected, Bytes: r.bodies.Load(), At: r.c.Now()})
}

// halve writes items in one transaction, or finds the ones that cannot be written by halving.
func (r *replay) halve(ctx context.Context, items []item) error {
	j := r.entry("batch")
	err := r.commit(ctx, items, j)
	bad, ok := errors.AsType[*unwritableError](err)
	if !ok {
		return err
	}
	if len(items) == 1 {
		items[0].skip = &skipError{bad.reason, bad.Err.Error()}
		items[0].out = nil
		return r.commit(ctx, items, r.entry("batch"))
	}
	half := len(items) / 2
	if err := r.halve(ctx, items[:half]); err != nil {
		return err
	}
	return r.halve(ctx, items[half:])
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
		again, ok := errors.AsType[*againError](err)
		if !ok {
			return err
		}
		if attempt >= 5 {
			return fmt.Errorf("replay %s: gave up after %d attempts: %w", r.p.Job, attempt+1, again.Err)
		}
		if again.committed {
			return r.take(j)
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
}

func (e *againError) Error() string { return e.Err.Error() }
func (e *againError) Unwrap() error { return e.Err }

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
	copies := make([]kgo.Record, len(items)) // a record that was handed over once must not be handed over again
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
		p, o := it.src.Partition, it.src.Offset
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
	if p.found && p.session != r.o.Session && p.session != "" {
		return &FencedError{r.p.Job, fmt.Errorf("the journal names session %s of %s: %w", p.session, p.operator, cause)}
	}
	return &againError{Err: cause}
}

// unknownCommit finds out whether a transaction was committed whose answer was lost. Nothing is assumed: a new client
// with the same transactional id makes the coordinator finish it, then the journal tells. Only if the journal still
// names this session, though: else the new client would fence its successor.
func (r *replay) unknownCommit(ctx context.Context, j *journalRecord, cause error) error {
	if fencing(cause) {
		_ = r.cl.EndTransaction(ctx, kgo.TryAbort)
	}
	before, err := r.progressNow(ctx, time.Second)
	if _, unknown := errors.AsType[*UnknownProgressError](err); err != nil && !unknown {
		return err
	}
	if err == nil && before.session != "" && before.session != r.o.Session && (j == nil || j.Kind != "start") {
		return &FencedError{r.p.Job, fmt.Errorf("the journal names session %s of %s: %w", before.session, before.operator, cause)}
	}
	emit(r.c.Events, Event{Stage: "wait", Note: fmt.Sprintf("the answer to a commit was lost (%v): asking the journal", cause), At: r.c.Now()})
	if err := r.fence(ctx); err != nil {
		return err
	}
	after, err := r.progressNow(ctx, journalWait)
	if err != nil {
		return err
	}
	if after.session != "" && after.session != r.o.Session && (j == nil || j.Kind != "start") {
		return &FencedError{r.p.Job, fmt.Errorf("the journal names session %s of %s: %w", after.session, after.operator, cause)}
	}
	// Entries are numbered: ours is there exactly if the next number is behind it.
	committed := j != nil && after.found && after.seq > j.Seq
	if r.local() && j != nil {
		committed = len(j.Next) > 0
		for p, o := range j.Next {
			committed = committed && after.next[p] >= o
		}
	}
	return &againError{Err: cause, committed: committed}
}

// guards look at the world between two transactions.
func (r *replay) guards(ctx context.Context, canary bool) error {
	if r.dlt != nil {
		if err := r.dlt.poll(ctx, r); err != nil {
			return err
		}
		if reason := r.dlt.tripped(canary); reason != "" {
			return r.pause(ctx, reason)
		}
	}
	if r.o.LagGroup == "" {
		return nil
	}
	for waited := time.Duration(0); ; waited += time.Second {
		n, err := r.lag(ctx)
		if err != nil {
			return r.pause(ctx, fmt.Sprintf("the lag of %s could not be read: %v", r.o.LagGroup, err))
		}
		if n <= r.o.MaxLag {
			return nil
		}
		if waited >= 5*time.Minute {
			return r.pause(ctx, fmt.Sprintf("%s is %d records behind on the targets, more than %d, for five minutes", r.o.LagGroup, n, r.o.MaxLag))
		}
		emit(r.c.Events, Event{Stage: "wait", Note: fmt.Sprintf("waiting for %s: %d records behind", r.o.LagGroup, n), At: r.c.Now()})
		if err := r.c.sleep(ctx, time.Second); err != nil {
			return err
		}
	}
}

// lag is how far the guarded group is behind on the targets.
func (r *replay) lag(ctx context.Context) (int64, error) {
	committed, err := r.c.Admin.FetchOffsets(ctx, r.o.LagGroup)
	if err != nil {
		return 0, err
	}
	var n int64
	for topic := range r.targets {
		spans, err := r.c.Spans(ctx, topic)
		if err != nil {
			return 0, err
		}
		for _, s := range spans {
			o, ok := committed.Lookup(topic, s.Partition)
			if !ok || o.At < 0 {
				continue // it never read this partition: nothing waits for it
			}
			if o.Err != nil {
				return 0, o.Err
			}
			n += max(0, s.Stable-o.At)
		}
	}
	return n, nil
}

// pause stops the job in a state that it can be resumed from.
func (r *replay) pause(ctx context.Context, reason string) error {
	if err := r.note(context.WithoutCancel(ctx), "end", "paused", reason); err != nil {
		return err
	}
	return &GateError{Reason: reason}
}

// settle waits after the canary and looks for records that died again.
func (r *replay) settle(ctx context.Context) error {
	for left := r.o.Settle; left > 0; left -= time.Second {
		emit(r.c.Events, Event{Stage: "settle", Note: fmt.Sprintf("waiting %s to see whether the canary dies again", left.Round(time.Second)), Done: r.prog.produced, Total: r.p.Counts.Selected, At: r.c.Now()})
		if err := r.c.sleep(ctx, min(left, time.Second)); err != nil {
			return err
		}
		if err := r.guards(ctx, true); err != nil {
			return err
		}
	}
	return nil
}
