package commands

import (
	"github.com/weirhq/weir/internal/term"
)

func viewTopicList(r *topicList, wide bool) term.View {
	table := func() *term.Table {
		cols := []string{"TOPIC*", ">PARTITIONS", ">REPLICAS", "HEALTH"}
		if wide {
			cols = append(cols, ">SIZE-BYTES")
		}
		t := term.NewTable(cols...)
		for _, row := range r.Topics {
			health := term.In(term.Good, "ok")
			switch {
			case row.Error != nil:
				health = term.In(term.Bad, *row.Error)
			case len(row.Health) > 0:
				health = term.In(term.Bad, joinComma(row.Health))
			case row.UnderMinISR == nil:
				health = term.In(term.Plain, "ok, min-isr unknown")
			}
			t.Row(row.Name, row.Partitions, row.ReplicationFactor, health, row.SizeBytes)
		}
		return t
	}
	return term.View{
		Text: func(p *term.Page) {
			if len(r.Topics) == 0 {
				p.Line("No topics.")
				return
			}
			p.Table(table())
		},
		Table: table,
		Names: func() []string {
			names := make([]string, len(r.Topics))
			for i := range r.Topics {
				names[i] = r.Topics[i].Name
			}
			return names
		},
	}
}
