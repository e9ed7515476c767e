package avro

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/weirhq/weir/compat"
	"github.com/weirhq/weir/finding"
)

// remark is a finding that does not make data unreadable.
func (s side) remark(rule string, w, r place, msg, change, fix string) compat.Finding {
	f := compat.Finding{
		Rule: rule, Severity: finding.Warning, Message: msg, Direction: s.dir,
		Proof: compat.ProvenCompatible, Change: change, Suggestion: fix,
	}
	s.put(&f, w, r)
	return f
}

// walk visits the pairs of types that stand for each other, each once.
func (s side) walk(visit func(w, r *node)) {
	seen := map[pair]bool{}
	var down func(w, r *node)
	down = func(w, r *node) {
		p := pair{w, r}
		if seen[p] || len(seen) > maxPairs {
			return
		}
		seen[p] = true
		switch {
		case w.kind == kindUnion:
			for _, b := range w.branches {
				down(b, r)
			}
		case r.kind == kindUnion:
			if b := counterpart(w, r); b != nil {
				down(w, b)
			}
		case w.kind == r.kind:
			visit(w, r)
			eachBelow(p, func(q pair, _ step) { down(q.w, q.r) })
		}
	}
	down(s.w.root, s.r.root)
}

// counterpart is the branch of union r that stands for w: same type and, as far as
// possible, same name.
func counterpart(w, r *node) *node {
	var near *node
	for _, b := range r.branches {
		switch {
		case b.kind != w.kind:
		case !b.kind.named() || b.fullName() == w.fullName():
			return b
		case near == nil && namesMatch(b, w):
			near = b
		}
	}
	return near
}

// remarks are what the Java algorithm is silent about and people want to know.
func (s side) remarks() []compat.Finding {
	var out []compat.Finding
	add := func(f compat.Finding) { out = append(out, f) }
	s.walk(func(w, r *node) {
		o, n := w, r
		if s.dir == compat.Forward {
			o, n = r, w
		}
		s.remarkType(w, r, o, n, add)
		if w.kind == kindRecord {
			s.remarkFields(w, r, add)
		}
	})
	return out
}

func (s side) remarkType(w, r, o, n *node, add func(compat.Finding)) {
	switch {
	case o.decimal() && n.decimal() && (o.precision != n.precision || o.scale != n.scale):
		change := fmt.Sprintf("decimal(%d,%d) -> decimal(%d,%d)", o.precision, o.scale, n.precision, n.scale)
		add(s.remark("avro/decimal-changed", w.place, r.place,
			"decimal changed: "+change+"; the bytes are read, as another number where the scale differs", change,
			"keep precision and scale, or add a new field"))
	case o.logical != n.logical:
		change := logicalName(o) + " -> " + logicalName(n)
		add(s.remark("avro/logical-type-changed", w.place, r.place,
			"logical type changed: "+change+"; the value is read, with another meaning", change,
			"add a new field for the new meaning"))
	}
	if !w.kind.named() || w.fullName() == r.fullName() || !namesMatch(r, w) {
		return
	}
	change := o.fullName() + " -> " + n.fullName()
	if w.name == r.name {
		msg := fmt.Sprintf("namespace of %s %s changed: %s", n.kind, n.name, change)
		if n.kind != kindRecord {
			// Resolver.ReaderUnion.firstMatchingBranch compares the full names of enums and
			// fixed, SchemaCompatibility of the same library does not.
			msg += "; as a branch of a union Java's reader refuses it, although its compatibility check does not"
		}
		add(s.remark("avro/namespace-changed", w.place, r.place, msg, change,
			"keep the namespace, or name the old full name as an alias: generated classes and readers that compare full names see another type"))
		return
	}
	add(s.remark("avro/alias-one-way", w.place, r.place,
		fmt.Sprintf("%s was renamed by an alias: %s; an alias works in its own schema only", n.kind, change), change,
		"readers that do not know the alias refuse the new name: let them upgrade first"))
}

func (n *node) decimal() bool { return n.logical == "decimal" }

func logicalName(n *node) string {
	if n.logical == "" {
		return "plain " + n.kind.String()
	}
	return n.logical
}

func (s side) remarkFields(w, r *node, add func(compat.Finding)) {
	for i := range r.fields {
		rf := &r.fields[i]
		wf, _ := writerField(w, rf)
		if wf == nil {
			continue
		}
		of, nf := wf, rf
		if s.dir == compat.Forward {
			of, nf = rf, wf
		}
		if wf.name != rf.name {
			change := of.name + " -> " + nf.name
			add(s.remark("avro/alias-one-way", wf.place, rf.place,
				"field was renamed by an alias: "+change+"; an alias works in its own schema only", change,
				"readers that do not know the alias miss the field: let them upgrade first"))
		}
		if !of.hasDefault || nf.hasDefault && of.def.String() == nf.def.String() {
			continue
		}
		was, is := clip(of.def.String(), 60), "none"
		if nf.hasDefault {
			is = clip(nf.def.String(), 60)
		}
		add(s.remark("avro/default-changed", wf.place, rf.place,
			fmt.Sprintf("default of field %q changed from %s to %s", nf.name, was, is), was+" -> "+is,
			"readers fill old messages that lack the field with the default they know: two readers see two values"))
	}
}

// removals are the findings of mode ADDITIVE: what the old schema had and the new
// one has not, readable or not. They do not depend on the direction, and so are told
// in one only: FULL, which ADDITIVE contains, checks both.
func (s side) removals() []compat.Finding {
	if s.dir == compat.Forward {
		return nil
	}
	var out []compat.Finding
	gone := func(o, n place, what, change string) {
		f := compat.Finding{
			Rule: "compat/removed", Severity: finding.Error, Direction: s.dir, Proof: compat.ProvenBreak, Contract: true,
			Message: what + " was removed", Change: change,
			Suggestion: "keep it, or publish a new version beside this one",
		}
		s.put(&f, o, n)
		out = append(out, f)
	}
	renamed := func(o, n place, what, was, is string) {
		f := compat.Finding{
			Rule: "compat/renamed", Severity: finding.Error, Direction: s.dir, Proof: compat.ProvenBreak, Contract: true,
			Message: fmt.Sprintf("%s %s was renamed to %s", what, was, is), Change: was + " -> " + is,
			Suggestion: "keep the name",
		}
		s.put(&f, o, n)
		out = append(out, f)
	}
	s.walkUnions(func(o, n *node) {
		for i, b := range o.branches {
			if counterpart(b, n) == nil {
				gone(branchPlace(o, i), n.place, "union branch "+b.describe(), "- "+b.describe())
			}
		}
	})
	s.walk(func(o, n *node) {
		if o.kind.named() && o.name != n.name && slices.Contains(n.aliases, o.fullName()) {
			renamed(o.place, n.place, o.kind.String(), o.fullName(), n.fullName())
		}
		for _, sym := range o.symbols {
			if _, ok := n.bySymbol[sym]; !ok {
				gone(o.place, n.place, "symbol "+strconv.Quote(sym)+" of "+o.describe(), "- "+sym)
			}
		}
		for i := range o.fields {
			of := &o.fields[i]
			if _, ok := n.byName[of.name]; ok {
				continue
			}
			j := slices.IndexFunc(n.fields, func(f field) bool { return slices.Contains(f.aliases, of.name) })
			if j < 0 {
				gone(of.place, n.place, fmt.Sprintf("field %q of %s", of.name, o.describe()), "- "+of.name)
				continue
			}
			renamed(of.place, n.fields[j].place, "field", strconv.Quote(of.name), strconv.Quote(n.fields[j].name))
		}
	})
	return out
}

// walkUnions visits the pairs of unions that meet, and a union met by a plain type
// as a union of one.
func (s side) walkUnions(visit func(o, n *node)) {
	seen := map[pair]bool{}
	var down func(p pair)
	down = func(p pair) {
		if seen[p] || len(seen) > maxPairs {
			return
		}
		seen[p] = true
		if p.w.kind == kindUnion {
			n := p.r
			if n.kind != kindUnion {
				n = &node{place: n.place, kind: kindUnion, branches: []*node{n}}
			}
			visit(p.w, n)
		}
		eachBelow(p, func(q pair, st step) {
			// Only the branch that stands for the value: others are no counterpart.
			if st.index < 0 && counterpart(q.w, p.r) != q.r {
				return
			}
			down(q)
		})
	}
	down(pair{s.w.root, s.r.root})
}
