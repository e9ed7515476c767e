package commands

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/internal/term"
)

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
