package commands

import (
	"strings"
	"testing"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/internal/term"
	"github.com/weirhq/weir/plan"
)

// A comment on a pull request shows what a catalog says and does nothing with it.
func TestMarkdownIsInert(t *testing.T) {
	const evil = "![x](https://evil.example) @everybody <img src=x> `"
	var out strings.Builder
	d := &Deps{Out: term.New(strings.NewReader(""), &out, &strings.Builder{}, func(string) string { return "" })}

	p := term.NewPage(0, false)
	markdownDiff(p, &catalogDiff{Changes: []catalog.Change{{Message: evil}}})
	if text := p.Plain(); strings.Contains(text, "![") || strings.Contains(text, "@every") || strings.Contains(text, "<img") {
		t.Errorf("catalog diff: %s", text)
	}
	if err := emitPlan(d, term.Markdown, &plan.Plan{Steps: []plan.Step{{Op: plan.Keep, Kind: plan.TopicKind, Name: "t", Owner: "```"}}}, "", false); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "```"); n != 2 {
		t.Errorf("the plan's block is fenced by %d marks:\n%s", n, out.String())
	}
}
