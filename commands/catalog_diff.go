package commands

import (
	"cmp"
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/catalog"
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
			git:REF... for the commit where HEAD left REF). A git reference is read at the path
			of the other side, with --catalog or two references at the paths of the catalog.
			Each edit is one entry, classed by who has to act. Payload edits are listed here and
			judged by weir compat. Nothing is written.`),
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
	a := d.diffSide(ctx, cfg, o, o.old, o.new)
	if a.cat == nil {
		return a.err
	}
	b := d.diffSide(ctx, cfg, o, o.new, o.old)
	if b.cat == nil {
		return b.err
	}
	r := &catalogDiff{Old: o.old, New: o.new, Changes: slices.DeleteFunc(catalog.Diff(a.cat, b.cat), func(c catalog.Change) bool {
		return c.NewAt.IsZero() && b.lost(c.OldAt) || c.OldAt.IsZero() && a.lost(c.NewAt)
	})}
	for i := range r.Changes {
		if r.Changes[i].Breaking {
			r.Breaking++
		}
	}
	loadErr := cmp.Or(a.err, b.err)
	return cmp.Or(d.Out.Emit(o.format, "catalog_diff", r, viewCatalogDiff(r, o.format, loadErr)), loadErr)
}
