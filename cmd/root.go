package cmd

import (
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/commands"
	"github.com/weirhq/weir/internal/config"
	"github.com/weirhq/weir/internal/suggest"
	"github.com/weirhq/weir/internal/term"
)

// Build is what the linker was told about this binary; empty fields are filled from
// the module's build info.
type Build struct{ Version, Commit, Date string }

func (b Build) version() commands.Version {
	v := commands.Version{
		Version: b.Version, Commit: b.Commit, Date: b.Date,
		Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Libraries: map[string]string{},
	}
	info, ok := debug.ReadBuildInfo()
	if ok {
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision" && v.Commit == "":
				v.Commit = s.Value
			case s.Key == "vcs.time" && v.Date == "":
				v.Date = s.Value
			}
		}
		for _, m := range info.Deps {
			if strings.HasPrefix(m.Path, "github.com/twmb/") || strings.HasSuffix(m.Path, "jsonschema/v6") || strings.HasSuffix(m.Path, "/protocompile") {
				v.Libraries[m.Path] = m.Version
			}
		}
		if v.Version == "" && info.Main.Version != "(devel)" {
			v.Version = strings.TrimPrefix(info.Main.Version, "v")
		}
	}
	if v.Version == "" {
		v.Version = "dev"
	}
	return v
}

func newRoot(d *commands.Deps, p *program) *cobra.Command {
	root := &cobra.Command{
		Use:   "weir",
		Short: "Govern an event platform on Apache Kafka",
		Long: "weir governs an event platform on Apache Kafka from the terminal and from CI.\n" +
			"The catalog (AsyncAPI documents) says what should be, the cluster says what is;\n" +
			"weir shows the difference, closes it safely, and helps when things break.",
		SilenceErrors:     true,
		SilenceUsage:      true,
		Version:           d.Version.Version,
		PersistentPreRunE: func(c *cobra.Command, _ []string) error { return p.before(c) },
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetVersionTemplate("weir {{.Version}}\n")
	root.SetOut(d.Out.Out())
	root.SetErr(d.Out.Err())
	root.SetHelpFunc(func(c *cobra.Command, _ []string) {
		p.screen.Configure(p.flags.Color, p.flags.Quiet, p.flags.NoInput) // --help comes before any pre-run
		p.helpErr = printHelp(d.Out, c)                                   // cobra has no way to return it
	})
	root.SetUsageFunc(func(*cobra.Command) error { return nil })
	root.SetFlagErrorFunc(flagError)
	root.AddGroup(
		&cobra.Group{ID: commands.Govern, Title: "Govern"},
		&cobra.Group{ID: commands.Observe, Title: "Observe"},
		&cobra.Group{ID: commands.Recover, Title: "Recover"},
		&cobra.Group{ID: commands.SetUp, Title: "Set up"},
	)
	globalFlags(root.PersistentFlags(), p.flags)
	root.AddCommand(commands.Tree(d)...)
	root.SetHelpCommand(newHelp(d.Out, root))
	commands.Group(root)
	commands.CompleteGlobals(d, root)
	if len(d.Args) > 0 && strings.HasPrefix(d.Args[0], cobra.ShellCompRequestCmd) {
		commands.CompleteFlags(d, root)
	}
	return root
}

func globalFlags(fs *pflag.FlagSet, f *config.Flags) {
	fs.StringSliceVarP(&f.Brokers, "brokers", "b", nil, "brokers to start from, HOST:PORT, repeatable")
	fs.StringSliceVar(&f.Brokers, "bootstrap-server", nil, "")
	fs.StringSliceVar(&f.Brokers, "bootstrap-servers", nil, "")
	_ = fs.MarkHidden("bootstrap-server")
	_ = fs.MarkHidden("bootstrap-servers")
	fs.StringVarP(&f.Profile, "profile", "C", "", "profile to connect with")
	fs.StringArrayVarP(&f.X, "config-property", "X", nil, "client setting KEY=VALUE, librdkafka or Java name; -X list documents them")
	fs.StringVar(&f.CommandConfig, "command-config", "", "Java client properties file to connect with")
	fs.StringVar(&f.ConfigFile, "config", "", "user configuration file")
	fs.StringVar(&f.Timeout, "timeout", "", "give up after this time, such as 5s or 2m")
	fs.BoolVarP(&f.Verbose, "verbose", "v", false, "say more on standard error")
	fs.BoolVarP(&f.Quiet, "quiet", "q", false, "say only errors on standard error")
	fs.BoolVar(&f.Debug, "debug", false, "log everything, the Kafka client included")
	commands.OneOf(fs, &f.LogFormat, "log-format", "form of the log on standard error", "text", "json")
	commands.OneOf(fs, &f.Color, "color", "colours", "auto", "always", "never")
	fs.BoolVar(&f.NoInput, "no-input", false, "never ask, fail instead")
}

// viewXKeys is what -X list prints.
func viewXKeys(p *term.Page) {
	t := term.NewTable("KEY", "VALUES", "MEANING")
	for _, k := range cluster.XKeys() {
		t.Row(strings.Join(append([]string{k.Name}, k.Aliases...), ", "), k.Values, k.Help)
	}
	p.Table(t)
}

// flagError makes an unknown flag a usage error with a suggestion. The flags behind a
// command that does not exist are unknown as well, and the command is what to tell.
func flagError(c *cobra.Command, err error) error {
	if err := commands.Misspelt(c, c.Flags().Args()); err != nil {
		return err
	}
	u := &usageFailure{err: err, hint: "see " + c.CommandPath() + " --help"}
	if name, ok := strings.CutPrefix(err.Error(), "unknown flag: --"); ok {
		var names []string
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden {
				names = append(names, f.Name)
			}
		})
		if n := suggest.Nearest(name, names); n != "" {
			u.hint = "did you mean --" + n + "? See " + c.CommandPath() + " --help"
		}
	}
	return u
}
