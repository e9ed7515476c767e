package dlt

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// spring sets up an origin and a dead letter topic with n letters over three partitions.
func springCluster(t *testing.T, n int, opts ...kfake.Opt) *testCluster {
	t.Helper()
	c := newCluster(t, opts...)
	c.origins(t, "orders", 3, n)
	c.topic(t, "orders-dlt", 3, nil)
	c.springLetters(t, "orders-dlt", 3, n, 10, "")
	return c
}

// exactlyOnce checks that the origin holds each selected record once.
func (c *testCluster) exactlyOnce(t *testing.T, origin string, want int) {
	t.Helper()
	seen := map[string]int{}
	for _, k := range c.readAll(t, origin, 0) {
		if s := source(k); s != "" {
			seen[s]++
		}
	}
	for s, n := range seen {
		if n != 1 {
			t.Errorf("%s was replayed %d times", s, n)
		}
	}
	if len(seen) != want {
		t.Errorf("%d records were replayed, want %d", len(seen), want)
	}
}

// cutter is a connection that loses the answers to requests of one kind while it is armed: they reach the broker, and
// the connection dies before their answer is read.
type cutter struct {
	net.Conn
	key   int16
	armed *atomic.Int64
	cut   atomic.Bool
}

func (c *cutter) Write(b []byte) (int, error) {
	// A request: length (4), key (2), ...
	if len(b) >= 6 && int16(b[4])<<8|int16(b[5]) == c.key && c.armed.Load() > 0 {
		c.armed.Add(-1)
		c.cut.Store(true)
	}
	return c.Conn.Write(b)
}

func (c *cutter) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.cut.Load() {
		_ = c.Close()
		return 0, errors.New("the answer is lost")
	}
	return n, err
}

// faultLostCommitAnswer: the broker commits, nobody hears of it. The journal knows.
func faultLostCommitAnswer(t *testing.T) {
	for _, lost := range []int64{1, 2, 5} {
		t.Run(fmt.Sprintf("%d answers", lost), func(t *testing.T) {
			c := springCluster(t, 600)
			p := c.plan(t, PlanOptions{Topic: "orders-dlt"})
			var armed atomic.Int64
			conn := *c.Conn
			dial := func(ctx context.Context, network, host string) (net.Conn, error) {
				var d net.Dialer
				nc, err := d.DialContext(ctx, network, host)
				if err != nil {
					return nil, err
				}
				return &cutter{Conn: nc, key: 26, armed: &armed}, nil
			}
			conn.Client = func(opts ...kgo.Opt) (*kgo.Client, error) {
				// The client would ask again by itself; with no retries the loss comes through.
				return c.Client(append(opts, kgo.Dialer(dial), kgo.RequestRetries(0))...)
			}
			n, asked := 0, false
			conn.Events = func(e Event) {
				if e.Stage == "replay" {
					if n++; n == 3 {
						armed.Store(lost)
					}
				}
				asked = asked || strings.Contains(e.Note, "the answer to a commit was lost")
			}
			rep, err := conn.Replay(context.Background(), newTestDecoder(t), p, ReplayOptions{Session: "s", Batch: 50})
			if err != nil || rep.Produced != 600 || !asked {
				t.Fatalf("%v %+v, asked %v", err, rep, asked)
			}
			c.exactlyOnce(t, "orders", 600)
		})
	}
}

// faultDenied names the right that is missing, before anything is written.
func faultDenied(t *testing.T) {
	acl := func(res kmsg.ACLResourceType, name string, ops ...kmsg.ACLOperation) []kfake.ACL {
		var out []kfake.ACL
		for _, op := range ops {
			out = append(out, kfake.ACL{Resource: res, Name: name, Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: op, Allow: true})
		}
		return out
	}
	all := slices.Concat(
		acl(kmsg.ACLResourceTypeTopic, "orders-dlt", kmsg.ACLOperationRead, kmsg.ACLOperationDescribe, kmsg.ACLOperationDescribeConfigs),
		acl(kmsg.ACLResourceTypeTopic, "orders", kmsg.ACLOperationRead, kmsg.ACLOperationDescribe, kmsg.ACLOperationWrite, kmsg.ACLOperationDescribeConfigs),
		acl(kmsg.ACLResourceTypeTopic, JournalTopic, kmsg.ACLOperationRead, kmsg.ACLOperationDescribe, kmsg.ACLOperationWrite, kmsg.ACLOperationDescribeConfigs),
		acl(kmsg.ACLResourceTypeTransactionalId, "weir-replay-job", kmsg.ACLOperationWrite, kmsg.ACLOperationDescribe),
	)
	for _, d := range []struct {
		name, want string
		keep       func(kfake.ACL) bool
	}{
		{"everything", "", func(kfake.ACL) bool { return true }},
		{"target", "WRITE on topic orders", func(a kfake.ACL) bool { return a.Name != "orders" || a.Operation != kmsg.ACLOperationWrite }},
		{"journal", "on topic " + JournalTopic, func(a kfake.ACL) bool { return a.Name != JournalTopic || a.Operation != kmsg.ACLOperationWrite }},
		{"journal read", "on topic " + JournalTopic, func(a kfake.ACL) bool { return a.Name != JournalTopic || a.Operation != kmsg.ACLOperationRead }},
		{"transactional id", "WRITE on transactional id weir-replay-job", func(a kfake.ACL) bool { return a.Resource != kmsg.ACLResourceTypeTransactionalId }},
		{"dead letters", "READ on topic orders-dlt", func(a kfake.ACL) bool { return a.Name != "orders-dlt" || a.Operation != kmsg.ACLOperationRead }},
	} {
		t.Run(d.name, func(t *testing.T) {
			var acls []kfake.ACL
			for _, a := range all {
				if d.keep(a) {
					acls = append(acls, a)
				}
			}
			fake, err := kfake.NewCluster(kfake.NumBrokers(3), kfake.EnableSASL(), kfake.EnableACLs(), kfake.Superuser("PLAIN", "admin", "admin"), kfake.User("PLAIN", "weir", "weir", acls...))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(fake.Close)
			as := func(user string) *testCluster {
				client := func(opts ...kgo.Opt) (*kgo.Client, error) {
					return clientTo(fake.ListenAddrs())(append(opts, kgo.SASL(plainAuth(user)))...)
				}
				conn := &Conn{Client: client, Now: time.Now}
				if err := conn.dial(); err != nil {
					t.Fatal(err)
				}
				t.Cleanup(conn.Admin.Close)
				return &testCluster{Conn: conn, fake: fake}
			}
			admin, weir := as("admin"), as("weir")
			admin.origins(t, "orders", 3, 30)
			admin.topic(t, "orders-dlt", 3, nil)
			admin.springLetters(t, "orders-dlt", 3, 30, 5, "")
			if err := admin.CreateJournal(context.Background()); err != nil {
				t.Fatal(err)
			}
			p := admin.plan(t, PlanOptions{Topic: "orders-dlt"})
			rep, err := weir.Replay(context.Background(), newTestDecoder(t), p, ReplayOptions{Session: "s"})
			if d.want == "" {
				if err != nil || rep.Produced != 30 {
					t.Fatalf("%v %+v", err, rep)
				}
				return
			}
			denied, ok := errors.AsType[*DeniedError](err)
			if !ok || !strings.Contains(err.Error(), d.want) || denied.Code() != "unauthorized" {
				t.Errorf("want %q denied, have %v", d.want, err)
			}
			if rep.ProducedNow != 0 {
				t.Errorf("%d records were written", rep.ProducedNow)
			}
			if got := len(admin.readAll(t, "orders", 30)); got != 30 {
				t.Errorf("%d records in the target, want 30", got)
			}
		})
	}
}

// faultProgressUnreadable: what cannot be read is not 0.
func faultProgressUnreadable(t *testing.T) {
	c := springCluster(t, 60)
	p := c.plan(t, PlanOptions{Topic: "orders-dlt"})
	if err := c.CreateJournal(context.Background()); err != nil {
		t.Fatal(err)
	}
	c.fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.ListOffsets}, Topic: JournalTopic, Err: kerr.TopicAuthorizationFailed, Count: -1})
	rep, err := c.Replay(context.Background(), newTestDecoder(t), p, ReplayOptions{Session: "s"})
	if _, ok := errors.AsType[*DeniedError](err); !ok || rep.ProducedNow != 0 {
		t.Errorf("want a refusal, have %v %+v", err, rep)
	}
	c.exactlyOnce(t, "orders", 0)
}

// faultNothingSelected: progress needs no transaction, and leaves none open.
func faultNothingSelected(t *testing.T) {
	c := springCluster(t, 60)
	p := c.plan(t, PlanOptions{Topic: "orders-dlt", Selection: Selection{Keys: []string{"nobody"}}})
	if p.Counts.Selected != 0 || len(p.Ranges) != 0 {
		t.Fatalf("plan: %+v", p.Counts)
	}
	if rep := c.replay(t, p, ReplayOptions{Session: "s"}); rep.State != "done" || rep.Transactions != 0 {
		t.Errorf("report: %+v", rep)
	}
	txns, err := c.Admin.ListTransactions(context.Background(), nil, []string{"Ongoing"})
	if err != nil || len(txns) != 0 {
		t.Errorf("open transactions: %v %v", txns, err)
	}
}

// faultDiesAgain: records that die again stop the replay, and a third replay of the same record is a loop.
func faultDiesAgain(t *testing.T) {
	c := springCluster(t, 600)
	p := c.plan(t, PlanOptions{Topic: "orders-dlt"})
	conn := *c.Conn
	var redied int64
	died := int64(0)
	conn.Events = func(e Event) {
		if e.Stage != "replay" {
			return
		}
		// The consumer kills a third of what it gets.
		for ; redied < e.Done/3; redied++ {
			died++
			c.produce(t, &kgo.Record{Topic: "orders-dlt", Partition: int32(redied % 3), Key: []byte("k"), Headers: []kgo.RecordHeader{
				{Key: HeaderReplayID, Value: []byte("job")},
				{Key: HeaderReplayCount, Value: []byte("3")},
				{Key: "kafka_dlt-original-topic", Value: []byte("orders")},
				{Key: "kafka_dlt-original-offset", Value: be64(200 + redied)},
				{Key: "kafka_dlt-original-partition", Value: be32(0)},
			}})
		}
	}
	conn.Sleep = func(context.Context, time.Duration) error { return nil }
	rep, err := conn.Replay(context.Background(), newTestDecoder(t), p, ReplayOptions{Session: "s", Rate: 50, Canary: 10, Settle: 3 * time.Second, Breaker: true})
	gate, ok := errors.AsType[*GateError](err)
	if !ok || !strings.Contains(gate.Reason, "died again") || rep.State != "paused" || rep.Remaining == 0 || rep.Resume == "" {
		t.Fatalf("%v %+v", err, rep)
	}
	if rep.Produced > 400 {
		t.Errorf("%d records were written before the breaker tripped", rep.Produced)
	}
	// The fix is in: go on without the breaker.
	rest := c.replay(t, p, ReplayOptions{Session: "s2", Resume: true})
	if rest.Produced != 600 {
		t.Errorf("resumed: %+v", rest)
	}
	q := c.plan(t, PlanOptions{Topic: "orders-dlt", Job: "next"})
	i := slices.IndexFunc(q.Skipped, func(g SkippedGroup) bool { return g.Reason == "loop" })
	if i < 0 || q.Skipped[i].Records != died {
		t.Errorf("looping: %+v, %d died again", q.Skipped, died)
	}
}

// TestSuperseded: newer records of a key are reported, and a compacted target is refused without a decision.
func TestSuperseded(t *testing.T) {
	compact := "compact"
	for _, compacted := range []bool{false, true} {
		t.Run(fmt.Sprintf("compacted=%v", compacted), func(t *testing.T) {
			c := newCluster(t)
			cfg := map[string]*string{}
			if compacted {
				cfg["cleanup.policy"] = &compact
			}
			c.topic(t, "state", 1, cfg)
			c.topic(t, "state-dlt", 1, nil)
			var recs []*kgo.Record
			for i := range 10 {
				recs = append(recs, &kgo.Record{Topic: "state", Key: fmt.Appendf(nil, "k%d", i%6), Value: []byte("v")})
			}
			c.produce(t, recs...)
			var letters []*kgo.Record
			for i := range 6 { // k0 to k3 have a newer record behind them
				letters = append(letters, springLetter("state-dlt", 0, fmt.Appendf(nil, "k%d", i), []byte("v"), "state", 0, int64(i), "x.Y", "no", ""))
			}
			c.produce(t, letters...)
			p, err := c.Plan(context.Background(), newTestDecoder(t), PlanOptions{Topic: "state-dlt", Job: "j"})
			if !compacted {
				if err != nil || p.Targets[0].Superseded != 4 || p.Counts.Selected != 6 {
					t.Errorf("report: %v %+v", err, p)
				}
			} else if r, ok := errors.AsType[*RefusedError](err); !ok || !strings.Contains(r.Reason, "4 selected records") || !strings.Contains(r.Hint(), "--superseded") {
				t.Errorf("want a refusal, have %v", err)
			}
			p = c.plan(t, PlanOptions{Topic: "state-dlt", Superseded: "skip"})
			if p.Counts.Selected != 2 || p.Skipped[0].Reason != "superseded" || p.Skipped[0].Records != 4 {
				t.Errorf("skip: %+v %+v", p.Counts, p.Skipped)
			}
			if p = c.plan(t, PlanOptions{Topic: "state-dlt", Superseded: "allow"}); p.Counts.Selected != 6 {
				t.Errorf("allow: %+v", p.Counts)
			}
		})
	}
}

// faultShareGroup: the broker keeps no payload, so it is fetched from the origin, or said to be gone.
func faultShareGroup(t *testing.T) {
	c := newCluster(t)
	c.topic(t, "parcels", 1, nil)
	c.topic(t, "dlq.parcels", 1, nil)
	var recs []*kgo.Record
	for i := range 10 {
		recs = append(recs, &kgo.Record{Topic: "parcels", Key: fmt.Appendf(nil, "k%d", i), Value: fmt.Appendf(nil, "v%d", i), Headers: []kgo.RecordHeader{{Key: "own", Value: []byte{byte(i)}}}})
	}
	c.produce(t, recs...)
	var letters []*kgo.Record
	for _, o := range []int{1, 4, 7} {
		letters = append(letters, &kgo.Record{Topic: "dlq.parcels", Headers: []kgo.RecordHeader{
			{Key: "__dlq.errors.topic", Value: []byte("parcels")},
			{Key: "__dlq.errors.partition", Value: []byte("0")},
			{Key: "__dlq.errors.offset", Value: fmt.Append(nil, o)},
			{Key: "__dlq.errors.group", Value: []byte("g")},
		}})
	}
	c.produce(t, letters...)
	p := c.plan(t, PlanOptions{Topic: "dlq.parcels"})
	if p.Counts.Selected != 3 || p.Ranges[0].Fetch.Len() != 3 {
		t.Fatalf("plan: %+v", p.Ranges)
	}
	if err := c.fake.DeleteRecords("parcels", 0, 2); err != nil {
		t.Fatal(err)
	}
	rep := c.replay(t, p, ReplayOptions{Session: "s"})
	if rep.Produced != 2 || rep.Skipped != 1 || rep.SkippedRecs[0].Reason != "unrecoverable" || !strings.Contains(rep.SkippedRecs[0].Detail, "is gone") {
		t.Fatalf("report: %+v", rep)
	}
	var got []string
	for _, k := range c.readAll(t, "parcels", 10) {
		if source(k) != "" {
			got = append(got, fmt.Sprintf("%s=%s %s=%d", k.Key, k.Value, k.Headers[0].Key, k.Headers[0].Value[0]))
		}
	}
	if want := []string{"k4=v4 own=4", "k7=v7 own=7"}; !slices.Equal(got, want) {
		t.Errorf("have %v, want %v", got, want)
	}
	// Where the origin is gone as a whole, the others are still put back.
	gone := &kgo.Record{Topic: "dlq.parcels", Headers: slices.Clone(letters[0].Headers)}
	gone.Headers[0].Value = []byte("deleted")
	c.produce(t, gone, &kgo.Record{Topic: "dlq.parcels", Headers: letters[1].Headers})
	p = c.plan(t, PlanOptions{Topic: "dlq.parcels", Job: "gone", To: "parcels", Selection: Selection{Again: true, Offsets: map[int32]*Offsets{0: {runs: []run{{3, 4}}}}}})
	rep = c.replay(t, p, ReplayOptions{Session: "s2"})
	if rep.Produced != 1 || rep.Skipped != 1 || !strings.Contains(rep.SkippedRecs[0].Detail, "deleted does not exist any more") {
		t.Errorf("report: %+v", rep)
	}
}

// faultOrder: auto finds the producer's hash, and the records of a key keep their order.
func faultOrder(t *testing.T) {
	for _, mode := range []PartitionMode{PartitionKey, PartitionCRC32, PartitionFNV, PartitionOriginal} {
		t.Run(string(mode), func(t *testing.T) {
			c := newCluster(t)
			c.topic(t, "o", 5, nil)
			c.topic(t, "o-dlt", 5, nil)
			hash := hasher(mode)
			var letters []*kgo.Record
			for i := range 500 {
				key := fmt.Appendf(nil, "key-%d", i%40)
				part := int32(hash("o", key, 5))
				if mode == PartitionOriginal {
					part = int32(i % 40 / 8) // a hash nobody knows
				}
				letters = append(letters, springLetter("o-dlt", part, key, fmt.Append(nil, i), "o", part, int64(i), "x.Y", "no", ""))
			}
			c.produce(t, letters...)
			p := c.plan(t, PlanOptions{Topic: "o-dlt", Superseded: "allow"})
			if p.Targets[0].Hash != mode {
				t.Errorf("auto found %s", p.Targets[0].Hash)
			}
			c.replay(t, p, ReplayOptions{Session: "s", Batch: 37})
			last := map[string]int{}
			for _, k := range c.readAll(t, "o", 500) {
				var n int
				_, _ = fmt.Sscan(string(k.Value), &n)
				if n < last[string(k.Key)] {
					t.Fatalf("%s: %d came after %d", k.Key, n, last[string(k.Key)])
				}
				last[string(k.Key)] = n
				if want := letters[n].Partition; k.Partition != want {
					t.Fatalf("record %d is in partition %d, its origin was %d", n, k.Partition, want)
				}
			}
		})
	}
}

// TestFanOut: more than one group gets the records again, which somebody must want.
func TestFanOut(t *testing.T) {
	c := springCluster(t, 30)
	for _, g := range []string{"billing", "mailer"} {
		offsets := kadm.Offsets{}
		offsets.AddOffset("orders", 0, 1, -1)
		if err := c.Admin.CommitAllOffsets(context.Background(), g, offsets); err != nil {
			t.Fatal(err)
		}
	}
	p := c.plan(t, PlanOptions{Topic: "orders-dlt"})
	if r, ok := errors.AsType[*RefusedError](p.Ready()); !ok || !strings.Contains(r.Reason, "2 groups") || len(p.FanOut) != 2 {
		t.Errorf("want a refusal, have %v, groups %+v", p.Ready(), p.FanOut)
	}
	if _, err := c.Replay(context.Background(), newTestDecoder(t), p, ReplayOptions{Session: "s"}); err == nil {
		t.Error("the plan ran")
	}
	if p = c.plan(t, PlanOptions{Topic: "orders-dlt", Acks: PlanAcks{FanOut: true}}); p.Ready() != nil {
		t.Error(p.Ready())
	}
}

// faultTransactionTimeout: a session that slept through its transaction stops or heals, and nothing is lost.
func faultTransactionTimeout(t *testing.T) {
	c := springCluster(t, 300)
	p := c.plan(t, PlanOptions{Topic: "orders-dlt"})
	conn := *c.Conn
	conn.Client = func(opts ...kgo.Opt) (*kgo.Client, error) {
		return c.Client(append(opts, kgo.TransactionTimeout(300*time.Millisecond))...)
	}
	// The journal's produce stalls for longer than the transaction may live.
	slow := atomic.Bool{}
	c.fake.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.fake.KeepControl()
		if slow.CompareAndSwap(true, false) {
			c.fake.SleepControl(func() { time.Sleep(time.Second) })
		}
		return nil, nil, false
	})
	n := 0
	conn.Events = func(e Event) {
		if e.Stage == "replay" {
			if n++; n == 2 {
				slow.Store(true)
			}
		}
	}
	rep, err := conn.Replay(context.Background(), newTestDecoder(t), p, ReplayOptions{Session: "s", Batch: 50})
	if err != nil {
		if _, ok := errors.AsType[*FencedError](err); !ok || rep.Resume == "" {
			t.Fatalf("%v %+v", err, rep)
		}
		rep = c.replay(t, p, ReplayOptions{Session: "s2", Resume: true})
	}
	if rep.Produced != 300 {
		t.Errorf("report: %+v", rep)
	}
	c.exactlyOnce(t, "orders", 300)
}

// faultBrokersComeAndGo: leaders move and a broker leaves during the run.
func faultBrokersComeAndGo(t *testing.T) {
	c := springCluster(t, 3000)
	p := c.plan(t, PlanOptions{Topic: "orders-dlt"})
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
				c.fake.ShufflePartitionLeaders()
			}
		}
	}()
	rep, err := c.Replay(context.Background(), newTestDecoder(t), p, ReplayOptions{Session: "s", Batch: 100})
	close(stop)
	<-done
	if err != nil || rep.Produced != 3000 {
		t.Fatalf("%v %+v", err, rep)
	}
	c.exactlyOnce(t, "orders", 3000)
}

// faultLostSequence: a broker and a client that disagree about what was written agree again after the transaction was
// taken back, and nothing is written twice.
func faultLostSequence(t *testing.T) {
	c := springCluster(t, 300)
	p := c.plan(t, PlanOptions{Topic: "orders-dlt"})
	conn := *c.Conn
	n := 0
	var fault *kfake.FaultHandle
	conn.Events = func(e Event) {
		if e.Stage == "replay" {
			if n++; n == 2 {
				fault = c.fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: "orders", Err: kerr.OutOfOrderSequenceNumber, Count: 1})
			}
		}
	}
	rep, err := conn.Replay(context.Background(), newTestDecoder(t), p, ReplayOptions{Session: "s", Batch: 50})
	if err != nil {
		if _, ok := errors.AsType[*FencedError](err); !ok {
			t.Fatalf("%v %+v", err, rep)
		}
		rep = c.replay(t, p, ReplayOptions{Session: "s2", Resume: true})
	}
	if rep.Produced != 300 || fault.Hits() == 0 {
		t.Errorf("report: %+v", rep)
	}
	c.exactlyOnce(t, "orders", 300)
}

// faultFirstCommit: a transaction is committed only when the client has every topic that it wrote to on its books. The
// moment in which it does not, a few instructions long, cannot be made to happen here: under load it comes once in some
// hundred sessions, and then the commit is taken back without a word.
func faultFirstCommit(t *testing.T) {
	c := newCluster(t)
	ctx := context.Background()
	if err := c.CreateJournal(ctx); err != nil {
		t.Fatal(err)
	}
	info, err := c.findJournal(ctx)
	if err != nil {
		t.Fatal(err)
	}
	r := &replay{c: c.Conn, p: &Plan{Job: "job"}, o: ReplayOptions{Session: "s"}, info: info, prog: &progress{}, rep: &Report{}}
	defer r.close()
	if err := r.fence(ctx); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	if err := r.meet(short, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("nothing was written, and the client is said to know the journal: %v", err)
	}
	if err := r.note(ctx, "start", "", ""); err != nil || !r.met[JournalTopic] {
		t.Errorf("committed without asking whether the client knows the journal: %v", err)
	}
	// A topic that was asked for and refused is on the client's books, and its partitions are not.
	if err := errors.Join(r.cl.BeginTransaction(), r.cl.ProduceSync(ctx, &kgo.Record{Topic: "nowhere"}).FirstErr()); !errors.Is(err, kerr.UnknownTopicOrPartition) {
		t.Fatal(err)
	}
	refused, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	if err := r.meetTopic(refused, "nowhere", 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a topic that is not there is said to be known: %v", err)
	}
	if err := r.cl.EndTransaction(ctx, kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
	if err := r.fence(ctx); err != nil || r.met[JournalTopic] {
		t.Errorf("a new client is said to know what the one before knew: %v", err)
	}
}

// TestLagGuard: a replay holds on while a group is behind, and does not start for a group that nobody knows.
func TestLagGuard(t *testing.T) {
	ctx := context.Background()
	c := springCluster(t, 60)
	p := c.plan(t, PlanOptions{Topic: "orders-dlt"})
	rep, err := c.Replay(ctx, newTestDecoder(t), p, ReplayOptions{Session: "s", LagGroup: "biling"})
	if r, ok := errors.AsType[*RefusedError](err); !ok || !strings.Contains(r.Reason, "the lag of group biling cannot be read") || rep.ProducedNow != 0 {
		t.Fatalf("%v %+v", err, rep)
	}
	commit := func(offset int64) {
		offsets := kadm.Offsets{}
		for part := range int32(3) {
			offsets.AddOffset("orders", part, offset, -1)
		}
		if err := c.Admin.CommitAllOffsets(ctx, "billing", offsets); err != nil {
			t.Error(err)
		}
	}
	commit(20)
	waits := 0
	conn := *c.Conn
	conn.Sleep = func(context.Context, time.Duration) error {
		if waits++; waits%3 == 0 { // in its own time it catches up
			commit(1000)
		}
		return nil
	}
	rep, err = conn.Replay(ctx, newTestDecoder(t), p, ReplayOptions{Session: "s", Batch: 30, LagGroup: "billing", MaxLag: 5})
	if err != nil || rep.Produced != 60 || waits < 3 {
		t.Errorf("%v %+v, waited %d times", err, rep, waits)
	}
}
