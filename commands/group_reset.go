package commands

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/internal/term"
	"github.com/weirhq/weir/lag"
)

type groupResetOptions struct {
	group    string
	topics   []string
	to, like string
	file     string
	confirmation
	format term.Format
}

func newGroupReset(d *Deps) *cobra.Command {
	o := &groupResetOptions{}
	c := &cobra.Command{
		Use:     "reset GROUP",
		Aliases: []string{"seek", "reset-offsets"},
		Short:   "Move the committed offsets of a group",
		Long: doc(`
			Move what a group has committed, without joining it. The plan is shown first. A group with live
			members and a group that does not exist are refused: a broker would create the latter.

			--to takes
			  start, end            the ends of the log
			  start+N, end-N        counted from an end
			  N                     an offset
			  +N, -N                a shift of what is committed
			  @2026-03-01T12:00:00Z, @1772366400000, @-1h
			                        the first record at or after a moment, or of an age

			Offsets outside of a log are moved to its nearest end. Without --topic every partition that the
			group has committed is moved. Share groups are moved by their own request.`),
		Example: doc(`
			# Read the last hour again
			$ weir group reset billing --topic orders.order.v1 --to @-1h

			# Skip one poison record on partition 3
			$ weir group reset billing --topic orders.order.v1:3 --to +1 --confirm billing

			# Put back what was saved before
			$ weir group export billing > billing.csv
			$ weir group reset billing --from-file billing.csv`),
		Args:              exactly("GROUP"),
		Annotations:       map[string]string{Next: "weir lag GROUP"},
		ValidArgsFunction: d.completeGroups(false),
		RunE: func(c *cobra.Command, args []string) error {
			o.group = args[0]
			if err := oneFlag(c, true, "to", "to-group", "from-file"); err != nil {
				return err
			}
			return runGroupReset(c.Context(), d, o)
		},
	}
	flagFormat(c, &o.format, term.TextFormat, term.JSON, term.YAML, term.TSV)
	fs := c.Flags()
	lines(fs, &o.topics, "topic", "a topic, or some of its partitions: TOPIC:0,2,5-7; repeatable")
	fs.StringVar(&o.to, "to", "", "where to: start, end, N, +N, -N, @TIME or @-1h")
	fs.StringVar(&o.like, "to-group", "", "take over the offsets of another group")
	fs.StringVar(&o.file, "from-file", "", "take offsets from a CSV file as weir group export and the Apache tool write it; - is standard input")
	lines(fs, &o.names, "confirm", "`name` of the group, instead of typing it; with a protected profile also the profile's, repeatable")
	fs.BoolVar(&o.dryRun, "dry-run", false, "show what would be done, and change nothing")
	return c
}

func (o *groupResetOptions) request(d *Deps) (lag.ResetRequest, error) {
	q := lag.ResetRequest{Group: o.group, Like: o.like}
	var err error
	if q.Scopes, err = scopes(o.topics); err != nil {
		return q, err
	}
	switch {
	case o.to != "":
		t, err := lag.ParseTarget(o.to, d.Now())
		if err != nil {
			return q, usage("+N and -N shift what is committed", "--to: %w", err)
		}
		q.Target = &t
	case o.file != "":
		in, err := d.openInput(o.file)
		if err != nil {
			return q, err
		}
		defer func() { _ = in.Close() }()
		q.File = o.file
		if q.Offsets, q.Lines, err = lag.ReadOffsets(in, o.file, o.group); err != nil {
			return q, usage("weir group export writes such a file", "read offsets: %w", err)
		}
	case o.like == o.group:
		return q, usage("", "--to-group %s: a group cannot be moved to itself", o.like)
	}
	return q, nil
}

// resetReport is a plan and what became of it.
type resetReport struct {
	*lag.ResetPlan
	DryRun  bool `json:"dry_run"`
	Applied bool `json:"applied"`
}

func runGroupReset(ctx context.Context, d *Deps, o *groupResetOptions) error {
	q, err := o.request(d)
	if err != nil {
		return err
	}
	conn, err := d.Cluster(ctx)
	if err != nil {
		return err
	}
	r := &lag.Reader{Client: conn.Client, Now: d.Now}
	plan, err := r.PlanReset(ctx, q)
	if err != nil {
		return lagFailure("reset group", o.group, err)
	}
	rep := &resetReport{ResetPlan: plan, DryRun: o.dryRun}
	if !plan.Changes() {
		return d.Out.Emit(o.format, "group_reset", rep, viewGroupReset(rep))
	}
	refusals := 0
	err = d.changeGroup(ctx, conn, &groupChange{
		op: "reset group", group: o.group, question: "reset group " + o.group, severe: []string{o.group}, confirmation: o.confirmation,
		format: o.format, kind: "group_reset", report: rep, view: viewGroupReset(rep),
		before: plan.Before(), after: func() any { return plan.After() },
		do: func(ctx context.Context) error {
			var err error
			refusals, err = r.Reset(ctx, plan)
			rep.Applied = err == nil
			return err
		},
		done: func(p *term.Page) { viewResetDone(p, plan, refusals) },
	})
	if err == nil && refusals > 0 {
		return errPartial
	}
	return err
}
