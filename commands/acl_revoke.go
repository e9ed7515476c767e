package commands

import (
	"context"
	"slices"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weirhq/weir/cluster"
)

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
