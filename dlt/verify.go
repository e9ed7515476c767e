package dlt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// verify checks that the world is still the one of the plan.
func (r *replay) verify(ctx context.Context) error {
	p := r.p
	if p.Digest != p.digest() {
		return &GateError{Reason: "the plan is not what was planned (the digest differs)"}
	}
	if err := p.Ready(); err != nil && !r.o.Resume {
		return err
	}
	if now := r.c.Now(); !r.o.Resume && now.UnixMilli() > p.ExpiresMS {
		return &GateError{Reason: fmt.Sprintf("the plan expired at %s: plan again", time.UnixMilli(p.ExpiresMS).UTC().Format(time.RFC3339))}
	}
	m, err := r.c.Admin.Metadata(kadm.WithAuthorizedOps(ctx), p.Topic)
	if err != nil {
		return fmt.Errorf("replay %s: %w", p.Job, err)
	}
	if m.Cluster != p.ClusterID {
		return &GateError{Reason: fmt.Sprintf("the plan was made on cluster %s, this is %s", p.ClusterID, m.Cluster)}
	}
	if err := r.same(m.Topics[p.Topic], p.Topic, p.TopicID, "dead letter topic"); err != nil {
		return err
	}
	r.topicID = m.Topics[p.Topic].ID
	return r.sameTargets(ctx)
}

func (r *replay) same(td kadm.TopicDetail, name, id, what string) error {
	switch {
	case errors.Is(td.Err, kerr.UnknownTopicOrPartition):
		return &GateError{Reason: fmt.Sprintf("the %s %s does not exist any more", what, name)}
	case td.Err != nil:
		return fmt.Errorf("replay %s: %s: %w", r.p.Job, name, td.Err)
	case td.ID.String() != id:
		return &GateError{Reason: fmt.Sprintf("the %s %s was made anew since the plan: its id was %s and is %s", what, name, id, td.ID)}
	}
	return nil
}

func (r *replay) sameTargets(ctx context.Context) error {
	for i := range r.p.Targets {
		t := &r.p.Targets[i]
		m, err := r.c.Admin.Metadata(kadm.WithAuthorizedOps(ctx), t.Topic)
		if err != nil {
			return fmt.Errorf("replay %s: %w", r.p.Job, err)
		}
		td := m.Topics[t.Topic]
		if err := r.same(td, t.Topic, t.TopicID, "target"); err != nil {
			return err
		}
		if len(td.Partitions) != t.Partitions {
			return &GateError{Reason: fmt.Sprintf("the target %s has %d partitions, the plan was made for %d", t.Topic, len(td.Partitions), t.Partitions)}
		}
		if len(td.AuthorizedOperations) > 0 && !slices.Contains(td.AuthorizedOperations, kadm.OpWrite) && !slices.Contains(td.AuthorizedOperations, kadm.OpAll) {
			return &DeniedError{Op: "replay " + r.p.Job, Right: "WRITE", Resource: "topic " + t.Topic}
		}
		r.targets[t.Topic] = &target{t, hasher(t.Hash)}
	}
	return nil
}

// trimmed refuses when planned records are gone.
func (r *replay) trimmed(ctx context.Context, todo []Range) error {
	spans, err := r.c.Spans(ctx, r.p.Topic)
	if err != nil {
		return err
	}
	for _, t := range todo {
		for _, s := range spans {
			if s.Partition != t.Partition || s.Start <= t.Start {
				continue
			}
			lost := &Offsets{}
			for o := range r.ranges[t.Partition].Selected.All {
				if o >= t.Start && o < s.Start {
					lost.Add(o)
				}
			}
			if lost.Len() > 0 {
				text, _ := lost.MarshalText()
				return &GateError{Reason: fmt.Sprintf("%s partition %d was trimmed since the plan: %d planned records are gone, offsets %s", r.p.Topic, t.Partition, lost.Len(), text)}
			}
		}
	}
	return nil
}
