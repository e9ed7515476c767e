package commands

import (
	"context"
	"errors"
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
	f.StringArrayVar(&o.confirm, "confirm", nil, "name of a topic that may be deleted, repeatable; with a protected profile also the profile's")
	f.BoolVar(&o.dryRun, "dry-run", false, "only show what would be lost")
	return c
}

type topicDeletion struct {
	Name        string               `json:"name"`
	ID          *string              `json:"id"`
	Partitions  int                  `json:"partitions"`
	RecordsMax  *int64               `json:"records_max"`
	SizeBytes   *int64               `json:"size_bytes"`
	LastWriteMS *int64               `json:"last_write_ms"`
	Groups      []cluster.TopicGroup `json:"groups"`      // null when they could not be read
	LiveGroups  []string             `json:"live_groups"` // those with members
	Catalog     *topicFacts          `json:"catalog"`     // null when it does not name the topic
	// Result is planned, would_delete, deleted or failed.
	Result string  `json:"result"`
	Error  *string `json:"error"`
}

type topicDeleteReport struct {
	DryRun      bool            `json:"dry_run"`
	JudgedBy    string          `json:"judged_by"` // weir: no broker can be asked without deleting
	GroupsScope cluster.Scope   `json:"groups_scope"`
	Topics      []topicDeletion `json:"topics"`
}

func runTopicDelete(ctx context.Context, d *Deps, o *topicDeleteOptions) error {
	conn, err := d.Cluster(ctx)
	if err != nil {
		return err
	}
	if err := conn.Writable("delete topic", joinComma(o.names)); err != nil {
		return err
	}
	topics, err := conn.SelectTopics(ctx, "delete topic", o.names, o.regex)
	if err != nil {
		return err
	}
	for i := range topics {
		if err := mayLose("delete topic", &topics[i]); err != nil {
			return err
		}
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

func planDelete(ctx context.Context, d *Deps, conn *cluster.Conn, topics []cluster.Topic) (*topicDeleteReport, error) {
	described, err := describeTopics(ctx, d, conn, topics)
	if err != nil {
		return nil, err
	}
	r := &topicDeleteReport{JudgedBy: "weir", GroupsScope: described.GroupsScope, Topics: []topicDeletion{}}
	for i := range described.Topics {
		t := &described.Topics[i]
		row := topicDeletion{
			Name: t.Name, ID: t.ID, Partitions: len(t.Partitions), RecordsMax: t.RecordsMax, SizeBytes: t.SizeBytes, LastWriteMS: t.LastWriteMS,
			Groups: t.Groups, LiveGroups: []string{}, Catalog: t.Catalog, Result: "planned",
		}
		for _, g := range t.Groups {
			if g.Live() {
				row.LiveGroups = append(row.LiveGroups, g.Group)
			}
		}
		r.Topics = append(r.Topics, row)
	}
	return r, nil
}

func doDelete(ctx context.Context, d *Deps, conn *cluster.Conn, o *topicDeleteOptions, topics []cluster.Topic, r *topicDeleteReport) error {
	log, err := d.auditLog(ctx, conn)
	if err != nil {
		return err
	}
	outcomes, err := conn.DeleteTopics(ctx, topics)
	if err != nil { // no answer: they may be gone or not
		for i := range topics {
			err = errors.Join(err, log.Record(ctx, "delete topic", topics[i].Name, nil, nil, err))
		}
		return err
	}
	var refusals []error
	for _, out := range outcomes {
		i := slices.IndexFunc(r.Topics, func(t topicDeletion) bool { return t.Name == out.Topic })
		if i < 0 {
			continue
		}
		row := &r.Topics[i]
		row.Result = "deleted"
		if out.Err != nil {
			row.Result, row.Error = "failed", errText(out.Err)
			refusals = append(refusals, out.Err)
		}
		before := map[string]any{"id": row.ID, "partitions": row.Partitions, "records_max": row.RecordsMax}
		if err := log.Record(ctx, "delete topic", row.Name, before, nil, out.Err); err != nil {
			return err
		}
	}
	for i := range r.Topics {
		if r.Topics[i].Result == "planned" {
			const silent = "the broker did not say what became of it"
			r.Topics[i].Result, r.Topics[i].Error = "failed", errText(errors.New(silent))
			refusals = append(refusals, failed(r.Topics[i].Name, "look with weir topic list", "delete topic %s: %s", r.Topics[i].Name, silent))
		}
	}
	if len(refusals) == len(r.Topics) {
		return refusals[0]
	}
	if err := d.Out.Emit(o.format, "topic_delete", r, viewTopicDelete(r, d.Now())); err != nil {
		return err
	}
	if len(refusals) > 0 {
		return errPartial
	}
	return nil
}
