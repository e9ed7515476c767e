package protobuf

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/weirhq/weir/compat"
)

// vector is one line of a conformance file.
type vector struct {
	ID         string            `json:"id"`
	History    []json.RawMessage `json:"history"`
	New        json.RawMessage   `json:"new"`
	Compatible bool              `json:"compatible"`
	Files      bool              `json:"files"`
	Use        []string          `json:"use"`
	Findings   []struct {
		Type  string `json:"type"`
		Path  string `json:"path"`
		File  string `json:"file"`
		Start []int  `json:"start"`
		End   []int  `json:"end"`
	} `json:"findings"`
	Refs struct {
		History []map[string]*string `json:"history"`
		New     map[string]*string   `json:"new"`
	} `json:"refs"`
}

// vectors reads a conformance file; without the environment variable there is none.
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
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 64<<20)
	for sc.Scan() {
		var v vector
		if err := json.Unmarshal(sc.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	return out
}

func text(t *testing.T, raw json.RawMessage) string {
	t.Helper()
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func loadFrom(refs map[string]*string) func(context.Context, string, string) ([]byte, string, error) {
	return func(_ context.Context, ref, _ string) ([]byte, string, error) {
		if s := refs[ref]; s != nil {
			return []byte(*s), ref, nil
		}
		return nil, "", fs.ErrNotExist
	}
}

func TestConformanceConfluent(t *testing.T) {
	for _, v := range vectors(t, "confluent-protobuf.jsonl") {
		t.Run(v.ID, func(t *testing.T) {
			c := New(Config{Unresolved: true})
			parse := func(raw json.RawMessage, refs map[string]*string) compat.Parsed {
				p, err := c.Parse(t.Context(), compat.Schema{Name: "x.proto", Text: []byte(text(t, raw)), Load: loadFrom(refs)})
				if err != nil {
					t.Fatal(err)
				}
				return p
			}
			var oldRefs map[string]*string
			if len(v.Refs.History) > 0 {
				oldRefs = v.Refs.History[len(v.Refs.History)-1]
			}
			a, b := parse(v.History[len(v.History)-1], oldRefs), parse(v.New, v.Refs.New)
			got, err := c.Predict(t.Context(), a, b, compat.Backward)
			if err != nil {
				t.Fatal(err)
			}
			if got.Compatible != v.Compatible {
				t.Errorf("compatible = %v, want %v", got.Compatible, v.Compatible)
			}
			want := []string{}
			for _, f := range v.Findings {
				want = append(want, f.Type+" "+f.Path)
			}
			have := []string{}
			for _, f := range got.Findings {
				have = append(have, f.Type+" "+f.Path)
			}
			slices.Sort(want)
			slices.Sort(have)
			if d := gocmp.Diff(slices.Compact(want), slices.Compact(have)); d != "" {
				t.Errorf("findings (-want +got):\n%s", d)
			}
			for _, dir := range []compat.Direction{compat.Backward, compat.Forward} {
				if _, err := c.Check(t.Context(), a, b, dir, compat.Options{Additive: true}); err != nil {
					t.Errorf("check %s: %v", dir, err)
				}
			}
		})
	}
}

func folder(t *testing.T, c *Checker, dir string) compat.Parsed {
	t.Helper()
	root := filepath.Join(os.Getenv("WEIR_TEST_CONFORMANCE"), "compat", dir)
	if info, err := os.Stat(filepath.Join(root, "root")); err == nil && info.IsDir() {
		root = filepath.Join(root, "root")
	}
	files := map[string][]byte{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".proto") {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		files[filepath.ToSlash(rel)], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.ParseFolder(t.Context(), compat.Schema{Name: dir}, files)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestConformanceBuf(t *testing.T) {
	off, total := 0, 0
	for _, v := range vectors(t, "buf-wire.jsonl") {
		c := New(Config{})
		a, b := folder(t, c, text(t, v.History[0])), folder(t, c, text(t, v.New))
		changes, err := c.Changes(a, b)
		if err != nil {
			t.Fatal(err)
		}
		var want, have []string
		for _, f := range v.Findings {
			s := f.Type + " " + f.File
			if f.Start != nil {
				s += fmt.Sprintf(" %d:%d-%d:%d", f.Start[0], f.Start[1], f.End[0], f.End[1])
			}
			want = append(want, s)
		}
		for _, ch := range changes {
			if !slices.Contains(v.Use, ch.Buf) {
				continue
			}
			s := ch.Buf + " " + ch.At.File
			if ch.At.Line > 0 {
				s += fmt.Sprintf(" %d:%d-%d:%d", ch.At.Line, ch.At.Column, ch.At.EndLine, ch.At.EndColumn)
			}
			have = append(have, s)
		}
		slices.Sort(want)
		slices.Sort(have)
		total += len(want)
		missing, extra := multisetDiff(want, have)
		off += max(len(missing), len(extra))
		if len(missing)+len(extra) > 0 {
			t.Logf("%s: missing %q, extra %q", v.ID, missing, extra)
		}
		for _, p := range []Profile{Wire, WireJSON} {
			witnesses(t, v.ID, New(Config{Profile: p}), a, b, v.Use)
		}
	}
	if off > 5 {
		t.Errorf("%d of %d findings off, at most 5 may be", off, total)
	}
	t.Logf("buf: %d of %d findings off", off, total)
}

// witnesses wants a proof, in one direction at least, for every numeric, type,
// cardinality and oneof break.
func witnesses(t *testing.T, id string, c *Checker, a, b compat.Parsed, use []string) {
	t.Helper()
	type key struct{ rule, old, new, msg string }
	proven := map[key]bool{}
	for _, dir := range []compat.Direction{compat.Backward, compat.Forward} {
		res, err := c.Check(t.Context(), a, b, dir, compat.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range res.Findings {
			needs := strings.Contains(f.VendorType, "TYPE") && !strings.HasPrefix(f.VendorType, "RPC") ||
				strings.Contains(f.VendorType, "CARDINALITY") || strings.Contains(f.VendorType, "ONEOF")
			if !needs || !slices.Contains(use, f.VendorType) {
				continue
			}
			msg, _, _ := strings.Cut(f.Message, " (no harm")
			k := key{f.Rule, f.OldPointer, f.NewPointer, msg}
			proven[k] = proven[k] || f.Witness != nil
		}
	}
	n := 0
	for _, k := range slices.SortedFunc(func(yield func(key) bool) {
		for k := range proven {
			if !yield(k) {
				return
			}
		}
	}, func(x, y key) int { return cmp.Compare(x.old+x.msg, y.old+y.msg) }) {
		if !proven[k] {
			t.Logf("%s %s: no witness: %s %s", id, c.cfg.Profile, k.rule, k.msg)
			n++
		}
	}
	if len(proven) > 0 {
		t.Logf("%s %s: %d of %d without witness", id, c.cfg.Profile, n, len(proven))
	}
}

func multisetDiff(want, have []string) (missing, extra []string) {
	count := map[string]int{}
	for _, s := range want {
		count[s]++
	}
	for _, s := range have {
		if count[s] > 0 {
			count[s]--
		} else {
			extra = append(extra, s)
		}
	}
	for _, s := range slices.Compact(slices.Clone(want)) {
		for range count[s] {
			missing = append(missing, s)
		}
	}
	return missing, extra
}
