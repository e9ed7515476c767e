package commands

import (
	"github.com/weirhq/weir/finding"
	"github.com/weirhq/weir/internal/term"
	"github.com/weirhq/weir/lag"
)

func (d *Deps) emitLag(o *lagOptions, rep *lag.Report, verdict string) error {
	switch o.format {
	case term.JUnit, term.GitHub, term.Markdown:
		return emitFindings(d, o.format, "lag", rep, lagFindings(rep, verdict))
	default:
		return d.Out.Emit(o.format, "lag", rep, viewLag(rep, o.format == term.Wide, verdict))
	}
}

// lagGateRules are the limits of weir lag as rules, for explain and the formats of gates.
func lagGateRules() []finding.Rule {
	return []finding.Rule{
		{ID: "lag/max-lag", Severity: finding.Error, Purpose: "A group has no more unread records than allowed."},
		{ID: "lag/max-age", Severity: finding.Error, Purpose: "The first unread record is no older than allowed."},
		{ID: "lag/max-loss-risk", Severity: finding.Error, Purpose: "Retention does not reach what is unread."},
		{ID: "lag/slo", Severity: finding.Error, Purpose: "A group keeps the objective that the catalog declares."},
		{ID: "lag/wait-zero", Severity: finding.Error, Purpose: "A group has read everything."},
	}
}

func lagFindings(rep *lag.Report, verdict string) *finding.Run {
	var fs []finding.Finding
	var skipped []finding.Skipped
	if rep.Gate != nil {
		for _, b := range rep.Gate.Breaches {
			f := finding.Finding{Rule: "lag/" + b.Limit, Severity: finding.Error, Subject: finding.Subject{Kind: "group", Name: b.Group}, Message: "group " + b.Group + ": " + b.Message}
			if b.Topic != nil {
				f.Message = "group " + b.Group + " on topic " + *b.Topic + ": " + b.Message
			}
			if b.Owner != nil {
				f.Owner = *b.Owner
			}
			fs = append(fs, f)
		}
		for _, u := range rep.Gate.Undecided {
			skipped = append(skipped, finding.Skipped{Rule: "lag/" + u.Limit, Subject: finding.Subject{Kind: "group", Name: u.Group}, Reason: u.Reason})
		}
	}
	if verdict == "" {
		verdict = lagVerdict(rep)
	}
	return &finding.Run{Report: finding.NewReport(fs, skipped), Name: "lag", Rules: lagGateRules(), Gate: finding.Gate{At: finding.Error}, Verdict: verdict}
}
