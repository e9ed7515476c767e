package commands

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/dlt"
	"github.com/weirhq/weir/internal/term"
)

type dltDiscardOptions struct {
	sel     selectFlags
	reason  string
	confirm confirmation
	format  term.Format
}

func newDLTDiscard(d *Deps) *cobra.Command {
	o := &dltDiscardOptions{}
	c := &cobra.Command{
		Use:   "discard TOPIC --reason TEXT",
		Short: "Note that dead letters are not to be replayed",
		Long: doc(`
			Write down that dead letters are handled without a replay, and why. They count as resolved from then on and
			stay in the topic until a purge. Nothing is deleted.`),
		Example: doc(`
			# Test data of one producer
			$ weir dlt discard orders-dlt --origin orders.test --reason "load test of 12 May"`),
		Annotations:       map[string]string{Next: "weir dlt purge TOPIC"},
		Args:              exactly("TOPIC"),
		ValidArgsFunction: d.completeTopics(false),
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case o.reason == "":
				return usage("say why with --reason", "no reason is given")
			case !o.sel.any():
				return usage("name them with --cause, --offsets, --where, ...", "no selection is given")
			}
			return runDLTDiscard(c.Context(), d, args[0], o)
		},
	}
	flagFormat(c, &o.format, term.TextFormat, term.JSON)
	o.sel.bind(c.Flags())
	c.Flags().StringVar(&o.reason, "reason", "", "why, for whoever looks at the journal")
	c.Flags().BoolVar(&o.confirm.yes, "yes", false, "do not ask")
	c.Flags().BoolVar(&o.confirm.dryRun, "dry-run", false, "show what would be done")
	return c
}

func runDLTDiscard(ctx context.Context, d *Deps, topic string, o *dltDiscardOptions) error {
	dec, err := d.dltDecoder()
	if err != nil {
		return err
	}
	sel, err := o.sel.selection(d.Now())
	if err != nil {
		return err
	}
	base, err := d.Cluster(ctx)
	if err != nil {
		return err
	}
	o.confirm.profile = base.Profile
	if !o.confirm.dryRun {
		if err := base.Writable("discard dead letters", topic); err != nil {
			return err
		}
	}
	conn, err := d.dltConn(ctx, func(e dlt.Event) {
		if e.Note != "" {
			d.Log.Warn(e.Note)
		}
	})
	if err != nil {
		return err
	}
	id, offsets, n, err := conn.Select(ctx, dec, topic, sel)
	if err != nil {
		return d.gated(o.format, dltFailure("discard", topic, err))
	}
	res := &dlt.DiscardResult{Job: newID("discard-", d.Now()), Topic: topic, Reason: o.reason, Records: n, Offsets: offsets}
	if n == 0 || o.confirm.dryRun {
		return d.Out.Emit(o.format, "dlt_discard", res, viewDiscard(res, n))
	}
	d.Out.Note("%d dead letters of %s are selected", n, topic)
	question := "discard dead letters of " + topic
	journal, err := conn.NewJournal(ctx, "create")
	if err != nil {
		return dltFailure("discard", topic, err)
	}
	if journal != "" {
		question += " and " + journal
	}
	if err := d.confirm(ctx, &o.confirm, question); err != nil {
		return d.declined(o.format, "dlt_discard", res, err)
	}
	log, err := d.auditLog(ctx, base)
	if err != nil {
		return err
	}
	if err := conn.EnsureJournal(ctx); err != nil {
		return dltFailure("discard", topic, err)
	}
	noted, err := conn.Discard(ctx, res.Job, newID("s-", d.Now()), d.operator(), topic, id, o.reason, offsets)
	after := map[string]any{"job": res.Job, "reason": o.reason, "records": n}
	log.Record(ctx, "discard dead letters", topic, nil, after, err)
	if err != nil && noted != nil && noted.Records > 0 {
		d.Out.Say("weir: %d of %d are discarded; the same command does the rest", noted.Records, n)
	}
	if errors.Is(err, context.Canceled) && noted != nil {
		return d.declined(o.format, "dlt_discard", noted, err)
	}
	if err != nil {
		return d.gated(o.format, dltFailure("discard", topic, err))
	}
	return d.Out.Emit(o.format, "dlt_discard", noted, viewDiscard(noted, n))
}

// viewDiscard shows a discard of n letters, some of which others may have handled since they were selected.
func viewDiscard(res *dlt.DiscardResult, n int64) term.View {
	return term.View{Text: func(p *term.Page) {
		switch {
		case res.Records == 0:
			p.Line("Nothing is selected that was not handled already.")
		case res.Done:
			p.Line("%s %s dead letters of %s discarded: %s", p.Mark("ok"), p.Int(res.Records), res.Topic, res.Reason)
		default:
			p.Line("Would discard %s dead letters of %s (dry run).", p.Int(n), res.Topic)
		}
		if res.Done && res.Records < n {
			p.Line("%s of the selected were handled by others meanwhile.", p.Int(n-res.Records))
		}
	}}
}
