package commands

import (
	"strings"
	"testing"
	"time"

	"github.com/weirhq/weir/internal/term"
	"github.com/weirhq/weir/lag"
)

func TestAgeCell(t *testing.T) {
	minute := time.Minute.Milliseconds()
	for _, c := range []struct {
		age  *lag.Age
		want string
	}{
		{nil, "-"},
		{&lag.Age{MaxMS: new(int64(0)), Exact: true}, "-"},
		{&lag.Age{MinMS: minute, MaxMS: new(minute), Exact: true}, "1m"},
		{&lag.Age{MinMS: minute, MaxMS: new(5 * minute)}, "1m..5m"},
		{&lag.Age{MinMS: minute}, ">1m"},
		{&lag.Age{MaxMS: new(5 * minute)}, "<5m"},
		{&lag.Age{}, "?"},
	} {
		p := term.NewPage(0, false)
		tb := term.NewTable("AGE")
		tb.Row(ageCell(c.age))
		p.Table(tb)
		if got := strings.TrimPrefix(p.Plain(), "AGE\n"); strings.TrimSpace(got) != c.want {
			t.Errorf("%+v: %q, want %q", c.age, got, c.want)
		}
	}
}

// Unknown is not none: a broker that did not answer may coordinate some.
func TestLagWithoutAnswersIsNotEmpty(t *testing.T) {
	p := term.NewPage(0, false)
	rep := &lag.Report{Coverage: lag.Coverage{Brokers: 2, Answered: 1, Failures: []lag.Failure{{Broker: 3, What: "list groups"}}}}
	viewLag(rep, false, "").Text(p)
	if got := p.Plain(); !strings.HasPrefix(got, "No group is visible.\n") {
		t.Errorf("got %q", got)
	}
}

// A coordinator that is down leaves the commits unknown, which is not the same as none.
func TestGroupDescribeWithoutCoordinator(t *testing.T) {
	why := "its coordinator did not answer"
	p := term.NewPage(0, false)
	viewGroupDescribe(&groupDescription{
		Groups: []groupDetail{{Group: "billing", Error: &why, Coordinator: 1}},
		Report: &lag.Report{},
	}, false).Text(p)
	got := p.Plain()
	for _, want := range []string{"group of unknown type, state unknown", why, "What is committed and assigned is not known."} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
}

func TestSparkline(t *testing.T) {
	for _, c := range []struct {
		lags []int64
		want string
	}{
		{nil, ""},
		{[]int64{5}, "#"},
		{[]int64{0, 0}, "__ ="},
		{[]int64{0, 5, 10}, "_+# +5"},
		{[]int64{10, -1}, "#?"},
		{[]int64{1 << 62, 1 << 61}, "#+ -2305843009213693952"},
	} {
		got := sparkline(c.lags, false)
		if got != strings.ReplaceAll(c.want, "#", "@") {
			t.Errorf("%v: %q, want %q", c.lags, got, c.want)
		}
	}
}

// A frame is a pure drawing: two readings, the second with a group that went bad.
func TestWatchFrame(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	report := func(status lag.Status, n int64) *lag.Report {
		state := "Stable"
		f := lag.Figures{Partitions: 2, Lag: &n, Status: status}
		return &lag.Report{
			At: at, By: lag.ByGroup, Total: f, Coverage: lag.Coverage{Brokers: 3, Answered: 3},
			Groups: []lag.GroupLag{{Group: "billing", State: &state, Figures: f}, {Group: "mailer", State: &state, Figures: lag.Figures{Unread: 1, AtLeast: true, Status: lag.Unknown}}},
		}
	}
	s := &lagScreen{lags: map[string][]int64{}, status: map[string]lag.Status{}}
	s.take(report(lag.OK, 10))
	last := report(lag.Stalled, 40)
	s.take(last)
	p := term.NewPage(0, false)
	p.Unicode = false
	s.frame(p, last, false)
	got := p.Plain()
	for _, want := range []string{
		"lag  2026-03-01T12:00:00Z\n",
		"GROUP    STATE   MEMBERS  PARTITIONS  LAG  AGE  RATE/S  ETA  STATUS   TREND\n",
		"billing  Stable        -           2   40    -       -    -  STALLED  -@ +30\n",
		"mailer   Stable        -           0    ?    -       -    -  UNKNOWN  ??\n",
		"12:00:00 billing: OK -> STALLED\n",
		"2 groups, 40 records unread: 1 UNKNOWN, 1 STALLED.\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no line %q in\n%s", want, got)
		}
	}
}
