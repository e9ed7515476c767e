package dlt

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

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
		if name == JournalTopic { // a dead letter's headers may name anything
			return &RefusedError{Reason: fmt.Sprintf("the target of %d records is %s, which only tells what was replayed", len(idx), name), hint: "name another with --to"}
		}
		if name == pl.p.Topic {
			return &RefusedError{Reason: "the target is the dead letter topic itself", hint: "name another with --to"}
		}
		if !topicName(name) {
			return &RefusedError{Reason: fmt.Sprintf("no topic can be named %q", name), hint: "name another with --to"}
		}
		td, err := pl.c.topicDetail(ctx, name)
		if errors.Is(err, kerr.UnknownTopicOrPartition) {
			return &GateError{Reason: fmt.Sprintf("the target %s of %d records does not exist", name, len(idx))}
		}
		if err != nil {
			return denied(fmt.Errorf("plan target %s: %w", name, err), "plan "+pl.p.Topic, "WRITE", "topic "+name)
		}
		t := Target{Topic: name, TopicID: td.ID.String(), Partitions: len(td.Partitions), MaxBytes: 1 << 20}
		cfg, err := pl.c.topicConfig(ctx, name)
		if err != nil {
			pl.check("settings of "+name, "unknown", err.Error())
		} else {
			pl.targetConfig(&t, cfg, idx)
		}
		if len(td.AuthorizedOperations) > 0 && !slices.Contains(td.AuthorizedOperations, kadm.OpWrite) && !slices.Contains(td.AuthorizedOperations, kadm.OpAll) {
			return &DeniedError{Op: "plan " + pl.p.Topic, Right: "WRITE", Resource: "topic " + name}
		}
		pl.replicas(&t, td, cfg)
		pl.partitions(&t)
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

// replicas looks at what stands behind the partitions. With fewer replicas in sync than the topic wants, every write of
// a replay is refused.
func (pl *planner) replicas(t *Target, td kadm.TopicDetail, cfg map[string]string) {
	least, err := strconv.Atoi(cfg["min.insync.replicas"])
	if err != nil {
		least = 1
	}
	for _, p := range td.Partitions.Sorted() {
		switch {
		case p.Err != nil:
			pl.check("partitions of "+t.Topic, "warn", fmt.Sprintf("partition %d: %v", p.Partition, p.Err))
		case len(p.ISR) < least:
			pl.check("replicas of "+t.Topic, "block", fmt.Sprintf("partition %d has %d replicas in sync, fewer than its min.insync.replicas of %d: nothing can be written to it", p.Partition, len(p.ISR), least))
		case len(p.ISR) < len(p.Replicas):
			pl.check("replicas of "+t.Topic, "warn", fmt.Sprintf("partition %d has %d of %d replicas in sync", p.Partition, len(p.ISR), len(p.Replicas)))
		}
	}
}

// partitions finds the hash that the producer of the origin used, from keys whose partition the dead letters tell. Where
// none explains them for the number of partitions that the origin has now, it may have had another one when they died.
func (pl *planner) partitions(t *Target) {
	switch {
	case pl.o.PartitionMode != PartitionAuto:
		t.Hash = pl.o.PartitionMode
		return
	case pl.o.To != "":
		t.Hash = PartitionKey
		return
	}
	var mine []sample
	top, keys := 0, map[string]bool{}
	for _, s := range pl.samples {
		if s.topic == t.Topic {
			mine, top = append(mine, s), max(top, int(s.partition))
			keys[string(s.key)] = true
		}
	}
	if h, ok := fittingHash(t.Topic, mine, t.Partitions); ok {
		t.Hash = h
		return
	}
	t.Hash = PartitionOriginal
	for n := top + 1; n <= max(t.Partitions, top+1)+maxPartitionGuess && len(keys) >= minKeys; n++ {
		if h, ok := fittingHash(t.Topic, mine, n); ok {
			t.Hash = h
			pl.check("partitions of "+t.Topic, "warn", fmt.Sprintf("it has %d partitions now and had %d when the records died: keys go where %s puts them now", t.Partitions, n, h))
			return
		}
	}
	if top >= t.Partitions {
		t.Hash = PartitionKey
		pl.check("partitions of "+t.Topic, "warn", fmt.Sprintf("records died in partition %d, but it has only %d partitions now: keys go where the hash puts them", top, t.Partitions))
	}
}

// With a few keys some number of partitions always fits by chance.
const (
	minKeys           = 8
	maxPartitionGuess = 64
)

// fittingHash returns the hash that puts every key of the samples where it was, among n partitions.
func fittingHash(topic string, samples []sample, n int) (PartitionMode, bool) {
	for _, h := range []PartitionMode{PartitionKey, PartitionCRC32, PartitionFNV} {
		hash := hasher(h)
		if len(samples) > 0 && !slices.ContainsFunc(samples, func(s sample) bool { return hash(topic, s.key, n) != int(s.partition) }) {
			return h, true
		}
	}
	return "", false
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
	if d, ok := errors.AsType[*DeniedError](err); ok && !t.Compacted {
		pl.check("newer records in "+t.Topic, "unknown", d.Error())
		return nil
	}
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
