// Package plan compares what a catalog declares with what a cluster has, says what it
// would take to make them agree, and does exactly that.
//
// It decides which topics, settings and rights a catalog asks for, which steps lead
// there, what each step does to data, and when the world has moved since a plan was
// made. It refuses to delete what the catalog does not own, to replace a topic, to
// move replicas, to take a thing it may not see for missing, and to write while a
// step is blocked.
//
// The two types to know are [Plan] and [Step].
package plan

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/finding"
)

// Scope bounds what weir may touch.
type Scope struct {
	// Prefixes a topic's name must begin with; none means every name.
	Prefixes []string `json:"prefixes"`
	// Ignore are globs of topics that are never touched nor reported.
	Ignore []string `json:"ignore"`
}

// Contains reports whether weir may touch a topic.
func (s Scope) Contains(topic string) bool { return s.outside(topic) == "" }

// outside tells why weir may not touch a topic, and is empty where it may. Kafka's
// internal topics, the registry's store and the topics of Kafka Streams are always outside.
func (s Scope) outside(topic string) string {
	switch {
	case strings.HasPrefix(topic, "__"):
		return "one of Kafka's own"
	case topic == "_schemas":
		return "the schema registry's own"
	case topic == "weir.replay-journal":
		return "weir's own"
	case strings.HasSuffix(topic, "-changelog"), strings.HasSuffix(topic, "-repartition"):
		return "one that Kafka Streams makes for itself"
	}
	for _, g := range s.Ignore {
		if ok, err := path.Match(g, topic); err == nil && ok {
			return "matched by " + g + " of scope.ignore"
		}
	}
	if len(s.Prefixes) == 0 || slices.ContainsFunc(s.Prefixes, func(p string) bool { return strings.HasPrefix(topic, p) }) {
		return ""
	}
	return "outside of scope.prefixes"
}

// DesiredTopic is a topic as the catalog wants it.
type DesiredTopic struct {
	Name  string
	Owner string
	// Partitions and Replicas are nil where the catalog leaves them to the cluster.
	Partitions, Replicas *int
	Config               map[string]string
	// Keyed says that messages carry a key, so that the partition count decides where
	// a key's records go.
	Keyed bool
	// Released is x-managed: false; Retired is x-lifecycle: retired.
	Released, Retired bool
	At                finding.Position
	// Blocked holds the catalog's findings that forbid to touch the topic.
	Blocked []finding.Finding
}

// DesiredACL is a right that follows from a role.
type DesiredACL struct {
	Row   cluster.ACLRow
	Owner string
	// Why names the operation that asks for it.
	Why string
	At  finding.Position
}

// Desired is everything a catalog asks of one cluster.
type Desired struct {
	Topics []DesiredTopic // sorted by name
	ACLs   []DesiredACL   // sorted by row
	// Foreign are topics in scope that another catalog defines, sorted by name.
	Foreign []DesiredTopic
	Scope   Scope
	// Groups and Principals that the catalog declares.
	Groups     []string
	Principals []string
	// Notes are what keeps a declared role from its rights.
	Notes []finding.Finding
	// Families are topic families: never expanded, never missing.
	Families []*catalog.Family
	// Others are the channels of other protocols, by name.
	Others []OtherChannel
}

// OtherChannel is a channel of a protocol that is not Kafka's. A plan names it, so that
// nobody takes it for compared, and has no step for it.
type OtherChannel struct {
	Name     string           `json:"name"`
	Protocol string           `json:"protocol"` // unknown where nothing tells it
	Owner    string           `json:"owner"`
	Live     string           `json:"live"` // n/a, and why
	At       finding.Position `json:"at"`
}

func others(c *catalog.Catalog) []OtherChannel {
	out := []OtherChannel{}
	for _, s := range c.Streams() {
		if ch := s.Channels[0]; ch.OtherProtocol() != "" {
			out = append(out, OtherChannel{
				Name: s.Name, Protocol: ch.OtherProtocol(), Live: ch.NotLive(), At: ch.At,
				Owner: ch.Owner.Or(ch.App.Owner).V.Team,
			})
		}
	}
	return out
}

// The rules of the notes.
const (
	RuleNoPrincipal = "plan/principal-missing"
	RuleNoGroup     = "plan/group-unknown"
	RuleShadowed    = "plan/right-denied"
	RuleOutOfScope  = "plan/out-of-scope"
	RuleForeign     = "plan/foreign-missing"
	// RuleUnknownConfig is a setting that neither Kafka nor a known vendor has.
	RuleUnknownConfig = "plan/unknown-config"
)

// Want derives the desired state: topics of channels written inline, their error
// topics, and the rights of every operation. The order of documents never matters.
func Want(c *catalog.Catalog, scope Scope) *Desired {
	w := &wanter{cat: c, scope: scope, topics: map[string]DesiredTopic{}, acls: map[cluster.ACLRow]DesiredACL{}, groups: map[string]bool{}, principals: map[string]bool{}}
	for _, name := range c.Topics() {
		w.topic(name)
	}
	for ch := range c.Channels() {
		if ch.Family != nil && ch.Kafka() {
			w.families = append(w.families, ch.Family)
		}
	}
	for op := range c.Operations() {
		if op.Channel != nil && op.Channel.Kafka() {
			w.operation(op)
		}
	}
	d := &Desired{
		Topics:     slices.SortedFunc(maps.Values(w.topics), func(a, b DesiredTopic) int { return cmp.Compare(a.Name, b.Name) }),
		ACLs:       slices.SortedFunc(maps.Values(w.acls), func(a, b DesiredACL) int { return a.Row.Compare(b.Row) }),
		Groups:     slices.Sorted(maps.Keys(w.groups)),
		Principals: slices.Sorted(maps.Keys(w.principals)),
		Notes:      finding.NewReport(w.notes, nil).Findings,
		Families:   w.families,
		Others:     others(c),
		Scope:      scope,
	}
	for _, t := range w.foreign {
		if _, ours := w.topics[t.Name]; !ours { // an operation's error topic is
			d.Foreign = append(d.Foreign, t)
		}
	}
	return d
}

type wanter struct {
	cat        *catalog.Catalog
	scope      Scope
	topics     map[string]DesiredTopic
	acls       map[cluster.ACLRow]DesiredACL
	groups     map[string]bool
	principals map[string]bool
	families   []*catalog.Family
	foreign    []DesiredTopic
	notes      []finding.Finding
}

// topic adds a declared topic with its own settings. A topic that is only referred to
// belongs to somebody else and gets rights, never settings.
func (w *wanter) topic(name string) {
	ch := w.cat.Definition(name)
	if ch == nil && w.scope.Contains(name) {
		w.foreign = append(w.foreign, DesiredTopic{Name: name, Owner: w.cat.Owner(name).V.Team, At: w.cat.TopicChannels(name)[0].At})
	}
	if ch == nil || !ch.Kafka() {
		return
	}
	if reason := w.scope.outside(name); reason != "" {
		w.notes = append(w.notes, finding.Finding{
			Rule: RuleOutOfScope, Severity: finding.Info, Subject: finding.Subject{Kind: "topic", Name: name}, Position: ch.At,
			Message: "topic " + name + " is declared and " + reason + ": it is left alone",
		})
		return
	}
	t := DesiredTopic{
		Name: name, Owner: w.cat.Owner(name).V.Team, Config: plain(ch.TopicConfig), At: ch.At,
		Partitions: known(ch.Partitions), Replicas: known(ch.Replicas),
		Released: ch.Managed.Known() && !ch.Managed.V, Retired: ch.Lifecycle.V.State == "retired",
		Blocked: w.cat.Blocked(name),
	}
	for _, m := range ch.Messages {
		t.Keyed = t.Keyed || m.Key != nil
	}
	w.topics[name] = t
}

func known(v catalog.Value[int]) *int {
	if !v.Known() {
		return nil
	}
	n := v.V
	return &n
}

func plain(m map[string]catalog.Value[string]) map[string]string {
	out := make(map[string]string, len(m))
	for k, v := range m {
		out[k] = v.V
	}
	return out
}

// errorTopic adds a dead-letter or retry topic of a consumer. What it leaves open it
// takes from the topic whose records it holds: a framework that keeps the partition
// number needs as many partitions as the origin.
func (w *wanter) errorTopic(e *catalog.ErrorTopic, op *catalog.Operation) {
	if _, ok := w.topics[e.Topic]; ok || e.Topic == "" || !w.scope.Contains(e.Topic) {
		return
	}
	t := DesiredTopic{
		Name: e.Topic, Owner: cmp.Or(e.Owner.V.Team, op.Owner.V.Team, op.App.Owner.V.Team), At: e.At,
		Partitions: known(e.Partitions), Replicas: known(e.Replicas), Config: plain(e.TopicConfig), Blocked: w.cat.Blocked(e.Topic),
	}
	if origin := op.Channel.Definition(); origin != nil {
		if t.Partitions == nil {
			t.Partitions = known(origin.Partitions)
		}
		if t.Replicas == nil {
			t.Replicas = known(origin.Replicas)
		}
	}
	w.topics[e.Topic] = t
}

// operation derives the rights of one role: literal, least privilege. READ and WRITE
// bring DESCRIBE with them, so no DESCRIBE row is ever derived.
func (w *wanter) operation(op *catalog.Operation) {
	if e := op.ErrorTopics; e != nil && op.Direction == catalog.Receive {
		if e.DLT != nil {
			w.errorTopic(e.DLT, op)
		}
		for _, r := range e.Retry {
			w.errorTopic(r, op)
		}
	}
	if op.Channel.Topic == "" {
		return // a family: its topics are not known here
	}
	// The group and the transactional id go with the channel: what others read in it is
	// not ours to grant, nor to prune. Error topics have a scope of their own.
	inScope := w.scope.Contains(op.Channel.Topic)
	if !inScope && op.ErrorTopics == nil {
		return
	}
	group, hasGroup := op.Group.V.Literal()
	if op.Direction == catalog.Receive && inScope {
		for _, g := range op.Group.V.Names {
			w.groups[g] = true
		}
		if !hasGroup {
			w.note(RuleNoGroup, op, "consumer "+op.App.Name()+" of "+op.Channel.Topic+" declares no group id that could be granted: its READ on the group is missing",
				"declare bindings.kafka.groupId as {type: string, const: NAME}")
		}
	}
	if !op.Principal.Known() || op.Principal.V == "" {
		w.note(RuleNoPrincipal, op, op.Direction.Role()+" "+op.App.Name()+" of "+op.Channel.Topic+" declares no principal: its rights are missing",
			"declare x-principal in the operation's Kafka binding")
		return
	}
	w.principals[op.Principal.V] = true
	topic := func(name string, ops ...kmsg.ACLOperation) {
		for _, o := range ops {
			w.grant(op, kmsg.ACLResourceTypeTopic, kmsg.ACLResourcePatternTypeLiteral, name, o)
		}
	}
	if op.Direction == catalog.Send {
		topic(op.Channel.Topic, kmsg.ACLOperationWrite)
		if id := op.TransactionalID.V; id != "" && inScope {
			pattern := kmsg.ACLResourcePatternTypeLiteral
			if p, ok := strings.CutSuffix(id, "*"); ok {
				id, pattern = p, kmsg.ACLResourcePatternTypePrefixed
			}
			w.grant(op, kmsg.ACLResourceTypeTransactionalId, pattern, id, kmsg.ACLOperationWrite)
		}
		return
	}
	topic(op.Channel.Topic, kmsg.ACLOperationRead)
	if hasGroup && inScope {
		w.grant(op, kmsg.ACLResourceTypeGroup, kmsg.ACLResourcePatternTypeLiteral, group, kmsg.ACLOperationRead)
	}
	if e := op.ErrorTopics; e != nil {
		if e.DLT != nil && e.DLT.Topic != "" {
			topic(e.DLT.Topic, kmsg.ACLOperationWrite)
		}
		for _, r := range e.Retry {
			topic(r.Topic, kmsg.ACLOperationRead, kmsg.ACLOperationWrite)
		}
	}
}

func (w *wanter) grant(op *catalog.Operation, t kmsg.ACLResourceType, p kmsg.ACLResourcePatternType, name string, o kmsg.ACLOperation) {
	if t == kmsg.ACLResourceTypeTopic && !w.scope.Contains(name) {
		return
	}
	row := cluster.ACLRow{
		Permission: kmsg.ACLPermissionTypeAllow, Principal: op.Principal.V, Host: cluster.AnyHost,
		ResourceType: t, PatternType: p, ResourceName: name, Operation: o,
	}
	if old, ok := w.acls[row]; ok && old.At.Compare(op.At) <= 0 {
		return
	}
	w.acls[row] = DesiredACL{
		Row: row, At: op.At, Why: fmt.Sprintf("%s %s", op.Direction, op.ID),
		Owner: cmp.Or(op.Owner.V.Team, op.App.Owner.V.Team),
	}
}

func (w *wanter) note(rule string, op *catalog.Operation, message, hint string) {
	w.notes = append(w.notes, finding.Finding{
		Rule: rule, Severity: finding.Warning, Subject: finding.Subject{Kind: "operation", Name: op.ID},
		Message: message, Hint: hint, Position: op.At, Owner: cmp.Or(op.Owner.V.Team, op.App.Owner.V.Team),
	})
}

// Rules lists what a plan can note beside its steps.
func Rules() []finding.Rule {
	return []finding.Rule{
		{ID: RuleNoPrincipal, Severity: finding.Warning, Purpose: "An operation declares who runs it, so that its rights can be granted.", Why: "Without a principal the topic is planned and the application cannot use it.", Fix: "Declare x-principal in the operation's Kafka binding."},
		{ID: RuleNoGroup, Severity: finding.Warning, Purpose: "A consumer declares one group id, so that READ on the group can be granted.", Fix: "Declare groupId as {type: string, const: NAME}."},
		{ID: RuleShadowed, Severity: finding.Warning, Purpose: "No DENY row makes a declared right worth nothing.", Why: "A matching DENY wins over every ALLOW, however broad or narrow it is.", Fix: "Remove the DENY row, or the role."},
		{ID: RuleOutOfScope, Severity: finding.Info, Purpose: "A declared topic lies inside scope.prefixes.", Fix: "Widen scope.prefixes in weir.yaml, or leave the topic to its owner."},
		{ID: RuleForeign, Severity: finding.Info, Purpose: "A topic that another catalog owns is on the cluster.", Why: "It is the owner's to make. Until then rights on it wait, and its producers and consumers fail.", Fix: "Ask the owner, or correct the reference."},
		{ID: RuleUnknownConfig, Severity: finding.Warning, Purpose: "A declared setting is one that topics have.", Why: "A misspelt setting fails when it is applied, or is kept by a broker and does nothing."},
		{ID: "plan/no-authorizer", Severity: finding.Warning, Purpose: "The cluster keeps access control lists when the catalog declares roles.", Fix: "Set authorizer.class.name on the brokers."},
	}
}
