package commands

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/internal/term"
	"github.com/weirhq/weir/plan"
)

type exportOptions struct {
	dir    string
	format term.Format
}

func newExport(d *Deps) *cobra.Command {
	o := &exportOptions{}
	c := &cobra.Command{
		Use:     "export -d DIR",
		Short:   "Write a cluster down as AsyncAPI documents",
		GroupID: Govern,
		Long: doc(`
			Write the topics in scope with their own settings, and the roles that follow from
			rights and groups, as AsyncAPI 3 documents: a start for a catalog. Planning them
			against the same cluster shows no change. Rights that no role stands for are
			listed. The cluster is only read; existing files are not replaced.`),
		Example: doc(`
			# Start a catalog from what is there
			$ weir export -d catalog

			# And see that it says the same
			$ weir plan catalog`),
		Args:        none,
		Annotations: map[string]string{Next: "weir plan DIR"},
		RunE: func(c *cobra.Command, _ []string) error {
			if o.dir == "" {
				return usage("name a folder with -d DIR", "export: no folder is named")
			}
			return runExport(c.Context(), d, o)
		},
	}
	flagFormat(c, &o.format, term.TextFormat, term.JSON, term.YAML)
	c.Flags().StringVarP(&o.dir, "dir", "d", "", "folder to write to; it is made when needed")
	return c
}

func runExport(ctx context.Context, d *Deps, o *exportOptions) error {
	cfg, err := d.Config()
	if err != nil {
		return err
	}
	conn, err := d.Cluster(ctx)
	if err != nil {
		return err
	}
	e, err := plan.ExportOf(ctx, conn, plan.Scope{Prefixes: cfg.Project.Scope.Prefixes, Ignore: cfg.Project.Scope.Ignore})
	if err != nil {
		return err
	}
	names := slices.Sorted(maps.Keys(e.Files))
	if err := os.MkdirAll(o.dir, 0o750); err != nil {
		return failed(o.dir, "", "export: %w", err)
	}
	for _, n := range names {
		if _, err := os.Lstat(filepath.Join(o.dir, n)); err == nil {
			return failed(filepath.Join(o.dir, n), "choose an empty folder", "export: %s exists and is not replaced, nothing was written", filepath.Join(o.dir, n))
		}
	}
	for _, n := range names {
		if err := os.WriteFile(filepath.Join(o.dir, n), e.Files[n], 0o600); err != nil {
			return failed(n, "", "export: %w", err)
		}
	}
	for _, n := range e.Notes {
		d.Log.Warn(n)
	}
	report := struct {
		Dir   string   `json:"dir"`
		Files []string `json:"files"`
		*plan.Export
	}{o.dir, names, e}
	return d.Out.Emit(o.format, "export", report, term.View{Text: func(p *term.Page) {
		p.Line("Wrote %s and %s in %s to %s.", plural(e.Topics, "topic"), plural(e.Roles, "role"), plural(len(names), "file"), o.dir)
		if len(e.Remainder) > 0 {
			p.Line("No role stands for these rights:")
			for _, r := range e.Remainder {
				p.Line("    %s", r.String())
			}
		}
		p.Line("Compare it with the cluster:  weir plan %s", o.dir)
	}})
}
