package dlt

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Arrival is a dead letter that came while somebody watched.
type Arrival struct {
	Kind          string  `json:"kind"`
	SchemaVersion int     `json:"schema_version"`
	Topic         string  `json:"topic"`
	Partition     int32   `json:"partition"`
	Offset        int64   `json:"offset"`
	TimestampMS   int64   `json:"timestamp_ms"`
	NoticedMS     int64   `json:"noticed_ms"`
	DelayMS       *int64  `json:"delay_ms"` // between death and notice; nil where the time of death is not told
	Cause         string  `json:"cause"`    // as dlt inspect names it
	Dialect       *string `json:"dialect"`
	Failure       *string `json:"failure"`
	Class         *string `json:"root_class"`
	Message       string  `json:"message"` // masked, as in dlt inspect
	Origin        *Origin `json:"origin"`
	Group         *string `json:"consumer_group"`
}

// Watch hands every dead letter that arrives from now on to do, until ctx ends or do returns an error. An event of the
// stage "watch" says that it has begun.
func (c *Conn) Watch(ctx context.Context, d *Decoder, topics []string, do func(*Arrival) error) error {
	at := map[string]map[int32]kgo.Offset{}
	for _, t := range topics {
		spans, err := c.Spans(ctx, t)
		if err != nil {
			return err
		}
		at[t] = map[int32]kgo.Offset{}
		for _, s := range spans {
			at[t][s.Partition] = kgo.NewOffset().At(s.HighWatermark)
		}
	}
	cl, err := c.Client(kgo.ConsumePartitions(at), kgo.ConsumeResetOffset(kgo.NoResetOffset()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		return err
	}
	defer cl.CloseAllowingRebalance()
	emit(c.Events, Event{Stage: "watch", At: c.Now()})
	for {
		fs := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		for _, e := range fs.Errors() {
			if !transient(e.Err) {
				return fmt.Errorf("watch %s partition %d: %w", e.Topic, e.Partition, e.Err)
			}
		}
		for it := fs.RecordIter(); !it.Done(); {
			if err := do(d.arrival(FromKafka(it.Next()), c.Now().UnixMilli())); err != nil {
				return err
			}
		}
	}
}

func (d *Decoder) arrival(r *Record, now int64) *Arrival {
	cause := d.cause(r, nil)
	a := &Arrival{
		Kind: "dlt_arrival", SchemaVersion: 1, Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, TimestampMS: r.TimestampMS,
		NoticedMS: now, Cause: cause.id(d), Message: string(cause.sig[cause.masked:]),
	}
	dl := d.Decode(r)
	a.Dialect, a.Failure, a.Origin, a.Group = dl.Dialect, dl.Failure, dl.Origin, dl.ConsumerGroup
	if dl.Exception != nil {
		a.Class = dl.Exception.RootClass
	}
	if dl.TimestampIs == "death" {
		a.DelayMS = new(max(0, now-r.TimestampMS))
	}
	return a
}
