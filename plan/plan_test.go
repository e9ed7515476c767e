package plan

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/demo/broker"
)

// world is a random catalog of a few applications.
type world struct {
	topics    int
	rng       *rand.Rand
	documents map[string]string
}

func randomWorld(seed uint64) *world {
	w := &world{rng: rand.New(rand.NewPCG(seed, 7)), documents: map[string]string{}}
	w.topics = 1 + w.rng.IntN(5)
	var owner strings.Builder
	owner.WriteString("asyncapi: 3.0.0\ninfo: {title: Owner, version: 1.0.0}\nx-owner: team-a\nchannels:\n")
	for i := range w.topics {
		fmt.Fprintf(&owner, "  c%d:\n    address: t.%d\n    messages: {m: {payload: {type: object}, bindings: {kafka: {key: {type: string}, bindingVersion: 0.5.0}}}}\n    bindings:\n      kafka:\n        partitions: %d\n        replicas: %d\n        topicConfiguration: {retention.ms: %d, cleanup.policy: [%s]}\n        bindingVersion: 0.5.0\n",
			i, i, 1+w.rng.IntN(6), 1+w.rng.IntN(3), 1000*(1+w.rng.IntN(5)), []string{"delete", "compact", "compact, delete"}[w.rng.IntN(3)])
	}
	w.documents["owner.yaml"] = owner.String()
	for a := range w.rng.IntN(4) {
		var doc strings.Builder
		fmt.Fprintf(&doc, "asyncapi: 3.0.0\ninfo: {title: App%d, version: 1.0.0}\nchannels:\n", a)
		for i := range w.topics {
			fmt.Fprintf(&doc, "  c%d: {$ref: 'owner.yaml#/channels/c%d'}\n", i, i)
		}
		doc.WriteString("operations:\n")
		for i := range w.topics {
			action := []string{"send", "receive"}[w.rng.IntN(2)]
			fmt.Fprintf(&doc, "  op%d: {action: %s, channel: {$ref: '#/channels/c%d'}, bindings: {kafka: {groupId: {type: string, const: g%d}, x-principal: app%d, bindingVersion: 0.5.0}}}\n", i, action, i, a, a)
			if action == "send" {
				doc.Reset()
				fmt.Fprintf(&doc, "asyncapi: 3.0.0\ninfo: {title: App%d, version: 1.0.0}\nchannels:\n  c0: {$ref: 'owner.yaml#/channels/c0'}\noperations:\n  op: {action: send, channel: {$ref: '#/channels/c0'}, bindings: {kafka: {x-principal: app%d, bindingVersion: 0.5.0}}}\n", a, a)
				break
			}
		}
		w.documents[fmt.Sprintf("app%d.yaml", a)] = doc.String()
	}
	return w
}

func (w *world) want(t testing.TB, names map[string]string) *Desired {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, text := range w.documents {
		if n, ok := names[name]; ok {
			name = n
		}
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	c, err := catalog.Load(context.Background(), catalog.Options{FS: fsys})
	if err != nil {
		t.Fatalf("%v\n%v", err, w.documents)
	}
	return Want(c, Scope{})
}

func open(t testing.TB) *cluster.Conn {
	t.Helper()
	_, conn := start(t, broker.Config{ACLs: true})
	return conn
}

func start(t testing.TB, cfg broker.Config) (*broker.Broker, *cluster.Conn) {
	t.Helper()
	b, err := broker.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	conn, err := cluster.Open(t.Context(), cluster.Profile{Brokers: b.Addrs()}, cluster.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return b, conn
}

func diff(t testing.TB, conn *cluster.Conn, d *Desired, o Options) *Plan {
	t.Helper()
	a, err := Observe(t.Context(), conn, d)
	if err != nil {
		t.Fatal(err)
	}
	return Diff(d, a, o)
}

// Apply, then plan, is empty; and a plan with operations is never drawn as empty.
func TestApplyThenPlanIsEmpty(t *testing.T) {
	for seed := range uint64(12) {
		conn := open(t)
		w := randomWorld(seed)
		d := w.want(t, nil)
		o := Options{MaxDeletes: -1, AllowRepartition: true, AllowDataLoss: true}
		p := diff(t, conn, d, o)
		if len(p.Pending()) == 0 || p.Empty() {
			t.Fatalf("seed %d: nothing to do on an empty cluster", seed)
		}
		if p.Summary.Create != len(p.Pending()) {
			t.Errorf("seed %d: summary %+v for %d pending steps", seed, p.Summary, len(p.Pending()))
		}
		r, err := p.Apply(t.Context(), conn, nil, nil)
		if err != nil || r.Failed+r.Unknown+r.NotTried > 0 {
			t.Fatalf("seed %d: %v %+v", seed, err, r)
		}
		again := diff(t, conn, d, o)
		if !again.Empty() {
			t.Errorf("seed %d: after apply the plan still has %+v", seed, again.Pending())
		}
		if again := diff(t, conn, d, Options{MaxDeletes: -1, Prune: []string{"topic", "acl", "config"}}); !again.Empty() {
			t.Errorf("seed %d: with prune the plan has %+v", seed, again.Pending())
		}
	}
}

// The order in which documents are read never matters.
func TestOrderOfDocumentsNeverMatters(t *testing.T) {
	for seed := range uint64(8) {
		w := randomWorld(seed)
		d := w.want(t, nil)
		renamed := w.want(t, map[string]string{"app0.yaml": "z.yaml", "app1.yaml": "a.yaml"})
		a := &Actual{Topics: map[string]*cluster.Topic{}, Configs: map[string]cluster.ConfigSet{}}
		strip := func(p *Plan) []Step {
			for i := range p.Steps {
				p.Steps[i].At.File = ""
			}
			return p.Steps
		}
		if x := cmp.Diff(strip(Diff(d, a, Options{MaxDeletes: -1})), strip(Diff(renamed, a, Options{MaxDeletes: -1}))); x != "" {
			t.Errorf("seed %d: %s", seed, x)
		}
	}
}

func TestSavedPlan(t *testing.T) {
	conn := open(t)
	d := randomWorld(3).want(t, nil)
	p := diff(t, conn, d, Options{MaxDeletes: -1})
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	read, err := Read(bytes.NewReader(b.Bytes()), "plan.json")
	if err != nil {
		t.Fatal(err)
	}
	if x := cmp.Diff(p, read); x != "" {
		t.Error(x)
	}
	if err := read.Check(t.Context(), conn); err != nil {
		t.Errorf("fresh plan: %v", err)
	}
	for name, text := range map[string]string{
		"edited":     strings.Replace(b.String(), `"partitions": `, `"partitions": 1`, 1),
		"other kind": strings.Replace(b.String(), `"kind": "plan"`, `"kind": "drift"`, 1),
		"cut":        b.String()[:b.Len()/2],
		"empty":      "",
	} {
		if _, err := Read(strings.NewReader(text), "plan.json"); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	// The world moves: a topic of the plan appears.
	if _, err := conn.Admin.CreateTopic(t.Context(), 1, 1, nil, "t.0"); err != nil {
		t.Fatal(err)
	}
	err = read.Check(t.Context(), conn)
	if err == nil || !strings.Contains(err.Error(), "topic t.0") {
		t.Errorf("stale plan: %v", err)
	}
}

func TestMovedKeys(t *testing.T) {
	for _, c := range []struct{ from, to int }{{3, 6}, {3, 5}, {1, 2}, {6, 12}, {4, 6}, {1, 6}} {
		moved, n := 0, 1_200_000 // a multiple of every lcm
		for h := range n {
			if h%c.from != h%c.to {
				moved++
			}
		}
		got, want := movedKeys(c.from, c.to), int(math.Round(100*float64(moved)/float64(n)))
		if got != want {
			t.Errorf("%d -> %d: %d %%, counted %d %%", c.from, c.to, got, want)
		}
	}
	if got := movedKeys(1, 1000); got != 99 {
		t.Errorf("1 -> 1000: %d %%, and some stay", got)
	}
}

// A new topic that inherits a min.insync.replicas above its replication factor takes no
// write with acks=all, and the step says so.
func TestNewTopicThatTakesNoWrites(t *testing.T) {
	b, err := broker.Start(broker.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	b.Cluster().ControlKey(kmsg.CreateTopics.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
		resp := req.ResponseKind().(*kmsg.CreateTopicsResponse)
		topic := kmsg.NewCreateTopicsResponseTopic()
		topic.Topic, topic.NumPartitions, topic.ReplicationFactor = "t", 1, 1
		config := kmsg.NewCreateTopicsResponseTopicConfig()
		config.Name, config.Value = "min.insync.replicas", new("2")
		topic.Configs = append(topic.Configs, config)
		resp.Topics = append(resp.Topics, topic)
		return resp, nil, true
	})
	conn, err := cluster.Open(t.Context(), cluster.Profile{Brokers: b.Addrs()}, cluster.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	p := Diff(&Desired{Topics: []DesiredTopic{{Name: "t", Replicas: new(1)}}}, &Actual{}, Options{MaxDeletes: -1})
	if err := p.Judge(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	want := "min.insync.replicas 2 (inherited from the broker) is more than the replication factor 1: every write with acks=all will be refused"
	if len(p.Steps) != 1 || p.Steps[0].Op != Create || p.Steps[0].Effect != want {
		t.Errorf("%+v", p.Steps)
	}
}

func TestEqualValue(t *testing.T) {
	for _, c := range []struct {
		key, a, b string
		want      bool
	}{
		{"cleanup.policy", "compact,delete", "delete, compact", true},
		{"cleanup.policy", "compact", "delete", false},
		{"retention.ms", "604800000", "6.048e8", true},
		{"retention.ms", "-1", "-1", true},
		{"retention.ms", "1", "2", false},
		{"unclean.leader.election.enable", "TRUE", "true", true},
		{"compression.type", "zstd", "ZSTD", false},
	} {
		if got := equalValue(c.key, c.a, c.b); got != c.want {
			t.Errorf("equalValue(%s, %s, %s) = %v", c.key, c.a, c.b, got)
		}
	}
}

func TestScope(t *testing.T) {
	s := Scope{Prefixes: []string{"acme.sales."}, Ignore: []string{"acme.sales.tmp-*"}}
	for name, want := range map[string]bool{
		"acme.sales.order": true, "acme.salesforce.x": false, "acme.sales.tmp-1": false, "__consumer_offsets": false,
		"acme.sales.agg-changelog": false, "_schemas": false,
	} {
		if got := s.Contains(name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func live(partitions, replicas int, id string) *cluster.Topic {
	t := &cluster.Topic{Name: "t", ID: &id}
	for i := range partitions {
		p := cluster.Partition{ID: int32(i)}
		for r := range replicas {
			p.Replicas = append(p.Replicas, int32(r+1))
			p.InSyncReplicas = append(p.InSyncReplicas, int32(r+1))
		}
		t.Partitions = append(t.Partitions, p)
	}
	return t
}

func own(kv ...string) cluster.ConfigSet {
	s := cluster.ConfigSet{Topic: "t"}
	for i := 0; i < len(kv); i += 2 {
		s.Configs = append(s.Configs, cluster.Config{Name: kv[i], Value: &kv[i+1], Source: kmsg.ConfigSourceDynamicTopicConfig.String()})
	}
	return s
}

// One topic, every kind of change: what the plan says about data, flags and blocks.
func TestChangesSayWhatTheyDo(t *testing.T) {
	n := func(i int) *int { return &i }
	for name, c := range map[string]struct {
		want  DesiredTopic
		live  *cluster.Topic
		set   cluster.ConfigSet
		opts  Options
		op    Op
		lossy bool
		text  string
	}{
		"retention lower":            {DesiredTopic{Config: map[string]string{"retention.ms": "86400000"}}, live(1, 1, "a"), own("retention.ms", "604800000"), Options{}, Modify, true, "records older than 1d are deleted"},
		"retention from unlimited":   {DesiredTopic{Config: map[string]string{"retention.ms": "1000"}}, live(1, 1, "a"), own("retention.ms", "-1"), Options{}, Modify, true, "records older than 1s"},
		"retention higher":           {DesiredTopic{Config: map[string]string{"retention.ms": "2000"}}, live(1, 1, "a"), own("retention.ms", "1000"), Options{}, Modify, false, ""},
		"retention unlimited":        {DesiredTopic{Config: map[string]string{"retention.ms": "-1"}}, live(1, 1, "a"), own("retention.ms", "1000"), Options{}, Modify, false, ""},
		"compact to delete":          {DesiredTopic{Config: map[string]string{"cleanup.policy": "delete"}}, live(1, 1, "a"), own("cleanup.policy", "compact"), Options{}, Modify, true, "past the retention"},
		"delete to compact":          {DesiredTopic{Config: map[string]string{"cleanup.policy": "compact"}}, live(1, 1, "a"), own("cleanup.policy", "delete"), Options{}, Modify, true, "last value of each key"},
		"fewer partitions":           {DesiredTopic{Partitions: n(2)}, live(3, 1, "a"), own(), Options{}, Blocked, false, "Kafka cannot reduce partitions"},
		"more partitions, no key":    {DesiredTopic{Partitions: n(4)}, live(3, 1, "a"), own(), Options{}, Modify, false, ""},
		"more partitions, keyed":     {DesiredTopic{Partitions: n(6), Keyed: true}, live(3, 1, "a"), own(), Options{}, Blocked, false, "50 % of the keys move"},
		"more partitions, allowed":   {DesiredTopic{Partitions: n(6), Keyed: true}, live(3, 1, "a"), own(), Options{AllowRepartition: true}, Modify, false, "50 % of the keys move"},
		"more partitions, compacted": {DesiredTopic{Partitions: n(6)}, live(3, 1, "a"), own("cleanup.policy", "compact"), Options{}, Blocked, false, "needs --allow-repartition"},
		"min isr above live":         {DesiredTopic{Config: map[string]string{"min.insync.replicas": "2"}}, live(3, 1, "a"), own(), Options{}, Modify, false, "acks=all writes stop"},
		"impossible min isr":         {DesiredTopic{Replicas: n(1), Config: map[string]string{"min.insync.replicas": "2"}}, nil, own(), Options{}, Blocked, false, "above the replication factor"},
		"a value that is none":       {DesiredTopic{Config: map[string]string{"retention.ms": "soon"}}, nil, own(), Options{}, Blocked, false, "retention.ms=soon"},
		"prune a setting":            {DesiredTopic{}, live(1, 1, "a"), own("segment.bytes", "1048576"), Options{Prune: []string{"config"}}, Modify, false, ""},
		"retired":                    {DesiredTopic{Retired: true}, live(1, 1, "a"), own(), Options{}, Keep, false, "--prune=topic"},
		"retired, pruned":            {DesiredTopic{Retired: true}, live(1, 1, "a"), own(), Options{Prune: []string{"topic"}}, Delete, true, ""},
		"released":                   {DesiredTopic{Released: true, Config: map[string]string{"retention.ms": "1"}}, live(1, 1, "a"), own(), Options{Prune: []string{"topic", "config"}}, Keep, false, "x-managed is false"},
	} {
		c.want.Name = "t"
		c.opts.MaxDeletes = -1
		a := &Actual{Topics: map[string]*cluster.Topic{}, Configs: map[string]cluster.ConfigSet{"t": c.set}}
		if c.live != nil {
			a.Topics["t"] = c.live
		}
		p := Diff(&Desired{Topics: []DesiredTopic{c.want}}, a, c.opts)
		if len(p.Steps) != 1 {
			t.Errorf("%s: %d steps", name, len(p.Steps))
			continue
		}
		s := &p.Steps[0]
		said := s.Reason
		for _, ch := range s.Changes {
			said += " " + ch.Effect
		}
		if s.Op != c.op || s.DestroysData() != c.lossy || !strings.Contains(said, c.text) {
			t.Errorf("%s: %s, destroys %v, %q; want %s, %v, %q", name, s.Op, s.DestroysData(), said, c.op, c.lossy, c.text)
		}
		if c.lossy && c.op == Modify && !slices.Contains(s.Needs, "--allow-data-loss") {
			t.Errorf("%s: needs %v", name, s.Needs)
		}
	}
}

// An equal inherited value is no change unless pinned, an undeclared override is drift,
// throttles are never touched.
func TestConfigClasses(t *testing.T) {
	set := own("segment.bytes", "1048576", "leader.replication.throttled.replicas", "*")
	value := "604800000"
	set.Configs = append(set.Configs, cluster.Config{Name: "retention.ms", Value: &value, Source: kmsg.ConfigSourceDefaultConfig.String()})
	d := &Desired{Topics: []DesiredTopic{{Name: "t", Config: map[string]string{"retention.ms": value}}}}
	a := &Actual{Topics: map[string]*cluster.Topic{"t": live(1, 1, "a")}, Configs: map[string]cluster.ConfigSet{"t": set}}
	p := Diff(d, a, Options{MaxDeletes: -1})
	if len(p.Pending()) != 0 || len(p.Drift) != 2 {
		t.Errorf("%+v %+v", p.Steps, p.Drift)
	}
	if p = Diff(d, a, Options{MaxDeletes: -1, Pin: true}); len(p.Pending()) != 1 {
		t.Errorf("pin: %+v", p.Steps)
	}
	p = Diff(d, a, Options{MaxDeletes: -1, Prune: []string{"config"}})
	if len(p.Pending()) != 1 || len(p.Steps[0].Changes) != 1 || p.Steps[0].Changes[0].Name != "segment.bytes" {
		t.Errorf("prune: %+v", p.Steps)
	}
}

// An ALL row stands for the rights that roles ask for, until a prune takes it away: then
// each of them is granted in the same plan, before.
func TestPrunedAllRowLeavesTheRights(t *testing.T) {
	row := cluster.ACLRow{
		Permission: kmsg.ACLPermissionTypeAllow, Principal: "User:a", Host: "*", ResourceType: kmsg.ACLResourceTypeTopic,
		PatternType: kmsg.ACLResourcePatternTypeLiteral, ResourceName: "t", Operation: kmsg.ACLOperationAll,
	}
	read, write := row, row
	read.Operation, write.Operation = kmsg.ACLOperationRead, kmsg.ACLOperationWrite
	d := &Desired{Topics: []DesiredTopic{{Name: "t"}}, ACLs: []DesiredACL{{Row: read}, {Row: write}}}
	a := &Actual{Topics: map[string]*cluster.Topic{"t": live(1, 1, "a")}, Configs: map[string]cluster.ConfigSet{}, ACLs: []cluster.ACLRow{row}}
	if p := Diff(d, a, Options{MaxDeletes: -1}); len(p.Steps) != 0 {
		t.Errorf("without a prune: %+v", p.Steps)
	}
	p := Diff(d, a, Options{MaxDeletes: -1, Prune: []string{"acl"}})
	if s := p.Summary; s.Create != 2 || s.Delete != 1 {
		t.Errorf("with a prune: %+v", p.Steps)
	}
}

// Whoever reaches a declared group through a pattern is told as on a topic, and never pruned.
func TestPatternsThatReachGroups(t *testing.T) {
	d := &Desired{Groups: []string{"billing", "mailer"}}
	for name, c := range map[string]struct {
		pattern kmsg.ACLResourcePatternType
		want    int
	}{
		"bill": {kmsg.ACLResourcePatternTypePrefixed, 1}, "billing": {kmsg.ACLResourcePatternTypePrefixed, 1}, "*": {kmsg.ACLResourcePatternTypeLiteral, 1},
		"billing2": {kmsg.ACLResourcePatternTypePrefixed, 0}, "zeta": {kmsg.ACLResourcePatternTypePrefixed, 0}, "bil": {kmsg.ACLResourcePatternTypeLiteral, 0},
	} {
		row := cluster.ACLRow{
			Permission: kmsg.ACLPermissionTypeAllow, Principal: "User:eve", Host: "*", ResourceType: kmsg.ACLResourceTypeGroup,
			PatternType: c.pattern, ResourceName: name, Operation: kmsg.ACLOperationRead,
		}
		p := Diff(d, &Actual{ACLs: []cluster.ACLRow{row}}, Options{MaxDeletes: -1, Prune: []string{"acl"}})
		if len(p.Steps) != 0 || len(p.Drift) != c.want {
			t.Errorf("%s: %+v %+v", row, p.Steps, p.Drift)
		}
	}
}

// growing plans a longer retention and one more partition for a topic that is there.
func growing(t *testing.T) (*broker.Broker, *cluster.Conn, *Plan) {
	t.Helper()
	b, conn := start(t, broker.Config{})
	if _, err := conn.CreateTopics(t.Context(), []cluster.TopicSpec{{Name: "t", Partitions: 1, ReplicationFactor: 1, Configs: map[string]string{"retention.ms": "1000"}}}, false); err != nil {
		t.Fatal(err)
	}
	p := diff(t, conn, &Desired{Topics: []DesiredTopic{{Name: "t", Partitions: new(2), Config: map[string]string{"retention.ms": "2000"}}}}, Options{MaxDeletes: -1})
	if len(p.Pending()) != 1 || len(p.Steps[0].Changes) != 2 {
		t.Fatalf("%+v", p.Steps)
	}
	return b, conn, p
}

// refuseGrowth makes the broker answer that the topic has so many partitions already.
func refuseGrowth(b *broker.Broker) {
	b.Cluster().ControlKey(kmsg.CreatePartitions.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
		resp := req.ResponseKind().(*kmsg.CreatePartitionsResponse)
		for _, asked := range req.(*kmsg.CreatePartitionsRequest).Topics {
			topic := kmsg.NewCreatePartitionsResponseTopic()
			topic.Topic, topic.ErrorCode = asked.Topic, kerr.InvalidPartitions.Code
			resp.Topics = append(resp.Topics, topic)
		}
		return resp, nil, true
	})
}

// Settings that were changed before the partitions were refused are no "nothing was done".
func TestHalfDoneIsTold(t *testing.T) {
	b, conn, p := growing(t)
	refuseGrowth(b)
	r, err := p.Apply(t.Context(), conn, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Failed != 1 || !r.Wrote() || !strings.Contains(r.Outcomes[0].Error, "its settings were changed, and then: add partitions") {
		t.Errorf("%+v", r)
	}
}

// What a broker did not answer in time and does not show may still be done: it did not fail.
func TestUnansweredIsUnknown(t *testing.T) {
	b, conn, p := growing(t)
	b.Cluster().ControlKey(kmsg.IncrementalAlterConfigs.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
		resp := req.ResponseKind().(*kmsg.IncrementalAlterConfigsResponse)
		for _, asked := range req.(*kmsg.IncrementalAlterConfigsRequest).Resources {
			topic := kmsg.NewIncrementalAlterConfigsResponseResource()
			topic.ResourceType, topic.ResourceName, topic.ErrorCode = asked.ResourceType, asked.ResourceName, kerr.RequestTimedOut.Code
			resp.Resources = append(resp.Resources, topic)
		}
		return resp, nil, true
	})
	r, err := p.Apply(t.Context(), conn, nil, nil)
	if err != nil || r.Unknown != 1 || !strings.Contains(r.Outcomes[0].Error, "may still be done") {
		t.Errorf("%v %+v", err, r)
	}
}

// A request for more partitions that finds its own work, or that of another apply, is done.
func TestGrownAlreadyIsDone(t *testing.T) {
	b, conn, p := growing(t)
	if _, err := conn.SetPartitions(t.Context(), map[string]int32{"t": 2}, false); err != nil {
		t.Fatal(err)
	}
	refuseGrowth(b)
	r, err := p.Apply(t.Context(), conn, nil, nil)
	if err != nil || r.Done != 1 {
		t.Errorf("%v %+v", err, r)
	}
}

// A hidden topic is not a missing one.
func TestHiddenIsNotMissing(t *testing.T) {
	d := &Desired{Topics: []DesiredTopic{{Name: "t"}}}
	a := &Actual{Topics: map[string]*cluster.Topic{}, Hidden: map[string]error{"t": context.DeadlineExceeded}, Configs: map[string]cluster.ConfigSet{}}
	if p := Diff(d, a, Options{MaxDeletes: -1}); len(p.Steps) != 1 || p.Steps[0].Op != Blocked {
		t.Errorf("%+v", p.Steps)
	}
}

// 10,000 topics and 80,000 rows: the pure comparison, and how many requests a run takes.
func BenchmarkDiff(b *testing.B) {
	d, a := &Desired{}, &Actual{Topics: map[string]*cluster.Topic{}, Configs: map[string]cluster.ConfigSet{}}
	for i := range 10_000 {
		name := "topic." + strconv.Itoa(i)
		n := 3
		d.Topics = append(d.Topics, DesiredTopic{Name: name, Partitions: &n, Config: map[string]string{"retention.ms": "1000"}})
		t := live(3, 3, "id"+name)
		t.Name = name
		a.Topics[name] = t
		a.Configs[name] = own("retention.ms", "1000")
		for j := range 8 {
			row := cluster.ACLRow{Permission: kmsg.ACLPermissionTypeAllow, Principal: "User:p" + strconv.Itoa(j), Host: "*", ResourceType: kmsg.ACLResourceTypeTopic, PatternType: kmsg.ACLResourcePatternTypeLiteral, ResourceName: name, Operation: kmsg.ACLOperationRead}
			a.ACLs = append(a.ACLs, row)
			d.ACLs = append(d.ACLs, DesiredACL{Row: row})
		}
	}
	slices.SortFunc(d.Topics, func(x, y DesiredTopic) int { return strings.Compare(x.Name, y.Name) })
	b.ReportAllocs()
	for b.Loop() {
		if p := Diff(d, a, Options{MaxDeletes: -1}); !p.Empty() {
			b.Fatalf("%d steps", len(p.Steps))
		}
	}
}
