package commands

import (
	"context"
	"math"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/weirhq/weir/dlt"
	"github.com/weirhq/weir/internal/term"
)

type dltReplayOptions struct {
	file      string
	job       string
	rate      float64
	canary    int
	settle    string
	noBreaker bool
	lagGroup  string
	maxLag    int64
	deadline  string
	confirm   confirmation
	format    term.Format

	settleFor, deadlineIn time.Duration
}

func (o *dltReplayOptions) bind(fs *pflag.FlagSet) {
	fs.Float64Var(&o.rate, "rate", 50, "records a second; 0 without limit")
	fs.IntVar(&o.canary, "canary", 10, "records of the first batch; 0 for none")
	fs.StringVar(&o.settle, "settle", "60s", "wait after the canary, and between steps of the ramp")
	fs.BoolVar(&o.noBreaker, "no-breaker", false, "go on although records die again")
	fs.StringVar(&o.lagGroup, "lag-group", "", "hold on while this group is behind")
	fs.Int64Var(&o.maxLag, "max-lag", 1000, "records --lag-group may be behind on the targets")
	fs.StringVar(&o.deadline, "stop-after", "", "stop after so long, with the rest remaining")
	fs.BoolVar(&o.confirm.yes, "yes", false, "do not ask")
	fs.StringArrayVar(&o.confirm.names, "confirm", nil, "name of the dead letter topic, for more than 10,000 records")
	fs.BoolVar(&o.confirm.dryRun, "dry-run", false, "show what would be done")
}

func (o *dltReplayOptions) validate() (err error) {
	if !(o.rate >= 0) || math.IsInf(o.rate, 0) || o.canary < 0 || o.maxLag < 0 { // NaN is no rate
		return usage("a rate of 0 is no limit", "--rate, --canary and --max-lag take 0 and more")
	}
	if o.settleFor, err = term.ParseDuration(o.settle); err != nil {
		return usage("write 60s", "--settle %q", o.settle)
	}
	if o.deadline != "" {
		if o.deadlineIn, err = term.ParseDuration(o.deadline); err != nil {
			return usage("write 30m", "--stop-after %q", o.deadline)
		}
	}
	return nil
}

func newDLTReplay(d *Deps) *cobra.Command {
	o := &dltReplayOptions{}
	c := &cobra.Command{
		Use:   "replay PLAN",
		Short: "Carry out a plan, exactly once",
		Long: doc(`
			Write the records of a plan to their targets. Outputs and a note of them in the journal topic are one
			transaction: whenever this stops, by ^C, a crash or kill -9, nothing is lost and nothing is doubled, and
			weir dlt resume goes on. The guarantee covers the topic, not what consumers do with the records.
			The dead letters stay where they are. Who reads the targets is looked up again before anything is written, and
			more groups than one need --ack-fanout in the plan. A few records go first; then the pace doubles up to --rate, and the
			replay stops by itself when records die again.`),
		Example: doc(`
			# With care
			$ weir dlt replay plan.json

			# As fast as it goes, in a script
			$ weir dlt replay plan.json --rate 0 --canary 0 --yes -o json`),
		Annotations: map[string]string{Next: "weir dlt list", ExitCodes: "3  paused: records died again, a group is behind, or the world is not the plan's\n4  some records failed or remain\n130  interrupted; weir dlt resume goes on"},
		Args:        exactly("PLAN"),
		RunE: func(c *cobra.Command, args []string) error {
			o.file = args[0]
			if err := o.validate(); err != nil {
				return err
			}
			return runDLTReplay(c.Context(), d, o)
		},
	}
	flagFormat(c, &o.format, term.TextFormat, term.JSON)
	o.bind(c.Flags())
	return c
}

func runDLTReplay(ctx context.Context, d *Deps, o *dltReplayOptions) error {
	defer holdMemory(260 << 20)()
	dec, err := d.dltDecoder()
	if err != nil {
		return err
	}
	plan, err := o.planFile()
	if err != nil {
		return d.gated(o.format, err)
	}
	base, err := d.Cluster(ctx)
	if err != nil {
		return err
	}
	if !o.confirm.dryRun {
		if err := base.Writable("replay dead letters", "the journal and the targets"); err != nil {
			return err
		}
	}
	o.confirm.profile = base.Profile
	progress := d.Out.Progress("replaying", d.Now)
	conn, err := d.dltConn(ctx, d.replayEvents(progress))
	if err != nil {
		return err
	}
	if plan == nil {
		if plan, err = planOfJob(ctx, conn, o.job); err != nil {
			return err
		}
	}
	if err := o.show(ctx, d, conn, plan); err != nil {
		return err
	}
	if o.confirm.dryRun {
		if err := conn.Check(ctx, plan, dlt.ReplayOptions{Resume: o.job != ""}); err != nil {
			return d.gated(o.format, err)
		}
		return d.Out.Emit(o.format, "dlt_replay", map[string]any{"dry_run": true, "plan": plan}, term.View{Text: func(p *term.Page) { p.Line("Nothing was written (dry run).") }})
	}
	if err := o.ask(ctx, d, conn, plan); err != nil {
		return err
	}
	localDir, err := d.localJournal(plan)
	if err != nil {
		return err
	}
	log, err := d.auditLog(ctx, base)
	if err != nil {
		return err
	}
	rep, err := conn.Replay(ctx, dec, plan, dlt.ReplayOptions{
		Rate: o.rate, Canary: o.canary, Settle: o.settleFor, Breaker: !o.noBreaker, LagGroup: o.lagGroup, MaxLag: o.maxLag,
		Deadline: o.deadlineIn, Session: newID("s-", d.Now()), Operator: d.operator(), Resume: o.job != "", LocalDir: localDir, PlanFile: o.file,
	})
	progress.Done()
	log.Record(ctx, "replay dead letters", plan.Topic, nil, replayOutcome(rep), err)
	return d.replayed(o.format, rep, err)
}
