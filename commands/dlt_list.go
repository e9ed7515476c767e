package commands

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/dlt"
	"github.com/weirhq/weir/internal/term"
)

type dltListOptions struct {
	topics  []string
	depth   int64
	fail    bool
	noCount bool
	catalog catalogFlags
	format  term.Format
}

func newDLTList(d *Deps) *cobra.Command {
	o := &dltListOptions{depth: -1}
	c := &cobra.Command{
		Use:     "list [TOPIC...]",
		Aliases: []string{"ls"},
		Short:   "List dead letter topics and what nobody has handled yet",
		Long: doc(`
			Find dead letter topics by the catalog, by name, by the names and settings of consumer groups, and by content (a
			look at the last records of every other topic), and count what they hold. Three figures, never one: SPAN counts offsets, STORED the records a read_committed reader sees, UNRESOLVED those that were neither
			replayed nor discarded. Letters count, not the records behind them: of one that died twice a plan takes the newest
			letter, and the other stays unresolved until it is discarded. What is not known is shown as -, never as 0. Topics are read, nothing is written.`),
		Example: doc(`
			# Does anything wait for me?
			$ weir dlt list

			# A gate for a script
			$ weir dlt list --fail-on-depth 0`),
		Annotations:       map[string]string{Next: "weir dlt inspect TOPIC", ExitCodes: "3  with --fail-on-depth: more unresolved records than that, offsets behind an open transaction with them, or a figure is not known\n4  a topic could not be read; the list says which and why"},
		ValidArgsFunction: d.completeTopics(true),
		RunE: func(c *cobra.Command, args []string) error {
			o.topics = args
			if o.fail = c.Flags().Changed("fail-on-depth"); o.fail && o.depth < 0 {
				return usage("", "--fail-on-depth %d: use 0 or more", o.depth)
			}
			return runDLTList(c.Context(), d, o)
		},
	}
	flagFormat(c, &o.format, term.TextFormat, term.Wide, term.JSON, term.YAML, term.TSV, term.Name)
	o.catalog.bind(c.Flags())
	c.Flags().Int64Var(&o.depth, "fail-on-depth", -1, "exit 3 when more records than this are unresolved in any topic")
	c.Flags().BoolVar(&o.noCount, "no-count", false, "spans only: nothing is read")
	return c
}

// dltCatalog is the catalog that says which topics hold dead letters; nil without one.
func (d *Deps) dltCatalog(ctx context.Context, f *catalogFlags) (*catalog.Catalog, error) {
	cfg, err := d.Config()
	if err != nil {
		return nil, err
	}
	if len(f.paths) == 0 && len(cfg.Project.Catalog.Paths) == 0 {
		return nil, nil //nolint:nilnil // no catalog is no error
	}
	cat, err := d.Catalog(ctx, f, false)
	if cat == nil {
		return nil, err
	}
	return cat, nil
}

// declaredDLTs are the dead letter topics of the catalog, with their owners. Those of consumers of other protocols are no
// topics.
func declaredDLTs(cat *catalog.Catalog) map[string]string {
	out := map[string]string{}
	if cat == nil {
		return out
	}
	for op := range cat.Operations() {
		if t := op.DLT(); t != nil && t.Topic != "" && (op.Channel == nil || op.Channel.Kafka()) {
			out[t.Topic] = fmt.Sprint(cmp.Or(t.Owner.V, op.Owner.V))
		}
	}
	return out
}

func runDLTList(ctx context.Context, d *Deps, o *dltListOptions) error {
	dec, err := d.dltDecoder()
	if err != nil {
		return err
	}
	cat, err := d.dltCatalog(ctx, &o.catalog)
	if err != nil {
		return err
	}
	progress := d.Out.Progress("counting dead letters", d.Now)
	conn, err := d.dltConn(ctx, func(e dlt.Event) { progress.Update(e.Done, e.Total) })
	if err != nil {
		return err
	}
	list, err := conn.List(ctx, dec, dlt.ListOptions{Declared: declaredDLTs(cat), Only: o.topics, NoCount: o.noCount})
	progress.Done()
	if err != nil {
		return dltFailure("list dead letters", "", err)
	}
	for i := range list.Topics {
		t := &list.Topics[i]
		if cat == nil || t.Error == nil || !slices.ContainsFunc(noSuchTopic, func(e *kerr.Error) bool { return strings.HasPrefix(*t.Error, e.Message) }) {
			continue
		}
		if ch := cat.OtherProtocol(t.Topic); ch != nil {
			t.Error = new(ch.NotLive())
		}
	}
	for _, n := range list.Notes {
		d.Log.Warn(n)
	}
	if err := d.Out.Emit(o.format, "dlt_list", list, viewDLTList(list, d.Now())); err != nil {
		return err
	}
	unread := false
	for _, t := range list.Topics {
		if o.fail && t.Class == dlt.Dead && t.Exceeds(o.depth) {
			return errGate
		}
		unread = unread || t.Error != nil
	}
	return partly(unread)
}
