package commands

import "github.com/spf13/cobra"

func newProfile(d *Deps) *cobra.Command {
	return noun(d, "profile", "List, show, choose and check connection profiles", SetUp, []string{"profiles"},
		newProfileList, newProfileShow, newProfileUse, newProfileCheck)
}
