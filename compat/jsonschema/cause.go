package jsonschema

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	v6 "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// causes are the errors that name what the author did. Where no branch of a
// combinator is satisfied, the branch that satisfied the writer is the changed one,
// and its errors speak.
func (p *pair) causes(e *v6.ValidationError, v any) []*v6.ValidationError {
	var out []*v6.ValidationError
	for _, h := range heads(e) {
		out = append(out, p.changedBranch(h, v)...)
	}
	return out
}

func (p *pair) changedBranch(h *v6.ValidationError, v any) []*v6.ValidationError {
	branches := func(n *node) []*node {
		if _, ok := h.ErrorKind.(*kind.OneOf); ok {
			return n.oneOf
		}
		return n.anyOf
	}
	switch k := h.ErrorKind.(type) {
	case *kind.AnyOf:
	case *kind.OneOf:
		if len(k.Subschemas) > 0 {
			return []*v6.ValidationError{h}
		}
	default:
		return []*v6.ValidationError{h}
	}
	_, ptr := splitLocation(h.SchemaURL)
	at, ok := lookup(v, pointerOf(h.InstanceLocation))
	nodes, _, _ := beside(p.w.root, h.InstanceLocation)
	for _, n := range nodes {
		if !ok || n.pointer != ptr || len(branches(n)) != len(h.Causes) {
			continue
		}
		for i, b := range branches(n) {
			e := evaluator{}
			if e.holds(b, at) != yes {
				continue
			}
			var out []*v6.ValidationError
			for _, c := range heads(h.Causes[i]) {
				out = append(out, p.changedBranch(c, v)...)
			}
			return out
		}
	}
	return []*v6.ValidationError{h}
}

// mend repairs what the validator tells about property names: the location is shared
// with later errors and overwritten by them, and the schema is the one for the name.
func (p *pair) mend(e *v6.ValidationError, v any) {
	if k, ok := e.ErrorKind.(*kind.PropertyNames); ok {
		if owner, ok := strings.CutSuffix(e.SchemaURL, "/propertyNames"); ok {
			e.SchemaURL = owner
		}
		u, ptr := splitLocation(e.SchemaURL)
		at, _ := holderOf([]*node{p.r.root}, v, k.Property, u, ptr, []string{})
		e.InstanceLocation = at
		return
	}
	for _, c := range e.Causes {
		p.mend(c, v)
	}
}

// holderOf finds the first object that has a property of this name and that a given
// node speaks about.
func holderOf(nodes []*node, v any, name, u, ptr string, path []string) ([]string, bool) {
	all := inPlace(nodes)
	switch v := v.(type) {
	case map[string]any:
		if _, ok := v[name]; ok && slices.ContainsFunc(all, func(n *node) bool { return n.url == u && n.pointer == ptr }) {
			return path, true
		}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			next, _ := childNodes(all, k)
			if at, ok := holderOf(next, v[k], name, u, ptr, append(slices.Clone(path), k)); ok {
				return at, true
			}
		}
	case []any:
		for i, x := range v {
			k := strconv.Itoa(i)
			next, _ := childNodes(all, k)
			if at, ok := holderOf(next, x, name, u, ptr, append(slices.Clone(path), k)); ok {
				return at, true
			}
		}
	}
	return []string{}, false
}
