package avro

import (
	"encoding/binary"
	"errors"
)

// refusal is one reason for which a reader cannot read one message.
type refusal struct {
	problem problem
	w, r    *node
	field   int // of the reader's record, else -1
}

// resolver reads binary messages of one schema with another, as the Avro
// specification's Schema Resolution tells: a message is refused only where its own
// content meets something the reader cannot take. It collects every refusal, going
// on behind each as if the value had been skipped.
type resolver struct {
	// unreadable tells which pairs of types do not fit in general; it decides which
	// branch of a reader's union is taken, never what happens inside it.
	unreadable map[pair]bool
	refusals   []refusal
	buf        []byte
	steps      int
}

var (
	errShort  = errors.New("read message: the bytes end too early")
	errBytes  = errors.New("read message: the bytes are not a message of the writer's schema")
	errBudget = errors.New("read message: too many values")
)

// maxSteps bounds the values of one message that is read.
const maxSteps = 1 << 20

// read reads a whole message, with r nil only as the writer's; an error means that the bytes are not the writer's.
func (a *analysis) read(msg []byte, w, r *node) ([]refusal, error) {
	v := &resolver{unreadable: a.unreadable, buf: msg}
	if err := v.value(w, r); err != nil {
		return nil, err
	}
	if len(v.buf) > 0 {
		return nil, errBytes
	}
	return v.refusals, nil
}

func (v *resolver) refuse(p problem, w, r *node, f int) {
	v.refusals = append(v.refusals, refusal{problem: p, w: w, r: r, field: f})
}

// value consumes one value of w. r nil means that nobody wants the value.
func (v *resolver) value(w, r *node) error {
	if v.steps++; v.steps > maxSteps {
		return errBudget
	}
	if w.kind == kindUnion {
		i, err := v.index(len(w.branches))
		if err != nil {
			return err
		}
		before := len(v.refusals)
		if err := v.value(w.branches[i], r); err != nil {
			return err
		}
		// A branch that the reader's union lacks is a refusal of the writer's union too.
		if r != nil && r.kind == kindUnion && len(v.refusals) > before {
			v.refuse(missingBranch, w, r, -1)
		}
		return nil
	}
	if r != nil && r.kind == kindUnion {
		b := v.choose(w, r)
		if b == nil {
			v.refuse(missingBranch, w, r, -1)
			return v.value(w, nil)
		}
		before := len(v.refusals)
		err := v.value(w, b)
		if len(v.refusals) > before {
			v.refuse(missingBranch, w, r, -1)
		}
		return err
	}
	if r != nil && r.kind != w.kind && !promotes(w.kind, r.kind) {
		v.refuse(typeMismatch, w, r, -1)
		r = nil
	}
	if r != nil && w.kind.named() && !namesMatch(r, w) {
		v.refuse(nameMismatch, w, r, -1)
	}
	return v.content(w, r)
}

func (v *resolver) content(w, r *node) error {
	switch w.kind {
	case kindNull:
		return nil
	case kindBoolean:
		return v.skip(1)
	case kindInt, kindLong:
		_, err := v.long()
		return err
	case kindFloat:
		return v.skip(4)
	case kindDouble:
		return v.skip(8)
	case kindBytes, kindString:
		n, err := v.long()
		if err != nil {
			return err
		}
		return v.skip(n)
	case kindFixed:
		if r != nil && r.size != w.size {
			v.refuse(fixedSizeMismatch, w, r, -1)
		}
		return v.skip(int64(w.size))
	case kindEnum:
		i, err := v.index(len(w.symbols))
		if err != nil {
			return err
		}
		if r != nil && !r.hasDefault {
			if _, ok := r.bySymbol[w.symbols[i]]; !ok {
				v.refuse(missingEnumSymbols, w, r, -1)
			}
		}
		return nil
	case kindArray, kindMap:
		return v.blocks(w, r)
	default:
		return v.record(w, r)
	}
}

func (v *resolver) record(w, r *node) error {
	wants := make([][]*node, len(w.fields)) // an alias may give a field to two of the reader's
	if r != nil {
		for i := range r.fields {
			rf := &r.fields[i]
			wf, ambiguous := writerField(w, rf)
			switch {
			case ambiguous:
				v.refuse(ambiguousField, w, r, i)
			case wf != nil:
				k := w.byName[wf.name]
				wants[k] = append(wants[k], rf.typ)
			case !rf.hasDefault:
				v.refuse(missingDefault, w, r, i)
			case !fits(rf.def, rf.typ):
				v.refuse(invalidDefault, w, r, i)
			}
		}
	}
	for i := range w.fields {
		if len(wants[i]) == 0 {
			wants[i] = []*node{nil}
		}
		start := v.buf
		for _, r := range wants[i] {
			v.buf = start
			if err := v.value(w.fields[i].typ, r); err != nil {
				return err
			}
		}
	}
	return nil
}

func (v *resolver) blocks(w, r *node) error {
	var elem *node
	if r != nil {
		elem = r.elem
	}
	for {
		n, err := v.long()
		if err != nil || n == 0 {
			return err
		}
		if n < 0 { // a negative count is followed by the block's size in bytes
			if n = -n; n < 0 {
				return errBytes
			}
			if _, err := v.long(); err != nil {
				return err
			}
		}
		for range n {
			if w.kind == kindMap {
				size, err := v.long()
				if err != nil {
					return err
				}
				if err := v.skip(size); err != nil {
					return err
				}
			}
			if err := v.value(w.elem, elem); err != nil {
				return err
			}
		}
	}
}

// choose is the branch of the reader's union r that reads a value of w: the first
// that reads all of w, else the first of the same type and name.
func (v *resolver) choose(w, r *node) *node {
	return chooseBranch(v.unreadable, w, r)
}

func chooseBranch(unreadable map[pair]bool, w, r *node) *node {
	for _, b := range r.branches {
		if !apart(w, b) && !unreadable[pair{w, b}] {
			return b
		}
	}
	for _, b := range r.branches {
		if b.kind == w.kind && (!b.kind.named() || b.fullName() == w.fullName()) {
			return b
		}
	}
	for _, b := range r.branches {
		if b.kind == w.kind && namesMatch(b, w) {
			return b
		}
	}
	return nil
}

func (v *resolver) long() (int64, error) {
	n, size := binary.Varint(v.buf)
	if size <= 0 {
		return 0, errShort
	}
	v.buf = v.buf[size:]
	return n, nil
}

func (v *resolver) index(n int) (int, error) {
	i, err := v.long()
	if err != nil {
		return 0, err
	}
	if i < 0 || i >= int64(n) {
		return 0, errBytes
	}
	return int(i), nil
}

func (v *resolver) skip(n int64) error {
	if n < 0 || n > int64(len(v.buf)) {
		return errShort
	}
	v.buf = v.buf[n:]
	return nil
}

// fits reports whether a default is a value of its type. Of a union any branch will
// do, as in Java since 1.12.
func fits(d *value, n *node) bool { return (&fitter{}).fits(d, n) }

// fitter counts what it looks at: nested unions could make it look at the same
// values over and over. Beyond the bound a default is taken to fit.
type fitter struct{ steps int }

func (c *fitter) fits(d *value, n *node) bool {
	if c.steps++; c.steps > maxSteps {
		return true
	}
	switch n.kind {
	case kindNull:
		return d.kind == valueNull
	case kindBoolean:
		return d.kind == valueBool
	case kindInt, kindLong:
		return whole(d, n.kind)
	case kindFloat, kindDouble:
		return d.kind == valueNumber || d.kind == valueString && (d.text == "NaN" || d.text == "Infinity" || d.text == "-Infinity")
	case kindBytes, kindString:
		return d.kind == valueString
	case kindFixed:
		return d.kind == valueString && len([]rune(d.text)) == n.size
	case kindEnum:
		_, ok := n.bySymbol[d.text]
		return d.kind == valueString && ok
	case kindArray:
		for i := range d.items {
			if !c.fits(&d.items[i], n.elem) {
				return false
			}
		}
		return d.kind == valueArray
	case kindMap:
		for i := range d.members {
			if !c.fits(&d.members[i].val, n.elem) {
				return false
			}
		}
		return d.kind == valueObject
	case kindUnion:
		for _, b := range n.branches {
			if c.fits(d, b) {
				return true
			}
		}
		return false
	default:
		if d.kind != valueObject {
			return false
		}
		for i := range n.fields {
			f := &n.fields[i]
			if v := d.get(f.name); v != nil && !c.fits(v, f.typ) || v == nil && !f.hasDefault {
				return false
			}
		}
		return true
	}
}
