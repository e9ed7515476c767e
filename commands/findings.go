package commands

import (
	"fmt"

	"github.com/weirhq/weir/finding"
	"github.com/weirhq/weir/internal/term"
)

// gateFormats are the formats of every command that ends in findings.
var gateFormats = []term.Format{term.TextFormat, term.JSON, term.YAML, term.SARIF, term.JUnit, term.GitHub, term.Markdown}

// emitFindings prints a run of findings. report is what -o json prints; it embeds or
// is the run's report.
func emitFindings(d *Deps, f term.Format, kind string, report any, run *finding.Run) error {
	run.Version = d.Version.Version
	out := d.Out.Out()
	switch f {
	case term.SARIF:
		return run.WriteSARIF(out)
	case term.JUnit:
		return run.WriteJUnit(out)
	case term.GitHub:
		return run.WriteGitHub(out)
	case term.Markdown:
		return run.WriteMarkdown(out)
	default:
		return d.Out.Emit(f, kind, report, term.View{Text: func(p *term.Page) { viewFindings(p, run) }})
	}
}

// viewFindings prints findings as compilers do, position first, so that editors and
// CI logs can follow them.
func viewFindings(p *term.Page, run *finding.Run) {
	var open []finding.Finding // what is unproven stands apart, below what is known
	for _, f := range run.Findings {
		if f.Unproven && f.Waived == nil {
			open = append(open, f)
			continue
		}
		viewFinding(p, f)
	}
	if len(open) > 0 && len(open) < len(run.Findings) {
		p.Line("")
	}
	for _, f := range open {
		viewFinding(p, f)
	}
	for _, s := range run.Skipped {
		p.Line("%s", term.In(term.Faint, fmt.Sprintf("skipped %s %s: %s", s.Rule, s.Subject.Name, s.Reason)))
	}
	if len(run.Findings)+len(run.Skipped) > 0 {
		p.Line("")
	}
	if run.Verdict != "" {
		p.Line("%s", run.Verdict)
	}
}

func viewFinding(p *term.Page, f finding.Finding) {
	style := map[finding.Severity]term.Style{finding.Error: term.Bad, finding.Warning: term.Warn, finding.Info: term.Accent, finding.Off: term.Faint}[f.Severity]
	word := f.Word()
	if f.Waived != nil {
		style = term.Faint
	}
	where := f.Position.String()
	if where == "" {
		where = joinWords(f.Subject.Kind, f.Subject.Name)
	}
	p.Printf("%s: %s", where, term.In(style, word+":"))
	p.Words(4, f.Message, term.In(term.Faint, "("+f.Rule+")"))
	for _, d := range f.Details {
		p.Line("    %-9s %s", d.Label, d.Text)
	}
	for _, r := range f.Related {
		p.Line("    %-9s %s %s", "see", r.Position.String(), r.Message)
	}
	if f.Hint != "" {
		p.Line("    %-9s %s", "fix", f.Hint)
	}
	if f.Owner != "" {
		p.Line("    %-9s %s", "owner", f.Owner)
	}
	if f.Waived != nil {
		p.Line("    %-9s until %s: %s", "waived", f.Waived.Until, f.Waived.Reason)
	}
}

// plural is "1 error", "2 errors".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
