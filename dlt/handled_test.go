package dlt

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestHandledMeanwhile: what another job has replayed since the plan was made is left out, by a second plan of the same
// letters as by the resume of a job whose rest was planned again.
func TestHandledMeanwhile(t *testing.T) {
	ctx := context.Background()
	c := springCluster(t, 60)
	first := c.plan(t, PlanOptions{Topic: "orders-dlt", Job: "first"})
	same := c.plan(t, PlanOptions{Topic: "orders-dlt", Job: "same"})
	stop, cancel := context.WithCancel(ctx)
	rep, err := atStep(c, 1, cancel).Replay(stop, newTestDecoder(t), first, ReplayOptions{Session: "s1", Batch: 20})
	if !errors.Is(err, context.Canceled) || rep.Produced != 20 {
		t.Fatalf("%v %+v", err, rep)
	}
	rest := c.plan(t, PlanOptions{Topic: "orders-dlt", Job: "rest"})
	if rep := c.replay(t, rest, ReplayOptions{Session: "s2"}); rep.Selected != 40 || rep.Produced != 40 {
		t.Errorf("the rest: %+v", rep)
	}
	if rep := c.replay(t, first, ReplayOptions{Session: "s3", Resume: true}); rep.State != "done" || rep.Produced != 20 || rep.Skipped != 40 || rep.SkippedRecs[0].Detail != "handled by job rest since the plan was made" {
		t.Errorf("resumed: %+v", rep)
	}
	if rep := c.replay(t, same, ReplayOptions{Session: "s4"}); rep.Produced != 0 || rep.Skipped != 60 {
		t.Errorf("the same letters: %+v", rep)
	}
	c.exactlyOnce(t, "orders", 60)
	if left := c.plan(t, PlanOptions{Topic: "orders-dlt", Job: "left"}).Skipped[0]; left.Records != 60 || !strings.HasPrefix(left.Detail, "handled by job rest and another one, the last at ") {
		t.Errorf("left out: %+v", left)
	}
	again := c.plan(t, PlanOptions{Topic: "orders-dlt", Job: "again", Selection: Selection{Again: true}})
	if rep := c.replay(t, again, ReplayOptions{Session: "s5"}); rep.Produced != 60 {
		t.Errorf("asked for again: %+v", rep)
	}
}

// TestTrimmedBefore: what was trimmed before the first selected letter was not planned, and hinders nobody.
func TestTrimmedBefore(t *testing.T) {
	ctx := context.Background()
	c := springCluster(t, 60)
	offsets := &Offsets{}
	offsets.AddRange(5, 9)
	p := c.plan(t, PlanOptions{Topic: "orders-dlt", Selection: Selection{Offsets: map[int32]*Offsets{0: offsets}}})
	before := kadm.Offsets{}
	before.AddOffset("orders-dlt", 0, 3, -1)
	if _, err := c.Admin.DeleteRecords(ctx, before); err != nil {
		t.Fatal(err)
	}
	if rep := c.replay(t, p, ReplayOptions{Session: "s"}); rep.State != "done" || rep.Produced != 5 {
		t.Errorf("%+v", rep)
	}
}

// TestDuplicatesOfHandled: of a record that died twice the newest is replayed, and the older letter is not what the next
// plan takes. One that dies after that is.
func TestDuplicatesOfHandled(t *testing.T) {
	c := springCluster(t, 0)
	letter := func() *kgo.Record {
		return springLetter("orders-dlt", 0, []byte("k"), []byte("v"), "orders", 0, 7, "x.Y", "no", "")
	}
	c.produce(t, letter(), letter())
	if rep := c.replay(t, c.plan(t, PlanOptions{Topic: "orders-dlt", Job: "one"}), ReplayOptions{Session: "s"}); rep.Produced != 1 {
		t.Fatalf("%+v", rep)
	}
	p, err := c.Plan(context.Background(), newTestDecoder(t), PlanOptions{Topic: "orders-dlt", Job: "two"})
	if err != nil || p.Counts.Selected != 0 {
		t.Fatalf("the older letter is taken: %v %+v", err, p.Counts)
	}
	unresolved := func() int64 {
		l, err := c.List(context.Background(), newTestDecoder(t), ListOptions{Only: []string{"orders-dlt"}})
		if err != nil || l.Unresolved == nil {
			t.Fatalf("%v %+v", err, l)
		}
		return *l.Unresolved
	}
	dup := p.Skipped[0]
	if n := unresolved(); n != dup.Records || !strings.Contains(dup.Detail, "stay unresolved until they are discarded") {
		t.Errorf("%d unresolved, left out: %+v", n, dup)
	}
	if _, err := c.Discard(context.Background(), "three", "s3", "me", "orders-dlt", p.TopicID, "twice", dup.Offsets); err != nil || unresolved() != 0 {
		t.Errorf("discarded: %v, %d unresolved", err, unresolved())
	}
	c.produce(t, letter())
	if p := c.plan(t, PlanOptions{Topic: "orders-dlt", Job: "three"}); p.Counts.Selected != 1 {
		t.Errorf("it died again: %+v", p.Counts)
	}
}

// TestWhereUnknown: a number that a letter does not tell is less than none, and equal to none.
func TestWhereUnknown(t *testing.T) {
	d := newTestDecoder(t)
	r := FromKafka(springLetter("orders-dlt", 0, []byte("k"), []byte("v"), "orders", 2, 7, "x.Y", "no", ""))
	for where, want := range map[string]bool{
		"attempts < 5":                        false,
		"attempts != 3":                       false,
		"attempts == -1":                      false,
		"!(attempts > 5)":                     false,
		`attempts < 5 || class == "x.Y"`:      true,
		`attempts < 5 && class == "x.Z"`:      false,
		"origin_partition == 2":               true,
		"origin_offset >= 7 && partition < 1": true,
	} {
		s := Selection{Where: where}
		if err := s.Compile(); err != nil {
			t.Fatal(err)
		}
		if got, err := s.match(d, r, d.Decode(r)); err != nil || got != want {
			t.Errorf("%s: %v, %v", where, got, err)
		}
	}
}

// TestEmptyOrigin: a letter whose origin is an empty word, or one that no topic can have, does not keep the others back.
func TestEmptyOrigin(t *testing.T) {
	c := springCluster(t, 0)
	c.produce(t,
		springLetter("orders-dlt", 0, []byte("a"), []byte("v"), "", 0, 7, "x.Y", "no", ""),
		springLetter("orders-dlt", 0, []byte("c"), []byte("v"), "../etc", 0, 9, "x.Y", "no", ""),
		springLetter("orders-dlt", 0, []byte("b"), []byte("v"), "orders", 0, 8, "x.Y", "no", ""))
	p := c.plan(t, PlanOptions{Topic: "orders-dlt"})
	if p.Counts.Selected != 1 || len(p.Skipped) != 1 || p.Skipped[0].Records != 2 || p.Skipped[0].Reason != "unrecoverable" {
		t.Errorf("%+v %+v", p.Counts, p.Skipped)
	}
}
