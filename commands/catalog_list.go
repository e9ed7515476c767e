package commands

import (
	"cmp"
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/finding"
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
	mine := func(owner string) bool { return o.owner == "" || o.owner == owner }
	var report any
	var view term.View
	switch o.kind {
	case "messages":
		report, view = listMessages(cat, mine)
	case "applications":
		report, view = listApplications(cat, mine)
	case "owners":
		report, view = listOwners(cat, mine)
	default:
		report, view = listChannels(cat, mine)
	}
	err = d.Out.Emit(o.format, "catalog_"+o.kind, report, view)
	return cmp.Or(err, loadErr)
}

// rowsView draws a table and lists the names of rows.
func rowsView[R any](rows []R, empty string, cols []string, cells func(R) []any, name func(R) string) term.View {
	table := func() *term.Table {
		t := term.NewTable(cols...)
		for _, r := range rows {
			t.Row(cells(r)...)
		}
		return t
	}
	return term.View{
		Table: table,
		Text: func(p *term.Page) {
			if len(rows) == 0 {
				p.Line("%s", empty)
				return
			}
			p.Table(table())
		},
		Names: func() []string {
			names := make([]string, len(rows))
			for i, r := range rows {
				names[i] = name(r)
			}
			return names
		},
	}
}

func listChannels(cat *catalog.Catalog, mine func(string) bool) (any, term.View) {
	rows := []catalogChannelRow{}
	for _, s := range cat.Streams() {
		r := catalogChannelRow{
			Name: s.Name, Protocol: protocolOf(s), Family: s.Family, Owner: teamOf(cat, s), Producers: appsOf(s.Producers),
			Consumers: appsOf(s.Consumers), Messages: len(s.Channels[0].Messages), At: s.Channels[0].At,
		}
		if mine(r.Owner) {
			rows = append(rows, r)
		}
	}
	return map[string]any{"channels": rows}, rowsView(rows, "No channels.",
		[]string{"CHANNEL*", "PROTOCOL", "OWNER*", "PRODUCERS*", "CONSUMERS*", ">MESSAGES"},
		func(r catalogChannelRow) []any {
			return []any{r.Name, r.Protocol, cell(r.Owner), listCell(r.Producers), listCell(r.Consumers), r.Messages}
		}, func(r catalogChannelRow) string { return r.Name })
}

func listMessages(cat *catalog.Catalog, mine func(string) bool) (any, term.View) {
	rows := []catalogMessageRow{}
	for _, s := range cat.Streams() {
		ch := s.Channels[0]
		for _, m := range ch.Messages {
			r := catalogMessageRow{
				Name: cmp.Or(m.Name, m.ID), Channel: s.Name, Format: "none", Compatibility: ch.CompatibilityOf(m).V,
				Owner: teamOf(cat, s), At: m.At,
			}
			if m.Payload != nil {
				r.Format = string(m.Payload.Format)
			}
			if mine(r.Owner) {
				rows = append(rows, r)
			}
		}
	}
	return map[string]any{"messages": rows}, rowsView(rows, "No messages.",
		[]string{"MESSAGE*", "CHANNEL*", "FORMAT", "COMPATIBILITY", "OWNER*"},
		func(r catalogMessageRow) []any {
			return []any{r.Name, r.Channel, r.Format, r.Compatibility, cell(r.Owner)}
		}, func(r catalogMessageRow) string { return r.Name })
}

func listApplications(cat *catalog.Catalog, mine func(string) bool) (any, term.View) {
	rows := []catalogApplicationRow{}
	for _, a := range cat.Applications {
		r := catalogApplicationRow{
			Name: a.Name(), ID: a.ID, Owner: a.Owner.V.Team, From: a.Owner.Key, AsyncAPI: a.Spec,
			Sends: []string{}, Receives: []string{}, At: a.At,
		}
		for _, op := range a.Operations {
			if op.Channel == nil {
				continue
			}
			if op.Direction == catalog.Send {
				r.Sends = append(r.Sends, op.Channel.Name())
			} else {
				r.Receives = append(r.Receives, op.Channel.Name())
			}
		}
		slices.Sort(r.Sends)
		slices.Sort(r.Receives)
		r.Sends, r.Receives = slices.Compact(r.Sends), slices.Compact(r.Receives)
		if mine(r.Owner) {
			rows = append(rows, r)
		}
	}
	return map[string]any{"applications": rows}, rowsView(rows, "No applications.",
		[]string{"APPLICATION*", "OWNER*", "FROM", "ASYNCAPI", "SENDS*", "RECEIVES*"},
		func(r catalogApplicationRow) []any {
			return []any{r.Name, cell(r.Owner), cell(r.From), r.AsyncAPI, listCell(r.Sends), listCell(r.Receives)}
		}, func(r catalogApplicationRow) string { return r.Name })
}

func listOwners(cat *catalog.Catalog, mine func(string) bool) (any, term.View) {
	byTeam := map[string]*catalogOwnerRow{}
	row := func(team string) *catalogOwnerRow {
		team = cmp.Or(team, "unknown")
		if byTeam[team] == nil {
			byTeam[team] = &catalogOwnerRow{Owner: team}
		}
		return byTeam[team]
	}
	for _, a := range cat.Applications {
		row(a.Owner.V.Team).Applications++
	}
	for _, s := range cat.Streams() {
		row(teamOf(cat, s)).Channels++
	}
	rows := []catalogOwnerRow{}
	for _, r := range byTeam {
		if mine(r.Owner) {
			rows = append(rows, *r)
		}
	}
	slices.SortFunc(rows, func(a, b catalogOwnerRow) int { return cmp.Compare(a.Owner, b.Owner) })
	return map[string]any{"owners": rows}, rowsView(rows, "No owners.",
		[]string{"OWNER*", ">APPLICATIONS", ">CHANNELS"},
		func(r catalogOwnerRow) []any { return []any{r.Owner, r.Applications, r.Channels} },
		func(r catalogOwnerRow) string { return r.Owner })
}
