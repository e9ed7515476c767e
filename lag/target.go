package lag

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Point says what a target is measured from.
type Point int

// The points.
const (
	FromOffset  Point = iota // an offset of the log
	FromStart                // the log's start
	FromEnd                  // the high watermark
	FromCurrent              // what the group committed
	FromTime                 // the first record at or after a moment
)

// Target is where a reset moves a group to.
type Target struct {
	From Point
	// N is the offset, or what is added to the point.
	N  int64
	At time.Time // FromTime only
}

// errTarget lists the forms; it is what a mistake is answered with. What +N and -N count
// from is not the same everywhere, so it is left to the caller.
var errTarget = errors.New("use start, end, start+N, end-N, an offset, @2026-03-01T12:00:00Z, @EPOCH-MS or @-1h")

// ParseTarget reads the value of --to. now is what an age such as @-1h counts from.
func ParseTarget(s string, now time.Time) (Target, error) {
	bad := func() (Target, error) { return Target{}, fmt.Errorf("unreadable target %q: %w", s, errTarget) }
	switch {
	case s == "start":
		return Target{From: FromStart}, nil
	case s == "end":
		return Target{From: FromEnd}, nil
	case strings.HasPrefix(s, "start+"), strings.HasPrefix(s, "end-"):
		from, digits := FromStart, strings.TrimPrefix(s, "start+")
		if back, ok := strings.CutPrefix(s, "end-"); ok {
			from, digits = FromEnd, back
		}
		n, ok := digitsOf(digits)
		if !ok {
			return bad()
		}
		if from == FromEnd {
			n = -n
		}
		return Target{From: from, N: n}, nil
	case strings.HasPrefix(s, "@"):
		return parseMoment(s, now)
	case strings.HasPrefix(s, "+"), strings.HasPrefix(s, "-"):
		n, ok := digitsOf(s[1:])
		if !ok {
			return bad()
		}
		if s[0] == '-' {
			n = -n
		}
		return Target{From: FromCurrent, N: n}, nil
	}
	n, ok := digitsOf(s)
	if !ok {
		return bad()
	}
	return Target{From: FromOffset, N: n}, nil
}

// ParsePlace reads a place in a topic as [ParseTarget] does; nil for none. No group has
// committed an offset to count from, so +N counts from the start and -N from the end.
func ParsePlace(s string, now time.Time) (*Target, error) {
	if s == "" {
		return nil, nil
	}
	t, err := ParseTarget(s, now)
	switch {
	case errors.Is(err, errTarget):
		err = fmt.Errorf("%w; +N counts from the start and -N from the end", err)
	case err == nil && t.From == FromCurrent:
		t.From = FromStart
		if t.N < 0 {
			t.From = FromEnd
		}
	}
	return &t, err
}

// digitsOf reads digits only: no sign, no spaces, no underscores.
func digitsOf(s string) (int64, bool) {
	if s == "" || strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' }) {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// maxMillis is the end of the year 9999, the last that RFC 3339 can write.
const maxMillis = 253_402_300_799_999

func parseMoment(s string, now time.Time) (Target, error) {
	v := s[1:]
	if age, ok := strings.CutPrefix(v, "-"); ok {
		d, err := parseAge(age)
		if err != nil || d < 0 {
			return Target{}, fmt.Errorf("unreadable age in %q: write it like @-90s, @-5m, @-36h or @-7d", s)
		}
		return Target{From: FromTime, At: now.Add(-d)}, nil
	}
	if ms, ok := digitsOf(v); ok {
		if ms > maxMillis {
			return Target{}, fmt.Errorf("the moment in %q lies after the year 9999: epoch milliseconds have 13 digits", s)
		}
		return Target{From: FromTime, At: time.UnixMilli(ms)}, nil
	}
	at, err := time.Parse(time.RFC3339, v)
	if err != nil || at.UnixMilli() < 0 {
		return Target{}, fmt.Errorf("unreadable moment in %q: write RFC 3339 with a zone (@2026-03-01T12:00:00Z), epoch milliseconds or an age (@-1h)", s)
	}
	return Target{From: FromTime, At: at}, nil
}

func parseAge(s string) (time.Duration, error) {
	if n, ok := strings.CutSuffix(s, "d"); ok {
		days, good := digitsOf(n)
		if !good || days > 36500 {
			return 0, errTarget
		}
		return time.Duration(days) * 24 * time.Hour, nil
	}
	return time.ParseDuration(s)
}

// String writes the target as ParseTarget reads it.
func (t Target) String() string {
	switch t.From {
	case FromStart:
		if t.N != 0 {
			return "start+" + strconv.FormatInt(t.N, 10)
		}
		return "start"
	case FromEnd:
		if t.N != 0 {
			return "end" + strconv.FormatInt(t.N, 10)
		}
		return "end"
	case FromCurrent:
		return fmt.Sprintf("%+d", t.N)
	case FromTime:
		return "@" + t.At.UTC().Format(time.RFC3339Nano)
	case FromOffset:
	}
	return strconv.FormatInt(t.N, 10)
}

// Scope is a topic, or some of its partitions.
type Scope struct {
	Topic      string
	Partitions []int32 // sorted; empty means all
}

// ParseScope reads the value of --topic: TOPIC or TOPIC:0,2,5-7. Topic names hold no
// colon, so the last one is the separator.
func ParseScope(s string) (Scope, error) {
	topic, list, some := strings.Cut(s, ":")
	if topic == "" {
		return Scope{}, fmt.Errorf("no topic in %q: write TOPIC or TOPIC:0,2,5-7", s)
	}
	sc := Scope{Topic: topic}
	if !some {
		return sc, nil
	}
	for part := range strings.SplitSeq(list, ",") {
		lo, hi, isRange := strings.Cut(part, "-")
		if !isRange {
			hi = lo
		}
		a, ok1 := digitsOf(lo)
		z, ok2 := digitsOf(hi)
		const most = 100_000 // partitions a topic could have; bounds a mistyped range
		if !ok1 || !ok2 || a > z || z > most {
			return Scope{}, fmt.Errorf("unreadable partitions in %q: write TOPIC or TOPIC:0,2,5-7", s)
		}
		for p := a; p <= z; p++ {
			sc.Partitions = append(sc.Partitions, int32(p))
		}
	}
	slices.Sort(sc.Partitions)
	sc.Partitions = slices.Compact(sc.Partitions)
	return sc, nil
}

// Offset is one line of an export: where a group is on a partition.
type Offset struct {
	Partition
	Offset int64 `json:"offset"`
}

// csvBytes bounds a file of offsets; a million partitions fit.
const csvBytes = 64 << 20

// ReadOffsets reads offsets as kafka-consumer-groups.sh exports them: topic, partition,
// offset in a line, or group, topic, partition, offset, of which only the lines of the
// named group are taken. A header, as weir and some tools write one, is skipped. lines
// tells where each partition stands.
func ReadOffsets(r io.Reader, name, group string) (out []Offset, lines map[Partition]int, err error) {
	lim := &io.LimitedReader{R: r, N: csvBytes + 1}
	cr := csv.NewReader(lim)
	cr.FieldsPerRecord = -1
	cr.TrimLeadingSpace = true
	lines = map[Partition]int{}
	others := map[string]bool{}
	for {
		rec, err := cr.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", name, err)
		}
		line, _ := cr.FieldPos(0)
		at := func(i int) string {
			l, c := cr.FieldPos(i)
			return fmt.Sprintf("%s:%d:%d", name, l, c)
		}
		base := 0
		switch len(rec) {
		case 3:
		case 4:
			base = 1
		default:
			return nil, nil, fmt.Errorf("%s: %d columns, want topic,partition,offset or group,topic,partition,offset", at(0), len(rec))
		}
		if line == 1 && strings.EqualFold(rec[base], "topic") && strings.EqualFold(rec[base+1], "partition") {
			continue
		}
		if base == 1 && rec[0] != group {
			others[rec[0]] = true
			continue
		}
		p, ok := digitsOf(rec[base+1])
		if !ok || p > 1<<31-1 {
			return nil, nil, fmt.Errorf("%s: unreadable partition %q", at(base+1), rec[base+1])
		}
		o, ok := digitsOf(rec[base+2])
		if !ok {
			return nil, nil, fmt.Errorf("%s: unreadable offset %q", at(base+2), rec[base+2])
		}
		if rec[base] == "" {
			return nil, nil, fmt.Errorf("%s: no topic", at(base))
		}
		part := Partition{rec[base], int32(p)}
		if first, dup := lines[part]; dup {
			return nil, nil, fmt.Errorf("%s: %s/%d again, first on line %d", at(base), part.Topic, part.Partition, first)
		}
		lines[part] = line
		out = append(out, Offset{part, o})
	}
	if lim.N <= 0 {
		return nil, nil, fmt.Errorf("%s: larger than %d MiB", name, csvBytes>>20)
	}
	if len(out) == 0 && len(others) > 0 {
		return nil, nil, fmt.Errorf("%s: no line of group %s; it holds %s", name, group, strings.Join(sortedKeys(others), ", "))
	}
	if len(out) == 0 {
		return nil, nil, fmt.Errorf("%s: no offsets", name)
	}
	slices.SortFunc(out, func(a, b Offset) int { return a.Compare(b.Partition) })
	return out, lines, nil
}

func sortedKeys(m map[string]bool) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// WriteOffsets writes what ReadOffsets and the Apache tool read.
func WriteOffsets(w io.Writer, offsets []Offset) error {
	cw := csv.NewWriter(w)
	for _, o := range offsets {
		if err := cw.Write([]string{o.Topic, strconv.Itoa(int(o.Partition.Partition)), strconv.FormatInt(o.Offset, 10)}); err != nil {
			return err
		}
	}
	cw.Flush()
	return cw.Error()
}
