package commands

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/internal/term"
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

// configChange is one setting of one topic, before and after.
type configChange struct {
	Name string `json:"name"`
	Op   string `json:"op"` // set or unset
	// Before and After are null when they are not known.
	Before *string `json:"before"`
	After  *string `json:"after"`
	// Risk says what the change does to data, or is empty.
	Risk string `json:"risk"`
}

type topicAlteration struct {
	Name             string         `json:"name"`
	PartitionsBefore int            `json:"partitions_before"`
	PartitionsAfter  int            `json:"partitions_after"`
	Changes          []configChange `json:"changes"`
	Risks            []string       `json:"risks"`
	JudgedBy         string         `json:"judged_by"` // broker, or weir where the broker was not asked
	// Result is planned, would_change, changed, unchanged or failed.
	Result string  `json:"result"`
	Error  *string `json:"error"`
}

func (a *topicAlteration) empty() bool {
	return len(a.Changes) == 0 && a.PartitionsBefore == a.PartitionsAfter
}

type topicAlterReport struct {
	DryRun bool              `json:"dry_run"`
	Needs  []string          `json:"needs"` // flags without which nothing is done
	Topics []topicAlteration `json:"topics"`
}

func runTopicAlter(ctx context.Context, d *Deps, o *topicAlterOptions) error {
	conn, err := d.Cluster(ctx)
	if err != nil {
		return err
	}
	if err := conn.Writable("alter topic", joinComma(o.names)); err != nil {
		return err
	}
	topics, err := selectTopics(ctx, conn, "alter topic", o.names, o.regex)
	if err != nil {
		return err
	}
	r, err := planAlter(ctx, conn, o, topics)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(r.Topics, func(a topicAlteration) bool { return !a.empty() }) {
		return d.Out.Emit(o.format, "topic_alter", r, viewTopicAlter(r))
	}
	refusals, err := applyAlter(ctx, conn, r, true)
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

func doAlter(ctx context.Context, d *Deps, conn *cluster.Conn, o *topicAlterOptions, r *topicAlterReport) error {
	log, err := d.auditLog(ctx, conn)
	if err != nil {
		return err
	}
	refusals, err := applyAlter(ctx, conn, r, false)
	if err != nil {
		return err
	}
	done := 0
	for _, a := range r.Topics {
		if a.empty() {
			continue
		}
		var failure error
		if a.Error != nil {
			failure = errors.New(*a.Error)
		} else {
			done++
		}
		if err := log.Record(ctx, "alter topic", a.Name, beforeOf(a), afterOf(a), failure); err != nil {
			return err
		}
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

func beforeOf(a topicAlteration) map[string]any {
	out := map[string]any{"partitions": a.PartitionsBefore}
	for _, c := range a.Changes {
		out[c.Name] = c.Before
	}
	return out
}

func afterOf(a topicAlteration) map[string]any {
	out := map[string]any{"partitions": a.PartitionsAfter}
	for _, c := range a.Changes {
		out[c.Name] = c.After
	}
	return out
}

// planAlter compares what is wanted with what is, and says what the difference does.
func planAlter(ctx context.Context, conn *cluster.Conn, o *topicAlterOptions, topics []cluster.Topic) (*topicAlterReport, error) {
	if o.partitions > 0 {
		if err := conn.Offsets(ctx, topics); err != nil { // whether keys may move
			return nil, err
		}
	}
	names := make([]string, len(topics))
	for i := range topics {
		names[i] = topics[i].Name
	}
	sets, err := conn.TopicConfigs(ctx, names)
	if err != nil {
		return nil, err
	}
	r := &topicAlterReport{DryRun: o.dryRun, Needs: []string{}, Topics: []topicAlteration{}}
	for i := range topics {
		t := &topics[i]
		j := slices.IndexFunc(sets, func(s cluster.ConfigSet) bool { return s.Topic == t.Name })
		if j < 0 {
			return nil, failed(t.Name, "", "alter topic %s: its settings could not be read", t.Name)
		}
		a, err := o.plan(t, &sets[j], r)
		if err != nil {
			return nil, err
		}
		r.Topics = append(r.Topics, *a)
	}
	return r, nil
}

func (o *topicAlterOptions) plan(t *cluster.Topic, set *cluster.ConfigSet, r *topicAlterReport) (*topicAlteration, error) {
	a := &topicAlteration{Name: t.Name, PartitionsBefore: len(t.Partitions), PartitionsAfter: len(t.Partitions), Changes: []configChange{}, Risks: []string{}, JudgedBy: "weir", Result: "unchanged"}
	need := func(flag string, on bool) {
		if !on && !slices.Contains(r.Needs, flag) {
			r.Needs = append(r.Needs, flag)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(o.values)) {
		v := o.values[k]
		cur := find(set, k)
		if cur != nil && cur.Own() && cur.Value != nil && *cur.Value == v {
			continue
		}
		c := configChange{Name: k, Op: "set", After: &v}
		if cur != nil {
			c.Before = cur.Value
		}
		c.Risk = dataRisk(k, c.Before, c.After)
		a.Changes = append(a.Changes, c)
	}
	for _, k := range slices.Sorted(slices.Values(o.unset)) {
		cur := find(set, k)
		if cur == nil && set.ErrorName == nil || cur != nil && !cur.Own() {
			continue // inherited already
		}
		c := configChange{Name: k, Op: "unset"}
		if cur != nil {
			c.Before, c.After = cur.Value, cur.Inherited
		}
		c.Risk = dataRisk(k, c.Before, c.After)
		a.Changes = append(a.Changes, c)
	}
	for _, c := range a.Changes {
		if c.Risk != "" {
			a.Risks = append(a.Risks, c.Risk)
			need("--allow-data-loss", o.dataLoss)
		}
		if c.Name == "min.insync.replicas" && c.After != nil {
			if err := checkMinISR(t, *c.After); err != nil {
				return nil, err
			}
		}
	}
	switch {
	case o.partitions == 0, o.partitions == len(t.Partitions):
	case o.partitions < len(t.Partitions):
		return nil, usage("Kafka cannot reduce partitions; make a new topic", "topic %s has %d partitions, %d is fewer", t.Name, len(t.Partitions), o.partitions)
	default:
		a.PartitionsAfter = o.partitions
		if risk := repartitionRisk(t, set); risk != "" {
			a.Risks = append(a.Risks, risk)
			need("--allow-repartition", o.repartition)
		}
	}
	if !a.empty() {
		a.Result = "planned"
	}
	return a, nil
}

func find(set *cluster.ConfigSet, name string) *cluster.Config {
	for i := range set.Configs {
		if set.Configs[i].Name == name {
			return &set.Configs[i]
		}
	}
	return nil
}

func checkMinISR(t *cluster.Topic, value string) error {
	rf := t.ReplicationFactor()
	if n, err := strconv.Atoi(value); err == nil && rf != nil && n > *rf {
		return usage("lower it", "topic %s: min.insync.replicas=%d with replication factor %d: every write with acks=all would be refused", t.Name, n, *rf)
	}
	return nil
}

// dataRisk says what a change of a setting does to records that are there. An unknown
// value before or after counts as a risk where a known one could be one.
func dataRisk(name string, before, after *string) string {
	switch name {
	case "retention.ms", "retention.bytes", "local.retention.ms":
		if before != nil && after != nil && !shorter(*before, *after) {
			return ""
		}
		if after == nil {
			return "the limit that would hold is not told by the broker, so records may be deleted"
		}
		if name == "retention.ms" {
			return "records older than the new limit are deleted"
		}
		return "records beyond the new limit are deleted"
	case "cleanup.policy":
		b, a := cmp.Or(before, new(string)), cmp.Or(after, new(string))
		switch {
		case strings.Contains(*a, "compact") && !strings.Contains(*b, "compact"):
			return "older values of a key are deleted, and records without a key are refused"
		case strings.Contains(*a, "delete") && !strings.Contains(*b, "delete"):
			return "records beyond the retention are deleted"
		case after == nil:
			return "the policy that would hold is not known"
		}
	}
	return ""
}

// shorter compares two limits, of which a negative one is none.
func shorter(before, after string) bool {
	b, err1 := strconv.ParseInt(before, 10, 64)
	a, err2 := strconv.ParseInt(after, 10, 64)
	if err1 != nil || err2 != nil {
		return true
	}
	return a >= 0 && (b < 0 || a < b)
}

// repartitionRisk is empty only for a topic that holds nothing and is not compacted.
func repartitionRisk(t *cluster.Topic, set *cluster.ConfigSet) string {
	if p := set.Get("cleanup.policy"); p == nil || strings.Contains(*p, "compact") {
		return "keys move to other partitions, where compaction never meets their old records"
	}
	if n := t.Records(); n == nil || *n > 0 {
		return "keys move to other partitions: the order of a key's records is broken once"
	}
	return ""
}

// applyAlter sends the planned changes and notes what became of each topic. It returns
// the refusals, and an error when nothing could be sent.
func applyAlter(ctx context.Context, conn *cluster.Conn, r *topicAlterReport, validateOnly bool) (refusals []error, err error) {
	var changes []cluster.ConfigChange
	counts := map[string]int32{}
	for _, a := range r.Topics {
		if len(a.Changes) > 0 {
			ch := cluster.ConfigChange{Topic: a.Name, Set: map[string]string{}}
			for _, c := range a.Changes {
				if c.Op == "set" {
					ch.Set[c.Name] = *c.After
				} else {
					ch.Unset = append(ch.Unset, c.Name)
				}
			}
			changes = append(changes, ch)
		}
		if a.PartitionsAfter > a.PartitionsBefore {
			counts[a.Name] = int32(a.PartitionsAfter)
		}
	}
	var outcomes []cluster.Outcome
	if len(changes) > 0 {
		if outcomes, err = conn.AlterConfigs(ctx, changes, validateOnly); err != nil {
			return nil, err
		}
	}
	if len(counts) > 0 {
		more, err := conn.SetPartitions(ctx, counts, validateOnly)
		if err != nil && len(outcomes) == 0 {
			return nil, err
		}
		if err != nil {
			for name := range counts {
				more = append(more, cluster.Outcome{Topic: name, Err: err})
			}
		}
		outcomes = append(outcomes, more...)
	}
	for _, out := range outcomes {
		i := slices.IndexFunc(r.Topics, func(a topicAlteration) bool { return a.Name == out.Topic })
		if i < 0 {
			continue
		}
		a := &r.Topics[i]
		a.JudgedBy = "broker"
		switch {
		case out.Err != nil:
			a.Result, a.Error = "failed", errText(out.Err)
			refusals = append(refusals, out.Err)
		case a.Result != "failed":
			a.Result = "changed"
		}
	}
	return refusals, nil
}

func viewTopicAlter(r *topicAlterReport) term.View {
	return term.View{Text: func(p *term.Page) {
		marks := map[string]string{"planned": "change", "would_change": "change", "changed": "ok", "unchanged": "keep", "failed": "fail"}
		words := map[string]string{"unchanged": "no change", "changed": "changed", "failed": "failed"}
		for _, a := range r.Topics {
			word := words[a.Result]
			if r.DryRun && !a.empty() {
				word = joinWords(word, "(dry run, judged by the "+a.JudgedBy+")")
			}
			p.Line("%s", strings.TrimRight(fmt.Sprintf("%s topic  %s  %s", p.Mark(marks[a.Result]).S, a.Name, word), " "))
			if a.Error != nil {
				p.Line("    %s", *a.Error)
			}
			if a.Result == "changed" {
				continue
			}
			if a.PartitionsBefore != a.PartitionsAfter {
				p.Line("    %-24s %d -> %d", "partitions", a.PartitionsBefore, a.PartitionsAfter)
			}
			for _, c := range a.Changes {
				after := unknown(c.After, func(s string) string { return s })
				if c.Op == "unset" {
					after += " (inherited)"
				}
				p.Line("    %-24s %s -> %s", c.Name, unknown(c.Before, func(s string) string { return s }), after)
			}
			for _, risk := range a.Risks {
				p.Line("    %s %s", p.Mark("warn"), risk)
			}
		}
		if len(r.Needs) > 0 {
			p.Line("This needs %s.", strings.Join(r.Needs, " and "))
		}
	}}
}
