package jsonschema

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirhq/weir/compat"
	"github.com/weirhq/weir/finding"
)

func check(t testing.TB, old, new string, dir compat.Direction, o compat.Options) compat.Result {
	t.Helper()
	res, err := New().Check(t.Context(), parse(t, "old.json", []byte(old)), parse(t, "new.json", []byte(new)), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestBadInput(t *testing.T) {
	deep := strings.Repeat(`{"properties":{"a":`, 10_000) + `{}` + strings.Repeat(`}}`, 10_000)
	levels := func(n int) string { return strings.Repeat(`{"items":`, n) + `{}` + strings.Repeat(`}`, n) }
	for name, c := range map[string]struct {
		text string
		at   string // where the error points
		says string
	}{
		"empty":                  {``, "s.json:1:1", "the text is empty"},
		"not JSON":               {"{\n  \"type\": string\n}", "s.json:2:11", "invalid character 's'"},
		"text behind the end":    {`{} {}`, "s.json:1:", "text after the end"},
		"no schema":              {`[1]`, "s.json:1:1", "want an object or a boolean, got array"},
		"10,000 levels":          {deep, "s.json:1:", "nested deeper than 1000 levels"},
		"201 levels":             {levels(201), "s.json:1:", "nested deeper than 200 levels"},
		"bad keyword":            {"{\n\"properties\": {\n\"a\": {\"type\": \"strin\"}}}", "s.json:3:7", "/properties/a/type"},
		"unknown draft":          {`{"$schema": "http://json-schema.org/draft-02/schema#"}`, "s.json:1:2", "unknown draft"},
		"missing local target":   {"{\n\"$ref\": \"#/definitions/gone\"}", "s.json:2:1", `reference "#/definitions/gone" points to nothing`},
		"missing anchor":         {"{\n\"$ref\": \"#gone\"}", "s.json:2:1", `"#gone" points to no anchor`},
		"reference without load": {"{\"items\":\n{\"$ref\": \"other.json#/a\"}}", "s.json:2:2", `reference "other.json#/a" cannot be resolved`},
		"remote reference":       {`{"$ref": "https://example.com/a.json"}`, "s.json:1:2", `reference "https://example.com/a.json" cannot be resolved`},
		"broken pattern":         {"{\n\"pattern\": \"(\"}", "s.json:2:1", `pattern`},
		"exponent":               {`{"maximum": 1e999999999}`, "s.json:1:2", "exponent beyond"},
		"not UTF-8":              {"{\"title\": \"\xff\"}", "s.json:1:1", "not UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			_, err := New().Parse(t.Context(), compat.Schema{Name: "s.json", Text: []byte(c.text)})
			se, ok := errors.AsType[*compat.SchemaError](err)
			if !ok {
				t.Fatalf("got %v, want a SchemaError", err)
			}
			if !strings.HasPrefix(se.Error(), c.at) || !strings.Contains(se.Error(), c.says) {
				t.Errorf("got %q, want it at %s and saying %q", se, c.at, c.says)
			}
			if d := time.Since(start); d > 2*time.Second {
				t.Errorf("took %v", d)
			}
		})
	}
	if _, err := New().Parse(t.Context(), compat.Schema{Name: "s.json", Text: []byte(levels(199))}); err != nil {
		t.Errorf("199 levels: %v", err)
	}
}

func TestReferencesStayOnTheirSide(t *testing.T) {
	side := func(common string) compat.Schema {
		return compat.Schema{
			Name: "dir/order.json", Text: []byte(`{"properties":{"a":{"$ref":"common.json#/definitions/x"}}}`),
			Load: func(_ context.Context, ref, from string) ([]byte, string, error) {
				if ref != "common.json" || from != "dir/order.json" {
					return nil, "", fmt.Errorf("asked for %q from %q", ref, from)
				}
				return []byte(common), "dir/common.json", nil
			},
		}
	}
	c := New()
	old, err := c.Parse(t.Context(), side(`{"definitions":{"x":{"type":"string"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	new, err := c.Parse(t.Context(), side("{\"definitions\":\n{\"x\":{\"type\":\"number\"}}}"))
	if err != nil {
		t.Fatal(err)
	}
	if old.Canonical() == new.Canonical() {
		t.Error("the referenced document does not count in the canonical form")
	}
	res, err := c.Check(t.Context(), old, new, compat.Backward, compat.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if res.Verdict != compat.ProvenBreak {
		t.Fatalf("got %+v", res)
	}
	want := finding.Position{File: "dir/common.json", Line: 2, Column: 7}
	if got := res.Findings[0].NewAt; got != want {
		t.Errorf("position %v, want %v", got, want)
	}
	_, err = c.Parse(t.Context(), side("{\n\"definitions\": x"))
	if err == nil || !strings.Contains(err.Error(), "dir/common.json:2:") {
		t.Errorf("a broken referenced document: %v", err)
	}
}

func TestHugeEnum(t *testing.T) {
	enum := func(n int, last string) []byte {
		var b strings.Builder
		b.WriteString(`{"enum":[`)
		for i := range n {
			fmt.Fprintf(&b, `"value-%07d",`, i)
		}
		b.WriteString(last + `]}`)
		return []byte(b.String())
	}
	huge := enum(700_000, `"x"`)
	if len(huge) < 10<<20 {
		t.Fatalf("only %d bytes", len(huge))
	}
	for _, c := range []struct {
		old, new []byte
		dir      compat.Direction
		want     compat.Verdict
	}{
		{huge, []byte(`{"type":"string","maxLength":13}`), compat.Backward, compat.ProvenCompatible},
		{enum(100_000, `"x"`), enum(100_000, `"x","more"`), compat.Backward, compat.ProvenCompatible},
		{enum(100_000, `"x"`), enum(100_000, `"x","more"`), compat.Forward, compat.ProvenBreak},
	} {
		a, b := parse(t, "old.json", c.old), parse(t, "new.json", c.new)
		res, err := New().Check(t.Context(), a, b, c.dir, compat.Options{})
		if err != nil {
			t.Fatal(err)
		}
		// A busy machine may run out of time, which is said and never guessed.
		if res.Verdict != c.want && (res.Verdict != compat.Unproven || res.Findings[0].Rule != "json/budget-exceeded") {
			t.Errorf("%s: got %s (%+v), want %s", c.dir, res.Verdict, res.Findings, c.want)
		}
		for _, f := range res.Findings {
			if f.Witness != nil && len(f.Witness.Explanation) > 2000 {
				t.Errorf("an explanation of %d bytes", len(f.Witness.Explanation))
			}
			if f.Witness != nil && string(f.Witness.JSON) != `"more"` {
				t.Errorf("witness %s", f.Witness.JSON)
			}
		}
	}
}

func TestPatternsNoAutomatonUnderstands(t *testing.T) {
	for _, c := range []struct {
		name, old, new string
		want           compat.Verdict
	}{
		{"look-ahead added, found by hand-picked strings", `{"type":"string"}`, `{"type":"string","pattern":"^(?=.*[A-Z]).+$"}`, compat.ProvenBreak},
		{"same look-ahead", `{"pattern":"^(?!x)a","title":"a"}`, `{"pattern":"^(?!x)a","minLength":1}`, compat.Unproven},
		{"look-ahead kept, bound dropped", `{"pattern":"^(?!x)a","minLength":3}`, `{"pattern":"^(?!x)a"}`, compat.ProvenCompatible},
		{"look-ahead dropped", `{"pattern":"^(?!x)a"}`, `{"type":["string","number","object","array","boolean","null"]}`, compat.ProvenCompatible},
		{"catastrophic on both sides", `{"type":"string","pattern":"^(a+)+$"}`, `{"type":"string","pattern":"^(a|a)*$"}`, compat.ProvenCompatible},
		{"catastrophic and narrowed", `{"type":"string","pattern":"^(a|aa)+$"}`, `{"type":"string","pattern":"^(a|aa)+$","maxLength":40}`, compat.ProvenBreak},
		{"back-reference", `{"type":"string","pattern":"^(.)\\1$"}`, `{"type":"string","pattern":"^(.)\\1$","maxLength":1}`, compat.ProvenBreak},
	} {
		t.Run(c.name, func(t *testing.T) {
			start := time.Now()
			res := check(t, c.old, c.new, compat.Backward, compat.Options{})
			if res.Verdict != c.want {
				t.Errorf("got %s, want %s: %+v", res.Verdict, c.want, res.Findings)
			}
			if d := time.Since(start); d > 5*time.Second {
				t.Errorf("took %v", d)
			}
			for _, f := range res.Findings {
				if f.Proof == compat.Unproven && f.Reason == "" {
					t.Error("unproven without a reason")
				}
			}
		})
	}
}

func TestVerdicts(t *testing.T) {
	const d19, d20 = `"$schema":"https://json-schema.org/draft/2019-09/schema",`, `"$schema":"https://json-schema.org/draft/2020-12/schema",`
	const d4 = `"$schema":"http://json-schema.org/draft-04/schema#",`
	for _, c := range []struct {
		name, old, new string
		want           compat.Verdict
	}{
		{"draft-4 bound spelt anew", `{` + d4 + `"maximum":5,"exclusiveMaximum":true}`, `{"exclusiveMaximum":5}`, compat.ProvenCompatible},
		{"tuple spelt anew", `{"items":[{"type":"string"}],"additionalItems":{"type":"number"}}`, `{` + d20 + `"prefixItems":[{"type":"string"}],"items":{"type":"number"}}`, compat.ProvenCompatible},
		{"dependencies split", `{"dependencies":{"a":["b"]}}`, `{` + d19 + `"dependentRequired":{"a":["b"]}}`, compat.ProvenCompatible},
		{"$ref siblings count since 2019-09", `{"$ref":"#/definitions/s","maxLength":3,"definitions":{"s":{"type":"string"}}}`, `{` + d20 + `"$ref":"#/$defs/s","maxLength":3,"$defs":{"s":{"type":"string"}}}`, compat.ProvenBreak},
		{"unevaluated as additional", `{"properties":{"a":{}},"additionalProperties":false}`, `{` + d20 + `"allOf":[{"properties":{"a":{}}}],"unevaluatedProperties":false}`, compat.ProvenCompatible},
		{"unevaluated closes", `{"properties":{"a":{}}}`, `{` + d20 + `"allOf":[{"properties":{"a":{}}}],"unevaluatedProperties":false}`, compat.ProvenBreak},
		{"unevaluated beside anyOf, open", `{"properties":{"a":{},"b":{}}}`, `{` + d20 + `"anyOf":[{"properties":{"a":{}},"required":["a"]},{"properties":{"b":{}}}],"unevaluatedProperties":false}`, compat.ProvenBreak},
		{"unevaluated beside anyOf", `{"properties":{"a":{},"b":{}},"additionalProperties":false}`, `{` + d20 + `"anyOf":[{"properties":{"a":{}},"required":["a"]},{"properties":{"b":{}}}],"unevaluatedProperties":false}`, compat.ProvenCompatible},
		{"unevaluated beside anyOf, a branch gone", `{"properties":{"a":{},"b":{}},"additionalProperties":false,"required":["a"]}`, `{` + d20 + `"anyOf":[{"properties":{"a":{}},"required":["a"]},{"properties":{"b":{"type":"null"}}}],"unevaluatedProperties":false}`, compat.ProvenBreak},
		{"unevaluated beside if", `{"properties":{"k":{"const":"a"},"x":{}},"required":["k"],"additionalProperties":false}`, `{` + d20 + `"properties":{"k":{}},"if":{"properties":{"k":{"const":"a"}}},"then":{"properties":{"x":{}}},"unevaluatedProperties":false}`, compat.ProvenCompatible},
		{"unevaluated beside if, the other branch", `{"properties":{"k":{"const":"b"},"x":{}},"required":["k"],"additionalProperties":false}`, `{` + d20 + `"properties":{"k":{}},"if":{"properties":{"k":{"const":"a"}}},"then":{"properties":{"x":{}}},"unevaluatedProperties":false}`, compat.ProvenBreak},
		{"items evaluated by contains", `{"items":{"enum":["a","b"]},"contains":{"const":"a"}}`, `{` + d20 + `"contains":{"const":"a"},"unevaluatedItems":{"const":"b"}}`, compat.ProvenCompatible},
		{"items not evaluated by contains before 2020-12", `{"items":{"enum":["a","b"]},"contains":{"const":"a"}}`, `{` + d19 + `"contains":{"const":"a"},"unevaluatedItems":{"const":"b"}}`, compat.ProvenBreak},
		{"contains counts that exclude each other", `{` + d20 + `"contains":{"const":1},"maxContains":1}`, `{` + d20 + `"contains":{"type":"integer"},"minContains":1}`, compat.ProvenCompatible},
		{"minContains 0", `{"type":"array"}`, `{` + d20 + `"contains":{"type":"string"},"minContains":0}`, compat.ProvenCompatible},
		{
			"recursive list", `{"$ref":"#/definitions/l","definitions":{"l":{"type":"object","properties":{"next":{"$ref":"#/definitions/l"},"v":{"type":"integer"}},"additionalProperties":false}}}`,
			`{"type":"object","properties":{"next":{"$ref":"#"},"v":{"type":"number"}},"additionalProperties":false}`, compat.ProvenCompatible,
		},
		{
			"recursive list broken deep inside", `{"$ref":"#/definitions/l","definitions":{"l":{"type":"object","properties":{"next":{"$ref":"#/definitions/l"},"v":{"type":"number"}},"additionalProperties":false}}}`,
			`{"type":"object","properties":{"next":{"properties":{"v":{"type":"integer"}}},"v":{"type":"number"}}}`, compat.ProvenBreak,
		},
		{"pattern weaker", `{"type":"string","pattern":"^[a-f0-9]{8}$"}`, `{"type":"string","pattern":"^\\w+$"}`, compat.ProvenCompatible},
		{
			"oneOf with tags", `{"oneOf":[{"properties":{"k":{"const":"a"}},"required":["k"]},{"properties":{"k":{"const":"b"}},"required":["k"]}]}`,
			`{"oneOf":[{"properties":{"k":{"const":"b"}},"required":["k"]},{"properties":{"k":{"const":"c"}},"required":["k"]},{"properties":{"k":{"const":"a"}},"required":["k"]}]}`, compat.ProvenCompatible,
		},
		{"type in place of properties", `{"properties":{"a":{"type":"string"}}}`, `{"type":"object","properties":{"a":{"type":"string"}}}`, compat.ProvenBreak},
		{"format is an annotation", `{"type":"string"}`, `{"type":"string","format":"date"}`, compat.ProvenCompatible},
		{"a property called format", `{"properties":{"format":{"type":"string"}}}`, `{"properties":{"format":{"type":"number"}}}`, compat.ProvenBreak},
		{
			"a reference to itself that contradicts itself", `{"type":"string","oneOf":[{"$ref":"#"},{"minLength":0}]}`,
			`{"type":"string","pattern":"x","oneOf":[{"$ref":"#"},{"minLength":0}]}`, compat.Unproven,
		},
		{
			"the same reference twice", `{"properties":{"a":{"$ref":"#/definitions/x"},"b":{"$ref":"#/definitions/x"}},"definitions":{"x":{"type":"string","maxLength":5}}}`,
			`{"properties":{"a":{"$ref":"#/definitions/x"},"b":{"$ref":"#/definitions/x"}},"definitions":{"x":{"type":"string","maxLength":6}}}`, compat.ProvenCompatible,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if res := check(t, c.old, c.new, compat.Backward, compat.Options{}); res.Verdict != c.want {
				t.Errorf("got %s, want %s: %+v", res.Verdict, c.want, res.Findings)
			}
		})
	}
}

// A dynamic reference leads to the outermost resource with the anchor, and is followed
// there: the tree below is closed by the schema that extends it.
func TestDynamicReferences(t *testing.T) {
	const (
		tree20 = `"$defs":{"tree":{"$id":"tree","$dynamicAnchor":"node","type":"object","properties":{"data":true,"kids":{"type":"array","items":{"$dynamicRef":"#node"}}}}}`
		open20 = `{"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"https://example.com/a","$ref":"tree",` + tree20 + `}`
		shut20 = `{"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"https://example.com/b","$dynamicAnchor":"node","$ref":"tree","unevaluatedProperties":false,` + tree20 + `}`
		tree19 = `"$defs":{"tree":{"$id":"tree","$recursiveAnchor":true,"type":"object","properties":{"data":true,"kids":{"type":"array","items":{"$recursiveRef":"#"}}}}}`
		open19 = `{"$schema":"https://json-schema.org/draft/2019-09/schema","$id":"https://example.com/a","$ref":"tree",` + tree19 + `}`
		shut19 = `{"$schema":"https://json-schema.org/draft/2019-09/schema","$id":"https://example.com/b","$recursiveAnchor":true,"$ref":"tree","unevaluatedProperties":false,` + tree19 + `}`
		plain  = `{"$ref":"#/definitions/n","definitions":{"n":{"type":"object","properties":{"data":true,"kids":{"type":"array","items":{"$ref":"#/definitions/n"}}},"additionalProperties":false}}}`
	)
	for _, c := range []struct {
		name, old, new string
		want           compat.Verdict
	}{
		{"2020-12, opened", shut20, open20, compat.ProvenCompatible},
		{"2020-12, closed", open20, shut20, compat.ProvenBreak},
		{"2020-12, spelt without", shut20, plain, compat.ProvenCompatible},
		{"2020-12, spelt with", plain, shut20, compat.ProvenCompatible},
		{"2019-09, opened", shut19, open19, compat.ProvenCompatible},
		{"2019-09, closed", open19, shut19, compat.ProvenBreak},
		{"2019-09, spelt without", shut19, plain, compat.ProvenCompatible},
		{"2019-09, spelt with", plain, shut19, compat.ProvenCompatible},
		{"the meta-schema itself", `{"$ref":"https://json-schema.org/draft/2020-12/schema"}`, `{"type":["object","boolean"]}`, compat.ProvenCompatible},
		{"the meta-schema, narrowed", `{"$ref":"https://json-schema.org/draft/2020-12/schema"}`, `{"properties":{"allOf":{"minItems":2}}}`, compat.ProvenBreak},
	} {
		t.Run(c.name, func(t *testing.T) {
			if res := check(t, c.old, c.new, compat.Backward, compat.Options{}); res.Verdict != c.want {
				t.Errorf("got %s, want %s: %+v", res.Verdict, c.want, res.Findings)
			}
		})
	}
}

func TestFindings(t *testing.T) {
	for _, c := range []struct {
		name, old, new string
		dir            compat.Direction
		rule           string
		grade          compat.Grade
		witness        string
		oldPtr, newPtr string
	}{
		{
			"required added", `{"properties":{"a":{"type":"string"}}}`, `{"properties":{"a":{"type":"string"}},"required":["a"]}`, compat.Backward,
			"json/required-attribute-added", compat.Direct, `{}`, "/properties/a", "/required",
		},
		{
			"required removed", `{"properties":{"a":{}},"required":["a"]}`, `{"properties":{"a":{}}}`, compat.Forward,
			"json/required-attribute-removed", compat.Direct, `{}`, "/required", "/properties/a",
		},
		{
			"open addition", `{"type":"object","properties":{}}`, `{"type":"object","properties":{"a":{"type":"string"}}}`, compat.Backward,
			"json/optional-property-added-to-open-content-model", compat.OpenContent, `{"a":0}`, "", "/properties/a",
		},
		{
			"open removal", `{"type":"object","properties":{"a":{"type":"string"}}}`, `{"type":"object"}`, compat.Forward,
			"json/property-removed-from-open-content-model", compat.OpenContent, `{"a":0}`, "/properties/a", "",
		},
		{
			"closed removal", `{"properties":{"a":{}},"additionalProperties":false}`, `{"properties":{},"additionalProperties":false}`, compat.Backward,
			"json/property-removed-from-closed-content-model", compat.Direct, `{"a":0}`, "/properties/a", "/additionalProperties",
		},
		{
			"closed", `{}`, `{"additionalProperties":false}`, compat.Backward,
			"json/additional-properties-removed", compat.OpenContent, `{"a":0}`, "", "/additionalProperties",
		},
		{
			"enum narrowed", `{"properties":{"s":{"enum":["a","b"]}}}`, `{"properties":{"s":{"enum":["a"]}}}`, compat.Backward,
			"json/enum-array-narrowed", compat.Direct, `{"s":"b"}`, "/properties/s/enum", "/properties/s/enum",
		},
		{
			"enum extended", `{"properties":{"s":{"enum":["a"]}}}`, `{"properties":{"s":{"enum":["a","b"]}}}`, compat.Forward,
			"json/enum-array-extended", compat.Direct, `{"s":"b"}`, "/properties/s/enum", "/properties/s/enum",
		},
		{
			"one-of overlap", `{"oneOf":[{"type":"string"},{"type":"null"}]}`, `{"oneOf":[{"type":"string"},{"type":"null"},{"maxLength":5}]}`, compat.Backward,
			"json/one-of-overlap", compat.Direct, `""`, "/oneOf", "/oneOf",
		},
		{
			"the branch that changed", `{"oneOf":[{"properties":{"k":{"const":"a"},"v":{"type":"string"}},"required":["k"]},{"properties":{"k":{"const":"b"}},"required":["k"]}]}`,
			`{"oneOf":[{"properties":{"k":{"const":"a"},"v":{"type":"string","maxLength":1}},"required":["k"]},{"properties":{"k":{"const":"b"}},"required":["k"]}]}`, compat.Backward,
			"json/max-length-added", compat.Direct, `{"k":"a","v":"aa"}`, "/oneOf/0/properties/v", "/oneOf/0/properties/v/maxLength",
		},
		{
			"a branch replaced", `{"anyOf":[{"type":"string"},{"type":"null"}]}`, `{"anyOf":[{"type":"string"},{"type":"boolean"}]}`, compat.Backward,
			"json/type-changed", compat.Direct, `null`, "/anyOf/1/type", "/anyOf/1/type",
		},
		{
			"a branch dropped", `{"anyOf":[{"type":"string"},{"type":"null"}]}`, `{"anyOf":[{"type":"string"}]}`, compat.Backward,
			"json/sum-type-narrowed", compat.Direct, `null`, "/anyOf/1", "/anyOf",
		},
		{
			"maximum", `{"properties":{"n":{"maximum":10}}}`, `{"properties":{"n":{"maximum":9}}}`, compat.Backward,
			"json/maximum-decreased", compat.Direct, `{"n":10}`, "/properties/n/maximum", "/properties/n/maximum",
		},
		{
			"unique", `{"type":"array"}`, `{"type":"array","uniqueItems":true}`, compat.Backward,
			"json/unique-items-added", compat.Direct, `[0,0]`, "", "/uniqueItems",
		},
		{ // the limit is what is missed, and not what changed
			"other items are counted", `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"array","contains":{"const":1},"minContains":0,"maxContains":0}`, `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"array","contains":{"const":2},"minContains":0,"maxContains":0}`, compat.Backward,
			"json/contains-narrowed", compat.Direct, `[2]`, "/contains", "/contains",
		},
		{
			"below a reference", `{"$ref":"#/definitions/a","definitions":{"a":{"maxLength":5}}}`, `{"$ref":"#/definitions/a","definitions":{"a":{"maxLength":4}}}`, compat.Backward,
			"json/max-length-decreased", compat.Direct, `"aaaaa"`, "/definitions/a/maxLength", "/definitions/a/maxLength",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			res := check(t, c.old, c.new, c.dir, compat.Options{})
			if res.Verdict != compat.ProvenBreak || len(res.Findings) != 1 {
				t.Fatalf("got %+v", res)
			}
			f := res.Findings[0]
			if f.Rule != c.rule || f.Grade != c.grade || string(f.Witness.JSON) != c.witness || f.OldPointer != c.oldPtr || f.NewPointer != c.newPtr {
				t.Errorf("got %s %s %s [%s|%s], want %s %s %s [%s|%s]", f.Rule, f.Grade, f.Witness.JSON, f.OldPointer, f.NewPointer, c.rule, c.grade, c.witness, c.oldPtr, c.newPtr)
			}
			if want := finding.Error; c.grade == compat.Direct && f.Severity != want || c.grade == compat.OpenContent && f.Severity != finding.Warning {
				t.Errorf("severity %v", f.Severity)
			}
			if f.Message == "" || f.Witness.Explanation == "" || f.Suggestion == "" || f.Change == "" || f.NewAt.Line == 0 {
				t.Errorf("incomplete: %+v", f)
			}
		})
	}
}

// Every cause of a break is told, each with a witness of its own, and a break that
// needs an undeclared name does not hide behind one that does not.
func TestAllCauses(t *testing.T) {
	old := `{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"integer"},"c":{"type":"object","properties":{"d":{"enum":["x","y"]}}}}}`
	new := `{"type":"object","properties":{"a":{"type":"number"},"b":{"type":"integer","minimum":0},"c":{"type":"object","properties":{"d":{"enum":["x"]},"e":{"type":"string"}}}},"required":["a"]}`
	res := check(t, old, new, compat.Backward, compat.Options{})
	var got []string
	for _, f := range res.Findings {
		got = append(got, f.Rule+" "+string(f.Witness.JSON)+" "+string(f.Grade))
	}
	slices.Sort(got)
	want := []string{
		`json/enum-array-narrowed {"c":{"d":"y"}} direct`,
		`json/minimum-added {"b":-1} direct`,
		`json/optional-property-added-to-open-content-model {"c":{"e":0}} open-content`,
		`json/required-attribute-added {} direct`,
		`json/type-changed {"a":""} direct`,
	}
	for _, w := range want {
		rule, _, _ := strings.Cut(w, " ")
		if !slices.ContainsFunc(got, func(g string) bool { return strings.HasPrefix(g, rule+" ") }) {
			t.Errorf("missing %s in %v", w, got)
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %d findings, want %d: %v", len(got), len(want), got)
	}
}

// What is not told is said to be there: a waiver of what is told must not cover it.
func TestMoreCauses(t *testing.T) {
	object := func(n int, kind string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `"p%03d":{"type":%q},`, i, kind)
		}
		return `{"properties":{` + b.String() + `"s":{"enum":["a"%s]}}}`
	}
	enum := func(s, more string) string { return strings.Replace(s, "%s", more, 1) }
	for n, want := range map[int]int{24: 0, 25: 1, 300: 1} {
		res := check(t, enum(object(n, "string"), `,"b"`), enum(object(n, "integer"), ""), compat.Backward, compat.Options{})
		more := 0
		for _, f := range res.Findings {
			if f.Rule == "json/more-causes" {
				more++
				if f.Severity != finding.Error {
					t.Errorf("%d properties: severity %s", n, f.Severity)
				}
				if n == 25 && (f.Witness == nil || f.Proof != compat.ProvenBreak || string(f.Witness.JSON) != `{"s":"b"}`) {
					t.Errorf("the witness is not of what was not told: %+v", f)
				}
			}
		}
		if more != want {
			t.Errorf("%d properties: said %d times, want %d", n, more, want)
		}
	}
	res := check(t, enum(object(30, "string"), ""), `{"properties":{}}`, compat.Backward, compat.Options{Additive: true})
	if last := res.Findings[len(res.Findings)-1]; !slices.ContainsFunc(res.Findings, func(f compat.Finding) bool { return f.Message == "6 more removals are not told" }) {
		t.Errorf("removals are cut without a word: %+v", last)
	}
}

func TestDefaults(t *testing.T) {
	old := `{"properties":{"a":{"type":"string"}}}`
	new := `{"properties":{"a":{"type":"string","default":"x"}},"required":["a"]}`
	if res := check(t, old, new, compat.Backward, compat.Options{}); res.Verdict != compat.ProvenBreak || res.Findings[0].Rule != "json/required-attribute-with-default-added" {
		t.Errorf("ignored defaults: %+v", res)
	}
	res := check(t, old, new, compat.Backward, compat.Options{ApplyDefaults: true})
	if res.Verdict != compat.ProvenCompatible || len(res.Findings) != 1 || res.Findings[0].Rule != "json/needs-defaults" {
		t.Errorf("applied defaults: %+v", res)
	}
	invalid := `{"properties":{"a":{"type":"string","default":1}},"required":["a"]}`
	if res := check(t, old, invalid, compat.Backward, compat.Options{ApplyDefaults: true}); res.Verdict != compat.ProvenBreak {
		t.Errorf("an invalid default repairs nothing: %+v", res)
	}
}

func TestFormatAsserted(t *testing.T) {
	res := check(t, `{"type":"string"}`, `{"type":"string","format":"date"}`, compat.Backward, compat.Options{AssertFormat: true})
	if res.Verdict != compat.ProvenBreak || res.Findings[0].Rule != "json/format-changed" {
		t.Errorf("got %+v", res)
	}
	res = check(t, `{"type":"string","format":"date","maxLength":10}`, `{"type":"string","format":"date"}`, compat.Backward, compat.Options{AssertFormat: true})
	if res.Verdict != compat.ProvenCompatible {
		t.Errorf("got %+v", res)
	}
}

func TestAdditive(t *testing.T) {
	res := check(t, `{"properties":{"a":{},"b":{"enum":[1,2]}}}`, `{"properties":{"b":{"enum":[1]}}}`, compat.Backward, compat.Options{Additive: true})
	var got []string
	for _, f := range res.Findings {
		if f.Contract {
			got = append(got, f.Rule+" "+f.OldPointer)
		}
	}
	if res.Verdict != compat.ProvenBreak {
		t.Errorf("verdict %s", res.Verdict)
	}
	want := []string{"compat/removed /properties/a", "compat/removed /properties/b/enum"}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestUnsatisfiableWriterIsSaid(t *testing.T) {
	res := check(t, `{"type":"string","minLength":2,"maxLength":1}`, `{"type":"number"}`, compat.Backward, compat.Options{})
	if res.Verdict != compat.ProvenCompatible || len(res.Findings) != 1 || res.Findings[0].Rule != "json/unsatisfiable" {
		t.Errorf("got %+v", res)
	}
}

func TestCanonical(t *testing.T) {
	a := parse(t, "a", []byte(`{"type":"object","title":"x","properties":{"title":{"maximum":1.0},"b":{}}}`))
	b := parse(t, "b", []byte("{ \"properties\": {\"b\":{},\"title\":{\"maximum\":1}},\n\"type\":\"object\",\"description\":\"y\"}"))
	c := parse(t, "c", []byte(`{"type":"object","properties":{"b":{}}}`))
	if a.Canonical() != b.Canonical() || a.Canonical() == c.Canonical() {
		t.Errorf("%s\n%s\n%s", a.Canonical(), b.Canonical(), c.Canonical())
	}
}

func TestRulesCoverWhatIsReported(t *testing.T) {
	known := map[string]bool{"compat/removed": true}
	for _, r := range New().Rules() {
		if known[r.ID] {
			t.Errorf("%s twice", r.ID)
		}
		if r.Purpose == "" || !strings.HasSuffix(r.Purpose, ".") {
			t.Errorf("%s: purpose %q", r.ID, r.Purpose)
		}
		known[r.ID] = true
	}
	for seed := range 600 {
		m := newMaker(uint64(seed))
		o := m.schema(3)
		n := m.mutate(o, 3)
		c := New()
		a, err := c.Parse(t.Context(), compat.Schema{Name: "a", Text: m.root(o, true)})
		if err != nil {
			continue
		}
		b, err := c.Parse(t.Context(), compat.Schema{Name: "b", Text: m.root(n, true)})
		if err != nil {
			continue
		}
		for _, dir := range []compat.Direction{compat.Backward, compat.Forward} {
			res, err := c.Check(t.Context(), a, b, dir, compat.Options{Additive: true})
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range res.Findings {
				if !known[f.Rule] {
					t.Errorf("%s is not in Rules()", f.Rule)
					known[f.Rule] = true
				}
			}
		}
	}
}

// The order of keys changes neither verdict nor findings, only where in the text they
// are: documents are read into maps, and every run walks those in another order.
func TestPropertyKeyOrderDoesNotMatter(t *testing.T) {
	for seed := range messages(t, 12_000) / 80 {
		m := newMaker(uint64(seed))
		tree := m.schema(3)
		o, n := m.root(tree, true), m.root(m.mutate(tree, 3), true)
		var first string
		for range 3 {
			res := compat.Result{}
			a, err := New().Parse(t.Context(), compat.Schema{Name: "a", Text: m.shuffled(o)})
			if err == nil {
				var b compat.Parsed
				if b, err = New().Parse(t.Context(), compat.Schema{Name: "b", Text: m.shuffled(n)}); err == nil {
					res, err = New().Check(t.Context(), a, b, compat.Backward, compat.Options{})
				}
			}
			for i := range res.Findings {
				res.Findings[i].OldAt, res.Findings[i].NewAt = finding.Position{}, finding.Position{}
			}
			out, _ := json.Marshal(res)
			if se, ok := errors.AsType[*compat.SchemaError](err); ok {
				err = se.Err
			}
			s := string(out) + fmt.Sprint(err)
			if first == "" {
				first = s
			} else if s != first {
				t.Fatalf("seed %d:\n%s\n%s", seed, first, s)
			}
		}
	}
}

func TestChecksRunConcurrently(t *testing.T) {
	a := parse(t, "a", []byte(`{"properties":{"a":{"pattern":"^a+$"},"b":{"enum":[1,2,3]}}}`))
	b := parse(t, "b", []byte(`{"properties":{"a":{"pattern":"^a+$"},"b":{"enum":[1,2]}}}`))
	done := make(chan compat.Verdict)
	for range 8 {
		go func() {
			res, err := New().Check(t.Context(), a, b, compat.Backward, compat.Options{})
			if err != nil {
				t.Error(err)
			}
			done <- res.Verdict
		}()
	}
	for range 8 {
		if v := <-done; v != compat.ProvenBreak {
			t.Errorf("got %s", v)
		}
	}
}

// A pair that uses format is judged under both readings: the verdict is the policy's,
// and what breaks under one reading alone is a warning that says which.
func TestBothReadingsOfFormat(t *testing.T) {
	for _, c := range []struct {
		name, old, new string
		assert         bool
		verdict        compat.Verdict
		want           []string // rule, severity, reading
	}{
		{"added", `{"type":"string"}`, `{"type":"string","format":"date"}`, false, compat.ProvenCompatible, []string{"json/format-changed warning assertion"}},
		{"added, asserted", `{"type":"string"}`, `{"type":"string","format":"date"}`, true, compat.ProvenBreak, []string{"json/format-changed warning assertion"}},
		{"an asserted format would save it", `{"format":"date","enum":["x","2020-01-01"]}`, `{"const":"2020-01-01"}`, false, compat.ProvenBreak, []string{"json/const-added warning annotation"}},
		{"beside another break", `{"properties":{"a":{}},"required":["a"]}`, `{"properties":{"a":{"format":"date"},"b":{"type":"null"}},"required":["a","b"]}`, false, compat.ProvenBreak, []string{
			"json/format-changed warning assertion", "json/required-property-added-to-open-content-model error ",
			"json/required-property-added-to-open-content-model warning ",
		}},
		{"under both", `{"type":"string","format":"date"}`, `{"type":"string","format":"date","maxLength":3}`, false, compat.ProvenBreak, []string{"json/max-length-added error "}},
		{"kept", `{"type":"string","format":"date"}`, `{"type":["string","null"],"format":"date"}`, false, compat.ProvenCompatible, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			res := check(t, c.old, c.new, compat.Backward, compat.Options{AssertFormat: c.assert})
			var got []string
			for _, f := range res.Findings {
				got = append(got, f.Rule+" "+f.Severity.String()+" "+f.Reading)
				if (f.Reading == "") != (len(f.Details) == 0) {
					t.Errorf("reading %q, details %q", f.Reading, f.Details)
				}
			}
			slices.Sort(got)
			if res.Verdict != c.verdict || !slices.Equal(got, c.want) {
				t.Errorf("got %s %q, want %s %q", res.Verdict, got, c.verdict, c.want)
			}
		})
	}
}

// large are pairs whose size once made a verdict slow or impossible.
func large() map[string]struct {
	old, new string
	want     compat.Verdict
} {
	list := func(n int, item func(i int) string) string {
		out := make([]string, n)
		for i := range out {
			out[i] = item(i)
		}
		return strings.Join(out, ",")
	}
	tagged := func(k string, n int) string {
		return `"` + k + `":[` + list(n, func(i int) string {
			return fmt.Sprintf(`{"properties":{"kind":{"const":"k%d"},"v%d":{"type":"string"}},"required":["kind"]}`, i, i)
		}) + `]`
	}
	wide := func(n, odd int) string {
		return `{"type":"object","additionalProperties":false,"properties":{` + list(n, func(i int) string {
			if i == odd {
				return fmt.Sprintf(`"p%d":{"type":"integer"}`, i)
			}
			return fmt.Sprintf(`"p%d":{"type":"string","maxLength":%d}`, i, i+1)
		}) + `}}`
	}
	chain := func(n int, end string) string {
		return `{"$ref":"#/definitions/d0","definitions":{` + list(n, func(i int) string { return fmt.Sprintf(`"d%d":{"$ref":"#/definitions/d%d"}`, i, i+1) }) +
			fmt.Sprintf(`,"d%d":{"type":%q}}}`, n, end)
	}
	return map[string]struct {
		old, new string
		want     compat.Verdict
	}{
		"oneOf of 150 tagged branches, one added":  {`{` + tagged("oneOf", 150) + `}`, `{` + tagged("oneOf", 151) + `}`, compat.ProvenCompatible},
		"oneOf of 150 tagged branches, one lost":   {`{` + tagged("oneOf", 150) + `,"required":["kind"]}`, `{` + tagged("oneOf", 149) + `}`, compat.ProvenBreak},
		"anyOf of 150 tagged branches, one lost":   {`{` + tagged("anyOf", 150) + `}`, `{` + tagged("anyOf", 149) + `}`, compat.ProvenBreak},
		"2,000 properties":                         {wide(2000, 1999), wide(2000, 1999), compat.ProvenCompatible},
		"2,000 properties, one changed":            {wide(2000, -1), wide(2000, 1999), compat.ProvenBreak},
		"a chain of 3,000 references, widened":     {chain(3000, "integer"), chain(2999, "number"), compat.ProvenCompatible},
		"a chain of 3,000 references, narrowed":    {chain(3000, "number"), chain(3000, "integer"), compat.ProvenBreak},
		"a pattern of half a million combinations": {`{"type":"string","pattern":"^(.{1,500}){1,2}$"}`, `{"type":"string","pattern":"^[^x]{1,999}$"}`, compat.ProvenBreak},
	}
}

func TestLargeSchemas(t *testing.T) {
	for name, c := range large() {
		t.Run(name, func(t *testing.T) {
			if res := check(t, c.old, c.new, compat.Backward, compat.Options{}); res.Verdict != c.want {
				t.Errorf("got %s, want %s", res.Verdict, c.want)
			}
		})
	}
}
