package plan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/weirhq/weir/cluster"
)

// AlterRequest is a change of topics that somebody asks for by hand.
type AlterRequest struct {
	Set        map[string]string
	Unset      []string
	Partitions int // the new number; 0 leaves it
	// What the caller agreed to.
	AllowDataLoss, AllowRepartition bool
}

const alterTopic = "alter topic"

// cannotAlter refuses what no broker could do sensibly.
func cannotAlter(t *cluster.Topic, hint, format string, args ...any) error {
	return &cluster.Error{Class: cluster.Misconfigured, Op: alterTopic, What: t.Name, Err: fmt.Errorf(format, args...), Remedy: hint}
}

// AlteredSetting is one setting of one topic, before and after.
type AlteredSetting struct {
	Name string `json:"name"`
	Op   string `json:"op"` // set or unset
	// Before and After are null when they are not known.
	Before *string `json:"before"`
	After  *string `json:"after"`
	// Risk says what the change does to data, or is empty.
	Risk string `json:"risk"`
}

// Alteration is what a change does to one topic, and what became of it.
type Alteration struct {
	Name             string           `json:"name"`
	PartitionsBefore int              `json:"partitions_before"`
	PartitionsAfter  int              `json:"partitions_after"`
	Changes          []AlteredSetting `json:"changes"`
	Risks            []string         `json:"risks"`
	JudgedBy         string           `json:"judged_by"` // broker, or weir where the broker was not asked
	// Result is planned, would_change, changed, unchanged or failed.
	Result string  `json:"result"`
	Error  *string `json:"error"`
}

// Empty reports whether the topic already is as asked.
func (a *Alteration) Empty() bool {
	return len(a.Changes) == 0 && a.PartitionsBefore == a.PartitionsAfter
}

// Alterations are a change of several topics.
type Alterations struct {
	DryRun bool         `json:"dry_run"`
	Needs  []string     `json:"needs"` // flags without which nothing is done
	Topics []Alteration `json:"topics"`
}

// Empty reports whether every topic already is as asked.
func (r *Alterations) Empty() bool {
	return !slices.ContainsFunc(r.Topics, func(a Alteration) bool { return !a.Empty() })
}

// Before is the topic as the audit log tells it, before the change.
func (a *Alteration) Before() map[string]any {
	out := map[string]any{"partitions": a.PartitionsBefore}
	for _, c := range a.Changes {
		out[c.Name] = c.Before
	}
	return out
}

// After is the topic after the change.
func (a *Alteration) After() map[string]any {
	out := map[string]any{"partitions": a.PartitionsAfter}
	for _, c := range a.Changes {
		out[c.Name] = c.After
	}
	return out
}

// Alter compares what is wanted with what is, and says what the difference does. It
// refuses fewer partitions and a min.insync.replicas that no write could meet.
func Alter(ctx context.Context, conn *cluster.Conn, q AlterRequest, topics []cluster.Topic) (*Alterations, error) {
	if q.Partitions > 0 {
		if err := conn.Offsets(ctx, topics); err != nil { // whether keys may move
			return nil, err
		}
	}
	sets, err := conn.TopicConfigs(ctx, cluster.TopicNames(topics))
	if err != nil {
		return nil, err
	}
	r := &Alterations{Needs: []string{}, Topics: []Alteration{}}
	for i := range topics {
		t := &topics[i]
		j := slices.IndexFunc(sets, func(s cluster.ConfigSet) bool { return s.Topic == t.Name })
		if j < 0 {
			return nil, &cluster.Error{Class: cluster.Failed, Op: alterTopic, What: t.Name, Err: errors.New("its settings could not be read")}
		}
		a, err := q.plan(t, &sets[j], r)
		if err != nil {
			return nil, err
		}
		r.Topics = append(r.Topics, *a)
	}
	return r, nil
}

func (q AlterRequest) plan(t *cluster.Topic, set *cluster.ConfigSet, r *Alterations) (*Alteration, error) {
	a := &Alteration{Name: t.Name, PartitionsBefore: len(t.Partitions), PartitionsAfter: len(t.Partitions), Changes: []AlteredSetting{}, Risks: []string{}, JudgedBy: "weir", Result: "unchanged"}
	need := func(flag string, on bool) {
		if !on && !slices.Contains(r.Needs, flag) {
			r.Needs = append(r.Needs, flag)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(q.Set)) {
		v := q.Set[k]
		cur := find(set, k)
		if cur != nil && cur.Own() && cur.Value != nil && *cur.Value == v {
			continue
		}
		c := AlteredSetting{Name: k, Op: "set", After: &v}
		if cur != nil {
			c.Before = cur.Value
		}
		c.Risk = dataRisk(k, c.Before, c.After)
		a.Changes = append(a.Changes, c)
	}
	for _, k := range slices.Sorted(slices.Values(q.Unset)) {
		cur := find(set, k)
		if cur == nil && set.ErrorName == nil || cur != nil && !cur.Own() {
			continue // inherited already
		}
		c := AlteredSetting{Name: k, Op: "unset"}
		if cur != nil {
			c.Before, c.After = cur.Value, cur.Inherited
		}
		c.Risk = dataRisk(k, c.Before, c.After)
		a.Changes = append(a.Changes, c)
	}
	for _, c := range a.Changes {
		if c.Risk != "" {
			a.Risks = append(a.Risks, c.Risk)
			need("--allow-data-loss", q.AllowDataLoss)
		}
		if c.Name == "min.insync.replicas" && c.After != nil {
			if err := checkMinISR(t, *c.After); err != nil {
				return nil, err
			}
		}
	}
	switch {
	case q.Partitions == 0, q.Partitions == len(t.Partitions):
	case q.Partitions < len(t.Partitions):
		return nil, cannotAlter(t, "Kafka cannot reduce partitions; make a new topic", "it has %d partitions, %d is fewer", len(t.Partitions), q.Partitions)
	default:
		a.PartitionsAfter = q.Partitions
		if risk := repartitionRisk(t, set); risk != "" {
			a.Risks = append(a.Risks, risk)
			need("--allow-repartition", q.AllowRepartition)
		}
	}
	if !a.Empty() {
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
		return cannotAlter(t, "lower it", "min.insync.replicas=%d with replication factor %d: every write with acks=all would be refused", n, *rf)
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

// Send sends the planned changes, or with validateOnly asks the brokers whether they would
// make them, and notes what became of each topic. It returns the refusals, and an error
// when nothing could be sent.
func (r *Alterations) Send(ctx context.Context, conn *cluster.Conn, validateOnly bool) (refusals []error, err error) {
	done := "changed"
	switch {
	case validateOnly && r.DryRun:
		done = "would_change"
	case validateOnly:
		done = "planned"
	}
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
		i := slices.IndexFunc(r.Topics, func(a Alteration) bool { return a.Name == out.Topic })
		if i < 0 {
			continue
		}
		a := &r.Topics[i]
		a.JudgedBy = "broker"
		switch {
		case out.Err != nil:
			a.Result, a.Error = "failed", new(out.Err.Error())
			refusals = append(refusals, out.Err)
		case a.Result != "failed":
			a.Result = done
		}
	}
	return refusals, nil
}

// Grown are the topics that got more partitions, and how many they have now.
func (r *Alterations) Grown() map[string]int32 {
	grown := map[string]int32{}
	for i := range r.Topics {
		if a := &r.Topics[i]; a.Result == "changed" && a.PartitionsAfter > a.PartitionsBefore {
			grown[a.Name] = int32(a.PartitionsAfter)
		}
	}
	return grown
}
