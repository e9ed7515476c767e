package catalog

import (
	"cmp"
	"iter"
	"maps"
	"slices"

	"github.com/weirhq/weir/finding"
)

// Catalog is the model of everything that was loaded. It is read-only and safe for
// concurrent use. All its lists have an order that does not depend on the order in
// which files were read.
type Catalog struct {
	// Applications are sorted by file.
	Applications []*Application
	// Env is the selected environment, empty for the documents as written.
	Env string
	// Findings are what the load had to say; with Options.Validate also what the
	// official schemas and every rule say. Sorted by position.
	Findings []finding.Finding
	// Files are all files that were read, sorted: documents and fragments.
	Files []string

	store    *store
	topics   map[string][]*Channel
	families []*Channel
	groups   map[string][]*Operation
	dlts     map[string][]*Operation
	byID     map[Identity][]*Channel
	byChan   map[*Channel][]*Operation
	blocked  map[string][]finding.Finding
}

// index builds the lookups; the applications must be complete.
func (c *Catalog) index() {
	slices.SortStableFunc(c.Applications, func(a, b *Application) int { return cmp.Compare(a.File, b.File) })
	c.topics = map[string][]*Channel{}
	c.groups = map[string][]*Operation{}
	c.dlts = map[string][]*Operation{}
	c.byID = map[Identity][]*Channel{}
	for ch := range c.Channels() {
		c.byID[ch.Identity] = append(c.byID[ch.Identity], ch)
		switch {
		case ch.Topic != "":
			c.topics[ch.Topic] = append(c.topics[ch.Topic], ch)
		case ch.Family != nil && ch.Kafka():
			c.families = append(c.families, ch)
		}
	}
	c.byChan = map[*Channel][]*Operation{}
	for op := range c.Operations() {
		if op.Channel != nil {
			c.byChan[op.Channel] = append(c.byChan[op.Channel], op)
		}
		for _, g := range op.Group.V.Names {
			c.groups[g] = append(c.groups[g], op)
		}
		if d := op.DLT(); d != nil {
			c.dlts[d.Topic] = append(c.dlts[d.Topic], op)
		}
	}
}

// Channels yields every channel of every application.
func (c *Catalog) Channels() iter.Seq[*Channel] {
	return func(yield func(*Channel) bool) {
		for _, a := range c.Applications {
			for _, ch := range a.Channels {
				if !yield(ch) {
					return
				}
			}
		}
	}
}

// Operations yields every operation of every application.
func (c *Catalog) Operations() iter.Seq[*Operation] {
	return func(yield func(*Operation) bool) {
		for _, a := range c.Applications {
			for _, op := range a.Operations {
				if !yield(op) {
					return
				}
			}
		}
	}
}

// Topics are the Kafka topics that some channel names, sorted. Families and error
// topics that are not channels are not among them.
func (c *Catalog) Topics() []string { return slices.Sorted(maps.Keys(c.topics)) }

// Stream is what applications share: one topic, one topic family, or one address of
// another protocol, with everybody who has to do with it.
type Stream struct {
	Name      string
	Protocol  string
	Family    bool
	Channels  []*Channel // of all applications, the definition first
	Producers []*Operation
	Consumers []*Operation
}

// OtherProtocol finds the channel of another protocol that has the name or the address.
// It is nil when none has, and when the name is also that of a topic or a family's.
func (c *Catalog) OtherProtocol(name string) *Channel {
	if len(c.TopicChannels(name)) > 0 || len(c.DeadLetterOf(name)) > 0 {
		return nil
	}
	for ch := range c.Channels() {
		if ch.OtherProtocol() != "" && (ch.Name() == name || ch.Address == name) {
			return ch
		}
	}
	return nil
}

// Definition is the channel that is written inline, nil when none is.
func (s *Stream) Definition() *Channel {
	for _, ch := range s.Channels {
		if !ch.Foreign {
			return ch
		}
	}
	return nil
}

// Streams are all streams, by name and protocol.
func (c *Catalog) Streams() []*Stream {
	type key struct{ name, protocol string }
	byKey := map[key]*Stream{}
	var all []*Stream
	for ch := range c.Channels() {
		k := key{ch.Name(), ch.Protocol}
		switch {
		case ch.Family != nil:
			k.name = ch.Family.Pattern
		case ch.Topic != "":
			k.protocol = "kafka"
		case ch.Address == "":
			k.name = ch.Identity.String()
		}
		s := byKey[k]
		if s == nil {
			s = &Stream{Name: k.name, Protocol: ch.Protocol, Family: ch.Family != nil}
			if ch.Family == nil && ch.Address == "" && ch.Topic == "" {
				s.Name = ch.ID
			}
			byKey[k] = s
			all = append(all, s)
		}
		s.Channels = append(s.Channels, ch)
		for _, op := range c.byChan[ch] {
			if op.Direction == Send {
				s.Producers = append(s.Producers, op)
			} else {
				s.Consumers = append(s.Consumers, op)
			}
		}
	}
	for _, s := range all {
		slices.SortStableFunc(s.Channels, func(a, b *Channel) int {
			return cmp.Compare(boolInt(a.Foreign), boolInt(b.Foreign))
		})
	}
	slices.SortStableFunc(all, func(a, b *Stream) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Protocol, b.Protocol))
	})
	return all
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TopicChannels are the channels that describe a topic, in every application: those
// that name it, else the families that it matches.
func (c *Catalog) TopicChannels(topic string) []*Channel {
	if cs := c.topics[topic]; len(cs) > 0 {
		return slices.Clone(cs)
	}
	var cs []*Channel
	for _, ch := range c.families {
		if ch.Family.Match(topic) {
			cs = append(cs, ch)
		}
	}
	return cs
}

// OnlyPayload is the payload of the one message of a topic, or nil where there are more
// or one of them declares none.
func (c *Catalog) OnlyPayload(topic string) *Schema {
	var one *Schema
	for _, ch := range c.TopicChannels(topic) {
		for _, m := range ch.Messages {
			if m.Payload == nil || one != nil && one.Identity != m.Payload.Identity {
				return nil
			}
			one = m.Payload
		}
	}
	return one
}

// Definition is the channel that owns the topic's settings: the one written inline.
// It is nil when the topic is only referred to, and the first one by file when two
// documents define it, which is a finding that blocks the topic.
func (c *Catalog) Definition(topic string) *Channel {
	for _, ch := range c.topics[topic] {
		if !ch.Foreign {
			return ch
		}
	}
	return nil
}

// SameChannel are all channels with one definition, in every application.
func (c *Catalog) SameChannel(ch *Channel) []*Channel { return slices.Clone(c.byID[ch.Identity]) }

// Producers are the operations that send to a topic, by application file.
func (c *Catalog) Producers(topic string) []*Operation { return c.operationsOn(topic, Send) }

// Consumers are the operations that receive from a topic, by application file.
func (c *Catalog) Consumers(topic string) []*Operation { return c.operationsOn(topic, Receive) }

func (c *Catalog) operationsOn(topic string, d Direction) []*Operation {
	var ops []*Operation
	chans := c.TopicChannels(topic)
	if len(c.topics[topic]) > 0 {
		for _, ch := range c.families { // who takes the whole family takes the topic
			if ch.Family.Match(topic) {
				chans = append(chans, ch)
			}
		}
	}
	for _, ch := range chans {
		for _, op := range c.byChan[ch] {
			if op.Direction == d {
				ops = append(ops, op)
			}
		}
	}
	return ops
}

// Owner says who owns a topic: its definition's owner, else that of the one
// application that sends to it; for an error topic the owner of its consumer. The
// value is unknown when nothing tells.
func (c *Catalog) Owner(topic string) Value[Owner] {
	for _, ch := range c.topics[topic] {
		if !ch.Foreign && ch.Owner.Known() {
			return ch.Owner
		}
	}
	for _, ch := range c.TopicChannels(topic) {
		if ch.Owner.Known() {
			return ch.Owner
		}
	}
	var owner Value[Owner]
	for _, op := range c.Producers(topic) {
		if owner.Known() && owner.V.Team != op.App.Owner.V.Team {
			return Value[Owner]{}
		}
		owner = op.App.Owner
		owner.Origin = OriginDerived
	}
	if owner.Known() {
		return owner
	}
	for _, op := range c.dlts[topic] {
		return op.App.Owner
	}
	return owner
}

// ChannelOperations are the operations of one application on one of its channels.
func (c *Catalog) ChannelOperations(ch *Channel) []*Operation { return slices.Clone(c.byChan[ch]) }

// GroupConsumers are the receive operations that declare the group by name.
func (c *Catalog) GroupConsumers(group string) []*Operation { return slices.Clone(c.groups[group]) }

// DeadLetters yields every receive operation that declares a dead-letter topic.
func (c *Catalog) DeadLetters() iter.Seq2[*ErrorTopic, *Operation] {
	return func(yield func(*ErrorTopic, *Operation) bool) {
		for op := range c.Operations() {
			if d := op.DLT(); d != nil && !yield(d, op) {
				return
			}
		}
	}
}

// DeadLetterOf are the consumers whose dead-letter topic this is; none when the
// catalog does not know it as one.
func (c *Catalog) DeadLetterOf(topic string) []*Operation { return slices.Clone(c.dlts[topic]) }

// Blocked are the findings that forbid plan and apply to touch a topic: an illegal
// name, two definitions, a collision of names.
func (c *Catalog) Blocked(topic string) []finding.Finding { return slices.Clone(c.blocked[topic]) }
