package commands

import (
	"context"
	"slices"
	"strings"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/catalog/source"
	"github.com/weirhq/weir/compat"
)

// bare reports that a tree may be schema files alone: no document was found, and
// nothing but "no AsyncAPI document" is wrong with the files that were named.
func bare(t *source.Tree, err error) bool {
	if err == nil {
		return true
	}
	return !slices.ContainsFunc(t.Paths, func(p string) bool { return !isSchemaFile(p) })
}

func isSchemaFile(p string) bool {
	_, err := compat.FormatOf(p)
	return err == nil
}

// bare compares a folder of schema files with its baseline. empty is the catalog of what
// is there now: the documents of the baseline are then gone.
func (c *comparison) bare(ctx context.Context, b *compat.Baseline, cur *source.Tree, empty *catalog.Catalog, both *catalog.Parsed) (*compatRun, error) {
	now, err := compat.FilesOf(cur)
	if err != nil {
		return nil, err
	}
	if len(now.Files) == 0 {
		return nil, usage("name a folder with AsyncAPI documents, or with .avsc, .proto or .json schema files", "there is nothing to compare in %s", strings.Join(cur.Paths, ", "))
	}
	if b.Tree == nil {
		return nil, usage("--against git:REF, or a folder", "schema files alone have no senders and receivers: they need a baseline")
	}
	now.Version = ""
	old, err := b.Files(now)
	if err != nil {
		return nil, err
	}
	subjects, loose, err := compat.TreeSubjects(old, now, c.policy.Mode)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(b.Tree.Paths, isSchemaFile) {
		_, gone, err := c.changes(ctx, b, compat.Side{Catalog: empty}, both)
		if err != nil {
			return nil, err
		}
		loose = append(loose, gone...)
	}
	return c.run(ctx, subjects, loose, b.Words)
}

// bareRegistry compares a folder of schema files with the newest versions of a
// registry.
func (c *comparison) bareRegistry(ctx context.Context, address string, cur *source.Tree) (*compatRun, error) {
	now, err := compat.FilesOf(cur)
	if err != nil {
		return nil, err
	}
	all, _, err := compat.TreeSubjects(compat.Tree{Apart: true}, now, "")
	if err != nil {
		return nil, err
	}
	subjects, loose, client, err := fromRegistry(ctx, c.d, address, all)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	return c.run(ctx, subjects, loose, "registry "+client.Name())
}
