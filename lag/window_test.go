package lag

import (
	"testing"
	"time"
)

// step is one reading: seconds since the first, the commit, the end of the log.
type step struct{ at, commit, end int64 }

// watch runs readings of one partition through the reader's own computation and returns
// the last status.
func watch(t *testing.T, steps []step, owned bool, tweak func(*Snapshot)) (PartitionLag, *Report) {
	t.Helper()
	h := NewHistory()
	var r *Report
	for _, st := range steps {
		s := world(Classic, Commit{Offset: st.commit}, Log{Start: 0, LSO: st.end, HWM: st.end}, Topic{}, owned)
		s.At = t0.Add(time.Duration(st.at) * time.Second)
		s.EndsAt = s.At
		if tweak != nil {
			tweak(s)
		}
		r = Compute(s, Options{By: ByPartition, History: h})
	}
	return find(t, r, "billing", "orders", 0), r
}

// The shapes are those that Burrow's documentation explains, as windows of our own. Where
// weir judges otherwise the name says so.
func TestWindows(t *testing.T) {
	for _, c := range []struct {
		name  string
		owned bool
		steps []step
		want  Status
	}{
		{"caught up once in the window is fine", true, []step{{0, 100, 110}, {30, 110, 110}, {60, 115, 130}, {90, 120, 140}}, OK},
		{"lag falls and rises again", true, []step{{0, 100, 150}, {30, 140, 160}, {60, 150, 190}, {90, 185, 200}}, OK},
		{"lag never falls and grows: behind", true, []step{{0, 100, 150}, {30, 110, 170}, {60, 120, 200}, {90, 130, 230}}, Behind},
		{"constant lag is not growing", true, []step{{0, 100, 150}, {30, 110, 160}, {60, 120, 170}, {90, 130, 180}}, OK},
		{"commits stand still although records wait: stalled", true, []step{{0, 100, 150}, {30, 100, 160}, {60, 100, 170}, {90, 100, 180}}, Stalled},
		{"commits stand still and so does the log: stalled all the same", true, []step{{0, 100, 150}, {30, 100, 150}, {60, 100, 150}, {90, 100, 150}}, Stalled},
		{"still, but for less than a minute", true, []step{{0, 100, 150}, {20, 100, 150}, {40, 100, 150}}, OK},
		{"a slow committer is given twice its interval", true, []step{{0, 100, 400}, {100, 150, 450}, {200, 200, 500}, {300, 200, 500}, {390, 200, 500}}, OK},
		{"and no more", true, []step{{0, 100, 400}, {100, 150, 450}, {200, 200, 500}, {300, 200, 500}, {401, 200, 500}}, Stalled},
		{"production has just begun", true, []step{{0, 100, 100}, {30, 100, 100}, {60, 100, 100}, {90, 100, 120}}, OK},
		{"nothing is read, nothing is written", true, []step{{0, 100, 100}, {30, 100, 100}, {60, 100, 100}, {90, 100, 100}}, Idle},
		{"a topic written once an hour and read at once", true, []step{{0, 99, 100}, {60, 100, 100}, {120, 100, 100}, {180, 100, 100}}, Idle},
		{"the commit fell", true, []step{{0, 100, 150}, {30, 120, 160}, {60, 50, 170}, {90, 60, 180}}, Rewind},
		{"the commit fell and came back", true, []step{{0, 100, 150}, {30, 120, 160}, {60, 50, 170}, {90, 170, 170}}, OK},
		{"the members left with records waiting", false, []step{{0, 100, 150}, {30, 100, 160}, {60, 100, 170}}, Stopped},
		{"the members left with nothing waiting", false, []step{{0, 150, 150}, {30, 150, 150}}, Idle},
		{"no members, but somebody commits", false, []step{{0, 100, 150}, {30, 140, 160}, {60, 150, 170}}, OK},
		{"the members are back", true, []step{{0, 100, 150}, {30, 100, 150}, {61, 130, 150}}, OK},
	} {
		t.Run(c.name, func(t *testing.T) {
			if p, _ := watch(t, c.steps, c.owned, nil); p.Status != c.want {
				t.Errorf("%s, want %s", p.Status, c.want)
			}
		})
	}
}

func TestStatusOrder(t *testing.T) {
	steps := []step{{0, 100, 150}, {30, 100, 160}, {60, 100, 170}, {90, 100, 180}} // stalled
	for _, c := range []struct {
		name  string
		tweak func(*Snapshot)
		want  Status
	}{
		{"lost before stalled", func(s *Snapshot) {
			l := s.Logs[Partition{"orders", 0}]
			l.Start = 101
			s.Logs[Partition{"orders", 0}] = l
		}, Lost},
		{"stalled before rebalancing", func(s *Snapshot) { s.Groups[0].State = "PreparingRebalance" }, Stalled},
		{"blocked is not stalled", func(s *Snapshot) {
			l := s.Logs[Partition{"orders", 0}]
			l.LSO = 100
			s.Logs[Partition{"orders", 0}] = l
		}, Blocked},
		{"unknown members: nobody can be called stalled", func(s *Snapshot) { s.Groups[0].DescribeErr = errNoAnswer }, Behind},
	} {
		if p, _ := watch(t, steps, true, c.tweak); p.Status != c.want {
			t.Errorf("%s: %s", c.name, p.Status)
		}
	}
}

func TestRates(t *testing.T) {
	p, r := watch(t, []step{{0, 100, 200}, {10, 150, 220}}, true, nil)
	if *p.Produced != 2 || *p.Consumed != 5 || p.CatchUp == nil || p.CatchUp.Never || *p.CatchUp.MS != 70*1000/3 {
		t.Errorf("produced %v consumed %v catch up %+v", *p.Produced, *p.Consumed, p.CatchUp)
	}
	if *r.WindowMS != 10_000 || len(r.NotJudged) != 1 || r.NotJudged[0] != Stalled {
		t.Errorf("window %d not judged %v", *r.WindowMS, r.NotJudged)
	}
	p, _ = watch(t, []step{{0, 100, 200}, {10, 150, 260}}, true, nil)
	if p.CatchUp == nil || !p.CatchUp.Never || p.CatchUp.MS != nil {
		t.Errorf("losing ground: %+v", p.CatchUp)
	}
	p, r = watch(t, []step{{0, 100, 200}}, true, nil)
	if p.Produced != nil || p.CatchUp != nil || r.WindowMS != nil || len(r.NotJudged) != 2 {
		t.Errorf("one reading has no rates: %+v %+v", p, r.NotJudged)
	}
}

func TestAFailedReadingIsNoChange(t *testing.T) {
	h := NewHistory()
	var r *Report
	for i, commit := range []int64{100, -1, 100} {
		c := Commit{Offset: commit}
		if commit < 0 {
			c.Err = errNoAnswer
		}
		s := world(Classic, c, Log{Start: 0, LSO: 150, HWM: 150}, Topic{}, true)
		s.At = t0.Add(time.Duration(i) * 10 * time.Second)
		s.EndsAt = s.At
		r = Compute(s, Options{By: ByPartition, History: h})
	}
	if p := find(t, r, "billing", "orders", 0); p.Status != OK {
		t.Errorf("%s after a reading that failed in between", p.Status)
	}
}

func TestTheWindowIsBounded(t *testing.T) {
	h := NewHistory()
	var w []Sample
	for i := range 1000 {
		w = h.observe("g", Partition{"t", 0}, Sample{At: t0.Add(time.Duration(i) * time.Second), Known: true})
	}
	if len(w) > windowLength || w[len(w)-1].At.Sub(w[0].At) > windowSpan {
		t.Errorf("%d samples over %s", len(w), w[len(w)-1].At.Sub(w[0].At))
	}
}
