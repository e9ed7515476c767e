package demo

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/cluster"
)

// look finds out what a shared cluster can hold, and what was there before.
func (s *stage) look(ctx context.Context) error {
	cl, err := s.cfg.Client()
	if err != nil {
		return err
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	brokers, err := adm.ListBrokers(ctx)
	if err != nil {
		return cluster.Classify("list the brokers", "", err)
	}
	s.replicas = min(s.replicas, len(brokers))
	topics, err := adm.ListTopics(ctx, s.cfg.Journal)
	if err != nil {
		return cluster.Classify("look for topic", s.cfg.Journal, err)
	}
	s.journal = !errors.Is(topics[s.cfg.Journal].Err, kerr.UnknownTopicOrPartition)
	return nil
}

// sweep deletes what the tour has made behind its prefix, and the journal if it is
// the tour's alone.
func (s *stage) sweep(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	cl, err := s.cfg.Client()
	if err != nil {
		return err
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	var names []string
	for _, t := range Topics() {
		names = append(names, s.name(t.Name))
	}
	var errs []error
	if ours, err := s.ownsJournal(ctx); err != nil {
		errs = append(errs, err)
	} else if ours {
		names = append(names, s.cfg.Journal)
	}
	deleted, err := adm.DeleteTopics(ctx, names...)
	if err != nil {
		return cluster.Classify("delete the tour's topics", s.cfg.Prefix+"*", err)
	}
	for _, t := range deleted.Sorted() {
		if !errors.Is(t.Err, kerr.UnknownTopicOrPartition) {
			errs = append(errs, cluster.Classify("delete topic", t.Topic, t.Err))
		}
	}
	if err := awaitTopics(ctx, cl, names, false); err != nil {
		errs = append(errs, err)
	}
	for _, group := range []string{s.name(Billing), s.name(Notify)} {
		// A consumer that was interrupted is still expected back. Where there is
		// none, the answer is an error that says so.
		_, _ = adm.LeaveGroup(ctx, kadm.LeaveGroup(group).InstanceIDs(firstInstance(group)))
		r, err := adm.DeleteGroup(ctx, group)
		if err == nil {
			err = r.Err
		}
		if !errors.Is(err, kerr.GroupIDNotFound) {
			errs = append(errs, cluster.Classify("delete group", group, err))
		}
	}
	return errors.Join(errs...)
}

// ownsJournal says whether the journal was made by this tour and tells of nothing
// but the tour's topics. A journal that others have begun to use is never deleted.
func (s *stage) ownsJournal(ctx context.Context) (bool, error) {
	if s.journal {
		return false, nil
	}
	ours := true
	err := s.read(ctx, s.cfg.Journal, func(r *kgo.Record) {
		var entry struct {
			Topic string `json:"topic"` // of the dead letters
		}
		if json.Unmarshal(r.Value, &entry) != nil || !strings.HasPrefix(entry.Topic, s.cfg.Prefix) {
			ours = false
		}
	})
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		return false, nil // the tour did not come so far
	}
	return ours && err == nil, err
}

// keys returns how many records of each key a topic of the tour holds.
func (s *stage) keys(ctx context.Context, topic string) (map[string]int, error) {
	counts := make(map[string]int)
	err := s.read(ctx, s.name(topic), func(r *kgo.Record) { counts[string(r.Key)]++ })
	return counts, err
}

// read passes every committed record of a topic, with a plain client.
func (s *stage) read(ctx context.Context, topic string, visit func(*kgo.Record)) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	cl, err := s.cfg.Client(kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords()) // the end of a log may be a transaction's marker
	if err != nil {
		return err
	}
	defer cl.Close()
	ends, err := kadm.NewClient(cl).ListCommittedOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return cluster.Classify("read topic", topic, err)
	}
	left := make(map[int32]int64)
	for p, o := range ends[topic] {
		if o.Offset > 0 {
			left[p] = o.Offset
		}
	}
	for len(left) > 0 {
		f := cl.PollFetches(ctx)
		if err := f.Err(); err != nil {
			return cluster.Classify("read topic", topic, err)
		}
		for r := range f.RecordsAll() {
			if !r.Attrs.IsControl() {
				visit(r)
			}
			if r.Offset+1 >= left[r.Partition] {
				delete(left, r.Partition)
			}
		}
	}
	return nil
}
