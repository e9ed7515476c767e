package jsonschema

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	v6 "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

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

// causes are the errors that name what the author did. Where no branch of a
// combinator is satisfied, the branch that satisfied the writer is the changed one,
// and its errors speak.
func (p *pair) causes(e *v6.ValidationError, v any) []*v6.ValidationError {
	var out []*v6.ValidationError
	for _, h := range heads(e) {
		out = append(out, p.changedBranch(h, v)...)
	}
	return out
}

func (p *pair) changedBranch(h *v6.ValidationError, v any) []*v6.ValidationError {
	branches := func(n *node) []*node {
		if _, ok := h.ErrorKind.(*kind.OneOf); ok {
			return n.oneOf
		}
		return n.anyOf
	}
	switch k := h.ErrorKind.(type) {
	case *kind.AnyOf:
	case *kind.OneOf:
		if len(k.Subschemas) > 0 {
			return []*v6.ValidationError{h}
		}
	default:
		return []*v6.ValidationError{h}
	}
	_, ptr := splitLocation(h.SchemaURL)
	at, ok := lookup(v, pointerOf(h.InstanceLocation))
	nodes, _, _ := beside(p.w.root, h.InstanceLocation)
	for _, n := range nodes {
		if !ok || n.pointer != ptr || len(branches(n)) != len(h.Causes) {
			continue
		}
		for i, b := range branches(n) {
			e := evaluator{}
			if e.holds(b, at) != yes {
				continue
			}
			var out []*v6.ValidationError
			for _, c := range heads(h.Causes[i]) {
				out = append(out, p.changedBranch(c, v)...)
			}
			return out
		}
	}
	return []*v6.ValidationError{h}
}

// mend repairs what the validator tells about property names: the location is shared
// with later errors and overwritten by them, and the schema is the one for the name.
func (p *pair) mend(e *v6.ValidationError, v any) {
	if k, ok := e.ErrorKind.(*kind.PropertyNames); ok {
		if owner, ok := strings.CutSuffix(e.SchemaURL, "/propertyNames"); ok {
			e.SchemaURL = owner
		}
		u, ptr := splitLocation(e.SchemaURL)
		at, _ := holderOf([]*node{p.r.root}, v, k.Property, u, ptr, []string{})
		e.InstanceLocation = at
		return
	}
	for _, c := range e.Causes {
		p.mend(c, v)
	}
}

// holderOf finds the first object that has a property of this name and that a given
// node speaks about.
func holderOf(nodes []*node, v any, name, u, ptr string, path []string) ([]string, bool) {
	all := inPlace(nodes)
	switch v := v.(type) {
	case map[string]any:
		if _, ok := v[name]; ok && slices.ContainsFunc(all, func(n *node) bool { return n.url == u && n.pointer == ptr }) {
			return path, true
		}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			next, _ := childNodes(all, k)
			if at, ok := holderOf(next, v[k], name, u, ptr, append(slices.Clone(path), k)); ok {
				return at, true
			}
		}
	case []any:
		for i, x := range v {
			k := strconv.Itoa(i)
			next, _ := childNodes(all, k)
			if at, ok := holderOf(next, x, name, u, ptr, append(slices.Clone(path), k)); ok {
				return at, true
			}
		}
	}
	return []string{}, false
}

func (p *pair) proves(v any) bool { return p.refusal(v) != nil }

// blind tries documents that stand in the schemas, and variations of a candidate,
// where rules and automata know nothing.
func (p *pair) blind(ctx context.Context, out outcome) (any, bool) {
	var tries []any
	if out.candidate || out.a == satisfiable {
		tries = append(tries, out.value)
	}
	for _, c := range []*compiled{p.w, p.r} {
		for _, n := range inPlace([]*node{c.root}) {
			tries = append(tries, n.examples...)
			if n.defaultValue != nil {
				tries = append(tries, *n.defaultValue)
			}
			tries = append(tries, n.enum[:min(len(n.enum), 50)]...)
		}
	}
	for _, h := range p.s.hints {
		tries = append(tries, h)
	}
	valid := p.s
	valid.left, valid.closed = reportNodes, false
	valid.reset()
	if r := valid.solve([]literal{{p.w.root, true}}); r.a == satisfiable || r.candidate {
		tries = append(tries, r.value)
	}
	for n := 0; n < len(tries) && n < 300; n++ {
		if ctx.Err() != nil {
			return nil, false
		}
		if p.proves(tries[n]) {
			return tries[n], true
		}
		if n < 20 {
			tries = append(tries, variations(tries[n], p)...)
		}
	}
	return nil, false
}

// variations changes one thing in a document: drops a property, adds an unknown one,
// puts another type in its place.
func variations(v any, p *pair) []any {
	var out []any
	others := []any{"", json.Number("1"), nil, true, []any{}, map[string]any{}}
	switch v := v.(type) {
	case map[string]any:
		names := map[string]bool{"x": true}
		for _, c := range []*compiled{p.w, p.r} {
			for _, n := range c.nodes {
				for _, name := range n.propNames {
					if len(names) < 12 {
						names[name] = true
					}
				}
			}
		}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			less := maps.Clone(v)
			delete(less, k)
			out = append(out, less)
			names[k] = true
		}
		for _, k := range slices.Sorted(maps.Keys(names)) {
			for _, o := range others {
				more := maps.Clone(v)
				more[k] = o
				out = append(out, more)
			}
		}
	case []any:
		for _, o := range others {
			out = append(out, append(slices.Clone(v), o))
			for i := range v {
				c := slices.Clone(v)
				c[i] = o
				out = append(out, c)
			}
		}
		if len(v) > 0 {
			out = append(out, v[:len(v)-1])
		}
	default:
		out = append(out, others...)
	}
	return out
}

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
		for _, h := range p.causes(verr, v) {
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
	for _, grade := range []compat.Grade{compat.Direct, compat.OpenContent} {
		p.s.closed = grade == compat.Direct
		for len(res.Findings) < maxFindings {
			out := p.pooled(p.question())
			if (out.a != satisfiable && !out.candidate) || !p.proves(out.value) || !report(out.value, grade) {
				break
			}
		}
	}
	if len(res.Findings) == 0 {
		p.s.blocked = base
		p.s.eval.blocked = base
		report(v, compat.OpenContent)
	}
	return res
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

// removals are the findings of mode ADDITIVE: what the old version declares and the
// new one does not.
func (p *pair) removals() []compat.Finding {
	var out []compat.Finding
	add := func(old, new place, what, change string) {
		f := compat.Finding{
			Rule: "compat/removed", Severity: finding.Error, Message: what, Direction: p.dir, Proof: compat.ProvenBreak, Contract: true, Change: change,
			OldPointer: old.pointer, NewPointer: new.pointer, Suggestion: "keep it and mark it deprecated",
		}
		if old.doc != nil {
			f.OldAt = old.doc.at(old.pointer)
		}
		if new.doc != nil {
			f.NewAt = new.doc.at(new.pointer)
		}
		out = append(out, f)
	}
	seen := map[[2]*node]bool{}
	var walk func(a, b *node)
	walk = func(a, b *node) {
		if a == nil || b == nil || seen[[2]*node{a, b}] || len(out) >= maxFindings {
			return
		}
		seen[[2]*node{a, b}] = true
		as, bs := inPlace([]*node{a}), inPlace([]*node{b})
		at := b.place()
		var values map[string]bool
		for _, n := range bs {
			for _, v := range n.enum {
				if values == nil {
					values = map[string]bool{}
				}
				values[key(v)] = true
			}
		}
		for _, n := range as {
			for _, name := range n.propNames {
				i := slices.IndexFunc(bs, func(m *node) bool { return m.props[name] != nil })
				if i < 0 {
					add(n.props[name].place(), at, fmt.Sprintf("property %q was removed", name), "properties/"+name+": declared -> none")
					continue
				}
				walk(n.props[name], bs[i].props[name])
			}
			if n.rest != nil {
				for _, m := range bs {
					walk(n.rest, m.rest)
				}
			}
			if values != nil {
				for _, v := range n.enum[:min(len(n.enum), 1000)] {
					if !values[key(v)] {
						add(n.place().with("enum"), at, "enum value "+string(encode(v))+" was removed", string(encode(v))+" -> none")
					}
				}
			}
		}
	}
	walk(p.w.root, p.r.root)
	return out
}
