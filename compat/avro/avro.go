// Package avro decides whether data written under one Avro schema can be read with
// another, and proves every break by a message.
//
// The decision is the Java library's SchemaCompatibility, which the registries run:
// all its incompatibilities, with their types, places in the reader and order. Where
// its memo of recursive types is too kind, an exact comparison has the last word.
// A break is proven by the smallest message that shows it: the codec writes it under
// the writer's schema and the package's own resolving reader, following the Avro
// specification, refuses it under the reader's. The package refuses to trust a
// codec's own compatibility check for that, and to guess: a break without a message
// (a type that contains itself without end) is unproven. It also judges whether an
// example of a message fits its schema, in either way of writing one as JSON. The two
// types to know are [Checker] and [compat.Finding].
package avro

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/weirhq/weir/compat"
	"github.com/weirhq/weir/finding"
)

// Checker compares Avro schemas. The zero value is ready for use.
type Checker struct {
	// Nameless accepts records, enums and fixed without a name, as Java's API
	// builds them although its parser refuses them. Two absent names are equal.
	Nameless bool
}

var _ compat.Checker = (*Checker)(nil)

// Format is compat.Avro.
func (*Checker) Format() compat.Format { return compat.Avro }

// Parse reads a schema as leniently as Java does: unknown attributes are ignored,
// types may be used before they are defined. A type that the schema does not define
// is asked of s.Load under its full name.
func (c *Checker) Parse(ctx context.Context, s compat.Schema) (compat.Parsed, error) {
	return c.parse(ctx, s)
}

// side is one comparison with its roles.
type side struct {
	w, r *parsed
	dir  compat.Direction
}

func roles(oldSchema, newSchema compat.Parsed, dir compat.Direction) (side, error) {
	o, ok := oldSchema.(*parsed)
	n, ok2 := newSchema.(*parsed)
	if !ok || !ok2 {
		return side{}, fmt.Errorf("compare schemas: %T and %T are not both Avro", oldSchema, newSchema)
	}
	if dir == compat.Forward {
		return side{w: n, r: o, dir: dir}, nil
	}
	return side{w: o, r: n, dir: dir}, nil
}

// Check answers for one direction. Warnings and the findings of mode ADDITIVE follow
// the breaks.
func (*Checker) Check(ctx context.Context, oldSchema, newSchema compat.Parsed, dir compat.Direction, o compat.Options) (compat.Result, error) {
	s, err := roles(oldSchema, newSchema, dir)
	if err != nil {
		return compat.Result{}, err
	}
	res := compat.Result{Verdict: compat.ProvenCompatible, Findings: []compat.Finding{}}
	if s.w.canonical == s.r.canonical {
		return res, nil
	}
	list, c := compare(s.w.root, s.r.root)
	if err := ctx.Err(); err != nil {
		return compat.Result{}, fmt.Errorf("compare schemas: %w", err)
	}
	a := analyse(s.w, s.r)
	seen := map[string]bool{}
	u := unfolding{a: a, c: c}
	for _, i := range list {
		if seen[i.key()] {
			continue
		}
		seen[i.key()] = true
		res.Findings = append(res.Findings, s.causes(i, &u, seen)...)
	}
	for _, i := range a.beyond(list) {
		res.Findings = append(res.Findings, s.finding(i, a, c))
	}
	for i := range res.Findings {
		res.Verdict = res.Verdict.Worse(res.Findings[i].Proof)
	}
	if c.over || a.over {
		res.Verdict = res.Verdict.Worse(compat.Unproven)
		res.Findings = append(res.Findings, s.budget())
	}
	res.Findings = append(res.Findings, s.remarks()...)
	if o.Additive {
		for _, f := range s.removals() {
			res.Verdict = res.Verdict.Worse(f.Proof)
			res.Findings = append(res.Findings, f)
		}
	}
	return res, nil
}

// Predict answers as Confluent's registry would: it runs the Java class as it is.
func (*Checker) Predict(_ context.Context, oldSchema, newSchema compat.Parsed, dir compat.Direction) (compat.Prediction, error) {
	s, err := roles(oldSchema, newSchema, dir)
	if err != nil {
		return compat.Prediction{}, err
	}
	list, c := compare(s.w.root, s.r.root)
	if c.over {
		return compat.Prediction{}, fmt.Errorf("predict the registry: more than %d pairs of types to compare", maxPairs)
	}
	p := compat.Prediction{Compatible: len(list) == 0, Lenient: len(list) == 0, Findings: []compat.VendorFinding{}}
	for _, i := range list {
		p.Findings = append(p.Findings, compat.VendorFinding{Type: string(i.problem), Path: i.location.String(), Message: i.message})
	}
	return p, nil
}

// causes are the findings for one incompatibility of the algorithm: what is wrong
// inside of a branch that both unions have, where that is proven, else itself.
func (s side) causes(i *incompatibility, u *unfolding, seen map[string]bool) []compat.Finding {
	var out []compat.Finding
	fresh := map[string]bool{}
	u.open = map[string]bool{}
	for _, f := range u.inside(i) {
		if f == i {
			return []compat.Finding{s.finding(i, u.a, u.c)}
		}
		if k := f.key(); !seen[k] && !fresh[k] {
			fresh[k] = true
			out = append(out, s.finding(f, u.a, u.c))
		}
	}
	if slices.ContainsFunc(out, func(f compat.Finding) bool { return f.Proof != compat.ProvenBreak }) {
		return []compat.Finding{s.finding(i, u.a, u.c)}
	}
	maps.Copy(seen, fresh)
	return out
}

// unfolding looks into the branches of unions.
type unfolding struct {
	a     *analysis
	c     *comparer
	open  map[string]bool // what was looked into for one finding
	steps int             // of all, for lists inside of lists grow fast
}

// inside are the causes in the branch that comes closest to what a union is said to
// lack: the algorithm itself drops them.
func (u *unfolding) inside(i *incompatibility) []*incompatibility {
	if i.problem != missingBranch || i.reader.kind != kindUnion {
		return []*incompatibility{i}
	}
	w := written(i)
	b := chooseBranch(u.a.unreadable, w, i.reader)
	if b == nil || b.kind != w.kind || u.steps > maxFindings {
		return []*incompatibility{i}
	}
	if u.open[i.key()] {
		return nil
	}
	u.open[i.key()] = true
	var out []*incompatibility
	for _, f := range u.c.pair(b, w, nil) {
		if u.steps++; u.steps > maxFindings {
			return []*incompatibility{i}
		}
		out = append(out, u.inside(f)...)
	}
	if len(out) == 0 {
		return []*incompatibility{i}
	}
	return out
}

// beyond are the breaks that the Java algorithm does not see: pairs that its memo
// took for compatible while in progress, and defaults that do not fit their type.
// They are looked for only where it found nothing, or nothing can be missed.
func (a *analysis) beyond(list []*incompatibility) []*incompatibility {
	var out []*incompatibility
	for _, p := range a.pairs {
		if p.w.kind != kindRecord || p.r.kind != kindRecord {
			continue
		}
		for i := range p.r.fields {
			rf := &p.r.fields[i]
			if wf, ambiguous := writerField(p.w, rf); wf == nil && !ambiguous && rf.hasDefault && !fits(rf.def, rf.typ) && a.meets(p) {
				out = append(out, &incompatibility{problem: invalidDefault, reader: p.r, writer: p.w, field: i, branch: -1})
			}
		}
	}
	if len(list)+len(out) > 0 || !a.unreadable[pair{a.w.root, a.r.root}] {
		return out
	}
	if out = a.refusalsOfSmallest(); len(out) == 0 {
		// Broken, and nothing to show for it: the root stands for it, unproven.
		out = []*incompatibility{{problem: typeMismatch, reader: a.r.root, writer: a.w.root, field: -1, branch: -1}}
	}
	return out
}

// refusalsOfSmallest are what the reader says to the smallest message it refuses.
func (a *analysis) refusalsOfSmallest() []*incompatibility {
	a.measure()
	root := pair{a.w.root, a.r.root}
	if a.failSize(root) > maxCost {
		return nil
	}
	msg, err := a.w.encode(a.refused(root))
	if err != nil {
		return nil
	}
	refusals, err := a.read(msg, root.w, root.r)
	if err != nil {
		return nil
	}
	var out []*incompatibility
	for _, r := range refusals {
		out = append(out, &incompatibility{problem: r.problem, reader: r.r, writer: r.w, field: r.field, branch: -1})
	}
	return out
}

// meets reports whether a reader can come to that pair at all.
func (a *analysis) meets(p pair) bool {
	a.measure()
	_, ok := a.road[p]
	return ok
}

// who names the two sides for people.
func (s side) who() (writer, reader string) {
	writer, reader = "old", "new"
	if s.dir == compat.Forward {
		writer, reader = reader, writer
	}
	name := func(role, version string) string {
		if version == "" || version == role {
			return "the " + role + " schema"
		}
		return "the " + role + " schema (" + version + ")"
	}
	return name(writer, s.w.version), name(reader, s.r.version)
}

func (s side) finding(i *incompatibility, a *analysis, c *comparer) compat.Finding {
	f := compat.Finding{
		Rule: i.problem.rule(), Severity: finding.Error, Direction: s.dir, Grade: compat.Direct,
		VendorType: string(i.problem), Proof: compat.ProvenBreak,
	}
	wat, rat := places(i)
	s.put(&f, wat, rat)
	f.Message, f.Change, f.Suggestion = s.words(i)
	if i.problem == missingBranch {
		f.Details = innerCauses(i, a, c)
	}
	w, err := a.prove(i)
	if err != nil {
		f.Proof, f.Reason = compat.Unproven, err.Error()
		return f
	}
	writer, reader := s.who()
	const shown = 200
	message := "the message of the first finding"
	if len(w.JSON) > 0 {
		message = clip(string(w.JSON[:min(len(w.JSON), shown+1)]), shown)
	}
	w.Explanation = fmt.Sprintf("%s is a message of %s, refused by %s: %s", message, writer, reader, reason(i))
	f.Witness = w
	return f
}

func (s side) put(f *compat.Finding, writer, reader place) {
	o, n := writer, reader
	if s.dir == compat.Forward {
		o, n = n, o
	}
	if o.doc != nil {
		f.OldPointer, f.OldAt = o.ptr, o.position()
	}
	if n.doc != nil {
		f.NewPointer, f.NewAt = n.ptr, n.position()
	}
}

// places are where a finding stands in the writer and in the reader.
func places(i *incompatibility) (w, r place) {
	attribute := func(n *node, key string, off int) place {
		if off == 0 {
			return n.place
		}
		return place{off: off, ptr: pointerKey(n.ptr, key), doc: n.doc}
	}
	w, r = i.writer.place, i.reader.place
	switch i.problem {
	case nameMismatch:
		return attribute(i.writer, "name", i.writer.nameOff), attribute(i.reader, "name", i.reader.nameOff)
	case fixedSizeMismatch:
		return attribute(i.writer, "size", i.writer.listOff), attribute(i.reader, "size", i.reader.listOff)
	case missingEnumSymbols:
		return attribute(i.writer, "symbols", i.writer.listOff), attribute(i.reader, "symbols", i.reader.listOff)
	case missingBranch:
		if i.branch >= 0 {
			w = branchPlace(i.writer, i.branch)
		}
	case missingDefault, ambiguousField, invalidDefault, typeMismatch:
		if i.field >= 0 {
			r = i.reader.fields[i.field].place
		}
	}
	return w, r
}

// branchPlace is where a union names its branch, which for a named type is not
// always where the type is defined.
func branchPlace(u *node, i int) place {
	p := place{off: u.off, ptr: pointerIndex(u.ptr, i), doc: u.doc}
	if b := u.branches[i]; b.doc == u.doc && b.ptr == p.ptr {
		p.off = b.off
	}
	return p
}

// reason says in plain words why the reader refuses.
func reason(i *incompatibility) string {
	switch i.problem {
	case nameMismatch:
		return fmt.Sprintf("it wants %s and meets %s", i.reader.describe(), i.writer.describe())
	case fixedSizeMismatch:
		return fmt.Sprintf("it wants %d bytes and meets %d", i.reader.size, i.writer.size)
	case missingEnumSymbols:
		return fmt.Sprintf("it does not know the symbol %s and has no default for the enum", missingSymbols(i.reader, i.writer)[0])
	case missingDefault:
		return fmt.Sprintf("the message holds no field %q and the reader has no default for it", i.reader.fields[i.field].name)
	case ambiguousField:
		return fmt.Sprintf("its field %q matches several fields of the message by name and aliases", i.reader.fields[i.field].name)
	case invalidDefault:
		return fmt.Sprintf("the message holds no field %q and the reader's default is no value of its type", i.reader.fields[i.field].name)
	case missingBranch:
		return fmt.Sprintf("no branch of its %s reads %s", i.reader.describe(), written(i).describe())
	default:
		if i.field >= 0 {
			return fmt.Sprintf("the message holds no field %q, and the default of its enum does not stand in for one of the field", i.reader.fields[i.field].name)
		}
		return fmt.Sprintf("it wants %s and meets %s", i.reader.describe(), i.writer.describe())
	}
}

// written is the writer's type that a finding is about.
func written(i *incompatibility) *node {
	if i.branch >= 0 {
		return i.writer.branches[i.branch]
	}
	return i.writer
}

// words are the message (old to new), the change and the suggestion.
func (s side) words(i *incompatibility) (msg, change, fix string) {
	forward := s.dir == compat.Forward
	o, n := i.writer, i.reader
	if forward {
		o, n = n, o
	}
	switch i.problem {
	case nameMismatch:
		return fmt.Sprintf("%s was renamed to %s", o.describe(), n.describe()), o.fullName() + " -> " + n.fullName(),
			"keep the name, or name the other one in the reader's aliases; an alias helps one direction only"
	case fixedSizeMismatch:
		return fmt.Sprintf("size of %s changed from %d to %d", n.describe(), o.size, n.size), fmt.Sprintf("%d -> %d", o.size, n.size),
			"add a field of a new fixed type and keep the old one"
	case missingEnumSymbols:
		missing := clip(strings.Join(missingSymbols(i.reader, i.writer), ", "), 200)
		if forward {
			return fmt.Sprintf("%s gained %s, which old readers do not know", n.describe(), missing), "+ " + missing,
				"give the enum a default before adding symbols, and let readers upgrade first"
		}
		return fmt.Sprintf("%s lost %s, which old messages may hold", n.describe(), missing), "- " + missing,
			"keep the old symbols, or give the enum a default"
	case missingDefault, ambiguousField, invalidDefault:
		return s.fieldWords(i)
	case missingBranch:
		b := written(i).describe()
		switch {
		case i.branch < 0:
			return fmt.Sprintf("type changed from %s to %s", o.describe(), n.describe()), o.describe() + " -> " + n.describe(),
				"keep the old type as a branch of the union"
		case forward:
			return fmt.Sprintf("union gained %s, which old readers do not know", b), "+ " + b,
				"let readers take the new branch first, or add a new field"
		}
		return fmt.Sprintf("union lost %s, which old messages may hold", b), "- " + b, "keep the branch"
	default:
		if i.field >= 0 {
			return s.fieldWords(i)
		}
		return fmt.Sprintf("type changed from %s to %s", o.describe(), n.describe()), o.describe() + " -> " + n.describe(),
			"keep the type, or add a new field with a default and keep the old one"
	}
}

func (s side) fieldWords(i *incompatibility) (msg, change, fix string) {
	name := strconv.Quote(i.reader.fields[i.field].name)
	switch {
	case i.problem == ambiguousField:
		return fmt.Sprintf("field %s matches several fields of %s by name and aliases", name, i.writer.describe()), "ambiguous " + name,
			"leave one alias that is a field of the other schema"
	case i.problem == invalidDefault:
		return fmt.Sprintf("default of field %s is no value of its type", name), "default " + name,
			"correct the default"
	case s.dir == compat.Forward:
		return fmt.Sprintf("field %s was removed, and old readers have no default for it", name), "- " + name,
			"give the field a default for one release, then remove it"
	}
	return fmt.Sprintf("field %s was added without a default", name), "+ " + name, "give the field a default"
}

// innerCauses says why the branch that comes closest does not read the value: the
// algorithm itself drops that.
func innerCauses(i *incompatibility, a *analysis, c *comparer) []string {
	b := chooseBranch(a.unreadable, written(i), i.reader)
	if i.reader.kind != kindUnion || b == nil {
		return nil
	}
	list := c.pair(b, written(i), nil)
	var out []string
	for _, f := range list {
		if len(out) == 5 {
			out = append(out, fmt.Sprintf("and %d more", len(list)-5))
			break
		}
		out = append(out, fmt.Sprintf("%s at %s: %s", f.problem, f.location, clip(f.message, 200)))
	}
	return out
}

func (s side) budget() compat.Finding {
	f := compat.Finding{
		Rule: "avro/budget-exceeded", Severity: finding.Error, Direction: s.dir, Proof: compat.Unproven,
		Message: "the schemas are too large to compare completely",
		Reason:  fmt.Sprintf("more than %d pairs of types", maxPairs),
	}
	s.put(&f, s.w.root.place, s.r.root.place)
	return f
}

// clip shortens a text for people, between two characters.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n] + "…"
}
