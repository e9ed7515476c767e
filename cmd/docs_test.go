package cmd

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// docLine is one `weir ...` line of a fenced block.
type docLine struct {
	place string // FILE:LINE
	text  string // without its comment
	exit  string // of a comment `# exit N`, else empty
	run   bool   // the block is marked `sh run`
}

var exitComment = regexp.MustCompile(`^exit (\d+)$`)

// docLines reads the shell blocks of a Markdown file.
func docLines(t *testing.T, path string) []docLine {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var lines []docLine
	fence := ""
	n := 0
	for line := range strings.Lines(string(b)) {
		n++
		line = strings.TrimSpace(line)
		if info, ok := strings.CutPrefix(line, "```"); ok {
			switch {
			case fence != "":
				fence = ""
			case info == "":
				fence = "text"
			default:
				fence = info
			}
			continue
		}
		if fence != "sh" && fence != "sh run" || !strings.HasPrefix(line, "weir ") {
			continue
		}
		text, comment, _ := strings.Cut(line, " #")
		l := docLine{place: fmt.Sprintf("%s:%d", filepath.Base(path), n), text: strings.TrimSpace(text), run: fence == "sh run"}
		if m := exitComment.FindStringSubmatch(strings.TrimSpace(comment)); m != nil {
			l.exit = m[1]
		}
		lines = append(lines, l)
	}
	return lines
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
		for _, l := range docLines(t, f) {
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

// TestDocsRun runs the blocks marked `sh run`, a guide a broker, in their order.
func TestDocsRun(t *testing.T) {
	dir := t.TempDir()
	n := 0
	for _, f := range docFiles(t) {
		var script strings.Builder
		for _, l := range docLines(t, f) {
			if !l.run {
				continue
			}
			if l.exit == "" {
				l.exit = "0"
			}
			fmt.Fprintf(&script, "# %s\nexits %s %s\n", l.place, l.exit, l.text)
		}
		if script.Len() == 0 {
			continue
		}
		n++
		name := "docs_" + strings.NewReplacer("../", "", "/", "_", ".md", "").Replace(f) + ".txtar"
		text := "[!kfake] skip 'the guides name topics without the prefix of a real cluster'\nenv WEIR_BROKERS=$BROKERS\n" + script.String()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if n == 0 {
		t.Fatal("no guide has a block to run")
	}
	p := scriptParams(t)
	p.Dir = dir
	testscript.Run(t, p)
}
