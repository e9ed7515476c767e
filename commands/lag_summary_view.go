package commands

import (
	"fmt"
	"strings"

	"github.com/weirhq/weir/internal/term"
	"github.com/weirhq/weir/lag"
)

// viewLagRest prints what the table has no column for: limits, what is unknown, notes.
func viewLagRest(p *term.Page, rep *lag.Report, verdict string) {
	p.Line("")
	if rep.Gate != nil {
		for _, b := range rep.Gate.Breaches {
			subject := b.Group
			if b.Topic != nil {
				subject += " on " + *b.Topic
			}
			owner := ""
			if b.Owner != nil {
				owner = " (" + *b.Owner + ")"
			}
			p.Line("%s %s: %s: %s%s", p.Mark("fail"), b.Limit, subject, b.Message, owner)
		}
		for _, u := range rep.Gate.Undecided {
			limit := u.Limit
			if u.Group != "" {
				limit += ": " + u.Group
			}
			p.Line("%s %s: %s", p.Mark("warn"), limit, u.Reason)
		}
	}
	const most = 20
	for i, f := range rep.Coverage.Failures {
		if i == most {
			p.Line("%s and %d more failures", p.Mark("warn"), len(rep.Coverage.Failures)-most)
			break
		}
		where := "broker " + itoa(f.Broker)
		if f.Broker < 0 {
			where = "cluster"
		}
		p.Line("%s %s: %s: %s", p.Mark("warn"), where, f.What, f.Text)
	}
	if len(rep.Groups) <= most {
		for i := range rep.Groups {
			for _, n := range rep.Groups[i].Notes {
				p.Line("%s: %s", rep.Groups[i].Group, n)
			}
			if e := rep.Groups[i].Error; e != nil {
				p.Line("%s %s: %s", p.Mark("warn"), rep.Groups[i].Group, *e)
			}
		}
	}
	if verdict == "" {
		verdict = lagVerdict(rep)
	}
	p.Line("%s", verdict)
}

// lagVerdict is the last line: what it comes to.
func lagVerdict(rep *lag.Report) string {
	p := term.NewPage(0, true)
	counts := map[lag.Status]int{}
	for i := range rep.Groups {
		counts[rep.Groups[i].Status]++
	}
	var parts []string
	for _, s := range lag.Statuses() {
		if n := counts[s]; n > 0 && s != lag.OK && s != lag.Idle {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	total := "?"
	if rep.Total.Lag != nil {
		total = p.Int(*rep.Total.Lag)
	}
	if rep.Total.AtLeast && rep.Total.Lag != nil {
		total = "at least " + total
	}
	line := plural(len(rep.Groups), "group") + ", " + total + " records unread"
	if rep.Total.Unread > 0 {
		line += " (" + plural(rep.Total.Unread, "partition") + " unknown)"
	}
	if rep.Coverage.Answered < rep.Coverage.Brokers {
		line += fmt.Sprintf(", %d of %d brokers answered", rep.Coverage.Answered, rep.Coverage.Brokers)
	}
	if len(parts) > 0 {
		line += ": " + strings.Join(parts, ", ")
	}
	if rep.Gate != nil {
		switch {
		case len(rep.Gate.Breaches) > 0:
			line += "; " + plural(len(rep.Gate.Breaches), "limit") + " exceeded"
		case rep.Gate.Passed == nil:
			line += "; undecided"
		default:
			line += "; within the limits"
		}
	}
	return line + "."
}
