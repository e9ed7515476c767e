package catalog_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/finding"
)

// planted reads the archive: the files, and what must be reported.
func planted(t *testing.T) (fstest.MapFS, []string) {
	t.Helper()
	ar, err := txtar.ParseFile("testdata/planted.txtar")
	if err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{}
	var want []string
	for _, f := range ar.Files {
		if f.Name == "want" {
			want = append(want, strings.Split(strings.TrimSpace(string(f.Data)), "\n")...)
			continue
		}
		lines := strings.Split(string(f.Data), "\n")
		for i, l := range lines {
			text, rules, ok := strings.Cut(l, " #! ")
			if !ok {
				continue
			}
			lines[i] = text
			for r := range strings.FieldsSeq(rules) {
				want = append(want, fmt.Sprintf("%s:%d %s", f.Name, i+1, r))
			}
		}
		files[f.Name] = &fstest.MapFile{Data: []byte(strings.Join(lines, "\n"))}
	}
	good := files["good.yaml"].Data
	wide := utf16.Encode([]rune("\ufeff" + strings.ReplaceAll(string(good), "good", "wide")))
	files["wide.yaml"] = &fstest.MapFile{Data: binary.LittleEndian.AppendUint16(nil, wide[0])}
	for _, u := range wide[1:] {
		files["wide.yaml"].Data = binary.LittleEndian.AppendUint16(files["wide.yaml"].Data, u)
	}
	files["bom.yaml"] = &fstest.MapFile{Data: []byte("\ufeff" + strings.ReplaceAll(strings.ReplaceAll(string(good), "good", "bom"), "\n", "\r\n"))}
	files["deep.yaml"] = &fstest.MapFile{Data: []byte("asyncapi: 3.0.0\ninfo: {title: Deep, version: 1.0.0}\nx-deep: " + strings.Repeat("[", 300) + strings.Repeat("]", 300) + "\n")}
	files["huge.yaml"] = &fstest.MapFile{Data: append([]byte("asyncapi: 3.0.0\ninfo:\n  description: "), make([]byte, 100<<20)...)}
	return files, want
}

// Each planted defect is reported once, at its line, and nothing else is; the other
// files still load.
func TestPlantedDefects(t *testing.T) {
	files, want := planted(t)
	c, err := catalog.Load(t.Context(), catalog.Options{FS: files, Validate: true})
	les, ok := errors.AsType[*catalog.LoadErrors](err)
	if !ok {
		t.Fatalf("%v", err)
	}
	var got []string
	for _, f := range append(les.Findings(), c.Findings...) {
		at := f.Position.File
		if f.Position.Line > 0 {
			at = fmt.Sprintf("%s:%d", at, f.Position.Line)
		}
		got = append(got, at+" "+f.Rule)
		if f.Message == "" || strings.Contains(f.Message, "oneOf") {
			t.Errorf("%s: message %q", at, f.Message)
		}
		t.Logf("%s: %s (%s) [%s]", f.Position, f.Message, f.Rule, f.Hint)
	}
	slices.Sort(got)
	slices.Sort(want)
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if len(want) < 40 {
		t.Errorf("only %d defects are planted", len(want))
	}
	var apps []string
	for _, a := range c.Applications {
		apps = append(apps, a.File)
	}
	for _, f := range []string{"good.yaml", "bom.yaml", "wide.yaml", "types.yaml", "recursive.yaml", "old.yaml"} {
		if !slices.Contains(apps, f) {
			t.Errorf("%s was not loaded: %v", f, apps)
		}
	}
	for _, f := range []string{"dangling.yaml", "cycle.yaml", "bomb.yaml"} {
		if slices.Contains(apps, f) {
			t.Errorf("%s is in the model", f)
		}
	}
	bare, err := catalog.Load(t.Context(), catalog.Options{FS: files})
	if bare == nil {
		t.Fatal(err)
	}
	for _, topic := range []string{"names.order.v1", "names.order_v1", "good.thing.v1", "bad topic/name"} {
		if len(bare.Blocked(topic)) == 0 || len(c.Blocked(topic)) == 0 {
			t.Errorf("%s is not blocked", topic)
		}
	}
	if c.Blocked("names.order.v1") == nil || c.Blocked("names.order_v1") == nil || c.Blocked("good.thing.v1") == nil || c.Blocked("bom.thing.v1") != nil {
		t.Error("blocked topics are not those with a blocking finding")
	}
}

// Every rule that can be reported is listed, and every listed one has a purpose.
func TestRulesAreListed(t *testing.T) {
	listed := map[string]bool{}
	for _, r := range catalog.Rules() {
		if listed[r.ID] || r.Purpose == "" || r.Severity == finding.Off || !strings.Contains(r.ID, "/") {
			t.Errorf("rule %+v", r)
		}
		listed[r.ID] = true
	}
	src, err := fs.Glob(os.DirFS("."), "*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range src {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, cat := range []string{"spec/", "ref/", "load/", "msg/", "topic/", "schema/", "cat/", "env/", "ext/", "own/", "kafka/"} {
			for _, part := range strings.Split(string(data), `"`+cat)[1:] {
				slug, _, _ := strings.Cut(part, `"`)
				if id := cat + slug; slug != "" && !strings.ContainsAny(slug, " ./") && !listed[id] && id != "load/slug" {
					t.Errorf("%s uses %s, which Rules does not list", name, id)
				}
			}
		}
	}
}
