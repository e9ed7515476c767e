package dlt

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/weirhq/weir/demo/broker"
)

// The test binary is also the broker and the replayer of the kill test, so that both can be killed.
const (
	envRole    = "WEIR_DLT_TEST_ROLE"
	envBrokers = "WEIR_DLT_TEST_BROKERS"
	envPlan    = "WEIR_DLT_TEST_PLAN"
	envSession = "WEIR_DLT_TEST_SESSION"
	envShuffle = "WEIR_DLT_TEST_SHUFFLE"
	envBatch   = "WEIR_DLT_TEST_BATCH"
)

func TestMain(m *testing.M) {
	switch os.Getenv(envRole) {
	case "broker":
		brokerMain()
	case "replay":
		os.Exit(replayMain())
	default:
		goleak.VerifyTestMain(m)
	}
}

// brokerMain runs three embedded brokers until its standard input ends; leaders move all the time when asked to.
func brokerMain() {
	c, err := kfake.NewCluster(kfake.NumBrokers(3))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer c.Close()
	broker.KeepAborted(c)
	fmt.Println(strings.Join(c.ListenAddrs(), ","))
	if os.Getenv(envShuffle) != "" {
		go func() {
			for range time.Tick(60 * time.Millisecond) {
				c.ShufflePartitionLeaders()
			}
		}()
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// replayMain carries a plan out and says how it ended. It is killed at any moment.
func replayMain() int {
	f, err := os.Open(os.Getenv(envPlan))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	p, err := ReadPlan(f, f.Name())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	dec, err := NewDecoder(nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	batch, _ := strconv.Atoi(os.Getenv(envBatch))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	conn := &Conn{Now: time.Now, Client: clientTo(strings.Split(os.Getenv(envBrokers), ",")), Events: func(e Event) {
		if e.Note != "" {
			fmt.Fprintln(os.Stderr, e.At.Format(time.TimeOnly), e.Stage, e.Note)
		}
	}}
	if err := conn.dial(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	rep, err := conn.Replay(ctx, dec, p, ReplayOptions{Session: os.Getenv(envSession), Operator: "test", Batch: batch, LocalDir: filepath.Dir(f.Name())})
	fmt.Printf("%s produced_now=%d produced=%d remaining=%d transactions=%d\n", rep.State, rep.ProducedNow, rep.Produced, rep.Remaining, rep.Transactions)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// startBroker runs the embedded brokers in a process of their own.
func startBroker(tb testing.TB, shuffle bool) []string {
	tb.Helper()
	cmd := exec.Command(os.Args[0]) // #nosec G204 -- this binary
	cmd.Env = append(os.Environ(), envRole+"=broker")
	if shuffle {
		cmd.Env = append(cmd.Env, envShuffle+"=1")
	}
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		tb.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(line), ",")
}

// killBrokers are the brokers of the kill test: real ones where WEIR_TEST_BROKERS names them, else embedded.
func killBrokers(tb testing.TB) (addrs []string, actual bool) {
	if s := os.Getenv("WEIR_TEST_BROKERS"); s != "" {
		return strings.Split(s, ","), true
	}
	return startBroker(tb, true), false
}

// TestKill kills replayers at random moments until a job is done, again and again, and compares what a read_committed
// reader sees with what was selected. WEIR_TEST_KILLS says how many kills; a few are made in every run.
func TestKill(t *testing.T) {
	want := 8
	if s := os.Getenv("WEIR_TEST_KILLS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		want = n
	}
	addrs, actual := killBrokers(t)
	c := &testCluster{Conn: connTo(t, addrs), addrs: addrs}
	kills, jobs := 0, 0
	for ; kills < want; jobs++ {
		n := killJob(t, c, jobs, min(want-kills, max(4, want/6)), actual) // every kind of job gets its share
		kills += n
		t.Logf("job %d (%s): %d kills, 0 lost, 0 duplicated", jobs, killModes[jobs%len(killModes)], n)
		if t.Failed() {
			return
		}
	}
	t.Logf("kill test: %d SIGKILLs in %d jobs on %s, 0 lost, 0 duplicated, no transaction left open", kills, jobs, brokerName(actual))
}

// killModes are the kinds of jobs that are killed in turn.
var killModes = []string{"journal topic", "growing batches", "local journal"}

func brokerName(actual bool) string {
	if actual {
		return "a real Apache Kafka"
	}
	return "embedded brokers with leaders moving every 60 ms"
}

func killJob(t *testing.T, c *testCluster, nr, atMost int, actual bool) (kills int) {
	t.Helper()
	const parts = 6
	n, batch := 12_000, 40
	journal := "create"
	switch killModes[nr%len(killModes)] {
	case "local journal":
		journal = "local"
	case "growing batches":
		n, batch = 60_000, 0
	}
	name := fmt.Sprintf("kill%d-%d", os.Getpid(), nr)
	ctx := context.Background()
	c.topic(t, name, parts, nil)
	c.topic(t, name+"-dlt", parts, nil)
	letters := make([]*kgo.Record, 0, n)
	for i := range n {
		p := int32(i) % parts
		cause := "demo.Wanted"
		if i%10 == 0 {
			cause = "demo.Other"
		}
		letters = append(letters, springLetter(name+"-dlt", p, fmt.Appendf(nil, "k%d", i%777), fmt.Appendf(nil, "value %d", i), name, p, int64(i)/parts, cause, "no", ""))
	}
	c.produce(t, letters...)
	p, err := c.Plan(ctx, newTestDecoder(t), PlanOptions{Topic: name + "-dlt", Job: name, Journal: journal, Selection: Selection{Where: `class == "demo.Wanted"`}})
	if err != nil {
		t.Fatal(err)
	}
	if p.Counts.Selected != int64(n)*9/10 {
		t.Fatalf("selected %d", p.Counts.Selected)
	}
	b, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "plan.json")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	restarts, stop := restartBrokers(t)
	defer stop()
	slow := 1
	switch {
	case os.Getenv("WEIR_TEST_KAFKAUP") != "":
		slow = 30
	case actual:
		slow = 6
	}
	for session := 0; ; session++ {
		cmd := exec.Command(os.Args[0]) // #nosec G204 -- this binary
		cmd.Env = append(os.Environ(), envRole+"=replay", envBrokers+"="+strings.Join(c.addrs, ","), envPlan+"="+file, fmt.Sprintf("%s=s%d", envSession, session), fmt.Sprintf("%s=%d", envBatch, batch))
		var out strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		var fuse <-chan time.Time
		if kills == atMost {
			go stop() // the last session need not wait for one broker after the other
		}
		if kills < atMost {
			fuse = time.After(time.Duration(25+rand.IntN(90*slow)) * time.Millisecond)
		}
		select {
		case err := <-done:
			if err != nil && restarts() == 0 {
				t.Fatalf("session %d: %v\n%s", session, err, out.String())
			}
			if err != nil { // with brokers dying a session may give up; it says so and can be resumed
				t.Logf("session %d gave up: %s", session, strings.TrimSpace(out.String()))
				continue
			}
			stop()
			if n := restarts(); n > 0 {
				t.Logf("%d brokers were killed and started again", n)
			}
			verifyKilled(t, c, name, p, letters)
			return kills
		case <-fuse:
			_ = cmd.Process.Kill()
			<-done
			kills++
		case <-time.After(3 * time.Minute):
			_ = cmd.Process.Kill()
			t.Fatalf("session %d hangs:\n%s", session, out.String())
		}
	}
}

// restartBrokers kills one real broker after the other and starts it again, where WEIR_TEST_KAFKAUP names the command
// that can ("PATH -name CLUSTER"). stop waits until all are up again.
func restartBrokers(t *testing.T) (count func() int64, stop func()) {
	t.Helper()
	var n atomic.Int64
	command := strings.Fields(os.Getenv("WEIR_TEST_KAFKAUP"))
	if len(command) == 0 {
		return n.Load, func() {}
	}
	run := func(verb string, node int) {
		args := append([]string{verb}, command[1:]...)
		cmd := exec.Command(command[0], append(args, "-node", strconv.Itoa(node))...) // #nosec G204 -- the test's caller names it
		cmd.Dir = ".."
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s broker %d: %v: %s", verb, node, err, out)
		}
	}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-quit:
				return
			case <-time.After(2 * time.Second):
			}
			node := 1 + i%3
			run("kill", node)
			n.Add(1)
			down := 1500 * time.Millisecond
			if i%2 == 1 {
				down = 11 * time.Second
			}
			time.Sleep(down)
			run("start", node)
		}
	}()
	var once sync.Once
	return n.Load, func() { once.Do(func() { close(quit); <-done }) }
}

// verifyKilled compares multisets, and looks for transactions left open.
func verifyKilled(t *testing.T, c *testCluster, name string, p *Plan, letters []*kgo.Record) {
	t.Helper()
	want := map[string]int{}
	next := map[int32]int64{}
	for _, k := range letters {
		o := next[k.Partition]
		next[k.Partition]++
		for _, r := range p.Ranges {
			if r.Partition == k.Partition && r.Selected.Has(o) {
				want[string(appendPosition(nil, name+"-dlt", k.Partition, o))+" "+string(k.Value)]++
			}
		}
	}
	got := map[string]int{}
	for _, k := range c.readAll(t, name, int(p.Counts.Selected)) {
		got[source(k)+" "+string(k.Value)]++
	}
	lost, dup := 0, 0
	for k, n := range want {
		switch g := got[k]; {
		case g < n:
			lost++
		case g > n:
			dup += g - n
		}
		delete(got, k)
	}
	if lost > 0 || dup > 0 || len(got) > 0 {
		t.Errorf("%s: %d lost, %d duplicated, %d foreign of %d", name, lost, dup, len(got), p.Counts.Selected)
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		txns, err := c.Admin.ListTransactions(context.Background(), nil, []string{"Ongoing"})
		open := 0
		for _, x := range txns {
			if strings.Contains(x.TxnID, name) {
				open++
			}
		}
		if err == nil && open == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("%s: %d transactions are left open (%v)", name, open, err)
			return
		}
	}
}
