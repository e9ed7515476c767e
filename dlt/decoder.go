package dlt

import (
	"bytes"
	"fmt"
	"math"
	"net/url"
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
	last    []int    // per dialect: index of the last header that is its own
	first   []int
	touched []uint8
	found   []int // detected dialects, newest first
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
			d.names[f.name] = append(d.names[f.name], slot{uint8(i), f.role}) // #nosec G115 -- bounded just above
		}
		if t.value != nil {
			d.values = append(d.values, i)
		}
		if t.key != nil {
			d.keys = append(d.keys, i)
		}
	}
	n := len(d.table)
	d.scratch = scan{seen: make([]uint32, n), last: make([]int, n), first: make([]int, n)}
	return d, nil
}

// scan makes one pass over the headers and detects the dialects, newest first.
func (d *Decoder) scan(r *Record) *scan {
	s := &d.scratch
	for _, t := range s.touched {
		s.seen[t] = 0
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
			if s.seen[sl.dialect] == 0 {
				s.touched = append(s.touched, sl.dialect)
				s.first[sl.dialect] = i
			}
			s.seen[sl.dialect] |= 1 << sl.role
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
			da := looksDead(d.originTopic(r, s, a))
			db := looksDead(d.originTopic(r, s, b))
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

func (d *Decoder) originTopic(r *Record, s *scan, dialect int) string {
	set := d.newest(s, dialect, groupOrigin)
	if i := set[rTopic]; i >= 0 {
		return string(r.Headers[i].Value)
	}
	return ""
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

// reader picks typed values out of a record for one dialect and notes what it cannot read.
type reader struct {
	d        *Decoder
	row      *dialect
	r        *Record
	problems []string
}

func (rd *reader) bytes(i int16) []byte {
	if i < 0 {
		return nil
	}
	return rd.r.Headers[i].Value
}

func (rd *reader) text(i int16) *string {
	b := rd.bytes(i)
	if b == nil {
		return nil
	}
	return new(string(b))
}

func (rd *reader) num(i int16, ro role) *int64 {
	n, ok := rd.value(i, ro)
	if !ok {
		return nil
	}
	return &n
}

// value is num without an allocation, as the others here that return a bool.
func (rd *reader) value(i int16, ro role) (int64, bool) {
	b := rd.bytes(i)
	if b == nil {
		return 0, false
	}
	f, _ := rd.row.field(ro)
	n, err := number(b, f.enc)
	if err != nil {
		rd.problems = append(rd.problems, fmt.Sprintf("header %s: %v", rd.r.Headers[i].Name, err))
		return 0, false
	}
	return n, true
}

// partition, offset and time refuse what cannot be: a number out of range is a misread header, not a position.
func (rd *reader) partition(i int16) (int32, bool) {
	n, ok := rd.value(i, rPartition)
	if ok && (n < 0 || n > math.MaxInt32) {
		rd.problems = append(rd.problems, fmt.Sprintf("header %s: %d is not a partition", rd.r.Headers[i].Name, n))
		return 0, false
	}
	return int32(n), ok // #nosec G115 -- bounded just above
}

func (rd *reader) offset(i int16) (int64, bool) {
	n, ok := rd.value(i, rOffset)
	if ok && n < 0 {
		rd.problems = append(rd.problems, fmt.Sprintf("header %s: %d is not an offset", rd.r.Headers[i].Name, n))
		return 0, false
	}
	return n, ok
}

// year2000 is the earliest time that is believed, in milliseconds.
const year2000 = 946_684_800_000

func (rd *reader) time(i int16, ro role) *int64 {
	n, ok := rd.instant(i, ro)
	if !ok {
		return nil
	}
	return &n
}

func (rd *reader) instant(i int16, ro role) (int64, bool) {
	f, ok := rd.row.field(ro)
	if !ok || f.enc == "" {
		return 0, false
	}
	n, ok := rd.value(i, ro)
	if !ok {
		return 0, false
	}
	latest := int64(math.MaxInt64)
	if rd.d.now != nil {
		latest = rd.d.now().Add(24 * time.Hour).UnixMilli()
		// A dead letter read in a test or long after the fact may be ahead of the clock on the wall; its own timestamp
		// is a witness as good as ours.
		latest = max(latest, rd.r.TimestampMS+24*time.Hour.Milliseconds())
	}
	if n < year2000 || n > latest {
		rd.problems = append(rd.problems, fmt.Sprintf("header %s: %d is no time between 2000 and tomorrow", rd.r.Headers[i].Name, n))
		return 0, false
	}
	return n, true
}

func (rd *reader) origin(s set) *Origin { return rd.lightOrigin(&lightOrigin{}, s) }

// lightOrigin is an origin together with what it points at, so that one can serve many records.
type lightOrigin struct {
	Origin
	topic        string
	partition    int32
	offset, time int64
}

// lightOrigin reads an origin into l, whose former content is lost.
func (rd *reader) lightOrigin(l *lightOrigin, s set) *Origin {
	l.Origin = Origin{}
	if b := rd.bytes(s[rTopic]); b != nil && string(b) == l.topic && l.topic != "" {
		if f, _ := rd.row.field(rTopic); f.enc != URI {
			l.Topic = &l.topic
		}
	}
	if l.Topic == nil {
		if t := rd.topic(s[rTopic]); t != nil {
			l.topic = *t
			l.Topic = &l.topic
		}
	}
	var ok bool
	if l.partition, ok = rd.partition(s[rPartition]); ok {
		l.Partition = &l.partition
	}
	if l.offset, ok = rd.offset(s[rOffset]); ok {
		l.Offset = &l.offset
	}
	if l.time, ok = rd.instant(s[rTimestamp], rTimestamp); ok {
		l.TimestampMS = &l.time
	}
	return &l.Origin
}

func (rd *reader) topic(i int16) *string {
	t := rd.text(i)
	if t == nil {
		return nil
	}
	if f, _ := rd.row.field(rTopic); f.enc == URI {
		u, err := url.Parse(*t)
		if err != nil {
			rd.problems = append(rd.problems, fmt.Sprintf("header %s: not a URI", rd.r.Headers[i].Name))
			return nil
		}
		name := strings.TrimPrefix(u.Path, "/")
		if u.Host != "topic" && u.Host != "" && name == "" {
			name = u.Host
		}
		name = strings.TrimPrefix(name, "topic/")
		if name == "" {
			return nil
		}
		return &name
	}
	return t
}

func (rd *reader) exception(s set, trace traceFacts) *Exception {
	e := &Exception{
		Class: rd.text(s[rClass]), CauseClass: rd.text(s[rCauseClass]), Message: rd.text(s[rMessage]),
		CauseMessage: rd.text(s[rCauseMessage]), KeyClass: rd.text(s[rKeyClass]), KeyMessage: rd.text(s[rKeyMessage]),
		StacktraceChain: trace.chain,
	}
	// Streams before 4.2.1 wrote class and message into one header.
	if e.Class != nil && e.Message == nil {
		if class, msg, ok := strings.Cut(*e.Class, ": "); ok && isClassName(class) {
			e.Class, e.Message = &class, &msg
		}
	}
	return e
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
	c.scratch = scan{seen: make([]uint32, n), last: make([]int, n), first: make([]int, n)}
	return &c
}

func (d *Decoder) fromHeaders(out *DeadLetter, r *Record, s *scan) {
	main := s.found[0]
	row := &d.table[main]
	rd := &reader{d: d, row: row, r: r}
	origins, exceptions := d.ordered(s, main, groupOrigin), d.ordered(s, main, groupException)
	osets, xsets := emptySet(), emptySet()
	if len(origins) > 0 {
		osets = origins[0]
	}
	if len(exceptions) > 0 {
		xsets = exceptions[0]
	}
	trace := parseTrace(rd.bytes(xsets[rTrace]))
	if trace.chain == nil {
		trace = parseTrace(rd.bytes(xsets[rKeyTrace]))
	}
	out.Origin = rd.origin(osets)
	out.OriginTimestampType = rd.text(osets[rTimestampType])
	out.ConsumerGroup = rd.group(osets, xsets)
	out.Exception = rd.exception(xsets, trace)
	out.Description = rd.text(xsets[rDescription])
	out.Handler = rd.text(xsets[rHandler])
	out.FailingClass = rd.text(xsets[rFailingClass])
	out.Task = rd.num(xsets[rTask], rTask)
	if st := rd.text(xsets[rStage]); st != nil {
		out.Failure = st
	}
	if row.failure != "" && out.Failure == nil {
		out.Failure = new(row.failure)
	}
	d.readHops(out, rd, s, main)

	out.DeathsInHeaders = max(countRole(origins, rTopic), 1)
	for i, o := range origins {
		if o[rTopic] < 0 && o[rOffset] < 0 && i > 0 {
			continue
		}
		death := Death{Dialect: row.name, Origin: rd.quiet().origin(o)}
		if i < len(exceptions) {
			x := exceptions[i]
			death.Class, death.CauseClass, death.Message = rd.text(x[rClass]), rd.text(x[rCauseClass]), rd.text(x[rMessage])
		}
		out.Deaths = append(out.Deaths, death)
	}
	if row.hops {
		d.deathsOfHops(out, rd, s, main)
	}
	for _, e := range s.found[1:] {
		d.earlier(out, r, s, main, e)
	}
	if n := len(out.Deaths); n > 1 {
		out.FirstOrigin = out.Deaths[n-1].Origin
	} else if row.name == "spring" && appendedNothing(osets, xsets) {
		// A first death writes its exception before its origin. The other way round, the origin was there already:
		// the application keeps only the first one (appendOriginalHeaders=false), and this is not the first death.
		out.FirstOrigin = out.Origin
		out.Note = new("the origin is that of the first death; the newest one is not told (appendOriginalHeaders=false)")
	}
	classify(out, row, trace, rd, s, main)
	out.Problems = append(out.Problems, rd.problems...)
}

// quiet reads again without noting the same problem twice.
func (rd *reader) quiet() *reader { return &reader{d: rd.d, row: rd.row, r: rd.r} }

func countRole(ss []set, ro role) (n int) {
	for _, s := range ss {
		if s[ro] >= 0 {
			n++
		}
	}
	return n
}

func appendedNothing(o, x set) bool {
	return o[rTopic] >= 0 && x[rClass] >= 0 && o[rTopic] < x[rClass]
}

// ordered returns the sets of a group, newest first.
func (d *Decoder) ordered(s *scan, dialect int, group uint8) []set {
	ss := d.sets(s, dialect, group)
	if d.table[dialect].newest == newestLast {
		slices.Reverse(ss)
	}
	return ss
}

func (rd *reader) group(o, x set) *string {
	if g := rd.text(o[rGroup]); g != nil {
		return g
	}
	if rd.row.groupFrom != "" {
		if c := rd.text(x[rConnector]); c != nil {
			return new(rd.row.groupFrom + *c)
		}
	}
	return nil
}

func (d *Decoder) readHops(out *DeadLetter, rd *reader, s *scan, main int) {
	hops := d.sets(s, main, groupHop)
	for _, h := range hops {
		if n := rd.num(h[rAttempts], rAttempts); n != nil {
			out.AttemptsHeader = append(out.AttemptsHeader, *n)
		}
	}
	var last set
	if len(hops) == 0 {
		return
	}
	last = hops[len(hops)-1]
	switch rd.row.attempts {
	case attemptsNext:
		if n := len(out.AttemptsHeader); n > 0 {
			out.Attempts = new(out.AttemptsHeader[n-1] - 1)
		}
		if out.Class == Retry {
			out.NextDueMS = rd.time(last[rNextDue], rNextDue)
		}
	case attemptsRetries:
		if n := rd.num(last[rRetryCount], rRetryCount); n != nil {
			out.CountHeader = n
			out.Attempts = new(*n + 1)
		}
	case attemptsDelivery:
		if n := len(out.AttemptsHeader); n > 0 {
			out.Attempts = new(out.AttemptsHeader[n-1])
		}
		out.AttemptsHeader = nil
	case attemptsUnknown:
	}
}

// deathsOfHops reads a chain of retry topics: every station that is the topic where the chain began is a death (or
// the first delivery after a replay), the others are hops in between.
func (d *Decoder) deathsOfHops(out *DeadLetter, rd *reader, s *scan, main int) {
	stations := d.ordered(s, main, groupOrigin)
	out.Hops, out.Deaths = []Hop{}, nil
	var origins []*Origin
	for _, st := range stations {
		o := rd.quiet().origin(st)
		out.Hops = append(out.Hops, Hop{o.Topic, o.Partition, o.Offset})
		origins = append(origins, o)
	}
	if len(origins) == 0 {
		return
	}
	home := deref(origins[len(origins)-1].Topic)
	for _, o := range origins {
		if deref(o.Topic) == home {
			out.Deaths = append(out.Deaths, Death{Dialect: rd.row.name, Origin: o})
		}
	}
	first := out.Deaths[len(out.Deaths)-1].Origin
	hop := d.newest(s, main, groupHop)
	first.TimestampMS = rd.time(hop[rFirstTimestamp], rFirstTimestamp)
	out.Origin = out.Deaths[0].Origin
	out.DeathsInHeaders = len(out.Deaths)
	x := d.newest(s, main, groupException)
	out.Deaths[0].Class, out.Deaths[0].CauseClass, out.Deaths[0].Message = rd.text(x[rClass]), rd.text(x[rCauseClass]), rd.text(x[rMessage])
	if len(out.Deaths) > 1 {
		// The count goes on from the death before, so it no longer counts the deliveries of this one.
		out.Attempts = nil
	}
}

func (d *Decoder) earlier(out *DeadLetter, r *Record, s *scan, main, e int) {
	row := &d.table[e]
	rd := &reader{d: d, row: row, r: r}
	origins, exceptions := d.ordered(s, e, groupOrigin), d.ordered(s, e, groupException)
	o, x := emptySet(), emptySet()
	if len(origins) > 0 {
		o = origins[0]
	}
	if len(exceptions) > 0 {
		x = exceptions[0]
	}
	n := max(countRole(origins, rTopic), 1)
	if d.shareOrigin(main, e) {
		// The newer dialect took these headers over: what they say is the newer death's.
		n = max(len(exceptions), 1)
		origins, o = nil, emptySet()
	}
	death := &EarlierDeath{Dialect: row.name, DeathsInHeaders: n, Origin: rd.origin(o), ConsumerGroup: rd.group(o, x)}
	if out.EarlierDeath == nil {
		out.EarlierDeath = death
	}
	for i, os := range origins {
		dd := Death{Dialect: row.name, Origin: rd.quiet().origin(os)}
		if i < len(exceptions) {
			xs := exceptions[i]
			dd.Class, dd.CauseClass, dd.Message = rd.text(xs[rClass]), rd.text(xs[rCauseClass]), rd.text(xs[rMessage])
		}
		out.Deaths = append(out.Deaths, dd)
	}
	out.Problems = append(out.Problems, rd.problems...)
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
