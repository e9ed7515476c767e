package dlt

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Listing is every dead letter topic that was found: the JSON of `dlt list`.
type Listing struct {
	Topics     []ListedTopic `json:"topics"`
	Stored     *int64        `json:"stored"`     // nil where a topic was not counted
	Unresolved *int64        `json:"unresolved"` // nil also where the journal does not tell
	Notes      []string      `json:"notes"`
}

// ListedTopic is one dead letter topic. There is no single number called depth: the span counts offsets, stored counts
// records, unresolved those nobody has handled, each letter of a record that died twice by itself: only reading what every
// one of them tells would join them. A nil figure is one that could not be read.
type ListedTopic struct {
	Topic         string   `json:"topic"`
	FoundBy       []string `json:"found_by"` // argument, catalog, name, group, config, content
	Class         Class    `json:"class"`
	Owner         *string  `json:"owner"`
	Origin        *string  `json:"origin"` // the topic most records came from
	Groups        []string `json:"groups"` // whose records died, as far as names, settings and a sample of the content tell
	Dialects      []string `json:"dialects"`
	Partitions    int      `json:"partitions"`
	Span          *int64   `json:"span_offsets"`
	BehindOpen    *int64   `json:"behind_open_transaction_offsets"`
	Stored        *int64   `json:"stored"`
	Unresolved    *int64   `json:"unresolved"`
	OldestMS      *int64   `json:"oldest_ms"` // of the unresolved ones where they are known, else of all
	NewestMS      *int64   `json:"newest_ms"`
	LastHour      *int64   `json:"last_hour_records"`
	ExpiresMS     *int64   `json:"expires_ms"` // when retention takes the oldest; nil: never, or not known
	RetentionMS   *int64   `json:"retention_ms"`
	Error         *string  `json:"error"`
	TimestampsAre *string  `json:"timestamps_are"` // death or origin
}

// Exceeds reports whether more letters than depth may be unresolved. What is not known may be any number, and what lies
// behind an open transaction, which may be others' committed letters, that many.
func (t *ListedTopic) Exceeds(depth int64) bool {
	return t.Unresolved == nil || *t.Unresolved+deref(t.BehindOpen) > depth
}

// ListOptions says where to look.
type ListOptions struct {
	Declared map[string]string // dead letter topics of the catalog, with their owners
	Only     []string          // these topics and no others
	NoCount  bool              // spans only, nothing is read
}

// errors.deadletterqueue.group.enable marks a topic that share groups may use.
const shareGroupConfig = "errors.deadletterqueue.group.enable"

// List finds the dead letter topics and counts what they hold.
func (c *Conn) List(ctx context.Context, d *Decoder, o ListOptions) (*Listing, error) {
	m, err := c.Admin.Metadata(kadm.WithAuthorizedOps(ctx), o.Only...)
	if err != nil {
		return nil, fmt.Errorf("list dead letter topics: %w", err)
	}
	found := map[string]*ListedTopic{}
	var others []kadm.TopicDetail
	for name, td := range m.Topics {
		if td.IsInternal || name == JournalTopic {
			continue
		}
		row := newRow(td)
		if owner, ok := o.Declared[name]; ok {
			row.FoundBy = append(row.FoundBy, foundByCatalog)
			row.Owner = orNil(owner)
		}
		if _, ok := CandidateName(name); ok {
			row.FoundBy = append(row.FoundBy, foundByName)
		}
		if slices.Contains(o.Only, name) {
			row.FoundBy = append(row.FoundBy, foundByArgument)
		}
		if len(row.FoundBy) == 0 {
			others = append(others, td)
			continue
		}
		found[name] = row
	}
	out := &Listing{Topics: []ListedTopic{}, Notes: []string{}}
	notes, err := c.discover(ctx, d, found, others, o)
	if err != nil {
		return nil, err
	}
	ids := map[string]bool{}
	for name, row := range found {
		td := m.Topics[name]
		ids[td.ID.String()] = true
		if td.Err != nil {
			row.Error = new(td.Err.Error())
		}
	}
	for name := range o.Declared {
		if found[name] == nil {
			out.Notes = append(out.Notes, fmt.Sprintf("%s is declared by the catalog and does not exist, or may not be seen", name))
		}
	}
	out.Notes = append(out.Notes, notes...)
	slices.Sort(out.Notes)
	resolutions, err := c.Resolutions(ctx, ids)
	if errors.Is(err, ErrNoJournal) {
		out.Notes = append(out.Notes, "unresolved is not known: "+ErrNoJournal.Error())
	} else if err != nil {
		out.Notes = append(out.Notes, "unresolved is not known: "+err.Error())
	}
	names := make([]string, 0, len(found))
	for name := range found {
		names = append(names, name)
	}
	slices.Sort(names)
	counted, allKnown := true, resolutions != nil
	var inAll, unresolved int64
	for i, name := range names {
		row := found[name]
		emit(c.Events, Event{Stage: "list", Done: int64(i), Total: int64(len(names)), Note: name, At: c.Now()})
		if row.Error == nil {
			if err := c.measure(ctx, d, row, resolutions[m.Topics[name].ID.String()], o.NoCount); err != nil {
				if ctx.Err() != nil {
					return nil, err
				}
				row.Error = new(err.Error())
			}
		}
		counted = counted && row.Stored != nil
		allKnown = allKnown && row.Unresolved != nil
		inAll += deref(row.Stored)
		unresolved += deref(row.Unresolved)
		out.Topics = append(out.Topics, *row)
	}
	if counted {
		out.Stored = &inAll
	}
	if allKnown {
		out.Unresolved = &unresolved
	}
	slices.SortStableFunc(out.Topics, func(a, b ListedTopic) int {
		return cmp.Or(cmp.Compare(deref(b.Unresolved), deref(a.Unresolved)), cmp.Compare(deref(b.Stored), deref(a.Stored)), strings.Compare(a.Topic, b.Topic))
	})
	return out, nil
}

// measure fills the figures of one topic. It reads the topic only where the span does not prove it empty.
func (c *Conn) measure(ctx context.Context, d *Decoder, row *ListedTopic, res *Resolution, noCount bool) error {
	spans, err := c.spans(ctx, row.Topic, offlineFor)
	if err != nil {
		return err
	}
	var span, behind int64
	for _, s := range spans {
		span += s.HighWatermark - s.Start
		behind += s.HighWatermark - s.Stable
	}
	row.Span, row.BehindOpen = &span, &behind
	if cfg, err := c.topicConfig(ctx, row.Topic); err == nil {
		if ms, err := strconv.ParseInt(cfg["retention.ms"], 10, 64); err == nil {
			row.RetentionMS = &ms
		}
		if cfg[shareGroupConfig] == "true" {
			row.FoundBy = append(row.FoundBy, foundByConfig)
		}
	}
	if noCount && span > 0 {
		return nil
	}
	var storedN, open, lastHour int64
	var rec Record
	hourAgo := c.Now().Add(-time.Hour).UnixMilli()
	oldest, newest, oldestAll := int64(-1), int64(-1), int64(-1)
	dialects := map[string]int64{}
	topics := map[string]int64{}
	timestamps := ""
	err = c.ReadRanges(ctx, row.Topic, stored(spans), func(k *kgo.Record) error {
		storedN++
		ms := k.Timestamp.UnixMilli()
		if ms >= hourAgo {
			lastHour++
		}
		newest = max(newest, ms)
		if oldestAll < 0 || ms < oldestAll {
			oldestAll = ms
		}
		if !res.Has(k.Partition, k.Offset) {
			open++
			if oldest < 0 || ms < oldest {
				oldest = ms
			}
		}
		if storedN <= 100 || storedN%1000 == 0 { // content tells the dialect; a sample is enough
			rec.fill(k)
			ca := d.cause(&rec, nil)
			if ca.dialect >= 0 {
				if g := deref(d.Decode(&rec).ConsumerGroup); g != "" && len(row.Groups) < maxOrigins && !slices.Contains(row.Groups, g) {
					row.Groups = append(row.Groups, g)
				}
				dialects[d.table[ca.dialect].name]++
				timestamps = d.table[ca.dialect].timestamp
				if len(ca.topic) > 0 && len(topics) < maxOrigins {
					topics[string(bytes.Clone(ca.topic))]++
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	row.Stored, row.LastHour = &storedN, &lastHour
	if res != nil {
		row.Unresolved = &open
	}
	if storedN == 0 {
		row.Unresolved = new(int64(0)) // an empty topic needs no journal
		return nil
	}
	row.NewestMS = &newest
	if res == nil {
		oldest = oldestAll
	}
	if oldest >= 0 {
		row.OldestMS = &oldest
		if row.RetentionMS != nil && *row.RetentionMS > 0 {
			row.ExpiresMS = new(oldest + *row.RetentionMS)
		}
	}
	for name := range dialects {
		row.Dialects = append(row.Dialects, name)
	}
	slices.Sort(row.Dialects)
	slices.Sort(row.Groups)
	if len(row.Dialects) > 0 {
		row.FoundBy = append(row.FoundBy, foundByContent)
		row.TimestampsAre = orNil(timestamps)
	}
	best := int64(0)
	for name, n := range topics {
		if n > best || n == best && row.Origin != nil && name < *row.Origin {
			best, row.Origin = n, new(name)
		}
	}
	return nil
}
