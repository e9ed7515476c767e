package commands

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/weirhq/weir/lag"
)

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
	k.run.d.Out.Note("Serving http://%s/metrics", l.Addr())
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
