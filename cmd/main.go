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
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/commands"
	"github.com/weirhq/weir/internal/boot"
	"github.com/weirhq/weir/internal/config"
	"github.com/weirhq/weir/internal/term"
)

// Main runs one command line and returns the exit code.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer, environ []string, build Build) int {
	screen := term.New(stdin, stdout, stderr, lookup(environ))
	ctx, stop := signals(screen)
	defer stop()
	return runOn(ctx, screen, args, environ, build)
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, environ []string, build Build) int {
	return runOn(ctx, term.New(stdin, stdout, stderr, lookup(environ)), args, environ, build)
}

func runOn(ctx context.Context, screen *term.Screen, args, environ []string, build Build) int {
	env := lookup(environ)
	p := &program{
		env:    env,
		screen: screen,
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
	root := newRoot(d, p)
	root.SetArgs(args)
	defer p.close()

	c, err := root.ExecuteContextC(ctx)
	return p.finish(ctx, c, args, d.OtherProtocol(ctx, cmp.Or(err, p.helpErr)))
}

// program is the state of one run.
type program struct {
	env    term.Env
	screen *term.Screen
	flags  *config.Flags
	level  *slog.LevelVar
	log    *slog.Logger
	// machine is set when the command prints JSON, so that its log is JSON too.
	machine bool
	cancel  context.CancelFunc
	helpErr error

	once   sync.Once
	cfg    *config.Config
	cfgErr error

	mu   sync.Mutex
	conn *cluster.Conn
}

func (p *program) deps(build Build) *commands.Deps {
	d := &commands.Deps{
		Out:     p.screen,
		Globals: p.flags,
		Config:  p.config,
		Now:     time.Now,
		Version: build.version(),
	}
	p.log = slog.New(&logHandler{p: p})
	d.Log = p.log
	d.Cluster = func(ctx context.Context) (*cluster.Conn, error) { return p.cluster(ctx, d.Version.Version) }
	d.Client = func(ctx context.Context, opts ...kgo.Opt) (*kgo.Client, error) {
		conn, err := d.Cluster(ctx)
		if err != nil {
			return nil, err
		}
		return conn.NewClient(opts...)
	}
	return d
}

func (p *program) config() (*config.Config, error) {
	p.once.Do(func() {
		dir, err := os.Getwd()
		if err != nil {
			p.cfgErr = fmt.Errorf("find the current directory: %w", err)
			return
		}
		home := p.env("HOME")
		if home == "" {
			home, _ = os.UserHomeDir()
		}
		p.cfg, p.cfgErr = config.Load(p.flags, config.Environment{Getenv: p.env, Dir: filepath.Clean(dir), Home: home})
	})
	return p.cfg, p.cfgErr
}

func (p *program) cluster(ctx context.Context, version string) (*cluster.Conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conn != nil {
		return p.conn, nil
	}
	cfg, err := p.config()
	if err != nil {
		return nil, err
	}
	profile, err := cfg.Connection()
	if err != nil {
		return nil, err
	}
	for _, w := range cfg.Warnings {
		p.log.Warn(w)
	}
	conn, err := cluster.Open(ctx, profile.Profile, cluster.Options{Version: version, Logger: p.log, Getenv: p.lookupEnv, Now: time.Now})
	if err != nil {
		return nil, err
	}
	p.conn = conn
	return conn, nil
}

func (p *program) close() {
	if p.cancel != nil {
		p.cancel()
	}
	if p.conn != nil {
		p.conn.Close()
	}
}

// before runs once the flags of the command are known.
func (p *program) before(c *cobra.Command) error {
	boot.Done()
	f := p.flags
	if slices.Contains(f.X, "list") {
		return cmp.Or(p.screen.Print(viewXKeys), errDone)
	}
	p.screen.Configure(f.Color, f.Quiet, f.NoInput)
	p.machine = wantsJSON(c, nil)
	switch {
	case f.Debug:
		p.level.Set(slog.LevelDebug)
	case f.Verbose:
		p.level.Set(slog.LevelInfo)
	case f.Quiet:
		p.level.Set(slog.LevelError)
	}
	if f.Timeout != "" {
		d, err := term.ParseDuration(f.Timeout)
		if err != nil || d <= 0 {
			return usageError(fmt.Errorf("--timeout %s: write a duration like 5s or 2m", f.Timeout))
		}
		ctx, cancel := context.WithTimeoutCause(c.Context(), d, timeoutError{d})
		p.cancel = cancel
		c.SetContext(ctx)
	}
	return nil
}

// errDone ends a run that has done everything already.
var errDone = errors.New("done")

func viewXKeys(p *term.Page) {
	t := term.NewTable("KEY", "VALUES", "MEANING")
	for _, k := range cluster.XKeys() {
		t.Row(strings.Join(append([]string{k.Name}, k.Aliases...), ", "), k.Values, k.Help)
	}
	p.Table(t)
}

// timeoutError is what a run ends with when --timeout passes.
type timeoutError struct{ after time.Duration }

func (e timeoutError) Error() string { return "timed out after " + term.Duration(e.after) }
func (timeoutError) Code() string    { return commands.Timeout }
func (timeoutError) Hint() string    { return "give it more time with --timeout" }

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

// errInterrupted is the cause of a context that ^C has ended.
var errInterrupted = errors.New("interrupted")

// signals ends the context on the first ^C or SIGTERM, so that the command can
// finish cleanly, and the process on the second.
func signals(screen *term.Screen) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	ch := make(chan os.Signal, 2)
	signal.Notify(ch, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		select {
		case <-done:
			return
		case <-ch:
			cancel(errInterrupted)
		}
		select {
		case <-done:
		case <-ch:
			screen.Restore()
			os.Exit(exitInterrupted)
		}
	}()
	return ctx, func() { signal.Stop(ch); close(done); cancel(nil) }
}
