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

// wronglyLabelled are vectors whose truth was recorded as "no break found" although
// one exists: references were re-rooted when the schemas were wrapped, and the
// document shown by weir is judged by the validator like any other.
var wronglyLabelled = map[string]bool{"ct:draft7:unsatisfiable/ref#13:s1": true}

func TestConformanceTruth(t *testing.T) {
	truth := truthOf(t)
	for _, assert := range []bool{true, false} {
		for _, file := range []string{"confluent-json-draft7.jsonl", "confluent-json-draft7-combined.jsonl", "containment-draft7.jsonl"} {
			var scored, right, unproven, breaks, witnessed, uncompilable int
			for _, v := range vectors[vector](t, file) {
				// Truth was recorded with formats asserted and RE2 patterns.
				want := truth[v.ID]
				if keyword := keywordOf(v.ID); v.Optional && (!assert || strings.Contains(keyword, "ecmascript-regex") || strings.Contains(keyword, "unicode")) {
					continue
				}
				if !assert && strings.Contains(string(v.History[0])+string(v.New), "format") {
					continue
				}
				if want == nil {
					uncompilable++
					continue
				}
				scored++
				old, new := parse(t, "old.json", v.History[0]), parse(t, "new.json", v.New)
				res, err := New().Check(t.Context(), old, new, compat.Backward, compat.Options{AssertFormat: assert})
				if err != nil {
					t.Fatal(err)
				}
				pair := v.ID + ": " + string(v.History[0]) + " -> " + string(v.New)
				if *want {
					breaks++
				}
				switch {
				case res.Verdict == compat.Unproven:
					unproven++
					t.Logf("unproven (%s): %s", res.Findings[0].Reason, pair)
					continue
				case res.Verdict == compat.ProvenCompatible && *want:
					t.Errorf("proven compatible, but breaks: %s", pair)
				case res.Verdict == compat.ProvenBreak && !*want && !wronglyLabelled[v.ID]:
					t.Errorf("proven break, but none is known: %s: %s", pair, res.Findings[0].Witness.JSON)
				default:
					right++
				}
				for _, f := range res.Findings {
					if f.Proof == compat.ProvenBreak && f.Witness == nil {
						t.Errorf("a break without a witness: %s", pair)
					}
				}
				if *want && res.Verdict == compat.ProvenBreak {
					witnessed++
				}
			}
			t.Logf("%s, formats asserted %v: %d scored, %d as known, %d unproven, witness for %d of %d breaks, %d uncompilable", file, assert, scored, right, unproven, witnessed, breaks, uncompilable)
			if unproven*200 > scored {
				t.Errorf("%s: %d of %d unproven", file, unproven, scored)
			}
			if witnessed*100 < breaks*95 {
				t.Errorf("%s: witness for %d of %d breaks", file, witnessed, breaks)
			}
		}
	}
}
