package jsonschema

import (
	"context"
	"fmt"
	"maps"
	"slices"

	v6 "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/weirhq/weir/compat"
	"github.com/weirhq/weir/finding"
)

// broken lists the causes of a break, each with a witness of its own: first those
// that need only names the writer declares, then those that need others. v proves
// that there is at least one.
func (p *pair) broken(ctx context.Context, v any) compat.Result {
	res := compat.Result{Verdict: compat.ProvenBreak}
	m := newNamer(p)
	p.s.ctx, p.s.separate = ctx, true
	p.pool, p.shrinks = reportPool, shrinkPool
	seen := map[string]bool{}
	base := maps.Clone(p.s.blocked)
	report := func(v any, grade compat.Grade) bool {
		v = p.smallest(v, grade, nil)
		verr := p.refusal(v)
		if verr == nil {
			return false
		}
		if grade == compat.OpenContent && p.onlyDeclared(v) {
			grade = compat.Direct
		}
		// The first cause that has not been told.
		var c change
		fresh := false
		for _, h := range oneByOne(p.causes(verr, v)) {
			if c = m.name(h); slices.ContainsFunc(c.blocked, func(b blockKey) bool { return !p.s.blocked[b] }) {
				fresh = true
				break
			}
		}
		if !fresh && len(res.Findings) > 0 {
			return false
		}
		if alone := p.aloneWitness(m, c, grade); alone != nil {
			// A pattern may run out of time at this very moment.
			if e := p.refusal(alone); e != nil {
				v, verr = alone, e
			}
		}
		for _, b := range c.blocked {
			p.s.blocked[b] = true
		}
		id := c.rule + " " + c.reader.pointer + " " + c.writer.pointer + " " + c.change
		if !seen[id] {
			seen[id] = true
			res.Findings = append(res.Findings, p.finding(c, v, verr, grade))
		}
		return fresh
	}
	var rest []compat.Finding
	for _, grade := range []compat.Grade{compat.Direct, compat.OpenContent} {
		p.s.closed = grade == compat.Direct
		for {
			out := p.pooled(p.question())
			if out.a == unsatisfiable {
				break // all was told
			}
			known := (out.a == satisfiable || out.candidate) && p.proves(out.value)
			if known && len(res.Findings) < maxFindings && report(out.value, grade) {
				continue
			}
			if len(rest) == 0 {
				rest = append(rest, p.untold(out.value, grade, known))
			}
			break
		}
	}
	if len(res.Findings) == 0 {
		p.s.blocked = base
		p.s.eval.blocked = base
		report(v, compat.OpenContent)
	}
	res.Findings = append(res.Findings, rest...)
	return res
}

// oneByOne parts the refusals that name several missing properties: each is a cause.
func oneByOne(heads []*v6.ValidationError) []*v6.ValidationError {
	var out []*v6.ValidationError
	for _, h := range heads {
		k, ok := h.ErrorKind.(*kind.Required)
		if !ok || len(k.Missing) < 2 {
			out = append(out, h)
			continue
		}
		for _, name := range slices.Sorted(slices.Values(k.Missing)) {
			one := *h
			one.ErrorKind = &kind.Required{Missing: []string{name}}
			out = append(out, &one)
		}
	}
	return out
}

// untold says that the search for causes ended before there were none. Without it a
// waiver of the causes that are told would let pass what nobody has seen. known says
// that v shows one of the others.
func (p *pair) untold(v any, grade compat.Grade, known bool) compat.Finding {
	if known {
		v = p.smallest(v, grade, nil)
		if p.onlyDeclared(v) {
			grade = compat.Direct
		}
		if verr := p.refusal(v); verr != nil {
			c := change{rule: moreCauses, what: "there are more causes than those that are told"}
			c.reader, c.writer = place{p.r.root.doc, p.r.root.pointer}, place{p.w.root.doc, p.w.root.pointer}
			return p.finding(c, v, verr, grade)
		}
	}
	f := p.blank(moreCauses, "there may be more causes than those that are told")
	f.Proof, f.Grade, f.Reason, f.Suggestion = compat.Unproven, grade, "the search for causes ended before all was looked at", suggestion(moreCauses)
	return f
}

// pooled solves within what is left of the pool.
func (p *pair) pooled(q []literal) outcome {
	n := min(reportNodes, p.pool)
	p.s.left = n
	p.s.reset()
	out := p.s.solve(q)
	p.pool -= n - max(p.s.left, 0)
	return out
}

// aloneWitness looks for a message that the reader refuses for one cause only, so
// that the explanation speaks of nothing else. It is nil where there is none.
func (p *pair) aloneWitness(m *namer, c change, grade compat.Grade) any {
	if c.node == nil || len(c.blocked) != 1 {
		return nil
	}
	saved := p.s.blocked
	defer func() {
		p.s.blocked = saved
		p.s.reset()
	}()
	forgiving := p.forgiving(c.node, c.blocked[0])
	if forgiving == nil {
		return nil
	}
	p.s.blocked = map[blockKey]bool{}
	out := p.pooled(append(p.question(), literal{forgiving, true}))
	if out.a != satisfiable || !p.proves(out.value) {
		return nil
	}
	v := p.smallest(out.value, grade, forgiving)
	verr := p.refusal(v)
	if verr == nil {
		return nil
	}
	if again := m.name(p.causes(verr, v)[0]); again.rule != c.rule || again.reader != c.reader {
		return nil
	}
	return v
}

// forgiving is the root of a copy of the reader that lacks one assertion.
func (p *pair) forgiving(at *node, b blockKey) *node {
	// Nodes that lead to the changed one are copied, all others are shared.
	if p.parents == nil {
		p.parents = map[*node][]*node{}
		for _, n := range p.r.nodes {
			for _, c := range n.children() {
				p.parents[c] = append(p.parents[c], n)
			}
		}
	}
	leads := map[*node]bool{at: true}
	for queue := []*node{at}; len(queue) > 0; queue = queue[1:] {
		for _, n := range p.parents[queue[0]] {
			if !leads[n] {
				leads[n] = true
				queue = append(queue, n)
			}
		}
	}
	if !leads[p.r.root] {
		return nil
	}
	copies := map[*node]*node{}
	var dup func(*node) *node
	list := func(in []*node) []*node {
		var out []*node
		for _, n := range in {
			out = append(out, dup(n))
		}
		return out
	}
	dup = func(n *node) *node {
		if n == nil || !leads[n] {
			return n
		}
		if c, ok := copies[n]; ok {
			return c
		}
		c := *n
		copies[n] = &c
		if c.target = &c; n.target != n {
			c.target = dup(n.target)
		}
		c.ref, c.not, c.cond, c.then, c.els = dup(n.ref), dup(n.not), dup(n.cond), dup(n.then), dup(n.els)
		c.allOf, c.anyOf, c.oneOf, c.prefix = list(n.allOf), list(n.anyOf), list(n.oneOf), list(n.prefix)
		c.additional, c.names, c.rest, c.contains = dup(n.additional), dup(n.names), dup(n.rest), dup(n.contains)
		c.unevalProps, c.unevalItems = dup(n.unevalProps), dup(n.unevalItems)
		if n.props != nil {
			c.props = make(map[string]*node, len(n.props))
			for name, x := range n.props {
				c.props[name] = dup(x)
			}
		}
		c.patternProps = slices.Clone(n.patternProps)
		for i, pp := range c.patternProps {
			c.patternProps[i].node = dup(pp.node)
		}
		c.depSchemas = slices.Clone(n.depSchemas)
		for i, d := range c.depSchemas {
			c.depSchemas[i].node = dup(d.node)
		}
		return &c
	}
	root := dup(p.r.root)
	return root.drop(copies[at], b.keyword, b.name)
}

// drop removes one assertion of a node below (or at) root; nil if it cannot.
func (n *node) drop(at *node, keyword, name string) *node {
	if at == nil {
		return nil
	}
	switch keyword {
	case "type":
		at.types, at.integer = 0, false
	case "enum":
		at.enum, at.enumKey, at.enumKeys = nil, nil, nil
	case "const":
		at.konst = nil
	case "format":
		at.format = nil
	case "minimum":
		at.min = nil
	case "maximum":
		at.max = nil
	case "multipleOf":
		at.multipleOf = nil
	case "minLength":
		at.minLen = nil
	case "maxLength":
		at.maxLen = nil
	case "pattern":
		at.pattern = nil
	case "minItems":
		at.minItems = nil
	case "maxItems":
		at.maxItems = nil
	case "uniqueItems":
		at.unique = false
	case "contains":
		at.contains = nil
	case "minProperties":
		at.minProps = nil
	case "maxProperties":
		at.maxProps = nil
	case "required":
		at.required = slices.DeleteFunc(slices.Clone(at.required), func(r string) bool { return r == name })
	case "additionalProperties":
		at.additional = nil
	case "additionalItems":
		at.rest = nil
	case "propertyNames":
		at.names = nil
	default:
		return nil
	}
	return n
}

// size counts the values in a document, up to a bound.
func size(v any) int {
	n := 1
	switch v := v.(type) {
	case []any:
		n += len(v)
		for _, x := range v[:min(len(v), 1000)] {
			n += size(x)
		}
	case map[string]any:
		for _, x := range v {
			n += size(x)
		}
	case string:
		n += len(v) / 100
	}
	return n
}

// smallest shrinks a witness without changing what it shows: it still proves the
// break by an assertion that has not been reported, keeps its grade, and fits also,
// where that is given.
func (p *pair) smallest(v any, grade compat.Grade, also *node) any {
	fast := true
	keep := func(v any) bool {
		if grade == compat.Direct && !p.onlyDeclared(v) {
			return false
		}
		if also != nil {
			e := evaluator{}
			if e.holds(also, v) != yes {
				return false
			}
		}
		if fast {
			w, r := evaluator{}, evaluator{blocked: p.s.blocked}
			a, b := w.holds(p.w.root, v), r.holds(p.r.root, v)
			if a != dunno && b != dunno {
				return a == yes && b == no
			}
		}
		return p.proves(v)
	}
	fast = !p.o.ApplyDefaults && keep(v)
	tries := min(shrinkTries, max(p.shrinks, 20))
	if size(v) > 2000 {
		tries = min(tries, 20) // one test walks the whole document
	}
	small, used := shrink(v, tries, keep)
	p.shrinks -= used
	if !p.proves(small) {
		return v
	}
	return small
}

// onlyDeclared reports whether every property name in v is one the writer declares.
func (p *pair) onlyDeclared(v any) bool { return declared([]*node{p.w.root}, v) }

func declared(nodes []*node, v any) bool {
	all := inPlace(nodes)
	switch v := v.(type) {
	case map[string]any:
		d := declarations{names: map[string]bool{}}
		seen := map[*node]bool{}
		for _, n := range nodes {
			d.add(n, seen)
		}
		for name, x := range v {
			if !d.declares(name) {
				return false
			}
			next, _ := childNodes(all, name)
			if !declared(next, x) {
				return false
			}
		}
	case []any:
		for i, x := range v {
			var next []*node
			for _, n := range all {
				if i < len(n.prefix) {
					next = append(next, n.prefix[i])
				} else if n.rest != nil {
					next = append(next, n.rest)
				}
			}
			if !declared(next, x) {
				return false
			}
		}
	}
	return true
}

func (p *pair) finding(c change, v any, verr *v6.ValidationError, grade compat.Grade) compat.Finding {
	f := compat.Finding{
		Rule: c.rule, Severity: finding.Error, Message: c.what, Direction: p.dir, Proof: compat.ProvenBreak,
		Grade: grade, Change: c.change, Suggestion: suggestion(c.rule),
	}
	if grade == compat.OpenContent {
		f.Severity = finding.Warning
	}
	p.places(&f, c.reader, c.writer)
	doc := encode(v)
	shown := string(doc)
	if len(shown) > 300 {
		shown = "the witness"
	}
	how := ""
	if grade == compat.OpenContent {
		how = " (undeclared properties are allowed)"
	}
	f.Witness = &compat.Witness{
		JSON:        doc,
		Explanation: fmt.Sprintf("%s is valid under %s%s and refused by %s: %s", shown, p.writerName(), how, p.readerName(), whyRefused(verr)),
	}
	return f
}
