package jsonschema

import "slices"

// maxItemsBuilt bounds the arrays that are put together.
const maxItemsBuilt = 70_000

// arrayProblem is the leaf of an array: how many items, with which values.
type arrayProblem struct {
	s     *solver
	st    *state
	tuple int // positions with schemas of their own
	limit int // longest possible array, -1: none
	extra map[int][]literal
	group map[int]map[int]bool // which counts a position already serves
	slots int                  // positions behind the tuple that are in use
	vague string
}

// demand asks for an item.
type demand struct {
	lits  []literal
	from  int
	fixed bool
	group int // demands of one group need different positions; -1: none
}

func (p *arrayProblem) lits(i int) []literal {
	out := slices.Clone(p.extra[i])
	for _, q := range p.st.seqs {
		if i < len(q.prefix) {
			out = append(out, q.prefix[i])
		} else if q.rest != nil {
			out = append(out, *q.rest)
		}
	}
	return out
}

func (s *solver) arrayLeaf(st *state) outcome {
	if st.unique && st.repeat {
		return outcome{a: unsatisfiable}
	}
	p := &arrayProblem{s: s, st: st, limit: st.maxN, extra: map[int][]literal{}, group: map[int]map[int]bool{}}
	for _, q := range st.seqs {
		p.tuple = max(p.tuple, len(q.prefix))
	}
	var demands []demand
	for _, e := range st.exist {
		demands = append(demands, demand{lits: e.lits, from: e.index, fixed: !e.open, group: -1})
		if !e.open {
			p.tuple = max(p.tuple, e.index+1)
		}
	}
	if s.countsClash(st.counts) {
		return outcome{a: unsatisfiable}
	}
	for g, c := range st.counts {
		if c.lo > 1000 {
			return outcome{a: unknown, reason: "contains counts too high"}
		}
		for range c.lo {
			demands = append(demands, demand{lits: []literal{{c.n, true}}, group: g})
		}
	}
	if p.tuple > 5000 {
		return outcome{a: unknown, reason: "tuples too long"}
	}
	// An impossible position ends the array before it.
	for i := 0; i <= p.tuple && (p.limit < 0 || i < p.limit); i++ {
		switch r := s.solve(p.lits(i)); r.a {
		case unsatisfiable:
			p.limit = i
		case unknown:
			p.vague = cmpOr(p.vague, r.reason)
		case satisfiable:
		}
	}
	if p.limit >= 0 && st.minN > p.limit {
		return outcome{a: unsatisfiable}
	}
	slices.SortStableFunc(demands, func(a, b demand) int { return b2i(b.fixed) - b2i(a.fixed) })
	if st.repeat {
		return p.repeated(demands)
	}
	return p.place(demands, 0)
}

// countsClash finds two counts that exclude each other: items that fit the first fit the
// second too, and there have to be more of them than the second allows.
func (s *solver) countsClash(counts []count) bool {
	for _, a := range counts {
		for _, b := range counts {
			if b.hi >= 0 && a.lo > b.hi && s.solve([]literal{{a.n, true}, {b.n, false}}).a == unsatisfiable {
				return true
			}
		}
	}
	return false
}

// place assigns demand i and all behind it to positions.
func (p *arrayProblem) place(demands []demand, i int) outcome {
	if !p.s.spend() {
		return outcome{a: unknown, reason: p.s.reason}
	}
	if i == len(demands) {
		return p.build()
	}
	d := demands[i]
	out := outcome{a: unsatisfiable}
	last := p.tuple + p.slots // one new position behind those in use
	first := d.from
	if d.fixed {
		last = d.from
	}
	for pos := first; pos <= max(last, first); pos++ {
		if p.limit >= 0 && pos >= p.limit {
			break
		}
		if d.group >= 0 && p.group[pos][d.group] {
			continue
		}
		old, slots := p.extra[pos], p.slots
		p.extra[pos] = slices.Concat(old, d.lits)
		if p.s.solve(p.lits(pos)).a != unsatisfiable {
			p.slots = max(p.slots, pos-p.tuple+1)
			p.mark(pos, d.group, true)
			r := p.place(demands, i+1)
			if r.a == satisfiable {
				return r
			}
			if r.a == unknown {
				out = r
			}
			p.mark(pos, d.group, false)
		}
		p.extra[pos], p.slots = old, slots
		if len(old) == 0 {
			delete(p.extra, pos)
		}
		if p.s.left < 0 {
			break
		}
	}
	return out
}

func (p *arrayProblem) mark(pos, group int, on bool) {
	if group < 0 {
		return
	}
	if p.group[pos] == nil {
		p.group[pos] = map[int]bool{}
	}
	p.group[pos][group] = on
}

// repeated builds an array with two equal items.
func (p *arrayProblem) repeated(demands []demand) outcome {
	out := outcome{a: unsatisfiable}
	for i := 0; i <= p.tuple; i++ {
		for j := i + 1; j <= p.tuple+1; j++ {
			if p.limit >= 0 && j >= p.limit {
				break
			}
			r := p.s.solve(slices.Concat(p.lits(i), p.lits(j)))
			if r.a == unsatisfiable {
				continue
			}
			if r.a == unknown && !r.candidate {
				out = outcome{a: unknown, reason: r.reason}
				continue
			}
			// Both positions get this value, whatever else is asked of them.
			same := literal{p.s.enumOf(r.value), true}
			q := *p
			q.extra = map[int][]literal{i: {same}, j: {same}}
			q.group = map[int]map[int]bool{}
			q.slots = max(0, j-q.tuple+1)
			q.st = p.st.clone()
			q.st.minN = max(q.st.minN, j+1)
			b := q.place(demands, 0)
			if b.a == satisfiable && r.a == satisfiable {
				return b
			}
			if len(demands) == 0 && b.a == unsatisfiable {
				continue
			}
			out = outcome{a: unknown, value: b.value, candidate: b.candidate || b.a == satisfiable, reason: "equal items compete with other demands"}
		}
	}
	return out
}

// build fills the positions.
func (p *arrayProblem) build() outcome {
	s, st := p.s, p.st
	n := st.minN
	for pos := range p.extra {
		n = max(n, pos+1)
	}
	if n > maxItemsBuilt {
		return outcome{a: unknown, reason: "arrays too long to build"}
	}
	vague := p.vague
	out := make([]any, n)
	var used []any
	// Positions with demands choose first.
	order := make([]int, 0, n)
	for i := range n {
		if len(p.extra[i]) > 0 {
			order = append(order, i)
		}
	}
	for i := range n {
		if len(p.extra[i]) == 0 {
			order = append(order, i)
		}
	}
	forced := make([]int, len(st.counts))
	var behind *outcome // every position behind the tuple is alike
	for _, i := range order {
		lits := p.lits(i)
		free := len(p.extra[i]) == 0
		alike := free && i >= p.tuple && !st.unique && len(st.counts) == 0
		if alike && behind != nil {
			out[i] = behind.value
			continue
		}
		if free {
			for g, c := range st.counts {
				if c.hi < 0 {
					continue
				}
				if with := append(slices.Clone(lits), literal{c.n, false}); s.solve(with).a == satisfiable {
					lits = with
				} else if s.solve(with).a == unsatisfiable {
					forced[g]++
				}
			}
		}
		if st.unique && len(used) > 0 {
			if len(used) > 300 {
				return outcome{a: unknown, reason: "too many different items"}
			}
			lits = append(lits, literal{s.enumOf(slices.Clone(used)...), false})
		}
		r := s.solve(lits)
		switch {
		case r.a == unsatisfiable:
			// Only a lone schema for all items proves that its values have run out.
			if st.unique && p.tuple == 0 && len(p.extra) == 0 && len(st.counts) == 0 && vague == "" {
				return r
			}
			return outcome{a: unknown, reason: "items have to differ"}
		case r.a == unknown && !r.candidate:
			return outcome{a: unknown, reason: r.reason}
		case r.a == unknown:
			vague = cmpOr(vague, r.reason)
		}
		out[i] = r.value
		if alike {
			behind = &r
		}
		if st.unique {
			used = append(used, r.value)
		}
	}
	for g, c := range st.counts {
		if c.hi < 0 {
			continue
		}
		hits := 0
		for _, v := range out {
			e := evaluator{}
			switch e.holds(c.n, v) {
			case yes:
				hits++
			case dunno:
				vague = "contains could not be evaluated"
			case no:
			}
		}
		if hits > c.hi {
			if forced[g] > c.hi && n == st.minN {
				return outcome{a: unsatisfiable}
			}
			return outcome{a: unknown, reason: "items compete for contains"}
		}
	}
	if vague != "" {
		return outcome{a: unknown, value: out, candidate: true, reason: vague}
	}
	return outcome{a: satisfiable, value: out}
}
