package dlt

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestLife walks from the first look to the purge: list, replay a part, discard the rest, purge what is handled.
func TestLife(t *testing.T) {
	ctx := context.Background()
	c := newCluster(t)
	dec := newTestDecoder(t)
	c.origins(t, "orders", 3, 300)
	c.topic(t, "orders-dlt", 3, nil)
	c.topic(t, "empty.dlq", 1, nil)
	c.springLetters(t, "orders-dlt", 3, 300, 10, "")
	list := func() map[string]ListedTopic {
		t.Helper()
		l, err := c.List(ctx, dec, ListOptions{Declared: map[string]string{"orders-dlt": "team-a", "missing-dlt": "team-b"}})
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]ListedTopic{}
		for _, r := range l.Topics {
			out[r.Topic] = r
		}
		if !strings.Contains(strings.Join(l.Notes, "\n"), "missing-dlt is declared") {
			t.Errorf("notes: %v", l.Notes)
		}
		return out
	}
	// Without a journal nobody knows what is unresolved, and nobody says 0.
	before := list()
	o := before["orders-dlt"]
	if deref(o.Stored) != 300 || o.Unresolved != nil || deref(o.Owner) != "team-a" || deref(o.Origin) != "orders" || len(o.Dialects) != 1 {
		t.Errorf("before: %+v", o)
	}
	if e := before["empty.dlq"]; deref(e.Stored) != 0 || e.Unresolved == nil || *e.Unresolved != 0 || e.OldestMS != nil {
		t.Errorf("empty: %+v", e)
	}
	p := c.plan(t, PlanOptions{Topic: "orders-dlt", Selection: Selection{Where: `class == "demo.QuotaExceeded" && offset < 50`}})
	rep := c.replay(t, p, ReplayOptions{Session: "s"})
	if o := list()["orders-dlt"]; deref(o.Unresolved) != 300-rep.Produced || o.Unresolved == nil {
		t.Errorf("after the replay of %d: %+v", rep.Produced, o)
	}
	// Nothing may be purged behind a record that nobody handled.
	pp, err := c.PlanPurge(ctx, "orders-dlt")
	if err != nil {
		t.Fatal(err)
	}
	if pp.Records >= rep.Produced || pp.Records == 0 {
		t.Errorf("purge of %d records, %d were replayed and some lie behind others", pp.Records, rep.Produced)
	}
	id, offsets, n, err := c.Select(ctx, dec, "orders-dlt", Selection{UntilMS: new(time.Now().Add(time.Hour).UnixMilli())})
	if err != nil {
		t.Fatal(err)
	}
	if n != 300-rep.Produced {
		t.Errorf("%d records are left to discard", n)
	}
	res, err := c.Discard(ctx, "d1", "s", "me", "orders-dlt", id, "test data", offsets)
	if err != nil || res.Records != n {
		t.Fatalf("discard: %+v %v", res, err)
	}
	if o := list()["orders-dlt"]; deref(o.Unresolved) != 0 || deref(o.Stored) != 300 {
		t.Errorf("after the discard: %+v", o)
	}
	if pp, err = c.PlanPurge(ctx, "orders-dlt"); err != nil || pp.Records != 300 || pp.Remaining != 0 {
		t.Fatalf("purge: %+v %v", pp, err)
	}
	var archive bytes.Buffer
	w := NewArchiveWriter(&archive)
	if err := c.Archive(ctx, pp, w); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.Purge(ctx, pp); err != nil {
		t.Fatal(err)
	}
	if o := list()["orders-dlt"]; deref(o.Stored) != 0 {
		t.Errorf("after the purge: %+v", o)
	}
	// What was archived can be brought back, the same.
	c.topic(t, "again", 3, nil)
	in, err := c.Import(ctx, bytes.NewReader(archive.Bytes()), "archive", "again")
	if err != nil || in.Records != 300 {
		t.Fatalf("import: %+v %v", in, err)
	}
	var second bytes.Buffer
	w2 := NewArchiveWriter(&second)
	if n, err := c.Export(ctx, dec, "again", Selection{}, w2); err != nil || n != 300 {
		t.Fatal(n, err)
	}
	if err := w2.Close(); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(sortedArchive(t, archive.Bytes()), sortedArchive(t, second.Bytes())); d != "" {
		t.Errorf("archives differ (-first +second):\n%s", d)
	}
}

// sortedArchive is the content of an archive by partition and order, without topic and offset.
func sortedArchive(t *testing.T, b []byte) map[int32][]string {
	t.Helper()
	out := map[int32][]string{}
	for r, err := range ReadArchive(bytes.NewReader(b), "archive") {
		if err != nil {
			t.Fatal(err)
		}
		var one bytes.Buffer
		w := NewArchiveWriter(&one)
		p := r.Partition
		r.Topic, r.Offset = "", 0
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
		_ = w.Close()
		out[p] = append(out[p], one.String())
	}
	return out
}

// TestJournalHeldByAnotherJob is what random kills never find: another job hangs in our partition of the journal, in
// front of entries that we commit later. Read to the last stable offset they are not there, and everything they stand
// for would be replayed twice.
func TestJournalHeldByAnotherJob(t *testing.T) {
	ctx := context.Background()
	c := newCluster(t)
	c.origins(t, "orders", 3, 600)
	c.topic(t, "orders-dlt", 3, nil)
	c.springLetters(t, "orders-dlt", 3, 600, 10, "")
	p := c.plan(t, PlanOptions{Topic: "orders-dlt", Job: "ours"})
	foreign, err := c.Client(kgo.TransactionalID("weir-replay-theirs"), kgo.TransactionTimeout(5*time.Second), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer foreign.Close()
	cctx, cancel := context.WithCancel(ctx)
	defer cancel()
	first := *c.Conn
	batches := 0
	first.Events = func(e Event) {
		if e.Stage != "replay" {
			return
		}
		switch batches++; batches {
		case 1: // they write their entry and hang
			if err := foreign.BeginTransaction(); err != nil {
				t.Error(err)
			}
			hang := &kgo.Record{Topic: JournalTopic, Partition: journalPartition("ours", journalPartitions), Key: []byte("theirs/0"), Value: []byte(`{"v":1,"kind":"start","job":"theirs"}`)}
			if err := foreign.ProduceSync(ctx, hang).FirstErr(); err != nil {
				t.Error(err)
			}
		case 4: // three of our batches are committed behind that
			cancel()
		}
	}
	rep, err := first.Replay(cctx, newTestDecoder(t), p, ReplayOptions{Session: "s1", Batch: 50})
	if !errors.Is(err, context.Canceled) || rep.Produced != 200 || rep.State != "interrupted" {
		t.Fatalf("first session: %v %+v", err, rep)
	}
	// Whoever does not wait must refuse, and name the holder.
	info, err := c.findJournal(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.jobProgress(ctx, "ours", info, time.Second); err == nil || !strings.Contains(err.Error(), "weir-replay-theirs holds "+JournalTopic) {
		t.Errorf("want a refusal that names the holder, have %v", err)
	}
	told := false
	second := *c.Conn
	second.Events = func(e Event) {
		told = told || e.Stage == "wait" && strings.Contains(e.Note, "weir-replay-theirs holds "+JournalTopic)
	}
	rep, err = second.Replay(ctx, newTestDecoder(t), p, ReplayOptions{Session: "s2", Resume: true})
	if err != nil || rep.ProducedNow != 400 || rep.Produced != 600 {
		t.Errorf("second session: %v %+v", err, rep)
	}
	if !told {
		t.Error("nobody was told what the resume waited for")
	}
	seen := map[string]int{}
	for _, k := range c.readAll(t, "orders", 1200) {
		if s := source(k); s != "" {
			seen[s]++
		}
	}
	if len(seen) != 600 {
		t.Errorf("%d records, want 600", len(seen))
	}
	for s, n := range seen {
		if n > 1 {
			t.Errorf("%s was replayed %d times", s, n)
		}
	}
}

// TestSecondOperator: the one who comes later has the job, the other one stops and stays stopped.
func TestSecondOperator(t *testing.T) {
	c := newCluster(t)
	c.origins(t, "orders", 3, 600)
	c.topic(t, "orders-dlt", 3, nil)
	c.springLetters(t, "orders-dlt", 3, 600, 10, "")
	p := c.plan(t, PlanOptions{Topic: "orders-dlt", Job: "shared"})
	first := *c.Conn
	var secondReport *Report
	n := 0
	first.Events = func(e Event) {
		if e.Stage == "replay" {
			if n++; n == 3 {
				secondReport = c.replay(t, p, ReplayOptions{Session: "second", Operator: "bob"})
			}
		}
	}
	rep, err := first.Replay(context.Background(), newTestDecoder(t), p, ReplayOptions{Session: "first", Operator: "alice", Batch: 50})
	if _, ok := errors.AsType[*FencedError](err); !ok {
		t.Fatalf("want fenced, have %v", err)
	}
	if secondReport == nil || secondReport.State != "done" || secondReport.Produced != 600 || rep.ProducedNow+secondReport.ProducedNow != 600 {
		t.Errorf("first %+v\nsecond %+v", rep, secondReport)
	}
	if rep.Resume == "" {
		t.Error("no way to go on is told")
	}
	if got := len(c.readAll(t, "orders", 1200)); got != 1200 {
		t.Errorf("%d records in the target, want 1200", got)
	}
}

// TestWatch notices a dead letter that arrives, with the delay, and not the ones that lay there.
func TestWatch(t *testing.T) {
	c := newCluster(t)
	c.topic(t, "orders-dlt", 1, nil)
	c.springLetters(t, "orders-dlt", 1, 5, 5, "")
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	enough := errors.New("enough")
	started := make(chan struct{})
	go func() {
		for i := int64(0); ctx.Err() == nil; i++ { // until the watch has begun and sees one
			c.produce(t, springLetter("orders-dlt", 0, []byte("k"), nil, "orders", 0, 100+i, "demo.New", "no", ""))
			select {
			case <-started:
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	}()
	err := c.Watch(ctx, newTestDecoder(t), []string{"orders-dlt"}, func(a *Arrival) error {
		close(started)
		if deref(a.Class) != "demo.New" || a.Offset < 5 || a.DelayMS == nil || *a.Origin.Offset < 100 {
			t.Errorf("arrival: %+v", a)
		}
		return enough
	})
	if !errors.Is(err, enough) {
		t.Error(err)
	}
}

func TestAbort(t *testing.T) {
	ctx := context.Background()
	c := newCluster(t)
	c.origins(t, "orders", 3, 300)
	c.topic(t, "orders-dlt", 3, nil)
	c.springLetters(t, "orders-dlt", 3, 300, 10, "")
	p := c.plan(t, PlanOptions{Topic: "orders-dlt", Job: "stop"})
	cctx, cancel := context.WithCancel(ctx)
	first := *c.Conn
	first.Events = func(e Event) {
		if e.Stage == "replay" {
			cancel()
		}
	}
	if _, err := first.Replay(cctx, newTestDecoder(t), p, ReplayOptions{Session: "s1", Batch: 50}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	state, plan, err := c.JobState(ctx, "stop")
	if err != nil || plan == nil || plan.Digest != p.Digest || deref(state.Produced) != 50 {
		t.Fatalf("state %+v, plan %v, %v", state, plan != nil, err)
	}
	// What the first look cannot read is read when the job is taken over, and never told as 0.
	fault := c.fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.ListOffsets}, Topic: JournalTopic, Err: kerr.UnknownServerError, Count: -1})
	blind := *c.Conn
	made := 0
	blind.Client = func(opts ...kgo.Opt) (*kgo.Client, error) {
		if made++; made == 1 { // the one that takes over
			fault.Remove()
		}
		return c.Client(opts...)
	}
	if state, err = blind.Abort(ctx, "stop", "s2", "me"); err != nil || deref(state.Produced) != 50 || state.WasState == "unknown" {
		t.Fatalf("%v %+v", err, state)
	}
	if _, err := c.Replay(ctx, newTestDecoder(t), p, ReplayOptions{Session: "s3", Resume: true}); err == nil || !strings.Contains(err.Error(), "was aborted") {
		t.Errorf("resume of an aborted job: %v", err)
	}
	if _, _, err := c.JobState(ctx, "nobody"); err == nil || !strings.Contains(err.Error(), "does not know") {
		t.Errorf("unknown job: %v", err)
	}
}

// TestAbortedMeanwhile: a session whose job is aborted stops, and does not ask for it to be resumed.
func TestAbortedMeanwhile(t *testing.T) {
	c := springCluster(t, 60)
	p := c.plan(t, PlanOptions{Topic: "orders-dlt", Job: "stop"})
	first := atStep(c, 2, func() {
		if _, err := c.Abort(context.Background(), "stop", "s2", "me"); err != nil {
			t.Error(err)
		}
	})
	rep, err := first.Replay(context.Background(), newTestDecoder(t), p, ReplayOptions{Session: "s1", Batch: 20})
	fenced, ok := errors.AsType[*FencedError](err)
	if !ok || !strings.Contains(fenced.Error(), "was aborted meanwhile") || strings.Contains(fenced.Hint(), "resume") || rep.Resume != "" || rep.Produced != 40 {
		t.Errorf("%v %+v", err, rep)
	}
}

// TestDiscovery finds topics that no catalog and no usual name tells of: by a group's name, and by what lies in them.
func TestDiscovery(t *testing.T) {
	ctx := context.Background()
	c := newCluster(t)
	for _, name := range []string{"orders", "errors.billing.incoming", "parked", "graveyard", "quiet", "billing.views", "weird.failed.mailer"} {
		c.topic(t, name, 3, nil)
	}
	for _, g := range []string{"billing", "mailer", "x"} {
		offsets := kadm.Offsets{}
		offsets.AddOffset("orders", 0, 0, -1)
		if err := c.Admin.CommitAllOffsets(ctx, g, offsets); err != nil {
			t.Fatal(err)
		}
	}
	plain := func(topic string, n int) (out []*kgo.Record) {
		for i := range n {
			out = append(out, &kgo.Record{Topic: topic, Partition: int32(i % 3), Value: []byte("v"), Headers: []kgo.RecordHeader{{Key: "ce_id", Value: []byte("1")}}})
		}
		return out
	}
	c.produce(t, plain("orders", 50)...)
	c.produce(t, plain("billing.views", 5)...)
	letter := springLetter("graveyard", 1, []byte("k"), []byte("v"), "orders", 0, 3, "x.Y", "no", "")
	letter.Headers = append(letter.Headers, kgo.RecordHeader{Key: "kafka_dlt-original-consumer-group", Value: []byte("ledger")})
	c.produce(t, letter)
	l, err := c.List(ctx, newTestDecoder(t), ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, r := range l.Topics {
		got[r.Topic] = strings.Join(r.FoundBy, ",") + " " + strings.Join(r.Groups, ",")
	}
	want := map[string]string{"errors.billing.incoming": "group billing", "weird.failed.mailer": "group mailer", "graveyard": "content ledger"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("found (-want +got):\n%s", d)
	}
	// A broker that does not answer for its partitions hides nothing in those of the others.
	fault := c.fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.ListOffsets}, Topic: "quiet", Err: kerr.LeaderNotAvailable, Count: -1})
	if l, err = c.List(ctx, newTestDecoder(t), ListOptions{}); err != nil || !slices.ContainsFunc(l.Topics, func(r ListedTopic) bool { return r.Topic == "graveyard" }) {
		t.Errorf("with a partition without a leader: %v %+v", err, l)
	}
	if !slices.Contains(l.Notes, "topics that were not looked into: 1; name one to look") {
		t.Errorf("notes: %q", l.Notes)
	}
	fault.Remove()
	// Spans only: nothing is read.
	if l, err = c.List(ctx, newTestDecoder(t), ListOptions{NoCount: true}); err != nil || len(l.Topics) != 2 {
		t.Errorf("without reading: %v %+v", err, l.Topics)
	}
}
