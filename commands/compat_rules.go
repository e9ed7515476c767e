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
	return rowsView(rules, "No rules.", []string{"RULE", "SEVERITY", "PURPOSE*"},
		func(r finding.Rule) []any { return []any{r.ID, r.Severity.String(), r.Purpose} },
		func(r finding.Rule) string { return r.ID })
}
