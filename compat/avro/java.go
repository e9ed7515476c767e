package avro

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// problem is one of Java's SchemaIncompatibilityType constants.
type problem string

const (
	nameMismatch       problem = "NAME_MISMATCH"
	fixedSizeMismatch  problem = "FIXED_SIZE_MISMATCH"
	missingEnumSymbols problem = "MISSING_ENUM_SYMBOLS"
	missingDefault     problem = "READER_FIELD_MISSING_DEFAULT_VALUE"
	typeMismatch       problem = "TYPE_MISMATCH"
	missingBranch      problem = "MISSING_UNION_BRANCH"
	// ambiguousField has no constant: Java throws where one reader field matches
	// two writer fields. It stays a finding here, so that the rest is still seen.
	ambiguousField problem = "AMBIGUOUS_FIELD"
	// invalidDefault is our own: the checker looks only at whether a default stands
	// there, its reader fails when it has to use one that does not fit.
	invalidDefault problem = "INVALID_DEFAULT"
)

// incompatibility is one finding of the algorithm, with the nodes it is about.
type incompatibility struct {
	problem  problem
	location *location // Java's, in the reader
	message  string    // Java's
	reader   *node
	writer   *node
	field    int // reader field of missingDefault and ambiguousField, else -1
	branch   int // writer branch of missingBranch between two unions, else -1
}

func (i *incompatibility) key() string {
	return fmt.Sprintf("%s %d %d %d %d", i.problem, i.reader.id, i.writer.id, i.field, i.branch)
}

// pair is a writer's type met by a reader's.
type pair struct{ w, r *node }

const (
	// maxPairs bounds the pairs of types one comparison may look at; the largest
	// public schemas need a few thousand.
	maxPairs = 200_000
	// maxFindings bounds the list: the algorithm repeats the findings of a type at
	// every use of it, which grows exponentially in hostile schemas.
	maxFindings = 10_000
)

// comparer is Avro's Java SchemaCompatibility, its memo included: the result of a
// pair is computed once and reused verbatim, locations and all; a pair met while
// it is being computed counts as compatible.
type comparer struct {
	memo    map[pair][]*incompatibility
	open    map[pair]bool
	assumed bool // a pair was taken for compatible while in progress
	over    bool // maxPairs was reached: the result is a part only
}

func compare(w, r *node) ([]*incompatibility, *comparer) {
	c := &comparer{memo: map[pair][]*incompatibility{}, open: map[pair]bool{}}
	return c.pair(r, w, nil), c
}

func (c *comparer) pair(r, w *node, loc *location) []*incompatibility {
	p := pair{w, r}
	if res, ok := c.memo[p]; ok {
		return res
	}
	if c.open[p] {
		c.assumed = true
		return nil
	}
	if len(c.memo)+len(c.open) >= maxPairs {
		c.over = true
		return nil
	}
	c.open[p] = true
	res := c.calculate(r, w, loc)
	delete(c.open, p)
	if len(res) > maxFindings {
		res = res[:maxFindings]
	}
	c.memo[p] = res
	return res
}

// merge appends without touching lists that the memo holds.
func merge(a, b []*incompatibility) []*incompatibility {
	switch {
	case len(b) == 0 || len(a) > maxFindings:
		return a
	case len(a) == 0:
		return slices.Clip(b)
	}
	return append(slices.Clip(a), b...)
}

// location is a place in the reader; linked, so that going down costs nothing
// until something is found there.
type location struct {
	up    *location
	token string
}

func below(l *location, tokens ...string) *location {
	for _, t := range tokens {
		l = &location{up: l, token: t}
	}
	return l
}

func (l *location) String() string {
	var tokens []string
	for ; l != nil; l = l.up {
		tokens = append(tokens, pointerEscaper.Replace(l.token))
	}
	slices.Reverse(tokens)
	return "/" + strings.Join(tokens, "/")
}

func found(p problem, r, w *node, loc *location, format string, args ...any) *incompatibility {
	return &incompatibility{
		problem: p, reader: r, writer: w, field: -1, branch: -1,
		location: loc,
		message:  fmt.Sprintf(format, args...),
	}
}

func mismatch(r, w *node, loc *location) []*incompatibility {
	return []*incompatibility{found(typeMismatch, r, w, loc,
		"reader type: %s not compatible with writer type: %s", r.kind.java(), w.kind.java())}
}

func (c *comparer) calculate(r, w *node, loc *location) []*incompatibility {
	switch {
	case r.kind == kindUnion && w.kind == kindUnion:
		return c.unions(r, w, loc)
	case r.kind == w.kind:
		return c.same(r, w, loc)
	case w.kind == kindUnion:
		var out []*incompatibility
		for i, b := range w.branches {
			out = merge(out, c.pair(r, b, below(loc, strconv.Itoa(i))))
		}
		return out
	case r.kind == kindUnion:
		for _, b := range r.branches {
			// Looking at every branch costs the product of two unions. It matters for
			// the locations that the memo keeps, so it is left out late and only where
			// the answer is clear.
			if len(c.memo) > maxPairs/8 && apart(w, b) {
				continue
			}
			if len(c.pair(b, w, nil)) == 0 {
				return nil
			}
		}
		return []*incompatibility{found(missingBranch, r, w, loc, "reader union lacking writer type: %s", w.kind.java())}
	case promotes(w.kind, r.kind):
		return nil
	}
	return mismatch(r, w, loc)
}

func (c *comparer) unions(r, w *node, loc *location) []*incompatibility {
	var out []*incompatibility
	for i, b := range w.branches {
		if len(c.pair(r, b, nil)) > 0 {
			f := found(missingBranch, r, w, below(loc, strconv.Itoa(i)), "reader union lacking writer type: %s", b.kind.java())
			f.branch = i
			out = append(out, f)
		}
	}
	return out
}

func (c *comparer) same(r, w *node, loc *location) []*incompatibility {
	var out []*incompatibility
	if r.kind.named() && !namesMatch(r, w) {
		out = append(out, found(nameMismatch, r, w, below(loc, "name"), "expected: %s", w.fullName()))
	}
	switch r.kind {
	case kindArray:
		return c.pair(r.elem, w.elem, below(loc, "items"))
	case kindMap:
		return c.pair(r.elem, w.elem, below(loc, "values"))
	case kindFixed:
		if r.size != w.size {
			out = append(out, found(fixedSizeMismatch, r, w, below(loc, "size"), "expected: %d, found: %d", w.size, r.size))
		}
	case kindEnum:
		if missing := missingSymbols(r, w); len(missing) > 0 && !r.hasDefault {
			slices.Sort(missing)
			out = append(out, found(missingEnumSymbols, r, w, below(loc, "symbols"), "[%s]", strings.Join(missing, ", ")))
		}
	case kindRecord:
		return c.records(r, w, loc, out)
	default: // primitives of one kind always agree
	}
	return out
}

func (c *comparer) records(r, w *node, loc *location, out []*incompatibility) []*incompatibility {
	for i := range r.fields {
		rf, at := &r.fields[i], below(loc, "fields", strconv.Itoa(i))
		wf, ambiguous := writerField(w, rf)
		var f *incompatibility
		switch {
		case ambiguous:
			f = found(ambiguousField, r, w, at,
				"Reader record field %s matches multiple fields in writer record schema %s", rf.name, w.fullName())
		case wf != nil:
			out = merge(out, c.pair(rf.typ, wf.typ, below(at, "type")))
			continue
		case rf.hasDefault:
			continue
		case rf.typ.kind == kindEnum && rf.typ.hasDefault:
			// Java compares the reader's enum with the writer's record here. Its own
			// reader still wants a default of the field.
			f = mismatch(rf.typ, w, below(at, "type"))[0]
			f.reader = r
		default:
			f = found(missingDefault, r, w, at, "%s", rf.name)
		}
		f.field = i
		out = merge(out, []*incompatibility{f})
	}
	return out
}

// missingSymbols are the writer's symbols that the reader lacks, in the writer's order.
func missingSymbols(r, w *node) []string {
	var missing []string
	for _, s := range w.symbols {
		if _, ok := r.bySymbol[s]; !ok {
			missing = append(missing, s)
		}
	}
	return missing
}

// namesMatch compares unqualified names, then the reader's aliases with the
// writer's full name. The writer's aliases never count.
func namesMatch(r, w *node) bool {
	return r.name == w.name || len(r.aliases) > 0 && slices.Contains(r.aliases, w.fullName())
}

// writerField is the writer's field that a reader field reads, by name or by one
// of the reader's aliases.
func writerField(w *node, rf *field) (f *field, ambiguous bool) {
	hit := -1
	if i, ok := w.byName[rf.name]; ok {
		hit = i
	}
	for _, name := range rf.aliases {
		i, ok := w.byName[name]
		if !ok || i == hit {
			continue
		}
		if hit >= 0 {
			return nil, true
		}
		hit = i
	}
	if hit < 0 {
		return nil, false
	}
	return &w.fields[hit], false
}

// apart reports whether two types that are no unions differ in kind or name, so that
// nothing below them can make them fit.
func apart(w, r *node) bool {
	if w.kind != r.kind {
		return !promotes(w.kind, r.kind)
	}
	return w.kind.named() && !namesMatch(r, w)
}

// promotes reports whether a value of primitive w may be read as r (Avro
// specification, Schema Resolution).
func promotes(w, r kind) bool {
	switch w {
	case kindInt:
		return r == kindLong || r == kindFloat || r == kindDouble
	case kindLong:
		return r == kindFloat || r == kindDouble
	case kindFloat:
		return r == kindDouble
	case kindString:
		return r == kindBytes
	case kindBytes:
		return r == kindString
	default:
		return false
	}
}
