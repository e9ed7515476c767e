package dlt

import (
	"slices"
	"testing"
)

func springSet(topic string, partition int32, offset int64) []Header {
	return []Header{
		{"kafka_dlt-exception-fqcn", []byte("demo.Boom")},
		{"kafka_dlt-original-topic", []byte(topic)},
		{"kafka_dlt-original-partition", be32(partition)},
		{"kafka_dlt-original-offset", be64(offset)},
	}
}

func smallRyeSet(topic, partition, offset string) []Header {
	return []Header{
		{"dead-letter-exception-class-name", []byte("demo.Boom")},
		{"dead-letter-topic", []byte(topic)},
		{"dead-letter-partition", []byte(partition)},
		{"dead-letter-offset", []byte(offset)},
	}
}

// TestNewestOfTwo: one framework appends, the other prepends, so the place of their headers proves nothing.
func TestNewestOfTwo(t *testing.T) {
	for name, c := range map[string]struct {
		headers []Header
		want    string
		deaths  int
	}{
		"spring read the dead letters of smallrye": {append(smallRyeSet("orders", "1", "7"), springSet("orders-dlq", 0, 3)...), "spring", 2},
		"smallrye read the dead letters of spring": {append(smallRyeSet("orders-dlt", "0", "3"), springSet("orders", 1, 7)...), "smallrye", 2},
		"spring after a replay":                    {append(smallRyeSet("orders", "1", "7"), springSet("orders", 1, 9)...), "spring", 2},
		"smallrye after a replay":                  {append(smallRyeSet("orders", "1", "9"), springSet("orders", 1, 7)...), "smallrye", 2},
	} {
		t.Run(name, func(t *testing.T) {
			dl := newTestDecoder(t).Decode(&Record{Topic: "x-dlt", Headers: c.headers})
			if deref(dl.Dialect) != c.want || len(dl.Dialects) != 2 || len(dl.Deaths) != c.deaths {
				t.Errorf("dialect %s of %v, %d deaths; want %s and %d", deref(dl.Dialect), dl.Dialects, len(dl.Deaths), c.want, c.deaths)
			}
		})
	}
}

// TestOwnHeadersAreNoProof: an application may use the names of a dialect for something else.
func TestOwnHeadersAreNoProof(t *testing.T) {
	for name, hs := range map[string][]Header{
		"one header":               {{"kafka_dlt-original-topic", []byte("orders")}},
		"text for numbers":         {{"x-original-topic", []byte("orders")}, {"x-original-offset", []byte("17")}, {"x-original-partition", []byte("3")}},
		"words for digits":         {{"source_topic", []byte("orders")}, {"source_partition", []byte("north")}, {"source_offset", []byte("later")}},
		"a topic and no rejection": {{"OriginalTopic", []byte("orders")}},
	} {
		t.Run(name, func(t *testing.T) {
			dl := newTestDecoder(t).Decode(&Record{Topic: "x-dlt", Headers: hs})
			if dl.Dialect != nil || len(dl.HeadersAfterReplay) != len(hs) {
				t.Errorf("dialect %s, %d headers kept; want none, and all %d", deref(dl.Dialect), len(dl.HeadersAfterReplay), len(hs))
			}
		})
	}
}

// TestSpringDialectsShareTheGroup: both write the group under one name, and each death keeps its own.
func TestSpringDialectsShareTheGroup(t *testing.T) {
	hs := []Header{
		{"kafka_original-topic", []byte("orders")},
		{"kafka_original-partition", be32(1)},
		{"kafka_original-offset", be64(7)},
		{"kafka_dlt-original-consumer-group", []byte("billing")},
		{"kafka_exception-fqcn", []byte("demo.Boom")},
	}
	hs = slices.Concat(hs, springSet("orders-dlt", 0, 3), []Header{{"kafka_dlt-original-consumer-group", []byte("parking")}})
	dl := newTestDecoder(t).Decode(&Record{Topic: "orders-dlt-dlt", Headers: hs})
	if deref(dl.Dialect) != "spring" || deref(dl.ConsumerGroup) != "parking" || deref(dl.Origin.Topic) != "orders-dlt" {
		t.Errorf("%s of %s from %s", deref(dl.Dialect), deref(dl.ConsumerGroup), deref(dl.Origin.Topic))
	}
	if e := dl.EarlierDeath; e == nil || deref(e.ConsumerGroup) != "billing" || !e.Origin.Known() {
		t.Errorf("earlier death %+v", e)
	}
}
