package commands

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/internal/term"
	"github.com/weirhq/weir/plan"
)

type topicAlterOptions struct {
	plan.AlterRequest
	names   []string
	regex   bool
	set     []string // as given
	unknown bool
	dryRun  bool
	yes     bool
	format  term.Format
}

func newTopicAlter(d *Deps) *cobra.Command {
	o := &topicAlterOptions{}
	c := &cobra.Command{
		Use:     "alter NAME...",
		Aliases: []string{"set"},
		Short:   "Change settings or the number of partitions of topics",
		Long: doc(`
			Set and unset settings, or add partitions. What is not named stays as it is. The change
			is shown with its effect, put to the broker, and made after confirmation. Changes that
			delete records need --allow-data-loss; more partitions for a topic that is compacted or
			holds records need --allow-repartition, because keys move to other partitions.
			Partitions cannot become fewer.`),
		Example: doc(`
			# Keep records for a week
			$ weir topic alter orders.order.v1 --set retention.ms=7d

			# Back to the broker's default, for all topics of a domain
			$ weir topic alter 'orders\..*' --regex --unset retention.ms`),
		Args:              atLeastOne("NAME"),
		Annotations:       map[string]string{ExitCodes: "4  some were changed and some were not; the report lists both"},
		ValidArgsFunction: d.completeTopics(true),
		RunE: func(c *cobra.Command, args []string) error {
			o.names = args
			if err := o.validate(); err != nil {
				return err
			}
			return runTopicAlter(c.Context(), d, o)
		},
	}
	flagFormat(c, &o.format, term.TextFormat, term.JSON, term.YAML)
	f := c.Flags()
	f.BoolVar(&o.regex, "regex", false, "names are patterns that match whole names")
	f.StringArrayVar(&o.set, "set", nil, "a setting KEY=VALUE, repeatable")
	f.StringArrayVar(&o.Unset, "unset", nil, "a setting to inherit again, repeatable")
	f.IntVarP(&o.Partitions, "partitions", "p", 0, "the new number of partitions")
	f.BoolVar(&o.unknown, "allow-unknown-config", false, "leave settings that weir does not know to the broker")
	f.BoolVar(&o.AllowDataLoss, "allow-data-loss", false, "agree to changes that delete records")
	f.BoolVar(&o.AllowRepartition, "allow-repartition", false, "agree that keys move to other partitions")
	f.BoolVar(&o.dryRun, "dry-run", false, "show what would be done, with the broker's judgement, and change nothing")
	f.BoolVarP(&o.yes, "yes", "y", false, "do not ask")
	completeConfigs(c, "set", "=")
	completeConfigs(c, "unset", "")
	return c
}

func (o *topicAlterOptions) validate() error {
	if len(o.set)+len(o.Unset) == 0 && o.Partitions == 0 {
		return usage("use --set KEY=VALUE, --unset KEY or --partitions N", "nothing to change")
	}
	if o.Partitions < 0 || o.Partitions > 1<<20 {
		return usage("", "--partitions %d: a topic has one partition or more", o.Partitions)
	}
	var err error
	if o.Set, err = cluster.ParseTopicConfigs(o.set, o.unknown); err == nil {
		err = cluster.CheckUnset(o.Unset, o.Set, o.unknown)
	}
	return settingError(err)
}

func runTopicAlter(ctx context.Context, d *Deps, o *topicAlterOptions) error {
	conn, err := d.Cluster(ctx)
	if err != nil {
		return err
	}
	topics, err := topicsToChange(ctx, conn, "alter topic", o.names, o.regex)
	if err != nil {
		return err
	}
	r, err := plan.Alter(ctx, conn, o.AlterRequest, topics)
	if err != nil {
		return err
	}
	r.DryRun = o.dryRun
	if !r.Empty() {
		refusals, err := r.Send(ctx, conn, true)
		if err = cmp.Or(err, firstOfMany(refusals)); err != nil {
			return err
		}
	}
	if o.dryRun || r.Empty() {
		return d.Out.Emit(o.format, "topic_alter", r, viewTopicAlter(r))
	}
	err = d.showThenConfirm(o.format, "topic_alter", r, viewTopicAlter(r), func() error {
		if len(r.Needs) > 0 {
			return refused("pass "+strings.Join(r.Needs, " "), "alter topic: the change needs agreement to its effect, nothing was changed")
		}
		return d.confirm(ctx, &confirmation{yes: o.yes, profile: conn.Profile}, "change "+plural(len(r.Topics), "topic"))
	})
	if err != nil {
		return err
	}
	return doAlter(ctx, d, conn, o, r)
}

func doAlter(ctx context.Context, d *Deps, conn *cluster.Conn, o *topicAlterOptions, r *plan.Alterations) error {
	log, err := d.auditLog(ctx, conn)
	if err != nil {
		return err
	}
	refusals, lost := r.Send(ctx, conn, false)
	for _, a := range r.Topics {
		if a.Empty() {
			continue
		}
		log.Record(ctx, "alter topic", a.Name, a.Before(), a.After(), outcome(lost, a.Error))
	}
	if lost != nil {
		return lost
	}
	if !conn.TopicsSettled(ctx, r.Grown()) {
		d.Log.Warn("the topics are changed and not all of their new partitions have leaders yet")
	}
	if err := d.Out.Emit(o.format, "topic_alter", r, viewTopicAlter(r)); err != nil {
		return err
	}
	if len(refusals) > 0 && !slices.ContainsFunc(r.Topics, func(a plan.Alteration) bool { return !a.Empty() && a.Error == nil }) {
		return refusals[0]
	}
	return partly(len(refusals) > 0)
}
