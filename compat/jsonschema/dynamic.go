package jsonschema

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	v6 "github.com/santhosh-tekuri/jsonschema/v6"
)

// maxBindings bounds the dynamic scopes told apart in one schema.
const maxBindings = 64

// bindings is what of a dynamic scope matters to $dynamicRef and $recursiveRef: of the
// resources passed through, the outermost one counts that has the anchor (JSON Schema
// core 2020-12, 8.2.3.2; 2019-09, 8.2.4.2.2). They only ever grow, and there are few.
type bindings struct {
	key       string
	recursive *v6.Schema
	anchors   map[string]*v6.Schema
}

// dynamicScope follows references that depend on where they were reached from, by
// giving a schema one node for every set of bindings it is met under. The validator's
// graph does not tell resources and their anchors, so they are read off the documents.
type dynamicScope struct {
	s       *schema
	compile func(location string) (*v6.Schema, error)
	known   map[string]*bindings
	anchors map[string]map[string]*v6.Schema // by resource, as URL#pointer
	full    bool                             // there were too many
}

// dynamic reports whether any reference of the graph depends on its scope.
func dynamic(sch *v6.Schema) bool {
	return (sch.RecursiveRef != nil && sch.RecursiveRef.RecursiveAnchor) || (sch.DynamicRef != nil && bookends(sch.DynamicRef))
}

func bookends(d *v6.DynamicRef) bool { return d.Anchor != "" && d.Ref.DynamicAnchor == d.Anchor }

// enter is the bindings inside a schema that is reached under others.
func (d *dynamicScope) enter(b *bindings, sch *v6.Schema) *bindings {
	if d == nil || sch.DraftVersion < 2019 {
		return b
	}
	u, root := d.resource(sch)
	next := b
	grow := func() {
		if next == b {
			next = &bindings{recursive: b.recursive, anchors: map[string]*v6.Schema{}}
			maps.Copy(next.anchors, b.anchors)
		}
	}
	if b.recursive == nil && d.recursiveAnchor(u, root, sch) {
		grow()
		next.recursive = sch
	}
	for name, target := range d.anchorsOf(u, root) {
		if _, bound := b.anchors[name]; !bound {
			grow()
			next.anchors[name] = target
		}
	}
	if next == b {
		return b
	}
	var k strings.Builder
	if next.recursive != nil {
		k.WriteString(strconv.Quote(next.recursive.Location))
	}
	for _, name := range slices.Sorted(maps.Keys(next.anchors)) {
		k.WriteString(" " + strconv.Quote(name) + strconv.Quote(next.anchors[name].Location))
	}
	next.key = k.String()
	if old, ok := d.known[next.key]; ok {
		return old
	}
	if len(d.known) >= maxBindings {
		d.full = true
		return b
	}
	d.known[next.key] = next
	return next
}

// resource is the schema with an $id that a schema belongs to: its document and pointer.
func (d *dynamicScope) resource(sch *v6.Schema) (u, root string) {
	u, ptr := splitLocation(sch.Location)
	doc := d.s.docs[u]
	if doc == nil {
		return u, "" // a meta-schema: one resource a document
	}
	for ptr != "" {
		if v, ok := lookup(doc.root, ptr); ok {
			if obj, ok := v.(map[string]any); ok {
				if _, ok := obj["$id"].(string); ok {
					return u, ptr
				}
			}
		}
		ptr = ptr[:strings.LastIndexByte(ptr, '/')]
	}
	return u, ""
}

func (d *dynamicScope) recursiveAnchor(u, root string, sch *v6.Schema) bool {
	if doc := d.s.docs[u]; doc != nil {
		v, _ := lookup(doc.root, root)
		obj, _ := v.(map[string]any)
		on, _ := obj["$recursiveAnchor"].(bool)
		return on && sch.DraftVersion == 2019
	}
	r, err := d.compile(u)
	return err == nil && r.RecursiveAnchor
}

// anchorsOf are the dynamic anchors of a resource.
func (d *dynamicScope) anchorsOf(u, root string) map[string]*v6.Schema {
	k := u + "#" + root
	if out, ok := d.anchors[k]; ok {
		return out
	}
	out := map[string]*v6.Schema{}
	d.anchors[k] = out
	add := func(name, ptr string) {
		if sch, err := d.compile(u + "#" + (&url.URL{Fragment: ptr}).EscapedFragment()); err == nil && sch.DraftVersion >= 2020 {
			out[name] = sch
		}
	}
	doc := d.s.docs[u]
	if doc == nil {
		if sch, err := d.compile(u); err == nil && sch.DynamicAnchor != "" {
			add(sch.DynamicAnchor, "")
		}
		return out
	}
	var walk func(v any, ptr string, schema bool)
	walk = func(v any, ptr string, schema bool) {
		switch v := v.(type) {
		case []any:
			for i, x := range v {
				walk(x, ptr+"/"+strconv.Itoa(i), schema)
			}
		case map[string]any:
			if schema {
				if _, other := v["$id"].(string); other && ptr != root {
					return
				}
				if name, ok := v["$dynamicAnchor"].(string); ok {
					add(name, ptr)
				}
			}
			for _, key := range slices.Sorted(maps.Keys(v)) {
				switch shape := shapeOf(key); {
				case !schema:
					walk(v[key], ptr+"/"+escapeToken(key), true)
				case shape != shapeLiteral:
					walk(v[key], ptr+"/"+escapeToken(key), shape == shapeSchema)
				}
			}
		}
	}
	v, _ := lookup(doc.root, root)
	walk(v, root, true)
	return out
}

// subschemas are the schemas a schema applies or refers to; some may be nil.
func subschemas(sch *v6.Schema) []*v6.Schema {
	out := []*v6.Schema{
		sch.Ref, sch.RecursiveRef, sch.Not, sch.If, sch.Then, sch.Else, sch.PropertyNames, sch.UnevaluatedProperties,
		sch.Contains, sch.Items2020, sch.UnevaluatedItems,
	}
	if sch.DynamicRef != nil {
		out = append(out, sch.DynamicRef.Ref)
	}
	out = slices.Concat(out, sch.AllOf, sch.AnyOf, sch.OneOf, sch.PrefixItems)
	out = slices.AppendSeq(out, maps.Values(sch.Properties))
	out = slices.AppendSeq(out, maps.Values(sch.PatternProperties))
	out = slices.AppendSeq(out, maps.Values(sch.DependentSchemas))
	for _, d := range sch.Dependencies {
		out = add(out, d)
	}
	return add(add(add(out, sch.Items), sch.AdditionalItems), sch.AdditionalProperties)
}

// add appends what a keyword of several shapes holds, if that is schemas.
func add(out []*v6.Schema, v any) []*v6.Schema {
	switch v := v.(type) {
	case *v6.Schema:
		return append(out, v)
	case []*v6.Schema:
		return append(out, v...)
	}
	return out
}
