package frameworks

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/kafkatest"
)

// longAgo is the time of the records that are fed: a kept time and the time of death must not be the same second, and
// the broker must not yet want to remove them.
var longAgo = time.Now().Add(-48 * time.Hour).Truncate(time.Millisecond)

const (
	wrapper      = "org.springframework.kafka.listener.ListenerExecutionFailedException"
	deserializer = "org.springframework.kafka.support.serializer.DeserializationException"
)

func long(n byte) []byte { return []byte{0, 0, 0, 0, 0, 0, 0, n} }

// fillers puts good records in front, unevenly, so that no two partitions are at the same offset.
func fillers(c *kafkatest.Cluster, topic string, key, value []byte) {
	var rs []*kgo.Record
	for p, n := range []int{3, 300, 17} {
		for range n {
			rs = append(rs, &kgo.Record{Topic: topic, Partition: int32(p), Key: key, Value: value, Timestamp: longAgo})
		}
	}
	c.Produce(rs...)
}

type fed struct {
	*kgo.Record
	facts
}

// without are the facts less those a configuration does not tell.
func (f fed) without(paths ...string) facts {
	out := maps.Clone(f.facts)
	for _, p := range paths {
		delete(out, p)
	}
	return out
}

func feed(c *kafkatest.Cluster, topic string, partition int32, key, value []byte, hs []kgo.RecordHeader, f facts) fed {
	r := &kgo.Record{Topic: topic, Partition: partition, Key: key, Value: value, Headers: hs, Timestamp: longAgo.Add(time.Duration(partition) * time.Hour)}
	c.Produce(r)
	return fed{r, f}
}

func TestSpring(t *testing.T) {
	c := begin(t)
	thrown := func(class, message string, chain ...string) facts {
		return facts{
			"failure": "listener", "exception.class": wrapper, "exception.cause_class": class, "exception.message": "Listener failed; " + message,
			"exception.thrown_class": class, "exception.root_class": chain[len(chain)-1], "exception.stacktrace_chain": append([]string{wrapper}, chain...),
		}
	}
	illegal, arithmetic, rejected := "java.lang.IllegalArgumentException", "java.lang.ArithmeticException", "demo.orders.Failures$Rejected"
	nested := thrown(rejected, "rejected: no stock", rejected, "java.lang.IllegalStateException", arithmetic)

	plain := map[string][]fed{}
	for _, name := range []string{"orders", "noappend", "keepexc", "few", "deser", "batch", "grow", "single", "cross", "typed"} {
		topic := c.Topic(name, 3)
		c.Topic(name+"-dlt", 3)
		switch name {
		case "orders", "noappend", "keepexc", "few", "grow", "cross":
			c.Topic(name+"-dlt-dlt", 3)
		}
		switch name {
		case "orders", "noappend", "keepexc", "few", "cross":
			fillers(c, topic, nil, []byte("good"))
			plain[name] = []fed{
				feed(c, topic, 1, []byte("k1"), []byte("boom nested no stock"), ownHeaders(), nested),
				feed(c, topic, 0, nil, []byte("boom silent"), nil, facts{"exception.message": "Listener failed; ", "exception.cause_class": "java.lang.UnsupportedOperationException"}),
				feed(c, topic, 2, []byte{}, []byte("boom Grüße: \x1b[31m日本\nzwei"), nil, thrown(illegal, "Grüße: \x1b[31m日本\nzwei", illegal)),
			}
		case "batch":
			fillers(c, topic, nil, []byte("good"))
			plain[name] = []fed{feed(c, topic, 1, []byte("k"), []byte("boom in a batch"), ownHeaders(), facts{
				"failure": "listener", "exception.cause_class": "org.springframework.kafka.listener.BatchListenerFailedException", "exception.root_class": illegal,
			})}
		case "deser", "typed":
			fillers(c, topic, long(1), long(2))
			plain[name] = []fed{
				feed(c, topic, 0, long(7), []byte("no long"), ownHeaders(), facts{
					"failure": "value-deserialization", "exception.class": deserializer, "exception.cause_class": deserializer,
					"exception.root_class": "org.apache.kafka.common.errors.SerializationException",
				}),
				feed(c, topic, 1, []byte("no long key"), long(9), nil, facts{
					"failure": "key-deserialization", "exception.class": nil, "exception.key_class": deserializer,
					"exception.root_class": "org.apache.kafka.common.errors.SerializationException",
				}),
				feed(c, topic, 2, []byte("neither"), []byte("of both"), nil, facts{
					"failure": "key-and-value-deserialization", "exception.class": deserializer, "exception.key_class": deserializer,
				}),
			}
		case "grow", "single":
			fillers(c, topic, nil, []byte("good"))
			plain[name] = []fed{
				feed(c, topic, 1, []byte("k1"), []byte("boom nested no stock"), ownHeaders(), facts{"exception.root_class": arithmetic, "failure": "listener"}),
				feed(c, topic, 2, nil, []byte("boom plain"), nil, facts{"exception.root_class": illegal, "failure": "listener"}),
			}
		}
	}
	a := start(t, "spring", "demo.orders.Main", strings.Join(c.Brokers, ","), c.Prefix)

	// told is what every dead letter of Spring Kafka must tell of the record it was.
	told := func(name string, f fed) facts {
		return facts{
			"class": "dead", "dialect": "spring", "dialects": nil, "origin": origin(f.Record, name != "few"), "key_b64": b64(f.Key), "value_b64": b64(f.Value),
			"headers_after_replay": headersOf(f.Headers), "deaths_in_headers": 1, "timestamp_is": "death", "attempts": nil, "first_origin": nil, "earlier_death": nil,
		}
	}
	for _, name := range []string{"orders", "noappend", "keepexc", "few", "deser", "batch", "cross"} {
		fs := plain[name]
		t.Run(name, func(t *testing.T) {
			ls := letters(t, c, a, c.Name(name+"-dlt"), len(fs))
			for _, f := range fs {
				l := find(t, ls, f.Value)
				l.check(t, told(name, f))
				switch name {
				case "few":
					l.check(t, facts{"consumer_group": nil, "exception.stacktrace_chain": nil, "origin_timestamp_type": nil})
					f.facts = f.without("exception.stacktrace_chain", "exception.root_class")
				default:
					l.check(t, facts{"consumer_group": c.Name(name + "-app"), "origin_timestamp_type": "CreateTime"})
				}
				l.check(t, f.facts)
			}
		})
	}
	// The application listens on its own dead letters as well, and they die again.
	for _, name := range []string{"orders", "noappend", "keepexc", "few"} {
		t.Run(name+"/again", func(t *testing.T) {
			first := letters(t, c, a, c.Name(name+"-dlt"), 3)
			ls := letters(t, c, a, c.Name(name+"-dlt-dlt"), 3)
			for _, f := range plain[name] {
				l, before := find(t, ls, f.Value), find(t, first, f.Value)
				o := map[string]any{"topic": before["topic"], "partition": before["partition"], "offset": before["offset"], "timestamp_ms": before["timestamp_ms"]}
				deaths, told := 2, origin(f.Record, name != "few")
				switch name {
				case "few":
					o["timestamp_ms"] = nil
				case "noappend":
					o, deaths = told, 1
				}
				l.check(t, facts{
					"class": "dead", "dialect": "spring", "origin": o, "first_origin": told, "deaths_in_headers": deaths, "timestamp_is": "death",
					"key_b64": b64(f.Key), "value_b64": b64(f.Value), "headers_after_replay": headersOf(f.Headers),
				})
				if name == "few" {
					f.facts = f.without("exception.stacktrace_chain", "exception.root_class")
				}
				l.check(t, f.facts)
			}
		})
	}
	for name, hops := range map[string][]string{"grow": {"-retry-150", "-retry-300"}, "single": {"-retry"}} {
		t.Run(name, func(t *testing.T) {
			fs := plain[name]
			told := func(f fed, class string, deliveries int) facts {
				var attempts []int
				for n := range deliveries {
					attempts = append(attempts, n+2)
				}
				return facts{
					"class": class, "dialect": "spring-retry", "dialects": nil, "origin": origin(f.Record, true), "first_origin": nil, "key_b64": b64(f.Key),
					"value_b64": b64(f.Value), "headers_after_replay": headersOf(f.Headers), "deaths_in_headers": 1, "timestamp_is": "death",
					"attempts": deliveries, "attempts_header": attempts, "consumer_group": c.Name(name + "-app"), "origin_timestamp_type": "CreateTime",
				}
			}
			ls := letters(t, c, a, c.Name(name+"-dlt"), len(fs))
			for _, f := range fs {
				l := find(t, ls, f.Value)
				l.check(t, told(f, "dead", 3))
				l.check(t, f.facts)
				l.check(t, facts{"next_due_ms": nil})
			}
			for i, hop := range hops {
				ls := letters(t, c, a, c.Name(name+hop), len(fs))
				for _, f := range fs {
					for _, l := range ls { // the first delivery of each is what the first half of a single retry topic holds
						if l["value_b64"] != b64(f.Value) {
							continue
						}
						n := i + 1
						if list, ok := l["attempts_header"].([]any); ok && len(hops) == 1 {
							n = len(list)
						}
						l.check(t, told(f, "retry", n))
						if l["next_due_ms"] == nil {
							t.Errorf("%s: the next delivery has no time", c.Name(name+hop))
						}
					}
				}
			}
		})
	}
	// A failure to deserialize is not tried again: the chain of retry topics is skipped.
	t.Run("typed", func(t *testing.T) {
		ls := letters(t, c, a, c.Name("typed-dlt"), len(plain["typed"]))
		for _, f := range plain["typed"] {
			l := find(t, ls, f.Value)
			l.check(t, facts{
				"class": "dead", "dialect": "spring-retry", "dialects": nil, "origin": origin(f.Record, true), "first_origin": nil, "key_b64": b64(f.Key),
				"value_b64": b64(f.Value), "headers_after_replay": headersOf(f.Headers), "deaths_in_headers": 1, "timestamp_is": "death", "attempts": 1,
				"consumer_group": c.Name("typed-app"),
			})
			l.check(t, f.facts)
		}
	})
	// A plain listener on the dead letters of a chain, and a chain over the dead letters of a plain listener.
	for name, dialects := range map[string][]string{"grow": {"spring", "spring-retry"}, "cross": {"spring-retry", "spring"}} {
		t.Run(name+"/again", func(t *testing.T) {
			fs := plain[name]
			group := any(c.Name(name + "-dlt-app"))
			if name == "cross" {
				group = nil // both write it under one name, and a chain leaves the one that is there
			}
			first := letters(t, c, a, c.Name(name+"-dlt"), len(fs))
			ls := letters(t, c, a, c.Name(name+"-dlt-dlt"), len(fs))
			for _, f := range fs {
				l, before := find(t, ls, f.Value), find(t, first, f.Value)
				l.check(t, facts{
					"class": "dead", "dialect": dialects[0], "dialects": dialects, "first_origin": origin(f.Record, true), "headers_after_replay": headersOf(f.Headers),
					"origin":         map[string]any{"topic": before["topic"], "partition": before["partition"], "offset": before["offset"], "timestamp_ms": before["timestamp_ms"]},
					"consumer_group": group, "deaths_in_headers": 1,
					"earlier_death": map[string]any{"dialect": dialects[1], "deaths_in_headers": 1, "origin": origin(f.Record, true), "consumer_group": c.Name(name + "-app")},
				})
				l.check(t, f.without("exception.stacktrace_chain")) // the two wrap differently
			}
		})
	}
	t.Run("replay", func(t *testing.T) {
		a.say("fixed")
		for _, name := range []string{"orders", "grow"} {
			replay(t, c, c.Name(name+"-dlt"), "--ack-fanout")
			for _, f := range plain[name] {
				a.handledAgain(f.Record)
			}
		}
	})
}
