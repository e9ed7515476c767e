package commands

import (
	"cmp"
	"context"
	"errors"
	"math"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/demo"
	"github.com/weirhq/weir/internal/term"
)

type demoProduceOptions struct {
	rate, poison float64
	count        int64
	seed         uint64
	prefix       string
	create       bool
	format       term.Format
}

func newDemoProduce(d *Deps) *cobra.Command {
	o := &demoProduceOptions{}
	c := &cobra.Command{
		Use:   "produce",
		Short: "Write the shop's orders, some of them poison",
		Long: doc(`
			Write orders to orders.order.v1, and a shipment to shipping.shipment.v1 for each
			that is healthy, on any cluster. The producer is idempotent and waits for all
			replicas in sync. The order's id is the key; correlation-id and traceparent are
			headers. Poison comes in five kinds: a total that is a text, a total below zero,
			an unknown currency, a record cut in half, and a customer whose ledger is down.
			Without --count it runs until ^C, and then finishes what it has sent.`),
		Example: doc(`
			# 200 orders, ten of them poison, into topics made for them
			$ weir demo produce -b 127.0.0.1:19092 --create-topics --count 200 --poison 0.05

			# A stream of orders, until ^C
			$ weir demo produce -b 127.0.0.1:19092 --rate 20`),
		Args:        none,
		Annotations: map[string]string{Next: "weir demo consume --group billing"},
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.validate(); err != nil {
				return err
			}
			return runDemoProduce(c.Context(), d, o)
		},
	}
	flagFormat(c, &o.format, term.TextFormat, term.JSON)
	c.Flags().Float64Var(&o.rate, "rate", 0, "orders a second; 0 is as fast as the cluster takes them")
	c.Flags().Float64Var(&o.poison, "poison", 0.05, "part of the orders that a consumer cannot handle, 0 to 1")
	c.Flags().Int64Var(&o.count, "count", 0, "orders to write; 0 goes on until ^C")
	c.Flags().Uint64Var(&o.seed, "seed", 0, "make the same orders again; 0 makes new ones")
	flagDemoTarget(c, &o.prefix, &o.create)
	return c
}

// flagDemoTarget adds the flags that both halves of the pair have.
func flagDemoTarget(c *cobra.Command, prefix *string, create *bool) {
	c.Flags().StringVar(prefix, "prefix", "", "put before every topic and group, to keep apart on a shared cluster")
	c.Flags().BoolVar(create, "create-topics", false, "create the shop's topics that are missing")
}

// A number on the command line may be NaN, which is neither below nor above any bound.
func isPart(f float64) bool { return f >= 0 && f <= 1 }
func isRate(f float64) bool { return f >= 0 && !math.IsInf(f, 1) }

func (o *demoProduceOptions) validate() error {
	switch {
	case !isPart(o.poison):
		return usage("0.05 makes one order of twenty poison", "--poison %v: give a part between 0 and 1", o.poison)
	case !isRate(o.rate):
		return usage("", "--rate %v: give orders a second, or 0", o.rate)
	case o.count < 0:
		return usage("", "--count %d: give a number of orders, or 0", o.count)
	}
	return nil
}

func runDemoProduce(ctx context.Context, d *Deps, o *demoProduceOptions) error {
	conn, err := demoTarget(ctx, d, o.prefix, o.create)
	if err != nil {
		return err
	}
	progress := d.Out.Progress("orders", d.Now)
	var acked int64
	report, err := demo.Produce(ctx, demo.ProduceConfig{
		Client: conn.NewClient, Prefix: o.prefix,
		Rate: o.rate, Poison: o.poison, Count: o.count,
		Seed: cmp.Or(o.seed, demoSeed()), Now: d.Now,
		Progress: func(e demo.Event) {
			if e.Topic == o.prefix+demo.Orders {
				acked++
				progress.Update(acked, o.count)
			}
		},
	})
	progress.Done()
	// JSON of what was done goes with an interruption alone.
	if err != nil && (report.Orders == 0 || o.format == term.JSON && !errors.Is(ctx.Err(), context.Canceled)) {
		return err
	}
	if report.ShipmentsDenied {
		d.Log.Warn("no shipments: not authorised to WRITE on topic " + o.prefix + demo.Shipments + ", which belongs to the shipping application")
	}
	return cmp.Or(d.Out.Emit(o.format, "demo_produce", report, term.View{Text: func(p *term.Page) {
		p.Line("%s orders acknowledged in %s, %s of them poison; %s shipments",
			p.Int(report.Orders), o.prefix+demo.Orders, p.Int(report.Poison), p.Int(report.Shipments))
	}}), err)
}

// demoTarget connects and, where asked, creates the topics.
func demoTarget(ctx context.Context, d *Deps, prefix string, create bool) (*cluster.Conn, error) {
	conn, err := d.Cluster(ctx)
	if err != nil {
		return nil, err
	}
	if err := conn.Writable("run the demo on", conn.Profile.Name); err != nil {
		return nil, err
	}
	if !create {
		if err := missingTopic(ctx, conn, "demo", []string{prefix + demo.Orders}); err != nil {
			return nil, failed(prefix+demo.Orders, "--create-topics makes the shop's topics", "%w", err)
		}
		return conn, nil
	}
	created, err := demo.CreateTopics(ctx, conn.Client, prefix)
	for _, name := range created {
		d.Log.Info("created topic " + name)
	}
	return conn, err
}
