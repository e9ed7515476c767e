package commands

import (
	"context"
	"errors"
	"strings"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/catalog/source"
	"github.com/weirhq/weir/compat"
	"github.com/weirhq/weir/finding"
	"github.com/weirhq/weir/internal/config"
)

// comparison is what check and ci run: two files, or a tree and its baseline.
type comparison struct {
	d        *Deps
	cfg      *config.Config
	policy   compat.Policy
	flags    *catalogFlags
	nameless bool
	// changed is about settings that the change changes.
	changed []finding.Finding
	// validate also runs the catalog's own checks.
	validate bool
}

// compatRun is a finished comparison.
type compatRun struct {
	report  *compat.Report
	rules   []finding.Rule
	catalog *catalog.Catalog // nil for files
	loadErr error
}

// end is the command's error: unreadable input goes before the gate.
func (r *compatRun) end() error {
	switch {
	case r.loadErr != nil:
		return r.loadErr
	case r.report.Invalid():
		return &Error{code: CatalogCode, err: errors.New("a schema cannot be read"), hint: "the findings say which and where"}
	case !r.report.Passed():
		return errGate
	}
	return nil
}

// compatFailure gives errors that only packages below know their class.
func compatFailure(err error) error {
	if se, ok := errors.AsType[*compat.SchemaError](err); ok {
		return &Error{code: CatalogCode, err: se}
	}
	return err
}

func (c *comparison) run(ctx context.Context, subjects []compat.Subject, loose []finding.Finding, baseline string) (*compatRun, error) {
	c.policy.Others = Rules()
	e := compat.NewEngine(checkers(c.policy.As, c.nameless), c.policy)
	results, err := e.Compare(ctx, subjects)
	if err != nil {
		return nil, err
	}
	return &compatRun{report: e.Report(results, append(loose, c.changed...), baseline), rules: e.Rules()}, nil
}

func (c *comparison) files(ctx context.Context, oldFile, newFile string, f compat.Format) (*compatRun, error) {
	cwd := c.cfg.Env().Dir
	was, err := compat.OpenFile(cwd, oldFile, "old", f)
	if err != nil {
		return nil, err
	}
	is, err := compat.OpenFile(cwd, newFile, "new", f)
	if err != nil {
		return nil, err
	}
	return c.run(ctx, []compat.Subject{compat.FilePair(was, is, c.policy.Mode)}, nil, oldFile)
}

// tree compares a catalog, or a folder of bare schema files, with a baseline.
func (c *comparison) tree(ctx context.Context, against string) (*compatRun, error) {
	spec, err := againstWhat(against, c.cfg)
	if err != nil {
		return nil, err
	}
	cur, err := source.Open(c.flags.where(c.cfg))
	if err != nil {
		return nil, catalogFailure(err)
	}
	defer func() { _ = cur.Close() }()
	c.flags.prefix = cur.Prefix()
	var address string // of a registry
	if s, ok := strings.CutPrefix(spec, "registry:"); ok {
		if s == "" {
			return nil, usage("write registry:https://host:port", "--against registry: names no registry")
		}
		spec, address = "none", s
	}
	b, err := compat.OpenBaseline(ctx, spec, c.cfg.Env().Dir, cur)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	judge, done := c.settingsBaseline(ctx, against, b, cur)
	defer done()
	if c.changed, err = settingsChanged(ctx, judge, c.cfg, against == ""); err != nil {
		return nil, err
	}
	both := &catalog.Parsed{} // what both sides have alike is parsed once
	now, loadErr := c.load(ctx, cur, c.validate, both)
	switch {
	case now == nil:
		return nil, catalogFailure(loadErr)
	case len(now.Applications) > 0 || !bare(cur, loadErr):
		return c.catalog(ctx, b, now, loadErr, both, address)
	case address != "":
		return c.bareRegistry(ctx, address, cur)
	}
	return c.bare(ctx, b, cur, now, both)
}

func (c *comparison) load(ctx context.Context, t *source.Tree, validate bool, shared *catalog.Parsed) (*catalog.Catalog, error) {
	o := catalogOptions(c.cfg, c.flags, t)
	o.Validate, o.Parsed = validate, shared
	return catalog.Load(ctx, o)
}
