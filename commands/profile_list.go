package commands

import (
	"github.com/spf13/cobra"

	"github.com/weirhq/weir/internal/config"
	"github.com/weirhq/weir/internal/term"
)

type profileRow struct {
	Name      string   `json:"name"`
	Current   bool     `json:"current"`
	Brokers   []string `json:"brokers"`
	Protocol  string   `json:"security_protocol"`
	Mechanism string   `json:"sasl_mechanism,omitempty"`
	ClusterID string   `json:"cluster_id,omitempty"`
	Protected bool     `json:"protected"`
	ReadOnly  bool     `json:"read_only"`
	File      string   `json:"file"`
}

type profileReport struct {
	Profiles []profileRow `json:"profiles"`
}

func newProfileList(d *Deps) *cobra.Command {
	var format term.Format
	c := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the profiles of weir.yaml and the user file",
		Long:    "List the profiles of weir.yaml and the user file. Nothing is connected to.",
		Example: doc(`
			# Which clusters do I know?
			$ weir profile list

			# Their names, for a script
			$ weir profile list -o name`),
		Args:        none,
		Annotations: map[string]string{Offline: "yes"},
		RunE: func(*cobra.Command, []string) error {
			cfg, err := d.Config()
			if err != nil {
				return err
			}
			current, _ := cfg.CurrentProfile()
			rows := []profileRow{}
			for _, name := range cfg.Profiles() {
				p, err := cfg.ProfileNamed(name)
				if err != nil {
					return err
				}
				rows = append(rows, profileRowOf(p, name == current))
			}
			return d.Out.Emit(format, "profile_list", profileReport{rows}, viewProfiles(rows))
		},
	}
	flagFormat(c, &format, term.TextFormat, term.JSON, term.YAML, term.TSV, term.Name)
	return c
}

func profileRowOf(p *config.Profile, current bool) profileRow {
	return profileRow{
		Name: p.Name, Current: current, Brokers: p.Brokers, Protocol: string(p.Protocol()), Mechanism: string(p.SASL.Mechanism),
		ClusterID: p.ClusterID, Protected: p.Protected, ReadOnly: p.ReadOnly, File: p.Source,
	}
}

func viewProfiles(rows []profileRow) term.View {
	return rowsView(rows, "No profiles. See weir help config.", []string{"CURRENT", "NAME*", "BROKERS*", "SECURITY", "GUARDS"},
		func(r profileRow) []any {
			mark, guards := "", ""
			if r.Current {
				mark = "*"
			}
			if r.Protected {
				guards = "protected"
			}
			if r.ReadOnly {
				guards = joinWords(guards, "read-only")
			}
			return []any{term.In(term.Plain, mark), r.Name, joinComma(r.Brokers), joinWords(r.Protocol, r.Mechanism), guards}
		}, func(r profileRow) string { return r.Name })
}
