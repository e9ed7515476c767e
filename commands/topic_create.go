package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kerr"

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
	f.StringArrayVarP(&o.configs, "config", "c", nil, "a setting KEY=VALUE, repeatable")
	f.BoolVar(&o.ifNotExists, "if-not-exists", false, "a topic that exists is no failure")
	f.BoolVar(&o.unknown, "allow-unknown-config", false, "leave settings that weir does not know to the broker")
	f.BoolVar(&o.dryRun, "dry-run", false, "only ask whether the broker would create them")
	completeConfigs(c, "config")
	return c
}

// completeConfigs completes the names of topic settings, with the sign that follows.
func completeConfigs(c *cobra.Command, flag string) {
	_ = c.RegisterFlagCompletionFunc(flag, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		names := cluster.TopicConfigNames()
		for i := range names {
			names[i] += "="
		}
		return names, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	})
}

func (o *topicCreateOptions) validate() ([]cluster.TopicSpec, error) {
	const see = "see weir topic create --help"
	switch {
	case o.partitions == 0 || o.partitions < -1 || o.partitions > 1<<20:
		return nil, usage(see, "--partitions %d: a topic has one partition or more", o.partitions)
	case o.replication == 0 || o.replication < -1 || o.replication > 1<<15-1:
		return nil, usage(see, "--replication-factor %d: a partition has one copy or more", o.replication)
	}
	configs, err := parseConfigs(o.configs, o.unknown)
	if err != nil {
		return nil, err
	}
	if v, ok := configs["min.insync.replicas"]; ok && o.replication > 0 {
		if n, err := strconv.Atoi(v); err == nil && n > o.replication {
			return nil, usage("lower it, or raise --replication-factor", "min.insync.replicas=%d with replication factor %d: every write with acks=all would be refused", n, o.replication)
		}
	}
	var specs []cluster.TopicSpec
	for _, name := range o.names {
		if err := cluster.CheckTopicName(name); err != nil {
			return nil, usage("", "create topic: %w", err)
		}
		if slices.ContainsFunc(specs, func(s cluster.TopicSpec) bool { return s.Name == name }) {
			return nil, usage("", "topic %s is named twice", name)
		}
		// Metrics write '.' as '_', so Kafka refuses two names that differ only there.
		for _, s := range specs {
			if strings.ReplaceAll(s.Name, ".", "_") == strings.ReplaceAll(name, ".", "_") {
				return nil, usage("", "topics %s and %s collide: '.' and '_' are the same in Kafka's metrics", s.Name, name)
			}
		}
		specs = append(specs, cluster.TopicSpec{Name: name, Partitions: int32(o.partitions), ReplicationFactor: int16(o.replication), Configs: configs})
	}
	return specs, nil
}

// parseConfigs reads KEY=VALUE settings. The brokers take a key given twice and keep
// one of the values, so that is refused here.
func parseConfigs(pairs []string, allowUnknown bool) (map[string]string, error) {
	out := map[string]string{}
	for _, pair := range pairs {
		k, v, ok := strings.Cut(pair, "=")
		k = strings.TrimSpace(k)
		if !ok || k == "" {
			return nil, usage("", "%q: write KEY=VALUE", pair)
		}
		if _, twice := out[k]; twice {
			return nil, usage("", "the setting %s is given twice", k)
		}
		parsed, err := cluster.ParseTopicConfig(k, v)
		if unknown, ok := errors.AsType[*cluster.UnknownConfigError](err); ok {
			if !allowUnknown {
				return nil, usage("--allow-unknown-config leaves it to the broker", "%w", unknown)
			}
			parsed, err = v, nil
		}
		if err != nil {
			return nil, usage("", "%w", err)
		}
		out[k] = parsed
	}
	return out, nil
}

// topicResult is one topic of a report of changes.
type topicResult struct {
	Name              string            `json:"name"`
	Partitions        *int32            `json:"partitions"`
	ReplicationFactor *int16            `json:"replication_factor"`
	Configs           map[string]string `json:"configs"`
	// Result is created, would_create, exists or failed.
	Result string  `json:"result"`
	Error  *string `json:"error"`
}

type topicCreateReport struct {
	DryRun bool `json:"dry_run"`
	// JudgedBy is broker: every topic was put to it before anything was done.
	JudgedBy string        `json:"judged_by"`
	Topics   []topicResult `json:"topics"`
	Warnings []string      `json:"warnings"`
}

func runTopicCreate(ctx context.Context, d *Deps, o *topicCreateOptions, specs []cluster.TopicSpec) error {
	conn, err := d.Cluster(ctx)
	if err != nil {
		return err
	}
	if err := conn.Writable("create topic", specs[0].Name); err != nil {
		return err
	}
	if o.replication > len(conn.Brokers) {
		return usage("the cluster has that many brokers", "--replication-factor %d is more than %d", o.replication, len(conn.Brokers))
	}
	judged, err := conn.CreateTopics(ctx, specs, true)
	if err != nil {
		return err
	}
	r := &topicCreateReport{DryRun: o.dryRun, JudgedBy: "broker", Topics: []topicResult{}, Warnings: []string{}}
	var refusals []error
	for i, j := range judged {
		row := topicResult{Name: j.Topic, Partitions: j.Partitions, ReplicationFactor: j.ReplicationFactor, Configs: specs[0].Configs, Result: "would_create"}
		switch {
		case j.Err != nil && o.ifNotExists && errors.Is(j.Err, kerr.TopicAlreadyExists):
			row.Result = "exists"
		case j.Err != nil:
			row.Result, row.Error = "failed", errText(j.Err)
			refusals = append(refusals, judged[i].Err)
		}
		if w := judged[i].Unwritable(specs[0].Configs); w != "" {
			r.Warnings = append(r.Warnings, w)
		}
		r.Topics = append(r.Topics, row)
	}
	if len(refusals) > 0 {
		return firstOfMany(refusals)
	}
	if !o.dryRun {
		if err := createAll(ctx, d, conn, specs, r); err != nil {
			return err
		}
	}
	for _, w := range r.Warnings {
		d.Log.Warn(w)
	}
	if err := d.Out.Emit(o.format, "topic_create", r, viewTopicCreate(r)); err != nil {
		return err
	}
	if n := count(r.Topics, "failed"); n == 0 {
		return nil
	} else if n == len(r.Topics) {
		return failed(r.Topics[0].Name, "", "%s", *r.Topics[0].Error)
	}
	return errPartial
}

func count(topics []topicResult, result string) int {
	n := 0
	for _, t := range topics {
		if t.Result == result {
			n++
		}
	}
	return n
}

// firstOfMany is what the broker said about the first item it refused. Nothing was done
// yet, so the others are only counted.
func firstOfMany(refusals []error) error {
	if len(refusals) == 1 {
		return refusals[0]
	}
	return fmt.Errorf("%w (and %d more refused; nothing was changed)", refusals[0], len(refusals)-1)
}

func createAll(ctx context.Context, d *Deps, conn *cluster.Conn, specs []cluster.TopicSpec, r *topicCreateReport) error {
	log, err := d.auditLog(ctx, conn)
	if err != nil {
		return err
	}
	wanted := slices.DeleteFunc(slices.Clone(specs), func(s cluster.TopicSpec) bool {
		return slices.ContainsFunc(r.Topics, func(t topicResult) bool { return t.Name == s.Name && t.Result == "exists" })
	})
	if len(wanted) == 0 {
		return nil
	}
	made, err := conn.CreateTopics(ctx, wanted, false)
	if err != nil { // no answer: they may be made or not
		for _, spec := range wanted {
			err = errors.Join(err, log.Record(ctx, "create topic", spec.Name, nil, spec, err))
		}
		return err
	}
	var names []string
	for _, m := range made {
		i := slices.IndexFunc(r.Topics, func(t topicResult) bool { return t.Name == m.Topic })
		spec := wanted[slices.IndexFunc(wanted, func(s cluster.TopicSpec) bool { return s.Name == m.Topic })]
		if err := log.Record(ctx, "create topic", m.Topic, nil, spec, m.Err); err != nil {
			return err
		}
		row := &r.Topics[i]
		row.Result = "created"
		if m.Err != nil {
			row.Result, row.Error = "failed", errText(m.Err)
			continue
		}
		names = append(names, m.Topic)
		if m.Partitions != nil {
			row.Partitions, row.ReplicationFactor = m.Partitions, m.ReplicationFactor
		}
	}
	if !conn.TopicsSettled(ctx, names) {
		d.Log.Warn("the topics are created and not all of their partitions have leaders yet")
	}
	return nil
}

func errText(err error) *string {
	s := err.Error()
	return &s
}
