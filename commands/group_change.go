package commands

import (
	"context"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/internal/term"
)

// groupChange is an act on a group, with the plan of what it will do.
type groupChange struct {
	op       string // "reset group", as errors and the audit log call it
	group    string
	question string
	severe   []string // names to be typed; empty takes a yes
	confirmation
	format term.Format
	kind   string // of the document
	report any    // shown before, and complete afterwards
	view   term.View

	before any        // for the audit log
	after  func() any // likewise, once it is done; nil where nothing is left
	do     func(context.Context) error
	// done tells people what came of it.
	done func(*term.Page)
}

// changeGroup shows the plan, asks, carries it out and records it.
func (d *Deps) changeGroup(ctx context.Context, conn *cluster.Conn, c *groupChange) error {
	if c.dryRun {
		return d.Out.Emit(c.format, c.kind, c.report, c.view)
	}
	if err := conn.Writable(c.op, c.group); err != nil {
		return err
	}
	c.profile = conn.Profile
	agreed := func() error { return d.confirm(ctx, &c.confirmation, c.question, c.severe...) }
	if err := d.showThenConfirm(c.format, c.kind, c.report, c.view, agreed); err != nil {
		return err
	}
	log, err := d.auditLog(ctx, conn)
	if err != nil {
		return err
	}
	err = c.do(ctx)
	var after any
	if c.after != nil {
		after = c.after()
	}
	log.Record(ctx, c.op, c.group, c.before, after, err)
	switch {
	case err != nil:
		return lagFailure(c.op, c.group, err)
	case structured(c.format):
		return d.Out.Emit(c.format, c.kind, c.report, c.view)
	case c.format == term.TextFormat:
		return d.Out.Print(c.done)
	}
	return nil
}
