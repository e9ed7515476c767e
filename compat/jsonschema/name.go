package jsonschema

import (
	"math/big"
	"slices"
	"strconv"
	"strings"

	v6 "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/weirhq/weir/compat"
)

// change is what the author did, read off one refusal: which keyword of the reader
// refuses, and what stands in its place on the writer's side.
type change struct {
	rule    string
	what    string // a sentence about it
	reader  place
	writer  place
	change  string // "old -> new"
	blocked []blockKey
	node    *node // the reader's node that refuses
}

// place is a pointer in one of a schema's documents.
type place struct {
	doc     *document
	pointer string
}

// namer names changes; forward means that the reader is the old side.
type namer struct {
	p       *pair
	forward bool
	byPlace map[string]*node
	deltas  map[[2]*node]enumDelta
}

func newNamer(p *pair) *namer {
	m := &namer{p: p, forward: p.dir == compat.Forward, byPlace: map[string]*node{}, deltas: map[[2]*node]enumDelta{}}
	for _, n := range p.r.nodes {
		if _, ok := m.byPlace[n.url+"#"+n.pointer]; !ok {
			m.byPlace[n.url+"#"+n.pointer] = n
		}
	}
	return m
}

// dir picks the id for the direction: what the author did when the reader is the new
// side, and what when it is the old one.
func (m *namer) dir(backward, forward string) string {
	if m.forward {
		return "json/" + forward
	}
	return "json/" + backward
}

// beside are the nodes of a side that speak about a value at a place in a document.
// declared is false if the place hangs below a name the side does not mention.
func beside(root *node, location []string) (nodes []*node, declared bool, holder []*node) {
	nodes, declared = inPlace([]*node{root}), true
	for _, tok := range location {
		next, named := childNodes(nodes, tok)
		holder = nodes
		if declared = declared && named; !declared {
			return nil, false, holder
		}
		nodes = inPlace(next)
	}
	return nodes, declared, holder
}

// childNodes are the nodes that speak about a property or an item; named tells whether
// one of them says so by name.
func childNodes(nodes []*node, tok string) (next []*node, named bool) {
	i, err := strconv.Atoi(tok)
	for _, n := range nodes {
		direct := false
		if c, ok := n.props[tok]; ok {
			next, named, direct = append(next, c), true, true
		}
		for _, pp := range n.patternProps {
			if pp.re.MatchString(tok) {
				next, named, direct = append(next, pp.node), true, true
			}
		}
		if !direct && n.additional != nil {
			next = append(next, n.additional)
			named = named || n.additional.always == nil
		}
		if err == nil && i >= 0 {
			if i < len(n.prefix) {
				next, named = append(next, n.prefix[i]), true
			} else if n.rest != nil {
				next, named = append(next, n.rest), true
			}
		}
	}
	return next, named
}

// inPlace closes a list of nodes over what they apply to the same value.
func inPlace(in []*node) []*node {
	var out []*node
	seen := map[*node]bool{}
	queue := slices.Clone(in)
	for len(queue) > 0 {
		n := queue[0]
		queue = queue[1:]
		if n == nil || seen[n] {
			continue
		}
		seen[n] = true
		out = append(out, n)
		queue = append(queue, n.ref)
		queue = append(queue, n.allOf...)
		queue = append(queue, n.anyOf...)
		queue = append(queue, n.oneOf...)
		queue = append(queue, n.then, n.els)
		for _, d := range n.depSchemas {
			queue = append(queue, d.node)
		}
	}
	return out
}

func (n *node) place() place { return place{n.doc, n.pointer} }

func (pl place) with(tokens ...string) place {
	return place{pl.doc, pl.pointer + pointerOf(tokens)}
}

// raw is the value that stands at a place, for people.
func (pl place) raw() string {
	if pl.doc == nil {
		return "none"
	}
	v, ok := lookup(pl.doc.root, pl.pointer)
	if !ok {
		return "none"
	}
	// Only the beginning is shown, and an enum can hold a million values.
	if list, ok := v.([]any); ok {
		v = list[:min(len(list), 121)]
	}
	b := encode(v)
	if len(b) > 120 {
		return string(b[:strings.LastIndexByte(string(b[:117]), ',')+1]) + "…"
	}
	return string(b)
}

// name turns a refusal into the change the author made.
func (m *namer) name(e *v6.ValidationError) change {
	u, ptr := splitLocation(e.SchemaURL)
	rn := m.byPlace[u+"#"+ptr]
	if rn == nil {
		rn = m.p.r.root
	}
	nodes, declared, holder := beside(m.p.w.root, e.InstanceLocation)
	c := change{reader: rn.place(), node: rn}
	if wn := counterpart(nodes, rn); wn != nil {
		c.writer = wn.place()
	} else if h := counterpart(holder, rn); h != nil {
		c.writer = h.place()
	}
	block := func(keyword, name string) {
		c.blocked = append(c.blocked, blockKey{rn, keyword, name})
	}
	has := func(f func(*node) bool) *node {
		for _, n := range nodes {
			if n.pointer == rn.pointer && f(n) {
				return n
			}
		}
		for _, n := range nodes {
			if f(n) {
				return n
			}
		}
		return nil
	}
	// keyword fills in places and values for a keyword both sides may have.
	keyword := func(k string, f func(*node) bool) *node {
		c.reader = rn.place().with(k)
		w := has(f)
		if w != nil {
			c.writer = w.place().with(k)
		}
		c.setChange(m.forward, w != nil)
		return w
	}
	undeclared := !declared && len(e.InstanceLocation) > 0
	m.byKind(e, rn, &c, keyword, block, undeclared)
	if undeclared {
		m.undeclared(e, rn, &c, holder)
	}
	if c.change == "" {
		c.setChange(m.forward, c.writer.doc != nil && !undeclared)
	}
	if c.what == "" {
		c.what = strings.ReplaceAll(strings.TrimPrefix(c.rule, "json/"), "-", " ")
	}
	return c
}

func (c *change) setChange(forward, writerHas bool) {
	w := "none"
	if writerHas {
		w = c.writer.raw()
	}
	old, new := w, c.reader.raw()
	if forward {
		old, new = new, old
	}
	c.change = old + " -> " + new
}

// counterpart is the writer's node that corresponds to a reader's node: at the same
// pointer, else the first one that is not a mere reference.
func counterpart(nodes []*node, rn *node) *node {
	for _, n := range nodes {
		if n.pointer == rn.pointer {
			return n
		}
	}
	for _, n := range nodes {
		if n.ref == nil {
			return n
		}
	}
	if len(nodes) > 0 {
		return nodes[0]
	}
	return nil
}

// changed says that a keyword was added, removed or changed.
func (m *namer) changed(k string, writerHas bool, change string) string {
	switch {
	case writerHas:
		return k + " was changed: " + change
	case m.forward:
		return k + " was removed: " + change
	}
	return k + " was added: " + change
}

type keywordFunc func(k string, f func(*node) bool) *node

// bound names a change of a limit. upper says whether a smaller value is stricter.
func (m *namer) bound(c *change, slug, k string, upper bool, f func(*node) bool, keyword keywordFunc) {
	w := keyword(k, f)
	tight, loose := "increased", "decreased"
	if upper {
		tight, loose = loose, tight
	}
	if w == nil {
		c.rule = m.dir(slug+"-added", slug+"-removed")
	} else {
		c.rule = m.dir(slug+"-"+tight, slug+"-"+loose)
	}
	c.what = k + " was " + strings.TrimPrefix(strings.TrimPrefix(c.rule, "json/"), slug+"-") + ": " + c.change
}

// contains names a change of the schema that counted items match. With the limits
// of their number unchanged, it is what a limit that is missed now comes from.
func (m *namer) contains(c *change, keyword keywordFunc) {
	w := keyword("contains", func(n *node) bool { return n.contains != nil })
	c.rule = m.dir("contains-added", "contains-removed")
	if w != nil {
		c.rule = m.dir("contains-narrowed", "contains-extended")
	}
	c.what = m.changed("contains", w != nil, c.change)
}

func (m *namer) byKind(e *v6.ValidationError, rn *node, c *change, keyword keywordFunc, block func(string, string), undeclared bool) {
	switch k := e.ErrorKind.(type) {
	case *kind.Type:
		w := keyword("type", func(n *node) bool { return n.types != 0 })
		c.rule = m.dir("type-added", "type-removed")
		if w != nil {
			c.rule = "json/type-changed"
			narrower := rn.types&^w.types == 0
			wider := w.types&^rn.types == 0
			switch {
			case narrower && (rn.types != w.types || (rn.integer && !w.integer)):
				c.rule = m.dir("type-narrowed", "type-extended")
			case wider:
				c.rule = m.dir("type-extended", "type-narrowed")
			}
		}
		c.what = m.changed("type", w != nil, c.change)
		block("type", "")
	case *kind.Enum:
		w := keyword("enum", func(n *node) bool { return n.enumKey != nil || n.konst != nil })
		switch {
		case w == nil:
			c.rule = m.dir("enum-array-added", "enum-array-removed")
			c.what = "the values were limited by an enum"
			if m.forward {
				c.what = "the enum was removed"
			}
		case w.enumKey != nil:
			c.rule = "json/enum-array-changed"
			delta := m.enums(rn, w)
			if len(delta.reader) == 0 {
				c.rule = m.dir("enum-array-narrowed", "enum-array-extended")
			}
			c.what = "the enum " + delta.text(m.forward)
		default:
			c.rule = "json/enum-array-changed"
			c.what = "the allowed values changed: " + c.change
		}
		block("enum", "")
	case *kind.Const:
		w := keyword("const", func(n *node) bool { return n.konst != nil })
		c.rule = "json/enum-array-changed"
		if w == nil {
			c.rule = m.dir("const-added", "const-removed")
		}
		c.what = m.changed("const", w != nil, c.change)
		block("const", "")
	case *kind.Format:
		w := keyword("format", func(n *node) bool { return n.format != nil })
		c.rule, c.what = "json/format-changed", m.changed("format", w != nil, c.change)
		block("format", "")
	case *kind.MinLength:
		m.bound(c, "min-length", "minLength", false, func(n *node) bool { return n.minLen != nil }, keyword)
		block("minLength", "")
	case *kind.MaxLength:
		m.bound(c, "max-length", "maxLength", true, func(n *node) bool { return n.maxLen != nil }, keyword)
		block("maxLength", "")
	case *kind.MinItems:
		m.bound(c, "min-items", "minItems", false, func(n *node) bool { return n.minItems != nil }, keyword)
		block("minItems", "")
	case *kind.MaxItems:
		m.bound(c, "max-items", "maxItems", true, func(n *node) bool { return n.maxItems != nil }, keyword)
		block("maxItems", "")
	case *kind.MinProperties:
		m.bound(c, "min-properties", "minProperties", false, func(n *node) bool { return n.minProps != nil }, keyword)
		block("minProperties", "")
	case *kind.MaxProperties:
		m.bound(c, "max-properties", "maxProperties", true, func(n *node) bool { return n.maxProps != nil }, keyword)
		block("maxProperties", "")
	case *kind.Minimum:
		m.bound(c, "minimum", "minimum", false, func(n *node) bool { return n.min != nil }, keyword)
		block("minimum", "")
	case *kind.Maximum:
		m.bound(c, "maximum", "maximum", true, func(n *node) bool { return n.max != nil }, keyword)
		block("maximum", "")
	case *kind.ExclusiveMinimum:
		m.bound(c, "exclusive-minimum", "exclusiveMinimum", false, func(n *node) bool { return n.min != nil && n.minExcl }, keyword)
		block("minimum", "")
	case *kind.ExclusiveMaximum:
		m.bound(c, "exclusive-maximum", "exclusiveMaximum", true, func(n *node) bool { return n.max != nil && n.maxExcl }, keyword)
		block("maximum", "")
	case *kind.MinContains:
		if w := keyword("minContains", func(n *node) bool { return n.minCont != nil }); w != nil && rn.minCont != nil && *w.minCont == *rn.minCont {
			m.contains(c, keyword)
		} else {
			m.bound(c, "min-contains", "minContains", false, func(n *node) bool { return n.minCont != nil }, keyword)
		}
		block("contains", "")
	case *kind.MaxContains:
		if w := keyword("maxContains", func(n *node) bool { return n.maxCont != nil }); w != nil && rn.maxCont != nil && *w.maxCont == *rn.maxCont {
			m.contains(c, keyword)
		} else {
			m.bound(c, "max-contains", "maxContains", true, func(n *node) bool { return n.maxCont != nil }, keyword)
		}
		block("maxContains", "")
	case *kind.MultipleOf:
		w := keyword("multipleOf", func(n *node) bool { return n.multipleOf != nil })
		c.rule = m.dir("multiple-of-added", "multiple-of-removed")
		if w != nil {
			c.rule = "json/multiple-of-changed"
			if w.multipleOf.Sign() != 0 && new(big.Rat).Quo(rn.multipleOf, w.multipleOf).IsInt() {
				c.rule = m.dir("multiple-of-expanded", "multiple-of-reduced")
			}
		}
		c.what = m.changed("multipleOf", w != nil, c.change)
		block("multipleOf", "")
	case *kind.Pattern:
		w := keyword("pattern", func(n *node) bool { return n.pattern != nil })
		c.rule = m.dir("pattern-added", "pattern-removed")
		if w != nil {
			c.rule = "json/pattern-changed"
		}
		c.what = m.changed("pattern", w != nil, c.change)
		block("pattern", "")
	case *kind.UniqueItems:
		w := keyword("uniqueItems", func(n *node) bool { return n.unique })
		c.rule, c.what = m.dir("unique-items-added", "unique-items-removed"), m.changed("uniqueItems", w != nil, c.change)
		block("uniqueItems", "")
	case *kind.Required:
		slices.Sort(k.Missing)
		m.required(e, rn, c, k.Missing[0])
		block("required", k.Missing[0])
	case *kind.Dependency:
		m.dependency(e, rn, c, k.Prop)
		block("dependencies", k.Prop)
	case *kind.DependentRequired:
		m.dependency(e, rn, c, k.Prop)
		block("dependencies", k.Prop)
	case *kind.AdditionalProperties:
		slices.Sort(k.Properties)
		m.closedObject(e.InstanceLocation, rn.place().with("additionalProperties"), rn, c, k.Properties[0])
		block("additionalProperties", "")
	case *kind.PropertyNames:
		w := keyword("propertyNames", func(n *node) bool { return n.names != nil })
		c.rule = m.dir("property-names-added", "property-names-removed")
		if w != nil {
			c.rule = m.dir("property-names-narrowed", "property-names-extended")
		}
		c.what = "the allowed property names changed: " + c.change
		block("propertyNames", "")
	case *kind.AdditionalItems:
		keyword("additionalItems", func(n *node) bool { return n.rest != nil })
		c.rule, c.what = m.dir("additional-items-removed", "additional-items-added"), "items beyond the tuple are not allowed on one side"
		block("additionalItems", "")
	case *kind.Contains:
		m.contains(c, keyword)
		block("contains", "")
	case *kind.Not:
		w := keyword("not", func(n *node) bool { return n.not != nil })
		c.rule, c.what = m.dir("not-type-extended", "not-type-narrowed"), m.changed("not", w != nil, c.change)
		block("not", "")
	case *kind.AnyOf:
		m.combined(rn, c, "anyOf", keyword)
		block("anyOf", "")
	case *kind.OneOf:
		m.combined(rn, c, "oneOf", keyword)
		if len(k.Subschemas) == 2 {
			c.rule = "json/one-of-overlap"
			c.what = "a value now fits two branches of oneOf, " + strconv.Itoa(k.Subschemas[0]) + " and " + strconv.Itoa(k.Subschemas[1])
			if m.forward {
				c.what = "a value fits two branches of the old oneOf"
			}
		}
		block("oneOf", "")
	case *kind.FalseSchema:
		m.never(e, rn, c, undeclared)
		block("false", "")
	default:
		c.rule, c.what = m.dir("type-narrowed", "type-extended"), "the schema accepts other values"
	}
	m.byPointer(rn, c, undeclared)
}

// enumDelta is how the values of two enums differ: the values of only one of them, at
// most three a side.
type enumDelta struct{ reader, writer []any }

// enums compares two enums once: a break asks several times, and an enum can hold a
// million values.
func (m *namer) enums(reader, writer *node) enumDelta {
	k := [2]*node{reader, writer}
	d, ok := m.deltas[k]
	if !ok {
		d = enumDelta{reader: missing(reader, writer), writer: missing(writer, reader)}
		m.deltas[k] = d
	}
	return d
}

// missing are the first values of from that in lacks.
func missing(from, in *node) []any {
	if from.enumID == in.enumID {
		return nil
	}
	var out []any
	for i, k := range from.enumKeys {
		if _, ok := in.enumKey[k]; !ok {
			if out = append(out, from.enum[i]); len(out) == 3 {
				break
			}
		}
	}
	return out
}

// text says which values came and went.
func (d enumDelta) text(forward bool) string {
	lost, gained := d.writer, d.reader
	if forward {
		lost, gained = gained, lost
	}
	list := func(vs []any) string {
		words := make([]string, len(vs))
		for i, v := range vs {
			words[i] = string(encode(v))
		}
		return strings.Join(words, ", ")
	}
	switch {
	case len(lost) > 0 && len(gained) > 0:
		return "lost " + list(lost) + " and gained " + list(gained)
	case len(lost) > 0:
		return "lost " + list(lost)
	}
	return "gained " + list(gained)
}

func (m *namer) required(e *v6.ValidationError, rn *node, c *change, name string) {
	c.reader = rn.place().with("required")
	nodes, _, _ := beside(m.p.w.root, e.InstanceLocation)
	c.writer = place{}
	var declares, open *node
	for _, n := range nodes {
		if n.props[name] != nil {
			declares = n
		}
		if open == nil && n.always == nil {
			open = n
		}
	}
	readerNode := rn.props[name]
	if readerNode == nil {
		for _, n := range inPlace([]*node{m.p.r.root}) {
			if n.props[name] != nil && len(e.InstanceLocation) == 0 {
				readerNode = n.props[name]
			}
		}
	}
	withDefault := readerNode != nil && readerNode.defaultValue != nil
	model := "open"
	for _, n := range nodes {
		if n.additional != nil && (n.additional.always == nil || !*n.additional.always) {
			model = "unopen"
		}
	}
	if declares != nil {
		c.writer = declares.place().with("properties", name)
	} else if open != nil {
		c.writer = open.place()
	}
	quoted := strconv.Quote(name)
	switch {
	case m.forward:
		c.rule, c.what = "json/required-attribute-removed", "property "+quoted+" is no longer required"
		if declares == nil {
			c.what = "required property " + quoted + " was removed"
		}
	case declares != nil && withDefault:
		c.rule, c.what = "json/required-attribute-with-default-added", "property "+quoted+" became required, with a default"
	case declares != nil:
		c.rule, c.what = "json/required-attribute-added", "property "+quoted+" became required"
	case readerNode == nil:
		c.rule, c.what = "json/required-undeclared-added", "property "+quoted+" became required without being declared"
	case withDefault:
		c.rule, c.what = "json/required-property-with-default-added-to-"+model+"-content-model", "required property "+quoted+" was added, with a default"
	default:
		c.rule, c.what = "json/required-property-added-to-"+model+"-content-model", "required property "+quoted+" was added"
	}
	old, new := "optional", "required"
	if declares == nil {
		old = "none"
	}
	if m.forward {
		old, new = new, old
	}
	c.change = name + ": " + old + " -> " + new
}

func (m *namer) dependency(e *v6.ValidationError, rn *node, c *change, name string) {
	k := "dependencies"
	if rn.doc != nil { // a meta-schema's is not at hand
		if _, ok := lookup(rn.doc.root, rn.pointer+"/dependentRequired/"+escapeToken(name)); ok {
			k = "dependentRequired"
		}
	}
	c.reader = rn.place().with(k, name)
	nodes, _, _ := beside(m.p.w.root, e.InstanceLocation)
	c.rule = m.dir("dependency-array-added", "dependency-array-removed")
	has := false
	for _, n := range nodes {
		if slices.ContainsFunc(n.depRequired, func(d depRequired) bool { return d.name == name }) {
			c.rule, has = m.dir("dependency-array-extended", "dependency-array-narrowed"), true
			c.writer = n.place().with(k, name)
			if _, ok := lookup(n.doc.root, c.writer.pointer); !ok { // the other spelling
				c.writer = n.place()
			}
		}
	}
	c.setChange(m.forward, has)
	c.what = m.changed("what property "+strconv.Quote(name)+" requires beside it", has, c.change)
}

// closedObject: the reader allows no name it does not declare.
func (m *namer) closedObject(location []string, at place, rn *node, c *change, name string) {
	c.reader = at
	nodes, _, _ := beside(m.p.w.root, location)
	var declares *node
	required := false
	for _, n := range nodes {
		if n.props[name] != nil {
			declares = n
		}
		required = required || slices.Contains(n.required, name)
	}
	quoted := strconv.Quote(name)
	if declares == nil {
		c.writer = place{}
		stated := slices.IndexFunc(nodes, func(n *node) bool { return n.additional != nil })
		if stated >= 0 {
			c.writer = nodes[stated].place().with("additionalProperties")
		}
		c.setChange(m.forward, stated >= 0)
		if w := counterpart(nodes, rn); stated < 0 && w != nil {
			c.writer = w.place()
		}
		c.rule, c.what = m.dir("additional-properties-removed", "additional-properties-added"), "undeclared properties are no longer allowed"
		if m.forward {
			c.what = "undeclared properties are allowed now, and old readers refuse them"
		}
		return
	}
	c.writer = declares.place().with("properties", name)
	c.change = "properties/" + name + ": "
	if m.forward {
		c.rule, c.what = "json/optional-property-added-to-unopen-content-model", "property "+quoted+" was added to an object that was closed"
		if required {
			c.rule = "json/required-property-added-to-unopen-content-model"
		}
		c.change += "none -> " + c.writer.raw()
		return
	}
	c.rule, c.what = "json/property-removed-from-closed-content-model", "property "+quoted+" was removed from a closed object"
	c.change += c.writer.raw() + " -> none"
}

func (m *namer) combined(rn *node, c *change, k string, keyword keywordFunc) {
	count := func(n *node) int { return len(n.anyOf) + len(n.oneOf) }
	w := keyword(k, func(n *node) bool {
		if k == "anyOf" {
			return n.anyOf != nil
		}
		return n.oneOf != nil
	})
	switch {
	case w == nil:
		c.rule = "json/combined-type-changed"
		c.what = k + " was added"
		if m.forward {
			c.what = k + " was removed"
		}
	case count(w) > count(rn):
		c.rule = m.dir("sum-type-narrowed", "sum-type-extended")
		verb := " lost "
		if m.forward {
			verb = " gained "
		}
		c.what = k + verb + "a branch"
		if b := m.onlyBranch(w, rn); b != nil {
			c.writer = b.place()
			c.what = k + verb + "the branch " + c.writer.raw()
			if c.change = c.writer.raw() + " -> none"; m.forward {
				c.change = "none -> " + c.writer.raw()
			}
		}
	default:
		c.rule = "json/combined-type-subschemas-changed"
		c.what = "a branch of " + k + " changed"
	}
}

// onlyBranch is the one branch that a node has and another lacks; nil where there is not
// exactly one.
func (m *namer) onlyBranch(n, other *node) (only *node) {
	rest := slices.Concat(other.anyOf, other.oneOf)
	for _, b := range slices.Concat(n.anyOf, n.oneOf) {
		if slices.ContainsFunc(rest, func(o *node) bool { return m.p.s.class(o) == m.p.s.class(b) }) {
			continue
		}
		if only != nil {
			return nil
		}
		only = b
	}
	return only
}

// never: the reader's schema at this place is false.
func (m *namer) never(e *v6.ValidationError, rn *node, c *change, undeclared bool) {
	now := func(what string) string {
		if m.forward {
			return what + " are allowed now, and old readers refuse them"
		}
		return what + " are no longer allowed"
	}
	switch {
	case strings.HasSuffix(rn.pointer, "/unevaluatedProperties"):
		if last := len(e.InstanceLocation) - 1; last >= 0 && !undeclared {
			m.closedObject(e.InstanceLocation[:last], rn.place(), rn, c, e.InstanceLocation[last])
			return
		}
		c.rule = m.dir("unevaluated-properties-removed", "unevaluated-properties-added")
		c.what = now("undeclared properties")
	case strings.HasSuffix(rn.pointer, "/unevaluatedItems"):
		c.rule = m.dir("unevaluated-items-removed", "unevaluated-items-added")
		c.what = now("further items")
	case strings.HasSuffix(rn.pointer, "/additionalItems"), strings.HasSuffix(rn.pointer, "/items"):
		c.rule = m.dir("additional-items-removed", "additional-items-added")
		c.what = now("items")
	default:
		c.rule = m.dir("type-narrowed", "type-extended")
		c.what = now("values")
	}
}

// byPointer gives the refusal the name of the applicator it stands in, where the
// writer has no such applicator at all: the outermost one, for that is what was added.
func (m *namer) byPointer(rn *node, c *change, undeclared bool) {
	if undeclared || rn.doc == nil || m.p.w.root.doc == nil {
		return
	}
	tokens := strings.Split(rn.pointer, "/")
	for i := 1; i < len(tokens); i++ {
		before := tokens[i-1]
		named := shapeOf(before) == shapeMap && (i < 2 || shapeOf(tokens[i-2]) != shapeMap)
		if _, ok := lookup(m.p.w.root.doc.root, strings.Join(tokens[:i+1], "/")); ok {
			continue
		}
		switch {
		case !named && (tokens[i] == "then" || tokens[i] == "else"):
			c.rule = m.dir("conditional-narrowed", "conditional-extended")
			c.what += " (in " + tokens[i] + ", under a condition)"
		case named && (before == "dependencies" || before == "dependentSchemas"):
			c.rule = m.dir("dependency-schema-added", "dependency-schema-removed")
			c.what += " (where property " + strconv.Quote(unescapeToken(tokens[i])) + " is present)"
		case named && before == "patternProperties":
			c.rule = m.dir("pattern-properties-narrowed", "pattern-properties-extended")
			c.what += " (for names that match " + strconv.Quote(unescapeToken(tokens[i])) + ")"
		case !named && tokens[i] == "additionalProperties" && i == len(tokens)-1:
			c.rule = m.dir("additional-properties-narrowed", "additional-properties-extended")
		default:
			continue
		}
		return
	}
}

// came says that something was added, or removed where the reader is the old side.
func (m *namer) came(what string) string {
	if m.forward {
		return what + " was removed"
	}
	return what + " was added"
}

// undeclared: the refusal lies in a property or item the writer says nothing about.
func (m *namer) undeclared(e *v6.ValidationError, rn *node, c *change, holder []*node) {
	// The first token of the location that the writer does not declare.
	loc := e.InstanceLocation
	for i := range loc {
		if _, ok, _ := beside(m.p.w.root, loc[:i+1]); !ok {
			loc = loc[:i+1]
			break
		}
	}
	name := loc[len(loc)-1]
	readerNodes, _, readerHolder := beside(m.p.r.root, loc)
	var at *node
	required := false
	for _, h := range readerHolder {
		if p := h.props[name]; p != nil {
			at = p
		}
		required = required || slices.Contains(h.required, name)
	}
	index, err := strconv.Atoi(name)
	if h := counterpart(holder, rn); h != nil {
		c.writer = h.place()
	}
	switch {
	case at != nil:
		c.reader = at.place()
		quoted := strconv.Quote(name)
		rule := "optional-property-added-to-open-content-model"
		c.what = "optional property " + quoted + " was added to an open object"
		if required {
			rule = "required-property-added-to-open-content-model"
			c.what = "required property " + quoted + " was added to an open object"
			if at.defaultValue != nil {
				rule = "required-property-with-default-added-to-open-content-model"
			}
		}
		c.rule = m.dir(rule, "property-removed-from-open-content-model")
		if m.forward {
			c.what = "property " + quoted + " was removed from an open object"
		}
		old, new := "none", c.reader.raw()
		if m.forward {
			old, new = new, old
		}
		c.change = "properties/" + name + ": " + old + " -> " + new
	case err == nil && len(readerNodes) > 0 && slices.ContainsFunc(readerHolder, func(h *node) bool { return index < len(h.prefix) }):
		c.rule = m.dir("item-added-to-open-content-model", "item-removed-from-open-content-model")
		c.what = m.came("a schema for item " + name)
	case err == nil && len(readerNodes) > 0 && slices.ContainsFunc(readerHolder, func(h *node) bool { return h.rest != nil }):
		c.rule = m.dir("schema-added", "schema-removed")
		c.what = m.came("a schema for all items")
		for _, h := range readerHolder {
			if h.rest != nil {
				c.reader = h.rest.place()
				if len(h.prefix) > 0 {
					c.rule = m.dir("additional-items-narrowed", "additional-items-extended")
					c.what = m.came("a schema for further items")
				}
				if h.rest.always != nil {
					m.never(e, h.rest, c, true)
				}
			}
		}
	case slices.ContainsFunc(readerHolder, func(h *node) bool { return h.patternProps != nil }):
		c.rule = m.dir("pattern-properties-narrowed", "pattern-properties-extended")
		c.what = m.came("a schema for a pattern of property names")
	case slices.ContainsFunc(readerHolder, func(h *node) bool { return h.additional != nil }):
		c.rule = m.dir("additional-properties-narrowed", "additional-properties-extended")
		c.what = m.came("a schema for undeclared properties")
	}
}
