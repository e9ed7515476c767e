package frameworks

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

func TestStreams(t *testing.T) {
	c := begin(t)
	for _, name := range []string{"orders", "longs", "keyed", "out", "dlq"} {
		c.Topic(name, 3)
	}
	orders, longs, keyed := c.Name("orders"), c.Name("longs"), c.Name("keyed")
	fillers(c, orders, nil, []byte("good"))
	fillers(c, longs, long(1), long(2))
	thrown := func(failure, class string, message any, chain ...string) facts {
		return facts{
			"failure": failure, "exception.class": class, "exception.message": message, "exception.thrown_class": class,
			"exception.root_class": chain[len(chain)-1], "exception.stacktrace_chain": chain,
		}
	}
	const (
		illegal    = "java.lang.IllegalArgumentException"
		arithmetic = "java.lang.ArithmeticException"
		state      = "java.lang.IllegalStateException"
		silent     = "java.lang.UnsupportedOperationException"
		serializer = "org.apache.kafka.common.errors.SerializationException"
		large      = "org.apache.kafka.common.errors.RecordTooLargeException"
	)
	fs := []fed{
		feed(c, orders, 1, []byte("k1"), []byte("boom nested no stock"), ownHeaders(), thrown("processing", state, "ledger: closed", state, arithmetic)),
		feed(c, orders, 0, nil, []byte("boom silent"), nil, thrown("processing", silent, nil, silent)),
		feed(c, orders, 2, []byte{}, []byte("boom Grüße: \x1b[31m日本"), nil, thrown("processing", illegal, "Grüße: \x1b[31m日本", illegal)),
		feed(c, longs, 0, long(7), []byte("no long"), ownHeaders(), facts{"failure": "deserialization", "exception.class": serializer}),
		feed(c, longs, 1, []byte("no long key"), long(9), nil, facts{"failure": "deserialization", "exception.class": serializer}),
	}
	behind := feed(c, keyed, 1, []byte("k"), []byte("boom behind a repartition"), ownHeaders(), thrown("processing", illegal, "behind a repartition", illegal))
	// The library lets go of the source record before it sends, so this dead letter has neither key nor value.
	big := feed(c, orders, 2, []byte("big"), []byte("large"), ownHeaders(), facts{"failure": "production", "exception.class": large, "exception.thrown_class": large})
	a := start(t, "streams", "demo.orders.Main", strings.Join(c.Brokers, ","), c.Prefix)
	dlq := c.Name("dlq")
	ls := letters(t, c, a, dlq, len(fs)+2)
	told := func(r *kgo.Record) facts {
		return facts{
			"class": "dead", "dialect": "streams", "dialects": nil, "origin": origin(r, false), "key_b64": b64(r.Key), "value_b64": b64(r.Value),
			"headers_after_replay": headersOf(r.Headers), "deaths_in_headers": 1, "timestamp_is": "origin", "timestamp_ms": r.Timestamp.UnixMilli(),
			"consumer_group": nil, "attempts": nil, "first_origin": nil, "earlier_death": nil,
		}
	}
	for _, f := range fs {
		l := find(t, ls, f.Value)
		l.check(t, told(f.Record))
		l.check(t, f.facts)
	}
	l := find(t, ls, behind.Value)
	l.check(t, behind.facts)
	l.check(t, facts{"origin.topic": c.Name("app-by-page-repartition"), "key_b64": b64([]byte("by-page")), "headers_after_replay": headersOf(behind.Headers)})

	l = find(t, ls, nil)
	l.check(t, big.facts)
	l.check(t, facts{"origin": origin(big.Record, false), "key_b64": nil, "headers_after_replay": headersOf(big.Headers)})
	if l["unrecoverable"] == nil {
		t.Error("a dead letter without its record: want it to be said")
	}

	// Put back as they are, headers and all, they die a second time.
	var again []*kgo.Record
	for _, f := range fs[:2] {
		l := find(t, ls, f.Value)
		r := &kgo.Record{Topic: orders, Partition: f.Partition, Key: f.Key, Value: f.Value, Headers: rawHeaders(t, l), Timestamp: longAgo}
		again = append(again, r)
	}
	c.Produce(again...)
	twice := letters(t, c, a, dlq, len(fs)+4)
	for i, r := range again {
		l := find(t, twice, r.Value)
		l.check(t, facts{
			"dialect": "streams", "origin": origin(r, false), "first_origin": origin(fs[i].Record, false), "deaths_in_headers": 2,
			"headers_after_replay": headersOf(fs[i].Headers),
		})
	}

	a.say("fixed")
	replay(t, c, dlq, "--ack-fanout", "--origin", orders)
	for _, f := range append(fs[:3], big) { // the last one was fetched from where it came from
		a.handledAgain(f.Record)
	}
}
