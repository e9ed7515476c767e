package commands

import (
	"strconv"
	"strings"
	"time"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/internal/term"
)

func viewTopicDescribe(r *topicDescription, now time.Time) term.View {
	draw := func(wide bool) func(*term.Page) {
		return func(p *term.Page) {
			for i := range r.Topics {
				if i > 0 {
					p.Line("")
				}
				viewTopic(p, &r.Topics[i], r.GroupsScope, now, wide)
				viewTopicACLs(p, r.Topics[i].ACLs, r.ACLsError)
			}
		}
	}
	return term.View{Text: draw(false), Wide: draw(true)}
}

func viewTopic(p *term.Page, t *topicReport, scope cluster.Scope, now time.Time, wide bool) {
	p.Line("%s", term.In(term.Bold, t.Name))
	size := "size unknown"
	if t.SizeBytes != nil {
		size = p.Bytes(*t.SizeBytes)
		if !p.People {
			size += " bytes"
		}
	}
	p.Line("  %s partitions, replication factor %s, at most %s records, %s", p.Int(int64(len(t.Partitions))), unknown(t.ReplicationFactor, strconv.Itoa), unknown(t.RecordsMax, p.Int), size)
	if t.RecordsMax == nil || *t.RecordsMax > 0 { // an empty topic has no times, which is not the same as unknown ones
		p.Line("  records from %s to %s", moment(p, t.FirstWriteMS, now), moment(p, t.LastWriteMS, now))
	}
	rights := "not told"
	if t.Rights != nil {
		rights = strings.Join(t.Rights, " ")
	}
	p.Line("  you may: %s", rights)
	if t.Catalog != nil {
		viewTopicFacts(p, t.Catalog)
	}
	p.Line("")
	table := term.NewTable(">PARTITION", ">LEADER", "REPLICAS", "IN-SYNC", ">LOG-START-OFFSET", ">LOG-END-OFFSET", ">SIZE-BYTES", "STATE")
	for i := range t.Partitions {
		part := &t.Partitions[i]
		style := term.Good
		if t.Health[i] != cluster.Healthy {
			style = term.Bad
		}
		state := term.In(style, string(t.Health[i]))
		if part.ErrorName != nil {
			state = term.In(term.Bad, *part.ErrorName)
		}
		table.Row(part.ID, part.Leader, ids(part.Replicas), ids(part.InSyncReplicas), part.StartOffset, part.EndOffset, part.SizeBytes, state)
	}
	p.Table(table)
	p.Line("")
	viewTopicConfigs(p, t, wide)
	viewTopicGroups(p, t, scope)
}

func viewTopicConfigs(p *term.Page, t *topicReport, wide bool) {
	if err := (&cluster.ConfigSet{Topic: t.Name, ErrorName: t.ConfigsError}).Err(); err != nil {
		p.Line("Settings are unknown: %v", err)
		return
	}
	table := term.NewTable("SETTING", "VALUE*", "SOURCE")
	for _, c := range t.Configs {
		if !c.Own() && !wide {
			continue
		}
		if c.Sensitive {
			c.Value = new("(sensitive)")
		}
		table.Row(c.Name, c.Value, c.Source)
	}
	if len(table.Rows) == 0 {
		p.Line("Every setting is inherited; -o wide shows them.")
		return
	}
	p.Table(table)
}

func viewTopicGroups(p *term.Page, t *topicReport, scope cluster.Scope) {
	p.Line("")
	switch {
	case t.Groups == nil:
		p.Line("Groups are unknown: %s", scope.Reason)
	case len(t.Groups) == 0 && scope.Complete != nil && *scope.Complete:
		p.Line("No group has committed offsets here.")
	case len(t.Groups) == 0:
		p.Line("No visible group has committed offsets here: %s.", scope.Reason)
	default:
		table := term.NewTable("GROUP*", "STATE", ">PARTITIONS", ">LAG")
		for _, g := range t.Groups {
			table.Row(g.Group, g.State, g.Committed, g.LagRecords)
		}
		p.Table(table)
		if scope.Complete == nil || !*scope.Complete {
			p.Line("There may be more: %s.", scope.Reason)
		}
	}
}

func viewTopicACLs(p *term.Page, rows []cluster.ACLRow, problem *string) {
	p.Line("")
	switch {
	case problem != nil:
		p.Line("ACL rows are unknown: %s", *problem)
	case len(rows) == 0:
		p.Line("No ACL row reaches the topic.")
	default:
		table := term.NewTable("ACL-NAME*", "PATTERN", "PERMISSION", "OPERATION", "PRINCIPAL*", "HOST")
		for _, r := range rows {
			table.Row(r.ResourceName, aclPatternWord(r.ResourceName, r.PatternType), aclPermission(r), r.Operation.String(), r.Principal, r.Host)
		}
		p.Table(table)
	}
}

// unknown renders a value that may not be known.
func unknown[T any](v *T, f func(T) string) string {
	if v == nil {
		return "unknown"
	}
	return f(*v)
}

func moment(p *term.Page, ms *int64, now time.Time) string {
	if ms == nil {
		return "unknown"
	}
	return p.Time(time.UnixMilli(*ms), now)
}

func ids(ns []int32) string {
	words := make([]string, len(ns))
	for i, n := range ns {
		words[i] = strconv.Itoa(int(n))
	}
	return strings.Join(words, ",")
}
