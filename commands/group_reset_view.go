package commands

import (
	"github.com/weirhq/weir/internal/term"
	"github.com/weirhq/weir/lag"
)

func viewGroupReset(rep *resetReport) term.View {
	table := func() *term.Table {
		t := term.NewTable("TOPIC*", ">PARTITION", ">CURRENT-OFFSET", ">NEW-OFFSET", ">LOG-START-OFFSET", ">LOG-END-OFFSET", ">READ-AGAIN", ">PASSED-OVER", "NOTE")
		for _, m := range rep.Moves {
			note := m.Note
			if m.Error != nil {
				note = *m.Error
			} else if !m.Changes() {
				note = joinKnown("no change", note)
			}
			t.Row(m.Topic, int(m.Partition.Partition), m.From, m.To, m.Start, m.End, countCell(m.Replayed), countCell(m.Passed), note)
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
		if !rep.TopicsScope.Proven() {
			p.Line("%s there may be more, which is not moved: %s", p.Mark("warn"), rep.TopicsScope.Reason)
		}
		var again, passed int64
		unknown := 0
		for _, m := range rep.Moves {
			if m.Replayed == nil || m.Passed == nil {
				unknown++
				continue
			}
			again, passed = again+*m.Replayed, passed+*m.Passed
		}
		of := ""
		if unknown > 0 {
			of = ", not known for " + plural(unknown, "partition")
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
		p.Line("%s to move: %s records will be read again, %s passed over%s%s.", plural(rep.Moved(), "partition"), p.Int(again), p.Int(passed), of, dry)
	}}
}

func viewResetDone(p *term.Page, plan *lag.ResetPlan, refusals int) {
	for i := range plan.Moves {
		if m := &plan.Moves[i]; m.Error != nil {
			p.Line("%s %s/%d: %s", p.Mark("fail"), m.Topic, m.Partition.Partition, *m.Error)
		}
	}
	p.Line("Group %s was moved on %s.", plan.Group, plural(plan.Moved()-refusals, "partition"))
}

func countCell(n *int64) any {
	if n == nil {
		return term.In(term.Warn, "?")
	}
	return *n
}
