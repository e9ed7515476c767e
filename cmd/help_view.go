package cmd

import (
	"cmp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/weirhq/weir/commands"
	"github.com/weirhq/weir/internal/term"
)

func viewHelp(p *term.Page, c *cobra.Command) {
	p.Block("", cmp.Or(c.Long, c.Short))
	p.Line("")
	section(p, "Usage")
	// Most commands with sub-commands only group them; lag has arguments of its own.
	if !c.HasAvailableSubCommands() || strings.Contains(c.Use, " ") {
		p.Line("  %s", c.UseLine())
	}
	if c.HasAvailableSubCommands() {
		p.Line("  %s <command> [flags]", c.CommandPath())
	}
	if len(c.Aliases) > 0 {
		p.Line("  also: %s", strings.Join(c.Aliases, ", "))
	}
	viewCommands(p, c)
	if c.Example != "" {
		p.Line("")
		section(p, "Examples")
		p.Block("  ", c.Example)
	}
	if local := flagRows(c.LocalNonPersistentFlags()); len(local) > 0 {
		p.Line("")
		section(p, "Flags")
		viewRows(p, local)
	}
	if c.Parent() == nil || c.Annotations[commands.Offline] == "" {
		viewGlobals(p, c)
	}
	for _, s := range []struct{ title, key string }{{"Exit codes", commands.ExitCodes}, {"Environment", commands.Environ}, {"Next", commands.Next}} {
		if text := c.Annotations[s.key]; text != "" {
			p.Line("")
			section(p, s.title)
			p.Block("  ", text)
		}
	}
	if c.Parent() == nil {
		viewTopics(p)
	}
}

func section(p *term.Page, title string) { p.Line("%s", term.In(term.Bold, title)) }

func viewCommands(p *term.Page, c *cobra.Command) {
	groups := c.Groups()
	if len(groups) == 0 && c.HasAvailableSubCommands() {
		groups = []*cobra.Group{{Title: "Commands"}}
	}
	for _, g := range groups {
		var rows [][2]string
		for _, s := range c.Commands() {
			if s.IsAvailableCommand() && s.GroupID == g.ID {
				rows = append(rows, [2]string{s.Name(), s.Short})
			}
		}
		if len(rows) == 0 {
			continue
		}
		p.Line("")
		section(p, g.Title)
		viewRows(p, rows)
	}
}

func viewGlobals(p *term.Page, c *cobra.Command) {
	p.Line("")
	if c.Parent() != nil {
		p.Line("Global flags are listed by %s.", term.In(term.Accent, "weir --help"))
		return
	}
	section(p, "Global flags")
	viewRows(p, flagRows(c.PersistentFlags()))
}

func flagRows(fs *pflag.FlagSet) [][2]string {
	var rows [][2]string
	fs.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" || f.Name == "version" {
			return
		}
		value, text := pflag.UnquoteUsage(f)
		value = strings.TrimSuffix(value, "Array") // pflag's word; the text says that it may be given again
		name := "    --" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", --" + f.Name
		}
		if value != "" {
			name += " " + value
		}
		switch f.DefValue {
		case "", "false", "[]", "0", "0s":
		default:
			text += " (default " + f.DefValue + ")"
		}
		rows = append(rows, [2]string{name, text})
	})
	return rows
}

// viewRows aligns names and wraps their texts at 100 columns or the terminal's
// width, whichever is less.
func viewRows(p *term.Page, rows [][2]string) {
	w := 0
	for _, r := range rows {
		w = max(w, len(r[0]))
	}
	w = min(w, 34)
	limit := 100
	if p.Width > 0 {
		limit = min(limit, p.Width)
	}
	for _, r := range rows {
		lines := wrap(r[1], max(limit-w-4, 24))
		if len(r[0]) > w {
			p.Line("  %s", r[0])
			p.Line("  %-*s  %s", w, "", lines[0])
		} else {
			p.Line("  %-*s  %s", w, r[0], lines[0])
		}
		for _, l := range lines[1:] {
			p.Line("  %-*s  %s", w, "", l)
		}
	}
}

func wrap(s string, width int) []string {
	var lines []string
	line := ""
	for f := range strings.FieldsSeq(s) {
		if line != "" && len(line)+1+len(f) > width {
			lines = append(lines, line)
			line = f
			continue
		}
		line = strings.TrimPrefix(line+" "+f, " ")
	}
	return append(lines, line)
}
