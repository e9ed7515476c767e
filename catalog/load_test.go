package catalog_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/examples"
)

// The orders example is what the demo, the tour and the README stand on.
func TestOrdersExample(t *testing.T) {
	c, err := catalog.Load(t.Context(), catalog.Options{FS: examples.Orders(), Validate: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range c.Findings {
		t.Errorf("%s: %s (%s)", f.Position, f.Message, f.Rule)
	}
	type role struct{ App, Op, Topic, Group, Principal, DLT string }
	var got []role
	for op := range c.Operations() {
		r := role{App: op.App.Title, Op: op.ID, Topic: op.Channel.Topic, Principal: op.Principal.V}
		r.Group, _ = op.Group.V.Literal()
		if d := op.DLT(); d != nil {
			r.DLT = d.Topic
		}
		got = append(got, r)
	}
	want := []role{
		{"Billing", "chargeOrder", "orders.order.v1", "billing", "User:billing", "orders.order.v1.billing.dlt"},
		{"Billing", "capturePayment", "payments.payment.v1", "", "User:billing", ""},
		{"Notifications", "confirmOrder", "orders.order.v1", "notifications", "User:notifications", "orders.order.v1.notifications.dlt"},
		{"Orders", "placeOrder", "orders.order.v1", "", "User:orders", ""},
		{"Shipping", "shipParcel", "shipping.shipment.v1", "", "User:shipping", ""},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	def := c.Definition("orders.order.v1")
	if def == nil || def.App.Title != "Orders" || def.Partitions.V != 6 || c.Owner("orders.order.v1").V.Team != "team-orders" {
		t.Errorf("definition of orders.order.v1: %+v", def)
	}
	if got := def.TopicConfig["retention.ms"].V; got != "604800000" {
		t.Errorf("retention.ms = %s", got)
	}
	at := def.Messages[0].Payload.Locate("/properties/items/items/properties/sku").String()
	if at != "common/schemas/order.json:25:9" {
		t.Errorf("sku is at %s", at)
	}
}

// TestParsedShared loads two versions that share their parsed files: each must be what
// it is alone, also where one is patched by an overlay.
func TestParsedShared(t *testing.T) {
	doc := func(title, kind string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte("asyncapi: 3.0.0\ninfo: {title: " + title + ", version: 1.0.0}\nchannels:\n  c:\n    address: topic." + title +
			"\n    messages:\n      m: {payload: {type: " + kind + "}}\n")}
	}
	patch := &fstest.MapFile{Data: []byte("a.yaml#/channels/c/messages/m/payload: {type: integer}\n")}
	before := fstest.MapFS{"a.yaml": doc("a", "string"), "b.yaml": doc("b", "string"), "dev.yaml": patch}
	after := fstest.MapFS{"a.yaml": doc("a", "string"), "b.yaml": doc("b", "boolean"), "dev.yaml": patch}
	kinds := func(o catalog.Options) string {
		t.Helper()
		o.Paths = []string{"a.yaml", "b.yaml"}
		c, err := catalog.Load(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for ch := range c.Channels() {
			out = append(out, ch.Messages[0].Payload.Node().Get("type").Text())
		}
		return strings.Join(out, " ")
	}
	shared := &catalog.Parsed{}
	for i, o := range []catalog.Options{
		{FS: before}, {FS: after}, {FS: before, Overlays: []string{"dev.yaml"}}, {FS: before}, {FS: after},
	} {
		alone := kinds(o)
		o.Parsed = shared
		if got := kinds(o); got != alone {
			t.Errorf("load %d: %q, alone it is %q", i, got, alone)
		}
	}
}
