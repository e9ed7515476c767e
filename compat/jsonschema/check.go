package jsonschema

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/weirhq/weir/compat"
	"github.com/weirhq/weir/finding"
)

// pairDeadline is the backstop of one direction of one pair; budgets in steps end
// nearly every search before it.
const pairDeadline = 200 * time.Millisecond

// pair is one direction: everything the writer accepts, the reader has to accept.
type pair struct {
	writer, reader  *schema
	w, r            *compiled
	dir             compat.Direction
	o               compat.Options
	s               *solver
	timeoutsAtStart int64
}

// Check implements [compat.Checker].
func (c *Checker) Check(ctx context.Context, old, new compat.Parsed, dir compat.Direction, o compat.Options) (compat.Result, error) {
	a, b, err := sides(old, new)
	if err != nil {
		return compat.Result{}, err
	}
	if err := ctx.Err(); err != nil {
		return compat.Result{}, err
	}
	if dir == compat.Forward {
		a, b = b, a
	}
	p := &pair{writer: a, reader: b, dir: dir, o: o}
	if p.w, err = a.compiled(o.AssertFormat); err != nil {
		return compat.Result{}, err
	}
	if p.r, err = b.compiled(o.AssertFormat); err != nil {
		return compat.Result{}, err
	}
	limited, cancel := context.WithTimeout(ctx, pairDeadline)
	defer cancel()
	res := p.check(limited)
	if err := ctx.Err(); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return compat.Result{}, err
	}
	return res, nil
}

func (p *pair) timeouts() int64 { return p.writer.timeouts.Load() + p.reader.timeouts.Load() }

// newSolver starts a solver for the pair; blocked assertions of the reader count as
// met.
func (p *pair) newSolver(ctx context.Context, nodes int) *solver {
	s := &solver{ctx: ctx, left: nodes, rep: same(p.w, p.r), num: map[*node]uint32{}, words: &words{}, values: map[string]*node{}}
	s.hints = p.hints()
	s.writer = map[*node]bool{}
	for _, n := range p.w.nodes {
		s.writer[s.node(n)] = true
	}
	s.blocked = map[blockKey]bool{}
	s.reset()
	return s
}

func (p *pair) question() []literal { return []literal{{p.w.root, true}, {p.r.root, false}} }

func (p *pair) check(ctx context.Context) compat.Result {
	before := p.timeouts()
	p.s = p.newSolver(ctx, defaultBudget.nodes)
	out := p.s.solve(p.question())
	if out.a == unsatisfiable {
		if p.timeouts() != before {
			return p.unproven("a pattern ran out of time")
		}
		return compat.Result{Verdict: compat.ProvenCompatible, Findings: []compat.Finding{}}
	}
	if out.a == satisfiable || out.candidate {
		if p.proves(out.value) {
			return p.broken(ctx, out.value)
		}
	}
	return p.unproven(cmpOr(out.reason, "no message found that shows a break, and no proof that there is none"))
}

// proves is the judgement everything rests on: the writer's validator accepts the
// document, the reader's refuses it, and no pattern ran out of time meanwhile.
func (p *pair) proves(v any) bool {
	before := p.timeouts()
	return p.w.v6.Validate(v) == nil && p.r.v6.Validate(v) != nil && p.timeouts() == before
}

func (p *pair) unproven(reason string) compat.Result {
	return compat.Result{Verdict: compat.Unproven, Findings: []compat.Finding{{
		Rule: "json/unproven", Severity: finding.Error, Proof: compat.Unproven, Direction: p.dir, Reason: reason, Message: "compatibility is not proven: " + reason,
	}}}
}

func (p *pair) broken(ctx context.Context, v any) compat.Result {
	return compat.Result{Verdict: compat.ProvenBreak, Findings: []compat.Finding{{
		Rule: "json/break", Severity: finding.Error, Proof: compat.ProvenBreak, Direction: p.dir, Witness: &compat.Witness{JSON: encode(v)},
	}}}
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

// Rules implements [compat.Checker].
func (*Checker) Rules() []finding.Rule { return nil }
