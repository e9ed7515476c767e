package dlt

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// The breaker: a replay that feeds a broken consumer stops by itself.
const (
	breakerWindow = 100
	breakerShare  = 0.20
	breakerCanary = 5
)

// watcher reads what arrives in the dead letter topic while a replay runs.
type watcher struct {
	cl       *kgo.Client
	job      string
	d        *Decoder // its own: the replay decodes at the same time
	replayed int64
	reDied   int64
	counted  []int64 // produced so far, at each re-death of the window
}

// watch starts behind everything that is in the topic now.
func (r *replay) watch(ctx context.Context) (*watcher, error) {
	spans, err := r.c.Spans(ctx, r.p.Topic)
	if err != nil {
		return nil, err
	}
	var ranges []Range
	for _, s := range spans {
		ranges = append(ranges, Range{s.Partition, s.HighWatermark, s.HighWatermark})
	}
	cl, err := r.c.Client(readerOpts(r.p.Topic, ranges)...)
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", r.p.Topic, err)
	}
	return &watcher{cl: cl, job: r.p.Job, d: r.d.clone()}, nil
}

func (w *watcher) close() { w.cl.CloseAllowingRebalance() }

// poll takes what has arrived, without waiting for more.
func (w *watcher) poll(ctx context.Context, r *replay) error {
	w.replayed = r.rep.ProducedNow
	for {
		pctx, cancel := context.WithTimeout(ctx, 5*time.Millisecond)
		fs := w.cl.PollFetches(pctx)
		cancel()
		for _, e := range fs.Errors() {
			if !errors.Is(e.Err, context.DeadlineExceeded) && !errors.Is(e.Err, context.Canceled) && !transient(e.Err) {
				return fmt.Errorf("watch %s partition %d: %w", r.p.Topic, e.Partition, e.Err)
			}
		}
		n := 0
		fs.EachRecord(func(k *kgo.Record) {
			n++
			if !k.Attrs.IsControl() && w.diedAgain(r, FromKafka(k)) {
				w.reDied++
				w.counted = append(w.counted, w.replayed)
			}
		})
		if n == 0 {
			break
		}
	}
	r.rep.ReDied = w.reDied
	return nil
}

// diedAgain reports whether a new dead letter is a record of this replay: it carries our id, or, where the dialect
// drops headers, its origin is an offset that we wrote.
func (w *watcher) diedAgain(r *replay, rec *Record) bool {
	for _, h := range rec.Headers {
		if h.Name == HeaderReplayID && string(h.Value) == r.p.Job {
			return true
		}
	}
	o := w.d.Decode(rec).Origin
	return o.Known() && perPartition(r.mine[*o.Topic]).has(*o.Partition, *o.Offset)
}

// tripped says why the replay must stop, or nothing.
func (w *watcher) tripped(canary bool) string {
	if canary && w.reDied >= breakerCanary {
		return fmt.Sprintf("%d of the first records died again", w.reDied)
	}
	// Re-deaths since the last hundred records were written.
	recent := 0
	for _, at := range w.counted {
		if at > w.replayed-breakerWindow {
			recent++
		}
	}
	base := min(w.replayed, breakerWindow)
	if base >= 10 && float64(recent) > breakerShare*float64(base) {
		var sb strings.Builder
		fmt.Fprintf(&sb, "%d of the last %d records died again: the cause is not fixed", recent, base)
		return sb.String()
	}
	return ""
}

// guards look at the world between two transactions.
func (r *replay) guards(ctx context.Context, canary bool) error {
	if r.dlt != nil {
		if err := r.dlt.poll(ctx, r); err != nil {
			return err
		}
		if reason := r.dlt.tripped(canary); reason != "" {
			return r.pause(ctx, reason)
		}
	}
	if r.o.LagGroup == "" {
		return nil
	}
	for waited := time.Duration(0); ; waited += time.Second {
		n, err := r.lag(ctx)
		if err != nil {
			return r.pause(ctx, fmt.Sprintf("the lag of %s could not be read: %v", r.o.LagGroup, err))
		}
		if n <= r.o.MaxLag {
			return nil
		}
		if waited >= 5*time.Minute {
			return r.pause(ctx, fmt.Sprintf("%s is %d records behind on the targets, more than %d, for five minutes", r.o.LagGroup, n, r.o.MaxLag))
		}
		emit(r.c.Events, Event{Stage: "wait", Note: fmt.Sprintf("waiting for %s: %d records behind", r.o.LagGroup, n), At: r.c.Now()})
		if err := r.c.sleep(ctx, time.Second); err != nil {
			return err
		}
	}
}

// guardable refuses a group that cannot be watched: a name that is spelt wrong has no lag, which is not a lag of 0.
func (r *replay) guardable(ctx context.Context) error {
	if r.o.LagGroup == "" {
		return nil
	}
	if _, err := r.lag(ctx); err != nil {
		return &RefusedError{Reason: fmt.Sprintf("the lag of group %s cannot be read: %v", r.o.LagGroup, err), hint: "name a group that reads the targets with --lag-group; weir group list shows them"}
	}
	return nil
}

// lag is how far the guarded group is behind on the targets.
func (r *replay) lag(ctx context.Context) (int64, error) {
	committed, err := r.c.Admin.FetchOffsets(ctx, r.o.LagGroup)
	if err != nil {
		return 0, err
	}
	var n int64
	known := false
	for topic := range r.targets {
		spans, err := r.c.Spans(ctx, topic)
		if err != nil {
			return 0, err
		}
		for _, s := range spans {
			o, ok := committed.Lookup(topic, s.Partition)
			if !ok || o.At < 0 {
				continue // it never read this partition: nothing waits for it
			}
			if o.Err != nil {
				return 0, o.Err
			}
			known = true
			n += max(0, s.Stable-o.At)
		}
	}
	if !known {
		return 0, errors.New("it has committed no offsets of the targets")
	}
	return n, nil
}

// pause stops the job in a state that it can be resumed from.
func (r *replay) pause(ctx context.Context, reason string) error {
	if err := r.note(context.WithoutCancel(ctx), "end", "paused", reason); err != nil {
		return err
	}
	return &GateError{Reason: reason}
}

// settle waits after the canary and looks for records that died again.
func (r *replay) settle(ctx context.Context) error {
	for left := r.o.Settle; left > 0; left -= time.Second {
		emit(r.c.Events, Event{Stage: "settle", Note: fmt.Sprintf("waiting %s to see whether the canary dies again", left.Round(time.Second)), Done: r.prog.produced, Total: r.p.Counts.Selected, At: r.c.Now()})
		if err := r.c.sleep(ctx, min(left, time.Second)); err != nil {
			return err
		}
		if err := r.guards(ctx, true); err != nil {
			return err
		}
	}
	return nil
}
