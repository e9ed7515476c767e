package commands

import (
	"cmp"
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/internal/term"
	"github.com/weirhq/weir/lag"
)

type groupRemoveOptions struct {
	group   string
	members []string
	confirmation
	format term.Format
}

func newGroupRemoveMember(d *Deps) *cobra.Command {
	o := &groupRemoveOptions{}
	c := &cobra.Command{
		Use:   "remove-member GROUP INSTANCE-ID...",
		Short: "Send members of a group away",
		Long: doc(`
			Remove members by instance id or member id. A static member that has stopped keeps its
			partitions, and keeps the group from being reset or deleted, until its session times out
			(45 s by default); removing it frees the group at once. A consumer that still runs joins again.`),
		Example: doc(`
			# A pod is gone for good
			$ weir group remove-member billing billing-3`),
		Args: func(c *cobra.Command, args []string) error {
			if len(args) < 2 {
				return exactly("GROUP", "INSTANCE-ID")(c, args)
			}
			return nil
		},
		ValidArgsFunction: d.completeGroups(false),
		RunE: func(c *cobra.Command, args []string) error {
			o.group, o.members = args[0], args[1:]
			return runGroupRemoveMember(c.Context(), d, o)
		},
	}
	flagFormat(c, &o.format, term.TextFormat, term.JSON, term.YAML, term.TSV)
	c.Flags().BoolVarP(&o.yes, "yes", "y", false, "do not ask")
	c.Flags().BoolVar(&o.dryRun, "dry-run", false, "show what would be done, and change nothing")
	return c
}

type removeReport struct {
	*lag.RemovePlan
	DryRun  bool `json:"dry_run"`
	Removed bool `json:"removed"`
}

func runGroupRemoveMember(ctx context.Context, d *Deps, o *groupRemoveOptions) error {
	conn, err := d.Cluster(ctx)
	if err != nil {
		return err
	}
	r := &lag.Reader{Client: conn.Client, Now: d.Now}
	plan, err := r.PlanRemove(ctx, o.group, o.members)
	if err != nil {
		return lagFailure("remove members of group", o.group, err)
	}
	rep := &removeReport{RemovePlan: plan, DryRun: o.dryRun}
	refusals := 0
	err = d.changeGroup(ctx, conn, &groupChange{
		op: "remove members", group: o.group, question: "remove " + plural(len(plan.Removed), "member") + " of group " + o.group, confirmation: o.confirmation,
		format: o.format, kind: "group_remove_member", report: rep, view: viewGroupRemove(rep),
		before: strings.Join(o.members, " "),
		do: func(ctx context.Context) error {
			var err error
			refusals, err = r.Remove(ctx, plan)
			rep.Removed = err == nil && refusals < len(plan.Removed)
			return err
		},
		done: func(p *term.Page) {
			for _, m := range plan.Removed {
				if m.Error != nil {
					p.Line("%s %s: %s", p.Mark("fail"), cmp.Or(m.InstanceID, m.MemberID), *m.Error)
				}
			}
			p.Line("%s removed from group %s.", plural(len(plan.Removed)-refusals, "member"), o.group)
		},
	})
	switch {
	case err != nil:
		return err
	case refusals > 0 && refusals == len(plan.Removed):
		return failed(o.group, "", "remove members of group %s: the broker refused all of them", o.group)
	case refusals > 0:
		return errPartial
	}
	return nil
}

func viewGroupRemove(rep *removeReport) term.View {
	table := func() *term.Table {
		t := term.NewTable("INSTANCE-ID*", "CONSUMER-ID*", "CLIENT-ID*", "HOST", ">PARTITIONS")
		for _, m := range rep.RemovePlan.Removed {
			t.Row(m.InstanceID, m.MemberID, m.ClientID, strings.TrimPrefix(m.Host, "/"), m.Partitions)
		}
		return t
	}
	return term.View{Table: table, Text: func(p *term.Page) {
		p.Line("%s", term.In(term.Bold, rep.Group))
		p.Line("")
		p.Table(table())
		if rep.DryRun {
			p.Line("(dry run)")
		}
	}}
}
