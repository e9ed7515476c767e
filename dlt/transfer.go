package dlt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Export writes the records of a topic that a selection means, byte for byte.
func (c *Conn) Export(ctx context.Context, d *Decoder, topic string, sel Selection, w *ArchiveWriter) (int64, error) {
	if err := sel.Compile(); err != nil {
		return 0, &RefusedError{Reason: err.Error()}
	}
	spans, err := c.Spans(ctx, topic)
	if err != nil {
		return 0, err
	}
	var total int64
	for _, s := range spans {
		total += s.Stable - s.Start
	}
	c.noteOpen(topic, spans)
	var n int64
	err = c.ReadRanges(ctx, topic, stored(spans), func(k *kgo.Record) error {
		rec := FromKafka(k)
		var dl *DeadLetter
		if sel.needsDecode() {
			dl = d.Decode(rec)
		}
		ok, err := sel.match(d, rec, dl)
		if err != nil || !ok || sel.Limit > 0 && n >= sel.Limit {
			return err
		}
		if n++; n%1024 == 0 {
			emit(c.Events, Event{Stage: "export", Done: n, Total: total, At: c.Now()})
		}
		return w.Write(rec)
	})
	return n, err
}

// Imported is what Import did, or would do.
type Imported struct {
	Topic    string `json:"topic"`
	Records  int64  `json:"records"`
	Remapped int64  `json:"remapped"` // whose partition does not exist and who went to another
	// Done says that the whole archive is written; false in a dry run, and where it stopped.
	Done bool `json:"done"`
	// Stopped says why the rest was not written; nil when all of it was.
	Stopped *string `json:"stopped"`
}

// partitionOf is where an imported record goes: to its own partition, or to another where the topic has fewer.
func partitionOf(rec *Record, td kadm.TopicDetail) (p int32, remapped bool) {
	n := int32(max(1, len(td.Partitions))) // #nosec G115 -- a number of partitions
	return rec.Partition % n, rec.Partition >= n
}

// CheckImport reads an archive to its end and says what Import would do.
func (c *Conn) CheckImport(ctx context.Context, r io.Reader, name, topic string) (*Imported, error) {
	td, err := c.topicDetail(ctx, topic)
	if err != nil {
		return nil, fmt.Errorf("import into %s: %w", topic, err)
	}
	out := &Imported{Topic: topic}
	for rec, err := range ReadArchive(r, name) {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return nil, err
		}
		out.Records++
		if _, remapped := partitionOf(rec, td); remapped {
			out.Remapped++
		}
	}
	return out, nil
}

// Import writes an archive into a topic: the same bytes, timestamps and, where they exist, partitions. It is not
// idempotent: a second import writes everything again.
func (c *Conn) Import(ctx context.Context, r io.Reader, name, topic string) (*Imported, error) {
	td, err := c.topicDetail(ctx, topic)
	if err != nil {
		return nil, fmt.Errorf("import into %s: %w", topic, err)
	}
	cl, err := c.Client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MaxBufferedRecords(2*fastRecords), kgo.ProducerBatchMaxBytes(16<<20))
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	out := &Imported{Topic: topic}
	var errs []error
	batch := make([]*kgo.Record, 0, 1000)
	flush := func() error {
		for _, res := range cl.ProduceSync(ctx, batch...) {
			if res.Err != nil {
				errs = append(errs, res.Err)
			} else {
				out.Records++
			}
		}
		batch = batch[:0]
		if len(errs) > 0 {
			return fmt.Errorf("import into %s: %w", topic, denied(errs[0], "import", "WRITE", "topic "+topic))
		}
		return nil
	}
	for rec, err := range ReadArchive(r, name) {
		if err != nil {
			return out, errors.Join(flush(), err)
		}
		k := &kgo.Record{Topic: topic, Key: rec.Key, Value: rec.Value}
		var remapped bool
		if k.Partition, remapped = partitionOf(rec, td); remapped {
			out.Remapped++
		}
		if rec.TimestampMS >= 0 {
			k.Timestamp = time.UnixMilli(rec.TimestampMS)
		}
		for _, h := range rec.Headers {
			k.Headers = append(k.Headers, kgo.RecordHeader{Key: h.Name, Value: h.Value})
		}
		if batch = append(batch, k); len(batch) == cap(batch) {
			if err := flush(); err != nil {
				return out, err
			}
			emit(c.Events, Event{Stage: "import", Done: out.Records, At: c.Now()})
		}
	}
	if err := flush(); err != nil {
		return out, err
	}
	out.Done = true
	return out, nil
}
