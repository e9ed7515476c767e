package catalog

import (
	"strconv"
	"strings"
	"time"

	"github.com/weirhq/weir/finding"
)

func scalarText(n *Node) string {
	if n == nil || n.Kind == Map || n.Kind == List {
		return ""
	}
	return n.Value
}

func textValue(n *Node, o Origin) Value[string] {
	if n == nil || n.Kind != String || n.Value == "" {
		return Value[string]{}
	}
	return Value[string]{V: n.Value, Origin: o, Key: n.Key, At: n.Pos()}
}

func boolValue(n *Node, o Origin) Value[bool] {
	if n == nil || n.Kind != Bool {
		return Value[bool]{}
	}
	return Value[bool]{V: n.Value == "true", Origin: o, Key: n.Key, At: n.Pos()}
}

// first returns the first known value; sources are given strongest first.
func first[T any](vs ...Value[T]) Value[T] {
	for _, v := range vs {
		if v.Known() {
			return v
		}
	}
	return Value[T]{}
}

// tagValue reads a tag such as owner:team-a.
func tagValue(tags []Tag, prefix string) Value[string] {
	for _, t := range tags {
		if v, ok := strings.CutPrefix(t.Name, prefix); ok && v != "" {
			return Value[string]{V: v, Origin: OriginTag, Key: "tag " + prefix, At: t.At}
		}
	}
	return Value[string]{}
}

func lifecycle(n *Node) Value[Lifecycle] {
	if x := n.Get("x-lifecycle"); x != nil {
		v := Value[Lifecycle]{Origin: OriginExtension, Key: x.Key, At: x.Pos()}
		if x.Kind == String {
			v.V.State = x.Value
			return v
		}
		v.V = Lifecycle{
			State: x.Get("state").Text(), Since: scalarText(x.Get("since")), Sunset: scalarText(x.Get("sunset")),
			ReplacedBy: cmpOr(x.Get("replacedBy").Text(), x.Get("replaced_by").Text()),
		}
		return v
	}
	if x := n.Get("x-sap-stateInfo"); x != nil {
		return Value[Lifecycle]{
			V:      Lifecycle{State: strings.ToLower(x.Get("state").Text()), Since: scalarText(x.Get("deprecationDate")), Sunset: scalarText(x.Get("decommissionedDate"))},
			Origin: OriginAlias, Key: x.Key, At: x.Pos(),
		}
	}
	if x := n.Get("x-eventcatalog-deprecated-date"); x != nil {
		return Value[Lifecycle]{V: Lifecycle{State: "deprecated", Since: scalarText(x)}, Origin: OriginAlias, Key: x.Key, At: x.Pos()}
	}
	if x := n.Get("x-eventcatalog-draft"); x != nil && x.Value == "true" {
		return Value[Lifecycle]{V: Lifecycle{State: "proposed"}, Origin: OriginAlias, Key: x.Key, At: x.Pos()}
	}
	if x := n.Get("deprecated"); x != nil && x.Kind == Bool && x.Value == "true" {
		return Value[Lifecycle]{V: Lifecycle{State: "deprecated"}, Origin: OriginNative, Key: x.Key, At: x.Pos()}
	}
	return Value[Lifecycle]{}
}

func (b *builder) waivers(n *Node) []Waiver {
	var ws []Waiver
	for _, w := range n.Get("x-waivers").Children() {
		ws = append(ws, Waiver{
			Rule: w.Get("rule").Text(), Target: w.Get("target").Text(), Fingerprint: w.Get("fingerprint").Text(),
			Reason: w.Get("reason").Text(), Until: scalarText(w.Get("until")), Owner: w.Get("owner").Text(), At: w.Pos(),
		})
	}
	return ws
}

func slo(n *Node) SLO {
	var s SLO
	lag := n.Get("x-slo").Get("lag")
	if lag == nil {
		return s
	}
	age, records := lag, (*Node)(nil)
	switch lag.Kind {
	case Map:
		age, records = lag.Get("age"), lag.Get("records")
	case Number:
		age, records = nil, lag
	default:
	}
	if age != nil {
		if d, err := ParseDuration(age.Value); err == nil {
			s.LagAge = Value[time.Duration]{V: d, Origin: OriginExtension, Key: "x-slo", At: age.Pos()}
		}
	}
	if records != nil {
		if v, err := strconv.ParseInt(records.Value, 10, 64); err == nil {
			s.LagRecords = Value[int64]{V: v, Origin: OriginExtension, Key: "x-slo", At: records.Pos()}
		}
	}
	return s
}

// ParseDuration reads a Go duration, and days as d: 90s, 5m, 7d.
func ParseDuration(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.ParseFloat(days, 64); err == nil && n >= 0 && n < 36500 {
			return time.Duration(n * 24 * float64(time.Hour)), nil
		}
	}
	return time.ParseDuration(s)
}

func (b *builder) channelGovernance(ch *Channel) {
	n := ch.node
	k := b.kafkaBinding(n)
	ch.Owner = first(ownerValue(n.Get("x-owner")), ownerValue(k.Get("x-owner")),
		ownerOfText(tagValue(ch.Tags, "owner:")))
	if ch.Foreign && ch.Owner.Known() && n.root().file.major == 0 && ch.Owner.V.Team == b.app.Owner.V.Team {
		// A fragment belongs to no document. Its explicit owner says whose it is.
		ch.Foreign = false
	}
	if !ch.Foreign {
		inherited := b.app.Owner
		if inherited.Known() && inherited.Origin != OriginContact && inherited.Origin != OriginOwners {
			inherited.Origin = OriginInherited
		}
		ch.Owner = ch.Owner.Or(inherited)
	}
	ch.Lifecycle = lifecycle(n)
	ch.Classification = classification(n)
	if !ch.Classification.Known() {
		for _, up := range [...]*Node{b.doc.root(), b.get(b.doc.root(), "info")} {
			if c := classification(up); c.Known() && !ch.Foreign {
				c.Origin = OriginInherited
				ch.Classification = c
				break
			}
		}
	}
	ch.Visibility = first(textValue(n.Get("x-visibility"), OriginExtension), tagValue(ch.Tags, "visibility:"), specmeshVisibility(ch, n))
	ch.Compatibility = first(
		compatibility(k.Get("compatibility"), OriginNative), compatibility(n.Get("x-compatibility"), OriginExtension),
		compatibility(k.Get("x-compatibility"), OriginExtension),
		compatibility(n.Get("x-messageCompatibility"), OriginAlias), compatibility(k.Get("x-messageCompatibility"), OriginAlias),
	)
	if !ch.Compatibility.Known() {
		ch.Compatibility = Value[string]{V: cmpOr(strings.ToUpper(b.l.o.Compatibility), "FULL"), Origin: OriginDefault}
	}
	ch.Managed = first(boolValue(n.Get("x-managed"), OriginExtension), boolValue(k.Get("x-managed"), OriginExtension),
		Value[bool]{V: true, Origin: OriginDefault})
	ch.External = boolValue(n.Get("x-external"), OriginExtension)
	ch.Erasure = textValue(n.Get("x-erasure"), OriginExtension)
	ch.RetentionReason = textValue(n.Get("x-retention-reason"), OriginExtension)
	ch.SLO = slo(n)
	ch.Waivers = b.waivers(n)
	for _, c := range [...]struct {
		key string
		d   Direction
	}{{"x-producers", Send}, {"x-consumers", Receive}} {
		for _, at := range [...]*Node{n, n.Get("publish"), n.Get("subscribe")} {
			for _, e := range at.Get(c.key).Children() {
				if e.Kind == String {
					ch.ClaimedBy = append(ch.ClaimedBy, Claim{Name: e.Value, Direction: c.d, At: e.Pos()})
				}
				for _, x := range e.Children() {
					if x.Kind == String && e.Kind == List {
						ch.ClaimedBy = append(ch.ClaimedBy, Claim{Name: x.Value, Direction: c.d, Env: e.Key, At: x.Pos()})
					}
				}
			}
		}
	}
}

func specmeshVisibility(ch *Channel, n *Node) Value[string] {
	for _, v := range [...]string{"public", "protected", "private"} {
		if strings.HasPrefix(ch.ID, "_"+v) {
			return Value[string]{V: v, Origin: OriginAlias, Key: "_" + v, At: n.KeyPos()}
		}
	}
	return Value[string]{}
}

func classification(n *Node) Value[string] {
	v := first(textValue(n.Get("x-classification"), OriginExtension), textValue(n.Get("x-data-classification"), OriginAlias))
	if v.Known() {
		v.V = strings.ToLower(v.V)
		return v
	}
	for _, key := range [...]string{"x-sap-dpp-is-potentially-sensitive", "x-contains-sensitive-data"} {
		if x := n.Get(key); x != nil && (x.Value == "true" || x.Kind == List && len(x.kids) > 0) {
			return Value[string]{V: "confidential", Origin: OriginAlias, Key: key, At: x.Pos()}
		}
	}
	return Value[string]{}
}

func compatibility(n *Node, o Origin) Value[string] {
	v := textValue(n, o)
	v.V = strings.ToUpper(strings.ReplaceAll(v.V, "-", "_"))
	return v
}

func (b *builder) operationDetails(op *Operation) {
	n := op.node
	k := b.kafkaBinding(n)
	app := n.Get("x-application-bindings")
	sub := subjectOf("operation", op.ID)
	op.Summary, op.Description, op.Tags = n.Get("summary").Text(), n.Get("description").Text(), b.tags(n)
	op.Group = first(b.name(k.Get("groupId"), OriginNative, sub), b.name(k.Get("x-groupId"), OriginAlias, sub),
		b.name(n.Get("x-groupId"), OriginAlias, sub), b.name(app.Get("x-groupId"), OriginAlias, sub))
	op.ClientID = first(b.name(k.Get("clientId"), OriginNative, sub), b.name(k.Get("x-clientId"), OriginAlias, sub),
		b.name(n.Get("x-clientId"), OriginAlias, sub), b.name(app.Get("x-clientId"), OriginAlias, sub))
	op.Principal = first(principal(k.Get("principal"), OriginNative), principal(k.Get("x-principal"), OriginExtension),
		principal(n.Get("x-principal"), OriginExtension), principal(app.Get("x-principal"), OriginAlias))
	op.Transactional = first(boolValue(k.Get("transactional"), OriginNative), boolValue(k.Get("x-transactional"), OriginExtension),
		boolValue(n.Get("x-transactional"), OriginExtension))
	for _, key := range [...]string{"transactionalId", "x-transactional-id", "x-transactionalId"} {
		o := OriginExtension
		if key == "transactionalId" {
			o = OriginNative
		}
		if v := first(textValue(k.Get(key), o), textValue(n.Get(key), o)); v.Known() {
			op.TransactionalID = v
			break
		}
	}
	if op.TransactionalID.Known() && !op.Transactional.Known() {
		op.Transactional = Value[bool]{V: true, Origin: OriginDerived, Key: op.TransactionalID.Key, At: op.TransactionalID.At}
	}
	op.IsolationLevel = first(textValue(k.Get("isolationLevel"), OriginNative), textValue(k.Get("x-isolationLevel"), OriginExtension))
	op.StaticMembership = first(boolValue(k.Get("x-static-membership"), OriginExtension), boolValue(n.Get("x-static-membership"), OriginExtension))
	op.PublishMode = first(textValue(n.Get("x-publish-mode"), OriginExtension), textValue(k.Get("x-publish-mode"), OriginExtension))
	op.Owner = first(ownerValue(n.Get("x-owner")), ownerOfText(tagValue(op.Tags, "owner:")))
	if !op.Owner.Known() && b.app.Owner.Known() {
		op.Owner = b.app.Owner
		op.Owner.Origin = OriginInherited
	}
	op.SLO = slo(n)
	if op.Channel != nil {
		op.SLO = op.SLO.Or(op.Channel.SLO)
	}
	op.Lifecycle = lifecycle(n)
	op.Waivers = b.waivers(n)
	op.ErrorTopics = b.errorTopics(op, k)
}

func principal(n *Node, o Origin) Value[string] {
	v := textValue(n, o)
	if v.Known() && !strings.Contains(v.V, ":") {
		v.V = "User:" + v.V
	}
	return v
}

// name reads a group or client id, which is a schema in the binding and a plain
// string in many documents.
func (b *builder) name(entry *Node, o Origin, sub finding.Subject) Value[Name] {
	n := b.st.deref(entry)
	if n == nil {
		return Value[Name]{}
	}
	v := Value[Name]{Origin: b.originAt(n, o), Key: entry.Key, At: n.Pos()}
	if n.Kind == String && n.Value != "" {
		if o == OriginNative && b.doc.file.major == 2 {
			b.report("kafka/loose-value", n, sub, quote(entry.Key)+" is a string, the binding takes a schema",
				"write "+entry.Key+": {type: string, const: "+n.Value+"}")
		}
		v.V = Name{Kind: NameLiteral, Names: []string{n.Value}}
		return v
	}
	if n.Kind != Map {
		return Value[Name]{}
	}
	if c := n.Get("const"); c != nil && c.Kind != Map && c.Kind != List {
		v.V = Name{Kind: NameLiteral, Names: []string{c.Value}}
		return v
	}
	if e := n.Get("enum"); e != nil && len(e.kids) > 0 {
		for _, k := range e.kids {
			v.V.Names = append(v.V.Names, scalarText(k))
		}
		v.V.Kind = NameSet
		if len(v.V.Names) == 1 {
			v.V.Kind = NameLiteral
		}
		return v
	}
	if p := n.Get("pattern").Text(); p != "" {
		v.V = Name{Kind: NamePattern, Pattern: p}
	}
	return v
}

func (b *builder) messageGovernance(m *Message) {
	n := m.node
	k := b.kafkaBinding(n)
	m.Compatibility = first(
		compatibility(k.Get("compatibility"), OriginNative), compatibility(n.Get("x-compatibility"), OriginExtension),
		compatibility(k.Get("x-compatibility"), OriginExtension),
		compatibility(n.Get("x-messageCompatibility"), OriginAlias), compatibility(k.Get("x-messageCompatibility"), OriginAlias),
	)
	m.Lifecycle = lifecycle(n)
	m.Classification = classification(n)
	m.Waivers = b.waivers(n)
	if m.Payload != nil && m.Payload.node != nil {
		root := m.Payload.node
		if b.marks == nil {
			b.marks = map[*Node][]FieldMark{}
		}
		ms, ok := b.marks[root]
		if !ok {
			w := markWalker{b: b, on: map[*Node]bool{}}
			w.walk(root, "", 0)
			ms = w.marks
			b.marks[root] = ms
		}
		m.Marks = ms
	}
}
