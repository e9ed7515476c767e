package lag

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
	hidden             string // why commits may be missing; empty when none can be
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
		AtLeast: s.unread > 0 || s.never > 0 || s.hidden != "", Approximate: s.approximate,
		RetentionRatio: s.ratio, Age: s.age, Produced: s.produced, Consumed: s.consumed, LossInMS: s.loss, Status: s.status,
		gateUnknown: s.unread + s.never, ageUnknown: s.ageUnknown, hidden: s.hidden,
	}
	if s.hidden != "" {
		f.gateUnknown++
	}
	if s.known > 0 || s.unread+s.never == 0 {
		f.Lag, f.Stable, f.Effective = new(s.lag), new(s.stable), new(s.effective)
		f.Pinned, f.Lost, f.Ahead = new(s.pinned), new(s.lost), new(s.ahead)
		f.gateLag = new(s.gate)
	}
	if f.Age != nil && (s.unread+s.never+s.ageUnknown > 0 || s.hidden != "") { // what was not read may be older
		open := *f.Age
		open.MaxMS, open.Exact, open.MaxUnsure = nil, false, false
		f.Age = &open
	}
	if s.rated == s.known && s.rated > 0 && s.effective > 0 {
		f.CatchUp = catchUp(s.effective, *s.produced, *s.consumed)
	}
	return f
}
