package commands

import (
	"cmp"
	"context"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/internal/safetext"
	"github.com/weirhq/weir/lag"
)

type lagExportOptions struct {
	lagOptions
	compat      string
	listen      string
	file        string
	clusterName string
	every       span
}

func newLagExport(d *Deps) *cobra.Command {
	o := &lagExportOptions{}
	c := &cobra.Command{
		Use:   "export [GROUP...]",
		Short: "Write lag as Prometheus metrics, once or as a server",
		Long: doc(`
			Write the lag of groups in the text format of Prometheus. Without --listen once, for the
			textfile collector; with --listen a server, which collects in the background and never while
			it is scraped, so that STALLED and REWIND are seen too.

			The names are those of kafka-lag-exporter, with what weir knows beyond; --compat takes those of
			another exporter. What could not be read has no sample and raises weir_collect_errors_total.
			Seconds are the proved lower bound of the age. Depth and age of the catalog's dead-letter topics
			are among the native names. Nothing is written to the cluster.`),
		Example: doc(`
			# For the textfile collector of the node exporter
			$ weir lag export --file /var/lib/node_exporter/kafka_lag.prom

			# A server, with the names that the dashboards know already
			$ weir lag export --listen :9309 --compat kminion`),
		Args:              cobra.ArbitraryArgs,
		Annotations:       map[string]string{Next: "weir lag rules > alerts.yaml", ExitCodes: "4  something could not be read"},
		ValidArgsFunction: d.completeGroups(true),
		RunE: func(c *cobra.Command, args []string) error {
			o.names = args
			if err := oneFlag(c, false, "listen", "file"); err != nil {
				return err
			}
			return runLagExport(c.Context(), d, o)
		},
	}
	fs := c.Flags()
	fs.BoolVar(&o.regex, "regex", false, "names are patterns that match whole names")
	lines(fs, &o.topics, "topic", "only this `topic`, repeatable; a pattern with --regex")
	words := make([]string, len(lag.Flavours()))
	for i, f := range lag.Flavours() {
		words[i] = string(f)
	}
	OneOf(fs, &o.compat, "compat", "whose names to use", words...)
	fs.StringVar(&o.listen, "listen", "", "serve /metrics at this address, such as :9309")
	fs.StringVar(&o.file, "file", "", "write to this file, replacing it in one step")
	fs.StringVar(&o.clusterName, "cluster-name", "", "value of the cluster labels (default: the profile's name, else the cluster's id)")
	fs.Var(&o.every, "interval", "time between the collections of --listen (default 30s)")
	fs.BoolVar(&o.noAge, "no-age", false, "leave out time lag, which costs nine requests to each broker")
	o.catalog.bind(fs)
	return c
}

func runLagExport(ctx context.Context, d *Deps, o *lagExportOptions) error {
	o.by = string(lag.ByPartition)
	run, err := d.newLagRun(ctx, &o.lagOptions)
	if err != nil {
		return err
	}
	k := &collector{run: run, flavour: lag.Flavour(o.compat), cluster: cmp.Or(o.clusterName, cmp.Or(run.conn.Profile.Name, run.conn.ClusterID))}
	if run.catalog != nil {
		k.dlts = deadLetterTopics(run.catalog)
	}
	if o.listen != "" {
		return k.serve(ctx, o)
	}
	text, complete, err := k.collect(ctx)
	if err != nil {
		return err
	}
	if o.file != "" {
		if err := replaceFile(o.file, text, 0o644); err != nil { // the collector runs as another user
			return failed(o.file, "", "write metrics: %w", err)
		}
	} else if _, err := d.Out.Out().Write(shownMetrics(d.Out.OutTTY, text)); err != nil {
		return err
	}
	if !complete {
		return errPartial
	}
	return nil
}

// replaceFile writes beside the file and renames, so that nobody ever reads half. A pipe or a device is written to: it
// must stay one.
func replaceFile(path string, b []byte, mode fs.FileMode) error {
	if target, err := filepath.EvalSymlinks(path); err == nil { // a link stays one, too
		path = target
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return os.WriteFile(filepath.Clean(path), b, mode)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.Write(b)
	if e := f.Chmod(mode); err == nil {
		err = e
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// shownMetrics is the text for standard output. The format has no escape for control
// characters, so programs get labels as they are, and a terminal gets them harmless.
func shownMetrics(tty bool, text []byte) []byte {
	if !tty {
		return text
	}
	return []byte(safetext.NeutraliseLines(string(text)))
}
