package commands

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/dlt"
	"github.com/weirhq/weir/internal/term"
)

type dltShowOptions struct {
	topic     string
	partition int32
	offset    int64
	from      string
	unmask    bool
	format    term.Format
}

func newDLTShow(d *Deps) *cobra.Command {
	o := &dltShowOptions{}
	c := &cobra.Command{
		Use:   "show [TOPIC PARTITION@OFFSET]",
		Short: "Show one dead letter whole",
		Long: doc(`
			Show one dead letter: where it came from, why and how often it died, its headers and its payload.
			With --from the records of an archive are shown instead, all of them, in order, without a cluster.
			Where the catalog knows the topic a record came from, the payload is decoded, checked against it, and fields
			marked x-pii are masked; the schema registry of weir.yaml helps to decode, but not with --from.
			Nothing is written. What a record does not tell is unknown (null), never zero.`),
		Example: doc(`
			# The third record of partition 0
			$ weir dlt show orders-dlt 0@2

			# Everything an archive tells, one JSON line a record
			$ weir dlt show --from letters.ndjson -o json`),
		Annotations:       map[string]string{Next: "weir dlt plan TOPIC --offsets P:A-B --out plan.json"},
		ValidArgsFunction: d.completeTopics(false),
		Args: func(c *cobra.Command, args []string) error {
			if o.from != "" {
				return none(c, args)
			}
			return exactly("TOPIC", "PARTITION@OFFSET")(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error {
			if o.from != "" {
				return runDLTShowFrom(c.Context(), d, o)
			}
			o.topic = args[0]
			if err := o.parse(args[1]); err != nil {
				return err
			}
			return runDLTShow(c.Context(), d, o)
		},
	}
	flagFormat(c, &o.format, term.TextFormat, term.JSON)
	c.Flags().BoolVar(&o.unmask, "unmask", false, "show fields that the catalog marks as personal data")
	c.Flags().StringVar(&o.from, "from", "", "read this archive instead of a cluster; - is standard input")
	return c
}

func (o *dltShowOptions) parse(at string) error {
	p, off, ok := strings.Cut(at, "@")
	partition, err1 := strconv.ParseInt(p, 10, 32)
	offset, err2 := strconv.ParseInt(off, 10, 64)
	if !ok || err1 != nil || err2 != nil || partition < 0 || offset < 0 {
		return usage("write it as 0@42", "%q is not PARTITION@OFFSET", at)
	}
	o.partition, o.offset = int32(partition), offset
	return nil
}

func runDLTShowFrom(ctx context.Context, d *Deps, o *dltShowOptions) error {
	dec, err := d.dltDecoder()
	if err != nil {
		return err
	}
	reader, line := dlt.NewReader(dec), d.Out.Lines()
	payloads := newPayloads(ctx, d.quietCatalog(ctx), o.unmask)
	for rec, err := range d.archived(ctx, o.from) {
		if err != nil {
			return err
		}
		shown := reader.Show(rec)
		payloads.apply(shown)
		if o.format == term.JSON {
			err = line(shown)
		} else {
			err = d.Out.Print(func(p *term.Page) { viewDeadLetter(p, shown); p.Line("") })
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func runDLTShow(ctx context.Context, d *Deps, o *dltShowOptions) error {
	dec, err := d.dltDecoder()
	if err != nil {
		return err
	}
	conn, err := d.dltConn(ctx, nil)
	if err != nil {
		return err
	}
	found, err := conn.At(ctx, o.topic, o.partition, o.offset)
	if err != nil {
		if gone, ok := errors.AsType[*dlt.NoRecordError](err); ok {
			return failed(o.topic, gone.Hint, "%v", err)
		}
		return dltFailure("read dead letter", o.topic, err)
	}
	shown := dlt.NewReader(dec).Show(found)
	cat := d.quietCatalog(ctx)
	payloads := newPayloads(ctx, cat, o.unmask)
	payloads.open = func(topic string) *decoder {
		dec, err := newDecoder(ctx, d, cat, topic, "")
		if err != nil {
			d.Log.Warn("the schema registry is left out: " + err.Error())
			return catalogDecoder(ctx, cat, topic)
		}
		return dec
	}
	payloads.apply(shown)
	if o.format == term.JSON {
		return d.Out.Lines()(shown)
	}
	return d.Out.Print(func(p *term.Page) { viewDeadLetter(p, shown) })
}
