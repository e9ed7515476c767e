package dlt

import "slices"

func (d *Decoder) fromHeaders(out *DeadLetter, r *Record, s *scan) {
	main := s.found[0]
	row := &d.table[main]
	rd := &reader{d: d, row: row, r: r, seen: s.seen[main]}
	origins, exceptions := d.ordered(s, main, groupOrigin), d.ordered(s, main, groupException)
	osets, xsets := emptySet(), emptySet()
	if len(origins) > 0 {
		osets = origins[0]
	}
	if len(exceptions) > 0 {
		xsets = exceptions[0]
	}
	trace := parseTrace(rd.bytes(xsets[rTrace]))
	if trace.chain == nil {
		trace = parseTrace(rd.bytes(xsets[rKeyTrace]))
	}
	out.Origin = rd.origin(osets)
	out.OriginTimestampType = rd.text(osets[rTimestampType])
	out.ConsumerGroup = rd.group(osets, xsets)
	out.Exception = rd.exception(xsets, trace)
	out.Description = rd.text(xsets[rDescription])
	out.Handler = rd.text(xsets[rHandler])
	out.FailingClass = rd.text(xsets[rFailingClass])
	out.Task = rd.num(xsets[rTask], rTask)
	if st := rd.text(xsets[rStage]); st != nil {
		out.Failure = st
	}
	if row.failure != "" && out.Failure == nil {
		out.Failure = new(row.failure)
	}
	d.readHops(out, rd, s, main)

	out.DeathsInHeaders = max(countRole(origins, rTopic), 1)
	for i, o := range origins {
		if o[rTopic] < 0 && o[rOffset] < 0 && i > 0 {
			continue
		}
		death := Death{Dialect: row.name, Origin: rd.quiet().origin(o)}
		if i < len(exceptions) {
			x := exceptions[i]
			death.Class, death.CauseClass, death.Message = rd.text(x[rClass]), rd.text(x[rCauseClass]), rd.text(x[rMessage])
		}
		out.Deaths = append(out.Deaths, death)
	}
	if row.hops {
		d.deathsOfHops(out, rd, s, main)
	}
	for _, e := range s.found[1:] {
		d.earlier(out, r, s, main, e)
	}
	if n := len(out.Deaths); n > 1 {
		out.FirstOrigin = out.Deaths[n-1].Origin
	}
	rd.o, rd.x, rd.trace = osets, xsets, trace
	rd.classify(out)
	out.Problems = append(out.Problems, rd.problems...)
}

func countRole(ss []set, ro role) (n int) {
	for _, s := range ss {
		if s[ro] >= 0 {
			n++
		}
	}
	return n
}

// ordered returns the sets of a group, newest first.
func (d *Decoder) ordered(s *scan, dialect int, group uint8) []set {
	ss := d.sets(s, dialect, group)
	if d.table[dialect].newest == newestLast {
		slices.Reverse(ss)
	}
	return ss
}

func (d *Decoder) readHops(out *DeadLetter, rd *reader, s *scan, main int) {
	hops := d.sets(s, main, groupHop)
	for _, h := range hops {
		if n := rd.num(h[rAttempts], rAttempts); n != nil {
			out.AttemptsHeader = append(out.AttemptsHeader, *n)
		}
	}
	var last set
	if len(hops) == 0 {
		return
	}
	last = hops[len(hops)-1]
	switch rd.row.attempts {
	case attemptsNext:
		if n := len(out.AttemptsHeader); n > 0 {
			out.Attempts = new(out.AttemptsHeader[n-1] - 1)
		}
		if out.Class == Retry {
			out.NextDueMS = rd.time(last[rNextDue], rNextDue)
		}
	case attemptsRetries:
		if n := rd.num(last[rRetryCount], rRetryCount); n != nil {
			out.CountHeader = n
			out.Attempts = new(*n + 1)
		}
	case attemptsDelivery:
		if n := len(out.AttemptsHeader); n > 0 {
			out.Attempts = new(out.AttemptsHeader[n-1])
		}
		out.AttemptsHeader = nil
	case attemptsUnknown:
	}
}

// deathsOfHops reads a chain of retry topics: every station that is the topic where the chain began is a death (or
// the first delivery after a replay), the others are hops in between.
func (d *Decoder) deathsOfHops(out *DeadLetter, rd *reader, s *scan, main int) {
	stations := d.ordered(s, main, groupOrigin)
	out.Hops, out.Deaths = []Hop{}, nil
	var origins []*Origin
	for _, st := range stations {
		o := rd.quiet().origin(st)
		out.Hops = append(out.Hops, Hop{o.Topic, o.Partition, o.Offset})
		origins = append(origins, o)
	}
	if len(origins) == 0 {
		return
	}
	home := deref(origins[len(origins)-1].Topic)
	for _, o := range origins {
		if deref(o.Topic) == home {
			out.Deaths = append(out.Deaths, Death{Dialect: rd.row.name, Origin: o})
		}
	}
	first := out.Deaths[len(out.Deaths)-1].Origin
	hop := d.newest(s, main, groupHop)
	first.TimestampMS = rd.time(hop[rFirstTimestamp], rFirstTimestamp)
	out.Origin = out.Deaths[0].Origin
	out.DeathsInHeaders = len(out.Deaths)
	x := d.newest(s, main, groupException)
	out.Deaths[0].Class, out.Deaths[0].CauseClass, out.Deaths[0].Message = rd.text(x[rClass]), rd.text(x[rCauseClass]), rd.text(x[rMessage])
	if len(out.Deaths) > 1 {
		// The count goes on from the death before, so it no longer counts the deliveries of this one.
		out.Attempts = nil
	}
}

func (d *Decoder) earlier(out *DeadLetter, r *Record, s *scan, main, e int) {
	row := &d.table[e]
	rd := &reader{d: d, row: row, r: r}
	origins, exceptions := d.ordered(s, e, groupOrigin), d.ordered(s, e, groupException)
	o, x := emptySet(), emptySet()
	if len(origins) > 0 {
		o = origins[0]
	}
	if len(exceptions) > 0 {
		x = exceptions[0]
	}
	n := max(countRole(origins, rTopic), 1)
	if d.shareOrigin(main, e) {
		// The newer dialect took these headers over: what they say is the newer death's.
		n = max(len(exceptions), 1)
		origins, o = nil, emptySet()
	}
	death := &EarlierDeath{Dialect: row.name, DeathsInHeaders: n, ConsumerGroup: rd.group(o, x)}
	if origin := rd.origin(o); *origin != (Origin{}) {
		death.Origin = origin
	}
	if out.EarlierDeath == nil {
		out.EarlierDeath = death
	}
	for i, os := range origins {
		dd := Death{Dialect: row.name, Origin: rd.quiet().origin(os)}
		if i < len(exceptions) {
			xs := exceptions[i]
			dd.Class, dd.CauseClass, dd.Message = rd.text(xs[rClass]), rd.text(xs[rCauseClass]), rd.text(xs[rMessage])
		}
		out.Deaths = append(out.Deaths, dd)
	}
	out.Problems = append(out.Problems, rd.problems...)
}
