package frameworks

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

func TestSmallRye(t *testing.T) {
	c := begin(t)
	const (
		illegal    = "java.lang.IllegalArgumentException"
		state      = "java.lang.IllegalStateException"
		arithmetic = "java.lang.ArithmeticException"
		silent     = "java.lang.UnsupportedOperationException"
		provider   = "io.smallrye.reactive.messaging.providers.ProcessingException"
		record     = "org.apache.kafka.common.errors.RecordDeserializationException"
	)
	nacked := func(class, message string, cause ...any) facts {
		f := facts{"failure": "listener", "exception.class": class, "exception.message": message, "exception.thrown_class": class, "exception.stacktrace_chain": nil}
		f["exception.cause_class"], f["exception.cause_message"] = nil, nil
		if len(cause) == 2 {
			f["exception.cause_class"], f["exception.cause_message"] = cause[0], cause[1]
		}
		return f
	}
	fs := map[string][]fed{}
	for _, name := range []string{"nacked", "thrown", "typed", "delayed"} {
		topic := c.Topic(name, 3)
		c.Topic(name+"-dlq", 3)
		if name == "typed" {
			fillers(c, topic, long(1), long(2))
			fs[name] = []fed{
				feed(c, topic, 0, long(7), []byte("no long"), ownHeaders(), facts{"failure": "value-deserialization", "exception.class": record, "unrecoverable": nil}),
				feed(c, topic, 1, []byte("no long key"), long(9), nil, facts{"failure": "key-deserialization", "exception.class": record}),
			}
			continue
		}
		fillers(c, topic, nil, []byte("good"))
		if name == "thrown" {
			fs[name] = []fed{feed(c, topic, 1, []byte("k"), []byte("boom thrown"), ownHeaders(), facts{"failure": "listener", "exception.class": provider, "exception.root_class": nil})}
			continue
		}
		fs[name] = []fed{
			feed(c, topic, 1, []byte("k1"), []byte("boom nested no stock"), ownHeaders(), nacked(state, "ledger: closed", arithmetic, "no stock")),
			feed(c, topic, 0, nil, []byte("boom silent"), nil, nacked(silent, silent)),
			feed(c, topic, 2, []byte{}, []byte("boom Grüße: 日本"), nil, nacked(illegal, "Grüße: 日本")),
		}
	}
	for _, hop := range []string{"delayed_retry_200", "delayed_retry_400"} {
		c.Topic(hop, 3)
	}
	a := start(t, "smallrye", "demo.orders.Main", strings.Join(c.Brokers, ","), c.Prefix)
	told := func(r *kgo.Record) facts {
		return facts{
			"class": "dead", "dialect": "smallrye", "dialects": nil, "origin": origin(r, false), "key_b64": b64(r.Key), "value_b64": b64(r.Value),
			"headers_after_replay": headersOf(r.Headers), "deaths_in_headers": 1, "timestamp_is": "death", "consumer_group": nil, "attempts": nil,
			"first_origin": nil, "earlier_death": nil,
		}
	}
	for _, name := range []string{"nacked", "thrown"} {
		t.Run(name, func(t *testing.T) {
			ls := letters(t, c, a, c.Name(name+"-dlq"), len(fs[name]))
			for _, f := range fs[name] {
				l := find(t, ls, f.Value)
				l.check(t, told(f.Record))
				l.check(t, f.facts)
			}
		})
	}
	t.Run("typed", func(t *testing.T) {
		ls := letters(t, c, a, c.Name("typed-dlq"), 2)
		l := find(t, ls, fs["typed"][0].Value)
		l.check(t, told(fs["typed"][0].Record))
		l.check(t, fs["typed"][0].facts)
		key := fs["typed"][1]
		l = find(t, ls, key.Key) // the value of the dead letter is the key's bytes
		l.check(t, facts{"origin": origin(key.Record, false), "headers_after_replay": headersOf(nil)})
		l.check(t, key.facts)
		if l["unrecoverable"] == nil {
			t.Error("the value is not the record's: want it to be said")
		}
	})
	t.Run("again", func(t *testing.T) {
		f := fs["nacked"][0]
		l := find(t, letters(t, c, a, c.Name("nacked-dlq"), 3), f.Value)
		r := &kgo.Record{Topic: f.Topic, Partition: 2, Key: f.Key, Value: f.Value, Headers: rawHeaders(t, l), Timestamp: longAgo}
		c.Produce(r)
		for _, l := range letters(t, c, a, c.Name("nacked-dlq"), 4) {
			if l["value_b64"] != b64(f.Value) || l.at("origin.partition") != 2.0 {
				continue
			}
			l.check(t, facts{
				"origin": origin(r, false), "first_origin": origin(f.Record, false), "deaths_in_headers": 2, "headers_after_replay": headersOf(f.Headers),
				"exception.class": state,
			})
			return
		}
		t.Error("no letter of the second death")
	})
	t.Run("delayed", func(t *testing.T) {
		told := func(r *kgo.Record, class string, count int) facts {
			f := told(r)
			f["class"], f["dialect"], f["origin"], f["attempts"], f["count_header"] = class, "smallrye-retry", origin(r, true), count+1, count
			return f
		}
		for i, hop := range []string{"delayed_retry_200", "delayed_retry_400"} {
			for _, l := range letters(t, c, a, c.Name(hop), 1) {
				for _, f := range fs["delayed"] {
					if l["value_b64"] == b64(f.Value) {
						l.check(t, told(f.Record, "retry", i))
						l.check(t, f.facts)
					}
				}
			}
		}
		// A record may stay in a retry topic for good: SmallRye was seen to forget some.
		for _, l := range letters(t, c, a, c.Name("delayed-dlq"), 1) {
			for _, f := range fs["delayed"] {
				if l["value_b64"] == b64(f.Value) {
					l.check(t, told(f.Record, "dead", 2))
					l.check(t, f.facts)
				}
			}
		}
	})
	t.Run("replay", func(t *testing.T) {
		a.say("fixed")
		replay(t, c, c.Name("nacked-dlq"), "--ack-fanout")
		for _, f := range fs["nacked"][1:] {
			a.handledAgain(f.Record)
		}
		replay(t, c, c.Name("typed-dlq"), "--ack-fanout") // the key's record is fetched from where it came from
	})
}
