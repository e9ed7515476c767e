package demo

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
)

type captured struct {
	Case        string  `json:"case"`
	Topic       string  `json:"topic"`
	Partition   int32   `json:"partition"`
	Offset      int64   `json:"offset"`
	TimestampMS int64   `json:"timestamp_ms"`
	Key         *[]byte `json:"key_b64"`
	Value       *[]byte `json:"value_b64"`
	Headers     []struct {
		Name  string  `json:"name"`
		Value *[]byte `json:"value_b64"`
	} `json:"headers"`
	Origin *captured `json:"origin"`
}

func (c *captured) record() *kgo.Record {
	r := &kgo.Record{Topic: c.Topic, Partition: c.Partition, Offset: c.Offset, Timestamp: time.UnixMilli(c.TimestampMS)}
	if c.Key != nil {
		r.Key = *c.Key
	}
	if c.Value != nil {
		r.Value = *c.Value
	}
	for _, h := range c.Headers {
		var v []byte
		if h.Value != nil {
			v = *h.Value
		}
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: h.Name, Value: v})
	}
	return r
}

func (c *captured) header(name string) string {
	for _, h := range c.Headers {
		if h.Name == name && h.Value != nil {
			return string(*h.Value)
		}
	}
	return ""
}

// What Spring Kafka wrote for a record, and what the demo writes for the same one,
// differ in the stack trace only. The captured records are not part of the
// repository: WEIR_TEST_CONFORMANCE names their folder, and without it there is no
// case.
func TestDeadLetterIsSprings(t *testing.T) {
	dir := os.Getenv("WEIR_TEST_CONFORMANCE")
	if dir == "" {
		return
	}
	cases := []string{"own-headers", "nested-cause", "null-key", "tombstone", "empty-key", "dies-twice-first", "dies-twice-second", "value-deserialization"}
	for _, version := range []string{"3.3", "4.0"} {
		found := 0
		for _, c := range load(t, filepath.Join(dir, "dlt", "spring-kafka-"+version+".ndjson")) {
			for _, want := range cases {
				if c.Case == want {
					found++
					t.Run(version+"/"+want, func(t *testing.T) { compare(t, c) })
				}
			}
		}
		if found != len(cases) {
			t.Errorf("Spring Kafka %s: %d of %d cases found", version, found, len(cases))
		}
	}
}

func load(t *testing.T, file string) []*captured {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []*captured
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		c := new(captured)
		if err := json.Unmarshal(lines.Bytes(), c); err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func compare(t *testing.T, c *captured) {
	f := &failure{
		class:    c.header(exceptionCause),
		message:  strings.TrimPrefix(c.header(exceptionMessage), "Listener failed; "),
		decoding: c.header(exceptionClass) == undecodable,
	}
	got := deadLetter(c.Origin.record(), c.header(originGroup), c.Topic, f, time.UnixMilli(c.TimestampMS))
	want := c.record()
	for _, r := range []*kgo.Record{got, want} {
		for i := range r.Headers {
			if r.Headers[i].Key == exceptionTrace {
				r.Headers[i].Value = nil
			}
		}
	}
	if d := cmp.Diff(want.Headers, got.Headers); d != "" {
		t.Errorf("headers (-Spring +demo):\n%s", d)
	}
	if d := cmp.Diff([][]byte{want.Key, want.Value}, [][]byte{got.Key, got.Value}); d != "" {
		t.Errorf("key and value (-Spring +demo):\n%s", d)
	}
	if got.Partition != want.Partition {
		t.Errorf("partition %d, Spring's %d", got.Partition, want.Partition)
	}
}
