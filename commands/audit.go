package commands

import (
	"cmp"
	"context"
	"os"
	"os/user"
	"path/filepath"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/internal/audit"
	"github.com/weirhq/weir/internal/config"
)

// noHome is the way out where weir has no folder of its own to write to.
const noHome = "set HOME or XDG_STATE_HOME to a full path"

// auditLog opens the record of what this run changes on a cluster, and fails before
// anything is changed where it cannot be kept.
func (d *Deps) auditLog(ctx context.Context, conn *cluster.Conn) (*audit.Log, error) {
	cfg, err := d.Config()
	if err != nil {
		return nil, err
	}
	path, topic := cfg.Audit().File, cfg.Audit().Topic
	if path == "" {
		dir := config.StateDir(cfg.Env())
		if dir == "" {
			return nil, failed("", noHome, "open audit log: there is no home folder to keep it in; nothing was changed")
		}
		path = filepath.Join(dir, "audit.jsonl")
	}
	host, _ := os.Hostname()
	profile := conn.Profile.Name
	if profile == "" {
		profile = conn.Profile.Source
	}
	log := &audit.Log{
		Path: path, Topic: topic, Now: d.Now,
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
