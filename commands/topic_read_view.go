package commands

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/internal/term"
)

// recordPrinter filters and prints records as they come, or keeps the last few.
type recordPrinter struct {
	d       *Deps
	o       *topicReadOptions
	reader  *recordReader
	decoder *decoder
	keep    int // 0: print at once
	kept    []*shownRecord
	printed int
	line    func(any) error

	undecoded int
	problem   string // the first
}

func (r *recordPrinter) take(k *kgo.Record) error {
	dec := r.decoder.decode(k.Value)
	if !r.o.filter.match(k, dec.json) {
		return nil
	}
	if dec.problem != "" {
		if r.problem == "" {
			r.problem = fmt.Sprintf("%d:%d: %s", k.Partition, k.Offset, dec.problem)
		}
		r.undecoded++
	}
	s := r.reader.show(k, dec)
	if r.keep > 0 {
		r.kept = append(r.kept, s)
		return nil
	}
	if err := r.print(s); err != nil {
		return err
	}
	if r.printed++; r.o.max > 0 && r.printed >= r.o.max {
		return cluster.ErrStop
	}
	return nil
}

func (r *recordPrinter) print(s *shownRecord) error {
	if r.o.format == term.JSON {
		if r.line == nil {
			r.line = r.d.Out.Lines()
		}
		return r.line(s)
	}
	return r.d.Out.Print(func(p *term.Page) { viewRecord(p, s, r.o.format == term.Wide) })
}

func (r *recordPrinter) finish() error {
	slices.SortFunc(r.kept, func(a, b *shownRecord) int {
		return cmp.Or(cmp.Compare(a.TimestampMS, b.TimestampMS), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	for _, s := range r.kept[max(0, len(r.kept)-r.keep):] {
		if err := r.print(s); err != nil {
			return err
		}
	}
	if r.undecoded > 0 {
		r.d.Log.Warn(fmt.Sprintf("%s could not be decoded: %s", plural(r.undecoded, "value"), r.problem))
	}
	if w := r.o.filter.where; w != nil && w.unjudged > 0 {
		r.d.Log.Warn(fmt.Sprintf("--where failed on %s, which are left out: %v", plural(w.unjudged, "record"), w.first))
	}
	return nil
}

func recordPlace(s *shownRecord) string {
	return fmt.Sprintf("%d:%d", s.Partition, s.Offset)
}

// recordTime is when a record was stamped; Kafka holds -1 where it was not.
func recordTime(ms int64) string {
	if ms < 0 {
		return "-"
	}
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z")
}

// pinned warns of what a read_committed reader does not reach: an open transaction holds
// back every later record, whoever wrote it.
func (r *recordPrinter) pinned(t *cluster.Topic, spans []cluster.Span) {
	if r.o.reading.Uncommitted || r.o.reading.Follow || r.o.max > 0 || r.o.end != "" {
		return
	}
	var held int64
	for i := range t.Partitions {
		p := &t.Partitions[i]
		if slices.ContainsFunc(spans, func(s cluster.Span) bool { return s.Partition == p.ID && s.End == *p.StableOffset }) {
			held += *p.EndOffset - *p.StableOffset
		}
	}
	if held > 0 {
		r.d.Log.Warn(fmt.Sprintf("%d offsets lie behind an open transaction and were not read; --uncommitted shows them", held))
	}
}

func viewRecord(p *term.Page, s *shownRecord, wide bool) {
	p.Line("%s  %s  %s  %s", term.In(term.Faint, recordPlace(s)), recordTime(s.TimestampMS), term.In(term.Accent, fieldText(s.Key)), s.text)
	if !wide {
		return
	}
	for _, h := range s.Headers {
		p.Line("    %s: %s", h.Name, fieldText(h.shownField))
	}
	if s.SchemaID != nil {
		p.Line("    schema id %d", *s.SchemaID)
	}
	if s.Schema != nil {
		p.Line("    decoded with schema %s", *s.Schema)
	}
	if s.DecodeError != nil {
		p.Line("    not decoded: %s", *s.DecodeError)
	}
}
