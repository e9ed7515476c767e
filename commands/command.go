package commands

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/weirhq/weir/internal/suggest"
	"github.com/weirhq/weir/internal/term"
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
// verb gets a suggestion.
func noun(use, short, group string, aliases []string, verbs ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, GroupID: group, Aliases: aliases}
	c.AddCommand(verbs...)
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

func unknownCommand(c *cobra.Command, word string) error {
	var names []string
	for _, s := range c.Commands() {
		if s.IsAvailableCommand() {
			names = append(names, s.Name())
			names = append(names, s.Aliases...)
		}
	}
	return usage("see "+c.CommandPath()+" --help", "unknown command %q for %q%s", word, c.CommandPath(), suggest.DidYouMean(word, names))
}

// flagFormat adds -o with the formats the command knows; the first is the default.
func flagFormat(c *cobra.Command, f *term.Format, allowed ...term.Format) {
	*f = allowed[0]
	v := term.FormatFlag{Value: f, Allowed: allowed}
	c.Flags().VarP(v, "output", "o", "output format: "+v.List())
	_ = c.RegisterFlagCompletionFunc("output", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		names := make([]string, len(allowed))
		for i, a := range allowed {
			names[i] = string(a)
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	})
}

// oneOf adds a flag that takes one of a few words; the first is the default.
func oneOf(fs *pflag.FlagSet, p *string, name, help string, words ...string) {
	*p = words[0]
	fs.Var(&enum{p, words}, name, help+": "+strings.Join(words, ", "))
}

type enum struct {
	p     *string
	words []string
}

func (e *enum) String() string { return *e.p }
func (e *enum) Type() string   { return "word" }
func (e *enum) Set(s string) error {
	if slices.Contains(e.words, s) {
		*e.p = s
		return nil
	}
	return fmt.Errorf("use %s%s", strings.Join(e.words, ", "), suggest.DidYouMean(s, e.words))
}

// words adds a repeatable flag whose values may also stand in one, divided by commas.
func words(fs *pflag.FlagSet, p *[]string, name, help string) {
	fs.Var(&list{p: p, commas: true}, name, help)
}

// lines adds a repeatable flag whose values are taken as they stand.
func lines(fs *pflag.FlagSet, p *[]string, name, help string) { fs.Var(&list{p: p}, name, help) }

// list is a repeatable flag. pflag's own ask for 4 KB each to print their empty
// default, which with a hundred of them was half of what the command tree took.
type list struct {
	p      *[]string
	commas bool
}

func (l *list) String() string { return strings.Join(*l.p, ",") }

func (l *list) Type() string {
	if l.commas {
		return "stringSlice"
	}
	return "stringArray"
}

func (l *list) Set(s string) error {
	if !l.commas {
		*l.p = append(*l.p, s)
		return nil
	}
	vals, err := csv.NewReader(strings.NewReader(s)).Read() // a value that holds a comma is quoted
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	*l.p = append(*l.p, vals...)
	return nil
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

// oneFlag wants at most one of the flags, or exactly one.
func oneFlag(c *cobra.Command, required bool, names ...string) error {
	var given []string
	for _, n := range names {
		if c.Flags().Changed(n) {
			given = append(given, "--"+n)
		}
	}
	hint := "see " + c.CommandPath() + " --help"
	if len(given) > 1 {
		return usage(hint, "%s exclude each other", strings.Join(given, " and "))
	}
	if required && len(given) == 0 {
		return usage(hint, "one of --%s is needed", strings.Join(names, ", --"))
	}
	return nil
}
