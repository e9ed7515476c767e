package jsonschema

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
)

// blind tries documents that stand in the schemas, and variations of a candidate,
// where rules and automata know nothing.
func (p *pair) blind(ctx context.Context, out outcome) (any, bool) {
	var tries []any
	if out.candidate || out.a == satisfiable {
		tries = append(tries, out.value)
	}
	for _, c := range []*compiled{p.w, p.r} {
		for _, n := range inPlace([]*node{c.root}) {
			tries = append(tries, n.examples...)
			if n.defaultValue != nil {
				tries = append(tries, *n.defaultValue)
			}
			tries = append(tries, n.enum[:min(len(n.enum), 50)]...)
		}
	}
	for _, h := range p.s.hints {
		tries = append(tries, h)
	}
	valid := p.s
	valid.left, valid.closed = reportNodes, false
	valid.reset()
	if r := valid.solve([]literal{{p.w.root, true}}); r.a == satisfiable || r.candidate {
		tries = append(tries, r.value)
	}
	for n := 0; n < len(tries) && n < 300; n++ {
		if ctx.Err() != nil {
			return nil, false
		}
		if p.proves(tries[n]) {
			return tries[n], true
		}
		if n < 20 {
			tries = append(tries, variations(tries[n], p)...)
		}
	}
	return nil, false
}

// variations changes one thing in a document: drops a property, adds an unknown one,
// puts another type in its place.
func variations(v any, p *pair) []any {
	var out []any
	others := []any{"", json.Number("1"), nil, true, []any{}, map[string]any{}}
	switch v := v.(type) {
	case map[string]any:
		names := map[string]bool{"x": true}
		for _, c := range []*compiled{p.w, p.r} {
			for _, n := range c.nodes {
				for _, name := range n.propNames {
					if len(names) < 12 {
						names[name] = true
					}
				}
			}
		}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			less := maps.Clone(v)
			delete(less, k)
			out = append(out, less)
			names[k] = true
		}
		for _, k := range slices.Sorted(maps.Keys(names)) {
			for _, o := range others {
				more := maps.Clone(v)
				more[k] = o
				out = append(out, more)
			}
		}
	case []any:
		for _, o := range others {
			out = append(out, append(slices.Clone(v), o))
			for i := range v {
				c := slices.Clone(v)
				c[i] = o
				out = append(out, c)
			}
		}
		if len(v) > 0 {
			out = append(out, v[:len(v)-1])
		}
	default:
		out = append(out, others...)
	}
	return out
}

// hints are strings that stand in either schema: worth trying where a pattern cannot
// be reasoned about.
func (p *pair) hints() []string {
	seen := map[string]bool{}
	add := func(v any) {
		if s, ok := v.(string); ok && len(seen) < 60 && len(s) < 200 {
			seen[s] = true
		}
	}
	for _, c := range []*compiled{p.w, p.r} {
		for _, n := range c.nodes {
			for i, v := range n.enum {
				if i < 20 {
					add(v)
				}
			}
			if n.konst != nil {
				add(*n.konst)
			}
			if n.defaultValue != nil {
				add(*n.defaultValue)
			}
			for _, v := range n.examples {
				add(v)
			}
		}
	}
	return slices.Sorted(maps.Keys(seen))
}
