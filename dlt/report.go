package dlt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
)

// Report is what a replay did. selected = produced + skipped + failed + remaining, which is checked.
type Report struct {
	Job           string         `json:"job"`
	Topic         string         `json:"topic"`
	State         string         `json:"state"` // done, paused, stopped, interrupted, failed
	Reason        string         `json:"reason"`
	Guarantee     string         `json:"guarantee"`
	Selected      int64          `json:"selected"`
	Produced      int64          `json:"produced"` // in all sessions of the job
	Skipped       int64          `json:"skipped"`
	Failed        int64          `json:"failed"`
	Remaining     int64          `json:"remaining"`
	ReDied        int64          `json:"re_died"`
	ProducedNow   int64          `json:"produced_now"` // in this session
	Transactions  int64          `json:"transactions"`
	ElapsedMS     int64          `json:"elapsed_ms"`
	RatePerSecond float64        `json:"rate_records_per_second"`
	FailedRecords []FailedRecord `json:"failed_records"`
	SkippedRecs   []FailedRecord `json:"skipped_records"`
	Outputs       []Output       `json:"outputs"` // where every record went
	Resume        string         `json:"resume"`  // the command, empty when done and where nothing can be resumed
	Known         bool           `json:"-"`       // false: it ended before it knew what earlier sessions did, and the figures are not the job's
}

// Output says where a run of records went.
type Output struct {
	SourcePartition int32  `json:"source_partition"`
	SourceOffset    int64  `json:"source_offset"`
	Topic           string `json:"topic"`
	Partition       int32  `json:"partition"`
	Offset          int64  `json:"offset"`
	Records         int64  `json:"records"`
}

// check proves that the numbers add up.
func (r *Report) check() error {
	if r.Selected != r.Produced+r.Skipped+r.Failed+r.Remaining || r.Remaining < 0 {
		return fmt.Errorf("replay %s: the numbers do not add up: %d selected, %d produced, %d skipped, %d failed, %d remaining", r.Job, r.Selected, r.Produced, r.Skipped, r.Failed, r.Remaining)
	}
	return nil
}

func (r *replay) finish(err error) {
	rep := r.rep
	begun := false // and so is known to weir dlt resume
	if p := r.prog; p != nil {
		rep.Known, begun = true, p.found
		rep.Produced, rep.Failed, rep.Skipped = p.produced, int64(len(p.failed)), int64(len(p.skipped))
		rep.FailedRecords = append(rep.FailedRecords, p.failed...)
		rep.SkippedRecs = append(rep.SkippedRecs, p.skipped...)
		for _, o := range p.outputs {
			rep.Outputs = append(rep.Outputs, Output{o.SourcePartition, o.From, o.Topic, o.Partition, o.At, o.Count})
		}
	}
	rep.Remaining = rep.Selected - rep.Produced - rep.Failed - rep.Skipped
	elapsed := r.c.Now().Sub(r.start)
	rep.ElapsedMS = elapsed.Milliseconds()
	if elapsed > 0 {
		rep.RatePerSecond = float64(rep.ProducedNow) / elapsed.Seconds()
	}
	over := false
	switch {
	case err != nil && errors.Is(err, context.Canceled):
		rep.State, rep.Reason = "interrupted", "interrupted"
	case err != nil:
		rep.State, rep.Reason = "failed", err.Error()
		if g, ok := errors.AsType[*GateError](err); ok {
			rep.State, rep.Reason = "paused", g.Reason
			over = rep.Known && (g.stale || !begun)
		}
	case rep.Remaining == 0:
		rep.State = "done"
	default:
		rep.State = cmp.Or(rep.State, "stopped")
	}
	switch {
	case rep.Remaining == 0, r.prog != nil && r.prog.state == "aborted":
	case over:
		rep.Reason += ": plan again"
	case begun:
		rep.Resume = "weir dlt resume " + rep.Job
		if r.local() || r.prog.plan == "" { // the journal topic does not hold the plan
			rep.Resume += " --plan " + cmp.Or(r.o.PlanFile, "PLAN")
		}
	}
}
