package commands

import (
	"cmp"
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/internal/term"
)

type catalogShowOptions struct {
	catalogFlags
	name   string
	format term.Format
}

func newCatalogShow(d *Deps) *cobra.Command {
	o := &catalogShowOptions{}
	c := &cobra.Command{
		Use:   "show NAME",
		Short: "Show a channel, an application or a message with everything around it",
		Long: doc(`
			Show one thing of the catalog: a channel (by topic, address or key) with its owner,
			settings, producers, consumers, dead-letter topics, fields and where each value was
			written; an application with what it does; or a message. Nothing is connected to.`),
		Example: doc(`
			# Who reads this topic, and what is in it?
			$ weir catalog show orders.order.v1

			# What does this application do?
			$ weir catalog show Billing`),
		Args:        exactly("NAME"),
		Annotations: map[string]string{Offline: "yes", Next: "weir catalog graph --around NAME"},
		RunE: func(c *cobra.Command, args []string) error {
			o.name = args[0]
			return runCatalogShow(c.Context(), d, o)
		},
		ValidArgsFunction: d.completeChannels(&o.catalogFlags),
	}
	flagFormat(c, &o.format, term.TextFormat, term.Wide, term.JSON, term.YAML)
	o.bind(c.Flags())
	return c
}

func runCatalogShow(ctx context.Context, d *Deps, o *catalogShowOptions) error {
	cat, loadErr, err := d.readCatalog(ctx, &o.catalogFlags)
	if err != nil {
		return err
	}
	r := findEntry(cat, o.name)
	if r == nil {
		return notInCatalog(cat, o.name, loadErr)
	}
	return cmp.Or(d.Out.Emit(o.format, "catalog_entry", r, viewCatalogEntry(r)), loadErr)
}

// findEntry looks for a channel, then an application, a message, a dead-letter topic
// and an owner with the name.
func findEntry(cat *catalog.Catalog, name string) *catalogEntry {
	r := &catalogEntry{Name: name}
	for _, s := range cat.Streams() {
		if s.Name == name || slices.ContainsFunc(s.Channels, func(c *catalog.Channel) bool { return c.Address == name }) {
			r.Channels = append(r.Channels, channelOf(cat, s))
		}
	}
	if len(r.Channels) == 0 {
		for _, s := range cat.Streams() {
			if slices.ContainsFunc(s.Channels, func(c *catalog.Channel) bool { return c.ID == name && !c.Foreign }) {
				r.Channels = append(r.Channels, channelOf(cat, s))
			}
		}
	}
	if len(r.Channels) > 0 {
		return r
	}
	for _, a := range cat.Applications {
		if a.Name() == name || a.ID == name || a.File == name {
			r.Application = applicationOf(a)
			return r
		}
	}
	for _, s := range cat.Streams() {
		for _, m := range s.Channels[0].Messages {
			if m.ID == name || m.Name == name {
				r.Messages = append(r.Messages, messageOf(s, m))
			}
		}
	}
	if len(r.Messages) > 0 {
		return r
	}
	for _, op := range cat.DeadLetterOf(name) {
		r.DeadLetter = append(r.DeadLetter, operationOf(op))
	}
	if len(r.DeadLetter) > 0 {
		return r
	}
	for _, s := range cat.Streams() {
		if teamOf(cat, s) == name {
			r.Owner = append(r.Owner, channelRow(cat, s))
		}
	}
	if len(r.Owner) > 0 {
		return r
	}
	return nil
}
