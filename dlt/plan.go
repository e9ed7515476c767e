package dlt

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
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
	Reason  string             `json:"reason"` // superseded, dup, loop, unrecoverable, replayed, limit
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

// RefusedError says that a decision is missing; GateError that a check stands in the way. Both name the reason.
type RefusedError struct{ Reason, hint string }

func (e *RefusedError) Error() string { return e.Reason }

// Code is the class of the failure.
func (e *RefusedError) Code() string { return "refused" }

// Hint says what to do next.
func (e *RefusedError) Hint() string { return e.hint }

// GateError says that a check did not pass: the world is not what the plan needs.
type GateError struct{ Reason string }

func (e *GateError) Error() string { return e.Reason }

// Code is the class of the failure.
func (e *GateError) Code() string { return "gate" }

// candidate is a matching record, without its bytes.
type candidate struct {
	partition int32
	offset    int64
	crc       uint32
	topic     int32 // index into topics, -1 unknown
	group     int32
	op        int32
	oo        int64
	keyHash   uint64
	hasKey    bool
	fetch     bool
	size      int32
	cause     int32
	skip      uint8
}

const (
	takeIt uint8 = iota
	skipDup
	skipLoop
	skipUnrecoverable
	skipReplayed
	skipSuperseded
	skipLimit
)

func skipWord(n uint8) string {
	return [...]string{"", "dup", "loop", "unrecoverable", "replayed", "superseded", "limit"}[n]
}

// interner numbers strings.
type interner struct {
	ids   map[string]int32
	names []string
}

func (in *interner) id(s string) int32 {
	if id, ok := in.ids[s]; ok {
		return id
	}
	if in.ids == nil {
		in.ids = map[string]int32{}
	}
	id := int32(len(in.names)) // #nosec G115 -- topics and groups, not records
	in.ids[s] = id
	in.names = append(in.names, s)
	return id
}

// sample remembers keys whose partition in the origin is known.
type sample struct {
	topic     string
	key       []byte
	partition int32
}

const maxSamples = 2_000

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
	oldest  int64 // timestamp of the oldest selected record, in ms
}

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
	pl.p.Digest = pl.p.digest()
	return pl.p, nil
}

func (pl *planner) run(ctx context.Context) error {
	c, p := pl.c, pl.p
	m, err := c.Admin.Metadata(kadm.WithAuthorizedOps(ctx), p.Topic)
	if err != nil {
		return fmt.Errorf("plan %s: %w", p.Topic, err)
	}
	td := m.Topics[p.Topic]
	if td.Err != nil {
		return fmt.Errorf("plan %s: %w", p.Topic, td.Err)
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
	var done *Resolution
	if res, err := c.Resolutions(ctx, map[string]bool{p.TopicID: true}); err == nil {
		done = res[p.TopicID]
	} else if !errors.Is(err, ErrNoJournal) {
		return fmt.Errorf("plan %s: %w", p.Topic, err)
	}
	if err := pl.read(ctx, spans, done); err != nil {
		return err
	}
	pl.duplicates()
	if err := pl.targets(ctx); err != nil {
		return err
	}
	pl.limit()
	pl.fill(spans)
	if err := pl.fanOut(ctx); err != nil {
		return err
	}
	return pl.preflight(ctx, spans)
}

func (pl *planner) check(what, status, detail string) {
	pl.p.Preflight = append(pl.p.Preflight, PreflightItem{what, status, detail})
}

// read is the pass over the dead letters.
func (pl *planner) read(ctx context.Context, spans []Span, done *Resolution) error {
	var total int64
	for _, s := range spans {
		total += s.Stable - s.Start
	}
	var rec Record
	sel := &pl.o.Selection
	next := pl.c.Now()
	return pl.c.ReadRanges(ctx, pl.p.Topic, stored(spans), func(k *kgo.Record) error {
		rec.fill(k)
		pl.p.Counts.Read++
		if n := pl.p.Counts.Read; n%2048 == 0 {
			if now := pl.c.Now(); now.After(next) {
				next = now.Add(100 * time.Millisecond)
				emit(pl.c.Events, Event{Stage: "plan", Done: n, Total: total, At: now})
			}
		}
		// What the record itself tells is cheap; decoding is not.
		ok, err := sel.match(pl.d, &rec, nil)
		if err != nil || !ok {
			if err == nil {
				pl.p.Counts.NotMatched++
			}
			return err
		}
		dl := pl.d.Decode(&rec)
		if sel.needsDecode() {
			if ok, err = sel.match(pl.d, &rec, dl); err != nil || !ok {
				if err == nil {
					pl.p.Counts.NotMatched++
				}
				return err
			}
		}
		pl.add(&rec, dl, done)
		return nil
	})
}

func (pl *planner) add(r *Record, dl *DeadLetter, done *Resolution) {
	cd := candidate{partition: r.Partition, offset: r.Offset, crc: pl.sum.checksum(r), topic: -1, op: -1, oo: -1, group: -1}
	mapped := pl.d.mapRecord(&pl.arena, r, dl, pl.p.Job, pl.o.KeepTimestamp)
	cd.size = int32(min(size(mapped), math.MaxInt32)) // #nosec G115 -- bounded
	if mapped.Key != nil {
		sum := sha256.Sum256(mapped.Key)
		cd.hasKey, cd.keyHash = true, binary.BigEndian.Uint64(sum[:])
	}
	if g := dl.ConsumerGroup; g != nil {
		cd.group = pl.names.id(*g)
	}
	cd.cause = pl.causes.id(pl.d.CauseID(r))
	if o := dl.Origin; o != nil && o.Topic != nil {
		cd.topic = pl.names.id(*o.Topic)
		if o.Partition != nil {
			cd.op = *o.Partition
		}
		if o.Offset != nil {
			cd.oo = *o.Offset
		}
		if cd.op >= 0 && mapped.Key != nil && len(pl.samples) < maxSamples {
			pl.samples = append(pl.samples, sample{*o.Topic, bytes.Clone(mapped.Key), cd.op})
		}
	}
	switch {
	case done.Has(r.Partition, r.Offset) && !pl.o.Selection.Again:
		cd.skip = skipReplayed
		if pl.notes[skipReplayed] == "" {
			job, at := done.Job(r.Partition, r.Offset)
			pl.notes[skipReplayed] = fmt.Sprintf("handled by job %s at %s", job, time.UnixMilli(at).UTC().Format(time.RFC3339))
		}
	case replayCount(r.Headers) >= pl.o.MaxReplays && !pl.o.Acks.Loop:
		cd.skip = skipLoop
		pl.notes[skipLoop] = fmt.Sprintf("replayed %d times or more and dead again", pl.o.MaxReplays)
	case dl.Unrecoverable != nil:
		if dl.Origin.Known() {
			cd.fetch = true
		} else {
			cd.skip = skipUnrecoverable
			pl.notes[skipUnrecoverable] = *dl.Unrecoverable
		}
	case cd.topic < 0 && pl.o.To == "":
		cd.skip = skipUnrecoverable
		pl.notes[skipUnrecoverable] = "the dead letter does not tell its origin: name a target with --to"
	}
	if cd.skip == takeIt && r.TimestampMS >= 0 && (pl.oldest == 0 || r.TimestampMS < pl.oldest) {
		pl.oldest = r.TimestampMS
	}
	pl.list = append(pl.list, cd)
}

// duplicates keeps the newest of the dead letters of one record and one group: a consumer died between the dead
// letter and its commit, or a listener of the dead letter topic sent it round.
func (pl *planner) duplicates() {
	type at struct {
		topic, group, op int32
		oo               int64
	}
	newest := make(map[at]int, len(pl.list))
	for i := range pl.list {
		cd := &pl.list[i]
		if cd.skip != takeIt || cd.topic < 0 || cd.op < 0 || cd.oo < 0 {
			continue
		}
		k := at{cd.topic, cd.group, cd.op, cd.oo}
		j, ok := newest[k]
		if !ok {
			newest[k] = i
			continue
		}
		old := &pl.list[j]
		// Within a partition the later offset died later; between partitions nothing tells, the first one stays.
		if old.partition == cd.partition && cd.offset > old.offset {
			old.skip, newest[k] = skipDup, i
		} else {
			cd.skip = skipDup
		}
		pl.notes[skipDup] = "the same record died more than once for the same group; the newest is taken"
	}
}

// targets finds out about the topics to write to.
func (pl *planner) targets(ctx context.Context) error {
	byTopic := map[string][]int{}
	for i := range pl.list {
		cd := &pl.list[i]
		if cd.skip != takeIt {
			continue
		}
		name := pl.o.To
		if name == "" {
			name = pl.names.names[cd.topic]
		}
		byTopic[name] = append(byTopic[name], i)
	}
	for _, name := range slices.Sorted(maps.Keys(byTopic)) {
		idx := byTopic[name]
		if class, dead := CandidateName(name); pl.o.To == "" && (dead && class == Dead || class == Retry) {
			return &RefusedError{Reason: fmt.Sprintf("the origin %s of %d records is itself a %s topic", name, len(idx), class), hint: "name a target with --to"}
		}
		if name == pl.p.Topic {
			return &RefusedError{Reason: "the target is the dead letter topic itself", hint: "name another with --to"}
		}
		td, err := pl.c.topicDetail(ctx, name)
		if errors.Is(err, kerr.UnknownTopicOrPartition) {
			return &GateError{Reason: fmt.Sprintf("the target %s of %d records does not exist", name, len(idx))}
		}
		if err != nil {
			return fmt.Errorf("plan target %s: %w", name, err)
		}
		t := Target{Topic: name, TopicID: td.ID.String(), Partitions: len(td.Partitions), MaxBytes: 1 << 20}
		if cfg, err := pl.c.topicConfig(ctx, name); err != nil {
			pl.check("settings of "+name, "unknown", err.Error())
		} else {
			pl.targetConfig(&t, cfg, idx)
		}
		if len(td.AuthorizedOperations) > 0 && !slices.Contains(td.AuthorizedOperations, kadm.OpWrite) && !slices.Contains(td.AuthorizedOperations, kadm.OpAll) {
			return &DeniedError{Op: "write", Right: "WRITE", Resource: "topic " + name}
		}
		pl.partitions(&t, td)
		if pl.o.Superseded != "allow" || t.Compacted {
			if err := pl.superseded(ctx, &t, idx); err != nil {
				return err
			}
		}
		if t.Compacted && t.Superseded > 0 && pl.o.Superseded == "report" {
			return &RefusedError{
				Reason: fmt.Sprintf("%s is compacted and holds newer records of the keys of %d selected records: a replay would put old state over new", name, t.Superseded),
				hint:   "leave them out with --superseded skip, or insist with --superseded allow",
			}
		}
		pl.p.Targets = append(pl.p.Targets, t)
	}
	return nil
}

// DeniedError names the right that is missing.
type DeniedError struct {
	Op, Right, Resource string
	Err                 error
}

func (e *DeniedError) Error() string {
	s := fmt.Sprintf("%s: not authorised to %s on %s", e.Op, e.Right, e.Resource)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *DeniedError) Unwrap() error { return e.Err }

// Code is the class of the failure.
func (e *DeniedError) Code() string { return "unauthorized" }

func (pl *planner) targetConfig(t *Target, cfg map[string]string, idx []int) {
	if n, err := strconv.ParseInt(cfg["max.message.bytes"], 10, 64); err == nil && n > 0 {
		t.MaxBytes = n
	}
	t.Compacted = bytes.Contains([]byte(cfg["cleanup.policy"]), []byte("compact"))
	tooLarge, nullKeys := 0, 0
	for _, i := range idx {
		if int64(pl.list[i].size) > t.MaxBytes {
			tooLarge++
		}
		if !pl.list[i].hasKey {
			nullKeys++
		}
	}
	if tooLarge > 0 {
		pl.check("size for "+t.Topic, "warn", fmt.Sprintf("%d records are larger than its max.message.bytes of %d and will fail", tooLarge, t.MaxBytes))
	} else {
		pl.check("size for "+t.Topic, "ok", fmt.Sprintf("every record fits into %d bytes", t.MaxBytes))
	}
	if t.Compacted && nullKeys > 0 {
		pl.check("keys for "+t.Topic, "block", fmt.Sprintf("%d records have no key, and a compacted topic takes none without", nullKeys))
	}
	if cfg["message.timestamp.type"] == "LogAppendTime" && pl.o.KeepTimestamp {
		pl.check("timestamps of "+t.Topic, "warn", "the broker stamps its own time (LogAppendTime), the original is only in a header")
	}
	if ms, err := strconv.ParseInt(cfg["message.timestamp.before.max.ms"], 10, 64); err == nil && pl.o.KeepTimestamp && ms < math.MaxInt64 {
		pl.check("timestamps of "+t.Topic, "warn", fmt.Sprintf("the broker refuses records older than %s", time.Duration(ms)*time.Millisecond))
	}
}

// partitions finds the hash that the producer of the origin used.
func (pl *planner) partitions(t *Target, td kadm.TopicDetail) {
	mode := pl.o.PartitionMode
	for _, p := range td.Partitions {
		if p.Err != nil {
			pl.check("partitions of "+t.Topic, "warn", fmt.Sprintf("partition %d: %v", p.Partition, p.Err))
		} else if len(p.ISR) < len(p.Replicas) {
			pl.check("replicas of "+t.Topic, "warn", fmt.Sprintf("partition %d has %d of %d replicas in sync", p.Partition, len(p.ISR), len(p.Replicas)))
		}
	}
	if mode != PartitionAuto {
		t.Hash = mode
		return
	}
	var mine []sample
	top := int32(-1)
	for _, s := range pl.samples {
		if pl.o.To == "" && s.topic == t.Topic {
			mine = append(mine, s)
			top = max(top, s.partition)
		}
	}
	if int(top) >= t.Partitions {
		pl.check("partitions of "+t.Topic, "warn", fmt.Sprintf("records died in partition %d, but it has only %d partitions now: keys go where the hash puts them", top, t.Partitions))
		t.Hash = PartitionKey
		return
	}
	t.Hash = PartitionOriginal
	if pl.o.To != "" {
		t.Hash = PartitionKey
		return
	}
	for _, h := range []PartitionMode{PartitionKey, PartitionCRC32, PartitionFNV} {
		hash, fits := hasher(h), len(mine) > 0
		for _, s := range mine {
			if hash(t.Topic, s.key, t.Partitions) != int(s.partition) {
				fits = false
				break
			}
		}
		if fits {
			t.Hash = h
			return
		}
	}
}

// superseded looks for newer records of the selected keys in the origin, behind the offset where each record died.
func (pl *planner) superseded(ctx context.Context, t *Target, idx []int) error {
	type at struct {
		p int32
		k uint64
	}
	oldest := map[at][]int{}
	from := map[int32]int64{}
	for _, i := range idx {
		cd := &pl.list[i]
		if !cd.hasKey || cd.op < 0 || cd.oo < 0 || pl.names.names[cd.topic] != t.Topic {
			continue
		}
		oldest[at{cd.op, cd.keyHash}] = append(oldest[at{cd.op, cd.keyHash}], i)
		if f, ok := from[cd.op]; !ok || cd.oo+1 < f {
			from[cd.op] = cd.oo + 1
		}
	}
	if len(oldest) == 0 {
		return nil
	}
	spans, err := pl.c.Spans(ctx, t.Topic)
	if err != nil {
		return err
	}
	var ranges []Range
	for _, s := range spans {
		if f, ok := from[s.Partition]; ok {
			ranges = append(ranges, Range{s.Partition, max(f, s.Start), s.Stable})
		}
	}
	hit := map[int]bool{}
	err = pl.c.ReadRanges(ctx, t.Topic, ranges, func(k *kgo.Record) error {
		if k.Key == nil {
			return nil
		}
		sum := sha256.Sum256(k.Key)
		for _, i := range oldest[at{k.Partition, binary.BigEndian.Uint64(sum[:])}] {
			if pl.list[i].oo < k.Offset {
				hit[i] = true
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("look for newer records in %s: %w", t.Topic, err)
	}
	for i := range hit {
		if pl.o.Superseded == "skip" {
			pl.list[i].skip = skipSuperseded
			pl.notes[skipSuperseded] = "a newer record of the key is in the origin"
		} else {
			t.Superseded++
		}
	}
	return nil
}

// limit keeps the first records, in the order of partitions and offsets.
func (pl *planner) limit() {
	slices.SortFunc(pl.list, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.partition, b.partition), cmp.Compare(a.offset, b.offset))
	})
	n := pl.o.Selection.Limit
	if n <= 0 {
		return
	}
	for i := range pl.list {
		if pl.list[i].skip != takeIt {
			continue
		}
		if n--; n < 0 {
			pl.list[i].skip = skipLimit
			pl.notes[skipLimit] = "behind --limit"
		}
	}
}

// fill writes the candidates into the plan.
func (pl *planner) fill(spans []Span) {
	p := pl.p
	p.Counts.ByOrigin, p.Counts.ByCause = map[string]int64{}, map[string]int64{}
	byPart := map[int32]*PlannedRange{}
	for _, s := range spans {
		p.Ranges = append(p.Ranges, PlannedRange{Partition: s.Partition, Start: s.Start, End: s.Stable})
	}
	for i := range p.Ranges {
		byPart[p.Ranges[i].Partition] = &p.Ranges[i]
	}
	skipped := map[uint8]*SkippedGroup{}
	perTarget := map[string]int64{}
	for i := range pl.list {
		cd := &pl.list[i]
		if cd.skip != takeIt {
			g := skipped[cd.skip]
			if g == nil {
				g = &SkippedGroup{Reason: skipWord(cd.skip), Detail: pl.notes[cd.skip], Offsets: map[int32]*Offsets{}}
				skipped[cd.skip] = g
			}
			g.Records++
			perPartition(g.Offsets).add(cd.partition, cd.offset)
			p.Counts.Skipped++
			continue
		}
		r := byPart[cd.partition]
		r.Selected.Add(cd.offset)
		r.CRCs = binary.BigEndian.AppendUint32(r.CRCs, cd.crc)
		if cd.fetch {
			r.Fetch.Add(cd.offset)
		}
		p.Counts.Selected++
		p.Counts.Bytes += int64(cd.size)
		p.Counts.Largest = max(p.Counts.Largest, int64(cd.size))
		origin := "unknown"
		if cd.topic >= 0 {
			origin = pl.names.names[cd.topic]
		}
		p.Counts.ByOrigin[origin]++
		p.Counts.ByCause[pl.causes.names[cd.cause]]++
		perTarget[cmp.Or(pl.o.To, origin)]++
	}
	for i := range p.Targets {
		p.Targets[i].Records = perTarget[p.Targets[i].Topic]
	}
	p.Targets = slices.DeleteFunc(p.Targets, func(t Target) bool { return t.Records == 0 })
	for _, k := range slices.Sorted(maps.Keys(skipped)) {
		p.Skipped = append(p.Skipped, *skipped[k])
	}
	// What holds nothing selected need not be read again.
	p.Ranges = slices.DeleteFunc(p.Ranges, func(r PlannedRange) bool { return r.Selected.Len() == 0 })
}

// fanOut finds the groups that will get the records again.
func (pl *planner) fanOut(ctx context.Context) error {
	groups, err := pl.c.Admin.ListGroups(ctx)
	if err != nil {
		pl.check("groups of the targets", "unknown", err.Error())
		return nil
	}
	names := groups.Groups()
	fetched := pl.c.Admin.FetchManyOffsets(ctx, names...)
	seen := map[FanOutGroup]bool{}
	for _, t := range pl.p.Targets {
		for _, g := range names {
			f, ok := fetched[g]
			if !ok {
				continue
			}
			if f.Err != nil {
				pl.check("group "+g, "unknown", f.Err.Error())
				continue
			}
			for _, o := range f.Fetched[t.Topic] {
				if o.At >= 0 {
					seen[FanOutGroup{Group: g, Topic: t.Topic, State: groups[g].State}] = true
				}
			}
		}
	}
	pl.p.FanOut = slices.SortedFunc(maps.Keys(seen), func(a, b FanOutGroup) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Group, b.Group))
	})
	per := map[string]int{}
	for _, g := range pl.p.FanOut {
		per[g.Topic]++
	}
	for _, t := range pl.p.Targets {
		if n := per[t.Topic]; n > 1 && !pl.o.Acks.FanOut {
			pl.check("fan-out of "+t.Topic, "refuse", fmt.Sprintf("%d groups will get the records again: acknowledge with --ack-fanout, or name a private target with --to", n))
		}
	}
	return nil
}

func (pl *planner) preflight(ctx context.Context, spans []Span) error {
	p := pl.p
	if info, err := pl.c.findJournal(ctx); err == nil {
		pl.check("journal", "ok", JournalTopic)
		for _, w := range info.warnings {
			pl.check("journal", "warn", w)
		}
		if cfg, err := pl.c.topicConfig(ctx, p.Topic); err == nil && info.retentionMS >= 0 {
			if ms, err := strconv.ParseInt(cfg["retention.ms"], 10, 64); err == nil && (ms < 0 || ms > info.retentionMS) {
				pl.check("journal", "warn", "its retention is shorter than the dead letter topic's: replayed records will look unresolved again")
			}
		}
	} else if errors.Is(err, ErrNoJournal) {
		status := "warn"
		if p.Journal == "require" {
			status = "block"
		}
		pl.check("journal", status, ErrNoJournal.Error())
	} else {
		return err
	}
	for _, t := range p.Targets {
		ts, err := pl.c.Spans(ctx, t.Topic)
		if err != nil {
			return err
		}
		for _, s := range ts {
			if s.Stable < s.HighWatermark {
				set := kadm.TopicsSet{}
				set.Add(t.Topic, s.Partition)
				pl.check("open transaction in "+t.Topic, "warn", pl.c.holders(ctx, set))
			}
		}
		if t.Superseded > 0 {
			pl.check("newer records in "+t.Topic, "warn", fmt.Sprintf("%d selected records have a newer one of their key behind them", t.Superseded))
		}
	}
	if cfg, err := pl.c.topicConfig(ctx, p.Topic); err == nil {
		if bytes.Contains([]byte(cfg["cleanup.policy"]), []byte("compact")) {
			pl.check("dead letter topic", "warn", "it is compacted: only the newest death of each key is kept")
		}
		pl.expiry(cfg)
	}
	_ = spans
	return nil
}

// expiry says when retention takes the oldest selected record.
func (pl *planner) expiry(cfg map[string]string) {
	ms, err := strconv.ParseInt(cfg["retention.ms"], 10, 64)
	if err != nil || ms < 0 {
		return
	}
	if pl.oldest == 0 {
		return
	}
	left := time.UnixMilli(pl.oldest + ms).Sub(pl.c.Now()).Round(time.Second)
	switch {
	case left < pl.o.TTL:
		pl.check("retention", "warn", fmt.Sprintf("the oldest selected record may be removed in %s, before the plan expires", max(left, 0)))
	default:
		pl.check("retention", "ok", fmt.Sprintf("the oldest selected record stays for another %s", left))
	}
}

// Ready says whether the plan may run, and why not.
func (p *Plan) Ready() error {
	for _, i := range p.Preflight {
		switch i.Status {
		case "refuse":
			return &RefusedError{Reason: i.Check + ": " + i.Detail, hint: "acknowledge with --ack-fanout, or plan with --to"}
		case "block":
			return &GateError{Reason: i.Check + ": " + i.Detail}
		}
	}
	return nil
}

// maxPlan bounds the size of a plan file.
const maxPlan = 1 << 30

// digest covers everything in the plan but itself.
func (p *Plan) digest() string {
	c := *p
	c.Digest = ""
	b, err := json.Marshal(c)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Encode returns the plan as its file holds it.
func (p *Plan) Encode() ([]byte, error) {
	b, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write plan: %w", err)
	}
	return append(b, '\n'), nil
}

// ReadPlan reads a plan file and checks its digest.
func ReadPlan(r io.Reader, name string) (*Plan, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxPlan+1))
	if err != nil {
		return nil, fmt.Errorf("read plan %s: %w", name, err)
	}
	if len(b) > maxPlan {
		return nil, &RefusedError{Reason: fmt.Sprintf("read plan %s: it is larger than %d MiB", name, maxPlan>>20)}
	}
	var p Plan
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil {
		return nil, &RefusedError{Reason: fmt.Sprintf("read plan %s: %v", name, err), hint: "plans are written by weir dlt plan"}
	}
	switch {
	case p.Kind != "dlt_plan":
		return nil, &RefusedError{Reason: fmt.Sprintf("read plan %s: this is a %q, not a plan", name, p.Kind), hint: "plans are written by weir dlt plan"}
	case p.SchemaVersion != 1:
		return nil, &RefusedError{Reason: fmt.Sprintf("read plan %s: version %d is not known here", name, p.SchemaVersion), hint: "use the weir that wrote it, or plan again"}
	case p.Digest != p.digest():
		return nil, &GateError{Reason: fmt.Sprintf("read plan %s: its content is not what was planned (the digest differs)", name)}
	}
	for _, rg := range p.Ranges {
		if int64(len(rg.CRCs)) != 4*rg.Selected.Len() {
			return nil, &GateError{Reason: fmt.Sprintf("read plan %s: partition %d has %d checksums for %d records", name, rg.Partition, len(rg.CRCs)/4, rg.Selected.Len())}
		}
	}
	return &p, nil
}
