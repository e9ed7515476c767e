package lag

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"
)

// crowd is a cluster of three nodes with 10 topics of 18 partitions, quiet for an hour, and
// groups that have each committed one topic and lag.
func crowd(tb testing.TB, groups int, opts ...kfake.Opt) *fixture {
	tb.Helper()
	f := start(tb, opts...)
	const topics, parts = 10, 18
	for i := range topics {
		f.topic(fmt.Sprintf("topic-%d", i), parts)
	}
	var rs []*kgo.Record
	hourAgo := time.Now().Add(-time.Hour)
	for i := range topics {
		for p := range int32(parts) {
			for range 3 {
				rs = append(rs, &kgo.Record{Topic: fmt.Sprintf("topic-%d", i), Partition: p, Value: []byte("v"), Timestamp: hourAgo})
			}
		}
	}
	if err := f.cl.ProduceSync(context.Background(), rs...).FirstErr(); err != nil {
		tb.Fatal(err)
	}
	var eg errgroup.Group
	eg.SetLimit(16)
	for g := range groups {
		eg.Go(func() error {
			var os kadm.Offsets
			for p := range int32(parts) {
				os.AddOffset(fmt.Sprintf("topic-%d", g%topics), p, int64(g%4), -1)
			}
			return f.ad.CommitAllOffsets(context.Background(), fmt.Sprintf("group-%05d", g), os)
		})
	}
	if err := eg.Wait(); err != nil {
		tb.Fatal(err)
	}
	return f
}

// What a reading of 1,000 groups with 18,000 committed partitions may cost: a real cluster
// adds a round trip to each request.
const (
	maxRequests = 25
	ladderCost  = 27 // nine rungs, three leaders
)

func TestRequestsOfAThousandGroups(t *testing.T) {
	f := crowd(t, 1000)
	for _, c := range []struct {
		name string
		q    Query
		most int
	}{
		{"lag, stable lag and status", Query{Settings: true}, maxRequests},
		{"with the age ladder, and proof that records wait", Query{Settings: true, Ladder: DefaultLadder(), Prove: true}, maxRequests + ladderCost},
	} {
		// A cold client, as a command line is.
		n := &counter{}
		cl := f.client(kgo.WithHooks(n))
		r := &Reader{Client: cl, Now: time.Now}
		s, err := r.Read(context.Background(), c.q)
		if err != nil {
			t.Fatal(err)
		}
		rep := Compute(s, Options{})
		if len(rep.Groups) != 1000 || rep.Total.Partitions != 18000 || *rep.Total.Lag != 27000 || rep.Total.AtLeast {
			t.Errorf("%s: %d groups, %+v", c.name, len(rep.Groups), rep.Total)
		}
		if c.q.Prove && n.of("Fetch") == 0 {
			t.Errorf("%s: nothing was fetched, so nothing was proved", c.name)
		}
		if got := n.total("Metadata", "ApiVersions", "GetTelemetrySubscriptions"); got > c.most {
			t.Errorf("%s: %d requests, want at most %d: %s", c.name, got, c.most, n)
		} else {
			t.Logf("%s: %d requests: %s", c.name, got, n)
		}
	}
}

func BenchmarkThousandGroups(b *testing.B) {
	f := crowd(b, 1000)
	for _, c := range []struct {
		name string
		q    Query
	}{{"lag", Query{Settings: true}}, {"ladder", Query{Settings: true, Ladder: DefaultLadder()}}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			var requests int
			for b.Loop() {
				n := &counter{}
				cl := f.client(kgo.WithHooks(n))
				bd := NewBuilder(Options{})
				cov, err := (&Reader{Client: cl, Now: time.Now}).Each(context.Background(), c.q, func(s *Snapshot) error {
					bd.Add(s)
					return nil
				})
				if err != nil {
					b.Fatal(err)
				}
				if rep := bd.Report(cov); len(rep.Groups) != 1000 {
					b.Fatal(len(rep.Groups))
				}
				cl.Close()
				requests = n.total("Metadata", "ApiVersions", "GetTelemetrySubscriptions")
			}
			b.ReportMetric(float64(requests), "requests/op")
		})
	}
}

func BenchmarkManyGroups(b *testing.B) {
	const groups = 65_000
	f := crowd(b, groups)
	read := func(b *testing.B, after func()) {
		bd := NewBuilder(Options{})
		cov, err := f.reader().Each(context.Background(), Query{Settings: true, Ladder: DefaultLadder()}, func(s *Snapshot) error {
			bd.Add(s)
			after()
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		if rep := bd.Report(cov); len(rep.Groups) != groups {
			b.Fatal(len(rep.Groups))
		}
	}
	b.Run("time", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			read(b, func() {})
		}
	})
	b.Run("memory", func(b *testing.B) {
		for b.Loop() {
			var m runtime.MemStats
			live := func() uint64 {
				runtime.GC()
				runtime.ReadMemStats(&m)
				return m.HeapAlloc
			}
			before, most := live(), uint64(0)
			read(b, func() { most = max(most, live()) })
			b.ReportMetric(float64(most-min(most, before))/(1<<20), "MiB-live")
		}
	})
}
