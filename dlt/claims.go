package dlt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// claim is what a session may still write: the letters that its start names, until its end. A session that died leaves
// its claim behind. Nobody else can tell it from one that is slow, so it holds until the job is resumed or aborted,
// which both throw the old session out.
type claim struct {
	job      string
	operator string
	atMS     int64        // when the session began
	letters  perPartition // nil where its start does not tell: any letter of the topic
	discard  bool         // it is to discard them, and can be run again but not be resumed
}

// maxClaim bounds what a start says of its letters, in bytes: the entry holds a plan of [maxPacked] beside it.
const maxClaim = 64 << 10

// letters is what this session may write.
func (r *replay) letters() perPartition {
	out := perPartition{}
	for p, pl := range r.ranges {
		if pl.want < 0 {
			continue
		}
		s := &Offsets{}
		for _, run := range pl.Selected.runs {
			s.AddRange(max(run.from, pl.want), run.to)
		}
		out[p] = s
	}
	return out
}

// claimed is what the start says of the session's letters: which they are, or, where that is too much, between which
// they lie.
func (r *replay) claimed() perPartition {
	out, size := r.letters(), 0
	for _, s := range out {
		text, _ := s.MarshalText()
		size += len(text)
	}
	if size > maxClaim {
		for p, s := range out {
			out[p] = &Offsets{}
			out[p].AddRange(s.runs[0].from, s.Last())
		}
	}
	return out
}

// held says which jobs may still write letters of the given ones that nobody has handled, and what to do about it;
// nothing where there are none.
func (r *Resolution) held(letters perPartition) string {
	if r == nil {
		return ""
	}
	var out []string
	name, ways := "", ""
	for _, job := range slices.Sorted(maps.Keys(r.claims)) {
		c := r.claims[job]
		var n int64
		for p, s := range letters {
			if c.letters != nil {
				s = s.common(c.letters[p])
			}
			n += s.Len() - s.common(r.both(p)).Len()
		}
		if n > 0 {
			verb := "write"
			if name, ways = job, "weir dlt resume %s or weir dlt abort %[1]s"; c.discard {
				verb, ways = "discard", "weir dlt abort %s"
			}
			out = append(out, fmt.Sprintf("job %s of %s, begun at %s, may still %s %d of these letters", job, cmp.Or(c.operator, "somebody unknown"), time.UnixMilli(c.atMS).UTC().Format(time.RFC3339), verb, n))
		}
	}
	if len(out) == 0 {
		return ""
	}
	if len(out) > 1 {
		name, ways = "JOB", "weir dlt resume %s or weir dlt abort %[1]s"
	}
	return strings.Join(out, "; ") + ": wait for it, or, if nobody runs it any more, " + fmt.Sprintf(ways, name)
}

// readOthers reads what other jobs have done with the topic's letters, which is left out, and what they may still do,
// which stops this one. A plan that was made with --again wants what was done already.
func (r *replay) readOthers(ctx context.Context) error {
	if r.local() {
		return nil
	}
	others := newResolution()
	err := r.c.readJournal(ctx, nil, journalWait, func(j *journalRecord, _ *kgo.Record) {
		if j.TopicID == r.p.TopicID && j.Job != r.p.Job {
			others.take(j)
		}
	})
	if err != nil {
		return denied(fmt.Errorf("read journal: %w", err), "replay "+r.p.Job, "READ", "topic "+JournalTopic)
	}
	if held := others.held(r.letters()); held != "" {
		return &GateError{Reason: held}
	}
	if !r.p.Selection.Again && others.Count() > 0 {
		r.handled = others
	}
	return nil
}

// overWait bounds the note of a session that ends early.
const overWait = 10 * time.Second

// over notes that the session has ended where it ended before its work: its letters are free for others then. One that
// was thrown out, or whose last transaction failed, notes nothing.
func (r *replay) over(ctx context.Context, err error) error {
	_, gate := errors.AsType[*GateError](err)
	_, fenced := errors.AsType[*FencedError](err)
	state := "failed"
	switch {
	case err == nil || fenced || r.prog.state != unfinished:
		return err
	case gate:
		state = "paused"
	case errors.Is(err, context.Canceled):
		state = "interrupted"
	case r.failed:
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), overWait)
	defer cancel()
	if nerr := r.note(ctx, "end", state, err.Error()); nerr != nil {
		emit(r.c.Events, Event{Stage: "wait", Note: fmt.Sprintf("the journal does not say that job %s has ended: %v", r.p.Job, nerr), At: r.c.Now()})
	}
	return err
}
