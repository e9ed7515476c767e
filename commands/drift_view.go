package commands

import (
	"cmp"
	"slices"

	"github.com/weirhq/weir/internal/term"
	"github.com/weirhq/weir/plan"
)

func viewDrift(pg *term.Page, r *plan.DriftReport) {
	pg.Line("Cluster %s against %s%s", r.ClusterID, plural(r.Catalog.Documents, "document"), atCommit(r.Catalog.Commit))
	section := func(title string, n int, rows func()) {
		if n > 0 {
			pg.Line("")
			pg.Line("  %s", term.In(term.Bold, title))
			rows()
		}
	}
	section("differs", len(r.Differs), func() {
		for _, x := range r.Differs {
			pg.Line("    %s  %s   %s is %s, declared %s   %s", string(x.Kind), x.Name, x.Key, human(x.Key, x.Live), human(x.Key, x.Declared), x.Note)
		}
	})
	section("missing on the cluster", len(r.Missing), func() {
		for _, x := range r.Missing {
			if x.ACL != nil {
				pg.Line("    acl    %s   (%s)", x.ACL.String(), x.Why)
				continue
			}
			pg.Line("    topic  %s   owner %s", x.Name, cmp.Or(x.Owner, "-"))
		}
	})
	section("in scope, not declared", len(r.Undeclared), func() { viewDrifts(pg, r.Undeclared) })
	section("groups that read and were not declared", len(r.UndeclaredConsumers), func() {
		for _, x := range r.UndeclaredConsumers {
			pg.Line("    group  %s   reads %s", x.Group, x.Topic)
		}
	})
	section("for information", len(r.Info), func() { viewDrifts(pg, r.Info) })
	section("could not be compared", len(r.Unknown), func() {
		for _, x := range r.Unknown {
			pg.Line("    %s", x)
		}
	})
	viewOtherChannels(pg, r.Others)
	pg.Line("")
	switch {
	case r.Clean():
		pg.Line("No drift. The cluster matches the catalog.")
	case len(r.Unknown) > 0:
		pg.Line("%s, %s could not be compared.", plural(r.Count(), "difference"), plural(len(r.Unknown), "thing"))
	default:
		pg.Line("%s.", plural(r.Count(), "difference"))
	}
}

func viewDrifts(pg *term.Page, ds []plan.Drift) {
	for _, x := range ds {
		what := x.Name
		if x.Kind == "acl" && x.Live != nil {
			what = *x.Live
		}
		pg.Line("    %-6s %s   %s %s   %s", x.Kind, what, x.Key, arrowUnless(x), x.Note)
	}
}

func arrowUnless(x plan.Drift) string {
	if x.Kind == "acl" {
		return ""
	}
	return arrow(x)
}

// viewPlanDrift draws what a plan leaves as it is.
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
	if topics+acls+len(p.Unknown) > 0 {
		pg.Line("")
		pg.Line("In scope but not managed: %s, %s (weir drift lists them).", atLeast(p, plan.UnreadTopics, topics, "topic"), atLeast(p, plan.UnreadACLs, acls, "ACL"))
	}
	for _, u := range p.Unknown {
		pg.Printf("%s %s", pg.Mark("warn"), u.What)
		pg.Rest(4, u.Reason)
	}
}

// atLeast counts what was seen; of what was not seen as a whole there may be more.
func atLeast(p *plan.Plan, part string, n int, noun string) string {
	switch {
	case !slices.ContainsFunc(p.Unknown, func(u plan.Unread) bool { return u.What == part }):
		return plural(n, noun)
	case n == 0:
		return "? " + noun + "s"
	}
	return "at least " + plural(n, noun)
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
