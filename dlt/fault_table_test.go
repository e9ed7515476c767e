package dlt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestFaults is the table of what may go wrong during a replay, and of what must hold then. Every row is run here, on
// embedded brokers, or names the test that stands alone. Rows marked real run on the brokers of WEIR_TEST_BROKERS where
// these are named, for there the embedded ones prove nothing.
func TestFaults(t *testing.T) {
	for _, row := range []struct {
		fault string
		must  string
		run   []func(*testing.T)
		alone []any // tests and fuzzers of their own, named here so that the compiler knows them
		real  bool
	}{
		{fault: "another job hangs right after its journal record", must: "waits or refuses, names the holder, doubles nothing", run: []func(*testing.T){faultHungJournal}, real: true},
		{fault: "kill -9 at any point, with leaders moving", must: "the multiset is the selection, no transaction left open", alone: []any{TestKill}},
		{fault: "the answer to a commit is lost", must: "no double, counts come from the journal", run: []func(*testing.T){faultLostCommitAnswer, faultLostSequence}},
		{fault: "the client meets a topic late", must: "what was said to be committed is there", run: []func(*testing.T){faultFirstCommit}},
		{fault: "brokers restart, leaders move", must: "completes or pauses, never half counted", run: []func(*testing.T){faultBrokersComeAndGo}, alone: []any{TestKill}},
		{fault: "the controller dies", must: "completes, nothing doubled", run: []func(*testing.T){faultControllerDies}, real: true},
		{fault: "a transaction times out", must: "heals or stops, resume completes", run: []func(*testing.T){faultTransactionTimeout, faultSleepingProcess}, real: true},
		{fault: "two operators, one job", must: "one is fenced, says so, and does not come back", run: []func(*testing.T){faultSecondOperator}, real: true},
		{fault: "two jobs, the same letters", must: "no letter twice; who cannot go on says which job may", run: []func(*testing.T){faultJobsAtOnce}, alone: []any{TestJobsApart, TestDeadJob}, real: true},
		{fault: "a replay and a discard of the same letters", must: "none of them is put back and discarded", run: []func(*testing.T){faultDiscardAtOnce}, alone: []any{TestDiscardApart}, real: true},
		{fault: "too large after mapping", must: "failed(too-large), the others are delivered", run: []func(*testing.T){faultTooLarge}},
		{fault: "target missing or made anew during the run", must: "pauses, names it", run: []func(*testing.T){faultTargetGoes}, alone: []any{TestGates}},
		{fault: "denied at the start and during the run", must: "the missing operation is named, no partial batch", run: []func(*testing.T){faultDenied, faultDeniedLater}},
		{fault: "poison or undecodable headers", must: "never panics", alone: []any{FuzzDecode}},
		{fault: "the filter matches nothing", must: "no transaction", run: []func(*testing.T){faultNothingSelected}},
		{fault: "dead letters trimmed between plan and run, and during it", must: "refused, the lost offsets are listed", run: []func(*testing.T){faultTrimmedLater}, alone: []any{TestGates}},
		{fault: "records arrive during the run", must: "they are not replayed", run: []func(*testing.T){faultArrivals}},
		{fault: "records die again", must: "the breaker trips, the next plan knows the loop", run: []func(*testing.T){faultDiesAgain}},
		{fault: "header fidelity", must: "bytes are equal, with repeats and null", run: []func(*testing.T){faultBytes}, alone: []any{TestDialects}},
		{fault: "order", must: "each key keeps its order", run: []func(*testing.T){faultOrder}},
		{fault: "progress cannot be read", must: "refused, nothing written", run: []func(*testing.T){faultProgressUnreadable, faultOffsetsUnreadable}},
		{fault: "share group, headers only", must: "fetched, or unrecoverable", run: []func(*testing.T){faultShareGroup}},
		{fault: "replicas, timestamps and sizes that the target refuses", must: "the plan says so", run: []func(*testing.T){faultTargetSettings}, real: true},
		{fault: "only aborted data and markers", must: "a span, nothing stored, nothing unresolved", run: []func(*testing.T){faultMarkersOnly}, real: true},
		{fault: "run twice", must: "nothing is written twice", alone: []any{TestReplay}},
	} {
		t.Run(row.fault, func(t *testing.T) {
			if len(row.run)+len(row.alone) == 0 {
				t.Fatal("no test")
			}
			if os.Getenv("WEIR_TEST_BROKERS") != "" && !row.real && len(row.run) > 0 {
				t.Skip("the fault is made inside an embedded broker")
			}
			for _, f := range row.run {
				f(t)
			}
		})
	}
}

var clusters atomic.Int64

// anyCluster is the real cluster where one is named, else an embedded one. A name made with it is its own on both.
func anyCluster(t *testing.T) (c *testCluster, name func(string) string) {
	t.Helper()
	prefix := fmt.Sprintf("f%d-%d-", os.Getpid(), clusters.Add(1))
	name = func(s string) string { return prefix + s }
	if s := os.Getenv("WEIR_TEST_BROKERS"); s != "" {
		addrs := strings.Split(s, ",")
		return &testCluster{Conn: connTo(t, addrs), addrs: addrs}, name
	}
	return newCluster(t), name
}

// letters sets up an origin and n dead letters of it, and returns a plan over them.
func (c *testCluster) letters(t *testing.T, origin string, n int, o PlanOptions) *Plan {
	t.Helper()
	c.topic(t, origin, 3, nil)
	c.topic(t, origin+"-dlt", 3, nil)
	var recs []*kgo.Record
	for i := range n {
		p := int32(i % 3)
		recs = append(recs, springLetter(origin+"-dlt", p, fmt.Appendf(nil, "k%d", i), fmt.Append(nil, i), origin, p, int64(i/3), "x.Y", "no", ""))
	}
	c.produce(t, recs...)
	o.Topic, o.Superseded = origin+"-dlt", "allow"
	if o.Job == "" {
		o.Job = origin
	}
	return c.plan(t, o)
}

// atStep calls do once, between two transactions, after n of them.
func atStep(c *testCluster, n int, do func()) *Conn {
	conn := *c.Conn
	conn.Events = func(e Event) {
		if e.Stage == "replay" {
			if n--; n == 0 {
				do()
			}
		}
	}
	return &conn
}

// faultHungJournal: another job's open transaction in our journal partition hides our own entries that are committed
// behind it from a reader that stops at the last stable offset. That reader would start over.
func faultHungJournal(t *testing.T) {
	ctx := context.Background()
	c, name := anyCluster(t)
	if err := c.EnsureJournal(ctx); err != nil {
		t.Fatal(err)
	}
	origin := name("hung")
	p := c.letters(t, origin, 600, PlanOptions{})
	lives := 5 * time.Second
	var other *kgo.Client
	hang := func() {
		var err error
		other, err = c.Client(kgo.TransactionalID("weir-replay-"+name("other")), kgo.TransactionTimeout(lives), kgo.RecordPartitioner(kgo.ManualPartitioner()))
		if err != nil {
			t.Error(err)
			return
		}
		j := &journalRecord{Version: 1, Kind: "batch", Job: name("other"), Topic: "other"}
		rec, err := j.record(journalPartitions)
		rec.Partition = journalPartition(p.Job, journalPartitions)
		if err = errors.Join(err, other.BeginTransaction(), other.ProduceSync(ctx, rec).FirstErr()); err != nil {
			t.Error(err)
		}
	}
	stop, cancel := context.WithCancel(ctx)
	defer cancel()
	steps := 0
	conn := *c.Conn
	conn.Events = func(e Event) {
		if e.Stage != "replay" {
			return
		}
		switch steps++; steps {
		case 3:
			hang()
		case 6:
			cancel()
		}
	}
	rep, err := conn.Replay(stop, newTestDecoder(t), p, ReplayOptions{Session: "s1", Batch: 50})
	if !errors.Is(err, context.Canceled) || rep.Produced != 300 {
		t.Fatalf("%v %+v", err, rep)
	}
	defer func() {
		actx, acancel := context.WithTimeout(ctx, 5*time.Second)
		defer acancel()
		_ = other.AbortBufferedRecords(actx)
		other.CloseAllowingRebalance()
	}()
	// One that may not wait refuses, and names the holder.
	info, err := c.findJournal(ctx)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.jobProgress(ctx, p.Job, info, 200*time.Millisecond)
	if u, ok := errors.AsType[*UnknownProgressError](err); !ok || !strings.Contains(u.Holder, "weir-replay-"+name("other")) {
		t.Fatalf("want a refusal that names the holder, have %v", err)
	}
	// One that waits goes on where it was.
	var told string
	conn.Events = func(e Event) {
		if strings.Contains(e.Note, "open transaction in the journal") {
			told = e.Note
		}
	}
	rep, err = conn.Replay(ctx, newTestDecoder(t), p, ReplayOptions{Session: "s2", Resume: true, Batch: 50})
	if err != nil || rep.ProducedNow != 300 || rep.Produced != 600 {
		t.Fatalf("%v %+v", err, rep)
	}
	if !strings.Contains(told, name("other")) {
		t.Errorf("while it waited it said %q", told)
	}
	c.exactlyOnce(t, origin, 600)
}

// faultControllerDies: the controller goes in the middle of a run, and comes back.
func faultControllerDies(t *testing.T) {
	ctx := context.Background()
	c, name := anyCluster(t)
	origin := name("controller")
	p := c.letters(t, origin, 3000, PlanOptions{})
	m, err := c.Admin.BrokerMetadata(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var back func()
	kill := func() {
		if c.fake != nil {
			if err := c.fake.RemoveNode(m.Controller); err != nil {
				t.Error(err)
			}
			return
		}
		command := strings.Fields(os.Getenv("WEIR_TEST_KAFKAUP"))
		node := strconv.Itoa(activeController(t, c))
		run := func(verb string) {
			cmd := exec.Command(command[0], append(append([]string{verb}, command[1:]...), "-node", node)...) // #nosec G204 -- the test's caller names it
			cmd.Dir = ".."
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s the controller: %v: %s", verb, err, out)
			}
		}
		run("kill")
		back = func() { run("start") }
	}
	if c.fake == nil && os.Getenv("WEIR_TEST_KAFKAUP") == "" {
		t.Log("the controller was not killed: WEIR_TEST_KAFKAUP does not say how")
		kill = func() {}
	}
	conn := atStep(c, 5, kill)
	rep, err := conn.Replay(ctx, newTestDecoder(t), p, ReplayOptions{Session: "s", Batch: 100})
	if back != nil {
		back()
	}
	for i := 0; err != nil && i < 3; i++ { // it may give up; it says so and can be resumed
		t.Logf("gave up: %v", err)
		rep, err = c.Replay(ctx, newTestDecoder(t), p, ReplayOptions{Session: "s" + strconv.Itoa(i), Resume: true, Batch: 100})
	}
	if err != nil || rep.Produced != 3000 {
		t.Fatalf("%v %+v", err, rep)
	}
	c.exactlyOnce(t, origin, 3000)
}

// activeController asks the quorum of a real cluster for its leader.
func activeController(t *testing.T, c *testCluster) int {
	t.Helper()
	cl, err := c.Client()
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	req := kmsg.NewPtrDescribeQuorumRequest()
	topic := kmsg.NewDescribeQuorumRequestTopic()
	topic.Topic = "__cluster_metadata"
	topic.Partitions = append(topic.Partitions, kmsg.NewDescribeQuorumRequestTopicPartition())
	req.Topics = append(req.Topics, topic)
	resp, err := req.RequestWith(context.Background(), cl)
	if err != nil || len(resp.Topics) == 0 || len(resp.Topics[0].Partitions) == 0 {
		t.Fatalf("describe quorum: %v", err)
	}
	return int(resp.Topics[0].Partitions[0].LeaderID)
}

// faultSleepingProcess stops a replaying process for longer than its transaction may live, and lets it go on.
func faultSleepingProcess(t *testing.T) {
	if os.Getenv("WEIR_TEST_BROKERS") == "" {
		return // an embedded broker's client does not come back from this: faultTransactionTimeout has that case
	}
	c, name := anyCluster(t)
	origin := name("sleep")
	p := c.letters(t, origin, 30_000, PlanOptions{})
	b, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "plan.json")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	run := func(session string, stop bool) error {
		cmd := exec.Command(os.Args[0]) // #nosec G204 -- this binary
		cmd.Env = append(os.Environ(), envRole+"=replay", envBrokers+"="+strings.Join(c.addrs, ","), envPlan+"="+file, envSession+"="+session, envBatch+"=200")
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if stop {
			time.Sleep(2 * time.Second)
			_ = cmd.Process.Signal(syscall.SIGSTOP)
			time.Sleep(txnTimeout + 15*time.Second)
			_ = cmd.Process.Signal(syscall.SIGCONT)
		}
		return cmd.Wait()
	}
	if err := run("s1", true); err != nil {
		t.Logf("stopped: %v: %s", err, out.String())
		if err := run("s2", false); err != nil {
			t.Fatalf("resume: %v: %s", err, out.String())
		}
	}
	c.exactlyOnce(t, origin, 30_000)
}

// gate holds one request of a kind back until it is opened.
type gate struct {
	net.Conn
	key     int16
	armed   *atomic.Bool
	reached chan<- struct{}
	open    <-chan struct{}
}

func (g *gate) Write(b []byte) (int, error) {
	if len(b) >= 6 && int16(b[4])<<8|int16(b[5]) == g.key && g.armed.CompareAndSwap(true, false) {
		g.reached <- struct{}{}
		<-g.open
	}
	return g.Conn.Write(b)
}

// faultSecondOperator: while one session waits, between two transactions or right before it commits one, another takes
// the job. The first must notice, must not take it back, and must write nothing more.
func faultSecondOperator(t *testing.T) {
	const endTxn, produce = 26, 0
	for _, at := range []struct {
		name    string
		key     int16 // the request the first session is held at; -1 between two transactions
		journal string
	}{
		{"between two transactions", -1, "create"},
		{"before a commit", endTxn, "create"},
		{"before it writes", produce, "create"},
		{"before a commit, local journal", endTxn, "local"},
		{"between two transactions, local journal", -1, "local"},
	} {
		t.Run(at.name, func(t *testing.T) {
			ctx := context.Background()
			c, name := anyCluster(t)
			origin, dir := name("two"), t.TempDir()
			p := c.letters(t, origin, 600, PlanOptions{Journal: at.journal})
			reached, open := make(chan struct{}, 1), make(chan struct{})
			var armed atomic.Bool
			conn := *c.Conn
			conn.Client = func(opts ...kgo.Opt) (*kgo.Client, error) {
				return c.Client(append(opts, kgo.Dialer(func(ctx context.Context, network, host string) (net.Conn, error) {
					var d net.Dialer
					nc, err := d.DialContext(ctx, network, host)
					if err != nil {
						return nil, err
					}
					return &gate{nc, at.key, &armed, reached, open}, nil
				}))...)
			}
			steps := 0
			conn.Events = func(e Event) {
				if e.Stage != "replay" {
					return
				}
				if steps++; steps == 3 {
					if armed.Store(true); at.key < 0 {
						reached <- struct{}{}
						<-open
					}
				}
			}
			var first *Report
			var firstErr error
			var wg sync.WaitGroup
			wg.Go(func() {
				first, firstErr = conn.Replay(ctx, newTestDecoder(t), p, ReplayOptions{Session: "first", Operator: "ann", Batch: 50, LocalDir: dir})
			})
			<-reached
			second, err := c.Replay(ctx, newTestDecoder(t), p, ReplayOptions{Session: "second", Operator: "bob", Batch: 50, Resume: true, LocalDir: dir})
			close(open)
			wg.Wait()
			if err != nil || second.Produced != 600 {
				t.Errorf("second: %v %+v", err, second)
			}
			if f, ok := errors.AsType[*FencedError](firstErr); !ok || !strings.Contains(f.Error(), "another operator took the job over") || first.State != "failed" {
				t.Errorf("first: %v %+v", firstErr, first)
			}
			c.exactlyOnce(t, origin, 600)
		})
	}
}

// faultTargetGoes: the target is deleted during the run, or deleted and made again.
func faultTargetGoes(t *testing.T) {
	for _, again := range []bool{false, true} {
		t.Run(fmt.Sprintf("made anew=%v", again), func(t *testing.T) {
			c, name := anyCluster(t)
			origin := name("goes")
			p := c.letters(t, origin, 600, PlanOptions{})
			conn := atStep(c, 3, func() {
				if err := c.fake.DeleteTopic(origin); err != nil {
					t.Error(err)
				}
				if again {
					c.topic(t, origin, 3, nil)
				}
			})
			rep, err := conn.Replay(context.Background(), newTestDecoder(t), p, ReplayOptions{Session: "s", Batch: 50})
			if g, ok := errors.AsType[*GateError](err); !ok || !strings.Contains(g.Reason, origin) || rep.State != "paused" || rep.Produced != 150 || rep.Resume == "" {
				t.Errorf("%v %+v", err, rep)
			}
			if again { // nothing of the plan belongs into a topic that is another one now
				c.exactlyOnce(t, origin, 0)
			}
		})
	}
}

// faultDeniedLater takes a right away in the middle of a run.
func faultDeniedLater(t *testing.T) {
	for topic, want := range map[string]string{"target": "WRITE on topic ", "journal": "WRITE on topic " + JournalTopic} {
		t.Run(topic, func(t *testing.T) {
			c, name := anyCluster(t)
			origin := name("later")
			p := c.letters(t, origin, 600, PlanOptions{})
			denied := map[string]string{"target": origin, "journal": JournalTopic}[topic]
			var fault *kfake.FaultHandle
			conn := atStep(c, 3, func() {
				fault = c.fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: denied, Err: kerr.TopicAuthorizationFailed, Count: -1})
			})
			rep, err := conn.Replay(context.Background(), newTestDecoder(t), p, ReplayOptions{Session: "s", Batch: 50})
			d, ok := errors.AsType[*DeniedError](err)
			if !ok || d.Code() != "unauthorized" || !strings.Contains(err.Error(), want) || rep.Produced != 150 || rep.Resume == "" {
				t.Fatalf("%v %+v", err, rep)
			}
			c.exactlyOnce(t, origin, 150) // nothing of the batch that was denied
			fault.Remove()
			if rep = c.replay(t, p, ReplayOptions{Session: "s2", Resume: true}); rep.Produced != 600 {
				t.Errorf("resumed: %+v", rep)
			}
			c.exactlyOnce(t, origin, 600)
		})
	}
}

// faultTrimmedLater: records of the plan go while it runs.
func faultTrimmedLater(t *testing.T) {
	c, name := anyCluster(t)
	origin := name("trim")
	p := c.letters(t, origin, 600, PlanOptions{})
	stop, cancel := context.WithCancel(context.Background())
	defer cancel()
	conn := atStep(c, 3, cancel)
	rep, err := conn.Replay(stop, newTestDecoder(t), p, ReplayOptions{Session: "s", Batch: 50})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("%v %+v", err, rep)
	}
	if err := c.fake.DeleteRecords(origin+"-dlt", 0, 190); err != nil {
		t.Fatal(err)
	}
	rep, err = c.Replay(context.Background(), newTestDecoder(t), p, ReplayOptions{Session: "s2", Resume: true})
	if g, ok := errors.AsType[*GateError](err); !ok || !strings.Contains(g.Reason, "planned records are gone, offsets ") || !strings.HasSuffix(g.Reason, "-189") || rep.ProducedNow != 0 {
		t.Errorf("%v %+v", err, rep)
	}
}

// faultArrivals: what comes while a plan runs is not in it.
func faultArrivals(t *testing.T) {
	c, name := anyCluster(t)
	origin := name("arrive")
	p := c.letters(t, origin, 600, PlanOptions{})
	conn := *c.Conn
	n := 0
	conn.Events = func(e Event) {
		if e.Stage == "replay" {
			c.produce(t, springLetter(origin+"-dlt", int32(n%3), []byte("new"), []byte("new"), origin, 0, int64(1000+n), "x.Y", "no", ""))
			n++
		}
	}
	rep, err := conn.Replay(context.Background(), newTestDecoder(t), p, ReplayOptions{Session: "s", Batch: 50})
	if err != nil || rep.Produced != 600 || n == 0 {
		t.Fatalf("%v %+v", err, rep)
	}
	c.exactlyOnce(t, origin, 600)
}

// faultOffsetsUnreadable: with a local journal the progress is a group's offsets. What cannot be read is not 0.
func faultOffsetsUnreadable(t *testing.T) {
	c, name := anyCluster(t)
	origin, dir := name("offsets"), t.TempDir()
	p := c.letters(t, origin, 300, PlanOptions{Journal: "local"})
	stop, cancel := context.WithCancel(context.Background())
	defer cancel()
	_, err := atStep(c, 3, cancel).Replay(stop, newTestDecoder(t), p, ReplayOptions{Session: "s", Batch: 50, LocalDir: dir})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	c.fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetFetch}, Err: kerr.GroupAuthorizationFailed, Count: -1})
	rep, err := c.Replay(context.Background(), newTestDecoder(t), p, ReplayOptions{Session: "s2", Resume: true, LocalDir: dir})
	if _, ok := errors.AsType[*UnknownProgressError](err); !ok || rep.ProducedNow != 0 {
		t.Errorf("want a refusal, have %v %+v", err, rep)
	}
	c.exactlyOnce(t, origin, 150)
}

// faultTargetSettings: what a target refuses, the plan says before anything is written.
func faultTargetSettings(t *testing.T) {
	for _, s := range []struct {
		name, status, want string
		cfg                map[string]string
		keep               bool
	}{
		{"replicas", "block", "min.insync.replicas", map[string]string{"min.insync.replicas": "4"}, false},
		{"append time", "warn", "LogAppendTime", map[string]string{"message.timestamp.type": "LogAppendTime"}, true},
		{"too old", "warn", "refuses records older than", map[string]string{"message.timestamp.before.max.ms": "1000"}, true},
		{"small", "warn", "larger than its max.message.bytes of 100", map[string]string{"max.message.bytes": "100"}, false},
	} {
		t.Run(s.name, func(t *testing.T) {
			c, name := anyCluster(t)
			origin, dead := name("set"), name("set-dlt")
			cfg := map[string]*string{}
			for k, v := range s.cfg {
				cfg[k] = &v
			}
			c.topic(t, origin, 1, cfg)
			c.topic(t, dead, 1, nil)
			c.produce(t, springLetter(dead, 0, []byte("k"), make([]byte, 200), origin, 0, 1, "x.Y", "no", ""))
			p := c.plan(t, PlanOptions{Topic: dead, Job: name("j"), KeepTimestamp: s.keep})
			for _, i := range p.Preflight {
				if i.Status == s.status && strings.Contains(i.Detail, s.want) {
					if _, gate := errors.AsType[*GateError](p.Ready()); gate != (s.status == "block") {
						t.Errorf("ready: %v", p.Ready())
					}
					return
				}
			}
			t.Errorf("the plan does not say so: %+v", p.Preflight)
		})
	}
}

// faultMarkersOnly: offsets are used up and no record is there. Nobody is to be woken for that.
func faultMarkersOnly(t *testing.T) {
	ctx := context.Background()
	c, name := anyCluster(t)
	topic := name("void-dlt")
	c.topic(t, topic, 1, nil)
	if err := c.EnsureJournal(ctx); err != nil {
		t.Fatal(err)
	}
	cl, err := c.Client(kgo.TransactionalID(name("void")))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if err := errors.Join(cl.BeginTransaction(), cl.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte("v")}).FirstErr()); err != nil {
		t.Fatal(err)
	}
	// While it is open nobody knows what lies there, and nobody says that it is nothing.
	l, err := c.List(ctx, newTestDecoder(t), ListOptions{Only: []string{topic}})
	if err != nil || !l.Topics[0].Exceeds(0) || l.Topics[0].Exceeds(1) {
		t.Errorf("while the transaction is open: %v %+v", err, l)
	}
	notes := 0
	conn := *c.Conn
	conn.Events = func(e Event) {
		if strings.Contains(e.Note, "1 offsets lie behind an open transaction") {
			notes++
		}
	}
	if n, err := conn.Export(ctx, newTestDecoder(t), topic, Selection{}, NewArchiveWriter(io.Discard)); err != nil || n != 0 || notes != 1 {
		t.Errorf("export: %d, %v, %d notes", n, err, notes)
	}
	if _, _, n, err := conn.Select(ctx, newTestDecoder(t), topic, Selection{Where: "true"}); err != nil || n != 0 || notes != 2 {
		t.Errorf("select: %d, %v, %d notes", n, err, notes)
	}
	if err := cl.EndTransaction(ctx, kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		l, err := c.List(ctx, newTestDecoder(t), ListOptions{Only: []string{topic}})
		if err != nil {
			t.Fatal(err)
		}
		r := l.Topics[0]
		if deref(r.Span) == 2 && !r.Exceeds(0) && r.Stored != nil && *r.Stored == 0 && r.Unresolved != nil && *r.Unresolved == 0 && r.OldestMS == nil && deref(r.BehindOpen) == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%+v", r)
		}
	}
	p := c.plan(t, PlanOptions{Topic: topic, Job: name("j")})
	if rep := c.replay(t, p, ReplayOptions{Session: "s"}); rep.State != "done" || rep.Transactions != 0 {
		t.Errorf("%+v", rep)
	}
}
