package demo

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/big"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/weirhq/weir/examples"
)

// The headers of every record of the shop.
const (
	correlationHeader = "correlation-id"
	traceHeader       = "traceparent" // W3C trace context
)

type order struct {
	OrderID    string  `json:"orderId"`
	CustomerID string  `json:"customerId"`
	Email      string  `json:"email,omitempty"`
	Currency   string  `json:"currency"`
	Total      float64 `json:"total"`
	Items      []item  `json:"items"`
	PlacedAt   string  `json:"placedAt"`
}

type item struct {
	SKU      string  `json:"sku"`
	Quantity int     `json:"quantity"`
	Price    float64 `json:"price"`
}

// poison is a way in which an order can be bad for a consumer.
type poison int

// The ways, in the order in which they come round.
const (
	healthy       poison = iota
	textTotal            // "total" is a text: against the contract, and a bug of billing
	ledgerDown           // in order, but the customer's ledger does not answer
	negativeTotal        // "total" is below zero: against the contract
	otherCurrency        // a currency nobody knows: against the contract
	cutShort             // no JSON at all
	poisonKinds   = 5
)

// The customers whose orders meet trouble in billing: one whose ledger never
// answers, and one whose ledger answers the second time.
const (
	downCustomer = "c-13"
	slowCustomer = "c-7"
)

// shop makes records. The same seed makes the same orders.
type shop struct {
	rng     *rand.Rand
	prefix  string
	payment *avro.Schema
}

func newShop(seed uint64, prefix string) (*shop, error) {
	text, err := fs.ReadFile(examples.Orders(), "billing/payment.avsc")
	if err != nil {
		return nil, fmt.Errorf("read the payment's schema: %w", err)
	}
	schema, err := avro.Parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("read the payment's schema: %w", err)
	}
	return &shop{rng: rand.New(rand.NewPCG(seed, seed)), prefix: prefix, payment: schema}, nil //nolint:gosec // reproducible on purpose
}

// order makes the record of one order; its key is the order's id.
func (s *shop) order(kind poison, now time.Time) (*order, *kgo.Record) {
	o := &order{
		OrderID:    "o-" + s.hex(4),
		CustomerID: "c-" + strconv.Itoa(100+s.rng.IntN(900)),
		Currency:   []string{"EUR", "GBP", "USD"}[s.rng.IntN(3)],
		PlacedAt:   now.UTC().Format(time.RFC3339),
	}
	o.Email = o.CustomerID + "@example.com"
	var cents int64
	for range 1 + s.rng.IntN(3) {
		price := 100 + s.rng.Int64N(4900)
		it := item{SKU: []string{"tea-green", "tea-black", "cup-white", "pot-blue"}[s.rng.IntN(4)], Quantity: 1 + s.rng.IntN(3), Price: float64(price) / 100}
		cents += price * int64(it.Quantity)
		o.Items = append(o.Items, it)
	}
	o.Total = float64(cents) / 100
	if s.rng.IntN(25) == 0 {
		o.CustomerID = slowCustomer
	}
	r := &kgo.Record{
		Topic:     s.prefix + Orders,
		Key:       []byte(o.OrderID),
		Value:     o.encode(kind),
		Timestamp: now,
		Headers: []kgo.RecordHeader{
			{Key: correlationHeader, Value: []byte(s.uuid())},
			{Key: traceHeader, Value: []byte("00-" + s.hex(16) + "-" + s.hex(8) + "-01")},
		},
	}
	return o, r
}

// encode writes the order as JSON, spoilt in the way of kind.
func (o *order) encode(kind poison) []byte {
	switch kind {
	case ledgerDown:
		o.CustomerID = downCustomer
	case negativeTotal:
		o.Total = -o.Total
	case otherCurrency:
		o.Currency = "XXX" // ISO 4217: no currency, so no exchange rate
	case healthy, textTotal, cutShort:
	}
	b, err := json.Marshal(o)
	if err != nil {
		panic(err) // strings and finite numbers only
	}
	switch kind {
	case textTotal:
		// Two decimals always, so that all of them fail with the same words.
		total := strconv.FormatFloat(o.Total, 'f', 2, 64)
		var m map[string]any
		if err := json.Unmarshal(b, &m); err == nil {
			m["total"] = total
			b, _ = json.Marshal(m)
		}
	case cutShort:
		b = b[:len(b)/2]
	case healthy, ledgerDown, negativeTotal, otherCurrency:
	}
	return b
}

// shipment makes the Protobuf record of com.example.shipping.Shipment that tells of
// the order's parcel.
func (s *shop) shipment(o *order, cause *kgo.Record, now time.Time) *kgo.Record {
	var b []byte
	text := func(b []byte, n protowire.Number, v string) []byte {
		return protowire.AppendString(protowire.AppendTag(b, n, protowire.BytesType), v)
	}
	number := func(b []byte, n protowire.Number, v int64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(b, n, protowire.VarintType), uint64(v))
	}
	b = text(b, 1, "s-"+s.hex(4))
	b = text(b, 2, o.OrderID)
	b = text(b, 3, "north-post")
	for _, it := range o.Items {
		parcel := number(text(nil, 1, it.SKU), 2, int64(it.Quantity))
		b = protowire.AppendBytes(protowire.AppendTag(b, 4, protowire.BytesType), parcel)
	}
	b = number(b, 5, now.UnixMilli())
	return s.follow(Shipments, cause, b, now)
}

// capture makes the Avro record of a payment for the order.
func (s *shop) capture(o *order, cause *kgo.Record, now time.Time) (*kgo.Record, error) {
	cents := big.NewInt(int64(o.Total*100 + 0.5))
	b, err := s.payment.Encode(map[string]any{
		"paymentId":  "p-" + s.hex(4),
		"orderId":    o.OrderID,
		"amount":     new(big.Rat).SetFrac(cents, big.NewInt(100)),
		"currency":   o.Currency,
		"cardHolder": nil,
		"capturedAt": now,
	})
	if err != nil {
		return nil, fmt.Errorf("encode the payment of %s: %w", o.OrderID, err)
	}
	return s.follow(Payments, cause, b, now), nil
}

// follow makes the record that another one caused: the same key, correlation id and
// trace, and a span of its own.
func (s *shop) follow(topic string, cause *kgo.Record, value []byte, now time.Time) *kgo.Record {
	r := &kgo.Record{Topic: s.prefix + topic, Key: cause.Key, Value: value, Timestamp: now}
	for _, h := range cause.Headers {
		switch h.Key {
		case correlationHeader:
			r.Headers = append(r.Headers, h)
		case traceHeader:
			r.Headers = append(r.Headers, kgo.RecordHeader{Key: traceHeader, Value: s.span(h.Value)})
		}
	}
	return r
}

// span replaces the parent id of a traceparent: 00-<trace 32>-<parent 16>-<flags 2>.
func (s *shop) span(parent []byte) []byte {
	const from, to = 36, 52
	if len(parent) != 55 {
		return parent
	}
	child := slices.Clone(parent)
	copy(child[from:to], s.hex(8))
	return child
}

func (s *shop) hex(n int) string {
	b := make([]byte, 0, n+8)
	for len(b) < n {
		b = binary.BigEndian.AppendUint64(b, s.rng.Uint64())
	}
	return hex.EncodeToString(b[:n])
}

func (s *shop) uuid() string {
	h := s.hex(16)
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-a" + h[17:20] + "-" + h[20:]
}
