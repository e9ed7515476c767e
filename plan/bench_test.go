package plan

import (
	"fmt"
	"maps"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/demo/broker"
)

// largeWant is a catalog of topics with eight readers each.
func largeWant(topics int) *Desired {
	d := &Desired{}
	one := 1
	for i := range topics {
		name := fmt.Sprintf("team%03d.topic.%05d", i%200, i)
		owner := fmt.Sprintf("team%03d", i%200)
		d.Topics = append(d.Topics, DesiredTopic{
			Name: name, Owner: owner, Partitions: &one, Replicas: &one,
			Config: map[string]string{"retention.ms": "604800000", "cleanup.policy": "delete"},
		})
		for a := range 8 {
			d.ACLs = append(d.ACLs, DesiredACL{Owner: owner, Why: "receive", Row: cluster.ACLRow{
				Permission: kmsg.ACLPermissionTypeAllow, Principal: fmt.Sprintf("User:app%04d", (i+a)%2000), Host: cluster.AnyHost,
				ResourceType: kmsg.ACLResourceTypeTopic, PatternType: kmsg.ACLResourcePatternTypeLiteral, ResourceName: name, Operation: kmsg.ACLOperationRead,
			}})
		}
	}
	return d
}

// BenchmarkPlan compares 10,000 topics and 80,000 rights with the embedded broker: first
// with none of them there, then with all but one in a hundred, and a setting of another
// hundredth changed.
func BenchmarkPlan(b *testing.B) {
	const topics = 10_000
	br, err := broker.Start(broker.Config{ACLs: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(br.Close)
	var requests atomic.Int64
	br.Cluster().Control(func(kmsg.Request) (kmsg.Response, error, bool) {
		br.Cluster().KeepControl()
		requests.Add(1)
		return nil, nil, false
	})
	d := largeWant(topics)
	bench := func(b *testing.B, steps int) {
		b.Helper()
		conn, err := cluster.Open(b.Context(), cluster.Profile{Brokers: br.Addrs()}, cluster.Options{})
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
		requests.Store(0)
		start := time.Now()
		n := 0
		for b.Loop() {
			n++
			p := diff(b, conn, d, Options{MaxDeletes: -1})
			if err := p.Judge(b.Context(), conn); err != nil {
				b.Fatal(err)
			}
			if got := len(p.Pending()); got != steps || p.Summary.Blocked > 0 {
				b.Fatalf("%d steps, %d blocked, want %d: %+v", got, p.Summary.Blocked, steps, p.Summary)
			}
		}
		perOp := float64(requests.Load()) / float64(n)
		b.ReportMetric(perOp, "requests/op")
		if perOp > 400 {
			b.Errorf("%.0f requests for one plan: they must not grow with topics or rights one by one", perOp)
		}
		if each := time.Since(start) / time.Duration(n); each > 5*time.Second {
			b.Errorf("one plan took %v, want less than 5 s", each)
		}
	}
	b.Run("empty", func(b *testing.B) { bench(b, 9*topics) })

	// What is there: all but the last hundredth, with another value in the first.
	loaded := topics - topics/100
	some := *d
	some.Topics, some.ACLs = d.Topics[:loaded], d.ACLs[:8*loaded]
	conn, err := cluster.Open(b.Context(), cluster.Profile{Brokers: br.Addrs()}, cluster.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(conn.Close)
	p := diff(b, conn, &some, Options{MaxDeletes: -1})
	for i := range p.Steps {
		if s := &p.Steps[i]; s.Kind == TopicKind && s.Name < "team001" {
			s.Config = maps.Clone(s.Config)
			s.Config["retention.ms"] = "1209600000"
		}
	}
	if r, err := p.Apply(b.Context(), conn, nil, nil); err != nil || r.Done != len(p.Pending()) {
		b.Fatalf("load: %v", err)
	}
	changed := 0
	for i := range some.Topics {
		if some.Topics[i].Name < "team001" {
			changed++
		}
	}
	b.Run("loaded", func(b *testing.B) { bench(b, 9*topics/100+changed) })
}
