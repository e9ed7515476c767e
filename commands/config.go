package commands

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/internal/config"
	"github.com/weirhq/weir/internal/term"
)

func newConfig(d *Deps) *cobra.Command {
	return noun(d, "config", "Show the resolved configuration", SetUp, nil, newConfigShow)
}

func newConfigShow(d *Deps) *cobra.Command {
	var format term.Format
	var origin bool
	c := &cobra.Command{
		Use:   "show",
		Short: "Show the resolved configuration",
		Long:  "Show every setting in force. With --origin, also where each came from.\nSecrets are never shown.",
		Example: doc(`
			# What is in force here, and why?
			$ weir config show --origin`),
		Args:        none,
		Annotations: map[string]string{Offline: "yes"},
		RunE: func(*cobra.Command, []string) error {
			cfg, err := d.Config()
			if err != nil {
				return err
			}
			settings := cfg.Settings()
			return d.Out.Emit(format, "config", configReport{settings}, viewSettings(settings, origin))
		},
	}
	flagFormat(c, &format, term.TextFormat, term.JSON, term.YAML, term.TSV)
	c.Flags().BoolVar(&origin, "origin", false, "also print where each value comes from")
	return c
}

type configReport struct {
	Settings []config.Setting `json:"settings"`
}

func viewSettings(settings []config.Setting, origin bool) term.View {
	table := func() *term.Table {
		cols := []string{"SETTING", "VALUE*"}
		if origin {
			cols = append(cols, "ORIGIN*")
		}
		t := term.NewTable(cols...)
		for _, s := range settings {
			if origin {
				t.Row(s.Key, s.Value, s.Origin)
			} else {
				t.Row(s.Key, s.Value)
			}
		}
		return t
	}
	return term.View{Table: table}
}

func joinComma(ss []string) string { return strings.Join(ss, ",") }

// joinKnown joins what is not empty with commas.
func joinKnown(facts ...string) string {
	return strings.Join(slices.DeleteFunc(facts, func(f string) bool { return f == "" }), ", ")
}

// notNull makes a list that JSON writes as [] where it is empty.
func notNull(ss []string) []string { return append([]string{}, ss...) }

// joinWords joins the words that are not empty with a space.
func joinWords(words ...string) string {
	return strings.Join(strings.Fields(strings.Join(words, " ")), " ")
}
