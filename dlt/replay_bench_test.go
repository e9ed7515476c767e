package dlt

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// BenchmarkReplay compares a replay without a pace with the best bare transactional copy of the same records in
// transactions of the same size: no journal, no checks, no mapping. The broker runs in another process, or is the real
// one of WEIR_TEST_BROKERS.
func BenchmarkReplay(b *testing.B) {
	const parts, n = 12, 150_000
	addrs := strings.Split(os.Getenv("WEIR_TEST_BROKERS"), ",")
	if addrs[0] == "" {
		addrs = startBroker(b, false)
	}
	c := &testCluster{Conn: connTo(b, addrs), addrs: addrs}
	ctx := context.Background()
	name := fmt.Sprintf("bench%d", os.Getpid())
	c.topic(b, name, parts, nil)
	c.topic(b, name+"-dlt", parts, nil)
	value := make([]byte, 1024)
	recs := make([]*kgo.Record, 0, 10_000)
	for i := range n {
		p := int32(i) % parts
		recs = append(recs, springLetter(name+"-dlt", p, fmt.Appendf(nil, "key-%d", i%5000), value, name, p, int64(i)/parts, "demo.Boom", "no", ""))
		if len(recs) == cap(recs) || i == n-1 {
			c.produce(b, recs...)
			recs = recs[:0]
		}
	}
	spans, err := c.Spans(ctx, name+"-dlt")
	if err != nil {
		b.Fatal(err)
	}
	run := 0
	copyBare := func() time.Duration {
		run++
		cl, err := c.Client(
			kgo.TransactionalID(fmt.Sprintf("bare-%d-%d", os.Getpid(), run)), kgo.TransactionTimeout(txnTimeout), kgo.RecordPartitioner(kgo.ManualPartitioner()),
			kgo.MaxBufferedRecords(2*fullRecords), kgo.ProducerLinger(0))
		if err != nil {
			b.Fatal(err)
		}
		defer cl.Close()
		start := time.Now()
		rr, err := c.openRange(name+"-dlt", stored(spans))
		if err != nil {
			b.Fatal(err)
		}
		defer rr.close()
		var pending []*kgo.Record
		for done := false; !done || len(pending) > 0; {
			for !done && len(pending) < fullRecords {
				if done, err = rr.poll(ctx, 2*fullRecords, func(k *kgo.Record) error {
					pending = append(pending, &kgo.Record{Topic: name, Partition: k.Partition, Key: k.Key, Value: k.Value, Headers: k.Headers})
					return nil
				}); err != nil {
					b.Fatal(err)
				}
			}
			batch := pending[:cut(pending, fullRecords, fullBytes)]
			pending = pending[len(batch):]
			if err := cl.BeginTransaction(); err != nil {
				b.Fatal(err)
			}
			if err := cl.ProduceSync(ctx, batch...).FirstErr(); err != nil {
				b.Fatal(err)
			}
			if err := cl.EndTransaction(ctx, kgo.TryCommit); err != nil {
				b.Fatal(err)
			}
		}
		return time.Since(start)
	}
	replay := func() time.Duration {
		run++
		p := c.plan(b, PlanOptions{Topic: name + "-dlt", Job: fmt.Sprintf("%s-%d", name, run), Superseded: "allow", Selection: Selection{Again: true}})
		if p.Counts.Selected != n {
			b.Fatalf("selected %d: %+v", p.Counts.Selected, p.Skipped)
		}
		start := time.Now()
		c.replay(b, p, ReplayOptions{Session: "s"})
		return time.Since(start)
	}
	copyBare()
	var tb, tr time.Duration
	best := []time.Duration{time.Hour, time.Hour}
	for b.Loop() {
		bare, full := copyBare(), replay()
		tb, tr = tb+bare, tr+full
		best[0], best[1] = min(best[0], bare), min(best[1], full)
	}
	b.ReportMetric(float64(b.N*n)/tb.Seconds(), "bare/s")
	b.ReportMetric(float64(b.N*n)/tr.Seconds(), "replay/s")
	b.ReportMetric(100*tb.Seconds()/tr.Seconds(), "%ofbare")
	b.ReportMetric(float64(n)/best[0].Seconds(), "best-bare/s")
	b.ReportMetric(float64(n)/best[1].Seconds(), "best-replay/s")
	b.ReportMetric(100*best[0].Seconds()/best[1].Seconds(), "%ofbest")
}

// BenchmarkReplayMemory is the peak memory of a whole process that replays 200,000 records of 1 KiB.
func BenchmarkReplayMemory(b *testing.B) {
	const parts, n = 12, 200_000
	addrs := startBroker(b, false)
	c := &testCluster{Conn: connTo(b, addrs), addrs: addrs}
	c.topic(b, "orders", parts, nil)
	c.topic(b, "orders-dlt", parts, nil)
	recs := make([]*kgo.Record, 0, 10_000)
	value := make([]byte, 1024)
	for i := range n {
		p := int32(i) % parts
		recs = append(recs, springLetter("orders-dlt", p, fmt.Appendf(nil, "key-%d", i%5000), value, "orders", p, int64(i)/parts, "demo.Boom", "no", ""))
		if len(recs) == cap(recs) {
			c.produce(b, recs...)
			recs = recs[:0]
		}
	}
	for run := 0; b.Loop(); run++ {
		p := c.plan(b, PlanOptions{Topic: "orders-dlt", Job: fmt.Sprintf("memory-%d", run), Superseded: "allow", Selection: Selection{Again: true}})
		raw, err := p.Encode()
		if err != nil {
			b.Fatal(err)
		}
		file := filepath.Join(b.TempDir(), "plan.json")
		if err := os.WriteFile(file, raw, 0o600); err != nil {
			b.Fatal(err)
		}
		cmd := exec.Command(os.Args[0]) // #nosec G204 -- this binary
		cmd.Env = append(os.Environ(), envRole+"=replay", envBrokers+"="+strings.Join(addrs, ","), envPlan+"="+file, envSession+"=s")
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), fmt.Sprintf("produced_now=%d ", n)) {
			b.Fatalf("%v: %s", err, out)
		}
		if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
			b.ReportMetric(float64(u.Maxrss)/1024, "peak-MB") // kilobytes on Linux
		}
		b.ReportMetric((cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(), "cpu-s")
	}
}
