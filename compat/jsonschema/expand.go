package jsonschema

import (
	"maps"
	"math/big"
	"slices"
)

// wanted adds what a node demands of a value of the state's type.
func (s *solver) wanted(st *state, n *node) {
	if n.types != 0 {
		if n.types&st.t == 0 {
			st.conflict = true
			return
		}
		if st.t == tNumber && n.integer {
			st.multiples = append(st.multiples, big.NewRat(1, 1))
		}
	}
	if n.konst != nil {
		st.only([]any{*n.konst}, []string{key(*n.konst)})
	}
	if n.enumKey != nil {
		st.only(n.enum, n.enumKeys)
	}
	want := func(m *node) { st.todo = append(st.todo, literal{m, true}) }
	if n.ref != nil {
		want(n.ref)
	}
	if n.opaque != "" {
		st.approx = n.opaque
	}
	for _, m := range n.allOf {
		want(m)
	}
	if n.anyOf != nil {
		alts := make([]alternative, 0, len(n.anyOf))
		for _, m := range n.anyOf {
			alts = append(alts, alternative{lits: []literal{{m, true}}})
		}
		st.choose(alts)
	}
	if n.oneOf != nil {
		alts := make([]alternative, 0, len(n.oneOf))
		for i := range n.oneOf {
			a := alternative{}
			for j, m := range n.oneOf {
				a.lits = append(a.lits, literal{m, i == j})
			}
			alts = append(alts, a)
		}
		st.choose(alts)
	}
	if n.not != nil {
		st.todo = append(st.todo, literal{n.not, false})
	}
	if n.cond != nil && (n.then != nil || n.els != nil) {
		yes := alternative{lits: []literal{{n.cond, true}}}
		no := alternative{lits: []literal{{n.cond, false}}}
		if n.then != nil {
			yes.lits = append(yes.lits, literal{n.then, true})
		}
		if n.els != nil {
			no.lits = append(no.lits, literal{n.els, true})
		}
		st.choose([]alternative{yes, no})
	}
	switch st.t {
	case tNumber:
		if n.min != nil {
			st.above(n.min, n.minExcl)
		}
		if n.max != nil {
			st.below(n.max, n.maxExcl)
		}
		if n.multipleOf != nil {
			st.multiples = append(st.multiples, n.multipleOf)
		}
	case tString:
		if n.minLen != nil {
			st.lengthAtLeast(*n.minLen)
		}
		if n.maxLen != nil {
			st.lengthAtMost(*n.maxLen)
		}
		if n.pattern != nil {
			st.word.match = append(st.word.match, n.pattern)
		}
		if n.format != nil {
			st.formats = append(st.formats, n.format)
		}
	case tArray:
		s.wantedArray(st, n)
	case tObject:
		s.wantedObject(st, n)
	}
}

// only restricts the state to listed values.
func (st *state) only(vs []any, keys []string) {
	if !st.isFinite || len(vs) < len(st.finite) {
		st.finite, st.keys = vs, keys
	}
	st.isFinite = true
}

func (s *solver) wantedArray(st *state, n *node) {
	if n.minItems != nil {
		st.atLeast(*n.minItems)
	}
	if n.maxItems != nil {
		st.atMost(*n.maxItems)
	}
	st.unique = st.unique || n.unique
	if n.prefix != nil || n.rest != nil {
		q := sequence{}
		for _, m := range n.prefix {
			q.prefix = append(q.prefix, literal{m, true})
		}
		if n.rest != nil {
			q.rest = &literal{n.rest, true}
		}
		st.seqs = append(st.seqs, q)
	}
	if n.contains != nil {
		c := count{n: n.contains, lo: 1, hi: -1}
		if n.minCont != nil {
			c.lo = *n.minCont
		}
		if n.maxCont != nil {
			c.hi = *n.maxCont
		}
		st.counts = append(st.counts, c)
	}
	if n.unevalItems != nil {
		s.decide(st, n)
		st.uneval = append(st.uneval, literal{n, true})
	}
}

// alwaysTrue stands where a list needs a schema that says nothing.
var alwaysTrue = func() *node { t := true; return &node{always: &t} }()

func (s *solver) wantedObject(st *state, n *node) {
	for _, r := range n.required {
		st.require(r)
	}
	if n.minProps != nil {
		st.atLeast(*n.minProps)
	}
	if n.maxProps != nil {
		st.atMost(*n.maxProps)
	}
	if n.props != nil || n.patternProps != nil || n.additional != nil {
		st.scopes = append(st.scopes, scope{n.props, n.patternProps, n.additional})
	}
	if n.names != nil {
		st.nameWant = append(st.nameWant, n.names)
	}
	for _, d := range n.depRequired {
		st.choose([]alternative{
			{apply: func(st *state) { st.prohibit(d.name) }},
			{apply: func(st *state) {
				st.require(d.name)
				for _, r := range d.needs {
					st.require(r)
				}
			}},
		})
	}
	for _, d := range n.depSchemas {
		st.choose([]alternative{
			{apply: func(st *state) { st.prohibit(d.name) }},
			{lits: []literal{{d.node, true}}, apply: func(st *state) { st.require(d.name) }},
		})
	}
	if n.unevalProps != nil {
		s.decide(st, n)
		st.uneval = append(st.uneval, literal{n, true})
	}
}

// refused lists the ways to violate a node with a value of the state's type. met
// means that any value of this type violates it.
func (s *solver) refused(st *state, n *node) (alts []alternative, met bool) {
	if n.types != 0 && n.types&st.t == 0 && !s.isBlocked(n, "type", "") {
		return nil, true
	}
	do := func(f func(*state)) { alts = append(alts, alternative{apply: f}) }
	lits := func(ls ...literal) { alts = append(alts, alternative{lits: ls}) }
	if st.t == tNumber && n.integer && n.types&tNumber != 0 && !s.isBlocked(n, "type", "") {
		do(func(st *state) { st.notInteger = true })
	}
	if n.konst != nil && !s.isBlocked(n, "const", "") {
		more, met := s.refuseValues(st, []any{*n.konst})
		if met {
			return nil, true
		}
		alts = append(alts, more...)
	}
	if n.enumKey != nil && !s.isBlocked(n, "enum", "") {
		more, met := s.refuseValues(st, n.enum)
		if met {
			return nil, true
		}
		alts = append(alts, more...)
	}
	switch st.t {
	case tNumber:
		if n.min != nil && !s.isBlocked(n, "minimum", "") {
			do(func(st *state) { st.below(n.min, !n.minExcl) })
		}
		if n.max != nil && !s.isBlocked(n, "maximum", "") {
			do(func(st *state) { st.above(n.max, !n.maxExcl) })
		}
		if n.multipleOf != nil && !s.isBlocked(n, "multipleOf", "") {
			do(func(st *state) { st.notMultiples = append(st.notMultiples, n.multipleOf) })
		}
	case tString:
		if n.minLen != nil && !s.isBlocked(n, "minLength", "") {
			do(func(st *state) { st.lengthAtMost(*n.minLen - 1) })
		}
		if n.maxLen != nil && !s.isBlocked(n, "maxLength", "") {
			do(func(st *state) { st.lengthAtLeast(*n.maxLen + 1) })
		}
		if n.pattern != nil && !s.isBlocked(n, "pattern", "") {
			do(func(st *state) { st.word.avoid = append(st.word.avoid, n.pattern) })
		}
		if n.format != nil && !s.isBlocked(n, "format", "") {
			do(func(st *state) { st.noFormats = append(st.noFormats, n.format) })
		}
	case tArray:
		alts = append(alts, s.refusedArray(n)...)
	case tObject:
		alts = append(alts, s.refusedObject(n)...)
	}
	if n.ref != nil {
		lits(literal{n.ref, false})
	}
	for _, m := range n.allOf {
		lits(literal{m, false})
	}
	if n.anyOf != nil && !s.isBlocked(n, "anyOf", "") {
		var all []literal
		for _, m := range n.anyOf {
			all = append(all, literal{m, false})
		}
		lits(all...)
	}
	if n.oneOf != nil && !s.isBlocked(n, "oneOf", "") {
		var none []literal
		for i, m := range n.oneOf {
			none = append(none, literal{m, false})
			if i+1 < len(n.oneOf) {
				// This one and any behind it: nested, because pairs are too many.
				alts = append(alts, alternative{lits: []literal{{m, true}}, apply: func(st *state) {
					var second []alternative
					for _, o := range n.oneOf[i+1:] {
						second = append(second, alternative{lits: []literal{{o, true}}})
					}
					st.choose(second)
				}})
			}
		}
		lits(none...)
	}
	if n.not != nil && !s.isBlocked(n, "not", "") {
		lits(literal{n.not, true})
	}
	if n.cond != nil {
		if n.then != nil {
			lits(literal{n.cond, true}, literal{n.then, false})
		}
		if n.els != nil {
			lits(literal{n.cond, false}, literal{n.els, false})
		}
	}
	if n.opaque != "" {
		do(func(st *state) { st.approx = n.opaque })
	}
	return alts, false
}

// refuseValues is "none of these values".
func (s *solver) refuseValues(st *state, vs []any) (alts []alternative, met bool) {
	var same []any
	for _, v := range vs {
		if typeOf(v) == st.t {
			same = append(same, v)
		}
	}
	if len(same) == 0 {
		return nil, true
	}
	if st.t != tArray && st.t != tObject {
		return []alternative{{apply: func(st *state) {
			for _, v := range same {
				st.exclude(v)
			}
		}}}, false
	}
	if len(same) == 1 {
		return s.differ(same[0]), false
	}
	if len(same) > 64 {
		return []alternative{{apply: func(st *state) { st.approx = "an enum of many objects or arrays" }}}, false
	}
	a := alternative{}
	for _, v := range same {
		a.lits = append(a.lits, literal{s.enumOf(v), false})
	}
	return []alternative{a}, false
}

// differ lists the ways in which an array or object can differ from a given one.
func (s *solver) differ(v any) []alternative {
	var alts []alternative
	switch v := v.(type) {
	case []any:
		alts = append(alts, alternative{apply: func(st *state) { st.atMost(len(v) - 1) }}, alternative{apply: func(st *state) { st.atLeast(len(v) + 1) }})
		for i, x := range v {
			alts = append(alts, alternative{apply: func(st *state) {
				st.atLeast(i + 1)
				st.exist = append(st.exist, exists{index: i, lits: []literal{{s.enumOf(x), false}}})
			}})
		}
	case map[string]any:
		names := map[string]bool{}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			names[k] = true
			alts = append(alts, alternative{apply: func(st *state) { st.prohibit(k) }}, s.property(k, literal{s.enumOf(v[k]), false}))
		}
		alts = append(alts, alternative{apply: func(st *state) {
			st.exist = append(st.exist, exists{notIn: names, open: true})
		}})
	}
	return alts
}

// property asks for a property under a fixed name.
func (s *solver) property(name string, l literal) alternative {
	return alternative{prop: name, lit: l, apply: func(st *state) {
		st.require(name)
		st.exist = append(st.exist, exists{name: &name, lits: []literal{l}})
	}}
}

func (s *solver) refusedArray(n *node) (alts []alternative) {
	do := func(f func(*state)) { alts = append(alts, alternative{apply: f}) }
	if n.minItems != nil && !s.isBlocked(n, "minItems", "") {
		do(func(st *state) { st.atMost(*n.minItems - 1) })
	}
	if n.maxItems != nil && !s.isBlocked(n, "maxItems", "") {
		do(func(st *state) { st.atLeast(*n.maxItems + 1) })
	}
	if n.unique && !s.isBlocked(n, "uniqueItems", "") {
		do(func(st *state) {
			st.repeat = true
			st.atLeast(2)
		})
	}
	for i, m := range n.prefix {
		do(func(st *state) {
			st.atLeast(i + 1)
			st.exist = append(st.exist, exists{index: i, lits: []literal{{m, false}}})
		})
	}
	if n.rest != nil && !s.isBlocked(n, "additionalItems", "") {
		do(func(st *state) {
			st.atLeast(len(n.prefix) + 1)
			st.exist = append(st.exist, exists{index: len(n.prefix), open: true, lits: []literal{{n.rest, false}}})
		})
	}
	if n.contains != nil {
		least := 1
		if n.minCont != nil {
			least = *n.minCont
		}
		switch {
		case least == 0 || s.isBlocked(n, "contains", ""):
		case least == 1:
			do(func(st *state) { st.seqs = append(st.seqs, sequence{rest: &literal{n.contains, false}}) })
		default:
			do(func(st *state) { st.counts = append(st.counts, count{n: n.contains, hi: least - 1}) })
		}
		if n.maxCont != nil && !s.isBlocked(n, "maxContains", "") {
			do(func(st *state) { st.counts = append(st.counts, count{n: n.contains, lo: *n.maxCont + 1, hi: -1}) })
		}
	}
	if n.unevalItems != nil && !s.isBlocked(n, "unevaluatedItems", "") {
		alts = append(alts, s.refuseUnevaluated(n))
	}
	return alts
}

func (s *solver) refusedObject(n *node) (alts []alternative) {
	do := func(f func(*state)) { alts = append(alts, alternative{apply: f}) }
	for _, name := range n.propNames {
		alts = append(alts, s.property(name, literal{n.props[name], false}))
	}
	for _, r := range n.required {
		if !s.isBlocked(n, "required", r) {
			do(func(st *state) { st.prohibit(r) })
		}
	}
	if n.minProps != nil && !s.isBlocked(n, "minProperties", "") {
		do(func(st *state) { st.atMost(*n.minProps - 1) })
	}
	if n.maxProps != nil && !s.isBlocked(n, "maxProperties", "") {
		do(func(st *state) { st.atLeast(*n.maxProps + 1) })
	}
	for _, p := range n.patternProps {
		do(func(st *state) {
			st.exist = append(st.exist, exists{match: p.re, open: true, lits: []literal{{p.node, false}}})
		})
	}
	if n.additional != nil && !s.isBlocked(n, "additionalProperties", "") {
		do(func(st *state) {
			st.exist = append(st.exist, exists{outside: []scope{{n.props, n.patternProps, nil}}, open: true, lits: []literal{{n.additional, false}}})
		})
	}
	if n.names != nil && !s.isBlocked(n, "propertyNames", "") {
		do(func(st *state) {
			st.exist = append(st.exist, exists{open: true, names: []literal{{n.names, false}}})
		})
	}
	for _, d := range n.depRequired {
		for _, r := range d.needs {
			if !s.isBlocked(n, "dependencies", d.name) {
				do(func(st *state) {
					st.require(d.name)
					st.prohibit(r)
				})
			}
		}
	}
	for _, d := range n.depSchemas {
		alts = append(alts, alternative{lits: []literal{{d.node, false}}, apply: func(st *state) { st.require(d.name) }})
	}
	if n.unevalProps != nil && !s.isBlocked(n, "unevaluatedProperties", "") {
		alts = append(alts, s.refuseUnevaluated(n))
	}
	return alts
}
