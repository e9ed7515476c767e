package commands

import (
	"context"
	"errors"
	"slices"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/catalog/source"
	"github.com/weirhq/weir/compat"
	"github.com/weirhq/weir/finding"
	"github.com/weirhq/weir/registry"
)

// catalog compares the messages of a catalog with the baseline, or with the registry
// at an address, and what its senders declare with what its receivers do.
func (c *comparison) catalog(ctx context.Context, b *compat.Baseline, now *catalog.Catalog, loadErr error, both *catalog.Parsed, address string) (*compatRun, error) {
	c.policy.Waivers = append(c.policy.Waivers, compat.CatalogWaivers(now)...)
	var subjects []compat.Subject
	var loose []finding.Finding
	var err error
	words := b.Words
	switch {
	case address != "":
		all, _ := compat.CatalogSubjects(compat.Past{Side: compat.Side{Catalog: &catalog.Catalog{}}}, compat.Side{Catalog: now})
		var client *registry.Client
		if subjects, loose, client, err = fromRegistry(ctx, c.d, address, all); err != nil {
			return nil, err
		}
		defer client.Close()
		words = "registry " + client.Name()
	case b.Tree != nil:
		if subjects, loose, err = c.changes(ctx, b, compat.Side{Catalog: now, Unread: unread(loadErr)}, both); err != nil {
			return nil, err
		}
	}
	if le, ok := errors.AsType[*catalog.LoadErrors](loadErr); ok {
		loose = append(loose, le.Findings()...)
	}
	r, err := c.run(ctx, append(subjects, compat.LinkSubjects(now)...), loose, words)
	if err != nil {
		return nil, err
	}
	r.catalog, r.loadErr = now, catalogFailure(loadErr)
	return r, nil
}

// changes pairs a catalog with its baseline.
func (c *comparison) changes(ctx context.Context, b *compat.Baseline, now compat.Side, both *catalog.Parsed) ([]compat.Subject, []finding.Finding, error) {
	past := compat.Past{NoHistory: b.NoHistory(), Side: compat.Side{Version: b.Tree.Version, Catalog: &catalog.Catalog{}}}
	var unreadable []finding.Finding
	if len(b.Tree.Paths) > 0 {
		var err error
		if past.Catalog, err = c.load(ctx, b.Tree, false, both); past.Catalog == nil {
			return nil, nil, catalogFailure(err)
		}
		unreadable = b.Problems(err, c.policy.Unproven)
	}
	load := func(ctx context.Context, t *source.Tree) (*catalog.Catalog, error) {
		return c.load(ctx, t, false, nil)
	}
	past.History = b.CatalogHistory(load)
	var lost []finding.Finding
	if m := b.Moved; m != nil {
		gone, err := load(ctx, m.Tree)
		if gone != nil {
			past.Moved = &compat.Past{Side: compat.Side{Version: m.Tree.Version, Catalog: gone}, History: m.CatalogHistory(load)}
		}
		lost = m.Problems(err, c.policy.Unproven)
	}
	subjects, loose := compat.CatalogSubjects(past, now)
	if slices.ContainsFunc(loose, func(f finding.Finding) bool { return f.Rule == "compat/channel-added" }) {
		unreadable = append(unreadable, lost...) // where nothing is new, nothing can have come from there
	}
	return subjects, append(unreadable, loose...), nil
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
