package commands

import (
	"cmp"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/dlt"
	"github.com/weirhq/weir/internal/term"
)

func newDLTAbort(d *Deps) *cobra.Command {
	var format term.Format
	var confirm confirmation
	c := &cobra.Command{
		Use:   "abort JOB",
		Short: "End a replay for good",
		Long: doc(`
			Take a job over and end it: its open transaction is taken back, so that readers of its targets go on, and
			nothing can resume it. What it wrote stays: a log knows no way back. A job that is done or aborted already is refused.`),
		Example: doc(`
			# Free the targets of a job nobody will resume
			$ weir dlt abort 20260131-081500-1a2b3c4d --yes`),
		Args:        exactly("JOB"),
		Annotations: map[string]string{Next: "weir dlt list"},
		RunE: func(c *cobra.Command, args []string) error {
			ctx := c.Context()
			base, err := d.Cluster(ctx)
			if err != nil {
				return err
			}
			if !confirm.dryRun {
				if err := base.Writable("abort a replay", args[0]); err != nil {
					return err
				}
			}
			confirm.profile = base.Profile
			conn, err := d.dltConn(ctx, func(e dlt.Event) {
				if e.Note != "" {
					d.Log.Info(e.Note)
				}
			})
			if err != nil {
				return err
			}
			state, _, err := conn.JobState(ctx, args[0])
			if _, unknown := errors.AsType[*dlt.UnknownProgressError](err); unknown {
				// That is what an abort is for: its transaction may be what keeps the journal from being read.
				d.Log.Warn(err.Error())
				state, err = &dlt.Aborted{Job: args[0], WasState: "unknown"}, nil
			}
			if err != nil {
				return dltFailure("abort", args[0], d.orLocal(args[0], err))
			}
			if err := state.Ended(); err != nil {
				return err
			}
			if format != term.JSON && state.Produced != nil {
				d.Out.Note("job %s of %s: %s, %d records written, last entry %s", state.Job, cmp.Or(state.Operator, "unknown"), state.WasState, *state.Produced, time.UnixMilli(*state.SinceMS).UTC().Format(time.RFC3339))
			}
			if confirm.dryRun {
				return d.Out.Emit(format, "dlt_abort", state, term.View{Text: func(p *term.Page) { p.Line("Would end job %s (dry run).", state.Job) }})
			}
			if err := d.confirm(ctx, &confirm, "end job "+args[0]); err != nil {
				return d.declined(format, "dlt_abort", state, err)
			}
			log, err := d.auditLog(ctx, base)
			if err != nil {
				return err
			}
			before := state.WasState
			state, err = conn.Abort(ctx, args[0], newID("s-", d.Now()), d.operator())
			log.Record(ctx, "abort replay", args[0], before, "aborted", err)
			if err != nil {
				return dltFailure("abort", args[0], err)
			}
			return d.Out.Emit(format, "dlt_abort", state, term.View{Text: func(p *term.Page) {
				if state.Discard {
					p.Line("%s job %s ended; what it discarded stays discarded", p.Mark("ok"), state.Job)
					return
				}
				p.Line("%s job %s ended; its %s records stay where they are", p.Mark("ok"), state.Job, p.Int(*state.Produced))
			}})
		},
	}
	flagFormat(c, &format, term.TextFormat, term.JSON)
	c.Flags().BoolVar(&confirm.yes, "yes", false, "do not ask")
	c.Flags().BoolVar(&confirm.dryRun, "dry-run", false, "show what would be done")
	return c
}

// orLocal names a local journal that holds the job which the journal topic does not: there is nothing to end then.
func (d *Deps) orLocal(job string, err error) error {
	cfg, cerr := d.Config()
	if cerr != nil || !dlt.HasLocalJournal(localJournals(cfg), job) {
		return err
	}
	return refused("what it wrote stays; its open transaction, if it died in one, is taken back within a minute; without its plan file nobody can resume it",
		"abort %s: its journal is local, there is nothing to end", job)
}
