package commands

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/catalog/source"
	"github.com/weirhq/weir/compat"
	"github.com/weirhq/weir/internal/config"
	"github.com/weirhq/weir/internal/term"
)

type catalogDiffOptions struct {
	catalogFlags
	old, new string
	format   term.Format
}

func newCatalogDiff(d *Deps) *cobra.Command {
	o := &catalogDiffOptions{}
	c := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Compare two catalogs, one entry for each edit",
		Long: doc(`
			Compare two catalogs. OLD and NEW are files, folders or git references (git:REF, or
			git:REF... for the commit where HEAD left REF); a git reference is read at the
			paths of the catalog. Each edit is one entry, classed by who has to act. Payload
			edits are listed here and judged by weir compat. Nothing is written.`),
		Example: doc(`
			# What does this branch change?
			$ weir catalog diff git:main... .

			# Two folders
			$ weir catalog diff old/ new/`),
		Args:        exactly("OLD", "NEW"),
		Annotations: map[string]string{Offline: "yes", Next: "weir compat check --against git:main..."},
		RunE: func(c *cobra.Command, args []string) error {
			o.old, o.new = args[0], args[1]
			return runCatalogDiff(c.Context(), d, o)
		},
	}
	flagFormat(c, &o.format, term.TextFormat, term.JSON, term.YAML, term.TSV, term.Markdown)
	o.bind(c.Flags())
	return c
}

type catalogDiff struct {
	Old      string           `json:"old"`
	New      string           `json:"new"`
	Breaking int              `json:"breaking"`
	Changes  []catalog.Change `json:"changes"`
}

func runCatalogDiff(ctx context.Context, d *Deps, o *catalogDiffOptions) error {
	cfg, err := d.Config()
	if err != nil {
		return err
	}
	a, errA := d.catalogAt(ctx, cfg, o, o.old)
	if a == nil {
		return errA
	}
	b, errB := d.catalogAt(ctx, cfg, o, o.new)
	if b == nil {
		return errB
	}
	r := &catalogDiff{Old: o.old, New: o.new, Changes: catalog.Diff(a, b)}
	for i := range r.Changes {
		if r.Changes[i].Breaking {
			r.Breaking++
		}
	}
	if err := d.Out.Emit(o.format, "catalog_diff", r, viewCatalogDiff(r, o.format)); err != nil {
		return err
	}
	return cmp.Or(errA, errB)
}

// catalogAt loads one side. With load errors it returns what could be read beside
// them.
func (d *Deps) catalogAt(ctx context.Context, cfg *config.Config, o *catalogDiffOptions, spec string) (*catalog.Catalog, error) {
	dir := cfg.Env().Dir
	if strings.HasPrefix(spec, "git:") {
		cur, err := source.Open(source.Where{
			Cwd: dir, RefRoot: firstOf(o.refRoot, cfg.Project.Catalog.RefRoot), ConfigDir: cfg.Root,
			Paths: o.paths, Defaults: cfg.Project.Catalog.Paths,
		})
		if err != nil {
			return nil, catalogFailure(err)
		}
		defer func() { _ = cur.Close() }()
		side, err := compat.OpenBaseline(ctx, spec, dir, cur)
		if err != nil {
			return nil, err
		}
		defer side.Close()
		c, err := catalog.Load(ctx, catalogOptions(cfg, &o.catalogFlags, side.Tree))
		return c, catalogFailure(err)
	}
	path := spec
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	if _, err := os.Stat(path); err != nil {
		return nil, usage("name a file or folder that exists, or git:REF", "read catalog %s: there is no such file or folder", spec)
	}
	// Each side is a catalog of its own: its root is the folder that was named, so
	// that the same file has the same name on both sides.
	root := o.refRoot
	if root == "" {
		root = path
		if st, err := os.Stat(path); err == nil && !st.IsDir() {
			root = filepath.Dir(path)
		}
	}
	tree, err := source.Open(source.Where{Cwd: dir, RefRoot: root, Paths: []string{path}})
	if err != nil {
		return nil, catalogFailure(err)
	}
	defer func() { _ = tree.Close() }()
	c, err := catalog.Load(ctx, catalogOptions(cfg, &o.catalogFlags, tree))
	return c, catalogFailure(err)
}
