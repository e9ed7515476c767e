package plan

import (
	"cmp"
	"slices"
	"time"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/finding"
)

// Op is what a step does.
type Op string

// The operations, in the order in which a plan shows them within an owner.
const (
	Delete  Op = "delete"
	Modify  Op = "change"
	Create  Op = "create"
	Keep    Op = "keep"    // released or retired: left as it is
	Blocked Op = "blocked" // Kafka cannot, or must not, do it
)

var opRank = map[Op]int{Delete: 0, Modify: 1, Create: 2, Keep: 3, Blocked: 4}

// Kind is what a step is about.
type Kind string

// The kinds.
const (
	TopicKind Kind = "topic"
	ACLKind   Kind = "acl"
)

// Change is one setting of a topic, before and after. "partitions" and
// "replication.factor" stand beside the topic's own settings.
type Change struct {
	Name string `json:"name"`
	// Op is set, unset or grow.
	Op     string  `json:"op"`
	Before *string `json:"before"`
	After  *string `json:"after"`
	// Effect says what the change does to data or clients, in a few words.
	Effect string `json:"effect,omitempty"`
	// DestroysData marks a change that --allow-data-loss must allow.
	DestroysData bool `json:"destroys_data,omitempty"`
}

// Judge tells who found a step acceptable.
type Judge string

// The judges. A step that only weir judged may still be refused by a broker's policy.
const (
	ByBroker Judge = "broker"
	ByWeir   Judge = "weir"
)

// Step is one thing to do, or one thing that cannot be done.
type Step struct {
	Op    Op               `json:"op"`
	Kind  Kind             `json:"kind"`
	Name  string           `json:"name"`
	Owner string           `json:"owner"`
	At    finding.Position `json:"at,omitzero"`
	// Partitions and Replicas of a topic to create; -1 leaves them to the broker.
	Partitions int32             `json:"partitions,omitempty"`
	Replicas   int16             `json:"replicas,omitempty"`
	Config     map[string]string `json:"config,omitempty"`
	Changes    []Change          `json:"changes,omitempty"`
	// Unchanged counts declared settings that already are as declared.
	Unchanged int             `json:"unchanged,omitempty"`
	ACL       *cluster.ACLRow `json:"acl,omitempty"`
	Why       string          `json:"why,omitempty"`
	// Needs are the flags that apply asks for: --allow-data-loss, --allow-repartition,
	// --confirm NAME.
	Needs []string `json:"needs,omitempty"`
	// Reason tells why a step is blocked or kept.
	Reason string `json:"reason,omitempty"`
	// Effect says what a new topic does to its clients, in a few words.
	Effect string `json:"effect,omitempty"`
	// Records and Groups are what a deletion would hit; no Records is unknown, and
	// GroupsUnknown tells why there may be more Groups.
	Records       *int64   `json:"records,omitempty"`
	Groups        []string `json:"groups,omitempty"`
	GroupsUnknown string   `json:"groups_unknown,omitempty"`
	JudgedBy      Judge    `json:"judged_by,omitempty"`
	// NotJudged tells why the broker did not judge.
	NotJudged string `json:"not_judged,omitempty"`
}

// DestroysData reports whether the step does.
func (s *Step) DestroysData() bool {
	return s.Op == Delete && s.Kind == TopicKind && (s.Records == nil || *s.Records > 0) ||
		slices.ContainsFunc(s.Changes, func(c Change) bool { return c.DestroysData })
}

// inUse reports whether groups read what the step deletes, or may do.
func (s *Step) inUse() bool { return len(s.Groups) > 0 || s.GroupsUnknown != "" }

// Before is what the step changes, as the audit log tells it; nil where nothing was.
func (s *Step) Before() any {
	switch {
	case len(s.Changes) > 0:
		return s.values(func(c Change) *string { return c.Before })
	case s.Op == Delete && s.ACL != nil:
		return s.ACL
	case s.Op == Delete:
		return map[string]any{"records_at_most": s.Records, "groups": s.Groups}
	}
	return nil
}

// After is what the step makes of it; nil where nothing is left.
func (s *Step) After() any {
	switch {
	case len(s.Changes) > 0:
		return s.values(func(c Change) *string { return c.After })
	case s.Op == Create && s.ACL != nil:
		return s.ACL
	case s.Op == Create:
		return map[string]any{"partitions": s.Partitions, "replication_factor": s.Replicas, "config": s.Config}
	}
	return nil
}

func (s *Step) values(of func(Change) *string) map[string]*string {
	m := map[string]*string{}
	for _, c := range s.Changes {
		m[c.Name] = of(c)
	}
	return m
}

func (s *Step) compare(t *Step) int {
	return cmp.Or(
		cmp.Compare(s.Owner, t.Owner), cmp.Compare(opRank[s.Op], opRank[t.Op]),
		cmp.Compare(t.Kind, s.Kind), cmp.Compare(s.Name, t.Name), compareRows(s.ACL, t.ACL),
	)
}

func compareRows(a, b *cluster.ACLRow) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	return a.Compare(*b)
}

// Drift is a difference that no step removes by itself: an undeclared setting, a
// replication factor, a thing in scope that nobody declared.
type Drift struct {
	Kind   string  `json:"kind"` // config, replication-factor, topic, acl, group, throttle
	Name   string  `json:"name"`
	Owner  string  `json:"owner,omitempty"`
	Key    string  `json:"key,omitempty"`
	Live   *string `json:"live"`
	Wanted *string `json:"wanted"`
	Note   string  `json:"note,omitempty"`
	// Reassignment is the JSON for the platform's own reassignment tool.
	Reassignment string `json:"reassignment,omitempty"`
	// Info marks drift that closes no gate: leftover throttles.
	Info bool `json:"info,omitempty"`
}

// Unread is a part of the cluster of which not everything was seen. What was not seen is
// not taken for absent.
type Unread struct {
	What   string `json:"what"` // topics, acls or groups
	Reason string `json:"reason"`
}

// The parts that may be unread.
const (
	UnreadTopics = "topics"
	UnreadACLs   = "acls"
	UnreadGroups = "groups"
)

// Options say how a plan is made.
type Options struct {
	Scope Scope `json:"scope"`
	// Prune lists what may be deleted or reset: topic, acl, config.
	Prune []string `json:"prune"`
	// Pin makes a declared value that equals the inherited one a change.
	Pin              bool `json:"pin"`
	AllowDataLoss    bool `json:"allow_data_loss"`
	AllowRepartition bool `json:"allow_repartition"`
	// MaxDeletes refuses plans that delete more; negative means no limit.
	MaxDeletes int `json:"max_deletes"`
}

func (o Options) prunes(kind string) bool { return slices.Contains(o.Prune, kind) }

// Source is the catalog that a plan was made from.
type Source struct {
	Documents int    `json:"documents"`
	Digest    string `json:"digest"`
	Commit    string `json:"commit,omitempty"`
	Env       string `json:"env,omitempty"`
}

// Summary counts the steps.
type Summary struct {
	Create       int `json:"create"`
	Change       int `json:"change"`
	Delete       int `json:"delete"`
	Kept         int `json:"kept"`
	Blocked      int `json:"blocked"`
	DestroysData int `json:"destroys_data"`
	JudgedBroker int `json:"judged_by_broker"`
	Drift        int `json:"drift"`
}

// Plan is what it takes to make a cluster agree with a catalog. It is made by
// [Diff], judged by the broker, saved, and applied as it is.
type Plan struct {
	Weir      string    `json:"weir"`
	Created   time.Time `json:"created"`
	Creator   string    `json:"creator"`
	ClusterID string    `json:"cluster_id"`
	Profile   string    `json:"profile"`
	Protected bool      `json:"protected"`
	Catalog   Source    `json:"catalog"`
	Options   Options   `json:"options"`
	Steps     []Step    `json:"steps"`
	Drift     []Drift   `json:"drift"`
	// Unknown is what may hold more than was seen: what is declared was still compared.
	Unknown []Unread          `json:"unknown"`
	Notes   []finding.Finding `json:"notes"`
	// Others are channels of other protocols, which are neither compared nor counted.
	Others  []OtherChannel `json:"other_protocols"`
	Summary Summary        `json:"summary"`
	// Fingerprints of what was observed, by resource: topic NAME, acl RESOURCE.
	Fingerprints map[string]string `json:"fingerprints"`
	// Digest is over everything else; a plan that was edited by hand is refused.
	Digest string `json:"digest"`
}

// Pending are the steps that write.
func (p *Plan) Pending() []*Step {
	var out []*Step
	for i := range p.Steps {
		if s := &p.Steps[i]; s.Op == Create || s.Op == Modify || s.Op == Delete {
			out = append(out, s)
		}
	}
	return out
}

// Lossy reports whether a pending step destroys data or deletes a topic that groups read,
// or may read.
func (p *Plan) Lossy() bool {
	return slices.ContainsFunc(p.Pending(), func(s *Step) bool { return s.DestroysData() || s.inUse() })
}

// DeletedTopics names the topics that pending steps delete.
func (p *Plan) DeletedTopics() []string {
	var names []string
	for _, s := range p.Pending() {
		if s.Op == Delete && s.Kind == TopicKind {
			names = append(names, s.Name)
		}
	}
	return names
}

// Empty reports whether nothing is to be done and nothing is in the way.
func (p *Plan) Empty() bool { return len(p.Pending()) == 0 && p.Summary.Blocked == 0 }

func (p *Plan) finish() {
	slices.SortStableFunc(p.Steps, func(a, b Step) int { return a.compare(&b) })
	slices.SortStableFunc(p.Drift, func(a, b Drift) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Key, b.Key))
	})
	p.Count()
}

// Count renews the summary after steps changed.
func (p *Plan) Count() {
	s := Summary{Drift: len(p.Drift)}
	for i := range p.Steps {
		st := &p.Steps[i]
		switch st.Op {
		case Create:
			s.Create++
		case Modify:
			s.Change++
		case Delete:
			s.Delete++
		case Keep:
			s.Kept++
		case Blocked:
			s.Blocked++
		}
		if st.DestroysData() {
			s.DestroysData++
		}
		if st.JudgedBy == ByBroker && st.Op != Blocked {
			s.JudgedBroker++
		}
	}
	p.Summary = s
}
