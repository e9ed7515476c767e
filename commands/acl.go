package commands

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/internal/term"
)

func newACL(d *Deps) *cobra.Command {
	return noun("acl", "List, grant, revoke and explain rights", Govern, []string{"acls"},
		newACLList(d), newACLGrant(d), newACLRevoke(d), newACLCan(d), newACLWhoCan(d), newACLWhatCan(d), newACLAudit(d),
	)
}

// aclSource is where the rows of a question come from.
type aclSource struct {
	from      string
	everyone  bool
	superUser []string
}

func (s *aclSource) bindFile(c *cobra.Command) {
	c.Flags().StringVar(&s.from, "from", "", "read the rows from this JSON `file` (- for standard input) instead of the cluster")
	_ = c.MarkFlagFilename("from", "json")
}

// rows reads the rows, from the file without dialling.
func (s *aclSource) rows(ctx context.Context, d *Deps) ([]cluster.ACLRow, error) {
	switch s.from {
	case "":
		conn, err := d.Cluster(ctx)
		if err != nil {
			return nil, err
		}
		return conn.ACLs(ctx)
	case "-":
		rows, err := cluster.ReadACLs(d.Out.In(), "standard input")
		return rows, aclFileError(err)
	}
	f, err := os.Open(s.from)
	if err != nil {
		return nil, aclFileError(fmt.Errorf("read rows: %w", err))
	}
	defer func() { _ = f.Close() }()
	rows, err := cluster.ReadACLs(f, s.from)
	return rows, aclFileError(err)
}

func aclFileError(err error) error {
	if err == nil {
		return nil
	}
	return &Error{code: UsageCode, err: err, hint: "weir acl list -o json writes such a file"}
}

// set reads the rows and indexes them for questions.
func (s *aclSource) set(ctx context.Context, d *Deps) (*cluster.ACLSet, error) {
	rows, err := s.rows(ctx, d)
	if err != nil {
		return nil, err
	}
	supers := make([]string, len(s.superUser))
	for i, p := range s.superUser {
		supers[i] = aclPrincipal(p)
	}
	return cluster.NewACLSet(rows, cluster.ACLAssumptions{AllowEveryone: s.everyone, SuperUsers: supers}), nil
}

// aclPrincipal lets people leave out the type, of which there is one.
func aclPrincipal(s string) string {
	if strings.Contains(s, ":") {
		return s
	}
	return "User:" + s
}

// aclQuestion reads OPERATION and RESOURCE and checks that they go together.
func aclQuestion(operation, resource string) (kmsg.ACLOperation, cluster.ACLResource, error) {
	r, err := cluster.ParseACLResource(resource)
	if err != nil {
		return 0, r, usage("", "%w", err)
	}
	op, err := cluster.ParseACLOperation(operation)
	if err != nil {
		return 0, r, usage("", "%w", err)
	}
	if ops := cluster.ACLOperationsOf(r.Type); !slices.Contains(ops, op) {
		words := make([]string, len(ops))
		for i, o := range ops {
			words[i] = aclLower(o)
		}
		return 0, r, usage("use "+strings.Join(words, ", "), "no request asks for %s on a %s", op, cluster.ResourceWord(r.Type))
	}
	return op, r, nil
}

func aclLower(o kmsg.ACLOperation) string {
	return strings.ReplaceAll(strings.ToLower(o.String()), "_", "-")
}

// sayUnknown tells what no client can see, which could turn an answer around.
func sayUnknown(p *term.Page, s *cluster.ACLSet) {
	unknown := s.Unknown()
	if slices.Contains(unknown, "super.users") {
		p.Line("%s", term.In(term.Faint, "Not visible to any client: super.users, who may do everything (--assume-super-user PRINCIPAL)."))
	}
	if slices.Contains(unknown, "allow.everyone.if.no.acl.found") {
		p.Line("%s", term.In(term.Faint, "Not visible to any client: allow.everyone.if.no.acl.found, taken for false (--assume-allow-everyone)."))
	}
}

func aclPatternWord(r cluster.ACLRow) string {
	if r.PatternType == kmsg.ACLResourcePatternTypeLiteral && r.ResourceName == cluster.AnyName {
		return "wildcard"
	}
	return strings.ToLower(r.PatternType.String())
}

// completePrincipals offers the principals that have rows.
func (d *Deps) completePrincipals(many bool) completer {
	return d.completeFrom(many, func(ctx context.Context, conn *cluster.Conn) ([]string, error) {
		rows, err := conn.ACLs(ctx)
		names := make([]string, 0, len(rows))
		for _, r := range rows {
			names = append(names, r.Principal)
		}
		slices.Sort(names)
		return slices.Compact(names), err
	})
}

// completeQuestion completes the arguments of can, who-can and what-can by position.
func (d *Deps) completeQuestion(parts ...string) completer {
	return func(c *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
		if len(args) >= len(parts) {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		switch parts[len(args)] {
		case "principal":
			return d.completePrincipals(true)(c, nil, prefix)
		case "operation":
			var words []string
			for _, t := range []kmsg.ACLResourceType{kmsg.ACLResourceTypeTopic, kmsg.ACLResourceTypeCluster} {
				for _, op := range cluster.ACLOperationsOf(t) {
					words = append(words, aclLower(op))
				}
			}
			slices.Sort(words)
			return slices.Compact(words), cobra.ShellCompDirectiveNoFileComp
		}
		kind, _, named := strings.Cut(prefix, ":")
		switch {
		case !named:
			return []string{"topic:", "group:", "transactional-id:", "cluster", "delegation-token:", "user:User:"},
				cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
		case kind == "topic", kind == "group":
			complete := d.completeTopics(true)
			if kind == "group" {
				complete = d.completeGroups(true)
			}
			names, directive := complete(c, nil, strings.TrimPrefix(prefix, kind+":"))
			for i := range names {
				names[i] = kind + ":" + names[i]
			}
			return names, directive
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}
