package commands

import (
	"cmp"
	"context"
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/internal/audit"
	"github.com/weirhq/weir/internal/config"
	"github.com/weirhq/weir/internal/term"
)

// confirmation is what a destructive act asks for.
type confirmation struct {
	yes     bool     // --yes
	names   []string // --confirm, repeatable
	dryRun  bool     // --dry-run
	profile cluster.Profile
}

// confirm asks for agreement to what has been shown. A plain act takes --yes or the
// word yes; a severe one takes the typed name or --confirm NAME, which --yes never
// stands for. A protected profile also asks for its own name before severe acts.
func (d *Deps) confirm(ctx context.Context, c *confirmation, question string, severe ...string) error {
	if len(severe) > 0 && c.profile.Protected {
		severe = append(severe, c.profile.Name)
	}
	var missing []string
	for _, name := range severe {
		if !slices.Contains(c.names, name) {
			missing = append(missing, name)
		}
	}
	switch {
	case len(severe) > 0 && len(missing) == 0:
		return nil
	case len(severe) == 0 && c.yes:
		return nil
	case !d.Out.Interactive() && len(severe) > 0:
		return refused("pass"+confirmFlags(missing), "%s: no confirmation was given, nothing was changed", question)
	case !d.Out.Interactive():
		return refused("pass --yes", "%s: no confirmation was given, nothing was changed", question)
	}
	if len(severe) == 0 {
		ok, err := d.Out.Confirm(ctx, question+"?")
		if err == nil && !ok {
			err = refused("", "%s: not confirmed, nothing was changed", question)
		}
		return err
	}
	for _, name := range missing {
		ok, err := d.Out.ConfirmName(ctx, question+"?", name)
		if err != nil {
			return err
		}
		if !ok {
			return refused("", "%s: not confirmed, nothing was changed", question)
		}
	}
	return nil
}

// confirmFlags are ready for a shell: a group's name may hold anything.
func confirmFlags(names []string) string {
	var b strings.Builder
	for _, name := range names {
		if name == "" || strings.ContainsFunc(name, func(r rune) bool {
			return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._-:/@%+=", r)
		}) {
			name = "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
		}
		b.WriteString(" --confirm " + name)
	}
	return b.String()
}

// declined prints what would have been done where the confirmation is wanting: a program asked for a document, and the
// error line does not tell it.
func (d *Deps) declined(format term.Format, kind string, report any, err error) error {
	if format != term.JSON {
		return err
	}
	if perr := d.Out.Emit(format, kind, report, term.View{}); perr != nil {
		return perr
	}
	return err
}

// noHome is the way out where weir has no folder of its own to write to.
const noHome = "set HOME or XDG_STATE_HOME to a full path"

// auditLog opens the record of what this run changes on a cluster, and fails before
// anything is changed where it cannot be kept.
func (d *Deps) auditLog(ctx context.Context, conn *cluster.Conn) (*audit.Log, error) {
	cfg, err := d.Config()
	if err != nil {
		return nil, err
	}
	path := cfg.Project.Audit.File
	switch {
	case path == "":
		dir := config.StateDir(cfg.Env())
		if dir == "" {
			return nil, failed("", noHome, "open audit log: there is no home folder to keep it in; nothing was changed")
		}
		path = filepath.Join(dir, "audit.jsonl")
	case !filepath.IsAbs(path):
		path = filepath.Join(cfg.Root, path)
	}
	host, _ := os.Hostname()
	profile := conn.Profile.Name
	if profile == "" {
		profile = conn.Profile.Source
	}
	log := &audit.Log{
		Path: path, Topic: cfg.Project.Audit.Topic, Now: d.Now,
		Client: func(context.Context) (*kgo.Client, error) { return conn.Client, nil },
		Base: audit.Entry{
			Who: d.operator(), Host: host,
			Command: "weir " + strings.Join(d.Args, " "), Profile: profile, ClusterID: conn.ClusterID,
		},
	}
	if err := log.Ready(ctx); err != nil {
		return nil, failed(path, "see audit.file and audit.topic in weir.yaml", "%w; nothing was changed", err)
	}
	d.audit = log
	return log, nil
}

// operator is who runs weir; cron and containers often have no USER.
func (d *Deps) operator() string {
	cfg, err := d.Config()
	if err != nil {
		return "unknown"
	}
	name := cmp.Or(cfg.Env().Getenv("USER"), cfg.Env().Getenv("USERNAME"))
	if u, err := user.Current(); name == "" && err == nil {
		name = u.Username
	}
	return cmp.Or(name, "unknown")
}

// Recorded ends a run: with err, and where it changed something that the audit log does
// not hold, with a line that says so. Nothing else failed then: the run is partly done.
func (d *Deps) Recorded(err error) error {
	if d.audit == nil {
		return err
	}
	if lost := d.audit.Lost(); lost != nil {
		d.Log.Error(lost.Error())
		return cmp.Or(err, error(errPartial))
	}
	return err
}

// showThenConfirm shows a plan and asks for agreement. People see the plan before the
// question; a document for programs is printed only when it ends there, because there
// is one document a run and an act that goes on prints its outcome.
func (d *Deps) showThenConfirm(f term.Format, kind string, report any, v term.View, confirm func() error) error {
	if !structured(f) {
		if err := d.Out.Emit(f, kind, report, v); err != nil {
			return err
		}
		return confirm()
	}
	err := confirm()
	if e, ok := errors.AsType[*Error](err); ok && e.code == RefusedCode {
		if eerr := d.Out.Emit(f, kind, report, v); eerr != nil {
			return eerr
		}
	}
	return err
}

func structured(f term.Format) bool { return f == term.JSON || f == term.YAML }
