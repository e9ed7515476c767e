package dlt

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// fanOut finds the groups that will get the records again.
func (pl *planner) fanOut(ctx context.Context) error {
	groups, found := pl.c.readers(ctx, pl.p.Targets, pl.o.Acks.FanOut)
	pl.p.FanOut = append(pl.p.FanOut, groups...)
	pl.p.Preflight = append(pl.p.Preflight, found...)
	return ctx.Err()
}

// The checks of who reads the targets.
const (
	checkGroups = "groups of the targets"
	checkGroup  = "group "
	checkFanOut = "fan-out of "
)

// FanOutNow asks again who reads the targets of a plan: a group that came since would get the records, too, and nobody
// decided about it. It returns the plan with the groups of today and the other checks as they were, and what it found.
// What was begun is not refused any more.
func (c *Conn) FanOutNow(ctx context.Context, p *Plan, resume bool) (*Plan, []PreflightItem) {
	now := *p
	m, err := c.Admin.BrokerMetadata(ctx)
	if err == nil && m.Cluster != p.ClusterID {
		return p, nil // its groups say nothing of the plan, which Replay refuses
	}
	now.Preflight = slices.DeleteFunc(slices.Clone(p.Preflight), func(i PreflightItem) bool {
		return i.Check == checkGroups || strings.HasPrefix(i.Check, checkGroup) || strings.HasPrefix(i.Check, checkFanOut)
	})
	groups, found := c.readers(ctx, p.Targets, p.Acks.FanOut || resume)
	if groups == nil { // not known: those of the plan are the last word
		return &now, found
	}
	now.FanOut = groups
	for _, g := range p.FanOut {
		if !slices.ContainsFunc(groups, func(n FanOutGroup) bool { return n.Group == g.Group && n.Topic == g.Topic }) {
			g.State = "gone since the plan, or hidden" // a broker does not list what the caller may not see
			now.FanOut = append(now.FanOut, g)
		}
	}
	return &now, found
}

// Unmet says whether some check stands in the way, and why.
func Unmet(checks []PreflightItem) error { return (&Plan{Preflight: checks}).Ready() }

// readers finds the groups that read the targets, nil where they are not known, and what is to be said of them.
func (c *Conn) readers(ctx context.Context, targets []Target, acked bool) (out []FanOutGroup, found []PreflightItem) {
	groups, err := c.Admin.ListGroups(ctx)
	if err != nil {
		return nil, []PreflightItem{{checkGroups, "unknown", err.Error()}}
	}
	names := groups.Groups()
	fetched := c.Admin.FetchManyOffsets(ctx, names...)
	seen := map[FanOutGroup]bool{}
	for _, t := range targets {
		for _, g := range names {
			f, ok := fetched[g]
			if !ok {
				continue
			}
			if f.Err != nil {
				found = append(found, PreflightItem{checkGroup + g, "unknown", f.Err.Error()})
				continue
			}
			for _, o := range f.Fetched[t.Topic] {
				if o.At >= 0 {
					seen[FanOutGroup{Group: g, Topic: t.Topic, State: groups[g].State}] = true
				}
			}
		}
	}
	out = slices.AppendSeq([]FanOutGroup{}, maps.Keys(seen))
	slices.SortFunc(out, func(a, b FanOutGroup) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Group, b.Group))
	})
	per := map[string]int{}
	for _, g := range out {
		per[g.Topic]++
	}
	for _, t := range targets {
		if n := per[t.Topic]; n > 1 && !acked {
			found = append(found, PreflightItem{checkFanOut + t.Topic, "refuse", fmt.Sprintf("%d groups will get the records again: acknowledge with --ack-fanout, or name a private target with --to", n)})
		}
	}
	return out, found
}

func (pl *planner) preflight(ctx context.Context, spans []Span) error {
	p := pl.p
	if info, err := pl.c.findJournal(ctx); p.Journal == "local" {
		pl.check("journal", "warn", "local: what was replayed is then known on one machine only")
	} else if err == nil {
		pl.check("journal", "ok", JournalTopic)
		for _, w := range info.warnings {
			pl.check("journal", "warn", w)
		}
		if cfg, err := pl.c.topicConfig(ctx, p.Topic); err == nil && info.retentionMS >= 0 {
			if ms, err := strconv.ParseInt(cfg["retention.ms"], 10, 64); err == nil && (ms < 0 || ms > info.retentionMS) {
				pl.check("journal", "warn", "its retention is shorter than the dead letter topic's: replayed records will look unresolved again")
			}
		}
	} else if errors.Is(err, ErrNoJournal) {
		if p.Journal == "require" {
			pl.check("journal", "block", ErrNoJournal.Error())
		} else {
			pl.check("journal", "warn", ErrNoJournal.Error()+" yet: the replay makes it, after asking")
		}
	} else {
		return err
	}
	for _, t := range p.Targets {
		ts, err := pl.c.Spans(ctx, t.Topic)
		if err != nil {
			return err
		}
		pl.held(ctx, t.Topic, ts)
		if t.Superseded > 0 {
			pl.check("newer records in "+t.Topic, "warn", fmt.Sprintf("%d selected records have a newer one of their key behind them", t.Superseded))
		}
	}
	if cfg, err := pl.c.topicConfig(ctx, p.Topic); err == nil {
		if bytes.Contains([]byte(cfg["cleanup.policy"]), []byte("compact")) {
			pl.check("dead letter topic", "warn", "it is compacted: only the newest death of each key is kept")
		}
		pl.expiry(cfg)
	}
	_ = spans
	return nil
}

// hungAfter is how long a transaction may be silent before it is taken for one that nobody ends: the default of
// transaction.timeout.ms, and the pause between two looks of the coordinator.
const hungAfter = 70 * time.Second

// held looks for open transactions in a target. What a replay writes behind one is invisible to readers of committed
// data until it ends, so one that hangs stands in the way.
func (pl *planner) held(ctx context.Context, topic string, spans []Span) {
	set := kadm.TopicsSet{}
	for _, s := range spans {
		if s.Stable < s.HighWatermark {
			set.Add(topic, s.Partition)
		}
	}
	if len(set) == 0 {
		return
	}
	open, err := pl.c.openTransactions(ctx, set)
	if err != nil {
		pl.check("open transaction in "+topic, "unknown", err.Error())
	}
	for _, t := range open {
		silent := pl.c.Now().Sub(time.UnixMilli(t.lastMS)).Round(time.Second)
		if t.lastMS > 0 && silent > hungAfter {
			pl.check("hung transaction in "+topic, "block", fmt.Sprintf("%s and has been silent for %s: readers of committed data would see nothing of the replay until it ends; end it with kafka-transactions.sh abort, or with weir dlt abort JOB where it is a replay's", t, silent))
		} else {
			pl.check("open transaction in "+topic, "warn", t.String())
		}
	}
}

// expiry says when retention takes the oldest selected record.
func (pl *planner) expiry(cfg map[string]string) {
	ms, err := strconv.ParseInt(cfg["retention.ms"], 10, 64)
	if err != nil || ms < 0 {
		return
	}
	if pl.oldest == 0 {
		return
	}
	left := time.UnixMilli(pl.oldest + ms).Sub(pl.c.Now()).Round(time.Second)
	switch {
	case left < pl.o.TTL:
		pl.check("retention", "warn", fmt.Sprintf("the oldest selected record may be removed in %s, before the plan expires", inDays(max(left, 0))))
	default:
		pl.check("retention", "ok", "the oldest selected record stays for another "+inDays(left))
	}
}

// inDays gives a long time in the unit that people set retention in.
func inDays(d time.Duration) string {
	const day = 24 * time.Hour
	if d < 2*day {
		return d.String()
	}
	return fmt.Sprintf("%d days", d/day)
}
