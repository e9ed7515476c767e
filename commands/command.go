package commands

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/internal/suggest"
)

// doc trims the indentation of help texts, so that they can stand in the code
// where they are read.
func doc(s string) string {
	lines := strings.Split(strings.Trim(s, "\n\t "), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(strings.TrimLeft(l, "\t"), " \t")
	}
	return strings.Join(lines, "\n")
}

// noun builds a command that only groups verbs: alone it prints its help, a wrong
// verb gets a suggestion. The verbs are built only if the command line names the noun:
// every shell completion pays for them. Generators, which have no command line, get all.
func noun(d *Deps, use, short, group string, aliases []string, verbs ...func(*Deps) *cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, GroupID: group, Aliases: aliases}
	if d.Args == nil || slices.Contains(d.Args, use) || slices.ContainsFunc(aliases, func(a string) bool { return slices.Contains(d.Args, a) }) {
		for _, verb := range verbs {
			c.AddCommand(verb(d))
		}
	}
	Group(c)
	return c
}

// Group makes c print its help when it stands alone and suggest a sub-command when
// an unknown one is given. cobra does the latter at the root only.
func Group(c *cobra.Command) {
	c.Args = cobra.ArbitraryArgs
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return c.Help()
		}
		return unknownCommand(c, args[0])
	}
	c.ValidArgsFunction = cobra.NoFileCompletions
}

// Misspelt returns the error about an unknown sub-command if c only groups them and is
// given another word. A command that has both, such as lag, names its arguments in its
// usage line.
func Misspelt(c *cobra.Command, args []string) error {
	if len(args) == 0 || !c.HasSubCommands() || c.Use != c.Name() {
		return nil
	}
	return unknownCommand(c, args[0])
}

func unknownCommand(c *cobra.Command, word string) error {
	if s, _, err := c.Find([]string{word}); err == nil && s != c {
		return usage("write the command before --", "%s stands behind --, where nothing is taken for a command", word)
	}
	var names []string
	for _, s := range c.Commands() {
		if s.IsAvailableCommand() {
			names = append(names, s.Name())
			names = append(names, s.Aliases...)
		}
	}
	return usage("see "+c.CommandPath()+" --help", "unknown command %q for %q%s", word, c.CommandPath(), suggest.DidYouMean(word, names))
}

// exactly wants n arguments, named as in the usage line.
func exactly(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return usage("see "+c.CommandPath()+" --help", "missing argument %s", names[len(args)])
		}
		if len(args) > len(names) {
			return usage("see "+c.CommandPath()+" --help", "unexpected argument %q", args[len(names)])
		}
		return nil
	}
}

// atLeastOne wants one argument or more.
func atLeastOne(name string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usage("see "+c.CommandPath()+" --help", "missing argument %s", name)
		}
		return nil
	}
}

// atMostOne wants one argument or none.
func atMostOne(c *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usage("see "+c.CommandPath()+" --help", "unexpected argument %q", args[1])
	}
	return nil
}

// none wants no arguments.
func none(c *cobra.Command, args []string) error { return exactly()(c, args) }
