package dlt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// txnTimeout is above the 9 s a broker's death may stall a write, and no more: an orphan pins its targets that long.
const txnTimeout = 20 * time.Second

// txnDeadline bounds one wait for the cluster inside a transaction. One broker's death takes up to 14 s.
const txnDeadline = 45 * time.Second

// open fences whoever held the job and reads how far it came. The order matters: the high watermark of the journal
// is taken after the predecessor cannot write any more.
func (r *replay) open(ctx context.Context) error {
	if r.local() {
		if r.p.AtLeastOnce {
			return &RefusedError{Reason: "a local journal needs transactions: leave out --at-least-once"}
		}
		if err := r.fence(ctx); err != nil {
			return err
		}
		p, err := r.localProgress(ctx)
		r.prog = p
		return err
	}
	info, err := r.c.findJournal(ctx)
	if errors.Is(err, ErrNoJournal) && r.p.Journal == "create" {
		if err = r.c.CreateJournal(ctx); err == nil {
			info, err = r.c.findJournal(ctx)
		}
		err = denied(err, "create journal", "CREATE", "topic "+JournalTopic+"; or plan with --journal local")
	}
	if err != nil {
		return denied(err, "replay "+r.p.Job, "DESCRIBE", "topic "+JournalTopic+"; or plan with --journal local")
	}
	r.info = info
	if err := info.allows(kadm.OpRead, kadm.OpWrite); err != nil {
		return err
	}
	if err := r.fence(ctx); err != nil {
		return err
	}
	r.prog, err = r.progressNow(ctx, journalWait)
	if err != nil {
		return denied(err, "read journal", "READ", "topic "+JournalTopic)
	}
	if r.p.AtLeastOnce && r.prog.found {
		if err := r.scanTail(ctx); err != nil {
			return err
		}
	}
	if r.prog.found && r.prog.digest != "" && r.prog.digest != r.p.Digest {
		return &GateError{Reason: fmt.Sprintf("job %s was started with another plan", r.p.Job)}
	}
	if r.o.Resume && !r.prog.found {
		return &RefusedError{Reason: fmt.Sprintf("resume %s: the journal does not know this job", r.p.Job), hint: "start it with weir dlt replay PLAN"}
	}
	return nil
}

// progressNow reads how far the job came.
func (r *replay) progressNow(ctx context.Context, wait time.Duration) (*progress, error) {
	if r.local() {
		return r.localProgress(ctx)
	}
	return r.c.jobProgress(ctx, r.p.Job, r.info, wait)
}

func (r *replay) txnID() string { return "weir-replay-" + r.p.Job }

// fence makes the transactional client and lets the coordinator finish what a predecessor left.
func (r *replay) fence(ctx context.Context) error {
	maxBatch := int32(1 << 20)
	for _, t := range r.p.Targets {
		maxBatch = max(maxBatch, int32(min(t.MaxBytes, 64<<20))) // #nosec G115 -- bounded
	}
	opts := []kgo.Opt{
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchMaxBytes(maxBatch), kgo.MaxBufferedRecords(2 * fullRecords), kgo.ProducerLinger(0),
		kgo.RequestTimeoutOverhead(txnDeadline), kgo.RetryTimeout(txnDeadline), kgo.UnknownTopicRetries(3), kgo.ProduceRequestTimeout(txnDeadline),
		kgo.RequestRetries(1000),
	}
	if !r.p.AtLeastOnce {
		opts = append(opts, kgo.TransactionalID(r.txnID()), kgo.TransactionTimeout(txnTimeout))
	}
	for _, c := range codecs {
		if c.name == r.p.Compression {
			opts = append(opts, kgo.ProducerBatchCompression(c.codec))
		}
	}
	cl, err := r.c.Client(opts...)
	if err != nil {
		return fmt.Errorf("replay %s: %w", r.p.Job, err)
	}
	err = r.c.retry(ctx, "take over "+r.txnID(), func(ctx context.Context) error {
		_, _, err := cl.ProducerID(ctx)
		return err
	})
	if err != nil {
		cl.Close()
		return denied(err, "replay "+r.p.Job, "WRITE", "transactional id "+r.txnID())
	}
	if r.cl != nil {
		r.cl.Close()
	}
	r.cl, r.met = cl, map[string]bool{}
	return nil
}

// entry is a new journal entry of this session.
func (r *replay) entry(kind string) *journalRecord {
	return &journalRecord{
		Version: 1, Kind: kind, Job: r.p.Job, Session: r.o.Session, Seq: r.prog.seq, AtMS: r.c.Now().UnixMilli(),
		Operator: r.o.Operator, Topic: r.p.Topic, TopicID: r.p.TopicID,
	}
}

// note writes a journal entry in a transaction of its own.
func (r *replay) note(ctx context.Context, kind, state, reason string) error {
	j := r.entry(kind)
	j.State, j.Reason = state, reason
	if kind == "start" {
		j.Digest, j.Claimed = r.p.Digest, r.claimed()
		if b, err := json.Marshal(r.p); err == nil && r.prog.plan == "" && r.p.Digest != "" {
			j.Plan = packPlan(b)
		}
	}
	return r.commit(ctx, nil, j)
}

// commit writes items and the journal entry in one transaction and takes the entry into the progress.
func (r *replay) commit(ctx context.Context, items []item, j *journalRecord) error {
	for attempt := 0; ; attempt++ {
		err := r.try(ctx, items, j)
		if err == nil {
			return r.take(j)
		}
		r.failed, r.handed = true, nil
		again, ok := errors.AsType[*againError](err)
		switch {
		case !ok:
			return err
		case again.committed:
			return r.take(j)
		case again.late && len(items) > 1:
			return &lateError{again.Err}
		case attempt >= 5:
			return fmt.Errorf("replay %s: gave up after %d attempts: %w", r.p.Job, attempt+1, again.Err)
		}
	}
}

// take takes an entry that is committed into what is known.
func (r *replay) take(j *journalRecord) error {
	r.prog.take(j)
	if r.local() {
		if err := r.appendLocal(j); err != nil {
			return err
		}
	}
	if j.Kind != "batch" {
		return nil
	}
	r.rep.Transactions++
	r.rep.ProducedNow += j.Produced
	for _, o := range j.Outputs {
		m := r.mine[o.Topic]
		if m == nil {
			m = map[int32]*Offsets{}
			r.mine[o.Topic] = m
		}
		if m[o.Partition] == nil {
			m[o.Partition] = &Offsets{}
		}
		m[o.Partition].AddRange(o.At, o.At+o.Count-1)
	}
	return nil
}

// try is one attempt at a transaction.
func (r *replay) try(ctx context.Context, items []item, j *journalRecord) error {
	if r.p.AtLeastOnce {
		return r.produce(ctx, items, j)
	}
	if r.local() && !writes(items) {
		return r.noteOnly(ctx, items, j)
	}
	if err := r.cl.BeginTransaction(); err != nil {
		return &FencedError{Job: r.p.Job, Err: err}
	}
	err := r.produce(ctx, items, j)
	if err != nil {
		return r.rollback(ctx, err)
	}
	ectx, cancel := context.WithTimeout(ctx, txnDeadline)
	defer cancel()
	if err = r.meet(ectx, items); err != nil {
		return r.rollback(ctx, err)
	}
	if err = r.cl.EndTransaction(ectx, kgo.TryCommit); err == nil {
		return nil
	}
	return r.unknownCommit(ctx, j, err)
}

// meet waits until the client has the partitions of every topic that was written to on its books. It sends the first
// records of a topic before it puts them there, and whoever commits in between is told that it went well, although the
// client found nothing written and took the transaction back (franz-go v1.22, storePartitionsUpdate).
func (r *replay) meet(ctx context.Context, items []item) error {
	for i := range items {
		if k := items[i].out; k != nil {
			if err := r.meetTopic(ctx, k.Topic, k.Partition); err != nil {
				return err
			}
		}
	}
	if r.local() {
		return nil
	}
	return r.meetTopic(ctx, JournalTopic, journalPartition(r.p.Job, r.info.partitions))
}

func (r *replay) meetTopic(ctx context.Context, topic string, partition int32) error {
	for !r.met[topic] {
		// -1 and -1 say that it is not there yet, with an error too: a topic that has just been made is first refused, and
		// that is on the books until its partitions are.
		leader, epoch, _ := r.cl.PartitionLeader(topic, partition)
		if r.met[topic] = leader >= 0 || epoch >= 0; r.met[topic] {
			break
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("wait for the partitions of %s: %w", topic, err)
		}
		time.Sleep(time.Millisecond)
	}
	return nil
}
