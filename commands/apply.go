package commands

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/internal/term"
	"github.com/weirhq/weir/plan"
)

type applyOptions struct {
	planFlags
	yes     bool
	confirm []string
	dryRun  bool
	format  term.Format
}

func newApply(d *Deps) *cobra.Command {
	o := &applyOptions{}
	c := &cobra.Command{
		Use:     "apply [plan.json | PATH...]",
		Short:   "Make the cluster agree with the catalog",
		GroupID: Govern,
		Long: doc(`
			Do what a plan says. With a saved plan, exactly that plan: its resources are read
			again, and it is refused as a whole when one of them is no longer as it was. With a
			catalog, a plan is made, shown and asked about.

			Topics come first, then rights, deletions last. A step that fails does not stop the
			others; what was done, what failed and what was not tried is listed. Running apply
			again is safe. Every change is recorded in the audit log.`),
		Example: doc(`
			# Plan, look, agree
			$ weir apply

			# Exactly what was reviewed
			$ weir apply plan.json --yes

			# A plan that deletes a retired topic
			$ weir apply plan.json --confirm orders.order.v0 --allow-data-loss`),
		Annotations: map[string]string{
			ExitCodes: "3  a step is blocked or the plan is stale; nothing was written\n4  some steps were done and some were not",
			Next:      "weir plan (shows no changes afterwards)",
		},
		RunE: func(c *cobra.Command, args []string) error {
			o.paths = append(o.paths, args...)
			if err := o.validate(); err != nil {
				return err
			}
			return runApply(c.Context(), d, o)
		},
	}
	o.bind(c)
	flagFormat(c, &o.format, term.TextFormat, term.JSON, term.YAML)
	c.Flags().BoolVarP(&o.yes, "yes", "y", false, "do not ask")
	c.Flags().StringArrayVar(&o.confirm, "confirm", nil, "`name` of a topic to delete or of the protected profile, instead of typing it, repeatable")
	c.Flags().BoolVar(&o.dryRun, "dry-run", false, "show what would be done, with the broker's judgement, and change nothing")
	return c
}

func runApply(ctx context.Context, d *Deps, o *applyOptions) error {
	p, conn, err := d.planToApply(ctx, &o.planFlags)
	if err != nil {
		return emitStale(d, o.format, err)
	}
	asks := !o.dryRun && !p.Empty() && p.Summary.Blocked == 0
	if !structured(o.format) || !asks {
		if err := emitPlan(d, o.format, p, "", d.Globals.Verbose); err != nil {
			return err
		}
	}
	switch {
	case p.Summary.Blocked > 0:
		return errGate
	case p.Empty(), o.dryRun:
		if o.dryRun {
			d.Out.Note("(dry run) nothing was written")
		}
		return nil
	}
	if err := conn.Writable("apply", ""); err != nil {
		return err
	}
	if err := o.permit(ctx, d, conn, p); err != nil {
		if structured(o.format) {
			err = errors.Join(emitPlan(d, o.format, p, "", false), err)
		}
		return err
	}
	if err := o.lookAgain(ctx, d, conn, p); err != nil {
		return emitStale(d, o.format, err)
	}
	return o.execute(ctx, d, conn, p)
}

// permit collects every permission that the plan needs before anything is written.
func (o *applyOptions) permit(ctx context.Context, d *Deps, conn *cluster.Conn, p *plan.Plan) error {
	if err := o.lossless(p); err != nil {
		return err
	}
	question := fmt.Sprintf("apply %s to cluster %s", plural(len(p.Pending()), "step"), p.ClusterID)
	conf := &confirmation{yes: o.yes, names: o.confirm, profile: conn.Profile}
	severe := p.DeletedTopics()
	if len(severe) == 0 && conn.Profile.Protected {
		// Nothing severe, and still a protected cluster: its name stands for --yes.
		conf.profile.Protected = false
		severe = []string{conn.Profile.Name}
	}
	return d.confirm(ctx, conf, question, severe...)
}

func (o *applyOptions) execute(ctx context.Context, d *Deps, conn *cluster.Conn, p *plan.Plan) error {
	log, err := d.auditLog(ctx, conn)
	if err != nil {
		return err
	}
	bar := d.Out.Progress("apply", d.Now)
	r, err := p.Apply(ctx, conn, func(e plan.Event) { bar.Update(int64(e.Done), int64(e.Total)) }, func(out *plan.Outcome) {
		log.Record(context.WithoutCancel(ctx), string(out.Op)+" "+string(out.Kind), out.Thing(), out.Before(), out.After(), out.Failure())
	})
	bar.Done()
	if !r.Settled {
		d.Log.Warn("some broker does not show all topics as they were written yet")
	}
	// A deadline is no interruption: nobody pressed a key.
	interrupted := errors.Is(ctx.Err(), context.Canceled)
	if !r.Wrote() && !interrupted {
		return cmp.Or(err, r.FirstError())
	}
	if eerr := d.Out.Emit(o.format, "apply_result", r, term.View{Text: func(pg *term.Page) { viewResult(pg, r) }}); eerr != nil {
		return eerr
	}
	switch {
	case interrupted:
		return &Error{code: Interrupted, err: fmt.Errorf("interrupted after %s", plural(r.Done, "step")), hint: "run apply again: it goes on with what is left"}
	case r.Failed+r.Unknown+r.NotTried > 0:
		if err != nil && r.NotTried > 0 {
			d.Log.Warn("apply ended early: " + err.Error())
		}
		return errPartial
	}
	return err
}
