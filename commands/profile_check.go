package commands

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/internal/term"
)

type profileCheck struct {
	Profile   string `json:"profile"`
	Source    string `json:"source"`
	ClusterID string `json:"cluster_id"`
	// Brokers is how many the cluster's metadata names; one of them was asked.
	Brokers int `json:"brokers"`
}

func newProfileCheck(d *Deps) *cobra.Command {
	var format term.Format
	c := &cobra.Command{
		Use:   "check [NAME]",
		Short: "Connect with a profile and say what answers",
		Long:  "Connect with the profile named, or the one in force, and say which cluster answers.\nweir doctor looks further.",
		Example: doc(`
			# Do my credentials still work?
			$ weir profile check prod`),
		Args:              atMostOne,
		Annotations:       map[string]string{Next: "weir doctor"},
		ValidArgsFunction: d.completeProfiles,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				if d.Globals.Profile != "" && d.Globals.Profile != args[0] {
					return usage("leave one out", "both --profile %s and %s are named", d.Globals.Profile, args[0])
				}
				d.Globals.Profile = args[0]
			}
			return runProfileCheck(c.Context(), d, format)
		},
	}
	flagFormat(c, &format, term.TextFormat, term.JSON, term.YAML)
	return c
}

func runProfileCheck(ctx context.Context, d *Deps, format term.Format) error {
	conn, err := d.AnyBroker(ctx)
	if err != nil {
		return err
	}
	p := conn.Profile
	r := profileCheck{Profile: p.Name, Source: p.Source, ClusterID: conn.ClusterID, Brokers: len(conn.Brokers)}
	return d.Out.Emit(format, "profile_check", r, term.View{Text: func(pg *term.Page) {
		pg.Line("%s %s: cluster %s answers, and names %s; weir doctor asks each one", pg.Mark("ok"), p.Source, r.ClusterID, plural(r.Brokers, "broker"))
	}})
}
