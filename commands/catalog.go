package commands

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/internal/suggest"
)

func newCatalog(d *Deps) *cobra.Command {
	return noun(d, "catalog", "Validate, search, draw and compare AsyncAPI documents", Govern, nil,
		newCatalogValidate, newCatalogList, newCatalogShow, newCatalogSearch,
		newCatalogGraph, newCatalogDiff, newCatalogDocs, newCatalogInit)
}

// completeChannels offers the channels and applications of the catalog.
func (d *Deps) completeChannels(f *catalogFlags) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		cat, _ := d.Catalog(c.Context(), f, false)
		if cat == nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return channelNames(cat), cobra.ShellCompDirectiveNoFileComp
	}
}

func channelNames(cat *catalog.Catalog) []string {
	var names []string
	for _, s := range cat.Streams() {
		names = append(names, s.Name)
	}
	for _, a := range cat.Applications {
		names = append(names, a.Name())
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// readCatalog loads for commands that show: what cannot be read is told on standard
// error and the rest is shown; the error comes back to be returned at the end.
func (d *Deps) readCatalog(ctx context.Context, f *catalogFlags) (cat *catalog.Catalog, loadErr, err error) {
	cat, err = d.Catalog(ctx, f, false)
	if cat == nil {
		return nil, nil, err
	}
	return cat, err, nil
}

// notInCatalog is a name that nothing has. With documents that could not be loaded
// nobody knows that, and they are the error.
func notInCatalog(cat *catalog.Catalog, name string, loadErr error) error {
	if loadErr != nil {
		return &Error{
			code: CatalogCode, subject: name, hint: "weir catalog validate lists every load error",
			err: fmt.Errorf("find %s: not in what could be loaded: %w", name, loadErr),
		}
	}
	names := channelNames(cat)
	hint := "weir catalog search finds parts of names, weir catalog list shows what there is"
	if near := suggest.Nearest(name, names); near != "" {
		hint = "did you mean " + near + "?"
	}
	return &Error{
		code: NotFound, subject: name, hint: hint,
		err: fmt.Errorf("find %s: no channel, message, application or owner of the catalog has this name", name),
	}
}

// nothing is what an empty list says: only a catalog that was loaded whole has none.
func nothing(text string, loadErr error) string {
	if loadErr != nil {
		text += " in what could be loaded"
	}
	return text + "."
}

// teamOf is the owner of a stream: its definition's, else the first one known.
func teamOf(cat *catalog.Catalog, s *catalog.Stream) string {
	if def := s.Definition(); def != nil && def.Owner.Known() {
		return def.Owner.V.Team
	}
	if s.Channels[0].Topic != "" {
		return cat.Owner(s.Name).V.Team
	}
	return ""
}

func appsOf(ops []*catalog.Operation) []string {
	names := []string{}
	for _, op := range ops {
		names = append(names, op.App.Name())
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func protocolOf(s *catalog.Stream) string { return cmp.Or(s.Protocol, "unknown") }
