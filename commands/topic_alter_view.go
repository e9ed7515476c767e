package commands

import (
	"fmt"
	"strings"

	"github.com/weirhq/weir/internal/term"
	"github.com/weirhq/weir/plan"
)

func viewTopicAlter(r *plan.Alterations) term.View {
	return term.View{Text: func(p *term.Page) {
		marks := map[string]string{"planned": "change", "would_change": "change", "changed": "ok", "unchanged": "keep", "failed": "fail"}
		words := map[string]string{"unchanged": "no change", "changed": "changed", "failed": "failed"}
		for _, a := range r.Topics {
			word := words[a.Result]
			if r.DryRun && !a.Empty() {
				word = joinWords(word, "(dry run, judged by the "+a.JudgedBy+")")
			}
			p.Line("%s", strings.TrimRight(fmt.Sprintf("%s topic  %s  %s", p.Mark(marks[a.Result]).S, a.Name, word), " "))
			if a.Error != nil {
				p.Line("    %s", *a.Error)
			}
			if a.Result == "changed" {
				continue
			}
			if a.PartitionsBefore != a.PartitionsAfter {
				p.Line("    %-24s %d -> %d", "partitions", a.PartitionsBefore, a.PartitionsAfter)
			}
			for _, c := range a.Changes {
				after := unknown(c.After, func(s string) string { return s })
				if c.Op == "unset" {
					after += " (inherited)"
				}
				p.Line("    %-24s %s -> %s", c.Name, unknown(c.Before, func(s string) string { return s }), after)
			}
			for _, risk := range a.Risks {
				p.Line("    %s %s", p.Mark("warn"), risk)
			}
		}
		if len(r.Needs) > 0 {
			p.Line("This needs %s.", strings.Join(r.Needs, " and "))
		}
	}}
}
