package commands

import (
	"fmt"
	"strings"
	"time"

	"github.com/weirhq/weir/internal/term"
	"github.com/weirhq/weir/lag"
)

func viewLag(rep *lag.Report, wide bool, verdict string) term.View {
	return term.View{
		Text: func(p *term.Page) {
			if len(rep.Groups) == 0 {
				p.Line("No groups.")
			} else {
				p.Table(lagTable(p, rep, wide, nil))
			}
			viewLagRest(p, rep, verdict)
		},
		Table: func() *term.Table { return lagTable(term.NewPage(0, false), rep, true, nil) },
		Names: func() []string {
			names := make([]string, len(rep.Groups))
			for i := range rep.Groups {
				names[i] = rep.Groups[i].Group
			}
			return names
		},
	}
}

// lagTable is the report as one table. spark draws a group's history and is nil outside
// of a watch.
func lagTable(p *term.Page, rep *lag.Report, wide bool, spark func(group string) string) *term.Table {
	switch rep.By {
	case lag.ByPartition:
		return lagPartitions(p, rep, wide)
	case lag.ByMember:
		return lagMembers(p, rep)
	case lag.ByTopic:
		cols := []string{"GROUP*", "TOPIC*", ">PARTITIONS", ">LAG", ">AGE", ">RATE/S", ">ETA", "STATUS"}
		if wide {
			cols = append(cols, ">STABLE", ">LOST", ">UNREAD-PART", ">OBJECTIVE", "OWNER*")
		}
		t := term.NewTable(cols...)
		for i := range rep.Groups {
			g := &rep.Groups[i]
			if len(g.Topics) == 0 {
				t.Row(g.Group, nil, 0, lagCell(p, &g.Figures), nil, nil, nil, statusCell(g.Status))
			}
			for j := range g.Topics {
				r := &g.Topics[j]
				row := []any{g.Group, r.Topic, r.Partitions, lagCell(p, &r.Figures), ageCell(r.Age), rateCell(&r.Figures), etaCell(r.CatchUp), statusCell(r.Status)}
				if wide {
					row = append(row, r.Stable, r.Lost, ratioCell(r.RetentionRatio), objectiveCell(r), deref(firstKnown(r.Owner, g.Owner)))
				}
				t.Row(row...)
			}
		}
		return t
	case lag.ByGroup:
	}
	cols := []string{"GROUP*", "STATE", ">MEMBERS", ">PARTITIONS", ">LAG", ">AGE", ">RATE/S", ">ETA", "STATUS"}
	if wide {
		cols = append(cols, "TYPE", ">STABLE", ">LOST", ">UNREAD-PART", "OWNER*")
	}
	if spark != nil {
		cols = append(cols, "TREND")
	}
	t := term.NewTable(cols...)
	for i := range rep.Groups {
		g := &rep.Groups[i]
		var members any
		if g.Members != nil {
			members = *g.Members
		}
		row := []any{g.Group, deref(g.State), members, g.Partitions, lagCell(p, &g.Figures), ageCell(g.Age), rateCell(&g.Figures), etaCell(g.CatchUp), statusCell(g.Status)}
		if wide {
			row = append(row, string(g.Kind), g.Stable, g.Lost, ratioCell(g.RetentionRatio), deref(g.Owner))
		}
		if spark != nil {
			row = append(row, spark(g.Group))
		}
		t.Row(row...)
	}
	return t
}

func firstKnown(a, b *string) *string {
	if a != nil {
		return a
	}
	return b
}

func lagPartitions(p *term.Page, rep *lag.Report, wide bool) *term.Table {
	cols := []string{"GROUP*", "TOPIC*", ">PARTITION", ">CURRENT-OFFSET", ">LOG-START-OFFSET", ">LOG-END-OFFSET", ">LAG", ">AGE", "STATUS", "CONSUMER-ID*", "HOST", "CLIENT-ID*"}
	if wide {
		cols = append(cols, ">STABLE", ">PINNED", ">LOST", ">AHEAD", "INSTANCE-ID*", "NOTES")
	}
	t := term.NewTable(cols...)
	for i := range rep.Groups {
		g := &rep.Groups[i]
		if len(g.Rows) == 0 {
			t.Row(g.Group, nil, nil, nil, nil, nil, lagCell(p, &g.Figures), nil, statusCell(g.Status))
		}
		for j := range g.Rows {
			r := &g.Rows[j]
			row := []any{g.Group, r.Topic, int(r.Partition), r.Committed, r.Start, r.End, partitionLag(p, r), ageCell(r.Age), statusCell(r.Status), deref(r.MemberID), deref(r.Host), deref(r.ClientID)}
			if wide {
				notes := r.Notes
				if r.Error != nil {
					notes = append([]string{*r.Error}, notes...)
				}
				row = append(row, r.Stable, r.Pinned, r.Lost, r.Ahead, deref(r.InstanceID), strings.Join(notes, "; "))
			}
			t.Row(row...)
		}
	}
	return t
}

func lagMembers(p *term.Page, rep *lag.Report) *term.Table {
	t := term.NewTable("GROUP*", "CONSUMER-ID*", "INSTANCE-ID*", "CLIENT-ID*", "HOST", ">PARTITIONS", ">LAG", ">AGE", ">RATE/S", "STATUS")
	for i := range rep.Groups {
		g := &rep.Groups[i]
		for j := range g.ByMember {
			m := &g.ByMember[j]
			t.Row(g.Group, m.MemberID, m.InstanceID, m.ClientID, m.Host, m.Partitions, lagCell(p, &m.Figures), ageCell(m.Age), rateCell(&m.Figures), statusCell(m.Status))
		}
	}
	return t
}

// lagCell is a sum: a number, at least a number, or unknown.
func lagCell(p *term.Page, f *lag.Figures) any {
	switch {
	case f.Lag == nil && !f.AtLeast: // there is nothing that could have a lag
		return nil
	case f.Lag == nil:
		return term.In(term.Warn, "?")
	}
	s := p.Int(*f.Lag)
	if f.Approximate {
		s = "~" + s
	}
	if f.AtLeast {
		s = ">=" + s
	}
	return s
}

func partitionLag(p *term.Page, r *lag.PartitionLag) any {
	switch {
	case r.TopicDeleted:
		return nil
	case r.Error != nil:
		return term.In(term.Warn, "?")
	case r.Lag == nil && r.IfEarliest != nil: // both readings of a partition never committed
		return p.Int(*r.IfLatest) + ".." + p.Int(*r.IfEarliest)
	case r.Lag == nil:
		return term.In(term.Warn, "?")
	case r.Approximate:
		return "~" + p.Int(*r.Lag)
	}
	return p.Int(*r.Lag)
}

// ageCell writes a bracket: exact, from..to, or more than.
func ageCell(a *lag.Age) any {
	if a == nil {
		return nil
	}
	d := func(ms int64) string { return term.Duration(time.Duration(ms) * time.Millisecond) }
	switch {
	case a.MaxMS != nil && *a.MaxMS == 0:
		return nil
	case a.Exact:
		return d(a.MinMS)
	case a.MaxMS == nil && a.MinMS == 0:
		return term.In(term.Warn, "?")
	case a.MaxMS == nil:
		return ">" + d(a.MinMS)
	case a.MinMS == 0:
		return "<" + d(*a.MaxMS)
	}
	return d(a.MinMS) + ".." + d(*a.MaxMS)
}

// rateCell is how fast the group gains on its producers: below zero it falls behind.
func rateCell(f *lag.Figures) any {
	if f.Produced == nil || f.Consumed == nil {
		return nil
	}
	return fmt.Sprintf("%.0f", *f.Consumed-*f.Produced)
}

func etaCell(c *lag.CatchUp) any {
	switch {
	case c == nil:
		return nil
	case c.Never:
		return "never"
	}
	return term.Duration(time.Duration(*c.MS) * time.Millisecond)
}

func ratioCell(r *float64) any {
	if r == nil {
		return nil
	}
	return fmt.Sprintf("%.0f%%", *r*100)
}

func objectiveCell(t *lag.TopicLag) any {
	var parts []string
	if t.ObjectiveAgeMS != nil {
		parts = append(parts, term.Duration(time.Duration(*t.ObjectiveAgeMS)*time.Millisecond))
	}
	if t.ObjectiveRecords != nil {
		parts = append(parts, fmt.Sprintf("%d records", *t.ObjectiveRecords))
	}
	return strings.Join(parts, ", ")
}

func statusCell(s lag.Status) any {
	switch {
	case s == lag.None:
		return nil
	case s == lag.OK || s == lag.Idle:
		return term.In(term.Good, string(s))
	case s.Bad():
		return term.In(term.Bad, string(s))
	}
	return term.In(term.Warn, string(s))
}

// viewLagRest prints what the table has no column for: limits, what is unknown, notes.
func viewLagRest(p *term.Page, rep *lag.Report, verdict string) {
	p.Line("")
	if rep.Gate != nil {
		for _, b := range rep.Gate.Breaches {
			subject := b.Group
			if b.Topic != nil {
				subject += " on " + *b.Topic
			}
			owner := ""
			if b.Owner != nil {
				owner = " (" + *b.Owner + ")"
			}
			p.Line("%s %s: %s: %s%s", p.Mark("fail"), b.Limit, subject, b.Message, owner)
		}
		for _, u := range rep.Gate.Undecided {
			p.Line("%s %s: %s", p.Mark("warn"), joinWords(u.Limit+":", u.Group), u.Reason)
		}
	}
	const most = 20
	for i, f := range rep.Coverage.Failures {
		if i == most {
			p.Line("%s and %d more failures", p.Mark("warn"), len(rep.Coverage.Failures)-most)
			break
		}
		where := "broker " + itoa(f.Broker)
		if f.Broker < 0 {
			where = "cluster"
		}
		p.Line("%s %s: %s: %s", p.Mark("warn"), where, f.What, f.Text)
	}
	if len(rep.Groups) <= most {
		for i := range rep.Groups {
			for _, n := range rep.Groups[i].Notes {
				p.Line("%s: %s", rep.Groups[i].Group, n)
			}
			if e := rep.Groups[i].Error; e != nil {
				p.Line("%s %s: %s", p.Mark("warn"), rep.Groups[i].Group, *e)
			}
		}
	}
	if verdict == "" {
		verdict = lagVerdict(rep)
	}
	p.Line("%s", verdict)
}

// lagVerdict is the last line: what it comes to.
func lagVerdict(rep *lag.Report) string {
	p := term.NewPage(0, true)
	counts := map[lag.Status]int{}
	for i := range rep.Groups {
		counts[rep.Groups[i].Status]++
	}
	var parts []string
	for _, s := range lag.Statuses() {
		if n := counts[s]; n > 0 && s != lag.OK && s != lag.Idle {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	total := "?"
	if rep.Total.Lag != nil {
		total = p.Int(*rep.Total.Lag)
	}
	if rep.Total.AtLeast {
		total = "at least " + total
	}
	line := plural(len(rep.Groups), "group") + ", " + total + " records unread"
	if rep.Total.Unread > 0 {
		line += " (" + plural(rep.Total.Unread, "partition") + " unknown)"
	}
	if rep.Coverage.Answered < rep.Coverage.Brokers {
		line += fmt.Sprintf(", %d of %d brokers answered", rep.Coverage.Answered, rep.Coverage.Brokers)
	}
	if len(parts) > 0 {
		line += ": " + strings.Join(parts, ", ")
	}
	if rep.Gate != nil {
		switch {
		case len(rep.Gate.Breaches) > 0:
			line += "; " + plural(len(rep.Gate.Breaches), "limit") + " exceeded"
		case rep.Gate.Passed == nil:
			line += "; undecided"
		default:
			line += "; within the limits"
		}
	}
	return line + "."
}
