package avro

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/internal/suggest"
)

var _ catalog.Judge = (*parsed)(nil)

// Misfits are the places where a JSON value is no message of the schema. People write
// examples in two ways, Avro's own JSON encoding (a union's value under the name of its
// branch, bytes as characters) and plain JSON (the bare value, dates as text, bytes as
// base64, a field with a default or a null branch left out), and mix them: each value
// may be in either. What is too large to decide has no misfits.
func (p *parsed) Misfits(example []byte) []catalog.Misfit {
	v, err := readJSON(example)
	if err != nil {
		return nil
	}
	j := judge{}
	ms := j.value(v, p.root, spot{name: "the value"})
	if j.steps > maxSteps {
		return nil
	}
	return ms
}

type judge struct{ steps int }

// spot is a value's place in the example, and what people call it.
type spot struct{ ptr, name string }

func (s spot) key(k string) spot { return spot{pointerKey(s.ptr, k), k} }

func (s spot) index(i int) spot {
	return spot{pointerIndex(s.ptr, i), "entry " + strconv.Itoa(i+1) + " of " + s.name}
}

func (s spot) wants(n *node, v *value) []catalog.Misfit {
	return []catalog.Misfit{{Pointer: s.ptr, Message: s.name + " must be " + n.wanted() + ", it is " + v.shown()}}
}

func (j *judge) value(v *value, n *node, at spot) []catalog.Misfit {
	if j.steps++; j.steps > maxSteps {
		return nil
	}
	switch n.kind {
	case kindUnion:
		return j.union(v, n, at)
	case kindRecord:
		return j.record(v, n, at)
	case kindArray:
		if v.kind != valueArray {
			return at.wants(n, v)
		}
		var ms []catalog.Misfit
		for i := range v.items {
			ms = append(ms, j.value(&v.items[i], n.elem, at.index(i))...)
		}
		return ms
	case kindMap:
		if v.kind != valueObject {
			return at.wants(n, v)
		}
		var ms []catalog.Misfit
		for i := range v.members {
			ms = append(ms, j.value(&v.members[i].val, n.elem, at.key(v.members[i].key))...)
		}
		return ms
	}
	if !scalarFits(v, n) {
		return at.wants(n, v)
	}
	return nil
}

func (j *judge) record(v *value, n *node, at spot) []catalog.Misfit {
	if v.kind != valueObject {
		return at.wants(n, v)
	}
	var ms []catalog.Misfit
	for i := range n.fields {
		f := &n.fields[i]
		if x := v.get(f.name); x != nil {
			ms = append(ms, j.value(x, f.typ, at.key(f.name))...)
		} else if !f.hasDefault && !f.typ.nullable() {
			ms = append(ms, catalog.Misfit{
				Pointer: at.ptr,
				Message: fmt.Sprintf("%s has no %q, and %s has no default for it", at.name, f.name, n.describe()),
			})
		}
	}
	for i := range v.members {
		key := v.members[i].key
		if _, ok := n.byName[key]; ok {
			continue
		}
		names := make([]string, len(n.fields))
		for i := range n.fields {
			names[i] = n.fields[i].name
		}
		ms = append(ms, catalog.Misfit{
			Pointer: pointerKey(at.ptr, key), OnKey: true,
			Message: fmt.Sprintf("%q is no field of %s%s", key, n.describe(), suggest.DidYouMean(key, names)),
		})
	}
	return ms
}

// union reports on the branch that the example names, else on the one that comes
// closest among those of its shape, else that it is none of them.
func (j *judge) union(v *value, n *node, at spot) []catalog.Misfit {
	var best []catalog.Misfit
	closest := func(ms []catalog.Misfit) {
		if best == nil || len(ms) < len(best) {
			best = ms
		}
	}
	for _, b := range n.branches {
		ms := j.value(v, b, at)
		if len(ms) == 0 {
			return nil
		}
		if v.kind == valueObject && (b.kind == kindRecord || b.kind == kindMap) || v.kind == valueArray && b.kind == kindArray {
			closest(ms)
		}
	}
	if v.kind == valueObject && len(v.members) == 1 {
		m := &v.members[0]
		for _, b := range n.branches {
			if !b.tagged(m.key) {
				continue
			}
			ms := j.value(&m.val, b, at.key(m.key))
			if len(ms) == 0 {
				return nil
			}
			best = ms
		}
	}
	if best == nil {
		return at.wants(n, v)
	}
	return best
}

// tagged reports whether a key is the branch's name: the full or the short one, or a
// primitive's with its logical type, as some encoders write it.
func (n *node) tagged(key string) bool {
	if n.kind.named() {
		return key == n.fullName() || key == n.name
	}
	return n.kind != kindNull && (key == n.kind.String() || n.logical != "" && key == n.kind.String()+"."+n.logical)
}

func (n *node) nullable() bool {
	if n.kind == kindNull {
		return true
	}
	for _, b := range n.branches {
		if b.kind == kindNull {
			return true
		}
	}
	return false
}

// scalarFits decides for every kind without parts.
func scalarFits(v *value, n *node) bool {
	switch n.kind {
	case kindNull:
		return v.kind == valueNull
	case kindBoolean:
		return v.kind == valueBool
	case kindInt, kindLong:
		return whole(v, n.kind) || v.kind == valueString && isTime(v.text, n.logical)
	case kindFloat, kindDouble:
		return v.kind == valueNumber || v.kind == valueString && (v.text == "NaN" || v.text == "Infinity" || v.text == "-Infinity")
	case kindBytes:
		return v.kind == valueString || v.kind == valueNumber && n.decimal()
	case kindFixed:
		return v.kind == valueString && n.ofSize(v.text) || v.kind == valueNumber && n.decimal()
	case kindEnum:
		_, ok := n.bySymbol[v.text]
		return v.kind == valueString && ok
	default:
		return v.kind == valueString
	}
}

// whole reports whether a value is an integer that the kind holds: 1.0 and 1e3 are.
func whole(v *value, k kind) bool {
	if v.kind != valueNumber {
		return false
	}
	bits := 64
	if k == kindInt {
		bits = 32
	}
	if _, err := strconv.ParseInt(v.text, 10, bits); err == nil {
		return true
	}
	f, err := strconv.ParseFloat(v.text, 64)
	return err == nil && f == math.Trunc(f) && math.Abs(f) < math.Ldexp(1, bits-1)
}

// isTime reports whether a text is a value of a logical type of time.
func isTime(s, logical string) bool {
	var layout string
	switch {
	case logical == "date":
		layout = time.DateOnly
	case strings.HasPrefix(logical, "time-"):
		layout = time.TimeOnly
	case strings.HasPrefix(logical, "timestamp-"):
		layout = time.RFC3339
	case strings.HasPrefix(logical, "local-timestamp-"):
		layout = "2006-01-02T15:04:05"
	default:
		return false
	}
	_, err := time.Parse(layout, s)
	return err == nil
}

// ofSize takes a fixed value as characters, base64 or hexadecimal digits; a logical
// type has texts of its own.
func (n *node) ofSize(s string) bool {
	if n.logical != "" || utf8.RuneCountInString(s) == n.size {
		return true
	}
	if b, err := hex.DecodeString(s); err == nil && len(b) == n.size {
		return true
	}
	for _, e := range [...]*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if b, err := e.DecodeString(s); err == nil && len(b) == n.size {
			return true
		}
	}
	return false
}

// wanted is the type as an example has it.
func (n *node) wanted() string {
	switch n.kind {
	case kindInt, kindLong:
		s := "a whole number of 64 bits"
		if n.kind == kindInt {
			s = "a whole number of 32 bits"
		}
		if n.logical != "" {
			s += " or the text of a " + n.logical
		}
		return s
	case kindFloat, kindDouble:
		return "a number"
	case kindBytes, kindString:
		if n.decimal() {
			return "a number or a string"
		}
		return "a string"
	case kindBoolean:
		return "true or false"
	case kindFixed:
		return fmt.Sprintf("a string of %d bytes (%s)", n.size, n.describe())
	case kindEnum:
		return "one of " + clip(strings.Join(n.symbols, ", "), 100) + " (" + n.describe() + ")"
	case kindArray:
		return "a list"
	case kindMap:
		return "a mapping"
	case kindRecord:
		return "a mapping (" + n.describe() + ")"
	case kindUnion:
		parts := make([]string, len(n.branches))
		for i, b := range n.branches {
			parts[i] = b.wanted()
		}
		return clip(strings.Join(parts, ", or "), 300)
	default:
		return n.kind.String()
	}
}

// shown is a value for people.
func (v *value) shown() string {
	switch v.kind {
	case valueNumber:
		return "the number " + clip(v.text, 40)
	case valueString:
		return "the string " + strconv.Quote(clip(v.text, 60))
	case valueArray:
		return "a list"
	case valueObject:
		return "a mapping"
	default:
		return v.String()
	}
}
