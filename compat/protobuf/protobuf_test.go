package protobuf

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/weirhq/weir/compat"
	"github.com/weirhq/weir/finding"
)

func parse(t testing.TB, c *Checker, name, text string) compat.Parsed {
	t.Helper()
	p, err := c.Parse(context.Background(), compat.Schema{Name: name, Text: []byte(text)})
	if err != nil {
		t.Fatalf("parse %s: %v", name, err)
	}
	return p
}

// brief renders what a direction says: rule, severity, verdict, witness.
func brief(res compat.Result) []string {
	var out []string
	for _, f := range res.Findings {
		s := f.Rule + " " + f.Severity.String() + " " + string(f.Proof)
		if f.Witness != nil {
			s += " witness"
		}
		if f.Contract {
			s += " contract"
		}
		out = append(out, s)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

const (
	breakProven = " error proven-break witness"
	breakBound  = " error proven-break contract"
	harmless    = " info proven-compatible"
)

func msg(body string) string {
	return "syntax = \"proto3\";\npackage a;\nmessage M {\n" + body + "\n}\n"
}

// changeCases hold the smallest pair for every rule, and what both directions say.
var changeCases = []struct {
	name, old, new    string
	profile           Profile
	additive          bool
	backward, forward []string
}{
	{
		name: "same", old: msg("int32 n = 1;"), new: msg("int32 n=1; // comment"),
	}, {
		name: "field added", old: msg("int32 n = 1;"), new: msg("int32 n = 1; string s = 2;"),
	}, {
		name: "type", old: msg("int32 n = 1;"), new: msg("sint32 n = 1;"),
		backward: []string{"proto/field-type-changed" + breakProven}, forward: []string{"proto/field-type-changed" + breakProven},
	}, {
		name: "narrowed", old: msg("int64 n = 1;"), new: msg("int32 n = 1;"),
		backward: []string{"proto/int-truncated" + breakProven}, forward: []string{"proto/int-truncated" + harmless},
	}, {
		name: "widened under wire", profile: Wire, old: msg("int32 n = 1;"), new: msg("int64 n = 1;"),
		backward: []string{"proto/int-truncated" + harmless}, forward: []string{"proto/int-truncated" + breakProven},
	}, {
		name: "sign", old: msg("int32 n = 1;"), new: msg("uint32 n = 1;"),
		backward: []string{"proto/sign-changed warning proven-break witness"}, forward: []string{"proto/sign-changed warning proven-break witness"},
	}, {
		name: "string to bytes under wire", profile: Wire, old: msg("string s = 1;"), new: msg("bytes s = 1;"),
		backward: []string{"proto/string-bytes-changed" + harmless}, forward: []string{"proto/string-bytes-changed" + breakProven},
	}, {
		name: "singular to repeated", old: msg("int32 n = 1;"), new: msg("repeated int32 n = 1;"),
		backward: []string{"proto/label-to-repeated" + breakProven}, forward: []string{"proto/label-to-repeated" + breakProven},
	}, {
		name: "repeated to map", old: msg("repeated M n = 1;"), new: msg("map<string, string> n = 1;"),
		backward: []string{"proto/field-cardinality-changed" + breakProven, "proto/field-type-changed" + breakProven},
		forward:  []string{"proto/field-cardinality-changed" + breakProven, "proto/field-type-changed" + breakProven},
	}, {
		name: "map to a list of its entries under wire", profile: Wire,
		old: msg("map<string, int32> n = 1;"), new: msg("repeated N n = 1;") + "message N { string key = 1; int32 value = 2; }",
	}, {
		name: "map to a list of something else under wire", profile: Wire,
		old: msg("map<string, int32> n = 1;"), new: msg("repeated N n = 1;") + "message N { string key = 1; string value = 2; }",
		backward: []string{"proto/field-type-changed" + breakProven}, forward: []string{"proto/field-type-changed" + breakProven},
	}, {
		name: "map renamed under wire", profile: Wire, old: msg("map<string, int32> n = 1;"), new: msg("map<string, int32> m = 1;"),
	}, {
		name: "map value", old: msg("map<string, int32> n = 1;"), new: msg("map<string, string> n = 1;"),
		backward: []string{"proto/field-type-changed" + breakProven}, forward: []string{"proto/field-type-changed" + breakProven},
	}, {
		name: "required added", old: "message M { }", new: "message M { required int32 n = 1; }",
		backward: []string{"proto/required-field-added" + breakProven}, forward: []string{"proto/required-field-added" + harmless},
	}, {
		name: "required by a feature",
		old:  "edition = \"2023\"; message M { int32 n = 1; }", new: "edition = \"2023\"; message M { int32 n = 1 [features.field_presence = LEGACY_REQUIRED]; }",
		backward: []string{"proto/field-cardinality-changed" + breakProven, "proto/required-field-added" + breakProven},
		forward:  []string{"proto/field-cardinality-changed" + harmless, "proto/required-field-added" + harmless},
	}, {
		name: "required dropped", old: "message M { required int32 n = 1; }", new: "message M { optional int32 n = 1; }",
		backward: []string{"proto/field-cardinality-changed" + harmless, "proto/required-field-removed" + harmless},
		forward:  []string{"proto/field-cardinality-changed" + breakProven, "proto/required-field-removed" + breakProven},
	}, {
		name: "two fields into a oneof", old: msg("int32 a = 1; int32 b = 2;"), new: msg("oneof x { int32 a = 1; int32 b = 2; }"),
		backward: []string{"proto/field-oneof-changed" + breakProven}, forward: []string{"proto/field-oneof-changed" + breakProven},
	}, {
		name: "default", old: "message M { optional int32 n = 1 [default = 10]; }", new: "message M { optional int32 n = 1 [default = 20]; }",
		backward: []string{"proto/default-changed" + breakProven}, forward: []string{"proto/default-changed" + breakProven},
	}, {
		name: "removed", old: msg("int32 n = 1; int32 m = 2;"), new: msg("int32 m = 2;"),
		backward: []string{"proto/field-removed-name-not-reserved" + breakProven, "proto/field-removed-number-not-reserved" + breakProven},
		forward:  []string{"proto/field-removed-name-not-reserved" + harmless, "proto/field-removed-number-not-reserved" + harmless},
	}, {
		name: "removed and reserved", old: msg("int32 n = 1;"), new: msg("reserved 1; reserved \"n\";"),
	}, {
		name: "removed under additive", additive: true, old: msg("int32 n = 1;"), new: msg("reserved 1; reserved \"n\";"),
		backward: []string{"compat/removed" + breakBound}, forward: []string{"compat/removed" + breakBound},
	}, {
		name: "moved to another number", old: msg("int32 n = 1;"), new: msg("reserved 1; int32 n = 2;"),
		backward: []string{"proto/field-removed-name-not-reserved" + breakProven, "proto/tag-changed" + breakProven},
		forward:  []string{"proto/field-removed-name-not-reserved" + harmless, "proto/tag-changed" + breakProven},
	}, {
		name: "reserved number taken", old: msg("reserved 3;"), new: msg("string s = 3;"),
		backward: []string{"proto/reserved-deleted" + breakBound, "proto/tag-reused" + breakBound},
		forward:  []string{"proto/reserved-deleted" + breakBound, "proto/tag-reused" + breakBound},
	}, {
		name: "renamed", additive: true, old: msg("int32 n = 1;"), new: msg("int32 m = 1;"),
		backward: []string{"compat/renamed" + breakBound, "proto/field-renamed" + breakProven, "proto/json-name-changed" + breakProven},
		forward:  []string{"compat/renamed" + breakBound, "proto/field-renamed" + breakProven, "proto/json-name-changed" + breakProven},
	}, {
		name: "renamed under wire", profile: Wire, old: msg("int32 n = 1;"), new: msg("int32 m = 1;"),
	}, {
		name: "json format",
		old:  "edition = \"2023\"; message M { }", new: "edition = \"2023\"; message M { option features.json_format = LEGACY_BEST_EFFORT; }",
		backward: []string{"proto/json-format-dropped" + breakBound}, forward: []string{"proto/json-format-dropped" + breakBound},
	}, {
		name: "enum value removed", old: msg("enum E { Z = 0; A = 1; } E e = 1;"), new: msg("enum E { Z = 0; } E e = 1;"),
		backward: []string{"proto/enum-value-removed-name-not-reserved" + breakProven, "proto/enum-value-removed-number-not-reserved" + breakProven},
		forward:  []string{"proto/enum-value-removed-name-not-reserved" + harmless, "proto/enum-value-removed-number-not-reserved" + harmless},
	}, {
		name: "enum value renamed", old: msg("enum E { Z = 0; A = 1; } E e = 1;"), new: msg("enum E { Z = 0; B = 1; } E e = 1;"),
		backward: []string{"proto/enum-value-renamed" + breakProven}, forward: []string{"proto/enum-value-renamed" + breakProven},
	}, {
		name: "closed enum value removed",
		old:  "message M { enum E { Z = 0; A = 1; } optional E e = 1; }", new: "message M { enum E { Z = 0; reserved 1; reserved \"A\"; } optional E e = 1; }",
		backward: []string{"proto/enum-closed-value-removed" + breakProven}, forward: []string{"proto/enum-closed-value-removed" + harmless},
	}, {
		name: "closed enum value added",
		old:  "message M { enum E { Z = 0; } optional E e = 1; }", new: "message M { enum E { Z = 0; A = 1; } optional E e = 1; }",
		backward: []string{"proto/enum-closed-value-added" + harmless}, forward: []string{"proto/enum-closed-value-added warning proven-break witness"},
	}, {
		name: "package", old: msg("int32 n = 1;"), new: strings.Replace(msg("sint32 n = 1;"), "package a;", "package b;", 1),
		backward: []string{"proto/field-type-changed" + breakProven, "proto/package-changed" + breakBound},
		forward:  []string{"proto/field-type-changed" + breakProven, "proto/package-changed" + breakBound},
	}, {
		name: "message removed", old: msg("int32 n = 1;") + "message N {}", new: msg("int32 n = 1;"),
		backward: []string{"proto/message-removed" + breakBound}, forward: []string{"proto/message-removed" + breakBound},
	}, {
		name: "rpc", old: msg("") + "service S { rpc Get(M) returns (M); }", new: msg("") + "service S { rpc Get(M) returns (stream M); }",
		backward: []string{"proto/rpc-changed" + breakBound}, forward: []string{"proto/rpc-changed" + breakBound},
	}, {
		name: "message type of equal content", old: msg("N n = 1;") + "message N { int32 x = 1; } message O { int32 x = 1; }",
		new:      msg("O n = 1;") + "message N { int32 x = 1; } message O { int32 x = 1; }",
		backward: []string{"proto/field-type-changed" + breakBound}, forward: []string{"proto/field-type-changed" + breakBound},
	}, {
		name: "message type of other content", old: msg("N n = 1;") + "message N { int32 x = 1; } message O { string x = 1; }",
		new:      msg("O n = 1;") + "message N { int32 x = 1; } message O { string x = 1; }",
		backward: []string{"proto/field-type-changed" + breakProven}, forward: []string{"proto/field-type-changed" + breakProven},
	},
}

// TestLongLine: the compiler finds a place in time that grows with its line, so that a
// file on one line must not be asked for any.
func TestLongLine(t *testing.T) {
	enum := func(n int) string {
		var b strings.Builder
		b.WriteString("syntax = \"proto3\"; message M { E e = 1; } enum E {")
		for i := range n {
			fmt.Fprintf(&b, "VALUE_%d = %d;", i, i)
		}
		return b.String() + "}"
	}
	c := New(Config{})
	res, err := c.Check(t.Context(), parse(t, c, "x.proto", enum(50_000)), parse(t, c, "x.proto", enum(49_999)), compat.Backward, compat.Options{})
	if err != nil || res.Verdict != compat.ProvenBreak {
		t.Fatalf("%s, %v", res.Verdict, err)
	}
	if at := res.Findings[0].NewAt; at != (finding.Position{File: "x.proto"}) {
		t.Errorf("position %v", at)
	}
}

// TestWireOnly: a run may ask for the binary form alone, whatever the checker's profile.
func TestWireOnly(t *testing.T) {
	c := New(Config{})
	a, b := parse(t, c, "x.proto", msg("int32 n = 1;")), parse(t, c, "x.proto", msg("int32 m = 1;"))
	for wire, want := range map[bool]compat.Verdict{false: compat.ProvenBreak, true: compat.ProvenCompatible} {
		res, err := c.Check(t.Context(), a, b, compat.Backward, compat.Options{WireOnly: wire})
		if err != nil || res.Verdict != want {
			t.Errorf("wire only %t: %s, %v, want %s", wire, res.Verdict, err, want)
		}
	}
}

func TestChanges(t *testing.T) {
	fired := map[string]bool{}
	for _, tt := range changeCases {
		t.Run(tt.name, func(t *testing.T) {
			c := New(Config{Profile: tt.profile})
			a, b := parse(t, c, "x.proto", tt.old), parse(t, c, "x.proto", tt.new)
			for dir, want := range map[compat.Direction][]string{compat.Backward: tt.backward, compat.Forward: tt.forward} {
				res, err := c.Check(t.Context(), a, b, dir, compat.Options{Additive: tt.additive})
				if err != nil {
					t.Fatal(err)
				}
				for _, f := range res.Findings {
					fired[f.Rule] = true
				}
				if d := gocmp.Diff(want, brief(res)); d != "" {
					t.Errorf("%s (-want +got):\n%s", dir, d)
				}
				verdict := compat.ProvenCompatible
				if slices.ContainsFunc(want, func(s string) bool { return strings.Contains(s, "proven-break") }) {
					verdict = compat.ProvenBreak
				}
				if res.Verdict != verdict {
					t.Errorf("%s: verdict %s, want %s", dir, res.Verdict, verdict)
				}
				same, err := c.Check(t.Context(), b, b, dir, compat.Options{Additive: true})
				if err != nil || len(same.Findings) > 0 {
					t.Errorf("a schema against itself: %v, %v", brief(same), err)
				}
			}
		})
	}
	var listed []string
	for _, r := range New(Config{}).Rules() {
		listed = append(listed, r.ID)
		if !fired[r.ID] {
			t.Errorf("no case makes rule %s speak", r.ID)
		}
	}
	for rule := range fired {
		if !slices.Contains(listed, rule) {
			t.Errorf("rule %s is not in Rules", rule)
		}
	}
}

func TestWitnessText(t *testing.T) {
	c := New(Config{})
	a, b := parse(t, c, "x.proto", msg("int32 n = 1;")), parse(t, c, "x.proto", msg("sint32 n = 1;"))
	res, err := c.Check(t.Context(), a, b, compat.Backward, compat.Options{})
	if err != nil {
		t.Fatal(err)
	}
	f := res.Findings[0]
	want := compat.Finding{
		Rule: "proto/field-type-changed", Severity: finding.Error, Message: "type of field n (1) changed from int32 to sint32",
		OldPointer: "a.M.n", NewPointer: "a.M.n",
		OldAt: finding.Position{File: "x.proto", Line: 4, Column: 1}, NewAt: finding.Position{File: "x.proto", Line: 4, Column: 1},
		Direction: compat.Backward, Proof: compat.ProvenBreak, Grade: compat.Direct, Change: "int32 -> sint32",
		VendorType: "FIELD_WIRE_JSON_COMPATIBLE_TYPE", Suggestion: "keep the type and add a new field under a new number",
		Witness: &compat.Witness{
			JSON: []byte(`{"n":150}`), Binary: []byte{0x08, 0x96, 0x01}, Reads: "75",
			Explanation: `M {"n":150} of the old version is written as bytes 089601; the new version reads 75`,
		},
	}
	if d := gocmp.Diff(want, f); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestWitnessWithoutJSONForm(t *testing.T) {
	c := New(Config{})
	head := "syntax = \"proto3\";\nimport \"google/protobuf/any.proto\";\nmessage M {\n"
	a, b := parse(t, c, "x.proto", head+"google.protobuf.Any a = 1;\n}\n"), parse(t, c, "x.proto", head+"bytes a = 1;\n}\n")
	res, err := c.Check(t.Context(), a, b, compat.Backward, compat.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := res.Findings[0].Witness
	if want := "M a message without a JSON form of the old version is written as bytes 0a"; w == nil || !strings.HasPrefix(w.Explanation, want) {
		t.Errorf("witness %+v, want %s", w, want)
	}
}

func TestCanonical(t *testing.T) {
	c := New(Config{})
	a := parse(t, c, "a.proto", msg("int32 n = 1;"))
	if b := parse(t, c, "b.proto", "// other words\n"+msg("  int32   n = 1;")); a.Canonical() != b.Canonical() {
		t.Error("comments, spaces or the file's name count")
	}
	if b := parse(t, c, "a.proto", msg("int64 n = 1;")); a.Canonical() == b.Canonical() {
		t.Error("a type does not count")
	}
}

func TestParseErrors(t *testing.T) {
	load := func(_ context.Context, ref, _ string) ([]byte, string, error) {
		if ref == "bad.proto" {
			return []byte("syntax = \"proto3\";\nmessage {"), "lib/bad.proto", nil
		}
		return nil, "", fs.ErrNotExist
	}
	for _, tt := range []struct {
		name, text, want string
	}{
		{"syntax", "syntax = \"proto3\";\nmessage M {\n\tint32 n 1;\n}", "x.proto:3:10: syntax error"},
		{"tag 0", "message M { optional int32 n = 0; }", "x.proto:1:32: "},
		{"unknown type", "message M {\n\toptional N n = 1;\n}", "x.proto:2:11: field M.n: unknown type N"},
		{"missing import", "\timport \"gone.proto\";", "x.proto:1:9: import \"gone.proto\": file does not exist"},
		{"broken import", "import \"bad.proto\";", "lib/bad.proto:2:9: syntax error"},
		{"edition", "edition = \"2024\";", "x.proto:1:11: edition \"2024\" is not known: use proto2, proto3 or edition 2023"},
		{"deep", strings.Repeat("message M {\n", 10_000), "x.proto:101:11: nested deeper than 100 levels"},
		{"deep option", "option (x) = " + strings.Repeat("{a:", 1<<20), "x.proto:1:"},
		{"not a proto", "\x00\xff", "x.proto:1:1: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := New(Config{}).Parse(t.Context(), compat.Schema{Name: "x.proto", Text: []byte(tt.text), Load: load})
			se, ok := errors.AsType[*compat.SchemaError](err)
			if !ok || !strings.HasPrefix(se.Error(), tt.want) {
				t.Errorf("got %v, want %s…", err, tt.want)
			}
		})
	}
}

func TestEmbeddedPositions(t *testing.T) {
	locate := func(p string) finding.Position {
		var line, col int
		if _, err := fmt.Sscanf(p, "%d:%d", &line, &col); err != nil {
			t.Errorf("pointer %q: %v", p, err)
		}
		return finding.Position{File: "orders.yaml", Line: line + 40, Column: col + 8}
	}
	c := New(Config{})
	parse := func(text string) (compat.Parsed, error) {
		return c.Parse(t.Context(), compat.Schema{Name: "orders.yaml#/payload", Text: []byte(text), Locate: locate})
	}
	a, errA := parse(msg("int32 n = 1;"))
	b, errB := parse(msg("\tstring n = 1;"))
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	res, err := c.Check(t.Context(), a, b, compat.Backward, compat.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := res.Findings[0].NewAt.String(), "orders.yaml:44:10"; got != want {
		t.Errorf("position %s, want %s", got, want)
	}
	_, err = parse("message {")
	if err == nil || !strings.HasPrefix(err.Error(), "orders.yaml:41:17: ") {
		t.Errorf("error %v, want it in orders.yaml", err)
	}
}

// A prediction needs no linking; a check says what it misses.
func TestUnresolved(t *testing.T) {
	c := New(Config{Unresolved: true})
	text := "syntax = \"proto3\";\nimport \"lib.proto\";\nmessage M { lib.N n = 1; }"
	a, b := parse(t, c, "x.proto", text), parse(t, c, "x.proto", strings.Replace(text, "lib.N", "lib.O", 1))
	p, err := c.Predict(t.Context(), a, b, compat.Backward)
	if err != nil {
		t.Fatal(err)
	}
	want := []compat.VendorFinding{{Type: "FIELD_NAMED_TYPE_CHANGED", Path: "#/M/1"}}
	if d := gocmp.Diff(want, p.Findings); d != "" || p.Compatible {
		t.Errorf("compatible %v (-want +got):\n%s", p.Compatible, d)
	}
	if _, err := c.Check(t.Context(), a, b, compat.Backward, compat.Options{}); err == nil ||
		err.Error() != `x.proto:2:8: import "lib.proto": nothing here resolves imports` {
		t.Errorf("check: %v", err)
	}
}

func TestPredictForward(t *testing.T) {
	c := New(Config{})
	a, b := parse(t, c, "x.proto", msg("")+"message N {}"), parse(t, c, "x.proto", msg(""))
	for dir, want := range map[compat.Direction]bool{compat.Backward: false, compat.Forward: true} {
		p, err := c.Predict(t.Context(), a, b, dir)
		if err != nil || p.Compatible != want {
			t.Errorf("%s: compatible %v (%v), want %v", dir, p.Compatible, err, want)
		}
	}
}

func FuzzCheck(f *testing.F) {
	for _, tt := range changeCases {
		f.Add(tt.old, tt.new)
	}
	f.Add("edition = \"2023\"; message M { extensions 1 to 9; } extend M { M m = 1; }", "message M { optional group G = 1 {} }")
	c := New(Config{Unresolved: true})
	f.Fuzz(func(t *testing.T, old, new string) {
		parse := func(text string) compat.Parsed {
			p, err := c.Parse(t.Context(), compat.Schema{Name: "x.proto", Text: []byte(text)})
			if err != nil {
				if _, ok := errors.AsType[*compat.SchemaError](err); !ok {
					t.Fatalf("an error of no place: %v", err)
				}
				return nil
			}
			return p
		}
		a, b := parse(old), parse(new)
		if a == nil || b == nil {
			return
		}
		for _, dir := range []compat.Direction{compat.Backward, compat.Forward} {
			if _, err := c.Predict(t.Context(), a, b, dir); err != nil {
				t.Fatal(err)
			}
			res, err := c.Check(t.Context(), a, b, dir, compat.Options{Additive: true})
			if err != nil {
				continue // not linked
			}
			for _, fd := range res.Findings {
				if fd.Proof == compat.ProvenBreak && fd.Witness == nil && !fd.Contract {
					t.Errorf("%s is proven by nothing", fd.Rule)
				}
			}
			same, err := c.Check(t.Context(), a, a, dir, compat.Options{Additive: true})
			if err != nil || len(same.Findings) > 0 {
				t.Errorf("against itself: %v %v", brief(same), err)
			}
			if a.Canonical() == b.Canonical() && res.Verdict != compat.ProvenCompatible {
				t.Errorf("equal schemas, verdict %s", res.Verdict)
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	text := msg(manyFields(50))
	for b.Loop() {
		parse(b, New(Config{}), "x.proto", text)
	}
}

func BenchmarkCheck(b *testing.B) {
	c := New(Config{})
	old := parse(b, c, "x.proto", msg(manyFields(50)))
	new := parse(b, c, "x.proto", strings.Replace(msg(manyFields(50)), "int32 f1 ", "sint32 f1 ", 1))
	b.ResetTimer()
	for b.Loop() {
		if _, err := c.Check(b.Context(), old, new, compat.Backward, compat.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

func manyFields(n int) string {
	var s strings.Builder
	for i := range n {
		fmt.Fprintf(&s, "int32 f%d = %d;\n", i, i+1)
	}
	return s.String()
}
