package lag

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"
)

// atRisk is the part of a log that may be unread before a group is at risk.
const atRisk = 0.8

// Assume says how a partition that was never committed enters a total.
type Assume string

// The assumptions. The empty one leaves it out and makes the total a lower bound.
const (
	AssumeNothing  Assume = ""
	AssumeEarliest Assume = "earliest"
	AssumeLatest   Assume = "latest"
)

// Objective is what the catalog promises of one group on one topic.
type Objective struct {
	Age     *time.Duration
	Records *int64
}

// Options are what a computation knows beside the snapshot.
type Options struct {
	By        By
	Assume    Assume
	ClusterID string
	// History makes REWIND, STALLED, rates and trends visible; nil for one reading.
	History *History
	// Objective, Owner and TopicOwner come from the catalog; each may be nil, and an empty
	// owner is unknown.
	Objective  func(group, topic string) Objective
	Owner      func(group string) string
	TopicOwner func(topic string) string
	// MaxAge is the age above which a group without an objective of its own is BEHIND;
	// zero means none.
	MaxAge time.Duration
	Limits Limits
	// Narrowed says that topics were named or groups selected by a pattern.
	Narrowed bool
}

// Compute says what a snapshot means. It reads no clock and no network: the same
// snapshot and history give the same report.
func Compute(s *Snapshot, o Options) *Report {
	if o.By == "" {
		o.By = ByGroup
	}
	b := NewBuilder(o)
	b.Add(s)
	return b.Report(s.Coverage)
}

// Builder makes one report of many snapshots, so that a reading in chunks needs the
// memory of one chunk and of the rows that were asked for.
type Builder struct {
	o      Options
	report *Report
	total  summer
	// joining counts groups whose members own nothing yet.
	joining int
}

const joiningNote = "the members own nothing yet"

// NewBuilder starts an empty report.
func NewBuilder(o Options) *Builder {
	r := &Report{By: o.By, Groups: []GroupLag{}, NotJudged: []Status{}}
	if o.ClusterID != "" {
		r.ClusterID = &o.ClusterID
	}
	return &Builder{o: o, report: r}
}

// Add judges the groups of a snapshot.
func (b *Builder) Add(s *Snapshot) {
	if b.report.At.IsZero() {
		b.report.At = s.At.UTC()
	}
	for i := range s.Groups {
		b.report.Groups = append(b.report.Groups, b.group(s, &s.Groups[i]))
	}
}

// Report closes the report.
func (b *Builder) Report(c Coverage) *Report {
	r := b.report
	slices.SortFunc(r.Groups, func(x, y GroupLag) int { return cmp.Compare(x.Group, y.Group) })
	r.Coverage = c
	if r.Coverage.Failures == nil {
		r.Coverage.Failures = []Failure{}
	}
	r.Total = b.total.figures()
	if c.Answered < c.Brokers || b.joining > 0 {
		r.Total.AtLeast = true // groups may be missing altogether
	}
	b.o.History.prune()
	span := b.o.History.span()
	if span > 0 {
		ms := span.Milliseconds()
		r.WindowMS = &ms
	}
	r.NotJudged = []Status{}
	if span == 0 {
		r.NotJudged = append(r.NotJudged, Rewind)
	}
	if span < stallAfter {
		r.NotJudged = append(r.NotJudged, Stalled)
	}
	if b.o.Limits.Any() {
		r.Gate = b.o.Limits.judge(r, b.o.Narrowed)
	}
	for i := range r.Groups { // the gate has seen them
		if b.o.By != ByTopic {
			r.Groups[i].Topics = nil
		}
	}
	return r
}

func (b *Builder) group(s *Snapshot, g *Group) GroupLag {
	out := GroupLag{Group: g.Name, Kind: g.Kind, Coordinator: g.Coordinator, Notes: []string{}, Protocol: g.ProtocolType, Assignor: g.Assignor, Instances: []string{}}
	if g.State != "" {
		// A copy: a pointer into the snapshot would keep all of it in memory.
		out.State = new(g.State)
	}
	out.Owner = known(b.o.Owner, g.Name)
	if g.DescribeErr == nil && (g.State != "" || len(g.Members) > 0) {
		n, idle := len(g.Members), 0
		for _, m := range g.Members {
			if len(m.Assigned) == 0 && g.consumes() {
				idle++
			}
			if m.InstanceID != "" {
				out.Instances = append(out.Instances, m.InstanceID)
			}
		}
		out.Members, out.IdleMembers = &n, &idle
	}
	rows := b.rows(s, g)
	var whole summer
	topics := map[string]*summer{}
	members := map[string]*summer{}
	for i := range rows {
		p := &rows[i]
		whole.add(p)
		b.total.add(p)
		into(topics, p.Topic).add(p)
		into(members, memberKey(p.owner)).add(p)
	}
	if g.consumes() {
		whole.hidden = s.Coverage.hidden()
		b.total.hidden = cmp.Or(b.total.hidden, whole.hidden)
	}
	out.Figures = whole.figures()
	out.consumes = g.consumes()
	if out.Partitions == out.Deleted { // nothing has a lag, and no lag is not zero lag
		out.withoutLag()
	}
	switch err := cmp.Or(g.Err, g.DescribeErr); {
	case err != nil:
		text := errText(err)
		out.Error = &text
		out.Status = Unknown
		if g.Err != nil { // not one offset is known
			b.total.unread++
			out.Unread = max(out.Unread, 1)
			out.withoutLag()
			out.AtLeast, out.gateUnknown = true, max(out.gateUnknown, 1)
		}
	case rebalancing(g.State):
		if Rebalancing.Worse(out.Status) {
			out.Status = Rebalancing
		}
		if out.Partitions == 0 && g.consumes() { // what its members will own is not known yet
			b.joining++
			out.AtLeast, out.gateUnknown = true, 1
			out.Notes = append(out.Notes, joiningNote)
		}
	}
	if out.hidden != "" {
		out.Notes = append(out.Notes, "there may be more: "+out.hidden)
	}
	b.total.worst(out.Status)
	if b.o.By == ByTopic || b.o.Limits.Objectives {
		out.Topics = b.topics(g.Name, topics)
	}
	switch b.o.By {
	case ByPartition:
		out.Rows = rows
	case ByMember:
		for _, m := range g.Members {
			row := MemberLag{MemberID: m.ID, InstanceID: m.InstanceID, ClientID: m.ClientID, Host: m.Host}
			if sum := members[m.ID]; sum != nil {
				row.Figures = sum.figures()
			} else {
				row.Figures = (&summer{}).figures()
			}
			out.ByMember = append(out.ByMember, row)
		}
		if sum := members[""]; sum != nil {
			out.ByMember = append(out.ByMember, MemberLag{Figures: sum.figures()})
		}
	case ByGroup, ByTopic:
	}
	out.Notes = append(out.Notes, shape(&out, rows, members)...)
	return out
}

func (b *Builder) topics(group string, sums map[string]*summer) []TopicLag {
	rows := make([]TopicLag, 0, len(sums))
	for _, t := range slices.Sorted(maps.Keys(sums)) {
		row := TopicLag{Topic: t, Figures: sums[t].figures(), Owner: known(b.o.TopicOwner, t)}
		if b.o.Objective != nil {
			obj := b.o.Objective(group, t)
			row.ObjectiveRecords = obj.Records
			if obj.Age != nil {
				ms := obj.Age.Milliseconds()
				row.ObjectiveAgeMS = &ms
			}
		}
		rows = append(rows, row)
	}
	return rows
}

func known(f func(string) string, name string) *string {
	if f == nil {
		return nil
	}
	if v := f(name); v != "" {
		return &v
	}
	return nil
}

func into(m map[string]*summer, key string) *summer {
	s := m[key]
	if s == nil {
		s = &summer{}
		m[key] = s
	}
	return s
}

func memberKey(m *Member) string {
	if m == nil {
		return ""
	}
	return m.ID
}

// shape tells what kind of being behind it is.
func shape(g *GroupLag, rows []PartitionLag, members map[string]*summer) []string {
	notes := []string{}
	if g.Members != nil && *g.IdleMembers > 0 {
		notes = append(notes, strconv.Itoa(*g.IdleMembers)+" idle of "+strconv.Itoa(*g.Members)+" members")
	}
	if g.Lag == nil || *g.Lag == 0 || g.AtLeast {
		return notes
	}
	stalled, moving := 0, 0
	var largest int64
	for i := range rows {
		switch {
		case rows[i].Status == Stalled:
			stalled++
		case rows[i].Consumed != nil && *rows[i].Consumed > 0:
			moving++
		}
		if rows[i].Lag != nil {
			largest = max(largest, *rows[i].Lag)
		}
	}
	const most = 80 // per cent of the lag in one place
	switch {
	case stalled > 0 && moving > 0:
		notes = append(notes, "stuck partitions: "+strconv.Itoa(stalled)+" stand still while "+strconv.Itoa(moving)+" move")
	case len(members) >= 3 && heaviest(members) > *g.Lag/100*most:
		notes = append(notes, "slow member: one member holds most of the lag")
	case len(rows) >= 4 && largest > *g.Lag/100*most:
		notes = append(notes, "hot partition: one partition holds most of the lag")
	}
	return notes
}

func heaviest(members map[string]*summer) int64 {
	var n int64
	for id, s := range members {
		if id != "" {
			n = max(n, s.lag)
		}
	}
	return n
}

func rebalancing(state string) bool {
	switch state {
	case "PreparingRebalance", "CompletingRebalance", "Assigning", "Reconciling":
		return true
	}
	return false
}
