package frameworks

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/internal/kafkatest"
)

// built is the folder of the binary, once a test has built it.
var built string

// binary builds weir once.
var binary = sync.OnceValues(func() (string, error) {
	var err error
	if built, err = os.MkdirTemp("", "weir-frameworks-"); err != nil {
		return "", err
	}
	path := filepath.Join(built, "weir")
	out, err := exec.CommandContext(context.Background(), "go", "build", "-o", path, "github.com/weirhq/weir").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build weir: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		_ = os.RemoveAll(built)
	}
	os.Exit(code)
}

// weir runs the real binary and returns its standard output.
func weir(t *testing.T, c *kafkatest.Cluster, args ...string) string {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, append([]string{"-b", strings.Join(c.Brokers, ",")}, args...)...)
	cmd.Env = []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}
	cmd.Dir = t.TempDir()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("weir %s: %v\n%s%s", strings.Join(args, " "), err, stdout.String(), stderr.String())
	}
	return stdout.String()
}

// letter is one line of `weir dlt show --from -o json`.
type letter map[string]any

// letters exports a topic and reads the archive without the cluster. It waits until the topic stores n records.
func letters(t *testing.T, c *kafkatest.Cluster, a *app, topic string, n int) []letter {
	t.Helper()
	awaitStored(t, c, a, topic, n)
	archive := filepath.Join(t.TempDir(), "letters.ndjson")
	weir(t, c, "dlt", "export", topic, "--out", archive)
	var out []letter
	for line := range strings.Lines(weir(t, c, "dlt", "show", "--from", archive, "-o", "json")) {
		var l letter
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		out = append(out, l)
	}
	return out
}

// awaitStored waits until a reader sees n records in the topic.
func awaitStored(t *testing.T, c *kafkatest.Cluster, a *app, topic string, n int) {
	t.Helper()
	cl := c.Client(kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.UnknownTopicRetries(-1))
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	go func() {
		select {
		case <-a.ended:
			cancel()
		case <-ctx.Done():
		}
	}()
	for have := 0; have < n; {
		fs := cl.PollFetches(ctx)
		have += fs.NumRecords()
		if ctx.Err() != nil {
			t.Fatalf("%s stores %d records, want %d, and the application ended or %s went by:\n%s", topic, have, n, patience, a.tail())
		}
	}
}

// at walks a dotted path.
func (l letter) at(path string) any {
	var v any = map[string]any(l)
	for part := range strings.SplitSeq(path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[part]
	}
	return v
}

// facts are what a dead letter must tell, by dotted path. A value is compared as JSON.
type facts map[string]any

func (l letter) check(t *testing.T, want facts) {
	t.Helper()
	for path, w := range want {
		b, err := json.Marshal(w)
		if err != nil {
			t.Fatal(err)
		}
		var plain any
		if err := json.Unmarshal(b, &plain); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(plain, l.at(path)); d != "" {
			t.Errorf("%s %v@%v: %s (-want +got):\n%s", l["topic"], l["partition"], l["offset"], path, d)
		}
	}
	if p := l["problems"]; p != nil {
		t.Errorf("%s %v@%v: problems %v", l["topic"], l["partition"], l["offset"], p)
	}
}

// find returns the newest letter whose payload is that value.
func find(t *testing.T, ls []letter, value []byte) letter {
	t.Helper()
	for _, l := range slices.Backward(ls) {
		if l["value_b64"] == b64(value) {
			return l
		}
	}
	var have []any
	for _, l := range ls {
		have = append(have, l["topic"], l["value_b64"], l["failure"], l.at("exception.message"))
	}
	t.Fatalf("no letter with the value %v among %v", b64(value), have)
	return nil
}

func b64(b []byte) any {
	if b == nil {
		return nil
	}
	return base64.StdEncoding.EncodeToString(b)
}

// headersOf is a record's headers as weir prints them.
func headersOf(hs []kgo.RecordHeader) []any {
	out := make([]any, 0, len(hs))
	for _, h := range hs {
		out = append(out, map[string]any{"name": h.Key, "value_b64": b64(h.Value)})
	}
	return out
}

// origin is where a record lies, as weir prints it.
func origin(r *kgo.Record, withTime bool) map[string]any {
	o := map[string]any{"topic": r.Topic, "partition": r.Partition, "offset": r.Offset, "timestamp_ms": nil}
	if withTime {
		o["timestamp_ms"] = r.Timestamp.UnixMilli()
	}
	return o
}

// ownHeaders are what an application may carry: repeats, null, empty, binary, and names that other dialects use.
func ownHeaders() []kgo.RecordHeader {
	return []kgo.RecordHeader{
		{Key: "traceparent", Value: []byte("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")},
		{Key: "tag", Value: []byte("one")},
		{Key: "tag", Value: []byte("two")},
		{Key: "nil", Value: nil},
		{Key: "empty", Value: []byte{}},
		{Key: "raw", Value: []byte{0, 0xff, 0x80, '\n'}},
		{Key: "x-original-topic", Value: []byte("somewhere.else")},
		{Key: "source_topic", Value: []byte("elsewhere")},
		{Key: "exception-type", Value: []byte("ours")},
		{Key: "OriginalTopic", Value: []byte("ours, too")},
		{Key: "dead-letter-note", Value: []byte("not SmallRye's")},
	}
}

// replay does what an operator does: list, inspect, show, plan, replay. It returns how many records were produced.
func replay(t *testing.T, c *kafkatest.Cluster, topic string, planArgs ...string) {
	t.Helper()
	if out := weir(t, c, "dlt", "list", topic); !strings.Contains(out, topic) {
		t.Errorf("dlt list does not name %s:\n%s", topic, out)
	}
	if out := weir(t, c, "dlt", "inspect", topic); !strings.Contains(out, "stored in "+topic) {
		t.Errorf("dlt inspect %s:\n%s", topic, out)
	}
	plan := filepath.Join(t.TempDir(), "plan.json")
	weir(t, c, append([]string{"dlt", "plan", topic, "--out", plan}, planArgs...)...)
	out := weir(t, c, "dlt", "replay", plan, "--yes", "--rate", "0", "--canary", "0", "--settle", "0s", "--no-breaker", "-o", "json")
	var report struct {
		Selected  int64 `json:"selected"`
		Produced  int64 `json:"produced"`
		Remaining int64 `json:"remaining"`
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatal(err)
	}
	if report.Produced == 0 || report.Remaining != 0 {
		t.Errorf("replay of %s:\n%s", topic, out)
	}
}

// handledAgain waits until the application says that it took the record, at a later offset of its topic.
func (a *app) handledAgain(r *kgo.Record) {
	a.t.Helper()
	first, _, _ := strings.Cut(string(r.Value), "\n")
	a.waitFor(func(line string) bool {
		rest, ok := strings.CutPrefix(line, "HANDLED "+r.Topic+" ")
		at, text, _ := strings.Cut(rest, " ")
		var partition int32
		var offset int64
		if _, err := fmt.Sscanf(at, "%d@%d", &partition, &offset); !ok || err != nil {
			return false
		}
		return partition == r.Partition && offset > r.Offset && text == first
	}, "to take again "+first)
}

// rawHeaders are the headers of a letter, as bytes.
func rawHeaders(t *testing.T, l letter) []kgo.RecordHeader {
	t.Helper()
	var out []kgo.RecordHeader
	list, _ := l["headers"].([]any)
	for _, h := range list {
		m, ok := h.(map[string]any)
		if !ok {
			t.Fatalf("a header is %v", h)
		}
		name, _ := m["name"].(string)
		kh := kgo.RecordHeader{Key: name}
		if text, ok := m["value_b64"].(string); ok {
			value, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				t.Fatal(err)
			}
			kh.Value = value
		}
		out = append(out, kh)
	}
	return out
}
