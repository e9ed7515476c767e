package dlt

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// BenchmarkReplay compares a replay without a pace with the best bare transactional copy of the same records: one
// client, no journal, no checks, no mapping, and from its first transaction on as large ones as the replay grows to. The
// broker runs in another process, or is the real one of WEIR_TEST_BROKERS. Rounds alternate, and the median of their
// ratios is what counts: a busy machine slows both sides of a round.
func BenchmarkReplay(b *testing.B) {
	const parts, n, rounds = 12, 150_000, 5
	addrs := strings.Split(os.Getenv("WEIR_TEST_BROKERS"), ",")
	if addrs[0] == "" {
		addrs = startBroker(b, false)
	}
	c := &testCluster{Conn: connTo(b, addrs), addrs: addrs}
	name := fmt.Sprintf("bench%d", time.Now().UnixNano())
	c.topic(b, name, parts, nil)
	c.topic(b, name+"-dlt", parts, nil)
	c.benchLetters(b, name, parts, n)
	run := 0
	var bare, full []cost
	bareCopy(b, c, name, "warm")
	for b.Loop() {
		for range rounds {
			run++
			c.trim(b, name)
			bare = append(bare, measure(b, func() { bareCopy(b, c, name, fmt.Sprintf("%s-bare-%d", name, run)) }))
			c.trim(b, name)
			p := c.plan(b, PlanOptions{Topic: name + "-dlt", Job: fmt.Sprintf("%s-%d", name, run), Superseded: "allow", Selection: Selection{Again: true}})
			if p.Counts.Selected != n {
				b.Fatalf("selected %d: %+v", p.Counts.Selected, p.Skipped)
			}
			full = append(full, measure(b, func() { c.replay(b, p, ReplayOptions{Session: "s"}) }))
		}
	}
	middle := func(of func(i int) float64) float64 {
		var all []float64
		for i := range full {
			all = append(all, of(i))
		}
		return median(all)
	}
	b.ReportMetric(middle(func(i int) float64 { return n / bare[i].wall.Seconds() }), "bare/s")
	b.ReportMetric(middle(func(i int) float64 { return n / full[i].wall.Seconds() }), "replay/s")
	b.ReportMetric(middle(func(i int) float64 { return 100 * bare[i].wall.Seconds() / full[i].wall.Seconds() }), "%ofbare")
	b.ReportMetric(middle(func(i int) float64 { return bare[i].cpu.Seconds() * 1e9 / n }), "bare-cpu-ns/record")
	b.ReportMetric(middle(func(i int) float64 { return full[i].cpu.Seconds() * 1e9 / n }), "replay-cpu-ns/record")
	b.ReportMetric(middle(func(i int) float64 { return float64(bare[i].allocs) / n }), "bare-allocs/record")
	b.ReportMetric(middle(func(i int) float64 { return float64(full[i].allocs) / n }), "replay-allocs/record")
}

// benchLetters fills the dead letter topic with n records of 1 KiB and six headers, as in a real one: not two alike, and
// hard to compress.
func (c *testCluster) benchLetters(b *testing.B, origin string, parts int32, n int) {
	b.Helper()
	rnd := rand.NewChaCha8([32]byte{})
	recs := make([]*kgo.Record, 0, 10_000)
	for i := range n {
		p := int32(i) % parts
		value := make([]byte, 1024)
		_, _ = rnd.Read(value)
		recs = append(recs, springLetter(origin+"-dlt", p, fmt.Appendf(nil, "key-%d", i%5000), value, origin, p, int64(i)/int64(parts), "demo.Boom", "no", ""))
		if len(recs) == cap(recs) || i == n-1 {
			c.produce(b, recs...)
			recs = recs[:0]
		}
	}
}

// trim empties a topic. A broker that keeps every copy grows by gigabytes and stands still for a second when it looks
// through them, in the middle of whichever side is being measured.
func (c *testCluster) trim(b *testing.B, topic string) {
	b.Helper()
	ends, err := c.Admin.ListEndOffsets(context.Background(), topic)
	if err == nil {
		var rs kadm.DeleteRecordsResponses
		if rs, err = c.Admin.DeleteRecords(context.Background(), ends.Offsets()); err == nil {
			err = rs.Error()
		}
	}
	if err != nil {
		b.Fatal(err)
	}
}

// cost is what one run took of this process.
type cost struct {
	wall, cpu time.Duration
	allocs    uint64
}

func measure(b *testing.B, do func()) cost {
	b.Helper()
	usage := func() (time.Duration, uint64) {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return time.Duration(u.Utime.Nano() + u.Stime.Nano()), m.Mallocs
	}
	runtime.GC()
	cpu, allocs := usage()
	start := time.Now()
	do()
	wall := time.Since(start)
	cpuAfter, allocsAfter := usage()
	return cost{wall, cpuAfter - cpu, allocsAfter - allocs}
}

// bareCopy moves every record of NAME-dlt to NAME.
func bareCopy(b *testing.B, c *testCluster, name, id string) {
	b.Helper()
	ctx := context.Background()
	spans, err := c.Spans(ctx, name+"-dlt")
	if err != nil {
		b.Fatal(err)
	}
	cl, err := c.Client(
		kgo.TransactionalID(id), kgo.TransactionTimeout(txnTimeout), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.MaxBufferedRecords(2*fullRecords), kgo.ProducerLinger(0), kgo.ProducerBatchCompression(kgo.NoCompression())) // as the letters are stored
	if err != nil {
		b.Fatal(err)
	}
	defer cl.Close()
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
}
