package commands

import (
	"github.com/spf13/cobra"

	"github.com/weirhq/weir/internal/config"
	"github.com/weirhq/weir/internal/term"
)

func newProfileShow(d *Deps) *cobra.Command {
	var format term.Format
	c := &cobra.Command{
		Use:   "show [NAME]",
		Short: "Show a profile, the one in force by default",
		Long:  "Show a profile: the one named, or the connection this command line would use.\nSecrets are never shown, only where they come from.",
		Example: doc(`
			# What would this shell connect to?
			$ weir profile show

			# One word for a shell prompt
			$ weir profile show -o name`),
		Args:              atMostOne,
		Annotations:       map[string]string{Offline: "yes"},
		ValidArgsFunction: d.completeProfiles,
		RunE: func(_ *cobra.Command, args []string) error {
			cfg, err := d.Config()
			if err != nil {
				return err
			}
			var p *config.Profile
			if len(args) == 1 {
				p, err = cfg.ProfileNamed(args[0])
			} else {
				p, err = cfg.Connection()
			}
			if err != nil {
				return err
			}
			return d.Out.Emit(format, "profile", p.Profile, viewProfile(p))
		},
	}
	flagFormat(c, &format, term.TextFormat, term.JSON, term.YAML, term.Name)
	return c
}

func viewProfile(p *config.Profile) term.View {
	name := p.Name
	if name == "" {
		name = p.Source
	}
	return term.View{
		Names: func() []string { return []string{name} },
		Text: func(pg *term.Page) {
			line := func(key, value string) { pg.Line("%-22s %s", key, value) }
			if p.Name != "" {
				line("profile", p.Name)
			}
			line("source", p.Source)
			p.Each(func(key, value string) {
				switch key {
				case "protected":
					value += ": severe acts ask for the profile's name"
				case "read_only":
					value += ": writes are refused before they are sent"
				}
				line(key, value)
			})
		},
	}
}
