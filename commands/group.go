package commands

import (
	"github.com/spf13/cobra"
)

func newGroup(d *Deps) *cobra.Command {
	return noun("group", "List, describe and change consumer groups", Govern, []string{"groups", "g"},
		newGroupList(d),
		newGroupDescribe(d),
		newGroupReset(d),
		newGroupExport(d),
		newGroupDelete(d),
		newGroupRemoveMember(d),
	)
}
