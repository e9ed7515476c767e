package dlt

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

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
	skipDiscarded
	skipSuperseded
	skipLimit
)

func skipWord(n uint8) string {
	return [...]string{"", "dup", "loop", "unrecoverable", string(Replayed), string(Discarded), "superseded", "limit"}[n]
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

// read is the pass over the dead letters.
func (pl *planner) read(ctx context.Context, spans []Span) error {
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
		pl.add(&rec, dl)
		if n := k.Attrs.CompressionType(); int(n) < len(codecs) {
			pl.codecs[n]++
		}
		return nil
	})
}

func (pl *planner) add(r *Record, dl *DeadLetter) {
	cd := candidate{partition: r.Partition, offset: r.Offset, crc: pl.sum.checksum(r), topic: -1, op: -1, oo: -1, group: -1}
	pl.arena.reset() // nothing of the last record is kept
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
	if o := dl.Origin; o != nil && topicName(deref(o.Topic)) {
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
	case pl.done.Has(r.Partition, r.Offset) && !pl.o.Selection.Again:
		cd.skip = skipDiscarded
		if pl.done.done[Replayed].has(r.Partition, r.Offset) { // also where it was discarded before
			cd.skip = skipReplayed
		}
	case replayCount(r.Headers) >= pl.o.MaxReplays && !pl.o.Acks.Loop:
		cd.skip = skipLoop
		pl.notes[skipLoop] = fmt.Sprintf("replayed %d times or more and dead again", pl.o.MaxReplays)
	case dl.Unrecoverable != nil:
		if dl.Origin.Known() && cd.topic >= 0 {
			cd.fetch = true
		} else {
			cd.skip = skipUnrecoverable
			pl.notes[skipUnrecoverable] = *dl.Unrecoverable
		}
	case cd.topic < 0 && pl.o.To == "":
		cd.skip = skipUnrecoverable
		pl.notes[skipUnrecoverable] = "the dead letter does not tell its origin, or one that no topic can have: name a target with --to"
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
	type in struct {
		at
		partition int32
	}
	handled := map[in]int64{} // the newest that the journal knows: what died before it came with it
	for i := range pl.list {
		if cd := &pl.list[i]; (cd.skip == skipReplayed || cd.skip == skipDiscarded) && cd.topic >= 0 && cd.op >= 0 && cd.oo >= 0 {
			k := in{at{cd.topic, cd.group, cd.op, cd.oo}, cd.partition}
			handled[k] = max(handled[k], cd.offset)
		}
	}
	for i := range pl.list {
		cd := &pl.list[i]
		if cd.skip != takeIt || cd.topic < 0 || cd.op < 0 || cd.oo < 0 {
			continue
		}
		k := at{cd.topic, cd.group, cd.op, cd.oo}
		if after, ok := handled[in{k, cd.partition}]; ok && cd.offset < after {
			cd.skip = skipDup
			pl.notes[skipDup] = "the same record died more than once for the same group; the newest is taken, or was handled already. These stay unresolved until they are discarded"
			continue
		}
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
		pl.notes[skipDup] = "the same record died more than once for the same group; the newest is taken. These stay unresolved until they are discarded"
	}
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
		if k == skipReplayed || k == skipDiscarded {
			skipped[k].Detail = pl.done.handledBy(Outcome(skipped[k].Reason), skipped[k].Offsets)
		}
		p.Skipped = append(p.Skipped, *skipped[k])
	}
	// What holds nothing selected need not be read again.
	p.Ranges = slices.DeleteFunc(p.Ranges, func(r PlannedRange) bool { return r.Selected.Len() == 0 })
}

// handledBy says which jobs did this with some of the dead letters: the last one by name.
func (r *Resolution) handledBy(outcome Outcome, offsets map[int32]*Offsets) string {
	newest := map[string]int64{}
	for _, b := range r.jobs {
		for p, s := range b.offsets {
			if b.outcome == outcome && offsets[p] != nil && s.common(offsets[p]).Len() > 0 {
				newest[b.job] = max(newest[b.job], b.atMS)
			}
		}
	}
	last := slices.MaxFunc(slices.Collect(maps.Keys(newest)), func(a, b string) int {
		return cmp.Or(cmp.Compare(newest[a], newest[b]), cmp.Compare(a, b))
	})
	at := time.UnixMilli(newest[last]).UTC().Format(time.RFC3339)
	switch n := len(newest) - 1; n {
	case 0:
		return fmt.Sprintf("handled by job %s at %s", last, at)
	case 1:
		return fmt.Sprintf("handled by job %s and another one, the last at %s", last, at)
	default:
		return fmt.Sprintf("handled by job %s and %d others, the last at %s", last, n, at)
	}
}
