package catalog

import (
	"regexp"
	"slices"
	"strings"

	"github.com/weirhq/weir/finding"
)

// rules checks one document against everything that its schema cannot say.
func (v *documentCheck) rules() {
	a := v.d.app
	root := v.d.root()
	st := v.l.st
	for _, s := range st.deref(root.Get("servers")).Children() {
		v.server(s)
	}
	for _, ch := range a.Channels {
		v.channel(ch)
	}
	for _, op := range a.Operations {
		v.operation(op)
	}
	v.tags(root, true)
	v.tags(st.deref(root.Get("info")), false)
	v.components(st.deref(root.Get("components")))
	if v.d.file.major == 2 {
		v.uniqueIDs()
	}
	for _, m := range v.messages() {
		v.message(m)
	}
	v.schemas()
}

// components checks what nothing in the document has to use. Messages and schemas
// have checks of their own.
func (v *documentCheck) components(c *Node) {
	if v.d.file.major == 3 {
		for _, n := range c.Get("channels").Children() {
			used := slices.ContainsFunc(v.d.app.Channels, func(ch *Channel) bool { return ch.node == n })
			if _, isRef := refOf(n); isRef || used || n.Kind != Map {
				continue
			}
			v.parameters(n.Get("address").Text(), n, func(rule, msg, hint string) { v.report(rule, n.Get("address"), msg, hint) })
		}
		return
	}
	for _, n := range c.Get("servers").Children() {
		if _, isRef := refOf(n); !isRef && !slices.ContainsFunc(v.d.app.Servers, func(s *Server) bool { return s.node == n }) {
			v.serverVariables(n)
		}
	}
	for _, kind := range [...]string{"operationTraits", "messageTraits"} {
		for _, n := range c.Get(kind).Children() {
			v.tags(n, true)
		}
	}
}

// messages are the messages of the document, its components included, each once.
func (v *documentCheck) messages() []*Message {
	seen := map[Identity]bool{}
	var ms []*Message
	add := func(m *Message) {
		if !seen[m.Identity] {
			seen[m.Identity] = true
			ms = append(ms, m)
		}
	}
	for _, ch := range v.d.app.Channels {
		for _, m := range ch.Messages {
			if !ch.Foreign || m.Identity.File == v.d.file.name || v.fragment(m.node) {
				add(m)
			}
		}
	}
	b := &builder{l: v.l, st: v.l.st, doc: &document{file: v.d.file, channels: v.d.channels, messages: map[*Node]*Message{}}, app: v.d.app}
	for _, n := range v.l.st.deref(v.l.st.deref(v.d.root().Get("components")).Get("messages")).Children() {
		if _, isRef := refOf(n); !isRef && n.Kind == Map && !seen[n.Identity()] {
			add(b.message(n, n.Key))
		}
	}
	return ms
}

func (v *documentCheck) fragment(n *Node) bool {
	if n == nil {
		return false
	}
	f := n.root().file
	return f != nil && f.major == 0
}

// mine claims a node of a fragment, so that one document reports on it.
func (v *documentCheck) mine(n *Node) bool {
	if n == nil || n.fileName() == v.d.file.name {
		return true
	}
	return v.fragment(n) && v.claim(walked{n: n})
}

func (v *documentCheck) server(entry *Node) {
	n := v.l.st.deref(entry)
	if n == nil || !v.mine(n) {
		return
	}
	v.security(n)
	v.tags(n, false)
	v.serverVariables(n)
}

func (v *documentCheck) serverVariables(n *Node) {
	text := n.Get("url")
	if text == nil {
		text = n.Get("host")
	}
	used := placeholders(text.Text() + n.Get("pathname").Text())
	vars := v.l.st.deref(n.Get("variables"))
	if vars != nil && vars.Kind != Map {
		return // the schema check reports it
	}
	demanded := v.d.file.major == 2 && vars != nil && len(used) > 0
	for _, name := range used {
		if vars.Get(name) == nil {
			v.report("spec/server-variables", text, "variable {"+name+"} of the address is not declared", "declare it under variables")
			v.unless(demanded)
		}
	}
	for _, k := range vars.Children() {
		if !slices.Contains(used, k.Key) {
			v.reportKey("spec/server-variables", k, "variable "+quote(k.Key)+" is declared and the address does not use it", "use {"+k.Key+"}, or drop the variable")
			v.unless(demanded)
		}
	}
}

func placeholders(s string) []string {
	var names []string
	for {
		i := strings.IndexByte(s, '{')
		if i < 0 {
			return names
		}
		j := strings.IndexByte(s[i:], '}')
		if j < 0 {
			return names
		}
		if name := s[i+1 : i+j]; !slices.Contains(names, name) {
			names = append(names, name)
		}
		s = s[i+j+1:]
	}
}

// security checks 2.x requirements, which name schemes.
func (v *documentCheck) security(n *Node) {
	if v.d.file.major != 2 {
		return
	}
	schemes := v.l.st.deref(v.l.st.deref(v.d.root().Get("components")).Get("securitySchemes"))
	for _, req := range n.Get("security").Children() {
		from := len(v.d.fs)
		for _, k := range req.Children() {
			v.requirement(k, schemes)
		}
		for i := from; i < len(v.d.fs); i++ {
			v.d.fs[i].Pointer = req.Pointer() // the requirement is what is wrong
		}
	}
}

// requirement checks one scheme that a requirement names, and its scopes.
func (v *documentCheck) requirement(k, schemes *Node) {
	s := v.l.st.deref(schemes.Get(k.Key))
	if s == nil {
		hint := "declare it under components.securitySchemes"
		var known []string
		for _, x := range schemes.Children() {
			known = append(known, x.Key)
		}
		if m := nearest(k.Key, known); m != "" {
			hint = "did you mean " + m + "?"
		}
		v.reportKey("spec/security", k, "security scheme "+quote(k.Key)+" is not declared", hint)
		return
	}
	switch s.Get("type").Text() {
	case "oauth2":
		var scopes []string
		for _, f := range s.Get("flows").Children() {
			for _, x := range f.Get("scopes").Children() {
				scopes = append(scopes, x.Key)
			}
		}
		for _, want := range k.Children() {
			if !slices.Contains(scopes, want.Text()) {
				v.report("spec/security", want, "scope "+show(want)+" is not one of the scheme "+quote(k.Key), "known: "+join(scopes))
			}
		}
	case "openIdConnect":
	default:
		if len(k.kids) > 0 {
			v.report("spec/security", k, "a scheme of type "+s.Get("type").Text()+" takes no scopes", "write "+k.Key+": []")
			v.unless(false)
		}
	}
}

// tags finds names that are there twice. The text of 2.x demands that they differ,
// and the official rules look at the document, its operations and its messages.
func (v *documentCheck) tags(n *Node, demanded bool) {
	seen := map[string]bool{}
	for _, t := range v.l.st.deref(n.Get("tags")).Children() {
		t = v.l.st.deref(t)
		name := t.Get("name")
		if name == nil {
			continue
		}
		if seen[name.Value] {
			v.report("spec/tags", name, "tag "+show(name)+" is there twice", "keep one")
			v.unless(demanded && v.d.file.major == 2)
		}
		seen[name.Value] = true
	}
}

func (v *documentCheck) channel(ch *Channel) {
	n := ch.node
	if v.d.file.major == 3 && strings.ContainsAny(ch.ID, "?#") {
		v.reportKey("spec/address", ch.entry, "channel key "+quote(ch.ID)+" holds a query or fragment, which the official parser refuses",
			"rename the key; the address says where the channel is")
	}
	v.channelServers(ch.entry)
	if !v.mine(n) {
		return
	}
	v.tags(n, false)
	at, onKey := n.Get("address"), false
	if v.d.file.major == 2 || at == nil {
		at, onKey = n, true
	}
	report := func(rule, msg, hint string) {
		if onKey {
			v.reportKey(rule, at, msg, hint)
		} else {
			v.report(rule, at, msg, hint)
		}
	}
	if strings.ContainsAny(ch.Address, "?#") {
		report("spec/address", "address "+quote(ch.Address)+" holds a query or fragment", "describe the query in the ws binding")
	}
	v.parameters(ch.Address, n, report)
	v.topic(ch, report)
	v.overrides(ch)
	if o := n.Get("x-owner"); o != nil {
		if t := tagValue(ch.Tags, "owner:"); t.Known() && ch.Owner.V.Team != t.V {
			v.report("own/conflict", o, "x-owner says "+ch.Owner.V.Team+" and a tag says "+t.V+"; x-owner is used", "say it once")
		}
	}
}

// parameters compares an address with the parameters beside it. The map may be left
// out. Where it is there it has to agree with the address, and in 3.x it must not
// stand beside an address without parameters.
func (v *documentCheck) parameters(address string, n *Node, report func(rule, msg, hint string)) {
	used := placeholders(address)
	params := v.l.st.deref(n.Get("parameters"))
	if params != nil && params.Kind != Map {
		return // the schema check reports it
	}
	demanded := params != nil && (len(used) > 0 || v.d.file.major == 3)
	for _, name := range used {
		if params.Get(name) == nil {
			report("spec/parameters", "parameter {"+name+"} of the address is not declared", "declare it under parameters")
			v.unless(demanded)
		}
	}
	for _, p := range params.Children() {
		if !slices.Contains(used, p.Key) {
			v.reportKey("spec/parameters", p, "parameter "+quote(p.Key)+" is declared and the address does not use it", "use {"+p.Key+"} in the address, or drop the parameter")
			v.unless(demanded)
		}
	}
}

func (v *documentCheck) channelServers(entry *Node) {
	root := v.d.root()
	servers := v.l.st.deref(root.Get("servers"))
	n := entry
	if _, isRef := refOf(entry); isRef {
		if v.d.file.major == 3 || entry.Get("servers") == nil {
			return
		}
	}
	if !v.mine(n.Get("servers")) {
		return
	}
	for _, s := range n.Get("servers").Children() {
		if s.Kind == String && v.d.file.major == 2 {
			if servers.Get(s.Value) == nil {
				var known []string
				for _, k := range servers.Children() {
					known = append(known, k.Key)
				}
				hint := "known: " + join(known)
				if m := nearest(s.Value, known); m != "" {
					hint = "did you mean " + m + "?"
				}
				v.report("spec/channel-servers", s, "server "+quote(s.Value)+" is not declared", hint)
			}
			continue
		}
		if !v.leadsTo(s, servers) {
			v.report("spec/channel-servers", s.orRef(), "the servers of a channel must be servers of the document", "write $ref: '#/servers/<key>'")
		}
	}
}

// leadsTo reports whether the references of n pass through an entry of a map.
func (v *documentCheck) leadsTo(n, entries *Node) bool {
	for range 64 {
		if n == nil {
			return false
		}
		if entries != nil && n.parent == entries {
			return true
		}
		if _, ok := refOf(n); !ok {
			return false
		}
		n = v.l.st.step(n).node
	}
	return false
}

// orRef is the text of the reference that n is, else n.
func (n *Node) orRef() *Node {
	if _, ok := refOf(n); ok {
		return n.Get("$ref")
	}
	return n
}

func (v *documentCheck) topic(ch *Channel, report func(rule, msg, hint string)) {
	kafka := v.l.st.deref(v.l.st.deref(ch.node.Get("bindings")).Get("kafka"))
	name := ch.Topic
	if t := kafka.Get("topic"); t != nil {
		if name = t.Text(); name != "" && ch.Family == nil {
			if err := TopicNameError(name); err != nil {
				f := newFinding("topic/name", t, subjectOf("topic", name), "topic name "+quote(shorten(name, 80))+" "+err.Error(), "Kafka refuses it")
				v.d.fs = append(v.d.fs, f)
			}
		}
		return
	}
	if ch.Protocol != "kafka" || name == "" {
		return
	}
	if err := TopicNameError(name); err != nil {
		at := len(v.d.fs)
		report("topic/name", "topic name "+quote(shorten(name, 80))+" "+err.Error(), "Kafka refuses it; give the legal name under bindings.kafka.topic")
		v.d.fs[at].Subject = subjectOf("topic", name)
	}
}

func (v *documentCheck) overrides(ch *Channel) {
	for _, o := range ch.Overrides {
		i := slices.IndexFunc(v.d.app.Servers, func(s *Server) bool { return s.Key == o.Server })
		var msg string
		switch {
		case ch.Foreign:
			continue
		case i < 0:
			msg = "override for server " + quote(o.Server) + ", which the document does not declare"
		case len(ch.Servers) > 0 && !slices.Contains(ch.Servers, v.d.app.Servers[i]):
			msg = "override for server " + quote(o.Server) + ", which the channel is not on"
		default:
			continue
		}
		v.d.fs = append(v.d.fs, finding.Finding{
			Rule: "env/override-server", Severity: finding.Warning, Subject: subjectOf("channel", ch.Name()),
			Message: msg, Hint: "the key of an override is the key of a server", Position: o.At,
		})
	}
}

func (v *documentCheck) operation(op *Operation) {
	n := op.node
	if v.d.file.major == 3 {
		v.operation3(op)
	}
	if v.mine(n) {
		v.security(n)
		v.tags(n, true)
	}
	v.suspectPerspective(op)
	if op.Reply != nil {
		v.reply(op)
	}
}

func (v *documentCheck) operation3(op *Operation) {
	root := v.d.root()
	channels := v.l.st.deref(root.Get("channels"))
	check := func(ref, list *Node, ch *Channel) {
		if ref == nil {
			return
		}
		if _, ok := refOf(ref); !ok {
			return // the schema says that it must be one
		}
		if !v.leadsTo(ref, channels) {
			v.report("spec/operation-channel", ref.orRef(), "the channel of an operation must be one of the document's channels", "write $ref: '#/channels/<key>'")
			return
		}
		if ch == nil {
			return
		}
		messages := v.l.st.deref(ch.node.Get("messages"))
		for _, m := range list.Children() {
			if _, ok := refOf(m); !ok || v.leadsTo(m, messages) {
				continue
			}
			v.report("spec/operation-messages", m.orRef(), "message does not come from the channel "+quote(ch.ID)+" of the operation",
				"write $ref: '#/channels/"+ch.ID+"/messages/<key>'")
		}
	}
	n := op.node
	if !v.sameFile(n) {
		return
	}
	check(n.Get("channel"), n.Get("messages"), op.Channel)
	if r := v.l.st.deref(n.Get("reply")); r != nil && op.Reply != nil && v.sameFile(r) {
		check(r.Get("channel"), r.Get("messages"), op.Reply.Channel)
	}
}

func (v *documentCheck) sameFile(n *Node) bool { return n.fileName() == v.d.file.name }

func (v *documentCheck) reply(op *Operation) {
	r := v.l.st.deref(op.node.Get("reply"))
	if r.Get("address") == nil || op.Reply.Channel == nil {
		return
	}
	addr := op.Reply.Channel.node.Get("address")
	if addr == nil || addr.Kind == Null {
		return
	}
	f := newFinding("spec/reply-address", r, subjectOf("operation", op.ID),
		"the reply has an address of its own, so its channel "+quote(op.Reply.Channel.ID)+" must have none, and it has "+show(addr),
		"set the channel's address to null, or drop the reply's address")
	f.Position = r.Get("address").KeyPos()
	f.Related = []finding.Related{{Position: addr.Pos(), Message: "the fixed address"}}
	v.d.fs = append(v.d.fs, f)
}

// uniqueIDs finds an id on two things. What is used twice by reference is one thing.
func (v *documentCheck) uniqueIDs() {
	ops, msgs := map[string]*Node{}, map[string]*Node{}
	note := func(seen map[string]*Node, rule, key string, owner *Node) {
		id := v.idOf(owner, key)
		if id == nil {
			return
		}
		old, ok := seen[id.Value]
		if !ok {
			seen[id.Value] = owner
			return
		}
		if old != owner {
			v.report(rule, id, key+" "+quote(id.Value)+" is used twice", "give each its own")
		}
	}
	for _, ch := range v.d.app.Channels {
		for _, verb := range [...]string{"publish", "subscribe"} {
			op := v.l.st.deref(ch.node.Get(verb))
			if op == nil {
				continue
			}
			note(ops, "spec/operation-id", "operationId", op)
			entry := op.Get("message")
			list := []*Node{entry}
			if m := v.l.st.deref(entry); m.Get("oneOf") != nil {
				list = m.Get("oneOf").Children()
			}
			for _, e := range list {
				if m := v.l.st.deref(e); m != nil {
					note(msgs, "spec/message-id", "messageId", m)
				}
			}
		}
	}
}

// idOf is the id that a thing has from its last trait that gives one, else of itself.
func (v *documentCheck) idOf(n *Node, key string) *Node {
	for _, t := range slices.Backward(v.l.st.deref(n.Get("traits")).Children()) {
		if id := v.l.st.deref(t).Get(key); id != nil && id.Kind == String {
			return id
		}
	}
	if id := n.Get(key); id != nil && id.Kind == String {
		return id
	}
	return nil
}

func (v *documentCheck) message(m *Message) {
	n := m.node
	if n == nil || n.Kind != Map || !v.mine(n) {
		return
	}
	v.tags(n, true)
	if h := m.Headers; h != nil && h.node != nil && h.Format == FormatJSON && v.d.file.major == 3 {
		if t := h.node.Get("type"); t != nil && t.Text() != "object" {
			v.report("msg/headers-type", t, "headers must be of type object", "write type: object")
		}
	}
	if c := v.l.st.deref(n.Get("correlationId")); c != nil {
		v.expression(c.Get("location"), m)
	}
	v.examples(m)
}

// expression checks that a runtime expression points at something that is declared.
func (v *documentCheck) expression(loc *Node, m *Message) {
	if loc == nil {
		return
	}
	part, ptr, ok := strings.Cut(strings.TrimPrefix(loc.Text(), "$message."), "#")
	if !ok || !strings.HasPrefix(loc.Text(), "$message.") {
		return // the schema's pattern reports it
	}
	s := m.Payload
	what := "payload"
	if part == "header" {
		s, what = m.Headers, "header"
	}
	if part == "payload" && s == nil {
		return
	}
	if s != nil && (s.node == nil || s.Format != FormatJSON && s.Format != FormatAvro) {
		return
	}
	var root *Node
	if s != nil {
		root = s.node
	}
	if declared(v.l.st, root, strings.Split(strings.TrimPrefix(ptr, "/"), "/"), 0) {
		return
	}
	msg := "correlationId points at a header that no headers schema declares: " + loc.Value
	if what == "payload" {
		msg = "correlationId points at a field that the payload does not declare: " + loc.Value
	}
	f := newFinding("msg/correlation-id", loc, subjectOf("message", m.ID), msg, "declare it, so that a message can be followed by it")
	v.d.fs = append(v.d.fs, f)
}

// declared walks a JSON pointer through a schema.
func declared(st *store, n *Node, toks []string, depth int) bool {
	n = st.deref(n)
	if n == nil || depth > 60 {
		return false
	}
	if n.Kind == Bool {
		return n.Value == "true"
	}
	if len(toks) == 0 || len(toks) == 1 && toks[0] == "" {
		return true
	}
	tok := unescapePointer(toks[0])
	if p := n.Get("properties").Get(tok); p != nil && declared(st, p, toks[1:], depth+1) {
		return true
	}
	for _, f := range n.Get("fields").Children() {
		if f.Get("name").Text() == tok {
			t := f.Get("type")
			if len(toks) == 1 || declared(st, t, toks[1:], depth+1) {
				return true
			}
			for _, u := range t.Children() {
				if t.Kind == List && declared(st, u, toks[1:], depth+1) {
					return true
				}
			}
		}
	}
	for _, p := range n.Get("patternProperties").Children() {
		if re, err := regexp.Compile(p.Key); err == nil && re.MatchString(tok) && declared(st, p, toks[1:], depth+1) {
			return true
		}
	}
	if it := n.Get("items"); it != nil && isIndex(tok) && declared(st, it, toks[1:], depth+1) {
		return true
	}
	if ap := n.Get("additionalProperties"); ap != nil && ap.Kind == Map && declared(st, ap, toks[1:], depth+1) {
		return true
	}
	for _, key := range [...]string{"allOf", "anyOf", "oneOf"} {
		for _, c := range n.Get(key).Children() {
			if declared(st, c, toks, depth+1) {
				return true
			}
		}
	}
	t := st.also(n)
	return t != nil && declared(st, t, toks, depth+1)
}

func isIndex(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
