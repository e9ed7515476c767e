package jsonschema

import (
	"maps"
	"slices"
)

// maxPatterns bounds the combinations of name patterns that are told apart.
const maxPatterns = 8

// objectProblem is the leaf of an object: which properties exist, under which names,
// with which values.
type objectProblem struct {
	s        *solver
	st       *state
	explicit []string // every name something is said about
	isNamed  map[string]bool
	fixed    map[string][]literal
	patterns []*pattern
	decl     declarations
	vague    string // why a negative answer would be no proof
}

func (s *solver) objectLeaf(st *state) outcome {
	if st.maxN >= 0 && len(st.need) > st.maxN {
		return outcome{a: unsatisfiable}
	}
	p := &objectProblem{s: s, st: st, isNamed: map[string]bool{}, fixed: map[string][]literal{}}
	if s.closed {
		p.decl = s.declarations(st)
	}
	p.collect()
	names := slices.Sorted(maps.Keys(st.need))
	for _, name := range names {
		switch r := p.child(name, p.fixed[name]); r.a {
		case unsatisfiable:
			return r
		case unknown:
			p.vague = cmpOr(p.vague, r.reason)
		case satisfiable:
		}
	}
	var open []exists
	for _, e := range st.exist {
		if e.name == nil {
			open = append(open, e)
		}
	}
	b := &builder{p: p, extra: map[string][]literal{}, used: map[string]bool{}}
	for _, name := range names {
		b.used[name] = true
		b.extra[name] = p.fixed[name]
	}
	for _, e := range open {
		// Each one alone first: this is what proves that there is none.
		opts := b.options(e)
		fresh := p.fresh([]exists{e}, nil)
		if len(opts) == 0 && fresh.a == unsatisfiable {
			return outcome{a: unsatisfiable}
		}
		b.opts = append(b.opts, opts)
		b.freshFits = append(b.freshFits, fresh.a != unsatisfiable)
	}
	return b.place(open, 0)
}

// collect gathers names, patterns and the literals of fixed properties.
func (p *objectProblem) collect() {
	add := func(name string) {
		if !p.isNamed[name] {
			p.isNamed[name] = true
			p.explicit = append(p.explicit, name)
		}
	}
	addPattern := func(re *pattern) {
		if !slices.ContainsFunc(p.patterns, func(o *pattern) bool { return o.src == re.src }) {
			p.patterns = append(p.patterns, re)
		}
	}
	for name := range p.st.need {
		add(name)
	}
	for name := range p.st.forbid {
		add(name)
	}
	fromScope := func(sc scope) {
		for name := range sc.names {
			add(name)
		}
		for _, pp := range sc.patterns {
			addPattern(pp.re)
		}
	}
	// An object that is complete with the names it needs asks for no others.
	more := p.st.minN > len(p.st.need) || slices.ContainsFunc(p.st.exist, func(e exists) bool { return e.name == nil })
	for _, sc := range p.st.scopes {
		if more {
			fromScope(sc)
		}
	}
	for _, e := range p.st.exist {
		if e.name != nil {
			add(*e.name)
			p.fixed[*e.name] = append(p.fixed[*e.name], e.lits...)
		}
		if e.match != nil {
			addPattern(e.match)
		}
		for name := range e.notIn {
			add(name)
		}
		for _, sc := range e.outside {
			fromScope(sc)
		}
	}
	if p.s.closed && more {
		for name := range p.decl.names {
			add(name)
		}
		for _, re := range p.decl.patterns {
			addPattern(re)
		}
	}
	slices.Sort(p.explicit)
	slices.SortFunc(p.patterns, func(a, b *pattern) int { return cmpStrings(a.src, b.src) })
}

// child decides the property of a given name.
func (p *objectProblem) child(name string, extra []literal) outcome {
	if p.st.forbid[name] || (p.s.closed && !p.decl.declares(name)) {
		return outcome{a: unsatisfiable}
	}
	vague := ""
	for _, n := range p.st.nameWant {
		e := evaluator{}
		switch e.holds(n, name) {
		case no:
			return outcome{a: unsatisfiable}
		case dunno:
			vague = "propertyNames could not be evaluated"
		case yes:
		}
	}
	lits, late := p.st.property(name)
	vague = cmpOr(vague, late)
	lits = append(lits, extra...)
	r := p.s.solve(lits)
	if vague != "" {
		if r.a == unsatisfiable {
			return outcome{a: unknown, reason: vague}
		}
		r.a, r.reason = unknown, vague
		r.candidate = true
	}
	return r
}

// admits reports whether an explicit name can serve an open demand.
func (p *objectProblem) admits(e exists, name string) bool {
	if e.notIn[name] {
		return false
	}
	if e.match != nil && !e.match.MatchString(name) {
		return false
	}
	for _, sc := range e.outside {
		if _, ok := sc.names[name]; ok {
			return false
		}
		if slices.ContainsFunc(sc.patterns, func(pp patternProp) bool { return pp.re.MatchString(name) }) {
			return false
		}
	}
	for _, l := range e.names {
		ev := evaluator{}
		if r := ev.holds(l.n, name); r != dunno && (r == yes) != l.want {
			return false
		}
	}
	return true
}

// freshName is a property under a name nothing mentions.
type freshName struct {
	outcome
	name string
}

// fresh decides whether such a property can serve a group of open demands at once.
func (p *objectProblem) fresh(group []exists, taken map[string]bool) freshName {
	out := freshName{outcome: outcome{a: unsatisfiable}}
	k := len(p.patterns)
	if k > maxPatterns {
		out = freshName{outcome: outcome{a: unknown, reason: "too many name patterns"}}
		k = maxPatterns
	}
	masks := make([]int, 0, 1<<k)
	for m := range 1 << k {
		masks = append(masks, m)
	}
	slices.SortStableFunc(masks, func(a, b int) int { return ones(a) - ones(b) })
	for _, m := range masks {
		var match, avoid []*pattern
		for i, re := range p.patterns {
			if i < k && m&(1<<i) != 0 {
				match = append(match, re)
			} else {
				avoid = append(avoid, re)
			}
		}
		r := p.freshClass(group, match, avoid, taken)
		if r.a == satisfiable {
			return r
		}
		if r.a == unknown {
			out = r
		}
	}
	return out
}

func ones(m int) int {
	n := 0
	for ; m != 0; m &= m - 1 {
		n++
	}
	return n
}

func (p *objectProblem) freshClass(group []exists, match, avoid []*pattern, taken map[string]bool) freshName {
	none := freshName{outcome: outcome{a: unsatisfiable}}
	has := func(re *pattern) bool {
		return slices.ContainsFunc(match, func(o *pattern) bool { return o.src == re.src })
	}
	if p.s.closed && !p.decl.open && !slices.ContainsFunc(p.decl.patterns, has) {
		return none
	}
	var lits, names []literal
	for _, e := range group {
		if e.match != nil && !has(e.match) {
			return none
		}
		for _, sc := range e.outside {
			if slices.ContainsFunc(sc.patterns, func(pp patternProp) bool { return has(pp.re) }) {
				return none
			}
		}
		lits = append(lits, e.lits...)
		names = append(names, e.names...)
	}
	for _, sc := range p.st.scopes {
		named := false
		for _, pp := range sc.patterns {
			if has(pp.re) {
				named = true
				if pp.node != nil {
					lits = append(lits, literal{pp.node, true})
				}
			}
		}
		if !named && sc.rest != nil {
			lits = append(lits, literal{sc.rest, true})
		}
	}
	for _, n := range p.st.nameWant {
		names = append(names, literal{n, true})
	}
	r := p.s.solve(lits)
	if r.a == unsatisfiable {
		return none
	}
	used := make(map[string]struct{}, len(p.explicit)+len(taken))
	for _, name := range p.explicit {
		used[name] = struct{}{}
	}
	for name := range taken {
		used[name] = struct{}{}
	}
	var nm outcome
	for _, least := range []int{1, 0} { // the empty name is legal, but nobody's first choice
		nm = p.s.ofType(tString, names, func(st *state) {
			st.word.match, st.word.avoid = slices.Clone(match), slices.Clone(avoid)
			st.word.taken = maps.Clone(used)
			st.word.min = least
		})
		if nm.a == satisfiable {
			break
		}
	}
	if nm.a == unsatisfiable {
		return none
	}
	name, _ := nm.value.(string)
	switch {
	case nm.a == unknown:
		return freshName{outcome: outcome{a: unknown, reason: nm.reason}}
	case r.a == unknown:
		return freshName{outcome: r, name: name}
	}
	return freshName{outcome: r, name: name}
}

// builder assigns open demands to names and puts the object together.
type builder struct {
	p         *objectProblem
	extra     map[string][]literal // per used explicit name
	used      map[string]bool
	slots     [][]exists // fresh names, each with the demands it serves
	opts      [][]string
	freshFits []bool
}

// options lists the explicit names that could serve a demand by themselves, the ones
// that are there anyway first.
func (b *builder) options(e exists) []string {
	var need, other []string
	for _, name := range b.p.explicit {
		if !b.p.admits(e, name) {
			continue
		}
		r := b.p.child(name, slices.Concat(b.p.fixed[name], e.lits))
		if r.a == unsatisfiable {
			continue
		}
		if b.p.st.need[name] {
			need = append(need, name)
		} else {
			other = append(other, name)
		}
	}
	return append(need, other...)
}

func (b *builder) size() int { return len(b.used) + len(b.slots) }

// place assigns demand i and all behind it.
func (b *builder) place(open []exists, i int) outcome {
	p := b.p
	if !p.s.spend() {
		return outcome{a: unknown, reason: p.s.reason}
	}
	if i == len(open) {
		return b.build()
	}
	e := open[i]
	room := p.st.maxN < 0 || b.size() < p.st.maxN
	out := outcome{a: unsatisfiable}
	try := func() (outcome, bool) {
		r := b.place(open, i+1)
		if r.a == unknown {
			out = r
		}
		return r, r.a == satisfiable
	}
	explicit := func(was bool) (outcome, bool) {
		for _, name := range b.opts[i] {
			if b.used[name] != was || (!was && !room) {
				continue
			}
			old := b.extra[name]
			b.extra[name] = slices.Concat(old, e.lits)
			if r := p.child(name, b.extra[name]); r.a != unsatisfiable {
				b.used[name] = true
				if r, ok := try(); ok {
					return r, true
				}
				if !was {
					delete(b.used, name)
				}
			}
			b.extra[name] = old
		}
		return outcome{}, false
	}
	if r, ok := explicit(true); ok {
		return r
	}
	if r, ok := explicit(false); ok {
		return r
	}
	if b.freshFits[i] {
		if room {
			b.slots = append(b.slots, []exists{e})
			if r, ok := try(); ok {
				return r
			}
			b.slots = b.slots[:len(b.slots)-1]
		}
		for k := range b.slots {
			old := b.slots[k]
			b.slots[k] = append(slices.Clone(old), e)
			if p.fresh(b.slots[k], nil).a != unsatisfiable {
				if r, ok := try(); ok {
					return r
				}
			}
			b.slots[k] = old
		}
	}
	return out
}

// build makes the object once every demand has a place.
func (b *builder) build() outcome {
	p := b.p
	obj := map[string]any{}
	vague := p.vague
	taken := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(b.used)) {
		r := p.child(name, b.extra[name])
		switch {
		case r.a == unsatisfiable:
			return r
		case r.a == unknown && !r.candidate:
			return outcome{a: unknown, reason: r.reason}
		case r.a == unknown:
			vague = cmpOr(vague, r.reason)
		}
		obj[name] = r.value
	}
	for _, group := range b.slots {
		r := p.fresh(group, taken)
		switch {
		case r.a == unsatisfiable:
			// A finite set of names can run out; another assignment may do.
			return outcome{a: unknown, reason: "property names run out"}
		case r.a == unknown && (!r.candidate || r.name == ""):
			return outcome{a: unknown, reason: r.reason}
		case r.a == unknown:
			vague = cmpOr(vague, r.reason)
		}
		taken[r.name] = true
		obj[r.name] = r.value
	}
	for _, name := range p.explicit {
		if len(obj) >= p.st.minN {
			break
		}
		if _, ok := obj[name]; ok {
			continue
		}
		switch r := p.child(name, nil); r.a {
		case satisfiable:
			obj[name] = r.value
		case unknown:
			vague = cmpOr(vague, r.reason)
		case unsatisfiable:
		}
	}
	for len(obj) < p.st.minN {
		if len(obj) > 5000 || !p.s.spend() {
			return outcome{a: unknown, reason: cmpOr(p.s.reason, "too many properties to build")}
		}
		r := p.fresh(nil, taken)
		switch {
		case r.a == unsatisfiable && vague == "" && len(b.slots) == 0:
			return outcome{a: unsatisfiable}
		case r.a != satisfiable:
			return outcome{a: unknown, reason: cmpOr(r.reason, "not enough properties")}
		}
		taken[r.name] = true
		obj[r.name] = r.value
	}
	if vague != "" {
		return outcome{a: unknown, value: obj, candidate: true, reason: vague}
	}
	return outcome{a: satisfiable, value: obj}
}

// declarations are the names a writer declares for one object.
type declarations struct {
	names    map[string]bool
	patterns []*pattern
	open     bool // a schema for further names declares them all
}

func (d declarations) declares(name string) bool {
	return d.open || d.names[name] || slices.ContainsFunc(d.patterns, func(re *pattern) bool { return re.MatchString(name) })
}

func (d *declarations) add(n *node, seen map[*node]bool) {
	if n == nil || seen[n] {
		return
	}
	seen[n] = true
	for _, name := range n.propNames {
		d.names[name] = true
	}
	for _, name := range n.required {
		d.names[name] = true
	}
	for _, dep := range n.depRequired {
		d.names[dep.name] = true
		for _, r := range dep.needs {
			d.names[r] = true
		}
	}
	for _, dep := range n.depSchemas {
		d.names[dep.name] = true
		d.add(dep.node, seen)
	}
	for _, pp := range n.patternProps {
		d.patterns = append(d.patterns, pp.re)
	}
	if (n.additional != nil && n.additional.always == nil) || (n.unevalProps != nil && n.unevalProps.always == nil) {
		d.open = true
	}
	for _, v := range n.enum {
		d.literal(v)
	}
	if n.konst != nil {
		d.literal(*n.konst)
	}
	for _, m := range slices.Concat([]*node{n.ref, n.not, n.cond, n.then, n.els}, n.allOf, n.anyOf, n.oneOf) {
		d.add(m, seen)
	}
}

func (d *declarations) literal(v any) {
	if obj, ok := v.(map[string]any); ok {
		for name := range obj {
			d.names[name] = true
		}
	}
}

func (s *solver) declarations(st *state) declarations {
	d := declarations{names: map[string]bool{}}
	seen := map[*node]bool{}
	for _, l := range st.lits {
		if s.writer[l.n] {
			d.add(l.n, seen)
		}
	}
	return d
}

// declaredOnly checks a whole value of a finite set: its own names only.
func (s *solver) declaredOnly(st *state, v any) bool {
	obj, ok := v.(map[string]any)
	if !ok {
		return true
	}
	d := s.declarations(st)
	for name := range obj {
		if !d.declares(name) {
			return false
		}
	}
	return true
}
