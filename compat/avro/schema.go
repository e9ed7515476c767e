package avro

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	codec "github.com/twmb/avro"

	"github.com/weirhq/weir/compat"
	"github.com/weirhq/weir/finding"
)

type kind uint8

const (
	kindNull kind = iota
	kindBoolean
	kindInt
	kindLong
	kindFloat
	kindDouble
	kindBytes
	kindString
	kindFixed
	kindEnum
	kindRecord
	kindArray
	kindMap
	kindUnion
)

var kindNames = [...]string{
	"null", "boolean", "int", "long", "float", "double", "bytes", "string",
	"fixed", "enum", "record", "array", "map", "union",
}

func (k kind) String() string { return kindNames[k] }

// java is the constant of Java's Schema.Type.
func (k kind) java() string { return strings.ToUpper(kindNames[k]) }

func (k kind) named() bool { return k == kindFixed || k == kindEnum || k == kindRecord }

// place is where something stands in a schema's text.
type place struct {
	off int
	ptr string
	doc *document
}

// node is one type of a schema. Named types are one node however often they are
// used; every use of an unnamed type is a node of its own, because the identity
// of nodes steers the Java algorithm's memo.
type node struct {
	place
	id          int
	kind        kind
	name        string // unqualified
	namespace   string
	aliases     []string // full names
	fields      []field
	byName      map[string]int
	symbols     []string
	bySymbol    map[string]int
	enumDefault string
	hasDefault  bool // of the enum
	size        int
	nameOff     int   // where the name stands
	listOff     int   // where the symbols, or the size, stand
	elem        *node // items or values
	branches    []*node
	logical     string
	precision   int // decimals only
	scale       int
}

type field struct {
	place
	name       string
	aliases    []string
	typ        *node
	def        *value
	hasDefault bool // an explicit null counts
}

func (n *node) fullName() string {
	if n.namespace == "" {
		return n.name
	}
	return n.namespace + "." + n.name
}

// describe is the type as people write it.
func (n *node) describe() string {
	switch {
	case n.kind == kindUnion:
		parts := make([]string, 0, len(n.branches))
		for i, b := range n.branches {
			if i == 6 {
				parts = append(parts, "…")
				break
			}
			parts = append(parts, b.describe())
		}
		return "union of " + strings.Join(parts, ", ")
	case n.kind.named() && n.name != "":
		return n.kind.String() + " " + n.fullName()
	case n.logical != "":
		return n.kind.String() + " (" + n.logical + ")"
	}
	return n.kind.String()
}

// document is one text that types were read from: the schema itself or a reference.
type document struct {
	lines  *lines
	locate func(string) finding.Position
}

func (p place) position() finding.Position {
	if p.doc == nil {
		return finding.Position{}
	}
	if p.doc.locate != nil {
		return p.doc.locate(p.ptr)
	}
	return p.doc.lines.at(p.off)
}

// parsed is a schema read once.
type parsed struct {
	root      *node
	nodes     []*node
	version   string
	canonical string
	// plain is compiled when the first witness is wanted.
	plain        func() (*codec.Schema, error)
	deepestFirst func() []*node
}

// Canonical is the schema without docs, field order attributes and unknown
// attributes, names written out in full, keys in a fixed order. Defaults, aliases
// and logical types stay: they change what a reader does, or what weir reports.
func (p *parsed) Canonical() string { return p.canonical }

// maxReferences bounds the documents one schema may pull in.
const maxReferences = 1000

type parser struct {
	nameless bool
	load     func(ctx context.Context, ref, from string) ([]byte, string, error)
	doc      *document
	from     string
	names    map[string]*node
	nodes    []*node
	pending  []pending
	unions   []*node
	loaded   int
}

// pending is a use of a named type before its definition, which Java 1.12 resolves.
type pending struct {
	slot  **node
	name  string
	space string
	place place
	from  string
}

func (c *Checker) parse(ctx context.Context, s compat.Schema) (*parsed, error) {
	doc := &document{lines: &lines{file: s.Name, text: s.Text}, locate: s.Locate}
	p := &parser{nameless: c.Nameless, load: s.Load, doc: doc, from: s.Name, names: map[string]*node{}}
	v, err := readJSON(s.Text)
	if err != nil {
		return nil, p.located(err)
	}
	var root *node
	if err := p.schema(v, "", "", &root); err != nil {
		return nil, p.located(err)
	}
	if err := p.resolve(ctx); err != nil {
		return nil, err
	}
	out := &parsed{root: root, nodes: p.nodes, version: s.Version}
	for i, n := range p.nodes {
		n.id = i
	}
	out.canonical = canonical(root)
	out.plain = sync.OnceValues(func() (*codec.Schema, error) { return plainSchema(root) })
	out.deepestFirst = sync.OnceValue(func() []*node { return postorder(root) })
	return out, nil
}

// postorder lists every type that can be met, inner types before outer ones.
func postorder(root *node) []*node {
	var out []*node
	seen := map[*node]bool{}
	var visit func(n *node)
	visit = func(n *node) {
		if n == nil || seen[n] {
			return
		}
		seen[n] = true
		visit(n.elem)
		for _, b := range n.branches {
			visit(b)
		}
		for i := range n.fields {
			visit(n.fields[i].typ)
		}
		out = append(out, n)
	}
	visit(root)
	return out
}

func (p *parser) located(err error) error {
	var at *errAt
	if !errors.As(err, &at) {
		return err
	}
	pos := finding.Position{}
	if at.ptr != "" && p.doc.locate != nil {
		pos = p.doc.locate(at.ptr)
	}
	if pos.IsZero() {
		pos = p.doc.lines.at(at.off)
	}
	return &compat.SchemaError{At: pos, Err: at.err}
}

func (p *parser) add(k kind, v *value, ptr string) *node {
	n := &node{kind: k, place: place{off: v.off, ptr: ptr, doc: p.doc}}
	p.nodes = append(p.nodes, n)
	return n
}

// schema reads one type into slot, which may be filled only after the whole
// document was read, when the type is used before it is defined.
func (p *parser) schema(v *value, space, ptr string, slot **node) error {
	switch v.kind {
	case valueString:
		return p.reference(v, v.text, space, ptr, slot)
	case valueArray:
		n := p.add(kindUnion, v, ptr)
		*slot = n
		p.unions = append(p.unions, n)
		n.branches = make([]*node, len(v.items))
		for i := range v.items {
			if v.items[i].kind == valueArray {
				return failAt(v.items[i].off, pointerIndex(ptr, i), "read union: a union cannot hold another union")
			}
			if err := p.schema(&v.items[i], space, pointerIndex(ptr, i), &n.branches[i]); err != nil {
				return err
			}
		}
		return nil
	case valueObject:
		return p.object(v, space, ptr, slot)
	}
	return failAt(v.off, ptr, "read type: a type is a name, an object or a union, not %s", v)
}

// reference reads a primitive or the name of a type.
func (p *parser) reference(v *value, name, space, ptr string, slot **node) error {
	if k := slices.Index(kindNames[:kindFixed], name); k >= 0 {
		*slot = p.add(kind(k), v, ptr)
		return nil
	}
	if n := p.lookup(name, space); n != nil {
		*slot = n
		return nil
	}
	p.pending = append(p.pending, pending{
		slot: slot, name: name, space: space, from: p.from,
		place: place{off: v.off, ptr: ptr, doc: p.doc},
	})
	return nil
}

// lookup prefers the enclosing namespace and falls back to none, as Java does.
func (p *parser) lookup(name, space string) *node {
	if n := p.names[qualified(name, space)]; n != nil {
		return n
	}
	return p.names[qualified(name, "")]
}

func (p *parser) object(v *value, space, ptr string, slot **node) error {
	t := v.get("type")
	if t == nil {
		return failAt(v.off, ptr, `read type: the attribute "type" is missing`)
	}
	if t.kind != valueString { // {"type": {"type": "string"}}: one wrapping too many
		return p.schema(t, space, pointerKey(ptr, "type"), slot)
	}
	switch t.text {
	case "record", "error":
		return p.record(v, space, ptr, slot)
	case "enum":
		return p.enum(v, space, ptr, slot)
	case "fixed":
		return p.fixed(v, space, ptr, slot)
	case "array", "map":
		k, key := kindArray, "items"
		if t.text == "map" {
			k, key = kindMap, "values"
		}
		e := v.get(key)
		if e == nil {
			return failAt(v.off, ptr, "read %s: the attribute %q is missing", t.text, key)
		}
		n := p.add(k, v, ptr)
		*slot = n
		return p.schema(e, space, pointerKey(ptr, key), &n.elem)
	}
	if k := slices.Index(kindNames[:kindFixed], t.text); k >= 0 {
		n := p.add(kind(k), v, ptr)
		*slot = n
		p.logical(n, v)
		return nil
	}
	return p.reference(t, t.text, space, pointerKey(ptr, "type"), slot)
}

// logical reads the logical type; Java ignores what does not fit, and so do we.
func (p *parser) logical(n *node, v *value) {
	l := v.get("logicalType")
	if l == nil || l.kind != valueString {
		return
	}
	n.logical = l.text
	if l.text != "decimal" {
		return
	}
	number := func(key string) int {
		if m := v.get(key); m != nil && m.kind == valueNumber {
			if i, err := strconv.Atoi(m.text); err == nil {
				return i
			}
		}
		return 0
	}
	n.precision, n.scale = number("precision"), number("scale")
}

// define reads name, namespace and aliases and enters the type under its name.
func (p *parser) define(n *node, v *value, space, ptr string) error {
	name := v.get("name")
	switch {
	case name == nil && p.nameless:
		return nil
	case name == nil:
		return failAt(v.off, ptr, `read %s: the attribute "name" is missing`, n.kind)
	case name.kind != valueString || name.text == "" || strings.HasSuffix(name.text, "."):
		return failAt(name.off, pointerKey(ptr, "name"), "read %s: %s is not a name", n.kind, name)
	}
	n.name, n.namespace, n.nameOff = name.text, space, name.off
	if ns := v.get("namespace"); ns != nil && ns.kind == valueString {
		n.namespace = ns.text
	}
	if i := strings.LastIndexByte(name.text, '.'); i >= 0 {
		n.namespace, n.name = name.text[:i], name.text[i+1:]
	}
	for _, a := range texts(v.get("aliases")) {
		n.aliases = append(n.aliases, qualified(a, n.namespace))
	}
	if slices.Contains(kindNames[:], n.fullName()) {
		return failAt(name.off, pointerKey(ptr, "name"), "read %s: %q is the name of a type of Avro itself", n.kind, n.name)
	}
	if p.names[n.fullName()] == nil {
		p.names[n.fullName()] = n
	}
	return nil
}

// qualified is the full name that a name means in a namespace. A dot in front means
// none, as in Java.
func qualified(name, space string) string {
	switch {
	case strings.HasPrefix(name, "."):
		return name[1:]
	case space == "" || strings.Contains(name, "."):
		return name
	}
	return space + "." + name
}

// defined checks, once the type is complete, that its name was not taken by a
// different type. Java 1.12 allows the same definition twice.
func (p *parser) defined(n *node) error {
	first := p.names[n.fullName()]
	if n.name == "" || first == nil || first == n {
		return nil
	}
	if definition(first) != definition(n) {
		return failAt(n.off, n.ptr, "read %s: already defined at %s, differently", n.describe(), first.position())
	}
	return nil
}

func texts(v *value) []string {
	if v == nil {
		return nil
	}
	var out []string
	for i := range v.items {
		if v.items[i].kind == valueString {
			out = append(out, v.items[i].text)
		}
	}
	return out
}

func (p *parser) record(v *value, space, ptr string, slot **node) error {
	n := p.add(kindRecord, v, ptr)
	*slot = n
	if err := p.define(n, v, space, ptr); err != nil {
		return err
	}
	inner := space
	if n.name != "" {
		inner = n.namespace
	}
	fs := v.get("fields")
	if fs == nil || fs.kind != valueArray {
		return failAt(v.off, ptr, `read record %s: the attribute "fields" is missing or not a list`, n.fullName())
	}
	fptr := pointerKey(ptr, "fields")
	n.fields = make([]field, len(fs.items))
	n.byName = make(map[string]int, len(fs.items))
	for i := range fs.items {
		e, at := &fs.items[i], pointerIndex(fptr, i)
		name, typ := e.get("name"), e.get("type")
		switch {
		case e.kind != valueObject:
			return failAt(e.off, at, "read record %s: a field is an object, not %s", n.fullName(), e)
		case name == nil || name.kind != valueString || name.text == "":
			return failAt(e.off, at, "read record %s: field %d has no name", n.fullName(), i)
		case typ == nil:
			return failAt(e.off, at, "read record %s: field %q has no type", n.fullName(), name.text)
		}
		if _, dup := n.byName[name.text]; dup {
			return failAt(name.off, pointerKey(at, "name"), "read record %s: field %q stands there twice", n.fullName(), name.text)
		}
		n.byName[name.text] = i
		n.fields[i] = field{
			place: place{off: e.off, ptr: at, doc: p.doc},
			name:  name.text, aliases: texts(e.get("aliases")),
			def: e.get("default"), hasDefault: e.get("default") != nil,
		}
		if err := p.schema(typ, inner, pointerKey(at, "type"), &n.fields[i].typ); err != nil {
			return err
		}
	}
	return nil
}

func (p *parser) enum(v *value, space, ptr string, slot **node) error {
	n := p.add(kindEnum, v, ptr)
	*slot = n
	if err := p.define(n, v, space, ptr); err != nil {
		return err
	}
	s := v.get("symbols")
	if s == nil || s.kind != valueArray {
		return failAt(v.off, ptr, `read enum %s: the attribute "symbols" is missing or not a list`, n.fullName())
	}
	n.listOff = s.off
	n.symbols = make([]string, len(s.items))
	n.bySymbol = make(map[string]int, len(s.items))
	sptr := pointerKey(ptr, "symbols")
	for i := range s.items {
		e := &s.items[i]
		if e.kind != valueString {
			return failAt(e.off, pointerIndex(sptr, i), "read enum %s: a symbol is a string, not %s", n.fullName(), e)
		}
		if _, dup := n.bySymbol[e.text]; dup {
			return failAt(e.off, pointerIndex(sptr, i), "read enum %s: symbol %q stands there twice", n.fullName(), e.text)
		}
		n.symbols[i], n.bySymbol[e.text] = e.text, i
	}
	if d := v.get("default"); d != nil && d.kind == valueString {
		if _, ok := n.bySymbol[d.text]; !ok {
			return failAt(d.off, pointerKey(ptr, "default"), "read enum %s: the default %q is none of its symbols", n.fullName(), d.text)
		}
		n.enumDefault, n.hasDefault = d.text, true
	}
	return p.defined(n)
}

func (p *parser) fixed(v *value, space, ptr string, slot **node) error {
	n := p.add(kindFixed, v, ptr)
	*slot = n
	if err := p.define(n, v, space, ptr); err != nil {
		return err
	}
	s := v.get("size")
	if s == nil {
		return failAt(v.off, ptr, `read fixed %s: the attribute "size" is missing`, n.fullName())
	}
	size, err := strconv.Atoi(s.text)
	if s.kind != valueNumber || err != nil || size < 0 || size > 1<<31-1 {
		return failAt(s.off, pointerKey(ptr, "size"), "read fixed %s: the size %s is not a count of bytes", n.fullName(), s)
	}
	n.size, n.listOff = size, s.off
	p.logical(n, v)
	return p.defined(n)
}

// resolve fills what was used before it was defined, loading references where the
// schema itself does not define a type, and checks what needs all names.
func (p *parser) resolve(ctx context.Context) error {
	for len(p.pending) > 0 {
		u := p.pending[0]
		p.pending = p.pending[1:]
		n := p.lookup(u.name, u.space)
		if n == nil {
			if err := p.loadType(ctx, u); err != nil {
				return &compat.SchemaError{At: u.place.position(), Err: err}
			}
			n = p.lookup(u.name, u.space)
		}
		if n == nil {
			return &compat.SchemaError{At: u.place.position(), Err: fmt.Errorf("resolve type %q: not defined in this schema; define it, or give its full name", u.name)}
		}
		*u.slot = n
	}
	for _, n := range p.nodes {
		if n.kind != kindRecord {
			continue
		}
		if err := p.defined(n); err != nil {
			p.doc = n.doc
			return p.located(err)
		}
	}
	return p.checkUnions()
}

func (p *parser) loadType(ctx context.Context, u pending) error {
	if p.load == nil {
		return nil
	}
	if p.loaded++; p.loaded > maxReferences {
		return fmt.Errorf("resolve type %q: more than %d references", u.name, maxReferences)
	}
	text, name, err := p.load(ctx, qualified(u.name, u.space), u.from)
	if err != nil {
		return fmt.Errorf("resolve type %q: %w", u.name, err)
	}
	p.doc = &document{lines: &lines{file: name, text: text}}
	p.from = name
	v, err := readJSON(text)
	if err == nil {
		var root *node
		err = p.schema(v, "", "", &root)
	}
	if err != nil {
		return fmt.Errorf("resolve type %q: %w", u.name, p.located(err))
	}
	return nil
}

func (p *parser) checkUnions() error {
	for _, n := range p.unions {
		seen := make(map[string]bool, len(n.branches))
		for i, b := range n.branches {
			key := b.kind.String()
			if b.kind.named() {
				key += " " + b.fullName()
			}
			switch {
			case b.kind == kindUnion:
				return &compat.SchemaError{At: n.position(), Err: errors.New("read union: a union cannot hold another union")}
			case seen[key] && (!b.kind.named() || b.name != ""):
				at := place{off: n.off, ptr: pointerIndex(n.ptr, i), doc: n.doc}
				return &compat.SchemaError{At: at.position(), Err: fmt.Errorf("read union: %s stands there twice", b.describe())}
			}
			seen[key] = true
		}
	}
	return nil
}

// canonical writes the parts of a schema that matter in a fixed form.
func canonical(root *node) string {
	w := canonicalWriter{seen: map[*node]bool{}}
	w.write(root)
	return w.b.String()
}

// definition is the canonical form of one named type, with the named types it
// uses standing there by name only: enough to compare it with its twin.
func definition(n *node) string {
	w := canonicalWriter{}
	w.write(n)
	return w.b.String()
}

type canonicalWriter struct {
	b    strings.Builder
	seen map[*node]bool // nil: no named type below the root is written out
	deep bool
}

func (w *canonicalWriter) write(n *node) {
	b := &w.b
	switch {
	case n == nil: // not resolved yet: only while a definition is compared with its twin
		b.WriteString("?")
		return
	case n.kind.named() && n.name != "" && (w.seen[n] || w.seen == nil && w.deep):
		b.WriteString("@")
		writeString(b, n.fullName())
		return
	}
	w.deep = true
	if w.seen != nil {
		w.seen[n] = true
	}
	b.WriteString(n.kind.String())
	if n.logical != "" {
		b.WriteString("!")
		writeString(b, n.logical)
		fmt.Fprintf(b, "(%d,%d)", n.precision, n.scale)
	}
	if n.kind.named() {
		writeString(b, n.fullName())
		writeTexts(b, n.aliases)
	}
	switch n.kind {
	case kindFixed:
		b.WriteString(strconv.Itoa(n.size))
	case kindEnum:
		writeTexts(b, n.symbols)
		if n.hasDefault {
			b.WriteString("=")
			writeString(b, n.enumDefault)
		}
	case kindArray, kindMap:
		b.WriteByte('<')
		w.write(n.elem)
		b.WriteByte('>')
	case kindUnion:
		b.WriteByte('[')
		for _, e := range n.branches {
			w.write(e)
			b.WriteByte(';')
		}
		b.WriteByte(']')
	case kindRecord:
		b.WriteByte('{')
		for i := range n.fields {
			f := &n.fields[i]
			writeString(b, f.name)
			writeTexts(b, f.aliases)
			if f.hasDefault {
				b.WriteByte('=')
				f.def.write(b)
			}
			b.WriteByte(':')
			w.write(f.typ)
			b.WriteByte(';')
		}
		b.WriteByte('}')
	default: // primitives have nothing below them
	}
}

func writeTexts(b *strings.Builder, ts []string) {
	b.WriteByte('(')
	for _, t := range ts {
		writeString(b, t)
		b.WriteByte(',')
	}
	b.WriteByte(')')
}

func (v *value) sortedKeys() []string {
	keys := make(map[string]bool, len(v.members))
	for i := range v.members {
		keys[v.members[i].key] = true
	}
	return slices.Sorted(maps.Keys(keys))
}
