package dlt

import (
	"slices"
	"strings"
)

// layout is what the names of a record's headers decide, almost without their values: which dialect wrote them, where it
// tells the origin and the exception, and which of them a replay leaves out. Records of one kind carry the same names in
// the same order, so it is worked out once for thousands of them.
type layout struct {
	names  []string
	proofs []proof // what must hold of values for found to hold
	found  []int   // rows of the decoder's table
	origin set
	drop   []bool // per header: written by the failure, or by an earlier replay
	plain  bool   // names are enough; else the record is decoded whole

	single    bool // one dialect wrote them: exception and first are known
	exception set  // of the newest death
	first     set  // where the record came from before its first death
}

// proof is whether the number in a header can be read, which tells a dialect's header from an application's own.
type proof struct {
	header int
	enc    Encoding
	holds  bool
}

// Records of a few kinds lie mixed in one topic; more than these are worked out again and again, which is slow, not
// wrong. A record with more headers is no usual dead letter.
const (
	maxLayouts       = 8
	maxLayoutHeaders = 64
)

// layoutOf returns the layout of a record, nil for one with too many headers.
func (d *Decoder) layoutOf(r *Record) *layout {
	if len(r.Headers) > maxLayoutHeaders {
		return nil
	}
	for i, l := range d.layouts {
		if l.is(r) {
			if i > 0 { // the next record is likely to be of the same kind
				d.layouts[0], d.layouts[i] = l, d.layouts[0]
			}
			return l
		}
	}
	l := d.newLayout(r)
	if len(d.layouts) < maxLayouts {
		d.layouts = append(d.layouts, l)
	} else {
		d.layouts[maxLayouts-1] = l
	}
	return l
}

func (l *layout) is(r *Record) bool {
	if len(l.names) != len(r.Headers) {
		return false
	}
	for i, n := range l.names {
		if r.Headers[i].Name != n {
			return false
		}
	}
	for _, p := range l.proofs {
		if proves(r.Headers[p.header].Value, p.enc) != p.holds {
			return false
		}
	}
	return true
}

func (d *Decoder) newLayout(r *Record) *layout {
	s := d.scan(r)
	l := &layout{names: make([]string, len(r.Headers)), found: append([]int(nil), s.found...), drop: make([]bool, len(r.Headers))}
	for i, h := range r.Headers {
		l.names[i] = strings.Clone(h.Name)
		l.drop[i] = strings.HasPrefix(h.Name, replayPrefix) || d.strips(h.Name, l.found)
		for _, sl := range d.names[h.Name] {
			if p := (proof{i, sl.enc, proves(h.Value, sl.enc)}); sl.enc != "" && !slices.Contains(l.proofs, p) {
				l.proofs = append(l.proofs, p)
			}
		}
	}
	if len(l.found) != 1 { // which of two dialects is the newer one depends on values
		return l
	}
	row := &d.table[l.found[0]]
	l.origin = d.newest(s, l.found[0], groupOrigin)
	l.single, l.exception, l.first = true, d.newest(s, l.found[0], groupException), d.firstOrigin(s, l.found[0])
	l.plain = !row.hops && row.newest != newestFirst && l.origin[rTopic] >= 0
	return l
}

// firstOrigin is where the record came from before it died: with hops the oldest one, for the newest is often a retry topic.
func (d *Decoder) firstOrigin(s *scan, dialect int) set {
	if d.table[dialect].hops {
		if hops := d.ordered(s, dialect, groupOrigin); len(hops) > 0 {
			return hops[len(hops)-1]
		}
	}
	return d.newest(s, dialect, groupOrigin)
}

// forReplay reads what a replay needs of a record, and no more: decoding all of it costs more than writing it. The
// answer is good until the next call.
func (d *Decoder) forReplay(r *Record) *DeadLetter {
	if r.Key == nil && r.Value == nil { // nothing may mean that the record has to be fetched
		return d.Decode(r)
	}
	l := d.layoutOf(r)
	if l == nil || !l.plain || d.wrapsUnderHeaders(r) {
		return d.Decode(r)
	}
	rd := reader{d: d, row: &d.table[l.found[0]], r: r}
	d.lite.found, d.lite.drop, d.lite.Origin = l.found, l.drop, rd.lightOrigin(&d.light, l.origin)
	return &d.lite
}

// wrapsUnderHeaders reports whether the value or the key is itself a dead letter, under headers that tell of a later
// death.
func (d *Decoder) wrapsUnderHeaders(r *Record) bool {
	if !d.mayWrap(r) {
		return false
	}
	for _, i := range d.values {
		if _, ok := d.table[i].value(r); ok {
			return true
		}
	}
	for _, i := range d.keys {
		if _, ok := d.table[i].key(r); ok {
			return true
		}
	}
	return false
}
