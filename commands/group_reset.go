package commands

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

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

func itoa(n int32) string { return strconv.Itoa(int(n)) }

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
	fs.StringArrayVar(&o.topics, "topic", nil, "a topic, or some of its partitions: TOPIC:0,2,5-7; repeatable")
	fs.StringVar(&o.to, "to", "", "where to: start, end, N, +N, -N, @TIME or @-1h")
	fs.StringVar(&o.like, "to-group", "", "take over the offsets of another group")
	fs.StringVar(&o.file, "from-file", "", "take offsets from a CSV file as weir group export and the Apache tool write it; - is stdin")
	fs.StringSliceVar(&o.names, "confirm", nil, "the group's name, instead of typing it")
	fs.BoolVar(&o.dryRun, "dry-run", false, "show the plan and stop")
	return c
}

// oneFlag wants at most one of the flags, or exactly one.
func oneFlag(c *cobra.Command, required bool, names ...string) error {
	var given []string
	for _, n := range names {
		if c.Flags().Changed(n) {
			given = append(given, "--"+n)
		}
	}
	hint := "see " + c.CommandPath() + " --help"
	if len(given) > 1 {
		return usage(hint, "%s exclude each other", strings.Join(given, " and "))
	}
	if required && len(given) == 0 {
		return usage(hint, "one of --%s is needed", strings.Join(names, ", --"))
	}
	return nil
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
			return q, usage("", "--to: %w", err)
		}
		q.Target = &t
	case o.file != "":
		in, err := d.openInput(o.file)
		if err != nil {
			return q, err
		}
		defer func() { _ = in.Close() }()
		if q.Offsets, err = lag.ReadOffsets(in, o.file, o.group); err != nil {
			return q, usage("weir group export writes such a file", "read offsets: %w", err)
		}
	case o.like == o.group:
		return q, usage("", "--to-group %s: a group cannot be moved to itself", o.like)
	}
	return q, nil
}

func scopes(topics []string) ([]lag.Scope, error) {
	var out []lag.Scope
	for _, t := range topics {
		s, err := lag.ParseScope(t)
		if err != nil {
			return nil, usage("", "--topic: %w", err)
		}
		out = append(out, s)
	}
	return out, nil
}

// openInput opens a file that the user names; "-" is standard input.
func (d *Deps) openInput(path string) (io.ReadCloser, error) {
	if path == "-" {
		return io.NopCloser(d.Out.In()), nil
	}
	f, err := os.Open(path) // #nosec G304 -- the user names the file
	if errors.Is(err, fs.ErrNotExist) {
		return nil, usage("", "read %s: there is no such file", path)
	}
	if err != nil {
		return nil, failed(path, "", "read file: %w", err)
	}
	return f, nil
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
	o.profile = conn.Profile
	r := &lag.Reader{Client: conn.Client, Now: d.Now}
	plan, err := r.PlanReset(ctx, q)
	if err != nil {
		return lagFailure("reset group", o.group, err)
	}
	rep := &resetReport{ResetPlan: plan, DryRun: o.dryRun}
	if o.dryRun || !plan.Changes() {
		return d.emitReset(o, rep)
	}
	if err := conn.Writable("reset group", o.group); err != nil {
		return err
	}
	// The question comes after the plan; as JSON there is one document only, at the end.
	if o.format == term.TextFormat {
		if err := d.emitReset(o, rep); err != nil {
			return err
		}
	}
	if err := d.confirm(ctx, &o.confirmation, "reset group "+o.group, o.group); err != nil {
		if o.format != term.TextFormat {
			if e := d.emitReset(o, rep); e != nil {
				return e
			}
		}
		return err
	}
	log, err := d.auditLog(ctx, conn)
	if err != nil {
		return err
	}
	refusals, err := r.Reset(ctx, plan)
	if e := log.Record(ctx, "reset group", o.group, offsetsBefore(plan), offsetsAfter(plan), err); e != nil && err == nil {
		err = e
	}
	if err != nil {
		return lagFailure("reset group", o.group, err)
	}
	rep.Applied = true
	if o.format != term.TextFormat {
		if err := d.emitReset(o, rep); err != nil {
			return err
		}
	} else if err := d.Out.Print(func(p *term.Page) {
		for i := range plan.Moves {
			if m := &plan.Moves[i]; m.Error != nil {
				p.Line("%s %s/%d: %s", p.Mark("fail"), m.Topic, m.Partition.Partition, *m.Error)
			}
		}
		p.Line("Group %s was moved on %s.", o.group, plural(moved(plan)-refusals, "partition"))
	}); err != nil {
		return err
	}
	if refusals > 0 {
		return errPartial
	}
	return nil
}

func moved(p *lag.ResetPlan) int {
	n := 0
	for _, m := range p.Moves {
		if m.From == nil || *m.From != m.To {
			n++
		}
	}
	return n
}

func offsetsBefore(p *lag.ResetPlan) []lag.Offset {
	out := []lag.Offset{}
	for _, m := range p.Moves {
		if m.From != nil {
			out = append(out, lag.Offset{Partition: m.Partition, Offset: *m.From})
		}
	}
	return out
}

func offsetsAfter(p *lag.ResetPlan) []lag.Offset {
	out := []lag.Offset{}
	for _, m := range p.Moves {
		if m.Error == nil {
			out = append(out, lag.Offset{Partition: m.Partition, Offset: m.To})
		}
	}
	return out
}

func (d *Deps) emitReset(o *groupResetOptions, rep *resetReport) error {
	return d.Out.Emit(o.format, "group_reset", rep, viewReset(rep))
}

func viewReset(rep *resetReport) term.View {
	table := func() *term.Table {
		t := term.NewTable("TOPIC*", ">PARTITION", ">CURRENT-OFFSET", ">NEW-OFFSET", ">LOG-START-OFFSET", ">LOG-END-OFFSET", ">READ-AGAIN", ">PASSED-OVER", "NOTE")
		for _, m := range rep.Moves {
			note := m.Note
			if m.Error != nil {
				note = *m.Error
			} else if m.From != nil && *m.From == m.To {
				note = joinKnown("no change", note)
			}
			t.Row(m.Topic, int(m.Partition.Partition), m.From, m.To, m.Start, m.End, m.Replayed, m.Passed, note)
		}
		return t
	}
	return term.View{Table: table, Text: func(p *term.Page) {
		state := "state unknown"
		if rep.State != nil {
			state = *rep.State
		}
		p.Line("%s  %s group, %s", term.In(term.Bold, rep.Group), string(rep.Kind), state)
		p.Line("")
		p.Table(table())
		for _, s := range rep.Skipped {
			p.Line("%s %s/%d: %s", p.Mark("skip"), s.Topic, s.Partition.Partition, s.Reason)
		}
		var again, passed int64
		for _, m := range rep.Moves {
			again, passed = again+m.Replayed, passed+m.Passed
		}
		p.Line("")
		dry := ""
		if rep.DryRun {
			dry = " (dry run)"
		}
		if !rep.Changes() {
			p.Line("Nothing to change%s.", dry)
			return
		}
		p.Line("%s to move: %s records will be read again, %s passed over%s.", plural(moved(rep.ResetPlan), "partition"), p.Int(again), p.Int(passed), dry)
	}}
}
