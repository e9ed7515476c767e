package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/internal/term"
)

type aclChangeOptions struct {
	aclRowFlags
	confirmation
	format term.Format
}

func (o *aclChangeOptions) bindChange(c *cobra.Command, d *Deps) {
	o.bind(c, d, "literal", "prefixed")
	fs := c.Flags()
	fs.BoolVar(&o.producer, "producer", false, "the least rights of a producer: WRITE on --topic and --transactional-id")
	fs.BoolVar(&o.consumer, "consumer", false, "the least rights of a consumer: READ on --topic and --group")
	fs.BoolVar(&o.deny, "deny", false, "DENY rows instead of ALLOW rows")
	fs.BoolVar(&o.dryRun, "dry-run", false, "show what would be written, and write nothing")
	fs.BoolVarP(&o.yes, "yes", "y", false, "do not ask")
	fs.StringArrayVar(&o.names, "confirm", nil, "confirm on a protected profile with its `name`")
	// As Kafka's own tools and kcl spell them.
	fs.StringArrayVar(&o.allowPrincipals, "allow-principal", nil, "")
	fs.StringArrayVar(&o.denyPrincipals, "deny-principal", nil, "")
	fs.StringSliceVar(&o.allowHosts, "allow-host", nil, "")
	fs.StringSliceVar(&o.denyHosts, "deny-host", nil, "")
	for _, name := range []string{"allow-principal", "deny-principal", "allow-host", "deny-host"} {
		_ = fs.MarkHidden(name)
	}
	c.MarkFlagsMutuallyExclusive("producer", "operation")
	c.MarkFlagsMutuallyExclusive("consumer", "operation")
	flagFormat(c, &o.format, term.TextFormat, term.JSON, term.YAML)
}

func newACLGrant(d *Deps) *cobra.Command {
	o := &aclChangeOptions{}
	c := &cobra.Command{
		Use:     "grant",
		Aliases: []string{"create", "add"},
		Short:   "Add rows to the access control list",
		Long: doc(`
			Add rows: every --principal with every --host, resource and --operation, or a
			bundle for a --producer or --consumer. READ and WRITE bring DESCRIBE with them.
			Rows that a broker would store although they match nothing (unknown principal
			types, host names, meaningless operations, a PREFIXED *) are refused. Rows that are
			there already are left. DENY rows, and a protected profile, ask for confirmation.`),
		Example: doc(`
			# The least rights of a consumer
			$ weir acl grant --principal User:billing --consumer --topic orders.placed.v1 --group billing

			# What would be written?
			$ weir acl grant --principal User:ops --operation describe --cluster --dry-run`),
		Args:        none,
		Annotations: map[string]string{Next: "weir acl what-can PRINCIPAL"},
		RunE:        func(c *cobra.Command, _ []string) error { return runACLGrant(c.Context(), d, o) },
	}
	o.bindChange(c, d)
	return c
}

func newACLRevoke(d *Deps) *cobra.Command {
	o := &aclChangeOptions{}
	c := &cobra.Command{
		Use:     "revoke",
		Aliases: []string{"delete", "rm", "remove"},
		Short:   "Remove rows from the access control list",
		Long: doc(`
			Remove the rows that fit all the flags; what is not given fits everything, but
			names are literal unless --pattern prefixed is given, and DENY rows are taken with
			--deny only. The rows are shown before anything is asked, and exactly those are
			removed: rows that reach the same names by prefix or * stay, and are told.`),
		Example: doc(`
			# Which rows would go?
			$ weir acl revoke --principal User:legacy --dry-run

			# One right, without being asked
			$ weir acl revoke --principal User:legacy --operation write --topic orders.placed.v1 --yes`),
		Args:        none,
		Annotations: map[string]string{Next: "weir acl who-can OPERATION RESOURCE"},
		RunE:        func(c *cobra.Command, _ []string) error { return runACLRevoke(c.Context(), d, o) },
	}
	o.bindChange(c, d)
	return c
}

// wanted are the rows that grant makes of the flags.
func (o *aclChangeOptions) wanted() ([]cluster.ACLRow, error) {
	ops, err := o.ops()
	if err != nil {
		return nil, err
	}
	q := cluster.ACLRequest{Operations: ops, Patterns: o.patterns()}
	switch {
	case len(o.principals)+len(o.allowPrincipals)+len(o.denyPrincipals) == 0:
		return nil, usage("name the user with --principal", "nobody to grant to")
	case len(q.Patterns) == 0:
		return nil, usage("use --topic, --group, --transactional-id, --delegation-token, --user or --cluster", "no resource to grant on")
	case len(ops) == 0 && !o.producer && !o.consumer:
		return nil, usage("use --operation, --producer or --consumer", "no operation to grant")
	case o.producer && len(o.topics)+len(o.txns) == 0:
		return nil, usage("add --topic", "a producer needs a topic")
	case o.consumer && (len(o.topics) == 0 || len(o.groups) == 0):
		return nil, usage("add --topic and --group", "a consumer needs a topic and a group")
	case (o.producer || o.consumer) && len(o.groups) > 0 && !o.consumer:
		return nil, usage("add --consumer, or leave out --group", "a producer has no group")
	}
	var rows []cluster.ACLRow
	one := func(p kmsg.ACLPermissionType, principals, hosts []string) {
		q.Permission, q.Principals, q.Hosts = p, principals, append(slices.Clone(o.hosts), hosts...)
		switch {
		case o.producer || o.consumer:
			if o.producer {
				rows = append(rows, cluster.ProducerACLs(q)...)
			}
			if o.consumer {
				rows = append(rows, cluster.ConsumerACLs(q)...)
			}
		default:
			rows = append(rows, q.Rows()...)
		}
	}
	plain := kmsg.ACLPermissionTypeAllow
	if o.deny {
		plain = kmsg.ACLPermissionTypeDeny
	}
	one(plain, aclPrincipals(o.principals), nil)
	one(kmsg.ACLPermissionTypeAllow, aclPrincipals(o.allowPrincipals), o.allowHosts)
	one(kmsg.ACLPermissionTypeDeny, aclPrincipals(o.denyPrincipals), o.denyHosts)
	slices.SortFunc(rows, cluster.ACLRow.Compare)
	return slices.Compact(rows), nil
}

func runACLGrant(ctx context.Context, d *Deps, o *aclChangeOptions) error {
	rows, err := o.wanted()
	if err != nil {
		return err
	}
	// What can be refused without the cluster is refused before dialling.
	if _, err := cluster.PlanGrant(nil, rows); err != nil {
		return usage("", "grant %w", err)
	}
	conn, err := d.Cluster(ctx)
	if err != nil {
		return err
	}
	have, err := conn.ACLs(ctx)
	if err != nil {
		return err
	}
	change, err := cluster.PlanGrant(have, rows)
	if err != nil {
		return usage("", "grant %w", err)
	}
	w := &aclWrite{kind: "acl_grant", done: cluster.ACLCreated, verb: "create", change: change, conn: conn, o: o, write: conn.CreateACLs}
	denies := slices.ContainsFunc(change.Steps, func(s cluster.ACLStep) bool {
		return s.Permission == kmsg.ACLPermissionTypeDeny && s.Status == cluster.ACLPlanned
	})
	return w.run(ctx, d, denies)
}

func runACLRevoke(ctx context.Context, d *Deps, o *aclChangeOptions) error {
	f, err := o.filter()
	if err != nil {
		return err
	}
	conn, err := d.Cluster(ctx)
	if err != nil {
		return err
	}
	have, err := conn.ACLs(ctx)
	if err != nil {
		return err
	}
	remove, err := o.removable(have, f)
	if err != nil {
		return err
	}
	w := &aclWrite{
		kind: "acl_revoke", done: cluster.ACLDeleted, verb: "delete", conn: conn, o: o, write: conn.DeleteACLs,
		change: cluster.PlanRevoke(have, remove),
	}
	return w.run(ctx, d, true)
}

// filter is what revoke takes out.
func (o *aclChangeOptions) filter() (cluster.ACLFilter, error) {
	ops, err := o.ops()
	if err != nil {
		return cluster.ACLFilter{}, err
	}
	f := cluster.ACLFilter{
		Principals: aclPrincipals(o.principals, o.allowPrincipals, o.denyPrincipals),
		Hosts:      slices.Concat(o.hosts, o.allowHosts, o.denyHosts), Operations: ops, Patterns: o.patterns(),
	}
	if len(f.Principals) == 0 && len(f.Patterns) == 0 {
		return f, usage("name a --principal, or a resource such as --topic", "that would remove rows of everybody on everything")
	}
	f.Permission = kmsg.ACLPermissionTypeAllow
	if o.deny || len(o.denyPrincipals) > 0 && len(o.principals)+len(o.allowPrincipals) == 0 {
		f.Permission = kmsg.ACLPermissionTypeDeny
	}
	return f, nil
}

// removable are the rows that are there and fit; of a bundle exactly its own.
func (o *aclChangeOptions) removable(have []cluster.ACLRow, f cluster.ACLFilter) ([]cluster.ACLRow, error) {
	if !o.producer && !o.consumer {
		return f.Select(have), nil
	}
	rows, err := o.wanted()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(rows, func(r cluster.ACLRow) bool { return !slices.Contains(have, r) }), nil
}

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
	var recorded error
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
		if err := log.Record(ctx, w.verb+" acl", s.String(), before, after, bad); err != nil && recorded == nil {
			recorded = err
		}
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
	return recorded
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

func (w *aclWrite) view(p *term.Page, r *aclChangeReport) {
	sign := "add"
	if w.done == cluster.ACLDeleted {
		sign = "delete"
	}
	for i := range r.Steps {
		s := &r.Steps[i]
		mark, tail := p.Mark(sign), ""
		switch s.Status {
		case cluster.ACLExists, cluster.ACLAbsent:
			mark, tail = p.Mark("keep"), map[string]string{cluster.ACLExists: "  there already", cluster.ACLAbsent: "  gone already"}[s.Status]
		case cluster.ACLFailed:
			mark, tail = p.Mark("fail"), "  "+s.Error
		case cluster.ACLNotTried:
			mark, tail = p.Mark("skip"), "  not tried"
		}
		p.Line("  %s %s%s", mark, s.String(), tail)
	}
	for _, n := range r.Notes {
		p.Line("  %s %s", p.Mark("warn"), n)
	}
	if len(r.Steps)+len(r.Notes) > 0 {
		p.Line("")
	}
	p.Line("%s", w.sentence(r))
}

// sentence is the closing line.
func (w *aclWrite) sentence(r *aclChangeReport) string {
	sum := r.Summary
	dry := ""
	if r.DryRun {
		dry = " (dry run; weir judged this, brokers have no dry run for rows)"
	}
	past := map[string]string{"create": "added", "delete": "removed"}[w.verb]
	switch {
	case len(r.Steps) == 0:
		return "No rows fit: nothing to remove." + dry
	case sum.Planned > 0:
		return plural(sum.Planned, "row") + " to be " + past + "." + dry
	case sum.Done+sum.Failed+sum.NotTried == 0:
		return "Nothing to do." + dry
	}
	parts := []string{plural(sum.Done, "row") + " " + past}
	if sum.Failed > 0 {
		parts = append(parts, fmt.Sprintf("%d failed", sum.Failed))
	}
	if sum.NotTried > 0 {
		parts = append(parts, fmt.Sprintf("%d not tried", sum.NotTried))
	}
	return strings.Join(parts, ", ") + "."
}
