package catalog

import (
	"slices"
	"strings"

	"github.com/weirhq/weir/finding"
)

// Field is one field of a payload, flattened.
type Field struct {
	// Path is dotted, with [] for the items of a list: items[].sku.
	Path        string           `json:"path"`
	Type        string           `json:"type"`
	Required    bool             `json:"required"`
	Description string           `json:"description,omitempty"`
	PII         string           `json:"pii,omitempty"`
	At          finding.Position `json:"at"`
}

// maxFields bounds the list of one schema; nobody reads more.
const maxFields = 2000

// Fields lists the fields of a schema in the order of the source, for people and for
// search. A schema that refers to itself is listed once.
func (s *Schema) Fields() []Field {
	if s == nil || s.node == nil {
		return nil
	}
	w := &fieldWalk{st: s.store, on: map[*Node]bool{}}
	switch s.Format {
	case FormatJSON, FormatOpenAPI:
		w.json(s.node, "", 0)
	case FormatAvro:
		w.avro(s.node, "", 0)
	case FormatProtobuf:
		w.proto(s)
	default:
	}
	return w.fields
}

type fieldWalk struct {
	st     *store
	on     map[*Node]bool
	fields []Field
}

func (w *fieldWalk) enter(n *Node, depth int) bool {
	if n == nil || w.on[n] || depth > 30 || len(w.fields) >= maxFields {
		return false
	}
	w.on[n] = true
	return true
}

func pathJoin(at, name string) string {
	if at == "" {
		return name
	}
	return at + "." + name
}

func (w *fieldWalk) json(n *Node, at string, depth int) {
	n = w.st.deref(n)
	if !w.enter(n, depth) {
		return
	}
	defer delete(w.on, n)
	var required []string
	for _, r := range n.Get("required").Children() {
		required = append(required, r.Value)
	}
	for _, p := range n.Get("properties").Children() {
		t := w.st.deref(p)
		f := Field{
			Path: pathJoin(at, p.Key), Type: jsonType(t), Required: slices.Contains(required, p.Key),
			Description: t.Get("description").Text(), At: p.KeyPos(),
		}
		if m := mark(t); m != nil {
			f.PII = m.PII
		}
		w.fields = append(w.fields, f)
		w.json(p, f.Path, depth+1)
	}
	if it := n.Get("items"); it != nil && it.Kind == Map {
		w.json(it, at+"[]", depth+1)
	}
	for _, key := range [...]string{"allOf", "anyOf", "oneOf"} {
		for _, k := range n.Get(key).Children() {
			w.json(k, at, depth+1)
		}
	}
	w.json(w.st.also(n), at, depth+1)
}

func jsonType(n *Node) string {
	if n == nil {
		return "unknown"
	}
	t := n.Get("type")
	if t != nil && t.Kind == List {
		return strings.Join(texts(t.kids), " or ")
	}
	name := t.Text()
	if e := n.Get("enum"); e != nil {
		var vs []string
		for _, k := range e.Children() {
			vs = append(vs, scalarText(k))
		}
		return shorten("one of "+join(vs), 80)
	}
	if f := n.Get("format").Text(); f != "" && name != "" {
		return name + " (" + f + ")"
	}
	if name == "" {
		if n.Get("properties") != nil {
			return "object"
		}
		return "any"
	}
	return name
}

func (w *fieldWalk) avro(n *Node, at string, depth int) {
	n = w.st.deref(n)
	if !w.enter(n, depth) {
		return
	}
	defer delete(w.on, n)
	if n.Kind == List {
		for _, u := range n.kids {
			w.avro(u, at, depth+1)
		}
		return
	}
	for _, f := range n.Get("fields").Children() {
		t := f.Get("type")
		x := Field{
			Path: pathJoin(at, f.Get("name").Text()), Type: avroType(t), Required: f.Get("default") == nil,
			Description: f.Get("doc").Text(), At: f.Pos(),
		}
		if m := mark(f); m != nil {
			x.PII = m.PII
		}
		w.fields = append(w.fields, x)
		w.avro(t, x.Path, depth+1)
	}
	switch n.Get("type").Text() {
	case "array":
		w.avro(n.Get("items"), at+"[]", depth+1)
	case "map":
		w.avro(n.Get("values"), at+"{}", depth+1)
	default:
		if t := n.Get("type"); t != nil && t.Kind != String {
			w.avro(t, at, depth+1)
		}
	}
}

func avroType(n *Node) string {
	switch {
	case n == nil:
		return "unknown"
	case n.Kind == String:
		return n.Value
	case n.Kind == List:
		var ts []string
		for _, k := range n.kids {
			ts = append(ts, avroType(k))
		}
		return strings.Join(ts, " or ")
	case n.Get("logicalType") != nil:
		return n.Get("logicalType").Text()
	case n.Get("name") != nil && n.Get("type").Text() != "":
		return n.Get("type").Text() + " " + n.Get("name").Text()
	}
	return avroType(n.Get("type"))
}

// proto reads the field lines of the text; the compatibility checker parses it for
// real.
func (w *fieldWalk) proto(s *Schema) {
	var path []string
	for i, line := range strings.Split(s.node.Value, "\n") {
		code, _, _ := strings.Cut(line, "//")
		code = strings.TrimSpace(code)
		if name, ok := strings.CutPrefix(code, "message "); ok && strings.HasSuffix(code, "{") {
			path = append(path, strings.TrimSpace(strings.TrimSuffix(name, "{")))
			continue
		}
		if strings.HasSuffix(code, "{") {
			path = append(path, "")
			continue
		}
		if strings.HasPrefix(code, "}") && len(path) > 0 {
			path = path[:len(path)-1]
			continue
		}
		decl, _, ok := strings.Cut(code, "=")
		words := strings.Fields(decl)
		if !ok || len(words) < 2 || words[0] == "option" || words[0] == "syntax" || len(path) == 0 || len(w.fields) >= maxFields {
			continue
		}
		name := words[len(words)-1]
		if at := strings.Join(path[1:], "."); at != "" {
			name = at + "." + name
		}
		col := len(line) - len(strings.TrimLeft(line, " \t")) + 1
		w.fields = append(w.fields, Field{
			Path: name, Type: strings.Join(words[:len(words)-1], " "), Required: words[0] == "required",
			At: s.locateText(itoa(i+1) + ":" + itoa(col)),
		})
	}
}
