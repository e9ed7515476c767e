package compat

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/catalog/source"
	"github.com/weirhq/weir/finding"
)

// Baseline is the version of a tree that a work tree is compared with.
type Baseline struct {
	// Words name it in a report: as it was asked for, and the commit it led to.
	Words string
	// Tree is nil where nothing was asked for.
	Tree *source.Tree
	// Moved is the same version of what stood elsewhere in the repository and is there no
	// more: what looks new may have come from there. It is nil where nothing is gone.
	Moved *Baseline

	repo *source.Repo
	// commit and sub are of a git tree: the commit, and the root below the top.
	commit, sub string
	close       []func() error
}

// BaselineError is a baseline that cannot be compared with.
type BaselineError struct {
	reason string
	hint   string
}

func (e *BaselineError) Error() string { return e.reason }

// Code is the class of the failure.
func (*BaselineError) Code() string { return "usage" }

// Hint says what may be named instead.
func (e *BaselineError) Hint() string { return e.hint }

// OpenBaseline opens the other version of the tree cur: none, git:REF, git:REF... for
// the merge base of HEAD and REF, or a folder, relative to cwd. Trees of git are read
// as objects, and no work tree is touched. Errors are *BaselineError and
// *source.RefError; the caller closes what it gets.
func OpenBaseline(ctx context.Context, spec, cwd string, cur *source.Tree) (*Baseline, error) {
	b := &Baseline{Words: spec}
	if spec == "none" {
		b.Words = ""
		return b, nil
	}
	open := func() error { return b.openFolder(spec, cwd) }
	if ref, ok := strings.CutPrefix(spec, "git:"); ok {
		open = func() error { return b.openGit(ctx, ref, cur) }
	}
	if err := open(); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// Close lets go of the files and processes behind the tree.
func (b *Baseline) Close() {
	for _, c := range slices.Backward(b.close) {
		_ = c() // read only
	}
}

// OpenSettings opens of git:REF, or git:REF..., only what Settings reads.
func OpenSettings(ctx context.Context, spec string, cur *source.Tree) (*Baseline, error) {
	b := &Baseline{Words: spec}
	if err := b.openCommit(ctx, strings.TrimPrefix(spec, "git:"), cur); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

func (b *Baseline) openGit(ctx context.Context, ref string, cur *source.Tree) error {
	err := b.openCommit(ctx, ref, cur)
	if err != nil {
		return err
	}
	if b.Tree, err = b.tree(ctx, b.commit, b.sub, cur.Paths); err != nil {
		return err
	}
	b.Moved, err = b.moved(ctx, cur.Paths)
	return err
}

func (b *Baseline) openCommit(ctx context.Context, ref string, cur *source.Tree) error {
	var err error
	if b.repo, err = source.OpenRepo(ctx, cur.Dir); err != nil {
		return err
	}
	b.close = append(b.close, b.repo.Close)
	if base, ok := strings.CutSuffix(ref, "..."); ok {
		b.commit, err = b.repo.MergeBase(ctx, base)
	} else {
		b.commit, err = b.repo.Commit(ctx, ref)
	}
	if err != nil {
		return err
	}
	if b.sub, err = filepath.Rel(b.top(), cur.Dir); err != nil {
		return fmt.Errorf("compare %s with git:%s: %w", cur.Dir, ref, err)
	}
	b.sub = filepath.ToSlash(b.sub)
	if short := shortCommit(b.commit); short != ref {
		b.Words += " (" + short + ")"
	}
	return nil
}

// top is the repository's folder, by the name that other paths have it under.
func (b *Baseline) top() string {
	if top, err := filepath.EvalSymlinks(b.repo.Top); err == nil {
		return top
	}
	return b.repo.Top
}

// Settings returns weir.yaml as it is in the baseline: that of a folder, or, where that is
// empty, of the top of the repository. It is nil where there was none, and ok is false
// where the baseline cannot hold it: it is no commit, or the folder lies elsewhere.
func (b *Baseline) Settings(ctx context.Context, dir string) (text []byte, ok bool, err error) {
	if b.repo == nil {
		return nil, false, nil
	}
	name := "weir.yaml"
	if dir != "" {
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			dir = real
		}
		rel, err := filepath.Rel(b.top(), dir)
		if err != nil || !filepath.IsLocal(rel) {
			return nil, false, nil //nolint:nilerr // it lies elsewhere
		}
		name = path.Join(filepath.ToSlash(rel), name)
	}
	text, err = b.repo.File(ctx, b.commit, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, true, nil
	}
	return text, true, err
}

// tree is the tree of a commit below a root, with those of the paths that it has: what is
// new has no past there, see Moved.
func (b *Baseline) tree(ctx context.Context, commit, sub string, paths []string) (*source.Tree, error) {
	t, err := b.repo.Tree(ctx, commit, sub)
	if err != nil {
		return nil, err
	}
	t.Version, t.Paths = shortCommit(commit), []string{}
	for _, p := range paths {
		if _, err := fs.Stat(t.FS, p); err == nil {
			t.Paths = append(t.Paths, p)
		}
	}
	return t, nil
}

func shortCommit(id string) string { return id[:min(len(id), 8)] }

func (b *Baseline) openFolder(spec, cwd string) error {
	missing := &BaselineError{
		reason: fmt.Sprintf("read baseline %s: there is no such folder", spec),
		hint:   "--against takes git:REF, git:REF..., registry:URL, or a folder that exists",
	}
	tree, err := source.Open(source.Where{Cwd: cwd, Paths: []string{spec}})
	if errors.Is(err, fs.ErrNotExist) {
		return missing
	}
	if err != nil {
		return err
	}
	b.close = append(b.close, tree.Close)
	if _, err := fs.Stat(tree.FS, tree.Paths[0]); err != nil {
		return missing
	}
	b.Tree = tree
	b.Tree.Version = path.Base(filepath.ToSlash(spec))
	return nil
}

// NoHistory says why a transitive mode sees one version only; empty where it does not.
func (b *Baseline) NoHistory() string {
	if b.repo == nil {
		return "a folder is one version"
	}
	return ""
}

// past is a file in a commit.
type past struct {
	commit, sub string // the root, below the top
	file        string // relative to it
}

// pasts lists the commits before the baseline that changed a file or one of those with it,
// newest first, and what the file was called there. Names are relative to the root.
func (b *Baseline) pasts(ctx context.Context, limit int, file string, with ...string) ([]past, bool, error) {
	at, name := b.commit, path.Join(b.sub, file)
	paths := []string{name}
	for _, f := range with {
		paths = append(paths, path.Join(b.sub, f))
	}
	var out []past
	for {
		// The first one is where the baseline's own content comes from.
		ids, cut, err := b.repo.History(ctx, at, limit+1-len(out), paths...)
		if err != nil {
			return nil, false, err
		}
		born, was, err := b.born(ctx, at, limit+1, name)
		if err != nil {
			return nil, false, err
		}
		n := slices.Index(ids, born) + 1
		if n > 0 {
			ids, cut = ids[:n], false
		}
		for _, id := range ids {
			p := past{id, ".", name}
			if rel, err := filepath.Rel(b.sub, name); err == nil && filepath.IsLocal(rel) {
				p.sub, p.file = b.sub, filepath.ToSlash(rel)
			}
			out = append(out, p)
		}
		if n == 0 || len(out) > limit {
			return out[min(1, len(out)):], cut || n > 0, nil
		}
		at, name = born+"^1", was[name]
		for i, p := range paths {
			paths[i] = cmp.Or(was[p], p)
		}
	}
}

// born is the commit in which a file came under its name from another one, and all that
// was renamed there; empty where it did not, or further back than limit versions.
func (b *Baseline) born(ctx context.Context, at string, limit int, name string) (string, map[string]string, error) {
	ids, cut, err := b.repo.History(ctx, at, limit, name)
	if err != nil || cut || len(ids) == 0 {
		return "", nil, err
	}
	first := ids[len(ids)-1]
	was, err := b.repo.Renamed(ctx, first)
	if err != nil || was[name] == "" {
		return "", nil, err
	}
	return first, was, nil
}

// CatalogHistory loads one document as it was in each commit that changed it or a
// file that it refers to; nil without commits.
func (b *Baseline) CatalogHistory(load func(context.Context, *source.Tree) (*catalog.Catalog, error)) History {
	if b.repo == nil {
		return nil
	}
	return func(ctx context.Context, document string, limit int) ([]Side, bool, error) {
		now, err := load(ctx, &source.Tree{FS: b.Tree.FS, Paths: []string{document}, Version: b.Tree.Version})
		if now == nil {
			return nil, false, err
		}
		pasts, cut, err := b.pasts(ctx, limit, document, now.Files...)
		if err != nil {
			return nil, false, err
		}
		var sides []Side
		for _, p := range pasts {
			tree, err := b.tree(ctx, p.commit, p.sub, []string{p.file})
			if err != nil {
				return nil, false, err
			}
			if len(tree.Paths) == 0 {
				continue
			}
			c, err := load(ctx, tree)
			if c == nil {
				return nil, false, err
			}
			sides = append(sides, Side{Catalog: c, Version: tree.Version})
		}
		return sides, cut, nil
	}
}

// Files is the baseline of cur as a tree of bare schema files.
func (b *Baseline) Files(cur Tree) (Tree, error) {
	if b.repo == nil && len(cur.Roots) > 1 {
		return Tree{}, &BaselineError{
			reason: fmt.Sprintf("a folder as baseline is compared with one path, got %d", len(cur.Roots)),
			hint:   "name one path, or a git ref",
		}
	}
	t, err := FilesOf(b.Tree)
	if err != nil {
		return Tree{}, err
	}
	t.NoHistory = b.NoHistory()
	if b.repo == nil {
		t.Apart = true
		return t, nil
	}
	if b.Moved != nil {
		gone, err := b.Moved.Files(cur)
		if err != nil {
			return Tree{}, err
		}
		t.Gone = &gone
	}
	t.Earlier = func(ctx context.Context, file string, limit int) ([]Tree, bool, error) {
		pasts, cut, err := b.pasts(ctx, limit, file)
		if err != nil {
			return nil, false, err
		}
		var trees []Tree
		for _, p := range pasts {
			tree, err := b.tree(ctx, p.commit, p.sub, nil)
			if err != nil {
				return nil, false, err
			}
			trees = append(trees, Tree{FS: tree.FS, Version: tree.Version, Files: []string{p.file}})
		}
		return trees, cut, nil
	}
	return t, nil
}

// FilesOf lists the bare schema files below the paths of a tree.
func FilesOf(t *source.Tree) (Tree, error) {
	out := Tree{FS: t.FS, Version: t.Version, Roots: t.Paths}
	for _, p := range t.Paths {
		files, maybe, err := SchemaFiles(t.FS, p)
		if err != nil {
			return Tree{}, err
		}
		out.Files, out.Maybe = append(out.Files, files...), append(out.Maybe, maybe...)
	}
	// Paths may overlap, and a file that is named itself is one to be compared.
	slices.Sort(out.Files)
	out.Files = slices.Compact(out.Files)
	slices.Sort(out.Maybe)
	out.Maybe = slices.DeleteFunc(slices.Compact(out.Maybe), func(f string) bool {
		_, found := slices.BinarySearch(out.Files, f)
		return found
	})
	return out, nil
}

// Problems turns what could not be read of the baseline into findings: what is missing
// there looks new, and a break in it would go unseen.
func (b *Baseline) Problems(err error, unproven finding.Severity) []finding.Finding {
	if err == nil {
		return nil
	}
	out := []finding.Finding{{Subject: finding.Subject{Kind: "baseline", Name: b.Words}, Message: err.Error()}}
	if le, ok := errors.AsType[*catalog.LoadErrors](err); ok {
		out = le.Findings()
	}
	for i := range out {
		out[i].Rule, out[i].Severity, out[i].Unproven = "compat/invalid-baseline", unproven, true
		out[i].Message = "in " + b.Words + ": " + out[i].Message
		out[i].Details = append(out[i].Details, finding.Detail{Label: "proof", Text: "this file was not compared"})
	}
	return out
}
