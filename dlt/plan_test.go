package dlt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// TestHungTarget: behind a transaction that nobody ends, readers would see nothing of a replay. One that is merely open
// is told.
func TestHungTarget(t *testing.T) {
	ctx := context.Background()
	c := springCluster(t, 30)
	cl, err := c.Client(kgo.TransactionalID("ledger-writer"), kgo.TransactionTimeout(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.CloseAllowingRebalance()
	if err := errors.Join(cl.BeginTransaction(), cl.ProduceSync(ctx, &kgo.Record{Topic: "orders", Value: []byte("v")}).FirstErr()); err != nil {
		t.Fatal(err)
	}
	p := c.plan(t, PlanOptions{Topic: "orders-dlt"})
	if err := p.Ready(); err != nil || !strings.Contains(fmt.Sprint(p.Preflight), "ledger-writer holds orders partition") {
		t.Errorf("open: %v %+v", err, p.Preflight)
	}
	later := *c.Conn
	later.Now = func() time.Time { return time.Now().Add(5 * time.Minute) }
	p, err = later.Plan(ctx, newTestDecoder(t), PlanOptions{Topic: "orders-dlt", Job: "j"})
	if err != nil {
		t.Fatal(err)
	}
	if g, ok := errors.AsType[*GateError](p.Ready()); !ok || !strings.Contains(g.Reason, "ledger-writer holds orders partition") || !strings.Contains(g.Reason, "silent for 5m") {
		t.Errorf("hung: %v", p.Ready())
	}
}

// TestPartitionsChanged: the origin had another number of partitions when its records died. Keys go where their newer
// records are.
func TestPartitionsChanged(t *testing.T) {
	c := newCluster(t)
	c.topic(t, "o", 8, nil)
	c.topic(t, "o-dlt", 3, nil)
	hash := hasher(PartitionKey)
	var letters []*kgo.Record
	for i := range 60 {
		key := fmt.Appendf(nil, "key-%d", i)
		part := int32(hash("o", key, 3))
		letters = append(letters, springLetter("o-dlt", part, key, nil, "o", part, int64(i), "x.Y", "no", ""))
	}
	c.produce(t, letters...)
	p := c.plan(t, PlanOptions{Topic: "o-dlt", Superseded: "allow"})
	if p.Targets[0].Hash != PartitionKey || !strings.Contains(fmt.Sprint(p.Preflight), "it has 8 partitions now and had 3 when the records died") {
		t.Errorf("%+v %+v", p.Targets, p.Preflight)
	}
	c.replay(t, p, ReplayOptions{Session: "s"})
	for _, k := range c.readAll(t, "o", 60) {
		if want := int32(hasher(PartitionKey)("o", k.Key, 8)); k.Partition != want {
			t.Fatalf("%s is in partition %d, want %d", k.Key, k.Partition, want)
		}
	}
}

// TestRecordGone: compaction may take records between the plan and its replay. The replay stops and names the first one.
func TestRecordGone(t *testing.T) {
	ctx := context.Background()
	for _, behind := range []int{0, 1} {
		t.Run(fmt.Sprintf("%d records behind it", behind), func(t *testing.T) {
			c := springCluster(t, 30)
			cl, err := c.Client(kgo.TransactionalID("x"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
			if err != nil {
				t.Fatal(err)
			}
			defer cl.Close()
			// An aborted record uses offset 10 up.
			if err := errors.Join(cl.BeginTransaction(), cl.ProduceSync(ctx, &kgo.Record{Topic: "orders-dlt", Partition: 0}).FirstErr(), cl.EndTransaction(ctx, kgo.TryAbort)); err != nil {
				t.Fatal(err)
			}
			for range behind {
				c.produce(t, springLetter("orders-dlt", 0, []byte("k"), nil, "orders", 0, 9, "x.Y", "no", ""))
			}
			p := c.plan(t, PlanOptions{Topic: "orders-dlt", Selection: Selection{}})
			rg := &p.Ranges[0]
			was := rg.Selected
			rg.Selected = Offsets{}
			rg.Selected.AddRange(0, 10)
			rg.Selected.Union(&was)
			rg.CRCs = slices.Insert(rg.CRCs, 40, 0, 0, 0, 0)
			p.Counts.Selected++
			p.Digest = p.digest()
			rep, err := c.Replay(ctx, newTestDecoder(t), p, ReplayOptions{Session: "s"})
			if g, ok := errors.AsType[*GateError](err); !ok || !strings.Contains(g.Reason, "orders-dlt 0@10, which the plan selects, is not in the topic any more") || rep.State != "paused" || rep.Remaining == 0 {
				t.Errorf("%v %+v", err, rep)
			}
		})
	}
}

// TestExpiry: a plan says how long its oldest record stays, and warns when that is less than the plan lives.
func TestExpiry(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	for _, row := range []struct {
		retention string
		age       time.Duration
		want      string
	}{
		{"2592000000", 12 * time.Second, "ok: the oldest selected record stays for another 29 days"},
		{"604800000", 6 * 24 * time.Hour, "ok: the oldest selected record stays for another 24h0m0s"},
		{"604800000", 7*24*time.Hour - time.Hour, "warn: the oldest selected record may be removed in 1h0m0s, before the plan expires"},
		{"604800000", 8 * 24 * time.Hour, "warn: the oldest selected record may be removed in 0s, before the plan expires"},
		{"-1", time.Hour, ""},
	} {
		pl := &planner{c: &Conn{Now: func() time.Time { return now }}, o: PlanOptions{TTL: 24 * time.Hour}, oldest: now.Add(-row.age).UnixMilli(), p: &Plan{}}
		pl.expiry(map[string]string{"retention.ms": row.retention})
		got := ""
		for _, c := range pl.p.Preflight {
			got += c.Status + ": " + c.Detail
		}
		if got != row.want {
			t.Errorf("retention %s, %s old: %q, want %q", row.retention, row.age, got, row.want)
		}
	}
}
