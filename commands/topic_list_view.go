package commands

import (
	"github.com/weirhq/weir/internal/term"
)

func viewTopicList(r *topicList, wide bool) term.View {
	cols := []string{"TOPIC*", ">PARTITIONS", ">REPLICAS", "HEALTH"}
	if wide {
		cols = append(cols, ">SIZE-BYTES")
	}
	return rowsView(r.Topics, "No topics.", cols, func(row topicRow) []any {
		health := term.In(term.Good, "ok")
		switch {
		case row.Error != nil:
			health = term.In(term.Bad, *row.Error)
		case len(row.Health) > 0:
			health = term.In(term.Bad, joinComma(row.Health))
		case row.UnderMinISR == nil:
			health = term.In(term.Plain, "ok, min-isr unknown")
		}
		return []any{row.Name, row.Partitions, row.ReplicationFactor, health, row.SizeBytes}
	}, func(row topicRow) string { return row.Name })
}
