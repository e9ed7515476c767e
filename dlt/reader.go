package dlt

import (
	"fmt"
	"math"
	"net/url"
	"strings"
	"time"
)

// reader picks typed values out of a record for one dialect and notes what it cannot read.
type reader struct {
	d        *Decoder
	row      *dialect
	r        *Record
	problems []string

	seen  uint32 // roles on the record
	o, x  set    // headers of the newest origin and of the newest exception
	trace traceFacts
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

// quiet reads again without noting the same problem twice.
func (rd *reader) quiet() *reader { return &reader{d: rd.d, row: rd.row, r: rd.r} }
