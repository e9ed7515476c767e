package lag

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"

	"github.com/weirhq/weir/cluster"
)

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
	scope    *cluster.Scope // of the topics that groups may have committed on
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
	all := map[int32]bool{}
	for _, b := range r.brokers {
		all[b] = true
	}
	for b := range silent { // one that was fenced meanwhile is no longer in the metadata
		if b >= 0 {
			all[b] = true
		}
	}
	n := 0
	for b := range all {
		if !silent[b] {
			n++
		}
	}
	return Coverage{Brokers: len(all), Answered: n, Failures: fs, TopicsScope: r.scope}
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
	// A listing leaves out without a word what the principal may not see, and what its
	// coordinator is still loading: only the coordinator, asked by name, can tell that a
	// group does not exist.
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
		g, err := r.askFor(ctx, coordinator, name)
		switch {
		case err != nil:
			r.fail(coordinator, err, "find group "+name)
			chosen = append(chosen, Group{Name: name, Coordinator: coordinator, DescribeErr: err, Err: err})
		case g != nil:
			chosen = append(chosen, *g)
		default:
			gone = append(gone, name)
		}
	}
	if len(gone) > 0 {
		return nil, &NotFoundError{Groups: gone}
	}
	slices.SortFunc(chosen, func(a, b Group) int { return cmp.Compare(a.Name, b.Name) })
	return chosen, nil
}

// askFor asks a coordinator for one group; nil when it has none of that name. An answer
// by name, unlike a listing, tells that the coordinator is still loading.
func (r *reading) askFor(ctx context.Context, coordinator int32, name string) (*Group, error) {
	req := kmsg.NewPtrDescribeGroupsRequest()
	req.Groups = []string{name}
	resp, err := request(ctx, r.Reader, coordinator, req, func(resp *kmsg.DescribeGroupsResponse) error {
		if len(resp.Groups) != 1 {
			return fmt.Errorf("%d groups in the answer, want 1", len(resp.Groups))
		}
		err := kerr.ErrorForCode(resp.Groups[0].ErrorCode)
		if errors.Is(err, kerr.GroupIDNotFound) {
			return nil
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if g := &resp.Groups[0]; g.ErrorCode == 0 && g.State != "Dead" {
		return &Group{Name: name, Kind: Classic, State: g.State, ProtocolType: g.ProtocolType, Coordinator: coordinator}, nil
	}
	// Loaded, and no classic group; the other types are in the listing now.
	list, err := request(ctx, r.Reader, coordinator, kmsg.NewPtrListGroupsRequest(), func(resp *kmsg.ListGroupsResponse) error {
		return kerr.ErrorForCode(resp.ErrorCode)
	})
	if err != nil {
		return nil, err
	}
	for i := range list.Groups {
		if lg := &list.Groups[i]; lg.Group == name {
			return &Group{Name: name, Kind: kindOf(lg.GroupType), State: lg.GroupState, ProtocolType: lg.ProtocolType, Coordinator: coordinator}, nil
		}
	}
	return nil, nil
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
