package commands

import (
	"cmp"
	"context"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/internal/term"
)

type topicCreateOptions struct {
	names       []string
	partitions  int
	replication int
	configs     []string
	ifNotExists bool
	unknown     bool
	dryRun      bool
	format      term.Format
}

func newTopicCreate(d *Deps) *cobra.Command {
	o := &topicCreateOptions{}
	c := &cobra.Command{
		Use:   "create NAME...",
		Short: "Create topics",
		Long: doc(`
			Create topics with the same shape. Names, settings and values are checked by weir and
			then by the broker before anything is created; with --dry-run it ends there. Values take
			durations (retention.ms=7d) and sizes (segment.bytes=256MiB). Without -p or -r the
			broker's defaults hold.`),
		Example: doc(`
			# Twelve partitions on three brokers, a week of records
			$ weir topic create orders.order.v1 -p 12 -r 3 -c retention.ms=7d

			# Would the cluster take it?
			$ weir topic create orders.order.v1 -p 12 --dry-run`),
		Args:              atLeastOne("NAME"),
		Annotations:       map[string]string{Next: "weir topic describe NAME", ExitCodes: "4  some were created and some were not; the report lists both"},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, args []string) error {
			o.names = args
			specs, err := o.validate()
			if err != nil {
				return err
			}
			return runTopicCreate(c.Context(), d, o, specs)
		},
	}
	flagFormat(c, &o.format, term.TextFormat, term.JSON, term.YAML)
	f := c.Flags()
	f.IntVarP(&o.partitions, "partitions", "p", -1, "number of partitions; -1 for the broker's default")
	f.IntVarP(&o.replication, "replication-factor", "r", -1, "copies of each partition; -1 for the broker's default")
	f.StringArrayVarP(&o.configs, "config", "c", nil, "a setting KEY=VALUE of the topic, repeatable (not the configuration file)")
	f.BoolVar(&o.ifNotExists, "if-not-exists", false, "a topic that exists is no failure")
	f.BoolVar(&o.unknown, "allow-unknown-config", false, "leave settings that weir does not know to the broker")
	f.BoolVar(&o.dryRun, "dry-run", false, "show what would be done, with the broker's judgement, and change nothing")
	completeConfigs(c, "config", "=")
	return c
}

func (o *topicCreateOptions) validate() ([]cluster.TopicSpec, error) {
	const see = "see weir topic create --help"
	switch {
	case o.partitions == 0 || o.partitions < -1 || o.partitions > 1<<20:
		return nil, usage(see, "--partitions %d: a topic has one partition or more", o.partitions)
	case o.replication == 0 || o.replication < -1 || o.replication > 1<<15-1:
		return nil, usage(see, "--replication-factor %d: a partition has one copy or more", o.replication)
	}
	for _, kv := range o.configs {
		if !strings.Contains(kv, "=") {
			// Everywhere else --config names a file; here it is what kafka-topics.sh takes it for.
			return nil, usage("in topic create --config is a setting of the topic; WEIR_CONFIG names a configuration file", "--config %q: write KEY=VALUE", kv)
		}
	}
	configs, err := cluster.ParseTopicConfigs(o.configs, o.unknown)
	if err != nil {
		return nil, settingError(err)
	}
	if v, ok := configs["min.insync.replicas"]; ok && o.replication > 0 {
		if n, err := strconv.Atoi(v); err == nil && n > o.replication {
			return nil, usage("lower it, or raise --replication-factor", "min.insync.replicas=%d with replication factor %d: every write with acks=all would be refused", n, o.replication)
		}
	}
	if err := cluster.CheckTopicNames(o.names); err != nil {
		return nil, usage("", "%w", err)
	}
	var specs []cluster.TopicSpec
	for _, name := range o.names {
		specs = append(specs, cluster.TopicSpec{Name: name, Partitions: int32(o.partitions), ReplicationFactor: int16(o.replication), Configs: configs})
	}
	return specs, nil
}

func runTopicCreate(ctx context.Context, d *Deps, o *topicCreateOptions, specs []cluster.TopicSpec) error {
	conn, err := d.Cluster(ctx)
	if err != nil {
		return err
	}
	if err := conn.Writable("create topic", specs[0].Name); err != nil {
		return err
	}
	r, refusals, err := cluster.JudgeTopics(ctx, conn, specs, o.ifNotExists)
	if err = cmp.Or(err, firstOfMany(refusals)); err != nil {
		return err
	}
	if r.DryRun = o.dryRun; !o.dryRun {
		if refusals, err = createAll(ctx, d, conn, r); err != nil {
			return err
		}
	}
	for _, w := range r.Warnings {
		d.Log.Warn(w)
	}
	if err := d.Out.Emit(o.format, "topic_create", r, viewTopicCreate(r)); err != nil {
		return err
	}
	if len(refusals) == len(r.Topics) {
		return refusals[0]
	}
	return partly(len(refusals) > 0)
}

func createAll(ctx context.Context, d *Deps, conn *cluster.Conn, r *cluster.Creation) (refusals []error, err error) {
	log, err := d.auditLog(ctx, conn)
	if err != nil {
		return nil, err
	}
	refusals, lost := r.Send(ctx, conn)
	for i := range r.Topics {
		if t := &r.Topics[i]; !t.Exists() {
			log.Record(ctx, "create topic", t.Name, nil, t.Spec, outcome(lost, t.Error))
		}
	}
	if lost == nil && !conn.TopicsSettled(ctx, r.Created()) {
		d.Log.Warn("the topics are created and not all of their partitions have leaders yet")
	}
	return refusals, lost
}
