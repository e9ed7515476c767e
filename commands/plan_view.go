package commands

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/internal/term"
	"github.com/weirhq/weir/plan"
)

func emitPlan(d *Deps, f term.Format, p *plan.Plan, saved string, verbose bool) error {
	if f == term.Markdown {
		return d.Out.Print(func(pg *term.Page) {
			pg.Line("### weir plan")
			pg.Line("")
			pg.Line("```diff")
			viewPlan(pg, p, saved, verbose)
			pg.Line("```")
		})
	}
	return d.Out.Emit(f, plan.FileKind, p, term.View{Text: func(pg *term.Page) { viewPlan(pg, p, saved, verbose) }})
}

// viewPlan draws a plan grouped by owner, one mark a step.
func viewPlan(pg *term.Page, p *plan.Plan, saved string, verbose bool) {
	guard := ""
	if p.Protected {
		guard = ", protected"
	}
	pg.Line("Plan for cluster %s (%s%s)", p.ClusterID, p.Profile, guard)
	pg.Line("catalog %s%s%s", plural(p.Catalog.Documents, "document"), atCommit(p.Catalog.Commit), scopeText(p.Options.Scope))
	owner := "\x00"
	for i := range p.Steps {
		s := &p.Steps[i]
		if s.Owner != owner {
			owner = s.Owner
			pg.Line("")
			pg.Line("  %s", term.In(term.Bold, firstOf(owner, "no owner")))
		}
		viewStep(pg, s, verbose)
	}
	viewPlanDrift(pg, p)
	for _, n := range p.Notes {
		pg.Line("")
		viewFinding(pg, n)
	}
	pg.Line("")
	viewPlanSummary(pg, p, saved)
}

func atCommit(c string) string {
	if len(c) < 7 {
		return ""
	}
	return " @ " + c[:7]
}

func scopeText(s plan.Scope) string {
	if len(s.Prefixes) == 0 {
		return ""
	}
	return "   scope " + strings.Join(s.Prefixes, "*, ") + "*"
}

var stepMarks = map[plan.Op]string{plan.Create: "add", plan.Modify: "change", plan.Delete: "delete", plan.Keep: "keep", plan.Blocked: "fail"}

func viewStep(pg *term.Page, s *plan.Step, verbose bool) {
	mark := pg.Mark(stepMarks[s.Op])
	if s.Kind == plan.ACLKind {
		viewACLStep(pg, s, mark)
		return
	}
	switch s.Op {
	case plan.Create:
		pg.Line("  %s topic  %s   %s", mark, s.Name, newShape(s))
	case plan.Delete:
		pg.Line("  %s topic  %s   %s", mark, s.Name, doomed(pg, s))
	case plan.Modify:
		pg.Line("  %s topic  %s", mark, s.Name)
	case plan.Keep, plan.Blocked:
		pg.Line("  %s topic  %s   %s", mark, s.Name, s.Reason)
	}
	if s.Op == plan.Blocked && len(s.Changes) > 0 && !verbose {
		return
	}
	w := 0
	for _, c := range s.Changes {
		w = max(w, len(c.Name))
	}
	for _, c := range s.Changes {
		line := fmt.Sprintf("%-*s  %s -> %s", w, c.Name, human(c.Name, c.Before), human(c.Name, c.After))
		switch {
		case c.DestroysData:
			pg.Line("             %s   %s %s", line, term.In(term.Bad, "!"), c.Effect)
		case c.Effect != "":
			pg.Line("             %s   %s", line, c.Effect)
		default:
			pg.Line("             %s", line)
		}
	}
	if s.Op == plan.Modify && s.Unchanged > 0 {
		pg.Line("             %s", term.In(term.Faint, "("+plural(s.Unchanged, "setting")+" unchanged)"))
	}
	if s.NotJudged != "" {
		pg.Line("             %s", term.In(term.Faint, "not judged by the broker: "+s.NotJudged))
	}
}

func viewACLStep(pg *term.Page, s *plan.Step, mark term.Text) {
	if s.ACL == nil {
		pg.Line("  %s acl    %s   %s", mark, s.Name, s.Reason)
		return
	}
	pattern := ""
	if s.ACL.PatternType.String() != "LITERAL" {
		pattern = " (" + strings.ToLower(s.ACL.PatternType.String()) + ")"
	}
	pg.Line("  %s acl    %-18s %-6s %s %s%s   %s", mark, s.ACL.Principal, s.ACL.Operation.String(), cluster.ResourceWord(s.ACL.ResourceType), s.ACL.ResourceName, pattern,
		term.In(term.Faint, firstOf(s.Reason, s.Why)))
}

func newShape(s *plan.Step) string {
	parts := []string{"broker's default partitions", "broker's default rf"}
	if s.Partitions > 0 {
		parts[0] = plural(int(s.Partitions), "partition")
	}
	if s.Replicas > 0 {
		parts[1] = "rf " + strconv.Itoa(int(s.Replicas))
	}
	if v, ok := s.Config["retention.ms"]; ok {
		parts = append(parts, "retention "+human("retention.ms", &v))
	}
	if v, ok := s.Config["cleanup.policy"]; ok && v != "delete" {
		parts = append(parts, v)
	}
	return strings.Join(parts, ", ")
}

// doomed says what a deletion hits; unknown is said, never shown as nothing.
func doomed(pg *term.Page, s *plan.Step) string {
	text := "records unknown"
	if s.Records != nil {
		text = "up to " + pg.Int(*s.Records) + " records"
	}
	if len(s.Groups) > 0 {
		text += ", read by " + strings.Join(s.Groups, ", ")
	}
	return text
}

// human renders a value as people say it; times in milliseconds get a unit.
func human(key string, v *string) string {
	if v == nil {
		return "(not set)"
	}
	if strings.HasSuffix(key, ".ms") {
		if n, err := strconv.ParseInt(*v, 10, 64); err == nil {
			switch {
			case n == -1:
				return "unlimited"
			case n >= 1000:
				return plan.Milliseconds(n)
			}
		}
	}
	return *v
}

func viewPlanDrift(pg *term.Page, p *plan.Plan) {
	topics, acls := 0, 0
	head := false
	for _, x := range p.Drift {
		switch x.Kind {
		case "topic":
			topics++
			continue
		case "acl":
			acls++
			continue
		}
		if !head {
			pg.Line("")
			pg.Line("  %s", term.In(term.Bold, "different, and not changed by this plan"))
			head = true
		}
		line := x.Key
		if x.Kind == "replication-factor" {
			line = "replication factor"
		}
		line += " " + arrow(x)
		if x.Note != "" {
			line += "   " + x.Note
		}
		pg.Line("    topic  %s   %s", x.Name, line)
		if x.Reassignment != "" {
			pg.Line("           %s", x.Reassignment)
		}
	}
	if topics+acls > 0 {
		pg.Line("")
		pg.Line("In scope but not managed: %s, %s (weir drift lists them).", plural(topics, "topic"), plural(acls, "ACL"))
	}
}

func arrow(x plan.Drift) string {
	switch {
	case x.Live != nil && x.Wanted != nil:
		return *x.Live + ", declared " + *x.Wanted
	case x.Live != nil:
		return "= " + *x.Live
	}
	return ""
}

func viewPlanSummary(pg *term.Page, p *plan.Plan, saved string) {
	s := p.Summary
	differs := slices.ContainsFunc(p.Drift, func(x plan.Drift) bool { return x.Kind != "topic" && x.Kind != "acl" && !x.Info })
	if p.Empty() && differs {
		pg.Line("No changes to make. What differs is listed above.")
	} else if p.Empty() {
		pg.Line("No changes. The cluster matches the catalog.")
	} else {
		pg.Printf("%d to add, %d to change, %d to delete", s.Create, s.Change, s.Delete)
		if s.Kept > 0 {
			pg.Printf(", %d left as they are", s.Kept)
		}
		if s.Blocked > 0 {
			pg.Printf(", %s", term.In(term.Bad, strconv.Itoa(s.Blocked)+" blocked"))
		}
		pg.Line(".")
		if s.DestroysData > 0 {
			pg.Line("%s %s data: apply needs --allow-data-loss.", term.In(term.Bad, "!"), plural(s.DestroysData, "step")+destroy(s.DestroysData))
		}
		topics := 0
		for _, st := range p.Pending() {
			if st.Kind == plan.TopicKind && st.Op != plan.Delete {
				topics++
			}
		}
		if topics > 0 {
			pg.Line("Judged by the broker: %d of %s.", s.JudgedBroker, plural(topics, "topic step"))
		}
	}
	if saved != "" {
		pg.Line("Saved %s.  Apply it with:  weir apply %s", saved, saved)
	}
}

func destroy(n int) string {
	if n == 1 {
		return " destroys"
	}
	return " destroy"
}
