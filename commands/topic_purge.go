package commands

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/internal/term"
	"github.com/weirhq/weir/lag"
)

type topicPurgeOptions struct {
	scope   lag.Scope
	to      string
	confirm []string
	dryRun  bool
	format  term.Format
}

func newTopicPurge(d *Deps) *cobra.Command {
	o := &topicPurgeOptions{}
	c := &cobra.Command{
		Use:     "purge NAME[:PARTITIONS] --to FORM",
		Aliases: []string{"trim-prefix", "delete-records"},
		Short:   "Delete the records of a topic up to an offset or a moment",
		Long: doc(`
			Delete the oldest records of a topic: everything before --to. The forms are end (all that
			is stored now), an offset, start+N, end-N, @2026-03-01T12:00:00Z, @EPOCH-MS and @-7d
			(older than seven days). Offsets are fixed when the plan is shown, so records written
			meanwhile stay. The name is typed, or given with --confirm in scripts. There is no undo.`),
		Example: doc(`
			# Everything older than a week
			$ weir topic purge orders.order.v1 --to @-7d

			# Two partitions, up to an offset
			$ weir topic purge orders.order.v1:0,3 --to 12000 --confirm orders.order.v1`),
		Args:              exactly("NAME[:PARTITIONS]"),
		Annotations:       map[string]string{ExitCodes: "4  some partitions were purged and some were not; the report lists both"},
		ValidArgsFunction: d.completeTopics(false),
		RunE: func(c *cobra.Command, args []string) error {
			var err error
			if o.scope, err = lag.ParseScope(args[0]); err != nil {
				return usage("", "%w", err)
			}
			if o.to == "" {
				return usage("--to end deletes all that is stored, --to @-7d what is older than a week", "--to is needed")
			}
			return runTopicPurge(c.Context(), d, o)
		},
	}
	flagFormat(c, &o.format, term.TextFormat, term.JSON, term.YAML)
	f := c.Flags()
	f.StringVar(&o.to, "to", "", "first record that stays: end, OFFSET, start+N, end-N, @TIME or @-AGE")
	f.StringArrayVar(&o.confirm, "confirm", nil, "`name` of the topic, instead of typing it; with a protected profile also the profile's, repeatable")
	f.BoolVar(&o.dryRun, "dry-run", false, "show what would be lost, and change nothing")
	return c
}

func runTopicPurge(ctx context.Context, d *Deps, o *topicPurgeOptions) error {
	target, err := lag.ParseTarget(o.to, d.Now())
	if err != nil {
		return usage("", "%w", err)
	}
	if target.From == lag.FromCurrent {
		return usage("", "--to %s: a purge has no place to count from; use start+N, end-N or an offset", o.to)
	}
	conn, err := d.Cluster(ctx)
	if err != nil {
		return err
	}
	name := o.scope.Topic
	topics, err := topicsToLose(ctx, conn, "purge topic", []string{name}, false, o.dryRun)
	if err != nil {
		return err
	}
	r, err := planPurge(ctx, conn, o, target, topics)
	if err != nil {
		return err
	}
	if r.RecordsMax == 0 || o.dryRun {
		return d.Out.Emit(o.format, "topic_purge", r, viewTopicPurge(r))
	}
	err = d.showThenConfirm(o.format, "topic_purge", r, viewTopicPurge(r), func() error {
		return d.confirm(ctx, &confirmation{names: o.confirm, profile: conn.Profile}, "delete records of "+name, name)
	})
	if err != nil {
		return err
	}
	return doPurge(ctx, d, conn, o, r)
}

// mayPurge refuses a compacted topic as brokers do and the embedded one does not.
func mayPurge(ctx context.Context, conn *cluster.Conn, topic string) error {
	sets, err := conn.TopicConfigs(ctx, []string{topic})
	if err != nil {
		return err
	}
	for i := range sets {
		if policy := sets[i].Get("cleanup.policy"); policy != nil && strings.Contains(*policy, "compact") && !strings.Contains(*policy, "delete") {
			return usage("write null values for the keys that have to go, or make the policy compact,delete first",
				"purge topic %s: a topic that is only compacted cannot be purged", topic)
		}
	}
	return nil
}

func planPurge(ctx context.Context, conn *cluster.Conn, o *topicPurgeOptions, target lag.Target, topics []cluster.Topic) (*cluster.Purge, error) {
	if err := mayPurge(ctx, conn, o.scope.Topic); err != nil {
		return nil, err
	}
	partitions, err := o.scope.Of(&topics[0])
	if err != nil {
		return nil, err
	}
	if err := conn.Offsets(ctx, topics); err != nil {
		return nil, err
	}
	offset, err := target.Offsets(ctx, conn, &topics[0])
	if err != nil {
		return nil, err
	}
	r := &cluster.Purge{DryRun: o.dryRun, JudgedBy: "weir", Topic: o.scope.Topic, To: target.String(), Partitions: []cluster.PurgedPartition{}}
	return r, r.Plan(partitions, offset)
}

func doPurge(ctx context.Context, d *Deps, conn *cluster.Conn, o *topicPurgeOptions, r *cluster.Purge) error {
	log, err := d.auditLog(ctx, conn)
	if err != nil {
		return err
	}
	refusals, err := r.Send(ctx, conn)
	log.Record(ctx, "purge topic", r.Topic, r.Before(), r.After(), errors.Join(append(refusals, err)...))
	switch {
	case err != nil:
		return err
	case len(refusals) > 0 && len(refusals) == len(r.After()):
		return refusals[0]
	}
	return cmp.Or(d.Out.Emit(o.format, "topic_purge", r, viewTopicPurge(r)), partly(len(refusals) > 0))
}
