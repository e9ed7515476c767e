package cmd

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/internal/suggest"
	"github.com/weirhq/weir/internal/term"
)

// printHelp draws the help of one command on standard output.
func printHelp(out *term.Screen, c *cobra.Command) error {
	return out.Print(func(p *term.Page) { viewHelp(p, c) })
}

func newHelp(out *term.Screen, root *cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use:   "help [command | topic]",
		Short: "Help about a command or a topic",
		Long:  "Help about a command, or about one of the topics exit-codes, environment, output and config.",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return printHelp(out, root)
			}
			if len(args) == 1 {
				for _, t := range topics {
					if t.name == args[0] {
						return out.Print(func(p *term.Page) { p.Block("", t.text) })
					}
				}
			}
			c, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 || c == root {
				word, names := args[0], helpNames(root)
				if err == nil && c != root && len(rest) > 0 {
					word, names = rest[0], childNames(c)
				}
				return &usageFailure{
					err:  errors.New("no help for " + strings.Join(args, " ") + suggest.DidYouMean(word, names)),
					hint: "see weir help",
				}
			}
			return printHelp(out, c)
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return helpNames(root), cobra.ShellCompDirectiveNoFileComp
		},
	}
	return c
}

func childNames(c *cobra.Command) []string {
	var names []string
	for _, s := range c.Commands() {
		if s.IsAvailableCommand() {
			names = append(names, s.Name())
		}
	}
	return names
}

func helpNames(root *cobra.Command) []string {
	names := childNames(root)
	for _, t := range topics {
		names = append(names, t.name)
	}
	return names
}
