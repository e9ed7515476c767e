package commands

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/lag"
)

func newLag(d *Deps) *cobra.Command {
	o := &lagOptions{}
	c := &cobra.Command{
		Use:     "lag [GROUP...]",
		Short:   "Show who is behind, by how much and for how long",
		GroupID: Observe,
		Long: doc(`
			Show the lag of groups of every type, in records and in time. Commits are read before the ends
			of the logs. The age of the first unread record comes from the broker's time index and needs no
			READ right; it is a bracket, and exact with --exact. What could not be read is shown as ? and
			makes a total a lower bound; it is never zero. Owners and objectives (x-slo) come from the
			catalog where there is one.

			Statuses, worst first: UNKNOWN, LOST, AHEAD, REWIND, STOPPED, STALLED, REBALANCING, BLOCKED,
			AT_RISK, BEHIND, NEVER, OK, IDLE. REWIND and STALLED need --watch or --sample.

			The limits are gates: a group above one ends the command with exit code 3. Nothing is written.`),
		Example: doc(`
			# Who is behind?
			$ weir lag

			# One group, partition by partition, with rates and an ETA
			$ weir lag billing --by partition --sample 10s

			# A check for a pipeline or a pager
			$ weir lag billing --max-lag 10000 --max-age 5m -o json

			# Wait until a group has read everything
			$ weir lag billing --wait-zero --timeout 10m`),
		Args:              cobra.ArbitraryArgs,
		Annotations:       map[string]string{Next: "weir group describe GROUP", ExitCodes: "3  a group exceeds a limit, or --wait-zero was not reached\n4  something could not be read, and nothing known exceeds a limit"},
		ValidArgsFunction: d.completeGroups(true),
		RunE: func(c *cobra.Command, args []string) error {
			o.names = args
			if err := o.validate(c); err != nil {
				return err
			}
			return runLag(c.Context(), d, o)
		},
	}
	o.bind(c)
	c.AddCommand(newLagExport(d), newLagRules(d))
	return c
}

func runLag(ctx context.Context, d *Deps, o *lagOptions) error {
	r, err := d.newLagRun(ctx, o)
	if err != nil {
		return err
	}
	switch {
	case o.watch.d > 0:
		return r.watch(ctx, o)
	case o.waitZero:
		return r.waitZero(ctx, o)
	case o.sample.d > 0:
		r.history = lag.NewHistory()
		if _, err := r.read(ctx); err != nil {
			return err
		}
		if err := pauseFor(ctx, o.sample.d); err != nil {
			return err
		}
	}
	rep, err := r.read(ctx)
	if err != nil {
		return err
	}
	if o.slo && !rep.HasObjectives {
		d.Log.Warn("no objective (x-slo) of the catalog applies to these groups: --slo checked nothing")
	}
	if err := d.emitLag(o, rep, ""); err != nil {
		return err
	}
	return lagOutcome(rep)
}

// lagOutcome is what the report means for the exit code: a breach beats what is unknown.
func lagOutcome(rep *lag.Report) error {
	switch {
	case rep.Gate != nil && len(rep.Gate.Breaches) > 0:
		return errGate
	case rep.Gate != nil && rep.Gate.Passed == nil, !rep.Known():
		return errPartial
	}
	return nil
}
