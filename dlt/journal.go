package dlt

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// JournalTopic holds one record for each transaction of every replay. It answers three questions: where to resume,
// what was done with a dead letter, and what may be purged.
const JournalTopic = "weir.replay-journal"

const journalPartitions = 12

// Outcome is what was done with a dead letter for good.
type Outcome string

// The outcomes that a journal knows.
const (
	Replayed  Outcome = "replayed"
	Discarded Outcome = "discarded"
	FailedRec Outcome = "failed"
)

// journalRecord is one entry. It is written last in its transaction, so it is there exactly if the outputs are.
type journalRecord struct {
	Version  int                `json:"v"`
	Kind     string             `json:"kind"` // start, batch, end, discard
	Job      string             `json:"job"`
	Session  string             `json:"session"`
	Seq      int64              `json:"seq"`
	AtMS     int64              `json:"at_ms"`
	Operator string             `json:"operator,omitempty"`
	Topic    string             `json:"topic"`
	TopicID  string             `json:"topic_id"`
	Next     map[int32]int64    `json:"next,omitempty"`     // per source partition: the offset to read next
	Resolved map[int32]*Offsets `json:"resolved,omitempty"` // done for good by this entry
	Claimed  map[int32]*Offsets `json:"claimed,omitempty"`  // of a start: what the session may still write
	Outputs  []outputRun        `json:"outputs,omitempty"`
	Produced int64              `json:"produced"`
	Failed   []FailedRecord     `json:"failed,omitempty"`
	Skipped  []FailedRecord     `json:"skipped,omitempty"`
	State    string             `json:"state,omitempty"`  // of an end
	Reason   string             `json:"reason,omitempty"` // of a discard, or of an end
	Plan     string             `json:"plan,omitempty"`   // of a start: gzip, base64
	Digest   string             `json:"digest,omitempty"` // of the plan; a discard has none
}

// outputRun says where records that lay together went together: offsets From, From+1, ... of the source partition are
// at At, At+1, ... of the target's.
type outputRun struct {
	SourcePartition int32  `json:"p"`
	From            int64  `json:"o"`
	Topic           string `json:"t"`
	Partition       int32  `json:"tp"`
	At              int64  `json:"to"`
	Count           int64  `json:"n"`
}

// FailedRecord is a dead letter that was not replayed, and why.
type FailedRecord struct {
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
	Reason    string `json:"reason"` // a code word
	Detail    string `json:"detail"`
}

func (j *journalRecord) key() string { return fmt.Sprintf("%s/%d", j.Job, j.Seq) }

func journalPartition(job string, n int) int32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(job))
	return int32(h.Sum32() % uint32(n)) // #nosec G115 -- below n
}

func (j *journalRecord) record(partitions int) (*kgo.Record, error) {
	b, err := json.Marshal(j)
	if err != nil {
		return nil, fmt.Errorf("write journal: %w", err)
	}
	return &kgo.Record{Topic: JournalTopic, Partition: journalPartition(j.Job, partitions), Key: []byte(j.key()), Value: b}, nil
}

// journalInfo is what is known of the journal topic.
type journalInfo struct {
	partitions  int
	retentionMS int64 // -1 for ever
	warnings    []string
	ops         []kadm.ACLOperation // what the caller may do; empty where the broker does not tell
}

// allows returns the refusal of a right that a replay will need, if not now then when it is resumed.
func (i *journalInfo) allows(rights ...kadm.ACLOperation) error {
	if len(i.ops) == 0 || slices.Contains(i.ops, kadm.OpAll) {
		return nil
	}
	for _, r := range rights {
		if !slices.Contains(i.ops, r) {
			return &DeniedError{Op: "use the journal", Right: r.String(), Resource: "topic " + JournalTopic}
		}
	}
	return nil
}

// ErrNoJournal says that the journal topic does not exist.
var ErrNoJournal = errors.New("the journal topic " + JournalTopic + " does not exist")

// findJournal looks the journal topic up.
func (c *Conn) findJournal(ctx context.Context) (*journalInfo, error) {
	td, err := c.topicDetail(ctx, JournalTopic)
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		return nil, ErrNoJournal
	}
	if err != nil {
		return nil, fmt.Errorf("look up journal %s: %w", JournalTopic, err)
	}
	info := &journalInfo{partitions: len(td.Partitions), retentionMS: -1, ops: td.AuthorizedOperations}
	cfg, err := c.topicConfig(ctx, JournalTopic)
	if err != nil {
		info.warnings = append(info.warnings, fmt.Sprintf("the journal's settings could not be read: %v", err))
		return info, nil
	}
	if strings.Contains(cfg["cleanup.policy"], "compact") {
		info.warnings = append(info.warnings, JournalTopic+" is compacted: what was replayed can be forgotten; set cleanup.policy=delete")
	}
	if ms := cfg["retention.ms"]; ms != "" && ms != "-1" {
		if _, err := fmt.Sscan(ms, &info.retentionMS); err != nil {
			info.retentionMS = -1
		}
	}
	return info, nil
}

// CreateJournal makes the journal topic.
func (c *Conn) CreateJournal(ctx context.Context) error {
	forever, policy := "-1", "delete"
	brokers, err := c.Admin.BrokerMetadata(ctx)
	if err != nil {
		return fmt.Errorf("create journal: %w", err)
	}
	rf := int16(min(3, len(brokers.Brokers))) // #nosec G115 -- at most 3
	r, err := c.Admin.CreateTopic(ctx, journalPartitions, rf, map[string]*string{"cleanup.policy": &policy, "retention.ms": &forever}, JournalTopic)
	if err == nil {
		err = r.Err
	}
	if errors.Is(err, kerr.TopicAlreadyExists) {
		err = nil // a retry over a broker's loss answers this for the topic it has just made
	}
	if err != nil {
		return fmt.Errorf("create journal %s: %w", JournalTopic, err)
	}
	return c.retry(ctx, "create journal "+JournalTopic, func(ctx context.Context) error {
		_, err := c.topicDetail(ctx, JournalTopic)
		if errors.Is(err, kerr.UnknownTopicOrPartition) {
			return kerr.LeaderNotAvailable // not everywhere yet
		}
		return err
	})
}

func (c *Conn) topicDetail(ctx context.Context, topic string) (kadm.TopicDetail, error) {
	var td kadm.TopicDetail
	err := c.retry(ctx, "describe "+topic, func(ctx context.Context) error {
		m, err := c.Admin.Metadata(kadm.WithAuthorizedOps(ctx), topic) // asked directly, never from a cache
		if err != nil {
			return err
		}
		td = m.Topics[topic]
		if td.Topic == "" {
			return kerr.UnknownTopicOrPartition
		}
		return td.Err
	})
	return td, err
}

func (c *Conn) topicConfig(ctx context.Context, topic string) (map[string]string, error) {
	rc, err := c.Admin.DescribeTopicConfigs(ctx, topic)
	if err != nil {
		return nil, err
	}
	r, err := rc.On(topic, nil)
	if err == nil {
		err = r.Err
	}
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, kv := range r.Configs {
		out[kv.Key] = kv.MaybeValue()
	}
	return out, nil
}

// UnknownProgressError says that it cannot be known how far a job came, so nothing was started.
type UnknownProgressError struct {
	Job    string
	Holder string // who keeps the journal from being read
	Err    error
}

func (e *UnknownProgressError) Error() string {
	s := fmt.Sprintf("resume %s: progress unknown, refused: %v", e.Job, e.Err)
	if e.Holder != "" {
		s += "; " + e.Holder
	}
	return s
}

func (e *UnknownProgressError) Unwrap() error { return e.Err }

// journalWait is how long a reader waits for another job's open transaction: its timeout, and the ten seconds
// between two scans of the coordinator.
const journalWait = 75 * time.Second

// readJournal hands every entry of the given partitions to do, up to the high watermark as it is now, not only to
// the last stable offset: another job's open transaction hides entries that are committed behind it.
func (c *Conn) readJournal(ctx context.Context, partitions []int32, wait time.Duration, do func(*journalRecord, *kgo.Record)) error {
	spans, err := c.Spans(ctx, JournalTopic)
	if err != nil {
		return err
	}
	var ranges []Range
	for _, s := range spans {
		if partitions == nil || slices.Contains(partitions, s.Partition) {
			ranges = append(ranges, Range{s.Partition, s.Start, s.HighWatermark})
		}
	}
	rr, err := c.openRange(JournalTopic, ranges)
	if err != nil {
		return err
	}
	defer rr.close()
	rr.stall = wait
	told := c.Now()
	for {
		done, err := rr.poll(ctx, 0, func(k *kgo.Record) error {
			var j journalRecord
			if json.Unmarshal(k.Value, &j) == nil && j.Version == 1 {
				do(&j, k)
			}
			return nil
		})
		if done || err != nil {
			return err
		}
		if now := c.Now(); now.Sub(told) > 2*time.Second && now.Sub(rr.seen) > 2*time.Second {
			told = now
			emit(c.Events, Event{Stage: "wait", Note: "waiting for an open transaction in the journal: " + c.journalHolder(ctx, rr), At: now})
		}
	}
}

// journalHolder names the transactions that keep a reader of the journal waiting.
func (c *Conn) journalHolder(ctx context.Context, rr *rangeReader) string {
	set := kadm.TopicsSet{}
	for p, end := range rr.end {
		if rr.next[p] < end {
			set.Add(JournalTopic, p)
		}
	}
	if len(set) == 0 {
		return ""
	}
	return c.holders(ctx, set)
}

// openTxn is a transaction that holds a partition back from readers of committed data.
type openTxn struct {
	name      string
	topic     string
	partition int32
	offset    int64 // where it began
	lastMS    int64 // when its producer last wrote there, -1 when that is not told
}

func (t openTxn) String() string {
	return fmt.Sprintf("%s holds %s partition %d from offset %d", t.name, t.topic, t.partition, t.offset)
}

// openTransactions finds the open transactions in the given partitions.
func (c *Conn) openTransactions(ctx context.Context, set kadm.TopicsSet) ([]openTxn, error) {
	described, err := c.Admin.DescribeProducers(ctx, set)
	if len(described) == 0 && err != nil {
		return nil, err
	}
	names := map[int64]string{}
	if l, _ := c.Admin.ListTransactions(ctx, nil, nil); l != nil {
		for _, t := range l {
			names[t.ProducerID] = t.TxnID
		}
	}
	var out []openTxn
	for _, t := range described {
		for _, p := range t.Partitions {
			for _, pr := range p.ActiveProducers {
				if pr.CurrentTxnStartOffset < 0 {
					continue // idempotent producers are listed too
				}
				out = append(out, openTxn{cmp.Or(names[pr.ProducerID], fmt.Sprintf("producer %d", pr.ProducerID)), pr.Topic, pr.Partition, pr.CurrentTxnStartOffset, pr.LastTimestamp})
			}
		}
	}
	slices.SortFunc(out, func(a, b openTxn) int { return strings.Compare(a.String(), b.String()) })
	return out, nil
}

// holders names the open transactions in the given partitions.
func (c *Conn) holders(ctx context.Context, set kadm.TopicsSet) string {
	open, err := c.openTransactions(ctx, set)
	switch {
	case err != nil:
		return fmt.Sprintf("held by an unknown producer (%v)", err)
	case len(open) == 0:
		return "its holder has just gone"
	}
	var out []string
	for _, t := range open {
		out = append(out, t.String())
	}
	return strings.Join(out, ", ")
}

// progress is how far a job came, from its journal.
type progress struct {
	next     map[int32]int64
	produced int64
	failed   []FailedRecord
	skipped  []FailedRecord
	outputs  []outputRun
	seq      int64  // of the next entry
	writer   string // session that wrote the newest entry
	session  string // that started last
	operator string
	topic    string
	topicID  string
	atMS     int64
	state    string
	digest   string
	plan     string
	found    bool
}

// unfinished is a job whose last session noted no end: it runs, or it died. The journal cannot tell which.
const unfinished = "unfinished"

// discards says that the job is a discard, which has no plan.
func (p *progress) discards() bool { return p.found && p.digest == "" }

func (p *progress) take(j *journalRecord) {
	p.found = true
	p.seq, p.writer = max(p.seq, j.Seq+1), j.Session
	p.atMS = max(p.atMS, j.AtMS)
	switch j.Kind {
	case "start":
		p.session, p.operator, p.digest, p.state = j.Session, j.Operator, j.Digest, unfinished
		p.topic, p.topicID = j.Topic, j.TopicID
		if j.Plan != "" {
			p.plan = j.Plan
		}
	case "end":
		p.state = j.State
	case "batch":
		for part, next := range j.Next {
			p.next[part] = max(p.next[part], next)
		}
		p.produced += j.Produced
		p.failed = append(p.failed, j.Failed...)
		p.skipped = append(p.skipped, j.Skipped...)
		p.outputs = append(p.outputs, j.Outputs...)
	}
}

// jobProgress reads how far a job came.
func (c *Conn) jobProgress(ctx context.Context, job string, info *journalInfo, wait time.Duration) (*progress, error) {
	p := &progress{next: map[int32]int64{}}
	err := c.readJournal(ctx, []int32{journalPartition(job, info.partitions)}, wait, func(j *journalRecord, _ *kgo.Record) {
		if j.Job == job {
			p.take(j)
		}
	})
	if err == nil {
		return p, nil
	}
	holder := ""
	if stalled, ok := errors.AsType[*StalledError](err); ok {
		set := kadm.TopicsSet{}
		set.Add(JournalTopic, stalled.Partition)
		holder = c.holders(ctx, set)
	}
	return nil, &UnknownProgressError{Job: job, Holder: holder, Err: err}
}

// Resolution is what the journal knows of one dead letter topic.
type Resolution struct {
	done   map[Outcome]perPartition
	jobs   []resolvedBy
	claims map[string]*claim // of the jobs that have not ended
}

type resolvedBy struct {
	job     string
	outcome Outcome
	atMS    int64
	offsets map[int32]*Offsets
}

// Has reports whether a dead letter was handled for good.
func (r *Resolution) Has(p int32, o int64) bool {
	return r != nil && (r.done[Replayed].has(p, o) || r.done[Discarded].has(p, o))
}

// Job names who handled a dead letter, and when.
func (r *Resolution) Job(p int32, o int64) (job string, atMS int64) {
	if r == nil {
		return "", 0
	}
	for _, b := range r.jobs {
		if perPartition(b.offsets).has(p, o) {
			job, atMS = b.job, b.atMS
		}
	}
	return job, atMS
}

// Count is how many were handled.
func (r *Resolution) Count() int64 {
	if r == nil {
		return 0
	}
	return r.done[Replayed].len() + r.done[Discarded].len()
}

// Resolutions reads the journal for the given topics, by topic id. It is [ErrNoJournal] where there is none: then what
// is unresolved is not known.
func (c *Conn) Resolutions(ctx context.Context, ids map[string]bool) (map[string]*Resolution, error) {
	return c.resolutions(ctx, ids, journalWait)
}

// resolutions gives up where another job's open transaction hides a part of the journal for longer than wait.
func (c *Conn) resolutions(ctx context.Context, ids map[string]bool, wait time.Duration) (map[string]*Resolution, error) {
	info, err := c.findJournal(ctx)
	if err != nil {
		return nil, err
	}
	_ = info
	out := map[string]*Resolution{}
	for id := range ids {
		out[id] = newResolution()
	}
	err = c.readJournal(ctx, nil, wait, func(j *journalRecord, _ *kgo.Record) {
		if r := out[j.TopicID]; r != nil {
			r.take(j)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	return out, nil
}

func newResolution() *Resolution {
	return &Resolution{done: map[Outcome]perPartition{Replayed: {}, Discarded: {}, FailedRec: {}}, claims: map[string]*claim{}}
}

func (r *Resolution) take(j *journalRecord) {
	outcome := Replayed
	switch j.Kind {
	case "discard":
		outcome = Discarded
	case "batch":
	case "start":
		r.claims[j.Job] = &claim{j.Job, j.Operator, j.AtMS, j.Claimed, j.Digest == ""}
		return
	case "end":
		delete(r.claims, j.Job)
		return
	default:
		return
	}
	for p, s := range j.Resolved {
		have := r.done[outcome][p]
		if have == nil {
			have = &Offsets{}
			r.done[outcome][p] = have
		}
		have.Union(s)
	}
	if len(j.Resolved) > 0 {
		if n := len(r.jobs); n > 0 && r.jobs[n-1].job == j.Job {
			last := &r.jobs[n-1]
			for p, s := range j.Resolved {
				if last.offsets[p] == nil {
					last.offsets[p] = &Offsets{}
				}
				last.offsets[p].Union(s)
			}
			last.atMS = j.AtMS
			return
		}
		b := resolvedBy{job: j.Job, outcome: outcome, atMS: j.AtMS, offsets: map[int32]*Offsets{}}
		for p, s := range j.Resolved {
			b.offsets[p] = &Offsets{}
			b.offsets[p].Union(s)
		}
		r.jobs = append(r.jobs, b)
	}
}

// maxPacked is the largest plan that the journal keeps, so that a job can be resumed from another machine.
const maxPacked = 600 << 10

// packPlan is empty where the plan is too large. Most of a large plan are checksums, which no effort makes smaller
// than the quickest does, so the other is made only where it decides.
func packPlan(b []byte) string {
	for _, level := range []int{gzip.BestSpeed, gzip.DefaultCompression} {
		var buf bytes.Buffer
		z, err := gzip.NewWriterLevel(&buf, level)
		if err != nil {
			return ""
		}
		_, err = z.Write(b)
		if cerr := z.Close(); err != nil || cerr != nil {
			return ""
		}
		if buf.Len() <= maxPacked {
			return base64.StdEncoding.EncodeToString(buf.Bytes())
		}
	}
	return ""
}

func unpackPlan(s string) ([]byte, error) {
	raw, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(z, maxPlan+1))
}

// NewJournal describes the journal topic that a replay of a plan would make; empty where it would not.
func (c *Conn) NewJournal(ctx context.Context, mode string) (string, error) {
	if mode != "create" {
		return "", nil
	}
	_, err := c.findJournal(ctx)
	if errors.Is(err, ErrNoJournal) {
		return fmt.Sprintf("make the topic %s (%d partitions, kept for ever)", JournalTopic, journalPartitions), nil
	}
	return "", err
}

// EnsureJournal makes the journal topic where it is missing.
func (c *Conn) EnsureJournal(ctx context.Context) error {
	_, err := c.findJournal(ctx)
	if errors.Is(err, ErrNoJournal) {
		return denied(c.CreateJournal(ctx), "create journal", "CREATE", "topic "+JournalTopic)
	}
	return err
}
