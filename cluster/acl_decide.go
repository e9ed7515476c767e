package cluster

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// ACLAssumptions answer for the two broker settings that no client can read.
type ACLAssumptions struct {
	// AllowEveryone takes allow.everyone.if.no.acl.found for true.
	AllowEveryone bool
	// SuperUsers are taken for members of super.users.
	SuperUsers []string
}

// ACLReason says what decided.
type ACLReason string

// The reasons.
const (
	ACLAllowed   ACLReason = "allowed"    // by the rows in Via
	ACLDenied    ACLReason = "denied"     // by the DENY rows in Via, whatever allows it
	ACLNoRow     ACLReason = "no-row"     // nothing allows it
	ACLEveryone  ACLReason = "everyone"   // allow.everyone.if.no.acl.found, assumed: no row reaches the resource
	ACLSuperUser ACLReason = "super-user" // assumed
	ACLOwner     ACLReason = "owner"      // its own delegation tokens, for which no row is asked
)

// ACLDecision is an answer with the rows that made it.
type ACLDecision struct {
	Allowed bool      `json:"allowed"`
	Reason  ACLReason `json:"reason"`
	Via     []ACLRow  `json:"via"`
	// Chain tells, step by step and in words, how it came to that.
	Chain []string `json:"chain"`
}

// ACLSet answers questions about effective rights as Kafka's StandardAuthorizer
// would, from the rows of a cluster. It was compared with Kafka 4.3.1, on observed and on
// random rows.
type ACLSet struct {
	rows   []ACLRow
	types  map[kmsg.ACLResourceType]*aclIndex
	assume ACLAssumptions
}

// aclIndex holds the rows of one resource type by what they reach.
type aclIndex struct {
	literal     map[string][]ACLRow
	prefixed    map[string][]ACLRow
	all         []ACLRow // LITERAL *
	byPrincipal map[string][]ACLRow
}

// NewACLSet indexes the rows. The order of rows never matters; repeated rows count once.
func NewACLSet(rows []ACLRow, assume ACLAssumptions) *ACLSet {
	rows = slices.Clone(rows)
	slices.SortFunc(rows, ACLRow.Compare)
	rows = slices.Compact(rows)
	s := &ACLSet{rows: rows, types: map[kmsg.ACLResourceType]*aclIndex{}, assume: assume}
	for _, r := range rows {
		x := s.types[r.ResourceType]
		if x == nil {
			x = &aclIndex{literal: map[string][]ACLRow{}, prefixed: map[string][]ACLRow{}, byPrincipal: map[string][]ACLRow{}}
			s.types[r.ResourceType] = x
		}
		x.byPrincipal[r.Principal] = append(x.byPrincipal[r.Principal], r)
		switch {
		case r.PatternType == kmsg.ACLResourcePatternTypePrefixed:
			x.prefixed[r.ResourceName] = append(x.prefixed[r.ResourceName], r)
		case r.ResourceName == AnyName:
			x.all = append(x.all, r)
		default:
			x.literal[r.ResourceName] = append(x.literal[r.ResourceName], r)
		}
	}
	return s
}

// Rows are all rows, sorted.
func (s *ACLSet) Rows() []ACLRow { return s.rows }

// Unknown names the settings that could change an answer and that were not assumed.
func (s *ACLSet) Unknown() []string {
	out := []string{}
	if len(s.assume.SuperUsers) == 0 {
		out = append(out, "super.users")
	}
	if !s.assume.AllowEveryone {
		out = append(out, "allow.everyone.if.no.acl.found")
	}
	return out
}

// aclTarget is what a decision is about: one name, all names with a prefix as far as
// they have no rows of their own, or all names that no narrower row reaches.
type aclTarget struct {
	typ    kmsg.ACLResourceType
	name   string
	prefix bool
	rest   bool
}

// reaching are the rows that cover the whole target.
func (s *ACLSet) reaching(t aclTarget) []ACLRow {
	x := s.types[t.typ]
	if x == nil {
		return nil
	}
	if t.rest {
		return x.all
	}
	var out []ACLRow
	if !strings.HasPrefix(t.name, AnyName) || t.name == AnyName && !t.prefix { // see ACLRow.Reaches
		out = append(out, x.all...)
	}
	if !t.prefix {
		out = append(out, x.literal[t.name]...)
	}
	for i := range len(t.name) + 1 {
		out = append(out, x.prefixed[t.name[:i]]...)
	}
	slices.SortFunc(out, ACLRow.Compare)
	return out
}

// DeniedBy returns a DENY row that takes away what an ALLOW row on a literal name
// gives, from some address at least.
func (s *ACLSet) DeniedBy(r ACLRow) (ACLRow, bool) {
	rows := s.reaching(aclTarget{typ: r.ResourceType, name: r.ResourceName})
	i := slices.IndexFunc(rows, func(d ACLRow) bool {
		return d.Permission == kmsg.ACLPermissionTypeDeny && denies(d.Operation, r.Operation) &&
			(d.Principal == EveryUser || d.Principal == r.Principal) && (d.Host == AnyHost || r.Host == AnyHost || d.Host == r.Host)
	})
	if i < 0 {
		return ACLRow{}, false
	}
	return rows[i], true
}

// asker is who asks: EveryUser stands for any user without rows of its own, AnyHost
// for any address.
type asker struct{ principal, host string }

func (a asker) meant(r ACLRow) bool {
	return (r.Principal == EveryUser || r.Principal == a.principal) && (r.Host == AnyHost || r.Host == a.host)
}

// implies reports whether ALLOW of have is enough for want. DENY implies nothing.
func implies(have, want kmsg.ACLOperation) bool {
	switch {
	case have == want, have == kmsg.ACLOperationAll:
		return true
	case want == kmsg.ACLOperationDescribe:
		return have == kmsg.ACLOperationRead || have == kmsg.ACLOperationWrite || have == kmsg.ACLOperationDelete || have == kmsg.ACLOperationAlter
	case want == kmsg.ACLOperationDescribeConfigs:
		return have == kmsg.ACLOperationAlterConfigs
	}
	return false
}

func (s *ACLSet) super(principal string) bool { return slices.Contains(s.assume.SuperUsers, principal) }

func denies(have, want kmsg.ACLOperation) bool { return have == want || have == kmsg.ACLOperationAll }

// resource decides one operation on one resource, and nothing else.
func (s *ACLSet) resource(a asker, op kmsg.ACLOperation, t aclTarget) ACLDecision {
	if s.super(a.principal) {
		return ACLDecision{Allowed: true, Reason: ACLSuperUser, Via: []ACLRow{}, Chain: []string{a.principal + " is assumed to be a super user: no row is asked"}}
	}
	reaching := s.reaching(t)
	allow, deny := []ACLRow{}, []ACLRow{}
	for _, r := range reaching {
		switch {
		case !a.meant(r):
		case r.Permission == kmsg.ACLPermissionTypeDeny && denies(r.Operation, op):
			deny = append(deny, r)
		case r.Permission == kmsg.ACLPermissionTypeAllow && implies(r.Operation, op):
			allow = append(allow, r)
		}
	}
	switch {
	case len(deny) > 0:
		d := ACLDecision{Reason: ACLDenied, Via: deny, Chain: sayRows(deny, op)}
		if len(allow) > 0 {
			d.Chain = append(d.Chain, fmt.Sprintf("a matching DENY wins over whatever allows it (%s here)", countRows(len(allow))))
		}
		return d
	case len(allow) > 0:
		return ACLDecision{Allowed: true, Reason: ACLAllowed, Via: allow, Chain: sayRows(allow, op)}
	case len(reaching) == 0 && s.assume.AllowEveryone:
		return ACLDecision{
			Allowed: true, Reason: ACLEveryone, Via: []ACLRow{},
			Chain: []string{"no row of anybody reaches " + t.String() + ", and allow.everyone.if.no.acl.found is assumed"},
		}
	}
	d := ACLDecision{Reason: ACLNoRow, Via: []ACLRow{}, Chain: []string{"no row allows " + op.String() + " on " + t.String() + " to " + a.String()}}
	if len(reaching) == 0 {
		d.Chain[0] = "no row of anybody reaches " + t.String()
	} else if s.assume.AllowEveryone {
		d.Chain = append(d.Chain, fmt.Sprintf("%s of others reach it, so it is not open to everyone", countRows(len(reaching))))
	}
	return d
}

func (t aclTarget) String() string {
	switch {
	case t.rest:
		return "any other " + ResourceWord(t.typ)
	case t.prefix:
		return ResourceWord(t.typ) + "s that begin with " + t.name
	}
	return ACLResource{t.typ, t.name}.String()
}

func (a asker) String() string {
	who := a.principal
	if who == EveryUser {
		who = "users without rows of their own"
	}
	if a.host == AnyHost {
		return who
	}
	return who + " from " + a.host
}

func countRows(n int) string {
	if n == 1 {
		return "1 row"
	}
	return fmt.Sprintf("%d rows", n)
}

// sayRows tells what each row does for op.
func sayRows(rows []ACLRow, op kmsg.ACLOperation) []string {
	out := make([]string, 0, len(rows))
	for _, r := range rows {
		line := r.String()
		switch r.Operation {
		case op:
		case kmsg.ACLOperationAll:
			line += ": ALL contains " + op.String()
		default:
			line += ": " + r.Operation.String() + " implies " + op.String()
		}
		out = append(out, line)
	}
	return out
}

// decide answers for a target as the broker does when the request comes: two
// requests ask for more than the resource they name.
func (s *ACLSet) decide(a asker, op kmsg.ACLOperation, t aclTarget) ACLDecision {
	switch {
	case op == kmsg.ACLOperationCreate && t.typ == kmsg.ACLResourceTypeTopic:
		// CreateTopics asks the cluster first, then the topic: a DENY on the topic does
		// not stop who may create on the cluster.
		c := s.resource(a, op, aclTarget{typ: kmsg.ACLResourceTypeCluster, name: ClusterName})
		if c.Allowed {
			c.Chain = append(c.Chain, "creating a topic asks CREATE on the cluster first: the topic's own rows are not asked")
			return c
		}
		d := s.resource(a, op, t)
		d.Chain = append([]string{"creating a topic asks CREATE on the cluster first: no (" + strings.Join(c.Chain, "; ") + ")"}, d.Chain...)
		return d
	case op == kmsg.ACLOperationIdempotentWrite && t.typ == kmsg.ACLResourceTypeCluster:
		c := s.resource(a, op, t)
		if c.Allowed {
			return c
		}
		d := s.writesSomewhere(a)
		if !d.Allowed && c.Reason == ACLDenied {
			d.Reason, d.Via = c.Reason, c.Via
		}
		d.Chain = append([]string{"IDEMPOTENT_WRITE on the cluster: no (" + strings.Join(c.Chain, "; ") + "); WRITE on any topic is enough as well"}, d.Chain...)
		return d
	case t.typ == kmsg.ACLResourceTypeUser && !t.prefix && !t.rest && t.name == a.principal && !s.super(a.principal):
		return ACLDecision{
			Allowed: true, Reason: ACLOwner, Via: []ACLRow{},
			Chain: []string{"every user may ask for tokens of its own and see them: no row is asked (KIP-48, KIP-373)"},
		}
	case t.typ == kmsg.ACLResourceTypeDelegationToken:
		d := s.resource(a, op, t)
		if !d.Allowed {
			d.Chain = append(d.Chain, "its owner and its requester see a token all the same, and who may DESCRIBE_TOKENS of its owner: rows do not tell who that is")
		}
		return d
	}
	return s.resource(a, op, t)
}

// writesSomewhere answers InitProducerID without a transactional id: WRITE on any topic
// pattern, existing or not, that no DENY covers (KIP-679). A prefix does not cover the
// literal *, nor a literal a prefix.
func (s *ACLSet) writesSomewhere(a asker) ACLDecision {
	// The authorizer first asks for a topic that nobody has heard of.
	const op = kmsg.ACLOperationWrite
	if d := s.resource(a, op, aclTarget{typ: kmsg.ACLResourceTypeTopic, name: "hardcode"}); d.Allowed {
		return d
	}
	deny, open := []ACLRow{}, []ACLRow{}
	literals, prefixes := map[string]bool{}, map[string]bool{}
	x := s.types[kmsg.ACLResourceTypeTopic]
	if x == nil {
		x = &aclIndex{}
	}
	rows := x.byPrincipal[a.principal]
	if a.principal != EveryUser {
		rows = append(slices.Clone(rows), x.byPrincipal[EveryUser]...)
	}
	for _, r := range rows {
		switch {
		case !a.meant(r) || !denies(r.Operation, op):
		case r.Permission == kmsg.ACLPermissionTypeAllow:
			open = append(open, r)
		case r.PatternType == kmsg.ACLResourcePatternTypePrefixed:
			deny, prefixes[r.ResourceName] = append(deny, r), true
		case r.ResourceName == AnyName:
			return ACLDecision{Reason: ACLDenied, Via: []ACLRow{r}, Chain: append(sayRows([]ACLRow{r}, op), "it covers every WRITE")}
		default:
			deny, literals[r.ResourceName] = append(deny, r), true
		}
	}
	for _, r := range open {
		if r.PatternType == kmsg.ACLResourcePatternTypeLiteral && (r.ResourceName != AnyName && literals[r.ResourceName]) {
			continue
		}
		covered := false
		for i := range len(r.ResourceName) + 1 {
			covered = covered || prefixes[r.ResourceName[:i]]
		}
		if !covered || r.PatternType == kmsg.ACLResourcePatternTypeLiteral && r.ResourceName == AnyName {
			return ACLDecision{Allowed: true, Reason: ACLAllowed, Via: []ACLRow{r}, Chain: sayRows([]ACLRow{r}, op)}
		}
	}
	if len(open) > 0 {
		return ACLDecision{Reason: ACLDenied, Via: deny, Chain: append(sayRows(deny, op), "they cover every WRITE that is allowed")}
	}
	return ACLDecision{Reason: ACLNoRow, Via: []ACLRow{}, Chain: []string{"no row allows WRITE on any topic to " + a.String()}}
}

// Can answers whether a principal, connecting from an address, may do op on a resource.
func (s *ACLSet) Can(principal, host string, op kmsg.ACLOperation, r ACLResource) ACLDecision {
	return s.decide(asker{principal, host}, op, aclTarget{typ: r.Type, name: r.Name})
}

// ACLPrincipal is one line of WhoCan.
type ACLPrincipal struct {
	// Principal is a user with rows, an assumed super user, or User:* for all others.
	Principal string `json:"principal"`
	// Host is an address that some row names, or * for all others.
	Host string `json:"host"`
	ACLDecision
}

// maxWhoCan bounds the lines of WhoCan: beyond it hosts are told only for the
// principals that have a row for them.
const maxWhoCan = 50_000

// WhoCan answers who may do op on a resource: one line for every principal and host
// that a row about it names, User:* and * standing for all others, allowed or not.
func (s *ACLSet) WhoCan(op kmsg.ACLOperation, r ACLResource) []ACLPrincipal {
	t := aclTarget{typ: r.Type, name: r.Name}
	rows := s.reaching(t)
	switch {
	case op == kmsg.ACLOperationCreate && r.Type == kmsg.ACLResourceTypeTopic:
		rows = append(rows, s.reaching(aclTarget{typ: kmsg.ACLResourceTypeCluster, name: ClusterName})...)
	case op == kmsg.ACLOperationIdempotentWrite && r.Type == kmsg.ACLResourceTypeCluster:
		for _, w := range s.rows {
			if w.ResourceType == kmsg.ACLResourceTypeTopic && denies(w.Operation, kmsg.ACLOperationWrite) {
				w.Operation = op // relevant, whatever it says
				rows = append(rows, w)
			}
		}
	}
	principals, hosts, own := map[string]bool{EveryUser: true}, map[string]bool{AnyHost: true}, map[asker]bool{}
	for _, row := range rows {
		if implies(row.Operation, op) {
			principals[row.Principal], hosts[row.Host], own[asker{row.Principal, row.Host}] = true, true, true
		}
	}
	for _, p := range s.assume.SuperUsers {
		principals[p] = true
	}
	if r.Type == kmsg.ACLResourceTypeUser {
		principals[r.Name] = true
	}
	whole := len(principals)*len(hosts) <= maxWhoCan
	out := []ACLPrincipal{}
	for _, p := range slices.Sorted(maps.Keys(principals)) {
		for _, h := range slices.Sorted(maps.Keys(hosts)) {
			a := asker{p, h}
			if whole || h == AnyHost || own[a] {
				out = append(out, ACLPrincipal{p, h, s.decide(a, op, t)})
			}
		}
	}
	return out
}

// ACLGrant is one line of WhatCan.
type ACLGrant struct {
	ResourceType kmsg.ACLResourceType        `json:"resource_type"`
	ResourceName string                      `json:"resource_name"`
	PatternType  kmsg.ACLResourcePatternType `json:"pattern_type"`
	Operation    kmsg.ACLOperation           `json:"operation"`
	ACLDecision
}

// WhatCan answers what a principal may do from an address, on one resource or, with
// nil, on everything: one line for every operation and for every name, prefix and *
// that some row gives it, and one for the names that begin with a star where a row on *
// passes over them. A narrower line holds for the names it reaches instead of a
// broader one, so the narrowest that reaches a name is the answer for it.
func (s *ACLSet) WhatCan(principal, host string, r *ACLResource) []ACLGrant {
	a := asker{principal, host}
	out := []ACLGrant{}
	if r != nil {
		return s.grants(out, a, aclTarget{typ: r.Type, name: r.Name}, true)
	}
	for _, t := range s.targets(a) {
		out = s.grants(out, a, t, false)
	}
	return out
}

// targets are the patterns that decide differently for a, each type's broadest last.
func (s *ACLSet) targets(a asker) []aclTarget {
	seen := map[aclTarget]bool{}
	for _, t := range aclTypes() {
		seen[aclTarget{typ: t, name: ClusterName, rest: t != kmsg.ACLResourceTypeCluster}] = true
	}
	seen[aclTarget{typ: kmsg.ACLResourceTypeUser, name: a.principal}] = true
	for _, r := range s.rows {
		// Under allow.everyone anybody's row closes what it reaches.
		if !a.meant(r) && !s.assume.AllowEveryone || r.ResourceType == kmsg.ACLResourceTypeCluster {
			continue
		}
		prefixed := r.PatternType == kmsg.ACLResourcePatternTypePrefixed
		switch {
		case prefixed || r.ResourceName != AnyName:
			seen[aclTarget{typ: r.ResourceType, name: r.ResourceName, prefix: prefixed}] = true
		case r.ResourceType != kmsg.ACLResourceTypeTopic: // whose names never begin with a star
			seen[aclTarget{typ: r.ResourceType, name: AnyName, prefix: true}] = true
		}
	}
	rank := func(t aclTarget) int {
		switch {
		case t.rest:
			return 2
		case t.prefix:
			return 1
		}
		return 0
	}
	return slices.SortedFunc(maps.Keys(seen), func(p, q aclTarget) int {
		return cmp.Or(cmp.Compare(p.typ, q.typ), cmp.Compare(rank(p), rank(q)), cmp.Compare(p.name, q.name))
	})
}

func aclTypes() []kmsg.ACLResourceType {
	return []kmsg.ACLResourceType{
		kmsg.ACLResourceTypeTopic, kmsg.ACLResourceTypeGroup, kmsg.ACLResourceTypeCluster,
		kmsg.ACLResourceTypeTransactionalId, kmsg.ACLResourceTypeDelegationToken, kmsg.ACLResourceTypeUser,
	}
}

// grants appends the operations on t that are allowed or denied by a row, or, with
// every, all that mean something there.
func (s *ACLSet) grants(out []ACLGrant, a asker, t aclTarget, every bool) []ACLGrant {
	g := ACLGrant{ResourceType: t.typ, ResourceName: t.name, PatternType: kmsg.ACLResourcePatternTypeLiteral}
	switch {
	case t.rest:
		g.ResourceName = AnyName
	case t.prefix:
		g.PatternType = kmsg.ACLResourcePatternTypePrefixed
	}
	for _, op := range ACLOperationsOf(t.typ) {
		g.Operation, g.ACLDecision = op, s.decide(a, op, t)
		if every || s.assume.AllowEveryone || g.Reason != ACLNoRow || t == (aclTarget{typ: t.typ, name: AnyName, prefix: true}) {
			out = append(out, g)
		}
	}
	return out
}
