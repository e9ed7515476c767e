package dlt

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Offsets is a set of offsets of one partition. In JSON it is one string of inclusive ranges, "0-4,7", so that a
// million records that lie together take a few bytes, and a person can read them.
type Offsets struct {
	runs []run // ascending, apart from each other
}

// run is an inclusive range.
type run struct{ from, to int64 }

// Add puts o into the set. Ascending order is fast.
func (s *Offsets) Add(o int64) { s.AddRange(o, o) }

// AddRange puts every offset from a to b, both included, into the set.
func (s *Offsets) AddRange(a, b int64) {
	if b < a {
		return
	}
	n := len(s.runs)
	if n == 0 || a > s.runs[n-1].to+1 {
		s.runs = append(s.runs, run{a, b})
		return
	}
	if a >= s.runs[n-1].from {
		s.runs[n-1].to = max(s.runs[n-1].to, b)
		return
	}
	i, _ := slices.BinarySearchFunc(s.runs, a, func(r run, a int64) int {
		if r.to+1 < a {
			return -1
		}
		return 1
	})
	j := i
	for j < len(s.runs) && s.runs[j].from <= b+1 {
		a, b = min(a, s.runs[j].from), max(b, s.runs[j].to)
		j++
	}
	s.runs = slices.Replace(s.runs, i, j, run{a, b})
}

// Has reports whether o is in the set.
func (s *Offsets) Has(o int64) bool {
	_, ok := slices.BinarySearchFunc(s.runs, o, func(r run, o int64) int {
		switch {
		case r.to < o:
			return -1
		case r.from > o:
			return 1
		}
		return 0
	})
	return ok
}

// Len is the number of offsets.
func (s *Offsets) Len() int64 {
	var n int64
	for _, r := range s.runs {
		n += r.to - r.from + 1
	}
	return n
}

// Last is the largest offset, -1 for the empty set.
func (s *Offsets) Last() int64 {
	if len(s.runs) == 0 {
		return -1
	}
	return s.runs[len(s.runs)-1].to
}

// All ranges over the offsets in ascending order.
func (s *Offsets) All(yield func(int64) bool) {
	for _, r := range s.runs {
		for o := r.from; o <= r.to; o++ {
			if !yield(o) {
				return
			}
		}
	}
}

// Union adds every offset of t.
func (s *Offsets) Union(t *Offsets) {
	for _, r := range t.runs {
		s.AddRange(r.from, r.to)
	}
}

// meets reports whether some offset is in both sets.
func (s *Offsets) meets(t *Offsets) bool {
	for i, j := 0, 0; i < len(s.runs) && j < len(t.runs); {
		switch {
		case s.runs[i].to < t.runs[j].from:
			i++
		case t.runs[j].to < s.runs[i].from:
			j++
		default:
			return true
		}
	}
	return false
}

// MarshalText writes "0-4,7".
func (s Offsets) MarshalText() ([]byte, error) {
	var b []byte
	for i, r := range s.runs {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, r.from, 10)
		if r.to > r.from {
			b = append(b, '-')
			b = strconv.AppendInt(b, r.to, 10)
		}
	}
	return b, nil
}

// maxOffset leaves room for arithmetic.
const maxOffset = math.MaxInt64 - 1

// UnmarshalText reads what MarshalText writes; ranges must ascend.
func (s *Offsets) UnmarshalText(b []byte) error {
	s.runs = nil
	if len(b) == 0 {
		return nil
	}
	for part := range strings.SplitSeq(string(b), ",") {
		from, to, isRange := strings.Cut(part, "-")
		a, err := strconv.ParseInt(from, 10, 64)
		if err != nil || a < 0 || a > maxOffset {
			return fmt.Errorf("offsets %q: want ranges like 0-4,7", part)
		}
		z := a
		if isRange {
			if z, err = strconv.ParseInt(to, 10, 64); err != nil || z < a || z > maxOffset {
				return fmt.Errorf("offsets %q: want ranges like 0-4,7", part)
			}
		}
		if n := len(s.runs); n > 0 && a <= s.runs[n-1].to {
			return fmt.Errorf("offsets %q: ranges must ascend", part)
		}
		s.runs = append(s.runs, run{a, z})
	}
	return nil
}

// perPartition is a set of offsets for each partition. In JSON the partitions are the names of an object.
type perPartition map[int32]*Offsets

func (m perPartition) add(p int32, o int64) {
	s := m[p]
	if s == nil {
		s = &Offsets{}
		m[p] = s
	}
	s.Add(o)
}

func (m perPartition) has(p int32, o int64) bool {
	s := m[p]
	return s != nil && s.Has(o)
}

func (m perPartition) len() (n int64) {
	for _, s := range m {
		n += s.Len()
	}
	return n
}
