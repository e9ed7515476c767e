package commands

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/dlt"
	"github.com/weirhq/weir/internal/term"
)

type dltPlanOptions struct {
	topic       string
	sel         selectFlags
	to          string
	out         string
	partition   string
	timestamp   string
	superseded  string
	journal     string
	maxReplays  int64
	expires     string
	ackFanout   bool
	ackLoop     bool
	again       bool
	atLeastOnce bool
	format      term.Format
	ttl         time.Duration
}

func newDLTPlan(d *Deps) *cobra.Command {
	o := &dltPlanOptions{}
	c := &cobra.Command{
		Use:   "plan TOPIC --out FILE",
		Short: "Write down what a replay would do",
		Long: doc(`
			Read the dead letters and everything a replay would touch, check what could go wrong, and write a plan: which
			records (frozen, with checksums), to which topics, and who gets them again. Nothing is written to the cluster,
			and nothing is ever replayed without a plan. A plan is valid for a day.`),
		Example: doc(`
			# The records of one cause
			$ weir dlt plan orders-dlt --cause 6a05245b --out plan.json

			# Ten of them to a private topic
			$ weir dlt plan orders-dlt --cause 6a05245b --limit 10 --to orders-retry-billing --out plan.json`),
		Annotations:       map[string]string{Next: "weir dlt replay plan.json", ExitCodes: "3  a check stands in the way\n2  a decision is missing: --ack-fanout, --superseded, --to"},
		Args:              exactly("TOPIC"),
		ValidArgsFunction: d.completeTopics(false),
		RunE: func(c *cobra.Command, args []string) error {
			o.topic = args[0]
			if err := o.validate(); err != nil {
				return err
			}
			return runDLTPlan(c.Context(), d, o)
		},
	}
	flagFormat(c, &o.format, term.TextFormat, term.JSON)
	fs := c.Flags()
	o.sel.bind(fs)
	fs.StringVar(&o.to, "to", "", "write to this topic instead of each record's origin")
	fs.StringVar(&o.out, "out", "", "file to write the plan to, made with mode 0600")
	OneOf(fs, &o.partition, "partition", "where a record goes; auto finds the producer's hash", "auto", "original", "key", "crc32", "fnv1a")
	OneOf(fs, &o.timestamp, "timestamp", "time of the replayed records", "now", "original")
	OneOf(fs, &o.superseded, "superseded", "records with a newer one of their key in the origin", "report", "skip", "allow")
	OneOf(fs, &o.journal, "journal", "journal topic: made when missing, or required", "create", "require", "local")
	fs.Int64Var(&o.maxReplays, "max-replays", 3, "a record replayed so often is looping and left out")
	fs.StringVar(&o.expires, "expires", "24h", "how long the plan may be run")
	fs.BoolVar(&o.ackFanout, "ack-fanout", false, "more than one group may get the records again")
	fs.BoolVar(&o.ackLoop, "ack-loop", false, "take looping records too")
	fs.BoolVar(&o.again, "again", false, "take records again that were replayed already")
	fs.BoolVar(&o.atLeastOnce, "at-least-once", false, "without transactions: a crash repeats a batch")
	return c
}

func (o *dltPlanOptions) validate() error {
	ttl, err := term.ParseDuration(o.expires)
	if err != nil || ttl <= 0 {
		return usage("write 24h or 3d", "--expires %q", o.expires)
	}
	o.ttl = ttl
	if o.maxReplays < 1 {
		return usage("write 1 or more, or take looping records along with --ack-loop", "--max-replays %d", o.maxReplays)
	}
	if o.atLeastOnce && o.journal == "local" {
		return usage("leave out --at-least-once", "--at-least-once with --journal local: a local journal needs transactions")
	}
	if o.out == "" && o.format != term.JSON {
		return usage("name a file with --out", "no file for the plan")
	}
	return nil
}

func runDLTPlan(ctx context.Context, d *Deps, o *dltPlanOptions) error {
	dec, err := d.dltDecoder()
	if err != nil {
		return err
	}
	sel, err := o.sel.selection(d.Now())
	if err != nil {
		return err
	}
	sel.Again = o.again
	progress := d.Out.Progress("planning "+o.topic, d.Now)
	conn, err := d.dltConn(ctx, func(e dlt.Event) { progress.Update(e.Done, e.Total) })
	if err != nil {
		return err
	}
	p, err := conn.Plan(ctx, dec, dlt.PlanOptions{
		Topic: o.topic, Selection: sel, To: o.to, PartitionMode: dlt.PartitionMode(o.partition), KeepTimestamp: o.timestamp == "original",
		Superseded: o.superseded, MaxReplays: o.maxReplays, TTL: o.ttl, Creator: d.operator(), Job: newID("", d.Now()),
		Journal: o.journal, AtLeastOnce: o.atLeastOnce, Acks: dlt.PlanAcks{FanOut: o.ackFanout, Loop: o.ackLoop, Superseded: o.superseded == "allow"},
	})
	progress.Done()
	if err != nil {
		return d.gated(o.format, dltFailure("plan", o.topic, err))
	}
	b, err := p.Encode()
	if err != nil {
		return err
	}
	ready := p.Ready()
	_, refusedNow := ready.(*dlt.RefusedError) //nolint:errorlint // made just above, never wrapped
	if o.out != "" && !refusedNow {            // what is printed is then true
		if err := replaceFile(o.out, b, 0o600); err != nil {
			return failed(o.out, "", "write plan: %w", err)
		}
	}
	if o.format == term.JSON {
		if _, err := d.Out.Out().Write(b); err != nil {
			return err
		}
	} else if err := d.Out.Print(func(pg *term.Page) { viewDLTPlan(pg, p, o.out) }); err != nil {
		return err
	}
	if refusedNow {
		return ready
	}
	if ready != nil {
		return errGate // told in the plan's preflight
	}
	return nil
}
