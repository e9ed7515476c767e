package compat_test

import (
	"context"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/compat"
	"github.com/weirhq/weir/compat/avro"
	"github.com/weirhq/weir/compat/protobuf"
	"github.com/weirhq/weir/finding"
)

var update = flag.Bool("update", false, "write the reports of the archives as they are now")

var today = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func checkers() []compat.Checker {
	return []compat.Checker{&avro.Checker{}, protobuf.New(protobuf.Config{})}
}

func load(t testing.TB, fsys fs.FS) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Load(context.Background(), catalog.Options{FS: fsys})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// sub picks the files below a folder of an archive.
func sub(a *txtar.Archive, dir string) fstest.MapFS {
	out := fstest.MapFS{}
	for _, f := range a.Files {
		if name, ok := strings.CutPrefix(f.Name, dir+"/"); ok {
			out[name] = &fstest.MapFile{Data: f.Data}
		}
	}
	return out
}

// brief is what a reader of a report must see: severity, rule, subject, who.
func brief(r *compat.Report) string {
	var b strings.Builder
	for _, f := range r.Findings {
		word := f.Severity.String()
		if f.Waived != nil {
			word = "waived"
		}
		fmt.Fprintf(&b, "%s %s %s: %s\n", word, f.Rule, f.Subject.Name, f.Message)
		for _, d := range f.Details {
			if d.Label == "who" || d.Label == "versions" {
				fmt.Fprintf(&b, "  %s %s\n", d.Label, d.Text)
			}
		}
	}
	for _, s := range r.Skipped {
		fmt.Fprintf(&b, "skipped %s %s: %s\n", s.Rule, s.Subject.Name, s.Reason)
	}
	fmt.Fprintf(&b, "verdict %s gate %s\n%s\n", r.Verdict, r.Gate, r.Closing())
	return b.String()
}

// TestPairs compares the catalogs of each archive: old/ with new/, and older/, if it
// is there, as the history before old/. Flags stand in its comment.
func TestPairs(t *testing.T) {
	files, err := filepath.Glob("testdata/pairs/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no archives", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want := ""
			for _, f := range a.Files {
				if f.Name == "want" {
					want = string(f.Data)
				}
			}
			cur := compat.Side{Catalog: load(t, sub(a, "new"))}
			past := compat.Past{Side: compat.Side{Catalog: load(t, sub(a, "old")), Version: "old"}, NoHistory: "a folder is one version"}
			if older := sub(a, "older"); len(older) > 0 {
				past.History = func(context.Context, string, int) ([]compat.Side, bool, error) {
					return []compat.Side{{Catalog: load(t, older), Version: "older"}}, false, nil
				}
			}
			policy := compat.Policy{Now: today, Waivers: compat.CatalogWaivers(cur.Catalog)}
			if strings.Contains(string(a.Comment), "unproven warn") {
				policy.Unproven = finding.Warning
			}
			subjects, loose := compat.CatalogSubjects(past, cur)
			subjects = append(subjects, compat.LinkSubjects(cur.Catalog)...)
			e := compat.NewEngine(checkers(), policy)
			results, err := e.Compare(t.Context(), subjects)
			if err != nil {
				t.Fatal(err)
			}
			got := brief(e.Report(results, loose, "old"))
			if *update {
				a.Files[len(a.Files)-1].Data = []byte(got)
				if err := os.WriteFile(file, txtar.Format(a), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if d := gocmp.Diff(want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			again, err := e.Compare(t.Context(), subjects)
			if err != nil {
				t.Fatal(err)
			}
			if x, y := brief(e.Report(results, loose, "old")), brief(e.Report(again, loose, "old")); x != y {
				t.Errorf("two runs differ:\n%s\n%s", x, y)
			}
		})
	}
}
