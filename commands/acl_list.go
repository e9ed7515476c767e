package commands

import (
	"context"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/internal/term"
)

type aclListOptions struct {
	aclRowFlags
	aclSource
	format term.Format
}

func newACLList(d *Deps) *cobra.Command {
	o := &aclListOptions{}
	c := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the rows of the access control list",
		Long: doc(`
			List rows. A name selects every row that reaches it: literal, prefixed and *;
			--pattern literal or prefixed selects rows of exactly that pattern, any both.
			Principals, hosts and operations are compared as they are written: User:a does
			not select rows for User:*; weir acl what-can answers that. Nothing is written.
			As JSON the rows are a list, which --from of other commands reads.`),
		Example: doc(`
			# Whatever reaches a topic
			$ weir acl list --topic orders.placed.v1

			# A dump to be questioned without the cluster
			$ weir acl list -o json > acls.json
			$ weir acl who-can write topic:orders.placed.v1 --from acls.json`),
		Args:        none,
		Annotations: map[string]string{Next: "weir acl who-can OPERATION RESOURCE"},
		RunE:        func(c *cobra.Command, _ []string) error { return runACLList(c.Context(), d, o) },
	}
	o.aclRowFlags.bind(c, d, "match", "literal", "prefixed", "any")
	o.bindFile(c)
	c.Flags().BoolVar(&o.allow, "allow", false, "only ALLOW rows")
	c.Flags().BoolVar(&o.deny, "deny", false, "only DENY rows")
	c.MarkFlagsMutuallyExclusive("allow", "deny")
	flagFormat(c, &o.format, term.TextFormat, term.JSON, term.YAML, term.TSV)
	return c
}

func runACLList(ctx context.Context, d *Deps, o *aclListOptions) error {
	ops, err := o.ops()
	if err != nil {
		return err
	}
	rows, err := o.rows(ctx, d)
	if err != nil {
		return err
	}
	f := cluster.ACLFilter{Principals: aclPrincipals(o.principals), Hosts: o.hosts, Operations: ops, Patterns: o.patterns()}
	switch {
	case o.allow:
		f.Permission = kmsg.ACLPermissionTypeAllow
	case o.deny:
		f.Permission = kmsg.ACLPermissionTypeDeny
	}
	rows = f.Select(cluster.NewACLSet(rows, cluster.ACLAssumptions{}).Rows())
	return d.Out.Emit(o.format, "", rows, viewACLs(rows))
}

func viewACLs(rows []cluster.ACLRow) term.View {
	table := func() *term.Table {
		t := term.NewTable("RESOURCE", "NAME*", "PATTERN", "PERMISSION", "OPERATION", "PRINCIPAL*", "HOST")
		for _, r := range rows {
			t.Row(cluster.ResourceWord(r.ResourceType), r.ResourceName, strings.ToLower(r.PatternType.String()), aclPermission(r), r.Operation.String(), r.Principal, r.Host)
		}
		return t
	}
	return term.View{
		Table: table,
		Text: func(p *term.Page) {
			if len(rows) == 0 {
				p.Line("No rows.")
				return
			}
			p.Table(table())
		},
	}
}

func aclPermission(r cluster.ACLRow) term.Text {
	if r.Permission == kmsg.ACLPermissionTypeDeny {
		return term.In(term.Bad, "DENY")
	}
	return term.In(term.Plain, r.Permission.String())
}
