package commands

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/dlt"
	"github.com/weirhq/weir/internal/term"
)

type dltPurgeOptions struct {
	archive string
	confirm confirmation
	format  term.Format
}

func newDLTPurge(d *Deps) *cobra.Command {
	o := &dltPurgeOptions{}
	c := &cobra.Command{
		Use:   "purge TOPIC --archive FILE",
		Short: "Remove dead letters that are handled, after archiving them",
		Long: doc(`
			Remove, in each partition, the records before the first one that was neither replayed nor discarded. They are
			written to the archive first, whole. A log can only be cut at its front, so a handled record behind an
			unhandled one stays. This cannot be undone; dlt import writes an archive back as new records.`),
		Example: doc(`
			# What would go?
			$ weir dlt purge orders-dlt --archive orders-dlt.ndjson --dry-run

			# In a script
			$ weir dlt purge orders-dlt --archive orders-dlt.ndjson --confirm orders-dlt`),
		Annotations:       map[string]string{Next: "weir dlt list"},
		Args:              exactly("TOPIC"),
		ValidArgsFunction: d.completeTopics(false),
		RunE: func(c *cobra.Command, args []string) error {
			if o.archive == "" && !o.confirm.dryRun {
				return usage("name a file with --archive", "no archive is named")
			}
			if _, err := os.Lstat(o.archive); err == nil && o.archive != "" { // said before anybody types a name
				return usage("name another file", "%s exists already", o.archive)
			}
			return runDLTPurge(c.Context(), d, args[0], o)
		},
	}
	flagFormat(c, &o.format, term.TextFormat, term.JSON)
	c.Flags().StringVar(&o.archive, "archive", "", "file for the records, made with mode 0600; it must not exist")
	c.Flags().StringArrayVar(&o.confirm.names, "confirm", nil, "the topic's name, instead of typing it")
	c.Flags().BoolVar(&o.confirm.dryRun, "dry-run", false, "show what would be done")
	return c
}

func runDLTPurge(ctx context.Context, d *Deps, topic string, o *dltPurgeOptions) error {
	base, err := d.Cluster(ctx)
	if err != nil {
		return err
	}
	o.confirm.profile = base.Profile
	if !o.confirm.dryRun {
		if err := base.Writable("purge dead letters", topic); err != nil {
			return err
		}
	}
	conn, err := d.dltConn(ctx, nil)
	if err != nil {
		return err
	}
	plan, err := conn.PlanPurge(ctx, topic)
	if err != nil {
		return dltFailure("purge", topic, err)
	}
	plan.Archive = o.archive
	view := term.View{Text: func(p *term.Page) { viewPurge(p, plan, o.confirm.dryRun) }}
	if plan.Records == 0 || o.confirm.dryRun {
		return d.Out.Emit(o.format, "dlt_purge", plan, view)
	}
	d.Out.Note("%d dead letters of %s are handled and can go, %d stay", plan.Records, topic, plan.Remaining)
	if err := d.confirm(ctx, &o.confirm, "purge "+topic, topic); err != nil {
		return d.declined(o.format, "dlt_purge", plan, err)
	}
	log, err := d.auditLog(ctx, base)
	if err != nil {
		return err
	}
	err = writeArchive(o.archive, func(w *dlt.ArchiveWriter) error { return conn.Archive(ctx, plan, w) })
	if err != nil {
		return d.gated(o.format, dltFailure("archive", topic, err))
	}
	err = conn.Purge(ctx, plan)
	log.Record(ctx, "purge dead letters", topic, plan.Ranges, map[string]any{"removed": plan.Records, "archive": plan.Archive}, err)
	if err != nil {
		return d.gated(o.format, dltFailure("purge", topic, err))
	}
	return d.Out.Emit(o.format, "dlt_purge", plan, view)
}

func viewPurge(p *term.Page, plan *dlt.PurgePlan, dryRun bool) {
	for _, r := range plan.Ranges {
		p.Line("  partition %d: %s records, offsets %d to %d", r.Partition, p.Int(r.Records), r.Start, r.End-1)
	}
	switch {
	case plan.Records == 0:
		p.Line("Nothing at the front of %s is handled: nothing can go.", plan.Topic)
	case dryRun:
		p.Line("Would remove %s records, %s stay (dry run).", p.Int(plan.Records), p.Int(plan.Remaining))
	default:
		p.Line("%s %s records removed, %s stay; archive in %s", p.Mark("ok"), p.Int(plan.Records), p.Int(plan.Remaining), plan.Archive)
	}
}
