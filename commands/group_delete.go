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
	what := "delete group " + o.group
	if len(plan.Topics) > 0 {
		what = "delete offsets of group " + o.group + " on " + strings.Join(plan.Topics, ", ")
	}
	return d.changeGroup(ctx, conn, &groupChange{
		op: "delete group", group: o.group, question: what, severe: []string{o.group}, confirmation: o.confirmation,
		format: o.format, kind: "group_delete", report: rep, view: viewGroupDelete(rep),
		before: plan.Offsets,
		do: func(ctx context.Context) error {
			err := r.Delete(ctx, plan)
			rep.Deleted = err == nil
			return err
		},
		done: func(p *term.Page) { p.Line("Done: %s.", what) },
	})
}

func viewGroupDelete(rep *deleteReport) term.View {
	table := func() *term.Table {
		t := term.NewTable("TOPIC*", ">PARTITION", ">CURRENT-OFFSET")
		for _, o := range rep.Offsets {
			t.Row(o.Topic, int(o.Partition.Partition), o.Offset)
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
		what := "The group and " + plural(len(rep.Offsets), "committed offset")
		if len(rep.Topics) > 0 {
			what = plural(len(rep.Offsets), "committed offset")
		}
		p.Line("%s will be deleted%s.", what, dry)
	}}
}
