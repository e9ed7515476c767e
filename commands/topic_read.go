package commands

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

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
	topics, err := conn.SelectTopics(ctx, "read topic", []string{o.scope.Topic}, false)
	if err != nil {
		return err
	}
	t := &topics[0]
	if err := t.May("read topic", "READ"); err != nil {
		return err
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
	from, err := offsetsOf(ctx, conn, t, o.from)
	if err != nil {
		return nil, err
	}
	to, err := offsetsOf(ctx, conn, t, o.to)
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

// offsetsOf returns what a target means in each partition; where a broker does not tell
// the offset of a moment, nothing was written since.
func offsetsOf(ctx context.Context, conn *cluster.Conn, t *cluster.Topic, target *lag.Target) (func(*cluster.Partition) int64, error) {
	if target == nil {
		return nil, nil
	}
	offset, err := target.Offsets(ctx, conn, t)
	return func(p *cluster.Partition) int64 {
		if n, ok := offset(p); ok {
			return n
		}
		return *p.EndOffset
	}, err
}
