package commands

import (
	"cmp"
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/internal/term"
)

type catalogSearchOptions struct {
	catalogFlags
	query  string
	limit  int
	format term.Format
}

func newCatalogSearch(d *Deps) *cobra.Command {
	o := &catalogSearchOptions{}
	c := &cobra.Command{
		Use:   "search TERM...",
		Short: "Find channels, messages, fields, applications and owners",
		Long: doc(`
			Search names, fields, descriptions, tags, owners and groups, best match first. All
			words must match; case does not matter. Nothing is validated or connected to.`),
		Example: doc(`
			# Who has an e-mail address in a message?
			$ weir catalog search email

			# Names only, for a script
			$ weir catalog search order -o name --limit 5`),
		Args:        atLeastOne("TERM"),
		Annotations: map[string]string{Offline: "yes", Next: "weir catalog show NAME"},
		RunE: func(c *cobra.Command, args []string) error {
			o.query = strings.Join(args, " ")
			return runCatalogSearch(c.Context(), d, o)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	flagFormat(c, &o.format, term.TextFormat, term.JSON, term.YAML, term.TSV, term.Name)
	o.bind(c.Flags())
	c.Flags().IntVar(&o.limit, "limit", 20, "most results to show, 0 for all")
	return c
}

func runCatalogSearch(ctx context.Context, d *Deps, o *catalogSearchOptions) error {
	if o.limit < 0 {
		return usage("", "--limit %d: use 0 or more", o.limit)
	}
	if strings.TrimSpace(o.query) == "" {
		return usage("", "TERM is empty")
	}
	cat, loadErr, err := d.readCatalog(ctx, &o.catalogFlags)
	if err != nil {
		return err
	}
	hits := cat.Search(o.query)
	total := len(hits)
	if o.limit > 0 && len(hits) > o.limit {
		hits = hits[:o.limit]
	}
	empty := nothing("Nothing found", loadErr)
	if words := strings.Fields(o.query); len(words) > 1 && d.isThere(words[len(words)-1]) {
		empty += " " + words[len(words)-1] + " was taken for a word; --catalog names a path."
	}
	v := rowsView(hits, empty, []string{"KIND", "NAME*", "IN*", "MATCH*", "AT"},
		func(h catalog.Hit) []any {
			match := h.Where
			if h.Text != "" {
				match += ": " + h.Text
			}
			return []any{h.Kind, h.Name, h.In, match, h.At.String()}
		}, func(h catalog.Hit) string { return h.Name })
	text := v.Text
	v.Text = func(p *term.Page) {
		text(p)
		if total > len(hits) {
			p.Line("")
			p.Line("%d of %d; --limit 0 shows all.", len(hits), total)
		}
	}
	err = d.Out.Emit(o.format, "catalog_search", map[string]any{"query": o.query, "total": total, "hits": hits}, v)
	return cmp.Or(err, loadErr)
}
