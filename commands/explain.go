package commands

import (
	"cmp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/compat"
	"github.com/weirhq/weir/finding"
	"github.com/weirhq/weir/internal/suggest"
	"github.com/weirhq/weir/internal/term"
	"github.com/weirhq/weir/plan"
)

// Rules returns the rules of every family, sorted by id and each once.
func Rules() []finding.Rule {
	rules := slices.Concat(catalog.Rules(), compat.NewEngine(checkers("", false), compat.Policy{}).Rules(), cluster.ACLRules(), plan.Rules(), lagGateRules())
	slices.SortStableFunc(rules, func(a, b finding.Rule) int { return cmp.Compare(a.ID, b.ID) })
	return slices.CompactFunc(rules, func(a, b finding.Rule) bool { return a.ID == b.ID })
}

type rulesReport struct {
	Rules []finding.Rule `json:"rules"`
}

func newExplain(d *Deps) *cobra.Command {
	var format term.Format
	c := &cobra.Command{
		Use:     "explain [RULE]",
		Short:   "Say what a rule checks, why, and how to fix what it finds",
		GroupID: Govern,
		Long: doc(`
			Explain a rule by its id, as findings print it in brackets. Without one, all rules are
			listed. Nothing is read.`),
		Example: doc(`
			# What does this finding want?
			$ weir explain topic/defined-twice

			# Every rule about topics
			$ weir explain -o name | grep ^topic/`),
		Args:        atMostOne,
		Annotations: map[string]string{Offline: "yes"},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			var ids []string
			for _, r := range Rules() {
				ids = append(ids, r.ID+"\t"+r.Purpose)
			}
			return ids, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			rules := Rules()
			if len(args) == 0 {
				return d.Out.Emit(format, "rules", rulesReport{rules}, viewRules(rules))
			}
			i := slices.IndexFunc(rules, func(r finding.Rule) bool { return r.ID == args[0] })
			if i < 0 {
				var ids []string
				for _, r := range rules {
					ids = append(ids, r.ID)
				}
				return usage("weir explain lists all rules", "unknown rule %q%s", args[0], suggest.DidYouMean(args[0], ids))
			}
			return d.Out.Emit(format, "rule", rules[i], viewRule(rules[i]))
		},
	}
	flagFormat(c, &format, term.TextFormat, term.JSON, term.YAML, term.TSV, term.Name)
	return c
}

func viewRule(r finding.Rule) term.View {
	v := viewRules([]finding.Rule{r})
	v.Text = func(p *term.Page) {
		p.Line("%s %s", term.In(term.Bold, r.ID), term.In(term.Faint, "("+r.Severity.String()+")"))
		p.Line("  %s", r.Purpose)
		for _, part := range []struct{ label, text string }{
			{"Why", r.Why}, {"Fails", r.Fails}, {"Passes", r.Passes}, {"Fix", r.Fix}, {"Source", r.Source},
		} {
			if part.text == "" {
				continue
			}
			p.Line("")
			p.Line("%s", part.label)
			p.Block("  ", strings.TrimSpace(part.text))
		}
	}
	return v
}
