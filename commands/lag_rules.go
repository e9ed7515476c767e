package commands

import (
	"bytes"
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/catalog"
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

// promises are the objectives of the catalog: those of operations for their groups, those
// of channels for everybody else.
func promises(cat *catalog.Catalog) []lag.Promise {
	seen := map[[2]string]bool{}
	var out []lag.Promise
	add := func(group, topic, owner string, slo catalog.SLO) {
		key := [2]string{group, topic}
		o := promised(slo)
		if topic == "" || seen[key] || o == (lag.Objective{}) {
			return
		}
		seen[key] = true
		out = append(out, lag.Promise{Group: group, Topic: topic, Owner: owner, Age: o.Age, Records: o.Records})
	}
	for op := range cat.Operations() {
		if op.Channel == nil || op.Direction != catalog.Receive {
			continue
		}
		for _, g := range op.Group.V.Names {
			add(g, op.Channel.Topic, op.Owner.Or(op.App.Owner).V.Team, op.SLO.Or(op.Channel.SLO))
		}
	}
	for ch := range cat.Channels() {
		add("", ch.Topic, cat.Owner(ch.Topic).V.Team, ch.SLO)
	}
	return out
}

// deadLetterTopics are those that the catalog declares, each with its consumers.
func deadLetterTopics(cat *catalog.Catalog) []lag.DeadLetterTopic {
	seen := map[lag.DeadLetterTopic]bool{}
	var out []lag.DeadLetterTopic
	for et, op := range cat.DeadLetters() {
		owner := cat.Owner(et.Topic).V.Team
		groups := op.Group.V.Names
		if len(groups) == 0 {
			groups = []string{""}
		}
		for _, g := range groups {
			t := lag.DeadLetterTopic{Topic: et.Topic, Group: g, Owner: owner}
			if et.Topic != "" && !seen[t] {
				seen[t] = true
				out = append(out, t)
			}
		}
	}
	return out
}
