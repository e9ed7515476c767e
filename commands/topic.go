package commands

import (
	"context"

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

// topicsToLose reads the topics that are to lose their records. It refuses Kafka's own
// topics, which the embedded broker would allow, and those that this user may not delete from.
func topicsToLose(ctx context.Context, conn *cluster.Conn, op string, names []string, regex bool) ([]cluster.Topic, error) {
	if err := conn.Writable(op, joinComma(names)); err != nil {
		return nil, err
	}
	topics, err := conn.SelectTopics(ctx, op, names, regex)
	if err != nil {
		return nil, err
	}
	for i := range topics {
		t := &topics[i]
		if t.Internal || cluster.IsInternalTopic(t.Name) {
			return nil, usage("", "%s %s: it is one of Kafka's own topics", op, t.Name)
		}
		if err := t.May(op, "DELETE"); err != nil {
			return nil, err
		}
	}
	return topics, nil
}
