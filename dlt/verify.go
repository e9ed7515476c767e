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

// Check returns what would keep a replay of the plan from beginning, and writes nothing.
func (c *Conn) Check(ctx context.Context, p *Plan, o ReplayOptions) error {
	r := &replay{c: c, p: p, o: o, start: c.Now(), targets: map[string]*target{}, rep: &Report{}}
	return r.verify(ctx)
}

// verify checks that the world is still the one of the plan.
func (r *replay) verify(ctx context.Context) error {
	m, err := r.c.Admin.Metadata(kadm.WithAuthorizedOps(ctx), r.p.Topic)
	if err != nil {
		return fmt.Errorf("replay %s: %w", r.p.Job, err)
	}
	if m.Cluster != r.p.ClusterID {
		return &GateError{Reason: fmt.Sprintf("the plan was made on cluster %s, this is %s", r.p.ClusterID, m.Cluster)}
	}
	if err := r.unchanged(ctx, m.Topics[r.p.Topic]); err != nil {
		if _, gate := errors.AsType[*GateError](err); gate {
			r.look(ctx)
		}
		return err
	}
	return nil
}

// lookWait is how long look waits for another job's open transaction. What it reads is only told, so it may give up.
const lookWait = 10 * time.Second

// look reads how far the job came, for the report of a session that may not begin: what earlier ones wrote must not be
// told as nothing. Where it cannot be read the report says that it is not known.
func (r *replay) look(ctx context.Context) {
	if !r.local() {
		info, err := r.c.findJournal(ctx)
		if errors.Is(err, ErrNoJournal) {
			r.prog = &progress{}
		}
		if err != nil {
			return
		}
		r.info = info
	}
	if p, err := r.progressNow(ctx, lookWait); err == nil {
		r.prog = p
	}
}

func (r *replay) unchanged(ctx context.Context, td kadm.TopicDetail) error {
	p := r.p
	if p.Digest != p.digest() {
		return &GateError{Reason: "the plan is not what was planned (the digest differs)"}
	}
	if err := p.Ready(); err != nil && !r.o.Resume {
		return err
	}
	if now := r.c.Now(); !r.o.Resume && now.UnixMilli() > p.ExpiresMS {
		return &GateError{Reason: fmt.Sprintf("the plan expired at %s", time.UnixMilli(p.ExpiresMS).UTC().Format(time.RFC3339))}
	}
	if err := r.same(td, p.Topic, p.TopicID, "dead letter topic"); err != nil {
		return err
	}
	r.topicID = td.ID
	return r.sameTargets(ctx)
}

func (r *replay) same(td kadm.TopicDetail, name, id, what string) error {
	switch {
	case errors.Is(td.Err, kerr.UnknownTopicOrPartition):
		return &GateError{stale: true, Reason: fmt.Sprintf("the %s %s does not exist any more", what, name)}
	case td.Err != nil:
		return fmt.Errorf("replay %s: %s: %w", r.p.Job, name, td.Err)
	case td.ID.String() != id:
		return &GateError{stale: true, Reason: fmt.Sprintf("the %s %s was made anew since the plan: its id was %s and is %s", what, name, id, td.ID)}
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
			return &GateError{stale: true, Reason: fmt.Sprintf("the target %s has %d partitions, the plan was made for %d", t.Topic, len(td.Partitions), t.Partitions)}
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
				return &GateError{stale: true, Reason: fmt.Sprintf("%s partition %d was trimmed since the plan: %d planned records are gone, offsets %s", r.p.Topic, t.Partition, lost.Len(), text)}
			}
		}
	}
	return nil
}
