package commands

import "github.com/spf13/cobra"

func newProfile(d *Deps) *cobra.Command {
	return noun("profile", "List, show, choose and check connection profiles", SetUp, []string{"profiles"},
		newProfileList(d), newProfileShow(d), newProfileUse(d), newProfileCheck(d))
}
