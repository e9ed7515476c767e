package commands

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/catalog/source"
	"github.com/weirhq/weir/compat"
	"github.com/weirhq/weir/finding"
	"github.com/weirhq/weir/internal/config"
)

// baseline is what a work tree is compared with.
type baseline struct {
	// spec is as written: git:main..., registry:URL, a folder, or none.
	spec string
	// words name it in the report.
	words string
	tree  *source.Tree
	repo  *source.Repo
	// commit and sub are of a git tree: the commit, and the root below the top.
	commit, sub string
	close       []func() error
}

func (b *baseline) Close() {
	for _, c := range slices.Backward(b.close) {
		_ = c() // read only
	}
}

// againstWhat decides the baseline: the flag, weir.yaml, the pull request of CI.
func againstWhat(flag string, cfg *config.Config) (string, error) {
	env := cfg.Env().Getenv
	if s := cmp.Or(flag, cfg.Project.Compat.Against); s != "" {
		return s, nil
	}
	if ref := env("GITHUB_BASE_REF"); ref != "" {
		return "git:origin/" + ref + "...", nil
	}
	if sha := env("CI_MERGE_REQUEST_DIFF_BASE_SHA"); sha != "" {
		return "git:" + sha, nil
	}
	return "", usage("name one with --against git:main..., or set compat.against in weir.yaml; --against none only compares senders with receivers",
		"there is no baseline to compare with")
}

// openBaseline opens the other version of a tree. For none it has no tree.
func openBaseline(ctx context.Context, spec string, cfg *config.Config, cur *source.Tree, args []string) (*baseline, error) {
	b := &baseline{spec: spec, words: spec}
	if spec == "none" {
		b.words = ""
		return b, nil
	}
	ref, isGit := strings.CutPrefix(spec, "git:")
	if !isGit {
		return b, b.openFolder(cfg, args)
	}
	repo, err := source.OpenRepo(ctx, cur.Dir)
	if err != nil {
		return nil, err
	}
	b.repo = repo
	b.close = append(b.close, repo.Close)
	if base, ok := strings.CutSuffix(ref, "..."); ok {
		b.commit, err = repo.MergeBase(ctx, base)
	} else {
		b.commit, err = repo.Commit(ctx, ref)
	}
	if err != nil {
		b.Close()
		return nil, err
	}
	top, err := filepath.EvalSymlinks(repo.Top)
	if err != nil {
		top = repo.Top
	}
	rel, err := filepath.Rel(top, cur.Dir)
	if err != nil {
		b.Close()
		return nil, failed(cur.Dir, "", "compare with %s: %w", spec, err)
	}
	b.sub = filepath.ToSlash(rel)
	b.words = spec
	if short := shortCommit(b.commit); short != ref {
		b.words += " (" + short + ")"
	}
	if b.tree, err = repo.Tree(ctx, b.commit, b.sub); err != nil {
		b.Close()
		return nil, err
	}
	b.tree.Version = shortCommit(b.commit)
	b.tree.Paths = existing(b.tree.FS, cur.Paths)
	return b, nil
}

func shortCommit(id string) string { return id[:min(len(id), 8)] }

// existing keeps the paths that the tree has: what is new has no past.
func existing(fsys fs.FS, paths []string) []string {
	out := []string{}
	for _, p := range paths {
		if _, err := fs.Stat(fsys, p); err == nil {
			out = append(out, p)
		}
	}
	return out
}

func (b *baseline) openFolder(cfg *config.Config, args []string) error {
	if len(args) > 1 {
		return usage("name one path, or a git ref", "a folder as baseline is compared with one path, got %d", len(args))
	}
	tree, err := source.Open(source.Where{Cwd: cfg.Env().Dir, Paths: []string{b.spec}})
	if errors.Is(err, fs.ErrNotExist) {
		return usage("--against takes git:REF, git:REF..., registry:URL, or a folder that exists", "read baseline %s: there is no such folder", b.spec)
	}
	if err != nil {
		return err
	}
	if _, err := fs.Stat(tree.FS, tree.Paths[0]); err != nil {
		_ = tree.Close()
		return usage("--against takes git:REF, git:REF..., registry:URL, or a folder that exists", "read baseline %s: there is no such folder", b.spec)
	}
	b.tree = tree
	b.tree.Version = path.Base(filepath.ToSlash(b.spec))
	b.close = append(b.close, tree.Close)
	return nil
}

// noHistory says why a transitive mode sees one version only.
func (b *baseline) noHistory() string {
	if b.repo == nil {
		return "a folder is one version"
	}
	return ""
}

// commits lists the commits before the baseline that changed one of the files, which
// are relative to the catalog's root.
func (b *baseline) commits(ctx context.Context, limit int, files ...string) ([]string, bool, error) {
	paths := make([]string, len(files))
	for i, f := range files {
		paths[i] = path.Join(b.sub, f)
	}
	// The first one is where the baseline's own content comes from.
	ids, cut, err := b.repo.History(ctx, b.commit, limit+1, paths...)
	if err != nil {
		return nil, false, err
	}
	if len(ids) > 0 {
		ids = ids[1:]
	}
	return ids, cut, nil
}

// catalogHistory loads one document as it was in each commit that changed it or a
// file that it refers to.
func (b *baseline) catalogHistory(load func(context.Context, *source.Tree) (*catalog.Catalog, error)) compat.History {
	if b.repo == nil {
		return nil
	}
	return func(ctx context.Context, document string, limit int) ([]compat.Side, bool, error) {
		now, err := load(ctx, &source.Tree{FS: b.tree.FS, Paths: []string{document}, Version: b.tree.Version})
		if now == nil {
			return nil, false, err
		}
		ids, cut, err := b.commits(ctx, limit, now.Files...)
		if err != nil {
			return nil, false, err
		}
		var sides []compat.Side
		for _, id := range ids {
			tree, err := b.repo.Tree(ctx, id, b.sub)
			if err != nil {
				return nil, false, err
			}
			if tree.Paths = existing(tree.FS, []string{document}); len(tree.Paths) == 0 {
				continue
			}
			c, err := load(ctx, tree)
			if c == nil {
				return nil, false, err
			}
			sides = append(sides, compat.Side{Catalog: c, Version: shortCommit(id)})
		}
		return sides, cut, nil
	}
}

// fileHistory is the same for a bare schema file.
func (b *baseline) fileHistory() func(context.Context, string, int) ([]compat.Tree, bool, error) {
	if b.repo == nil {
		return nil
	}
	return func(ctx context.Context, file string, limit int) ([]compat.Tree, bool, error) {
		ids, cut, err := b.commits(ctx, limit, file)
		if err != nil {
			return nil, false, err
		}
		var trees []compat.Tree
		for _, id := range ids {
			tree, err := b.repo.Tree(ctx, id, b.sub)
			if err != nil {
				return nil, false, err
			}
			trees = append(trees, compat.Tree{FS: tree.FS, Version: shortCommit(id)})
		}
		return trees, cut, nil
	}
}

// baselineProblems turns what could not be read on the old side into findings: what
// is missing there looks new, and a break in it would go unseen.
func baselineProblems(err error, sev finding.Severity, words string) []finding.Finding {
	le, ok := errors.AsType[*catalog.LoadErrors](err)
	if !ok {
		return nil
	}
	fs := le.Findings()
	for i := range fs {
		fs[i].Rule, fs[i].Severity = "compat/invalid-baseline", sev
		fs[i].Message = "in " + words + ": " + fs[i].Message
		fs[i].Details = append(fs[i].Details, finding.Detail{Label: "proof", Text: "unproven: this file was not compared"})
	}
	return fs
}
