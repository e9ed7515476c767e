package catalog

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/weirhq/weir/finding"
)

// JSON is the node as JSON text, keys in the order of the document.
func (n *Node) JSON() []byte {
	var w jsonWriter
	w.node(n)
	return w.b.Bytes()
}

type jsonWriter struct {
	b bytes.Buffer
}

func (w *jsonWriter) str(s string) {
	enc := json.NewEncoder(&w.b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err == nil {
		w.b.Truncate(w.b.Len() - 1) // Encode ends with a newline
	}
}

func (w *jsonWriter) scalar(n *Node) {
	switch n.Kind {
	case Null:
		w.b.WriteString("null")
	case Bool, Number:
		w.b.WriteString(n.Value)
	default:
		w.str(n.Value)
	}
}

func (w *jsonWriter) node(n *Node) {
	switch {
	case n == nil:
		w.b.WriteString("null")
	case n.Kind == List:
		w.b.WriteByte('[')
		for i, k := range n.kids {
			if i > 0 {
				w.b.WriteByte(',')
			}
			w.node(k)
		}
		w.b.WriteByte(']')
	case n.Kind == Map:
		w.b.WriteByte('{')
		for i, k := range n.kids {
			if i > 0 {
				w.b.WriteByte(',')
			}
			w.str(k.Key)
			w.b.WriteByte(':')
			w.node(k)
		}
		w.b.WriteByte('}')
	default:
		w.scalar(n)
	}
}

// bundle writes a schema and everything it refers to as one document: what lies
// outside of the schema itself goes under definitions. References are resolved, so
// names that schemas give themselves are left out. A definition keeps a name of its
// own where it must be a resource of its own: for its dialect, or for its anchors.
type bundle struct {
	jsonWriter
	st    *store
	root  *Node
	in    dialect // of the root
	names map[definition]place
	taken map[string]bool
	queue []definition
	// inline puts a target in the place of its reference: Avro has no $ref.
	inline bool
	depth  int

	at        dialect // of what is being written
	apart     bool    // it is in a resource of its own
	resources bool    // there is one
}

// definition is a schema as it is read in one dialect.
type definition struct {
	n  *Node
	in dialect
}

// place is where a definition is written.
type place struct {
	name  string
	apart bool // as a resource of its own
}

// Names of the resources of a bundle.
const (
	bundleID     = "weir://catalog/schema"
	definitionID = "weir://catalog/definitions/"
)

// newBundle starts a bundle; in is the dialect where the schema does not tell its own.
func newBundle(st *store, root *Node, in dialect) *bundle {
	b := &bundle{st: st, root: root, names: map[definition]place{}, taken: map[string]bool{}}
	b.in = cmp.Or(dialectAt(root), in)
	b.at = b.in
	for _, d := range root.Get("definitions").Children() {
		b.taken[d.Key] = true
	}
	return b
}

func (b *bundle) write() []byte {
	if b.root.Kind != Map {
		b.schema(b.root, false)
		return b.b.Bytes()
	}
	b.b.WriteByte('{')
	comma := false
	sep := func() {
		if comma {
			b.b.WriteByte(',')
		}
		comma = true
	}
	pair := func(key, value string) {
		sep()
		b.str(key)
		b.b.WriteByte(':')
		b.str(value)
	}
	if b.in != "" && !b.inline && b.root.Get("$schema") == nil {
		pair("$schema", string(b.in))
	}
	var defs, id *Node
	for _, k := range b.root.kids {
		if k.Key == "definitions" && k.Kind == Map {
			defs = k
			continue
		}
		if k.Key == b.in.idKey() && k.Kind == String && !b.inline {
			id = k
			continue
		}
		sep()
		b.entry(k, false)
	}
	if defs != nil || len(b.queue) > 0 {
		sep()
		b.b.WriteString(`"definitions":{`)
		comma = false
		for _, k := range defs.Children() {
			sep()
			b.str(k.Key)
			b.b.WriteByte(':')
			b.schema(k, false)
		}
		for len(b.queue) > 0 {
			d := b.queue[0]
			b.queue = b.queue[1:]
			sep()
			b.str(b.names[d].name)
			b.b.WriteByte(':')
			b.definition(d)
		}
		b.b.WriteByte('}')
		comma = true
	}
	switch {
	case b.resources:
		pair(b.in.idKey(), bundleID)
	case id != nil:
		pair(id.Key, id.Value)
	}
	b.b.WriteByte('}')
	return b.b.Bytes()
}

func (b *bundle) definition(d definition) {
	b.at, b.apart = d.in, b.names[d].apart
	defer func() { b.at, b.apart = b.in, false }()
	if !b.apart {
		b.schema(d.n, false)
		return
	}
	b.b.WriteString(`{"$schema":`)
	b.str(string(cmp.Or(d.in, draft7)))
	b.b.WriteByte(',')
	b.str(d.in.idKey())
	b.b.WriteByte(':')
	b.str(definitionID + url.PathEscape(b.names[d].name))
	for _, k := range d.n.kids {
		if k.Key != "$schema" && !b.dropped(k) {
			b.b.WriteByte(',')
			b.entry(k, false)
		}
	}
	b.b.WriteByte('}')
}

// standsApart reports whether a definition must be a resource of its own.
func (b *bundle) standsApart(d definition) bool {
	return !b.inline && d.n.Kind == Map && (cmp.Or(d.in, draft7) != cmp.Or(b.in, draft7) || hasAnchors(d.n, 0))
}

// hasAnchors reports whether a schema holds keywords that mean its own resource.
func hasAnchors(n *Node, depth int) bool {
	if depth > 200 {
		return true
	}
	for _, k := range n.kids {
		switch k.Key {
		case "$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveAnchor", "$recursiveRef":
			return true
		case "$id", "id":
			if k.Kind == String && strings.HasPrefix(k.Value, "#") {
				return true
			}
		}
		if hasAnchors(k, depth+1) {
			return true
		}
	}
	return false
}

// dropped reports whether a keyword is the name that a schema gives itself. An anchor
// is none.
func (b *bundle) dropped(k *Node) bool {
	return !b.inline && k.Key == b.at.idKey() && k.Kind == String && !strings.HasPrefix(k.Value, "#")
}

func (b *bundle) entry(k *Node, names bool) {
	b.str(k.Key)
	b.b.WriteByte(':')
	if !names && (dataKeys[k.Key] || strings.HasPrefix(k.Key, "x-")) {
		b.node(k)
		return
	}
	if k.Key == "$ref" && k.Kind == String && !names {
		b.str(b.target(k.parent, k.Value))
		return
	}
	b.schema(k, !names && schemaNames[k.Key])
}

func (b *bundle) schema(n *Node, names bool) {
	if ref, ok := refOf(n); ok && !names {
		if t := b.st.deref(n); b.inline && t != nil && b.depth < 64 {
			b.depth++
			b.schema(t, false)
			b.depth--
			return
		}
		if b.inline || !b.at.siblings() {
			b.b.WriteString(`{"$ref":`)
			b.str(b.target(n, ref))
			b.b.WriteByte('}')
			return
		}
	}
	switch n.Kind {
	case Map:
		if d := ownDialect(n); d != "" && !names && !b.inline && cmp.Or(b.at, draft7) != d && n != b.root {
			b.b.WriteString(`{"$ref":`)
			b.str(b.refer(definition{n, d}))
			b.b.WriteByte('}')
			return
		}
		b.b.WriteByte('{')
		comma := false
		for _, k := range n.kids {
			if !names && b.dropped(k) {
				continue
			}
			if comma {
				b.b.WriteByte(',')
			}
			comma = true
			b.entry(k, names)
		}
		b.b.WriteByte('}')
	case List:
		b.b.WriteByte('[')
		for i, k := range n.kids {
			if i > 0 {
				b.b.WriteByte(',')
			}
			b.schema(k, false)
		}
		b.b.WriteByte(']')
	default:
		b.scalar(n)
	}
}

// target is the reference to write in place of ref.
func (b *bundle) target(n *Node, ref string) string {
	r := b.st.step(n)
	if r.node != nil {
		r = b.st.followIn(r.node, b.at)
	}
	if r.node == nil {
		return ref // remote, or a plain-name anchor: left to the reader
	}
	return b.refer(definition{r.node, cmp.Or(dialectAt(r.node), b.at)})
}

// refer is the reference to a definition, which is queued when it is new.
func (b *bundle) refer(d definition) string {
	base := ""
	if b.apart {
		base = bundleID
	}
	if cmp.Or(d.in, draft7) == cmp.Or(b.in, draft7) {
		if d.n == b.root {
			return base + "#"
		}
		if rel, ok := below(b.root, d.n); ok {
			return base + "#" + rel
		}
	}
	p, ok := b.names[d]
	if !ok {
		p = place{definitionName(d.n), b.standsApart(d)}
		for i := 2; b.taken[p.name]; i++ {
			p.name = definitionName(d.n) + "_" + strconv.Itoa(i)
		}
		b.taken[p.name], b.names[d] = true, p
		b.queue = append(b.queue, d)
		b.resources = b.resources || p.apart
	}
	if p.apart {
		return definitionID + url.PathEscape(p.name)
	}
	return base + "#/definitions/" + strings.ReplaceAll(escapePointer(p.name), "%", "%25")
}

// below is the pointer from root to n when n lies inside of it.
func below(root, n *Node) (string, bool) {
	var parts []string
	for ; n != nil && n != root; n = n.parent {
		tok := escapePointer(n.Key)
		if n.parent != nil && n.parent.Kind == List {
			tok = strconv.Itoa(int(n.index))
		}
		parts = append(parts, tok)
	}
	if n == nil {
		return "", false
	}
	var s strings.Builder
	for _, part := range slices.Backward(parts) {
		s.WriteByte('/')
		s.WriteString(part)
	}
	return s.String(), true
}

func definitionName(n *Node) string {
	if n.parent != nil && n.parent.Kind == Map {
		if (n.Key == "payload" || n.Key == "schema") && n.parent.Key != "" {
			return n.parent.Key
		}
		return n.Key
	}
	name := n.fileName()
	name = name[strings.LastIndexByte(name, '/')+1:]
	name, _, _ = strings.Cut(name, ".")
	if name == "" {
		name = "schema"
	}
	return name
}

// locate walks a pointer into the bundle back to the sources.
func (b *bundle) locate(ptr string) finding.Position {
	n := b.root
	at := n.Pos()
	if ptr == "" || ptr == "#" {
		return at
	}
	toks := strings.Split(strings.TrimPrefix(strings.TrimPrefix(ptr, "#"), "/"), "/")
	for i := 0; i < len(toks); i++ {
		tok := unescapePointer(toks[i])
		if n == b.root && tok == "definitions" && i+1 < len(toks) {
			if t := b.named(unescapePointer(toks[i+1])); t != nil {
				n, at = t, t.Pos()
				i++
				continue
			}
		}
		if _, ok := refOf(n); ok && n.Get(tok) == nil {
			if t := b.st.deref(n); t != nil {
				n = t
			}
		}
		var next *Node
		switch n.Kind {
		case Map:
			next = n.Get(tok)
		case List:
			if k, err := strconv.Atoi(tok); err == nil && k >= 0 && k < len(n.kids) {
				next = n.kids[k]
			}
		default:
		}
		if next == nil {
			return at
		}
		n, at = next, next.KeyPos()
	}
	return at
}

func (b *bundle) named(name string) *Node {
	for d, p := range b.names {
		if p.name == name {
			return d.n
		}
	}
	return nil
}
