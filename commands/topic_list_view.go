package commands

import (
	"context"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/internal/term"
)

// sizes says whether the format shows them: every broker is asked for its own.
func (o *topicListOptions) sizes() bool { return o.format != term.Name && o.format != term.TextFormat }

// connect is content with any broker where sizes are not shown.
func (o *topicListOptions) connect(ctx context.Context, d *Deps) (*cluster.Conn, error) {
	if o.sizes() {
		return d.Cluster(ctx)
	}
	return d.AnyBroker(ctx)
}

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
