package commands

import (
	"github.com/spf13/cobra"

	"github.com/weirhq/weir/compat"
	"github.com/weirhq/weir/finding"
	"github.com/weirhq/weir/internal/term"
)

func newCompatRules(d *Deps) *cobra.Command {
	var format term.Format
	c := &cobra.Command{
		Use:   "rules",
		Short: "List the rules of the compatibility gate",
		Long:  "List every rule of the compatibility gate: its id, default severity and purpose.\nNothing is read.",
		Example: doc(`
			# What can compat check say?
			$ weir compat rules

			# Only Protobuf, for a script
			$ weir compat rules -o name | grep ^proto/`),
		Args:        none,
		Annotations: map[string]string{Offline: "yes", Next: "weir explain RULE"},
		RunE: func(*cobra.Command, []string) error {
			rules := compat.NewEngine(checkers("", false), compat.Policy{}).Rules()
			return d.Out.Emit(format, "compat_rules", rulesReport{rules}, viewRules(rules))
		},
	}
	flagFormat(c, &format, term.TextFormat, term.JSON, term.YAML, term.TSV, term.Name)
	return c
}

func viewRules(rules []finding.Rule) term.View {
	table := func() *term.Table {
		t := term.NewTable("RULE", "SEVERITY", "PURPOSE*")
		for _, r := range rules {
			t.Row(r.ID, r.Severity.String(), r.Purpose)
		}
		return t
	}
	return term.View{
		Text:  func(p *term.Page) { p.Table(table()) },
		Table: table,
		Names: func() []string {
			var names []string
			for _, r := range rules {
				names = append(names, r.ID)
			}
			return names
		},
	}
}
