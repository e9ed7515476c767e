package commands

import (
	"context"
	"slices"

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

// topicReport is one topic with all that could be read about it.
type topicReport struct {
	cluster.Topic
	ReplicationFactor *int                     `json:"replication_factor"`
	Health            []cluster.PartitionState `json:"health"` // by partition, in order
	// RecordsMax counts offsets; compaction and transactions make the records fewer.
	RecordsMax   *int64               `json:"records_max"`
	SizeBytes    *int64               `json:"size_bytes"`
	FirstWriteMS *int64               `json:"first_write_ms"`
	LastWriteMS  *int64               `json:"last_write_ms"`
	ConfigsError *string              `json:"configs_error"`
	Configs      []cluster.Config     `json:"configs"`
	Groups       []cluster.TopicGroup `json:"groups"`  // null when they could not be read
	Catalog      *topicFacts          `json:"catalog"` // null when it does not name the topic
	// ACLs are the rows that reach the topic: LITERAL, PREFIXED and *; null when they could not be read.
	ACLs []cluster.ACLRow `json:"acls"`
}

type topicDescription struct {
	Topics []topicReport `json:"topics"`
	// GroupsScope says whether groups may be missing.
	GroupsScope cluster.Scope `json:"groups_scope"`
	// ACLsError says why the ACL rows are not known; null when they are.
	ACLsError *string `json:"acls_error"`
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

func describeTopics(ctx context.Context, d *Deps, conn *cluster.Conn, topics []cluster.Topic) (*topicDescription, error) {
	if err := conn.Offsets(ctx, topics); err != nil {
		return nil, err
	}
	if err := conn.Times(ctx, topics); err != nil {
		return nil, err
	}
	sets, err := conn.TopicConfigs(ctx, cluster.TopicNames(topics))
	if err != nil {
		return nil, err
	}
	// Sizes and groups need further rights; without them they stay unknown.
	if err := conn.Sizes(ctx, topics); err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		d.Log.Info("sizes are unknown: " + err.Error())
	}
	usage, err := conn.Usage(ctx, topics)
	if err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		d.Log.Warn("the groups could not be read: " + err.Error())
	}
	cat := d.quietCatalog(ctx)
	minISR := cluster.MinISR(sets)
	r := &topicDescription{Topics: make([]topicReport, 0, len(topics))}
	if usage != nil {
		r.GroupsScope = usage.Scope
	} else {
		r.GroupsScope.Reason = "the groups could not be read"
	}
	for i := range topics {
		t := &topics[i]
		row := topicReport{
			Topic: *t, ReplicationFactor: t.ReplicationFactor(), Health: []cluster.PartitionState{},
			RecordsMax: t.Records(), SizeBytes: t.SizeBytes(), FirstWriteMS: t.FirstWrite(), LastWriteMS: t.LastWrite(), Configs: []cluster.Config{}, Catalog: factsOf(cat, t.Name),
		}
		for j := range t.Partitions {
			row.Health = append(row.Health, t.Partitions[j].State(minISR[t.Name]))
		}
		if k := slices.IndexFunc(sets, func(s cluster.ConfigSet) bool { return s.Topic == t.Name }); k >= 0 {
			row.Configs, row.ConfigsError = sets[k].Configs, sets[k].ErrorName
		}
		if usage != nil {
			row.Groups = append([]cluster.TopicGroup{}, usage.Groups[t.Name]...)
		}
		r.Topics = append(r.Topics, row)
	}
	return r, nil
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
