package jsonschema

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	v6 "github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/weirhq/weir/compat"
	"github.com/weirhq/weir/finding"
)

// pairDeadline is the backstop of one direction of one pair. The budget in steps ends
// every search long before it, also on a busy machine: a verdict that depends on the
// clock is none.
const pairDeadline = 5 * time.Second

// maxFindings bounds how many causes of one break are told apart, reportNodes the
// steps spent on finding the next one, reportPool and shrinkPool those spent on all.
// No clock is involved: equal input gives equal findings.
const (
	maxFindings = 25
	reportNodes = 3000
	reportPool  = 10_000
	shrinkPool  = 1000
)

// moreCauses is the rule of what stays untold for these bounds.
const moreCauses = "json/more-causes"

// pair is one direction: everything the writer accepts, the reader has to accept.
type pair struct {
	writer, reader *schema
	w, r           *compiled
	dir            compat.Direction
	o              compat.Options
	s              *solver
	pool           int               // solver steps left for telling causes apart
	shrinks        int               // evaluations left for making witnesses smaller
	parents        map[*node][]*node // of the reader's nodes
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
	res := p.bothReadings(ctx, limited, p.check(ctx, limited))
	if err := ctx.Err(); err != nil {
		return compat.Result{}, fmt.Errorf("compare schemas: %w", err)
	}
	if o.Additive && dir == compat.Backward { // once a pair, not once a direction
		for _, f := range p.removals() {
			res.Verdict = res.Verdict.Worse(f.Proof)
			res.Findings = append(res.Findings, f)
		}
	}
	slices.SortStableFunc(res.Findings, func(x, y compat.Finding) int {
		if n := int(y.Severity) - int(x.Severity); n != 0 {
			return n
		}
		return cmpStrings(x.NewPointer, y.NewPointer, x.OldPointer, y.OldPointer, x.Rule, y.Rule)
	})
	return res, nil
}

func (p *pair) timeouts() int64 { return p.writer.timeouts.Load() + p.reader.timeouts.Load() }

func (p *pair) newSolver(ctx context.Context, nodes int) *solver {
	s := &solver{ctx: ctx, left: nodes, rep: same(p.w, p.r), num: map[*node]uint32{}, words: &words{}, values: map[string]*node{}, unions: map[string]*node{}}
	s.hints = p.hints()
	s.writer = map[*node]bool{}
	for _, n := range p.w.nodes {
		s.writer[n] = true
		s.writer[s.node(n)] = true
	}
	s.blocked = map[blockKey]bool{}
	s.reset()
	return s
}

func (p *pair) question() []literal { return []literal{{p.w.root, true}, {p.r.root, false}} }

func (p *pair) check(ctx, limited context.Context) compat.Result {
	before := p.timeouts()
	p.s = p.newSolver(limited, defaultBudget.nodes)
	filled := p.o.ApplyDefaults && p.assumeDefaults()
	p.s.separate = filled
	out := p.s.solve(p.question())
	if out.a == unsatisfiable {
		if p.timeouts() != before {
			return p.unproven("a pattern ran out of time")
		}
		if p.s.node(p.w.root) != p.s.node(p.r.root) && (p.w.paradox() || p.r.paradox()) {
			return p.unproven(paradoxReason)
		}
		return p.compatible(filled)
	}
	v, ok := out.value, false
	if out.a == satisfiable || out.candidate {
		ok = p.proves(v)
	}
	if !ok {
		v, ok = p.blind(ctx, out)
	}
	if ok {
		return p.broken(ctx, v)
	}
	if p.timeouts() != before {
		return p.unproven("a pattern ran out of time")
	}
	return p.unproven(cmpOr(out.reason, "the message found does not convince the validator"))
}

// compatible is the verdict of a proof, with what should be known beside it.
func (p *pair) compatible(filled bool) compat.Result {
	res := compat.Result{Verdict: compat.ProvenCompatible, Findings: []compat.Finding{}}
	note := func(rule, message string, sev finding.Severity) {
		f := p.blank(rule, message)
		f.Severity, f.Proof = sev, compat.ProvenCompatible
		res.Findings = append(res.Findings, f)
	}
	p.s.left, p.s.blocked = reportNodes, map[blockKey]bool{}
	p.s.reset()
	if p.s.solve([]literal{{p.w.root, true}}).a == unsatisfiable {
		note("json/unsatisfiable", "no message is valid under "+p.writerName()+", so nothing can break", finding.Warning)
	}
	if filled {
		p.s.left = reportNodes
		p.s.reset()
		if p.s.solve(p.question()).a != unsatisfiable {
			note("json/needs-defaults", "compatible only for readers that fill in defaults", finding.Info)
		}
	}
	return res
}

// assumeDefaults weakens the reader by what it fills in itself: a required property
// with a default that is valid is never missing. It reports whether it did anything.
func (p *pair) assumeDefaults() bool {
	did := false
	for _, n := range p.r.nodes {
		if n.maxProps != nil || n.depRequired != nil || n.depSchemas != nil || n.names != nil {
			continue // the filled property could violate these
		}
		for _, name := range n.required {
			c := n.props[name]
			if c == nil || c.defaultValue == nil {
				continue
			}
			e := evaluator{}
			if e.holds(c, *c.defaultValue) == yes {
				p.s.blocked[blockKey{n, "required", name}] = true
				did = true
			}
		}
	}
	p.s.reset()
	return did
}

// fill puts the reader's defaults into a copy of v.
func fill(n *node, v any) any {
	out := clone(v)
	var walk func(n *node, v any)
	walk = func(n *node, v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, m := range inPlace([]*node{n}) {
				for _, name := range m.propNames {
					c := m.props[name]
					if _, ok := v[name]; !ok && c.defaultValue != nil {
						v[name] = clone(*c.defaultValue)
					} else if ok {
						walk(c, v[name])
					}
				}
			}
		case []any:
			for _, m := range inPlace([]*node{n}) {
				for i, x := range v {
					if i < len(m.prefix) {
						walk(m.prefix[i], x)
					} else if m.rest != nil {
						walk(m.rest, x)
					}
				}
			}
		}
	}
	walk(n, out)
	return out
}

// refusal is the judgement everything rests on: the writer's validator accepts the
// document, the reader's refuses it, and no pattern ran out of time meanwhile. It is
// nil where that is not so.
func (p *pair) refusal(v any) *v6.ValidationError {
	before := p.timeouts()
	if accepts := p.w.v6.Validate(v) == nil; !accepts {
		return nil
	}
	read := v
	if p.o.ApplyDefaults {
		read = fill(p.r.root, v)
	}
	err := p.r.v6.Validate(read)
	var verr *v6.ValidationError
	if !errors.As(err, &verr) || p.timeouts() != before {
		return nil
	}
	p.mend(verr, read)
	return verr
}

func (p *pair) proves(v any) bool { return p.refusal(v) != nil }

func (p *pair) writerName() string { return cmpOr(p.writer.label, p.sideName(true)) }

func (p *pair) readerName() string { return cmpOr(p.reader.label, p.sideName(false)) }

func (p *pair) sideName(writer bool) string {
	if writer == (p.dir != compat.Forward) {
		return "the old schema"
	}
	return "the new schema"
}

// blank is a finding about the two roots.
func (p *pair) blank(rule, message string) compat.Finding {
	f := compat.Finding{Rule: rule, Severity: finding.Error, Message: message, Direction: p.dir}
	p.places(&f, place{p.r.root.doc, p.r.root.pointer}, place{p.w.root.doc, p.w.root.pointer})
	return f
}

// places fills in pointers and positions of both sides.
func (p *pair) places(f *compat.Finding, reader, writer place) {
	old, new := writer, reader
	if p.dir == compat.Forward {
		old, new = new, old
	}
	if old.doc != nil {
		f.OldPointer, f.OldAt = old.pointer, old.doc.at(old.pointer)
	}
	if new.doc != nil {
		f.NewPointer, f.NewAt = new.pointer, new.doc.at(new.pointer)
	}
}

func (p *pair) unproven(reason string) compat.Result {
	rule := "json/unproven"
	switch {
	case strings.Contains(reason, "used up"), strings.Contains(reason, "too many"), strings.Contains(reason, "too large"):
		rule = "json/budget-exceeded"
	case strings.Contains(reason, "dynamicRef"), strings.Contains(reason, "recursiveRef"):
		rule = "json/dynamic-ref-not-analysed"
	}
	f := p.blank(rule, fmt.Sprintf("whether %s accepts everything that is valid under %s is not proven", p.readerName(), p.writerName()))
	f.Proof, f.Reason = compat.Unproven, reason
	f.Suggestion = "simplify the schemas where they differ, or set --unproven warn after a review"
	return compat.Result{Verdict: compat.Unproven, Findings: []compat.Finding{f}}
}
