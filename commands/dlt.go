package commands

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"math"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/dlt"
)

func newDLT(d *Deps) *cobra.Command {
	return noun(d, "dlt", "Read dead letters and put them back exactly once", Recover, []string{"dlts"},
		newDLTList, newDLTInspect, newDLTShow, newDLTWatch, newDLTPlan, newDLTReplay, newDLTResume,
		newDLTAbort, newDLTDiscard, newDLTPurge, newDLTExport, newDLTImport)
}

// dltDecoder knows the built-in dialects and those of weir.yaml.
func (d *Deps) dltDecoder() (*dlt.Decoder, error) {
	cfg, err := d.Config()
	if err != nil {
		return nil, err
	}
	var profiles []dlt.Profile
	file, node, err := cfg.Dialects(&profiles)
	if err != nil {
		return nil, err
	}
	for i, p := range profiles {
		if err := p.Check(); err != nil {
			return nil, usage("see Your own headers in docs/dlt-runbook.md", "%s:%d:%d: %v", file.Path, node.Content[i].Line, node.Content[i].Column, err)
		}
	}
	dec, err := dlt.NewDecoder(d.Now, profiles...)
	if err != nil {
		return nil, usage("dlt.dialects in "+file.Path, "%v", err)
	}
	return dec, nil
}

// holdMemory makes the collector work harder when the program holds so many bytes. Left alone it lets the heap double,
// and the commands that read millions of records promise little memory. It is undone by what it returns; where
// GOMEMLIMIT is set, that stays.
func holdMemory(bytes int64) (undo func()) {
	if debug.SetMemoryLimit(-1) != math.MaxInt64 {
		return func() {}
	}
	debug.SetMemoryLimit(bytes)
	return func() { debug.SetMemoryLimit(math.MaxInt64) }
}

// openArchive opens an NDJSON archive; "-" is standard input.
func (d *Deps) openArchive(path string) (io.ReadCloser, error) {
	if path == "-" {
		return io.NopCloser(d.Out.In()), nil
	}
	f, err := os.Open(path) // #nosec G304 -- the user names the file
	if errors.Is(err, fs.ErrNotExist) {
		return nil, usage("write one with weir dlt export", "read archive %s: there is no such file", path)
	}
	if err != nil {
		return nil, failed(path, "", "read archive: %w", err)
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		_ = f.Close()
		return nil, usage("name the file in it", "read archive %s: it is a folder", path)
	}
	return f, nil
}

// interruptible reads what r gives until ctx ends, also while r keeps the reader waiting: a read of standard input cannot
// be interrupted, a pipe behind it can.
func interruptible(ctx context.Context, r io.Reader) io.ReadCloser {
	in, out := io.Pipe()
	context.AfterFunc(ctx, func() { _ = out.CloseWithError(ctx.Err()) })
	go func() {
		_, err := io.Copy(out, r)
		_ = out.CloseWithError(err)
	}()
	return in
}

// archived are the records of an archive. It ends with ctx, also while standard input keeps it waiting.
func (d *Deps) archived(ctx context.Context, path string) iter.Seq2[*dlt.Record, error] {
	return func(yield func(*dlt.Record, error) bool) {
		f, err := d.openArchive(path)
		if err != nil {
			yield(nil, err)
			return
		}
		defer func() { _ = f.Close() }()
		in := interruptible(ctx, f)
		defer func() { _ = in.Close() }()
		for rec, err := range dlt.ReadArchive(in, path) {
			switch {
			case ctx.Err() != nil:
				yield(nil, ctx.Err())
				return
			case err != nil:
				yield(nil, badArchive(err))
				return
			case !yield(rec, nil):
				return
			}
		}
	}
}

// badArchive is an error of an archive as a command ends with it.
func badArchive(err error) error {
	if _, ok := errors.AsType[*dlt.ArchiveError](err); ok {
		return err
	}
	return failed("", "", "%w", err)
}

// dltConn is the cluster as package dlt wants it.
func (d *Deps) dltConn(ctx context.Context, events func(dlt.Event)) (*dlt.Conn, error) {
	conn, err := d.Cluster(ctx)
	if err != nil {
		return nil, err
	}
	return &dlt.Conn{
		Admin: conn.Admin, Now: d.Now, Events: events,
		Client: func(opts ...kgo.Opt) (*kgo.Client, error) { return conn.NewClient(opts...) },
	}, nil
}
