package jsonschema

import (
	"encoding/binary"
	"slices"
)

// unevaluatedProperties and unevaluatedItems apply to what no schema on the same value
// has evaluated, and a schema counts only while the value fits it. So a node with one of
// them asks first which of its conditional parts hold; each answer leaves a fixed set of
// names and positions (JSON Schema core, 11.2 and 11.3).

// coverage is what of a value a node and its parts evaluate.
type coverage struct {
	names    map[string]*node // property names; the nodes are nil
	patterns []patternProp
	prefix   int     // items from the front
	contains []*node // items that fit one of these
	all      bool
	vague    bool // it is open whether some part holds
}

// covers is what a node evaluates itself. own is false where an unevaluated* keyword of
// the node asks: it does not count for itself.
func (c *coverage) covers(n *node, t types, own bool) {
	if t == tObject {
		for _, name := range n.propNames {
			c.names[name] = nil
		}
		for _, p := range n.patternProps {
			c.patterns = append(c.patterns, patternProp{p.re, nil})
		}
		c.all = c.all || n.additional != nil || (own && n.unevalProps != nil)
		return
	}
	c.prefix = max(c.prefix, len(n.prefix))
	if n.contains != nil && n.containsCovers {
		c.contains = append(c.contains, n.contains)
	}
	c.all = c.all || n.rest != nil || (own && n.unevalItems != nil)
}

// part is a schema applied to the same value that need not hold.
type part struct {
	n    *node
	when *literal // it is applied only then
	name string   // it is applied only to objects with this property
}

func (n *node) parts() []part {
	var out []part
	for _, m := range slices.Concat(n.anyOf, n.oneOf) {
		out = append(out, part{n: m})
	}
	if n.cond != nil {
		out = append(out, part{n: n.cond})
		if n.then != nil {
			out = append(out, part{n: n.then, when: &literal{n.cond, true}})
		}
		if n.els != nil {
			out = append(out, part{n: n.els, when: &literal{n.cond, false}})
		}
	}
	for _, d := range n.depSchemas {
		out = append(out, part{n: d.node, name: d.name})
	}
	return out
}

// applied are the schemas that hold wherever the node does.
func (n *node) applied() []*node {
	if n.ref == nil {
		return n.allOf
	}
	return append([]*node{n.ref}, n.allOf...)
}

// evaluates reports whether a node or anything it applies to the same value could
// evaluate properties or items.
func (n *node) evaluates(t types) bool {
	queue := []*node{n}
	for i := 0; i < len(queue); i++ {
		m := queue[i]
		c := coverage{names: map[string]*node{}}
		c.covers(m, t, true)
		if c.all || len(c.names)+len(c.patterns)+len(c.contains)+c.prefix > 0 {
			return true
		}
		for _, x := range m.applied() {
			if !slices.Contains(queue, x) {
				queue = append(queue, x)
			}
		}
		for _, p := range m.parts() {
			if !slices.Contains(queue, p.n) {
				queue = append(queue, p.n)
			}
		}
	}
	return false
}

// decide makes the state choose, for every part that matters, whether it holds.
func (s *solver) decide(st *state, n *node) { s.decideParts(st, n, map[*node]bool{}) }

func (s *solver) decideParts(st *state, n *node, seen map[*node]bool) {
	if seen[n] {
		return
	}
	seen[n] = true
	split := func(alts ...alternative) {
		if len(s.blocked) > 0 {
			// Weakened nodes leave a third case: neither met nor refused.
			alts = append(alts, alternative{})
		}
		st.choose(alts)
	}
	for _, m := range n.applied() {
		s.decideParts(st, m, seen)
	}
	for _, p := range n.parts() {
		if !p.n.evaluates(st.t) {
			continue
		}
		if p.when != nil {
			split(alternative{lits: []literal{*p.when}}, alternative{lits: []literal{{p.when.n, !p.when.want}}})
		}
		if p.name != "" {
			split(alternative{apply: func(st *state) { st.require(p.name) }}, alternative{apply: func(st *state) { st.prohibit(p.name) }})
		}
		split(
			alternative{lits: []literal{{p.n, true}}, apply: func(st *state) { s.decide(st, p.n) }},
			alternative{lits: []literal{{p.n, false}}},
		)
	}
}

// decided is what a state says about a node.
func (s *solver) decided(st *state, n *node, want bool) tri {
	n = s.node(n)
	if n.always != nil {
		return triOf(*n.always == want)
	}
	class := s.class(n)
	for _, l := range st.lits {
		if s.class(l.n) == class {
			return triOf(l.want == want)
		}
	}
	return dunno
}

func triOf(b bool) tri {
	if b {
		return yes
	}
	return no
}

// coverage collects what a node evaluates under the decisions of a state. Parts that
// are open count as widely says.
func (s *solver) coverage(st *state, n *node, widely bool) coverage {
	c := coverage{names: map[string]*node{}}
	seen := map[*node]bool{}
	var walk func(m *node, own bool)
	walk = func(m *node, own bool) {
		if seen[m] {
			return
		}
		seen[m] = true
		c.covers(m, st.t, own)
		for _, x := range m.applied() {
			walk(x, true)
		}
		for _, p := range m.parts() {
			if !p.n.evaluates(st.t) {
				continue
			}
			holds := s.decided(st, p.n, true)
			if p.when != nil {
				holds = both(holds, s.decided(st, p.when.n, p.when.want))
			}
			if p.name != "" {
				switch {
				case st.forbid[p.name]:
					holds = no
				case !st.need[p.name]:
					holds = both(holds, dunno)
				}
			}
			if holds == dunno {
				c.vague = true
			}
			if holds == yes || (holds == dunno && widely) {
				walk(p.n, true)
			}
		}
	}
	walk(n, false)
	return c
}

func both(a, b tri) tri {
	switch {
	case a == no || b == no:
		return no
	case a == yes && b == yes:
		return yes
	}
	return dunno
}

// unevaluated turns the nodes with unevaluated* of a state into plain constraints. Where
// a decision is missing they are weaker than the truth.
func (s *solver) unevaluated(st *state) *state {
	if len(st.uneval) == 0 {
		return st
	}
	st = st.clone()
	for _, l := range st.uneval {
		c := s.coverage(st, l.n, l.want)
		if c.vague {
			st.approx = "what is evaluated depends on too much"
		}
		rest := l.n.unevalProps
		if st.t == tArray {
			rest = l.n.unevalItems
		}
		switch {
		case c.all && l.want:
		case c.all:
			st.conflict = true
		case st.t == tObject && l.want:
			st.scopes = append(st.scopes, scope{c.names, c.patterns, rest})
		case st.t == tObject:
			st.exist = append(st.exist, exists{outside: []scope{{c.names, c.patterns, nil}}, open: true, lits: []literal{{rest, false}}})
		case l.want:
			q := sequence{rest: &literal{s.anyOf(append(c.contains, rest)), true}}
			for range c.prefix {
				q.prefix = append(q.prefix, literal{alwaysTrue, true})
			}
			st.seqs = append(st.seqs, q)
		default:
			e := exists{index: c.prefix, open: true, lits: []literal{{rest, false}}}
			for _, m := range c.contains {
				e.lits = append(e.lits, literal{m, false})
			}
			st.atLeast(c.prefix + 1)
			st.exist = append(st.exist, e)
		}
	}
	st.uneval = nil
	return st
}

// anyOf is a node that asks for one of others.
func (s *solver) anyOf(nodes []*node) *node {
	if len(nodes) == 1 {
		return nodes[0]
	}
	var b []byte
	for _, n := range nodes {
		b = binary.AppendUvarint(b, uint64(s.number(n)))
	}
	k := string(b)
	if n, ok := s.unions[k]; ok {
		return n
	}
	n := &node{anyOf: nodes}
	s.unions[k] = n
	return n
}

// refuseUnevaluated is the alternative that something no part has evaluated is there and
// does not fit. What always applies is taken to hold: if it does not, the node is refused
// anyway.
func (s *solver) refuseUnevaluated(n *node) alternative {
	a := alternative{apply: func(st *state) {
		s.decide(st, n)
		st.uneval = append(st.uneval, literal{n, false})
	}}
	if len(s.blocked) == 0 {
		for _, m := range n.applied() {
			a.lits = append(a.lits, literal{m, true})
		}
	}
	return a
}

// evaluated collects what of a value a node evaluates; open tells that some part could
// not be judged.
func (e *evaluator) evaluated(n *node, v any) (c coverage, open bool) {
	c = coverage{names: map[string]*node{}}
	t := typeOf(v)
	obj, _ := v.(map[string]any)
	seen := map[*node]bool{}
	var walk func(m *node, own bool)
	walk = func(m *node, own bool) {
		if seen[m] {
			return
		}
		seen[m] = true
		c.covers(m, t, own)
		for _, x := range m.applied() {
			walk(x, true)
		}
		for _, p := range m.parts() {
			if _, ok := obj[p.name]; p.name != "" && !ok {
				continue
			}
			if !p.n.evaluates(t) {
				continue
			}
			holds := e.holds(p.n, v)
			if p.when != nil && holds != no {
				when := e.holds(p.when.n, v)
				if when != dunno {
					when = triOf((when == yes) == p.when.want)
				}
				holds = both(holds, when)
			}
			switch holds {
			case yes:
				walk(p.n, true)
			case dunno:
				open = true
			case no:
			}
		}
	}
	walk(n, false)
	return c, open
}

// unevaluatedProps judges unevaluatedProperties, which is present.
func (e *evaluator) unevaluatedProps(n *node, v map[string]any) tri {
	c, open := e.evaluated(n, v)
	if c.all {
		return yes
	}
	out := yes
	for name, x := range v {
		if _, ok := c.names[name]; ok {
			continue
		}
		known, matched := true, false
		for _, p := range c.patterns {
			ok, sure := p.re.match(name)
			matched, known = matched || ok, known && sure
		}
		if matched {
			continue
		}
		switch e.fresh(n.unevalProps, x) {
		case no:
			if known && !open {
				return no
			}
			out = dunno
		case dunno:
			out = dunno
		case yes:
		}
	}
	return out
}

// unevaluatedItems judges unevaluatedItems, which is present.
func (e *evaluator) unevaluatedItems(n *node, v []any) tri {
	c, open := e.evaluated(n, v)
	if c.all {
		return yes
	}
	out := yes
	for _, x := range v[min(c.prefix, len(v)):] {
		fits := e.fresh(n.unevalItems, x)
		for _, m := range c.contains {
			if fits == yes {
				break
			}
			if r := e.fresh(m, x); r != no {
				fits = r
			}
		}
		switch fits {
		case no:
			if !open {
				return no
			}
			out = dunno
		case dunno:
			out = dunno
		case yes:
		}
	}
	return out
}
