package commands

import (
	"github.com/spf13/cobra"
)

func newCompletion(d *Deps) *cobra.Command {
	shell := func(name, needs, how string, gen func(root *cobra.Command) error) func(*Deps) *cobra.Command {
		return func(*Deps) *cobra.Command {
			return &cobra.Command{
				Use:     name,
				Short:   "Print the completion script for " + name,
				Long:    "Print the completion script for " + name + ". It completes commands, flags and the names of the cluster\nthat the command line or the configuration names." + needs,
				Example: doc(how),
				Args:    none,
				RunE:    func(c *cobra.Command, _ []string) error { return gen(c.Root()) },
			}
		}
	}
	out := d.Out.Out()
	return noun(d, "completion", "Print a shell completion script", SetUp, nil,
		shell("bash", " It needs the package bash-completion.", `
			# In this shell
			$ source <(weir completion bash)

			# In every shell
			$ weir completion bash > /etc/bash_completion.d/weir`,
			func(r *cobra.Command) error { return r.GenBashCompletionV2(out, true) }),
		shell("zsh", "", `
			# In this shell
			$ source <(weir completion zsh)

			# In every shell
			$ weir completion zsh > "${fpath[1]}/_weir"`,
			func(r *cobra.Command) error { return r.GenZshCompletion(out) }),
		shell("fish", "", `
			# In this shell
			$ weir completion fish | source

			# In every shell
			$ weir completion fish > ~/.config/fish/completions/weir.fish`,
			func(r *cobra.Command) error { return r.GenFishCompletion(out, true) }),
		shell("powershell", "", `
			# In this shell
			$ weir completion powershell | Out-String | Invoke-Expression

			# In every shell
			$ weir completion powershell >> $PROFILE`,
			func(r *cobra.Command) error { return r.GenPowerShellCompletionWithDesc(out) }),
	)
}
