package plan

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/finding"
)

// The configuration keys that a step gives a meaning to.
const (
	cleanupPolicy   = "cleanup.policy"
	retentionMS     = "retention.ms"
	retentionBytes  = "retention.bytes"
	minISR          = "min.insync.replicas"
	maxMessageBytes = "max.message.bytes"
	deleteRetention = "delete.retention.ms"
)

// Diff compares what is wanted with what was observed. It is pure: equal input gives
// equal plans, and a state that is as wanted gives no step.
func Diff(d *Desired, a *Actual, o Options) *Plan {
	p := &Plan{ClusterID: a.ClusterID, Options: o, Steps: []Step{}, Drift: []Drift{}, Unknown: []Unread{}, Notes: slices.Clone(d.Notes), Others: slices.Clone(d.Others), Fingerprints: map[string]string{}}
	if p.Notes == nil {
		p.Notes = []finding.Finding{}
	}
	if p.Others == nil {
		p.Others = []OtherChannel{}
	}
	df := &differ{d: d, a: a, o: o, p: p, deleted: map[string]bool{}, retired: map[string]bool{}, owned: map[string]string{}, referred: map[string]bool{}, groups: map[string]bool{}}
	for i := range d.ACLs {
		if r := d.ACLs[i].Row; r.ResourceType == kmsg.ACLResourceTypeTopic {
			df.referred[r.ResourceName] = true
		}
	}
	for _, g := range d.Groups {
		df.groups[g] = true
	}
	for i := range d.Topics {
		df.topic(&d.Topics[i])
	}
	df.acls()
	df.foreign()
	df.undeclaredTopics()
	p.LimitDeletes(o.MaxDeletes)
	p.finish()
	p.fingerprint(a)
	return p
}

type differ struct {
	d       *Desired
	a       *Actual
	o       Options
	p       *Plan
	deleted map[string]bool   // topics to delete
	retired map[string]bool   // retired topics that are not there any more
	owned   map[string]string // declared topic to owner, released ones left out
	// referred are topics that a right is declared on, groups those of consumers.
	referred, groups map[string]bool
}

func (df *differ) add(s Step) { df.p.Steps = append(df.p.Steps, s) }

func (df *differ) topic(t *DesiredTopic) {
	if !t.Released {
		df.owned[t.Name] = t.Owner
	}
	step := Step{Kind: TopicKind, Name: t.Name, Owner: t.Owner, At: t.At}
	live := df.a.Topics[t.Name]
	switch {
	case len(t.Blocked) > 0:
		step.Op, step.Reason = Blocked, "the catalog has a finding on it: "+t.Blocked[0].Message+" ("+t.Blocked[0].Rule+")"
		df.add(step)
	case df.a.Hidden[t.Name] != nil:
		step.Op, step.Reason = Blocked, "it may exist and cannot be seen: "+df.a.Hidden[t.Name].Error()
		df.add(step)
	case live != nil && live.ErrorName != nil:
		step.Op, step.Reason = Blocked, "its state cannot be read: "+*live.ErrorName
		df.add(step)
	case t.Released:
		if live != nil {
			step.Op, step.Reason = Keep, "released: x-managed is false, left as it is"
			df.add(step)
		}
	case t.Retired:
		df.retire(t, live, step)
	case live == nil:
		df.create(t, step)
	default:
		df.change(t, live, step)
	}
}

// retiredKept is the reason of a retired topic that a plan leaves; drift knows it by that.
const retiredKept = "retired: left as it is without --prune=topic"

// retire is the normal road to deletion: a topic is deleted because the catalog says
// that it is retired, never because it is absent, and only with --prune=topic.
func (df *differ) retire(t *DesiredTopic, live *cluster.Topic, step Step) {
	switch {
	case live == nil:
		df.retired[t.Name] = true
	case !df.o.prunes("topic"):
		step.Op, step.Reason = Keep, retiredKept
		df.add(step)
	default:
		step.Op, step.Needs = Delete, []string{"--confirm " + t.Name}
		df.deleted[t.Name] = true
		df.add(step)
	}
}

func (df *differ) create(t *DesiredTopic, step Step) {
	step.Op, step.Partitions, step.Replicas, step.Config = Create, -1, -1, t.Config
	if t.Partitions != nil {
		step.Partitions = int32(*t.Partitions)
	}
	if t.Replicas != nil {
		step.Replicas = int16(*t.Replicas)
	}
	if reason := cmp.Or(impossible(t), df.values(t)); reason != "" {
		step.Op, step.Reason = Blocked, reason
	}
	df.add(step)
}

// values checks declared settings before a broker does, which may accept anything. A
// wrong value blocks the topic; an unknown name is only noted, because vendors have
// settings of their own.
func (df *differ) values(t *DesiredTopic) string {
	var wrong []string
	for _, key := range slices.Sorted(maps.Keys(t.Config)) {
		_, err := cluster.ParseTopicConfig(key, t.Config[key])
		if unknown, ok := errors.AsType[*cluster.UnknownConfigError](err); ok {
			df.p.Notes = append(df.p.Notes, finding.Finding{
				Rule: RuleUnknownConfig, Severity: finding.Warning, Subject: finding.Subject{Kind: "topic", Name: t.Name},
				Message: unknown.Error(), Position: t.At, Owner: t.Owner,
			})
		} else if err != nil {
			wrong = append(wrong, err.Error())
		}
	}
	return strings.Join(wrong, "; ")
}

// impossible finds what brokers accept and must not be: they store a min.insync.replicas
// above the replication factor, and every acks=all write fails from then on.
func impossible(t *DesiredTopic) string {
	if t.Replicas == nil {
		return ""
	}
	if n, err := strconv.Atoi(t.Config[minISR]); err == nil && n > *t.Replicas {
		return fmt.Sprintf("min.insync.replicas %d is above the replication factor %d: nothing could be written with acks=all", n, *t.Replicas)
	}
	return ""
}

func (df *differ) change(t *DesiredTopic, live *cluster.Topic, step Step) {
	var reasons []string
	if df.a.Reassigning[t.Name] {
		reasons = append(reasons, "a partition reassignment is under way")
	}
	if t.Partitions != nil {
		c, reason := df.partitions(t, live)
		if c != nil {
			step.Changes = append(step.Changes, *c)
		}
		if reason != "" {
			reasons = append(reasons, reason)
		}
	}
	df.replicas(t, live)
	if reason := df.values(t); reason != "" {
		reasons = append(reasons, reason)
	}
	set := df.a.Configs[t.Name]
	switch {
	case set.ErrorName != nil:
		reason := "its settings cannot be read: " + *set.ErrorName
		if *set.ErrorName == kerr.TopicAuthorizationFailed.Message {
			reason += ", no DESCRIBE_CONFIGS on Topic"
		}
		reasons = append(reasons, reason)
	default:
		changes, unchanged := df.configs(t, live, set)
		step.Changes = append(step.Changes, changes...)
		step.Unchanged = unchanged
	}
	if len(step.Changes) == 0 && (len(reasons) == 0 || reasons[0] == "a partition reassignment is under way") {
		return
	}
	step.Op = Modify
	for _, c := range step.Changes {
		if c.DestroysData && !slices.Contains(step.Needs, "--allow-data-loss") {
			step.Needs = append(step.Needs, "--allow-data-loss")
		}
	}
	if len(reasons) > 0 {
		step.Op, step.Reason = Blocked, strings.Join(reasons, "; ")
	}
	df.add(step)
}

func (df *differ) partitions(t *DesiredTopic, live *cluster.Topic) (*Change, string) {
	have, want := len(live.Partitions), *t.Partitions
	switch {
	case want == have:
		return nil, ""
	case want < have:
		return &Change{Name: "partitions", Op: "grow", Before: text(have), After: text(want)}, fmt.Sprintf("partitions %d -> %d: Kafka cannot reduce partitions", have, want)
	}
	c := &Change{Name: "partitions", Op: "grow", Before: text(have), After: text(want)}
	compacted := strings.Contains(df.value(t, cleanupPolicy), "compact")
	if t.Keyed || compacted {
		c.Effect = fmt.Sprintf("%d %% of the keys move to another partition", movedKeys(have, want))
		if compacted {
			c.Effect += ", and older values of a key stay where they were"
		}
		if !df.o.AllowRepartition {
			return c, c.Effect + ": needs --allow-repartition"
		}
	}
	return c, ""
}

// movedKeys is the share of keys, in percent, whose hash modulo the number of
// partitions changes. Of lcm(n, m) hashes in a row exactly min(n, m) stay.
func movedKeys(n, m int) int {
	g := new(big.Int).GCD(nil, nil, big.NewInt(int64(n)), big.NewInt(int64(m))).Int64()
	lcm := int64(n) / g * int64(m)
	moved := (200*(lcm-int64(min(n, m))) + lcm) / (2 * lcm)
	return int(min(moved, 99)) // some stay, however few
}

// value is a setting's wanted value, else the live one.
func (df *differ) value(t *DesiredTopic, key string) string {
	if v, ok := t.Config[key]; ok {
		return v
	}
	for _, c := range df.a.Configs[t.Name].Configs {
		if c.Name == key && c.Value != nil {
			return *c.Value
		}
	}
	return ""
}

// replicas reports a different replication factor as drift: weir does not move
// replicas. Partitions may differ, so the smallest counts.
func (df *differ) replicas(t *DesiredTopic, live *cluster.Topic) {
	if t.Replicas == nil || len(live.Partitions) == 0 {
		return
	}
	least := len(live.Partitions[0].Replicas)
	for i := range live.Partitions {
		least = min(least, len(live.Partitions[i].Replicas))
	}
	if least == *t.Replicas {
		return
	}
	df.p.Drift = append(df.p.Drift, Drift{
		Kind: "replication-factor", Name: t.Name, Owner: t.Owner, Live: text(least), Wanted: text(*t.Replicas),
		Note: "weir moves no replicas: hand the reassignment to the platform's own tool", Reassignment: reassignment(t, live),
	})
}

// reassignment is the input of kafka-reassign-partitions: existing replicas stay in
// their order, missing ones are taken from the brokers that hold the fewest of the
// topic.
func reassignment(t *DesiredTopic, live *cluster.Topic) string {
	load := map[int32]int{}
	for i := range live.Partitions {
		for _, r := range live.Partitions[i].Replicas {
			load[r]++
		}
	}
	type part struct {
		Topic     string  `json:"topic"`
		Partition int32   `json:"partition"`
		Replicas  []int32 `json:"replicas"`
	}
	var parts []part
	for i := range live.Partitions {
		lp := &live.Partitions[i]
		rs := slices.Clone(lp.Replicas)
		if len(rs) > *t.Replicas {
			rs = rs[:*t.Replicas]
		}
		for len(rs) < *t.Replicas {
			best := int32(-1)
			for _, b := range slices.Sorted(maps.Keys(load)) {
				if !slices.Contains(rs, b) && (best < 0 || load[b] < load[best]) {
					best = b
				}
			}
			if best < 0 {
				return "" // the topic's own brokers are too few; the tool must choose
			}
			load[best]++
			rs = append(rs, best)
		}
		parts = append(parts, part{t.Name, lp.ID, rs})
	}
	b, err := json.Marshal(map[string]any{"version": 1, "partitions": parts})
	if err != nil {
		return ""
	}
	return string(b)
}

// configs compares the declared settings, then looks for overrides nobody declared.
func (df *differ) configs(t *DesiredTopic, live *cluster.Topic, set cluster.ConfigSet) (changes []Change, unchanged int) {
	byName := map[string]cluster.Config{}
	for _, c := range set.Configs {
		byName[c.Name] = c
	}
	for _, key := range slices.Sorted(maps.Keys(t.Config)) {
		want := t.Config[key]
		have, there := byName[key]
		switch {
		case there && have.Sensitive:
			df.p.Drift = append(df.p.Drift, Drift{Kind: "config", Name: t.Name, Owner: t.Owner, Key: key, Wanted: &want, Note: "cannot compare: the value is sensitive", Info: true})
		case there && have.Value != nil && equalValue(key, *have.Value, want) && (have.Own() || !df.o.Pin):
			unchanged++
		default:
			changes = append(changes, df.effect(live, Change{Name: key, Op: "set", Before: have.Value, After: &want}, byName))
		}
	}
	for _, c := range set.Configs {
		if _, declared := t.Config[c.Name]; declared || !c.Own() || c.Value == nil {
			continue
		}
		if strings.HasSuffix(c.Name, ".replication.throttled.replicas") {
			df.p.Drift = append(df.p.Drift, Drift{Kind: "throttle", Name: t.Name, Owner: t.Owner, Key: c.Name, Live: c.Value, Note: "left over from a reassignment", Info: true})
			continue
		}
		if df.o.prunes("config") {
			changes = append(changes, df.effect(live, Change{Name: c.Name, Op: "unset", Before: c.Value}, byName))
			continue
		}
		df.p.Drift = append(df.p.Drift, Drift{Kind: "config", Name: t.Name, Owner: t.Owner, Key: c.Name, Live: c.Value, Note: "set on the cluster, not declared"})
	}
	return changes, unchanged
}

// effect says what a change of a setting does to data and clients.
func (df *differ) effect(live *cluster.Topic, c Change, byName map[string]cluster.Config) Change {
	before, after := deref(c.Before), deref(c.After)
	switch c.Name {
	case retentionMS, retentionBytes:
		b, errB := strconv.ParseInt(before, 10, 64)
		n, errN := strconv.ParseInt(after, 10, 64)
		switch {
		case c.Op == "unset":
			c.DestroysData, c.Effect = true, "falls back to the cluster's default, which may keep less"
		case errN != nil || n < 0:
		case errB != nil || b < 0 || n < b:
			c.DestroysData = true
			if c.Name == retentionMS {
				c.Effect = "records older than " + Milliseconds(n) + " are deleted"
			} else {
				c.Effect = "partitions shrink to " + after + " bytes"
			}
		}
	case cleanupPolicy:
		switch was, is := policies(before), policies(after); {
		case c.Op == "unset":
			c.DestroysData, c.Effect = true, "falls back to the cluster's default policy"
		case slices.Contains(is, "delete") && !slices.Contains(was, "delete"):
			c.DestroysData, c.Effect = true, "records past the retention are deleted"
		case slices.Contains(is, "compact") && !slices.Contains(was, "compact"):
			c.DestroysData, c.Effect = true, "only the last value of each key is kept, and records without a key are refused"
		}
	case maxMessageBytes:
		if lower(before, after) {
			c.Effect = "producers of larger batches start to fail"
		}
	case deleteRetention:
		if lower(before, after) && strings.Contains(deref(byName[cleanupPolicy].Value), "compact") {
			c.Effect = "slow readers may miss tombstones"
		}
	case minISR:
		n, err := strconv.Atoi(after)
		for i := range live.Partitions {
			if err == nil && len(live.Partitions[i].InSyncReplicas) < n {
				c.Effect = "acks=all writes stop: a partition has fewer replicas in sync"
			}
		}
	}
	return c
}

func lower(before, after string) bool {
	b, errB := strconv.ParseInt(before, 10, 64)
	n, errN := strconv.ParseInt(after, 10, 64)
	return errB == nil && errN == nil && n >= 0 && (n < b || b < 0)
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func text(n int) *string {
	s := strconv.Itoa(n)
	return &s
}

// Milliseconds renders a time with the largest unit that divides it: 7d, 36h, 1500ms.
func Milliseconds(ms int64) string {
	d := time.Duration(ms) * time.Millisecond
	for _, u := range []struct {
		d time.Duration
		s string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}} {
		if d >= u.d && d%u.d == 0 {
			return strconv.FormatInt(int64(d/u.d), 10) + u.s
		}
	}
	return strconv.FormatInt(ms, 10) + "ms"
}

func policies(s string) []string {
	var out []string
	for w := range strings.SplitSeq(s, ",") {
		if w = strings.TrimSpace(w); w != "" {
			out = append(out, w)
		}
	}
	slices.Sort(out)
	return out
}

// equalValue compares as the broker would: lists without order, numbers by value,
// booleans in any case.
func equalValue(key, a, b string) bool {
	if a == b {
		return true
	}
	if key == cleanupPolicy || strings.Contains(a+b, ",") {
		return slices.Equal(policies(a), policies(b))
	}
	x, okX := new(big.Rat).SetString(a)
	y, okY := new(big.Rat).SetString(b)
	if okX && okY && !strings.ContainsAny(a+b, "/") {
		return x.Cmp(y) == 0
	}
	return (strings.EqualFold(a, "true") || strings.EqualFold(a, "false")) && strings.EqualFold(a, b)
}

// acls compares rights. A right that the same principal already holds on the same
// resource by implication is no step; one that it holds only through a broader
// pattern is, or removing the pattern later breaks the application.
func (df *differ) acls() {
	if df.a.ACLErr != nil {
		df.unreadableACLs()
		return
	}
	have := make(map[cluster.ACLRow]bool, len(df.a.ACLs))
	denies := []cluster.ACLRow{}
	for _, r := range df.a.ACLs {
		have[r] = true
		if r.Permission == kmsg.ACLPermissionTypeDeny {
			denies = append(denies, r)
		}
	}
	shadows := cluster.NewACLSet(denies, cluster.ACLAssumptions{})
	wanted := make(map[cluster.ACLRow]bool, len(df.d.ACLs))
	for i := range df.d.ACLs {
		want := &df.d.ACLs[i]
		// A topic that is gone needs no rights, and one made anew would inherit them.
		if want.Row.ResourceType == kmsg.ACLResourceTypeTopic && (df.deleted[want.Row.ResourceName] || df.retired[want.Row.ResourceName]) {
			continue
		}
		wanted[want.Row] = true
		all := want.Row
		all.Operation = kmsg.ACLOperationAll
		// What --prune=acl takes away holds nothing up.
		if !have[want.Row] && (!have[all] || df.o.prunes("acl")) {
			row := want.Row
			step := Step{Op: Create, Kind: ACLKind, Name: row.Principal, Owner: want.Owner, At: want.At, ACL: &row, Why: want.Why, JudgedBy: ByWeir}
			if err := cluster.ValidateACL(row); err != nil {
				step.Op, step.Reason = Blocked, err.Error()
			}
			df.add(step)
		}
		df.shadowed(want, shadows)
	}
	for _, r := range df.a.ACLs {
		df.undeclaredACL(r, wanted)
	}
}

// shadowed notes a right that a DENY row makes worth nothing.
func (df *differ) shadowed(want *DesiredACL, denies *cluster.ACLSet) {
	deny, ok := denies.DeniedBy(want.Row)
	if !ok {
		return
	}
	from := ""
	if deny.Host != cluster.AnyHost {
		from = " from " + deny.Host
	}
	df.p.Notes = append(df.p.Notes, finding.Finding{
		Rule: RuleShadowed, Severity: finding.Warning, Subject: finding.Subject{Kind: "acl", Name: want.Row.String()},
		Message:  fmt.Sprintf("%s is declared and gives nothing%s: %s wins", want.Row, from, deny),
		Position: want.At, Owner: want.Owner,
	})
}

// undeclaredACL looks at a live row that no role asks for. Only literal ALLOW rows on
// what the catalog declares may be pruned; broader ones may serve others and are told.
func (df *differ) undeclaredACL(r cluster.ACLRow, wanted map[cluster.ACLRow]bool) {
	owner, declared := "", false
	switch r.ResourceType {
	case kmsg.ACLResourceTypeTopic:
		owner, declared = df.ownerReached(r)
	case kmsg.ACLResourceTypeGroup:
		declared = df.groupReached(r)
	default:
	}
	if !declared {
		return
	}
	doomed := df.deleted[r.ResourceName] && r.ResourceType == kmsg.ACLResourceTypeTopic && r.PatternType == kmsg.ACLResourcePatternTypeLiteral
	if !doomed && (wanted[r] || harmless(r, wanted)) {
		return
	}
	literal := r.PatternType == kmsg.ACLResourcePatternTypeLiteral && r.ResourceName != cluster.AnyName
	if doomed || literal && r.Permission == kmsg.ACLPermissionTypeAllow && df.o.prunes("acl") {
		row, why := r, "not declared by any role"
		if doomed {
			// A re-created topic would inherit them (KAFKA-2700).
			why = "its topic is deleted"
		}
		df.add(Step{Op: Delete, Kind: ACLKind, Name: r.Principal, Owner: owner, ACL: &row, Why: why, JudgedBy: ByWeir})
		return
	}
	note := "not declared by any role"
	switch {
	case df.retired[r.ResourceName] && literal && r.ResourceType == kmsg.ACLResourceTypeTopic:
		note = "its topic is retired and gone"
	case !literal:
		note = "reaches declared resources by a pattern; never pruned"
	}
	live := r.String()
	df.p.Drift = append(df.p.Drift, Drift{Kind: "acl", Name: r.ResourceName, Owner: owner, Live: &live, Note: note})
}

// ownerReached returns the owner of the first owned topic that a row reaches.
func (df *differ) ownerReached(r cluster.ACLRow) (string, bool) {
	if r.PatternType == kmsg.ACLResourcePatternTypeLiteral && r.ResourceName != cluster.AnyName {
		owner, ok := df.owned[r.ResourceName]
		return owner, ok
	}
	names := df.d.Topics
	i := 0
	if r.ResourceName != cluster.AnyName {
		i, _ = slices.BinarySearchFunc(names, r.ResourceName, func(t DesiredTopic, s string) int { return cmp.Compare(t.Name, s) })
	}
	for ; i < len(names) && r.Reaches(names[i].Name); i++ {
		if owner, ok := df.owned[names[i].Name]; ok {
			return owner, true
		}
	}
	return "", false
}

// groupReached reports whether a row reaches a declared group.
func (df *differ) groupReached(r cluster.ACLRow) bool {
	if r.PatternType == kmsg.ACLResourcePatternTypeLiteral && r.ResourceName != cluster.AnyName {
		return df.groups[r.ResourceName]
	}
	names := df.d.Groups // sorted: those with the prefix stand together
	i := 0
	if r.ResourceName != cluster.AnyName {
		i, _ = slices.BinarySearch(names, r.ResourceName)
	}
	return i < len(names) && r.Reaches(names[i])
}

// harmless is a DESCRIBE row beside a declared READ or WRITE of the same principal,
// which brings DESCRIBE anyway.
func harmless(r cluster.ACLRow, wanted map[cluster.ACLRow]bool) bool {
	if r.Permission != kmsg.ACLPermissionTypeAllow || r.Operation != kmsg.ACLOperationDescribe {
		return false
	}
	for _, op := range []kmsg.ACLOperation{kmsg.ACLOperationRead, kmsg.ACLOperationWrite} {
		same := r
		same.Operation = op
		if wanted[same] {
			return true
		}
	}
	return false
}

// unreadableACLs blocks the rights: what cannot be read must not be planned. Where none
// is asked for there is nothing to block, and rows that nobody declared stay unknown.
func (df *differ) unreadableACLs() {
	if df.a.NoAuthorizer() {
		if len(df.d.ACLs) == 0 {
			return
		}
		df.p.Notes = append(df.p.Notes, finding.Finding{
			Rule: "plan/no-authorizer", Severity: finding.Warning, Subject: finding.Subject{Kind: "cluster", Name: df.a.ClusterID},
			Message: fmt.Sprintf("the cluster has no authorizer: everybody may do everything, and %d declared rights cannot be granted", len(df.d.ACLs)),
			Hint:    "set authorizer.class.name on the brokers",
		})
		return
	}
	reason := "the access control lists cannot be read: " + df.a.ACLErr.Error()
	df.p.Unknown = append(df.p.Unknown, Unread{UnreadACLs, reason})
	switch {
	case len(df.d.ACLs) > 0:
		df.add(Step{Op: Blocked, Kind: ACLKind, Name: "all declared rights", Reason: reason})
	case df.o.prunes("acl"):
		df.add(Step{Op: Blocked, Kind: ACLKind, Name: "rights to prune", Reason: reason})
	}
}

// foreign notes topics that are referred to and are not on the cluster. They are their
// owner's to make.
func (df *differ) foreign() {
	for i := range df.d.Foreign {
		t := &df.d.Foreign[i]
		if df.a.Topics[t.Name] != nil || df.a.Hidden[t.Name] != nil {
			continue
		}
		df.p.Notes = append(df.p.Notes, finding.Finding{
			Rule: RuleForeign, Severity: finding.Info, Subject: finding.Subject{Kind: "topic", Name: t.Name}, Position: t.At, Owner: t.Owner,
			Message: "topic " + t.Name + " is referred to, owned by another catalog, and not on the cluster",
		})
	}
}

// undeclaredTopics reports topics in scope that nobody declared. They are never
// deleted: absence from a catalog is no wish.
func (df *differ) undeclaredTopics() {
	if !df.a.seesTopics() {
		df.p.Unknown = append(df.p.Unknown, Unread{UnreadTopics, cmp.Or(df.a.Scope.Reason, "it is not known whether all are seen")})
	}
	declared := map[string]bool{}
	for i := range df.d.Topics {
		declared[df.d.Topics[i].Name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(df.a.Topics)) {
		t := df.a.Topics[name]
		if declared[name] || t.Internal || !df.o.Scope.Contains(name) || slices.ContainsFunc(df.d.Families, func(f *catalog.Family) bool { return f.Match(name) }) || df.referred[name] {
			continue
		}
		df.p.Drift = append(df.p.Drift, Drift{Kind: "topic", Name: name, Note: "on the cluster, not in the catalog"})
	}
}

// LimitDeletes blocks every deletion of a plan that deletes more things than most; a
// negative number is no limit.
func (p *Plan) LimitDeletes(most int) {
	if most < 0 {
		return
	}
	n := 0
	for i := range p.Steps {
		if p.Steps[i].Op == Delete {
			n++
		}
	}
	if n <= most {
		return
	}
	for i := range p.Steps {
		if s := &p.Steps[i]; s.Op == Delete {
			s.Op, s.Reason = Blocked, fmt.Sprintf("the plan deletes %d things, --max-deletes is %d", n, most)
		}
	}
	p.Count()
}
