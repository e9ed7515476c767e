package lag

import (
	"cmp"
	"errors"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
)

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
	case g.Kind == Share && !c.Unstarted:
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
