package commands

import (
	"time"

	"github.com/weirhq/weir/dlt"
	"github.com/weirhq/weir/internal/term"
)

// viewDLTPlan shows a plan that was written to out. Without out it is shown before it is carried out: checks are what
// was asked just now, and those of the plan are told as what they are.
func viewDLTPlan(pg *term.Page, p *dlt.Plan, out string, checks ...dlt.PreflightItem) {
	pg.Line("%s  %s", term.In(term.Bold, "Plan "+p.Job), p.Guarantee)
	pg.Line("  made       %s by %s", time.UnixMilli(p.CreatedMS).UTC().Format(time.RFC3339), p.Creator)
	pg.Line("  cluster    %s", p.ClusterID)
	pg.Line("  from       %s (%s)", p.Topic, p.TopicID)
	pg.Line("  records    %s of %s read, %s bytes", pg.Int(p.Counts.Selected), pg.Int(p.Counts.Read), pg.Bytes(p.Counts.Bytes))
	for _, t := range p.Targets {
		pg.Line("  to         %s: %s records over %d partitions by %s", t.Topic, pg.Int(t.Records), t.Partitions, string(t.Hash))
	}
	for _, g := range p.FanOut {
		pg.Line("  delivers   to group %s (%s) of %s", g.Group, g.State, g.Topic)
	}
	for _, s := range p.Skipped {
		pg.Line("  %s left out  %s %s: %s", pg.Mark("skip"), pg.Int(s.Records), s.Reason, s.Detail)
	}
	pg.Line("  order      %s", p.Order)
	viewChecks(pg, checks)
	if out == "" && len(p.Preflight) > 0 {
		pg.Line("  checked    when the plan was made:")
	}
	viewChecks(pg, p.Preflight)
	pg.Line("  expires    %s", time.UnixMilli(p.ExpiresMS).UTC().Format(time.RFC3339))
	switch {
	case p.Counts.Selected == 0:
		pg.Line("Nothing is selected.")
	case p.Ready() == nil && out != "":
		pg.Line("")
		pg.Line("Next:  weir dlt replay %s", out)
	}
}

func viewChecks(pg *term.Page, checks []dlt.PreflightItem) {
	for _, i := range checks {
		mark := map[string]string{"ok": "ok", "warn": "warn", "unknown": "warn"}[i.Status]
		if mark == "" {
			mark = "fail"
		}
		pg.Line("  %s %s: %s", pg.Mark(mark), i.Check, i.Detail)
	}
}
