package cmd

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/weirhq/weir/internal/kafkatest"
)

// docLine is one `weir ...` line of a fenced shell block.
type docLine struct {
	place string // FILE:LINE
	text  string // without its comment
	exit  string // of a comment `# exit N`, else 0
}

// docBlock is a fenced block that is a file: its first line is a comment that names it.
type docBlock struct{ path, text string }

var (
	exitComment = regexp.MustCompile(`^exit (\d+)\b`)
	fileComment = regexp.MustCompile(`^# (~?[\w./-]+\.\w+)$`)
)

// readDoc reads the shell lines and the files of a Markdown file.
func readDoc(t *testing.T, path string) (lines []docLine, files []docBlock) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	fence, body := "", []string(nil)
	n := 0
	for line := range strings.Lines(string(b)) {
		n++
		raw := strings.TrimRight(line, "\n")
		line = strings.TrimSpace(line)
		if info, ok := strings.CutPrefix(line, "```"); ok {
			if fence == "" {
				fence, body = cmp.Or(info, "text"), nil
				continue
			}
			if len(body) > 0 {
				if m := fileComment.FindStringSubmatch(body[0]); m != nil {
					files = append(files, docBlock{m[1], strings.Join(body[1:], "\n") + "\n"})
				}
			}
			fence = ""
			continue
		}
		if fence != "" {
			body = append(body, raw)
		}
		if fence != "sh" || !strings.HasPrefix(line, "weir ") {
			continue
		}
		text, comment, _ := strings.Cut(line, " #")
		l := docLine{place: fmt.Sprintf("%s:%d", filepath.Base(path), n), text: strings.TrimSpace(text), exit: "0"}
		if m := exitComment.FindStringSubmatch(strings.TrimSpace(comment)); m != nil {
			l.exit = m[1]
		}
		lines = append(lines, l)
	}
	return lines, files
}

func docFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../docs/*.md")
	if err != nil || len(files) == 0 {
		t.Fatalf("no guides: %v", err)
	}
	return append(files, "../README.md")
}

var docWord = regexp.MustCompile(`(?:[^\s']|'[^']*')+`)

// checkLine says what in a command line the program does not know.
func checkLine(text string) error {
	text, _, _ = strings.Cut(text, " | ")
	words := docWord.FindAllString(text, -1)[1:]
	for i, w := range words {
		words[i] = strings.ReplaceAll(w, "'", "")
	}
	root := Tree()
	if words[0] == "help" {
		if _, ok := Topics()[strings.Join(words[1:], " ")]; ok {
			return nil
		}
		words = words[1:]
	}
	c, rest, err := root.Find(words)
	if err != nil {
		return err
	}
	if err := c.ParseFlags(rest); err != nil {
		return err
	}
	args := c.Flags().Args()
	if c.HasAvailableSubCommands() && !strings.Contains(c.Use, " ") && len(args) > 0 {
		return fmt.Errorf("%s has no command %s", c.CommandPath(), args[0])
	}
	return c.ValidateArgs(args)
}

// TestDocsNameWhatExists holds the guides to the command tree.
func TestDocsNameWhatExists(t *testing.T) {
	n := 0
	for _, f := range docFiles(t) {
		lines, _ := readDoc(t, f)
		for _, l := range lines {
			n++
			if err := checkLine(l.text); err != nil {
				t.Errorf("%s: %s: %v", l.place, l.text, err)
			}
		}
	}
	if n == 0 {
		t.Error("no command line found in any guide")
	}
	for _, wrong := range []string{"weir topic lst", "weir topic list --nope", "weir dlt show", "weir nothing"} {
		if checkLine(wrong) == nil {
			t.Errorf("%s passes for a command", wrong)
		}
	}
}

// docStage is what a guide takes for granted: the reader's machine and cluster.
type docStage struct {
	before string            // script lines before the first command
	at     map[string]string // script lines before the command that begins so
	reads  [][2]string       // words of the guide, and what stands for them here
	asks   []string          // commands that ask a reader; --yes answers here
}

// docStages by guide. A guide without one starts with an empty cluster.
var docStages = map[string]docStage{
	"dlt-runbook.md": {
		reads: [][2]string{{exampleJob, "$JOB"}, {"0@0", "$FIRST"}},
		asks:  []string{"weir dlt replay plan.json"},
		at: map[string]string{
			"weir dlt show":   "exec weir dlt export orders.order.v1.billing.dlt --out first.ndjson\npositionof first.ndjson FIRST\n",
			"weir dlt resume": "jobof night.json JOB\n",
			"weir dlt abort": "exec weir dlt plan orders.order.v1.billing.dlt --cause ea7c285c --again --ack-fanout --out other.json\n" +
				"exits 4 weir dlt replay other.json --canary 0 --settle 0s --rate 0.5 --stop-after 1s --yes\njobof other.json JOB\n",
		},
	},
	"profiles-and-security.md": {
		at: map[string]string{
			"weir profile list": "kafka listener SASL_SSL\ncp $TLS_DIR/ca.pem home/.config/weir/prod-ca.pem\nedit home/.config/weir/config.yaml BROKERS TLS_DIR\n",
			"weir topic list -b kafka-1.example:9093 -X sasl.mechanism=PLAIN": "env KAFKA_PASSWORD=$ADMIN_PASSWORD\nedit kafka ADMIN_PASSWORD\nedit client.properties TLS_DIR\n",
			"weir acl can": "kafka listener PLAINTEXT\nenv WEIR_BROKERS=$BROKERS\n",
		},
		reads: [][2]string{
			{"kafka-1.example:9092", "$BROKERS"},
			{"kafka-1.example:9093 -X", "$BROKERS -X ssl.ca.location=$TLS_DIR/ca.pem -X"},
			{"kafka-1.example:9093", "$BROKERS"},
			{"username=ops", "username=" + kafkatest.Admin},
			{"@/run/secrets/kafka", "@$WORK/kafka"},
		},
	},
}

// exampleJob stands in the guides for the id of any job.
const exampleJob = "20261121-132438-f547161b"

// docFilesHere are the files of guides, as they must be for this cluster. What is not
// named here is written as the guide has it.
var docFilesHere = map[string]func(string) string{
	"~/.config/weir/config.yaml": strings.NewReplacer(
		"[kafka-1.prod.example:9093, kafka-2.prod.example:9093]", "[$BROKERS]",
		"username: platform", "username: "+kafkatest.Admin,
		`{command: "pass show kafka/prod"}`, `{command: "printenv ADMIN_PASSWORD"}`,
		"cluster_id: 5L6g3nShT-eMCtK--X86sw", "cluster_id: weir-embedded",
	).Replace,
	"client.properties": strings.NewReplacer(
		`username="ops" password="..."`, fmt.Sprintf("username=%q password=%q", kafkatest.Admin, kafkatest.AdminPassword),
		"/etc/kafka/ca.pem", "$TLS_DIR/ca.pem",
	).Replace,
}

// script turns a guide into a testscript.
func (s docStage) script(lines []docLine, files []docBlock) string {
	var b strings.Builder
	b.WriteString("[!kfake] skip 'the guides name topics without the prefix of a real cluster'\nenv WEIR_BROKERS=$BROKERS\n")
	b.WriteString(s.before)
	for _, l := range lines {
		for begin, script := range s.at {
			if strings.HasPrefix(l.text, begin) {
				b.WriteString(script)
			}
		}
		text := l.text
		for _, r := range s.reads {
			text = strings.ReplaceAll(text, r[0], r[1])
		}
		fmt.Fprintf(&b, "# %s\n", l.place)
		if slices.Contains(s.asks, l.text) {
			text += " --yes"
		}
		fmt.Fprintf(&b, "exits %s %s\n", l.exit, text)
	}
	b.WriteString("-- kafka --\n$ADMIN_PASSWORD\n")
	for _, f := range files {
		text := f.text
		if here := docFilesHere[f.path]; here != nil {
			text = here(text)
		}
		fmt.Fprintf(&b, "-- %s --\n%s", strings.Replace(f.path, "~", "home", 1), text)
	}
	return b.String()
}

// TestDocsRun runs every command of the guides, a guide a broker, in their order.
func TestDocsRun(t *testing.T) {
	dir := t.TempDir()
	for _, f := range docFiles(t) {
		lines, files := readDoc(t, f)
		if len(lines) == 0 {
			continue
		}
		base := filepath.Base(f)
		name := "docs_" + strings.TrimSuffix(base, ".md") + ".txtar"
		if err := os.WriteFile(filepath.Join(dir, name), []byte(docStages[base].script(lines, files)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := scriptParams(t)
	p.Dir = dir
	p.Cmds["edit"], p.Cmds["jobof"], p.Cmds["positionof"] = edit, jobOf, positionOf
	testscript.Run(t, p)
}

// edit writes variables into a file: `edit FILE NAME...`.
func edit(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile(args[0])
	for _, name := range args[1:] {
		text = strings.ReplaceAll(text, "$"+name, ts.Getenv(name))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// jobOf sets a variable to the job of a plan of replay: `jobof FILE NAME`.
func jobOf(ts *testscript.TestScript, _ bool, args []string) {
	var p struct {
		Job string `json:"job"`
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &p))
	ts.Setenv(args[1], p.Job)
}

// positionOf sets a variable to the place of the first record of an archive:
// `positionof FILE NAME`.
func positionOf(ts *testscript.TestScript, _ bool, args []string) {
	var r struct {
		Partition int32 `json:"partition"`
		Offset    int64 `json:"offset"`
	}
	first, _, _ := strings.Cut(ts.ReadFile(args[0]), "\n")
	ts.Check(json.Unmarshal([]byte(first), &r))
	ts.Setenv(args[1], fmt.Sprintf("%d@%d", r.Partition, r.Offset))
}
