package commands

import (
	"github.com/spf13/cobra"

	"github.com/weirhq/weir/cluster"
)

func newTopic(d *Deps) *cobra.Command {
	return noun("topic", "List, describe and change topics", Govern, []string{"topics", "t"},
		newTopicList(d),
		newTopicDescribe(d),
		newTopicCreate(d),
		newTopicAlter(d),
		newTopicDelete(d),
		newTopicPurge(d),
		newTopicRead(d),
	)
}

// mayLose refuses to take records from Kafka's own topics, which the embedded broker would
// allow, and from those that this user may not delete from.
func mayLose(op string, t *cluster.Topic) error {
	if t.Internal || cluster.IsInternalTopic(t.Name) {
		return usage("", "%s %s: it is one of Kafka's own topics", op, t.Name)
	}
	return t.May(op, "DELETE")
}
