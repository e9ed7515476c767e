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

// flagFormat adds -o with the formats the command knows; the first is the default.
func flagFormat(c *cobra.Command, f *term.Format, allowed ...term.Format) {
	*f = allowed[0]
	v := term.FormatFlag{Value: f, Allowed: allowed}
	c.Flags().VarP(v, "output", "o", "output format: "+v.List())
	names := make([]string, len(allowed))
	for i, a := range allowed {
		names[i] = string(a)
	}
	_ = c.RegisterFlagCompletionFunc("output", completeWords(names...))
}

// OneOf adds a flag that takes one of a few words; the first is the default.
func OneOf(fs *pflag.FlagSet, p *string, name, help string, words ...string) {
	*p = words[0]
	fs.Var(&enum{p, words}, name, help+": "+suggest.Or(words))
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
	return fmt.Errorf("use %s%s", suggest.Or(e.words), suggest.DidYouMean(s, e.words))
}

// words adds a repeatable flag whose values may also stand in one, divided by commas.
func words(fs *pflag.FlagSet, p *[]string, name, help string) {
	fs.Var(&list{p: p, commas: true}, name, help)
}

// lines adds a repeatable flag whose values are taken as they stand.
func lines(fs *pflag.FlagSet, p *[]string, name, help string) { fs.Var(&list{p: p}, name, help) }

// topicNames divides names at commas. A pattern may hold one: g{1,2}.
func topicNames(names []string, regex bool) []string {
	if regex || len(names) == 0 {
		return names
	}
	return strings.Split(strings.Join(names, ","), ",")
}

// list is a repeatable flag. pflag's own ask for 4 KB each to print their empty
// default, which with a hundred of them was half of what the command tree took.
type list struct {
	p      *[]string
	commas bool
}

func (l *list) String() string { return strings.Join(*l.p, ",") }

// GetSlice returns what the flag holds, by the name that pflag's own have for it.
func (l *list) GetSlice() []string { return *l.p }

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
