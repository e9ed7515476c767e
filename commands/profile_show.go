package commands

import (
	"github.com/spf13/cobra"

	"github.com/weirhq/weir/cluster"
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
			line("verify", string(p.TLS.Verify))
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
