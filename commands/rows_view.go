package commands

import "github.com/weirhq/weir/internal/term"

// rowsView draws a table and lists the names of rows; empty is what people read where
// there are none.
func rowsView[R any](rows []R, empty string, cols []string, cells func(R) []any, name func(R) string) term.View {
	table := func() *term.Table {
		t := term.NewTable(cols...)
		for _, r := range rows {
			t.Row(cells(r)...)
		}
		return t
	}
	return term.View{
		Table: table,
		Text: func(p *term.Page) {
			if len(rows) == 0 {
				p.Line("%s", empty)
				return
			}
			p.Table(table())
		},
		Names: func() []string {
			names := make([]string, len(rows))
			for i, r := range rows {
				names[i] = name(r)
			}
			return names
		},
	}
}
