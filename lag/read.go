package lag

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"
)

// The shape of requests. Batches of 200 groups were the fastest on real brokers; four
// in flight keep a coordinator busy without standing in the way of its consumers.
const (
	groupsPerOffsetFetch = 200
	groupsPerDescribe    = 500
	inFlight             = 4
	// singlesInFlight bounds the fall-back for brokers that take one group a request.
	singlesInFlight = 8
	// chunkGroups is how many groups are held in memory with their partitions at once.
	chunkGroups = 4000
	// attempts and pause bound how long an election or a restarting broker is waited for.
	attempts = 3
	pause    = 150 * time.Millisecond
)

// DefaultLadder are the ages that every reading asks the time index for.
func DefaultLadder() []time.Duration {
	return []time.Duration{
		5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute,
		time.Hour, 6 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour,
	}
}

// Event tells how far a long reading is.
type Event struct {
	What        string
	Done, Total int
}

// Reader looks at a cluster. Only Reset, Delete and Remove change it.
type Reader struct {
	Client *kgo.Client
	Now    func() time.Time
	// Progress may be nil.
	Progress func(Event)
}

// Query selects what a reading looks at.
type Query struct {
	// Groups are the names asked for; each that does not exist is an error. Empty means
	// all that Match takes.
	Groups []string
	Match  func(group string) bool
	// Topic selects topics; nil means all.
	Topic func(topic string) bool
	// Named are all topics that Topic takes, where they are known by name; one that the user
	// may not see is an error.
	Named []string
	// Ladder are the ages of the age ladder, any order; empty means no ladder. Each is one
	// request to each leader.
	Ladder []time.Duration
	// Settings also reads whether topics are compacted, how they are stamped and kept.
	Settings bool
	// MembersOnly leaves out offsets: what is left is who is in which group.
	MembersOnly bool
	// Exact fetches the first record that each group has not read, which needs READ.
	Exact bool
	// Prove fetches only where nothing seems to move, to tell control records and aborted
	// data from records that wait: where the ladder shows nothing written for a minute, or
	// the history shows neither commit nor end changed. Without READ nothing is proved.
	Prove   bool
	History *History
}

// NotFoundError says that named groups do not exist.
type NotFoundError struct {
	Groups []string
}

func (e *NotFoundError) Error() string {
	if len(e.Groups) == 1 {
		return fmt.Sprintf("group %s does not exist", e.Groups[0])
	}
	return fmt.Sprintf("%d groups do not exist: %s", len(e.Groups), strings.Join(e.Groups, ", "))
}

// Code names the class of the failure.
func (e *NotFoundError) Code() string { return "not_found" }

// Hint says what to do next.
func (e *NotFoundError) Hint() string {
	return "weir group list shows the groups that this principal may see"
}

// Read takes one snapshot of everything the query selects.
func (r *Reader) Read(ctx context.Context, q Query) (*Snapshot, error) {
	whole := &Snapshot{Logs: map[Partition]Log{}, Topics: map[string]Topic{}}
	first := true
	cov, err := r.Each(ctx, q, func(s *Snapshot) error {
		if first {
			whole, first = s, false
			return nil
		}
		whole.Groups = append(whole.Groups, s.Groups...)
		maps.Copy(whole.Logs, s.Logs)
		maps.Copy(whole.Topics, s.Topics)
		whole.EndsAt = s.EndsAt
		return nil
	})
	if err != nil {
		return nil, err
	}
	if first {
		whole.At = r.Now()
		whole.EndsAt = whole.At
	}
	whole.Coverage = cov
	return whole, nil
}

// Each reads in chunks of groups, in the order of their names, so that a cluster with
// tens of thousands of groups needs bounded memory. Each snapshot is complete in itself:
// its commits were read before its ends. The coverage counts all of them.
func (r *Reader) Each(ctx context.Context, q Query, yield func(*Snapshot) error) (Coverage, error) {
	run := &reading{Reader: r, names: map[string]string{}}
	if err := run.metadata(ctx); err != nil {
		return Coverage{}, err
	}
	groups, err := run.list(ctx)
	if err != nil {
		return Coverage{}, err
	}
	groups, err = run.choose(ctx, q, groups)
	if err != nil {
		return Coverage{}, err
	}
	if !q.MembersOnly {
		if err := run.prove(ctx, q.Named); err != nil {
			return Coverage{}, err
		}
	}
	total := len(groups)
	for done := 0; done < total; done += chunkGroups {
		chunk := slices.Clone(groups[done:min(done+chunkGroups, total)])
		s, err := run.chunk(ctx, q, chunk)
		if err != nil {
			return Coverage{}, err
		}
		if err := yield(s); err != nil {
			return Coverage{}, err
		}
		if r.Progress != nil {
			r.Progress(Event{"groups", min(done+chunkGroups, total), total})
		}
	}
	return run.coverage(), nil
}

// chunk reads one set of groups: describe, commits, then the ends of the logs.
func (r *reading) chunk(ctx context.Context, q Query, groups []Group) (*Snapshot, error) {
	s := &Snapshot{At: r.Now(), Groups: groups}
	byBroker := map[int32][]*Group{}
	for i := range groups {
		g := &groups[i]
		if g.Err == nil {
			byBroker[g.Coordinator] = append(byBroker[g.Coordinator], g)
		}
	}
	var all errgroup.Group
	for b, gs := range byBroker {
		all.Go(func() error {
			r.describe(ctx, b, gs)
			return nil
		})
		if q.MembersOnly {
			continue
		}
		all.Go(func() error {
			r.commits(ctx, b, gs)
			return nil
		})
	}
	_ = all.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if q.MembersOnly {
		s.EndsAt, s.Coverage = s.At, r.coverage()
		return s, nil
	}
	if q.Topic != nil {
		for i := range groups {
			g := &groups[i]
			g.Commits = slices.DeleteFunc(g.Commits, func(c Commit) bool { return !q.Topic(c.Topic) })
			for j := range g.Members {
				m := &g.Members[j]
				m.Assigned = slices.DeleteFunc(m.Assigned, func(p Partition) bool { return !q.Topic(p.Topic) })
			}
		}
	}
	union := map[Partition]bool{}
	for i := range groups {
		for _, c := range groups[i].Commits {
			union[c.Partition] = true
		}
		for _, m := range groups[i].Members {
			for _, p := range m.Assigned {
				union[p] = true
			}
		}
	}
	s.EndsAt = r.Now()
	s.Logs = r.ends(ctx, union)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(q.Ladder) > 0 {
		r.ladder(ctx, s, q.Ladder)
	}
	s.Topics = r.topics(ctx, union, q.Settings)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.Coverage = r.coverage()
	switch {
	case q.Exact:
		r.probe(ctx, s, unread(s), true)
	case q.Prove:
		r.probe(ctx, s, still(s, q.History), false)
	}
	return s, nil
}
