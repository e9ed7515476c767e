package commands

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/weirhq/weir/cluster"
)

// completionTime bounds what a completion may take, so that it is over within a second
// with the program's start; whoever presses Tab will not wait longer, and a completion
// that fails says nothing.
const completionTime = 900 * time.Millisecond

// maxCompletions is the number of names offered; more is noise in a shell.
const maxCompletions = 200

type completer = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective)

// completeFrom makes a completion of names that are read from the cluster which the
// same command line names. cobra does not run the root's pre-run in completion, so
// the connection is resolved lazily in Deps.
func (d *Deps) completeFrom(many bool, list func(ctx context.Context, conn *cluster.Conn) ([]string, error)) completer {
	return func(c *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 && !many {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(c.Context(), completionTime)
		defer cancel()
		found := make(chan []string, 1)
		go func() {
			defer close(found)
			conn, err := d.AnyBroker(ctx)
			if err != nil {
				return
			}
			if names, err := list(ctx, conn); err == nil {
				found <- names
			}
		}()
		select {
		case <-ctx.Done():
			return nil, cobra.ShellCompDirectiveNoFileComp
		case names := <-found:
			return filterNames(names, prefix, args), cobra.ShellCompDirectiveNoFileComp
		}
	}
}

// completeWords offers a fixed set of words.
func completeWords(ws ...string) completer {
	return cobra.FixedCompletions(ws, cobra.ShellCompDirectiveNoFileComp)
}

// filterNames keeps what starts with prefix and is not on the line yet. Names that
// a shell could take for more than a word are left out.
func filterNames(names []string, prefix string, have []string) []string {
	var out []string
	for _, n := range names {
		if strings.HasPrefix(n, prefix) && !slices.Contains(have, n) && !strings.ContainsFunc(n, func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune("$`\\\"';&|<>(){}*?!#~", r) }) {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out[:min(len(out), maxCompletions)]
}

func (d *Deps) completeTopics(many bool) completer {
	return d.completeFrom(many, func(ctx context.Context, conn *cluster.Conn) ([]string, error) {
		topics, err := conn.Admin.ListTopics(ctx)
		return topics.Names(), err
	})
}

func (d *Deps) completeGroups(many bool) completer {
	return d.completeFrom(many, func(ctx context.Context, conn *cluster.Conn) ([]string, error) {
		groups, err := conn.Admin.ListGroups(ctx)
		return groups.Groups(), err
	})
}

// completeConfigs completes the names of topic settings, with the sign that follows or "".
func completeConfigs(c *cobra.Command, flag, sign string) {
	_ = c.RegisterFlagCompletionFunc(flag, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		names := cluster.TopicConfigNames()
		for i := range names {
			names[i] += sign
		}
		if sign == "" {
			return names, cobra.ShellCompDirectiveNoFileComp
		}
		return names, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	})
}

func (d *Deps) completeProfiles(_ *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	cfg, err := d.Config()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return filterNames(cfg.Profiles(), prefix, nil), cobra.ShellCompDirectiveNoFileComp
}

// CompleteFlags completes the flags of c and of the commands below: --topic and --to-group
// from the cluster, and those that take one of a few words. What a command has registered
// itself, cobra keeps.
func CompleteFlags(d *Deps, c *cobra.Command) {
	names := func(from completer) completer {
		return func(c *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
			return from(c, nil, prefix)
		}
	}
	c.Flags().VisitAll(func(f *pflag.Flag) {
		e, word := f.Value.(*enum)
		switch {
		case word:
			_ = c.RegisterFlagCompletionFunc(f.Name, completeWords(e.words...))
		case f.Name == "topic":
			_ = c.RegisterFlagCompletionFunc(f.Name, names(d.completeTopics(true)))
		case f.Name == "to-group":
			_ = c.RegisterFlagCompletionFunc(f.Name, names(d.completeGroups(true)))
		}
	})
	for _, sub := range c.Commands() {
		CompleteFlags(d, sub)
	}
}

// CompleteGlobals registers the completions of the root's persistent flags.
func CompleteGlobals(d *Deps, root *cobra.Command) {
	for name, f := range map[string]completer{
		"profile": func(c *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
			return d.completeProfiles(c, nil, prefix)
		},
		"brokers":    completeWords(),
		"timeout":    completeWords("5s", "30s", "2m"),
		"color":      completeWords("auto", "always", "never"),
		"log-format": completeWords("text", "json"),
		"config-property": func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			names := []string{"list"}
			for _, k := range cluster.XKeys() {
				names = append(names, k.Name+"=")
			}
			return names, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
		},
	} {
		_ = root.RegisterFlagCompletionFunc(name, f)
	}
}
