package lag

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
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

// Reader looks at a cluster. It only reads.
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
func (e *NotFoundError) Code() string { return "failed" }

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

// reading is the state of one call of Each.
type reading struct {
	*Reader

	mu       sync.Mutex
	names    map[string]string // interned topic names
	brokers  []int32
	failures []Failure
	meta     map[string]topicMeta
	ids      map[[16]byte]string
	settings map[string]Topic
	oldFetch map[int32]bool // coordinators that take one group per OffsetFetch
}

type topicMeta struct {
	err     error
	leaders map[int32]int32
	epochs  map[int32]int32
}

func (r *reading) coverage() Coverage {
	r.mu.Lock()
	defer r.mu.Unlock()
	fs := slices.Clone(r.failures)
	slices.SortStableFunc(fs, func(a, b Failure) int {
		return cmp.Or(cmp.Compare(a.What, b.What), cmp.Compare(a.Broker, b.Broker), cmp.Compare(a.Text, b.Text))
	})
	if fs == nil {
		fs = []Failure{}
	}
	silent := map[int32]bool{}
	for _, f := range fs {
		// An error code is an answer, if not the one that was hoped for.
		if _, answered := errors.AsType[*kerr.Error](f.Err); !answered {
			silent[f.Broker] = true
		}
	}
	n := 0
	for _, b := range r.brokers {
		if !silent[b] {
			n++
		}
	}
	return Coverage{Brokers: len(r.brokers), Answered: n, Failures: fs}
}

func (r *reading) fail(broker int32, err error, what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := Failure{Broker: broker, What: what, Err: err, Text: errText(err)}
	if !slices.ContainsFunc(r.failures, func(g Failure) bool { return g.Broker == f.Broker && g.What == f.What && g.Text == f.Text }) {
		r.failures = append(r.failures, f)
	}
}

func (r *reading) intern(s string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if have, ok := r.names[s]; ok {
		return have
	}
	s = strings.Clone(s)
	r.names[s] = s
	return s
}

// errText is Kafka's own name of an error where it has one.
func errText(err error) string {
	if err == nil {
		return ""
	}
	if ke, ok := errors.AsType[*kerr.Error](err); ok {
		return ke.Message
	}
	return err.Error()
}

// metadata reads brokers and leaders once; every later request goes straight to the
// broker that must answer it.
func (r *reading) metadata(ctx context.Context) error {
	req := kmsg.NewPtrMetadataRequest() // nil topics: all that may be seen
	resp, err := req.RequestWith(ctx, r.Client)
	if err != nil {
		return fmt.Errorf("read metadata: %w", err)
	}
	meta := make(map[string]topicMeta, len(resp.Topics))
	ids := make(map[[16]byte]string, len(resp.Topics))
	for i := range resp.Topics {
		t := &resp.Topics[i]
		if t.Topic == nil {
			continue
		}
		m := topicMeta{err: kerr.ErrorForCode(t.ErrorCode), leaders: make(map[int32]int32, len(t.Partitions)), epochs: make(map[int32]int32, len(t.Partitions))}
		for j := range t.Partitions {
			p := &t.Partitions[j]
			leader := p.Leader
			if kerr.ErrorForCode(p.ErrorCode) != nil && leader < 0 {
				leader = -1
			}
			m.leaders[p.Partition] = leader
			m.epochs[p.Partition] = p.LeaderEpoch
		}
		name := r.intern(*t.Topic)
		meta[name] = m
		if t.TopicID != ([16]byte{}) {
			ids[t.TopicID] = name
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for t, m := range r.meta { // what was met by name stays met
		if _, ok := meta[t]; !ok && errors.Is(m.err, kerr.TopicAuthorizationFailed) {
			meta[t] = m
		}
	}
	r.meta, r.ids = meta, ids
	r.brokers = r.brokers[:0]
	for i := range resp.Brokers {
		r.brokers = append(r.brokers, resp.Brokers[i].NodeID)
	}
	slices.Sort(r.brokers)
	return nil
}

// list asks every broker for the groups it coordinates. A broker that does not answer
// leaves an unknown number of groups out, which the coverage tells.
func (r *reading) list(ctx context.Context) ([]Group, error) {
	type answer struct {
		broker int32
		resp   *kmsg.ListGroupsResponse
		err    error
	}
	answers := make([]answer, len(r.brokers))
	var g errgroup.Group
	for i, b := range r.brokers {
		g.Go(func() error {
			resp, err := request[*kmsg.ListGroupsResponse](ctx, r.Reader, b, kmsg.NewPtrListGroupsRequest(), func(resp *kmsg.ListGroupsResponse) error {
				return kerr.ErrorForCode(resp.ErrorCode)
			})
			answers[i] = answer{b, resp, err}
			return nil
		})
	}
	_ = g.Wait()
	seen := map[string]bool{}
	var groups []Group
	var firstErr error
	ok := 0
	for _, a := range answers {
		if a.err != nil {
			firstErr = cmp.Or(firstErr, a.err)
			r.fail(a.broker, a.err, "list groups")
			continue
		}
		ok++
		for i := range a.resp.Groups {
			lg := &a.resp.Groups[i]
			if seen[lg.Group] { // a coordinator on the move is listed by both
				continue
			}
			seen[lg.Group] = true
			groups = append(groups, Group{
				Name: lg.Group, Kind: kindOf(lg.GroupType), State: lg.GroupState, ProtocolType: lg.ProtocolType, Coordinator: a.broker,
			})
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if ok == 0 {
		return nil, fmt.Errorf("list groups: %w", cmp.Or(firstErr, errors.New("the cluster has no brokers")))
	}
	slices.SortFunc(groups, func(a, b Group) int { return cmp.Compare(a.Name, b.Name) })
	return groups, nil
}

func kindOf(s string) Kind {
	if s == "" {
		return Classic
	}
	return Kind(strings.ToLower(s))
}

// choose keeps what the query selects. A named group that no broker lists is an error
// when all of them answered: a lag of nothing would look like health.
func (r *reading) choose(ctx context.Context, q Query, all []Group) ([]Group, error) {
	if len(q.Groups) == 0 {
		if q.Match == nil {
			return all, nil
		}
		return slices.DeleteFunc(all, func(g Group) bool { return !q.Match(g.Name) }), nil
	}
	var chosen []Group
	var absent []string
	names := slices.Clone(q.Groups)
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		i, ok := slices.BinarySearchFunc(all, name, func(g Group, n string) int { return cmp.Compare(g.Name, n) })
		if ok {
			chosen = append(chosen, all[i])
		} else {
			absent = append(absent, name)
		}
	}
	if len(absent) == 0 {
		return chosen, nil
	}
	// A listing leaves out without a word what the principal may not see; asking for the
	// coordinator by name tells that apart from a group that does not exist.
	var gone []string
	for _, name := range absent {
		coordinator, err := r.coordinator(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("find the coordinator of group %s: %w", name, err)
		}
		if r.silent(coordinator) {
			chosen = append(chosen, Group{Name: name, Coordinator: coordinator, DescribeErr: errNotListed, Err: errNotListed})
			continue
		}
		gone = append(gone, name)
	}
	if len(gone) > 0 {
		return nil, &NotFoundError{Groups: gone}
	}
	slices.SortFunc(chosen, func(a, b Group) int { return cmp.Compare(a.Name, b.Name) })
	return chosen, nil
}

var errNotListed = errors.New("its coordinator did not answer")

func (r *reading) silent(broker int32) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.failures, func(f Failure) bool { return f.Broker == broker })
}

func (r *reading) coordinator(ctx context.Context, group string) (int32, error) {
	return coordinatorOf(ctx, r.Client, group)
}

func coordinatorOf(ctx context.Context, cl *kgo.Client, group string) (int32, error) {
	req := kmsg.NewPtrFindCoordinatorRequest()
	req.CoordinatorKey = group
	req.CoordinatorKeys = []string{group}
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return -1, err
	}
	id, code := resp.NodeID, resp.ErrorCode
	if len(resp.Coordinators) > 0 {
		id, code = resp.Coordinators[0].NodeID, resp.Coordinators[0].ErrorCode
	}
	if err := kerr.ErrorForCode(code); err != nil {
		return -1, err
	}
	return id, nil
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
		r.Probe(ctx, s, Unread(s))
	case q.Prove:
		r.Probe(ctx, s, still(s, q.History))
	}
	return s, nil
}

// request sends to one broker and retries what an election or a restart causes. check
// tells the error of an answer as a whole; nil when there is none.
func request[T kmsg.Response](ctx context.Context, r *Reader, broker int32, req kmsg.Request, check func(T) error) (T, error) {
	var zero T
	var err error
	for i := range attempts {
		if i > 0 {
			if !sleep(ctx, pause<<i) {
				return zero, ctx.Err()
			}
		}
		var resp kmsg.Response
		resp, err = r.Client.Broker(int(broker)).Request(ctx, req)
		if err != nil {
			if !kgo.IsRetryableBrokerErr(err) || ctx.Err() != nil {
				return zero, err
			}
			continue
		}
		t, ok := resp.(T)
		if !ok {
			return zero, fmt.Errorf("unexpected answer %T", resp)
		}
		if check == nil {
			return t, nil
		}
		if err = check(t); err == nil {
			return t, nil
		}
		if !kerr.IsRetriable(err) {
			return zero, err
		}
	}
	return zero, err
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
