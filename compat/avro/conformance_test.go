package avro

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirhq/weir/compat"
)

type vector struct {
	ID         string            `json:"id"`
	Mode       string            `json:"mode"`
	History    []json.RawMessage `json:"history"`
	New        json.RawMessage   `json:"new"`
	Compatible bool              `json:"compatible"`
	Findings   []struct {
		Type, Path, Message string
	} `json:"findings"`
}

// vectors are the cases of one file of the conformance set; none without
// WEIR_TEST_CONFORMANCE, which names the folder that holds it.
func vectors(t *testing.T, file string) []vector {
	t.Helper()
	root := os.Getenv("WEIR_TEST_CONFORMANCE")
	if root == "" {
		return nil
	}
	f, err := os.Open(filepath.Join(root, "compat", file))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []vector
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var v vector
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		out = append(out, v)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestApacheVectors(t *testing.T) {
	c := &Checker{Nameless: true}
	breaks, witnesses := 0, 0
	all := vectors(t, "apache-avro.jsonl")
	for _, v := range all {
		t.Run(v.ID, func(t *testing.T) {
			o, n := parse(t, c, string(v.History[0])), parse(t, c, string(v.New))
			p, err := c.Predict(t.Context(), o, n, compat.Backward)
			if err != nil {
				t.Fatal(err)
			}
			want := []compat.VendorFinding{}
			for _, f := range v.Findings {
				want = append(want, compat.VendorFinding{Type: f.Type, Path: f.Path, Message: f.Message})
			}
			if d := cmp.Diff(want, p.Findings); d != "" || p.Compatible != v.Compatible {
				t.Errorf("prediction: compatible %v, want %v; findings (-want +got):\n%s", p.Compatible, v.Compatible, d)
			}
			res, err := c.Check(t.Context(), o, n, compat.Backward, compat.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if (res.Verdict == compat.ProvenCompatible) != v.Compatible {
				t.Errorf("verdict %s, want compatible %v", res.Verdict, v.Compatible)
			}
			if v.Compatible {
				return
			}
			breaks++
			if slices.ContainsFunc(res.Findings, func(f compat.Finding) bool { return f.Witness != nil }) {
				witnesses++
			}
			for _, f := range res.Findings {
				if f.Proof == compat.Unproven {
					t.Logf("unproven: %s: %s", f.Rule, f.Reason)
				}
			}
		})
	}
	if len(all) > 0 {
		t.Logf("%d vectors, %d breaks, %d with a witness", len(all), breaks, witnesses)
		if witnesses*100 < breaks*95 {
			t.Errorf("%d of %d breaks have a witness, want 95 %%", witnesses, breaks)
		}
	}
}

func TestConfluentModes(t *testing.T) {
	c := &Checker{}
	for _, v := range vectors(t, "confluent-avro-modes.jsonl") {
		t.Run(v.ID, func(t *testing.T) {
			mode, transitive := trimTransitive(v.Mode)
			history := v.History
			if !transitive && len(history) > 1 {
				history = history[len(history)-1:]
			}
			compatible, predicted := true, true
			n := parse(t, c, string(v.New))
			for _, h := range history {
				o := parse(t, c, string(h))
				for _, dir := range directions(mode) {
					res, err := c.Check(t.Context(), o, n, dir, compat.Options{})
					if err != nil {
						t.Fatal(err)
					}
					p, err := c.Predict(t.Context(), o, n, dir)
					if err != nil {
						t.Fatal(err)
					}
					compatible = compatible && res.Verdict == compat.ProvenCompatible
					predicted = predicted && p.Compatible
				}
			}
			if compatible != v.Compatible || predicted != v.Compatible {
				t.Errorf("%s: compatible %v, predicted %v, want %v", v.Mode, compatible, predicted, v.Compatible)
			}
		})
	}
}

func trimTransitive(mode string) (string, bool) {
	const suffix = "_TRANSITIVE"
	if len(mode) > len(suffix) && mode[len(mode)-len(suffix):] == suffix {
		return mode[:len(mode)-len(suffix)], true
	}
	return mode, false
}

func directions(mode string) []compat.Direction {
	switch mode {
	case "BACKWARD":
		return []compat.Direction{compat.Backward}
	case "FORWARD":
		return []compat.Direction{compat.Forward}
	}
	return []compat.Direction{compat.Backward, compat.Forward}
}
