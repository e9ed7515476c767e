package commands

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/internal/term"
)

type topicDescribeOptions struct {
	names  []string
	regex  bool
	format term.Format
}

func newTopicDescribe(d *Deps) *cobra.Command {
	o := &topicDescribeOptions{}
	c := &cobra.Command{
		Use:     "describe NAME...",
		Aliases: []string{"show"},
		Short:   "Show partitions, settings, readers and rights of topics",
		Long: doc(`
			Show everything about topics: partitions with leader, replicas and offsets, the topic's
			own settings (all of them with -o wide), the groups that have committed offsets, the time
			range of the records, what this user may do, and the ACL rows that reach the topic by its
			name, by a prefix or by *. What may not be read is shown as unknown.
			Nothing is written.`),
		Example: doc(`
			# One topic
			$ weir topic describe orders.order.v1

			# Every setting with its source
			$ weir topic describe orders.order.v1 -o wide`),
		Args:              atLeastOne("NAME"),
		Annotations:       map[string]string{Next: "weir topic read NAME"},
		ValidArgsFunction: d.completeTopics(true),
		RunE: func(c *cobra.Command, args []string) error {
			o.names = args
			return runTopicDescribe(c.Context(), d, o)
		},
	}
	flagFormat(c, &o.format, term.TextFormat, term.Wide, term.JSON, term.YAML)
	c.Flags().BoolVar(&o.regex, "regex", false, "names are patterns that match whole names")
	return c
}

func runTopicDescribe(ctx context.Context, d *Deps, o *topicDescribeOptions) error {
	conn, err := d.Cluster(ctx)
	if err != nil {
		return err
	}
	topics, err := conn.SelectTopics(ctx, "describe topic", o.names, o.regex)
	if err != nil {
		return err
	}
	r, err := describeTopics(ctx, d, conn, topics)
	if err != nil {
		return err
	}
	if err := r.addACLs(ctx, conn); err != nil {
		return err
	}
	return d.Out.Emit(o.format, "topic_describe", r, viewTopicDescribe(r, d.Now()))
}

// addACLs notes the rows that reach each topic, whoever they are for, or why they are
// not known: reading them needs DESCRIBE on the cluster, which few have.
func (r *topicDescription) addACLs(ctx context.Context, conn *cluster.Conn) error {
	rows, err := conn.ACLs(ctx)
	if err != nil {
		r.ACLsError = new(err.Error())
		return ctx.Err()
	}
	for i := range r.Topics {
		f := cluster.ACLFilter{Patterns: []cluster.ACLPattern{{
			Type: kmsg.ACLResourceTypeTopic, Name: r.Topics[i].Name, Pattern: kmsg.ACLResourcePatternTypeMatch,
		}}}
		r.Topics[i].ACLs = f.Select(rows)
	}
	return nil
}
