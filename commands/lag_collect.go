package commands

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/weirhq/weir/dlt"
	"github.com/weirhq/weir/lag"
)

// collector takes readings for export.
type collector struct {
	run     *lagRun
	flavour lag.Flavour
	cluster string
	dlts    []lag.DeadLetterTopic
	errors  int64
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
	names = slices.Compact(names)
	depths, err := k.run.reader.Depths(ctx, names)
	if err != nil {
		return 0, lagFailure("read dead-letter topics", "", err)
	}
	pending, err := k.pending(ctx, names)
	if err != nil {
		k.run.d.Log.Warn("unresolved dead letters are not known: " + err.Error())
		failures++
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
		if n, ok := pending[t.Topic]; ok {
			d.Pending = &n
		}
		e.Depths = append(e.Depths, d)
	}
	return failures, nil
}

// pending asks the replay journal what became of dead letters. Without a journal that is
// simply not known, which is no failure.
func (k *collector) pending(ctx context.Context, topics []string) (map[string]int64, error) {
	const enough = 10 * time.Second // a journal held by an open transaction is for the next collection
	ctx, cancel := context.WithTimeout(ctx, enough)
	defer cancel()
	conn, err := k.run.d.dltConn(ctx, nil)
	if err != nil {
		return nil, err
	}
	n, err := conn.Pending(ctx, topics...)
	if errors.Is(err, dlt.ErrNoJournal) {
		return nil, nil
	}
	return n, err
}

func render(e *lag.Exposition) ([]byte, error) {
	var b bytes.Buffer
	if err := e.Write(&b); err != nil {
		return nil, failed("", "", "%w", err)
	}
	return b.Bytes(), nil
}
