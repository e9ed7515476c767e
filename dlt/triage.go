package dlt

import (
	"hash/maphash"

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
