package commands

import (
	"context"
	"errors"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/weirhq/weir/demo"
	"github.com/weirhq/weir/demo/broker"
	"github.com/weirhq/weir/internal/term"
)

type demoUpOptions struct {
	port         int
	rate, poison float64
	empty        bool
	format       term.Format
}

func newDemoUp(d *Deps) *cobra.Command {
	o := &demoUpOptions{}
	c := &cobra.Command{
		Use:   "up",
		Short: "Run an embedded Kafka broker with the shop on it, until ^C",
		Long: doc(`
			Run three embedded Kafka brokers on 127.0.0.1:19092 to 19094, in memory only,
			with the shop's topics, a producer of orders and the consumer groups billing and
			notifications. Everything is gone at ^C. Any Kafka client can connect. The broker
			takes names, configs and assignments that Apache Kafka refuses: it is for trying
			things out, not for proof.`),
		Example: doc(`
			# Something to try weir on, in another terminal
			$ weir demo up
			$ weir -b 127.0.0.1:19092 topic list

			# Only the brokers, elsewhere
			$ weir demo up --empty --port 29092`),
		Args:        none,
		Annotations: map[string]string{Offline: "yes", Next: "weir -b 127.0.0.1:19092 topic list"},
		RunE: func(c *cobra.Command, _ []string) error {
			if o.port < 0 || o.port > 65535-demo.PortCount {
				return usage("", "--port %d: give a port below %d", o.port, 65535-demo.PortCount)
			}
			if !isPart(o.poison) {
				return usage("0.05 makes one order of twenty poison", "--poison %v: give a part between 0 and 1", o.poison)
			}
			if !isRate(o.rate) || o.rate == 0 {
				return usage("--empty starts no producer", "--rate %v: give orders a second", o.rate)
			}
			return runDemoUp(c.Context(), d, o)
		},
	}
	flagFormat(c, &o.format, term.TextFormat, term.JSON)
	c.Flags().IntVar(&o.port, "port", demo.FirstPort, "first of three ports; 0 takes free ones")
	c.Flags().Float64Var(&o.rate, "rate", 5, "orders a second")
	c.Flags().Float64Var(&o.poison, "poison", 0.05, "part of the orders that a consumer cannot handle, 0 to 1")
	c.Flags().BoolVar(&o.empty, "empty", false, "only the brokers: no topics, no producer, no consumers")
	return c
}

type demoUp struct {
	Brokers []string `json:"brokers"`
	Topics  []string `json:"topics"`
	Groups  []string `json:"groups"`
}

func runDemoUp(ctx context.Context, d *Deps, o *demoUpOptions) error {
	b, err := startDemoBroker(o.port)
	if err != nil {
		return err
	}
	defer b.Close()
	client := func(opts ...kgo.Opt) (*kgo.Client, error) {
		return kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(b.Addrs()...)}, opts...)...)
	}
	up := demoUp{Brokers: b.Addrs(), Topics: []string{}, Groups: []string{}}
	if !o.empty {
		if up.Topics, err = demoTopics(ctx, client); err != nil {
			return err
		}
		up.Groups = append(up.Groups, demo.Billing, demo.Notify)
	}
	if err := d.Out.Emit(o.format, "demo_up", up, viewDemoUp(up, o)); err != nil {
		return err
	}
	if o.empty {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	return runDemoShop(ctx, d, o, client)
}

// startDemoBroker listens on three ports from the first on; 0 takes free ones.
func startDemoBroker(first int) (*broker.Broker, error) {
	cfg := broker.Config{ACLs: true}
	for n := range demo.PortCount {
		port := 0
		if first > 0 {
			port = first + n
		}
		cfg.Ports = append(cfg.Ports, port)
	}
	b, err := broker.Start(cfg)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, failed("", "is a demo running already? --port moves all three ports, --port 0 takes free ones", "%w", err)
	}
	return b, err
}

func demoTopics(ctx context.Context, client demo.Client) ([]string, error) {
	cl, err := client()
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	return demo.CreateTopics(ctx, cl, "")
}

// runDemoShop runs the pair until ctx ends; all three stop in order.
func runDemoShop(ctx context.Context, d *Deps, o *demoUpOptions, client demo.Client) error {
	progress := d.Out.Progress("orders", d.Now)
	defer progress.Done()
	var acked int64
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		_, err := demo.Produce(ctx, demo.ProduceConfig{
			Client: client, Rate: o.rate, Poison: o.poison, Seed: demoSeed(), Now: d.Now,
			Progress: func(e demo.Event) {
				if e.Topic == demo.Orders {
					acked++
					progress.Update(acked, 0)
				}
			},
		})
		return err
	})
	for _, group := range []string{demo.Billing, demo.Notify} {
		g.Go(func() error {
			// An instance of its own: weir demo consume takes the default one, and a second
			// member of one name puts the first out, which would end the brokers as well.
			_, err := demo.Consume(ctx, demo.ConsumeConfig{Client: client, Group: group, Instance: group + "-up", Seed: demoSeed(), Now: d.Now})
			return err
		})
	}
	return g.Wait()
}
