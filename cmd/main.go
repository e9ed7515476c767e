// Package cmd is how the program starts and ends.
//
// It builds the command tree, resolves the configuration, installs the signals,
// runs one command and turns its error into an exit code and a line on standard
// error. It decides the contract with users (streams, exit codes, JSON errors) and
// refuses to know what any command does. The function to know is [Main].
package cmd

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"

	"github.com/weirhq/weir/internal/config"
	"github.com/weirhq/weir/internal/term"
)

// Main runs one command line and returns the exit code.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer, environ []string, build Build) int {
	screen := term.New(stdin, stdout, stderr, lookup(environ))
	ctx, stop := signals(screen)
	defer stop()
	return runOn(ctx, screen, "", args, environ, build)
}

// runAlone is run for somebody who has set nothing up: no variable, file or record of
// the user counts, only what lies in dir. A home is made beside it.
func runAlone(ctx context.Context, dir string, args, environ []string, build Build) (stdout, stderr string, exit int) {
	alone := slices.DeleteFunc(slices.Clone(environ), func(kv string) bool {
		return strings.HasPrefix(kv, "WEIR_") || strings.HasPrefix(kv, "KAFKA_")
	})
	home := filepath.Join(filepath.Dir(dir), "home")
	alone = append(alone, "HOME="+home, "XDG_CONFIG_HOME="+filepath.Join(home, ".config"), "XDG_STATE_HOME="+filepath.Join(home, ".local", "state"))
	var out, errs strings.Builder
	code := runOn(ctx, term.New(strings.NewReader(""), &out, &errs, lookup(alone)), dir, args, alone, build)
	return out.String(), errs.String(), code
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, environ []string, build Build) int {
	return runOn(ctx, term.New(stdin, stdout, stderr, lookup(environ)), "", args, environ, build)
}

// runOn looks for weir.yaml in dir and not above it; empty means the current directory and
// above.
func runOn(ctx context.Context, screen *term.Screen, dir string, args, environ []string, build Build) int {
	env := lookup(environ)
	p := &program{
		ctx:    ctx,
		env:    env,
		screen: screen,
		dir:    dir,
		level:  &slog.LevelVar{},
		flags:  &config.Flags{},
	}
	p.level.Set(slog.LevelWarn)
	d := p.deps(build)
	d.Args = args
	d.Run = func(ctx context.Context, args ...string) (string, string, int) {
		var out, errs strings.Builder
		code := run(ctx, args, strings.NewReader(""), &out, &errs, environ, build)
		return out.String(), errs.String(), code
	}
	d.RunAlone = func(ctx context.Context, dir string, args ...string) (string, string, int) {
		return runAlone(ctx, dir, args, environ, build)
	}
	root := newRoot(d, p)
	root.SetArgs(args)
	defer p.close()

	c, err := root.ExecuteContextC(ctx)
	return p.finish(ctx, c, args, d.Recorded(d.OtherProtocol(ctx, cmp.Or(err, p.helpErr))))
}

// lookupEnv is the environment for secrets that lie in variables.
func (p *program) lookupEnv(name string) (string, bool) {
	v := p.env(name)
	return v, v != ""
}

// lookup turns "NAME=value" pairs into a function; of doubled names the last wins.
func lookup(environ []string) term.Env {
	m := make(map[string]string, len(environ))
	for _, kv := range environ {
		if k, v, ok := strings.Cut(kv, "="); ok {
			m[k] = v
		}
	}
	return func(name string) string { return m[name] }
}
