package commands

import (
	"time"

	"github.com/weirhq/weir/dlt"
	"github.com/weirhq/weir/internal/term"
)

func viewDLTPlan(pg *term.Page, p *dlt.Plan, out string) {
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
	for _, i := range p.Preflight {
		mark := map[string]string{"ok": "ok", "warn": "warn", "unknown": "warn"}[i.Status]
		if mark == "" {
			mark = "fail"
		}
		pg.Line("  %s %s: %s", pg.Mark(mark), i.Check, i.Detail)
	}
	pg.Line("  expires    %s", time.UnixMilli(p.ExpiresMS).UTC().Format(time.RFC3339))
	switch {
	case p.Counts.Selected == 0:
		pg.Line("Nothing is selected.")
	case p.Ready() == nil && out != "":
		pg.Line("")
		pg.Line("Next:  weir dlt replay %s", out)
	}
}
