package jsonschema

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// program is a Thompson automaton. A match anywhere in the text counts, as JSON
// Schema says, unless ^ and $ tie it down.
type program struct {
	insts  []inst
	start  int
	accept int
}

type inst struct {
	class  []rune // consumes a rune when not nil
	begin  bool   // passes at the beginning only
	end    bool   // passes at the end only
	next   []int
	consum bool
}

func compileProgram(n *reNode) (*program, error) {
	p := &program{}
	p.accept = p.add(inst{})
	start, err := p.emit(n, p.accept)
	if err != nil {
		return nil, err
	}
	p.start = start
	return p, nil
}

func (p *program) add(i inst) int {
	p.insts = append(p.insts, i)
	return len(p.insts) - 1
}

// emit adds code for n that goes on at next and returns its entry.
func (p *program) emit(n *reNode, next int) (int, error) {
	if len(p.insts) > maxProgram {
		return 0, fmt.Errorf("%w: pattern too large", errNotRegular)
	}
	switch n.op {
	case reEmpty:
		return next, nil
	case reClass:
		return p.add(inst{class: n.class, consum: true, next: []int{next}}), nil
	case reBegin:
		return p.add(inst{begin: true, next: []int{next}}), nil
	case reEnd:
		return p.add(inst{end: true, next: []int{next}}), nil
	case reCat:
		for _, s := range slices.Backward(n.subs) {
			var err error
			if next, err = p.emit(s, next); err != nil {
				return 0, err
			}
		}
		return next, nil
	case reAlt:
		split := inst{}
		for _, s := range n.subs {
			e, err := p.emit(s, next)
			if err != nil {
				return 0, err
			}
			split.next = append(split.next, e)
		}
		return p.add(split), nil
	case reRepeat:
		s := n.subs[0]
		if n.max < 0 {
			loop := p.add(inst{})
			body, err := p.emit(s, loop)
			if err != nil {
				return 0, err
			}
			p.insts[loop].next = []int{body, next}
			next = loop
		} else {
			for range n.max - n.min {
				body, err := p.emit(s, next)
				if err != nil {
					return 0, err
				}
				// Leaving early goes on behind the whole repetition: each copy's exit is
				// its own successor, which can itself be left.
				next = p.add(inst{next: []int{body, next}})
			}
		}
		for range n.min {
			var err error
			if next, err = p.emit(s, next); err != nil {
				return 0, err
			}
		}
		return next, nil
	}
	return 0, errNotRegular
}

// dfa determinises a program lazily.
type dfa struct {
	p      *program
	states []dstate
	index  map[string]int
	steps  map[[2]int32]int
	mark   []int // by instruction: the closure it was last seen in
	round  int
	work   int // instructions visited
}

type dstate struct {
	set     []int
	matched bool // a match has ended already: everything behind it is fine
	final   bool // the text may end here
}

func newDFA(n *reNode) (*dfa, error) {
	p, err := compileProgram(n)
	if err != nil {
		return nil, err
	}
	d := &dfa{p: p, index: map[string]int{}, steps: map[[2]int32]int{}}
	d.state(d.closure([]int{p.start}, true, false), true)
	return d, nil
}

func (d *dfa) closure(in []int, begin, end bool) []int {
	if d.mark == nil {
		d.mark = make([]int, len(d.p.insts))
	}
	d.round++
	var out []int
	stack := slices.Clone(in)
	for len(stack) > 0 {
		i := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if d.mark[i] == d.round {
			continue
		}
		d.mark[i] = d.round
		d.work++
		out = append(out, i)
		x := &d.p.insts[i]
		if x.consum || (x.begin && !begin) || (x.end && !end) {
			continue
		}
		stack = append(stack, x.next...)
	}
	slices.Sort(out)
	return out
}

func (d *dfa) state(set []int, begin bool) int {
	s := dstate{set: set, matched: slices.Contains(set, d.p.accept)}
	if s.matched {
		s.set, s.final = nil, true
	} else {
		s.final = slices.Contains(d.closure(set, begin, true), d.p.accept)
	}
	var b strings.Builder
	for _, i := range s.set {
		b.WriteString(strconv.Itoa(i))
		b.WriteByte(',')
	}
	fmt.Fprint(&b, s.matched, s.final)
	if i, ok := d.index[b.String()]; ok {
		return i
	}
	d.states = append(d.states, s)
	d.index[b.String()] = len(d.states) - 1
	return len(d.states) - 1
}

func inClass(set []rune, r rune) bool {
	for i := 0; i+1 < len(set); i += 2 {
		if r < set[i] {
			return false
		}
		if r <= set[i+1] {
			return true
		}
	}
	return false
}

// step is the state behind state s and rune r.
func (d *dfa) step(s int, r rune) int {
	if d.states[s].matched {
		return s
	}
	k := [2]int32{int32(s), r}
	if t, ok := d.steps[k]; ok {
		return t
	}
	moved := []int{d.p.start}
	for _, i := range d.states[s].set {
		if x := &d.p.insts[i]; x.consum && inClass(x.class, r) {
			moved = append(moved, x.next...)
		}
	}
	t := d.state(d.closure(moved, false, false), false)
	d.steps[k] = t
	return t
}

// boundaries collects where the classes of a pattern begin and end.
func boundaries(n *reNode, into map[rune]bool) {
	for i := 0; i+1 < len(n.class); i += 2 {
		into[n.class[i]] = true
		into[n.class[i+1]+1] = true
	}
	for _, s := range n.subs {
		boundaries(s, into)
	}
}
