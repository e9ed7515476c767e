package commands

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/catalog"
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
	fs.StringSliceVar(&o.topics, "topic", nil, "only these topics; patterns with --regex")
	words := make([]string, len(lag.Flavours()))
	for i, f := range lag.Flavours() {
		words[i] = string(f)
	}
	oneOf(fs, &o.compat, "compat", "whose names to use", words...)
	fs.StringVar(&o.listen, "listen", "", "serve /metrics at this address, such as :9309")
	fs.StringVar(&o.file, "file", "", "write to this file, replacing it in one step")
	fs.StringVar(&o.clusterName, "cluster-name", "", "value of the cluster labels (default: the profile's name, else the cluster's id)")
	fs.Var(&o.every, "interval", "time between the collections of --listen (default 30s)")
	fs.BoolVar(&o.noAge, "no-age", false, "leave out time lag, which costs nine requests to each broker")
	o.catalog.bind(fs)
	return c
}

// collector takes readings for export.
type collector struct {
	run     *lagRun
	flavour lag.Flavour
	cluster string
	dlts    []lag.DeadLetterTopic
	errors  int64
}

func runLagExport(ctx context.Context, d *Deps, o *lagExportOptions) error {
	o.by = string(lag.ByPartition)
	run, err := d.newLagRun(ctx, &o.lagOptions)
	if err != nil {
		return err
	}
	k := &collector{run: run, flavour: lag.Flavour(o.compat), cluster: firstOf(o.clusterName, firstOf(run.conn.Profile.Name, run.conn.ClusterID))}
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
		if err := replaceFile(o.file, text); err != nil {
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

// collect takes one reading and renders it.
func (k *collector) collect(ctx context.Context) (text []byte, complete bool, err error) {
	began := k.run.d.Now()
	query, opts := k.run.query, k.run.opts
	query.History, opts.History = k.run.history, k.run.history
	s, err := k.run.reader.Read(ctx, query)
	if err != nil {
		return nil, false, lagFailure("read lag", "", err)
	}
	e := &lag.Exposition{Flavour: k.flavour, Cluster: k.cluster, Snapshot: s, Report: lag.Compute(s, opts)}
	if err := denied(e.Report); err != nil {
		return nil, false, err
	}
	failures := e.Report.Errors()
	switch k.flavour {
	case lag.KafkaExporter, lag.KMinion:
		inv, cov, err := k.run.reader.Inventory(ctx)
		if err != nil {
			return nil, false, lagFailure("read topics", "", err)
		}
		e.Inventory = inv
		failures += int64(len(cov.Failures))
	case lag.Native:
		n, err := k.depths(ctx, e)
		if err != nil {
			return nil, false, err
		}
		failures += n
	case lag.Burrow:
	}
	k.errors += failures
	e.Errors, e.Now = k.errors, k.run.d.Now()
	e.Took = e.Now.Sub(began)
	text, err = render(e)
	return text, failures == 0, err
}

func (k *collector) depths(ctx context.Context, e *lag.Exposition) (failures int64, err error) {
	if len(k.dlts) == 0 {
		return 0, nil
	}
	names := make([]string, len(k.dlts))
	for i, t := range k.dlts {
		names[i] = t.Topic
	}
	slices.Sort(names)
	depths, err := k.run.reader.Depths(ctx, slices.Compact(names))
	if err != nil {
		return 0, lagFailure("read dead-letter topics", "", err)
	}
	for _, t := range k.dlts {
		d, ok := depths[t.Topic]
		if !ok {
			continue // declared and not there: nothing has died yet, or the plan was not applied
		}
		if d.Records == nil {
			failures++
		}
		d.Group = t.Group
		e.Depths = append(e.Depths, d)
	}
	return failures, nil
}

func render(e *lag.Exposition) ([]byte, error) {
	var b bytes.Buffer
	if err := e.Write(&b); err != nil {
		return nil, failed("", "", "%w", err)
	}
	return b.Bytes(), nil
}

// deadLetterTopics are those that the catalog declares, each with its consumers.
func deadLetterTopics(cat *catalog.Catalog) []lag.DeadLetterTopic {
	seen := map[lag.DeadLetterTopic]bool{}
	var out []lag.DeadLetterTopic
	for et, op := range cat.DeadLetters() {
		owner := cat.Owner(et.Topic).V.Team
		groups := op.Group.V.Names
		if len(groups) == 0 {
			groups = []string{""}
		}
		for _, g := range groups {
			t := lag.DeadLetterTopic{Topic: et.Topic, Group: g, Owner: owner}
			if et.Topic != "" && !seen[t] {
				seen[t] = true
				out = append(out, t)
			}
		}
	}
	return out
}

// serve collects in the background and answers scrapes from memory.
func (k *collector) serve(ctx context.Context, o *lagExportOptions) error {
	if o.every.d == 0 {
		o.every.d = 30 * time.Second
	}
	k.run.history = lag.NewHistory()
	var mu sync.RWMutex
	text, _, err := k.collect(ctx) // what can never work is said at once
	if err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.listen)
	if err != nil {
		return usage("choose another address with --listen", "serve metrics: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		mu.RLock()
		defer mu.RUnlock()
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		_, _ = w.Write(text)
	})
	const slow = 10 * time.Second
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: slow, WriteTimeout: 3 * slow, IdleTimeout: 6 * slow}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	k.run.d.Log.Warn("serving http://" + l.Addr().String() + "/metrics")
	defer func() { _ = srv.Close() }()
	tick := time.NewTicker(o.every.d)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case err := <-served:
			return failed(o.listen, "", "serve metrics: %w", err)
		case <-tick.C:
		}
		next, _, err := k.collect(ctx)
		if err != nil {
			if errors.Is(err, context.Canceled) || !passing(err) {
				return err
			}
			// Old samples would look like fresh ones: what is unknown has none.
			k.run.d.Log.Warn(err.Error())
			k.errors++
			e := &lag.Exposition{Flavour: k.flavour, Cluster: k.cluster, Report: &lag.Report{}, Errors: k.errors, Now: k.run.d.Now()}
			if next, err = render(e); err != nil {
				return err
			}
		}
		mu.Lock()
		text = next
		mu.Unlock()
	}
}

// replaceFile writes beside the file and renames, so that a collector never reads half.
func replaceFile(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = io.Copy(f, bytes.NewReader(b))
	if e := f.Chmod(0o644); err == nil { // the collector runs as another user
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
