package catalog_test

import (
	"testing"

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
