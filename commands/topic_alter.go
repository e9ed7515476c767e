package commands

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/internal/term"
	"github.com/weirhq/weir/plan"
)

type topicAlterOptions struct {
	names       []string
	regex       bool
	set, unset  []string
	partitions  int
	unknown     bool
	dataLoss    bool
	repartition bool
	dryRun      bool
	yes         bool
	format      term.Format

	values map[string]string // of --set, parsed
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
	f.StringArrayVar(&o.unset, "unset", nil, "a setting to inherit again, repeatable")
	f.IntVarP(&o.partitions, "partitions", "p", 0, "the new number of partitions")
	f.BoolVar(&o.unknown, "allow-unknown-config", false, "leave settings that weir does not know to the broker")
	f.BoolVar(&o.dataLoss, "allow-data-loss", false, "agree to changes that delete records")
	f.BoolVar(&o.repartition, "allow-repartition", false, "agree that keys move to other partitions")
	f.BoolVar(&o.dryRun, "dry-run", false, "only show the change and ask whether the broker would make it")
	f.BoolVarP(&o.yes, "yes", "y", false, "do not ask")
	completeConfigs(c, "set")
	_ = c.RegisterFlagCompletionFunc("unset", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return cluster.TopicConfigNames(), cobra.ShellCompDirectiveNoFileComp
	})
	return c
}

func (o *topicAlterOptions) validate() error {
	if len(o.set)+len(o.unset) == 0 && o.partitions == 0 {
		return usage("use --set KEY=VALUE, --unset KEY or --partitions N", "nothing to change")
	}
	if o.partitions < 0 || o.partitions > 1<<20 {
		return usage("", "--partitions %d: a topic has one partition or more", o.partitions)
	}
	var err error
	if o.values, err = parseConfigs(o.set, o.unknown); err != nil {
		return err
	}
	for i, k := range o.unset {
		if _, both := o.values[k]; both || slices.Contains(o.unset[:i], k) {
			return usage("", "the setting %s is named twice", k)
		}
		// A broker says yes to unsetting a misspelt setting.
		if !slices.Contains(cluster.TopicConfigNames(), k) && !o.unknown {
			_, err := cluster.ParseTopicConfig(k, "")
			if unknown, ok := errors.AsType[*cluster.UnknownConfigError](err); ok {
				return usage("--allow-unknown-config leaves it to the broker", "%w", unknown)
			}
		}
	}
	return nil
}

func runTopicAlter(ctx context.Context, d *Deps, o *topicAlterOptions) error {
	conn, err := d.Cluster(ctx)
	if err != nil {
		return err
	}
	if err := conn.Writable("alter topic", joinComma(o.names)); err != nil {
		return err
	}
	topics, err := conn.SelectTopics(ctx, "alter topic", o.names, o.regex)
	if err != nil {
		return err
	}
	r, err := plan.Alter(ctx, conn, plan.AlterRequest{
		Set: o.values, Unset: o.unset, Partitions: o.partitions, AllowDataLoss: o.dataLoss, AllowRepartition: o.repartition,
	}, topics)
	if err != nil {
		return err
	}
	r.DryRun = o.dryRun
	if !slices.ContainsFunc(r.Topics, func(a plan.Alteration) bool { return !a.Empty() }) {
		return d.Out.Emit(o.format, "topic_alter", r, viewTopicAlter(r))
	}
	refusals, err := r.Send(ctx, conn, true)
	if err != nil {
		return err
	}
	if len(refusals) > 0 {
		return firstOfMany(refusals)
	}
	for i := range r.Topics {
		if r.Topics[i].Result == "changed" {
			r.Topics[i].Result = "planned"
			if o.dryRun {
				r.Topics[i].Result = "would_change"
			}
		}
	}
	if o.dryRun {
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
	done := 0
	for _, a := range r.Topics {
		if a.Empty() {
			continue
		}
		failure := lost // no answer: it may be done or not
		switch {
		case a.Error != nil:
			failure = errors.New(*a.Error)
		case lost == nil:
			done++
		}
		if err := log.Record(ctx, "alter topic", a.Name, a.Before(), a.After(), failure); err != nil {
			return errors.Join(lost, err)
		}
	}
	if lost != nil {
		return lost
	}
	if err := d.Out.Emit(o.format, "topic_alter", r, viewTopicAlter(r)); err != nil {
		return err
	}
	switch {
	case len(refusals) == 0:
		return nil
	case done == 0:
		return refusals[0]
	}
	return errPartial
}
