package commands

import (
	"bytes"
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/lag"
)

type lagRulesOptions struct {
	catalog   catalogFlags
	dashboard bool
	maxAge    span
}

func newLagRules(d *Deps) *cobra.Command {
	o := &lagRulesOptions{maxAge: span{15 * time.Minute}}
	c := &cobra.Command{
		Use:   "rules",
		Short: "Write alert rules and a dashboard for the catalog",
		Long: doc(`
			Write Prometheus alert rules over the metrics of weir lag export: dead letters within five
			minutes, age over the catalog's objectives (x-slo), loss risk, groups that stopped or stall, and
			readings that fail. With --dashboard write a Grafana dashboard instead. Nothing is connected to.`),
		Example: doc(`
			# Alerts for this catalog
			$ weir lag rules > alerts.yaml
			$ promtool check rules alerts.yaml

			# The dashboard
			$ weir lag rules --dashboard > dashboard.json`),
		Args:        none,
		Annotations: map[string]string{Offline: "yes", Next: "weir lag export --listen :9309"},
		RunE:        func(c *cobra.Command, _ []string) error { return runLagRules(c.Context(), d, o) },
	}
	c.Flags().BoolVar(&o.dashboard, "dashboard", false, "write a Grafana dashboard as JSON")
	c.Flags().Var(&o.maxAge, "max-age", "limit of groups without an objective")
	o.catalog.bind(c.Flags())
	return c
}

func runLagRules(ctx context.Context, d *Deps, o *lagRulesOptions) error {
	cat, err := d.Catalog(ctx, &o.catalog, false)
	if err != nil {
		return err
	}
	in := lag.AlertInput{Objectives: promises(cat), DLTs: deadLetterTopics(cat), DefaultAge: o.maxAge.d}
	var b bytes.Buffer
	if o.dashboard {
		err = lag.WriteDashboard(&b, in)
	} else {
		err = lag.WriteRules(&b, in)
	}
	if err != nil {
		return failed("", "", "%w", err)
	}
	_, err = d.Out.Out().Write(b.Bytes())
	return err
}
