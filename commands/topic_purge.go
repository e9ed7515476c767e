package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
			scope, err := lag.ParseScope(args[0])
			if err != nil {
				return usage("", "%w", err)
			}
			o.scope = scope
			if o.to == "" {
				return usage("--to end deletes all that is stored, --to @-7d what is older than a week", "--to is needed")
			}
			return runTopicPurge(c.Context(), d, o)
		},
	}
	flagFormat(c, &o.format, term.TextFormat, term.JSON, term.YAML)
	f := c.Flags()
	f.StringVar(&o.to, "to", "", "first record that stays: end, OFFSET, start+N, end-N, @TIME or @-AGE")
	f.StringArrayVar(&o.confirm, "confirm", nil, "the topic's name; with a protected profile also the profile's")
	f.BoolVar(&o.dryRun, "dry-run", false, "only show what would be deleted")
	return c
}

type purgePartition struct {
	Partition int32 `json:"partition"`
	Start     int64 `json:"log_start_offset"`
	End       int64 `json:"log_end_offset"`
	To        int64 `json:"to_offset"`
	// RecordsMax counts offsets; compaction and transactions make the records fewer.
	RecordsMax int64 `json:"records_max"`
	// Result is planned, would_purge, purged, unchanged or failed.
	Result string  `json:"result"`
	Error  *string `json:"error"`
}

type topicPurgeReport struct {
	DryRun     bool             `json:"dry_run"`
	JudgedBy   string           `json:"judged_by"` // weir: no broker can be asked without deleting
	Topic      string           `json:"topic"`
	To         string           `json:"to"`
	RecordsMax int64            `json:"records_max"`
	Partitions []purgePartition `json:"partitions"`
}

func runTopicPurge(ctx context.Context, d *Deps, o *topicPurgeOptions) error {
	target, err := lag.ParseTarget(o.to, d.Now())
	if err == nil && target.From == lag.FromCurrent {
		err = fmt.Errorf("--to %s: a purge has no place to count from; use start+N, end-N or an offset", o.to)
	}
	if err != nil {
		return usage("", "%w", err)
	}
	conn, err := d.Cluster(ctx)
	if err != nil {
		return err
	}
	name := o.scope.Topic
	if err := conn.Writable("purge topic", name); err != nil {
		return err
	}
	topics, err := conn.SelectTopics(ctx, "purge topic", []string{name}, false)
	if err != nil {
		return err
	}
	if err := mayPurge(ctx, conn, &topics[0]); err != nil {
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

// mayPurge refuses what a broker refuses and the embedded one does not.
func mayPurge(ctx context.Context, conn *cluster.Conn, t *cluster.Topic) error {
	if err := mayLose("purge topic", t); err != nil {
		return err
	}
	sets, err := conn.TopicConfigs(ctx, []string{t.Name})
	if err != nil {
		return err
	}
	for i := range sets {
		if policy := sets[i].Get("cleanup.policy"); policy != nil && !strings.Contains(*policy, "delete") {
			return usage("write null values for the keys that have to go, or make the policy compact,delete first",
				"purge topic %s: a topic that is only compacted cannot be purged", t.Name)
		}
	}
	return nil
}

func planPurge(ctx context.Context, conn *cluster.Conn, o *topicPurgeOptions, target lag.Target, topics []cluster.Topic) (*topicPurgeReport, error) {
	if err := conn.Offsets(ctx, topics); err != nil {
		return nil, err
	}
	t := &topics[0]
	offset, err := target.Offsets(ctx, conn, t)
	if err != nil {
		return nil, err
	}
	r := &topicPurgeReport{DryRun: o.dryRun, JudgedBy: "weir", Topic: t.Name, To: target.String(), Partitions: []purgePartition{}}
	for _, id := range o.scope.Partitions {
		if !slices.ContainsFunc(t.Partitions, func(p cluster.Partition) bool { return p.ID == id }) {
			return nil, usage("", "topic %s has no partition %d", t.Name, id)
		}
	}
	for i := range t.Partitions {
		p := &t.Partitions[i]
		if len(o.scope.Partitions) > 0 && !slices.Contains(o.scope.Partitions, p.ID) {
			continue
		}
		if p.StartOffset == nil || p.EndOffset == nil {
			return nil, failed(t.Name, "name the partitions that can be reached: NAME:0,1", "purge topic %s: the offsets of partition %d could not be read", t.Name, p.ID)
		}
		row := purgePartition{Partition: p.ID, Start: *p.StartOffset, End: *p.EndOffset, Result: "unchanged"}
		to, ok := offset(p)
		if !ok {
			return nil, failed(t.Name, "", "purge topic %s: partition %d did not tell its offset at that moment", t.Name, p.ID)
		}
		row.To = min(max(to, row.Start), row.End)
		if row.RecordsMax = row.To - row.Start; row.RecordsMax > 0 {
			row.Result = "planned"
			if o.dryRun {
				row.Result = "would_purge"
			}
		}
		r.RecordsMax += row.RecordsMax
		r.Partitions = append(r.Partitions, row)
	}
	return r, nil
}

func doPurge(ctx context.Context, d *Deps, conn *cluster.Conn, o *topicPurgeOptions, r *topicPurgeReport) error {
	log, err := d.auditLog(ctx, conn)
	if err != nil {
		return err
	}
	before, starts := map[int32]int64{}, map[int32]int64{}
	for _, p := range r.Partitions {
		if p.Result == "planned" {
			before[p.Partition], starts[p.Partition] = p.To, p.Start
		}
	}
	cuts, err := conn.DeleteRecords(ctx, r.Topic, before)
	if err != nil {
		return errors.Join(err, log.Record(ctx, "purge topic", r.Topic, starts, before, err))
	}
	var refusals []error
	for _, cut := range cuts {
		row := &r.Partitions[slices.IndexFunc(r.Partitions, func(p purgePartition) bool { return p.Partition == cut.Partition })]
		row.Result = "purged"
		if cut.Err != nil {
			row.Result, row.Error = "failed", errText(cut.Err)
			refusals = append(refusals, cut.Err)
		}
	}
	if err := log.Record(ctx, "purge topic", r.Topic, starts, before, errors.Join(refusals...)); err != nil {
		return err
	}
	if len(refusals) > 0 && len(refusals) == len(cuts) {
		return refusals[0]
	}
	if err := d.Out.Emit(o.format, "topic_purge", r, viewTopicPurge(r)); err != nil {
		return err
	}
	if len(refusals) > 0 {
		return errPartial
	}
	return nil
}
