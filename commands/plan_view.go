package commands

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/weirhq/weir/internal/term"
	"github.com/weirhq/weir/plan"
)

func emitPlan(d *Deps, f term.Format, p *plan.Plan, saved string, verbose bool) error {
	if f == term.Markdown {
		return d.Out.Print(func(pg *term.Page) {
			inner := term.NewPage(pg.Width, pg.People)
			inner.Unicode = pg.Unicode
			viewPlan(inner, p, saved, verbose)
			pg.Line("### weir plan")
			pg.Line("")
			pg.Line("```diff")
			pg.Block("", strings.ReplaceAll(inner.Plain(), "```", "'''")) // no name may end the block
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
			pg.Line("  %s", term.In(term.Bold, cmp.Or(owner, "no owner")))
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

func viewPlanSummary(pg *term.Page, p *plan.Plan, saved string) {
	s := p.Summary
	differs := slices.ContainsFunc(p.Drift, func(x plan.Drift) bool { return x.Kind != "topic" && x.Kind != "acl" && !x.Info })
	if p.Empty() && differs {
		pg.Line("No changes to make. What differs is listed above.")
	} else if p.Empty() && len(p.Unknown) > 0 {
		pg.Line("No changes. What is declared is on the cluster as declared.")
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
		switch {
		case s.DestroysData > 0:
			pg.Line("%s %s data: apply needs --allow-data-loss.", term.In(term.Bad, "!"), plural(s.DestroysData, "step")+destroy(s.DestroysData))
		case p.Lossy():
			pg.Line("%s a topic is deleted that groups may read: apply needs --allow-data-loss.", term.In(term.Bad, "!"))
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
	switch {
	case saved == "":
	case s.Blocked > 0:
		pg.Line("Saved %s.  It is blocked and cannot be applied: make it anew when nothing is in the way.", saved)
	default:
		pg.Line("Saved %s.  Apply it with:  weir apply %s", saved, saved)
	}
}

// lossOf says why a plan needs --allow-data-loss.
func lossOf(p *plan.Plan) string {
	if n := p.Summary.DestroysData; n > 0 {
		return plural(n, "step") + destroy(n) + " data"
	}
	return "a topic that may be in use would be deleted"
}

func destroy(n int) string {
	if n == 1 {
		return " destroys"
	}
	return " destroy"
}
