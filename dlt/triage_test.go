package dlt

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func TestMask(t *testing.T) {
	for in, want := range map[string]string{
		"quota of 10 exceeded for customer 4711":                           "quota of # exceeded for customer #",
		"quota of 9 exceeded for customer 81234":                           "quota of # exceeded for customer #",
		"handler [demo.Binder$1@6d08efb5]; no":                             "handler [demo.Binder$#@#]; no",
		"handler [demo.Binder$1@abcdef]; no":                               "handler [demo.Binder$#@#]; no",
		"order 550e8400-e29b-41d4-a716-446655440000 unknown":               "order # unknown",
		"Listener failed; record 0-5 of the batch failed orders.batch-0@5": "Listener failed; record #-# of the batch failed",
		"block 0xdeadbeef at 7f3a99":                                       "block # at #",
		"line\nbreak\x1b[31m":                                              "line break [#m",
		"order12 and order7":                                               "order# and order#",
		"":                                                                 "",
		"no numbers here, only a face and a cafe":                          "no numbers here, only a face and a cafe",
	} {
		if got := string(mask(nil, []byte(in))); got != want {
			t.Errorf("mask(%q)\n have %q\n want %q", in, got, want)
		}
	}
}

func TestRootOfAgreesWithParseTrace(t *testing.T) {
	for _, trace := range []string{
		"a.B: x\n\tat c.D(E.java:1)\nCaused by: f.G: y\n\t... 1 more\n",
		"a.B\n\tat c.D(E.java:1)\n\tSuppressed: h.I: z\n\tCaused by: j.K: no\nCaused by: f.G\n",
		"no trace at all",
		"",
		"a.B: x\nCaused by: [CIRCULAR REFERENCE: a.B]\n",
	} {
		want := ""
		if c := parseTrace([]byte(trace)).chain; len(c) > 0 {
			want = c[len(c)-1]
		}
		if got := string(rootOf([]byte(trace))); got != want {
			t.Errorf("%q: rootOf %q, parseTrace %q", trace, got, want)
		}
	}
}

func TestSketch(t *testing.T) {
	var s sketch
	for i := range uint64(200_000) {
		s.add(mix(i, i, i))
		s.add(mix(i/2, i/2, i/2))
		if i == 999 {
			if n, est := s.count(); n != 1000 || est {
				t.Fatalf("1,000 values: counted %d, estimated %v", n, est)
			}
		}
	}
	if n, est := s.count(); !est || n < 194_000 || n > 206_000 {
		t.Errorf("200,000 values: counted %d, estimated %v", n, est)
	}
}

// TestInspect reads a dead letter topic with two causes, aborted data and control records.
func TestInspect(t *testing.T) {
	c := newCluster(t)
	ctx := context.Background()
	c.topic(t, "orders-dlt", 3, nil)
	c.springLetters(t, "orders-dlt", 3, 1000, 20, "")
	// Aborted records and markers: the span grows, what is stored does not.
	txn, err := c.Client(kgo.TransactionalID("t"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer txn.Close()
	for _, commit := range []bool{false, true} {
		if err := txn.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := txn.ProduceSync(ctx, springLetter("orders-dlt", 1, nil, []byte("x"), "other", 5, 9, "java.lang.IllegalStateException", "ledger closed", "")).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if err := txn.EndTransaction(ctx, kgo.TransactionEndTry(commit)); err != nil {
			t.Fatal(err)
		}
	}
	res, err := c.Inspect(ctx, "orders-dlt", NewTriage(newTestDecoder(t), nil))
	if err != nil {
		t.Fatal(err)
	}
	if res.Stored != 1001 || len(res.Causes) != 2 {
		t.Fatalf("stored %d in %d groups, want 1001 in 2: %+v", res.Stored, len(res.Causes), res.Causes)
	}
	a, b := res.Causes[0], res.Causes[1]
	if a.Records != 900 || deref(a.Class) != "demo.QuotaExceeded" || a.Message != "Listener failed; quota of # exceeded for customer #" {
		t.Errorf("first group: %+v", a)
	}
	if b.Records != 101 || b.NullKeys != 1 || len(b.Origins) != 2 || b.Origins[0] != (OriginCount{"orders", 100}) || b.Origins[1] != (OriginCount{"other", 1}) {
		t.Errorf("second group: %+v", b)
	}
	if deref(a.OriginRecords) != 900 || a.Keys != 900 || a.KeysEstimated {
		t.Errorf("first group: %d origin records, %d keys", deref(a.OriginRecords), a.Keys)
	}
	if a.ID == b.ID || len(a.ID) != 8 {
		t.Errorf("ids %q and %q", a.ID, b.ID)
	}
	spans, err := c.Spans(ctx, "orders-dlt")
	if err != nil {
		t.Fatal(err)
	}
	var span int64
	for _, s := range spans {
		span += s.HighWatermark - s.Start
	}
	if span != 1004 { // 1,000 + an aborted record + a committed one + two markers
		t.Errorf("span %d, want 1004", span)
	}
}

// TestTriageIsBounded feeds more causes than are kept apart.
func TestTriageIsBounded(t *testing.T) {
	tr := NewTriage(newTestDecoder(t), nil)
	for i := range maxGroups + 500 {
		name := strings.Repeat("x", i%50) + string(rune('a'+i%26)) + strings.Repeat("y", i/1300)
		tr.Add(springLetter("d", 0, nil, nil, "o", 0, int64(i), fmt.Sprintf("c%d.%s", i, name), "", ""))
	}
	res := tr.Result()
	if res.Stored != maxGroups+500 || len(res.Causes) != maxGroups+1 || len(res.Notes) != 1 {
		t.Errorf("%d records, %d groups, notes %v", res.Stored, len(res.Causes), res.Notes)
	}
}

// BenchmarkInspect compares the triage of Spring dead letters with a bare consume of the same records. Rounds of both
// alternate, and the median of their ratios is what counts: a busy machine slows both sides of a round.
func BenchmarkInspect(b *testing.B) {
	for _, bc := range []struct {
		name  string
		n     int
		trace string
	}{{"100B-6headers", 1_000_000, ""}, {"4KiB-trace", 200_000, longTrace()}} {
		b.Run(bc.name, func(b *testing.B) {
			c := newCluster(b)
			c.topic(b, "orders-dlt", 6, nil)
			c.springLetters(b, "orders-dlt", 6, bc.n, 100, bc.trace)
			spans, err := c.Spans(context.Background(), "orders-dlt")
			if err != nil {
				b.Fatal(err)
			}
			bare := func() time.Duration {
				start := time.Now()
				n := 0
				err := c.ReadRanges(context.Background(), "orders-dlt", stored(spans), func(*kgo.Record) error { n++; return nil })
				if err != nil || n != bc.n {
					b.Fatal(n, err)
				}
				return time.Since(start)
			}
			inspect := func() time.Duration {
				start := time.Now()
				res, err := c.Inspect(context.Background(), "orders-dlt", NewTriage(newTestDecoder(b), nil))
				if err != nil || res.Stored != int64(bc.n) {
					b.Fatal(err)
				}
				return time.Since(start)
			}
			const rounds = 5
			bare()
			var tb, ti, ratio []float64
			for b.Loop() {
				for range rounds {
					runtime.GC()
					tb = append(tb, bare().Seconds())
					runtime.GC()
					ti = append(ti, inspect().Seconds())
					ratio = append(ratio, 100*tb[len(tb)-1]/ti[len(ti)-1])
				}
			}
			b.ReportMetric(float64(bc.n)/median(tb), "bare/s")
			b.ReportMetric(float64(bc.n)/median(ti), "inspect/s")
			b.ReportMetric(median(ratio), "%ofbare")
		})
	}
}

func median(all []float64) float64 {
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2]
}

func longTrace() string {
	var sb strings.Builder
	sb.WriteString("org.springframework.kafka.listener.ListenerExecutionFailedException: Listener failed\n")
	for i := range 40 {
		fmt.Fprintf(&sb, "\tat org.springframework.kafka.listener.KafkaMessageListenerContainer.invoke(KafkaMessageListenerContainer.java:%d)\n", i)
		if i == 20 {
			sb.WriteString("Caused by: demo.QuotaExceeded: quota\n")
		}
	}
	return sb.String()[:4096]
}

// An application's own headers may bear the names of a framework's: what a decoder has learnt of those must not be
// taken for these.
func TestSameNamesOtherMeaning(t *testing.T) {
	shared := newTestDecoder(t)
	letter := FromKafka(springLetter("orders-dlt", 0, []byte("k"), []byte("v"), "orders", 0, 7, "demo.Boom", "no", ""))
	letter.Headers = slices.DeleteFunc(letter.Headers, func(h Header) bool { return strings.Contains(h.Name, "exception") })
	own := *letter
	own.Headers = slices.Clone(letter.Headers)
	for i := range own.Headers {
		if strings.Contains(own.Headers[i].Name, "partition") || strings.Contains(own.Headers[i].Name, "offset") {
			own.Headers[i].Value = []byte("somewhere")
		}
	}
	for range 2 {
		for _, r := range []*Record{letter, &own} {
			fresh := newTestDecoder(t)
			if got, want := shared.CauseID(r), fresh.CauseID(r); got != want {
				t.Errorf("cause %s, %s without what was seen before", got, want)
			}
			if got, want := len(shared.forReplay(r).found), len(fresh.Decode(r).found); got != want {
				t.Errorf("%d dialects, %d without what was seen before", got, want)
			}
		}
	}
	if n := len(newTestDecoder(t).Decode(&own).found); n != 0 {
		t.Errorf("headers without readable numbers prove %d dialects", n)
	}
}
