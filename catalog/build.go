package catalog

import (
	"slices"
	"strconv"
	"strings"

	"github.com/weirhq/weir/finding"
)

// builder makes one document into an application. Every reference that it follows
// was checked before.
type builder struct {
	l   *loader
	st  *store
	doc *document
	app *Application

	marks map[*Node][]FieldMark
}

func (b *builder) report(rule string, n *Node, subject finding.Subject, msg, hint string) {
	b.doc.fs = append(b.doc.fs, newFinding(rule, n, subject, msg, hint))
}

// get returns the value of a key with references followed.
func (b *builder) get(n *Node, key string) *Node { return b.st.deref(n.Get(key)) }

func (b *builder) application() {
	root := b.doc.root()
	info := b.get(root, "info")
	a := &Application{
		Title: info.Get("title").Text(), ID: root.Get("id").Text(), Version: scalarText(info.Get("version")),
		Spec: b.doc.file.spec, Description: info.Get("description").Text(),
		File: b.doc.file.name, node: root, doc: b.doc, At: root.Pos(),
	}
	if t := info.Get("title"); t != nil {
		a.At = t.Pos()
	}
	b.app, b.doc.app = a, a
	a.Tags = append(b.tags(root), b.tags(info)...)
	a.Owner = b.appOwner(root, info)
	a.System = textValue(root.Get("x-system"), OriginExtension)
	if !a.System.Known() && b.dialect() == DialectSpecMesh && a.ID != "" {
		a.System = Value[string]{V: specmeshDomain(a.ID), Origin: OriginAlias, Key: "id", At: root.Get("id").Pos()}
	}
	a.Waivers = b.waivers(root)
	for _, s := range b.get(root, "servers").Children() {
		a.Servers = append(a.Servers, b.server(s))
	}
	for _, n := range b.get(root, "channels").Children() {
		if strings.HasPrefix(n.Key, "x-") && b.doc.file.major == 3 && n.Kind != Map {
			continue
		}
		ch := b.channel(n)
		a.Channels = append(a.Channels, ch)
		b.doc.channels[n] = ch
	}
	if b.doc.file.major == 2 {
		for _, n := range b.get(root, "channels").Children() {
			b.operations2(n, b.doc.channels[n])
		}
		return
	}
	for _, n := range b.get(root, "operations").Children() {
		b.operation3(n)
	}
}

func (b *builder) dialect() Dialect {
	if b.l.o.Dialect == nil {
		return ""
	}
	return b.l.o.Dialect(b.doc.file.name)
}

func specmeshDomain(id string) string {
	id = strings.TrimPrefix(id, "urn:")
	return strings.ReplaceAll(id, ":", ".")
}

func (b *builder) tags(n *Node) []Tag {
	var ts []Tag
	for _, t := range b.get(n, "tags").Children() {
		if t = b.st.deref(t); t.Get("name") != nil {
			ts = append(ts, Tag{Name: t.Get("name").Text(), Description: t.Get("description").Text(), At: t.Pos()})
		}
	}
	return ts
}

func (b *builder) server(entry *Node) *Server {
	n := b.st.deref(entry)
	s := &Server{
		Key: entry.Key, Identity: n.Identity(), Protocol: strings.ToLower(n.Get("protocol").Text()),
		URL: n.Get("url").Text(), Tags: b.tags(n), Description: n.Get("description").Text(), At: entry.KeyPos(), node: n,
	}
	if h := n.Get("host"); h != nil {
		s.URL = h.Text() + n.Get("pathname").Text()
	}
	if k := b.kafkaBinding(n); k != nil {
		s.SchemaRegistryURL = textValue(k.Get("schemaRegistryUrl"), OriginNative)
	}
	for _, r := range b.get(n, "security").Children() {
		if t := b.st.deref(r).Get("type").Text(); t != "" {
			s.Security = append(s.Security, t)
			continue
		}
		for _, req := range r.Children() {
			scheme := b.get(b.get(b.get(b.doc.root(), "components"), "securitySchemes"), req.Key)
			if t := scheme.Get("type").Text(); t != "" {
				s.Security = append(s.Security, t)
			}
		}
	}
	slices.Sort(s.Security)
	s.Security = slices.Compact(s.Security)
	return s
}

// kafkaBinding returns the Kafka binding of an object.
func (b *builder) kafkaBinding(n *Node) *Node {
	return b.get(b.get(n, "bindings"), "kafka")
}

// kafkaProtocol folds the spellings of Kafka's protocol into one.
func kafkaProtocol(p string) string {
	switch p {
	case "kafka", "kafka-secure", "kafka-ssl", "kafka-sasl", "kafkas":
		return "kafka"
	}
	return p
}

func (b *builder) channel(entry *Node) *Channel {
	n := b.st.deref(entry)
	ch := &Channel{ID: entry.Key, App: b.app, At: entry.KeyPos(), entry: entry, node: n, Identity: n.Identity()}
	ch.Foreign = n.fileName() != b.doc.file.name
	if n == nil {
		ch.Identity = remoteIdentity(b.st, entry)
	}
	if ref, ok := refOf(entry); ok && len(entry.kids) > 1 && b.doc.file.major == 2 {
		for _, k := range entry.kids {
			if k.Key != "$ref" && n.Get(k.Key) != nil {
				b.report("ref/siblings", k, subjectOf("channel", ch.ID),
					quote(k.Key)+" stands here and in "+ref+"; this one is used", "say it in one place")
			}
		}
		local := &Node{Kind: Map, parent: entry.parent, Key: entry.Key, line: entry.line, col: entry.col, kline: entry.kline, kcol: entry.kcol}
		for _, k := range entry.kids {
			if k.Key != "$ref" {
				local.kids = append(local.kids, k)
			}
		}
		ch.node = mergeNodes(local, n)
	}
	major := b.majorOf(n)
	switch {
	case n == nil: // remote, and not fetched
	case major == 2:
		ch.Address = n.Key
		if !strings.HasPrefix(n.Pointer(), "/channels/") {
			ch.Address = entry.Key
		}
	default:
		ch.Address = n.Get("address").Text()
	}
	n = ch.node
	ch.Title, ch.Summary, ch.Description = n.Get("title").Text(), n.Get("summary").Text(), n.Get("description").Text()
	ch.Tags = b.tags(n)
	b.channelServers(ch)
	ch.Protocol = b.protocol(ch)
	b.channelTopic(ch)
	b.channelKafka(ch)
	b.channelGovernance(ch)
	if major == 3 {
		for _, m := range b.get(n, "messages").Children() {
			msg := b.message(m, m.Key)
			b.doc.messages[m] = msg
			ch.Messages = append(ch.Messages, msg)
		}
	} else {
		for _, verb := range [...]string{"publish", "subscribe"} {
			for _, m := range b.messages2(b.get(n, verb)) {
				if ch.Message(m.ID) == nil {
					ch.Messages = append(ch.Messages, m)
				}
			}
		}
	}
	return ch
}

// majorOf is the major version by which a node is read: that of its own document, for
// a fragment that of the document which refers to it.
func (b *builder) majorOf(n *Node) int {
	if n != nil {
		if m := n.root().file.major; m != 0 {
			return m
		}
	}
	return b.doc.file.major
}

func (b *builder) channelServers(ch *Channel) {
	for _, s := range b.get(ch.node, "servers").Children() {
		if s.Kind == String {
			if i := slices.IndexFunc(b.app.Servers, func(x *Server) bool { return x.Key == s.Value }); i >= 0 {
				ch.Servers = append(ch.Servers, b.app.Servers[i])
			}
			continue
		}
		if t := b.st.deref(s); t != nil {
			id := t.Identity()
			if i := slices.IndexFunc(b.app.Servers, func(x *Server) bool { return x.Identity == id }); i >= 0 {
				ch.Servers = append(ch.Servers, b.app.Servers[i])
			}
		}
	}
}

// protocol tells what the channel is spoken in: Kafka when any server or binding
// says so, else what the first of them says.
func (b *builder) protocol(ch *Channel) string {
	servers := ch.Servers
	if len(servers) == 0 {
		servers = b.app.Servers
	}
	var ps []string
	for _, k := range b.get(ch.node, "bindings").Children() {
		ps = append(ps, kafkaProtocol(k.Key))
	}
	for _, s := range servers {
		if s.Protocol != "" {
			ps = append(ps, kafkaProtocol(s.Protocol))
		}
	}
	if slices.Contains(ps, "kafka") {
		return "kafka"
	}
	ps = slices.DeleteFunc(ps, func(p string) bool { return strings.HasPrefix(p, "x-") })
	if len(ps) > 0 {
		return ps[0]
	}
	return ""
}

func (b *builder) channelTopic(ch *Channel) {
	addr := ch.Address
	kafka := b.kafkaBinding(ch.node)
	if t := kafka.Get("topic").Text(); t != "" {
		addr = t
	} else if b.dialect() == DialectSpecMesh && b.app.ID != "" && addr != "" {
		domain := specmeshDomain(b.app.ID)
		addr = strings.ReplaceAll(addr, "/", ".")
		if !strings.HasPrefix(addr, domain+".") {
			addr = domain + "." + addr
		}
	}
	params := b.get(ch.node, "parameters").Children()
	for _, p := range params {
		d := b.st.deref(p)
		q := Parameter{Name: p.Key, Description: d.Get("description").Text(), At: p.KeyPos()}
		enum := d.Get("enum")
		if s := b.get(d, "schema"); s != nil {
			enum = s.Get("enum")
		}
		for _, e := range enum.Children() {
			q.Enum = append(q.Enum, e.Value)
		}
		ch.Parameters = append(ch.Parameters, q)
	}
	if strings.ContainsAny(addr, "{") {
		ch.Family = &Family{Pattern: addr, Regex: familyRegex(addr, ch.Parameters)}
		return
	}
	if addr == "" || !ch.Kafka() {
		return
	}
	// Nothing says Kafka: only a name that Kafka takes is read as a topic.
	if ch.Protocol == "" && TopicNameError(addr) != nil {
		return
	}
	ch.Topic = addr
}

// mergeNodes lays over on top of under, mapping by mapping. Entries keep the places
// of the files they come from.
func mergeNodes(over, under *Node) *Node {
	if over == nil {
		return under
	}
	if under == nil || over.Kind != Map || under.Kind != Map {
		return over
	}
	m := *over
	m.kids = make([]*Node, 0, len(over.kids)+len(under.kids))
	for _, k := range over.kids {
		m.kids = append(m.kids, mergeNodes(k, under.Get(k.Key)))
	}
	for _, k := range under.kids {
		if over.Get(k.Key) == nil {
			m.kids = append(m.kids, k)
		}
	}
	return &m
}

// traits applies the traits of an operation or message: in 2.x a trait is a merge
// patch over its target, in 3.x it must not override it.
func (b *builder) traits(n *Node) *Node {
	list := b.get(n, "traits").Children()
	if len(list) == 0 {
		return n
	}
	major := b.majorOf(n)
	out := n
	for _, t := range list {
		if t.Kind == List && len(t.kids) > 0 { // 2.0: [trait, parameters]
			t = t.kids[0]
		}
		t = b.st.deref(t)
		if t == nil || t.Kind != Map {
			continue
		}
		if major == 2 {
			merged := mergeNodes(t, out)
			place := *out
			if merged.Kind == Map {
				place.kids = merged.kids
			}
			out = &place
			continue
		}
		out = mergeNodes(out, t)
	}
	return out
}

// fromClient says whether 2.x publish and subscribe are to be swapped.
func (b *builder) fromClient(op *Node) bool {
	p := PerspectiveApplication
	if b.l.o.Perspective != nil {
		if q := b.l.o.Perspective(b.doc.file.name); q != "" {
			p = q
		}
	}
	for _, n := range [...]*Node{b.doc.root(), op} {
		if v := Perspective(n.Get("x-perspective").Text()); v == PerspectiveApplication || v == PerspectiveClient {
			p = v
		}
	}
	return p == PerspectiveClient
}

func (b *builder) operations2(entry *Node, ch *Channel) {
	for _, verb := range [...]string{"publish", "subscribe"} {
		raw := b.get(ch.node, verb)
		if raw == nil || raw.Kind != Map {
			continue
		}
		if ch.Foreign && entry.Get(verb) == nil {
			// What another document does with its channel is not what this one does.
			continue
		}
		n := b.traits(raw)
		op := &Operation{ID: n.Get("operationId").Text(), App: b.app, Channel: ch, At: raw.KeyPos(), node: n}
		if op.ID == "" {
			op.ID = ch.ID + "." + verb
		}
		op.Direction = Receive
		if verb == "subscribe" {
			op.Direction = Send
		}
		op.DirectionOrigin = "2.x " + verb
		if b.fromClient(n) {
			op.DirectionOrigin += ", perspective client"
			if op.Direction == Send {
				op.Direction = Receive
			} else {
				op.Direction = Send
			}
		}
		for _, m := range b.messages2(raw) {
			if have := ch.Message(m.ID); have != nil {
				op.Messages = append(op.Messages, have)
			}
		}
		b.operationDetails(op)
		b.app.Operations = append(b.app.Operations, op)
	}
}

// messages2 lists the messages of a 2.x operation.
func (b *builder) messages2(op *Node) []*Message {
	entry := op.Get("message")
	if entry == nil {
		return nil
	}
	list := []*Node{entry}
	if n := b.st.deref(entry); n.Get("oneOf") != nil {
		list = n.Get("oneOf").Children()
	}
	ms := make([]*Message, 0, len(list))
	for i, e := range list {
		if m, ok := b.doc.messages[e]; ok {
			ms = append(ms, m)
			continue
		}
		n := b.st.deref(e)
		if n != nil && n.Kind != Map {
			continue
		}
		id := n.Get("messageId").Text()
		if _, isRef := refOf(e); id == "" && isRef && n != nil && n.Key != "" && n.parent != nil {
			id = n.Key
		}
		if id == "" {
			id = n.Get("name").Text()
		}
		if id == "" {
			id = "message"
			if i > 0 {
				id += "-" + strconv.Itoa(i+1)
			}
		}
		m := b.message(e, id)
		b.doc.messages[e] = m
		ms = append(ms, m)
	}
	return ms
}

func (b *builder) operation3(entry *Node) {
	raw := b.st.deref(entry)
	if raw == nil || raw.Kind != Map {
		return
	}
	n := b.traits(raw)
	op := &Operation{ID: entry.Key, App: b.app, At: entry.KeyPos(), node: n}
	switch action := n.Get("action").Text(); action {
	case "send", "receive":
		op.Direction, op.DirectionOrigin = Direction(action), action
	default:
		return // the schema check reports it
	}
	op.Channel = b.channelOf(n.Get("channel"))
	if op.Channel != nil {
		op.Messages = b.operationMessages(op.Channel, n.Get("messages"))
	}
	if r := b.get(n, "reply"); r != nil {
		op.Reply = &Reply{Location: b.get(r, "address").Get("location").Text(), Channel: b.channelOf(r.Get("channel")), At: r.Pos()}
		if op.Reply.Channel != nil {
			op.Reply.Messages = b.operationMessages(op.Reply.Channel, r.Get("messages"))
		}
	}
	b.operationDetails(op)
	b.app.Operations = append(b.app.Operations, op)
}

// channelOf finds the channel that an operation refers to: the reference is
// followed only as far as an entry of the document's own channels.
func (b *builder) channelOf(ref *Node) *Channel {
	n := ref
	for range 64 {
		if n == nil {
			return nil
		}
		if ch, ok := b.doc.channels[n]; ok {
			return ch
		}
		if _, ok := refOf(n); !ok {
			break
		}
		n = b.st.step(n).node
	}
	if n == nil || n.Kind != Map {
		return nil
	}
	id := n.Identity()
	if i := slices.IndexFunc(b.app.Channels, func(c *Channel) bool { return c.Identity == id }); i >= 0 {
		return b.app.Channels[i]
	}
	// The operation points past the document's channels. The rules say so; the model
	// still knows what is meant.
	ch := b.channel(n)
	ch.ID = cmpOr(n.Key, "channel")
	b.app.Channels = append(b.app.Channels, ch)
	b.doc.channels[n] = ch
	return ch
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func (b *builder) operationMessages(ch *Channel, list *Node) []*Message {
	if list == nil {
		return slices.Clone(ch.Messages)
	}
	var ms []*Message
	for _, e := range list.Children() {
		if m := b.messageOf(ch, e); m != nil {
			ms = append(ms, m)
		}
	}
	return ms
}

func (b *builder) messageOf(ch *Channel, ref *Node) *Message {
	n := ref
	for range 64 {
		if n == nil {
			return nil
		}
		if m, ok := b.doc.messages[n]; ok && slices.Contains(ch.Messages, m) {
			return m
		}
		if _, ok := refOf(n); !ok {
			break
		}
		n = b.st.step(n).node
	}
	if n == nil {
		return nil
	}
	id := n.Identity()
	for _, m := range ch.Messages {
		if m.Identity == id {
			return m
		}
	}
	return nil
}

func (b *builder) message(entry *Node, id string) *Message {
	raw := b.st.deref(entry)
	m := &Message{ID: id, At: entry.Pos(), node: raw}
	if entry.kline > 0 {
		m.At = entry.KeyPos()
	}
	if raw == nil || raw.Kind != Map {
		m.Identity = entry.Identity()
		if raw == nil {
			m.Identity = remoteIdentity(b.st, entry)
			m.Payload = b.schema(entry, nil)
		}
		return m
	}
	m.Identity = raw.Identity()
	n := b.traits(raw)
	m.node = n
	m.Name, m.Title = n.Get("name").Text(), n.Get("title").Text()
	m.Summary, m.Description = n.Get("summary").Text(), n.Get("description").Text()
	m.Tags = b.tags(n)
	m.ContentType = textValue(n.Get("contentType"), OriginNative)
	if !m.ContentType.Known() {
		m.ContentType = textValue(b.doc.root().Get("defaultContentType"), OriginInherited)
	}
	m.CorrelationID = b.get(n, "correlationId").Get("location").Text()
	m.Headers = b.schema(n.Get("headers"), nil)
	m.Payload = b.schema(n.Get("payload"), n.Get("schemaFormat"))
	if k := b.kafkaBinding(n); k != nil {
		m.Key = b.schema(k.Get("key"), nil)
		m.SchemaIDLocation = textValue(k.Get("schemaIdLocation"), OriginNative)
	}
	for _, e := range n.Get("examples").Children() {
		x := Example{Name: e.Get("name").Text(), Summary: e.Get("summary").Text(), At: e.Pos()}
		if p := e.Get("payload"); p != nil {
			x.Payload = p.JSON()
		}
		if h := e.Get("headers"); h != nil {
			x.Headers = h.JSON()
		}
		m.Examples = append(m.Examples, x)
	}
	b.messageGovernance(m)
	return m
}

// schema reads a schema object. format is the 2.x schemaFormat beside it.
func (b *builder) schema(entry, format *Node) *Schema {
	if entry == nil {
		return nil
	}
	r := b.st.follow(entry)
	if r.node == nil {
		ref, at := remoteRef(b.st, entry)
		return &Schema{Format: FormatOpaque, Remote: ref, At: at, Identity: remoteIdentity(b.st, entry), store: b.st}
	}
	n := r.node
	media := format
	if n.Kind == Map && n.Get("schemaFormat") != nil && n.Get("schema") != nil {
		media = n.Get("schemaFormat")
		inner := b.st.follow(n.Get("schema"))
		if inner.node == nil {
			ref, at := remoteRef(b.st, n.Get("schema"))
			return &Schema{
				Format: formatOf(media.Text()), MediaType: media.Text(), Remote: ref, At: at,
				Identity: n.Identity(), store: b.st,
			}
		}
		n = inner.node
	}
	s := &Schema{Identity: n.Identity(), At: n.Pos(), node: n, store: b.st}
	if media != nil {
		s.MediaType = media.Text()
		s.Format = formatOf(s.MediaType)
	} else {
		s.MediaType = "application/vnd.aai.asyncapi+json;version=" + b.doc.file.spec
		s.Format = FormatJSON
		// Without a format the text says JSON Schema; an .avsc or .proto file says
		// otherwise of itself.
		switch {
		case strings.HasSuffix(n.fileName(), ".avsc"):
			s.Format = FormatAvro
		case strings.HasSuffix(n.fileName(), ".proto"):
			s.Format = FormatProtobuf
		}
	}
	return s
}

func remoteRef(st *store, n *Node) (string, finding.Position) {
	for range 64 {
		ref, ok := refOf(n)
		if !ok {
			break
		}
		r := st.step(n)
		if r.node == nil {
			if !isRemoteName(ref) { // it leads through a remote reference
				ref = r.what
			}
			return ref, n.Get("$ref").Pos()
		}
		n = r.node
	}
	return "", n.Pos()
}

// remoteIdentity names what lies behind a reference that was not fetched, so that two
// references to it are to the same thing.
func remoteIdentity(st *store, n *Node) Identity {
	ref, _ := remoteRef(st, n)
	file, ptr, _ := strings.Cut(ref, "#")
	return Identity{File: file, Pointer: ptr}
}

// formatOf reads a schemaFormat as a media type; versions are not looked at.
func formatOf(media string) SchemaFormat {
	base, params, _ := strings.Cut(strings.ToLower(media), ";")
	base = strings.TrimSpace(base)
	for _, suffix := range [...]string{"+json", "+yaml"} {
		base = strings.TrimSuffix(base, suffix)
	}
	switch base {
	case "application/vnd.aai.asyncapi", "application/schema", "application/json":
		return FormatJSON
	case "application/vnd.apache.avro", "avro/binary", "application/avro":
		return FormatAvro
	case "application/vnd.google.protobuf", "application/x-protobuf", "application/protobuf":
		return FormatProtobuf
	case "application/vnd.oai.openapi":
		return FormatOpenAPI
	case "application/raml":
		return FormatRAML
	case "":
		if strings.Contains(params, "draft-") {
			return FormatJSON
		}
	}
	if strings.HasPrefix(base, "draft-") {
		return FormatJSON
	}
	return FormatOpaque
}
