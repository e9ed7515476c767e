package lag

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// counter counts what a client sends, by request name.
type counter struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *counter) OnBrokerWrite(_ kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, _ error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[string]int{}
	}
	c.n[kmsg.NameForKey(key)]++
}

func (c *counter) of(name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n[name]
}

func (c *counter) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n = nil
}

func (c *counter) total(without ...string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for name, k := range c.n {
		skip := false
		for _, w := range without {
			skip = skip || w == name
		}
		if !skip {
			n += k
		}
	}
	return n
}

func (c *counter) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return fmt.Sprint(c.n)
}

type fixture struct {
	t  testing.TB
	c  *kfake.Cluster
	cl *kgo.Client
	ad *kadm.Client
	n  *counter
}

func start(t testing.TB, opts ...kfake.Opt) *fixture {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(3)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	f := &fixture{t: t, c: c, n: &counter{}}
	f.cl = f.client(kgo.WithHooks(f.n))
	f.ad = kadm.NewClient(f.cl)
	return f
}

func (f *fixture) client(opts ...kgo.Opt) *kgo.Client {
	f.t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(f.c.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MetadataMinAge(10 * time.Millisecond),
	}, opts...)...)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(cl.Close)
	return cl
}

func (f *fixture) topic(name string, parts int32) {
	f.t.Helper()
	if _, err := f.ad.CreateTopic(context.Background(), parts, 1, nil, name); err != nil {
		f.t.Fatal(err)
	}
}

// lead makes one node the leader of a partition.
func (f *fixture) lead(topic string, part, node int32) {
	f.t.Helper()
	if err := f.c.MoveTopicPartition(topic, part, node); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) produce(topic string, part int32, n int, at func(i int) time.Time) {
	f.t.Helper()
	rs := make([]*kgo.Record, n)
	for i := range rs {
		rs[i] = &kgo.Record{Topic: topic, Partition: part, Value: []byte("v")}
		if at != nil {
			rs[i].Timestamp = at(i)
		}
	}
	if err := f.cl.ProduceSync(context.Background(), rs...).FirstErr(); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) commit(group, topic string, part int32, offset int64) {
	f.t.Helper()
	var os kadm.Offsets
	os.AddOffset(topic, part, offset, -1)
	if err := f.ad.CommitAllOffsets(context.Background(), group, os); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) reader() *Reader { return &Reader{Client: f.cl, Now: time.Now} }

func (f *fixture) read(q Query) *Snapshot {
	f.t.Helper()
	s, err := f.reader().Read(context.Background(), q)
	if err != nil {
		f.t.Fatal(err)
	}
	return s
}

// find returns one partition's row of a report by partition.
func find(t testing.TB, r *Report, group, topic string, part int32) PartitionLag {
	t.Helper()
	for _, g := range r.Groups {
		for _, p := range g.Rows {
			if g.Group == group && p.Topic == topic && p.Partition == part {
				return p
			}
		}
	}
	t.Fatalf("no row for %s %s/%d", group, topic, part)
	return PartitionLag{}
}

func group(t testing.TB, r *Report, name string) GroupLag {
	t.Helper()
	for _, g := range r.Groups {
		if g.Group == name {
			return g
		}
	}
	t.Fatalf("no group %s", name)
	return GroupLag{}
}

func TestTwoGroupsTwoTopics(t *testing.T) {
	f := start(t)
	now := time.Now()
	for _, topic := range []string{"orders", "payments"} {
		f.topic(topic, 2)
		for p := range int32(2) {
			f.produce(topic, p, 10, func(i int) time.Time { return now.Add(time.Duration(i-20) * time.Minute) })
		}
	}
	f.commit("billing", "orders", 0, 4)
	f.commit("billing", "orders", 1, 10)
	f.commit("billing", "payments", 0, 0)
	f.commit("mailer", "orders", 0, 9)
	f.commit("mailer", "payments", 1, 12)

	s := f.read(Query{Ladder: DefaultLadder(), Settings: true})
	r := Compute(s, Options{By: ByPartition})
	if !r.Coverage.Complete() || r.Coverage.Brokers != 3 || r.Coverage.Answered != 3 {
		t.Errorf("coverage %+v", r.Coverage)
	}
	for _, c := range []struct {
		group, topic string
		part         int32
		lag, ahead   int64
		status       Status
		min, max     time.Duration
	}{
		{"billing", "orders", 0, 6, 0, Stopped, 13 * time.Minute, 21 * time.Minute},
		{"billing", "orders", 1, 0, 0, OK, 0, 0},
		{"billing", "payments", 0, 10, 0, Stopped, 15 * time.Minute, 21 * time.Minute},
		{"mailer", "orders", 0, 1, 0, Stopped, 5 * time.Minute, 16 * time.Minute},
		{"mailer", "payments", 1, 0, 2, Ahead, 0, 0},
	} {
		p := find(t, r, c.group, c.topic, c.part)
		if num(p.Lag) != c.lag || num(p.Ahead) != c.ahead || p.Status != c.status {
			t.Errorf("%s %s/%d: lag %d ahead %d %s, want %d %d %s", c.group, c.topic, c.part, num(p.Lag), num(p.Ahead), p.Status, c.lag, c.ahead, c.status)
		}
		if p.Age == nil || time.Duration(p.Age.MinMS)*time.Millisecond < c.min || p.Age.MaxMS == nil || time.Duration(*p.Age.MaxMS)*time.Millisecond > c.max {
			t.Errorf("%s %s/%d: age %+v, want within %s and %s", c.group, c.topic, c.part, p.Age, c.min, c.max)
		}
	}
	if g := group(t, r, "billing"); *g.Lag != 16 || g.AtLeast || g.Status != Stopped || *g.State != "Empty" || *g.Members != 0 {
		t.Errorf("billing %+v", g)
	}
	if *r.Total.Lag != 17 || r.Total.Status != Ahead {
		t.Errorf("total %d %s", *r.Total.Lag, r.Total.Status)
	}
}

func TestOldBrokersAnswerOneGroupARequest(t *testing.T) {
	v := kversion.V2_8_0()
	f := start(t, kfake.MaxVersions(v))
	f.topic("orders", 2)
	f.topic("other", 2)
	f.produce("orders", 0, 10, nil)
	const groups = 40
	for i := range groups {
		f.commit(fmt.Sprintf("g%02d", i), "orders", 0, int64(i%10))
	}
	f.n.reset()
	r := Compute(f.read(Query{}), Options{By: ByPartition})
	for i := range groups {
		name := fmt.Sprintf("g%02d", i)
		if p := find(t, r, name, "orders", 0); num(p.Lag) != int64(10-i%10) {
			t.Errorf("%s: lag %d", name, num(p.Lag))
		}
	}
	if got := f.n.of("OffsetFetch"); got != groups {
		t.Errorf("%d OffsetFetch requests, want one a group: %s", got, f.n)
	}
	if f.n.of("FindCoordinator") != 0 {
		t.Errorf("coordinators were looked up although the listing names them: %s", f.n)
	}
}

func TestUnknownGroupIsAnError(t *testing.T) {
	f := start(t)
	f.topic("orders", 1)
	f.commit("billing", "orders", 0, 0)
	_, err := f.reader().Read(context.Background(), Query{Groups: []string{"billing", "biling"}})
	var nf *NotFoundError
	if !asNotFound(err, &nf) || len(nf.Groups) != 1 || nf.Groups[0] != "biling" {
		t.Fatalf("got %v", err)
	}
}

func asNotFound(err error, nf **NotFoundError) bool {
	e, ok := err.(*NotFoundError) //nolint:errorlint // the reader returns it bare
	*nf = e
	return ok
}

func TestHalfTheBrokersFail(t *testing.T) {
	f := start(t)
	f.topic("orders", 6)
	f.topic("payments", 6)
	for p := range int32(6) {
		// The embedded broker draws leaders by lot: node 1 would often have none, or all.
		f.lead("orders", p, p%3)
		f.lead("payments", p, p%3)
		f.produce("orders", p, 10, nil)
		f.produce("payments", p, 10, nil)
		f.commit("billing", "orders", p, 5)
		f.commit("mailer", "payments", p, 5)
	}
	f.c.ControlKey(int16(kmsg.ListOffsets), func(kmsg.Request) (kmsg.Response, error, bool) {
		f.c.KeepControl()
		if f.c.CurrentNode() != 1 {
			return nil, nil, false
		}
		return nil, errors.New("the connection is cut"), true
	})
	r := Compute(f.read(Query{Ladder: DefaultLadder()}), Options{By: ByTopic, Limits: Limits{MaxLag: new(int64(1000))}})
	g := group(t, r, "billing")
	if g.Unread != 2 || !g.AtLeast || num(g.Lag) != 20 || g.Status != Unknown {
		t.Errorf("billing: unread %d at least %v lag %d %s", g.Unread, g.AtLeast, num(g.Lag), g.Status)
	}
	if r.Coverage.Answered != 2 || r.Coverage.Brokers != 3 || r.Known() || !r.Total.AtLeast {
		t.Errorf("coverage %+v", r.Coverage)
	}
	if r.Gate == nil || r.Gate.Passed != nil || len(r.Gate.Undecided) == 0 {
		t.Errorf("gate %+v", r.Gate)
	}
}

// TestWhatSeemsToWaitIsLookedAt: three groups stand at different places before the end of a
// log that ends with a commit marker. Only what a fetch saw is called empty, and whoever is
// behind a record is not looked at again.
func TestWhatSeemsToWaitIsLookedAt(t *testing.T) {
	f := start(t)
	f.topic("orders", 1)
	f.topic("other", 1)
	hourAgo := time.Now().Add(-time.Hour)
	tx := f.client(kgo.TransactionalID("tx"), kgo.DefaultProduceTopic("orders"))
	if err := tx.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if err := tx.ProduceSync(context.Background(), &kgo.Record{Timestamp: hourAgo}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.EndTransaction(context.Background(), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	f.produce("other", 0, 5, func(int) time.Time { return hourAgo })
	f.commit("done", "orders", 0, 5) // the marker only
	f.commit("last", "orders", 0, 4)
	f.commit("far", "orders", 0, 1)
	f.commit("far", "other", 0, 5)
	f.n.reset()
	// The marker is of now, and only what is quiet for a while is looked at.
	later := &Reader{Client: f.cl, Now: func() time.Time { return time.Now().Add(2 * time.Minute) }}
	for _, all := range []bool{false, true} {
		s, err := later.Read(context.Background(), Query{Ladder: DefaultLadder(), Prove: !all, Exact: all})
		if err != nil {
			t.Fatal(err)
		}
		r := Compute(s, Options{By: ByPartition})
		for group, want := range map[string]struct {
			effective int64
			seen      bool
		}{"done": {0, true}, "last": {2, true}, "far": {5, all}} {
			p := find(t, r, group, "orders", 0)
			head, seen := s.Logs[Partition{"orders", 0}].Head[*p.Committed]
			if *p.Effective != want.effective || seen != want.seen || head.Err != nil {
				t.Errorf("all %v, %s: effective %d, looked at %v %v", all, group, *p.Effective, seen, head.Err)
			}
			if all && group != "done" && (!p.Age.Exact || p.Age.MinMS < time.Hour.Milliseconds()) {
				t.Errorf("%s: %+v", group, p.Age)
			}
		}
	}
	if got := f.n.of("Fetch"); got != 2+3 { // each offset is a request of its own on one partition
		t.Errorf("%d fetches: %s", got, f.n)
	}
}

// TestAFetchHasRoomForOneOnly: searches that found no room in an answer go on in the next.
func TestAFetchHasRoomForOneOnly(t *testing.T) {
	f := start(t, kfake.NumBrokers(1))
	const parts = 5
	f.topic("orders", parts)
	big := make([]byte, 900<<10)
	at := time.Now().Add(-2 * time.Hour).Truncate(time.Millisecond)
	for p := range int32(parts) {
		for range 6 {
			if err := f.cl.ProduceSync(context.Background(), &kgo.Record{Topic: "orders", Partition: p, Value: big, Timestamp: at}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		f.commit("billing", "orders", p, int64(p))
	}
	r := Compute(f.read(Query{Exact: true}), Options{By: ByPartition})
	for p := range int32(parts) {
		if row := find(t, r, "billing", "orders", p); row.Age == nil || !row.Age.Exact {
			t.Errorf("partition %d: %+v", p, row.Age)
		}
	}
}
