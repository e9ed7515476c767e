package commands

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/catalog/source"
	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/internal/term"
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
}

func (f *planFlags) bind(c *cobra.Command) {
	f.catalogFlags.bind(c.Flags())
	fs := c.Flags()
	fs.StringSliceVar(&f.prune, "prune", nil, "also delete what the catalog owns and no longer wants: topic, acl, config")
	fs.BoolVar(&f.pin, "pin", false, "set declared values that equal the inherited ones, too")
	fs.BoolVar(&f.allowDataLoss, "allow-data-loss", false, "allow changes that delete records")
	fs.BoolVar(&f.allowRepartition, "allow-repartition", false, "allow more partitions for keyed or compacted topics")
	fs.IntVar(&f.maxDeletes, "max-deletes", -1, "block plans that delete more things than this (default no limit)")
	_ = c.RegisterFlagCompletionFunc("prune", cobra.FixedCompletions([]string{"topic", "acl", "config"}, cobra.ShellCompDirectiveNoFileComp))
}

func (f *planFlags) validate() error {
	for _, k := range f.prune {
		if !slices.Contains([]string{"topic", "acl", "config"}, k) {
			return usage("", "--prune %s: use topic, acl or config", k)
		}
	}
	return nil
}

type planOptions struct {
	planFlags
	out      string
	detailed bool
	format   term.Format
}

func newPlan(d *Deps) *cobra.Command {
	o := &planOptions{}
	c := &cobra.Command{
		Use:     "plan [PATH...]",
		Short:   "Show what it takes to make the cluster agree with the catalog",
		GroupID: Govern,
		Long: doc(`
			Compare the topics, settings and rights that the catalog declares with the cluster,
			and let the brokers validate the result. Nothing is written. PATH defaults to
			catalog.paths of weir.yaml, else to the current directory.

			Nothing is deleted without --prune: a topic only when its lifecycle is retired, a
			right only when it is a literal one on a declared topic or group. Channels of other
			protocols than Kafka's are listed as n/a and never a change.`),
		Example: doc(`
			# What would change?
			$ weir plan

			# Save the plan, have it reviewed, apply exactly that
			$ weir plan --out plan.json
			$ weir apply plan.json

			# In CI: exit 3 when something would change
			$ weir plan --detailed-exitcode -o markdown`),
		Annotations: map[string]string{
			ExitCodes: "3  a step is blocked, or with --detailed-exitcode there are changes",
			Next:      "weir apply plan.json",
		},
		RunE: func(c *cobra.Command, args []string) error {
			o.paths = append(o.paths, args...)
			if err := o.validate(); err != nil {
				return err
			}
			return runPlan(c.Context(), d, o)
		},
	}
	o.bind(c)
	flagFormat(c, &o.format, term.TextFormat, term.JSON, term.YAML, term.Markdown)
	c.Flags().StringVar(&o.out, "out", "", "also save the plan to this file, for weir apply FILE")
	c.Flags().BoolVar(&o.detailed, "detailed-exitcode", false, "exit 3 when there are changes")
	return c
}

func runPlan(ctx context.Context, d *Deps, o *planOptions) error {
	p, _, err := d.makePlan(ctx, &o.planFlags)
	if err != nil {
		return err
	}
	if o.out != "" {
		if err := savePlan(o.out, p); err != nil {
			return err
		}
	}
	if err := emitPlan(d, o.format, p, o.out, d.Globals.Verbose); err != nil {
		return err
	}
	if p.Summary.Blocked > 0 || o.detailed && len(p.Pending()) > 0 {
		return errGate
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
	p.Creator = cfg.Env().Getenv("USER")
	p.Profile, p.Protected = firstOf(conn.Profile.Name, conn.Profile.Source), conn.Profile.Protected
	if err := p.Judge(ctx, conn); err != nil {
		return nil, nil, err
	}
	if err := plan.ObserveDeletes(ctx, conn, p); err != nil {
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
	tree, err := source.Open(source.Where{
		Cwd: cfg.Env().Dir, RefRoot: firstOf(f.refRoot, cfg.Project.Catalog.RefRoot), ConfigDir: cfg.Root, Paths: f.paths, Defaults: cfg.Project.Catalog.Paths,
	})
	if err != nil {
		return nil, plan.Source{}, err
	}
	defer func() { _ = tree.Close() }()
	h := sha256.New()
	for _, name := range cat.Files {
		b, err := fs.ReadFile(tree.FS, name)
		if err != nil {
			return nil, plan.Source{}, err
		}
		_, _ = h.Write([]byte(name + "\x00"))
		_, _ = h.Write(b)
	}
	src := plan.Source{Documents: len(cat.Applications), Digest: hex.EncodeToString(h.Sum(nil)[:16]), Env: f.env}
	if repo, err := source.OpenRepo(ctx, tree.Dir); err == nil {
		if commit, err := repo.Commit(ctx, "HEAD"); err == nil {
			src.Commit = commit
		}
		_ = repo.Close()
	}
	return cat, src, nil
}

func savePlan(path string, p *plan.Plan) (err error) {
	f, err := os.OpenFile(filepath.Clean(path), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return failed(path, "", "save plan: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return p.Write(f)
}
