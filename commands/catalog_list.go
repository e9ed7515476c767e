package commands

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/finding"
	"github.com/weirhq/weir/internal/suggest"
	"github.com/weirhq/weir/internal/term"
)

type catalogListOptions struct {
	catalogFlags
	kind   string
	owner  string
	format term.Format
}

var catalogKinds = []string{"channels", "messages", "applications", "owners"}

func newCatalogList(d *Deps) *cobra.Command {
	o := &catalogListOptions{}
	c := &cobra.Command{
		Use:     "list [channels|messages|applications|owners] [PATH...]",
		Aliases: []string{"ls"},
		Short:   "List channels, messages, applications or owners",
		Long: doc(`
			List what the catalog holds, channels by default. Channels of every protocol are
			listed; only those of Kafka are topics. Nothing is validated, connected to or
			written.`),
		Example: doc(`
			# Which topics, whose, who sends and who receives?
			$ weir catalog list

			# Whose channels are there, and how many?
			$ weir catalog list owners catalog/`),
		Annotations: map[string]string{Offline: "yes", Next: "weir catalog show NAME"},
		RunE: func(c *cobra.Command, args []string) error {
			o.kind = catalogKinds[0]
			if len(args) > 0 && slices.Contains(catalogKinds, args[0]) {
				o.kind, args = args[0], args[1:]
			}
			if len(args) > 0 {
				o.paths = args
				if near := suggest.Nearest(args[0], catalogKinds); near != "" && !d.isThere(args[0]) {
					return usage("did you mean "+near+"?", "list %s: it is no file and no folder, and not one of %s", args[0], strings.Join(catalogKinds, ", "))
				}
			}
			return runCatalogList(c.Context(), d, o)
		},
		ValidArgs: catalogKinds,
	}
	flagFormat(c, &o.format, term.TextFormat, term.JSON, term.YAML, term.TSV, term.Name)
	o.bind(c.Flags())
	c.Flags().StringVar(&o.owner, "owner", "", "only what this team owns")
	return c
}

// isThere reports whether a path names something on disk.
func (d *Deps) isThere(path string) bool {
	cfg, err := d.Config()
	if err != nil {
		return false
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(cfg.Env().Dir, path)
	}
	_, err = os.Stat(path)
	return err == nil
}

type catalogChannelRow struct {
	Name      string           `json:"name"`
	Protocol  string           `json:"protocol"`
	Family    bool             `json:"family"`
	Owner     string           `json:"owner,omitempty"`
	Producers []string         `json:"producers"`
	Consumers []string         `json:"consumers"`
	Messages  int              `json:"messages"`
	At        finding.Position `json:"at"`
}

type catalogMessageRow struct {
	Name          string           `json:"name"`
	Channel       string           `json:"channel"`
	Format        string           `json:"format"`
	Compatibility string           `json:"compatibility"`
	Owner         string           `json:"owner,omitempty"`
	At            finding.Position `json:"at"`
}

type catalogApplicationRow struct {
	Name     string           `json:"name"`
	ID       string           `json:"id,omitempty"`
	Owner    string           `json:"owner,omitempty"`
	From     string           `json:"owner_from,omitempty"`
	AsyncAPI string           `json:"asyncapi"`
	Sends    []string         `json:"sends"`
	Receives []string         `json:"receives"`
	At       finding.Position `json:"at"`
}

type catalogOwnerRow struct {
	Owner        string `json:"owner"`
	Applications int    `json:"applications"`
	Channels     int    `json:"channels"`
}

func runCatalogList(ctx context.Context, d *Deps, o *catalogListOptions) error {
	cat, loadErr, err := d.readCatalog(ctx, &o.catalogFlags)
	if err != nil {
		return err
	}
	none := func(what string) string { return nothing("No "+what, loadErr) }
	mine := func(owner string) bool { return o.owner == "" || o.owner == owner }
	var report any
	var view term.View
	switch o.kind {
	case "messages":
		report, view = listMessages(cat, mine, none)
	case "applications":
		report, view = listApplications(cat, mine, none)
	case "owners":
		report, view = listOwners(cat, mine, none)
	default:
		report, view = listChannels(cat, mine, none)
	}
	err = d.Out.Emit(o.format, "catalog_"+o.kind, report, view)
	return cmp.Or(err, loadErr)
}
