package commands

import (
	"cmp"
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/internal/term"
)

type topicDeleteOptions struct {
	names   []string
	regex   bool
	confirm []string
	dryRun  bool
	format  term.Format
}

func newTopicDelete(d *Deps) *cobra.Command {
	o := &topicDeleteOptions{}
	c := &cobra.Command{
		Use:     "delete NAME...",
		Aliases: []string{"rm"},
		Short:   "Delete topics with all their records",
		Long: doc(`
			Delete topics. What would be lost is shown first: records, last write, groups that read it,
			and who names it in the catalog. Each name is then typed, or given with --confirm in
			scripts; a protected profile also wants its own name. There is no undo. Kafka's own topics
			are never deleted, and a pattern never matches them.`),
		Example: doc(`
			# Look first
			$ weir topic delete orders.order.v0 --dry-run

			# In a script
			$ weir topic delete orders.order.v0 --confirm orders.order.v0`),
		Args:              atLeastOne("NAME"),
		Annotations:       map[string]string{ExitCodes: "4  some were deleted and some were not; the report lists both"},
		ValidArgsFunction: d.completeTopics(true),
		RunE: func(c *cobra.Command, args []string) error {
			o.names = args
			return runTopicDelete(c.Context(), d, o)
		},
	}
	flagFormat(c, &o.format, term.TextFormat, term.JSON, term.YAML)
	f := c.Flags()
	f.BoolVar(&o.regex, "regex", false, "names are patterns that match whole names")
	f.StringArrayVar(&o.confirm, "confirm", nil, "`name` of a topic to delete, instead of typing it; with a protected profile also the profile's, repeatable")
	f.BoolVar(&o.dryRun, "dry-run", false, "show what would be lost, and change nothing")
	return c
}

func runTopicDelete(ctx context.Context, d *Deps, o *topicDeleteOptions) error {
	conn, err := d.Cluster(ctx)
	if err != nil {
		return err
	}
	topics, err := topicsToLose(ctx, conn, "delete topic", o.names, o.regex, o.dryRun)
	if err != nil {
		return err
	}
	r, err := planDelete(ctx, d, conn, topics)
	if err != nil {
		return err
	}
	r.DryRun = o.dryRun
	view := viewTopicDelete(r, d.Now())
	if o.dryRun {
		for i := range r.Topics {
			r.Topics[i].Result = "would_delete"
		}
		return d.Out.Emit(o.format, "topic_delete", r, view)
	}
	err = d.showThenConfirm(o.format, "topic_delete", r, view, func() error {
		return d.confirm(ctx, &confirmation{names: o.confirm, profile: conn.Profile}, "delete "+plural(len(topics), "topic")+" with all records", cluster.TopicNames(topics)...)
	})
	if err != nil {
		return err
	}
	return doDelete(ctx, d, conn, o, topics, r)
}

func doDelete(ctx context.Context, d *Deps, conn *cluster.Conn, o *topicDeleteOptions, topics []cluster.Topic, r *topicDeleteReport) error {
	log, err := d.auditLog(ctx, conn)
	if err != nil {
		return err
	}
	outcomes, err := conn.DeleteTopics(ctx, topics)
	if err != nil { // no answer: they may be gone or not
		for i := range topics {
			log.Record(ctx, "delete topic", topics[i].Name, nil, nil, err)
		}
		return err
	}
	var refusals []error
	gone := map[string]int32{}
	for _, out := range outcomes {
		i := slices.IndexFunc(r.Topics, func(t topicDeletion) bool { return t.Name == out.Topic })
		if i < 0 {
			continue
		}
		row := &r.Topics[i]
		row.Result = "deleted"
		if out.Err != nil {
			row.Result, row.Error = "failed", new(out.Err.Error())
			refusals = append(refusals, out.Err)
		} else {
			gone[row.Name] = 0
		}
		before := map[string]any{"id": row.ID, "partitions": row.Partitions, "records_max": row.RecordsMax}
		log.Record(ctx, "delete topic", row.Name, before, nil, out.Err)
	}
	for i := range r.Topics {
		if r.Topics[i].Result == "planned" {
			const silent = "the broker did not say what became of it"
			r.Topics[i].Result, r.Topics[i].Error = "failed", new(silent)
			refusals = append(refusals, failed(r.Topics[i].Name, "look with weir topic list", "delete topic %s: %s", r.Topics[i].Name, silent))
		}
	}
	if len(refusals) == len(r.Topics) {
		return refusals[0]
	}
	if !conn.TopicsSettled(ctx, gone) {
		d.Log.Warn("the topics are deleted and some broker still shows one of them")
	}
	return cmp.Or(d.Out.Emit(o.format, "topic_delete", r, viewTopicDelete(r, d.Now())), partly(len(refusals) > 0))
}
