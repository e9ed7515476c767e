package catalog

import (
	"math"
	"math/big"
	"path"
	"regexp"
	"slices"
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

func ownerValue(n *Node) Value[Owner] {
	v := Value[Owner]{Origin: OriginExtension}
	switch {
	case n == nil:
		return Value[Owner]{}
	case n.Kind == String && n.Value != "":
		v.V.Team = n.Value
	case n.Kind == Map:
		v.V = Owner{Team: n.Get("team").Text(), Contact: n.Get("contact").Text(), OnCall: n.Get("oncall").Text()}
		if v.V.Team == "" {
			v.V.Team = n.Get("name").Text()
		}
	}
	if v.V == (Owner{}) {
		return Value[Owner]{}
	}
	v.Key, v.At = n.Key, n.Pos()
	return v
}

func ownerOfText(t Value[string]) Value[Owner] {
	if !t.Known() {
		return Value[Owner]{}
	}
	return Value[Owner]{V: Owner{Team: t.V}, Origin: t.Origin, Key: t.Key, At: t.At}
}

func (b *builder) appOwner(root, info *Node) Value[Owner] {
	contact := textValue(b.get(info, "contact").Get("name"), OriginContact)
	contact.Key = "info.contact.name"
	if !contact.Known() {
		contact = Value[string]{}
	}
	return first(
		ownerValue(root.Get("x-owner")),
		ownerValue(info.Get("x-owner")),
		ownerOfText(tagValue(b.app.Tags, "owner:")),
		ownerOfText(contact),
		b.l.codeowner(b.app.File),
	)
}

// codeowner is the owner that the last matching line of CODEOWNERS names.
func (l *loader) codeowner(name string) Value[Owner] {
	l.ownersOnce.Do(func() {
		for _, f := range [...]string{"CODEOWNERS", ".github/CODEOWNERS", ".gitlab/CODEOWNERS", "docs/CODEOWNERS"} {
			data, err := l.st.bytes(f)
			if err != nil {
				continue
			}
			for i, line := range strings.Split(string(data), "\n") {
				line, _, _ = strings.Cut(line, "#")
				if fields := strings.Fields(line); len(fields) >= 2 {
					l.owners = append(l.owners, ownerRule{fields[0], fields[1], finding.Position{File: f, Line: i + 1, Column: 1}})
				}
			}
			return
		}
	})
	for _, r := range slices.Backward(l.owners) {
		if r.matches(name) {
			return Value[Owner]{V: Owner{Team: r.owner}, Origin: OriginOwners, Key: r.pattern, At: r.at}
		}
	}
	return Value[Owner]{}
}

type ownerRule struct {
	pattern, owner string
	at             finding.Position
}

// matches follows the rules of CODEOWNERS as far as they are in use: a leading slash
// anchors, a trailing one means everything below, * does not cross a folder.
func (r ownerRule) matches(name string) bool {
	p, anchored := strings.CutPrefix(r.pattern, "/")
	if p == "*" || p == "**" {
		return true
	}
	anchored = anchored || strings.Contains(strings.TrimSuffix(p, "/"), "/")
	p = strings.TrimSuffix(strings.TrimSuffix(p, "**"), "/")
	parts := strings.Split(name, "/")
	n := strings.Count(p, "/") + 1
	for i := 0; i+n <= len(parts); i++ {
		if ok, _ := path.Match(p, strings.Join(parts[i:i+n], "/")); ok {
			return true
		}
		if anchored {
			break
		}
	}
	return false
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

// originAt corrects an origin by the file that a value comes from: what an overlay
// says is an overlay's.
func (b *builder) originAt(n *Node, o Origin) Origin {
	if n != nil && len(b.l.overlays) > 0 && b.l.overlays[n.fileName()] {
		return OriginOverlay
	}
	return o
}

func (b *builder) count(n *Node, o Origin, subject finding.Subject) Value[int] {
	if n == nil {
		return Value[int]{}
	}
	v := Value[int]{Origin: b.originAt(n, o), Key: n.Key, At: n.Pos()}
	text := n.Value
	if n.Kind == String {
		text = strings.TrimSpace(text)
	}
	i, ok := wholeNumber(text)
	if (n.Kind != Number && n.Kind != String) || !ok || i < 1 || i > math.MaxInt32 {
		return Value[int]{} // the schema check reports it
	}
	if n.Kind == String && b.doc.file.major == 2 {
		b.report("kafka/loose-value", n, subject, quote(n.Key)+" is the string "+quote(n.Value)+", read as the number",
			"write "+n.Key+": "+strconv.FormatInt(i, 10))
	}
	v.V = int(i)
	return v
}

// wholeNumber reads 12, 12.0 and 8.64e+07.
func wholeNumber(s string) (int64, bool) {
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		return i, true
	}
	if len(s) > 40 {
		return 0, false
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok || !r.IsInt() || !r.Num().IsInt64() {
		return 0, false
	}
	return r.Num().Int64(), true
}

// configValue is one topic setting as the broker spells it.
func (b *builder) configValue(n *Node, o Origin, subject finding.Subject) (Value[string], bool) {
	v := Value[string]{Origin: b.originAt(n, o), Key: n.Key, At: n.Pos()}
	switch n.Kind {
	case List:
		var parts []string
		for _, k := range n.kids {
			parts = append(parts, scalarText(k))
		}
		slices.Sort(parts)
		v.V = strings.Join(slices.Compact(parts), ",")
	case Number:
		v.V = n.Value
		if i, ok := wholeNumber(n.Value); ok {
			v.V = strconv.FormatInt(i, 10)
			if v.V != n.Value && b.doc.file.major == 2 {
				b.report("kafka/loose-value", n, subject, quote(n.Key)+" is written "+n.Value+", read as "+v.V, "write the whole number")
			}
		}
	case Bool:
		v.V = n.Value
	case String:
		v.V = n.Value
		if n.Key == "cleanup.policy" {
			parts := strings.FieldsFunc(n.Value, func(r rune) bool { return r == ',' || r == ' ' })
			slices.Sort(parts)
			v.V = strings.Join(slices.Compact(parts), ",")
			if b.doc.file.major == 2 && n.parent != nil && n.parent.Key == "topicConfiguration" {
				b.report("kafka/loose-value", n, subject, "cleanup.policy is a string, the binding takes a list", "write cleanup.policy: ["+strings.Join(parts, ", ")+"]")
			}
		}
	default:
		return v, false
	}
	return v, true
}

func (b *builder) config(dst map[string]Value[string], n *Node, o Origin, subject finding.Subject) map[string]Value[string] {
	for _, k := range n.Children() {
		if k.Key == "" || strings.HasPrefix(k.Key, "x-") {
			continue
		}
		if _, have := dst[k.Key]; have {
			continue
		}
		if v, ok := b.configValue(k, o, subject); ok {
			if dst == nil {
				dst = map[string]Value[string]{}
			}
			dst[k.Key] = v
		}
	}
	return dst
}

func (b *builder) channelKafka(ch *Channel) {
	k := b.kafkaBinding(ch.node)
	sub := subjectOf("channel", ch.Name())
	ch.Partitions = first(b.count(k.Get("partitions"), OriginNative, sub),
		b.count(k.Get("x-partitions"), OriginAlias, sub), b.count(ch.node.Get("x-partitions"), OriginAlias, sub))
	ch.Replicas = first(b.count(k.Get("replicas"), OriginNative, sub),
		b.count(k.Get("x-replicas"), OriginAlias, sub), b.count(ch.node.Get("x-replicas"), OriginAlias, sub))
	ch.TopicConfig = b.config(nil, b.get(k, "topicConfiguration"), OriginNative, sub)
	for _, alias := range [...]string{"x-configs", "configs"} {
		for _, n := range [...]*Node{k, ch.node} {
			if c := n.Get(alias); c != nil {
				ch.TopicConfig = b.config(ch.TopicConfig, c, OriginAlias, sub)
			}
		}
	}
	for _, key := range [...]string{"envServerOverrides", "x-env-server-overrides", "env-server-overrides"} {
		o := k.Get(key)
		if o == nil {
			o = ch.node.Get(key)
		}
		if o == nil {
			continue
		}
		for _, e := range o.Children() {
			ch.Overrides = append(ch.Overrides, b.override(e, sub))
		}
		break
	}
	if len(ch.Overrides) > 0 {
		return
	}
	for _, e := range ch.node.Get("x-configurations").Children() {
		k := e.Get("kafka")
		if k == nil {
			continue
		}
		o := b.override(k, sub)
		o.Server, o.At = e.Key, e.KeyPos()
		fold := strings.NewReplacer(".", "-")
		for _, s := range b.app.Servers {
			if fold.Replace(s.Key) == fold.Replace(e.Key) {
				o.Server = s.Key
			}
		}
		ch.Overrides = append(ch.Overrides, o)
	}
}

func (b *builder) override(e *Node, sub finding.Subject) EnvOverride {
	o := EnvOverride{Server: e.Key, At: e.KeyPos()}
	o.Partitions = b.count(e.Get("partitions"), OriginOverride, sub)
	o.Replicas = b.count(e.Get("replicas"), OriginOverride, sub)
	o.TopicConfig = b.config(nil, e.Get("topicConfiguration"), OriginOverride, sub)
	return o
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
		op.SLO.LagAge = op.SLO.LagAge.Or(op.Channel.SLO.LagAge)
		op.SLO.LagRecords = op.SLO.LagRecords.Or(op.Channel.SLO.LagRecords)
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

func (b *builder) errorTopics(op *Operation, k *Node) *ErrorTopics {
	var et *ErrorTopics
	native, retry := k.Get("errorTopic"), k.Get("retryTopic")
	if native != nil || retry != nil {
		at := native
		if at == nil {
			at = retry
		}
		et = &ErrorTopics{Origin: OriginNative, Key: at.Key, At: at.Pos()}
		et.DLT = b.errorTopic(op, native, "", 0)
		if r := b.errorTopic(op, retry, "", 0); r != nil {
			et.Retry = append(et.Retry, r)
		}
		return et
	}
	o := OriginExtension
	x := b.get(k, "x-error-topics")
	if x == nil {
		x = b.get(op.node, "x-error-topics")
	}
	if x == nil {
		o, x = OriginAlias, b.get(k, "error-topics")
	}
	if x == nil {
		return nil
	}
	et = &ErrorTopics{Origin: o, Key: cmpOr(x.Key, "x-error-topics"), At: x.Pos()}
	top := x.Get("addressTemplate").Text()
	dlq := b.get(x, "dlq")
	if dlq == nil {
		dlq = b.get(x, "dlt")
	}
	if dlq != nil || top != "" && x.Get("dlq") == nil {
		et.DLT = b.errorTopic(op, dlq, expand(top, op, "dlq", 0), 0)
		if et.DLT != nil && et.DLT.At.IsZero() {
			et.DLT.At = x.Pos()
		}
	}
	r := b.get(x, "retry")
	count := 0
	tmpl := top
	for _, c := range [...]*Node{x.Get("retryTopics"), r.Get("count")} {
		if i, ok := wholeNumber(scalarText(c)); ok && i > 0 && i <= 100 {
			count = int(i)
		}
	}
	if t := r.Get("addressTemplate").Text(); t != "" {
		tmpl = t
	}
	for i := range count {
		if name := expand(tmpl, op, "retry-"+strconv.Itoa(i), i); name != "" {
			if t := b.errorTopic(op, r, name, i); t != nil {
				et.Retry = append(et.Retry, t)
			}
		}
	}
	for i, t := range r.Get("topics").Children() {
		if rt := b.errorTopic(op, b.st.deref(t), "", i); rt != nil {
			et.Retry = append(et.Retry, rt)
		}
	}
	if count == 0 && r.Get("topic") != nil || r != nil && r.Kind == String {
		if t := b.errorTopic(op, r, "", 0); t != nil {
			et.Retry = append(et.Retry, t)
		}
	}
	return et
}

// expand fills the variables of an address template; one that cannot be filled gives
// no name.
func expand(tmpl string, op *Operation, suffix string, n int) string {
	if tmpl == "" {
		return ""
	}
	group, _ := op.Group.V.Literal()
	addr := ""
	if op.Channel != nil {
		addr = op.Channel.Name()
	}
	s := strings.NewReplacer("${groupId}", group, "${n}", strconv.Itoa(n), "${suffix}", suffix,
		"${channel.address}", addr, "${channel}", addr).Replace(tmpl)
	if strings.Contains(s, "${") || strings.Contains(tmpl, "${groupId}") && group == "" {
		return ""
	}
	return s
}

func (b *builder) errorTopic(op *Operation, n *Node, name string, i int) *ErrorTopic {
	t := &ErrorTopic{Topic: name, Owner: op.Owner}
	if n != nil {
		t.At = n.Pos()
		switch {
		case n.Kind == String:
			t.Topic = n.Value
		case n.Get("topic").Text() != "":
			t.Topic = n.Get("topic").Text()
			t.At = n.Get("topic").Pos()
		case name == "":
			t.Topic = expand(cmpOr(n.Get("addressTemplate").Text(), n.Get("address").Text()), op, "dlq", i)
		}
		sub := subjectOf("operation", op.ID)
		t.Partitions = b.count(n.Get("partitions"), OriginExtension, sub)
		t.Replicas = b.count(n.Get("replicas"), OriginExtension, sub)
		t.TopicConfig = b.config(nil, n.Get("topicConfiguration"), OriginExtension, sub)
	}
	if t.Topic == "" {
		return nil
	}
	return t
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

// markWalker finds fields that are marked as personal or classified, in JSON Schema
// and in Avro.
type markWalker struct {
	b     *builder
	on    map[*Node]bool // nodes on the way down, against cycles
	marks []FieldMark
}

func (w *markWalker) walk(n *Node, at string, depth int) {
	n = w.b.st.deref(n)
	if n == nil || n.Kind != Map || w.on[n] || depth > 40 || len(w.marks) > 500 {
		return
	}
	w.on[n] = true
	defer delete(w.on, n)
	if m := mark(n); m != nil && at != "" {
		m.Path = at
		w.marks = append(w.marks, *m)
	}
	join := func(name string) string {
		if at == "" {
			return name
		}
		return at + "." + name
	}
	for _, p := range n.Get("properties").Children() {
		w.walk(p, join(p.Key), depth+1)
	}
	if f := n.Get("fields"); f != nil && f.Kind == List {
		for _, c := range f.kids {
			name := join(c.Get("name").Text())
			if m := mark(c); m != nil {
				m.Path = name
				w.marks = append(w.marks, *m)
			}
			t := c.Get("type")
			for _, u := range t.Children() {
				if t.Kind == List {
					w.walk(u, name, depth+1)
				}
			}
			w.walk(t, name, depth+1)
		}
	}
	if it := n.Get("items"); it != nil {
		if it.Kind == List {
			for _, c := range it.kids {
				w.walk(c, at+"[]", depth+1)
			}
		} else {
			w.walk(it, at+"[]", depth+1)
		}
	}
	for _, key := range [...]string{"allOf", "anyOf", "oneOf"} {
		for _, c := range n.Get(key).Children() {
			w.walk(c, at, depth+1)
		}
	}
}

func mark(n *Node) *FieldMark {
	var m FieldMark
	if x := n.Get("x-pii"); x != nil && x.Value != "" && x.Value != "false" {
		m.PII, m.At = x.Value, x.Pos()
	} else if x := n.Get("x-sap-dpp-is-potentially-personal"); x != nil && x.Value == "true" {
		m.PII, m.At = "true", x.Pos()
	} else if x := n.Get("confluent:tags"); x != nil {
		for _, t := range x.Children() {
			if t.Value == "PII" {
				m.PII, m.At = "true", x.Pos()
			}
		}
	}
	if c := classification(n); c.Known() {
		m.Classification = c.V
		if m.At.IsZero() {
			m.At = c.At
		}
	}
	if m.PII == "" && m.Classification == "" {
		return nil
	}
	return &m
}

// TopicNameError tells why Kafka refuses a topic name, nil when it takes it.
func TopicNameError(name string) error {
	switch {
	case name == "":
		return topicNameError("is empty")
	case name == "." || name == "..":
		return topicNameError("is " + name)
	case len(name) > 249:
		return topicNameError("has " + strconv.Itoa(len(name)) + " characters, the limit is 249")
	}
	for _, r := range name {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '_', r == '-':
		default:
			return topicNameError("holds " + strconv.QuoteRune(r) + ", allowed are letters, digits, dot, underscore and hyphen")
		}
	}
	return nil
}

type topicNameError string

func (e topicNameError) Error() string { return string(e) }

// familyRegex turns an address with parameters into an anchored expression.
func familyRegex(addr string, params []Parameter) string {
	var s strings.Builder
	s.WriteByte('^')
	for rest := addr; rest != ""; {
		i := strings.IndexByte(rest, '{')
		j := strings.IndexByte(rest, '}')
		if i < 0 || j < i {
			s.WriteString(regexp.QuoteMeta(rest))
			break
		}
		s.WriteString(regexp.QuoteMeta(rest[:i]))
		name := rest[i+1 : j]
		alt := "[a-zA-Z0-9._-]+"
		for _, p := range params {
			if p.Name == name && len(p.Enum) > 0 {
				qs := make([]string, len(p.Enum))
				for k, e := range p.Enum {
					qs[k] = regexp.QuoteMeta(e)
				}
				alt = "(?:" + strings.Join(qs, "|") + ")"
			}
		}
		s.WriteString(alt)
		rest = rest[j+1:]
	}
	s.WriteByte('$')
	return s.String()
}
