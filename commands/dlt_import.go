package commands

import (
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/dlt"
	"github.com/weirhq/weir/internal/term"
)

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
			log, err := d.auditLog(ctx, base)
			if err != nil {
				return err
			}
			res, err := conn.Import(ctx, f, args[0], to)
			if res != nil { // some records may be written even when it failed
				err = errors.Join(err, log.Record(ctx, "import records", to, nil, map[string]any{"file": args[0], "records": res.Records, "remapped": res.Remapped}, err))
			}
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
