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
			rights, and groups that read declared topics. Nothing is written.`),
		Example: doc(`
			# Has anybody changed something by hand?
			$ weir drift

			# As a nightly job
			$ weir drift -o json > drift.json`),
		Annotations: map[string]string{ExitCodes: "3  there is drift (--fail-on never: 0)", Next: "weir plan"},
		RunE: func(c *cobra.Command, args []string) error {
			o.paths = append(o.paths, args...)
			return runDrift(c.Context(), d, o)
		},
	}
	o.catalogFlags.bind(c.Flags())
	o.maxDeletes = -1
	flagFormat(c, &o.format, term.TextFormat, term.JSON, term.YAML)
	oneOf(c.Flags(), &o.failOn, "fail-on", "what closes the gate", "drift", "never")
	return c
}

func runDrift(ctx context.Context, d *Deps, o *driftOptions) error {
	p, from, err := d.makePlan(ctx, &o.planFlags)
	if err != nil {
		return err
	}
	consumers, err := plan.Consumers(ctx, from.conn, from.want)
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

func viewDrift(pg *term.Page, r *plan.DriftReport) {
	pg.Line("Cluster %s against %s%s", r.ClusterID, plural(r.Catalog.Documents, "document"), atCommit(r.Catalog.Commit))
	section := func(title string, n int, rows func()) {
		if n > 0 {
			pg.Line("")
			pg.Line("  %s", term.In(term.Bold, title))
			rows()
		}
	}
	section("differs", len(r.Differs), func() {
		for _, x := range r.Differs {
			pg.Line("    %s  %s   %s is %s, declared %s   %s", string(x.Kind), x.Name, x.Key, human(x.Key, x.Live), human(x.Key, x.Declared), x.Note)
		}
	})
	section("missing on the cluster", len(r.Missing), func() {
		for _, x := range r.Missing {
			if x.ACL != nil {
				pg.Line("    acl    %s   (%s)", x.ACL.String(), x.Why)
				continue
			}
			pg.Line("    topic  %s   owner %s", x.Name, firstOf(x.Owner, "-"))
		}
	})
	section("in scope, not declared", len(r.Undeclared), func() { viewDrifts(pg, r.Undeclared) })
	section("groups that read and were not declared", len(r.UndeclaredConsumers), func() {
		for _, x := range r.UndeclaredConsumers {
			pg.Line("    group  %s   reads %s", x.Group, x.Topic)
		}
	})
	section("for information", len(r.Info), func() { viewDrifts(pg, r.Info) })
	section("could not be compared", len(r.Unknown), func() {
		for _, x := range r.Unknown {
			pg.Line("    %s", x)
		}
	})
	pg.Line("")
	switch {
	case r.Clean():
		pg.Line("No drift. The cluster matches the catalog.")
	case len(r.Unknown) > 0:
		pg.Line("%s, %s could not be compared.", plural(r.Count(), "difference"), plural(len(r.Unknown), "thing"))
	default:
		pg.Line("%s.", plural(r.Count(), "difference"))
	}
}

func viewDrifts(pg *term.Page, ds []plan.Drift) {
	for _, x := range ds {
		what := x.Name
		if x.Kind == "acl" && x.Live != nil {
			what = *x.Live
		}
		pg.Line("    %-6s %s   %s %s   %s", x.Kind, what, x.Key, arrowUnless(x), x.Note)
	}
}

func arrowUnless(x plan.Drift) string {
	if x.Kind == "acl" {
		return ""
	}
	return arrow(x)
}
