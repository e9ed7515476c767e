package commands

import (
	"github.com/weirhq/weir/internal/term"
)

func viewGroupList(list *groupListing, wide bool) term.View {
	cols := []string{"GROUP*", "TYPE", "STATE", "PROTOCOL"}
	if wide {
		cols = append(cols, ">COORDINATOR", ">MEMBERS", "STATIC-MEMBERS")
	}
	empty := "No groups."
	if list.Scope.Complete != nil && !*list.Scope.Complete {
		empty = "No group is visible."
	}
	return rowsView(list.Groups, empty, cols, func(g groupRow) []any {
		return []any{g.Name, g.Type, g.State, g.Protocol, g.Coordinator, g.Members, joinComma(g.Static)}
	}, func(g groupRow) string { return g.Name })
}
