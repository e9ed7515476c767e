package lag_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/weirhq/weir/internal/kafkatest"
	"github.com/weirhq/weir/lag"
)

// look reads groups of the test as a report by partition.
func look(t *testing.T, c *kafkatest.Cluster, q lag.Query) (*lag.Snapshot, *lag.Report) {
	t.Helper()
	if q.Match == nil && q.Groups == nil {
		q.Match = func(g string) bool { return strings.HasPrefix(g, c.Prefix) }
	}
	s, err := (&lag.Reader{Client: c.Client(), Now: time.Now}).Read(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	return s, lag.Compute(s, lag.Options{By: lag.ByPartition})
}

func rowOf(t *testing.T, r *lag.Report, group, topic string, part int32) lag.PartitionLag {
	t.Helper()
	for _, g := range r.Groups {
		for _, p := range g.Rows {
			if g.Group == group && p.Topic == topic && p.Partition == part {
				return p
			}
		}
	}
	t.Fatalf("no row for %s %s/%d in %d groups", group, topic, part, len(r.Groups))
	return lag.PartitionLag{}
}

func values(n int) []string {
	vs := make([]string, n)
	for i := range vs {
		vs[i] = "v"
	}
	return vs
}

func newSupports(c *kafkatest.Cluster) bool {
	return !c.Real || strings.HasPrefix(c.Version, "4.")
}

func TestEveryKindOfGroup(t *testing.T) {
	c := kafkatest.Start(t)
	ctx := context.Background()
	orders, payments := c.Topic("orders", 2), c.Topic("payments", 2)
	for p := range int32(2) {
		c.ProduceValues(orders, p, values(10)...)
		c.ProduceValues(payments, p, values(10)...)
	}
	c.Commit(c.Name("simple"), orders, 0, 4)
	c.Join(c.Name("classic"), orders, payments)
	kinds := map[string]lag.Kind{c.Name("simple"): lag.Classic, c.Name("classic"): lag.Classic}
	if newSupports(c) {
		// KIP-848: reads everything, commits, stays.
		next := c.Client(kgo.ConsumerGroup(c.Name("next")), kgo.ConsumeTopics(orders), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
			kgo.ServerSideBalancer(), kgo.Balancers(kgo.RangeBalancer()), kgo.DisableAutoCommit())
		for n := 0; n < 20; {
			fs := next.PollFetches(ctx)
			if err := fs.Err(); err != nil {
				t.Fatal(err)
			}
			n += fs.NumRecords()
		}
		if err := next.CommitUncommittedOffsets(ctx); err != nil {
			t.Fatal(err)
		}
		kinds[c.Name("next")] = lag.Consumer
		share(t, c, c.Name("share"), payments)
		kinds[c.Name("share")] = lag.Share
	}
	_, r := look(t, c, lag.Query{Ladder: lag.DefaultLadder(), Settings: true})
	if !r.Coverage.Complete() {
		t.Errorf("coverage %+v", r.Coverage)
	}
	got := map[string]lag.Kind{}
	for _, g := range r.Groups {
		got[g.Group] = g.Kind
		if g.Error != nil {
			t.Errorf("%s: %s", g.Group, *g.Error)
		}
	}
	for name, kind := range kinds {
		if got[name] != kind {
			t.Errorf("%s is %q, want %q", name, got[name], kind)
		}
	}
	if p := rowOf(t, r, c.Name("simple"), orders, 0); *p.Lag != 6 || p.Status != lag.Stopped {
		t.Errorf("simple: %d %s", *p.Lag, p.Status)
	}
	if p := rowOf(t, r, c.Name("classic"), orders, 1); p.Lag != nil || !p.NeverCommitted || *p.IfEarliest != 10 || p.Status != lag.Never || p.MemberID == nil {
		t.Errorf("classic: %+v", p)
	}
	if !newSupports(c) {
		return
	}
	for part := range int32(2) {
		if p := rowOf(t, r, c.Name("next"), orders, part); p.Lag == nil || *p.Lag != 0 || p.MemberID == nil {
			t.Errorf("KIP-848: %+v", p)
		}
	}
	c.Wait("the share group's lag", func(context.Context) (bool, error) {
		_, r := look(t, c, lag.Query{Groups: []string{c.Name("share")}})
		sum := int64(0)
		for _, p := range r.Groups[0].Rows {
			if p.Lag == nil {
				return false, fmt.Errorf("share group %s/%d: %v", p.Topic, p.Partition, p.Error)
			}
			sum += *p.Lag
		}
		if len(r.Groups[0].Rows) == 2 && sum == 0 {
			return true, nil
		}
		return false, fmt.Errorf("lag %d on %d partitions", sum, len(r.Groups[0].Rows))
	})
}

// share reads everything of a topic in a share group.
func share(t *testing.T, c *kafkatest.Cluster, group, topic string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	res := kmsg.NewIncrementalAlterConfigsRequestResource()
	res.ResourceType, res.ResourceName = kmsg.ConfigResourceTypeGroupConfig, group
	conf := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	conf.Name, conf.Value = "share.auto.offset.reset", new("earliest")
	res.Configs = append(res.Configs, conf)
	req.Resources = append(req.Resources, res)
	if _, err := req.RequestWith(ctx, c.Client()); err != nil {
		t.Fatal(err)
	}
	cl := c.Client(kgo.ShareGroup(group), kgo.ConsumeTopics(topic))
	for n := 0; n < 20; {
		fs := cl.PollFetches(ctx)
		if err := fs.Err(); err != nil {
			t.Fatal(err)
		}
		n += fs.NumRecords()
		cl.MarkAcks(kgo.AckAccept)
		if err := cl.FlushAcks(ctx); err != nil {
			t.Fatal(err)
		}
	}
	cl.Close()
}

func TestTransactions(t *testing.T) {
	c := kafkatest.Start(t)
	ctx := context.Background()
	orders := c.Topic("orders", 2)
	group := c.Name("billing")
	tx := func(id string, commit kgo.TransactionEndTry, n int) *kgo.Client {
		cl := c.Client(kgo.TransactionalID(c.Name(id)), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.TransactionTimeout(40*time.Second))
		if err := cl.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		rs := make([]*kgo.Record, n)
		for i := range rs {
			rs[i] = &kgo.Record{Topic: orders, Value: []byte("v")}
		}
		if err := cl.ProduceSync(ctx, rs...).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if n > 0 && id != "open" {
			if err := cl.EndTransaction(ctx, commit); err != nil {
				t.Fatal(err)
			}
		}
		return cl
	}
	tx("a", kgo.TryCommit, 5) // offsets 0 to 4, marker 5
	tx("b", kgo.TryAbort, 3)  // offsets 6 to 8, marker 9
	c.Commit(group, orders, 0, 5)
	c.Commit(group, orders, 1, 0)
	end := func(lso, hwm int64) *lag.Report {
		var r *lag.Report
		c.Wait("the markers", func(context.Context) (bool, error) {
			_, r = look(t, c, lag.Query{Exact: true, Settings: true, Ladder: lag.DefaultLadder()})
			p := rowOf(t, r, group, orders, 0)
			return *p.LSO == lso && *p.End == hwm, nil
		})
		return r
	}
	p := rowOf(t, end(10, 10), group, orders, 0)
	if *p.Lag != 5 || *p.Stable != 5 || *p.Effective != 0 || !p.Age.Exact || p.Age.MinMS != 0 || p.Status == lag.Stopped {
		t.Errorf("control and aborted records only: %+v", p)
	}
	open := tx("open", kgo.TryAbort, 4) // offsets 10 to 13, not ended
	p = rowOf(t, end(10, 14), group, orders, 0)
	if *p.Lag != 9 || *p.Stable != 5 || *p.Effective != 0 || *p.Pinned != 4 {
		t.Errorf("open transaction: lag %d stable %d effective %d pinned %d", *p.Lag, *p.Stable, *p.Effective, *p.Pinned)
	}
	c.Commit(group, orders, 0, 10)
	if p = rowOf(t, end(10, 14), group, orders, 0); p.Status != lag.Blocked || *p.Stable != 0 {
		t.Errorf("blocked: %s, %+v", p.Status, p)
	}
	if err := open.EndTransaction(ctx, kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	p = rowOf(t, end(15, 15), group, orders, 0)
	if *p.Effective == 0 || !p.Age.Exact || p.Status != lag.Stopped {
		t.Errorf("records wait: %+v", p)
	}
}

// readAll reads n records in a group and commits behind them.
func readAll(t *testing.T, cl *kgo.Client, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for got := 0; got < n; {
		fs := cl.PollFetches(ctx)
		if err := fs.Err(); err != nil {
			t.Fatal(err)
		}
		got += fs.NumRecords()
	}
	if err := cl.CommitUncommittedOffsets(ctx); err != nil {
		t.Fatal(err)
	}
}

// flight counts requests of one kind that were sent to a broker and not answered yet.
type flight struct {
	mu        sync.Mutex
	key       int16
	now       map[int32]int
	most, sum int
}

func (f *flight) OnBrokerWrite(b kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, _ error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if key == f.key {
		f.now[b.NodeID]++
		f.sum++
		f.most = max(f.most, f.now[b.NodeID])
	}
}

func (f *flight) OnBrokerRead(b kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, _ error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if key == f.key {
		f.now[b.NodeID]--
	}
}

// TestOffsetsOfManyGroups: brokers from 3.0 tell the offsets of many groups at once
// (KIP-709), older ones are asked for each, and never for many at a time.
func TestOffsetsOfManyGroups(t *testing.T) {
	const groups, flightLimit = 300, 8
	var opts []kafkatest.Option
	if kafkatest.Real() == nil {
		opts = append(opts, kafkatest.MaxVersions(kversion.V2_8_0()))
	}
	c := kafkatest.Start(t, opts...)
	old := !c.Real || strings.HasPrefix(c.Version, "2.")
	orders := c.Topic("orders", 2)
	c.ProduceValues(orders, 0, values(3)...)
	for i := range groups {
		c.Commit(c.Name(fmt.Sprintf("g%03d", i)), orders, 0, int64(i%3))
	}
	fl := &flight{key: int16(kmsg.OffsetFetch), now: map[int32]int{}}
	r := &lag.Reader{Client: c.Client(kgo.WithHooks(fl)), Now: time.Now}
	s, err := r.Read(context.Background(), lag.Query{Match: func(g string) bool { return strings.HasPrefix(g, c.Prefix) }})
	if err != nil {
		t.Fatal(err)
	}
	rep := lag.Compute(s, lag.Options{})
	if len(rep.Groups) != groups || rep.Total.AtLeast || rep.Total.Partitions != groups || *rep.Total.Lag != 2*groups {
		t.Errorf("%d groups, %+v", len(rep.Groups), rep.Total)
	}
	switch {
	case old && (fl.sum != groups || fl.most > flightLimit || fl.most < 2):
		t.Errorf("%d OffsetFetch requests, %d at once on one coordinator; want %d, 2 to %d", fl.sum, fl.most, groups, flightLimit)
	case !old && fl.sum > 3*(1+groups/200):
		t.Errorf("%d OffsetFetch requests for %d groups", fl.sum, groups)
	}
}
