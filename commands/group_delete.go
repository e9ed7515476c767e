package commands

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/internal/term"
	"github.com/weirhq/weir/lag"
)

type groupDeleteOptions struct {
	group  string
	topics []string
	confirmation
	format term.Format
}

func newGroupDelete(d *Deps) *cobra.Command {
	o := &groupDeleteOptions{}
	c := &cobra.Command{
		Use:   "delete GROUP",
		Short: "Delete a group, or its offsets on some topics",
		Long: doc(`
			Delete a group with everything it has committed, or with --topic only its offsets there. A group
			with live members is refused. Where the group reads next is then up to the reset policy of its
			consumers.`),
		Example: doc(`
			# A group that nobody uses any more
			$ weir group delete billing-old --confirm billing-old

			# Forget a topic that the group no longer reads
			$ weir group delete billing --topic orders.order.v0`),
		Args:              exactly("GROUP"),
		Annotations:       map[string]string{ExitCodes: "4  some offsets were deleted and some were not; the report lists both"},
		ValidArgsFunction: d.completeGroups(false),
		RunE: func(c *cobra.Command, args []string) error {
			o.group = args[0]
			return runGroupDelete(c.Context(), d, o)
		},
	}
	flagFormat(c, &o.format, term.TextFormat, term.JSON, term.YAML, term.TSV)
	fs := c.Flags()
	words(fs, &o.topics, "topic", "only the offsets on these topics")
	lines(fs, &o.names, "confirm", "`name` of the group, instead of typing it; with a protected profile also the profile's, repeatable")
	fs.BoolVar(&o.dryRun, "dry-run", false, "show what would be done, and change nothing")
	return c
}

type deleteReport struct {
	*lag.DeletePlan
	DryRun  bool `json:"dry_run"`
	Deleted bool `json:"deleted"`
}

func runGroupDelete(ctx context.Context, d *Deps, o *groupDeleteOptions) error {
	conn, err := d.Cluster(ctx)
	if err != nil {
		return err
	}
	r := &lag.Reader{Client: conn.Client, Now: d.Now}
	plan, err := r.PlanDelete(ctx, o.group, o.topics)
	if err != nil {
		return lagFailure("delete group", o.group, err)
	}
	rep := &deleteReport{DeletePlan: plan, DryRun: o.dryRun}
	what := plan.Op() + " " + o.group
	if len(plan.Topics) > 0 {
		what += " on " + strings.Join(plan.Topics, ", ")
	}
	refusals := 0
	err = d.changeGroup(ctx, conn, &groupChange{
		op: plan.Op(), group: o.group, question: what, severe: []string{o.group}, confirmation: o.confirmation,
		format: o.format, kind: "group_delete", report: rep, view: viewGroupDelete(rep),
		before: plan.Before(), after: func() any { return plan.After() },
		do: func(ctx context.Context) error {
			var err error
			refusals, err = r.Delete(ctx, plan)
			rep.Deleted = err == nil
			return err
		},
		done: func(p *term.Page) { viewGroupDeleted(p, plan, what, refusals) },
	})
	if err == nil {
		err = partly(refusals > 0)
	}
	return err
}

func viewGroupDelete(rep *deleteReport) term.View {
	table := func() *term.Table {
		t := term.NewTable("TOPIC*", ">PARTITION", ">CURRENT-OFFSET")
		for _, o := range rep.Offsets {
			t.Row(o.Topic, int(o.Partition.Partition), o.Offset.Offset)
		}
		return t
	}
	return term.View{Table: table, Text: func(p *term.Page) {
		p.Line("%s  %s group", term.In(term.Bold, rep.Group), string(rep.Kind))
		p.Line("")
		p.Table(table())
		dry := ""
		if rep.DryRun {
			dry = " (dry run)"
		}
		what := plural(len(rep.Offsets), "committed offset")
		if len(rep.Topics) == 0 {
			if !rep.TopicsScope.Proven() {
				what = "at least " + what
			}
			what = "The group and " + what
		}
		p.Line("%s will be deleted%s%s.", what, dry, doubt(rep.TopicsScope))
	}}
}

func viewGroupDeleted(p *term.Page, plan *lag.DeletePlan, what string, refusals int) {
	if refusals == 0 {
		p.Line("Done: %s.", what)
		return
	}
	for i := range plan.Offsets {
		if o := &plan.Offsets[i]; o.Error != nil {
			p.Line("%s %s/%d: %s", p.Mark("fail"), o.Topic, o.Partition.Partition, *o.Error)
		}
	}
	p.Line("%s of group %s deleted.", plural(len(plan.Offsets)-refusals, "committed offset"), plan.Group)
}
