package commands

import (
	"cmp"
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/demo"
	"github.com/weirhq/weir/internal/term"
)

type demoConsumeOptions struct {
	group, prefix, instance string
	count                   int64
	fixed, create           bool
	format                  term.Format
}

func newDemoConsume(d *Deps) *cobra.Command {
	o := &demoConsumeOptions{}
	c := &cobra.Command{
		Use:   "consume",
		Short: "Run a consumer of the shop: retries, dead letters, commits by hand",
		Long: doc(`
			Consume orders.order.v1 on any cluster as one member of a group. billing charges
			and writes payments.payment.v1, notifications writes to the customer. What fails
			for a while is tried three times with back-off; what fails for good goes to
			orders.order.v1.<group>.dlt with the headers that Spring Kafka writes. Offsets are
			committed by hand, behind what is handled. The member is static: after ^C its
			place is kept for ten seconds; after --count records it leaves the group.`),
		Example: doc(`
			# Charge for the orders that are there, then leave
			$ weir demo consume -b 127.0.0.1:19092 --group billing --count 200

			# Billing after the bug was mended
			$ weir demo consume -b 127.0.0.1:19092 --group billing --fixed`),
		Args:        none,
		Annotations: map[string]string{Next: "weir dlt inspect orders.order.v1.billing.dlt"},
		RunE: func(c *cobra.Command, _ []string) error {
			if o.count < 0 {
				return usage("", "--count %d: give a number of records, or 0", o.count)
			}
			return runDemoConsume(c.Context(), d, o)
		},
	}
	flagFormat(c, &o.format, term.TextFormat, term.JSON)
	OneOf(c.Flags(), &o.group, "group", "application that consumes", demo.Billing, demo.Notify)
	c.Flags().Int64Var(&o.count, "count", 0, "records to handle; 0 goes on until ^C")
	c.Flags().StringVar(&o.instance, "instance", "", "id of the static member (default <group>-1); a second member needs another")
	c.Flags().BoolVar(&o.fixed, "fixed", false, "run the application after its repair: it reads totals that are texts, and its ledger answers")
	flagDemoTarget(c, &o.prefix, &o.create)
	return c
}

func runDemoConsume(ctx context.Context, d *Deps, o *demoConsumeOptions) error {
	conn, err := demoTarget(ctx, d, o.prefix, o.create)
	if err != nil {
		return err
	}
	progress := d.Out.Progress("records", d.Now)
	var handled int64
	report, err := demo.Consume(ctx, demo.ConsumeConfig{
		Client: conn.NewClient, Group: o.group, Prefix: o.prefix, Instance: o.instance,
		Count: o.count, Fixed: o.fixed, Seed: demoSeed(), Now: d.Now,
		Progress: func(e demo.Event) {
			switch e.Kind {
			case demo.Committed:
				handled += int64(e.Records)
				progress.Update(handled, o.count)
			case demo.Retried:
				d.Log.Info("retrying", "key", e.Key, "attempt", e.Attempt, "cause", e.Cause)
			case demo.DeadLettered:
				d.Log.Info("dead letter", "key", e.Key, "topic", e.Topic, "partition", e.Partition, "offset", e.Offset)
			case demo.Consumed, demo.Produced:
			}
		},
	})
	progress.Done()
	// JSON of what was done goes with an interruption alone.
	if err != nil && (report.Consumed == 0 || o.format == term.JSON && !errors.Is(ctx.Err(), context.Canceled)) {
		return err
	}
	return cmp.Or(d.Out.Emit(o.format, "demo_consume", report, term.View{Text: func(p *term.Page) {
		p.Line("%s: %s records handled, %s retries, %s dead letters, %s payments",
			report.Group, p.Int(report.Consumed), p.Int(report.Retried), p.Int(report.DeadLettered), p.Int(report.Produced))
	}}), err)
}
