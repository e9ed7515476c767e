package compat

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/finding"
)

// Side is one version of a catalog.
type Side struct {
	Catalog *catalog.Catalog
	// Version names it for people: a commit, a folder, empty for the work tree.
	Version string
	// Unread are the documents that could not be loaded: what they declare is not
	// gone, it is unknown.
	Unread []string
}

// History loads the versions of a document before the baseline, newest first; cut
// tells that there are more than limit. It is called once a document.
type History func(ctx context.Context, document string, limit int) (sides []Side, cut bool, err error)

// Past is what a catalog is compared with.
type Past struct {
	Side
	History History
	// NoHistory says why History is nil.
	NoHistory string
	// Moved holds the documents that stood elsewhere and are gone from there: a channel
	// that looks new may be theirs. What else they hold is nobody's loss. May be nil.
	Moved *Past
}

// The parts of a message that have a schema of their own.
const (
	partPayload = "payload"
	partHeaders = "headers"
	partKey     = "key"
)

// CatalogSubjects pairs the messages of two catalogs. A channel is the same when its
// topic is (else its address, else its key), a message when its id is, else its name,
// its payload's own name, its payload, or when no other is left. File, document and
// AsyncAPI version do not count.
func CatalogSubjects(past Past, cur Side) ([]Subject, []finding.Finding) {
	p := &pairing{old: past.Side, cur: cur, past: past, histories: map[string]*loaded{}}
	m := &pairing{cur: cur, histories: map[string]*loaded{}}
	was, is, moved := definitions(past.Catalog), definitions(cur.Catalog), map[string][]*catalog.Channel{}
	if past.Moved != nil {
		m.old, m.past, moved = past.Moved.Side, *past.Moved, definitions(past.Moved.Catalog)
		// Who received a moved message may be declared in a document that stayed.
		p.also, m.also = m.old.Catalog, p.old.Catalog
	}
	for _, name := range sortedNames(was, is) {
		pairs, gone, added := matchChannels(was[name], is[name])
		for _, pr := range pairs {
			p.channel(pr[0], pr[1])
		}
		if len(added) > 0 {
			pairs, _, added = matchChannels(moved[name], added)
			for _, pr := range pairs {
				m.channel(pr[0], pr[1])
			}
		}
		for _, ch := range gone {
			p.channelRemoved(ch, len(is[name]) > 0)
		}
		for _, ch := range added {
			p.channelAdded(ch)
		}
	}
	return append(p.subjects, m.subjects...), append(p.loose, m.loose...)
}

// definitions are the channels of a catalog by name, one for each definition.
func definitions(c *catalog.Catalog) map[string][]*catalog.Channel {
	out := map[string][]*catalog.Channel{}
	if c == nil {
		return out
	}
	seen := map[catalog.Identity]int{}
	var list []*catalog.Channel
	for ch := range c.Channels() {
		i, ok := seen[ch.Identity]
		switch {
		case !ok:
			seen[ch.Identity] = len(list)
			list = append(list, ch)
		case list[i].Foreign && !ch.Foreign:
			list[i] = ch // the owner's view of it
		}
	}
	for _, ch := range list {
		out[family(ch)] = append(out[family(ch)], ch)
	}
	return out
}

// parameter is a part of an address that stands for many.
var parameter = regexp.MustCompile(`\{[^{}]*\}`)

// family is the name of a channel without those of its parameters: they may change, and
// the topics are the same.
func family(ch *catalog.Channel) string { return parameter.ReplaceAllString(ch.Name(), "{}") }

func sortedNames(a, b map[string][]*catalog.Channel) []string {
	var names []string
	for n := range a {
		names = append(names, n)
	}
	for n := range b {
		if _, both := a[n]; !both {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	return names
}

// matchChannels pairs definitions of one topic: several documents may define it. Those
// that nothing tells apart are compared with each other, all with all: a break must not
// pass because it came with new names.
func matchChannels(was, is []*catalog.Channel) (pairs [][2]*catalog.Channel, gone, added []*catalog.Channel) {
	gone, added = slices.Clone(was), slices.Clone(is)
	for _, same := range []func(a, b *catalog.Channel) bool{
		func(a, b *catalog.Channel) bool { return sameDocument(a.App, b.App) && a.ID == b.ID },
		func(a, b *catalog.Channel) bool { return a.App.ID != "" && a.App.ID == b.App.ID },
		func(a, b *catalog.Channel) bool { return a.App.Title != "" && a.App.Title == b.App.Title },
		func(a, b *catalog.Channel) bool { return a.App.File == b.App.File },
	} {
		pairs = append(pairs, take(&gone, &added, same)...)
	}
	for _, same := range []func(a, b *catalog.Channel) bool{
		func(a, b *catalog.Channel) bool { return a.Owner.V.Team != "" && a.Owner.V.Team == b.Owner.V.Team },
		func(a, b *catalog.Channel) bool { return slices.Equal(messageNames(a), messageNames(b)) },
	} {
		pairs = append(pairs, takeOnly(&gone, &added, same)...)
	}
	if len(gone) == 0 || len(added) == 0 {
		return pairs, gone, added
	}
	for _, b := range added {
		for _, a := range gone {
			pairs = append(pairs, [2]*catalog.Channel{a, b})
		}
	}
	return pairs, nil, nil
}

func sameDocument(a, b *catalog.Application) bool {
	return (a.ID != "" && a.ID == b.ID) || (a.Title != "" && a.Title == b.Title) || a.File == b.File
}

func messageNames(ch *catalog.Channel) []string {
	var names []string
	for _, m := range ch.Messages {
		names = append(names, messageName(m))
	}
	slices.Sort(names)
	return names
}

// takeOnly is take for a criterion that counts only where it leaves no choice.
func takeOnly[T comparable](was, is *[]T, same func(a, b T) bool) [][2]T {
	a, b := *was, *is
	return take(was, is, func(x, y T) bool {
		others := func(z T) bool { return z != x && same(z, y) }
		alike := func(z T) bool { return z != y && same(x, z) }
		return same(x, y) && !slices.ContainsFunc(a, others) && !slices.ContainsFunc(b, alike)
	})
}

// take moves the pairs that a criterion finds out of both lists.
func take[T comparable](was, is *[]T, same func(a, b T) bool) [][2]T {
	var pairs [][2]T
	for _, a := range slices.Clone(*was) {
		i := slices.IndexFunc(*is, func(b T) bool { return same(a, b) })
		if i < 0 {
			continue
		}
		pairs = append(pairs, [2]T{a, (*is)[i]})
		*is = slices.Delete(slices.Clone(*is), i, i+1)
		j := slices.Index(*was, a)
		*was = slices.Delete(slices.Clone(*was), j, j+1)
	}
	return pairs
}

type pairing struct {
	old, cur Side
	past     Past
	also     *catalog.Catalog // of the old version too
	subjects []Subject
	loose    []finding.Finding

	mu        sync.Mutex
	histories map[string]*loaded
}

type loaded struct {
	once  sync.Once
	sides []Side
	cut   bool
	err   error
}

func (p *pairing) report(f finding.Finding) {
	f.Fingerprint = fingerprint(f.Rule, f.Subject.Name, "", "", "")
	p.loose = append(p.loose, f)
}

func (p *pairing) channelAdded(ch *catalog.Channel) {
	p.report(finding.Finding{
		Rule: "compat/channel-added", Severity: finding.Info, Subject: finding.Subject{Kind: "channel", Name: ch.Name()},
		Message: fmt.Sprintf("new channel %s in %s", ch.Name(), ch.App.Name()), Position: ch.At, Owner: ch.Owner.V.Team,
	})
	for _, m := range ch.Messages {
		p.parts(nil, nil, ch, m)
	}
}

// channelRemoved reports a definition that is gone. Where another document still
// defines the topic, only this document stopped describing it.
func (p *pairing) channelRemoved(ch *catalog.Channel, described bool) {
	if described || slices.Contains(p.cur.Unread, ch.App.File) {
		return
	}
	who := p.whoWas(ch, nil)
	sev, why := finding.Error, ""
	switch {
	case retired(ch.Lifecycle):
		sev, why = finding.Info, "; it was retired"
	case len(who.Consumers) == 0 && !who.External:
		sev, why = finding.Info, "; nobody declared to receive from it"
	case ch.Compatibility.V == string(ModeNone):
		sev, why = finding.Info, "; its mode was NONE"
	}
	f := finding.Finding{
		Rule: "compat/channel-removed", Severity: sev, Subject: finding.Subject{Kind: "channel", Name: ch.Name()},
		Message: fmt.Sprintf("channel %s of %s was removed%s", ch.Name(), ch.App.Name(), why), Position: finding.Position{File: p.newFile(ch.App)},
		Related: []finding.Related{{Position: ch.At, Message: "as it was in " + words(p.old.Version)}}, Owner: ch.Owner.V.Team,
	}
	if sev == finding.Error {
		f.Hint = "keep it, set x-lifecycle to deprecated, and to retired once its receivers are gone"
		f.Details = []finding.Detail{{Label: "who", Text: who.text(Forward)}}
	}
	p.report(f)
}

// newFile is where the document of an old application stands now: a finding about
// something removed should point at the document under review.
func (p *pairing) newFile(a *catalog.Application) string {
	for _, b := range p.cur.Catalog.Applications {
		if sameDocument(a, b) {
			return b.File
		}
	}
	return a.File
}

func retired(l catalog.Value[catalog.Lifecycle]) bool { return l.V.State == "retired" }

func (p *pairing) channel(a, b *catalog.Channel) {
	if was, is := a.Compatibility, b.Compatibility; was.Known() && is.Known() {
		p.loosened(was, is, finding.Subject{Kind: "channel", Name: b.Name()}, b.At)
	}
	pairs, gone, added := matchMessages(a.Messages, b.Messages)
	for _, pr := range pairs {
		if pr[0].Compatibility.Known() || pr[1].Compatibility.Known() { // else the channel's says it
			p.loosened(a.CompatibilityOf(pr[0]), b.CompatibilityOf(pr[1]), finding.Subject{Kind: "message", Name: b.Name() + " " + messageName(pr[1])}, pr[1].At)
		}
		p.parts(a, pr[0], b, pr[1])
	}
	for _, m := range gone {
		p.messageRemoved(a, m, b)
	}
	for _, m := range added {
		p.messageAdded(a, b, m)
		p.parts(nil, nil, b, m)
	}
}

// loosened reports a mode that promises less than it did: a change of the rules in
// the change that they judge.
func (p *pairing) loosened(was, is catalog.Value[string], s finding.Subject, at finding.Position) {
	a, errA := ParseMode(was.V)
	b, errB := ParseMode(is.V)
	if errA != nil || errB != nil || promises(b, a) {
		return
	}
	if !is.At.IsZero() {
		at = is.At
	}
	p.report(finding.Finding{
		Rule: "compat/mode-loosened", Severity: finding.Warning, Subject: s, Position: at,
		Message: fmt.Sprintf("the mode went from %s to %s", a, b), Hint: "loosen the mode in a change of its own",
	})
}

// promises reports that mode b promises all that mode a does.
func promises(b, a Mode) bool {
	for _, d := range a.Directions() {
		if !slices.Contains(b.Directions(), d) {
			return false
		}
	}
	return (b.Transitive() || !a.Transitive()) && (b == ModeAdditive || a != ModeAdditive)
}

// matchMessages pairs the messages of one channel, and at the end those two of which no
// other is left.
func matchMessages(was, is []*catalog.Message) (pairs [][2]*catalog.Message, gone, added []*catalog.Message) {
	pairs, gone, added = sameMessages(was, is)
	if len(gone) == 1 && len(added) == 1 {
		pairs = append(pairs, take(&gone, &added, func(_, _ *catalog.Message) bool { return true })...)
	}
	return pairs, gone, added
}

// sentMessages pairs what a sender and a receiver declare. Two messages of other names
// are two messages there: nobody has to receive all that is sent.
func sentMessages(sent, received []*catalog.Message) [][2]*catalog.Message {
	pairs, a, b := sameMessages(sent, received)
	if len(a) == 1 && len(b) == 1 && (a[0].ID == "" || b[0].ID == "") && (a[0].Name == "" || b[0].Name == "") {
		pairs = append(pairs, [2]*catalog.Message{a[0], b[0]})
	}
	return pairs
}

func sameMessages(was, is []*catalog.Message) (pairs [][2]*catalog.Message, gone, added []*catalog.Message) {
	gone, added = slices.Clone(was), slices.Clone(is)
	for _, same := range []func(a, b *catalog.Message) bool{
		func(a, b *catalog.Message) bool { return a.ID != "" && a.ID == b.ID },
		func(a, b *catalog.Message) bool { return a.Name != "" && a.Name == b.Name },
		func(a, b *catalog.Message) bool {
			n := payloadName(a)
			return n != "" && n == payloadName(b)
		},
		samePayload,
	} {
		pairs = append(pairs, take(&gone, &added, same)...)
	}
	return pairs, gone, added
}

// payloadName is what a payload calls itself: an Avro full name, a JSON $id or title.
func payloadName(m *catalog.Message) string {
	if m.Payload == nil || m.Payload.Node() == nil {
		return ""
	}
	n := m.Payload.Node()
	switch m.Payload.Format {
	case catalog.FormatAvro:
		name := n.Get("name").Text()
		if ns := n.Get("namespace").Text(); ns != "" && name != "" && !strings.Contains(name, ".") {
			name = ns + "." + name
		}
		return name
	case catalog.FormatJSON:
		return cmp.Or(n.Get("$id").Text(), n.Get("id").Text(), n.Get("title").Text())
	case catalog.FormatProtobuf:
		return protoName(n.Text())
	}
	return ""
}

// protoName is the package and the first message of a .proto text, as far as two
// words on a line tell.
func protoName(text string) string {
	pkg := ""
	for line := range strings.Lines(text) {
		f := strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t\r\n;{", r) })
		switch {
		case len(f) >= 2 && f[0] == "package":
			pkg = f[1] + "."
		case len(f) >= 2 && f[0] == "message":
			return pkg + f[1]
		}
	}
	return ""
}

func samePayload(a, b *catalog.Message) bool {
	if a.Payload == nil || b.Payload == nil || a.Payload.Format != b.Payload.Format {
		return false
	}
	x, errX := a.Payload.Text()
	y, errY := b.Payload.Text()
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

func (p *pairing) messageRemoved(a *catalog.Channel, m *catalog.Message, b *catalog.Channel) {
	who := p.whoWas(a, m)
	sev, why := finding.Error, ""
	switch {
	case retired(m.Lifecycle) || retired(a.Lifecycle):
		sev, why = finding.Info, "; it was retired"
	case len(who.Consumers) == 0 && !who.External:
		sev, why = finding.Info, "; nobody declared to receive it"
	case a.CompatibilityOf(m).V == string(ModeNone):
		sev, why = finding.Info, "; its mode was NONE"
	}
	f := finding.Finding{
		Rule: "compat/message-removed", Severity: sev, Subject: finding.Subject{Kind: "message", Name: a.Name() + " " + messageName(m)},
		Message:  fmt.Sprintf("message %s of %s was removed%s", messageName(m), a.Name(), why),
		Position: b.At, Owner: b.Owner.V.Team,
		Related: []finding.Related{{Position: m.At, Message: "as it was in " + words(p.old.Version)}},
	}
	if sev == finding.Error {
		f.Hint = "keep it, set x-lifecycle to deprecated, and to retired once its receivers are gone"
		f.Details = []finding.Detail{{Label: "who", Text: who.text(Forward)}}
	}
	p.report(f)
}

// messageAdded is a warning where somebody takes all messages of the channel and so
// meets one that it does not know.
func (p *pairing) messageAdded(a, b *catalog.Channel, m *catalog.Message) {
	f := finding.Finding{
		Rule: "compat/message-added", Severity: finding.Info, Subject: finding.Subject{Kind: "message", Name: b.Name() + " " + messageName(m)},
		Message: fmt.Sprintf("new message %s on %s", messageName(m), b.Name()), Position: m.At, Owner: b.Owner.V.Team,
	}
	var all []Party
	for _, op := range receivers(p.cur.Catalog, b) {
		if !takes(op, m) {
			continue
		}
		for _, before := range slices.Concat(receivers(p.old.Catalog, a), receivers(p.also, a)) {
			if before.App.Name() == op.App.Name() && before.ID == op.ID && len(before.Messages) == len(before.Channel.Messages) {
				all = append(all, party(op))
			}
		}
	}
	if len(all) > 0 {
		f.Severity = finding.Warning
		f.Message += ", whose receivers take every message"
		f.Details = []finding.Detail{{Label: "who", Text: parties(all)}}
		f.Hint = "let them know the message before it is sent"
	}
	p.report(f)
}

func messageName(m *catalog.Message) string { return cmp.Or(m.ID, m.Name, m.Title) }

// parts adds a subject for each schema of a message. a is nil for a new message.
func (p *pairing) parts(a *catalog.Channel, old *catalog.Message, b *catalog.Channel, cur *catalog.Message) {
	for _, part := range []string{partPayload, partHeaders, partKey} {
		var was *catalog.Schema
		if old != nil {
			was = schemaOf(old, part)
		}
		is := schemaOf(cur, part)
		if was == nil && is == nil {
			continue
		}
		s := Subject{
			Kind: "message", Channel: b.Name(), Message: messageName(cur), Part: part,
			Name: b.Name() + " " + messageName(cur), Owner: b.Owner.V.Team, NoHistory: p.past.NoHistory,
			Mode: modeOf(b, cur), Alone: len(b.Messages) == 1, documents: []string{b.App.File},
		}
		if part == partPayload && cur.Payload != nil && cur.Payload.Format != catalog.FormatJSON {
			s.RecordName = payloadName(cur)
		}
		if part != partPayload {
			s.Name += " " + part
		}
		if is == nil {
			p.report(finding.Finding{
				Rule: "compat/schema-removed", Severity: finding.Warning, Subject: s.subject(), Position: cur.At, Owner: s.Owner,
				Message: fmt.Sprintf("the %s schema is no longer declared", part), Hint: "declare it again: nothing holds the next change back",
				Related: []finding.Related{{Position: was.At, Message: "as it was in " + words(p.old.Version)}},
			})
			continue
		}
		s.New = partVersion(cur, part, p.cur.Version)
		s.Who = whoIs(p.cur.Catalog, b, cur)
		if was != nil {
			s.Old = partVersion(old, part, p.old.Version)
			s.Earlier = p.earlier(a, old, part)
		} else if old != nil {
			p.report(finding.Finding{
				Rule: "compat/schema-added", Severity: finding.Info, Subject: s.subject(), Position: is.At, Owner: s.Owner,
				Message: fmt.Sprintf("the %s schema is new, there is nothing to compare it with", part),
			})
		}
		p.subjects = append(p.subjects, s)
	}
}

func modeOf(ch *catalog.Channel, m *catalog.Message) Mode {
	v := ch.CompatibilityOf(m)
	if v.Origin == catalog.OriginDefault {
		return "" // the policy's
	}
	mode, err := ParseMode(v.V)
	if err != nil {
		return ModeFull // the catalog's own check names the wrong word
	}
	return mode
}

func schemaOf(m *catalog.Message, part string) *catalog.Schema {
	switch part {
	case partHeaders:
		return m.Headers
	case partKey:
		return m.Key
	}
	return m.Payload
}

// partVersion is a part of a message as a version to be read.
func partVersion(m *catalog.Message, part, version string) *Version {
	v := SchemaVersion(schemaOf(m, part), version)
	if part == partPayload {
		v.Content = Content{m.ContentType.V, m.ContentType.At}
	}
	return v
}

// SchemaVersion is a schema of the catalog as a version to be read.
func SchemaVersion(s *catalog.Schema, version string) *Version {
	v := &Version{At: s.At, Schema: Schema{Name: s.Identity.File, Version: version, Locate: s.Locate, Load: s.Load}}
	switch s.Format {
	case catalog.FormatJSON:
		v.Schema.Format = JSON
	case catalog.FormatAvro:
		v.Schema.Format = Avro
	case catalog.FormatProtobuf:
		v.Schema.Format = Protobuf
	default:
		v.Opaque = cmp.Or(s.MediaType, string(s.Format))
	}
	if s.Remote != "" {
		v.Remote = s.Remote
		return v
	}
	v.Schema.Text, v.Err = s.Text()
	return v
}

// earlier finds the same schema in the versions before the baseline.
func (p *pairing) earlier(a *catalog.Channel, old *catalog.Message, part string) func(context.Context, int) ([]*Version, bool, error) {
	if p.past.History == nil {
		return nil
	}
	return func(ctx context.Context, limit int) ([]*Version, bool, error) {
		p.mu.Lock()
		h := p.histories[a.App.File]
		if h == nil {
			h = &loaded{}
			p.histories[a.App.File] = h
		}
		p.mu.Unlock()
		h.once.Do(func() { h.sides, h.cut, h.err = p.past.History(ctx, a.App.File, limit) })
		if h.err != nil {
			return nil, false, h.err
		}
		var out []*Version
		for _, side := range h.sides {
			for _, ch := range definitions(side.Catalog)[family(a)] {
				pairs, _, _ := matchMessages([]*catalog.Message{old}, ch.Messages)
				if len(pairs) == 0 {
					continue
				}
				if s := schemaOf(pairs[0][1], part); s != nil {
					out = append(out, SchemaVersion(s, side.Version))
					break
				}
			}
		}
		return out, h.cut, nil
	}
}

// whoIs names the parties of a message, or of a whole channel when m is nil.
func whoIs(c *catalog.Catalog, ch *catalog.Channel, m *catalog.Message) Who {
	w := Who{Known: true, Consumers: []Party{}, Producers: []Party{}, External: ch.External.V}
	for _, op := range operations(c, ch) {
		if m != nil && !takes(op, m) {
			continue
		}
		if op.Direction == catalog.Receive {
			w.Consumers = append(w.Consumers, party(op))
		} else {
			w.Producers = append(w.Producers, party(op))
		}
	}
	for _, op := range repliesOn(c, ch, m) {
		side := &w.Producers
		if op.Direction == catalog.Send { // who asks takes the answers
			side = &w.Consumers
		}
		pt := Party{Application: op.App.Name(), Owner: cmp.Or(op.Owner.V.Team, op.App.Owner.V.Team)}
		if !slices.ContainsFunc(*side, func(p Party) bool { return p.Application == pt.Application }) {
			*side = append(*side, pt)
		}
	}
	for _, claim := range ch.ClaimedBy {
		pt := Party{Application: claim.Name}
		if claim.Direction == catalog.Receive {
			w.Consumers = append(w.Consumers, pt)
		} else {
			w.Producers = append(w.Producers, pt)
		}
	}
	return w
}

// whoWas names the parties of the old version.
func (p *pairing) whoWas(ch *catalog.Channel, m *catalog.Message) Who {
	w := whoIs(p.old.Catalog, ch, m)
	if p.also != nil {
		o := whoIs(p.also, ch, m)
		w.Consumers, w.Producers = append(w.Consumers, o.Consumers...), append(w.Producers, o.Producers...)
	}
	return w
}

// operations are those of every application on the channel: by topic, or by
// definition where there is no topic.
func operations(c *catalog.Catalog, ch *catalog.Channel) []*catalog.Operation {
	if c == nil {
		return nil
	}
	if ch.Topic != "" {
		return slices.Concat(c.Producers(ch.Topic), c.Consumers(ch.Topic))
	}
	var out []*catalog.Operation
	for _, same := range c.SameChannel(ch) {
		out = append(out, c.ChannelOperations(same)...)
	}
	return out
}

// repliesOn are the operations whose answers go over a channel, as a message where m is
// not nil.
func repliesOn(c *catalog.Catalog, ch *catalog.Channel, m *catalog.Message) []*catalog.Operation {
	if c == nil {
		return nil
	}
	var out []*catalog.Operation
	for op := range c.Operations() {
		if op.Reply == nil || op.Reply.Channel == nil {
			continue
		}
		to := op.Reply.Channel
		if to.Identity != ch.Identity && (ch.Topic == "" || to.Topic != ch.Topic) {
			continue
		}
		if m == nil || among(op.Reply.Messages, m) {
			out = append(out, op)
		}
	}
	return out
}

func receivers(c *catalog.Catalog, ch *catalog.Channel) []*catalog.Operation {
	return slices.DeleteFunc(operations(c, ch), func(op *catalog.Operation) bool { return op.Direction != catalog.Receive })
}

// takes reports whether an operation is about a message; one that names none is
// about all of its channel.
func takes(op *catalog.Operation, m *catalog.Message) bool {
	return among(op.Messages, m)
}

func among(list []*catalog.Message, m *catalog.Message) bool {
	return len(list) == 0 || slices.ContainsFunc(list, func(o *catalog.Message) bool {
		return o.Identity == m.Identity || (o.ID != "" && o.ID == m.ID) || (o.Name != "" && o.Name == m.Name)
	})
}

func party(op *catalog.Operation) Party {
	p := Party{Application: op.App.Name(), Owner: cmp.Or(op.Owner.V.Team, op.App.Owner.V.Team)}
	if op.Direction == catalog.Receive {
		p.Group = op.Group.V.String()
		if p.Group == "unknown" {
			p.Group = ""
		}
	}
	return p
}

// Link says that a subject is no change but two documents that speak of one topic.
type Link struct {
	Sender   Party `json:"sender"`
	Receiver Party `json:"receiver"`
}

// LinkSubjects pairs what senders of a topic declare with what receivers in other
// documents declare for it.
func LinkSubjects(c *catalog.Catalog) []Subject {
	var out []Subject
	for _, topic := range c.Topics() {
		type parties struct{ sender, receiver catalog.Identity }
		seen, names := map[parties]bool{}, map[string]bool{}
		for _, send := range c.Producers(topic) {
			for _, recv := range c.Consumers(topic) {
				if send.App == recv.App {
					continue
				}
				for _, pr := range sentMessages(messagesOf(send), messagesOf(recv)) {
					for _, part := range []string{partPayload, partHeaders, partKey} {
						s, ok := link(topic, send, recv, pr[0], pr[1], part)
						if !ok {
							continue
						}
						// Titles may repeat, schemas may not.
						both := parties{schemaOf(pr[0], part).Identity, schemaOf(pr[1], part).Identity}
						if seen[both] {
							continue
						}
						seen[both] = true
						if names[s.Name] {
							s.Name += fmt.Sprintf(" (%s, %s)", both.sender, both.receiver)
						}
						names[s.Name] = true
						out = append(out, s)
					}
				}
			}
		}
	}
	return out
}

func messagesOf(op *catalog.Operation) []*catalog.Message {
	if len(op.Messages) == 0 && op.Channel != nil {
		return op.Channel.Messages
	}
	return op.Messages
}

func link(topic string, send, recv *catalog.Operation, a, b *catalog.Message, part string) (Subject, bool) {
	was, is := schemaOf(a, part), schemaOf(b, part)
	if was == nil || is == nil || was.Remote != "" || is.Remote != "" {
		return Subject{}, false
	}
	sent, received := partVersion(a, part, send.App.Name()), partVersion(b, part, recv.App.Name())
	if other, sure := recoded(sent, received); was.Identity == is.Identity && (!other || !sure) {
		return Subject{}, false
	}
	s := Subject{
		Kind: "link", Channel: topic, Message: messageName(b), Part: part, Mode: ModeBackward,
		Name: fmt.Sprintf("%s %s %s -> %s", topic, messageName(b), send.App.Name(), recv.App.Name()),
		Old:  sent, New: received,
		Owner: cmp.Or(recv.App.Owner.V.Team, send.App.Owner.V.Team),
		Who:   Who{Known: true, Consumers: []Party{party(recv)}, Producers: []Party{party(send)}},
		Link:  &Link{Sender: party(send), Receiver: party(recv)}, documents: []string{send.App.File, recv.App.File},
	}
	if part != partPayload {
		s.Name += " " + part
	}
	return s, true
}
