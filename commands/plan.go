package commands

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/internal/term"
)

type planOptions struct {
	planFlags
	out      string
	detailed bool
	format   term.Format
}

func newPlan(d *Deps) *cobra.Command {
	o := &planOptions{}
	c := &cobra.Command{
		Use:     "plan [PATH...]",
		Short:   "Show what it takes to make the cluster agree with the catalog",
		GroupID: Govern,
		Long: doc(`
			Compare the topics, settings and rights that the catalog declares with the cluster,
			and let the brokers validate the result. Nothing is written. PATH defaults to
			catalog.paths of weir.yaml, else to the current directory.

			Nothing is deleted without --prune: a topic only when its lifecycle is retired, a
			right only when it is a literal one on a declared topic or group. Channels of other
			protocols than Kafka's are listed as n/a and never a change.`),
		Example: doc(`
			# What would change?
			$ weir plan

			# Save the plan, have it reviewed, apply exactly that
			$ weir plan --out plan.json
			$ weir apply plan.json

			# In CI: exit 3 when something would change
			$ weir plan --detailed-exitcode -o markdown`),
		Annotations: map[string]string{
			ExitCodes: "3  a step is blocked, or with --detailed-exitcode there are changes",
			Next:      "weir apply plan.json",
		},
		RunE: func(c *cobra.Command, args []string) error {
			o.paths = append(o.paths, args...)
			if err := o.validate(); err != nil {
				return err
			}
			return runPlan(c.Context(), d, o)
		},
	}
	o.bind(c)
	flagFormat(c, &o.format, term.TextFormat, term.JSON, term.YAML, term.Markdown)
	c.Flags().StringVar(&o.out, "out", "", "also save the plan to this file, for weir apply FILE")
	c.Flags().BoolVar(&o.detailed, "detailed-exitcode", false, "exit 3 when there are changes")
	return c
}

func runPlan(ctx context.Context, d *Deps, o *planOptions) error {
	p, _, err := d.makePlan(ctx, &o.planFlags)
	if err != nil {
		return err
	}
	if o.out != "" {
		if err := savePlan(o.out, p); err != nil {
			return err
		}
	}
	if err := emitPlan(d, o.format, p, o.out, d.Globals.Verbose); err != nil {
		return err
	}
	if p.Summary.Blocked > 0 || o.detailed && len(p.Pending()) > 0 {
		return errGate
	}
	return nil
}
