package commands

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/catalog/source"
	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/plan"
)

// planFlags are shared by plan, apply and drift.
type planFlags struct {
	catalogFlags
	prune            []string
	pin              bool
	allowDataLoss    bool
	allowRepartition bool
	maxDeletes       int
	changed          func(flag string) bool
}

// prunable are the words that --prune takes.
var prunable = []string{"topic", "acl", "config"}

func (f *planFlags) bind(c *cobra.Command) {
	f.catalogFlags.bind(c.Flags())
	fs := c.Flags()
	fs.StringSliceVar(&f.prune, "prune", nil, "also delete what the catalog owns and no longer wants: topic, acl, config")
	fs.BoolVar(&f.pin, "pin", false, "set declared values that equal the inherited ones, too")
	fs.BoolVar(&f.allowDataLoss, "allow-data-loss", false, "allow changes that delete records")
	fs.BoolVar(&f.allowRepartition, "allow-repartition", false, "allow more partitions for keyed or compacted topics")
	fs.IntVar(&f.maxDeletes, "max-deletes", -1, "block plans that delete more things than this (default no limit)")
	f.changed = fs.Changed
	_ = c.RegisterFlagCompletionFunc("prune", completeWords(prunable...))
}

func (f *planFlags) validate() error {
	for _, k := range f.prune {
		if !slices.Contains(prunable, k) {
			return usage("", "--prune %s: use topic, acl or config", k)
		}
	}
	if f.changed != nil && f.changed("max-deletes") && f.maxDeletes < 0 { // what a script has miscounted is no licence
		return usage("leave it out for no limit", "--max-deletes %d: use 0 or more", f.maxDeletes)
	}
	return nil
}

// makePlan reads the catalog and the cluster and compares them.
func (d *Deps) makePlan(ctx context.Context, f *planFlags) (*plan.Plan, *plannedFrom, error) {
	cfg, err := d.Config()
	if err != nil {
		return nil, nil, err
	}
	if f.env == "" {
		if profile, err := cfg.Connection(); err == nil {
			f.env = profile.Environment
		}
	}
	cat, src, err := d.catalogWithSource(ctx, &f.catalogFlags)
	if err != nil {
		return nil, nil, err
	}
	if src.Documents == 0 { // a wrong path must not look like a catalog that asks for nothing
		return nil, nil, usage("name a file or folder, or set catalog.paths in weir.yaml", "no AsyncAPI document found in %s", cmp.Or(strings.Join(f.paths, ", "), "the catalog's paths"))
	}
	conn, err := d.Cluster(ctx)
	if err != nil {
		return nil, nil, err
	}
	scope := plan.Scope{Prefixes: notNull(cfg.Project.Scope.Prefixes), Ignore: notNull(cfg.Project.Scope.Ignore)}
	want := plan.Want(cat, scope)
	actual, err := plan.Observe(ctx, conn, want)
	if err != nil {
		return nil, nil, err
	}
	p := plan.Diff(want, actual, plan.Options{
		Scope: scope, Prune: notNull(f.prune), Pin: f.pin, AllowDataLoss: f.allowDataLoss, AllowRepartition: f.allowRepartition, MaxDeletes: f.maxDeletes,
	})
	p.Weir, p.Created, p.Catalog = d.Version.Version, d.Now().UTC(), src
	p.Creator = d.operator()
	p.Profile, p.Protected = cmp.Or(conn.Profile.Name, conn.Profile.Source), conn.Profile.Protected
	if err := p.Judge(ctx, conn); err != nil {
		return nil, nil, err
	}
	if err := d.observeDeletes(ctx, conn, p); err != nil {
		return nil, nil, err
	}
	return p, &plannedFrom{cat, want, conn}, nil
}

// plannedFrom is what a plan was made from, for commands that go on with it.
type plannedFrom struct {
	cat  *catalog.Catalog
	want *plan.Desired
	conn *cluster.Conn
}

// catalogWithSource loads a catalog and tells which documents it was.
func (d *Deps) catalogWithSource(ctx context.Context, f *catalogFlags) (*catalog.Catalog, plan.Source, error) {
	cat, err := d.Catalog(ctx, f, true)
	if err != nil {
		return nil, plan.Source{}, err
	}
	cfg, err := d.Config()
	if err != nil {
		return nil, plan.Source{}, err
	}
	tree, err := source.Open(f.where(cfg))
	if err != nil {
		return nil, plan.Source{}, err
	}
	defer func() { _ = tree.Close() }()
	digest, err := tree.Digest(cat.Files)
	if err != nil {
		return nil, plan.Source{}, err
	}
	src := plan.Source{Documents: len(cat.Applications), Digest: digest, Env: f.env}
	if repo, err := source.OpenRepo(ctx, tree.Dir); err == nil {
		if commit, err := repo.Commit(ctx, "HEAD"); err == nil {
			src.Commit = commit
		}
		_ = repo.Close()
	}
	return cat, src, nil
}
