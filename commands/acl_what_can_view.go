package commands

import (
	"fmt"
	"slices"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/internal/term"
)

// sameBut compares two rows of a table, one column aside.
func sameBut(a, b []any, column int) bool {
	for i := range a {
		if i != column && a[i] != b[i] {
			return false
		}
	}
	return true
}

func viewACLWhat(w *aclWhat, set *cluster.ACLSet, every bool) term.View {
	lines := w.Grants
	if !every {
		lines = slices.DeleteFunc(slices.Clone(lines), func(g cluster.ACLGrant) bool {
			return g.Reason == cluster.ACLNoRow || g.Reason == cluster.ACLOwner // for programs; of no news to people
		})
	}
	table := func(group bool) *term.Table {
		t := term.NewTable("RESOURCE", "NAME*", "PATTERN", "OPERATION*", "MAY", "VIA*")
		for _, g := range lines {
			may := term.In(term.Good, "yes")
			if !g.Allowed {
				may = term.In(term.Bad, "no")
			}
			via := string(g.Reason)
			if len(g.Via) > 0 {
				r := g.Via[0]
				via = joinWords(r.Permission.String(), r.Operation.String(), "on", r.Resource())
				if r.Principal != w.Principal {
					via += " for " + r.Principal
				}
			}
			cells := []any{cluster.ResourceWord(g.ResourceType), g.ResourceName, aclPatternWord(g.ResourceName, g.PatternType), g.Operation.String(), may, via}
			if last := len(t.Rows) - 1; group && last >= 0 && sameBut(t.Rows[last], cells, 3) {
				t.Rows[last][3] = fmt.Sprintf("%s, %s", t.Rows[last][3], cells[3])
				continue
			}
			t.Row(cells...)
		}
		return t
	}
	return term.View{
		Table: func() *term.Table { return table(false) },
		Text: func(p *term.Page) {
			if len(lines) == 0 {
				p.Line("No row gives %s anything from %s.", w.Principal, w.Host)
			} else {
				p.Table(table(true))
				p.Line("")
				may := 0
				for _, g := range lines {
					if g.Allowed {
						may++
					}
				}
				what := "lines"
				if every {
					what = "operations"
				}
				p.Line("%s from %s: %d of %d %s allowed.", w.Principal, w.Host, may, len(lines), what)
			}
			if w.OtherHosts > 0 {
				p.Line("%s for other addresses: see --host.", plural(w.OtherHosts, "row"))
			}
			sayUnknown(p, set)
		},
	}
}
