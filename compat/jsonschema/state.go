package jsonschema

import (
	"maps"
	"math/big"
	"slices"

	v6 "github.com/santhosh-tekuri/jsonschema/v6"
)

// alternative is one way to meet a disjunction: more literals, or a change of the
// plain constraints.
type alternative struct {
	lits  []literal
	apply func(st *state)
	// What apply asks for, where that is one property with one literal: lit.n is nil
	// otherwise.
	prop string
	lit  literal
}

// property collects what the scopes of a state ask of a property; vague names a pattern
// that could not be matched in time.
func (st *state) property(name string) (lits []literal, vague string) {
	for _, sc := range st.scopes {
		n, named := sc.names[name]
		if n != nil {
			lits = append(lits, literal{n, true})
		}
		for _, pp := range sc.patterns {
			ok, known := pp.re.match(name)
			if !known {
				vague = "pattern " + pp.re.src + " ran out of time"
			}
			if ok {
				named = true
				if pp.node != nil {
					lits = append(lits, literal{pp.node, true})
				}
			}
		}
		if !named && vague == "" && sc.rest != nil {
			lits = append(lits, literal{sc.rest, true})
		}
	}
	return lits, vague
}

// state is a conjunction being taken apart for one type.
type state struct {
	t        types
	lits     []literal // every literal met so far
	todo     []literal
	choices  [][]alternative
	conflict bool
	approx   string // constraints were left out: a candidate may fail
	finite   []any  // values of a wanted enum or const
	keys     []string
	isFinite bool

	// numbers
	lo, hi         *big.Rat
	loEx, hiEx     bool
	multiples      []*big.Rat
	notMultiples   []*big.Rat
	notInteger     bool
	not            map[string]struct{} // keys of excluded numbers, booleans, nulls
	word           wordProblem
	formats        []*v6.Format
	noFormats      []*v6.Format
	minN, maxN     int // items or properties; maxN -1 is none
	need, forbid   map[string]bool
	scopes         []scope
	nameWant       []*node
	exist          []exists
	seqs           []sequence
	counts         []count
	uneval         []literal // nodes whose unevaluated* is to be kept, or broken
	unique, repeat bool
}

// scope is what one wanted node says about the properties of an object.
type scope struct {
	names    map[string]*node // nil node: declared, unconstrained
	patterns []patternProp
	rest     *node
}

// exists asks for a property with child literals: under a fixed name, or under any
// name that fits.
type exists struct {
	name    *string
	match   *pattern
	outside []scope // the name is declared by none of these
	notIn   map[string]bool
	names   []literal // what the name has to satisfy or violate
	lits    []literal
	index   int // arrays: position, or first position when open
	open    bool
}

// sequence is what one wanted node says about the items of an array.
type sequence struct {
	prefix []literal
	rest   *literal
}

// count bounds how many items satisfy a node.
type count struct {
	n      *node
	lo, hi int // hi -1: no limit
}

func newState(t types, lits []literal) *state {
	return &state{t: t, todo: slices.Clone(lits), maxN: -1, word: wordProblem{max: -1}}
}

func (st *state) clone() *state {
	c := *st
	c.lits, c.todo, c.choices = slices.Clone(st.lits), slices.Clone(st.todo), slices.Clone(st.choices)
	c.multiples, c.notMultiples = slices.Clone(st.multiples), slices.Clone(st.notMultiples)
	c.not, c.need, c.forbid = maps.Clone(st.not), maps.Clone(st.need), maps.Clone(st.forbid)
	c.word.match, c.word.avoid, c.word.taken = slices.Clone(st.word.match), slices.Clone(st.word.avoid), maps.Clone(st.word.taken)
	c.formats, c.noFormats = slices.Clone(st.formats), slices.Clone(st.noFormats)
	c.scopes, c.nameWant, c.exist = slices.Clone(st.scopes), slices.Clone(st.nameWant), slices.Clone(st.exist)
	c.seqs, c.counts = slices.Clone(st.seqs), slices.Clone(st.counts)
	c.uneval = slices.Clone(st.uneval)
	return &c
}

func (st *state) require(name string) {
	if st.forbid[name] {
		st.conflict = true
	}
	if st.need == nil {
		st.need = map[string]bool{}
	}
	st.need[name] = true
}

func (st *state) prohibit(name string) {
	if st.need[name] {
		st.conflict = true
	}
	if st.forbid == nil {
		st.forbid = map[string]bool{}
	}
	st.forbid[name] = true
}

func (st *state) atLeast(n int) {
	st.minN = max(st.minN, n)
	st.conflict = st.conflict || (st.maxN >= 0 && st.minN > st.maxN)
}

func (st *state) atMost(n int) {
	if n < 0 {
		st.conflict = true
		return
	}
	if st.maxN < 0 || n < st.maxN {
		st.maxN = n
	}
	st.conflict = st.conflict || st.minN > st.maxN
}

func (st *state) lengthAtLeast(n int) {
	st.word.min = max(st.word.min, n)
	st.conflict = st.conflict || (st.word.max >= 0 && st.word.min > st.word.max)
}

func (st *state) lengthAtMost(n int) {
	if n < 0 {
		st.conflict = true
		return
	}
	if st.word.max < 0 || n < st.word.max {
		st.word.max = n
	}
	st.conflict = st.conflict || st.word.min > st.word.max
}

func (st *state) above(r *big.Rat, ex bool) {
	if st.lo == nil || r.Cmp(st.lo) > 0 {
		st.lo, st.loEx = r, ex
	} else if r.Cmp(st.lo) == 0 {
		st.loEx = st.loEx || ex
	}
	st.checkInterval()
}

func (st *state) below(r *big.Rat, ex bool) {
	if st.hi == nil || r.Cmp(st.hi) < 0 {
		st.hi, st.hiEx = r, ex
	} else if r.Cmp(st.hi) == 0 {
		st.hiEx = st.hiEx || ex
	}
	st.checkInterval()
}

func (st *state) checkInterval() {
	if st.lo == nil || st.hi == nil {
		return
	}
	if c := st.lo.Cmp(st.hi); c > 0 || (c == 0 && (st.loEx || st.hiEx)) {
		st.conflict = true
	}
}

func (st *state) exclude(v any) {
	switch v := v.(type) {
	case string:
		if st.word.taken == nil {
			st.word.taken = map[string]struct{}{}
		}
		st.word.taken[v] = struct{}{}
	default:
		if st.not == nil {
			st.not = map[string]struct{}{}
		}
		st.not[key(v)] = struct{}{}
	}
}

// choose adds a disjunction; one with a single alternative is none.
func (st *state) choose(alts []alternative) {
	switch len(alts) {
	case 0:
		st.conflict = true
	case 1:
		st.todo = append(st.todo, alts[0].lits...)
		if alts[0].apply != nil {
			alts[0].apply(st)
		}
	default:
		st.choices = append(st.choices, alts)
	}
}
