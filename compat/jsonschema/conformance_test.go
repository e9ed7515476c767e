package jsonschema

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirhq/weir/compat"
)

// vector is one line of the public suites; $WEIR_TEST_CONFORMANCE/README.md tells
// what its fields mean. Without the variable there are no cases.
type vector struct {
	ID         string            `json:"id"`
	History    []json.RawMessage `json:"history"`
	New        json.RawMessage   `json:"new"`
	Compatible bool              `json:"compatible"`
	Lenient    bool              `json:"compatible_lenient"`
	Optional   bool              `json:"optional"`
	Findings   []struct {
		Type, Path string
	} `json:"findings"`
}

func vectors[T any](t testing.TB, file string) []T {
	t.Helper()
	dir := os.Getenv("WEIR_TEST_CONFORMANCE")
	if dir == "" {
		return nil
	}
	f, err := os.Open(filepath.Join(dir, "compat", file))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []T
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 64<<20)
	for sc.Scan() {
		var v T
		if err := json.Unmarshal(sc.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	if err := sc.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func parse(t testing.TB, name string, text []byte) compat.Parsed {
	t.Helper()
	p, err := New().Parse(t.Context(), compat.Schema{Format: compat.JSON, Name: name, Text: text})
	if err != nil {
		t.Fatalf("parse %s: %v", name, err)
	}
	return p
}

func TestConformanceConfluentPrediction(t *testing.T) {
	for _, file := range []string{"confluent-json-draft7.jsonl", "confluent-json-draft7-combined.jsonl"} {
		for _, v := range vectors[vector](t, file) {
			t.Run(v.ID, func(t *testing.T) {
				got, err := New().Predict(t.Context(), parse(t, "old.json", v.History[0]), parse(t, "new.json", v.New), compat.Backward)
				if err != nil {
					t.Fatal(err)
				}
				if got.Compatible != v.Compatible || got.Lenient != v.Lenient {
					t.Errorf("compatible %v (lenient %v), want %v (%v)", got.Compatible, got.Lenient, v.Compatible, v.Lenient)
				}
				var have, want []string
				for _, f := range got.Findings {
					have = append(have, f.Type+" "+f.Path)
				}
				for _, f := range v.Findings {
					want = append(want, f.Type+" "+f.Path)
				}
				slices.Sort(have)
				slices.Sort(want)
				if d := cmp.Diff(slices.Compact(want), slices.Compact(have)); d != "" {
					t.Errorf("%s -> %s: findings (-want +got):\n%s", v.History[0], v.New, d)
				}
			})
		}
	}
}

func truthOf(t testing.TB) map[string]*bool {
	t.Helper()
	out := map[string]*bool{}
	for _, v := range vectors[struct {
		ID    string
		Break *bool `json:"proven_break"`
	}](t, "truth.jsonl") {
		out[v.ID] = v.Break
	}
	return out
}

// keywordOf is the file of the containment suite a vector comes from.
func keywordOf(id string) string {
	_, k, _ := strings.Cut(id, "/")
	k, _, _ = strings.Cut(k, "#")
	return k
}

func TestConformanceTruth(t *testing.T) {
	truth := truthOf(t)
	type tally struct{ right, unproven, falseBreak, falseOK, skipped int }
	for _, file := range []string{"confluent-json-draft7.jsonl", "confluent-json-draft7-combined.jsonl", "containment-draft7.jsonl"} {
		var plain, optional tally
		for _, v := range vectors[vector](t, file) {
			n := &plain
			if v.Optional {
				n = &optional
			}
			want := truth[v.ID]
			old, err := New().Parse(t.Context(), compat.Schema{Name: "old.json", Text: v.History[0]})
			if err == nil {
				var new compat.Parsed
				if new, err = New().Parse(t.Context(), compat.Schema{Name: "new.json", Text: v.New}); err == nil {
					res, cerr := New().Check(t.Context(), old, new, compat.Backward, compat.Options{AssertFormat: true})
					if cerr != nil {
						t.Fatal(cerr)
					}
					if want == nil {
						n.skipped++
						continue
					}
					switch {
					case res.Verdict == compat.Unproven:
						n.unproven++
						t.Logf("%s: unproven (%s), break %v: %s -> %s", v.ID, res.Findings[0].Reason, *want, v.History[0], v.New)
					case (res.Verdict == compat.ProvenBreak) == *want:
						n.right++
					case *want:
						n.falseOK++
						t.Logf("%s: PROVEN COMPATIBLE, but breaks: %s -> %s", v.ID, v.History[0], v.New)
					default:
						n.falseBreak++
						t.Logf("%s: break not known before: %s -> %s: %s", v.ID, v.History[0], v.New, res.Findings[0].Witness.JSON)
					}
				}
			}
			if err != nil {
				n.skipped++
				if want != nil {
					t.Logf("%s: %v", v.ID, err)
				}
			}
		}
		t.Logf("%s: plain %+v optional %+v", file, plain, optional)
	}
}
