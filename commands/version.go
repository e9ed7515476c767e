package commands

import (
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/internal/term"
)

func newVersion(d *Deps) *cobra.Command {
	var format term.Format
	c := &cobra.Command{
		Use:   "version",
		Short: "Print the version of weir",
		Long:  "Print the version, the commit it was built from and the libraries that matter.",
		Example: doc(`
			# Which weir is this?
			$ weir version

			# The version number alone
			$ weir version -o json | jq -r .version`),
		Args:        none,
		GroupID:     SetUp,
		Annotations: map[string]string{Offline: "yes"},
		RunE: func(*cobra.Command, []string) error {
			return d.Out.Emit(format, "version", d.Version, term.View{Text: func(p *term.Page) { viewVersion(p, d.Version) }})
		},
	}
	flagFormat(c, &format, term.TextFormat, term.JSON, term.YAML)
	return c
}

func viewVersion(p *term.Page, v Version) {
	p.Line("weir %s", v.Version)
	if v.Commit != "" {
		p.Line("commit    %s", v.Commit)
	}
	if v.Date != "" {
		p.Line("date      %s", v.Date)
	}
	p.Line("go        %s %s", v.Go, v.Platform)
	for _, lib := range slices.Sorted(maps.Keys(v.Libraries)) {
		p.Line("library   %s %s", lib, v.Libraries[lib])
	}
}
