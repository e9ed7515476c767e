package frameworks

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/kafkatest"
)

// worker starts Kafka Connect with sinks. A sink is a name and the settings that differ.
func worker(t *testing.T, c *kafkatest.Cluster, sinks map[string]string) *app {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name+".properties")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	args := []string{write("worker", fmt.Sprintf(`bootstrap.servers=%s
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.json.JsonConverter
value.converter.schemas.enable=false
header.converter=org.apache.kafka.connect.converters.ByteArrayConverter
offset.storage.file.filename=%s
listeners=http://127.0.0.1:0
plugin.discovery=service_load
consumer.auto.offset.reset=earliest
`, strings.Join(c.Brokers, ","), filepath.Join(dir, "offsets")))}
	for name, more := range sinks {
		args = append(args, write(name, fmt.Sprintf(`name=%s
connector.class=org.apache.kafka.connect.file.FileStreamSinkConnector
file=%s
errors.tolerance=all
errors.deadletterqueue.topic.replication.factor=1
errors.deadletterqueue.context.headers.enable=true
%s
`, c.Name(name), filepath.Join(dir, name+".out"), more)))
	}
	a := start(t, "connect", "demo.Worker", args...)
	a.dir = dir
	return a
}

// sunk waits until the sink's file has the line.
func (a *app) sunk(sink, line string) {
	a.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		b, err := os.ReadFile(filepath.Join(a.dir, sink+".out"))
		if err == nil && strings.Contains("\n"+string(b), "\n"+line+"\n") {
			return
		}
		if time.Now().After(deadline) {
			a.t.Fatalf("the sink %s has no line %q after %s: %q, %v\n%s", sink, line, patience, b, err, a.tail())
		}
	}
}

func TestConnect(t *testing.T) {
	c := begin(t)
	pay, amounts, keyed := c.Topic("pay", 3), c.Topic("amounts", 3), c.Topic("keyed", 3)
	dlq, second, bare := c.Name("dlq-sink"), c.Name("dlq-second"), c.Name("dlq-bare")
	fillers(c, pay, []byte("k"), []byte(`{"n":1}`))
	fillers(c, amounts, []byte("k"), []byte(`7`))
	const (
		data    = "org.apache.kafka.connect.errors.DataException"
		jackson = "org.apache.kafka.common.errors.SerializationException"
	)
	broken := facts{"failure": "VALUE_CONVERTER", "failing_class": "org.apache.kafka.connect.json.JsonConverter", "exception.class": data}
	fs := []fed{
		feed(c, pay, 1, []byte("k1"), []byte(`{"n":`), ownHeaders(), broken),
		feed(c, pay, 0, nil, []byte(`nope`), nil, broken),
		feed(c, pay, 2, []byte{}, []byte("\x00\xff{"), []kgo.RecordHeader{{Key: "empty", Value: []byte{}}, {Key: "nil"}}, broken),
	}
	cast := feed(c, amounts, 1, []byte("k"), []byte(`{"a":"b"}`), ownHeaders(), facts{"failure": "TRANSFORMATION", "failing_class": "org.apache.kafka.connect.transforms.Cast$Value"})
	key := feed(c, keyed, 2, []byte("not eight"), []byte(`1`), nil, facts{
		"failure": "KEY_CONVERTER", "failing_class": "org.apache.kafka.connect.converters.LongConverter", "exception.root_class": jackson,
	})
	sinks := map[string]string{
		"sink":   "topics=" + pay + "\nerrors.deadletterqueue.topic.name=" + dlq,
		"bare":   "topics=" + pay + "\nerrors.deadletterqueue.context.headers.enable=false\nerrors.deadletterqueue.topic.name=" + bare,
		"second": "topics=" + dlq + "\nerrors.deadletterqueue.topic.name=" + second,
		"cast": "topics=" + amounts + "\nerrors.deadletterqueue.topic.name=" + c.Name("dlq-cast") +
			"\ntransforms=c\ntransforms.c.type=org.apache.kafka.connect.transforms.Cast$Value\ntransforms.c.spec=int32",
		"keys": "topics=" + keyed + "\nerrors.deadletterqueue.topic.name=" + c.Name("dlq-keys") + "\nkey.converter=org.apache.kafka.connect.converters.LongConverter",
	}
	a := worker(t, c, sinks)
	told := func(f fed, connector string) facts {
		return facts{
			"class": "dead", "dialect": "connect", "dialects": nil, "origin": origin(f.Record, false), "key_b64": b64(f.Key), "value_b64": b64(f.Value),
			"headers_after_replay": headersOf(f.Headers), "deaths_in_headers": 1, "timestamp_is": "origin", "timestamp_ms": f.Timestamp.UnixMilli(),
			"consumer_group": "connect-" + c.Name(connector), "task": 0, "attempts": nil, "first_origin": nil, "earlier_death": nil, "origin_timestamp_type": nil,
		}
	}
	for _, l := range letters(t, c, a, c.Name("dlq-cast"), 1) {
		l.check(t, told(cast, "cast"))
		l.check(t, cast.facts)
	}
	for _, l := range letters(t, c, a, c.Name("dlq-keys"), 1) {
		l.check(t, told(key, "keys"))
		l.check(t, key.facts)
	}
	first := letters(t, c, a, dlq, len(fs))
	for _, f := range fs {
		l := find(t, first, f.Value)
		l.check(t, told(f, "sink"))
		l.check(t, f.facts)
	}
	twice := letters(t, c, a, second, len(fs))
	for _, f := range fs {
		l, before := find(t, twice, f.Value), find(t, first, f.Value)
		l.check(t, facts{
			"dialect": "connect", "dialects": nil, "deaths_in_headers": 2, "first_origin": origin(f.Record, false), "headers_after_replay": headersOf(f.Headers),
			"origin":         map[string]any{"topic": dlq, "partition": before["partition"], "offset": before["offset"], "timestamp_ms": nil},
			"consumer_group": "connect-" + c.Name("second"),
		})
		l.check(t, f.facts)
	}
	for _, l := range letters(t, c, a, bare, len(fs)) {
		l.check(t, facts{"dialect": nil, "origin": nil, "consumer_group": nil, "failure": nil, "exception": nil, "deaths_in_headers": 0, "timestamp_is": "origin"})
	}
	for _, f := range fs {
		find(t, letters(t, c, a, bare, len(fs)), f.Value).check(t, facts{"headers_after_replay": headersOf(f.Headers), "key_b64": b64(f.Key)})
	}

	// The owner mends the connector: text is what this topic holds. The same connector then gets the records again.
	a.stop()
	sinks = map[string]string{"sink": sinks["sink"] + "\nvalue.converter=org.apache.kafka.connect.storage.StringConverter"}
	a = worker(t, c, sinks)
	replay(t, c, dlq, "--ack-fanout")
	for _, f := range fs[:2] {
		a.sunk("sink", string(f.Value))
	}
}
