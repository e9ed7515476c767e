package commands

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/internal/term"
)

type catalogDocsOptions struct {
	catalogFlags
	out    string
	format term.Format
}

func newCatalogDocs(d *Deps) *cobra.Command {
	o := &catalogDocsOptions{}
	c := &cobra.Command{
		Use:   "docs --out DIR [PATH...]",
		Short: "Write one Markdown page for each channel, and an index",
		Long: doc(`
			Write the catalog as Markdown: index.md, and a page for each channel with its owner,
			producers, consumers, settings, fields and examples. Pages that are there are
			overwritten; no other file is touched. Nothing is written when a file of the catalog
			cannot be loaded.`),
		Example: doc(`
			# Pages for the site of the repository
			$ weir catalog docs --out docs/events`),
		Annotations: map[string]string{Offline: "yes"},
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.paths = args
			}
			return runCatalogDocs(c.Context(), d, o)
		},
	}
	flagFormat(c, &o.format, term.TextFormat, term.JSON, term.Name)
	o.bind(c.Flags())
	c.Flags().StringVar(&o.out, "out", "", "folder to write to (required)")
	return c
}

func runCatalogDocs(ctx context.Context, d *Deps, o *catalogDocsOptions) error {
	if o.out == "" {
		return usage("", "missing flag --out DIR")
	}
	cfg, err := d.Config()
	if err != nil {
		return err
	}
	cat, err := d.Catalog(ctx, &o.catalogFlags, false)
	if err != nil {
		return err
	}
	dir := o.out
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(cfg.Env().Dir, dir)
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return failed(o.out, "", "write pages: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return failed(o.out, "", "write pages: %w", err)
	}
	defer func() { _ = root.Close() }()
	pages := cat.Docs()
	names := slices.Sorted(maps.Keys(pages))
	for _, name := range names {
		if err := root.WriteFile(name, pages[name], 0o644); err != nil {
			return failed(name, "", "write page: %w", err)
		}
	}
	return d.Out.Emit(o.format, "catalog_docs", map[string]any{"out": o.out, "pages": names}, term.View{
		Text:  func(p *term.Page) { p.Line("Wrote %s to %s.", plural(len(names), "page"), o.out) },
		Names: func() []string { return names },
	})
}
