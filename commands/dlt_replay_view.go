package commands

import (
	"context"
	"errors"
	"slices"

	"github.com/weirhq/weir/dlt"
	"github.com/weirhq/weir/internal/term"
)

func viewReplay(p *term.Page, r *dlt.Report) {
	mark := map[string]string{"done": "ok", "failed": "fail", "paused": "warn", "stopped": "warn", "interrupted": "warn"}[r.State]
	p.Line("%s %s: %s of %s replayed, %s failed, %s left out, %s remaining", p.Mark(mark), r.State, p.Int(r.Produced), p.Int(r.Selected), p.Int(r.Failed), p.Int(r.Skipped), p.Int(r.Remaining))
	if r.Reason != "" && r.Reason != r.State {
		p.Line("  because %s", r.Reason)
	}
	p.Line("  %s now in %s transactions, %.0f records/s, %s", p.Int(r.ProducedNow), p.Int(r.Transactions), r.RatePerSecond, r.Guarantee)
	if r.ReDied > 0 {
		p.Line("  %s %s died again", p.Mark("warn"), p.Int(r.ReDied))
	}
	for i, f := range slices.Concat(r.FailedRecords, r.SkippedRecs) {
		if i == 20 {
			p.Line("  ... see -o json for all")
			break
		}
		p.Line("  %s %s %d@%d %s: %s", p.Mark("fail"), r.Topic, f.Partition, f.Offset, f.Reason, f.Detail)
	}
	if r.Resume != "" {
		p.Line("Next:  %s", r.Resume)
	}
}

// replayOutcome is what the audit log keeps of a report.
func replayOutcome(rep *dlt.Report) map[string]any {
	out := map[string]any{"job": rep.Job, "state": rep.State, "produced_now": rep.ProducedNow}
	if rep.Known {
		out["remaining"] = rep.Remaining
	}
	return out
}

// replayed prints the report of a replay, and says how it ended.
func (d *Deps) replayed(format term.Format, rep *dlt.Report, err error) error {
	_, gate := errors.AsType[*dlt.GateError](err)
	switch {
	case gate && !rep.Known:
		return d.gated(format, err)
	case errors.Is(err, context.Canceled) && !rep.Known:
		return errors.Join(d.refusal(format, "interrupted before it was known how far the job came: nothing was written now"), err)
	}
	if err != nil && !gate && !errors.Is(err, context.Canceled) {
		if rep.Resume != "" && rep.Produced > 0 {
			d.Out.Say("weir: %d of %d are replayed; go on with: %s", rep.Produced, rep.Selected, rep.Resume)
		}
		return dltFailure("replay", rep.Topic, err)
	}
	if perr := d.Out.Emit(format, "dlt_replay", rep, term.View{Text: func(p *term.Page) { viewReplay(p, rep) }}); perr != nil {
		return perr
	}
	switch {
	case gate:
		return errGate
	case err != nil:
		return err
	case rep.Failed > 0 || rep.Skipped > 0 || rep.Remaining > 0:
		return errPartial
	}
	return nil
}

// replayEvents shows how far a replay is, and logs what it has to say.
func (d *Deps) replayEvents(progress *term.Progress) func(dlt.Event) {
	return func(e dlt.Event) {
		if e.Note != "" {
			d.Log.Info(e.Note)
		}
		if e.Stage == "replay" {
			progress.Update(e.Done, e.Total)
		}
	}
}
