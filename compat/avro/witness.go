package avro

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	codec "github.com/twmb/avro"

	"github.com/weirhq/weir/compat"
)

// maxCost bounds the size of a witness, in values; a hostile schema can need
// 2^30 of them for its smallest message.
const maxCost = 50_000

// maxSpent bounds the values of all witnesses of one comparison; the findings
// beyond it say that they come without one.
const maxSpent = 20 * maxCost

// maxRepeated bounds how often one message that shows many findings is written out.
const maxRepeated = 1 << 20

const endless = math.MaxInt32

// datum is a value of a writer's type, as small as can be.
type datum struct {
	typ    *node
	branch int      // of a union
	symbol int      // of an enum
	items  []*datum // fields, array items, map values, or the union's one value
}

// analysis knows, for one writer and reader, which types do not fit and how small
// a message can be that shows it.
type analysis struct {
	w, r       *parsed
	unreadable map[pair]bool
	pairs      []pair // all that can meet, deepest first
	failing    map[pair]int
	least      map[*node]int
	queue      []visit
	road       map[pair]int // index in queue
	spent      int          // values of the witnesses so far
	base       *compat.Witness
	shown      map[refusal]bool // what base is refused for
	repeated   int              // bytes of base handed out
	over       bool             // a bound was reached: silence proves nothing
}

// analyse finds what cannot be read without the memo's assumption: the least set
// of unreadable pairs, grown until nothing changes.
func analyse(w, r *parsed) *analysis {
	a := &analysis{w: w, r: r, unreadable: map[pair]bool{}}
	seen := map[pair]bool{}
	var visit func(p pair)
	visit = func(p pair) {
		if seen[p] {
			return
		}
		if len(seen) >= maxPairs {
			a.over = true
			return
		}
		seen[p] = true
		eachBelow(p, func(q pair, _ step) { visit(q) })
		a.pairs = append(a.pairs, p)
	}
	visit(pair{w.root, r.root})
	a.settle(func() (changed bool) {
		for _, p := range a.pairs {
			if !a.unreadable[p] && a.refuses(p) {
				a.unreadable[p], changed = true, true
			}
		}
		return changed
	})
	return a
}

// maxRounds bounds the rounds until nothing changes: types are looked at deepest
// first, so that only cycles of types need more than two.
const maxRounds = 100

func (a *analysis) settle(round func() (changed bool)) {
	for range maxRounds {
		if !round() {
			return
		}
	}
	a.over = true
}

// step is one way down into a writer's value.
type step struct {
	index int // field or branch; 0 for items and values; -1 where only the reader goes down
}

// eachBelow yields the pairs that values of p meet directly below it. Every branch
// of a reader's union is a candidate, those apart aside.
func eachBelow(p pair, yield func(pair, step)) {
	w, r := p.w, p.r
	switch {
	case w.kind == kindUnion:
		for i, b := range w.branches {
			yield(pair{b, r}, step{i})
		}
	case r.kind == kindUnion:
		for _, b := range r.branches {
			if !apart(w, b) {
				yield(pair{w, b}, step{-1})
			}
		}
	case w.kind != r.kind:
	case w.kind == kindArray, w.kind == kindMap:
		yield(pair{w.elem, r.elem}, step{0})
	case w.kind == kindRecord:
		for i := range r.fields {
			if wf, _ := writerField(w, &r.fields[i]); wf != nil {
				yield(pair{wf.typ, r.fields[i].typ}, step{w.byName[wf.name]})
			}
		}
	}
}

// refuses reports whether some value of p.w does not fit p.r, as far as is known.
func (a *analysis) refuses(p pair) bool {
	w, r := p.w, p.r
	if w.kind != kindUnion && r.kind == kindUnion {
		for _, b := range r.branches {
			if !apart(w, b) && !a.unreadable[pair{w, b}] {
				return false
			}
		}
		return true
	}
	if w.kind != kindUnion && atOnce(w, r) {
		return true
	}
	bad := w.kind == kindEnum && r.kind == kindEnum && !r.hasDefault && len(missingSymbols(r, w)) > 0
	eachBelow(p, func(q pair, _ step) { bad = bad || a.unreadable[q] })
	return bad
}

// atOnce reports whether every value of w is refused by r, neither being a union.
func atOnce(w, r *node) bool {
	switch {
	case w.kind != r.kind:
		return !promotes(w.kind, r.kind)
	case w.kind.named() && !namesMatch(r, w):
		return true
	case w.kind == kindFixed:
		return w.size != r.size
	case w.kind != kindRecord:
		return false
	}
	for i := range r.fields {
		rf := &r.fields[i]
		wf, ambiguous := writerField(w, rf)
		if ambiguous || wf == nil && (!rf.hasDefault || !fits(rf.def, rf.typ)) {
			return true
		}
	}
	return false
}

func plus(a, b int) int { return min(a+b, endless) }

// measure finds the smallest message of every writer's type, and of every pair the
// smallest that is refused. Types that only contain themselves stay endless.
func (a *analysis) measure() {
	if a.least != nil {
		return
	}
	a.least = make(map[*node]int, len(a.w.nodes))
	a.settle(func() (changed bool) {
		for _, n := range a.w.deepestFirst() {
			if c := a.leastOf(n); c < a.size(n) {
				a.least[n], changed = c, true
			}
		}
		return changed
	})
	a.failing = make(map[pair]int, len(a.pairs))
	a.settle(func() (changed bool) {
		for _, p := range a.pairs {
			if !a.unreadable[p] {
				continue
			}
			if c := a.failingOf(p, nil); c < a.failSize(p) {
				a.failing[p], changed = c, true
			}
		}
		return changed
	})
	a.roads()
	a.shown = map[refusal]bool{}
	if a.size(a.w.root) <= maxCost {
		// One smallest message often shows many findings at once.
		if w, refusals, err := a.message(a.smallest(a.w.root)); err == nil {
			a.base = w
			for _, r := range refusals {
				a.shown[r] = true
			}
		}
	}
}

func (a *analysis) size(n *node) int {
	if c, ok := a.least[n]; ok {
		return c
	}
	return endless
}

func (a *analysis) failSize(p pair) int {
	if c, ok := a.failing[p]; ok {
		return c
	}
	return endless
}

func (a *analysis) leastOf(n *node) int {
	switch n.kind {
	case kindFixed:
		return 1 + n.size/16
	case kindEnum:
		if len(n.symbols) == 0 {
			return endless
		}
		return 1
	case kindUnion:
		best := endless
		for _, b := range n.branches {
			best = min(best, plus(1, a.size(b)))
		}
		return best
	case kindRecord:
		sum := 1
		for i := range n.fields {
			sum = plus(sum, a.size(n.fields[i].typ))
		}
		return sum
	default:
		return 1
	}
}

// failingOf is the size of the smallest value of p.w that p.r refuses. With pick it
// also tells which way down leads there.
func (a *analysis) failingOf(p pair, pick func(q pair, s step)) int {
	w, r := p.w, p.r
	choose := func(q pair, s step) {
		if pick != nil {
			pick(q, s)
		}
	}
	switch {
	case w.kind != kindUnion && r.kind == kindUnion:
		b := chooseBranch(a.unreadable, w, r)
		if b == nil {
			return a.size(w)
		}
		choose(pair{w, b}, step{-1})
		return a.failSize(pair{w, b})
	case w.kind != kindUnion && atOnce(w, r):
		return a.size(w)
	case w.kind == kindEnum:
		return 1
	}
	best := endless
	var bestPair pair
	var bestStep step
	eachBelow(p, func(q pair, s step) {
		c := plus(a.failSize(q), a.around(w, s))
		if c < best {
			best, bestPair, bestStep = c, q, s
		}
	})
	if best < endless {
		choose(bestPair, bestStep)
	}
	return best
}

// around is the cost of a value of w without what lies down that step.
func (a *analysis) around(w *node, s step) int {
	if w.kind != kindRecord {
		return 1
	}
	if whole := a.size(w); whole < endless {
		return whole - a.size(w.fields[s.index].typ)
	}
	sum := 1
	for i := range w.fields {
		if i != s.index {
			sum = plus(sum, a.size(w.fields[i].typ))
		}
	}
	return sum
}

// smallest is the smallest value of n.
func (a *analysis) smallest(n *node) *datum {
	d := &datum{typ: n}
	switch n.kind {
	case kindUnion:
		for i, b := range n.branches {
			if a.size(b) < a.size(n.branches[d.branch]) {
				d.branch = i
			}
		}
		d.items = []*datum{a.smallest(n.branches[d.branch])}
	case kindRecord:
		d.items = make([]*datum, len(n.fields))
		for i := range n.fields {
			d.items[i] = a.smallest(n.fields[i].typ)
		}
	default: // zero, empty, the first symbol
	}
	return d
}

// wrap is a value of w that holds inner down that step.
func (a *analysis) wrap(w *node, s step, inner *datum) *datum {
	if s.index < 0 {
		return inner
	}
	d := &datum{typ: w, items: []*datum{inner}}
	switch w.kind {
	case kindUnion:
		d.branch = s.index
	case kindRecord:
		d.items = make([]*datum, len(w.fields))
		for i := range w.fields {
			if i == s.index {
				d.items[i] = inner
			} else {
				d.items[i] = a.smallest(w.fields[i].typ)
			}
		}
	default: // an array or a map of one
	}
	return d
}

// refused is the smallest value of p.w that p.r refuses; the caller knows that
// there is one.
func (a *analysis) refused(p pair) *datum {
	var next pair
	var down step
	went := false
	a.failingOf(p, func(q pair, s step) { next, down, went = q, s, true })
	if went {
		return a.wrap(p.w, down, a.refused(next))
	}
	d := a.smallest(p.w)
	if p.w.kind == kindEnum && p.r.kind == kindEnum && namesMatch(p.r, p.w) {
		d.symbol = p.w.bySymbol[missingSymbols(p.r, p.w)[0]]
	}
	return d
}

// aim is where and how a finding is met: at a pair of types, by the smallest value
// that the reader refuses there for that reason.
func (a *analysis) aim(f *incompatibility) (pair, *datum) {
	p := pair{f.writer, f.reader}
	switch {
	case f.problem == missingBranch:
		q := p
		if f.branch >= 0 {
			q.w = f.writer.branches[f.branch]
		}
		if a.failSize(q) > maxCost {
			return p, nil
		}
		d := a.refused(q)
		if f.branch >= 0 {
			d = a.wrap(f.writer, step{f.branch}, d)
		}
		return p, d
	case a.size(f.writer) > maxCost:
		return p, nil
	}
	d := a.smallest(f.writer)
	if f.problem == missingEnumSymbols {
		d.symbol = f.writer.bySymbol[missingSymbols(f.reader, f.writer)[0]]
	}
	return p, d
}

// visit is a pair on the way from the root, with the shortest way there.
type visit struct {
	p    pair
	from int // index of the pair above, -1 at the root
	s    step
	cost int // values around it
}

// roads finds, once, how every pair is reached by a reader: breadth first, through
// the branches that it really takes, past nothing that cannot be written.
func (a *analysis) roads() {
	a.queue = []visit{{p: pair{a.w.root, a.r.root}, from: -1}}
	a.road = map[pair]int{a.queue[0].p: 0}
	for i := 0; i < len(a.queue); i++ {
		here := a.queue[i]
		p := here.p
		var taken *node
		if p.w.kind != kindUnion && p.r.kind == kindUnion {
			if taken = chooseBranch(a.unreadable, p.w, p.r); taken == nil {
				continue
			}
		}
		eachBelow(p, func(q pair, s step) {
			if _, seen := a.road[q]; seen || taken != nil && q.r != taken {
				return
			}
			cost := here.cost
			if s.index >= 0 {
				cost = plus(cost, a.around(p.w, s))
			}
			if cost > maxCost {
				return
			}
			a.road[q] = len(a.queue)
			a.queue = append(a.queue, visit{q, i, s, cost})
		})
	}
}

// reach puts inner, a value met at the pair target, into a whole message.
func (a *analysis) reach(target pair, inner *datum) *datum {
	at, ok := a.road[target]
	if !ok {
		return nil
	}
	for ; a.queue[at].from >= 0; at = a.queue[at].from {
		inner = a.wrap(a.queue[a.queue[at].from].p.w, a.queue[at].s, inner)
	}
	return inner
}

// count is the number of values in d, up to the bound.
func (d *datum) count() int {
	n := 1
	for _, i := range d.items {
		if n = plus(n, i.count()); n > maxCost {
			break
		}
	}
	return n
}

var (
	errUninhabited = errors.New("no message can be written under the writer's schema: the type contains itself without end")
	errSpent       = errors.New("no message was looked for: the messages of the findings before this one were too many")
	errTooLarge    = fmt.Errorf("the smallest message that shows it has more than %d values", maxCost)
)

// prove builds a message for the finding and shows that the writer's schema writes
// it and the reader's refuses it for that reason.
func (a *analysis) prove(f *incompatibility) (*compat.Witness, error) {
	if _, err := a.w.plain(); err != nil {
		return nil, fmt.Errorf("encode a message: %w", err)
	}
	if a.spent > maxSpent {
		return nil, errSpent
	}
	a.measure()
	because := func(r refusal) bool {
		return r.w == f.writer && r.r == f.reader && r.field == f.field && (r.problem == f.problem ||
			r.problem == missingDefault && f.problem == typeMismatch) // the quirk of enum defaults
	}
	for _, p := range []problem{f.problem, missingDefault} {
		if r := (refusal{problem: p, w: f.writer, r: f.reader, field: f.field}); a.shown[r] && because(r) && f.branch < 0 {
			w := *a.base
			if a.repeated += len(w.JSON); a.repeated > maxRepeated {
				w.JSON, w.Binary = nil, nil
			}
			return &w, nil
		}
	}
	target, inner := a.aim(f)
	if inner == nil {
		if a.size(f.writer) == endless || f.problem == missingBranch && a.failSize(target) == endless {
			return nil, errUninhabited
		}
		return nil, errTooLarge
	}
	d := a.reach(target, inner)
	if d == nil {
		if a.size(a.w.root) == endless {
			return nil, errUninhabited
		}
		return nil, errors.New("no message was found that reaches it")
	}
	w, refusals, err := a.message(d)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(refusals, because) {
		return nil, errors.New("the reader does not refuse the message for this reason")
	}
	return w, nil
}

// message encodes d with the codec, which reads it back as a second opinion, and has
// our own reader say why it refuses it.
func (a *analysis) message(d *datum) (*compat.Witness, []refusal, error) {
	n := d.count()
	if a.spent += n; n > maxCost {
		return nil, nil, errTooLarge
	}
	msg, err := a.w.encode(d)
	if err != nil {
		return nil, nil, err
	}
	// Read with no reader in mind, the bytes must be a message of the writer's.
	if _, err := a.read(msg, a.w.root, nil); err != nil {
		return nil, nil, err
	}
	refusals, err := a.read(msg, a.w.root, a.r.root)
	if err != nil {
		return nil, nil, err
	}
	var b strings.Builder
	d.json(&b, realNames{})
	if msg == nil {
		msg = []byte{} // a message without a field that is written
	}
	return &compat.Witness{JSON: []byte(b.String()), Binary: msg}, refusals, nil
}

// encode writes d with the codec and has it read back, as a second opinion.
func (p *parsed) encode(d *datum) ([]byte, error) {
	s, err := p.plain()
	if err != nil {
		return nil, fmt.Errorf("encode the message: %w", err)
	}
	var text strings.Builder
	d.json(&text, plainNames{})
	var v any
	if err := s.DecodeJSON([]byte(text.String()), &v, codec.TaggedUnions()); err != nil {
		return nil, fmt.Errorf("encode the message: %w", err)
	}
	msg, err := s.Encode(v)
	if err != nil {
		return nil, fmt.Errorf("encode the message: %w", err)
	}
	var back any
	rest, err := s.Decode(msg, &back, codec.TaggedUnions())
	if err != nil {
		return nil, fmt.Errorf("read the message back: %w", err)
	}
	again, err := s.Encode(back)
	if err != nil {
		return nil, fmt.Errorf("encode the message again: %w", err)
	}
	if len(rest) > 0 || !bytes.Equal(msg, again) {
		return nil, errors.New("read the message back: it is not the same")
	}
	return msg, nil
}

// namer tells how names are written in a message's JSON.
type namer interface {
	typ(n *node) string
	field(n *node, i int) string
	symbol(n *node, i int) string
}

type realNames struct{}

func (realNames) typ(n *node) string {
	if n.kind.named() && n.name != "" {
		return n.fullName()
	}
	return n.kind.String()
}
func (realNames) field(n *node, i int) string  { return n.fields[i].name }
func (realNames) symbol(n *node, i int) string { return n.symbols[i] }

type plainNames struct{}

func (plainNames) typ(n *node) string {
	if n.kind.named() {
		return "N" + strconv.Itoa(n.id)
	}
	return n.kind.String()
}
func (plainNames) field(_ *node, i int) string  { return "f" + strconv.Itoa(i) }
func (plainNames) symbol(_ *node, i int) string { return "S" + strconv.Itoa(i) }

// json writes the message in Avro's JSON encoding.
func (d *datum) json(b *strings.Builder, names namer) {
	n := d.typ
	switch n.kind {
	case kindNull:
		b.WriteString("null")
	case kindBoolean:
		b.WriteString("false")
	case kindInt, kindLong, kindFloat, kindDouble:
		b.WriteByte('0')
	case kindBytes, kindString:
		b.WriteString(`""`)
	case kindFixed:
		b.WriteString(`"` + strings.Repeat(`\u0000`, n.size) + `"`)
	case kindEnum:
		writeString(b, names.symbol(n, d.symbol))
	case kindArray:
		b.WriteByte('[')
		for _, i := range d.items {
			i.json(b, names)
		}
		b.WriteByte(']')
	case kindMap:
		b.WriteByte('{')
		for _, i := range d.items {
			b.WriteString(`"k":`)
			i.json(b, names)
		}
		b.WriteByte('}')
	case kindUnion:
		if d.items[0].typ.kind == kindNull {
			b.WriteString("null")
			return
		}
		b.WriteByte('{')
		writeString(b, names.typ(d.items[0].typ))
		b.WriteByte(':')
		d.items[0].json(b, names)
		b.WriteByte('}')
	default:
		b.WriteByte('{')
		for i, f := range d.items {
			if i > 0 {
				b.WriteByte(',')
			}
			writeString(b, names.field(n, i))
			b.WriteByte(':')
			f.json(b, names)
		}
		b.WriteByte('}')
	}
}

// plainSchema is a twin of the schema for the codec: names of types, fields and
// symbols are not on the wire, and without them, defaults and logical types there
// is nothing in it that a stricter parser could object to.
func plainSchema(root *node) (*codec.Schema, error) {
	var b strings.Builder
	writePlain(&b, root, map[*node]bool{})
	return codec.Parse(b.String())
}

func writePlain(b *strings.Builder, n *node, seen map[*node]bool) {
	quote := func(s string) {
		q, err := json.Marshal(s)
		if err == nil {
			b.Write(q)
		}
	}
	names := plainNames{}
	if n.kind.named() {
		if seen[n] {
			quote(names.typ(n))
			return
		}
		seen[n] = true
	}
	switch n.kind {
	case kindArray:
		b.WriteString(`{"type":"array","items":`)
		writePlain(b, n.elem, seen)
		b.WriteByte('}')
	case kindMap:
		b.WriteString(`{"type":"map","values":`)
		writePlain(b, n.elem, seen)
		b.WriteByte('}')
	case kindFixed:
		fmt.Fprintf(b, `{"type":"fixed","name":%q,"size":%d}`, names.typ(n), n.size)
	case kindEnum:
		fmt.Fprintf(b, `{"type":"enum","name":%q,"symbols":[`, names.typ(n))
		for i := range n.symbols {
			if i > 0 {
				b.WriteByte(',')
			}
			quote(names.symbol(n, i))
		}
		b.WriteString("]}")
	case kindUnion:
		b.WriteByte('[')
		for i, e := range n.branches {
			if i > 0 {
				b.WriteByte(',')
			}
			writePlain(b, e, seen)
		}
		b.WriteByte(']')
	case kindRecord:
		fmt.Fprintf(b, `{"type":"record","name":%q,"fields":[`, names.typ(n))
		for i := range n.fields {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(b, `{"name":%q,"type":`, names.field(n, i))
			writePlain(b, n.fields[i].typ, seen)
			b.WriteByte('}')
		}
		b.WriteString("]}")
	default:
		quote(n.kind.String())
	}
}
