package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/commands"
	"github.com/weirhq/weir/internal/boot"
	"github.com/weirhq/weir/internal/config"
	"github.com/weirhq/weir/internal/term"
)

// program is the state of one run.
type program struct {
	env    term.Env
	screen *term.Screen
	dir    string // where a run takes place that heeds nothing above; empty means the current directory
	flags  *config.Flags
	level  *slog.LevelVar
	log    *slog.Logger
	// machine is set when the command prints JSON, so that its log is JSON too.
	machine bool
	// ctx is that of the run, with the end that --timeout sets.
	ctx     context.Context
	cancel  context.CancelFunc
	helpErr error

	once   sync.Once
	cfg    *config.Config
	cfgErr error

	mu   sync.Mutex
	conn *cluster.Conn
	// reached says that one of the addresses that the brokers advertise answered.
	reached bool
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
	d.AnyBroker = func(ctx context.Context) (*cluster.Conn, error) { return p.cluster(ctx, d.Version.Version, true) }
	d.Cluster = func(ctx context.Context) (*cluster.Conn, error) { return p.cluster(ctx, d.Version.Version, false) }
	return d
}

func (p *program) config() (*config.Config, error) {
	p.once.Do(func() {
		dir := p.dir
		if dir == "" {
			var err error
			if dir, err = os.Getwd(); err != nil {
				p.cfgErr = fmt.Errorf("find the current directory: %w", err)
				return
			}
		}
		home := p.env("HOME")
		if home == "" { // a service or a container: the system may know
			if u, err := user.Current(); err == nil {
				home = u.HomeDir
			}
		}
		p.cfg, p.cfgErr = config.Load(p.flags, config.Environment{
			Getenv: p.env, Dir: filepath.Clean(dir), Home: home, Alone: p.dir != "",
			ReadFile: func(path string, most int64) ([]byte, error) { return cluster.ReadFile(p.ctx, path, most) },
		})
	})
	return p.cfg, p.cfgErr
}

// cluster connects once. Where any broker will do, it is not asked whether one of the
// advertised addresses answers.
func (p *program) cluster(ctx context.Context, version string, anyBroker bool) (*cluster.Conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conn == nil {
		conn, err := p.connect(ctx, version)
		if err != nil {
			return nil, err
		}
		p.conn = conn
	}
	if !anyBroker && !p.reached {
		if err := p.conn.ReachAdvertised(ctx); err != nil {
			return nil, err
		}
		p.reached = true
	}
	return p.conn, nil
}

func (p *program) connect(ctx context.Context, version string) (*cluster.Conn, error) {
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
	return cluster.Open(ctx, profile.Profile, cluster.Options{Version: version, Logger: p.log, Getenv: p.lookupEnv, Now: time.Now})
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
	if err := emptyFlag(c); err != nil {
		return err
	}
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
			return &usageFailure{err: fmt.Errorf("--timeout %s: write a duration like 5s or 2m", f.Timeout)}
		}
		ctx, cancel := context.WithTimeoutCause(c.Context(), d, timeoutError{d})
		p.cancel = cancel
		c.SetContext(ctx)
		p.ctx = ctx
	}
	return nil
}

// emptyFlag refuses a flag that is given and empty: it is most often a script's variable
// that nobody has set, and passing over it changes another cluster or takes everything.
// A record's key may be empty.
func emptyFlag(c *cobra.Command) error {
	var err error
	c.Flags().Visit(func(f *pflag.Flag) {
		if err != nil || f.Name == "key" || f.Name == "value" {
			return
		}
		empty := f.Value.Type() == "string" && f.Value.String() == ""
		if l, ok := f.Value.(interface{ GetSlice() []string }); ok {
			values := l.GetSlice()
			empty = len(values) == 0 || slices.Contains(values, "")
		}
		if l, ok := f.Value.(interface{ GetSlice() []string }); ok && empty && len(l.GetSlice()) > 1 {
			err = &usageFailure{err: fmt.Errorf("--%s holds an empty value among others", f.Name), hint: "look for a comma too many, or for a variable that is not set"}
		} else if empty {
			err = &usageFailure{err: fmt.Errorf("--%s is empty", f.Name), hint: "name a value, or leave the flag out"}
		}
	})
	return err
}

// errDone ends a run that has done everything already.
var errDone = errors.New("done")
