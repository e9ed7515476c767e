package commands

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/internal/term"
	"github.com/weirhq/weir/lag"
)

type topicReadOptions struct {
	reading    lag.Reading
	filter     recordFilter
	partitions []int32
	start, end string
	max        int
	unmask     bool
	registry   string
	format     term.Format
}

// lastOnTerminal is how many records a person gets to see who asks for nothing else.
const lastOnTerminal = 10

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
			if err := cmp.Or(o.validate(args[0], d.Now()), o.filter.compile(c)); err != nil {
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
	o.filter.bind(c)
	f.BoolVar(&o.reading.Uncommitted, "uncommitted", false, "also records of open and aborted transactions")
	f.BoolVar(&o.unmask, "unmask", false, "show personal data")
	f.StringVar(&o.registry, "registry", "", "`URL` of the schema registry to decode with")
	f.BoolVar(&o.reading.Follow, "follow", false, "go on with what arrives, until interrupted")
	return c
}

func (o *topicReadOptions) validate(arg string, now time.Time) error {
	r := &o.reading
	var err error
	if r.Scope, err = lag.ParseScope(arg); err != nil {
		return usage("", "%w", err)
	}
	for _, p := range o.partitions {
		if p < 0 {
			return usage("", "--partition %d: partitions count from 0", p)
		}
		if !slices.Contains(r.Scope.Partitions, p) {
			r.Scope.Partitions = append(r.Scope.Partitions, p)
		}
	}
	if o.max < 0 {
		return usage("", "--max %d: write a number of records", o.max)
	}
	if r.Follow && o.end != "" {
		return usage("leave one out", "--follow never ends, and --end is given")
	}
	if r.From, err = lag.ParsePlace(o.start, now); err != nil {
		return usage("", "%w", err)
	}
	if r.To, err = lag.ParsePlace(o.end, now); err != nil {
		return usage("", "%w", err)
	}
	return nil
}

func runTopicRead(ctx context.Context, d *Deps, o *topicReadOptions) error {
	conn, err := d.Cluster(ctx)
	if err != nil {
		return err
	}
	topics, err := conn.SelectTopics(ctx, "read topic", []string{o.reading.Scope.Topic}, false)
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
	lastOnly := o.reading.From == nil && !o.reading.Follow && o.filter.all() && d.Out.OutTTY && o.format != term.JSON
	if lastOnly {
		o.reading.Last = max(lastOnTerminal, o.max)
	}
	spans, err := o.reading.Spans(ctx, conn, t)
	if err != nil {
		return err
	}
	cat := d.quietCatalog(ctx)
	out := &recordPrinter{d: d, o: o, reader: newRecordReader(cat, t.Name, o.unmask)}
	if out.decoder, err = newDecoder(ctx, d, cat, t.Name, o.registry); err != nil {
		return err
	}
	if lastOnly {
		out.keep = cmp.Or(o.max, lastOnTerminal)
	}
	err = conn.Read(ctx, cluster.ReadOptions{Topic: t.Name, Spans: spans, Uncommitted: o.reading.Uncommitted, Follow: o.reading.Follow, Now: d.Now}, out.take)
	if err != nil {
		return err
	}
	out.pinned(t, spans)
	return out.finish()
}
