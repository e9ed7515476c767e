package commands

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/dlt"
	"github.com/weirhq/weir/internal/term"
)

func jsonLine(v any) (io.Reader, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return bytes.NewReader(append(b, '\n')), nil
}

type dltDiscardOptions struct {
	sel     selectFlags
	reason  string
	confirm confirmation
	format  term.Format
}

func newDLTDiscard(d *Deps) *cobra.Command {
	o := &dltDiscardOptions{}
	c := &cobra.Command{
		Use:   "discard TOPIC --reason TEXT",
		Short: "Note that dead letters are not to be replayed",
		Long: doc(`
			Write down that dead letters are handled without a replay, and why. They count as resolved from then on and
			stay in the topic until a purge. Nothing is deleted.`),
		Example: doc(`
			# Test data of one producer
			$ weir dlt discard orders-dlt --origin orders.test --reason "load test of 12 May"`),
		Annotations:       map[string]string{Next: "weir dlt purge TOPIC"},
		Args:              exactly("TOPIC"),
		ValidArgsFunction: d.completeTopics(false),
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case o.reason == "":
				return usage("say why with --reason", "no reason is given")
			case !o.sel.any():
				return usage("name them with --cause, --offsets, --where, ...", "no selection is given")
			}
			return runDLTDiscard(c.Context(), d, args[0], o)
		},
	}
	flagFormat(c, &o.format, term.TextFormat, term.JSON)
	o.sel.bind(c.Flags())
	c.Flags().StringVar(&o.reason, "reason", "", "why, for whoever looks at the journal")
	c.Flags().BoolVar(&o.confirm.yes, "yes", false, "do not ask")
	c.Flags().BoolVar(&o.confirm.dryRun, "dry-run", false, "show what would be done")
	return c
}

func runDLTDiscard(ctx context.Context, d *Deps, topic string, o *dltDiscardOptions) error {
	dec, err := d.dltDecoder()
	if err != nil {
		return err
	}
	sel, err := o.sel.selection(d.Now())
	if err != nil {
		return err
	}
	base, err := d.Cluster(ctx)
	if err != nil {
		return err
	}
	o.confirm.profile = base.Profile
	if !o.confirm.dryRun {
		if err := base.Writable("discard dead letters", topic); err != nil {
			return err
		}
	}
	conn, err := d.dltConn(ctx, nil)
	if err != nil {
		return err
	}
	id, offsets, n, err := conn.Select(ctx, dec, topic, sel)
	if err != nil {
		return dltFailure("discard", topic, err)
	}
	res := &dlt.DiscardResult{Job: newID("discard-", d.Now()), Topic: topic, Reason: o.reason, Records: n, Offsets: offsets}
	view := func(done bool) term.View {
		return term.View{Text: func(p *term.Page) {
			switch {
			case n == 0:
				p.Line("Nothing is selected that was not handled already.")
			case done:
				p.Line("%s %s dead letters of %s discarded: %s", p.Mark("ok"), p.Int(n), topic, o.reason)
			default:
				p.Line("Would discard %s dead letters of %s (dry run).", p.Int(n), topic)
			}
		}}
	}
	if n == 0 || o.confirm.dryRun {
		return d.Out.Emit(o.format, "dlt_discard", res, view(false))
	}
	d.Out.Note("%d dead letters of %s are selected", n, topic)
	if err := d.confirm(ctx, &o.confirm, "discard dead letters of "+topic); err != nil {
		return err
	}
	if err := conn.EnsureJournal(ctx); err != nil {
		return dltFailure("discard", topic, err)
	}
	if _, err := conn.Discard(ctx, res.Job, newID("s-", d.Now()), d.operator(), topic, id, o.reason, offsets); err != nil {
		return dltFailure("discard", topic, err)
	}
	return d.Out.Emit(o.format, "dlt_discard", res, view(true))
}

type dltPurgeOptions struct {
	archive string
	confirm confirmation
	format  term.Format
}

func newDLTPurge(d *Deps) *cobra.Command {
	o := &dltPurgeOptions{}
	c := &cobra.Command{
		Use:   "purge TOPIC --archive FILE",
		Short: "Remove dead letters that are handled, after archiving them",
		Long: doc(`
			Remove, in each partition, the records before the first one that was neither replayed nor discarded. They are
			written to the archive first, whole. A log can only be cut at its front, so a handled record behind an
			unhandled one stays. This cannot be undone; dlt import writes an archive back as new records.`),
		Example: doc(`
			# What would go?
			$ weir dlt purge orders-dlt --archive orders-dlt.ndjson --dry-run

			# In a script
			$ weir dlt purge orders-dlt --archive orders-dlt.ndjson --confirm orders-dlt`),
		Annotations:       map[string]string{Next: "weir dlt list"},
		Args:              exactly("TOPIC"),
		ValidArgsFunction: d.completeTopics(false),
		RunE: func(c *cobra.Command, args []string) error {
			if o.archive == "" && !o.confirm.dryRun {
				return usage("name a file with --archive", "no archive is named")
			}
			return runDLTPurge(c.Context(), d, args[0], o)
		},
	}
	flagFormat(c, &o.format, term.TextFormat, term.JSON)
	c.Flags().StringVar(&o.archive, "archive", "", "file for the records, made with mode 0600; it must not exist")
	c.Flags().StringArrayVar(&o.confirm.names, "confirm", nil, "the topic's name, instead of typing it")
	c.Flags().BoolVar(&o.confirm.dryRun, "dry-run", false, "show what would be done")
	return c
}

func runDLTPurge(ctx context.Context, d *Deps, topic string, o *dltPurgeOptions) error {
	base, err := d.Cluster(ctx)
	if err != nil {
		return err
	}
	o.confirm.profile = base.Profile
	if !o.confirm.dryRun {
		if err := base.Writable("purge dead letters", topic); err != nil {
			return err
		}
	}
	conn, err := d.dltConn(ctx, nil)
	if err != nil {
		return err
	}
	plan, err := conn.PlanPurge(ctx, topic)
	if err != nil {
		return dltFailure("purge", topic, err)
	}
	plan.Archive = o.archive
	view := term.View{Text: func(p *term.Page) { viewPurge(p, plan, o.confirm.dryRun) }}
	if plan.Records == 0 || o.confirm.dryRun {
		return d.Out.Emit(o.format, "dlt_purge", plan, view)
	}
	d.Out.Note("%d dead letters of %s are handled and can go, %d stay", plan.Records, topic, plan.Remaining)
	if err := d.confirm(ctx, &o.confirm, "purge "+topic, topic); err != nil {
		if o.format == term.JSON {
			if perr := d.Out.Emit(o.format, "dlt_purge", plan, view); perr != nil {
				return perr
			}
		}
		return err
	}
	f, err := createPrivate(o.archive)
	if err != nil {
		return err
	}
	w := dlt.NewArchiveWriter(f)
	err = errors.Join(conn.Archive(ctx, plan, w), w.Close(), f.Sync(), f.Close())
	if err != nil {
		return d.gated(o.format, dltFailure("archive", topic, err))
	}
	if err := conn.Purge(ctx, plan); err != nil {
		return d.gated(o.format, dltFailure("purge", topic, err))
	}
	return d.Out.Emit(o.format, "dlt_purge", plan, view)
}

func viewPurge(p *term.Page, plan *dlt.PurgePlan, dryRun bool) {
	for _, r := range plan.Ranges {
		p.Line("  partition %d: %s records, offsets %d to %d", r.Partition, p.Int(r.Records), r.Start, r.End-1)
	}
	switch {
	case plan.Records == 0:
		p.Line("Nothing at the front of %s is handled: nothing can go.", plan.Topic)
	case dryRun:
		p.Line("Would remove %s records, %s stay (dry run).", p.Int(plan.Records), p.Int(plan.Remaining))
	default:
		p.Line("%s %s records removed, %s stay; archive in %s", p.Mark("ok"), p.Int(plan.Records), p.Int(plan.Remaining), plan.Archive)
	}
}

// createPrivate makes a file that only its owner may read, for payloads may hold anything. It never overwrites.
func createPrivate(path string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Clean(path), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, usage("name another file", "%s exists already", path)
	}
	if err != nil {
		return nil, failed(path, "", "write archive: %w", err)
	}
	return f, nil
}

type dltExportOptions struct {
	sel selectFlags
	out string
}

func newDLTExport(d *Deps) *cobra.Command {
	o := &dltExportOptions{}
	c := &cobra.Command{
		Use:   "export TOPIC [--out FILE]",
		Short: "Write dead letters to an archive, byte for byte",
		Long: doc(`
			Write dead letters as NDJSON, with every byte: null and empty apart, headers in order with repeats. Nothing is
			masked, whatever the catalog calls personal data, and standard error says so. Files get mode 0600.`),
		Example: doc(`
			# Take them along
			$ weir dlt export orders-dlt --out orders-dlt.ndjson

			# One cause, through a pipe
			$ weir dlt export orders-dlt --cause 6a05245b | gzip > letters.gz`),
		Annotations:       map[string]string{Next: "weir dlt inspect --from FILE"},
		Args:              exactly("TOPIC"),
		ValidArgsFunction: d.completeTopics(false),
		RunE: func(c *cobra.Command, args []string) error {
			return runDLTExport(c.Context(), d, args[0], o)
		},
	}
	o.sel.bind(c.Flags())
	c.Flags().StringVar(&o.out, "out", "-", "file to write, - is standard output")
	return c
}

func runDLTExport(ctx context.Context, d *Deps, topic string, o *dltExportOptions) error {
	dec, err := d.dltDecoder()
	if err != nil {
		return err
	}
	sel, err := o.sel.selection(d.Now())
	if err != nil {
		return err
	}
	progress := d.Out.Progress("exporting "+topic, d.Now)
	conn, err := d.dltConn(ctx, func(e dlt.Event) { progress.Update(e.Done, e.Total) })
	if err != nil {
		return err
	}
	d.Out.Say("weir: exporting exact bytes: nothing is masked")
	to := d.Out.Out()
	var f *os.File
	if o.out != "-" {
		if f, err = createPrivate(o.out); err != nil {
			return err
		}
		to = f
	}
	w := dlt.NewArchiveWriter(to)
	n, err := conn.Export(ctx, dec, topic, sel, w)
	err = errors.Join(err, w.Close())
	if f != nil {
		err = errors.Join(err, f.Close())
	}
	progress.Done()
	if err != nil {
		return dltFailure("export", topic, err)
	}
	d.Out.Note("%d records written", n)
	return nil
}

func newDLTImport(d *Deps) *cobra.Command {
	var format term.Format
	var to string
	var confirm confirmation
	c := &cobra.Command{
		Use:   "import FILE --to TOPIC",
		Short: "Write an archive into a topic",
		Long: doc(`
			Write the records of an archive into a topic, byte for byte, with their timestamps and, where they exist, their
			partitions. A second import writes everything again. To put records back to their origin, plan and replay.`),
		Example: doc(`
			# Into a scratch topic of another cluster
			$ weir dlt import orders-dlt.ndjson --to scratch-dlt -C dev`),
		Args: exactly("FILE"),
		RunE: func(c *cobra.Command, args []string) error {
			ctx := c.Context()
			if to == "" {
				return usage("name it with --to", "no target is named")
			}
			base, err := d.Cluster(ctx)
			if err != nil {
				return err
			}
			confirm.profile = base.Profile
			f, err := d.openArchive(args[0])
			if err != nil {
				return err
			}
			defer func() { _ = f.Close() }()
			if confirm.dryRun {
				return importDryRun(d, f, args[0], to, format)
			}
			if err := base.Writable("import", to); err != nil {
				return err
			}
			if err := d.confirm(ctx, &confirm, "import "+args[0]+" into "+to); err != nil {
				return err
			}
			conn, err := d.dltConn(ctx, nil)
			if err != nil {
				return err
			}
			res, err := conn.Import(ctx, f, args[0], to)
			if err != nil {
				return dltFailure("import", to, err)
			}
			return d.Out.Emit(format, "dlt_import", res, term.View{Text: func(p *term.Page) {
				p.Line("%s %s records written to %s", p.Mark("ok"), p.Int(res.Records), to)
				if res.Remapped > 0 {
					p.Line("%s %s of them to another partition: theirs does not exist", p.Mark("warn"), p.Int(res.Remapped))
				}
			}})
		},
	}
	flagFormat(c, &format, term.TextFormat, term.JSON)
	c.Flags().StringVar(&to, "to", "", "topic to write to")
	c.Flags().BoolVar(&confirm.yes, "yes", false, "do not ask")
	c.Flags().BoolVar(&confirm.dryRun, "dry-run", false, "read the archive and say what would be written")
	return c
}

func importDryRun(d *Deps, f io.Reader, name, to string, format term.Format) error {
	var n int64
	for _, err := range dlt.ReadArchive(f, name) {
		if err != nil {
			return usage("", "%v", err)
		}
		n++
	}
	return d.Out.Emit(format, "dlt_import", &dlt.Imported{Topic: to, Records: n}, term.View{Text: func(p *term.Page) {
		p.Line("Would write %s records to %s (dry run).", p.Int(n), to)
	}})
}
