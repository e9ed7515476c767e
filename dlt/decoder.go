package dlt

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Decoder reads dead letters. It holds the table of dialects and the user's own; it is safe for one goroutine at a
// time, because it reuses its working memory between records.
type Decoder struct {
	table   []dialect
	names   map[string][]slot // header name -> who writes it
	values  []int             // dialects that live in the value
	keys    []int             // dialects that live in the key
	now     func() time.Time
	scratch scan

	layouts []*layout
	lite    DeadLetter
	light   lightOrigin
}

// slot is one meaning of a header name: names are shared between dialects.
type slot struct {
	dialect uint8
	role    role
	enc     Encoding // of a partition or an offset, which prove something only where they can be read
}

// match is one header of the record that some dialect writes.
type match struct {
	header int16
	slots  []slot
}

// scan is what one pass over the headers finds.
type scan struct {
	matches []match
	seen    []uint32 // per dialect: the roles present
	met     []bool   // per dialect: any header of it is present
	last    []int    // per dialect: index of the last header that is its own
	first   []int
	touched []uint8
	found   []int // detected dialects, newest first
}

func newScan(dialects int) scan {
	return scan{seen: make([]uint32, dialects), met: make([]bool, dialects), last: make([]int, dialects), first: make([]int, dialects)}
}

// proves reports whether a number can be read: an application's own header of that name need not hold one.
func proves(b []byte, enc Encoding) bool {
	switch enc {
	case Int32:
		return len(b) == 4
	case Int64:
		return len(b) == 8
	case Text:
		return isDigits(b)
	}
	return true
}

// NewDecoder returns a decoder for the built-in dialects and the given profiles. now bounds the timestamps that are
// believed; nil accepts any.
func NewDecoder(now func() time.Time, profiles ...Profile) (*Decoder, error) {
	d := &Decoder{table: builtin(), names: map[string][]slot{}, now: now}
	for _, p := range profiles {
		row, err := p.dialect()
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(d.table, func(t dialect) bool { return t.name == row.name }) {
			return nil, fmt.Errorf("dlt dialect %q: the name is taken", row.name)
		}
		d.table = append(d.table, row)
	}
	if len(d.table) > math.MaxUint8 {
		return nil, fmt.Errorf("dlt dialects: %d are more than the %d that fit", len(d.table), math.MaxUint8)
	}
	for i, t := range d.table {
		for _, f := range t.fields {
			sl := slot{dialect: uint8(i), role: f.role} // #nosec G115 -- bounded just above
			if f.role == rPartition || f.role == rOffset {
				sl.enc = f.enc
			}
			d.names[f.name] = append(d.names[f.name], sl)
		}
		if t.value != nil {
			d.values = append(d.values, i)
		}
		if t.key != nil {
			d.keys = append(d.keys, i)
		}
	}
	n := len(d.table)
	d.scratch = newScan(n)
	return d, nil
}

// scan makes one pass over the headers and detects the dialects, newest first.
func (d *Decoder) scan(r *Record) *scan {
	s := &d.scratch
	for _, t := range s.touched {
		s.seen[t], s.met[t] = 0, false
	}
	s.matches, s.touched, s.found = s.matches[:0], s.touched[:0], s.found[:0]
	writer := uint8(math.MaxUint8) // the dialect of the last header that is one's own
	for i := range min(len(r.Headers), maxHeaders) {
		slots, ok := d.names[r.Headers[i].Name]
		if !ok {
			continue
		}
		if len(slots) == 1 {
			writer = slots[0].dialect
		} else if slots[0].role == rGroup {
			slots = of(slots, writer)
		}
		s.matches = append(s.matches, match{int16(i), slots}) // #nosec G115 -- bounded by maxHeaders
		for _, sl := range slots {
			if !s.met[sl.dialect] {
				s.met[sl.dialect] = true
				s.touched = append(s.touched, sl.dialect)
				s.first[sl.dialect] = i
			}
			if sl.enc == "" || proves(r.Headers[i].Value, sl.enc) {
				s.seen[sl.dialect] |= 1 << sl.role
			}
			if len(slots) == 1 {
				s.last[sl.dialect] = i
			}
		}
	}
	for _, t := range s.touched {
		for _, want := range d.table[t].require {
			if s.seen[t]&want == want {
				s.found = append(s.found, int(t))
				break
			}
		}
	}
	if len(s.found) > 1 {
		d.sortNewest(r, s)
	}
	return s
}

// of narrows the meanings of a group's header, whose name Spring's two dialects share, to the dialect that wrote the
// headers in front of it.
func of(slots []slot, writer uint8) []slot {
	for i := range slots {
		if slots[i].dialect == writer {
			return slots[i : i+1]
		}
	}
	return slots
}

// sortNewest puts the newest death first. Most frameworks append, so the dialect that stands last is the newest;
// SmallRye prepends. Where one of each meets, position proves nothing and the origin does: the newer one read the
// record from the older one's dead letter topic.
func (d *Decoder) sortNewest(r *Record, s *scan) {
	slices.SortFunc(s.found, func(a, b int) int {
		fa, fb := d.table[a].newest == newestFirst, d.table[b].newest == newestFirst
		switch {
		case fa && fb:
			return s.first[a] - s.first[b]
		case fa != fb:
			oa, ob := d.newestOrigin(r, s, a), d.newestOrigin(r, s, b)
			if oa.Known() && ob.Known() && *oa.Topic == *ob.Topic && *oa.Partition == *ob.Partition {
				return cmp.Compare(*ob.Offset, *oa.Offset) // put back and dead again: the later record is the newer death
			}
			da, db := looksDead(deref(oa.Topic)), looksDead(deref(ob.Topic))
			if da != db {
				if da {
					return -1
				}
				return 1
			}
			if (s.first[a] == 0) == fa { // a prepended set in front of everything was written by the last writer
				return -1
			}
			return 1
		}
		if d.shareOrigin(a, b) && d.table[a].single != d.table[b].single {
			if d.table[a].single { // it replaces what both share, so the other one is stale
				return -1
			}
			return 1
		}
		return s.last[b] - s.last[a]
	})
}

func (d *Decoder) shareOrigin(a, b int) bool {
	fa, _ := d.table[a].field(rTopic)
	fb, _ := d.table[b].field(rTopic)
	return fa.name != "" && fa.name == fb.name
}

func (d *Decoder) newestOrigin(r *Record, s *scan, dialect int) *Origin {
	rd := reader{d: d, row: &d.table[dialect], r: r}
	return rd.origin(d.newest(s, dialect, groupOrigin))
}

// maxHeaders bounds how many headers of a record are looked at.
const maxHeaders = 10_000

// set holds the header index of each role, -1 where absent.
type set [numRoles]int16

func emptySet() (s set) {
	for i := range s {
		s[i] = -1
	}
	return s
}

// sets splits the headers of one group of roles into the sets that were written together, in wire order. A set ends
// where a role comes again: a framework writes each header once per death.
func (d *Decoder) sets(s *scan, dialect int, group uint8) []set {
	var out []set
	cur, any := emptySet(), false
	for _, m := range s.matches {
		for _, sl := range m.slots {
			if int(sl.dialect) != dialect || sl.role.group() != group {
				continue
			}
			if cur[sl.role] >= 0 {
				out = append(out, cur)
				cur = emptySet()
			}
			cur[sl.role], any = m.header, true
		}
	}
	if any {
		out = append(out, cur)
	}
	return out
}

// newest returns the newest set of a group without allocating.
func (d *Decoder) newest(s *scan, dialect int, group uint8) set {
	cur := emptySet()
	for i := range s.matches {
		m := &s.matches[i]
		for _, sl := range m.slots {
			if int(sl.dialect) != dialect || sl.role.group() != group {
				continue
			}
			if cur[sl.role] >= 0 {
				if d.table[dialect].newest == newestFirst {
					return cur
				}
				cur = emptySet()
			}
			cur[sl.role] = m.header
		}
	}
	return cur
}

// Decode reads one record. It never fails: what cannot be read is unknown and named in Problems.
func (d *Decoder) Decode(r *Record) *DeadLetter {
	s := d.scan(r)
	out := &DeadLetter{Class: classOf(r.Topic), TimestampIs: "origin"}
	found := slices.Clone(s.found)

	// A dialect in the value or the key is the newest death only where no header tells of one: whoever appended
	// headers took the record after it had been wrapped.
	for _, i := range d.values {
		if w, ok := d.table[i].value(r); ok {
			d.wrapped(out, r, i, w, len(found) == 0)
			found = append(found, i)
			break
		}
	}
	for _, i := range d.keys {
		if w, ok := d.table[i].key(r); ok {
			d.wrapped(out, r, i, w, len(found) == 0)
			found = append(found, i)
			break
		}
	}
	out.found = found
	if len(found) == 0 {
		// Nothing on the record says who stamped it, so its time is not taken for the time of a death.
		out.HeadersAfterReplay = jsonHeaders(d.keep(r, nil))
		return out
	}
	if len(s.found) > 0 {
		d.fromHeaders(out, r, s)
	}
	row := &d.table[found[0]]
	out.Dialect = &row.name
	out.TimestampIs = row.timestamp
	if row.note != "" {
		out.Note = &row.note
	}
	if len(found) > 1 {
		for _, f := range found {
			out.Dialects = append(out.Dialects, d.table[f].name)
		}
	}
	out.HeadersAfterReplay = jsonHeaders(d.keep(r, found))
	if row.withheld != nil {
		if why := row.withheld(out, r); why != "" {
			out.Unrecoverable = &why
		}
	}
	return out
}

// clone returns a decoder with working memory of its own.
func (d *Decoder) clone() *Decoder {
	c := *d
	c.layouts = nil
	n := len(d.table)
	c.scratch = newScan(n)
	return &c
}

// keep returns the headers a replay leaves on the record: all but those of the detected dialects and our own.
func (d *Decoder) keep(r *Record, found []int) []Header {
	out := make([]Header, 0, len(r.Headers))
	for _, h := range r.Headers {
		if !strings.HasPrefix(h.Name, replayPrefix) && !d.strips(h.Name, found) {
			out = append(out, h)
		}
	}
	return out
}

func (d *Decoder) strips(name string, found []int) bool {
	for _, sl := range d.names[name] {
		if slices.Contains(found, int(sl.dialect)) {
			return true
		}
	}
	for _, f := range found {
		for _, p := range d.table[f].prefixes {
			if strings.HasPrefix(name, p) {
				return true
			}
		}
	}
	return false
}

// isText reports whether b is valid UTF-8 without a zero byte.
func isText(b []byte) bool { return utf8.Valid(b) && !bytes.ContainsRune(b, 0) }

// replayPrefix starts every header that a replay adds.
const replayPrefix = "x-weir-replay-"
