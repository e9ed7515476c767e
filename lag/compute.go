package lag

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
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
}

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
	if c.Answered < c.Brokers {
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
		r.Gate = b.o.Limits.judge(r)
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
			if len(m.Assigned) == 0 {
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
	out.Figures = whole.figures()
	if err := cmp.Or(g.Err, g.DescribeErr); err != nil {
		text := errText(err)
		out.Error = &text
		out.Status = Unknown
		if g.Err != nil { // not one offset is known
			b.total.unread++
			out.Unread = max(out.Unread, 1)
			out.Lag, out.Stable, out.Effective, out.AtLeast = nil, nil, nil, true
			out.gateLag, out.gateUnknown = nil, max(out.gateUnknown, 1)
		}
	} else if rebalancing(g.State) && Rebalancing.Worse(out.Status) {
		out.Status = Rebalancing
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

// rows joins commits and assignments: what is committed or owned is a row.
func (b *Builder) rows(s *Snapshot, g *Group) []PartitionLag {
	owners := map[Partition]*Member{}
	for i := range g.Members {
		for _, p := range g.Members[i].Assigned {
			owners[p] = &g.Members[i]
		}
	}
	rows := make([]PartitionLag, 0, max(len(g.Commits), len(owners)))
	committed := make(map[Partition]bool, len(g.Commits))
	for _, c := range g.Commits {
		committed[c.Partition] = true
		rows = append(rows, b.partition(s, g, c, owners[c.Partition]))
	}
	for p, m := range owners {
		if !committed[p] {
			c := Commit{Partition: p, Offset: -1, LeaderEpoch: -1}
			if g.Err != nil {
				c.Err = g.Err
			}
			rows = append(rows, b.partition(s, g, c, m))
		}
	}
	slices.SortFunc(rows, func(x, y PartitionLag) int {
		return cmp.Or(cmp.Compare(x.Topic, y.Topic), cmp.Compare(x.Partition, y.Partition))
	})
	return rows
}

func (b *Builder) partition(s *Snapshot, g *Group, c Commit, owner *Member) PartitionLag {
	p := PartitionLag{Topic: c.Topic, Partition: c.Partition.Partition, Notes: []string{}, owner: owner}
	if owner != nil {
		p.MemberID, p.ClientID, p.Host = &owner.ID, &owner.ClientID, &owner.Host
		if owner.InstanceID != "" {
			p.InstanceID = &owner.InstanceID
		}
	}
	l, topic := s.Logs[c.Partition], s.Topics[c.Topic]
	if c.Err == nil && c.Offset >= 0 {
		p.Committed = new(c.Offset)
	}
	if topic.Missing || errors.Is(l.Err, kerr.UnknownTopicOrPartition) || errors.Is(l.Err, kerr.UnknownTopicID) {
		p.TopicDeleted = true
		p.Notes = append(p.Notes, "the topic or partition does not exist any more")
		return p
	}
	if l.Err == nil {
		p.Start, p.LSO, p.End = new(l.Start), new(l.LSO), new(l.HWM)
	}
	if err := cmp.Or(c.Err, l.Err, topic.Err); err != nil {
		p.Error = new(errText(err))
		p.Status = Unknown
		return p
	}
	now := s.EndsAt
	p.Approximate = topic.Compacted != nil && *topic.Compacted || c.Pending
	if c.Pending {
		p.Notes = append(p.Notes, "a transactional commit is pending: the lag is an upper bound")
	}
	switch {
	case g.Kind == Share:
		p.share(c, l)
		if p.Error != nil {
			return p
		}
	case c.Offset < 0:
		p.never(l, owner != nil, b.o.Assume)
		if p.Lag != nil {
			p.Age = ageOf(&p, l, topic, now)
		}
	default:
		p.measure(c, l)
		p.effective(l)
		p.Age = ageOf(&p, l, topic, now)
	}
	obj := Objective{}
	if b.o.Objective != nil {
		obj = b.o.Objective(g.Name, c.Topic)
		b.report.HasObjectives = b.report.HasObjectives || obj.Age != nil || obj.Records != nil
	}
	if obj.Age == nil && b.o.MaxAge > 0 {
		obj.Age = &b.o.MaxAge
	}
	window := b.o.History.observe(g.Name, c.Partition, sampleOf(&p, s.At))
	p.rates(window)
	p.predict(topic, window)
	p.Status = judge(&p, judgement{
		state: g.State, owned: owner != nil, ownerKnown: g.DescribeErr == nil, share: g.Kind == Share,
		topic: topic, log: l, objective: obj, now: now,
	}, window)
	return p
}

// measure computes what offsets alone say. The commit was read before the end, so a
// commit above the end is never a race.
func (p *PartitionLag) measure(c Commit, l Log) {
	head := max(c.Offset, l.Start)
	p.Lag = new(max(0, l.HWM-head))
	p.Stable = new(max(0, l.LSO-head))
	p.Effective = p.Stable
	p.Pinned = new(l.HWM - l.LSO)
	p.Lost = new(max(0, l.Start-c.Offset))
	p.Ahead = new(max(0, c.Offset-l.HWM))
	p.Margin = new(c.Offset - l.Start)
	if size := l.HWM - l.Start; size > 0 {
		p.RetentionRatio = new(float64(*p.Lag) / float64(size))
	}
	if c.Offset > l.HWM {
		p.Notes = append(p.Notes, "the commit lies above the end: a recreated topic, an unclean election or a wrong reset")
	}
}

// effective takes what a fetch proved: control records and aborted data are lag in
// offsets and nothing to read.
func (p *PartitionLag) effective(l Log) {
	h, ok := l.Head[max(*p.Committed, l.Start)]
	if ok && h.Err == nil && h.Empty && *p.Stable > 0 {
		p.Effective = new(int64(0))
		p.Notes = append(p.Notes, "control or aborted records only")
	}
}

// never holds both readings of a partition that nobody committed. They agree when the
// log is empty, and then the lag is known; otherwise only an assumption makes it known.
func (p *PartitionLag) never(l Log, owned bool, assume Assume) {
	p.NeverCommitted = true
	p.IfEarliest, p.IfLatest = new(l.HWM-l.Start), new(int64(0))
	if !owned || l.HWM != l.Start && assume == AssumeNothing {
		return
	}
	p.Pinned = new(l.HWM - l.LSO)
	p.Lag, p.Stable = new(int64(0)), new(int64(0))
	if assume == AssumeEarliest {
		p.Lag, p.Stable = new(l.HWM-l.Start), new(l.LSO-l.Start)
	}
	p.Effective = p.Stable
}

// share takes the coordinator's own count: the start offset of a share group moves late,
// and end - start would be lag that is not there.
func (p *PartitionLag) share(c Commit, l Log) {
	if c.Offset < 0 {
		p.Committed = nil
	}
	if c.ShareLag == nil {
		p.Error = new("the broker does not tell the lag of share groups (before 4.2)")
		p.Status = Unknown
		return
	}
	p.Lag, p.Stable, p.Effective = new(*c.ShareLag), new(*c.ShareLag), new(*c.ShareLag)
	p.Pinned = new(l.HWM - l.LSO)
	if c.Offset >= 0 {
		p.Margin = new(c.Offset - l.Start)
	}
	if size := l.HWM - l.Start; size > 0 {
		p.RetentionRatio = new(min(1, float64(*c.ShareLag)/float64(size)))
	}
	if *c.ShareLag == 0 {
		p.Age = noAge()
	}
}

// rates come from the first and the last sample of the window.
func (p *PartitionLag) rates(w []Sample) {
	if len(w) < 2 {
		return
	}
	a, z := w[0], w[len(w)-1]
	secs := z.At.Sub(a.At).Seconds()
	if secs <= 0 {
		return
	}
	if z.End >= a.End {
		p.Produced = new(float64(z.End-a.End) / secs)
	}
	if a.Commit >= 0 && z.Commit >= a.Commit {
		p.Consumed = new(float64(z.Commit-a.Commit) / secs)
	}
	if p.Produced == nil || p.Consumed == nil || p.Effective == nil || *p.Effective == 0 {
		return
	}
	p.CatchUp = catchUp(*p.Effective, *p.Produced, *p.Consumed)
}

func catchUp(lag int64, produced, consumed float64) *CatchUp {
	gain := consumed - produced
	if gain <= 0 {
		return &CatchUp{Never: true}
	}
	ms := float64(lag) / gain * 1000
	if ms > 1e15 { // thirty thousand years
		return &CatchUp{Never: true}
	}
	return &CatchUp{MS: new(int64(ms))}
}

// predict tells when retention reaches the first unread record: by its age, or by how
// fast the log's start moves.
func (p *PartitionLag) predict(t Topic, w []Sample) {
	if p.Effective == nil || *p.Effective == 0 || p.NeverCommitted {
		return
	}
	if p.Lost != nil && *p.Lost > 0 {
		p.LossInMS = new(int64(0))
		return
	}
	if t.Compacted != nil && *t.Compacted && t.Retention == nil {
		return
	}
	if t.Retention != nil && p.Age != nil && p.Age.MaxMS != nil {
		p.LossInMS = new(max(0, t.Retention.Milliseconds()-*p.Age.MaxMS))
		return
	}
	if len(w) < 2 || p.Margin == nil {
		return
	}
	a, z := w[0], w[len(w)-1]
	secs := z.At.Sub(a.At).Seconds()
	if moved := float64(z.Start - a.Start); secs > 0 && moved > 0 {
		net := moved/secs - value(p.Consumed)
		if net > 0 {
			p.LossInMS = new(int64(float64(*p.Margin) / net * 1000))
		}
	}
}

func value(f *float64) float64 {
	if f == nil {
		return 0
	}
	return *f
}

// summer adds partitions up.
type summer struct {
	n, unread, never, deleted, known int
	approximate                      bool

	lag, stable, effective, pinned, lost, ahead, gate int64

	ratio              *float64
	age                *Age
	ageUnknown         int
	produced, consumed *float64
	rated              int
	loss               *int64
	status             Status
}

func (s *summer) worst(st Status) {
	if st.Worse(s.status) {
		s.status = st
	}
}

func (s *summer) add(p *PartitionLag) {
	s.n++
	s.worst(p.Status)
	switch {
	case p.TopicDeleted:
		s.deleted++
		return
	case p.Error != nil:
		s.unread++
		return
	case p.Lag == nil && p.NeverCommitted:
		if p.owner != nil {
			s.never++
		} else {
			s.n--
		}
		return
	}
	s.known++
	s.approximate = s.approximate || p.Approximate
	s.lag += *p.Lag
	s.gate += gateLag(p)
	s.stable += *p.Stable
	s.effective += *p.Effective
	s.pinned += num(p.Pinned)
	s.lost += num(p.Lost)
	s.ahead += num(p.Ahead)
	if p.RetentionRatio != nil && (s.ratio == nil || *p.RetentionRatio > *s.ratio) {
		s.ratio = p.RetentionRatio
	}
	s.age = older(s.age, p.Age)
	if p.Age == nil {
		s.ageUnknown++
	}
	if p.LossInMS != nil && (s.loss == nil || *p.LossInMS < *s.loss) {
		s.loss = p.LossInMS
	}
	if p.Produced != nil && p.Consumed != nil {
		s.rated++
		s.produced = new(value(s.produced) + *p.Produced)
		s.consumed = new(value(s.consumed) + *p.Consumed)
	}
}

// gateLag is the lag that a limit is compared with: as the broker counts it, but not
// what a fetch proved to be no data.
func gateLag(p *PartitionLag) int64 {
	if *p.Effective == 0 && *p.Stable > 0 && num(p.Pinned) == 0 {
		return 0
	}
	return *p.Lag
}

func num(n *int64) int64 {
	if n == nil {
		return 0
	}
	return *n
}

// older keeps the age that is further back; bounds widen to hold both.
func older(a, b *Age) *Age {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	out := *a
	if b.MinMS > a.MinMS {
		out = *b
	}
	if a.MaxMS == nil || b.MaxMS == nil {
		out.MaxMS = nil
	} else {
		out.MaxMS = new(max(*a.MaxMS, *b.MaxMS))
	}
	out.MaxUnsure = a.MaxUnsure || b.MaxUnsure
	out.Exact = out.MaxMS != nil && *out.MaxMS == out.MinMS
	return &out
}

func (s *summer) figures() Figures {
	f := Figures{
		Partitions: s.n, Unread: s.unread, Never: s.never, Deleted: s.deleted,
		AtLeast: s.unread > 0 || s.never > 0, Approximate: s.approximate,
		RetentionRatio: s.ratio, Age: s.age, Produced: s.produced, Consumed: s.consumed, LossInMS: s.loss, Status: s.status,
		gateUnknown: s.unread + s.never, ageUnknown: s.ageUnknown,
	}
	if s.known > 0 || s.unread+s.never == 0 {
		f.Lag, f.Stable, f.Effective = new(s.lag), new(s.stable), new(s.effective)
		f.Pinned, f.Lost, f.Ahead = new(s.pinned), new(s.lost), new(s.ahead)
		f.gateLag = new(s.gate)
	}
	if s.rated == s.known && s.rated > 0 && s.effective > 0 {
		f.CatchUp = catchUp(s.effective, *s.produced, *s.consumed)
	}
	return f
}
