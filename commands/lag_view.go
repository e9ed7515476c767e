package commands

import (
	"strings"

	"github.com/weirhq/weir/internal/term"
	"github.com/weirhq/weir/lag"
)

func viewLag(rep *lag.Report, wide bool, verdict string) term.View {
	return term.View{
		Text: func(p *term.Page) {
			switch {
			case len(rep.Groups) > 0:
				p.Table(lagTable(p, rep, wide, nil))
			case rep.Coverage.Complete():
				p.Line("No groups.")
			default:
				p.Line("No group is visible.")
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
					row = append(row, r.Stable, r.Lost, ratioCell(r.RetentionRatio), objectiveCell(r), firstKnown(r.Owner, g.Owner))
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
		row := []any{g.Group, g.State, g.Members, g.Partitions, lagCell(p, &g.Figures), ageCell(g.Age), rateCell(&g.Figures), etaCell(g.CatchUp), statusCell(g.Status)}
		if wide {
			row = append(row, string(g.Kind), g.Stable, g.Lost, ratioCell(g.RetentionRatio), g.Owner)
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
			row := []any{g.Group, r.Topic, int(r.Partition), r.Committed, r.Start, r.End, partitionLag(p, r), ageCell(r.Age), statusCell(r.Status), r.MemberID, r.Host, r.ClientID}
			if wide {
				notes := r.Notes
				if r.Error != nil {
					notes = append([]string{*r.Error}, notes...)
				}
				row = append(row, r.Stable, r.Pinned, r.Lost, r.Ahead, r.InstanceID, strings.Join(notes, "; "))
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
