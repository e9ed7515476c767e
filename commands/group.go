package commands

import (
	"github.com/spf13/cobra"
)

func newGroup(d *Deps) *cobra.Command {
	return noun(d, "group", "List, describe and change consumer groups", Govern, []string{"groups", "g"},
		newGroupList,
		newGroupDescribe,
		newGroupReset,
		newGroupExport,
		newGroupDelete,
		newGroupRemoveMember,
	)
}
