package commands

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/internal/term"
)

func viewTopicDelete(r *topicDeleteReport, now time.Time) term.View {
	return term.View{Text: func(p *term.Page) {
		for i := range r.Topics {
			t := &r.Topics[i]
			switch t.Result {
			case "deleted":
				p.Line("%s topic  %s  deleted", p.Mark("ok"), t.Name)
				continue
			case "failed":
				p.Line("%s topic  %s  failed", p.Mark("fail"), t.Name)
				p.Line("    %s", *t.Error)
				continue
			}
			word := ""
			if r.DryRun {
				word = "  (dry run, judged by weir)"
			}
			p.Line("%s topic  %s%s", p.Mark("delete"), t.Name, word)
			viewLoss(p, t, r.GroupsScope, now)
		}
	}}
}

func viewLoss(p *term.Page, t *topicDeletion, scope cluster.Scope, now time.Time) {
	p.Line("    %-12s at most %s in %s, last written %s", "records", unknown(t.RecordsMax, p.Int), plural(t.Partitions, "partition"), moment(p, t.LastWriteMS, now))
	switch {
	case t.Groups == nil:
		p.Line("    %-12s unknown: %s", "groups", scope.Reason)
	case len(t.Groups) == 0:
		p.Line("    %-12s none with offsets or members here%s", "groups", doubt(scope))
	default:
		var words []string
		for _, g := range t.Groups {
			word := g.Group
			if g.Live() {
				word += " (live)"
			}
			words = append(words, word)
		}
		p.Line("    %-12s %s%s", "groups", strings.Join(words, ", "), doubt(scope))
	}
	if len(t.LiveGroups) > 0 {
		p.Line("    %s %s in use: its members will fail", p.Mark("warn"), plural(len(t.LiveGroups), "group"))
	}
	if c := t.Catalog; c != nil {
		p.Line("    %-12s %s", "catalog", joinWords("defined in "+cmp.Or(c.Definition, "another document"), ownedBy(c.Owner)))
		if names := slices.Concat(c.Producers, c.Consumers); len(names) > 0 {
			p.Line("    %-12s %s", "used by", strings.Join(names, ", "))
		}
		for _, op := range c.DeadLetterOf {
			p.Line("    %-12s %s", "dead letters", "of "+op)
		}
	}
	p.Line("    %-12s literal rows on this name stay: weir acl list --topic %s", "ACLs", t.Name)
}

func doubt(s cluster.Scope) string {
	if s.Complete != nil && *s.Complete {
		return ""
	}
	return "; there may be more: " + s.Reason
}
