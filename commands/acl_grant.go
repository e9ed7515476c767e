package commands

import (
	"context"
	"slices"

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
	fs.BoolVar(&o.dryRun, "dry-run", false, "show what would be done, and change nothing")
	fs.BoolVarP(&o.yes, "yes", "y", false, "do not ask")
	fs.StringArrayVar(&o.names, "confirm", nil, "`name` of the protected profile, instead of typing it")
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
