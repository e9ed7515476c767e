package lag

import (
	"cmp"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/weirhq/weir/cluster"
)

var t0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// world is a snapshot of two groups on two topics with two partitions each, of which
// the case changes one partition of one group.
func world(kind Kind, c Commit, l Log, t Topic, owned bool) *Snapshot {
	whole := Log{Start: 100, LSO: 200, HWM: 200}
	c.Partition = Partition{"orders", 0}
	s := &Snapshot{
		At: t0, EndsAt: t0,
		Logs: map[Partition]Log{
			{"orders", 0}: l, {"orders", 1}: whole, {"payments", 0}: whole, {"payments", 1}: whole,
		},
		Topics:   map[string]Topic{"orders": t, "payments": {Partitions: 2}},
		Coverage: Coverage{Brokers: 3, Answered: 3},
	}
	caught := func(topic string, p int32) Commit {
		return Commit{Partition: Partition{topic, p}, Offset: 200, ShareLag: new(int64(0))}
	}
	g := Group{Name: "billing", Kind: kind, State: "Empty", Commits: []Commit{c, caught("orders", 1), caught("payments", 0)}}
	if owned {
		g.State = "Stable"
		g.Members = []Member{{ID: "m-1", ClientID: "c", Host: "/10.0.0.1", Assigned: []Partition{{"orders", 0}, {"orders", 1}, {"payments", 0}}}}
	}
	s.Groups = []Group{g, {Name: "mailer", Kind: Classic, State: "Empty", Commits: []Commit{caught("orders", 0), caught("payments", 1)}}}
	s.Groups[1].Commits[0].Offset = l.HWM
	return s
}

// want is what an operator sees of one partition; -1 is unknown.
type want struct {
	lag, stable, effective, pinned, lost, ahead, earliest int64
	margin                                                string
	ratio                                                 float64
	status                                                Status
	total                                                 int64
	atLeast, approximate, deleted                         bool
}

func show(p PartitionLag, g GroupLag) want {
	n := func(v *int64) int64 {
		if v == nil {
			return -1
		}
		return *v
	}
	w := want{
		lag: n(p.Lag), stable: n(p.Stable), effective: n(p.Effective), pinned: n(p.Pinned), lost: n(p.Lost), ahead: n(p.Ahead), earliest: n(p.IfEarliest),
		margin: "-", ratio: -1, status: p.Status, total: n(g.Lag), atLeast: g.AtLeast, approximate: p.Approximate, deleted: p.TopicDeleted,
	}
	if p.Margin != nil {
		w.margin = time.Duration(*p.Margin).String()
	}
	if p.RetentionRatio != nil {
		w.ratio = *p.RetentionRatio
	}
	return w
}

func TestOnePartition(t *testing.T) {
	whole := Log{Start: 100, LSO: 200, HWM: 200}
	yes := true
	for _, c := range []struct {
		name   string
		kind   Kind
		commit Commit
		log    Log
		topic  Topic
		owned  bool
		want   want
	}{
		{
			name: "normal", commit: Commit{Offset: 150}, log: whole, owned: true,
			want: want{lag: 50, stable: 50, effective: 50, margin: "50ns", ratio: 0.5, status: OK, total: 50, earliest: -1},
		},
		{
			name: "nobody reads", commit: Commit{Offset: 150}, log: whole,
			want: want{lag: 50, stable: 50, effective: 50, margin: "50ns", ratio: 0.5, status: Stopped, total: 50, earliest: -1},
		},
		{
			name: "commit below the start", commit: Commit{Offset: 50}, log: whole, owned: true,
			want: want{lag: 100, stable: 100, effective: 100, lost: 50, margin: "-50ns", ratio: 1, status: Lost, total: 100, earliest: -1},
		},
		{
			name: "commit above the end", commit: Commit{Offset: 250}, log: whole, owned: true,
			want: want{ahead: 50, margin: "150ns", status: Ahead, earliest: -1},
		},
		{
			name: "never committed, owned", commit: Commit{Offset: -1}, log: whole, owned: true,
			want: want{lag: -1, stable: -1, effective: -1, pinned: -1, lost: -1, ahead: -1, margin: "-", ratio: -1, status: Never, earliest: 100, atLeast: true},
		},
		{
			name: "never committed, not owned", commit: Commit{Offset: -1}, log: whole,
			want: want{lag: -1, stable: -1, effective: -1, pinned: -1, lost: -1, ahead: -1, margin: "-", ratio: -1, status: None, earliest: 100},
		},
		{
			name: "never committed, nothing there", commit: Commit{Offset: -1}, log: Log{Start: 100, LSO: 100, HWM: 100}, owned: true,
			want: want{lost: -1, ahead: -1, margin: "-", ratio: -1, status: Idle},
		},
		{
			name: "open transaction", commit: Commit{Offset: 180}, log: Log{Start: 100, LSO: 180, HWM: 200}, owned: true,
			want: want{lag: 20, pinned: 20, margin: "80ns", ratio: 0.2, status: Blocked, total: 20, earliest: -1},
		},
		{
			name: "open transaction, nobody reads", commit: Commit{Offset: 180}, log: Log{Start: 100, LSO: 180, HWM: 200},
			want: want{lag: 20, pinned: 20, margin: "80ns", ratio: 0.2, status: Blocked, total: 20, earliest: -1},
		},
		{
			name: "a control record only, proved", commit: Commit{Offset: 199}, log: Log{Start: 100, LSO: 200, HWM: 200, Head: map[int64]Head{199: {Empty: true}}}, owned: true,
			want: want{lag: 1, stable: 1, margin: "99ns", ratio: 0.01, status: OK, total: 1, earliest: -1},
		},
		{
			name: "a control record only, no right to prove it", commit: Commit{Offset: 199}, log: Log{Start: 100, LSO: 200, HWM: 200, Head: map[int64]Head{199: {Err: kerr.TopicAuthorizationFailed}}}, owned: true,
			want: want{lag: 1, stable: 1, effective: 1, margin: "99ns", ratio: 0.01, status: OK, total: 1, earliest: -1},
		},
		{
			name: "aborted data", commit: Commit{Offset: 14}, log: Log{Start: 0, LSO: 20, HWM: 20, Head: map[int64]Head{14: {Empty: true}}},
			want: want{lag: 6, stable: 6, margin: "14ns", ratio: 0.3, status: OK, total: 6, earliest: -1},
		},
		{
			name: "empty log", commit: Commit{Offset: 100}, log: Log{Start: 100, LSO: 100, HWM: 100}, owned: true,
			want: want{margin: "0s", ratio: -1, status: Idle, earliest: -1},
		},
		{
			name: "the commit is an error", commit: Commit{Offset: -1, Err: kerr.UnstableOffsetCommit}, log: whole, owned: true,
			want: want{lag: -1, stable: -1, effective: -1, pinned: -1, lost: -1, ahead: -1, margin: "-", ratio: -1, status: Unknown, earliest: -1, atLeast: true},
		},
		{
			name: "the end is an error", commit: Commit{Offset: 150}, log: Log{Err: kerr.KafkaStorageError}, owned: true,
			want: want{lag: -1, stable: -1, effective: -1, pinned: -1, lost: -1, ahead: -1, margin: "-", ratio: -1, status: Unknown, earliest: -1, atLeast: true},
		},
		{
			name: "the end is offset zero beside an error", commit: Commit{Offset: 150}, log: Log{Start: 100, LSO: 200, Err: errors.New("connection refused")}, owned: true,
			want: want{lag: -1, stable: -1, effective: -1, pinned: -1, lost: -1, ahead: -1, margin: "-", ratio: -1, status: Unknown, earliest: -1, atLeast: true},
		},
		{
			name: "deleted topic", commit: Commit{Offset: 150}, log: Log{Err: kerr.UnknownTopicOrPartition}, topic: Topic{Missing: true},
			want: want{lag: -1, stable: -1, effective: -1, pinned: -1, lost: -1, ahead: -1, margin: "-", ratio: -1, status: None, earliest: -1, deleted: true},
		},
		{
			name: "compacted topic", commit: Commit{Offset: 150}, log: whole, topic: Topic{Compacted: &yes}, owned: true,
			want: want{lag: 50, stable: 50, effective: 50, margin: "50ns", ratio: 0.5, status: OK, total: 50, approximate: true, earliest: -1},
		},
		{
			name: "pending transactional commit", commit: Commit{Offset: 150, Pending: true}, log: whole, owned: true,
			want: want{lag: 50, stable: 50, effective: 50, margin: "50ns", ratio: 0.5, status: OK, total: 50, approximate: true, earliest: -1},
		},
		{
			name: "KIP-848", kind: Consumer, commit: Commit{Offset: 150}, log: whole, owned: true,
			want: want{lag: 50, stable: 50, effective: 50, margin: "50ns", ratio: 0.5, status: OK, total: 50, earliest: -1},
		},
		{
			name: "share group: the coordinator counts", kind: Share, commit: Commit{Offset: 100, ShareLag: new(int64(7))}, log: whole, owned: true,
			want: want{lag: 7, stable: 7, effective: 7, lost: -1, ahead: -1, margin: "0s", ratio: 0.07, status: OK, total: 7, earliest: -1},
		},
		{
			name: "share group: an old broker does not", kind: Share, commit: Commit{Offset: 100}, log: whole, owned: true,
			want: want{lag: -1, stable: -1, effective: -1, pinned: -1, lost: -1, ahead: -1, margin: "-", ratio: -1, status: Unknown, earliest: -1, atLeast: true},
		},
		{
			name: "share group: not begun on an empty log", kind: Share, commit: Commit{Offset: -1, Unstarted: true}, log: Log{Start: 100, LSO: 100, HWM: 100}, owned: true,
			want: want{lost: -1, ahead: -1, margin: "-", ratio: -1, status: Idle},
		},
		{
			name: "share group: not begun, with records", kind: Share, commit: Commit{Offset: -1, Unstarted: true}, log: whole, owned: true,
			want: want{lag: -1, stable: -1, effective: -1, pinned: -1, lost: -1, ahead: -1, margin: "-", ratio: -1, status: Never, earliest: 100, atLeast: true},
		},
		{
			name: "streams", kind: Streams, commit: Commit{Offset: 150}, log: whole, owned: true,
			want: want{lag: 50, stable: 50, effective: 50, margin: "50ns", ratio: 0.5, status: OK, total: 50, earliest: -1},
		},
		{
			name: "a kind of the future", kind: "quantum", commit: Commit{Offset: 150}, log: whole, owned: true,
			want: want{lag: 50, stable: 50, effective: 50, margin: "50ns", ratio: 0.5, status: OK, total: 50, earliest: -1},
		},
		{
			name: "most of the log is unread", commit: Commit{Offset: 110}, log: whole, owned: true,
			want: want{lag: 90, stable: 90, effective: 90, margin: "10ns", ratio: 0.9, status: AtRisk, total: 90, earliest: -1},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.kind == "" {
				c.kind = Classic
			}
			r := Compute(world(c.kind, c.commit, c.log, c.topic, c.owned), Options{By: ByPartition})
			got := show(find(t, r, "billing", "orders", 0), group(t, r, "billing"))
			if d := gocmp.Diff(c.want, got, gocmp.AllowUnexported(want{})); d != "" {
				t.Error(d)
			}
			if other := find(t, r, "mailer", "payments", 1); num(other.Lag) != 0 || other.Lag == nil {
				t.Errorf("the other group changed: %+v", other)
			}
		})
	}
}

func TestAssumptionsAboutWhatWasNeverCommitted(t *testing.T) {
	s := world(Classic, Commit{Offset: -1}, Log{Start: 100, LSO: 200, HWM: 200}, Topic{}, true)
	for assume, want := range map[Assume]int64{AssumeEarliest: 100, AssumeLatest: 0} {
		g := group(t, Compute(s, Options{Assume: assume}), "billing")
		if *g.Lag != want || g.AtLeast {
			t.Errorf("%s: lag %d at least %v", assume, *g.Lag, g.AtLeast)
		}
	}
}

// A group is not "exactly 0 old" where one of its partitions could not be judged.
func TestAnAgeIsOpenWhereAPartitionIsUnknown(t *testing.T) {
	for name, c := range map[string]struct {
		commit Commit
		log    Log
	}{
		"never committed": {Commit{Offset: -1}, Log{Start: 100, LSO: 200, HWM: 200}},
		"no leader":       {Commit{Offset: 150}, Log{Err: kerr.LeaderNotAvailable}},
		"no timestamp":    {Commit{Offset: 150}, Log{Start: 100, LSO: 200, HWM: 200, Head: map[int64]Head{150: {Offset: 150, Time: time.UnixMilli(-1)}}}},
	} {
		r := Compute(world(Classic, c.commit, c.log, Topic{}, true), Options{By: ByPartition})
		if p := find(t, r, "billing", "orders", 0); p.Age != nil {
			t.Errorf("%s: the partition's age is %+v", name, *p.Age)
		}
		if a := group(t, r, "billing").Age; a == nil || a.MaxMS != nil || a.Exact {
			t.Errorf("%s: the group's age is %+v", name, a)
		}
	}
}

func TestAGroupWhoseOffsetsAreUnknown(t *testing.T) {
	s := world(Classic, Commit{Offset: 150}, Log{Start: 100, LSO: 200, HWM: 200}, Topic{}, false)
	s.Groups[0].Commits, s.Groups[0].Err = nil, kerr.GroupAuthorizationFailed
	r := Compute(s, Options{Limits: Limits{MaxLag: new(int64(10))}})
	g := group(t, r, "billing")
	if g.Lag != nil || g.Status != Unknown || text(g.Error) != "GROUP_AUTHORIZATION_FAILED" || !r.Total.AtLeast || r.Known() {
		t.Errorf("%+v total %+v", g, r.Total)
	}
	if r.Gate.Passed != nil {
		t.Error("a gate passed on an unknown group")
	}
}

// What was read is not all where topics may be hidden: neither a sum nor an age nor a gate
// takes it for that, and a breach stays one.
func TestHiddenTopics(t *testing.T) {
	s := world(Classic, Commit{Offset: 150}, Log{Start: 100, LSO: 200, HWM: 200}, Topic{}, false)
	s.Coverage.TopicsScope = &cluster.Scope{Complete: new(false), Reason: "some are hidden"}
	r := Compute(s, Options{Limits: Limits{MaxLag: new(int64(60)), MaxAge: new(time.Hour), MaxLossRisk: new(0.9), Objectives: true}})
	g := group(t, r, "billing")
	if *g.Lag != 50 || !g.AtLeast || !r.Total.AtLeast || r.Errors() != 2 || !slices.Contains(g.Notes, "there may be more: some are hidden") {
		t.Errorf("%+v total %+v, %d errors", g, r.Total, r.Errors())
	}
	if g.Age != nil && g.Age.MaxMS != nil {
		t.Errorf("age %+v", g.Age)
	}
	if n := len(r.Gate.Undecided); r.Gate.Passed != nil || n != 8 || r.Gate.Undecided[0].Reason != "lag unknown: some are hidden" {
		t.Errorf("gate %+v", r.Gate)
	}
	if r := Compute(s, Options{Limits: Limits{MaxLag: new(int64(40))}}); r.Gate.Passed == nil || *r.Gate.Passed {
		t.Errorf("no breach: %+v", r.Gate)
	}
	for i := range s.Groups {
		s.Groups[i].Commits = nil
	}
	if drained, certain := Compute(s, Options{}).Drained(); !drained || certain {
		t.Errorf("drained %t, certain %t", drained, certain)
	}
	// A group that only chooses who does what reads no topics.
	s.Groups[0].ProtocolType, s.Groups[1].ProtocolType = "connect", "connect"
	if r := Compute(s, Options{}); r.Total.AtLeast {
		t.Errorf("total %+v", r.Total)
	}
}

func TestGates(t *testing.T) {
	s := world(Classic, Commit{Offset: 50}, Log{Start: 100, LSO: 200, HWM: 200, Rungs: []Rung{
		{From: t0.Add(-time.Hour), Offset: 100, Time: t0.Add(-50 * time.Minute)}, {From: t0.Add(-time.Minute), Offset: -1},
	}}, Topic{}, true)
	minute, hour := time.Minute, time.Hour
	for _, c := range []struct {
		name   string
		limits Limits
		want   []string
	}{
		{"within", Limits{MaxLag: new(int64(100)), MaxAge: &hour}, nil},
		{"lag", Limits{MaxLag: new(int64(99))}, []string{"max-lag"}},
		{"age", Limits{MaxAge: &minute}, []string{"max-age"}},
		{"lost counts as risk", Limits{MaxLossRisk: new(1.0)}, []string{"max-loss-risk"}},
		{"objective", Limits{Objectives: true}, []string{"slo", "slo"}},
	} {
		r := Compute(s, Options{Limits: c.limits, Objective: func(group, topic string) Objective {
			if group == "billing" && topic == "orders" {
				return Objective{Age: &minute, Records: new(int64(10))}
			}
			return Objective{}
		}})
		var got []string
		for _, b := range r.Gate.Breaches {
			got = append(got, b.Limit)
		}
		if d := gocmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
		if r.Gate.Passed == nil || *r.Gate.Passed != (c.want == nil) {
			t.Errorf("%s: passed %v", c.name, r.Gate.Passed)
		}
	}
}

// ask answers a rung as a broker does: the first offset whose time is at or after from.
func ask(times []time.Time, start int64, from time.Time) Rung {
	for i, at := range times {
		if !at.Before(from) {
			return Rung{From: from, Offset: start + int64(i), Time: at}
		}
	}
	return Rung{From: from, Offset: -1}
}

func rungsOf(times []time.Time, start int64, now time.Time) []Rung {
	ages := DefaultLadder()
	var rs []Rung
	for _, age := range slices.Backward(ages) {
		rs = append(rs, ask(times, start, now.Add(-age)))
	}
	return rs
}

func TestTheBracketHoldsTheTruth(t *testing.T) {
	rnd := rand.New(rand.NewPCG(8, 8))
	for _, c := range []struct {
		name   string
		sure   bool // the upper bound may be believed
		ranges func(i, n int) time.Duration
		jumble bool
	}{
		{"ordered", true, func(i, n int) time.Duration { return time.Duration(n-i) * 37 * time.Second }, false},
		{"shuffled", false, func(i, n int) time.Duration { return time.Duration(n-i) * 37 * time.Second }, true},
		{"future", true, func(i, n int) time.Duration { return time.Duration(n/2-i) * 37 * time.Second }, false},
		{"future and shuffled", false, func(i, n int) time.Duration { return time.Duration(n/2-i) * 37 * time.Second }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			exact, bounded := 0, 0
			for range 200 {
				n := 1 + rnd.IntN(400)
				times := make([]time.Time, n)
				for i := range times {
					times[i] = t0.Add(-c.ranges(i, n))
				}
				if c.jumble {
					rnd.Shuffle(n, func(i, j int) { times[i], times[j] = times[j], times[i] })
				}
				const begin = 1000
				i := rnd.IntN(n)
				a := bracket(rungsOf(times, begin, t0), begin+int64(i), t0, c.sure, false)
				truth := max(0, t0.Sub(times[i]).Milliseconds())
				if a == nil || a.MinMS > truth {
					t.Fatalf("record %d of %d is %dms old, bracket %+v", i, n, truth, a)
				}
				if a.Exact {
					exact++
				}
				if a.MaxMS == nil {
					continue
				}
				bounded++
				if *a.MaxMS < truth && !a.MaxUnsure {
					t.Fatalf("record %d of %d is %dms old, upper bound %d told as sure", i, n, truth, *a.MaxMS)
				}
			}
			if bounded == 0 {
				t.Error("no bracket was bounded from above: the case shows nothing")
			}
		})
	}
}

func TestAControlRecordAtTheHeadIsNotOld(t *testing.T) {
	// Offset 10 is a commit marker; data of two hours ago lies below it, fresh data above.
	rungs := []Rung{
		{From: t0.Add(-6 * time.Hour), Offset: 9, Time: t0.Add(-2 * time.Hour)},
		{From: t0.Add(-time.Hour), Offset: 11, Time: t0.Add(-3 * time.Second)},
		{From: t0.Add(-time.Minute), Offset: 11, Time: t0.Add(-3 * time.Second)},
	}
	a := bracket(rungs, 10, t0, true, false)
	if a.MinMS > 3000 {
		t.Errorf("the next record is 3s old, bracket %+v", a)
	}
}

func TestAGroupThatHoldsNothingHasNoLag(t *testing.T) {
	for _, c := range []struct {
		name     string
		group    Group
		status   Status
		idle     int
		unsure   bool // a gate cannot pass
		finished bool // a wait for zero is over
	}{
		{"its members are about to own something", Group{State: "PreparingRebalance", ProtocolType: "consumer", Members: []Member{{ID: "m"}}}, Rebalancing, 1, true, false},
		{"its topic does not exist", Group{State: "Stable", ProtocolType: "consumer", Members: []Member{{ID: "m"}}}, None, 1, false, false},
		{"nobody has ever read", Group{State: "Empty", ProtocolType: "consumer"}, None, 0, false, false},
		{"workers of Kafka Connect", Group{State: "Stable", ProtocolType: "connect", Members: []Member{{ID: "w"}}}, None, 0, false, true},
		{"streams, tasks not assigned yet", Group{Kind: Streams, State: "Assigning", ProtocolType: "streams", Members: []Member{{ID: "m"}}}, Rebalancing, 1, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.group.Name, c.group.Kind = "billing", Kind(cmp.Or(string(c.group.Kind), string(Classic)))
			s := &Snapshot{At: t0, EndsAt: t0, Groups: []Group{c.group}, Coverage: Coverage{Brokers: 3, Answered: 3}}
			r := Compute(s, Options{Limits: Limits{MaxLag: new(int64(0)), MaxAge: new(time.Minute)}})
			g := r.Groups[0]
			if g.Lag != nil || g.Status != c.status || *g.IdleMembers != c.idle {
				t.Errorf("lag %d, status %q, %d idle", num(g.Lag), g.Status, *g.IdleMembers)
			}
			if passed := r.Gate.Passed != nil && *r.Gate.Passed; passed == c.unsure || r.Total.AtLeast != c.unsure {
				t.Errorf("gate %+v, total %+v", r.Gate, r.Total)
			}
			if drained, certain := r.Drained(); (drained && certain) != c.finished {
				t.Errorf("drained %v, certain %v", drained, certain)
			}
		})
	}
}
