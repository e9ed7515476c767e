package commands

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/catalog/source"
	"github.com/weirhq/weir/compat"
	"github.com/weirhq/weir/finding"
	"github.com/weirhq/weir/internal/term"
)

type compatCheckOptions struct {
	catalogFlags
	compatFlags
	old, new     string
	schemaFormat string
	nameless     bool
	format       term.Format
}

func newCompatCheck(d *Deps) *cobra.Command {
	o := &compatCheckOptions{}
	c := &cobra.Command{
		Use:   "check [PATH...]",
		Short: "Compare schemas with an earlier version and say who breaks",
		Long: doc(`
			Compare every message of a catalog, every schema file of a folder, or two files with
			an earlier version. A break is shown with a message that one side writes and the
			other refuses, and with who is affected. What senders and receivers of one catalog
			declare for a topic is compared too.

			The baseline is --against, else compat.against of weir.yaml, else the base of the
			pull request that CI runs for. Nothing is written, the work tree is not touched, and
			only registry: connects.`),
		Example: doc(`
			# What does this branch break?
			$ weir compat check --against git:main...

			# Two files, as a consumer that upgrades last sees them
			$ weir compat check --old v1.avsc --new v2.avsc --mode FORWARD

			# Will the registry take it?
			$ weir compat check schemas/ --against git:HEAD~1 --as confluent`),
		Annotations: map[string]string{
			Offline: "yes", Next: "weir explain RULE",
			ExitCodes: "2  a schema or the baseline cannot be read\n3  the gate did not pass",
			Environ:   "GITHUB_BASE_REF, CI_MERGE_REQUEST_DIFF_BASE_SHA  the base of a pull request, when no baseline is named",
		},
		RunE: func(c *cobra.Command, args []string) error {
			o.paths = append(o.paths, args...)
			if err := o.validate(); err != nil {
				return err
			}
			return runCompatCheck(c.Context(), d, o)
		},
	}
	flagFormat(c, &o.format, gateFormats...)
	o.catalogFlags.bind(c.Flags())
	o.compatFlags.bind(c)
	c.Flags().StringVar(&o.old, "old", "", "the earlier schema file; with --new")
	c.Flags().StringVar(&o.new, "new", "", "the later schema file; with --old")
	c.Flags().BoolVar(&o.nameless, "avro-nameless", false, "accept Avro records without a name in --old and --new")
	word(c.Flags(), &o.schemaFormat, "schema-format", "format of --old and --new, where their names do not tell", "json", "avro", "protobuf")
	return c
}

func (o *compatCheckOptions) validate() error {
	files := o.old != "" || o.new != ""
	switch {
	case files && (o.old == "" || o.new == ""):
		return usage("weir compat check --old A --new B", "--old and --new belong together")
	case files && (len(o.paths) > 0 || o.against != ""):
		return usage("leave out --against and the paths, or --old and --new", "two files need no baseline")
	case !files && o.schemaFormat != "":
		return usage("", "--schema-format is for --old and --new")
	}
	return nil
}

func runCompatCheck(ctx context.Context, d *Deps, o *compatCheckOptions) error {
	cfg, err := d.Config()
	if err != nil {
		return err
	}
	policy, err := o.policy(d, cfg)
	if err != nil {
		return err
	}
	var run *compatRun
	if o.old != "" {
		run, err = compareFiles(ctx, policy, o, cfg.Env().Dir)
	} else {
		run, err = compareTree(ctx, d, policy, &o.catalogFlags, o.against, false)
	}
	if err != nil {
		return compatFailure(err)
	}
	r := run.report
	out := &finding.Run{Report: r.Report, Name: "compat check", Rules: run.rules, Gate: r.FailOn(), Verdict: r.Closing()}
	if err := emitFindings(d, o.format, "compat_report", r, out); err != nil {
		return err
	}
	return run.end()
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

func compareFiles(ctx context.Context, policy compat.Policy, o *compatCheckOptions, cwd string) (*compatRun, error) {
	e := compat.NewEngine(checkers(policy.As, o.nameless), policy)
	old, err := fileVersion(cwd, o.old, "old", o.schemaFormat)
	if err != nil {
		return nil, err
	}
	cur, err := fileVersion(cwd, o.new, "new", o.schemaFormat)
	if err != nil {
		return nil, err
	}
	results, err := e.Compare(ctx, []compat.Subject{compat.FilePair(old, cur, policy.Mode)})
	if err != nil {
		return nil, err
	}
	return &compatRun{report: e.Report(results, nil, o.old), rules: e.Rules()}, nil
}

// fileVersion reads a bare file. Its references may lie in its own folder.
func fileVersion(cwd, name, version, format string) (*compat.Version, error) {
	full := name
	if !filepath.IsAbs(full) {
		full = filepath.Join(cwd, name)
	}
	dir := filepath.Dir(full)
	v, err := compat.FileVersion(os.DirFS(dir), filepath.Base(full), version, compat.Format(format))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, usage("", "read %s: there is no such file", name)
	}
	if err != nil {
		return nil, usage("", "%v", err)
	}
	shown := filepath.ToSlash(name)
	v.Schema.Locate = nil
	v.Schema, v.At.File = renamed(v.Schema, shown), shown
	return v, nil
}

// renamed shows a file under the name the user gave, and still loads its references
// from the folder it lies in.
func renamed(s compat.Schema, shown string) compat.Schema {
	base, load := s.Name, s.Load
	s.Name = shown
	s.Load = func(ctx context.Context, ref, from string) ([]byte, string, error) {
		if from == shown || from == "" {
			from = base
		}
		return load(ctx, ref, from)
	}
	return s
}

// compareTree compares a catalog, or a folder of bare schema files, with a baseline.
// validate also runs the catalog's own checks.
func compareTree(ctx context.Context, d *Deps, policy compat.Policy, cf *catalogFlags, against string, validate bool) (*compatRun, error) {
	cfg, err := d.Config()
	if err != nil {
		return nil, err
	}
	spec, err := againstWhat(against, cfg)
	if err != nil {
		return nil, err
	}
	cur, err := source.Open(source.Where{
		Cwd: cfg.Env().Dir, RefRoot: cmp.Or(cf.refRoot, cfg.Project.Catalog.RefRoot), ConfigDir: cfg.Root,
		Paths: cf.paths, Defaults: cfg.Project.Catalog.Paths,
	})
	if err != nil {
		return nil, catalogFailure(err)
	}
	defer func() { _ = cur.Close() }()
	address, isRegistry := strings.CutPrefix(spec, "registry:")
	if isRegistry {
		spec = "none"
	}
	b, err := openBaseline(ctx, spec, cfg, cur, cf.paths)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	load := func(ctx context.Context, t *source.Tree, validate bool) (*catalog.Catalog, error) {
		opts := catalogOptions(cfg, cf, t)
		opts.Validate = validate
		return catalog.Load(ctx, opts)
	}
	now, loadErr := load(ctx, cur, validate)
	if now == nil {
		return nil, catalogFailure(loadErr)
	}
	e := compat.NewEngine(checkers(policy.As, false), policy)
	if len(now.Applications) == 0 && bare(cur, loadErr) {
		if isRegistry {
			return compareBareRegistry(ctx, d, e, address, cur)
		}
		return compareBare(ctx, e, policy, b, cur)
	}
	policyWithWaivers := policy
	policyWithWaivers.Waivers = append(policyWithWaivers.Waivers, compat.CatalogWaivers(now)...)
	e = compat.NewEngine(checkers(policy.As, false), policyWithWaivers)
	past := compat.Past{NoHistory: b.noHistory()}
	var loose []finding.Finding
	if b.tree != nil {
		past.Version = b.tree.Version
		past.Catalog = &catalog.Catalog{}
		if len(b.tree.Paths) > 0 {
			past.Catalog, err = load(ctx, b.tree, false)
			if past.Catalog == nil {
				return nil, catalogFailure(err)
			}
			loose = baselineProblems(err, policy.Unproven, b.words)
		}
		past.History = b.catalogHistory(func(ctx context.Context, t *source.Tree) (*catalog.Catalog, error) { return load(ctx, t, false) })
	}
	var subjects []compat.Subject
	switch {
	case isRegistry:
		all, _ := compat.CatalogSubjects(compat.Past{Side: compat.Side{Catalog: &catalog.Catalog{}}}, compat.Side{Catalog: now})
		if subjects, loose, b.words, err = fromRegistry(ctx, d, address, all); err != nil {
			return nil, err
		}
	case b.tree != nil:
		pairs, changes := compat.CatalogSubjects(past, compat.Side{Catalog: now, Unread: unread(loadErr)})
		subjects, loose = pairs, append(loose, changes...)
	}
	subjects = append(subjects, compat.LinkSubjects(now)...)
	results, err := e.Compare(ctx, subjects)
	if err != nil {
		return nil, err
	}
	if le, ok := errors.AsType[*catalog.LoadErrors](loadErr); ok {
		loose = append(loose, le.Findings()...)
	}
	return &compatRun{report: e.Report(results, loose, b.words), rules: e.Rules(), catalog: now, loadErr: catalogFailure(loadErr)}, nil
}

// unread lists the documents that a load left out.
func unread(err error) []string {
	le, ok := errors.AsType[*catalog.LoadErrors](err)
	if !ok {
		return nil
	}
	var files []string
	for _, e := range le.Errors {
		files = append(files, e.At.File)
	}
	return files
}

// bare reports that the tree may be schema files alone: no document was found, and
// nothing but "no AsyncAPI document" is wrong with the files that were named.
func bare(t *source.Tree, err error) bool {
	if err == nil {
		return true
	}
	for _, p := range t.Paths {
		if _, ferr := compat.FormatOf(p); ferr != nil {
			return false
		}
	}
	return true
}

func compareBare(ctx context.Context, e *compat.Engine, policy compat.Policy, b *baseline, cur *source.Tree) (*compatRun, error) {
	now := compat.Tree{FS: cur.FS}
	var err error
	if now.Files, now.Roots, err = schemaFiles(cur); err != nil {
		return nil, err
	}
	if len(now.Files) == 0 {
		return nil, usage("name a folder with AsyncAPI documents, or with .avsc, .proto or .json schema files", "there is nothing to compare in %s", strings.Join(cur.Paths, ", "))
	}
	if b.tree == nil {
		return nil, usage("--against git:REF, or a folder", "schema files alone have no senders and receivers: they need a baseline")
	}
	old := compat.Tree{FS: b.tree.FS, Version: b.tree.Version, Earlier: b.fileHistory(), NoHistory: b.noHistory()}
	if old.Files, old.Roots, err = schemaFiles(b.tree); err != nil {
		return nil, err
	}
	subjects, loose, err := compat.TreeSubjects(old, now, policy.Mode)
	if err != nil {
		return nil, err
	}
	results, err := e.Compare(ctx, subjects)
	if err != nil {
		return nil, err
	}
	return &compatRun{report: e.Report(results, loose, b.words), rules: e.Rules()}, nil
}

// schemaFiles are the bare files below the paths of a tree, and the paths themselves.
func schemaFiles(t *source.Tree) (files, roots []string, err error) {
	for _, p := range t.Paths {
		fs, err := compat.SchemaFiles(t.FS, p)
		if err != nil {
			return nil, nil, err
		}
		files = append(files, fs...)
	}
	return files, t.Paths, nil
}
