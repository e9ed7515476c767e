package frameworks

import (
	"maps"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

func TestBakdata(t *testing.T) {
	c := begin(t)
	orders, dlq := c.Topic("orders", 3), c.Topic("dlq", 3)
	fillers(c, orders, nil, []byte("good"))
	const state, arithmetic, silent = "java.lang.IllegalStateException", "java.lang.ArithmeticException", "java.lang.UnsupportedOperationException"
	own := append(ownHeaders(), kgo.RecordHeader{Key: "weight", Value: nil})
	// What Kafka Streams itself wrote when the record died there before; its topic, partition and offset are replaced.
	native := append(ownHeaders(),
		kgo.RecordHeader{Key: "__streams.errors.exception", Value: []byte(arithmetic)}, kgo.RecordHeader{Key: "__streams.errors.message"},
		kgo.RecordHeader{Key: "__streams.errors.stacktrace", Value: []byte(arithmetic + "\n\tat demo.Old.process(Old.java:1)\n")},
		kgo.RecordHeader{Key: "__streams.errors.topic", Value: []byte("older")}, kgo.RecordHeader{Key: "__streams.errors.partition", Value: []byte("7")},
		kgo.RecordHeader{Key: "__streams.errors.offset", Value: []byte("77")})
	fs := []fed{
		feed(c, orders, 1, []byte("k1"), []byte("boom nested no stock"), own, facts{
			"exception.class": state, "exception.message": "ledger: closed", "exception.root_class": arithmetic, "dialects": nil, "earlier_death": nil,
		}),
		feed(c, orders, 0, []byte("k2"), []byte("boom silent"), nil, facts{"exception.class": silent, "exception.message": nil, "dialects": nil, "earlier_death": nil}),
		feed(c, orders, 2, []byte("k3"), []byte("boom nested over native"), native, facts{
			"exception.class": state, "dialects": []string{"bakdata", "streams"}, "first_origin": nil, "headers_after_replay": headersOf(ownHeaders()),
			"earlier_death": map[string]any{"dialect": "streams", "deaths_in_headers": 1, "origin": nil, "consumer_group": nil},
		}),
	}
	a := start(t, "bakdata", "demo.orders.Main", strings.Join(c.Brokers, ","), c.Prefix)
	ls := letters(t, c, a, dlq, len(fs))
	for _, f := range fs {
		l := find(t, ls, f.Value)
		want := facts{
			"class": "dead", "dialect": "bakdata", "origin": origin(f.Record, false), "key_b64": b64(f.Key), "value_b64": b64(f.Value), "failure": "processing",
			"description": "check the order", "headers_after_replay": headersOf(f.Headers), "deaths_in_headers": 1, "timestamp_is": "origin",
			"timestamp_ms": f.Timestamp.UnixMilli(), "consumer_group": nil, "attempts": nil,
		}
		maps.Copy(want, f.facts)
		l.check(t, want)
	}
	a.say("fixed")
	replay(t, c, dlq, "--ack-fanout")
	for _, f := range fs {
		a.wait("TAKEN " + string(f.Value))
	}
}
