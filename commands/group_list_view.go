package commands

import (
	"github.com/weirhq/weir/internal/term"
)

func viewGroupList(list *groupListing, wide bool) term.View {
	table := func() *term.Table {
		cols := []string{"GROUP*", "TYPE", "STATE", "PROTOCOL"}
		if wide {
			cols = append(cols, ">COORDINATOR", ">MEMBERS", "STATIC-MEMBERS")
		}
		t := term.NewTable(cols...)
		for _, g := range list.Groups {
			row := []any{g.Name, g.Type, g.State, g.Protocol}
			if wide {
				row = append(row, g.Coordinator, g.Members, joinComma(g.Static))
			}
			t.Row(row...)
		}
		return t
	}
	return term.View{
		Text: func(p *term.Page) {
			if len(list.Groups) == 0 {
				if list.Scope.Complete != nil && !*list.Scope.Complete {
					p.Line("No group is visible.")
				} else {
					p.Line("No groups.")
				}
				return
			}
			p.Table(table())
		},
		Table: table,
		Names: func() []string {
			names := make([]string, len(list.Groups))
			for i := range list.Groups {
				names[i] = list.Groups[i].Name
			}
			return names
		},
	}
}
