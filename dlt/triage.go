package dlt

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash/maphash"
	"math"
	"math/bits"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Triage groups dead letters by what made them: dialect, root-cause class and masked message. Its memory does not
// grow with the number of records, only with the number of groups, and that is bounded.
type Triage struct {
	d      *Decoder
	groups map[string]*group
	list   []*group
	other  *group
	seed   maphash.Seed
	rec    Record
	sig    []byte
	total  int64
	bytes  int64
	// validate says whether the payload is valid now; nil when nobody can say. It is asked for the first records of
	// each group only.
	validate func(origin string, r *Record) (Verdict, error)
}

// Verdict is what the catalog says of a payload today.
type Verdict string

// A payload is unknown where no schema is known for its origin.
const (
	ValidNow     Verdict = "valid"
	StillInvalid Verdict = "invalid"
	NotKnown     Verdict = "unknown"
)

const (
	maxGroups      = 10_000
	maxOrigins     = 100
	validatePerRun = 1_000
)

type group struct {
	id                      string
	dialect, class, message string
	failure                 string
	timestampIs             string
	count, bytes            int64
	keys, origins           sketch
	told                    int64 // records that tell which record of their origin they are
	nullKeys                int64
	first, last             int64
	firstAt, lastAt         Position
	topics                  map[string]*int64
	lastTopic               string
	lastTopicN              *int64
	moreTopics              int64
	valid, invalid, unknown int64
	sampled                 int64
}

// NewTriage returns an empty triage. validate may be nil.
func NewTriage(d *Decoder, validate func(origin string, r *Record) (Verdict, error)) *Triage {
	return &Triage{d: d, groups: map[string]*group{}, seed: maphash.MakeSeed(), validate: validate}
}

// Add takes one record.
func (t *Triage) Add(k *kgo.Record) {
	t.rec.fill(k)
	t.AddRecord(&t.rec)
}

// AddRecord takes one record that did not come from a client.
func (t *Triage) AddRecord(r *Record) {
	c := t.d.cause(r, t.sig[:0])
	t.sig = c.sig
	g := t.groups[string(c.sig)]
	if g == nil {
		g = t.newGroup(r, c)
	}
	t.total++
	g.count++
	size := int64(len(r.Key) + len(r.Value))
	t.bytes += size
	g.bytes += size
	if r.Key == nil {
		g.nullKeys++
	} else {
		g.keys.add(maphash.Bytes(t.seed, r.Key))
	}
	if g.count == 1 || r.TimestampMS < g.first {
		g.first, g.firstAt = r.TimestampMS, Position{r.Topic, r.Partition, r.Offset}
	}
	if g.count == 1 || r.TimestampMS >= g.last {
		g.last, g.lastAt = r.TimestampMS, Position{r.Topic, r.Partition, r.Offset}
	}
	if c.topic != nil {
		if c.offset != nil { // without it, different records look the same
			h := maphash.Bytes(t.seed, c.topic)
			g.origins.add(mix(h, maphash.Bytes(t.seed, c.partition), maphash.Bytes(t.seed, c.offset)))
			g.told++
		}
		if string(c.topic) != g.lastTopic || g.lastTopicN == nil {
			g.lastTopicN = g.topics[string(c.topic)]
			if g.lastTopicN == nil {
				if len(g.topics) >= maxOrigins {
					g.lastTopicN = &g.moreTopics
				} else {
					g.lastTopicN = new(int64)
					g.topics[string(c.topic)] = g.lastTopicN
				}
			}
			g.lastTopic = string(c.topic)
		}
		*g.lastTopicN++
	}
	if t.validate != nil && g.sampled < validatePerRun {
		g.sampled++
		switch v, err := t.validate(string(c.topic), r); {
		case err != nil || v == NotKnown:
			g.unknown++
		case v == ValidNow:
			g.valid++
		default:
			g.invalid++
		}
	}
}

func mix(a, b, c uint64) uint64 {
	h := a*0x9e3779b97f4a7c15 ^ bits.RotateLeft64(b, 21)
	h = h*0xff51afd7ed558ccd ^ bits.RotateLeft64(c, 43)
	h ^= h >> 33
	return h * 0xc4ceb9fe1a85ec53
}

func (t *Triage) newGroup(r *Record, c cause) *group {
	if len(t.list) >= maxGroups {
		if t.other == nil {
			t.other = &group{id: "other", message: "more than 10,000 different causes: the rest is counted here", topics: map[string]*int64{}}
		}
		return t.other
	}
	g := &group{id: c.id(t.d), topics: map[string]*int64{}, timestampIs: "origin"}
	if c.dialect >= 0 {
		row := &t.d.table[c.dialect]
		g.dialect, g.timestampIs = row.name, row.timestamp
	}
	g.class, g.message = string(c.class), string(c.sig[c.masked:])
	// The failure is read once a group: telling it needs the whole trace.
	g.failure = deref(t.d.Decode(r).Failure)
	t.groups[string(c.sig)] = g
	t.list = append(t.list, g)
	return g
}

// cause is what triage needs of a record, as views of its bytes.
type cause struct {
	dialect                  int // -1 when none is known
	class                    []byte
	topic, partition, offset []byte
	sig                      []byte // dialect, class, masked message
	masked                   int    // where the masked message begins in sig
}

// id names a cause, the same in every run: a plan takes it with --cause.
func (c *cause) id(d *Decoder) string {
	h := sha256.New()
	if c.dialect >= 0 {
		h.Write([]byte(d.table[c.dialect].name)) // the row's place in the table may change, its name does not
	}
	h.Write([]byte{0})
	h.Write(c.sig[2:])
	return hex.EncodeToString(h.Sum(nil)[:4])
}

// CauseID returns the name of the group a record belongs to.
func (d *Decoder) CauseID(r *Record) string {
	c := d.cause(r, nil)
	return c.id(d)
}

// cause reads what groups a record, without allocating where headers tell it.
func (d *Decoder) cause(r *Record, sig []byte) cause {
	s := d.scan(r)
	c := cause{dialect: -1}
	var message []byte
	switch {
	case len(s.found) > 0:
		c.dialect = s.found[0]
		x := d.newest(s, c.dialect, groupException)
		at := func(st *set, ro role) []byte {
			if i := st[ro]; i >= 0 {
				return r.Headers[i].Value
			}
			return nil
		}
		trace := at(&x, rTrace)
		if trace == nil {
			trace = at(&x, rKeyTrace)
		}
		for _, v := range [...][]byte{rootOf(trace), at(&x, rCauseClass), at(&x, rClass), at(&x, rKeyClass)} {
			if c.class = v; v != nil {
				break
			}
		}
		if message = at(&x, rMessage); message == nil {
			message = at(&x, rKeyMessage)
		}
		o := d.newest(s, c.dialect, groupOrigin)
		if d.table[c.dialect].hops {
			// The newest hop is often a retry topic; the oldest one is where the record came from.
			if l := d.ordered(s, c.dialect, groupOrigin); len(l) > 0 {
				o = l[len(l)-1]
			}
		}
		c.topic, c.partition, c.offset = at(&o, rTopic), at(&o, rPartition), at(&o, rOffset)
	case d.mayWrap(r):
		dl := d.Decode(r)
		if len(dl.found) == 0 {
			break
		}
		c.dialect = dl.found[0]
		e := dl.Exception
		if e == nil {
			e = &Exception{}
		}
		for _, v := range [...]*string{e.RootClass, e.CauseClass, e.Class} {
			if v != nil {
				c.class = []byte(*v)
				break
			}
		}
		message = []byte(deref(e.Message))
		if o := dl.Origin; o.Known() {
			c.topic = []byte(*o.Topic)
			c.partition, c.offset = le(int64(*o.Partition)), le(*o.Offset)
		}
	}
	sig = append(sig, byte(c.dialect+1), byte((c.dialect+1)>>8)) // #nosec G115 -- at most 256 rows
	sig = append(sig, c.class...)
	sig = append(sig, 0)
	c.masked = len(sig)
	c.sig = mask(sig, message)
	return c
}

func le(n int64) []byte {
	b := make([]byte, 8)
	for i := range b {
		b[i] = byte(n >> (8 * i)) // #nosec G115 -- bytes of a number
	}
	return b
}

// mayWrap reports whether a value or key dialect is worth trying.
func (d *Decoder) mayWrap(r *Record) bool {
	return len(r.Value) > 1 && (r.Value[0] == 0xff || r.Value[0] == 0) || len(r.Key) >= 8 && (r.Key[0] == 0x08 || r.Key[0] == 0x12)
}

// sketch counts distinct hashes: exactly while they are few, then by HyperLogLog with 16,384 registers, within about
// one per cent.
type sketch struct {
	exact map[uint64]struct{}
	reg   []uint8
}

const exactUpTo = 1024

func (s *sketch) add(h uint64) {
	if s.reg != nil {
		i := h >> 50
		if n := uint8(bits.LeadingZeros64(h<<14|1<<13)) + 1; n > s.reg[i] { // #nosec G115 -- at most 64
			s.reg[i] = n
		}
		return
	}
	if s.exact == nil {
		s.exact = map[uint64]struct{}{}
	}
	s.exact[h] = struct{}{}
	if len(s.exact) > exactUpTo {
		s.reg = make([]uint8, 1<<14)
		for v := range s.exact {
			s.add(v)
		}
		s.exact = nil
	}
}

func (s *sketch) count() (n int64, estimated bool) {
	if s.reg == nil {
		return int64(len(s.exact)), false
	}
	m := float64(len(s.reg))
	sum, zero := 0.0, 0.0
	for _, r := range s.reg {
		sum += math.Ldexp(1, -int(r))
		if r == 0 {
			zero++
		}
	}
	e := 0.7213 / (1 + 1.079/m) * m * m / sum
	if e < 2.5*m && zero > 0 {
		e = m * math.Log(m/zero)
	}
	return int64(math.Round(e)), true
}

// Inspection is the result of a triage: the JSON of `dlt inspect`.
type Inspection struct {
	Topic        string       `json:"topic"`
	Stored       int64        `json:"stored"`
	Unresolved   *int64       `json:"unresolved"` // nil where no journal tells
	PayloadBytes int64        `json:"payload_bytes"`
	Ranges       []Range      `json:"ranges"`
	Causes       []CauseGroup `json:"causes"`
	Notes        []string     `json:"notes"`
}

// CauseGroup is the records that died of one cause.
type CauseGroup struct {
	ID              string        `json:"id"`
	Dialect         *string       `json:"dialect"`
	Failure         *string       `json:"failure"`
	Class           *string       `json:"class"`
	Message         string        `json:"message"` // masked
	Records         int64         `json:"records"`
	Share           float64       `json:"share"`          // of all records, 0 to 1
	OriginRecords   *int64        `json:"origin_records"` // distinct records of the origin behind them; nil where some do not tell theirs
	Keys            int64         `json:"keys"`
	KeysEstimated   bool          `json:"keys_estimated"`
	NullKeys        int64         `json:"null_keys"`
	FirstMS         int64         `json:"first_ms"`
	LastMS          int64         `json:"last_ms"`
	TimestampIs     string        `json:"timestamp_is"`
	First           Position      `json:"first"`
	Last            Position      `json:"last"`
	Origins         []OriginCount `json:"origins"`
	PayloadBytes    int64         `json:"payload_bytes"`
	ValidNow        int64         `json:"valid_now"` // of the records sampled
	InvalidNow      int64         `json:"invalid_now"`
	UnknownValidity int64         `json:"unknown_validity"`
}

// OriginCount is one topic records came from.
type OriginCount struct {
	Topic   string `json:"topic"`
	Records int64  `json:"records"`
}

// Result returns the groups, the largest first.
func (t *Triage) Result() *Inspection {
	out := &Inspection{Stored: t.total, PayloadBytes: t.bytes, Causes: []CauseGroup{}, Ranges: []Range{}, Notes: []string{}}
	list := t.list
	if t.other != nil {
		list = append(slices.Clone(list), t.other)
		out.Notes = append(out.Notes, t.other.message)
	}
	for _, g := range list {
		c := CauseGroup{
			ID: g.id, Dialect: orNil(g.dialect), Failure: orNil(g.failure), Class: orNil(g.class), Message: g.message,
			Records: g.count, Share: float64(g.count) / float64(t.total), NullKeys: g.nullKeys, FirstMS: g.first, LastMS: g.last,
			TimestampIs: g.timestampIs, First: g.firstAt, Last: g.lastAt, PayloadBytes: g.bytes, Origins: []OriginCount{},
			ValidNow: g.valid, InvalidNow: g.invalid, UnknownValidity: g.unknown,
		}
		c.Keys, c.KeysEstimated = g.keys.count()
		if g.told == g.count {
			c.OriginRecords = new(int64)
			*c.OriginRecords, _ = g.origins.count()
		}
		for topic, n := range g.topics {
			c.Origins = append(c.Origins, OriginCount{topic, *n})
		}
		slices.SortFunc(c.Origins, func(a, b OriginCount) int {
			return cmp.Or(cmp.Compare(b.Records, a.Records), cmp.Compare(a.Topic, b.Topic))
		})
		if g.moreTopics > 0 {
			c.Origins = append(c.Origins, OriginCount{"(others)", g.moreTopics})
		}
		out.Causes = append(out.Causes, c)
	}
	slices.SortFunc(out.Causes, func(a, b CauseGroup) int {
		return cmp.Or(cmp.Compare(b.Records, a.Records), cmp.Compare(a.ID, b.ID))
	})
	return out
}

func orNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// Inspect reads everything a topic stores and groups it.
func (c *Conn) Inspect(ctx context.Context, topic string, t *Triage) (*Inspection, error) {
	spans, err := c.Spans(ctx, topic)
	if err != nil {
		return nil, err
	}
	var total int64
	for _, s := range spans {
		total += s.Stable - s.Start
	}
	next := c.Now().Add(100 * time.Millisecond)
	n := 0
	err = c.ReadRanges(ctx, topic, stored(spans), func(k *kgo.Record) error {
		t.Add(k)
		if n++; n%2048 == 0 {
			if now := c.Now(); now.After(next) {
				next = now.Add(100 * time.Millisecond)
				emit(c.Events, Event{Stage: "read", Done: t.total, Total: total, Bytes: t.bytes, At: now})
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	res := t.Result()
	res.Topic, res.Ranges = topic, stored(spans)
	for _, s := range spans {
		if s.Stable < s.HighWatermark {
			res.Notes = append(res.Notes, openTransactionNote(topic, s))
		}
	}
	return res, nil
}
