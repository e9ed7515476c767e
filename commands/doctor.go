package commands

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/internal/term"
)

func newDoctor(d *Deps) *cobra.Command {
	var format term.Format
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Check the way to the cluster, and say how to mend it",
		Long: doc(`
			Check the settings, that every broker answers at the address it advertises, TLS and
			authentication, what the brokers can do, what this user may do, whether anything travels in the clear, and whether
			a catalog is found. Every check passes, fails or is skipped with a reason; a failed one says
			what to do. Nothing is written.`),
		Example: doc(`
			# What is wrong with my connection?
			$ weir doctor

			# In a pipeline, before the rest
			$ weir doctor -C prod -o json`),
		Args:        none,
		GroupID:     SetUp,
		Annotations: map[string]string{ExitCodes: "3  at least one check failed"},
		RunE: func(c *cobra.Command, _ []string) error {
			return runDoctor(c.Context(), d, format)
		},
	}
	flagFormat(c, &format, term.TextFormat, term.JSON, term.YAML, term.TSV)
	return c
}

type doctorReport struct {
	Source  string          `json:"source"`
	Brokers []string        `json:"brokers"`
	Cluster string          `json:"cluster_id"`
	Checks  []cluster.Check `json:"checks"`
	Passed  int             `json:"passed"`
	Failed  int             `json:"failed"`
	Skipped int             `json:"skipped"`
}

func runDoctor(ctx context.Context, d *Deps, format term.Format) error {
	cfg, err := d.Config()
	if err != nil {
		return err
	}
	profile, err := cfg.Connection()
	if err != nil {
		return err
	}
	o := cluster.Observation{Profile: profile.Profile, Now: d.Now()}
	conn, err := d.AnyBroker(ctx)
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case err != nil:
		o.Err = err
	default:
		o = cluster.Observe(ctx, conn, d.Now())
	}
	untimed, done := withoutDeadline(ctx)
	defer done()
	r := &doctorReport{Source: profile.Source, Brokers: profile.Brokers, Cluster: o.ClusterID, Checks: append(cluster.Diagnose(o), d.checkCatalog(untimed))}
	if errors.Is(untimed.Err(), context.Canceled) {
		return untimed.Err()
	}
	for _, c := range r.Checks {
		switch c.Status {
		case cluster.Pass:
			r.Passed++
		case cluster.Fail:
			r.Failed++
		case cluster.Skipped:
			r.Skipped++
		}
	}
	if err := d.Out.Emit(format, "doctor", r, viewDoctor(r)); err != nil {
		return err
	}
	if r.Failed > 0 {
		return errGate
	}
	return nil
}

// withoutDeadline leaves ^C and takes the end of --timeout away: a silent broker uses that
// up, and says nothing about the files that are read next.
func withoutDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	untimed, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		if errors.Is(ctx.Err(), context.Canceled) {
			cancel()
		}
	})
	return untimed, func() { stop(); cancel() }
}

// checkCatalog looks for the catalog that plan and compat would read.
func (d *Deps) checkCatalog(ctx context.Context) cluster.Check {
	c := cluster.Check{Name: "catalog"}
	cat, err := d.Catalog(ctx, &catalogFlags{}, false)
	var broken *catalog.LoadErrors
	switch {
	case errors.As(err, &broken):
		c.Status, c.Detail, c.Fix = cluster.Fail, err.Error(), "weir catalog validate shows every error with its place"
	case err != nil:
		c.Status, c.Detail = cluster.Skipped, "none found: "+err.Error()
	case len(cat.Applications) == 0:
		c.Status, c.Detail = cluster.Skipped, "no AsyncAPI document here; catalog.paths in weir.yaml says where they are"
	default:
		c.Status, c.Detail = cluster.Pass, plural(len(cat.Applications), "document")
	}
	return c
}

func viewDoctor(r *doctorReport) term.View {
	table := func() *term.Table {
		t := term.NewTable("CHECK", "STATUS", "DETAIL*", "FIX*")
		for _, c := range r.Checks {
			t.Row(c.Name, string(c.Status), c.Detail, c.Fix)
		}
		return t
	}
	marks := map[cluster.CheckStatus]string{cluster.Pass: "ok", cluster.Fail: "fail", cluster.Skipped: "skip"}
	return term.View{Table: table, Text: func(p *term.Page) {
		p.Line("%s, from %s", joinComma(r.Brokers), r.Source)
		for _, c := range r.Checks {
			p.Line("%s %-18s %-7s %s", p.Mark(marks[c.Status]), c.Name, string(c.Status), c.Detail)
			if c.Fix != "" {
				p.Line("    fix: %s", c.Fix)
			}
		}
		p.Line("")
		p.Line("%d passed, %d failed, %d skipped.", r.Passed, r.Failed, r.Skipped)
	}}
}
