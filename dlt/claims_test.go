package dlt

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestJobsApart: while a job may still write a letter, no other job writes it, no discard notes it, and a plan says so.
// An end, a ^C and an abort set the letters free.
func TestJobsApart(t *testing.T) {
	ctx := context.Background()
	c := springCluster(t, 60)
	one := c.plan(t, PlanOptions{Topic: "orders-dlt", Job: "one"})
	two := c.plan(t, PlanOptions{Topic: "orders-dlt", Job: "two"})
	stop, cancel := context.WithCancel(ctx)
	_, err := atStep(c, 1, func() {
		rep, err := c.Replay(ctx, newTestDecoder(t), two, ReplayOptions{Session: "s2"})
		gate, ok := errors.AsType[*GateError](err)
		if !ok || rep.Produced != 0 || rep.State != "paused" || !strings.Contains(gate.Reason, "job one of somebody, begun at ") || !strings.Contains(gate.Reason, "may still write 40 of these letters") {
			t.Errorf("two at once: %v %+v", err, rep)
		}
		if p := c.plan(t, PlanOptions{Topic: "orders-dlt", Job: "three"}); !strings.Contains(checks(p, "other replays"), "job one of somebody") {
			t.Errorf("the plan does not say it: %v", p.Preflight)
		}
		if _, _, _, err := c.Select(ctx, newTestDecoder(t), "orders-dlt", Selection{}); !strings.Contains(errText(err), "job one of somebody") {
			t.Errorf("discarded meanwhile: %v", err)
		}
		cancel()
	}).Replay(stop, newTestDecoder(t), one, ReplayOptions{Session: "s1", Batch: 20, Operator: "somebody"})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if _, _, n, err := c.Select(ctx, newTestDecoder(t), "orders-dlt", Selection{}); err != nil || n != 40 {
		t.Errorf("held after a ^C: %d, %v", n, err)
	}
	if rep := c.replay(t, two, ReplayOptions{Session: "s3", Resume: true}); rep.Produced != 40 || rep.Skipped != 20 {
		t.Errorf("after a ^C: %+v", rep)
	}
	c.exactlyOnce(t, "orders", 60)
}

// TestDeadJob: the letters of a session that died are held until its job is aborted; those of other letters are not.
func TestDeadJob(t *testing.T) {
	ctx := context.Background()
	c := springCluster(t, 60)
	if err := c.EnsureJournal(ctx); err != nil {
		t.Fatal(err)
	}
	dead := c.plan(t, PlanOptions{Topic: "orders-dlt", Job: "dead", Selection: Selection{Offsets: map[int32]*Offsets{0: {runs: []run{{0, 9}}}}}})
	r := c.bare("dead", "s1", "somebody")
	r.p, r.ranges = dead, map[int32]*planned{0: dead.Ranges[0].from(0)}
	defer r.close()
	if err := r.open(ctx); err != nil {
		t.Fatal(err)
	}
	if err := r.note(ctx, "start", "", ""); err != nil {
		t.Fatal(err)
	}
	other := c.plan(t, PlanOptions{Topic: "orders-dlt", Job: "other", Selection: Selection{Offsets: map[int32]*Offsets{1: {runs: []run{{0, 9}}}}}})
	if rep := c.replay(t, other, ReplayOptions{Session: "s2"}); rep.Produced != 10 {
		t.Errorf("other letters: %+v", rep)
	}
	all := c.plan(t, PlanOptions{Topic: "orders-dlt", Job: "all"})
	if _, err := c.Replay(ctx, newTestDecoder(t), all, ReplayOptions{Session: "s3"}); !strings.Contains(errText(err), "may still write 10 of these letters") {
		t.Errorf("held by the dead: %v", err)
	}
	if _, err := c.Abort(ctx, "dead", "s4", "me"); err != nil {
		t.Fatal(err)
	}
	if rep := c.replay(t, all, ReplayOptions{Session: "s5", Resume: true}); rep.Produced != 50 {
		t.Errorf("after the abort: %+v", rep)
	}
	c.exactlyOnce(t, "orders", 60)
}

// TestDiscardApart: what a discard has selected, a replay may have begun to write, or written, when it comes to note it.
func TestDiscardApart(t *testing.T) {
	ctx := context.Background()
	c := springCluster(t, 60)
	discard := func(job, id string, offsets map[int32]*Offsets) (*DiscardResult, error) {
		return c.Discard(ctx, job, "s-"+job, "somebody", "orders-dlt", id, "no", offsets)
	}
	id, all, n, err := c.Select(ctx, newTestDecoder(t), "orders-dlt", Selection{})
	if err != nil || n != 60 {
		t.Fatal(n, err)
	}
	if err := c.EnsureJournal(ctx); err != nil {
		t.Fatal(err)
	}
	one := c.plan(t, PlanOptions{Topic: "orders-dlt", Job: "one"})
	stop, cancel := context.WithCancel(ctx)
	_, err = atStep(c, 1, func() {
		res, err := discard("during", id, all)
		if gate, ok := errors.AsType[*GateError](err); !ok || res.Records != 0 || !strings.Contains(gate.Reason, "job one of somebody, begun at ") || !strings.Contains(gate.Reason, "may still write 40 of these letters") {
			t.Errorf("while a replay runs: %v %+v", err, res)
		}
		cancel()
	}).Replay(stop, newTestDecoder(t), one, ReplayOptions{Session: "s1", Batch: 20, Operator: "somebody"})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}

	dead := c.bare("dead", "s2", "somebody")
	dead.p.Topic, dead.p.TopicID, dead.ranges = "orders-dlt", id, map[int32]*planned{}
	for p, s := range all {
		dead.ranges[p] = PlannedRange{Partition: p, Selected: *s}.from(0)
	}
	defer dead.close()
	if err := dead.open(ctx); err != nil {
		t.Fatal(err)
	}
	if err := dead.note(ctx, "start", "", ""); err != nil {
		t.Fatal(err)
	}
	_, err = c.Replay(ctx, newTestDecoder(t), one, ReplayOptions{Session: "s3", Resume: true})
	if text := errText(err); !strings.Contains(text, "may still discard 40 of these letters") || !strings.HasSuffix(text, "runs it any more, weir dlt abort dead") {
		t.Errorf("held by a discard: %v", err)
	}
	if state, err := c.Abort(ctx, "dead", "s4", "me"); err != nil || !state.Discard {
		t.Fatal(state, err)
	}
	if res, err := discard("rest", id, all); err != nil || res.Records != 40 {
		t.Errorf("the rest: %v %+v", err, res)
	}
	if _, err := c.Abort(ctx, "rest", "s5", "me"); !strings.Contains(errText(err), "this is a discard") {
		t.Errorf("a discard that has ended: %v", err)
	}
	if rep := c.replay(t, one, ReplayOptions{Session: "s6", Resume: true}); rep.Produced != 20 || rep.Skipped != 40 {
		t.Errorf("after the discard: %+v", rep)
	}
	if res, err := discard("late", id, all); err != nil || res.Records != 0 || !res.Done || len(res.Offsets) != 0 {
		t.Errorf("nothing is left: %v %+v", err, res)
	}
	c.exactlyOnce(t, "orders", 20)
}

// TestDiscardStopped: a ^C finishes what is being noted, tells how much that is, and leaves nothing held.
func TestDiscardStopped(t *testing.T) {
	c := springCluster(t, 3)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if err := c.EnsureJournal(ctx); err != nil {
		t.Fatal(err)
	}
	written := 0
	c.fake.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.fake.KeepControl()
		if written++; written == 2 { // the start was the first
			cancel()
		}
		return nil, nil, false
	})
	id := kadm.TopicID(c.topicID(t, "orders-dlt")).String()
	many := map[int32]*Offsets{0: {runs: []run{{0, 3*discardChunk - 1}}}}
	res, err := c.Discard(ctx, "one", "s1", "me", "orders-dlt", id, "no", many)
	if !errors.Is(err, context.Canceled) || res.Done || res.Records != discardChunk || res.Offsets[0].Last() != discardChunk-1 {
		t.Fatalf("%v %+v", err, res)
	}
	if res, err = c.Discard(context.Background(), "two", "s2", "me", "orders-dlt", id, "no", many); err != nil || res.Records != 2*discardChunk {
		t.Errorf("the rest: %v %+v", err, res)
	}
}

// faultDiscardAtOnce: of a replay and a discard that begin at the same moment none handles what the other one does.
func faultDiscardAtOnce(t *testing.T) {
	ctx := context.Background()
	c, name := anyCluster(t)
	if err := c.EnsureJournal(ctx); err != nil {
		t.Fatal(err)
	}
	for _, round := range []string{"a", "b", "c", "d"} {
		p := c.letters(t, name("undone-"+round), 30, PlanOptions{})
		_, offsets, _, err := c.Select(ctx, newTestDecoder(t), p.Topic, Selection{})
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := c.Replay(ctx, newTestDecoder(t), p, ReplayOptions{Session: "s1"})
			if _, gate := errors.AsType[*GateError](err); err != nil && !gate {
				t.Errorf("replay: %v", err)
			}
		})
		wg.Go(func() {
			_, err := c.Discard(ctx, "discard-"+p.Job, "s2", "me", p.Topic, p.TopicID, "no", offsets)
			if _, gate := errors.AsType[*GateError](err); err != nil && !gate {
				t.Errorf("discard: %v", err)
			}
		})
		wg.Wait()
		res, err := c.Resolutions(ctx, map[string]bool{p.TopicID: true})
		if err != nil {
			t.Fatal(err)
		}
		done := res[p.TopicID].done
		for part, s := range done[Replayed] {
			if both := s.common(done[Discarded][part]).Len(); both > 0 {
				t.Errorf("partition %d: %d letters are replayed and discarded", part, both)
			}
		}
	}
}

// faultJobsAtOnce: jobs that begin at the same moment do not write a letter twice, whoever of them goes on.
func faultJobsAtOnce(t *testing.T) {
	c, name := anyCluster(t)
	origin := name("at-once")
	if err := c.EnsureJournal(context.Background()); err != nil {
		t.Fatal(err)
	}
	plans := []*Plan{c.letters(t, origin, 60, PlanOptions{})}
	for _, job := range []string{"b", "c", "d"} {
		plans = append(plans, c.plan(t, PlanOptions{Topic: origin + "-dlt", Job: origin + job, Superseded: "allow"}))
	}
	for _, resume := range []bool{false, true} {
		var wg sync.WaitGroup
		for _, p := range plans {
			d := newTestDecoder(t)
			wg.Go(func() {
				rep, err := c.Replay(context.Background(), d, p, ReplayOptions{Session: "s", Batch: 10, Resume: resume})
				if _, gate := errors.AsType[*GateError](err); err != nil && !gate {
					t.Errorf("%s: %v %+v", p.Job, err, rep)
				}
			})
		}
		wg.Wait()
	}
	c.replay(t, plans[0], ReplayOptions{Session: "s", Resume: true})
	c.readAll(t, origin, 60) // a real log shows a commit a little later
	c.exactlyOnce(t, origin, 60)
}

func checks(p *Plan, what string) string {
	for _, i := range p.Preflight {
		if i.Check == what {
			return i.Detail
		}
	}
	return ""
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
