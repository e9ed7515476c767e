package commands

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/cluster"
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
		Annotations: map[string]string{Next: "weir dlt plan TOPIC --cause ID --out plan.json"},
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
	dec, err := d.dltDecoder()
	if err != nil {
		return err
	}
	var judge func(string, *dlt.Record) (dlt.Verdict, error)
	if o.from == "" {
		if cat := d.quietCatalog(ctx); cat != nil {
			judge = newPayloads(cat, false).verdict
		}
	}
	triage := dlt.NewTriage(dec, judge)
	var res *dlt.Inspection
	if o.from != "" {
		f, err := d.openArchive(o.from)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		for rec, err := range dlt.ReadArchive(f, o.from) {
			if err != nil {
				return usage("", "%v", err)
			}
			triage.AddRecord(rec)
		}
		res = triage.Result()
		res.Topic = o.from
	} else {
		progress := d.Out.Progress("reading "+o.topic, d.Now)
		conn, err := d.dltConn(ctx, func(e dlt.Event) { progress.Update(e.Done, e.Total) })
		if err != nil {
			return err
		}
		res, err = conn.Inspect(ctx, o.topic, triage)
		progress.Done()
		if err != nil {
			return cluster.Classify("inspect", o.topic, err)
		}
	}
	for _, n := range res.Notes {
		d.Log.Warn(n)
	}
	return d.Out.Emit(o.format, "dlt_inspection", res, viewInspection(res, o))
}

func viewInspection(res *dlt.Inspection, o *dltInspectOptions) term.View {
	table := func() *term.Table {
		t := term.NewTable("ID", ">RECORDS", ">SHARE", ">KEYS", "LAST", "NOW", "CAUSE*", "MESSAGE*")
		for _, c := range res.Causes {
			cause := "unknown"
			if c.Class != nil {
				cause = *c.Class
			} else if c.Dialect != nil {
				cause = *c.Dialect
			}
			t.Row(c.ID, c.Records, fmt.Sprintf("%.0f%%", 100*c.Share), c.Keys, time.UnixMilli(c.LastMS).UTC().Format(time.RFC3339), nowWord(c), cause, c.Message)
		}
		return t
	}
	return term.View{
		Text: func(p *term.Page) {
			if res.Stored == 0 {
				p.Line("%s stores no dead letters.", res.Topic)
				return
			}
			p.Line("%s stored in %s, %s causes", p.Int(res.Stored), res.Topic, p.Int(int64(len(res.Causes))))
			p.Table(table())
			for _, c := range res.Causes {
				if c.OriginRecords != nil && *c.OriginRecords*10 < c.Records*9 {
					p.Line("%s %s: %s dead letters, but only %s different records behind them", p.Mark("warn"), c.ID, p.Int(c.Records), p.Int(*c.OriginRecords))
				}
			}
			if o.from == "" && len(res.Causes) > 0 {
				p.Line("")
				p.Line("Next:  weir dlt plan %s --cause %s --out plan.json", res.Topic, res.Causes[0].ID)
			}
		},
		Table: table,
	}
}

// nowWord says whether the records of a group would pass today, from the ones that were checked.
func nowWord(c dlt.CauseGroup) any {
	switch checked := c.ValidNow + c.InvalidNow; {
	case checked == 0:
		return nil
	case c.InvalidNow == 0:
		return "valid"
	case c.ValidNow == 0:
		return "invalid"
	default:
		return fmt.Sprintf("%d%% valid", 100*c.ValidNow/checked)
	}
}
