package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/internal/kafkatest"
)

func dial(t *testing.T, k *kafkatest.Cluster) *cluster.Conn {
	t.Helper()
	c, err := cluster.Open(t.Context(), cluster.Profile{Brokers: k.Brokers}, cluster.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// asAlice connects with the account that has no rights but what the test grants.
func asAlice(t *testing.T, k *kafkatest.Cluster) *cluster.Conn {
	t.Helper()
	c, err := cluster.Open(t.Context(), cluster.Profile{
		Brokers: k.Brokers, SecurityProtocol: cluster.SASLPlaintext,
		SASL: cluster.SASL{Mechanism: cluster.Scram512, Username: kafkatest.Alice, Password: cluster.SecretFromEnv("PW")},
	}, cluster.Options{Getenv: func(string) (string, bool) { return kafkatest.AlicePassword, true }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func grant(t *testing.T, k *kafkatest.Cluster, b *kadm.ACLBuilder) {
	t.Helper()
	res, err := k.Admin().CreateACLs(t.Context(), b.Allow("User:"+kafkatest.Alice).AllowHosts("*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range res {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
}

// old says that the cluster is Apache Kafka 2, which cannot tell a few things.
func old(k *kafkatest.Cluster) bool { return strings.HasPrefix(k.Version, "2.") }

func names(ts []cluster.Topic, prefix string) []string {
	var out []string
	for _, t := range ts {
		if strings.HasPrefix(t.Name, prefix) {
			out = append(out, t.Name)
		}
	}
	return out
}

func TestTopics(t *testing.T) {
	k := kafkatest.Start(t)
	c := dial(t, k)
	b, a := k.Topic("b", 3, "retention.ms=1000"), k.Topic("a", 1)
	k.ProduceValues(b, 1, "x", "y", "z")

	l, err := c.Topics(t.Context(), cluster.TopicsQuery{Rights: true})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{a, b}, names(l.Topics, k.Prefix)); d != "" {
		t.Errorf("names (-want +got):\n%s", d)
	}
	if l.Scope.Complete == nil || !*l.Scope.Complete {
		t.Errorf("scope %+v", l.Scope)
	}
	i := slices.IndexFunc(l.Topics, func(x cluster.Topic) bool { return x.Name == b })
	topic := l.Topics[i]
	if len(topic.Partitions) != 3 || topic.ID == nil || topic.ErrorName != nil || !slices.Contains(topic.Rights, "WRITE") {
		t.Errorf("topic %+v", topic)
	}
	if topic.Records() != nil || topic.SizeBytes() != nil {
		t.Error("what was not read must be unknown, not zero")
	}
	only := []cluster.Topic{topic}
	if err := errors.Join(c.Offsets(t.Context(), only), c.Sizes(t.Context(), only)); err != nil {
		t.Fatal(err)
	}
	topic = only[0]
	if n := topic.Records(); n == nil || *n != 3 {
		t.Errorf("records %v", n)
	}
	if n := topic.SizeBytes(); n == nil || *n <= 0 {
		t.Errorf("size %v", n)
	}
	if p := topic.Partitions[1]; *p.EndOffset != 3 || *p.StableOffset != 3 || *p.StartOffset != 0 {
		t.Errorf("partition %+v", p)
	}

	sets, err := c.TopicConfigs(t.Context(), []string{b, a, k.Name("missing"), a})
	if err != nil {
		t.Fatal(err)
	}
	if len(sets) != 3 || sets[0].Topic != a || sets[2].ErrorName == nil || *sets[2].ErrorName != "UNKNOWN_TOPIC_OR_PARTITION" {
		t.Fatalf("config sets %+v", sets)
	}
	own := []string{"retention.ms"}
	if k.Real && os.Getenv("WEIR_TEST_NODES") == "3" {
		own = append(own, "min.insync.replicas") // the fixture's, as the topic has one replica
	}
	for _, cfg := range sets[1].Configs {
		if slices.Contains(own, cfg.Name) != cfg.Own() {
			t.Errorf("%s: source %s", cfg.Name, cfg.Source)
		}
	}
	if v := sets[1].Get("retention.ms"); v == nil || *v != "1000" {
		t.Errorf("retention.ms %v", v)
	}
}

func TestUsageAndTimes(t *testing.T) {
	k := kafkatest.Start(t)
	c := dial(t, k)
	a, b := k.Topic("a", 2), k.Topic("b", 1)
	at := time.UnixMilli(1_700_000_000_000)
	for i := range 5 {
		k.Produce(&kgo.Record{Topic: a, Partition: 0, Value: []byte("v"), Timestamp: at.Add(time.Duration(i) * time.Second)})
	}
	k.Commit(k.Name("g2"), a, 0, 2)
	k.Commit(k.Name("g1"), a, 0, 5)
	l, err := c.Topics(t.Context(), cluster.TopicsQuery{Names: []string{a, b}})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.Offsets(t.Context(), l.Topics), c.Times(t.Context(), l.Topics)); err != nil {
		t.Fatal(err)
	}
	u, err := c.Usage(t.Context(), l.Topics)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, g := range u.Groups[a] {
		got = append(got, fmt.Sprintf("%s %d %d %v", strings.TrimPrefix(g.Group, k.Prefix), g.Committed, *g.LagRecords, g.Live()))
	}
	if d := cmp.Diff([]string{"g1 1 0 false", "g2 1 3 false"}, got); d != "" {
		t.Errorf("groups (-want +got):\n%s", d)
	}
	if len(u.Groups[b]) != 0 {
		t.Errorf("groups of b: %+v", u.Groups[b])
	}
	if f := l.Topics[0].FirstWrite(); f == nil || *f != at.UnixMilli() {
		t.Errorf("first write %v", f)
	}
	switch w := l.Topics[0].LastWrite(); {
	case old(k): // asked before KIP-734, it would be the first record's
		if w != nil {
			t.Errorf("last write %d on a broker that cannot tell", *w)
		}
	case w == nil || *w != at.Add(4*time.Second).UnixMilli():
		t.Errorf("last write %v", w)
	}
	if l.Topics[1].LastWrite() != nil {
		t.Error("an empty topic has no last write")
	}
}

// TestNamedTopics: an unknown or denied name has its error and does not spoil the others.
func TestNamedTopics(t *testing.T) {
	k := kafkatest.Start(t)
	c := dial(t, k)
	a := k.Topic("a", 1)
	l, err := c.Topics(t.Context(), cluster.TopicsQuery{Names: []string{k.Name("nope"), a}})
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Topics) != 2 || l.Topics[0].ErrorName != nil || l.Topics[1].ErrorName == nil {
		t.Fatalf("topics %+v", l.Topics)
	}
	var e *cluster.Error
	if err := l.Topics[1].Err("describe topic"); !errors.As(err, &e) || e.Class != cluster.NotFound {
		t.Errorf("got %v", err)
	}
}

// TestNoRightsIsNotEmpty: a broker answers a user without rights with an empty list and
// calls it a success.
func TestNoRightsIsNotEmpty(t *testing.T) {
	k := kafkatest.Start(t, kafkatest.On(kafkatest.SASL))
	a, b := k.Topic("a", 1), k.Topic("b", 1)
	k.Commit(k.Name("g"), a, 0, 0)
	c := asAlice(t, k)
	check := func(what string, err error, scope cluster.Scope) {
		t.Helper()
		var e *cluster.Error
		if !errors.As(err, &e) || e.Class != cluster.Unauthorised || e.Code() != "unauthorized" {
			t.Errorf("%s: %v", what, err)
		}
		if scope.Complete == nil || *scope.Complete {
			t.Errorf("%s: scope %+v", what, scope)
		}
	}
	topics, err := c.Topics(t.Context(), cluster.TopicsQuery{})
	if err != nil {
		t.Fatal(err)
	}
	check("topics", topics.Err(), topics.Scope)
	groups, err := c.Groups(t.Context(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	check("groups", groups.Err(), groups.Scope)

	named, err := c.Topics(t.Context(), cluster.TopicsQuery{Names: []string{a}})
	if err != nil {
		t.Fatal(err)
	}
	check("named", named.Topics[0].Err("describe topic"), topics.Scope)
	if err := named.Topics[0].Err("describe topic"); !strings.Contains(err.Error(), "not authorised to DESCRIBE on Topic") {
		t.Errorf("the missing right is not named: %v", err)
	}
	info, err := c.Cluster(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if info.Rights != nil {
		t.Errorf("rights %v: without DESCRIBE the broker says none, which proves nothing", info.Rights)
	}

	// Some rights: what is seen is shown, and that it is not all.
	grant(t, k, kadm.NewACLs().Topics(a).ResourcePatternType(kadm.ACLPatternLiteral).Operations(kmsg.ACLOperationRead))
	wait(t, func() bool {
		topics, err = c.Topics(t.Context(), cluster.TopicsQuery{Rights: true})
		return err == nil && len(topics.Topics) > 0
	})
	if d := cmp.Diff([]string{a}, names(topics.Topics, k.Prefix)); d != "" || slices.Contains(names(topics.Topics, ""), b) {
		t.Errorf("topics (-want +got):\n%s", d)
	}
	if topics.Err() != nil || topics.Scope.Complete == nil || *topics.Scope.Complete {
		t.Errorf("scope %+v, err %v", topics.Scope, topics.Err())
	}
	if d := cmp.Diff([]string{"READ", "DESCRIBE"}, topics.Topics[0].Rights); d != "" {
		t.Errorf("rights (-want +got):\n%s", d)
	}
	err = c.Sizes(t.Context(), topics.Topics)
	if topics.Topics[0].SizeBytes() != nil || err == nil && !old(k) { // Kafka 2.8 has no place for the error
		t.Errorf("log dirs without DESCRIBE on the cluster: %v bytes, %v", topics.Topics[0].SizeBytes(), err)
	}
	sets, err := c.TopicConfigs(t.Context(), []string{a})
	if err != nil || len(sets) != 1 || sets[0].ErrorName == nil {
		t.Errorf("configs %+v, %v", sets, err)
	}
}

func wait(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !done(); {
		if time.Now().After(deadline) {
			t.Fatal("gave up waiting")
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestGroups(t *testing.T) {
	k := kafkatest.Start(t)
	c := dial(t, k)
	topic := k.Topic("t", 1)
	k.Commit(k.Name("z"), topic, 0, 0)
	k.Commit(k.Name("a"), topic, 0, 0)
	k.Join(k.Name("live"), topic)
	l, err := c.Groups(t.Context(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	states := map[string]string{}
	var order []string
	for _, g := range l.Groups {
		if strings.HasPrefix(g.Name, k.Prefix) {
			order = append(order, g.Name)
			states[g.Name] = *g.State
			if !old(k) && (g.Type == nil || *g.Type != "classic") {
				t.Errorf("%s: type %v", g.Name, g.Type)
			}
		}
	}
	if d := cmp.Diff([]string{k.Name("a"), k.Name("live"), k.Name("z")}, order); d != "" {
		t.Errorf("order (-want +got):\n%s", d)
	}
	if states[k.Name("live")] != "Stable" || states[k.Name("a")] != "Empty" {
		t.Errorf("states %v", states)
	}
	if l.Scope.Complete == nil || !*l.Scope.Complete || len(l.SilentBrokers) != 0 {
		t.Errorf("scope %+v, silent %v", l.Scope, l.SilentBrokers)
	}
	l, err = c.Groups(t.Context(), []string{"stable"}, []string{"classic"})
	if err != nil || slices.ContainsFunc(l.Groups, func(g cluster.Group) bool { return g.Name == k.Name("a") }) {
		t.Errorf("filtered %+v, %v", l.Groups, err)
	}
}

// TestReadingIsBatched bounds the requests, not the seconds: the number of topics must
// not matter.
func TestReadingIsBatched(t *testing.T) {
	k := kafkatest.Start(t, kafkatest.Embedded())
	for range 20 {
		k.Topic("t"+time.Now().Format("150405.000000000"), 6)
	}
	c := dial(t, k)
	counts := map[string]int{}
	for _, key := range []kmsg.Key{kmsg.Metadata, kmsg.ListOffsets, kmsg.DescribeConfigs, kmsg.DescribeLogDirs} {
		k.Fake().ControlKey(key.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
			k.Fake().KeepControl()
			counts[kmsg.NameForKey(key.Int16())]++
			return nil, nil, false
		})
	}
	ctx := context.Background()
	l, err := c.Topics(ctx, cluster.TopicsQuery{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.Offsets(ctx, l.Topics), c.Sizes(ctx, l.Topics)); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, topic := range l.Topics {
		all = append(all, topic.Name)
	}
	if _, err := c.TopicConfigs(ctx, all); err != nil {
		t.Fatal(err)
	}
	for name, limit := range map[string]int{"Metadata": 4, "ListOffsets": 9, "DescribeConfigs": 1, "DescribeLogDirs": 3} {
		if counts[name] > limit {
			t.Errorf("%s: %d requests for %d topics, want %d at most", name, counts[name], len(l.Topics), limit)
		}
	}
}

func TestUnhealthy(t *testing.T) {
	replicas := []int32{1, 2, 3}
	topic := cluster.Topic{Partitions: []cluster.Partition{
		{Leader: new(int32), Replicas: replicas, InSyncReplicas: replicas},
		{Leader: new(int32), Replicas: replicas, InSyncReplicas: []int32{1, 2}},
		{Leader: new(int32), Replicas: replicas, InSyncReplicas: []int32{1}},
		{Replicas: replicas, InSyncReplicas: []int32{}},
	}}
	two := 2
	got := topic.Unhealthy(&two)
	if d := cmp.Diff(cluster.Unhealthy{Offline: 1, UnderMinISR: &two, UnderReplicated: 3}, got); d != "" {
		t.Errorf("counts (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"offline", "under-min-isr", "under-replicated"}, got.Words()); d != "" {
		t.Errorf("words (-want +got):\n%s", d)
	}
	if got := topic.Unhealthy(nil); got.UnderMinISR != nil || len(got.Words()) != 2 {
		t.Errorf("without the setting a partition is judged by its replicas alone: %+v", got)
	}
}

func TestDoctor(t *testing.T) {
	k := kafkatest.Start(t)
	c := dial(t, k)
	status := func(checks []cluster.Check) map[string]cluster.CheckStatus {
		out := map[string]cluster.CheckStatus{}
		for _, x := range checks {
			out[x.Name] = x.Status
			if (x.Status == cluster.Fail) != (x.Fix != "") {
				t.Errorf("%s: %s with fix %q", x.Name, x.Status, x.Fix)
			}
		}
		return out
	}
	got := status(cluster.Diagnose(cluster.Observe(t.Context(), c, time.Now())))
	want := map[string]cluster.CheckStatus{
		"settings": cluster.Pass, "brokers reachable": cluster.Pass, "TLS": cluster.Skipped, "authentication": cluster.Skipped, "API versions": cluster.Pass,
		"my rights": cluster.Pass, "plaintext listener": cluster.Pass, "cluster id": cluster.Skipped,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("checks (-want +got):\n%s", d)
	}
	p := cluster.Profile{Brokers: []string{"127.0.0.1:1"}}
	_, err := cluster.Open(t.Context(), p, cluster.Options{})
	got = status(cluster.Diagnose(cluster.Observation{Profile: p, Err: err}))
	if got["brokers reachable"] != cluster.Fail || got["API versions"] != cluster.Skipped {
		t.Errorf("nobody listens: %v", got)
	}
}

// TestDoctorOverTLS looks at the certificate, and finds one that ends too soon.
func TestDoctorOverTLS(t *testing.T) {
	k := kafkatest.Start(t, kafkatest.On(kafkatest.SSL))
	c, err := cluster.Open(t.Context(), cluster.Profile{Brokers: k.Brokers, TLS: cluster.TLS{
		CA: filepath.Join(k.TLSDir, "ca.pem"), Cert: filepath.Join(k.TLSDir, "client.pem"), Key: filepath.Join(k.TLSDir, "client.key"),
	}}, cluster.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	o := cluster.Observe(t.Context(), c, time.Now())
	if o.TLS == nil {
		t.Fatalf("no handshake was looked at: %v", o.TLSErr)
	}
	status := func() (tls, auth, plain cluster.CheckStatus) {
		checks := cluster.Diagnose(o)
		return checks[2].Status, checks[3].Status, checks[6].Status
	}
	o.Now = o.TLS.PeerCertificates[0].NotAfter.Add(-20 * 24 * time.Hour)
	if tls, auth, plain := status(); tls != cluster.Pass || auth != cluster.Pass || plain != cluster.Pass {
		t.Errorf("TLS %s, authentication %s, plaintext %s", tls, auth, plain)
	}
	o.Now = o.TLS.PeerCertificates[0].NotAfter.Add(-3 * 24 * time.Hour)
	if tls, _, _ := status(); tls != cluster.Fail {
		t.Errorf("a certificate that ends in three days: %s", tls)
	}
}

// BenchmarkTopics reads 2,000 topics of 6 partitions with everything about them.
func BenchmarkTopics(b *testing.B) {
	k := kafkatest.Start(b, kafkatest.Embedded())
	var names []string
	for i := range 2000 {
		names = append(names, fmt.Sprintf("bench.topic.%04d", i))
	}
	for batch := range slices.Chunk(names, 500) {
		if _, err := k.Admin().CreateTopics(b.Context(), 6, 3, nil, batch...); err != nil {
			b.Fatal(err)
		}
	}
	c, err := cluster.Open(b.Context(), cluster.Profile{Brokers: k.Brokers}, cluster.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	b.Run("list", func(b *testing.B) {
		for b.Loop() {
			if l, err := c.Topics(b.Context(), cluster.TopicsQuery{}); err != nil || len(l.Topics) != 2000 {
				b.Fatal(err)
			}
		}
	})
	b.Run("everything", func(b *testing.B) {
		for b.Loop() {
			l, err := c.Topics(b.Context(), cluster.TopicsQuery{Rights: true})
			if err != nil {
				b.Fatal(err)
			}
			_, cerr := c.TopicConfigs(b.Context(), names)
			if err := errors.Join(cerr, c.Offsets(b.Context(), l.Topics), c.Sizes(b.Context(), l.Topics)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
