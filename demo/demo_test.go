package demo_test

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bufbuild/protocompile"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/demo"
	"github.com/weirhq/weir/dlt"
	"github.com/weirhq/weir/examples"
	"github.com/weirhq/weir/internal/kafkatest"
)

func shop(t *testing.T) *kafkatest.Cluster {
	t.Helper()
	c := kafkatest.Start(t)
	created, err := demo.CreateTopics(t.Context(), c.Client(), c.Prefix)
	if err != nil {
		t.Fatal(err)
	}
	if len(created) != len(demo.Topics()) {
		t.Fatalf("created %v", created)
	}
	return c
}

func dial(c *kafkatest.Cluster) demo.Client {
	return func(opts ...kgo.Opt) (*kgo.Client, error) {
		all := append(c.Options(), opts...)
		return kgo.NewClient(all...)
	}
}

func produce(t *testing.T, c *kafkatest.Cluster, n int64, poison float64) {
	t.Helper()
	r, err := demo.Produce(t.Context(), demo.ProduceConfig{
		Client: dial(c), Prefix: c.Prefix, Count: n, Poison: poison, Seed: 7, Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	bad := int64(float64(n)*poison + 0.5)
	want := &demo.ProduceReport{Orders: n, Poison: bad, Shipments: n - bad}
	if d := cmp.Diff(want, r); d != "" {
		t.Fatalf("produced (-want +got):\n%s", d)
	}
}

func consume(t *testing.T, c *kafkatest.Cluster, group string, n int64, change func(*demo.ConsumeConfig)) *demo.ConsumeReport {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cfg := demo.ConsumeConfig{Client: dial(c), Group: group, Prefix: c.Prefix, Count: n, Seed: 11, Now: time.Now}
	if change != nil {
		change(&cfg)
	}
	r, err := demo.Consume(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// read returns all records of a topic of the shop.
func read(t *testing.T, c *kafkatest.Cluster, topic string) []*kgo.Record {
	t.Helper()
	topic = c.Prefix + topic
	ends, err := c.Admin().ListEndOffsets(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	want := 0
	for _, p := range ends[topic] {
		want += int(p.Offset)
	}
	cl := c.Client(kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	var all []*kgo.Record
	for len(all) < want {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		f := cl.PollFetches(ctx)
		cancel()
		if err := f.Err(); err != nil {
			t.Fatalf("read %s: %d of %d records: %v", topic, len(all), want, err)
		}
		all = append(all, f.Records()...)
	}
	return all
}

// Ten of 200 orders are poison, two of each of the five kinds. Billing fails on
// all of them, notifications on those that are no JSON.
func TestPair(t *testing.T) {
	c := shop(t)
	produce(t, c, 200, 0.05)

	billing := consume(t, c, demo.Billing, 200, nil)
	if billing.DeadLettered != 10 || billing.Consumed != 200 || billing.Produced != 190 {
		t.Errorf("billing: %+v", billing)
	}
	// Two records of the ledger that never answers are tried three times.
	if billing.Retried < 4 {
		t.Errorf("billing retried %d times, want 4 or more", billing.Retried)
	}
	mail := consume(t, c, demo.Notify, 200, nil)
	if mail.DeadLettered != 2 || mail.Consumed != 200 {
		t.Errorf("notifications: %+v", mail)
	}

	for group, want := range map[string]map[string]int{
		demo.Billing: {
			"com.fasterxml.jackson.databind.exc.MismatchedInputException":           2,
			"java.net.SocketTimeoutException":                                       2,
			"java.lang.IllegalArgumentException":                                    2,
			"com.example.billing.UnknownCurrencyException":                          2,
			"org.springframework.kafka.support.serializer.DeserializationException": 2,
		},
		demo.Notify: {"org.springframework.kafka.support.serializer.DeserializationException": 2},
	} {
		if d := cmp.Diff(want, causes(t, c, group)); d != "" {
			t.Errorf("%s (-want +got):\n%s", group, d)
		}
	}
}

// causes decodes the dead letters of a group with weir's decoder, and checks each
// against the record it came from.
func causes(t *testing.T, c *kafkatest.Cluster, group string) map[string]int {
	t.Helper()
	type place struct {
		partition int32
		offset    int64
	}
	origin := make(map[place]*kgo.Record)
	for _, r := range read(t, c, demo.Orders) {
		origin[place{r.Partition, r.Offset}] = r
	}
	dec, err := dlt.NewDecoder(time.Now)
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]int)
	for _, r := range read(t, c, demo.DeadLetters(group)) {
		in := &dlt.Record{
			Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Key: r.Key, Value: r.Value,
			TimestampMS: r.Timestamp.UnixMilli(), TimestampType: "CreateTime",
		}
		for _, h := range r.Headers {
			in.Headers = append(in.Headers, dlt.Header{Name: h.Key, Value: h.Value})
		}
		d := dec.Decode(in)
		if d.Dialect == nil || *d.Dialect != "spring" || !d.Origin.Known() || len(d.Problems) > 0 {
			t.Fatalf("decoded %+v", d)
		}
		from := origin[place{*d.Origin.Partition, *d.Origin.Offset}]
		if from == nil || *d.Origin.Topic != from.Topic || *d.Origin.TimestampMS != from.Timestamp.UnixMilli() {
			t.Fatalf("origin %s-%d@%d is not told rightly", *d.Origin.Topic, *d.Origin.Partition, *d.Origin.Offset)
		}
		if string(from.Value) != string(r.Value) || string(from.Key) != string(r.Key) || from.Partition != r.Partition {
			t.Errorf("dead letter of %s@%d: key, value or partition changed", from.Key, from.Offset)
		}
		if *d.ConsumerGroup != c.Name(group) {
			t.Errorf("group %s", *d.ConsumerGroup)
		}
		found[*d.Exception.CauseClass]++
	}
	return found
}

// After the repair two of the five kinds are handled.
func TestFixedBillingHandlesMore(t *testing.T) {
	c := shop(t)
	produce(t, c, 50, 0.2)
	r := consume(t, c, demo.Billing, 50, func(cfg *demo.ConsumeConfig) { cfg.Fixed = true })
	if r.DeadLettered != 6 || r.Produced != 44 {
		t.Errorf("%+v, want 6 dead letters and 44 payments", r)
	}
}

// A consumer that is stopped in the middle and started again handles every order,
// and the payments of the whole are the payments of the healthy orders.
func TestStoppedConsumerGoesOn(t *testing.T) {
	c := shop(t)
	produce(t, c, 300, 0)
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	var seen int
	first, err := demo.Consume(ctx, demo.ConsumeConfig{
		Client: dial(c), Group: demo.Billing, Prefix: c.Prefix, Seed: 11, Now: time.Now,
		Progress: func(e demo.Event) {
			if e.Kind == demo.Committed {
				if seen += e.Records; seen >= 100 {
					cancel(stop)
				}
			}
		},
	})
	if !errors.Is(err, stop) {
		t.Fatalf("stopped with %v", err)
	}
	if first.Consumed < 100 || first.Consumed >= 300 {
		t.Fatalf("first run consumed %d: the test shows nothing", first.Consumed)
	}
	second := consume(t, c, demo.Billing, 300-first.Consumed, nil)
	if got := first.Consumed + second.Consumed; got != 300 {
		t.Errorf("%d consumed in all, want 300", got)
	}
	paid := make(map[string]int)
	for _, r := range read(t, c, demo.Payments) {
		paid[string(r.Key)]++
	}
	if len(paid) != 300 {
		t.Errorf("%d orders paid, want 300", len(paid))
	}
}

func TestMemberLeavesAtItsCount(t *testing.T) {
	c := shop(t)
	produce(t, c, 5, 0)
	consume(t, c, demo.Notify, 5, nil)
	d, err := c.Admin().DescribeGroups(t.Context(), c.Name(demo.Notify))
	if err != nil {
		t.Fatal(err)
	}
	if s := d[c.Name(demo.Notify)].State; s != "Empty" {
		t.Errorf("state %s, want Empty", s)
	}
}

func TestRecordsKeepTheContract(t *testing.T) {
	c := shop(t)
	produce(t, c, 40, 0.25)
	consume(t, c, demo.Billing, 40, nil)
	schema := orderSchema(t)
	valid := 0
	for _, r := range read(t, c, demo.Orders) {
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(r.Value)))
		if err == nil && schema.Validate(doc) == nil {
			valid++
		}
		if len(header(r, "correlation-id")) != 36 || len(header(r, "traceparent")) != 55 {
			t.Errorf("order %s: headers %v", r.Key, r.Headers)
		}
	}
	// Of 10 poison orders the two that meet a silent ledger are in order.
	if valid != 32 {
		t.Errorf("%d orders keep the contract, want 32", valid)
	}
	payment := paymentSchema(t)
	orders := make(map[string]*kgo.Record)
	for _, r := range read(t, c, demo.Orders) {
		orders[string(r.Key)] = r
	}
	for _, r := range read(t, c, demo.Payments) {
		var p map[string]any
		rest, err := payment.Decode(r.Value, &p)
		if err != nil || len(rest) != 0 {
			t.Fatalf("payment of %s: %v, %d bytes left", r.Key, err, len(rest))
		}
		o := orders[string(r.Key)]
		if amount, ok := p["amount"].(*big.Rat); !ok || amount.Sign() <= 0 || p["orderId"] != string(o.Key) {
			t.Errorf("payment %+v of %s", p, o.Key)
		}
		ours, theirs := header(r, "traceparent"), header(o, "traceparent")
		if header(r, "correlation-id") != header(o, "correlation-id") || ours[:35] != theirs[:35] || ours == theirs {
			t.Errorf("payment of %s: %s does not follow %s", o.Key, ours, theirs)
		}
	}
}

func TestShipmentsAreProtobuf(t *testing.T) {
	c := shop(t)
	produce(t, c, 10, 0)
	compiler := protocompile.Compiler{Resolver: &protocompile.SourceResolver{
		Accessor: protocompile.SourceAccessorFromMap(map[string]string{"shipment.proto": string(example(t, "shipping/shipment.proto"))}),
	}}
	files, err := compiler.Compile(t.Context(), "shipment.proto")
	if err != nil {
		t.Fatal(err)
	}
	desc := files[0].Messages().ByName("Shipment")
	for _, r := range read(t, c, demo.Shipments) {
		m := dynamicpb.NewMessage(desc)
		if err := proto.Unmarshal(r.Value, m); err != nil || len(m.GetUnknown()) > 0 {
			t.Fatalf("shipment of %s: %v, unknown %x", r.Key, err, m.GetUnknown())
		}
		if id := m.Get(desc.Fields().ByName("order_id")).String(); id != string(r.Key) {
			t.Errorf("shipment of %s is for %s", r.Key, id)
		}
		if n := m.Get(desc.Fields().ByName("items")).List().Len(); n == 0 {
			t.Errorf("shipment of %s is empty", r.Key)
		}
	}
}

func header(r *kgo.Record, name string) string {
	i := slices.IndexFunc(r.Headers, func(h kgo.RecordHeader) bool { return h.Key == name })
	if i < 0 {
		return ""
	}
	return string(r.Headers[i].Value)
}

func orderSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	var doc any
	if err := json.Unmarshal(example(t, "common/schemas/order.json"), &doc); err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("order.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("order.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func paymentSchema(t *testing.T) *avro.Schema {
	t.Helper()
	s, err := avro.Parse(string(example(t, "billing/payment.avsc")))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func example(t *testing.T, name string) []byte {
	t.Helper()
	b, err := fs.ReadFile(examples.Orders(), name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The shop makes the topics that its catalog declares.
func TestTopicsAreTheCatalogs(t *testing.T) {
	cat, err := catalog.Load(t.Context(), catalog.Options{FS: examples.Orders()})
	if err != nil {
		t.Fatal(err)
	}
	configs := func(m map[string]catalog.Value[string]) map[string]string {
		out := make(map[string]string)
		for k, v := range m {
			out[k] = v.V
		}
		return out
	}
	declared := make(map[string]demo.Topic)
	for _, app := range cat.Applications {
		for _, ch := range app.Channels {
			if !ch.Foreign {
				declared[ch.Topic] = demo.Topic{Name: ch.Topic, Partitions: int32(ch.Partitions.V), Replicas: int16(ch.Replicas.V), Configs: configs(ch.TopicConfig)}
			}
		}
		for _, op := range app.Operations {
			if d := op.DLT(); d != nil {
				declared[d.Topic] = demo.Topic{Name: d.Topic, Partitions: int32(d.Partitions.V), Replicas: int16(d.Replicas.V), Configs: configs(d.TopicConfig)}
			}
		}
	}
	made := make(map[string]demo.Topic)
	for _, topic := range demo.Topics() {
		made[topic.Name] = topic
	}
	if d := cmp.Diff(declared, made); d != "" {
		t.Errorf("declared and made (-declared +made):\n%s", d)
	}
}

func TestBadSettings(t *testing.T) {
	none := func(...kgo.Opt) (*kgo.Client, error) { return nil, errors.New("dialled") }
	for name, cfg := range map[string]demo.ProduceConfig{
		"poison over 1":  {Poison: 1.5},
		"negative rate":  {Rate: -1},
		"negative count": {Count: -1},
		"no number":      {Poison: math.NaN()},
		"no rate":        {Rate: math.NaN()},
		"endless rate":   {Rate: math.Inf(1)},
	} {
		cfg.Client = none
		if _, err := demo.Produce(t.Context(), cfg); err == nil || strings.Contains(err.Error(), "dialled") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := demo.Consume(t.Context(), demo.ConsumeConfig{Client: none, Group: "warehouse"}); err == nil || strings.Contains(err.Error(), "dialled") {
		t.Errorf("unknown group: %v", err)
	}
}
