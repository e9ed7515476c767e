package commands

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/internal/term"
)

type topicListOptions struct {
	names           []string
	regex, internal bool
	underReplicated bool
	underMinISR     bool
	offline         bool
	format          term.Format
}

func newTopicList(d *Deps) *cobra.Command {
	o := &topicListOptions{}
	c := &cobra.Command{
		Use:     "list [NAME...]",
		Aliases: []string{"ls"},
		Short:   "List topics with their size and health",
		Long: doc(`
			List topics: partitions, replication factor and health. Names are literal unless
			--regex is given; a name that does not exist is an error. The health filters show
			only topics with at least one such partition. Nothing is written.`),
		Example: doc(`
			# Everything that may be seen
			$ weir topic list

			# What is unhealthy right now?
			$ weir topic list --under-replicated --under-min-isr --offline

			# Names for a script
			$ weir topic list --regex 'orders\..*' -o name`),
		Annotations:       map[string]string{Next: "weir topic describe NAME"},
		ValidArgsFunction: d.completeTopics(true),
		RunE: func(c *cobra.Command, args []string) error {
			o.names = args
			return runTopicList(c.Context(), d, o)
		},
	}
	flagFormat(c, &o.format, term.TextFormat, term.Wide, term.JSON, term.YAML, term.TSV, term.Name)
	c.Flags().BoolVar(&o.regex, "regex", false, "names are patterns that match whole names")
	c.Flags().BoolVar(&o.internal, "internal", false, "also list Kafka's internal topics")
	c.Flags().BoolVar(&o.underReplicated, "under-replicated", false, "only topics with a replica that is not in sync")
	c.Flags().BoolVar(&o.underMinISR, "under-min-isr", false, "only topics that refuse acks=all writes")
	c.Flags().BoolVar(&o.offline, "offline", false, "only topics with a partition without a leader")
	return c
}

// topicRow is a topic in a listing. Unknown values are null.
type topicRow struct {
	Name              string   `json:"name"`
	Internal          bool     `json:"internal"`
	Partitions        int      `json:"partitions"`
	ReplicationFactor *int     `json:"replication_factor"`
	UnderReplicated   int      `json:"under_replicated_partitions"`
	UnderMinISR       *int     `json:"under_min_isr_partitions"`
	Offline           int      `json:"offline_partitions"`
	SizeBytes         *int64   `json:"size_bytes"`
	Error             *string  `json:"error"`
	Health            []string `json:"health"`
}

type topicList struct {
	Topics []topicRow    `json:"topics"`
	Scope  cluster.Scope `json:"scope"`
}

func runTopicList(ctx context.Context, d *Deps, o *topicListOptions) error {
	filter, err := cluster.NewNameFilter(o.names, o.regex)
	if err != nil {
		return err
	}
	conn, err := o.connect(ctx, d)
	if err != nil {
		return err
	}
	q := cluster.TopicsQuery{Internal: o.internal}
	if !o.regex {
		q.Names = o.names
	}
	list, err := conn.Topics(ctx, q)
	if err != nil {
		return err
	}
	if err := list.Err(); err != nil {
		return err
	}
	for i := range list.Topics {
		if err := list.Topics[i].Err("list topic"); err != nil && len(q.Names) > 0 {
			return err
		}
	}
	r, err := topicRows(ctx, conn, o, filter, list)
	if err != nil {
		return err
	}
	if list.Scope.Complete != nil && !*list.Scope.Complete {
		d.Log.Warn("the list may be incomplete: " + list.Scope.Reason)
	}
	return d.Out.Emit(o.format, "topic_list", r, viewTopicList(r, o.format == term.Wide))
}

func topicRows(ctx context.Context, conn *cluster.Conn, o *topicListOptions, filter *cluster.NameFilter, list *cluster.TopicList) (*topicList, error) {
	topics := slices.DeleteFunc(list.Topics, func(t cluster.Topic) bool { return !filter.Match(t.Name) || o.regex && t.Internal })
	sets, err := conn.TopicConfigs(ctx, cluster.TopicNames(topics))
	if err != nil {
		return nil, err
	}
	minISR := cluster.MinISR(sets)
	if o.sizes() {
		// Sizes need DESCRIBE on the cluster; without it they stay unknown.
		if err := conn.Sizes(ctx, topics); err != nil && ctx.Err() != nil {
			return nil, err
		}
	}
	r := &topicList{Topics: []topicRow{}, Scope: list.Scope}
	for i := range topics {
		t := &topics[i]
		bad := t.Unhealthy(minISR[t.Name])
		if !o.wants(bad) {
			continue
		}
		r.Topics = append(r.Topics, topicRow{
			Name: t.Name, Internal: t.Internal, Partitions: len(t.Partitions), ReplicationFactor: t.ReplicationFactor(),
			UnderReplicated: bad.UnderReplicated, UnderMinISR: bad.UnderMinISR, Offline: bad.Offline,
			SizeBytes: t.SizeBytes(), Error: t.ErrorName, Health: bad.Words(),
		})
	}
	return r, nil
}

// wants applies the health filters; several of them are alternatives.
func (o *topicListOptions) wants(bad cluster.Unhealthy) bool {
	if !o.underReplicated && !o.underMinISR && !o.offline {
		return true
	}
	return o.underReplicated && bad.UnderReplicated > 0 ||
		o.underMinISR && bad.UnderMinISR != nil && *bad.UnderMinISR > 0 ||
		o.offline && bad.Offline > 0
}
