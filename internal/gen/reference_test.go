package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirhq/weir/commands"
	"github.com/weirhq/weir/finding"
)

func pages(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out[e.Name()] = string(b)
	}
	return out
}

// Two runs give the same bytes, so that a release can be reproduced.
func TestManPagesAreReproducible(t *testing.T) {
	a, b := filepath.Join(t.TempDir(), "man"), filepath.Join(t.TempDir(), "man")
	for _, dir := range []string{a, b} {
		if err := man(dir); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff(pages(t, a), pages(t, b)); d != "" {
		t.Error(d)
	}
}

// The published schemas are those of the structs as they are.
func TestSchemasAreFresh(t *testing.T) {
	dir := t.TempDir()
	if err := schemas("../..", dir); err != nil {
		t.Fatal(err)
	}
	for _, sub := range []string{"output", "."} {
		made := pages(t, filepath.Join(dir, sub))
		kept := pages(t, filepath.Join("../../schemas", sub))
		delete(kept, "extensions.json") // written by hand
		delete(kept, "README.md")
		if d := cmp.Diff(kept, made); d != "" {
			t.Errorf("run make docs:\n%s", d)
		}
	}
}

// Every help link of a SARIF file leads to a heading of the list, as GitHub names it.
func TestRulesHaveTheAnchorsOfSARIF(t *testing.T) {
	anchors := map[string]int{}
	for line := range strings.Lines(rules(commands.Rules())) {
		if id, ok := strings.CutPrefix(strings.TrimSpace(line), "### "); ok {
			anchors[regexp.MustCompile(`[^a-z0-9_-]`).ReplaceAllString(strings.ToLower(id), "")]++
		}
	}
	var b bytes.Buffer
	run := finding.Run{Report: new(finding.Report), Rules: commands.Rules()}
	if err := run.WriteSARIF(&b); err != nil {
		t.Fatal(err)
	}
	var sarif struct {
		Runs []struct {
			Tool struct {
				Driver struct {
					Rules []struct {
						ID      string `json:"id"`
						HelpURI string `json:"helpUri"`
					} `json:"rules"`
				} `json:"driver"`
			} `json:"tool"`
		} `json:"runs"`
	}
	if err := json.Unmarshal(b.Bytes(), &sarif); err != nil {
		t.Fatal(err)
	}
	linked := sarif.Runs[0].Tool.Driver.Rules
	if len(linked) != len(commands.Rules()) {
		t.Fatalf("%d rules in SARIF, %d known", len(linked), len(commands.Rules()))
	}
	for _, r := range linked {
		_, anchor, _ := strings.Cut(r.HelpURI, "rules.md#")
		if anchors[anchor] != 1 {
			t.Errorf("%s: %d headings for #%s", r.ID, anchors[anchor], anchor)
		}
	}
}
