package commands

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/catalog/source"
	"github.com/weirhq/weir/compat"
	"github.com/weirhq/weir/finding"
	"github.com/weirhq/weir/internal/config"
)

// catalogFlags are the flags of every command that reads the catalog.
type catalogFlags struct {
	paths       []string
	env         string
	refRoot     string
	allowRemote []string
	prefix      string // of the catalog in its repository, once it is open
}

func (f *catalogFlags) bind(fs *pflag.FlagSet) {
	words(fs, &f.paths, "catalog", "file or folder of the catalog, repeatable (default catalog.paths of weir.yaml, else .)")
	fs.StringVar(&f.env, "env", "", "environment: a server key of the catalog, or a tag env:NAME without env:")
	fs.StringVar(&f.refRoot, "ref-root", "", "folder that references may not leave")
	words(fs, &f.allowRemote, "allow-remote", "hosts that http references may be fetched from")
}

// where says which documents the flags and weir.yaml name.
func (f *catalogFlags) where(cfg *config.Config) source.Where {
	section := cfg.Project.Catalog
	return source.Where{
		Cwd: cfg.Env().Dir, RefRoot: cmp.Or(f.refRoot, section.RefRoot), ConfigDir: cfg.Root,
		Paths: f.paths, Defaults: section.Paths,
	}
}

// Catalog loads the catalog that the flags and weir.yaml name. With *catalog.LoadErrors
// it returns what could be read beside the error; the caller decides.
func (d *Deps) Catalog(ctx context.Context, f *catalogFlags, validate bool) (*catalog.Catalog, error) {
	cfg, err := d.Config()
	if err != nil {
		return nil, err
	}
	for _, p := range f.paths {
		switch {
		case p == "-":
			return nil, usage("name a file or a folder", "read catalog -: standard input is not read, because references start from a file")
		case strings.HasPrefix(p, "git:"):
			return nil, usage("weir catalog diff and weir compat check read git references", "read catalog %s: name a file or a folder here", p)
		}
	}
	tree, err := source.Open(f.where(cfg))
	if err != nil {
		return nil, catalogFailure(err)
	}
	defer func() { _ = tree.Close() }()
	f.prefix = tree.Prefix()
	o := catalogOptions(cfg, f, tree)
	o.Validate = validate
	c, err := catalog.Load(ctx, o)
	return c, catalogFailure(err)
}

// catalogOptions are the settings of weir.yaml for one tree of documents.
func catalogOptions(cfg *config.Config, f *catalogFlags, tree *source.Tree) catalog.Options {
	section := cfg.Project.Catalog
	o := catalog.Options{
		FS: tree.FS, Dir: tree.Dir, Paths: tree.Paths, Env: f.env, Overlays: section.Env[f.env].Overlays,
		Compatibility: cfg.Project.Compat.Mode, Severities: section.Severities, Parse: parseSchema,
		Limits: catalog.Limits{
			DocumentBytes: section.Limits.DocumentBytes, Depth: section.Limits.Depth,
			Nodes: section.Limits.Nodes, Files: section.Limits.Files,
		},
		Perspective: func(file string) catalog.Perspective {
			for _, p := range section.Perspective {
				if matchGlob(p.Match, file) {
					return catalog.Perspective(p.Is)
				}
			}
			return catalog.PerspectiveApplication
		},
		Dialect: func(file string) catalog.Dialect {
			for _, glob := range slices.Sorted(maps.Keys(section.Sources)) {
				if matchGlob(glob, file) {
					return catalog.Dialect(section.Sources[glob].Dialect)
				}
			}
			return ""
		},
	}
	if hosts := slices.Concat(f.allowRemote, section.AllowRemote); len(hosts) > 0 {
		o.Remote = fetchFrom(hosts)
	}
	return o
}

// parseSchema reads a schema with the checker of its language.
func parseSchema(ctx context.Context, s *catalog.Schema) (catalog.Judge, finding.Position, error) {
	v := compat.SchemaVersion(s, "")
	if v.Err != nil {
		return nil, finding.Position{}, v.Err
	}
	for _, c := range checkers("", false) {
		if c.Format() != v.Schema.Format {
			continue
		}
		parsed, err := c.Parse(ctx, v.Schema)
		if se, ok := errors.AsType[*compat.SchemaError](err); ok {
			return nil, se.At, se.Err
		}
		judge, _ := parsed.(catalog.Judge)
		return judge, finding.Position{}, err
	}
	return nil, finding.Position{}, nil
}

// matchGlob matches a path or any folder above it.
func matchGlob(glob, file string) bool {
	for p := file; p != "."; p = path.Dir(p) {
		if ok, err := path.Match(strings.TrimSuffix(glob, "/**"), p); err == nil && ok {
			return true
		}
	}
	return false
}

// catalogFailure gives the errors of loading their class.
func catalogFailure(err error) error {
	if le, ok := errors.AsType[*catalog.LoadErrors](err); ok {
		return &Error{code: CatalogCode, err: le, hint: "weir catalog validate lists every load error"}
	}
	if ee, ok := errors.AsType[*catalog.EnvError](err); ok {
		return &Error{code: UsageCode, err: ee, hint: ee.Hint()}
	}
	return err
}
