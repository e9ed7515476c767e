package commands

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/internal/term"
	"github.com/weirhq/weir/plan"
)

type driftOptions struct {
	planFlags
	failOn string
	format term.Format
}

func newDrift(d *Deps) *cobra.Command {
	o := &driftOptions{}
	c := &cobra.Command{
		Use:     "drift [PATH...]",
		Short:   "Show where the cluster has left the catalog",
		GroupID: Observe,
		Long: doc(`
			The comparison of weir plan, told from the cluster's side: what differs, what is
			missing, and what is there in scope and was never declared: topics, settings,
			rights, and groups that read declared topics. What this user may not see is listed
			as unknown and closes the gate as well: it may hold drift. Nothing is written.`),
		Example: doc(`
			# Has anybody changed something by hand?
			$ weir drift

			# As a nightly job
			$ weir drift -o json > drift.json`),
		Annotations: map[string]string{ExitCodes: "3  there is drift, or not everything could be seen (--fail-on never: 0)", Next: "weir plan"},
		RunE: func(c *cobra.Command, args []string) error {
			o.paths = append(o.paths, args...)
			return runDrift(c.Context(), d, o)
		},
	}
	o.catalogFlags.bind(c.Flags())
	o.maxDeletes = -1
	flagFormat(c, &o.format, term.TextFormat, term.JSON, term.YAML)
	OneOf(c.Flags(), &o.failOn, "fail-on", "what closes the gate", "drift", "never")
	return c
}

func runDrift(ctx context.Context, d *Deps, o *driftOptions) error {
	p, from, err := d.makePlan(ctx, &o.planFlags)
	if err != nil {
		return err
	}
	consumers, err := d.planReaders(ctx, from.conn, from.want.TopicNames())
	if err != nil {
		return err
	}
	r := plan.DriftOf(p, from.want, consumers, plan.Allowed(from.cat))
	if err := d.Out.Emit(o.format, "drift", r, term.View{Text: func(pg *term.Page) { viewDrift(pg, r) }}); err != nil {
		return err
	}
	if !r.Clean() && o.failOn != "never" {
		return errGate
	}
	return nil
}
