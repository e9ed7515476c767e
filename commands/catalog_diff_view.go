package commands

import (
	"strings"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/finding"
	"github.com/weirhq/weir/internal/term"
)

func viewCatalogDiff(r *catalogDiff, f term.Format, loadErr error) term.View {
	table := func() *term.Table {
		t := term.NewTable("CLASS", "SUBJECT*", "CHANGE*", "AFFECTED*", "AT")
		for i := range r.Changes {
			c := &r.Changes[i]
			t.Row(string(c.Class), joinWords(c.Subject.Kind, c.Subject.Name), c.Message, strings.Join(affectedNames(c), ", "), changeAt(c))
		}
		return t
	}
	return term.View{Table: table, Text: func(p *term.Page) {
		if f == term.Markdown {
			markdownDiff(p, r)
			return
		}
		class := catalog.ChangeClass("")
		for i := range r.Changes {
			c := &r.Changes[i]
			if c.Class != class {
				if class != "" {
					p.Line("")
				}
				class = c.Class
				p.Line("%s", term.In(changeStyle(class), string(class)))
			}
			p.Line("  %s %s: %s", c.Subject.Kind, term.In(term.Bold, c.Subject.Name), c.Message)
			if at := changeAt(c); at != "" {
				p.Line("    at        %s", at)
			}
			if who := affectedNames(c); len(who) > 0 {
				p.Line("    affects   %s", strings.Join(who, ", "))
			}
		}
		if len(r.Changes) == 0 {
			p.Line("%s", nothing("No changes", loadErr))
			return
		}
		p.Line("")
		p.Line("%s, %d somebody has to act on.", strings.TrimSuffix(nothing(plural(len(r.Changes), "change"), loadErr), "."), r.Breaking)
	}}
}

func changeStyle(c catalog.ChangeClass) term.Style {
	switch {
	case c == catalog.ChangeImpossible || c == catalog.ChangeDataLoss:
		return term.Bad
	case c.Breaking() || c == catalog.ChangePayload:
		return term.Warn
	}
	return term.Accent
}

func changeAt(c *catalog.Change) string {
	if at := c.NewAt.String(); at != "" {
		return at
	}
	if at := c.OldAt.String(); at != "" {
		return at + " (old)"
	}
	return ""
}

func affectedNames(c *catalog.Change) []string {
	var who []string
	for _, a := range c.Affected {
		s := a.Role + " " + a.Application
		if a.Owner != "" {
			s += " (" + a.Owner + ")"
		}
		who = append(who, s)
	}
	return who
}

func markdownDiff(p *term.Page, r *catalogDiff) {
	p.Line("### Catalog: %s, %d somebody has to act on", plural(len(r.Changes), "change"), r.Breaking)
	if len(r.Changes) == 0 {
		return
	}
	p.Line("")
	p.Line("| class | what | change | affects |")
	p.Line("|---|---|---|---|")
	for i := range r.Changes {
		c := &r.Changes[i]
		p.Line("| %s | %s | %s | %s |", string(c.Class), finding.EscapeMarkdown(joinWords(c.Subject.Kind, c.Subject.Name)),
			finding.EscapeMarkdown(c.Message), finding.EscapeMarkdown(strings.Join(affectedNames(c), ", ")))
	}
}
