package commands

import (
	"cmp"
	"context"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/internal/safetext"
	"github.com/weirhq/weir/internal/term"
)

// The formats of drawings.
const (
	mermaidFormat term.Format = "mermaid"
	dotFormat     term.Format = "dot"
)

type catalogGraphOptions struct {
	catalogFlags
	around string
	depth  int
	format term.Format
}

func newCatalogGraph(d *Deps) *cobra.Command {
	o := &catalogGraphOptions{}
	c := &cobra.Command{
		Use:   "graph [PATH...]",
		Short: "Draw who sends what to whom",
		Long: doc(`
			Draw producers, channels, consumers and their dead-letter topics as the catalog
			declares them, as Mermaid (which code hosts render), Graphviz or JSON. Channels of
			every protocol are drawn. Nothing is connected to.`),
		Example: doc(`
			# A picture for a README
			$ weir catalog graph

			# What touches this topic?
			$ weir catalog graph --around orders.order.v1 -o dot`),
		Annotations: map[string]string{Offline: "yes"},
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.paths = args
			}
			if c.Flags().Changed("depth") && o.around == "" {
				return usage("", "--depth counts the steps from --around NAME")
			}
			return runCatalogGraph(c.Context(), d, o)
		},
	}
	flagFormat(c, &o.format, mermaidFormat, dotFormat, term.JSON)
	o.bind(c.Flags())
	c.Flags().StringVar(&o.around, "around", "", "only what is near this channel, application or owner")
	c.Flags().IntVar(&o.depth, "depth", 1, "how many steps --around goes")
	return c
}

func runCatalogGraph(ctx context.Context, d *Deps, o *catalogGraphOptions) error {
	if o.depth < 0 {
		return usage("", "--depth %d: use 0 or more", o.depth)
	}
	cat, loadErr, err := d.readCatalog(ctx, &o.catalogFlags)
	if err != nil {
		return err
	}
	g := cat.Graph()
	if o.around != "" {
		if g = g.Around(o.around, o.depth); g == nil {
			return notInCatalog(cat, o.around, loadErr)
		}
	}
	err = d.Out.Emit(o.format, "catalog_graph", g, term.View{Text: func(p *term.Page) { drawGraph(p, g, o.format) }})
	return cmp.Or(err, loadErr)
}

func drawGraph(p *term.Page, g *catalog.Graph, f term.Format) {
	text := g.Mermaid()
	if f == dotFormat {
		text = g.DOT()
	}
	p.Block("", safetext.NeutraliseLines(text))
}
