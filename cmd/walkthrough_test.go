package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/demo/broker"
	"github.com/weirhq/weir/internal/term"
)

// evil sets a title, clears the screen, turns text red with a C1 control and reverses
// the reading order.
const evil = "evil\x1b]0;owned\x07\x1b[2J\u009b31m\u202e"

// walk is every command with the arguments it is run with and the exit code it must
// have, in every format it knows. # in an argument becomes a number of its own.
// Writes are dry or lack their confirmation, so that the order does not matter.
var walk = map[string]struct {
	args string
	exit int
}{
	"acl audit":             {"--catalog shop.yaml", 0},
	"acl can":               {"EVIL read topic:orders", 0},
	"acl grant":             {"--allow-principal EVIL --operation read --topic orders --dry-run", 0},
	"acl list":              {"", 0},
	"acl revoke":            {"--principal EVIL --dry-run", 0},
	"acl what-can":          {"EVIL", 0},
	"acl who-can":           {"read topic:orders", 0},
	"apply":                 {"shop.yaml --dry-run", 0},
	"catalog diff":          {"shop.yaml evil.yaml", 0},
	"catalog docs":          {"--out pages-# --catalog evil.yaml", 0},
	"catalog graph":         {"--catalog evil.yaml", 0},
	"catalog init":          {"new-#.yaml --dry-run", 0},
	"catalog list":          {"--catalog evil.yaml", 0},
	"catalog search":        {"evil --catalog evil.yaml", 0},
	"catalog show":          {"orders --catalog evil.yaml", 0},
	"catalog validate":      {"--catalog broken.yaml", 2},
	"ci":                    {"--catalog evil.yaml --against shop.yaml", 3},
	"compat check":          {"--catalog evil.yaml --against shop.yaml", 3},
	"compat rules":          {"", 0},
	"compat witness":        {"old.json new.json", 0},
	"completion bash":       {"", 0},
	"completion fish":       {"", 0},
	"completion zsh":        {"", 0},
	"completion powershell": {"", 0},
	"config show":           {"--origin", 0},
	"demo consume":          {"--group billing --count 1 --prefix EVIL --timeout 1s", 1},
	"demo produce":          {"--count 1 --prefix EVIL", 1},
	"dlt abort":             {"EVIL", 1},
	"dlt discard":           {"orders.dlt --reason EVIL --offsets 0:0-0 --dry-run", 0},
	"dlt export":            {"orders.dlt --out out-#.ndjson", 0},
	"dlt import":            {"letters.ndjson --to orders.dlt --dry-run", 0},
	"dlt inspect":           {"orders.dlt", 0},
	"dlt list":              {"", 0},
	"dlt plan":              {"orders.dlt --out plan-#.json", 0},
	"dlt purge":             {"orders.dlt --dry-run", 1},
	"dlt replay":            {"plan.json --dry-run", 0},
	"dlt resume":            {"EVIL", 1},
	"dlt show":              {"orders.dlt 0@0", 0},
	"dlt watch":             {"orders.dlt --timeout 1s", 6},
	"doctor":                {"", 3},
	"drift":                 {"evil.yaml", 3},
	"explain":               {"topic/name", 0},
	"export":                {"-d export-#", 0},
	"group delete":          {"EVIL", 2},
	"group describe":        {"EVIL", 0},
	"group export":          {"EVIL", 0},
	"group list":            {"", 0},
	"group remove-member":   {"live EVIL", 2},
	"group reset":           {"EVIL --to start", 2},
	"lag":                   {"EVIL --max-lag 1000000", 0},
	"lag export":            {"", 0},
	"lag rules":             {"--catalog evil.yaml", 0},
	"plan":                  {"evil.yaml", 0},
	"profile check":         {"", 0},
	"profile list":          {"", 0},
	"profile show":          {"", 0},
	"profile use":           {"EVIL", 2},
	"topic alter":           {"orders --set retention.ms=1209600000 --dry-run", 0},
	"topic create":          {"new -p 1 --dry-run", 0},
	"topic delete":          {"orders", 2},
	"topic describe":        {"orders", 0},
	"topic list":            {"", 0},
	"topic purge":           {"orders --to end", 2},
	"topic read":            {"orders --start start", 0},
	"version":               {"", 0},
}

// notWalked are the commands that cannot run here, with the reason.
var notWalked = map[string]string{
	"demo":    "the tour runs other commands on a broker of its own: TestTour",
	"demo up": "runs until ^C: the script demo_up",
}

// Every command runs in every format that it knows, on a cluster and a catalog full
// of terminal escapes: the exit code is the one it promises, JSON keeps its schema,
// and no control sequence comes through.
func TestWalkthrough(t *testing.T) {
	b := hostileCluster(t)
	dir := t.TempDir()
	repo, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	environ := []string{"HOME=" + dir, "XDG_STATE_HOME=" + dir, "LANG=C.UTF-8", "WEIR_BROKERS=" + strings.Join(b.Addrs(), ",")}
	for name, text := range hostileFiles() {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	weir := func(args ...string) (string, string, int) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var out, errs bytes.Buffer
		code := run(ctx, args, strings.NewReader(""), &out, &errs, environ, Build{Version: "0.0.0-test"})
		return out.String(), errs.String(), code
	}
	for _, args := range [][]string{{"dlt", "export", "orders.dlt", "--out", "letters.ndjson"}, {"dlt", "plan", "orders.dlt", "--out", "plan.json"}} {
		if out, errs, code := weir(args...); code != 0 {
			t.Fatalf("weir %s: exit code %d\n%s%s", strings.Join(args, " "), code, out, errs)
		}
	}
	seen := map[string]bool{}
	n := 0
	// In a pipe lag export gives programs the labels as they are: the format cannot
	// escape a control character. TestTerminalMetrics reads it on a terminal.
	leaves(Tree(), func(c *cobra.Command) {
		path := strings.TrimPrefix(c.CommandPath(), "weir ")
		seen[path] = true
		if notWalked[path] != "" {
			return
		}
		w, ok := walk[path]
		if !ok {
			t.Errorf("weir %s is neither walked nor left out with a reason", path)
			return
		}
		formats := []term.Format{""}
		if f := c.Flags().Lookup("output"); f != nil {
			formats = f.Value.(term.FormatFlag).Allowed
		}
		for _, f := range formats {
			n++
			args := append(strings.Fields(path), strings.Fields(strings.ReplaceAll(w.args, "#", strconv.Itoa(n)))...)
			for i, a := range args {
				args[i] = strings.ReplaceAll(a, "EVIL", evil)
			}
			if f != "" {
				args = append(args, "-o", string(f))
			}
			out, errs, code := weir(args...)
			line := "weir " + strings.Join(args, " ")
			if code != w.exit {
				t.Errorf("%q: exit code %d, want %d\n%s\n%s", line, code, w.exit, out, errs)
			}
			for stream, text := range map[string]string{"standard output": out, "standard error": errs} {
				if at := strings.IndexFunc(text, obeyed); at >= 0 && path != "lag export" {
					t.Errorf("%q: %s holds a control sequence: %q", line, stream, text[max(0, at-60):min(len(text), at+60)])
				}
			}
			switch {
			case f == term.JSON && out != "":
				if _, err := checkDocuments(filepath.Join(repo, "schemas"), args, strings.NewReader(out)); err != nil {
					t.Errorf("%q: %v", line, err)
				}
			case f == term.TSV && out != "":
				rows := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
				for _, r := range rows {
					if strings.Count(r, "\t") != strings.Count(rows[0], "\t") {
						t.Errorf("%q: a row has other columns than the header:\n%s", line, out)
						break
					}
				}
			}
			if f == term.JSON && code != 0 && code != 3 && code != 4 {
				last := strings.TrimSuffix(errs, "\n")
				last = last[strings.LastIndex(last, "\n")+1:]
				var e struct {
					Error failure `json:"error"`
				}
				if err := json.Unmarshal([]byte(last), &e); err != nil || e.Error.Exit != code || e.Error.Message == "" {
					t.Errorf("%q: the last line of standard error is not the error: %q", line, last)
				}
			}
		}
	})
	for _, path := range slices.Sorted(maps.Keys(walk)) {
		if !seen[path] {
			t.Errorf("weir %s is walked and does not exist", path)
		}
	}
	if n < 150 {
		t.Errorf("only %d command lines ran", n)
	}
}

// obeyed are the characters that a terminal obeys instead of showing them.
func obeyed(r rune) bool {
	return r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

// hostileCluster holds escapes wherever Kafka lets a stranger write: records, group
// and client ids, principals of rights, settings, consumers that are alive.
func hostileCluster(t *testing.T) *broker.Broker {
	t.Helper()
	b, err := broker.Start(broker.Config{ACLs: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	ctx := t.Context()
	cl, err := kgo.NewClient(kgo.SeedBrokers(b.Addrs()...), kgo.ClientID(evil), kgo.MetadataMinAge(10*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	adm := kadm.NewClient(cl)
	for _, topic := range []string{"orders", "orders.dlt"} {
		if _, err := adm.CreateTopic(ctx, 1, 1, map[string]*string{"confluent.note": new(evil)}, topic); err != nil {
			t.Fatal(err)
		}
		r := &kgo.Record{Topic: topic, Key: []byte(evil), Value: []byte(evil), Headers: []kgo.RecordHeader{
			{Key: "kafka_dlt-original-topic", Value: []byte("orders")},
			{Key: "kafka_dlt-exception-fqcn", Value: []byte("java.lang." + evil)},
			{Key: "kafka_dlt-exception-message", Value: []byte(evil)},
			{Key: "kafka_dlt-exception-stacktrace", Value: []byte(evil + "\n\tat " + evil)},
			{Key: "kafka_dlt-original-partition", Value: []byte{0, 0, 0, 0}},
			{Key: "kafka_dlt-original-offset", Value: make([]byte, 8)},
			{Key: evil, Value: []byte(evil)},
		}}
		if err := cl.ProduceSync(ctx, r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	var offsets kadm.Offsets
	offsets.AddOffset("orders", 0, 1, -1)
	if err := adm.CommitAllOffsets(ctx, evil, offsets); err != nil {
		t.Fatal(err)
	}
	rights := kadm.NewACLs().Topics("orders").Operations(kadm.OpRead).Allow("User:" + evil).AllowHosts("*").ResourcePatternType(kadm.ACLPatternLiteral)
	if _, err := adm.CreateACLs(ctx, rights); err != nil {
		t.Fatal(err)
	}
	live, err := kgo.NewClient(kgo.SeedBrokers(b.Addrs()...), kgo.ClientID(evil), kgo.InstanceID(evil), kgo.ConsumerGroup("live"),
		kgo.ConsumeTopics("orders"), kgo.DisableAutoCommit())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(live.Close)
	for ctx.Err() == nil {
		if d, _ := adm.DescribeGroups(ctx, "live"); len(d["live"].Members) == 1 && d["live"].State == "Stable" {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return b
}

func hostileFiles() map[string]string {
	quoted := `"evil\e]0;owned\a\e[2J\x9b31m\u202e"`
	shop := `asyncapi: 3.0.0
info: {title: Shop, version: 1.0.0, x-owner: team-shop}
channels:
  orders:
    address: orders
    bindings: {kafka: {partitions: 1, replicas: 1}}
    messages: {placed: {name: placed, payload: {type: object, properties: {id: {type: string}}}}}
operations:
  place: {action: send, channel: {$ref: '#/channels/orders'}}
`
	return map[string]string{
		"shop.yaml": shop,
		"evil.yaml": strings.NewReplacer("title: Shop", "title: "+quoted+", description: "+quoted, "team-shop", quoted,
			"name: placed", "name: placed, title: "+quoted+", summary: "+quoted+", description: "+quoted,
			"{id: {type: string}}", "{id: {type: integer, description: "+quoted+", enum: [1], x-pii: "+quoted+"}, "+quoted+": {const: "+quoted+"}}, required: ["+quoted+"]",
			"replicas: 1", "replicas: 1, topicConfiguration: {"+quoted+": "+quoted+"}").Replace(shop),
		"broken.yaml": shop + "  " + quoted + ": {action: " + quoted + ", channel: {$ref: " + quoted + "}}\n",
		"old.json":    `{"type": "object", "properties": {"a": {"type": "string"}}}`,
		"new.json":    `{"type": "object", "properties": {"a": {"type": "integer", "description": "evil\u001b[2J"}}, "required": ["b\u001b[2J\u202e"]}`,
	}
}
