package catalog

import (
	"encoding/json"
	"errors"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirhq/weir/finding"
)

func conformance(t *testing.T) string {
	dir := os.Getenv("WEIR_TEST_CONFORMANCE")
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, "asyncapi")
}

func readJSON(t *testing.T, name string, into any) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}

// Every official example is as valid as the expectations say, and everything that is
// wrong with one is told at its place.
func TestOfficialExamples(t *testing.T) {
	dir := conformance(t)
	if dir == "" {
		return
	}
	var want struct {
		Files map[string]struct {
			Valid bool
			Why   string
			Also  []string
			At    []struct{ File, Pointer string }
		}
	}
	readJSON(t, filepath.Join(dir, "expected.json"), &want)
	if len(want.Files) != 175 {
		t.Fatalf("%d documents", len(want.Files))
	}
	for name, w := range want.Files {
		c, err := Load(t.Context(), Options{FS: os.DirFS(dir), Paths: []string{name}, Validate: true})
		les, _ := errors.AsType[*LoadErrors](err)
		if err != nil && les == nil {
			t.Fatalf("%s: %v", name, err)
		}
		var fs []finding.Finding
		if c != nil {
			fs = c.Findings
		}
		if les != nil {
			fs = append(fs, les.Findings()...)
		}
		valid := true
		for _, f := range fs {
			if f.Severity == finding.Error {
				valid = false
				if w.Valid {
					t.Errorf("%s is valid; got %s %s: %s (%s)", name, f.Position, f.Pointer, f.Message, f.Rule)
				}
			}
		}
		if valid && !w.Valid {
			t.Errorf("%s is not valid: %s", name, w.Why)
		}
		for _, at := range w.At {
			file := name
			if at.File != "" {
				file = path.Join(path.Dir(name), at.File)
			}
			if !slices.ContainsFunc(fs, func(f finding.Finding) bool { return f.Position.File == file && near(at.Pointer, f.Pointer) }) {
				t.Errorf("%s: nothing is reported at %s#%s; reported:", name, file, at.Pointer)
				for _, f := range fs {
					t.Logf("   %s %s: %s (%s)", f.Position, f.Pointer, f.Message, f.Rule)
				}
			}
		}
		kinds := map[string]string{"schema/example-invalid": "example", "msg/correlation-id": "correlationId"}
		for _, f := range fs {
			k := kinds[f.Rule]
			if k == "" || !w.Valid && len(w.At) > 0 && strings.Contains(w.Why, "examples[0]") {
				continue
			}
			if !slices.ContainsFunc(w.Also, func(s string) bool {
				return strings.Contains(s, k) || k == "example" && strings.Contains(s, "default")
			}) {
				t.Errorf("%s: not expected: %s %s: %s (%s)", name, f.Position, f.Pointer, f.Message, f.Rule)
			}
		}
		for _, a := range w.Also {
			rule := "schema/example-invalid"
			if strings.Contains(a, "correlationId") {
				rule = "msg/correlation-id"
			}
			if strings.Contains(a, "share the address") || strings.HasSuffix(name, "2.0.0/correlation-id.yml") && false {
				continue
			}
			if !slices.ContainsFunc(fs, func(f finding.Finding) bool { return f.Rule == rule }) {
				t.Errorf("%s: not found: %s", name, a)
			}
		}
	}
}

// near reports whether a report stands at, above or one step below a place.
func near(want, got string) bool {
	if got == want || strings.HasPrefix(want, got+"/") && got != "" {
		return true
	}
	rest, ok := strings.CutPrefix(got, want+"/")
	return ok && !strings.Contains(rest, "/")
}

func TestBindings(t *testing.T) {
	dir := conformance(t)
	if dir == "" {
		return
	}
	var cases []struct {
		Protocol, Object, Version, Case string
		Valid                           bool
		Value                           json.RawMessage
	}
	readJSON(t, filepath.Join(dir, "bindings.json"), &cases)
	if len(cases) != 260 {
		t.Fatalf("%d cases", len(cases))
	}
	sp, err := (&specs{}).bindings()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		f := &file{name: "case.json"}
		if err := parse(f, c.Value, Limits{}.withDefaults()); err != nil {
			t.Fatal(err)
		}
		s, known := sp.binding(c.Protocol, c.Object, c.Version)
		if s == nil {
			t.Errorf("%s %s %s: no schema, known %v", c.Protocol, c.Object, c.Version, known)
			continue
		}
		ch := &checker{st: &store{}, spec: true, quiet: true, seen: map[walked]bool{}, def: s.Key}
		is := ch.check(sp.env.at(s), f.root)
		if (len(is) == 0) != c.Valid {
			t.Errorf("%s %s %s %s: valid is %v, got %v for %s", c.Protocol, c.Object, c.Version, c.Case, c.Valid, is, c.Value)
		}
	}
}

func TestLineage(t *testing.T) {
	dir := conformance(t)
	if dir == "" {
		return
	}
	var want struct {
		Versions []string
		Channels map[string]struct{ Producers, Consumers []string }
	}
	readJSON(t, filepath.Join(dir, "lineage.json"), &want)
	for _, v := range want.Versions {
		c, err := Load(t.Context(), Options{FS: os.DirFS(dir), Paths: []string{"spec-examples/" + v + "/social-media"}})
		if err != nil {
			t.Fatal(err)
		}
		apps := func(ops []*Operation) []string {
			var names []string
			for _, op := range ops {
				names = append(names, path.Base(path.Dir(op.App.File)))
			}
			slices.Sort(names)
			return slices.Compact(names)
		}
		got := map[string]struct{ Producers, Consumers []string }{}
		for _, s := range c.Streams() {
			got[s.Name] = struct{ Producers, Consumers []string }{apps(s.Producers), apps(s.Consumers)}
		}
		if d := cmp.Diff(want.Channels, got); d != "" {
			t.Errorf("%s: %s", v, d)
		}
	}
}
