package dlt

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Where no journal topic may exist, progress is committed as the offsets of a group, in the transaction of the
// outputs, by a producer that is no member of it. What else a journal tells goes to a local file, so what is
// unresolved is then known to nobody: list, plan and purge do not read it.

// localGroup is the group whose offsets are the progress of a job.
func (r *replay) localGroup() string { return r.txnID() }

func (r *replay) local() bool { return r.p.Journal == "local" }

func (r *replay) localFile() string { return localFile(r.o.LocalDir, r.p.Job) }

func localFile(dir, job string) string { return filepath.Join(dir, filepath.Base(job)+".jsonl") }

// HasLocalJournal reports whether the folder of local journals holds that of a job.
func HasLocalJournal(dir, job string) bool {
	_, err := os.Stat(localFile(dir, job))
	return dir != "" && err == nil
}

// localProgress reads how far a job came: from the group's offsets, which cannot be wrong, and from the file, which
// may lag behind or lie on another machine.
func (r *replay) localProgress(ctx context.Context) (*progress, error) {
	p := &progress{next: map[int32]int64{}}
	if err := r.readLocal(p); err != nil {
		return nil, err
	}
	p.next = map[int32]int64{}
	req := kmsg.NewPtrOffsetFetchRequest()
	req.RequireStable = true
	req.Group = r.localGroup()
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group = req.Group
	req.Groups = append(req.Groups, g)
	err := r.c.retry(ctx, "read progress", func(ctx context.Context) error {
		clear(p.next)
		cl, err := r.c.Client()
		if err != nil {
			return err
		}
		defer cl.Close()
		resp, err := req.RequestWith(ctx, cl)
		if err != nil {
			return err
		}
		if err := kerr.ErrorForCode(resp.ErrorCode); err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
			return err
		}
		for _, g := range resp.Groups {
			if err := kerr.ErrorForCode(g.ErrorCode); err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
				return err
			}
			for _, t := range g.Topics {
				if t.Topic != r.p.Topic {
					continue
				}
				for _, part := range t.Partitions {
					// -1 with an error is not "never committed".
					if err := kerr.ErrorForCode(part.ErrorCode); err != nil {
						return err
					}
					if part.Offset >= 0 {
						p.next[part.Partition] = part.Offset
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, &UnknownProgressError{Job: r.p.Job, Err: err}
	}
	var handled int64
	for _, rg := range r.p.Ranges {
		for o := range rg.Selected.All {
			if o >= p.next[rg.Partition] {
				break
			}
			handled++
		}
	}
	p.found = p.found || len(p.next) > 0
	p.produced = handled - int64(len(p.failed)+len(p.skipped))
	return p, nil
}

func (r *replay) readLocal(p *progress) error {
	f, err := os.Open(r.localFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read local journal: %w", err)
	}
	defer func() { _ = f.Close() }()
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, maxLine)
	for sc.Scan() {
		var j journalRecord
		if json.Unmarshal(sc.Bytes(), &j) == nil && j.Job == r.p.Job { // a line that a crash cut is not there
			p.take(&j)
		}
	}
	if err := sc.Err(); err != nil {
		return fmt.Errorf("read local journal: %w", err)
	}
	return nil
}

func (r *replay) appendLocal(j *journalRecord) error {
	b, err := json.Marshal(j)
	if err != nil {
		return fmt.Errorf("write local journal: %w", err)
	}
	if err := os.MkdirAll(r.o.LocalDir, 0o700); err != nil {
		return fmt.Errorf("write local journal: %w", err)
	}
	f, err := os.OpenFile(r.localFile(), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("write local journal: %w", err)
	}
	_, err = f.Write(append(b, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write local journal: %w", err)
	}
	return nil
}

// commitOffsets puts the progress into the open transaction.
func (r *replay) commitOffsets(ctx context.Context, next map[int32]int64) error {
	pid, epoch, err := r.cl.ProducerID(ctx)
	if err != nil {
		return err
	}
	add := kmsg.NewPtrAddOffsetsToTxnRequest()
	add.TransactionalID, add.ProducerID, add.ProducerEpoch, add.Group = r.txnID(), pid, epoch, r.localGroup()
	ar, err := add.RequestWith(ctx, r.cl)
	if err == nil {
		err = kerr.ErrorForCode(ar.ErrorCode)
	}
	if err != nil {
		return denied(fmt.Errorf("note progress: %w", err), "replay "+r.p.Job, "READ", "group "+r.localGroup())
	}
	req := kmsg.NewPtrTxnOffsetCommitRequest()
	req.TransactionalID, req.Group, req.ProducerID, req.ProducerEpoch, req.Generation = r.txnID(), r.localGroup(), pid, epoch, -1
	t := kmsg.NewTxnOffsetCommitRequestTopic()
	t.Topic, t.TopicID = r.p.Topic, r.topicID // names up to version 5, ids from 6 on
	for p, o := range next {
		tp := kmsg.NewTxnOffsetCommitRequestTopicPartition()
		tp.Partition, tp.Offset = p, o
		t.Partitions = append(t.Partitions, tp)
	}
	req.Topics = append(req.Topics, t)
	resp, err := req.RequestWith(ctx, r.cl)
	if err != nil {
		return fmt.Errorf("note progress: %w", err)
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return denied(fmt.Errorf("note progress: %w", err), "replay "+r.p.Job, "READ", "group "+r.localGroup())
			}
		}
	}
	return nil
}

// commitPlain notes progress without a transaction, for a batch that writes nothing: a transaction of offsets alone
// would stay open.
func (r *replay) commitPlain(ctx context.Context, next map[int32]int64) error {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group, req.Generation = r.localGroup(), -1
	t := kmsg.NewOffsetCommitRequestTopic()
	t.Topic, t.TopicID = r.p.Topic, r.topicID
	for p, o := range next {
		tp := kmsg.NewOffsetCommitRequestTopicPartition()
		tp.Partition, tp.Offset = p, o
		t.Partitions = append(t.Partitions, tp)
	}
	req.Topics = append(req.Topics, t)
	resp, err := req.RequestWith(ctx, r.cl)
	if err != nil {
		return fmt.Errorf("note progress: %w", err)
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return denied(fmt.Errorf("note progress: %w", err), "replay "+r.p.Job, "READ", "group "+r.localGroup())
			}
		}
	}
	return nil
}

// scanTail finds what an interrupted session without transactions wrote and did not note: records of this job in the
// targets. It reads what was written since the plan was made.
func (r *replay) scanTail(ctx context.Context) error {
	r.written = map[string]outputRun{}
	for _, t := range r.p.Targets {
		spans, err := r.c.Spans(ctx, t.Topic)
		if err != nil {
			return err
		}
		ranges := stored(spans)
		if !r.p.KeepTimestamp {
			at, err := r.c.Admin.ListOffsetsAfterMilli(ctx, r.p.CreatedMS-time.Hour.Milliseconds(), t.Topic)
			if err != nil {
				return fmt.Errorf("look for records of an earlier session in %s: %w", t.Topic, err)
			}
			for i := range ranges {
				if o, ok := at.Lookup(t.Topic, ranges[i].Partition); ok && o.Err == nil && o.Offset > ranges[i].Start {
					ranges[i].Start = min(o.Offset, ranges[i].End)
				}
			}
		}
		err = r.c.ReadRanges(ctx, t.Topic, ranges, func(k *kgo.Record) error {
			mine, src := false, ""
			for _, h := range k.Headers {
				switch h.Key {
				case HeaderReplayID:
					mine = string(h.Value) == r.p.Job
				case HeaderReplaySource:
					src = string(h.Value)
				}
			}
			if mine && strings.HasPrefix(src, r.p.Topic+"/") {
				r.written[src] = outputRun{Topic: t.Topic, Partition: k.Partition, At: k.Offset, Count: 1}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
