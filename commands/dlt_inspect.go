package commands

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/dlt"
	"github.com/weirhq/weir/internal/term"
)

type dltInspectOptions struct {
	topic  string
	from   string
	format term.Format
}

func newDLTInspect(d *Deps) *cobra.Command {
	o := &dltInspectOptions{}
	c := &cobra.Command{
		Use:   "inspect [TOPIC]",
		Short: "Group the dead letters of a topic by what made them",
		Long: doc(`
			Read every dead letter a topic stores and group them by dialect, root cause and message, with what differs
			from record to record masked. Nothing is written, no group's offsets are touched, memory does not grow with
			the number of records. With --from an archive is read instead, without a cluster.`),
		Example: doc(`
			# What is in there?
			$ weir dlt inspect orders-dlt

			# The same, for a program
			$ weir dlt inspect orders-dlt -o json`),
		Annotations:       map[string]string{Next: "weir dlt plan TOPIC --cause ID --out plan.json"},
		ValidArgsFunction: d.completeTopics(false),
		Args: func(c *cobra.Command, args []string) error {
			if o.from != "" {
				return none(c, args)
			}
			return exactly("TOPIC")(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				o.topic = args[0]
			}
			return runDLTInspect(c.Context(), d, o)
		},
	}
	flagFormat(c, &o.format, term.TextFormat, term.JSON, term.YAML, term.TSV)
	c.Flags().StringVar(&o.from, "from", "", "read this archive instead of a cluster; - is standard input")
	return c
}

func runDLTInspect(ctx context.Context, d *Deps, o *dltInspectOptions) error {
	defer holdMemory(100 << 20)()
	dec, err := d.dltDecoder()
	if err != nil {
		return err
	}
	var judge func(string, *dlt.Record) (dlt.Verdict, error)
	if cat := d.quietCatalog(ctx); cat != nil {
		judge = newPayloads(ctx, cat, false).verdict
	}
	triage := dlt.NewTriage(dec, judge)
	read := d.inspectTopic
	if o.from != "" {
		read = d.inspectArchive
	}
	res, err := read(ctx, o, triage)
	if err != nil {
		return err
	}
	for _, n := range res.Notes {
		d.Log.Warn(n)
	}
	return d.Out.Emit(o.format, "dlt_inspection", res, viewInspection(res, o))
}

func (d *Deps) inspectTopic(ctx context.Context, o *dltInspectOptions, triage *dlt.Triage) (*dlt.Inspection, error) {
	progress := d.Out.Progress("reading "+o.topic, d.Now)
	defer progress.Done()
	conn, err := d.dltConn(ctx, func(e dlt.Event) { progress.Update(e.Done, e.Total) })
	if err != nil {
		return nil, err
	}
	res, err := conn.Inspect(ctx, o.topic, triage)
	if err != nil {
		return nil, dltFailure("inspect", o.topic, err)
	}
	return res, nil
}

func (d *Deps) inspectArchive(ctx context.Context, o *dltInspectOptions, triage *dlt.Triage) (*dlt.Inspection, error) {
	for rec, err := range d.archived(ctx, o.from) {
		if err != nil {
			return nil, err
		}
		triage.AddRecord(rec)
	}
	res := triage.Result()
	res.Topic = o.from
	return res, nil
}
