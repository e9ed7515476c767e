package lag

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"

	"github.com/weirhq/weir/cluster"
)

const (
	earliest = -2
	latest   = -1
	// unlimited is what a broker writes for no limit.
	unlimited = -1
)

var errNoLeader = errors.New("the partition has no leader")

// ends asks for start, last stable offset and high watermark of every partition once,
// whatever number of groups reads it: three requests to each leader.
func (r *reading) ends(ctx context.Context, union map[Partition]bool) map[Partition]Log {
	r.meetStrangers(ctx, union)
	logs := make(map[Partition]Log, len(union))
	todo := make(map[Partition]bool, len(union))
	for p := range union {
		logs[p] = Log{Leader: -1}
		todo[p] = true
	}
	for i := range attempts {
		if i > 0 {
			if !sleep(ctx, pause<<i) || r.metadata(ctx) != nil {
				break
			}
		}
		leaders := r.leaders(todo, logs)
		var mu sync.Mutex
		var eg errgroup.Group
		for leader, parts := range leaders {
			eg.Go(func() error {
				got := r.extent(ctx, leader, parts)
				mu.Lock()
				maps.Copy(logs, got)
				mu.Unlock()
				return nil
			})
		}
		_ = eg.Wait()
		clear(todo)
		for p, l := range logs {
			if worthAnotherTry(l.Err) {
				todo[p] = true
			}
		}
		if len(todo) == 0 || ctx.Err() != nil {
			break
		}
	}
	for _, l := range logs {
		if l.Err != nil && !errors.Is(l.Err, kerr.UnknownTopicOrPartition) {
			r.fail(l.Leader, l.Err, "list offsets")
		}
	}
	return logs
}

// worthAnotherTry tells what an election or a broker's restart causes from what stays.
func worthAnotherTry(err error) bool {
	switch {
	case err == nil, errors.Is(err, kerr.UnknownTopicOrPartition), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return false
	case errors.Is(err, errNoLeader):
		return true
	}
	if ke, ok := errors.AsType[*kerr.Error](err); ok {
		return ke.Retriable
	}
	return true
}

// leaders groups partitions by the broker to ask, and notes in logs what nobody can be
// asked about.
func (r *reading) leaders(todo map[Partition]bool, logs map[Partition]Log) map[int32][]Partition {
	r.mu.Lock()
	defer r.mu.Unlock()
	by := map[int32][]Partition{}
	for p := range todo {
		l := logs[p]
		m, ok := r.meta[p.Topic]
		leader, has := m.leaders[p.Partition]
		switch {
		case !ok:
			l.Err = kerr.UnknownTopicOrPartition
		case m.err != nil && len(m.leaders) == 0:
			l.Err = m.err
		case !has:
			l.Err = kerr.UnknownTopicOrPartition
		case leader < 0:
			l.Err = errNoLeader
		default:
			l.Leader, l.Err = leader, nil
			by[leader] = append(by[leader], p)
		}
		logs[p] = l
	}
	for _, ps := range by {
		slices.SortFunc(ps, Partition.Compare)
	}
	return by
}

// prove finds out whether commits on some topics may be missing. The commits of a group
// are all listed only to those who may see all topics; of named topics each answers.
func (r *reading) prove(ctx context.Context, named []string) error {
	scope := cluster.NamedScope()
	if len(named) == 0 {
		var err error
		if scope, err = cluster.TopicScope(ctx, r.Client); err != nil {
			return err
		}
	}
	r.scope = &scope
	union := map[Partition]bool{}
	for _, t := range named {
		union[Partition{Topic: t}] = true
	}
	r.meetStrangers(ctx, union)
	for _, t := range named {
		if err := r.meta[t].err; errors.Is(err, kerr.TopicAuthorizationFailed) {
			return &TopicError{Op: "describe topic", Topic: t, Err: err}
		}
	}
	return nil
}

// meetStrangers asks by name for topics that the metadata of all topics left out: they
// are either deleted or hidden from this principal, and only naming them tells which.
func (r *reading) meetStrangers(ctx context.Context, union map[Partition]bool) {
	strangers := map[string]bool{}
	r.mu.Lock()
	for p := range union {
		if _, ok := r.meta[p.Topic]; !ok {
			strangers[p.Topic] = true
		}
	}
	r.mu.Unlock()
	if len(strangers) == 0 {
		return
	}
	req := kmsg.NewPtrMetadataRequest()
	req.AllowAutoTopicCreation = false
	for _, t := range slices.Sorted(maps.Keys(strangers)) {
		rt := kmsg.NewMetadataRequestTopic()
		rt.Topic = new(t)
		req.Topics = append(req.Topics, rt)
	}
	resp, err := req.RequestWith(ctx, r.Client)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		for t := range strangers {
			r.meta[t] = topicMeta{err: err}
		}
		return
	}
	for i := range resp.Topics {
		t := &resp.Topics[i]
		if t.Topic == nil {
			continue
		}
		m := topicMeta{err: kerr.ErrorForCode(t.ErrorCode), leaders: map[int32]int32{}, epochs: map[int32]int32{}}
		for j := range t.Partitions {
			m.leaders[t.Partitions[j].Partition] = t.Partitions[j].Leader
		}
		r.meta[*t.Topic] = m
	}
}

// extent asks one leader for the three ends of its partitions, side by side.
func (r *reading) extent(ctx context.Context, leader int32, parts []Partition) map[Partition]Log {
	questions := [...]struct {
		isolation int8
		timestamp int64
	}{{0, earliest}, {1, latest}, {0, latest}}
	var answers [len(questions)]map[Partition]offsetAnswer
	var eg errgroup.Group
	for i, q := range questions {
		eg.Go(func() error {
			answers[i] = listOffsets(ctx, r.Reader, leader, parts, q.isolation, q.timestamp)
			return nil
		})
	}
	_ = eg.Wait()
	logs := make(map[Partition]Log, len(parts))
	for _, p := range parts {
		start, lso, hwm := answers[0][p], answers[1][p], answers[2][p]
		l := Log{Start: start.offset, LSO: lso.offset, HWM: hwm.offset, Leader: leader, Err: cmp.Or(start.err, lso.err, hwm.err)}
		// The three were asked side by side. Records that arrived in between must not
		// make the last stable offset look larger than the end.
		l.HWM = max(l.HWM, l.LSO)
		logs[p] = l
	}
	return logs
}

type offsetAnswer struct {
	offset    int64
	timestamp int64
	err       error
}

// listOffsets asks one leader one question about many partitions. A partition may be
// named once only in a request, so a ladder of n rungs is n requests.
func listOffsets(ctx context.Context, r *Reader, leader int32, parts []Partition, isolation int8, timestamp int64) map[Partition]offsetAnswer {
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = -1
	req.IsolationLevel = isolation
	var rt *kmsg.ListOffsetsRequestTopic
	for _, p := range parts {
		if rt == nil || rt.Topic != p.Topic {
			t := kmsg.NewListOffsetsRequestTopic()
			t.Topic = p.Topic
			req.Topics = append(req.Topics, t)
			rt = &req.Topics[len(req.Topics)-1]
		}
		rp := kmsg.NewListOffsetsRequestTopicPartition()
		rp.Partition = p.Partition
		rp.Timestamp = timestamp
		rt.Partitions = append(rt.Partitions, rp)
	}
	out := make(map[Partition]offsetAnswer, len(parts))
	resp, err := request[*kmsg.ListOffsetsResponse](ctx, r, leader, req, nil)
	if err != nil {
		for _, p := range parts {
			out[p] = offsetAnswer{err: err}
		}
		return out
	}
	for i := range resp.Topics {
		t := &resp.Topics[i]
		for j := range t.Partitions {
			p := &t.Partitions[j]
			a := offsetAnswer{offset: p.Offset, timestamp: p.Timestamp, err: kerr.ErrorForCode(p.ErrorCode)}
			if a.err == nil && timestamp < 0 && a.offset < 0 {
				a.err = kerr.OffsetNotAvailable
			}
			out[Partition{t.Topic, p.Partition}] = a
		}
	}
	for _, p := range parts {
		if _, ok := out[p]; !ok {
			out[p] = offsetAnswer{err: errNoAnswer}
		}
	}
	return out
}

// ladder asks every leader once for each age. Isolation 0: with 1, a rung inside an open
// transaction answers -1, which means "nothing written since".
func (r *reading) ladder(ctx context.Context, s *Snapshot, ages []time.Duration) {
	ages = slices.Clone(ages)
	slices.SortFunc(ages, func(a, b time.Duration) int { return cmp.Compare(b, a) })
	ages = slices.Compact(ages)
	by := map[int32][]Partition{}
	for p, l := range s.Logs {
		if l.Err == nil && l.HWM > l.Start {
			by[l.Leader] = append(by[l.Leader], p)
		}
	}
	type answer struct {
		rung int
		got  map[Partition]offsetAnswer
	}
	answers := make(chan answer)
	var eg errgroup.Group
	now := s.EndsAt
	for leader, parts := range by {
		slices.SortFunc(parts, Partition.Compare)
		for i, age := range ages {
			eg.Go(func() error {
				answers <- answer{i, listOffsets(ctx, r.Reader, leader, parts, 0, now.Add(-age).UnixMilli())}
				return nil
			})
		}
	}
	go func() { _ = eg.Wait(); close(answers) }()
	rungs := map[Partition][]Rung{}
	known := map[Partition][]bool{}
	for a := range answers {
		for p, o := range a.got {
			if o.err != nil {
				r.fail(s.Logs[p].Leader, o.err, "list offsets by time")
				continue
			}
			if rungs[p] == nil {
				rungs[p], known[p] = make([]Rung, len(ages)), make([]bool, len(ages))
			}
			rungs[p][a.rung] = Rung{From: now.Add(-ages[a.rung]), Offset: o.offset, Time: time.UnixMilli(o.timestamp)}
			known[p][a.rung] = true
		}
	}
	for p, rs := range rungs {
		l := s.Logs[p]
		for i, rung := range rs {
			if known[p][i] {
				l.Rungs = append(l.Rungs, rung)
			}
		}
		s.Logs[p] = l
	}
}

// topics tells which topics are gone and, when asked, the settings that change what a
// lag means.
func (r *reading) topics(ctx context.Context, union map[Partition]bool, settings bool) map[string]Topic {
	names := map[string]bool{}
	for p := range union {
		names[p.Topic] = true
	}
	r.mu.Lock()
	out := make(map[string]Topic, len(names))
	var ask []string
	for t := range names {
		m, ok := r.meta[t]
		topic := Topic{Err: m.err, Partitions: int32(len(m.leaders))}
		if !ok || errors.Is(m.err, kerr.UnknownTopicOrPartition) {
			topic.Missing, topic.Err = true, nil
		} else if m.err == nil && settings {
			if have, ok := r.settings[t]; ok {
				topic.Compacted, topic.LogAppendTime, topic.Retention, topic.Cleanup = have.Compacted, have.LogAppendTime, have.Retention, have.Cleanup
			} else {
				ask = append(ask, t)
			}
		}
		out[t] = topic
	}
	r.mu.Unlock()
	if len(ask) == 0 {
		return out
	}
	slices.Sort(ask)
	req := kmsg.NewPtrDescribeConfigsRequest()
	for _, t := range ask {
		res := kmsg.NewDescribeConfigsRequestResource()
		res.ResourceType = kmsg.ConfigResourceTypeTopic
		res.ResourceName = t
		res.ConfigNames = []string{"cleanup.policy", "message.timestamp.type", "retention.ms"}
		req.Resources = append(req.Resources, res)
	}
	resp, err := req.RequestWith(ctx, r.Client)
	if err != nil {
		return out // settings stay unknown; the offsets are not touched by that
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.settings == nil {
		r.settings = map[string]Topic{}
	}
	for i := range resp.Resources {
		res := &resp.Resources[i]
		if res.ErrorCode != 0 {
			continue
		}
		t := out[res.ResourceName]
		for j := range res.Configs {
			c := &res.Configs[j]
			if c.Value != nil {
				t.set(c.Name, *c.Value)
			}
		}
		out[res.ResourceName] = t
		r.settings[res.ResourceName] = t
	}
	return out
}

func (t *Topic) set(name, value string) {
	switch name {
	case "cleanup.policy":
		v := slices.ContainsFunc(strings.Split(value, ","), func(p string) bool { return strings.TrimSpace(p) == "compact" })
		t.Compacted, t.Cleanup = &v, value
	case "message.timestamp.type":
		v := value == "LogAppendTime"
		t.LogAppendTime = &v
	case "retention.ms":
		ms, err := strconv.ParseInt(value, 10, 64)
		if err != nil || ms == unlimited || ms > int64(time.Duration(1<<63-1)/time.Millisecond) {
			return
		}
		d := time.Duration(ms) * time.Millisecond
		t.Retention = &d
	}
}
