package jsonschema

import (
	"encoding/json"
	"maps"
	"math/big"
	"slices"
	"strconv"
)

// vclass is the kind of node the Confluent registry sees.
type vclass int

const (
	vEmpty vclass = iota
	vFalse
	vEnum
	vConst
	vNot
	vCombined
	vString
	vNumber
	vBoolean
	vNull
	vArray
	vObject
	vConditional
)

// vnode is a schema as the Confluent registry sees it: a class with that class's
// keywords, or a synthetic allOf of several.
type vnode struct {
	class     vclass
	criterion string // allOf, anyOf or oneOf
	parts     []*vnode

	id, title, description string
	def                    *any

	obj     map[string]any
	integer bool
	connect string // connect.type

	v       *view
	pointer string
	url     string
}

// view builds vnodes lazily and once for each place.
type view struct {
	s     *schema
	refs  map[string]*node // compiled nodes by url#pointer
	nodes map[string]*vnode
}

func newView(s *schema) *view {
	w := &view{s: s, refs: make(map[string]*node, len(s.annotation.nodes)), nodes: map[string]*vnode{}}
	for _, n := range s.annotation.nodes {
		w.refs[n.url+"#"+n.pointer] = n
	}
	return w
}

func (w *view) root() *vnode { return w.at(w.s.root, "") }

// at is the node of a place. References hide everything beside them in every draft,
// as in the registry.
func (w *view) at(u, ptr string) *vnode {
	k := u + "#" + ptr
	for range 100 {
		n, ok := w.refs[u+"#"+ptr]
		if !ok || n.ref == nil {
			break
		}
		u, ptr = n.ref.url, n.ref.pointer
	}
	if n, ok := w.nodes[u+"#"+ptr]; ok {
		return n
	}
	d, ok := w.s.docs[u]
	if !ok {
		return &vnode{class: vEmpty, v: w}
	}
	raw, ok := lookup(d.root, ptr)
	if !ok {
		return nil
	}
	// Known before it is built: a reference may lead back to it.
	n := &vnode{}
	w.nodes[u+"#"+ptr], w.nodes[k] = n, n
	*n = *w.build(raw, u, ptr)
	return n
}

func (w *view) build(raw any, u, ptr string) *vnode {
	if b, ok := raw.(bool); ok {
		if b {
			return &vnode{class: vEmpty, v: w, url: u, pointer: ptr}
		}
		return &vnode{class: vFalse, v: w, url: u, pointer: ptr}
	}
	obj, ok := raw.(map[string]any)
	if !ok {
		return &vnode{class: vEmpty, v: w, url: u, pointer: ptr}
	}
	base := func(c vclass) *vnode { return &vnode{class: c, obj: obj, v: w, url: u, pointer: ptr} }
	has := func(ks ...string) bool {
		return slices.ContainsFunc(ks, func(k string) bool { _, ok := obj[k]; return ok })
	}
	var parts []*vnode
	if has("enum") {
		parts = append(parts, base(vEnum))
	}
	for _, c := range []string{"allOf", "anyOf", "oneOf"} {
		list, ok := obj[c].([]any)
		if !ok {
			continue
		}
		n := base(vCombined)
		n.criterion = c
		for i := range list {
			n.parts = append(n.parts, w.at(u, ptr+"/"+c+"/"+strconv.Itoa(i)))
		}
		// The registry's model keeps combined parts before plain ones.
		slices.SortStableFunc(n.parts, func(a, b *vnode) int { return rankCombined(a) - rankCombined(b) })
		parts = append(parts, n)
	}
	if has("not") {
		parts = append(parts, base(vNot))
	}
	if has("const") {
		parts = append(parts, base(vConst))
	}
	named := map[string]bool{}
	typed := func(t string) *vnode {
		named[t] = true
		switch t {
		case "string":
			return base(vString)
		case "number", "integer":
			named["number"] = true
			n := base(vNumber)
			n.integer = t == "integer"
			return n
		case "boolean":
			return base(vBoolean)
		case "null":
			return base(vNull)
		case "array":
			return base(vArray)
		}
		return base(vObject)
	}
	switch t := obj["type"].(type) {
	case string:
		parts = append(parts, typed(t))
	case []any:
		n := base(vCombined)
		n.criterion = "anyOf"
		for _, x := range t {
			if name, ok := x.(string); ok {
				n.parts = append(n.parts, typed(name))
			}
		}
		parts = append(parts, n)
	}
	untyped := func(t string, c vclass, ks ...string) {
		if !named[t] && has(ks...) {
			parts = append(parts, base(c))
		}
	}
	untyped("array", vArray, "items", "additionalItems", "minItems", "maxItems", "uniqueItems", "contains", "prefixItems", "unevaluatedItems")
	untyped("object", vObject, "properties", "required", "minProperties", "maxProperties", "dependencies", "patternProperties",
		"additionalProperties", "propertyNames", "unevaluatedProperties", "dependentRequired", "dependentSchemas")
	untyped("number", vNumber, "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
	untyped("string", vString, "minLength", "maxLength", "pattern", "format")
	if has("if", "then", "else") {
		parts = append(parts, base(vConditional))
	}
	var n *vnode
	switch len(parts) {
	case 0:
		n = base(vEmpty)
	case 1:
		n = parts[0]
	default:
		n = base(vCombined)
		n.criterion = "allOf"
		n.parts = parts
		slices.SortStableFunc(n.parts, func(a, b *vnode) int { return rankCombined(a) - rankCombined(b) })
	}
	n.id, _ = obj["$id"].(string)
	n.title, _ = obj["title"].(string)
	n.description, _ = obj["description"].(string)
	n.connect, _ = obj["connect.type"].(string)
	if d, ok := obj["default"]; ok {
		n.def = &d
	}
	return n
}

func rankCombined(n *vnode) int {
	if n.class == vCombined {
		return 0
	}
	return 1
}

func (n *vnode) sub(tokens ...string) *vnode {
	return n.v.at(n.url, n.pointer+pointerOf(tokens))
}

func (n *vnode) integerOf(k string) *int {
	x, ok := n.obj[k].(json.Number)
	if !ok {
		return nil
	}
	r := ratOf(x)
	if !r.IsInt() || !r.Num().IsInt64() {
		return nil
	}
	i := int(r.Num().Int64())
	return &i
}

func (n *vnode) rat(k string) *big.Rat {
	if x, ok := n.obj[k].(json.Number); ok {
		return ratOf(x)
	}
	return nil
}

func (n *vnode) strings(k string) []string {
	var out []string
	list, _ := n.obj[k].([]any)
	for _, x := range list {
		if s, ok := x.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

func (n *vnode) propertyNames() []string {
	m, _ := n.obj["properties"].(map[string]any)
	return slices.Sorted(maps.Keys(m))
}

func (n *vnode) property(name string) *vnode {
	m, _ := n.obj["properties"].(map[string]any)
	if _, ok := m[name]; !ok {
		return nil
	}
	return n.sub("properties", name)
}

// additional is what a boolean-or-schema keyword says: permitted at all, and the
// schema if one is given.
func (n *vnode) additional(k string) (permits bool, s *vnode) {
	switch x := n.obj[k].(type) {
	case bool:
		return x, nil
	case map[string]any:
		return true, n.sub(k)
	}
	return true, nil
}

// tuple is the list of positional item schemas.
func (n *vnode) tuple() []*vnode {
	k := "items"
	if _, ok := n.obj["prefixItems"].([]any); ok {
		k = "prefixItems"
	}
	list, _ := n.obj[k].([]any)
	out := make([]*vnode, 0, len(list))
	for i := range list {
		out = append(out, n.sub(k, strconv.Itoa(i)))
	}
	return out
}

// restKeyword is the keyword for items behind the tuple.
func (n *vnode) restKeyword() string {
	if _, ok := n.obj["prefixItems"].([]any); ok {
		return "items"
	}
	return "additionalItems"
}

// allItems is the schema of every item, nil for a tuple.
func (n *vnode) allItems() *vnode {
	if _, ok := n.obj["prefixItems"].([]any); ok {
		return nil
	}
	switch n.obj["items"].(type) {
	case map[string]any, bool:
		return n.sub("items")
	}
	return nil
}
