package commands

import (
	"fmt"
	"strings"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/internal/term"
)

func (w *aclWrite) view(p *term.Page, r *aclChangeReport) {
	sign := "add"
	if w.done == cluster.ACLDeleted {
		sign = "delete"
	}
	for i := range r.Steps {
		s := &r.Steps[i]
		mark, tail := p.Mark(sign), ""
		switch s.Status {
		case cluster.ACLExists, cluster.ACLAbsent:
			mark, tail = p.Mark("keep"), map[string]string{cluster.ACLExists: "  there already", cluster.ACLAbsent: "  gone already"}[s.Status]
		case cluster.ACLFailed:
			mark, tail = p.Mark("fail"), "  "+s.Error
		case cluster.ACLNotTried:
			mark, tail = p.Mark("skip"), "  not tried"
		}
		p.Line("  %s %s%s", mark, s.String(), tail)
	}
	for _, n := range r.Notes {
		p.Line("  %s %s", p.Mark("warn"), n)
	}
	if len(r.Steps)+len(r.Notes) > 0 {
		p.Line("")
	}
	p.Line("%s", w.sentence(r))
}

// sentence is the closing line.
func (w *aclWrite) sentence(r *aclChangeReport) string {
	sum := r.Summary
	dry := ""
	if r.DryRun {
		dry = " (dry run, judged by weir)"
	}
	past := map[string]string{"create": "added", "delete": "removed"}[w.verb]
	switch {
	case len(r.Steps) == 0:
		return "No rows fit: nothing to remove." + dry
	case sum.Planned > 0:
		return plural(sum.Planned, "row") + " to be " + past + "." + dry
	case sum.Done+sum.Failed+sum.NotTried == 0:
		return "Nothing to do." + dry
	}
	parts := []string{plural(sum.Done, "row") + " " + past}
	if sum.Failed > 0 {
		parts = append(parts, fmt.Sprintf("%d failed", sum.Failed))
	}
	if sum.NotTried > 0 {
		parts = append(parts, fmt.Sprintf("%d not tried", sum.NotTried))
	}
	return strings.Join(parts, ", ") + "."
}
