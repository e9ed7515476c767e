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
)

func newACL(d *Deps) *cobra.Command {
	return noun(d, "acl", "List, grant, revoke and explain rights", Govern, []string{"acls"},
		newACLList, newACLGrant, newACLRevoke, newACLCan, newACLWhoCan, newACLWhatCan, newACLAudit,
	)
}

// aclSource is where the rows of a question come from.
type aclSource struct {
	from      string
	everyone  bool
	superUser []string
}

func (s *aclSource) bindFile(c *cobra.Command) {
	c.Flags().StringVar(&s.from, "from", "", "read the rows from this JSON `file` instead of the cluster; - is standard input")
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

func aclLower(o kmsg.ACLOperation) string {
	return strings.ReplaceAll(strings.ToLower(o.String()), "_", "-")
}

func aclPatternWord(name string, pattern kmsg.ACLResourcePatternType) string {
	if pattern == kmsg.ACLResourcePatternTypeLiteral && name == cluster.AnyName {
		return "wildcard"
	}
	return strings.ToLower(pattern.String())
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
