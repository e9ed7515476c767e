package commands

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/demo"
	"github.com/weirhq/weir/dlt"
	"github.com/weirhq/weir/internal/term"
)

func newDemo(d *Deps) *cobra.Command {
	c := &cobra.Command{
		Use:     "demo",
		GroupID: SetUp,
		Short:   "Show weir at work on a small shop, in under a minute",
		Long: doc(`
			Without a verb this is a tour: it starts an embedded Kafka, runs a small shop on it
			and walks through weir. Every step prints the real command line and its real
			output, and holds it against a claim; one that fails ends the tour with exit code
			1. Nothing is left behind. With -b or --profile the tour runs on that cluster,
			with a prefix of its own before every topic and group, gives no rights, and deletes
			what it made at the end; no other setting makes it leave this machine.`),
		Example: doc(`
			# The tour
			$ weir demo

			# The same on a real Apache Kafka
			$ weir demo -b localhost:9092

			# A broker with the shop on it, to try things
			$ weir demo up`),
		Annotations: map[string]string{
			Offline:   "yes",
			ExitCodes: "1   a step did not show what it claims",
			Next:      "weir demo up",
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	c.AddCommand(newDemoUp(d), newDemoProduce(d), newDemoConsume(d))
	c.Args = cobra.ArbitraryArgs
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) > 0 {
			return unknownCommand(c, args[0])
		}
		return runDemo(c.Context(), d)
	}
	return c
}

func runDemo(ctx context.Context, d *Deps) error {
	began := d.Now()
	dir, err := os.MkdirTemp("", "weir-demo-")
	if err != nil {
		return fmt.Errorf("make a folder for the tour: %w", err)
	}
	defer os.RemoveAll(dir)
	if dir, err = filepath.Abs(dir); err != nil { // TMPDIR may be relative
		return fmt.Errorf("make a folder for the tour: %w", err)
	}
	cfg := demo.TourConfig{Run: d.Run, Dir: dir, Journal: dlt.JournalTopic, Show: func(s demo.Scene) {
		// A closed pipe is found by the command that prints after it.
		_ = d.Out.Print(func(p *term.Page) { viewScene(p, s) })
	}}
	stop, err := tourCluster(ctx, d, &cfg)
	if err != nil {
		return err
	}
	defer stop()
	if err := demo.Tour(ctx, cfg); err != nil {
		if errors.Is(err, demo.ErrClaim) {
			return failed("", "please report this with the output above", "%w", err)
		}
		return err
	}
	return d.Out.Print(func(p *term.Page) {
		p.Line("%s Every step showed what it claims, in %.1f s.", p.Mark("ok"), d.Now().Sub(began).Seconds())
		p.Line("Next:  weir demo up, and in another terminal weir -b 127.0.0.1:%d topic list", demo.FirstPort)
	})
}

// tourCluster sets where the tour plays: on the cluster that -b or --profile names,
// else on an embedded one. Only a flag leads to a real cluster: a variable or a
// profile in force was meant for other work.
func tourCluster(ctx context.Context, d *Deps, cfg *demo.TourConfig) (stop func(), err error) {
	f := d.Globals
	if len(f.Brokers) == 0 && f.Profile == "" {
		b, err := startDemoBroker(0)
		if err != nil {
			return nil, err
		}
		// What the user has set up was meant for other clusters, and nothing of the tour
		// may stay in the user's records.
		cfg.Run = func(ctx context.Context, args ...string) (string, string, int) {
			// In the shop's own folder: beside it lies what somebody only proposes.
			return d.RunAlone(ctx, demo.Catalog(cfg.Dir), args...)
		}
		cfg.Connect = []string{"-b", b.Addrs()[0]}
		cfg.Client = func(opts ...kgo.Opt) (*kgo.Client, error) {
			return kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(b.Addrs()...)}, opts...)...)
		}
		return b.Close, nil
	}
	conn, err := d.Cluster(ctx)
	if err != nil {
		return nil, err
	}
	if err := conn.Writable("run the tour on", conn.Profile.Name); err != nil {
		return nil, err
	}
	if conn.Profile.Protected {
		return nil, usage("the tour writes; name an unprotected cluster with -b", "profile %s is protected", conn.Profile.Name)
	}
	for _, b := range f.Brokers {
		cfg.Connect = append(cfg.Connect, "-b", b)
	}
	for _, kv := range f.X {
		cfg.Connect = append(cfg.Connect, "-X", kv)
	}
	for _, o := range [][2]string{{"--profile", f.Profile}, {"--command-config", f.CommandConfig}, {"--config", f.ConfigFile}} {
		if o[1] != "" {
			cfg.Connect = append(cfg.Connect, o[0], o[1])
		}
	}
	cfg.Client = conn.NewClient
	cfg.Prefix = fmt.Sprintf("weir-demo-%06x.", rand.IntN(1<<24)) //nolint:gosec // to keep tours apart, not secret
	return func() {}, nil
}

// demoSeed makes every run's orders new.
func demoSeed() uint64 { return rand.Uint64() } //nolint:gosec // ids of a demo, not secret
