package commands

import (
	"strconv"
	"strings"

	"github.com/weirhq/weir/internal/term"
	"github.com/weirhq/weir/lag"
)

func viewGroupDescribe(r *groupDescription, wide bool) term.View {
	return term.View{
		Text: func(p *term.Page) {
			for i := range r.Groups {
				if i > 0 {
					p.Line("")
				}
				viewGroup(p, &r.Groups[i], r.Report, wide)
			}
		},
		Table: func() *term.Table { return lagPartitions(term.NewPage(0, false), r.Report, true) },
	}
}

func viewGroup(p *term.Page, g *groupDetail, rep *lag.Report, wide bool) {
	state := "state unknown"
	if g.State != nil {
		state = *g.State
	}
	p.Line("%s", term.In(term.Bold, g.Group))
	kind := "group of unknown type"
	if g.Kind != "" {
		kind = string(g.Kind) + " group"
	}
	p.Line("  %s, %s, coordinator %d", kind, joinKnown(state, g.Assignor), g.Coordinator)
	if g.Error != nil {
		p.Line("  %s members unknown: %s", p.Mark("warn"), *g.Error)
	}
	p.Line("")
	if len(g.Members) > 0 {
		t := term.NewTable("INSTANCE-ID*", "CONSUMER-ID*", "CLIENT-ID*", "HOST", ">PARTITIONS", "ASSIGNED*")
		for i := range g.Members {
			m := &g.Members[i]
			assigned := term.In(term.Warn, "idle")
			if len(m.Assigned) > 0 {
				assigned = term.In(term.Plain, assignment(m.Assigned))
			}
			t.Row(m.InstanceID, m.MemberID, m.ClientID, m.Host, len(m.Assigned), assigned)
		}
		p.Table(t)
		p.Line("")
	}
	one := *rep
	for i := range rep.Groups {
		if rep.Groups[i].Group == g.Group {
			one.Groups = rep.Groups[i : i+1]
		}
	}
	if len(one.Groups) == 1 && len(one.Groups[0].Rows) > 0 {
		p.Table(lagPartitions(p, &one, wide))
		p.Line("")
		for _, n := range one.Groups[0].Notes {
			p.Line("%s", n)
		}
		p.Line("Lag %s, status %s.", lagCell(p, &one.Groups[0].Figures), wordOf(one.Groups[0].Status))
		return
	}
	if g.Error != nil || len(one.Groups) == 1 && one.Groups[0].Status == lag.Unknown {
		p.Line("What is committed and assigned is not known.")
		return
	}
	if s := rep.Coverage.TopicsScope; s != nil && !s.Proven() {
		p.Line("Nothing visible is committed or assigned%s.", doubt(*s))
		return
	}
	p.Line("Nothing is committed and nothing is assigned.")
}

// assignment writes partitions as topic:0,1,2 topic:0.
func assignment(ps []lag.Partition) string {
	var b strings.Builder
	for i, part := range ps {
		switch {
		case i > 0 && ps[i-1].Topic == part.Topic:
			b.WriteByte(',')
		default:
			if i > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(part.Topic + ":")
		}
		b.WriteString(itoa(part.Partition))
	}
	return b.String()
}

func itoa(n int32) string { return strconv.Itoa(int(n)) }
