package cmd

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/kafkatest"
)

// TestChaos runs plan, lag and a replay of dead letters against a cluster that is never
// at rest: on the embedded nodes leaders move all the time; where WEIR_TEST_KAFKAUP
// names the command that can ("PATH -name CLUSTER"), real brokers are killed hard and
// started again. Each answer must be true or an honest failure, and the replay must
// put back each record once.
func TestChaos(t *testing.T) {
	kafkaup := strings.Fields(os.Getenv("WEIR_TEST_KAFKAUP"))
	var opts []kafkatest.Option
	lasts := 2 * time.Second
	if len(kafkaup) == 0 {
		opts = append(opts, kafkatest.Embedded())
	} else {
		lasts = 90 * time.Second
	}
	c := kafkatest.Start(t, opts...)
	x := &chaos{t: t, c: c, counts: map[string]int{}}
	x.prepare()

	stop := make(chan struct{})
	var trouble, work sync.WaitGroup
	trouble.Go(func() {
		if len(kafkaup) > 0 {
			x.killBrokers(stop, kafkaup)
		} else {
			x.moveLeaders(stop)
		}
	})
	end := time.Now().Add(lasts)
	time.AfterFunc(lasts, func() { close(stop) }) // a replay that is late goes on in peace
	work.Go(func() { x.repeat(end, x.plan) })
	work.Go(func() { x.repeat(end, x.lag) })
	work.Go(func() { x.replay(end) })
	work.Wait()
	trouble.Wait()
	if t.Failed() {
		return
	}
	x.verify()
	for _, k := range slices.Sorted(keysOf(x.counts)) {
		t.Logf("%-28s %d", k, x.counts[k])
	}
	t.Logf("%-28s %d", "troubles", x.troubles.Load())
}

func keysOf(m map[string]int) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

const (
	chaosOrders = 200
	chaosLag    = 400 // unread records of the group that nobody works for
)

type chaos struct {
	t        *testing.T
	c        *kafkatest.Cluster
	dir      string
	job      string
	quiet    string // topic that nobody writes to
	selected int
	troubles atomic.Int64

	mu     sync.Mutex
	counts map[string]int
}

// weir runs a command line as its own process would.
func (x *chaos) weir(args ...string) (stdout, stderr string, exit int) {
	ctx, cancel := context.WithTimeout(x.t.Context(), 2*time.Minute)
	defer cancel()
	var out, errs strings.Builder
	args = append(args, "-b", strings.Join(x.c.Brokers, ","), "--no-input")
	exit = run(ctx, args, strings.NewReader(""), &out, &errs, []string{"HOME=" + x.dir, "LANG=C.UTF-8"}, Build{Version: "0.0.0-test"})
	return out.String(), errs.String(), exit
}

func (x *chaos) must(args ...string) string {
	x.t.Helper()
	out, errs, exit := x.weir(args...)
	if exit != 0 {
		x.t.Fatalf("weir %s: exit %d\n%s%s", strings.Join(args, " "), exit, out, errs)
	}
	return out
}

func (x *chaos) count(what string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.counts[what]++
}

// prepare makes a shop with dead letters, a catalog of it, a group that is behind, and
// a plan of replay.
func (x *chaos) prepare() {
	x.dir = x.t.TempDir()
	x.t.Chdir(x.dir)
	prefix, orders := x.c.Prefix, x.c.Name("orders.order.v1")
	x.must("demo", "produce", "--prefix", prefix, "--create-topics", "--count", strconv.Itoa(chaosOrders), "--poison", "0.5")
	x.must("demo", "consume", "--prefix", prefix, "--group", "billing", "--count", strconv.Itoa(chaosOrders))
	x.quiet = x.c.Topic("quiet", 1)
	values := make([]string, chaosLag+100)
	x.c.ProduceValues(x.quiet, 0, values...)
	x.c.Commit(x.c.Name("slow"), x.quiet, 0, 100)
	x.must("export", "-d", filepath.Join(x.dir, "catalog"))
	plan := filepath.Join(x.dir, "replay.json")
	x.must("dlt", "plan", orders+".billing.dlt", "--ack-fanout", "--superseded", "allow", "--out", plan)
	b, err := os.ReadFile(plan)
	if err != nil {
		x.t.Fatal(err)
	}
	var p struct {
		Job    string `json:"job"`
		Counts struct {
			Selected int `json:"selected"`
		} `json:"counts"`
	}
	if err := json.Unmarshal(b, &p); err != nil || p.Job == "" || p.Counts.Selected != chaosOrders/2 {
		x.t.Fatalf("plan of %d records: %v", p.Counts.Selected, err)
	}
	x.job, x.selected = p.Job, p.Counts.Selected
}

// repeat asks again and again, until end and at least once.
func (x *chaos) repeat(end time.Time, ask func()) {
	for {
		ask()
		if x.t.Failed() || time.Now().After(end) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// plan: the cluster is as it was written down, so there is nothing to do, or no answer.
func (x *chaos) plan() {
	out, errs, exit := x.weir("plan", filepath.Join(x.dir, "catalog"), "--detailed-exitcode")
	switch {
	case exit == 0 && strings.Contains(out, "No changes"):
		x.count("plan: no changes")
	case exit == 6 && out == "" && errs != "":
		x.count("plan: unreachable")
	default:
		x.t.Errorf("plan: exit %d\n%s%s", exit, out, errs)
	}
}

// lag: the exact figure, a lower bound that says so, or no answer.
func (x *chaos) lag() {
	out, errs, exit := x.weir("lag", x.c.Name("slow"), "-o", "json")
	var r struct {
		Groups []struct {
			Lag     *int64 `json:"lag_records"`
			AtLeast bool   `json:"at_least"`
		} `json:"groups"`
	}
	known := exit == 0 || exit == 4
	if known {
		if err := json.Unmarshal([]byte(out), &r); err != nil || len(r.Groups) != 1 {
			x.t.Errorf("lag: exit %d, %v\n%s%s", exit, err, out, errs)
			return
		}
	}
	switch {
	case exit == 0 && !r.Groups[0].AtLeast && r.Groups[0].Lag != nil && *r.Groups[0].Lag == chaosLag:
		x.count("lag: exact")
	case exit == 4 && (r.Groups[0].Lag == nil || *r.Groups[0].Lag == chaosLag || r.Groups[0].AtLeast && *r.Groups[0].Lag < chaosLag):
		x.count("lag: said to be incomplete")
	case exit == 6 && out == "" && errs != "":
		x.count("lag: unreachable")
	default:
		x.t.Errorf("lag: exit %d\n%s%s", exit, out, errs)
	}
}

// replay carries the plan out, and resumes it as often as it gives up.
func (x *chaos) replay(end time.Time) {
	rate := max(float64(x.selected)/time.Until(end).Seconds(), 1)
	flags := []string{"--rate", fmt.Sprintf("%.1f", rate), "--canary", "0", "--settle", "0s", "--yes"}
	args := append([]string{"dlt", "replay", filepath.Join(x.dir, "replay.json")}, flags...)
	for deadline := end.Add(2 * time.Minute); ; args = append([]string{"dlt", "resume", x.job}, flags...) {
		out, errs, exit := x.weir(args...)
		x.count("replay: sessions")
		if exit == 0 {
			if !strings.Contains(out, fmt.Sprintf("%d of %d replayed, 0 failed", x.selected, x.selected)) {
				x.t.Errorf("replay reports something else:\n%s", out)
			}
			return
		}
		if !slices.Contains([]int{1, 4, 6}, exit) || time.Now().After(deadline) {
			x.t.Errorf("weir %s: exit %d\n%s%s", strings.Join(args, " "), exit, out, errs)
			return
		}
		x.t.Logf("session gave up with exit %d: %s", exit, strings.TrimSpace(errs))
		time.Sleep(time.Second)
		if !x.begun() { // nothing was noted yet: there is nothing to resume
			args[1], args[2] = "replay", filepath.Join(x.dir, "replay.json")
		}
	}
}

func (x *chaos) begun() bool {
	_, errs, _ := x.weir("dlt", "resume", x.job, "--dry-run")
	return !strings.Contains(errs, "not known")
}

// verify counts in the target, without weir, how often each dead letter is there again.
func (x *chaos) verify() {
	orders := x.c.Name("orders.order.v1")
	cl := x.c.Client(kgo.ConsumeTopics(orders), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	seen := map[string]int{}
	total, deadline := 0, time.Now().Add(time.Minute)
	for total < chaosOrders+x.selected && time.Now().Before(deadline) {
		ctx, cancel := context.WithTimeout(x.t.Context(), time.Second)
		f := cl.PollFetches(ctx)
		cancel()
		for r := range f.RecordsAll() {
			total++
			seen[string(r.Key)]++
		}
	}
	again := 0
	for key, n := range seen {
		if n > 2 {
			x.t.Errorf("order %s is there %d times", key, n)
		}
		again += n - 1
	}
	if again != x.selected || len(seen) != chaosOrders {
		x.t.Errorf("%d orders, %d of them twice; %d and %d are right", len(seen), again, chaosOrders, x.selected)
	}
	x.count(fmt.Sprintf("replay: %d records once", again))
}

func (x *chaos) moveLeaders(stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(60 * time.Millisecond):
			x.c.Fake().ShufflePartitionLeaders()
			x.troubles.Add(1)
		}
	}
}

// killBrokers kills one broker after the other and starts it again. Only one is down at a
// time: two of three are no cluster. A broker that was killed is let in again when its
// session has ended, after nine seconds.
func (x *chaos) killBrokers(stop <-chan struct{}, command []string) {
	do := func(verb string, node int) {
		args := slices.Concat([]string{verb}, command[1:], []string{"-node", strconv.Itoa(node)})
		cmd := exec.Command(command[0], args...)
		cmd.Dir = os.Getenv("WEIR_TEST_ROOT")
		if out, err := cmd.CombinedOutput(); err != nil {
			x.t.Errorf("%s broker %d: %v: %s", verb, node, err, out)
		}
	}
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		case <-time.After(2 * time.Second):
		}
		node := 1 + i%3
		do("kill", node)
		time.Sleep(time.Duration(1+i%2*6) * time.Second)
		do("start", node)
		x.troubles.Add(1)
		for up := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
			c, err := net.Dial("tcp", x.c.Brokers[node-1])
			if err == nil {
				_ = c.Close()
				break
			}
			if time.Now().After(up) {
				x.t.Errorf("broker %d did not come back: %v", node, err)
				return
			}
		}
	}
}
