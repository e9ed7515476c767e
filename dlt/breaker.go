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
