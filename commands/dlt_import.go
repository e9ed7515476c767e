package commands

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/dlt"
	"github.com/weirhq/weir/internal/term"
)

type dltImportOptions struct {
	file    string
	to      string
	confirm confirmation
	format  term.Format
}

func newDLTImport(d *Deps) *cobra.Command {
	o := &dltImportOptions{}
	c := &cobra.Command{
		Use:   "import FILE --to TOPIC",
		Short: "Write an archive into a topic",
		Long: doc(`
			Write the records of an archive into a topic, byte for byte, with their timestamps and, where they exist, their
			partitions. A second import writes everything again. To put records back to their origin, plan and replay.
			A file is read to its end first: where a line does not hold a whole record, as weir dlt export writes it,
			nothing is written. A pipe can be read once only: what stands before such a line is written, and is counted.`),
		Example: doc(`
			# Into a scratch topic of another cluster
			$ weir dlt import orders-dlt.ndjson --to scratch-dlt -C dev`),
		Args: exactly("FILE"),
		RunE: func(c *cobra.Command, args []string) error {
			o.file = args[0]
			switch o.to {
			case "":
				return usage("name it with --to", "no target is named")
			case dlt.JournalTopic:
				return usage("name another with --to", "the target is %s, which only tells what was replayed", o.to)
			}
			return runDLTImport(c.Context(), d, o)
		},
	}
	flagFormat(c, &o.format, term.TextFormat, term.JSON)
	c.Flags().StringVar(&o.to, "to", "", "topic to write to")
	c.Flags().BoolVar(&o.confirm.yes, "yes", false, "do not ask")
	c.Flags().BoolVar(&o.confirm.dryRun, "dry-run", false, "read the archive and say what would be written")
	return c
}

func runDLTImport(ctx context.Context, d *Deps, o *dltImportOptions) error {
	base, err := d.Cluster(ctx)
	if err != nil {
		return err
	}
	o.confirm.profile = base.Profile
	f, err := d.openArchive(o.file)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	conn, err := d.dltConn(ctx, nil)
	if err != nil {
		return err
	}
	if _, err := conn.Spans(ctx, o.to); err != nil {
		return dltFailure("import", o.to, err)
	}
	// A file is read to its end first: a broken line in the middle must not leave half of it in the topic.
	file, again := f.(io.Seeker)
	if again { // a pipe by name can be read once only
		_, err := file.Seek(0, io.SeekCurrent)
		again = err == nil
	}
	var in io.Reader = f
	if !again {
		pipe := interruptible(ctx, f)
		defer func() { _ = pipe.Close() }()
		in = pipe
	}
	if again || o.confirm.dryRun {
		would, err := conn.CheckImport(ctx, in, o.file, o.to)
		if err != nil {
			return dltFailure("import", o.to, err)
		}
		if o.confirm.dryRun {
			return d.Out.Emit(o.format, "dlt_import", would, term.View{Text: func(p *term.Page) {
				p.Line("Would write %s records to %s (dry run).", p.Int(would.Records), o.to)
				viewRemapped(p, would)
			}})
		}
		d.Out.Note("%d records of %s would be written to %s", would.Records, o.file, o.to)
		if would.Remapped > 0 {
			d.Out.Note("%d of them to another partition: theirs does not exist", would.Remapped)
		}
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			return failed(o.file, "", "read archive: %w", err)
		}
	}
	if err := base.Writable("import", o.to); err != nil {
		return err
	}
	if err := d.confirm(ctx, &o.confirm, "import "+o.file+" into "+o.to); err != nil {
		return d.declined(o.format, "dlt_import", &dlt.Imported{Topic: o.to}, err) // of which nothing is written
	}
	log, err := d.auditLog(ctx, base)
	if err != nil {
		return err
	}
	res, err := conn.Import(ctx, in, o.file, o.to)
	if res != nil { // some records may be written even when it failed
		log.Record(ctx, "import records", o.to, nil, map[string]any{"file": o.file, "records": res.Records, "remapped": res.Remapped}, err)
	}
	if err != nil && (res == nil || res.Records == 0) {
		return dltFailure("import", o.to, err)
	}
	if err != nil {
		res.Stopped = new(err.Error())
	}
	if eerr := d.Out.Emit(o.format, "dlt_import", res, viewImported(res)); eerr != nil {
		return eerr
	}
	switch {
	case errors.Is(err, context.Canceled):
		return dltFailure("import", o.to, err)
	case err != nil:
		return errPartial
	}
	return nil
}

func viewImported(res *dlt.Imported) term.View {
	return term.View{Text: func(p *term.Page) {
		if res.Stopped != nil {
			p.Line("%s %s records written to %s, the rest not: %s", p.Mark("fail"), p.Int(res.Records), res.Topic, *res.Stopped)
		} else {
			p.Line("%s %s records written to %s", p.Mark("ok"), p.Int(res.Records), res.Topic)
		}
		viewRemapped(p, res)
	}}
}

func viewRemapped(p *term.Page, res *dlt.Imported) {
	if res.Remapped > 0 {
		p.Line("%s %s of them to another partition: theirs does not exist", p.Mark("warn"), p.Int(res.Remapped))
	}
}
