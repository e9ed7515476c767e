package jsonschema

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"slices"
	"strconv"

	v6 "github.com/santhosh-tekuri/jsonschema/v6"
)

// literal is a node that the value has to satisfy, or has to violate.
type literal struct {
	n    *node
	want bool
}

// outcome of solving a set of literals. value is a candidate: the validator has the
// last word. Unsatisfiable is a proof.
type outcome struct {
	a      answer
	value  any
	reason string
	// candidate is set with unknown where value is worth showing to the validator.
	candidate bool
}

// budget bounds one search in counted steps, so that a verdict does not depend on
// the machine.
type budget struct{ nodes int }

var defaultBudget = budget{nodes: 50_000}

// solver decides whether a set of literals has a value. It splits by type, then by
// the alternatives of anyOf, oneOf, not, if and refused nodes, and at the end checks
// the plain constraints that are left.
//
// A set of literals that is met again inside itself (always below a property or an
// item) counts as unsatisfiable: a smallest value never needs itself. Results that
// lean on this are kept only while the set they lean on is being solved.
type solver struct {
	ctx  context.Context
	left int
	rep  map[*node]*node // structurally equal nodes share one
	num  map[*node]uint32
	memo map[string]*entry
	// refuted keeps what has no value for good, by whether objects are closed: blocking
	// more assertions, or closing objects, only takes values away. clean keeps what is so
	// even with nothing blocked.
	refuted, clean [2]map[string]bool
	frames         []int // tokens of the sets in progress
	tokens         int
	low            int // lowest frame the current work leans on
	words          *words
	eval           evaluator
	hints          []string

	// separate keeps equal nodes apart, so that one of them can be blocked alone; they
	// still contradict each other.
	separate bool
	blocked  map[blockKey]bool
	// closed restricts objects to names the writer declares.
	closed bool
	writer map[*node]bool

	values map[string]*node // enum nodes made on the way
	unions map[string]*node // anyOf nodes made on the way
	reason string           // why the search was cut, once it was
}

type entry struct {
	out      outcome
	progress int // frame index while in progress, else -1
	low      int
	token    int // of the frame low points at; 0: final
}

const noFrame = int(^uint(0) >> 1)

func (s *solver) reset() {
	s.memo = map[string]*entry{}
	s.frames, s.low = nil, noFrame
	s.eval.blocked = s.blocked
}

func (s *solver) node(n *node) *node {
	if s.separate {
		return n
	}
	return s.class(n)
}

// class is the first of the nodes that say the same.
func (s *solver) class(n *node) *node {
	if r, ok := s.rep[n]; ok {
		return r
	}
	return n
}

func (s *solver) number(n *node) uint32 {
	if i, ok := s.num[n]; ok {
		return i
	}
	i := uint32(len(s.num))
	s.num[n] = i
	return i
}

// normal sorts literals and drops doubles and true ones; ok is false if they
// contradict each other.
func (s *solver) normal(in []literal) (out []literal, ok bool) {
	for _, l := range in {
		l.n = s.node(l.n)
		if l.n.target != nil {
			l.n = s.node(l.n.target)
		}
		if l.n.always != nil {
			if *l.n.always != l.want || (!l.want && s.isBlocked(l.n, "false", "")) {
				return nil, false
			}
			continue
		}
		if !slices.Contains(out, l) {
			out = append(out, l)
		}
	}
	slices.SortFunc(out, func(a, b literal) int {
		x, y := s.number(a.n), s.number(b.n)
		switch {
		case x != y:
			return int(x) - int(y)
		case a.want == b.want:
			return 0
		case a.want:
			return -1
		}
		return 1
	})
	for i, l := range out {
		for _, o := range out[i+1:] {
			if l.want != o.want && s.class(l.n) == s.class(o.n) {
				return nil, false
			}
		}
	}
	return out, true
}

// saysNothing: no assertion and no applicator beside a reference.
func (n *node) saysNothing() bool {
	return n.types == 0 && n.enumKey == nil && n.konst == nil && n.not == nil && n.cond == nil && n.allOf == nil && n.anyOf == nil && n.oneOf == nil &&
		n.format == nil && n.minLen == nil && n.maxLen == nil && n.pattern == nil && n.min == nil && n.max == nil && n.multipleOf == nil &&
		n.props == nil && n.patternProps == nil && n.additional == nil && n.names == nil && n.required == nil && n.minProps == nil && n.maxProps == nil &&
		n.depRequired == nil && n.depSchemas == nil && n.prefix == nil && n.rest == nil && n.contains == nil && n.minItems == nil && n.maxItems == nil &&
		!n.unique && n.unevalItems == nil && n.unevalProps == nil && n.opaque == ""
}

func (s *solver) isBlocked(n *node, keyword, name string) bool {
	return len(s.blocked) > 0 && s.blocked[blockKey{n, keyword, name}]
}

func (s *solver) spend() bool {
	s.left--
	if s.left < 0 {
		s.reason = "budget of " + strconv.Itoa(defaultBudget.nodes) + " steps used up"
		return false
	}
	if s.left%64 == 0 && s.ctx.Err() != nil {
		s.left = -1
		s.reason = "time used up"
		return false
	}
	return true
}

// solve decides a set of literals.
func (s *solver) solve(in []literal) outcome {
	lits, ok := s.normal(in)
	if !ok {
		return outcome{a: unsatisfiable}
	}
	if len(lits) == 0 {
		return outcome{a: satisfiable, value: json.Number("0")}
	}
	var kb []byte
	for _, l := range lits {
		kb = binary.AppendUvarint(kb, uint64(s.number(l.n))<<1|uint64(b2i(l.want)))
	}
	k := string(kb)
	if s.refutedAlready(k) {
		return outcome{a: unsatisfiable}
	}
	if e, ok := s.memo[k]; ok {
		switch {
		case e.progress >= 0:
			s.low = min(s.low, e.progress)
			return outcome{a: unsatisfiable}
		case e.token == 0:
			return e.out
		case e.low < len(s.frames) && s.frames[e.low] == e.token:
			s.low = min(s.low, e.low)
			return e.out
		}
	}
	if !s.spend() {
		return outcome{a: unknown, reason: s.reason}
	}
	me := len(s.frames)
	s.tokens++
	s.frames = append(s.frames, s.tokens)
	e := &entry{progress: me}
	s.memo[k] = e
	outer := s.low
	s.low = noFrame
	e.out = s.types(lits)
	e.progress = -1
	s.frames = s.frames[:me]
	low := s.low
	if low >= me {
		low = noFrame
	}
	if low != noFrame && e.out.a != satisfiable {
		e.low, e.token = low, s.frames[low]
	} else {
		low = noFrame
	}
	s.low = min(outer, low)
	if e.out.a == unsatisfiable && low == noFrame {
		s.refute(k)
	}
	return e.out
}

func (s *solver) refutedAlready(k string) bool {
	known := s.refuted
	if len(s.blocked) == 0 {
		known = s.clean
	}
	return known[0][k] || (s.closed && known[1][k])
}

func (s *solver) refute(k string) {
	if s.refuted[0] == nil {
		for i := range 2 {
			s.refuted[i], s.clean[i] = map[string]bool{}, map[string]bool{}
		}
	}
	s.refuted[b2i(s.closed)][k] = true
	if len(s.blocked) == 0 {
		s.clean[b2i(s.closed)][k] = true
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// types tries the JSON types one by one, the plainest values first.
func (s *solver) types(lits []literal) outcome {
	out := outcome{a: unsatisfiable}
	for _, t := range []types{tString, tNumber, tObject, tArray, tBool, tNull} {
		r := s.ofType(t, lits, nil)
		if r.a == satisfiable {
			return r
		}
		if r.a == unknown {
			out = r
		}
	}
	return out
}

// hopeless reports that no value of a property can meet an alternative. Most properties
// of two versions are alike; this keeps the others from being met first.
func (s *solver) hopeless(st *state, a alternative) bool {
	if a.lit.n == nil {
		return false
	}
	if st.forbid[a.prop] {
		return true
	}
	lits, _ := st.property(a.prop)
	return s.solve(append(lits, a.lit)).a == unsatisfiable
}

// ofType decides the literals for values of one type; prepare adds constraints of
// its own.
func (s *solver) ofType(t types, lits []literal, prepare func(*state)) outcome {
	st := newState(t, lits)
	if prepare != nil {
		prepare(st)
	}
	return s.search(st, 0)
}

// search takes the state apart until only plain constraints are left.
func (s *solver) search(st *state, depth int) outcome {
	if !s.spend() || depth > 500 {
		return outcome{a: unknown, reason: cmpOr(s.reason, "too many alternatives")}
	}
	s.expand(st)
	if st.conflict {
		return outcome{a: unsatisfiable}
	}
	if st.isFinite {
		return s.finite(st)
	}
	if len(st.choices) == 0 {
		return s.leaf(st)
	}
	for _, ask := range []bool{false, true} { // what costs nothing first
		if ask && len(st.choices) > 3 {
			plain := st.clone()
			plain.choices = nil
			if s.leaf(plain).a == unsatisfiable {
				return outcome{a: unsatisfiable}
			}
		}
		switch s.simplify(st, ask) {
		case no:
			return outcome{a: unsatisfiable}
		case yes: // it took alternatives
			return s.search(st, depth)
		case dunno:
		}
	}
	if len(st.choices) == 0 {
		return s.leaf(st)
	}
	// Look ahead: an alternative that fails against the plain constraints alone fails
	// for good. This keeps oneOf against oneOf polynomial.
	if len(st.choices) > 1 || len(st.choices[0]) > 1 {
		base := st
		for changed := true; changed; {
			changed = false
			for i := 0; i < len(base.choices); i++ {
				alts := base.choices[i]
				if len(base.choices) == 1 {
					break // branching below does the same work
				}
				var keep []alternative
				for _, a := range alts {
					if !s.spend() {
						return outcome{a: unknown, reason: s.reason}
					}
					if s.hopeless(base, a) {
						continue
					}
					trial := base.clone()
					trial.choices = nil
					s.take(trial, a)
					if trial.conflict {
						continue
					}
					if trial.isFinite {
						// Every literal is evaluated here, the pending choices' too.
						r := s.finite(trial)
						if r.a == satisfiable {
							return r
						}
						if r.a == unsatisfiable {
							continue
						}
					} else {
						trial.choices = nil
						if s.leaf(trial).a == unsatisfiable {
							continue
						}
					}
					keep = append(keep, a)
				}
				switch {
				case len(keep) == 0:
					return outcome{a: unsatisfiable}
				case len(keep) == 1:
					next := base.clone()
					next.choices = slices.Delete(slices.Clone(base.choices), i, i+1)
					s.take(next, keep[0])
					if next.conflict {
						return outcome{a: unsatisfiable}
					}
					if next.isFinite {
						return s.finite(next)
					}
					base, changed = next, true
					i--
				case len(keep) < len(alts):
					base = base.clone()
					base.choices[i] = keep
					changed = true
				}
			}
		}
		st = base
	}
	if len(st.choices) == 0 {
		return s.leaf(st)
	}
	pick := 0
	for i, c := range st.choices {
		if len(c) < len(st.choices[pick]) {
			pick = i
		}
	}
	out := outcome{a: unsatisfiable}
	for _, a := range st.choices[pick] {
		if s.hopeless(st, a) {
			continue
		}
		next := st.clone()
		next.choices = slices.Delete(slices.Clone(st.choices), pick, pick+1)
		next.todo = append(next.todo, a.lits...)
		if a.apply != nil {
			a.apply(next)
		}
		r := s.search(next, depth+1)
		if r.a == satisfiable {
			return r
		}
		if r.a == unknown {
			out = r
			if s.left < 0 {
				return out
			}
		}
	}
	return out
}

// simplify drops alternatives that contradict what is known and choices that are met
// already, without looking any further. This keeps a oneOf of many tagged branches
// against another one quadratic. With ask it also solves for the values of single
// properties. It answers no where nothing is left of a choice, and
// yes where one alternative was left and taken.
func (s *solver) simplify(st *state, ask bool) tri {
	if len(st.choices) < 2 && (len(st.choices) == 0 || len(st.choices[0]) < 8) {
		return dunno
	}
	known := make(map[*node]bool, len(st.lits))
	for _, l := range st.lits {
		known[s.class(l.n)] = l.want
	}
	// Names whose values a literal can be settled by, literal by literal.
	settled := func(a alternative) bool {
		return a.lit.n != nil && st.need[a.prop] && (len(s.blocked) == 0 || s.writer[a.lit.n])
	}
	var choices [][]alternative
	took := false
	old := st.choices
	st.choices = nil // for those that a taken alternative brings
	for _, alts := range old {
		keep := make([]alternative, 0, len(alts))
		met := false
		for _, a := range alts {
			clash, entailed := false, a.apply == nil && len(a.lits) > 0
			for _, l := range a.lits {
				want, ok := known[s.class(l.n)]
				clash = clash || (ok && want != l.want)
				entailed = entailed && ok && want == l.want && (l.want || len(s.blocked) == 0)
			}
			if clash {
				continue
			}
			if !entailed && ask && len(old) > 3 && settled(a) {
				// Every value the property can have meets the alternative.
				lits, vague := st.property(a.prop)
				entailed = vague == "" && s.solve(append(lits, literal{a.lit.n, !a.lit.want})).a == unsatisfiable
			}
			if met = entailed; met {
				break
			}
			keep = append(keep, a)
		}
		switch {
		case met:
		case len(keep) == 0:
			return no
		case len(keep) == 1:
			took = true
			st.todo = append(st.todo, keep[0].lits...)
			if keep[0].apply != nil {
				keep[0].apply(st)
			}
		default:
			choices = append(choices, keep)
		}
	}
	st.choices = append(choices, st.choices...)
	if took {
		return yes
	}
	return dunno
}

// take applies an alternative and expands what it brings.
func (s *solver) take(st *state, a alternative) {
	st.todo = append(st.todo, a.lits...)
	if a.apply != nil {
		a.apply(st)
	}
	s.expand(st)
}

// expand works off the literals that need no choice.
func (s *solver) expand(st *state) {
	for len(st.todo) > 0 && !st.conflict && !st.isFinite { // a finite set is settled value by value
		l := st.todo[0]
		st.todo = st.todo[1:]
		l.n = s.node(l.n)
		if l.n.always != nil {
			if *l.n.always != l.want || (!l.want && s.isBlocked(l.n, "false", "")) {
				st.conflict = true
			}
			continue
		}
		if slices.Contains(st.lits, l) {
			continue
		}
		class := s.class(l.n)
		if slices.ContainsFunc(st.lits, func(o literal) bool { return o.want != l.want && s.class(o.n) == class }) {
			st.conflict = true
			return
		}
		st.lits = append(st.lits, l)
		if l.want {
			s.wanted(st, l.n)
		} else if alts, met := s.refused(st, l.n); !met {
			st.choose(alts)
		}
	}
}

// finite settles a state with a wanted enum or const by trying every value.
func (s *solver) finite(st *state) outcome {
	out := outcome{a: unsatisfiable}
	lits := slices.Concat(st.lits, st.todo)
	tried := 0
values:
	for i, v := range st.finite {
		if typeOf(v) != st.t {
			continue
		}
		// Enums can be huge; most values are settled by a look-up.
		for _, l := range lits {
			if l.n.enumKey == nil || (!l.want && (!l.n.enumOnly || s.isBlocked(l.n, "enum", ""))) {
				continue
			}
			if l.want && i < len(l.n.enumKeys) && &l.n.enumKeys[i] == &st.keys[i] {
				continue // the list that is being tried
			}
			if _, in := l.n.enumKey[st.keys[i]]; in != l.want {
				continue values
			}
		}
		if tried++; tried%16 == 0 && !s.spend() {
			return outcome{a: unknown, reason: s.reason}
		}
		fits := yes
		for _, l := range lits {
			e := evaluator{}
			if !l.want {
				e.blocked = s.blocked
			}
			r := e.holds(l.n, v)
			if r == dunno {
				fits = dunno
				continue
			}
			if (r == yes) != l.want {
				fits = no
				break
			}
		}
		if fits == no || !s.wordFits(st, v) || (s.closed && !s.declaredOnly(st, v)) {
			continue
		}
		if fits == yes {
			return outcome{a: satisfiable, value: v}
		}
		// Let the validator judge it; if it refuses, nothing is known.
		out = outcome{a: unknown, value: v, candidate: true, reason: "a value could not be evaluated"}
	}
	return out
}

// wordFits applies what a caller asked of a name beside the literals.
func (s *solver) wordFits(st *state, v any) bool {
	str, ok := v.(string)
	return !ok || (&wordProblem{match: st.word.match, avoid: st.word.avoid, taken: st.word.taken, min: st.word.min, max: st.word.max}).fits(str)
}

func (s *solver) leaf(st *state) outcome {
	if st = s.unevaluated(st); st.conflict {
		return outcome{a: unsatisfiable}
	}
	var out outcome
	switch st.t {
	case tNull:
		out = s.pick(st, nil)
	case tBool:
		out = s.pick(st, false, true)
	case tNumber:
		out = s.numberLeaf(st)
	case tString:
		out = s.stringLeaf(st)
	case tArray:
		out = s.arrayLeaf(st)
	case tObject:
		out = s.objectLeaf(st)
	}
	if out.a == satisfiable && st.approx != "" {
		// A candidate only; whoever asked decides whether it is good enough.
		if !s.confirm(st, out.value) {
			return outcome{a: unknown, value: out.value, candidate: true, reason: st.approx}
		}
	}
	return out
}

// confirm checks a candidate against every literal where the evaluator can.
func (s *solver) confirm(st *state, v any) bool {
	for _, l := range st.lits {
		e := evaluator{}
		if !l.want {
			e.blocked = s.blocked
		}
		r := e.holds(l.n, v)
		if r == dunno || (r == yes) != l.want {
			return false
		}
	}
	return true
}

func (s *solver) pick(st *state, vs ...any) outcome {
	if vs == nil {
		vs = []any{nil}
	}
	for _, v := range vs {
		if _, taken := st.not[key(v)]; !taken {
			return outcome{a: satisfiable, value: v}
		}
	}
	return outcome{a: unsatisfiable}
}

func (s *solver) stringLeaf(st *state) outcome {
	for _, f := range st.formats {
		if slices.ContainsFunc(st.noFormats, func(g *v6.Format) bool { return f.Name == g.Name }) {
			return outcome{a: unsatisfiable}
		}
	}
	p := st.word
	p.hints = s.hints
	if len(st.formats)+len(st.noFormats) > 0 {
		p.accept = func(w string) bool {
			for _, f := range st.formats {
				if f.Validate(w) != nil {
					return false
				}
			}
			for _, f := range st.noFormats {
				if f.Validate(w) == nil {
					return false
				}
			}
			return true
		}
	}
	w, a, reason := s.words.solve(&p)
	return outcome{a: a, value: w, reason: reason}
}

// enumOf is a node that only a given list of values satisfies.
func (s *solver) enumOf(vs ...any) *node {
	k := key(vs)
	if n, ok := s.values[k]; ok {
		return n
	}
	n := &node{enum: vs, enumOnly: true}
	n.setEnum()
	s.values[k] = n
	return n
}
