package dlt

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
)

// plan makes a plan over the cluster's dead letter topic.
func (c *testCluster) plan(tb testing.TB, o PlanOptions) *Plan {
	tb.Helper()
	if o.Job == "" {
		o.Job = "job"
	}
	p, err := c.Plan(context.Background(), newTestDecoder(tb), o)
	if err != nil {
		tb.Fatal(err)
	}
	// What runs is what the file holds.
	b, err := p.Encode()
	if err != nil {
		tb.Fatal(err)
	}
	q, err := ReadPlan(bytes.NewReader(b), "plan.json")
	if err != nil {
		tb.Fatal(err)
	}
	return q
}

func (c *testCluster) replay(tb testing.TB, p *Plan, o ReplayOptions) *Report {
	tb.Helper()
	rep, err := c.Replay(context.Background(), newTestDecoder(tb), p, o)
	if err != nil {
		tb.Fatalf("replay: %v (%+v)", err, rep)
	}
	return rep
}

// readAll returns what a read_committed reader sees. The log of a real broker shows a commit a little later, so it is
// polled until it holds want records.
func (c *testCluster) readAll(tb testing.TB, topic string, want int) []*kgo.Record {
	tb.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; {
		spans, err := c.Spans(context.Background(), topic)
		if err != nil {
			tb.Fatal(err)
		}
		var out []*kgo.Record
		if err := c.ReadRanges(context.Background(), topic, stored(spans), func(k *kgo.Record) error {
			out = append(out, k)
			return nil
		}); err != nil {
			tb.Fatal(err)
		}
		if len(out) >= want || time.Now().After(deadline) {
			return out
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// origins fills the origin topic so that the positions of dead letters exist, and returns nothing.
func (c *testCluster) origins(tb testing.TB, topic string, partitions int32, n int) {
	tb.Helper()
	c.topic(tb, topic, partitions, nil)
	var recs []*kgo.Record
	for i := range n {
		recs = append(recs, &kgo.Record{Topic: topic, Partition: int32(i) % partitions, Value: []byte("origin")})
	}
	c.produce(tb, recs...)
}

func source(k *kgo.Record) string {
	for _, h := range k.Headers {
		if h.Key == HeaderReplaySource {
			return string(h.Value)
		}
	}
	return ""
}

func TestReplay(t *testing.T) {
	c := newCluster(t)
	const n = 3000
	c.origins(t, "orders", 3, n)
	c.topic(t, "orders-dlt", 3, nil)
	c.springLetters(t, "orders-dlt", 3, n, 50, "")
	dec := newTestDecoder(t)
	res, err := c.Inspect(context.Background(), "orders-dlt", NewTriage(dec, nil))
	if err != nil {
		t.Fatal(err)
	}
	p := c.plan(t, PlanOptions{Topic: "orders-dlt", Selection: Selection{Causes: []string{res.Causes[0].ID}}})
	if p.Counts.Selected != 2700 || p.Counts.Read != n || p.Counts.NotMatched != 300 || len(p.Targets) != 1 {
		t.Fatalf("plan: %+v %+v", p.Counts, p.Targets)
	}
	// Arrivals after the plan are not replayed.
	c.springLetters(t, "orders-dlt", 3, 30, 50, "")
	rep := c.replay(t, p, ReplayOptions{Session: "s1"})
	if rep.State != "done" || rep.Produced != 2700 || rep.Remaining != 0 || rep.ProducedNow != 2700 {
		t.Fatalf("report: %+v", rep)
	}
	got := c.readAll(t, "orders", n+2700)
	seen := map[string]int{}
	for _, k := range got {
		if s := source(k); s != "" {
			seen[s]++
			for _, h := range k.Headers {
				if strings.HasPrefix(h.Key, "kafka_dlt-") {
					t.Fatalf("a failure header is left: %s", h.Key)
				}
			}
		}
	}
	if len(seen) != 2700 {
		t.Errorf("%d different records were replayed, want 2700", len(seen))
	}
	for s, n := range seen {
		if n != 1 {
			t.Errorf("%s was replayed %d times", s, n)
		}
	}
	// The inverse report names the place of every record.
	var total int64
	for _, o := range rep.Outputs {
		total += o.Records
	}
	if total != 2700 {
		t.Errorf("outputs name %d records", total)
	}
	// The same plan again writes nothing.
	again := c.replay(t, p, ReplayOptions{Session: "s2"})
	if again.State != "done" || again.ProducedNow != 0 || again.Produced != 2700 {
		t.Errorf("again: %+v", again)
	}
	// A new plan over the same records knows what was replayed.
	q := c.plan(t, PlanOptions{Topic: "orders-dlt", Job: "other"})
	if q.Counts.Selected != 327 || q.Counts.Skipped != 2703 || q.Skipped[0].Reason != "dup" || q.Skipped[1].Reason != "replayed" || !strings.Contains(q.Skipped[1].Detail, "job job") {
		t.Errorf("second plan: %+v %+v", q.Counts, q.Skipped)
	}
}

// faultBytes proves that what is not the failure's stays as it was: repeats, order, null, empty, binary.
func faultBytes(t *testing.T) {
	c := newCluster(t)
	c.origins(t, "o", 2, 20)
	c.topic(t, "o-dlt", 2, nil)
	own := []kgo.RecordHeader{
		{Key: "tag", Value: []byte("1")},
		{Key: "tag", Value: []byte("2")},
		{Key: "nil", Value: nil},
		{Key: "empty", Value: []byte{}},
		{Key: "raw", Value: []byte{0, 255, 128}},
		{Key: "ключ", Value: []byte("значение")},
	}
	letter := func(p int32, o int64, key, value []byte) *kgo.Record {
		k := springLetter("o-dlt", p, key, value, "o", p, o, "x.Y", "no", "")
		k.Headers = append(slices.Clone(own), k.Headers...)
		return k
	}
	c.produce(t,
		letter(0, 1, nil, nil), letter(0, 2, []byte{}, []byte{}), letter(1, 3, []byte{0, 1}, []byte{255}), letter(1, 4, []byte("k"), nil))
	rep := c.replay(t, c.plan(t, PlanOptions{Topic: "o-dlt", PartitionMode: PartitionOriginal}), ReplayOptions{Session: "s"})
	if rep.Produced != 4 {
		t.Fatalf("report: %+v", rep)
	}
	type kv struct{ Key, Value []byte }
	var got []kv
	for _, k := range c.readAll(t, "o", 24) {
		if source(k) == "" {
			continue
		}
		got = append(got, kv{k.Key, k.Value})
		hs := k.Headers[:len(own)]
		if d := cmp.Diff(own, hs); d != "" {
			t.Errorf("headers (-want +got):\n%s", d)
		}
		if len(k.Headers) != len(own)+5 {
			t.Errorf("headers behind the own ones: %v", k.Headers[len(own):])
		}
	}
	slices.SortFunc(got, func(a, b kv) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	want := []kv{{nil, nil}, {[]byte{}, []byte{}}, {[]byte{0, 1}, []byte{255}}, {[]byte("k"), nil}}
	slices.SortFunc(want, func(a, b kv) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("keys and values (-want +got):\n%s", d)
	}
}

// faultTooLarge finds the record that the target refuses and delivers all others.
func faultTooLarge(t *testing.T) {
	c := newCluster(t)
	small := "2000"
	c.topic(t, "t", 1, map[string]*string{"max.message.bytes": &small})
	c.topic(t, "t-dlt", 1, nil)
	var recs []*kgo.Record
	for i := range 20 {
		n := 10
		if i == 7 || i == 13 {
			n = 5000
		}
		value := make([]byte, n)
		_, _ = rand.Read(value) // not to be compressed away
		recs = append(recs, springLetter("t-dlt", 0, []byte("k"), value, "t", 0, int64(i), "x.Y", "no", ""))
	}
	c.produce(t, recs...)
	p := c.plan(t, PlanOptions{Topic: "t-dlt"})
	rep := c.replay(t, p, ReplayOptions{Session: "s"})
	if rep.Produced != 18 || rep.Failed != 2 || rep.Remaining != 0 {
		t.Fatalf("report: %+v", rep)
	}
	if f := rep.FailedRecords; f[0].Offset != 7 || f[1].Offset != 13 || f[0].Reason != "too-large" {
		t.Errorf("failed: %+v", f)
	}
	if got := c.readAll(t, "t", 18); len(got) != 18 {
		t.Errorf("%d records in the target, want 18", len(got))
	}
}

// TestGates checks that the world is the one of the plan.
func TestGates(t *testing.T) {
	ctx := context.Background()
	dec := newTestDecoder(t)
	prepare := func(t *testing.T) (*testCluster, *Plan) {
		t.Helper()
		c := newCluster(t)
		c.origins(t, "orders", 2, 20)
		c.topic(t, "orders-dlt", 2, nil)
		c.springLetters(t, "orders-dlt", 2, 10, 5, "")
		return c, c.plan(t, PlanOptions{Topic: "orders-dlt"})
	}
	run := func(t *testing.T, c *testCluster, p *Plan, want string) {
		t.Helper()
		rep, err := c.Replay(ctx, dec, p, ReplayOptions{Session: "s"})
		if _, ok := errors.AsType[*GateError](err); !ok || !strings.Contains(err.Error(), want) {
			t.Errorf("want a gate with %q, have %v (%+v)", want, err, rep)
		}
		if rep.ProducedNow != 0 {
			t.Errorf("%d records were written", rep.ProducedNow)
		}
		// A resume is told only where the journal knows the job: this one never began.
		if rep.Resume != "" || !strings.HasSuffix(rep.Reason, ": plan again") {
			t.Errorf("told to go on with %q, because %q", rep.Resume, rep.Reason)
		}
	}
	t.Run("target made anew", func(t *testing.T) {
		c, p := prepare(t)
		if err := c.fake.DeleteTopic("orders"); err != nil {
			t.Fatal(err)
		}
		run(t, c, p, "does not exist any more")
		c.topic(t, "orders", 2, nil)
		run(t, c, p, "made anew")
	})
	t.Run("dead letters made anew", func(t *testing.T) {
		c, p := prepare(t)
		if err := c.fake.DeleteTopic("orders-dlt"); err != nil {
			t.Fatal(err)
		}
		c.topic(t, "orders-dlt", 2, nil)
		run(t, c, p, "made anew")
	})
	t.Run("trimmed", func(t *testing.T) {
		c, p := prepare(t)
		if err := c.fake.DeleteRecords("orders-dlt", 0, 3); err != nil {
			t.Fatal(err)
		}
		run(t, c, p, "3 planned records are gone, offsets 0-2")
	})
	t.Run("expired", func(t *testing.T) {
		c, p := prepare(t)
		later := *c.Conn
		later.Now = func() time.Time { return time.Now().Add(25 * time.Hour) }
		rep, err := later.Replay(ctx, dec, p, ReplayOptions{})
		if err == nil || !strings.Contains(err.Error(), "expired") || rep.Resume != "" || !strings.HasSuffix(rep.Reason, ": plan again") {
			t.Errorf("want expired, have %v (%+v)", err, rep)
		}
	})
	t.Run("begun", func(t *testing.T) {
		c, p := prepare(t)
		first, cancel := context.WithCancel(ctx)
		conn := *c.Conn
		conn.Events = func(e Event) {
			if e.Stage == "replay" {
				cancel()
			}
		}
		if rep, err := conn.Replay(first, dec, p, ReplayOptions{Session: "s1", Batch: 4}); !errors.Is(err, context.Canceled) || rep.Produced != 4 {
			t.Fatalf("%v %+v", err, rep)
		}
		// What was replayed is told, not 0, and an expired plan does not stop a job that began.
		conn.Events, conn.Now = nil, func() time.Time { return time.Now().Add(25 * time.Hour) }
		rep, err := conn.Replay(ctx, dec, p, ReplayOptions{Session: "s2"})
		if err == nil || rep.Produced != 4 || rep.Remaining != 6 || rep.Resume != "weir dlt resume job" || strings.Contains(rep.Reason, "plan again") {
			t.Errorf("expired: %v %+v", err, rep)
		}
		if err := c.fake.DeleteTopic("orders"); err != nil {
			t.Fatal(err)
		}
		rep, err = c.Replay(ctx, dec, p, ReplayOptions{Session: "s3", Resume: true})
		if err == nil || rep.Produced != 4 || rep.Remaining != 6 || rep.Resume != "" || !strings.HasSuffix(rep.Reason, ": plan again") {
			t.Errorf("target gone: %v %+v", err, rep)
		}
		// The journal of another cluster's job is there: nothing is known here.
		p.ClusterID = "another"
		if rep, err := c.Replay(ctx, dec, p, ReplayOptions{Session: "s4"}); err == nil || rep.Known || rep.Resume != "" {
			t.Errorf("another cluster: %v %+v", err, rep)
		}
	})
	t.Run("changed plan", func(t *testing.T) {
		_, p := prepare(t)
		p.Counts.Selected++
		b, _ := p.Encode()
		if _, err := ReadPlan(bytes.NewReader(b), "p"); err == nil || !strings.Contains(err.Error(), "digest differs") {
			t.Errorf("want a digest error, have %v", err)
		}
	})
	t.Run("other record", func(t *testing.T) {
		c, p := prepare(t)
		p.Ranges[0].CRCs[0] ^= 1
		p.Digest = p.digest()
		rep, err := c.Replay(ctx, dec, p, ReplayOptions{Session: "s"})
		if err == nil || !strings.Contains(err.Error(), "is not the record of the plan") || rep.ProducedNow != 0 {
			t.Errorf("%v %+v", err, rep)
		}
	})
}
