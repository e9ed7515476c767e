package catalog

import (
	"bytes"
	"encoding/json"
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
// outside of the schema itself goes under definitions.
type bundle struct {
	jsonWriter
	st    *store
	root  *Node
	names map[*Node]string
	taken map[string]bool
	queue []*Node
	// inline puts a target in the place of its reference: Avro has no $ref.
	inline bool
	depth  int
}

func newBundle(st *store, root *Node) *bundle {
	b := &bundle{st: st, root: root, names: map[*Node]string{}, taken: map[string]bool{}}
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
	var defs *Node
	for _, k := range b.root.kids {
		if k.Key == "definitions" && k.Kind == Map {
			defs = k
			continue
		}
		sep()
		b.entry(k, false)
	}
	if defs == nil && len(b.queue) == 0 {
		b.b.WriteByte('}')
		return b.b.Bytes()
	}
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
		n := b.queue[0]
		b.queue = b.queue[1:]
		sep()
		b.str(b.names[n])
		b.b.WriteByte(':')
		b.schema(n, false)
	}
	b.b.WriteString("}}")
	return b.b.Bytes()
}

func (b *bundle) entry(k *Node, names bool) {
	b.str(k.Key)
	b.b.WriteByte(':')
	if !names && (dataKeys[k.Key] || strings.HasPrefix(k.Key, "x-")) {
		b.node(k)
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
		b.b.WriteString(`{"$ref":`)
		b.str(b.target(n, ref))
		b.b.WriteByte('}')
		return
	}
	switch n.Kind {
	case Map:
		b.b.WriteByte('{')
		for i, k := range n.kids {
			if i > 0 {
				b.b.WriteByte(',')
			}
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
	r := b.st.follow(n)
	if r.node == nil {
		return ref // remote, or a plain-name anchor: left to the reader
	}
	t := r.node
	if t == b.root {
		return "#"
	}
	if rel, ok := below(b.root, t); ok {
		return "#" + rel
	}
	name, ok := b.names[t]
	if !ok {
		name = definitionName(t)
		for i := 2; b.taken[name]; i++ {
			name = definitionName(t) + "_" + strconv.Itoa(i)
		}
		b.taken[name], b.names[t] = true, name
		b.queue = append(b.queue, t)
	}
	return "#/definitions/" + strings.ReplaceAll(escapePointer(name), "%", "%25")
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
	for n, s := range b.names {
		if s == name {
			return n
		}
	}
	return nil
}
