package dlt

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Inspection is the result of a triage: the JSON of `dlt inspect`.
type Inspection struct {
	Topic        string       `json:"topic"`
	Stored       int64        `json:"stored"`
	Unresolved   *int64       `json:"unresolved"` // neither replayed nor discarded; nil where no journal tells, as of an archive
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
	spans, err := c.spans(ctx, topic, offlineFor)
	if err != nil {
		return nil, err
	}
	var total int64
	for _, s := range spans {
		total += s.Stable - s.Start
	}
	done, note := c.inspected(ctx, topic)
	next := c.Now().Add(100 * time.Millisecond)
	n, open := 0, int64(0)
	err = c.ReadRanges(ctx, topic, stored(spans), func(k *kgo.Record) error {
		t.Add(k)
		if !done.Has(k.Partition, k.Offset) {
			open++
		}
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
	if done != nil || n == 0 { // an empty topic needs no journal
		res.Unresolved = &open
	} else if note != "" {
		res.Notes = append(res.Notes, note)
	}
	for _, s := range spans {
		if s.Stable < s.HighWatermark {
			res.Notes = append(res.Notes, openTransactionNote(topic, s))
		}
	}
	return res, nil
}

// inspected reads what was done with the letters of a topic already: nil where that is not known, with a note where a
// journal exists. It is one figure beside what an inspection is for, which does not wait for it long.
func (c *Conn) inspected(ctx context.Context, topic string) (done *Resolution, note string) {
	td, err := c.topicDetail(ctx, topic)
	if err == nil {
		id := td.ID.String()
		var all map[string]*Resolution
		if all, err = c.resolutions(ctx, map[string]bool{id: true}, lookWait); err == nil {
			return all[id], ""
		}
	}
	if errors.Is(err, ErrNoJournal) {
		return nil, ""
	}
	return nil, "unresolved is not known: " + err.Error()
}
