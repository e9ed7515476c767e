package commands

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/dlt"
)

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

// writeArchive makes an archive, and takes it away again where it could not be written whole: half an archive looks like
// a whole one.
func writeArchive(path string, write func(*dlt.ArchiveWriter) error) error {
	f, err := createPrivate(path)
	if err != nil {
		return err
	}
	w := dlt.NewArchiveWriter(f)
	if err := errors.Join(write(w), w.Close(), f.Sync(), f.Close()); err != nil {
		_ = os.Remove(path)
		return err
	}
	return nil
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
	conn, err := d.dltConn(ctx, func(e dlt.Event) {
		if e.Note != "" {
			d.Log.Warn(e.Note)
			return
		}
		progress.Update(e.Done, e.Total)
	})
	if err != nil {
		return err
	}
	d.Out.Say("weir: exporting exact bytes: nothing is masked")
	var n int64
	write := func(w *dlt.ArchiveWriter) (err error) {
		n, err = conn.Export(ctx, dec, topic, sel, w)
		return err
	}
	if o.out == "-" {
		w := dlt.NewArchiveWriter(d.Out.Out())
		err = errors.Join(write(w), w.Close())
	} else {
		err = writeArchive(o.out, write)
	}
	progress.Done()
	if err != nil {
		return dltFailure("export", topic, err)
	}
	d.Out.Note("%d records written", n)
	return nil
}
