package commands

import (
	"context"
	"errors"
	"fmt"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/internal/term"
)

// aclWrite is a change on its way: shown, confirmed, written, recorded and told.
type aclWrite struct {
	kind, verb, done string
	change           *cluster.ACLChange
	conn             *cluster.Conn
	o                *aclChangeOptions
	write            func(context.Context, *cluster.ACLChange) error
}

type aclChangeReport struct {
	DryRun bool `json:"dry_run"`
	*cluster.ACLChange
	Summary aclSummary `json:"summary"`
}

type aclSummary struct {
	Planned  int `json:"planned"`
	Done     int `json:"done"`
	Existing int `json:"existing"`
	Absent   int `json:"absent"`
	Failed   int `json:"failed"`
	NotTried int `json:"not_tried"`
}

func (w *aclWrite) run(ctx context.Context, d *Deps, ask bool) error {
	if w.o.dryRun || w.change.Pending() == 0 {
		return w.emit(d)
	}
	what := fmt.Sprintf("%s %s", w.verb, plural(w.change.Pending(), "row"))
	if err := w.conn.Writable("alter acls", ""); err != nil {
		return err
	}
	w.o.profile = w.conn.Profile
	shown := false
	if ask || w.conn.Profile.Protected {
		if d.Out.Interactive() && w.o.format == term.TextFormat {
			if err := w.emit(d); err != nil {
				return err
			}
			shown = true
		}
		if err := w.confirm(ctx, d, what); err != nil {
			if shown {
				return err
			}
			if shownErr := w.emit(d); shownErr != nil {
				return shownErr
			}
			return err
		}
	}
	return w.perform(ctx, d)
}

// confirm asks once; on a protected profile for its name, which --yes never stands for.
func (w *aclWrite) confirm(ctx context.Context, d *Deps, what string) error {
	if w.conn.Profile.Protected {
		c := w.o.confirmation
		c.profile.Protected = false // its name is what is asked for
		return d.confirm(ctx, &c, what, w.conn.Profile.Name)
	}
	return d.confirm(ctx, &w.o.confirmation, what)
}

func (w *aclWrite) perform(ctx context.Context, d *Deps) error {
	log, err := d.auditLog(ctx, w.conn)
	if err != nil {
		return err
	}
	failure := w.write(ctx, w.change)
	for i := range w.change.Steps {
		s := &w.change.Steps[i]
		var before, after any
		var bad error
		switch s.Status {
		case cluster.ACLCreated:
			after = s.ACLRow
		case cluster.ACLDeleted:
			before = s.ACLRow
		case cluster.ACLFailed:
			bad = errors.New(s.Error)
		default:
			continue
		}
		log.Record(ctx, w.verb+" acl", s.String(), before, after, bad)
	}
	made := w.change.Count(w.done)
	failed := w.change.Count(cluster.ACLFailed)
	switch {
	case made == 0 && failure != nil:
		return failure
	case made == 0 && failed > 0:
		return failedRows(w.change)
	case failure == nil && made > 0:
		if shown, err := w.conn.ACLsSettled(ctx, w.change); err == nil && !shown {
			d.Log.Warn("the broker asked does not show the change yet; others may")
		}
	}
	if err := w.emit(d); err != nil {
		return err
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case failed > 0 || failure != nil:
		return errPartial
	}
	return nil
}

func failedRows(c *cluster.ACLChange) error {
	for i := range c.Steps {
		if s := &c.Steps[i]; s.Status == cluster.ACLFailed {
			return failed(s.String(), "", "alter acls: %s: %s", s.String(), s.Error)
		}
	}
	return nil
}

func (w *aclWrite) emit(d *Deps) error {
	c := w.change
	r := aclChangeReport{DryRun: w.o.dryRun, ACLChange: c, Summary: aclSummary{
		Planned: c.Pending(), Done: c.Count(w.done), Existing: c.Count(cluster.ACLExists), Absent: c.Count(cluster.ACLAbsent),
		Failed: c.Count(cluster.ACLFailed), NotTried: c.Count(cluster.ACLNotTried),
	}}
	return d.Out.Emit(w.o.format, w.kind, r, term.View{Text: func(p *term.Page) { w.view(p, &r) }})
}
