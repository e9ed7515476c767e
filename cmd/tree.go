package cmd

import (
	"context"
	"io"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/internal/config"
	"github.com/weirhq/weir/internal/term"
)

// Tree returns the command tree for the generators of man pages, completions and
// the command reference. Its commands are not meant to be run.
func Tree() *cobra.Command {
	p := &program{ctx: context.Background(), env: lookup(nil), screen: term.New(strings.NewReader(""), io.Discard, io.Discard, lookup(nil)), level: new(slog.LevelVar), flags: new(config.Flags)}
	return newRoot(p.deps(Build{}), p)
}

// HelpText draws the help of a command as a pipe shows it.
func HelpText(c *cobra.Command) string {
	p := term.NewPage(0, false)
	viewHelp(p, c)
	return p.Plain()
}

// Topics returns the pages of `weir help TOPIC`, name to text.
func Topics() map[string]string {
	m := map[string]string{}
	for _, t := range topics {
		m[t.name] = strings.TrimSpace(t.text)
	}
	return m
}
