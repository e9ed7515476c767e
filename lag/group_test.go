package lag

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestParseTarget(t *testing.T) {
	for in, want := range map[string]Target{
		"start":                 {From: FromStart},
		"end":                   {From: FromEnd},
		"start+5":               {From: FromStart, N: 5},
		"end-5":                 {From: FromEnd, N: -5},
		"17":                    {From: FromOffset, N: 17},
		"+3":                    {From: FromCurrent, N: 3},
		"-3":                    {From: FromCurrent, N: -3},
		"@-1h":                  {From: FromTime, At: t0.Add(-time.Hour)},
		"@-7d":                  {From: FromTime, At: t0.Add(-7 * 24 * time.Hour)},
		"@1700000000000":        {From: FromTime, At: time.UnixMilli(1700000000000)},
		"@2026-03-01T11:00:00Z": {From: FromTime, At: t0.Add(-time.Hour)},
	} {
		got, err := ParseTarget(in, t0)
		if err != nil || got.From != want.From || got.N != want.N || !got.At.Equal(want.At) {
			t.Errorf("%s: %+v, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "begin", "start-1", "end+1", "+", "-", "1.5", " 1", "1_000", "@", "@-", "@--1h", "@yesterday", "@2026-03-01", "@-1h:", "99999999999999999999", "+-3"} {
		if got, err := ParseTarget(in, t0); err == nil {
			t.Errorf("%q was read as %+v", in, got)
		}
	}
}

func FuzzParseTarget(f *testing.F) {
	for _, s := range []string{"start+5", "end-1", "@-1h", "@1700000000000", "-3", "@2026-03-01T12:00:00+01:00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseTarget(s, t0)
		if err != nil {
			return
		}
		b, err := ParseTarget(a.String(), t0)
		if err != nil || a.From != b.From || a.N != b.N || !a.At.Equal(b.At) {
			t.Errorf("%q is %+v, written %q, read again %+v, %v", s, a, a.String(), b, err)
		}
	})
}

func TestParseScope(t *testing.T) {
	for in, want := range map[string]Scope{
		"orders":       {Topic: "orders"},
		"orders:0":     {Topic: "orders", Partitions: []int32{0}},
		"orders:5-7,0": {Topic: "orders", Partitions: []int32{0, 5, 6, 7}},
		"orders:1,1":   {Topic: "orders", Partitions: []int32{1}},
	} {
		got, err := ParseScope(in)
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("%s: %v %s", in, err, d)
		}
	}
	for _, in := range []string{"", ":0", "orders:", "orders:x", "orders:3-1", "orders:0-99999999", "orders:-1"} {
		if got, err := ParseScope(in); err == nil {
			t.Errorf("%q was read as %+v", in, got)
		}
	}
}

func TestReadOffsets(t *testing.T) {
	want := []Offset{{Partition{"orders", 0}, 5}, {Partition{"orders", 1}, 7}, {Partition{"pay,ments", 0}, 0}}
	for name, in := range map[string]string{
		"one group":     "orders,1,7\norders,0,5\n\"pay,ments\",0,0\n",
		"several":       "billing,orders,1,7\nother,orders,0,99\nbilling,orders,0,5\nbilling,\"pay,ments\",0,0\n",
		"with a header": "TOPIC,PARTITION,OFFSET\norders,1,7\norders,0,5\n\"pay,ments\",0,0\n",
	} {
		got, _, err := ReadOffsets(strings.NewReader(in), "f.csv", "billing")
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("%s: %v %s", name, err, d)
		}
	}
	for in, msg := range map[string]string{
		"":                              "f.csv: no offsets",
		"orders,0\n":                    "f.csv:1:1: 2 columns",
		"orders,0,1\norders,x,1\n":      "f.csv:2:8: unreadable partition",
		"orders,0,-1\n":                 "f.csv:1:10: unreadable offset",
		"orders,0,1\norders,0,2\n":      "f.csv:2:1: orders/0 again, first on line 1",
		"other,orders,0,1\n":            "no line of group billing; it holds other",
		"orders,0,\"1\n":                "f.csv:",
		"orders,99999999999,1\n":        "unreadable partition",
		",0,1\n":                        "no topic",
		"orders,0,99999999999999999999": "unreadable offset",
	} {
		if _, _, err := ReadOffsets(strings.NewReader(in), "f.csv", "billing"); err == nil || !strings.Contains(err.Error(), msg) {
			t.Errorf("%q: %v, want %q", in, err, msg)
		}
	}
	var b bytes.Buffer
	if err := WriteOffsets(&b, want); err != nil {
		t.Fatal(err)
	}
	if again, _, err := ReadOffsets(&b, "f.csv", "billing"); err != nil || cmp.Diff(want, again) != "" {
		t.Errorf("written and read again: %v %v", again, err)
	}
}

func FuzzReadOffsets(f *testing.F) {
	f.Add("orders,1,7\norders,0,5\n")
	f.Add("billing,orders,1,7\n")
	f.Fuzz(func(t *testing.T, s string) {
		os, _, err := ReadOffsets(strings.NewReader(s), "f.csv", "billing")
		if err != nil {
			return
		}
		var b bytes.Buffer
		if err := WriteOffsets(&b, os); err != nil {
			t.Fatal(err)
		}
		if again, _, err := ReadOffsets(&b, "f.csv", "billing"); err != nil || cmp.Diff(os, again) != "" {
			t.Errorf("%q: %v, %v", s, again, err)
		}
	})
}

// shop is two topics with two partitions of ten records each, one a minute, the last
// now, and two groups.
func shop(t *testing.T) *fixture {
	f := start(t)
	now := time.Now()
	for _, topic := range []string{"orders", "payments"} {
		f.topic(topic, 2)
		for p := range int32(2) {
			f.produce(topic, p, 10, func(i int) time.Time { return now.Add(time.Duration(i-9) * time.Minute) })
		}
	}
	f.commit("billing", "orders", 0, 4)
	f.commit("billing", "payments", 1, 6)
	f.commit("mailer", "orders", 0, 9)
	f.commit("mailer", "orders", 1, 2)
	return f
}

func (f *fixture) committed(group string) map[Partition]int64 {
	f.t.Helper()
	os, err := f.reader().Offsets(context.Background(), group, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	m := map[Partition]int64{}
	for _, o := range os {
		m[o.Partition] = o.Offset
	}
	return m
}

func TestReset(t *testing.T) {
	ctx := context.Background()
	target := func(s string) *Target {
		tg, err := ParseTarget(s, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return &tg
	}
	o0, o1, p1 := Partition{"orders", 0}, Partition{"orders", 1}, Partition{"payments", 1}
	for _, c := range []struct {
		name string
		q    ResetRequest
		want map[Partition]int64
	}{
		{"start", ResetRequest{Target: target("start")}, map[Partition]int64{o0: 0, p1: 0}},
		{"end of one topic", ResetRequest{Target: target("end"), Scopes: []Scope{{Topic: "orders"}}}, map[Partition]int64{o0: 10, o1: 10, p1: 6}},
		{"one partition", ResetRequest{Target: target("3"), Scopes: []Scope{{Topic: "orders", Partitions: []int32{1}}}}, map[Partition]int64{o0: 4, o1: 3, p1: 6}},
		{"forward", ResetRequest{Target: target("+2")}, map[Partition]int64{o0: 6, p1: 8}},
		{"back, not below the start", ResetRequest{Target: target("-5")}, map[Partition]int64{o0: 0, p1: 1}},
		{"above the end", ResetRequest{Target: target("99")}, map[Partition]int64{o0: 10, p1: 10}},
		{"from the ends", ResetRequest{Target: target("end-3")}, map[Partition]int64{o0: 7, p1: 7}},
		{"by age", ResetRequest{Target: target("@-150s")}, map[Partition]int64{o0: 7, p1: 7}},
		{"younger than every record", ResetRequest{Target: &Target{From: FromTime, At: time.Now().Add(time.Hour)}}, map[Partition]int64{o0: 10, p1: 10}},
		{"like another group", ResetRequest{Like: "mailer"}, map[Partition]int64{o0: 9, o1: 2, p1: 6}},
		{"from a file", ResetRequest{Offsets: []Offset{{o0, 1}, {p1, 2}}, Scopes: []Scope{{Topic: "orders"}}}, map[Partition]int64{o0: 1, p1: 6}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := shop(t)
			c.q.Group = "billing"
			before := f.committed("mailer")
			plan, err := f.reader().PlanReset(ctx, c.q)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(map[Partition]int64{o0: 4, p1: 6}, f.committed("billing")); d != "" {
				t.Errorf("planning moved offsets: %s", d)
			}
			if n, err := f.reader().Reset(ctx, plan); err != nil || n != 0 {
				t.Fatal(n, err)
			}
			if d := cmp.Diff(c.want, f.committed("billing")); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(before, f.committed("mailer")); d != "" {
				t.Errorf("the other group moved: %s", d)
			}
		})
	}
}

func TestWhatAResetCosts(t *testing.T) {
	f := shop(t)
	plan, err := f.reader().PlanReset(context.Background(), ResetRequest{Group: "billing", Target: &Target{From: FromOffset, N: 5}})
	if err != nil {
		t.Fatal(err)
	}
	if m := plan.Moves[0]; *m.Replayed != 0 || *m.Passed != 1 {
		t.Errorf("orders/0 from 4 to 5: %+v", m)
	}
	if m := plan.Moves[1]; *m.Replayed != 1 || *m.Passed != 0 {
		t.Errorf("payments/1 from 6 to 5: %+v", m)
	}
	// What was never committed tells nothing about what was read.
	plan, err = f.reader().PlanReset(context.Background(), ResetRequest{Group: "billing", Target: &Target{From: FromEnd}, Scopes: []Scope{{Topic: "payments"}}})
	if err != nil {
		t.Fatal(err)
	}
	if m := plan.Moves[0]; m.From != nil || m.End == m.Start || m.Replayed != nil || m.Passed != nil {
		t.Errorf("payments/0, never committed, to the end: %+v", m)
	}
}

func TestResetRefuses(t *testing.T) {
	ctx := context.Background()
	f := shop(t)
	live := f.client(kgo.ConsumerGroup("live"), kgo.ConsumeTopics("orders"), kgo.InstanceID("pod-7"))
	live.PollFetches(ctx)
	end := &Target{From: FromEnd}
	for _, c := range []struct {
		name string
		q    ResetRequest
		want string
	}{
		{"a group that does not exist", ResetRequest{Group: "biling", Target: end}, "group biling does not exist"},
		{"a live group", ResetRequest{Group: "live", Target: end}, "with 1 live member (pod-7 at"},
		{"like a group that does not exist", ResetRequest{Group: "billing", Like: "nope"}, "group nope does not exist"},
		{"a topic that does not exist", ResetRequest{Group: "billing", Target: end, Scopes: []Scope{{Topic: "order"}}}, "read topic order"},
		{"a partition that does not exist", ResetRequest{Group: "billing", Target: end, Scopes: []Scope{{Topic: "orders", Partitions: []int32{7}}}}, "no partition 7, it has 2"},
		{"offsets of another topic", ResetRequest{Group: "billing", Offsets: []Offset{{Partition{"payments", 0}, 1}}, Scopes: []Scope{{Topic: "orders"}}}, "none of the offsets"},
	} {
		plan, err := f.reader().PlanReset(ctx, c.q)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %+v, %v", c.name, plan, err)
		}
	}
	// A group that comes to life between the plan and the act is left alone as well.
	plan, err := f.reader().PlanReset(ctx, ResetRequest{Group: "billing", Target: end})
	if err != nil {
		t.Fatal(err)
	}
	late := f.client(kgo.ConsumerGroup("billing"), kgo.ConsumeTopics("orders"))
	late.PollFetches(ctx)
	var refusal *RefusedError
	if _, err := f.reader().Reset(ctx, plan); !errors.As(err, &refusal) {
		t.Errorf("reset of a group that woke up: %v", err)
	}
	groups := f.read(Query{})
	if len(groups.Groups) != 3 {
		t.Errorf("a refusal left groups behind: %d", len(groups.Groups))
	}
}

func TestDelete(t *testing.T) {
	ctx := context.Background()
	f := shop(t)
	r := f.reader()
	p, err := r.PlanDelete(ctx, "billing", []string{"orders"})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := r.Delete(ctx, p); err != nil || n != 0 {
		t.Fatal(n, err)
	}
	if d := cmp.Diff(map[Partition]int64{{"payments", 1}: 6}, f.committed("billing")); d != "" {
		t.Error(d)
	}
	if _, err := r.PlanDelete(ctx, "billing", []string{"orders"}); err == nil {
		t.Error("offsets were deleted twice")
	}
	if p, err = r.PlanDelete(ctx, "billing", nil); err != nil {
		t.Fatal(err)
	}
	if n, err := r.Delete(ctx, p); err != nil || n != 0 {
		t.Fatal(n, err)
	}
	var nf *NotFoundError
	if _, err := r.PlanDelete(ctx, "billing", nil); !errors.As(err, &nf) {
		t.Errorf("got %v", err)
	}
	if len(f.committed("mailer")) != 2 {
		t.Error("the other group lost offsets")
	}
}

func TestRemoveMember(t *testing.T) {
	ctx := context.Background()
	f := shop(t)
	for _, group := range []string{"live", "other"} {
		cl := f.client(kgo.ConsumerGroup(group), kgo.ConsumeTopics("orders"), kgo.InstanceID("pod-1"))
		cl.PollFetches(ctx)
		cl.Close() // a static member stays in its group
	}
	r := f.reader()
	if _, err := r.PlanRemove(ctx, "live", []string{"pod-9"}); err == nil || !strings.Contains(err.Error(), "among pod-1") {
		t.Errorf("unknown member: %v", err)
	}
	p, err := r.PlanRemove(ctx, "live", []string{"pod-1"})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := r.Remove(ctx, p); err != nil || n != 0 {
		t.Fatal(n, err)
	}
	q := ResetRequest{Group: "live", Target: &Target{From: FromEnd}, Scopes: []Scope{{Topic: "orders"}}}
	if _, err := r.PlanReset(ctx, q); err != nil {
		t.Errorf("the group is still in use: %v", err)
	}
	q.Group = "other"
	if _, err := r.PlanReset(ctx, q); err == nil || !strings.Contains(err.Error(), "pod-1") {
		t.Errorf("the other group lost its member: %v", err)
	}
}
