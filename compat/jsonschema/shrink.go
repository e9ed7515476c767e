package jsonschema

import (
	"encoding/json"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"unicode/utf8"
)

// shrinkTries bounds the evaluations spent on making one witness smaller.
const shrinkTries = 400

// shrinker counts the tests of one witness. A variant is only built while tests are
// left: witnesses can be long.
type shrinker struct {
	left int
	keep func(any) bool
}

func (s *shrinker) test(build func() any) bool {
	if s.left <= 0 {
		return false
	}
	s.left--
	return s.keep(build())
}

// shrink makes a witness smaller while keep holds: fewer properties and elements,
// shorter strings, plainer numbers; at most so many tests. The order is fixed, so the
// result is stable.
func shrink(v any, most int, keep func(any) bool) (small any, used int) {
	s := &shrinker{most, keep}
	for s.left > 0 {
		smaller, changed := s.once(v, func(v any) any { return v })
		if !changed {
			break
		}
		v = smaller
	}
	return v, most - s.left
}

// once tries every simpler variant of v and of what it holds, and takes each that
// keeps the property. whole puts a variant of v into the document around it.
func (s *shrinker) once(v any, whole func(any) any) (any, bool) {
	changed := false
	for _, x := range simpler(v) {
		if s.test(func() any { return whole(x) }) {
			return x, true
		}
	}
	switch x := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(x)) {
			less := maps.Clone(x)
			delete(less, k)
			if s.test(func() any { return whole(less) }) {
				x, changed = less, true
			}
			if s.left <= 0 {
				return x, changed
			}
		}
		for _, k := range slices.Sorted(maps.Keys(x)) {
			sub, did := s.once(x[k], func(y any) any {
				try := maps.Clone(x)
				try[k] = y
				return whole(try)
			})
			if did {
				x = maps.Clone(x)
				x[k] = sub
				changed = true
			}
			if s.left <= 0 {
				return x, changed
			}
		}
		return x, changed
	case []any:
		for n := len(x) / 2; n > 0; n /= 2 {
			for i := 0; i+n <= len(x) && s.left > 0; {
				less := slices.Delete(slices.Clone(x), i, i+n)
				if s.test(func() any { return whole(less) }) {
					x, changed = less, true
				} else {
					i += n
				}
			}
		}
		for i := range x {
			if s.left <= 0 {
				return x, changed
			}
			sub, did := s.once(x[i], func(y any) any {
				try := slices.Clone(x)
				try[i] = y
				return whole(try)
			})
			if did {
				x = slices.Clone(x)
				x[i] = sub
				changed = true
			}
		}
		return x, changed
	}
	return v, changed
}

// simpler lists plainer values to put in the place of v, the plainest first. Every
// one is smaller in a fixed order, so shrinking ends.
func simpler(v any) []any {
	switch v := v.(type) {
	case string:
		var out []any
		if v == "" {
			return nil
		}
		out = append(out, "")
		if v != "a" && utf8.RuneCountInString(v) > 1 {
			out = append(out, "a")
		}
		r := []rune(v)
		if len(r) > 2 {
			out = append(out, string(r[:len(r)/2]))
		}
		if len(r) > 1 {
			out = append(out, string(r[:len(r)-1]))
		}
		return out
	case json.Number:
		r := ratOf(v)
		if r.Sign() == 0 {
			return nil
		}
		out := []any{json.Number("0")}
		one := big.NewRat(1, 1)
		if r.Cmp(one) != 0 {
			out = append(out, json.Number("1"))
		}
		if !r.IsInt() {
			for _, n := range []*big.Int{floor(r), ceil(r)} {
				out = append(out, json.Number(n.String()))
			}
			if f := r.FloatString(1); ratOf(json.Number(f)).Cmp(r) != 0 {
				out = append(out, json.Number(f))
			}
		} else if r.Num().IsInt64() && len(v) > 3 {
			i := r.Num().Int64()
			out = append(out, json.Number(strconv.FormatInt(i/2, 10)))
		}
		return out
	case map[string]any:
		if len(v) > 1 {
			return []any{map[string]any{}}
		}
	case []any:
		if len(v) > 1 {
			return []any{[]any{}}
		}
	case bool:
		if v {
			return []any{false}
		}
	}
	return nil
}
