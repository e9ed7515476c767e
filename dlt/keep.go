package dlt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// bare is a session that writes journal entries without a plan.
func (c *Conn) bare(job, session, operator string) *replay {
	return &replay{
		c: c, p: &Plan{Job: job, Journal: "create"}, o: ReplayOptions{Session: session, Operator: operator},
		rep: &Report{}, prog: &progress{next: map[int32]int64{}}, start: c.Now(), mine: map[string]map[int32]*Offsets{},
	}
}

// Aborted is what Abort did.
type Aborted struct {
	Job      string `json:"job"`
	Topic    string `json:"topic"`
	Operator string `json:"operator"`      // who held the job
	Produced *int64 `json:"produced"`      // stays where it is: a log knows no way back; nil where the journal could not be read
	WasState string `json:"was_state"`     // stopped, paused, interrupted, failed, done, aborted, unknown; unfinished: its last session noted no end, and may run
	SinceMS  *int64 `json:"last_entry_ms"` // nil where the journal could not be read
	Discard  bool   `json:"-"`             // it is the job of a discard, which replays nothing
}

// JobState reads what the journal knows of a job.
func (c *Conn) JobState(ctx context.Context, job string) (*Aborted, *Plan, error) {
	info, err := c.findJournal(ctx)
	if err != nil {
		return nil, nil, err
	}
	p, err := c.jobProgress(ctx, job, info, journalWait)
	if err != nil {
		return nil, nil, err
	}
	if !p.found {
		return nil, nil, &RefusedError{Reason: fmt.Sprintf("the journal does not know the job %s", job), hint: "weir dlt replay PLAN starts one; with a local journal it goes on with weir dlt resume JOB --plan PLAN, and there is nothing to abort"}
	}
	out := &Aborted{Job: job, Topic: p.topic, Operator: p.operator, Produced: &p.produced, WasState: p.state, SinceMS: &p.atMS, Discard: p.discards()}
	if p.plan == "" {
		return out, nil, nil
	}
	b, err := unpackPlan(p.plan)
	if err != nil {
		return out, nil, fmt.Errorf("read the plan of %s from the journal: %w", job, err)
	}
	var plan Plan
	if err := json.Unmarshal(b, &plan); err != nil {
		return out, nil, fmt.Errorf("read the plan of %s from the journal: %w", job, err)
	}
	return out, &plan, nil
}

// Ended is the refusal to end what has ended: the journal must go on saying how.
func (a *Aborted) Ended() error {
	switch {
	case a.Discard && a.WasState != unfinished:
		return &RefusedError{Reason: fmt.Sprintf("abort %s: this is a discard, not a replay", a.Job), hint: "plan with --again takes discarded letters too"}
	case a.WasState == "done", a.WasState == "aborted":
		return &RefusedError{Reason: fmt.Sprintf("abort %s: the job is %s already, nothing was changed", a.Job, a.WasState), hint: "weir dlt list shows what is unresolved"}
	}
	return nil
}

// Abort ends a job for good: its open transaction is taken back, so that readers of its targets go on, and nothing
// can resume it. What it wrote stays.
func (c *Conn) Abort(ctx context.Context, job, session, operator string) (*Aborted, error) {
	state, plan, err := c.JobState(ctx, job)
	if _, unknown := errors.AsType[*UnknownProgressError](err); err != nil && !unknown {
		return nil, err
	}
	if state == nil {
		state = &Aborted{Job: job, WasState: "unknown"}
	}
	r := c.bare(job, session, operator)
	defer r.close()
	if plan != nil {
		r.p = plan
	}
	if r.info, err = c.findJournal(ctx); err != nil {
		return nil, err
	}
	if err := r.fence(ctx); err != nil { // this alone frees the targets
		return nil, err
	}
	if r.prog, err = c.jobProgress(ctx, job, r.info, journalWait); err != nil {
		return state, err
	}
	// Now nobody writes any more: what was read before may have been less, or nothing.
	r.p.Topic, r.p.TopicID = r.prog.topic, r.prog.topicID
	state.Topic, state.Produced, state.Operator, state.WasState, state.SinceMS, state.Discard = r.prog.topic, new(r.prog.produced), r.prog.operator, r.prog.state, new(r.prog.atMS), r.prog.discards()
	if err := state.Ended(); err != nil {
		return state, err
	}
	return state, r.note(ctx, "end", "aborted", "by "+operator)
}

// DiscardResult is what Discard did.
type DiscardResult struct {
	Job     string             `json:"job"`
	Topic   string             `json:"topic"`
	Reason  string             `json:"reason"`
	Records int64              `json:"records"`
	Offsets map[int32]*Offsets `json:"offsets"`
	// Done says that they are noted; false in a dry run.
	Done bool `json:"done"`
}

// notTheJournal refuses to handle what tells how everything else was handled.
func notTheJournal(op, topic string) error {
	if topic != JournalTopic {
		return nil
	}
	return &RefusedError{Reason: op + " " + topic + ": it holds no dead letters, it tells what was done with them", hint: "name a dead letter topic; weir dlt list shows them"}
}

// discardChunk bounds one journal entry.
const discardChunk = 20_000

// Select reads the offsets a selection means. Records that are handled already are left out.
func (c *Conn) Select(ctx context.Context, d *Decoder, topic string, sel Selection) (id string, offsets map[int32]*Offsets, n int64, err error) {
	if err := notTheJournal("discard", topic); err != nil {
		return "", nil, 0, err
	}
	if err := sel.Compile(); err != nil {
		return "", nil, 0, &RefusedError{Reason: err.Error()}
	}
	td, err := c.topicDetail(ctx, topic)
	if err != nil {
		return "", nil, 0, err
	}
	id = td.ID.String()
	spans, err := c.Spans(ctx, topic)
	if err != nil {
		return "", nil, 0, err
	}
	var done *Resolution
	if res, err := c.Resolutions(ctx, map[string]bool{id: true}); err == nil {
		done = res[id]
	} else if !errors.Is(err, ErrNoJournal) {
		return "", nil, 0, err
	}
	c.noteOpen(topic, spans)
	out := perPartition{}
	var rec Record
	err = c.ReadRanges(ctx, topic, stored(spans), func(k *kgo.Record) error {
		rec.fill(k)
		var dl *DeadLetter
		if sel.needsDecode() {
			dl = d.Decode(&rec)
		}
		ok, err := sel.match(d, &rec, dl)
		if err != nil || !ok || done.Has(k.Partition, k.Offset) || sel.Limit > 0 && n >= sel.Limit {
			return err
		}
		n++
		out.add(k.Partition, k.Offset)
		return nil
	})
	if held := done.held(out); err == nil && held != "" {
		err = &GateError{Reason: held}
	}
	return id, out, n, err
}

// Discard writes down that dead letters are not to be replayed, and why. The records stay until a purge.
func (c *Conn) Discard(ctx context.Context, job, session, operator, topic, topicID, reason string, offsets map[int32]*Offsets) (*DiscardResult, error) {
	r := c.bare(job, session, operator)
	defer r.close()
	r.p.Topic, r.p.TopicID, r.ranges = topic, topicID, map[int32]*planned{}
	for p, s := range offsets {
		r.ranges[p] = PlannedRange{Partition: p, Selected: *s}.from(0)
	}
	info, err := c.findJournal(ctx)
	if err != nil {
		return nil, err
	}
	r.info = info
	if err := r.fence(ctx); err != nil {
		return nil, err
	}
	out := &DiscardResult{Job: job, Topic: topic, Reason: reason, Offsets: map[int32]*Offsets{}}
	if err := r.note(context.WithoutCancel(ctx), "start", "", ""); err != nil {
		return out, err
	}
	return out, r.over(ctx, r.discard(ctx, out))
}

// discard notes the letters of this session that nobody else has handled or may still write.
func (r *replay) discard(ctx context.Context, out *DiscardResult) error {
	if err := r.readOthers(ctx); err != nil {
		return err
	}
	entry, n := perPartition{}, 0
	flush := func() error {
		if n == 0 {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		j := r.entry("discard")
		j.Resolved, j.Reason = entry, out.Reason
		if err := r.commit(context.WithoutCancel(ctx), nil, j); err != nil { // what was begun is finished
			return err
		}
		for p, s := range entry {
			if out.Offsets[p] == nil {
				out.Offsets[p] = &Offsets{}
			}
			out.Offsets[p].Union(s)
		}
		out.Records += int64(n)
		entry, n = perPartition{}, 0
		return nil
	}
	for _, p := range slices.Sorted(maps.Keys(r.ranges)) {
		for o := range r.ranges[p].Selected.All {
			if r.handled.Has(p, o) {
				continue
			}
			entry.add(p, o)
			if n++; n == discardChunk {
				if err := flush(); err != nil {
					return err
				}
			}
		}
	}
	if err := flush(); err != nil {
		return err
	}
	out.Done = true
	return r.note(context.WithoutCancel(ctx), "end", "done", "")
}

// PurgePlan says what a purge may take: in each partition the records before the first one that nobody has handled.
type PurgePlan struct {
	Topic     string       `json:"topic"`
	TopicID   string       `json:"topic_id"`
	Ranges    []PurgeRange `json:"ranges"`
	Records   int64        `json:"records"`
	Remaining int64        `json:"remaining"` // stored records that stay
	Archive   string       `json:"archive"`
	Done      bool         `json:"done"`
}

// PurgeRange is what a purge takes of one partition: [Start, End).
type PurgeRange struct {
	Partition int32  `json:"partition"`
	Start     int64  `json:"start"`
	End       int64  `json:"end"`
	Records   int64  `json:"records"`
	Held      *int64 `json:"first_unhandled_offset"` // what ends the range; nil where everything is handled
}

// PlanPurge finds the contiguous handled prefix of every partition.
func (c *Conn) PlanPurge(ctx context.Context, topic string) (*PurgePlan, error) {
	if err := notTheJournal("purge", topic); err != nil {
		return nil, err
	}
	td, err := c.topicDetail(ctx, topic)
	if err != nil {
		return nil, err
	}
	p := &PurgePlan{Topic: topic, TopicID: td.ID.String(), Ranges: []PurgeRange{}}
	res, err := c.Resolutions(ctx, map[string]bool{p.TopicID: true})
	if err != nil {
		return nil, fmt.Errorf("purge %s: what was handled is not known: %w", topic, err)
	}
	done := res[p.TopicID]
	spans, err := c.Spans(ctx, topic)
	if err != nil {
		return nil, err
	}
	at := map[int32]*PurgeRange{}
	for _, s := range spans {
		at[s.Partition] = &PurgeRange{Partition: s.Partition, Start: s.Start, End: s.Stable}
	}
	err = c.ReadRanges(ctx, topic, stored(spans), func(k *kgo.Record) error {
		r := at[k.Partition]
		if r.Held == nil && done.Has(k.Partition, k.Offset) {
			r.Records++
			p.Records++
			return nil
		}
		if r.Held == nil {
			r.Held, r.End = new(k.Offset), k.Offset
		}
		p.Remaining++
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, s := range spans {
		if r := at[s.Partition]; r.Records > 0 {
			p.Ranges = append(p.Ranges, *r)
		}
	}
	return p, nil
}

// Archive writes the records of a purge.
func (c *Conn) Archive(ctx context.Context, p *PurgePlan, w *ArchiveWriter) error {
	var ranges []Range
	for _, r := range p.Ranges {
		ranges = append(ranges, Range{r.Partition, r.Start, r.End})
	}
	n := int64(0)
	err := c.ReadRanges(ctx, p.Topic, ranges, func(k *kgo.Record) error {
		n++
		return w.Write(FromKafka(k))
	})
	if err != nil {
		return err
	}
	if n != p.Records {
		return &GateError{Reason: fmt.Sprintf("purge %s: the archive holds %d records, %d were planned: nothing was removed", p.Topic, n, p.Records)}
	}
	return nil
}

// Purge removes what was archived. It cannot be undone.
func (c *Conn) Purge(ctx context.Context, p *PurgePlan) error {
	td, err := c.topicDetail(ctx, p.Topic)
	if err != nil {
		return err
	}
	if td.ID.String() != p.TopicID {
		return &GateError{Reason: fmt.Sprintf("purge %s: the topic was made anew since it was looked at", p.Topic)}
	}
	offsets := kadm.Offsets{}
	for _, r := range p.Ranges {
		offsets.Add(kadm.Offset{Topic: p.Topic, Partition: r.Partition, At: r.End})
	}
	resp, err := c.Admin.DeleteRecords(ctx, offsets)
	if err != nil {
		return fmt.Errorf("purge %s: %w", p.Topic, err)
	}
	if err := resp.Error(); err != nil {
		return fmt.Errorf("purge %s: %w", p.Topic, err)
	}
	p.Done = true
	return nil
}
