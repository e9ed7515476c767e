package commands

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

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
	c.Flags().StringArrayVar(&o.confirm, "confirm", nil, "confirm a severe act by name: a topic to delete, a protected profile; repeatable")
	c.Flags().BoolVar(&o.dryRun, "dry-run", false, "show what would be done, with the broker's judgement, and write nothing")
	return c
}

func runApply(ctx context.Context, d *Deps, o *applyOptions) error {
	p, conn, err := o.plan(ctx, d)
	if err != nil {
		if stale, ok := errors.AsType[*plan.StaleError](err); ok {
			return emitStale(d, o.format, stale)
		}
		return err
	}
	asks := !o.dryRun && !p.Empty() && p.Summary.Blocked == 0
	if o.format != term.JSON && o.format != term.YAML || !asks {
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
	if err := o.permit(ctx, d, conn, p); err != nil {
		if o.format == term.JSON || o.format == term.YAML {
			err = errors.Join(emitPlan(d, o.format, p, "", false), err)
		}
		return err
	}
	return o.execute(ctx, d, conn, p)
}

// plan reads the saved plan, or makes one.
func (o *applyOptions) plan(ctx context.Context, d *Deps) (*plan.Plan, *cluster.Conn, error) {
	if len(o.paths) != 1 || !strings.HasSuffix(o.paths[0], ".json") || !isPlanFile(o.paths[0]) {
		p, from, err := d.makePlan(ctx, &o.planFlags)
		if err != nil {
			return nil, nil, err
		}
		return p, from.conn, nil
	}
	if len(o.prune) > 0 || o.pin {
		return nil, nil, usage("make the plan with them: weir plan --prune=... --out plan.json", "--prune and --pin belong to the plan, a saved one carries them")
	}
	f, err := os.Open(filepath.Clean(o.paths[0]))
	if err != nil {
		return nil, nil, usage("", "read plan: %w", err)
	}
	defer func() { _ = f.Close() }()
	p, err := plan.Read(f, o.paths[0])
	if err != nil {
		return nil, nil, err
	}
	conn, err := d.Cluster(ctx)
	if err != nil {
		return nil, nil, err
	}
	if p.Weir != d.Version.Version {
		return nil, nil, usage("make the plan anew with this weir", "the plan was made by weir %s, this is %s", p.Weir, d.Version.Version)
	}
	if err := p.Check(ctx, conn); err != nil {
		return nil, nil, err
	}
	if p.Catalog.Digest != "" {
		if err := plan.ObserveDeletes(ctx, conn, p); err != nil {
			return nil, nil, err
		}
	}
	return p, conn, nil
}

// isPlanFile tells a saved plan from a catalog document in JSON.
func isPlanFile(path string) bool {
	b, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		return true // reading it again gives the error
	}
	return !strings.Contains(string(b[:min(len(b), 4096)]), `"asyncapi"`)
}

// permit collects every permission that the plan needs before anything is written.
func (o *applyOptions) permit(ctx context.Context, d *Deps, conn *cluster.Conn, p *plan.Plan) error {
	if err := conn.Writable("apply", ""); err != nil {
		return err
	}
	var severe []string
	lossy := false
	for _, s := range p.Pending() {
		lossy = lossy || s.DestroysData() || len(s.Groups) > 0
		if s.Op == plan.Delete && s.Kind == plan.TopicKind {
			severe = append(severe, s.Name)
		}
	}
	if lossy && !o.allowDataLoss {
		return refused("pass --allow-data-loss if that is meant", "apply: %s or deletes a topic in use, nothing was changed", plural(p.Summary.DestroysData, "step")+destroy(p.Summary.DestroysData)+" data")
	}
	question := fmt.Sprintf("apply %s to cluster %s", plural(len(p.Pending()), "step"), p.ClusterID)
	conf := &confirmation{yes: o.yes, names: o.confirm, profile: conn.Profile}
	if len(severe) == 0 && !conn.Profile.Protected {
		return d.confirm(ctx, conf, question)
	}
	if len(severe) == 0 {
		// Nothing severe, and still a protected cluster: its name stands for --yes.
		if slices.Contains(o.confirm, conn.Profile.Name) {
			return nil
		}
		conf.profile.Protected = false
		return d.confirm(ctx, conf, question, conn.Profile.Name)
	}
	return d.confirm(ctx, conf, question, severe...)
}

func (o *applyOptions) execute(ctx context.Context, d *Deps, conn *cluster.Conn, p *plan.Plan) error {
	log, err := d.auditLog(ctx, conn)
	if err != nil {
		return err
	}
	bar := d.Out.Progress("apply", d.Now)
	r, err := p.Apply(ctx, conn, func(e plan.Event) { bar.Update(int64(e.Done), int64(e.Total)) }, func(out *plan.Outcome) error {
		var failure error
		if out.Status != plan.Done {
			failure = errors.New(string(out.Status) + ": " + out.Error)
		}
		subject := string(out.Kind) + " " + out.Name
		if out.ACL != nil {
			subject = "acl " + out.ACL.String()
		}
		return log.Record(context.WithoutCancel(ctx), string(out.Op)+" "+string(out.Kind), subject, stepBefore(&out.Step), stepAfter(&out.Step), failure)
	})
	bar.Done()
	// A deadline is no interruption: nobody pressed a key.
	interrupted := errors.Is(ctx.Err(), context.Canceled)
	if r.Done == 0 && r.Unknown == 0 && !interrupted {
		return firstErr(err, r.FirstError())
	}
	if eerr := d.Out.Emit(o.format, "apply_result", r, term.View{Text: func(pg *term.Page) { viewResult(pg, r) }}); eerr != nil {
		return eerr
	}
	switch {
	case interrupted:
		return &Error{code: Interrupted, err: fmt.Errorf("interrupted after %s", plural(r.Done, "step")), hint: "run apply again: it goes on with what is left"}
	case r.Failed+r.Unknown+r.NotTried > 0:
		if err != nil && r.NotTried > 0 {
			d.Out.Note("apply ended early: %v", err)
		}
		return errPartial
	}
	return err
}

func firstErr(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func stepBefore(s *plan.Step) any {
	m := map[string]*string{}
	for _, c := range s.Changes {
		m[c.Name] = c.Before
	}
	switch {
	case len(m) > 0:
		return m
	case s.Op == plan.Delete && s.ACL != nil:
		return s.ACL
	case s.Op == plan.Delete:
		return map[string]any{"records_at_most": s.Records, "groups": s.Groups}
	}
	return nil
}

func stepAfter(s *plan.Step) any {
	m := map[string]*string{}
	for _, c := range s.Changes {
		m[c.Name] = c.After
	}
	switch {
	case len(m) > 0:
		return m
	case s.Op == plan.Create && s.ACL != nil:
		return s.ACL
	case s.Op == plan.Create:
		return map[string]any{"partitions": s.Partitions, "replication_factor": s.Replicas, "config": s.Config}
	}
	return nil
}
