package dlt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Plan is what a replay will do: frozen, digested, for someone else to read and approve. Without one nothing runs.
type Plan struct {
	Kind          string          `json:"kind"`
	SchemaVersion int             `json:"schema_version"`
	Job           string          `json:"job"`
	CreatedMS     int64           `json:"created_ms"`
	ExpiresMS     int64           `json:"expires_ms"`
	Creator       string          `json:"creator"`
	ClusterID     string          `json:"cluster_id"`
	Topic         string          `json:"topic"`
	TopicID       string          `json:"topic_id"`
	Selection     Selection       `json:"selection"`
	Ranges        []PlannedRange  `json:"ranges"`
	Counts        PlanCounts      `json:"counts"`
	Skipped       []SkippedGroup  `json:"skipped"`
	Targets       []Target        `json:"targets"`
	To            string          `json:"to,omitempty"` // empty: every record to its origin
	PartitionMode PartitionMode   `json:"partition_mode"`
	KeepTimestamp bool            `json:"keep_timestamp"`
	Compression   string          `json:"compression"` // of the batches it writes: what most selected records lie in
	Order         string          `json:"order"`
	FanOut        []FanOutGroup   `json:"fan_out"`
	Acks          PlanAcks        `json:"acknowledged"`
	Preflight     []PreflightItem `json:"preflight"`
	Journal       string          `json:"journal"` // create, require, local
	AtLeastOnce   bool            `json:"at_least_once"`
	Guarantee     string          `json:"guarantee"`
	Digest        string          `json:"digest"` // of everything above
}

// PlannedRange is the part of a plan in one partition of the dead letter topic. Later arrivals are not in it.
type PlannedRange struct {
	Partition int32   `json:"partition"`
	Start     int64   `json:"start"`
	End       int64   `json:"end"`
	Selected  Offsets `json:"selected"`
	Fetch     Offsets `json:"fetch_from_origin"` // selected ones whose bytes the dead letter does not hold
	CRCs      []byte  `json:"checksums_b64"`     // CRC-32C of every selected record, 4 bytes each, in order
}

// PlanCounts are the sums of a plan: read = selected + skipped + not matched.
type PlanCounts struct {
	Read       int64            `json:"read"`
	NotMatched int64            `json:"not_matched"`
	Selected   int64            `json:"selected"`
	Skipped    int64            `json:"skipped"`
	Bytes      int64            `json:"bytes"` // of keys and values selected
	Largest    int64            `json:"largest_record_bytes"`
	ByOrigin   map[string]int64 `json:"by_origin"`
	ByCause    map[string]int64 `json:"by_cause"`
}

// SkippedGroup is why matching records are left out.
type SkippedGroup struct {
	Reason  string             `json:"reason"` // superseded, dup, loop, unrecoverable, replayed, discarded, limit
	Records int64              `json:"records"`
	Detail  string             `json:"detail"`
	Offsets map[int32]*Offsets `json:"offsets"`
}

// Target is a topic a plan writes to.
type Target struct {
	Topic      string        `json:"topic"`
	TopicID    string        `json:"topic_id"`
	Partitions int           `json:"partitions"`
	Records    int64         `json:"records"`
	Compacted  bool          `json:"compacted"`
	MaxBytes   int64         `json:"max_message_bytes"`
	Superseded int64         `json:"superseded"` // selected records with a newer record of their key behind them
	Hash       PartitionMode `json:"hash"`       // what auto found
}

// FanOutGroup is a consumer group that will get the records again.
type FanOutGroup struct {
	Group string `json:"group"`
	Topic string `json:"topic"`
	State string `json:"state"`
}

// PlanAcks are decisions somebody took.
type PlanAcks struct {
	FanOut     bool `json:"fan_out"`
	Loop       bool `json:"loop"`
	Superseded bool `json:"superseded"`
}

// PreflightItem is one check.
type PreflightItem struct {
	Check  string `json:"check"`
	Status string `json:"status"` // ok, warn, block, unknown
	Detail string `json:"detail"`
}

// PlanOptions says what to plan.
type PlanOptions struct {
	Topic         string
	Selection     Selection
	To            string
	PartitionMode PartitionMode
	KeepTimestamp bool
	Superseded    string // report, skip, allow
	MaxReplays    int64  // a record replayed that often is looping; 3 by default
	Acks          PlanAcks
	TTL           time.Duration // 24 h by default
	Creator       string
	Job           string
	Journal       string
	AtLeastOnce   bool
}

type planner struct {
	c       *Conn
	d       *Decoder
	arena   arena
	sum     summer
	o       PlanOptions
	p       *Plan
	names   interner
	causes  interner
	list    []candidate
	samples []sample
	notes   map[uint8]string
	done    *Resolution // what was done with the dead letters before
	oldest  int64       // timestamp of the oldest selected record, in ms
	codecs  [len(codecs)]int64
}

// codecs are the compressions of a batch, by the number it carries.
var codecs = [...]struct {
	name  string
	codec kgo.CompressionCodec
}{{"none", kgo.NoCompression()}, {"gzip", kgo.GzipCompression()}, {"snappy", kgo.SnappyCompression()}, {"lz4", kgo.Lz4Compression()}, {"zstd", kgo.ZstdCompression()}}

// Plan reads the dead letters and everything a replay would touch, and writes down what it would do. It writes
// nothing to the cluster.
func (c *Conn) Plan(ctx context.Context, d *Decoder, o PlanOptions) (*Plan, error) {
	o.MaxReplays = cmp.Or(o.MaxReplays, 3)
	o.TTL = cmp.Or(o.TTL, 24*time.Hour)
	o.PartitionMode = cmp.Or(o.PartitionMode, PartitionAuto)
	o.Superseded = cmp.Or(o.Superseded, "report")
	o.Journal = cmp.Or(o.Journal, "create")
	if err := o.Selection.Compile(); err != nil {
		return nil, &RefusedError{Reason: err.Error()}
	}
	now := c.Now()
	pl := &planner{c: c, d: d, o: o, notes: map[uint8]string{}, p: &Plan{
		Kind: "dlt_plan", SchemaVersion: 1, Job: o.Job, CreatedMS: now.UnixMilli(), ExpiresMS: now.Add(o.TTL).UnixMilli(),
		Creator: o.Creator, Topic: o.Topic, Selection: o.Selection, To: o.To, PartitionMode: o.PartitionMode, KeepTimestamp: o.KeepTimestamp,
		Order: "as in the dead letter topic, partition by partition; order against live traffic cannot be restored",
		Acks:  o.Acks, Journal: o.Journal, AtLeastOnce: o.AtLeastOnce, Guarantee: "exactly-once to topic",
		Skipped: []SkippedGroup{}, Targets: []Target{}, FanOut: []FanOutGroup{}, Preflight: []PreflightItem{}, Ranges: []PlannedRange{},
	}}
	if o.AtLeastOnce {
		pl.p.Guarantee = "at-least-once: a crash repeats what was not yet noted, at most one batch"
	}
	if err := pl.run(ctx); err != nil {
		return nil, err
	}
	pl.p.Compression = codecs[slices.Index(pl.codecs[:], slices.Max(pl.codecs[:]))].name
	pl.p.Digest = pl.p.digest()
	return pl.p, nil
}

func (pl *planner) run(ctx context.Context) error {
	c, p := pl.c, pl.p
	m, err := c.Admin.Metadata(kadm.WithAuthorizedOps(ctx), p.Topic)
	td := m.Topics[p.Topic]
	if err = errors.Join(err, td.Err); err != nil {
		return denied(fmt.Errorf("plan %s: %w", p.Topic, err), "plan "+p.Topic, "READ", "topic "+p.Topic)
	}
	p.ClusterID, p.TopicID = m.Cluster, td.ID.String()
	spans, err := c.Spans(ctx, p.Topic)
	if err != nil {
		return err
	}
	for _, s := range spans {
		if s.HighWatermark > s.Stable {
			pl.check("open transaction in the dead letter topic", "warn", openTransactionNote(p.Topic, s))
		}
	}
	done, err := pl.handled(ctx)
	if err != nil {
		return err
	}
	pl.done = done
	if err := pl.read(ctx, spans); err != nil {
		return err
	}
	pl.duplicates()
	if err := pl.targets(ctx); err != nil {
		return err
	}
	pl.limit()
	pl.fill(spans)
	letters := perPartition{}
	for i := range pl.p.Ranges {
		letters[pl.p.Ranges[i].Partition] = &pl.p.Ranges[i].Selected
	}
	if held := done.held(letters); held != "" {
		pl.check("other replays", "warn", held)
	}
	if err := pl.fanOut(ctx); err != nil {
		return err
	}
	return pl.preflight(ctx, spans)
}

// handled reads from the journal what was done with the dead letters already. A plan with a local journal does without
// it where it may not be read, and says so.
func (pl *planner) handled(ctx context.Context) (*Resolution, error) {
	p := pl.p
	res, err := pl.c.Resolutions(ctx, map[string]bool{p.TopicID: true})
	if err == nil {
		return res[p.TopicID], nil
	}
	if errors.Is(err, ErrNoJournal) {
		return nil, nil //nolint:nilnil // nothing was handled
	}
	err = denied(fmt.Errorf("plan %s: %w", p.Topic, err), "plan "+p.Topic, "READ", "topic "+JournalTopic+"; or plan with --journal local")
	if _, ok := errors.AsType[*DeniedError](err); ok && p.Journal == "local" {
		pl.check("journal", "unknown", "what was replayed already is not known: "+JournalTopic+" may not be read")
		return nil, nil //nolint:nilnil // not known, which the check says
	}
	return nil, err
}

func (pl *planner) check(what, status, detail string) {
	pl.p.Preflight = append(pl.p.Preflight, PreflightItem{what, status, detail})
}
