package commands

import (
	"github.com/spf13/cobra"

	"github.com/weirhq/weir/internal/term"
)

func newProfileUse(d *Deps) *cobra.Command {
	return &cobra.Command{
		Use:   "use NAME",
		Short: "Make a profile the current one",
		Long:  "Make a profile of the user file the current one, by writing current_profile into it.\nA profile named by --profile, WEIR_PROFILE or weir.yaml still wins.",
		Example: doc(`
			# Work on the development cluster from now on
			$ weir profile use dev`),
		Args:              exactly("NAME"),
		Annotations:       map[string]string{Offline: "yes", Next: "weir profile check"},
		ValidArgsFunction: d.completeProfiles,
		RunE: func(_ *cobra.Command, args []string) error {
			cfg, err := d.Config()
			if err != nil {
				return err
			}
			if _, err := cfg.ProfileNamed(args[0]); err != nil {
				return err
			}
			if err := cfg.SetCurrentProfile(args[0]); err != nil {
				return err
			}
			if now, origin := cfg.CurrentProfile(); now != args[0] {
				d.Log.Warn("another source names a profile and wins here", "profile", now, "origin", origin)
			}
			return d.Out.Print(func(p *term.Page) { p.Line("Current profile: %s (in %s)", args[0], cfg.UserPath) })
		},
	}
}
