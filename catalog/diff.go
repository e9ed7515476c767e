package catalog

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/weirhq/weir/finding"
)

// ChangeClass says who is affected by a change, and how.
type ChangeClass string

// The classes, worst first.
const (
	ChangeImpossible    ChangeClass = "impossible"    // Kafka cannot do it: partitions down
	ChangeDataLoss      ChangeClass = "data-loss"     // records that are there may go
	ChangeReordering    ChangeClass = "reordering"    // keys move to other partitions
	ChangeConsumers     ChangeClass = "consumers"     // who reads must follow
	ChangeProducers     ChangeClass = "producers"     // who writes must follow
	ChangePayload       ChangeClass = "payload"       // judged by compat
	ChangeOperational   ChangeClass = "operational"   // the cluster changes, no application does
	ChangeGovernance    ChangeClass = "governance"    // owners, lifecycle, classification
	ChangeAddition      ChangeClass = "addition"      // new, and nobody depends on it yet
	ChangeDocumentation ChangeClass = "documentation" // for people only
)

var changeRank = [...]ChangeClass{
	ChangeImpossible, ChangeDataLoss, ChangeReordering, ChangeConsumers, ChangeProducers, ChangePayload,
	ChangeOperational, ChangeGovernance, ChangeAddition, ChangeDocumentation,
}

// Breaking reports whether somebody has to act.
func (c ChangeClass) Breaking() bool { return slices.Index(changeRank[:], c) <= 4 }

// Change is one edit between two catalogs.
type Change struct {
	Class    ChangeClass      `json:"class"`
	Breaking bool             `json:"breaking"`
	Subject  finding.Subject  `json:"subject"`
	Message  string           `json:"message"`
	Old      string           `json:"old,omitempty"`
	New      string           `json:"new,omitempty"`
	OldAt    finding.Position `json:"old_at,omitzero"`
	NewAt    finding.Position `json:"new_at,omitzero"`
	Affected []Affected       `json:"affected"`
}

// Affected is an application that a change reaches.
type Affected struct {
	Role        string `json:"role"` // producer or consumer
	Application string `json:"application"`
	Owner       string `json:"owner,omitempty"`
}

// Diff lists what changed from old to cur: one entry for each edit of the sources,
// however many channels and applications share what was edited. Versions in info and
// keys of x-parser-* never count.
func Diff(old, cur *Catalog) []Change {
	d := &differ{
		old: old, new: cur, changes: []Change{}, compared: map[Identity]bool{}, sharing: map[Identity][]*Stream{},
		gone: map[string]bool{}, namesakes: map[string]bool{},
	}
	for _, c := range [...]*Catalog{old, cur} {
		seen := map[string]bool{}
		for _, a := range c.Applications {
			d.namesakes[appName(a)] = d.namesakes[appName(a)] || seen[appName(a)]
			seen[appName(a)] = true
		}
		for _, s := range c.Streams() {
			for _, ch := range s.Channels {
				for _, m := range ch.Messages {
					d.sharing[m.Identity] = append(d.sharing[m.Identity], s)
				}
			}
		}
	}
	d.applications()
	d.streams()
	d.operations()
	d.schemas()
	d.unseen(d.pairs)
	slices.SortStableFunc(d.changes, func(a, b Change) int {
		return cmp.Or(
			cmp.Compare(slices.Index(changeRank[:], a.Class), slices.Index(changeRank[:], b.Class)),
			cmp.Compare(a.Subject.Kind, b.Subject.Kind), cmp.Compare(a.Subject.Name, b.Subject.Name), cmp.Compare(a.Message, b.Message),
		)
	})
	return d.changes
}

type differ struct {
	old, new *Catalog
	changes  []Change
	compared map[Identity]bool
	sharing  map[Identity][]*Stream // message -> streams of both catalogs
	gone     map[string]bool        // names of channels that are no more
	pairs    [][2]*Application      // that are in both catalogs

	namesakes map[string]bool // names that several documents of one side have
}

func (d *differ) add(c Change) {
	c.Breaking = c.Class.Breaking()
	if c.Affected == nil {
		c.Affected = []Affected{}
	}
	d.changes = append(d.changes, c)
}

// fact is one attribute of a thing.
type fact struct {
	v     string
	at    finding.Position
	known bool
}

func factOf[T any](v Value[T], text func(T) string) fact {
	if !v.Known() || v.Origin == OriginDefault || v.Origin == OriginInherited {
		return fact{} // an inherited value is an edit of the thing it comes from
	}
	return fact{v: text(v.V), at: v.At, known: true}
}

func same(s string) string { return s }

func (d *differ) compare(sub finding.Subject, name string, a, b fact, class ChangeClass, affected []Affected) {
	if a.known == b.known && a.v == b.v {
		return
	}
	show := func(f fact) string {
		if !f.known {
			return "not set"
		}
		return f.v
	}
	msg := name + " changed"
	if was, is := shorten(show(a), 80), shorten(show(b), 80); was != is {
		msg = name + " " + was + " -> " + is
	}
	d.add(Change{
		Class: class, Subject: sub, Message: msg,
		Old: a.v, New: b.v, OldAt: a.at, NewAt: b.at, Affected: affected,
	})
}

func appName(a *Application) string {
	if a.ID != "" {
		return a.ID
	}
	return cmpOr(a.Title, a.File)
}

// app is the same for a document on both sides, wherever its file lies, unless
// several have its name.
func (d *differ) app(a *Application) string {
	name := appName(a)
	if d.namesakes[name] {
		name += "\x00" + a.File
	}
	return name
}

func (d *differ) applications() {
	olds, news := map[string]*Application{}, map[string]*Application{}
	for _, a := range d.old.Applications {
		olds[d.app(a)] = a
	}
	for _, a := range d.new.Applications {
		news[d.app(a)] = a
	}
	for _, k := range slices.Sorted(maps.Keys(olds)) {
		a, b := olds[k], news[k]
		if b == nil {
			d.add(Change{Class: ChangeGovernance, Subject: subjectOf("application", a.Name()), Message: "application removed", OldAt: a.At})
			continue
		}
		sub := subjectOf("application", b.Name())
		d.compare(sub, "owner", factOf(a.Owner, Owner.String), factOf(b.Owner, Owner.String), ChangeGovernance, nil)
		d.compare(sub, "system", factOf(a.System, same), factOf(b.System, same), ChangeGovernance, nil)
		d.compare(sub, "title", fact{a.Title, a.At, true}, fact{b.Title, b.At, true}, ChangeDocumentation, nil)
		d.compare(sub, "description", fact{a.Description, a.At, a.Description != ""}, fact{b.Description, b.At, b.Description != ""}, ChangeDocumentation, nil)
		d.pairs = append(d.pairs, [2]*Application{a, b})
		d.rest(sub, a.node, b.node, toldDocument, everybody(b))
		d.servers(a, b)
		d.channels(a, b)
	}
	for _, k := range slices.Sorted(maps.Keys(news)) {
		if olds[k] == nil {
			a := news[k]
			d.add(Change{Class: ChangeAddition, Subject: subjectOf("application", a.Name()), Message: "application added", NewAt: a.At})
		}
	}
}

func (d *differ) servers(a, b *Application) {
	find := func(app *Application, key string) *Server {
		if i := slices.IndexFunc(app.Servers, func(s *Server) bool { return s.Key == key }); i >= 0 {
			return app.Servers[i]
		}
		return nil
	}
	everybody := everybody(b)
	for _, s := range a.Servers {
		sub := subjectOf("server", b.Name()+"/"+s.Key)
		t := find(b, s.Key)
		if t == nil {
			d.add(Change{Class: ChangeConsumers, Subject: sub, Message: "server removed", OldAt: s.At, Affected: everybody})
			continue
		}
		d.compare(sub, "address", fact{s.URL, s.At, true}, fact{t.URL, t.At, true}, ChangeConsumers, everybody)
		d.compare(sub, "protocol", fact{s.Protocol, s.At, true}, fact{t.Protocol, t.At, true}, ChangeConsumers, everybody)
		sa, sb := fact{join(s.Security), s.At, len(s.Security) > 0}, fact{join(t.Security), t.At, len(t.Security) > 0}
		d.compare(sub, "security", sa, sb, ChangeConsumers, everybody)
		known := toldServer
		if sa.v != sb.v {
			known = maps.Clone(toldServer)
			known["security"] = nil
		}
		d.rest(sub, s.node, t.node, known, everybody)
	}
	for _, t := range b.Servers {
		if find(a, t.Key) == nil {
			d.add(Change{Class: ChangeAddition, Subject: subjectOf("server", b.Name()+"/"+t.Key), Message: "server added", NewAt: t.At})
		}
	}
}

// channels compares what of each channel only its own document says.
func (d *differ) channels(a, b *Application) {
	for _, ch := range b.Channels {
		i := slices.IndexFunc(a.Channels, func(c *Channel) bool { return c.ID == ch.ID })
		if i < 0 || ch.Definition() != ch && ch.Definition() != nil || d.compared[ch.Identity] {
			continue
		}
		d.compared[ch.Identity] = true
		d.rest(subjectOf("channel", ch.Name()), a.Channels[i].node, ch.node, toldChannel, nil)
	}
}

// everybody are the parties of a document.
func everybody(a *Application) []Affected {
	var as []Affected
	for _, op := range a.Operations {
		as = append(as, affected(op))
	}
	return unique(as)
}

func affected(op *Operation) Affected {
	return Affected{Role: op.Direction.Role(), Application: op.App.Name(), Owner: op.App.Owner.V.Team}
}

func unique(as []Affected) []Affected {
	slices.SortFunc(as, func(a, b Affected) int {
		return cmp.Or(cmp.Compare(a.Role, b.Role), cmp.Compare(a.Application, b.Application))
	})
	return slices.Compact(as)
}

func affectedBy(ss ...*Stream) []Affected {
	var as []Affected
	for _, s := range ss {
		if s == nil {
			continue
		}
		for _, op := range s.Producers {
			as = append(as, affected(op))
		}
		for _, op := range s.Consumers {
			as = append(as, affected(op))
		}
	}
	return unique(as)
}

func streamKey(s *Stream) string { return kafkaOr(s.Protocol) + " " + s.Name }

func kafkaOr(p string) string {
	if p == "" {
		return "kafka"
	}
	return p
}

func (d *differ) streams() {
	olds, news := map[string]*Stream{}, map[string]*Stream{}
	for _, s := range d.old.Streams() {
		olds[streamKey(s)] = s
	}
	for _, s := range d.new.Streams() {
		news[streamKey(s)] = s
	}
	for _, k := range slices.Sorted(maps.Keys(olds)) {
		a, b := olds[k], news[k]
		sub := subjectOf("channel", a.Name)
		if b == nil {
			d.gone[a.Name] = true
			class := ChangeGovernance
			if len(a.Consumers)+len(a.Producers) > 0 {
				class = ChangeConsumers
			}
			d.add(Change{Class: class, Subject: sub, Message: "channel removed", OldAt: a.Channels[0].At, Affected: affectedBy(a)})
			continue
		}
		d.channel(sub, a, b)
		d.messages(a, b)
	}
	for _, k := range slices.Sorted(maps.Keys(news)) {
		if olds[k] == nil {
			b := news[k]
			d.add(Change{Class: ChangeAddition, Subject: subjectOf("channel", b.Name), Message: "channel added", NewAt: b.Channels[0].At, Affected: affectedBy(b)})
		}
	}
}

func (d *differ) channel(sub finding.Subject, s, t *Stream) {
	a, b := s.Channels[0], t.Channels[0]
	who := affectedBy(s, t)
	whole := strconv.Itoa
	pa, pb := factOf(a.Partitions, whole), factOf(b.Partitions, whole)
	class := ChangeOperational
	switch {
	case pa.known && pb.known && b.Partitions.V < a.Partitions.V:
		class = ChangeImpossible
	case pa.known && pb.known && keyed(b):
		class = ChangeReordering
	}
	d.compare(sub, "partitions", pa, pb, class, who)
	d.compare(sub, "replicas", factOf(a.Replicas, whole), factOf(b.Replicas, whole), ChangeOperational, nil)
	keys := map[string]bool{}
	for k := range a.TopicConfig {
		keys[k] = true
	}
	for k := range b.TopicConfig {
		keys[k] = true
	}
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		va, vb := a.TopicConfig[k], b.TopicConfig[k]
		class := configClass(k, va, vb)
		var reached []Affected
		if class.Breaking() {
			reached = who
		}
		d.compare(sub, k, factOf(va, same), factOf(vb, same), class, reached)
	}
	d.compare(sub, "owner", factOf(a.Owner, Owner.String), factOf(b.Owner, Owner.String), ChangeGovernance, nil)
	d.compare(sub, "lifecycle", factOf(a.Lifecycle, lifecycleText), factOf(b.Lifecycle, lifecycleText), ChangeGovernance, who)
	d.compare(sub, "classification", factOf(a.Classification, same), factOf(b.Classification, same), ChangeGovernance, nil)
	d.compare(sub, "compatibility", factOf(a.Compatibility, same), factOf(b.Compatibility, same), ChangeGovernance, who)
	d.compare(sub, "visibility", factOf(a.Visibility, same), factOf(b.Visibility, same), ChangeGovernance, nil)
	d.compare(sub, "managed", factOf(a.Managed, strconv.FormatBool), factOf(b.Managed, strconv.FormatBool), ChangeOperational, nil)
	d.compare(sub, "description", fact{a.Description, a.At, a.Description != ""}, fact{b.Description, b.At, b.Description != ""}, ChangeDocumentation, nil)
	d.compare(sub, "title", fact{a.Title, a.At, a.Title != ""}, fact{b.Title, b.At, b.Title != ""}, ChangeDocumentation, nil)
	d.compare(sub, "tags", tagFact(a.Tags), tagFact(b.Tags), ChangeDocumentation, nil)
	servers := func(c *Channel) fact {
		var ks []string
		for _, x := range c.Servers {
			ks = append(ks, x.Key)
		}
		slices.Sort(ks)
		return fact{join(ks), c.At, len(ks) > 0}
	}
	d.compare(sub, "servers", servers(a), servers(b), ChangeConsumers, who)
	d.compare(sub, "address", fact{a.Address, a.At, a.Address != ""}, fact{b.Address, b.At, b.Address != ""}, ChangeDocumentation, nil)
}

func tagFact(ts []Tag) fact {
	var names []string
	var at finding.Position
	for _, t := range ts {
		names = append(names, t.Name)
		at = t.At
	}
	slices.Sort(names)
	return fact{join(names), at, len(names) > 0}
}

func lifecycleText(l Lifecycle) string {
	s := l.State
	if l.Sunset != "" {
		s += " until " + l.Sunset
	}
	if l.ReplacedBy != "" {
		s += ", replaced by " + l.ReplacedBy
	}
	return s
}

func keyed(c *Channel) bool {
	return slices.ContainsFunc(c.Messages, func(m *Message) bool { return m.Key != nil })
}

// configClass says what changing a topic setting does to the records that are there.
func configClass(key string, a, b Value[string]) ChangeClass {
	switch key {
	case "retention.ms", "retention.bytes":
		x, errA := strconv.ParseInt(a.V, 10, 64)
		y, errB := strconv.ParseInt(b.V, 10, 64)
		if errA != nil && key == "retention.bytes" {
			x, errA = -1, nil // the default is no limit
		}
		if errA == nil && errB == nil && y >= 0 && (x < 0 || y < x) {
			return ChangeDataLoss
		}
	case "cleanup.policy":
		had := cmpOr(a.V, "delete")
		has := cmpOr(b.V, "delete")
		for p := range strings.SplitSeq(has, ",") {
			if !strings.Contains(had, p) {
				return ChangeDataLoss
			}
		}
	case "max.message.bytes":
		x, errA := strconv.ParseInt(a.V, 10, 64)
		y, errB := strconv.ParseInt(b.V, 10, 64)
		if errA == nil && errB == nil && y < x {
			return ChangeProducers
		}
	}
	return ChangeOperational
}

func (d *differ) operations() {
	type key struct{ app, id string }
	index := func(c *Catalog) map[key]*Operation {
		m := map[key]*Operation{}
		for op := range c.Operations() {
			m[key{d.app(op.App), op.ID}] = op
		}
		return m
	}
	olds, news := index(d.old), index(d.new)
	apps := map[string]bool{}
	for _, a := range d.new.Applications {
		apps[d.app(a)] = true
	}
	oldApps := map[string]bool{}
	for _, a := range d.old.Applications {
		oldApps[d.app(a)] = true
	}
	name := func(op *Operation) string {
		if op.Channel == nil {
			return ""
		}
		return op.Channel.Name()
	}
	for k, a := range olds {
		b := news[k]
		sub := subjectOf("operation", a.App.Name()+"/"+a.ID)
		if b == nil {
			if apps[k.app] { // a removed application is one edit, not one for each operation
				class := ChangeGovernance
				if a.Direction == Send {
					class = ChangeConsumers
				}
				d.add(Change{
					Class: class, Subject: sub, Message: "operation removed: no longer " + a.Direction.Role() + " of " + name(a),
					OldAt: a.At, Affected: d.others(a, d.old),
				})
			}
			continue
		}
		d.operation(subjectOf("operation", b.App.Name()+"/"+b.ID), a, b, name)
	}
	for k, b := range news {
		if olds[k] == nil && oldApps[k.app] {
			d.add(Change{
				Class: ChangeAddition, Subject: subjectOf("operation", b.App.Name()+"/"+b.ID),
				Message: "operation added: " + b.Direction.Role() + " of " + name(b), NewAt: b.At, Affected: d.others(b, d.new),
			})
		}
	}
}

// others are the applications on the other side of an operation.
func (d *differ) others(op *Operation, c *Catalog) []Affected {
	if op.Channel == nil {
		return nil
	}
	var as []Affected
	for _, ch := range c.byID[op.Channel.Identity] {
		for _, o := range c.byChan[ch] {
			if o.App != op.App && o.Direction != op.Direction {
				as = append(as, affected(o))
			}
		}
	}
	return unique(as)
}

func (d *differ) operation(sub finding.Subject, a, b *Operation, name func(*Operation) string) {
	self := []Affected{affected(b)}
	d.compare(sub, "direction", fact{string(a.Direction), a.At, true}, fact{string(b.Direction), b.At, true}, ChangeConsumers, unique(append(d.others(a, d.old), self...)))
	if !d.gone[name(a)] { // a changed address is told as a channel removed and one added
		d.compare(sub, "channel", fact{name(a), a.At, true}, fact{name(b), b.At, true}, ChangeConsumers, self)
	}
	d.compare(sub, "group", factOf(a.Group, Name.String), factOf(b.Group, Name.String), ChangeConsumers, self)
	d.compare(sub, "client id", factOf(a.ClientID, Name.String), factOf(b.ClientID, Name.String), ChangeOperational, nil)
	d.compare(sub, "principal", factOf(a.Principal, same), factOf(b.Principal, same), ChangeOperational, self)
	d.compare(sub, "transactional", factOf(a.Transactional, strconv.FormatBool), factOf(b.Transactional, strconv.FormatBool), ChangeOperational, self)
	d.compare(sub, "isolation level", factOf(a.IsolationLevel, same), factOf(b.IsolationLevel, same), ChangeOperational, self)
	topics := func(op *Operation) (dlt, retry fact) {
		if op.ErrorTopics == nil {
			return fact{}, fact{}
		}
		if t := op.ErrorTopics.DLT; t != nil {
			dlt = fact{errorTopicText(t), t.At, true}
		}
		var rs []string
		for _, t := range op.ErrorTopics.Retry {
			rs = append(rs, errorTopicText(t))
		}
		return dlt, fact{join(rs), op.ErrorTopics.At, len(rs) > 0}
	}
	da, ra := topics(a)
	db, rb := topics(b)
	d.compare(sub, "dead-letter topic", da, db, ChangeOperational, self)
	d.compare(sub, "retry topics", ra, rb, ChangeOperational, self)
	names := func(op *Operation) fact {
		var ids []string
		for _, m := range op.Messages {
			ids = append(ids, m.ID)
		}
		slices.Sort(ids)
		return fact{join(ids), op.At, true}
	}
	all := func(op *Operation) bool { return op.node.Get("messages") == nil && op.node.Get("message") == nil }
	switch {
	case all(a) != all(b):
		d.compare(sub, "messages", listed(names(a), all(a)), listed(names(b), all(b)), ChangePayload, self)
	case len(a.Messages) != len(a.Channel.messagesOrNil()), len(b.Messages) != len(b.Channel.messagesOrNil()):
		d.compare(sub, "messages", names(a), names(b), ChangePayload, self)
	}
	d.compare(sub, "reply", replyFact(a.Reply), replyFact(b.Reply), ChangeConsumers, self)
	known := toldOperation
	if da.v != db.v || ra.v != rb.v {
		kafka := maps.Clone(toldOperation["bindings"]["kafka"])
		for _, key := range [...]string{"errorTopic", "retryTopic", "x-error-topics", "error-topics"} {
			kafka[key] = nil
		}
		known = maps.Clone(toldOperation)
		known["bindings"], known["x-error-topics"] = told{"kafka": kafka}, nil
	}
	d.rest(sub, a.node, b.node, known, self)
	text := func(op *Operation) fact {
		return fact{strings.TrimSpace(op.Summary + " " + op.Description), op.At, true}
	}
	d.compare(sub, "description", text(a), text(b), ChangeDocumentation, nil)
}

func (c *Channel) messagesOrNil() []*Message {
	if c == nil {
		return nil
	}
	return c.Messages
}

// listed is the list of an operation's messages; without one it is all of the channel's.
func listed(f fact, all bool) fact {
	if all {
		f.v = "all of the channel"
	}
	return f
}

func replyFact(r *Reply) fact {
	if r == nil {
		return fact{}
	}
	var parts []string
	if r.Channel != nil {
		parts = append(parts, r.Channel.Name())
		var ids []string
		for _, m := range r.Messages {
			ids = append(ids, m.ID)
		}
		if len(ids) != len(r.Channel.Messages) {
			parts = append(parts, join(ids))
		}
	}
	if r.Location != "" {
		parts = append(parts, r.Location)
	}
	return fact{strings.Join(parts, " "), r.At, true}
}

func errorTopicText(t *ErrorTopic) string {
	parts := []string{t.Topic}
	if t.Partitions.Known() {
		parts = append(parts, "partitions="+strconv.Itoa(t.Partitions.V))
	}
	if t.Replicas.Known() {
		parts = append(parts, "replicas="+strconv.Itoa(t.Replicas.V))
	}
	for _, k := range slices.Sorted(maps.Keys(t.TopicConfig)) {
		parts = append(parts, k+"="+t.TopicConfig[k].V)
	}
	return strings.Join(parts, " ")
}

func (d *differ) messages(s, t *Stream) {
	a, b := s.Channels[0], t.Channels[0]
	who := affectedBy(s, t)
	var gone, fresh []*Message
	for _, m := range a.Messages {
		if n := b.Message(m.ID); n == nil {
			gone = append(gone, m)
		} else {
			d.message(t.Name, m, n, who)
		}
	}
	for _, m := range b.Messages {
		if a.Message(m.ID) == nil {
			fresh = append(fresh, m)
		}
	}
	for _, m := range gone {
		i := slices.IndexFunc(fresh, func(f *Message) bool { return sameSchema(m.Payload, f.Payload) && m.Payload != nil })
		if i >= 0 {
			d.add(Change{
				Class: ChangeDocumentation, Subject: subjectOf("message", t.Name+"/"+fresh[i].ID),
				Message: "key " + m.ID + " -> " + fresh[i].ID, Old: m.ID, New: fresh[i].ID, OldAt: m.At, NewAt: fresh[i].At,
			})
			fresh = slices.Delete(fresh, i, i+1)
			continue
		}
		d.add(Change{Class: ChangeConsumers, Subject: subjectOf("message", s.Name+"/"+m.ID), Message: "message removed", OldAt: m.At, Affected: who})
	}
	for _, m := range fresh {
		d.add(Change{Class: ChangePayload, Subject: subjectOf("message", t.Name+"/"+m.ID), Message: "message added", NewAt: m.At, Affected: who})
	}
}

// message compares a message once, however many channels share it.
func (d *differ) message(stream string, a, b *Message, who []Affected) {
	if a.Identity == b.Identity {
		if d.compared[b.Identity] {
			return
		}
		d.compared[b.Identity] = true
		who = affectedBy(d.sharing[b.Identity]...)
	}
	sub := subjectOf("message", stream+"/"+b.ID)
	d.compare(sub, "content type", factOf(a.ContentType, same), factOf(b.ContentType, same), ChangeConsumers, who)
	d.compare(sub, "compatibility", factOf(a.Compatibility, same), factOf(b.Compatibility, same), ChangeGovernance, who)
	d.compare(sub, "classification", factOf(a.Classification, same), factOf(b.Classification, same), ChangeGovernance, nil)
	d.compare(sub, "lifecycle", factOf(a.Lifecycle, lifecycleText), factOf(b.Lifecycle, lifecycleText), ChangeGovernance, who)
	d.compare(sub, "correlation id", fact{a.CorrelationID, a.At, a.CorrelationID != ""}, fact{b.CorrelationID, b.At, b.CorrelationID != ""}, ChangeConsumers, who)
	text := func(m *Message) fact {
		return fact{strings.Join([]string{m.Name, m.Title, m.Summary, m.Description}, " "), m.At, true}
	}
	d.compare(sub, "description", text(a), text(b), ChangeDocumentation, nil)
	d.compare(sub, "tags", tagFact(a.Tags), tagFact(b.Tags), ChangeDocumentation, nil)
	ex := func(m *Message) fact {
		var buf bytes.Buffer
		for _, e := range m.Examples {
			buf.WriteString(e.Name)
			buf.Write(e.Payload)
			buf.Write(e.Headers)
		}
		return fact{buf.String(), m.At, len(m.Examples) > 0}
	}
	d.compare(sub, "examples", ex(a), ex(b), ChangeDocumentation, nil)
	known := toldMessage
	if lifecycleText(a.Lifecycle.V) != lifecycleText(b.Lifecycle.V) {
		known = maps.Clone(toldMessage)
		known["deprecated"] = nil
	}
	d.rest(sub, a.node, b.node, known, who)
	for _, part := range [...]struct {
		name string
		a, b *Schema
	}{{"payload", a.Payload, b.Payload}, {"headers", a.Headers, b.Headers}, {"key", a.Key, b.Key}} {
		if part.a == nil && part.b == nil {
			continue
		}
		if part.a != nil && part.b != nil && part.a.Identity == part.b.Identity && part.a.Format == part.b.Format {
			d.compare(sub, part.name+" format", mediaFact(part.a), mediaFact(part.b), ChangePayload, who)
			continue // compared with all schemas below
		}
		if sameSchema(part.a, part.b) {
			continue
		}
		c := Change{Class: ChangePayload, Subject: sub, Message: part.name + " changed (see compat)", Affected: who}
		if part.a != nil {
			c.OldAt = part.a.At
		}
		if part.b != nil {
			c.NewAt = part.b.At
		}
		d.add(c)
	}
}

// mediaFact is a schemaFormat that somebody wrote.
func mediaFact(s *Schema) fact {
	if strings.HasPrefix(s.MediaType, "application/vnd.aai.asyncapi") {
		return fact{}
	}
	return fact{s.MediaType, s.At, true}
}

func sameSchema(a, b *Schema) bool {
	if a == nil || b == nil {
		return a == b
	}
	x, errA := a.Text()
	y, errB := b.Text()
	if errA != nil || errB != nil {
		return a.Remote == b.Remote
	}
	return bytes.Equal(x, y)
}

// schemaUse is one schema node, wherever it is used from.
type schemaUse struct {
	n       *Node
	streams map[*Stream]bool
	part    string
}

// schemas compares every schema by its identity: one edit of a shared definition is
// one entry, and names everybody who uses it.
func (d *differ) schemas() {
	olds, news := d.uses(d.old), d.uses(d.new)
	for id, b := range news {
		a := olds[id]
		if a == nil {
			continue
		}
		x, y := plainJSON(a.n, false), plainJSON(b.n, false)
		if bytes.Equal(x, y) {
			continue
		}
		c := Change{Class: ChangePayload, Subject: subjectOf("schema", id.String()), Message: b.part + " changed (see compat)", OldAt: a.n.Pos(), NewAt: b.n.Pos()}
		if bytes.Equal(plainJSON(a.n, true), plainJSON(b.n, true)) {
			c.Class, c.Message = ChangeDocumentation, "description of a "+b.part+" changed"
		} else {
			var ss []*Stream
			for s := range b.streams {
				ss = append(ss, s)
			}
			c.Affected = affectedBy(ss...)
		}
		d.add(c)
	}
}

func (d *differ) uses(c *Catalog) map[Identity]*schemaUse {
	all := map[Identity]*schemaUse{}
	for _, s := range c.Streams() {
		for _, ch := range s.Channels {
			for _, m := range ch.Messages {
				for _, p := range [...]struct {
					name string
					s    *Schema
				}{{"payload", m.Payload}, {"headers", m.Headers}, {"key", m.Key}} {
					if p.s != nil && p.s.node != nil {
						collectUses(c.store, p.s.node, s, p.name, all, 0)
					}
				}
			}
		}
	}
	return all
}

func collectUses(st *store, root *Node, s *Stream, part string, all map[Identity]*schemaUse, depth int) {
	id := root.Identity()
	u := all[id]
	if u == nil {
		u = &schemaUse{n: root, streams: map[*Stream]bool{}, part: part}
		all[id] = u
	}
	if u.streams[s] || depth > 100 {
		return
	}
	u.streams[s] = true
	var walk func(n *Node, names bool)
	walk = func(n *Node, names bool) {
		if _, ok := refOf(n); ok && !names {
			if t := st.deref(st.step(n).node); t != nil {
				if _, inside := below(root, t); !inside {
					collectUses(st, t, s, part, all, depth+1)
				}
			}
			if !moreThanRef(n, "") {
				return
			}
		}
		for _, k := range n.kids {
			if !names && (dataKeys[k.Key] || strings.HasPrefix(k.Key, "x-")) && n.Kind == Map {
				continue
			}
			walk(k, n.Kind == Map && !names && schemaNames[k.Key])
		}
	}
	walk(root, false)
}

// plainJSON is the node's own text without what other tools leave behind; bare also
// drops what only people read. A definition that lies in another identity is not part
// of it: references stay references.
func plainJSON(n *Node, bare bool) []byte {
	var w jsonWriter
	plain(&w, n, bare, false)
	return w.b.Bytes()
}

func plain(w *jsonWriter, n *Node, bare, names bool) {
	switch n.Kind {
	case Map:
		w.b.WriteByte('{')
		comma := false
		kids := slices.Clone(n.kids)
		slices.SortFunc(kids, func(a, b *Node) int { return cmp.Compare(a.Key, b.Key) })
		for _, k := range kids {
			if strings.HasPrefix(k.Key, "x-parser-") {
				continue
			}
			if bare && !names && (k.Key == "description" || k.Key == "title" || k.Key == "examples" || k.Key == "doc" || k.Key == "$comment") {
				continue
			}
			if comma {
				w.b.WriteByte(',')
			}
			comma = true
			w.str(k.Key)
			w.b.WriteByte(':')
			plain(w, k, bare, !names && schemaNames[k.Key])
		}
		w.b.WriteByte('}')
	case List:
		w.b.WriteByte('[')
		for i, k := range n.kids {
			if i > 0 {
				w.b.WriteByte(',')
			}
			plain(w, k, bare, false)
		}
		w.b.WriteByte(']')
	default:
		w.scalar(n)
	}
}
