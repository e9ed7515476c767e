package commands

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/internal/term"
	"github.com/weirhq/weir/lag"
)

type topicReadOptions struct {
	scope       lag.Scope
	partitions  []int32
	start, end  string
	max         int
	key         string
	headers     []string
	where       string
	uncommitted bool
	unmask      bool
	follow      bool
	registry    string
	format      term.Format

	keySet   bool
	from, to *lag.Target
	filter   *where
}

// lastOnTerminal is how many records a person gets to see who asks for nothing else.
const lastOnTerminal = 10

// readStall is how long a record that exists may take to arrive.
const readStall = 15 * time.Second

func newTopicRead(d *Deps) *cobra.Command {
	o := &topicReadOptions{}
	c := &cobra.Command{
		Use:     "read NAME[:PARTITIONS]",
		Aliases: []string{"consume", "cat"},
		Short:   "Read records of a topic, without a group",
		Long: doc(`
			Read records and print them: the last ten on a terminal, else from the start to what is
			there now. --start and --end take start, end, start+N, end-N, an offset, +N (from the
			start), -N (from the end), @2026-03-01T12:00:00Z, @EPOCH-MS and @-1h. Only committed
			records are shown unless --uncommitted is given. Fields that the catalog marks with
			x-pii are masked unless --unmask is given. Nothing is written and nothing is committed.

			Avro and Protobuf are decoded: with the schema that the id in front of the value has in
			the registry of --registry, else of compat.registry.url or compat.against in weir.yaml;
			else with the catalog's, if it knows exactly one message on the topic. A value that the
			schema does not account for to the last byte is shown as base64, and -o wide and -o json
			say why. The catalog's schema need not be the writer's: a value that another schema
			wrote may fit it by chance.`),
		Example: doc(`
			# The last ten
			$ weir topic read orders.order.v1

			# An hour of big orders, for a program
			$ weir topic read orders.order.v1 --start @-1h --where 'value.total > 1000' -o json

			# What arrives from now on
			$ weir topic read orders.order.v1 --follow`),
		Args:              exactly("NAME[:PARTITIONS]"),
		ValidArgsFunction: d.completeTopics(false),
		RunE: func(c *cobra.Command, args []string) error {
			o.keySet = c.Flags().Changed("key")
			if err := o.validate(args[0], d.Now()); err != nil {
				return err
			}
			return runTopicRead(c.Context(), d, o)
		},
	}
	flagFormat(c, &o.format, term.TextFormat, term.Wide, term.JSON)
	f := c.Flags()
	f.StringVar(&o.start, "start", "", "where to begin")
	f.StringVar(&o.end, "end", "", "where to end; the record there is not read")
	f.IntVarP(&o.max, "max", "n", 0, "stop after so many records; 0 for all")
	f.Int32SliceVar(&o.partitions, "partition", nil, "only these partitions")
	f.StringVar(&o.key, "key", "", "only records with exactly this key")
	f.StringArrayVar(&o.headers, "header", nil, "only records with this header, NAME or NAME=VALUE, repeatable")
	f.StringVar(&o.where, "where", "", "only records for which this CEL expression holds")
	f.BoolVar(&o.uncommitted, "uncommitted", false, "also records of open and aborted transactions")
	f.BoolVar(&o.unmask, "unmask", false, "show personal data")
	f.StringVar(&o.registry, "registry", "", "`URL` of the schema registry to decode with")
	f.BoolVar(&o.follow, "follow", false, "go on with what arrives, until interrupted")
	return c
}

func (o *topicReadOptions) validate(arg string, now time.Time) error {
	var err error
	if o.scope, err = lag.ParseScope(arg); err != nil {
		return usage("", "%w", err)
	}
	for _, p := range o.partitions {
		if p < 0 {
			return usage("", "--partition %d: partitions count from 0", p)
		}
		if !slices.Contains(o.scope.Partitions, p) {
			o.scope.Partitions = append(o.scope.Partitions, p)
		}
	}
	if o.max < 0 {
		return usage("", "--max %d: write a number of records", o.max)
	}
	if o.follow && o.end != "" {
		return usage("leave one out", "--follow never ends, and --end is given")
	}
	if o.from, err = readTarget(o.start, now); err != nil {
		return err
	}
	if o.to, err = readTarget(o.end, now); err != nil {
		return err
	}
	o.filter, err = newWhere(o.where)
	return err
}

// readTarget reads an offset form. Without a committed offset to count from, +N counts
// from the start and -N from the end.
func readTarget(s string, now time.Time) (*lag.Target, error) {
	if s == "" {
		return nil, nil
	}
	t, err := lag.ParseTarget(s, now)
	if err != nil {
		return nil, usage("", "%w", err)
	}
	if t.From == lag.FromCurrent {
		t.From = lag.FromStart
		if t.N < 0 {
			t.From = lag.FromEnd
		}
	}
	return &t, nil
}

func runTopicRead(ctx context.Context, d *Deps, o *topicReadOptions) error {
	conn, err := d.Cluster(ctx)
	if err != nil {
		return err
	}
	topics, err := selectTopics(ctx, conn, "read topic", []string{o.scope.Topic}, false)
	if err != nil {
		return err
	}
	t := &topics[0]
	if t.Rights != nil && !slices.Contains(t.Rights, "READ") {
		return cluster.Denied("read topic", t.Name, "READ", "Topic", nil)
	}
	if err := conn.Offsets(ctx, topics); err != nil {
		return err
	}
	filtered := o.keySet || len(o.headers) > 0 || o.filter != nil
	lastOnly := o.from == nil && !o.follow && !filtered && d.Out.OutTTY && o.format != term.JSON
	spans, err := o.spans(ctx, conn, t, lastOnly)
	if err != nil {
		return err
	}
	cat := d.quietCatalog(ctx)
	out := &recordPrinter{d: d, o: o, reader: newRecordReader(cat, t.Name, o.unmask)}
	if out.decoder, err = newDecoder(ctx, d, cat, t.Name, o.registry); err != nil {
		return err
	}
	if lastOnly {
		out.keep = lastOnTerminal
		if o.max > 0 {
			out.keep = o.max
		}
	}
	err = conn.Read(ctx, cluster.ReadOptions{Topic: t.Name, Spans: spans, Uncommitted: o.uncommitted, Follow: o.follow, Stall: readStall, Now: d.Now}, out.take)
	if err != nil {
		return err
	}
	return out.finish()
}

// spans turns --start and --end into offsets of each partition.
func (o *topicReadOptions) spans(ctx context.Context, conn *cluster.Conn, t *cluster.Topic, lastOnly bool) ([]cluster.Span, error) {
	for _, id := range o.scope.Partitions {
		if !slices.ContainsFunc(t.Partitions, func(p cluster.Partition) bool { return p.ID == id }) {
			return nil, usage("", "topic %s has no partition %d: it has %d", t.Name, id, len(t.Partitions))
		}
	}
	from, err := resolver(ctx, conn, t, o.from)
	if err != nil {
		return nil, err
	}
	to, err := resolver(ctx, conn, t, o.to)
	if err != nil {
		return nil, err
	}
	var out []cluster.Span
	for i := range t.Partitions {
		p := &t.Partitions[i]
		if len(o.scope.Partitions) > 0 && !slices.Contains(o.scope.Partitions, p.ID) {
			continue
		}
		last := p.StableOffset
		if o.uncommitted {
			last = p.EndOffset
		}
		if p.StartOffset == nil || p.EndOffset == nil || last == nil {
			return nil, failed(t.Name, "leave it out: --partition names the others", "read topic %s: the offsets of partition %d could not be read", t.Name, p.ID)
		}
		s := cluster.Span{Partition: p.ID, Start: *p.StartOffset, End: *last}
		switch {
		case o.from != nil:
			s.Start = from(p)
		case o.follow:
			s.Start = *p.EndOffset
		case lastOnly:
			s.Start = *last - int64(max(lastOnTerminal, o.max))
		}
		if o.to != nil {
			s.End = min(to(p), s.End)
		}
		s.Start = min(max(s.Start, *p.StartOffset), *p.EndOffset)
		out = append(out, s)
	}
	return out, nil
}

// resolver returns a function from a partition to the offset that a target means there.
func resolver(ctx context.Context, conn *cluster.Conn, t *cluster.Topic, target *lag.Target) (func(*cluster.Partition) int64, error) {
	if target == nil {
		return nil, nil
	}
	var at map[int32]int64
	if target.From == lag.FromTime {
		var err error
		if at, err = conn.OffsetsAt(ctx, *t, target.At.UnixMilli()); err != nil {
			return nil, err
		}
	}
	return func(p *cluster.Partition) int64 {
		switch target.From {
		case lag.FromStart:
			return *p.StartOffset + target.N
		case lag.FromEnd:
			return *p.EndOffset + target.N
		case lag.FromTime:
			if offset, ok := at[p.ID]; ok {
				return offset
			}
			return *p.EndOffset
		case lag.FromOffset, lag.FromCurrent:
		}
		return target.N
	}, nil
}

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
	if !r.o.matches(k, dec.json) {
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
	if f := r.o.filter; f != nil && f.unjudged > 0 {
		r.d.Log.Warn(fmt.Sprintf("--where failed on %s, which are left out: %v", plural(f.unjudged, "record"), f.first))
	}
	return nil
}

func (o *topicReadOptions) matches(k *kgo.Record, decoded []byte) bool {
	if o.keySet && (k.Key == nil || string(k.Key) != o.key) {
		return false
	}
	for _, want := range o.headers {
		name, value, exact := strings.Cut(want, "=")
		if !slices.ContainsFunc(k.Headers, func(h kgo.RecordHeader) bool {
			return h.Key == name && (!exact || string(h.Value) == value)
		}) {
			return false
		}
	}
	return o.filter.match(k, decoded)
}

func recordPlace(s *shownRecord) string {
	return fmt.Sprintf("%d:%d", s.Partition, s.Offset)
}
