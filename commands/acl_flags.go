package commands

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weirhq/weir/cluster"
)

func (s *aclSource) bind(c *cobra.Command) {
	s.bindFile(c)
	c.Flags().BoolVar(&s.everyone, "assume-allow-everyone", false, "answer as if the brokers set allow.everyone.if.no.acl.found")
	c.Flags().StringArrayVar(&s.superUser, "assume-super-user", nil, "answer as if this `principal` stood in super.users, repeatable")
}

// aclRowFlags select rows, or make them.
type aclRowFlags struct {
	principals, allowPrincipals, denyPrincipals []string
	hosts, allowHosts, denyHosts                []string
	operations                                  []string
	topics, groups, txns, tokens, users         []string
	cluster, deny, allow                        bool
	pattern                                     string
	producer, consumer                          bool
}

func (o *aclRowFlags) bind(c *cobra.Command, d *Deps, patterns ...string) {
	fs := c.Flags()
	lines(fs, &o.principals, "principal", "`user` as User:NAME or NAME, repeatable")
	words(fs, &o.hosts, "host", "client `address`, * for all, repeatable")
	words(fs, &o.operations, "operation", "`operation` such as read, write, describe-configs or all, repeatable")
	words(fs, &o.topics, "topic", "topic `name`, repeatable")
	// Of these names a comma may be a part.
	lines(fs, &o.groups, "group", "consumer group `name`, repeatable")
	lines(fs, &o.txns, "transactional-id", "transactional `id`, repeatable")
	lines(fs, &o.tokens, "delegation-token", "delegation token `id`, repeatable")
	lines(fs, &o.users, "user", "user resource as User:`name`, repeatable")
	fs.BoolVar(&o.cluster, "cluster", false, "the cluster itself")
	OneOf(fs, &o.pattern, "pattern", "how names are meant", patterns...)
	fs.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "resource-pattern-type" { // as Kafka's own tools spell it
			name = "pattern"
		}
		return pflag.NormalizedName(name)
	})
	ops := []string{"all"}
	for _, op := range cluster.ACLOperationsOf(kmsg.ACLResourceTypeTopic) {
		ops = append(ops, aclLower(op))
	}
	for name, f := range map[string]completer{
		"principal": d.completePrincipals(true), "topic": d.completeTopics(true), "group": d.completeGroups(true),
		"pattern": completeWords(patterns...), "operation": completeWords(append(ops, "cluster-action", "idempotent-write")...), "host": completeWords("*"),
	} {
		_ = c.RegisterFlagCompletionFunc(name, f)
	}
}

// patterns are the resources named by the flags.
func (o *aclRowFlags) patterns() []cluster.ACLPattern {
	pattern := map[string]kmsg.ACLResourcePatternType{
		"literal": kmsg.ACLResourcePatternTypeLiteral, "prefixed": kmsg.ACLResourcePatternTypePrefixed,
		"any": kmsg.ACLResourcePatternTypeAny, "match": kmsg.ACLResourcePatternTypeMatch,
	}[o.pattern]
	var out []cluster.ACLPattern
	for _, k := range []struct {
		typ   kmsg.ACLResourceType
		names []string
	}{
		{kmsg.ACLResourceTypeTopic, o.topics},
		{kmsg.ACLResourceTypeGroup, o.groups},
		{kmsg.ACLResourceTypeTransactionalId, o.txns},
		{kmsg.ACLResourceTypeDelegationToken, o.tokens},
		{kmsg.ACLResourceTypeUser, o.users},
	} {
		for _, n := range k.names {
			out = append(out, cluster.ACLPattern{Type: k.typ, Name: n, Pattern: pattern})
		}
	}
	if o.cluster {
		out = append(out, cluster.ACLPattern{Type: kmsg.ACLResourceTypeCluster, Name: cluster.ClusterName, Pattern: kmsg.ACLResourcePatternTypeLiteral})
	}
	return out
}

func (o *aclRowFlags) ops() ([]kmsg.ACLOperation, error) {
	out := make([]kmsg.ACLOperation, 0, len(o.operations))
	for _, s := range o.operations {
		op, err := cluster.ParseACLOperation(s)
		if err != nil {
			return nil, usage("", "%w", err)
		}
		out = append(out, op)
	}
	return out, nil
}

func aclPrincipals(lists ...[]string) []string {
	var out []string
	for _, l := range lists {
		for _, p := range l {
			out = append(out, aclPrincipal(p))
		}
	}
	return out
}
