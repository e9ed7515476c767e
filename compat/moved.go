package compat

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/weirhq/weir/catalog/source"
	"github.com/weirhq/weir/finding"
)

// goneFS lists only the files of an old tree that are no more, and opens all: a document
// that moved may refer to one that did not.
type goneFS struct {
	fs.FS
	there func(file string) bool
}

// ReadDir implements fs.ReadDirFS.
func (g goneFS) ReadDir(dir string) ([]fs.DirEntry, error) {
	list, err := fs.ReadDir(g.FS, dir)
	return slices.DeleteFunc(list, func(d fs.DirEntry) bool {
		return !d.IsDir() && g.there(path.Join(dir, d.Name()))
	}), err
}

// moved is the baseline of what is gone from outside of the paths. It starts at the top
// of the repository: a file may have come from beside the catalog's root.
func (b *Baseline) moved(ctx context.Context, paths []string) (*Baseline, error) {
	var named []string
	for _, p := range paths {
		named = append(named, path.Join(b.sub, p))
	}
	if slices.Contains(named, ".") {
		return nil, nil //nolint:nilnil // documented at Moved
	}
	tree, err := b.repo.Tree(ctx, b.commit, ".")
	if err != nil {
		return nil, err
	}
	gone := goneFS{tree.FS, func(file string) bool {
		switch path.Ext(file) {
		case ".yaml", ".yml", ".json", ".avsc", ".proto":
		default:
			return true
		}
		if slices.ContainsFunc(named, func(n string) bool { return file == n || strings.HasPrefix(file, n+"/") }) {
			return true
		}
		_, err := os.Lstat(filepath.Join(b.repo.Top, filepath.FromSlash(file)))
		return err == nil
	}}
	found := errors.New("found")
	err = fs.WalkDir(gone, ".", func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			return found
		}
		return err
	})
	if err == nil || !errors.Is(err, found) {
		return nil, err
	}
	tree.FS, tree.Version = gone, shortCommit(b.commit)
	return &Baseline{Words: b.Words, Tree: &source.Tree{FS: gone, Paths: tree.Paths, Version: tree.Version}, repo: b.repo, commit: b.commit, sub: "."}, nil
}

// origins finds for new files the gone ones that they continue: by text, by the end of
// the path, by the name that a schema gives itself. unsure are those of which more than
// one may be it, or which only share the format.
func (t *Tree) origins(added []*Version) (from map[*Version]string, unsure map[*Version][]string, err error) {
	from, unsure = map[*Version]string{}, map[*Version][]string{}
	if t == nil {
		return from, unsure, nil
	}
	type pair struct {
		score int
		to    *Version
		file  string
	}
	var pairs []pair
	for _, file := range t.Files {
		old, err := FileVersion(t.FS, file, t.Version, "")
		if err != nil {
			return nil, nil, err
		}
		for _, n := range added {
			if old.Schema.Format == n.Schema.Format {
				pairs = append(pairs, pair{likeness(old, n), n, file})
			}
		}
	}
	slices.SortStableFunc(pairs, func(a, b pair) int { return cmp.Compare(b.score, a.score) })
	taken := map[string]bool{}
	for len(pairs) > 0 {
		score := pairs[0].score
		n := slices.IndexFunc(pairs, func(p pair) bool { return p.score != score })
		if n < 0 {
			n = len(pairs)
		}
		may := map[*Version][]string{}
		for _, p := range pairs[:n] {
			if from[p.to] == "" && unsure[p.to] == nil && !taken[p.file] {
				may[p.to] = append(may[p.to], p.file)
			}
		}
		for to, files := range may {
			if len(files) > 1 || score == 0 {
				unsure[to] = files
			} else {
				from[to] = files[0]
			}
		}
		for to := range may {
			taken[from[to]] = true
		}
		pairs = pairs[n:]
	}
	return from, unsure, nil
}

// likeness is higher the more speaks for a file being the same as one elsewhere.
func likeness(old, cur *Version) int {
	if string(old.Schema.Text) == string(cur.Schema.Text) {
		return 1 << 20
	}
	a, b := strings.Split(old.Schema.Name, "/"), strings.Split(cur.Schema.Name, "/")
	n := 0
	for n < len(a) && n < len(b) && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	score := 2 * n
	if name := ownName(old.Schema); name != "" && name == ownName(cur.Schema) {
		score++
	}
	return score
}

// ownName is what a schema calls itself.
func ownName(s Schema) string {
	if s.Format == Protobuf {
		return protoName(string(s.Text))
	}
	var v struct {
		Name, Namespace, Title string
		ID                     string `json:"$id"`
	}
	if json.Unmarshal(s.Text, &v) != nil {
		return ""
	}
	if s.Format == Avro && v.Name != "" {
		return v.Namespace + "." + v.Name
	}
	return cmp.Or(v.ID, v.Title)
}

// added is the finding of a subject without a past. It is a warning where a file is gone
// that may have been its past: nothing was compared, and it cannot be said that nothing
// had to be.
func (s *Subject) added(unsure []string) finding.Finding {
	f := finding.Finding{
		Rule: "compat/subject-added", Severity: finding.Info, Subject: s.subject(), Position: s.New.At, Owner: s.Owner,
		Message: "new schema, there is nothing to compare it with", Fingerprint: fingerprint("compat/subject-added", s.Name, "", "", ""),
	}
	if len(unsure) > 0 {
		if f.Severity = finding.Warning; len(unsure) > 3 {
			unsure = append(unsure[:3:3], fmt.Sprintf("%d others", len(unsure)-3))
		}
		f.Message = fmt.Sprintf("new schema, not compared: it may be what %s was, which is gone", strings.Join(unsure, " or "))
		f.Hint = "if it was moved, compare the two with --old and --new"
	}
	return f
}
