package commands

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/catalog/source"
	"github.com/weirhq/weir/compat"
	"github.com/weirhq/weir/finding"
	"github.com/weirhq/weir/internal/config"
)

// diffSide is one of the two catalogs, with what could not be loaded.
type diffSide struct {
	cat *catalog.Catalog
	err error
}

// lost reports whether something of the other side may be missing here only because
// its document could not be loaded.
func (s diffSide) lost(at finding.Position) bool {
	return s.err != nil && !slices.ContainsFunc(s.cat.Applications, func(a *catalog.Application) bool { return a.File == at.File })
}

func (d *Deps) diffSide(ctx context.Context, cfg *config.Config, o *catalogDiffOptions, spec, other string) diffSide {
	load := func(t *source.Tree) diffSide {
		c, err := catalog.Load(ctx, catalogOptions(cfg, &o.catalogFlags, t))
		return diffSide{c, catalogFailure(err)}
	}
	w := o.where(cfg)
	git := strings.HasPrefix(spec, "git:")
	path := spec
	if git {
		path = other
	} else if !d.isThere(spec) {
		return diffSide{err: usage("name a file or folder that exists, or git:REF", "read catalog %s: there is no such file or folder", spec)}
	}
	switch {
	case !git && !strings.HasPrefix(other, "git:"), !git && !below(w.Cwd, spec):
		// A catalog of its own: its root is the folder that was named, so that the same
		// file has the same name on both sides.
		w = source.Where{Cwd: w.Cwd, RefRoot: o.refRoot, Paths: []string{spec}}
		if w.RefRoot == "" {
			w.RefRoot = folderOf(w.Cwd, spec)
		}
	case !git || len(o.paths) == 0 && !strings.HasPrefix(path, "git:") && d.isThere(path) && below(w.Cwd, path):
		w.Paths = []string{path} // the commit is read where the other side lies
	}
	tree, err := source.Open(w)
	if err != nil {
		return diffSide{err: catalogFailure(err)}
	}
	defer func() { _ = tree.Close() }()
	if !git {
		return load(tree)
	}
	base, err := compat.OpenBaseline(ctx, spec, w.Cwd, tree)
	if err != nil {
		return diffSide{err: err}
	}
	defer base.Close()
	if len(base.Tree.Paths) > 0 {
		return load(base.Tree)
	}
	for _, p := range tree.Paths { // what is new has no past
		if _, err := fs.Stat(tree.FS, p); err == nil {
			return diffSide{cat: &catalog.Catalog{}}
		}
	}
	return diffSide{err: usage("name files or folders of the catalog", "read catalog %s: it has no %s", spec, strings.Join(tree.Paths, ", "))}
}

func below(dir, path string) bool {
	if filepath.IsAbs(path) {
		rel, err := filepath.Rel(dir, path)
		return err == nil && filepath.IsLocal(rel)
	}
	return filepath.IsLocal(path)
}

// folderOf is the folder that a path is, or lies in.
func folderOf(dir, path string) string {
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	if st, err := os.Stat(path); err == nil && !st.IsDir() {
		return filepath.Dir(path)
	}
	return path
}
