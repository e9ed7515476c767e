package commands

import (
	"context"
	"errors"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/lag"
)

// lagRun is what the readings of one command have in common.
type lagRun struct {
	d       *Deps
	conn    *cluster.Conn
	reader  *lag.Reader
	query   lag.Query
	opts    lag.Options
	catalog *catalog.Catalog // nil without one
	quiet   bool             // no progress bar: a live screen is in its place
	missing error            // a topic that was named does not exist
	// history is nil until more than one reading is taken.
	history *lag.History
}

func (d *Deps) newLagRun(ctx context.Context, o *lagOptions) (*lagRun, error) {
	groups, err := cluster.NewNameFilter(o.names, o.regex)
	if err != nil {
		return nil, err
	}
	o.topics = topicNames(o.topics, o.regex)
	topics, err := cluster.NewNameFilter(o.topics, o.regex)
	if err != nil {
		return nil, err
	}
	cat, err := d.lagCatalog(ctx, o)
	if err != nil {
		return nil, err
	}
	conn, err := d.Cluster(ctx)
	if err != nil {
		return nil, err
	}
	r := &lagRun{d: d, conn: conn, catalog: cat, reader: &lag.Reader{Client: conn.Client, Now: d.Now}}
	if len(o.names) > 0 && !o.regex {
		r.query.Groups = o.names
	} else {
		r.query.Match = groups.Match
	}
	if len(o.topics) > 0 {
		if err := otherTopics(ctx, conn, cat, o); err != nil {
			return nil, err
		}
		r.query.Topic = topics.Match
		if !o.regex {
			r.query.Named = o.topics
			r.missing = missingTopic(ctx, conn, "read lag", o.topics)
		}
	}
	r.query.Settings, r.query.Exact, r.query.Prove = true, o.exact, true
	r.opts = lag.Options{
		By: lag.By(o.by), Assume: assumption(o.assume), ClusterID: conn.ClusterID, Limits: o.limits,
		Narrowed: len(o.topics) > 0 || o.regex && len(o.names) > 0,
	}
	if cat != nil {
		bindCatalog(&r.opts, cat)
	}
	if !o.noAge {
		r.query.Ladder = slices.Concat(lag.DefaultLadder(), o.limits.Ages(), objectiveAges(cat))
	}
	return r, nil
}

// read takes one reading in chunks.
func (r *lagRun) read(ctx context.Context) (*lag.Report, error) {
	opts, query := r.opts, r.query
	opts.History, query.History = r.history, r.history
	b := lag.NewBuilder(opts)
	if !r.quiet {
		progress := r.d.Out.Progress("groups", r.d.Now)
		defer progress.Done()
		r.reader.Progress = func(e lag.Event) { progress.Update(int64(e.Done), int64(e.Total)) }
	}
	cov, err := r.reader.Each(ctx, query, func(s *lag.Snapshot) error {
		b.Add(s)
		return nil
	})
	if err != nil {
		return nil, lagFailure("read lag", "", err)
	}
	rep := b.Report(cov)
	if r.missing != nil && rep.Total.Deleted == 0 {
		return nil, r.missing
	}
	return rep, denied(rep)
}

// missingTopic is the error of a named topic that does not exist: a name that is spelt
// wrong must not pass a gate. Commits of a group on a topic that was deleted still count.
func missingTopic(ctx context.Context, conn *cluster.Conn, op string, names []string) error {
	_, err := conn.SelectTopics(ctx, op, names, false)
	if e, ok := errors.AsType[*cluster.Error](err); ok && e.Class == cluster.NotFound {
		return err
	}
	return nil
}

// denied is the error of a report in which every group was refused.
func denied(rep *lag.Report) error {
	if len(rep.Groups) == 0 {
		return nil
	}
	for i := range rep.Groups {
		if g := &rep.Groups[i]; g.Error == nil || *g.Error != kerr.GroupAuthorizationFailed.Message {
			return nil
		}
	}
	return cluster.Denied("read lag", rep.Groups[0].Group, "DESCRIBE", "Group", kerr.GroupAuthorizationFailed)
}

// lagFailure gives an error of package lag its class, unless it has one.
func lagFailure(op, subject string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[coded](err); ok {
		return err
	}
	if te, ok := errors.AsType[*lag.TopicError](err); ok {
		return cluster.Classify(te.Op, te.Topic, te.Err)
	}
	return cluster.Classify(op, subject, err)
}
