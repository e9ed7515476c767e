package lag

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/weirhq/weir/cluster"
)

// RefusedError says why weir does not touch a group. Nothing was changed.
type RefusedError struct {
	Group  string
	Reason string
	Remedy string
}

func (e *RefusedError) Error() string { return "group " + e.Group + ": " + e.Reason }

// Code names the class of the failure.
func (e *RefusedError) Code() string { return "failed" }

// Hint says what to do first.
func (e *RefusedError) Hint() string { return e.Remedy }

// TopicError is a failure on one topic of a group.
type TopicError struct {
	Op, Topic string
	Err       error
}

func (e *TopicError) Error() string { return e.Op + " " + e.Topic + ": " + errText(e.Err) }

// Unwrap gives the cause.
func (e *TopicError) Unwrap() error { return e.Err }

// ResetRequest is what a reset is asked to do. Exactly one of Target, Like and Offsets
// is set.
type ResetRequest struct {
	Group  string
	Scopes []Scope // empty: every partition that the group has committed
	Target *Target
	Like   string // another group, whose offsets are taken over
	// Offsets are taken as they are; Scopes then select among them.
	Offsets []Offset
	// File and Lines say where Offsets stand, for errors; both may be empty.
	File  string
	Lines map[Partition]int
}

// place is where a partition stands in the file of the request, if it does.
func (q ResetRequest) place(p Partition) string {
	if line, ok := q.Lines[p]; ok {
		return fmt.Sprintf("%s:%d: ", q.File, line)
	}
	return ""
}

// absent refuses a partition that its topic does not have, and a topic of the file that
// does not exist.
func (q ResetRequest) absent(p Partition, m topicMeta) error {
	_, has := m.leaders[p.Partition]
	switch {
	case m.err == nil && !has:
		return &RefusedError{Group: q.Group, Reason: fmt.Sprintf("reset refused: %stopic %s has no partition %d, it has %d", q.place(p), p.Topic, p.Partition, len(m.leaders))}
	case q.place(p) != "" && errors.Is(m.err, kerr.UnknownTopicOrPartition):
		return &RefusedError{Group: q.Group, Reason: fmt.Sprintf("reset refused: %stopic %s does not exist", q.place(p), p.Topic), Remedy: "weir topic list shows what exists and may be seen"}
	}
	return nil
}

// names are the topics that the request names; none when it means all that are committed.
func (q ResetRequest) names() []string {
	names := topicsOf(q.Scopes)
	if len(names) == 0 {
		for _, o := range q.Offsets {
			names = append(names, o.Topic)
		}
	}
	return names
}

func topicsOf(scopes []Scope) []string {
	var names []string
	for _, s := range scopes {
		names = append(names, s.Topic)
	}
	return names
}

// ResetPlan is what a reset would do. It is computed before anything is asked and
// carried out as it was shown.
type ResetPlan struct {
	Group string  `json:"group"`
	Kind  Kind    `json:"type"`
	State *string `json:"state"`
	Moves []Move  `json:"moves"`
	// Skipped are partitions that the request names and the plan leaves alone.
	Skipped []Skip `json:"skipped"`
	// TopicsScope tells whether more was asked for than the plan moves: what is committed on
	// topics that this user may not see.
	TopicsScope cluster.Scope `json:"topics_scope"`
}

// Move is one partition of a plan.
type Move struct {
	Partition
	From  *int64 `json:"from_offset"` // null: nothing was committed
	To    int64  `json:"to_offset"`
	Start int64  `json:"log_start_offset"`
	End   int64  `json:"log_end_offset"`
	// Replayed records will be read again, Passed will not be read; null where the commit
	// does not tell what has been read: there is none, or a share group's, which moves late.
	Replayed *int64  `json:"replayed_records"`
	Passed   *int64  `json:"passed_records"`
	Note     string  `json:"note"`
	Error    *string `json:"error"` // set when it was tried and refused
}

// Changes reports whether the partition is moved at all.
func (m Move) Changes() bool { return m.From == nil || *m.From != m.To }

// Skip is a partition without a move.
type Skip struct {
	Partition
	Reason string `json:"reason"`
}

// Changes reports whether the plan moves anything.
func (p *ResetPlan) Changes() bool {
	return slices.ContainsFunc(p.Moves, Move.Changes)
}

// Moved counts the partitions that a plan moves.
func (p *ResetPlan) Moved() int {
	n := 0
	for _, m := range p.Moves {
		if m.Changes() {
			n++
		}
	}
	return n
}

// Before are the offsets that were committed.
func (p *ResetPlan) Before() []Offset {
	out := []Offset{}
	for _, m := range p.Moves {
		if m.From != nil {
			out = append(out, Offset{m.Partition, *m.From})
		}
	}
	return out
}

// After are the offsets of a plan that was carried out, without what was refused.
func (p *ResetPlan) After() []Offset {
	out := []Offset{}
	for _, m := range p.Moves {
		if m.Error == nil {
			out = append(out, Offset{m.Partition, m.To})
		}
	}
	return out
}

// one reads a single group that must exist.
func (r *Reader) one(ctx context.Context, name string) (*reading, *Group, error) {
	run := &reading{Reader: r, names: map[string]string{}}
	if err := run.metadata(ctx); err != nil {
		return nil, nil, err
	}
	all, err := run.list(ctx)
	if err != nil {
		return nil, nil, err
	}
	groups, err := run.choose(ctx, Query{Groups: []string{name}}, all)
	if err != nil {
		return nil, nil, err
	}
	s, err := run.chunk(ctx, Query{}, slices.Clone(groups))
	if err != nil {
		return nil, nil, err
	}
	g := &s.Groups[0]
	if g.DescribeErr != nil {
		return nil, nil, fmt.Errorf("describe group %s: %w", name, g.DescribeErr)
	}
	return run, g, nil
}

// Idle returns nil when no member lives in the group, else the refusal that names them.
func (g *Group) idle(act string) error {
	if len(g.Members) == 0 && (g.State == "Empty" || g.State == "Dead" || g.State == "") {
		return nil
	}
	e := &RefusedError{Group: g.Name, Reason: fmt.Sprintf("%s refused: the group is %s", act, g.State), Remedy: "stop its consumers and wait until the group is Empty"}
	var static, names []string
	for _, m := range g.Members {
		if m.InstanceID != "" {
			static = append(static, m.InstanceID)
		}
		names = append(names, fmt.Sprintf("%s at %s", cmp.Or(m.InstanceID, m.ClientID, m.ID), strings.TrimPrefix(m.Host, "/")))
	}
	if len(names) > 0 {
		const shown = 5
		more := ""
		if len(names) > shown {
			more = fmt.Sprintf(" and %d more", len(names)-shown)
			names = names[:shown]
		}
		members := "members"
		if len(g.Members) == 1 {
			members = "member"
		}
		e.Reason += fmt.Sprintf(" with %d live %s (%s%s)", len(g.Members), members, strings.Join(names, ", "), more)
	}
	if len(static) > 0 {
		e.Remedy = fmt.Sprintf("static members stay until their session times out; once they have stopped, weir group remove-member %s %s frees the group at once", g.Name, strings.Join(static, " "))
	}
	return e
}

// PlanReset computes what a reset would do, without changing anything. It refuses a group
// that lives, and one that does not exist: a broker would create it.
func (r *Reader) PlanReset(ctx context.Context, q ResetRequest) (*ResetPlan, error) {
	run, g, err := r.one(ctx, q.Group)
	if err != nil {
		return nil, err
	}
	if err := g.idle("reset"); err != nil {
		return nil, err
	}
	switch g.Kind {
	case Classic, Consumer, Share, Streams:
	default:
		return nil, &RefusedError{Group: g.Name, Reason: fmt.Sprintf("reset refused: weir does not know groups of type %s", g.Kind)}
	}
	if g.Err != nil {
		return nil, fmt.Errorf("fetch offsets of group %s: %w", g.Name, g.Err)
	}
	if err := run.prove(ctx, q.names()); err != nil {
		return nil, err
	}
	want, skipped, err := r.wanted(ctx, run, g, q)
	if err != nil {
		return nil, err
	}
	union := make(map[Partition]bool, len(want))
	for p := range want {
		union[p] = true
	}
	logs := run.ends(ctx, union)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var times map[Partition]offsetAnswer
	if q.Target != nil && q.Target.From == FromTime {
		times = r.atTime(ctx, logs, q.Target.At.UnixMilli())
	}
	plan := &ResetPlan{Group: g.Name, Kind: g.Kind, Moves: []Move{}, Skipped: skipped, TopicsScope: *run.scope}
	if g.State != "" {
		plan.State = &g.State
	}
	committed := map[Partition]Commit{}
	for _, c := range g.Commits {
		committed[c.Partition] = c
	}
	for _, p := range slices.SortedFunc(maps.Keys(want), Partition.Compare) {
		if err := plan.move(p, want[p], committed, logs[p], times, q); err != nil {
			return nil, err
		}
	}
	if plan.Skipped == nil {
		plan.Skipped = []Skip{}
	}
	return plan, nil
}

// wanted lists the partitions of a request; the value is the offset where one is given,
// else -1.
func (r *Reader) wanted(ctx context.Context, run *reading, g *Group, q ResetRequest) (map[Partition]int64, []Skip, error) {
	offsets := q.Offsets
	if q.Like != "" {
		_, other, err := r.one(ctx, q.Like)
		if err != nil {
			return nil, nil, err
		}
		if other.Err != nil {
			return nil, nil, fmt.Errorf("fetch offsets of group %s: %w", q.Like, other.Err)
		}
		for _, c := range other.Commits {
			if c.Err != nil {
				return nil, nil, fmt.Errorf("fetch offsets of group %s: %s/%d: %w", q.Like, c.Topic, c.Partition.Partition, c.Err)
			}
			if c.Offset >= 0 {
				offsets = append(offsets, Offset{c.Partition, c.Offset})
			}
		}
		if len(offsets) == 0 {
			return nil, nil, &RefusedError{Group: q.Group, Reason: fmt.Sprintf("reset refused: group %s has no offsets", q.Like)}
		}
	}
	want := map[Partition]int64{}
	var skipped []Skip
	if q.Target == nil {
		for _, o := range offsets {
			if !inScopes(q.Scopes, o.Partition) {
				continue
			}
			if m, met := run.meta[o.Topic]; met {
				if err := q.absent(o.Partition, m); err != nil {
					return nil, nil, err
				}
			}
			want[o.Partition] = o.Offset
		}
		if len(want) == 0 {
			return nil, nil, &RefusedError{Group: q.Group, Reason: "reset refused: none of the offsets is on a topic that --topic names"}
		}
		return want, skipped, nil
	}
	if len(q.Scopes) == 0 {
		for _, c := range g.Commits {
			if l, ok := run.meta[c.Topic]; ok && l.err == nil {
				want[c.Partition] = -1
			} else {
				skipped = append(skipped, Skip{c.Partition, "the topic does not exist or may not be seen"})
			}
		}
		if len(want) == 0 {
			return nil, nil, &RefusedError{Group: q.Group, Reason: "reset refused: the group has committed nothing", Remedy: "name the topics with --topic"}
		}
		return want, skipped, nil
	}
	for _, sc := range q.Scopes {
		if _, ok := run.meta[sc.Topic]; !ok {
			run.meetStrangers(ctx, map[Partition]bool{{Topic: sc.Topic}: true})
		}
		m := run.meta[sc.Topic]
		if m.err != nil {
			return nil, nil, &TopicError{Op: "read topic", Topic: sc.Topic, Err: m.err}
		}
		parts := sc.Partitions
		if len(parts) == 0 {
			parts = slices.Collect(maps.Keys(m.leaders))
		}
		for _, p := range parts {
			if err := q.absent(Partition{sc.Topic, p}, m); err != nil {
				return nil, nil, err
			}
			want[Partition{sc.Topic, p}] = -1
		}
	}
	return want, skipped, nil
}

func inScopes(scopes []Scope, p Partition) bool {
	return len(scopes) == 0 || slices.ContainsFunc(scopes, func(s Scope) bool {
		return s.Topic == p.Topic && (len(s.Partitions) == 0 || slices.Contains(s.Partitions, p.Partition))
	})
}

// atTime asks the leaders for the first record at or after a moment.
func (r *Reader) atTime(ctx context.Context, logs map[Partition]Log, ms int64) map[Partition]offsetAnswer {
	by := map[int32][]Partition{}
	for p, l := range logs {
		if l.Err == nil {
			by[l.Leader] = append(by[l.Leader], p)
		}
	}
	out := map[Partition]offsetAnswer{}
	for leader, ps := range by {
		slices.SortFunc(ps, Partition.Compare)
		maps.Copy(out, listOffsets(ctx, r, leader, ps, 0, ms))
	}
	return out
}

func (p *ResetPlan) move(part Partition, given int64, committed map[Partition]Commit, l Log, times map[Partition]offsetAnswer, q ResetRequest) error {
	name := fmt.Sprintf("%s/%d", part.Topic, part.Partition)
	if l.Err != nil {
		return &TopicError{Op: "read the ends of topic", Topic: part.Topic, Err: l.Err}
	}
	m := Move{Partition: part, Start: l.Start, End: l.HWM}
	c, has := committed[part]
	if has && c.Err != nil && !errors.Is(c.Err, kerr.UnstableOffsetCommit) {
		return &TopicError{Op: "fetch the offset on topic", Topic: part.Topic, Err: c.Err}
	}
	if has && c.Err != nil || c.Pending {
		return &RefusedError{Group: p.Group, Reason: "reset refused: a transaction is about to commit an offset of " + name, Remedy: "wait for its end; DescribeProducers names the producer"}
	}
	if has && c.Offset >= 0 {
		m.From = new(c.Offset)
	}
	to := given
	if t := q.Target; t != nil {
		switch t.From {
		case FromOffset:
			to = t.N
		case FromStart:
			to = l.Start + t.N
		case FromEnd:
			to = l.HWM + t.N
		case FromCurrent:
			if m.From == nil {
				p.Skipped = append(p.Skipped, Skip{part, "nothing was committed that could be shifted"})
				return nil
			}
			to = *m.From + t.N
		case FromTime:
			a := times[part]
			if a.err != nil {
				return &TopicError{Op: "look up a time on topic", Topic: part.Topic, Err: a.err}
			}
			to = a.offset
			if to < 0 {
				to, m.Note = l.HWM, "no record is that young: the end"
			}
		}
	}
	switch {
	case to < l.Start:
		m.Note = fmt.Sprintf("%d lies below the start", to)
		to = l.Start
	case to > l.HWM:
		m.Note = fmt.Sprintf("%d lies above the end", to)
		to = l.HWM
	}
	m.To = to
	switch {
	case l.Start == l.HWM:
		m.Replayed, m.Passed = new(int64), new(int64)
	case m.From != nil && p.Kind != Share:
		from := min(max(*m.From, l.Start), l.HWM)
		m.Replayed, m.Passed = new(max(0, from-to)), new(max(0, to-from))
	}
	p.Moves = append(p.Moves, m)
	return nil
}

// Reset carries out a plan as it was shown. It looks at the group once more before, and
// notes in the moves what the broker refused; failed counts them.
func (r *Reader) Reset(ctx context.Context, plan *ResetPlan) (failed int, err error) {
	_, g, err := r.one(ctx, plan.Group)
	if err != nil {
		return 0, err
	}
	if err := g.idle("reset"); err != nil {
		return 0, err
	}
	var os kadm.Offsets
	for _, m := range plan.Moves {
		if m.Changes() {
			os.AddOffset(m.Topic, m.Partition.Partition, m.To, -1)
		}
	}
	if len(os) == 0 {
		return 0, nil
	}
	adm := kadm.NewClient(r.Client)
	errOf := map[Partition]error{}
	if plan.Kind == Share {
		resps, err := adm.AlterShareGroupOffsets(ctx, plan.Group, os)
		if err != nil {
			return 0, alive(plan.Group, err)
		}
		for t, ps := range resps {
			for p, resp := range ps {
				errOf[Partition{t, p}] = resp
			}
		}
	} else {
		resps, err := adm.CommitOffsets(ctx, plan.Group, os)
		if err != nil {
			return 0, alive(plan.Group, err)
		}
		resps.Each(func(o kadm.OffsetResponse) { errOf[Partition{o.Topic, o.Partition}] = o.Err })
	}
	tried := 0
	var last error
	for i := range plan.Moves {
		m := &plan.Moves[i]
		e, ok := errOf[m.Partition]
		if !ok {
			continue
		}
		tried++
		if e != nil {
			m.Error = new(errText(e))
			failed++
			last = onTopic("move offsets on topic", m.Topic, e)
		}
	}
	if failed > 0 && failed == tried {
		return failed, alive(plan.Group, last)
	}
	return failed, nil
}

// alive translates what a broker answers for a group that came to life meanwhile.
func alive(group string, err error) error {
	if errors.Is(err, kerr.UnknownMemberID) || errors.Is(err, kerr.NonEmptyGroup) || errors.Is(err, kerr.GroupSubscribedToTopic) {
		return &RefusedError{Group: group, Reason: "refused by the broker: a member has joined (" + errText(err) + ")", Remedy: "stop its consumers and wait until the group is Empty"}
	}
	return fmt.Errorf("reset group %s: %w", group, err)
}

// Offsets are what a group has committed, for an export. Partitions without a commit are
// left out; one that cannot be read, or may be hidden, is an error, because the file would
// lie.
func (r *Reader) Offsets(ctx context.Context, group string, scopes []Scope) ([]Offset, error) {
	run, g, err := r.one(ctx, group)
	if err != nil {
		return nil, err
	}
	if g.Err != nil {
		return nil, fmt.Errorf("fetch offsets of group %s: %w", group, g.Err)
	}
	if err := run.prove(ctx, topicsOf(scopes)); err != nil {
		return nil, err
	}
	if !run.scope.Proven() {
		return nil, &cluster.Error{
			Class: cluster.Unauthorised, Op: "export group", What: group, Err: errors.New("the file may be incomplete: " + run.scope.Reason),
			Remedy: "name its topics with --topic, or ask for DESCRIBE on Topic *",
		}
	}
	out := []Offset{}
	for _, c := range g.Commits {
		if !inScopes(scopes, c.Partition) {
			continue
		}
		if c.Err != nil {
			return nil, &TopicError{Op: "fetch the offset on topic", Topic: c.Topic, Err: c.Err}
		}
		if c.Offset >= 0 {
			out = append(out, Offset{c.Partition, c.Offset})
		}
	}
	return out, nil
}
