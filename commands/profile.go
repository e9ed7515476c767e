package commands

import (
	"github.com/spf13/cobra"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/internal/config"
	"github.com/weirhq/weir/internal/term"
)

func newProfile(d *Deps) *cobra.Command {
	return noun("profile", "List, show, choose and check connection profiles", SetUp, []string{"profiles"},
		newProfileList(d), newProfileShow(d), newProfileUse(d), newProfileCheck(d))
}

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
			return d.Out.Emit(format, "profile_list", map[string]any{"profiles": rows}, viewProfiles(rows))
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
	table := func() *term.Table {
		t := term.NewTable("CURRENT", "NAME*", "BROKERS*", "SECURITY", "GUARDS")
		for _, r := range rows {
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
			t.Row(term.In(term.Plain, mark), r.Name, joinComma(r.Brokers), joinWords(r.Protocol, r.Mechanism), guards)
		}
		return t
	}
	return term.View{
		Text: func(p *term.Page) {
			if len(rows) == 0 {
				p.Line("No profiles. See weir help config.")
				return
			}
			p.Table(table())
		},
		Table: table,
		Names: func() []string {
			names := make([]string, len(rows))
			for i, r := range rows {
				names[i] = r.Name
			}
			return names
		},
	}
}

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
		Args:              cobra.MaximumNArgs(1),
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
			line := func(label, value string) {
				if value != "" {
					pg.Line("%-11s %s", label, value)
				}
			}
			line("profile", p.Name)
			line("source", p.Source)
			line("brokers", joinComma(p.Brokers))
			line("security", joinWords(string(p.Protocol()), string(p.SASL.Mechanism)))
			line("user", p.SASL.Username)
			secretLine(line, "password", p.SASL.Password)
			secretLine(line, "token", p.SASL.Token)
			line("ca", p.TLS.CA)
			line("certificate", p.TLS.Cert)
			line("key", p.TLS.Key)
			line("truststore", p.TLS.Truststore.File)
			line("keystore", p.TLS.Keystore.File)
			line("cluster id", p.ClusterID)
			line("environment", p.Environment)
			if p.Protected {
				line("guard", "protected: severe acts ask for the profile's name")
			}
			if p.ReadOnly {
				line("guard", "read-only: writes are refused before they are sent")
			}
		},
	}
}

func secretLine(line func(label, value string), label string, s cluster.Secret) {
	if !s.IsZero() {
		line(label, s.Origin())
	}
}
