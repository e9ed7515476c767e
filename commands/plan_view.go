package commands

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

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
	pg.Printf("catalog %s%s", plural(p.Catalog.Documents, "document"), atCommit(p.Catalog.Commit))
	pg.Rest(len("catalog "), scopeText(p.Options.Scope))
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
	viewOtherChannels(pg, p.Others)
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
	return "scope " + strings.Join(s.Prefixes, "*, ") + "*"
}

var stepMarks = map[plan.Op]string{plan.Create: "add", plan.Modify: "change", plan.Delete: "delete", plan.Keep: "keep", plan.Blocked: "fail"}

// behind is where the name of a step's topic begins, and what is said about it.
const behind = len("  + topic  ")

func viewStep(pg *term.Page, s *plan.Step, verbose bool) {
	mark := pg.Mark(stepMarks[s.Op])
	if s.Kind == plan.ACLKind {
		viewACLStep(pg, s, mark)
		return
	}
	pg.Printf("  %s topic  %s", mark, s.Name)
	switch s.Op {
	case plan.Create:
		pg.Rest(behind+2, newShape(s))
	case plan.Delete:
		pg.Rest(behind+2, doomed(pg, s))
	case plan.Keep, plan.Blocked:
		pg.Rest(behind+2, s.Reason)
	case plan.Modify:
		pg.Rest(behind)
	}
	if s.Op == plan.Blocked && len(s.Changes) > 0 && !verbose {
		return
	}
	viewChanges(pg, s.Changes)
	if s.Op == plan.Modify && s.Unchanged > 0 {
		pg.Rest(behind+2, term.In(term.Faint, "("+plural(s.Unchanged, "setting")+" unchanged)"))
	}
	if s.NotJudged != "" {
		pg.Rest(behind+2, term.In(term.Faint, "not judged by the broker: "+s.NotJudged))
	}
}

func viewChanges(pg *term.Page, changes []plan.Change) {
	w := 0
	for _, c := range changes {
		w = max(w, len(c.Name))
	}
	for _, c := range changes {
		pg.Printf("%*s%-*s  %s -> %s", behind+2, "", w, c.Name, human(c.Name, c.Before), human(c.Name, c.After))
		effect := term.In(term.Plain, c.Effect)
		if c.DestroysData {
			effect = term.In(term.Bad, "! "+c.Effect)
		}
		pg.Rest(behind+4, effect)
	}
}

func viewACLStep(pg *term.Page, s *plan.Step, mark term.Text) {
	if s.ACL == nil {
		pg.Printf("  %s acl    %s", mark, s.Name)
		pg.Rest(behind+2, s.Reason)
		return
	}
	r, pattern := s.ACL, ""
	if r.PatternType == kmsg.ACLResourcePatternTypePrefixed {
		pattern = " (prefixed)"
	}
	pg.Printf("  %s acl    %-18s %-5s", mark, r.Principal, r.Operation.String())
	pg.Rest(behind+2, cluster.ResourceWord(r.ResourceType)+" "+r.ResourceName+pattern, term.In(term.Faint, firstOf(s.Reason, s.Why)))
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
			case n == -1, n == math.MaxInt64:
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
		what := x.Key
		if x.Kind == "replication-factor" {
			what = "replication factor"
		}
		pg.Printf("    topic  %s", x.Name)
		pg.Rest(behind+2, joinWords(what, arrow(x)), x.Note)
		if x.Reassignment != "" { // to be copied: never broken
			pg.Line("%*s%s", behind, "", x.Reassignment)
		}
	}
	if topics+acls > 0 {
		pg.Line("")
		pg.Line("In scope but not managed: %s, %s (weir drift lists them).", plural(topics, "topic"), plural(acls, "ACL"))
	}
}

// viewOtherChannels names what a plan and a drift report leave out, and why.
func viewOtherChannels(pg *term.Page, others []plan.OtherChannel) {
	if len(others) == 0 {
		return
	}
	pg.Line("")
	pg.Line("  %s", term.In(term.Bold, "channels of other protocols"))
	for i := range others {
		pg.Printf("    channel  %s", others[i].Name)
		pg.Rest(behind+4, term.In(term.Faint, others[i].Live))
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
