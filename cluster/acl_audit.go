package cluster

import (
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weirhq/weir/finding"
)

// ACLAudit is what an audit of rows looks at beside the rows.
type ACLAudit struct {
	// Topics and Groups exist. A list that is not known to be whole is nil, and then
	// what needs it is skipped.
	Topics, Groups []string
	// SkipTopics and SkipGroups say why a list is nil.
	SkipTopics, SkipGroups string
	// Owner is the owner of a topic as the catalog declares it, "" if it does not;
	// nil without a catalog.
	Owner func(topic string) string
	// Admins are principals that may have wide rights.
	Admins []string
}

// aclDelimiters end a part of a name.
const aclDelimiters = ".-_"

// ACLRules are the rules of an audit of rows.
func ACLRules() []finding.Rule {
	return []finding.Rule{
		{
			ID: "own/single-producer", Severity: finding.Error,
			Purpose: "One principal writes to a topic.",
			Why:     "Two writers are two opinions about schema, order and keys, and nobody owns the incident.",
			Fix:     "Revoke WRITE from all but the owner, or name administrators with --admin.",
		}, {
			ID: "acl/wildcard-principal", Severity: finding.Error,
			Purpose: "No right is given to everybody.",
			Why:     "ALLOW for User:* or User:ANONYMOUS holds for every user there will ever be, and on a listener without authentication for the whole network.",
			Fix:     "Grant the right to the principals that need it.",
		}, {
			ID: "acl/wildcard-resource", Severity: finding.Error,
			Purpose: "Applications have rights on names, not on everything.",
			Why:     "ALLOW on the literal *, ALL, ALTER and CLUSTER_ACTION belong to administrators.",
			Fix:     "Grant on the names, or name the administrator with --admin.",
		}, {
			ID: "acl/prefix-overreach", Severity: finding.Error,
			Purpose: "A prefix reaches the names it was meant for.",
			Why:     "acme.sales also reaches acme.salesforce; a prefix above other owners' names gives their topics away; a PREFIXED * reaches nothing at all.",
			Fix:     "End the prefix with a delimiter, or grant on the names.",
		}, {
			ID: "acl/stale", Severity: finding.Warning,
			Purpose: "Rows are about topics and groups that exist.",
			Why:     "Whoever creates a topic of that name again inherits the rights (KAFKA-2700).",
			Fix:     "Revoke the row.",
		}, {
			ID: "acl/matches-nothing", Severity: finding.Warning,
			Purpose: "A row can match a request.",
			Why:     "Brokers store rows for unknown principal types, host names, ranges and meaningless operations without a word; whoever wrote it believes it works.",
			Fix:     "Revoke the row and grant what was meant.",
		},
	}
}

// Audit judges rows. It sees neither super users nor allow.everyone.if.no.acl.found.
func (s *ACLSet) Audit(in ACLAudit) ([]finding.Finding, []finding.Skipped) {
	in.Topics = slices.Clone(in.Topics) // nil stays nil
	slices.Sort(in.Topics)
	u := &aclAuditor{s: s, in: in, severity: map[string]finding.Severity{}}
	for _, r := range ACLRules() {
		u.severity[r.ID] = r.Severity
	}
	for _, r := range s.rows {
		if err := ValidateACL(r); err != nil && r.PatternType == kmsg.ACLResourcePatternTypePrefixed && r.ResourceName == AnyName {
			u.add("acl/prefix-overreach", r, "%s reaches only names that begin with a star", r)
			continue
		} else if err != nil {
			u.add("acl/matches-nothing", r, "%s: %w", r, err)
			continue
		}
		u.row(r)
	}
	u.stale()
	u.writers()
	return u.found, u.skipped
}

type aclAuditor struct {
	s        *ACLSet
	in       ACLAudit
	severity map[string]finding.Severity
	found    []finding.Finding
	skipped  []finding.Skipped
}

func (u *aclAuditor) add(rule string, r ACLRow, format string, args ...any) {
	u.found = append(u.found, finding.Finding{
		Rule: rule, Severity: u.severity[rule], Message: fmt.Errorf(format, args...).Error(),
		Subject: finding.Subject{Kind: ResourceWord(r.ResourceType), Name: r.ResourceName},
		Details: []finding.Detail{{Label: "row", Text: r.String()}},
	})
}

func (u *aclAuditor) row(r ACLRow) {
	if r.Permission != kmsg.ACLPermissionTypeAllow {
		return
	}
	admin := slices.Contains(u.in.Admins, r.Principal)
	everything := r.PatternType == kmsg.ACLResourcePatternTypeLiteral && r.ResourceName == AnyName
	switch {
	case r.Principal == EveryUser, r.Principal == "User:ANONYMOUS":
		u.add("acl/wildcard-principal", r, "everybody has %s on %s", r.Operation, r.Resource())
	case admin:
	case everything, r.Operation == kmsg.ACLOperationAll, r.Operation == kmsg.ACLOperationAlter, r.Operation == kmsg.ACLOperationClusterAction:
		u.add("acl/wildcard-resource", r, "%s has %s on %s", r.Principal, r.Operation, r.Resource())
	}
	if !admin && r.PatternType == kmsg.ACLResourcePatternTypePrefixed && r.ResourceType == kmsg.ACLResourceTypeTopic {
		u.prefix(r)
	}
}

// prefix looks at what a prefix reaches beside what it seems to mean.
func (u *aclAuditor) prefix(r ACLRow) {
	var split []string
	owners := map[string]string{} // owner to a topic of theirs
	first, _ := slices.BinarySearch(u.in.Topics, r.ResourceName)
	for _, t := range u.in.Topics[first:] {
		rest, ok := strings.CutPrefix(t, r.ResourceName)
		if !ok {
			break
		}
		if rest != "" && !strings.ContainsAny(r.ResourceName[len(r.ResourceName)-1:], aclDelimiters) && !strings.ContainsAny(rest[:1], aclDelimiters) {
			split = append(split, t)
		}
		if u.in.Owner != nil {
			if o := u.in.Owner(t); o != "" {
				if was, seen := owners[o]; !seen || t < was {
					owners[o] = t
				}
			}
		}
	}
	if len(owners) > 1 {
		var names []string
		for o, t := range owners {
			names = append(names, o+" ("+t+")")
		}
		slices.Sort(names)
		u.add("acl/prefix-overreach", r, "%s has %s on topics of %d owners: %s", r.Principal, r.Operation, len(owners), clipList(names, 4))
		return
	}
	if len(split) > 0 {
		slices.Sort(split)
		u.add("acl/prefix-overreach", r, "prefix %s ends inside a word and reaches %s", r.ResourceName, clipList(split, 4))
	}
}

func clipList(names []string, n int) string {
	if len(names) <= n {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:n], ", "), len(names)-n)
}

// stale finds literal rows about names that do not exist.
func (u *aclAuditor) stale() {
	for _, k := range []struct {
		typ    kmsg.ACLResourceType
		names  []string
		reason string
	}{
		{kmsg.ACLResourceTypeTopic, u.in.Topics, u.in.SkipTopics},
		{kmsg.ACLResourceTypeGroup, u.in.Groups, u.in.SkipGroups},
	} {
		if k.names == nil {
			u.skipped = append(u.skipped, finding.Skipped{
				Rule: "acl/stale", Subject: finding.Subject{Kind: "cluster", Name: ResourceWord(k.typ) + "s"}, Reason: k.reason,
			})
			continue
		}
		exists := make(map[string]bool, len(k.names))
		for _, n := range k.names {
			exists[n] = true
		}
		for _, r := range u.s.rows {
			if r.ResourceType == k.typ && r.PatternType == kmsg.ACLResourcePatternTypeLiteral && r.ResourceName != AnyName && !exists[r.ResourceName] {
				u.add("acl/stale", r, "%s %s does not exist, and %s has %s %s on it", ResourceWord(k.typ), r.ResourceName, r.Principal, r.Permission, r.Operation)
			}
		}
	}
}

// writers finds topics that more than one principal can write. Topics are those that
// exist, or, without that list, those that rows name.
func (u *aclAuditor) writers() {
	topics := u.in.Topics
	if topics == nil {
		for _, r := range u.s.rows {
			if r.ResourceType == kmsg.ACLResourceTypeTopic && r.PatternType == kmsg.ACLResourcePatternTypeLiteral && r.ResourceName != AnyName {
				topics = append(topics, r.ResourceName)
			}
		}
		slices.Sort(topics)
		topics = slices.Compact(topics)
	}
	// Only rows about writing matter; the others would be looked at for every topic.
	about := slices.DeleteFunc(slices.Clone(u.s.rows), func(r ACLRow) bool {
		return r.ResourceType != kmsg.ACLResourceTypeTopic || !denies(r.Operation, kmsg.ACLOperationWrite)
	})
	set := NewACLSet(about, ACLAssumptions{})
	for _, t := range topics {
		var who []string
		var via []ACLRow
		for _, p := range set.WhoCan(kmsg.ACLOperationWrite, ACLResource{kmsg.ACLResourceTypeTopic, t}) {
			if p.Allowed && !slices.Contains(who, p.Principal) && !slices.Contains(u.in.Admins, p.Principal) {
				who = append(who, p.Principal)
				via = append(via, p.Via...)
			}
		}
		if len(who) < 2 {
			continue
		}
		f := finding.Finding{
			Rule: "own/single-producer", Severity: u.severity["own/single-producer"],
			Message: fmt.Sprintf("%d principals can write: %s", len(who), clipList(who, 6)),
			Subject: finding.Subject{Kind: "topic", Name: t},
		}
		if u.in.Owner != nil {
			f.Owner = u.in.Owner(t)
		}
		slices.SortFunc(via, ACLRow.Compare)
		for _, r := range slices.Compact(via) {
			f.Details = append(f.Details, finding.Detail{Label: "row", Text: r.String()})
		}
		u.found = append(u.found, f)
	}
}
