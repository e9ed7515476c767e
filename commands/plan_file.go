package commands

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/plan"
)

func savePlan(path string, p *plan.Plan) (err error) {
	f, err := os.OpenFile(filepath.Clean(path), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return failed(path, "", "save plan: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return p.Write(f)
}

// planToApply reads the saved plan that the flags name, or makes one.
func (d *Deps) planToApply(ctx context.Context, f *planFlags) (*plan.Plan, *cluster.Conn, error) {
	if len(f.paths) == 1 && isPlanFile(f.paths[0]) {
		return d.savedPlan(ctx, f.paths[0], f)
	}
	p, from, err := d.makePlan(ctx, f)
	if err != nil {
		return nil, nil, err
	}
	return p, from.conn, nil
}

// isPlanFile tells a saved plan from a catalog document in JSON.
func isPlanFile(path string) bool {
	if !strings.HasSuffix(path, ".json") {
		return false
	}
	b, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		return true // reading it again gives the error
	}
	return !strings.Contains(string(b[:min(len(b), 4096)]), `"asyncapi"`)
}

// savedPlan reads a plan and refuses one that this weir did not make, or that the cluster
// has moved away from. What was decided when it was made cannot be decided again.
func (d *Deps) savedPlan(ctx context.Context, path string, f *planFlags) (*plan.Plan, *cluster.Conn, error) {
	if len(f.prune) > 0 || f.pin {
		return nil, nil, usage("make the plan with them: weir plan --prune=... --out plan.json", "--prune and --pin belong to the plan, a saved one carries them")
	}
	in, err := os.Open(filepath.Clean(path))
	if err != nil {
		return nil, nil, usage("", "read plan: %w", err)
	}
	defer func() { _ = in.Close() }()
	p, err := plan.Read(in, path)
	if err != nil {
		return nil, nil, err
	}
	conn, err := d.Cluster(ctx)
	if err != nil {
		return nil, nil, err
	}
	if p.Weir != d.Version.Version {
		return nil, nil, usage("make the plan anew with this weir", "the plan was made by weir %s, this is %s", p.Weir, d.Version.Version)
	}
	if f.env != "" && f.env != p.Catalog.Env {
		return nil, nil, usage("make the plan with it: weir plan --env "+f.env+" --out "+path, "--env %s: the saved plan was made for %s", f.env, cmp.Or(p.Catalog.Env, "no environment"))
	}
	if err := p.Check(ctx, conn); err != nil {
		return nil, nil, err
	}
	p.LimitDeletes(f.maxDeletes)
	if p.Catalog.Digest != "" {
		if err := d.observeDeletes(ctx, conn, p); err != nil {
			return nil, nil, err
		}
	}
	return p, conn, nil
}
