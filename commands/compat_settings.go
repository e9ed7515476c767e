package commands

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/weirhq/weir/catalog/source"
	"github.com/weirhq/weir/compat"
	"github.com/weirhq/weir/finding"
	"github.com/weirhq/weir/internal/config"
)

// settingsBaseline is where the settings of a change are held against: the base of the
// pull request where weir.yaml names another baseline than that, since a change may set
// that too. Where it is not in the clone, the baseline itself has to do.
func (c *comparison) settingsBaseline(ctx context.Context, against string, b *compat.Baseline, cur *source.Tree) (*compat.Baseline, func()) {
	if base := pullRequestBase(c.cfg); against == "" && base != "" && c.cfg.Project.Compat.Against != "" {
		if pr, err := compat.OpenSettings(ctx, base, cur); err == nil {
			return pr, pr.Close
		}
	}
	return b, func() {}
}

// settingsChanged reports that weir.yaml says otherwise than in the baseline how changes
// are judged: a reviewer who looks at schemas would not see it. Waivers are not among it,
// since what they cover is shown as waived; against says that compat.against counts.
func settingsChanged(ctx context.Context, b *compat.Baseline, cfg *config.Config, against bool) ([]finding.Finding, error) {
	text, ok, err := b.Settings(ctx, cfg.Root)
	link, unread := errors.AsType[*source.NotReadError](err)
	if !ok || (err != nil && !unread) {
		return nil, err
	}
	f := finding.Finding{
		Rule: "compat/settings-changed", Severity: finding.Warning, Subject: finding.Subject{Kind: "config", Name: "weir.yaml"},
		Position: finding.Position{File: "weir.yaml"}, Hint: "change weir.yaml in a change of its own",
	}
	past, err := config.Parse("weir.yaml of "+b.Words, text)
	if unread {
		err = fmt.Errorf("weir.yaml of %s: %w", b.Words, link)
	}
	if err != nil {
		f.Position.Line, f.Position.Column = cfg.Project.Line("compat")
		f.Message, f.Hint = fmt.Sprintf("how changes were judged is not known: %v", err), ""
		return []finding.Finding{f}, nil
	}
	was, is := judging(past), judging(cfg.Project)
	all := maps.Clone(was)
	maps.Copy(all, is)
	if !against {
		delete(all, "compat.against")
	}
	var changes []string
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if a, b := cmp.Or(was[key], "the default"), cmp.Or(is[key], "the default"); a != b {
			changes = append(changes, fmt.Sprintf("%s was %s and is %s", key, a, b))
			section, _, _ := strings.Cut(key, ".")
			f.Position.Line, f.Position.Column = cfg.Project.Line(section)
		}
	}
	if len(changes) == 0 {
		return nil, nil
	}
	f.Message = "this change sets what it is judged by: " + strings.Join(changes, ", ")
	return []finding.Finding{f}, nil
}

// judging is what a file says of how changes are judged, with the defaults.
func judging(f *config.File) map[string]string {
	c := f.Compat.WithDefaults()
	out := map[string]string{
		"compat.against":             f.Compat.Against,
		"compat.mode":                strings.ToUpper(c.Mode),
		"compat.fail_on":             c.FailOn,
		"compat.unproven":            strings.Replace(c.Unproven, "warning", "warn", 1),
		"compat.content_model":       c.ContentModel,
		"compat.json_format_keyword": c.JSONFormatKeyword,
		"compat.defaults":            c.Defaults,
		"compat.protobuf_profile":    c.ProtobufProfile,
	}
	if c.History > 0 {
		out["compat.history"] = strconv.Itoa(c.History)
	}
	if len(f.Catalog.Paths) > 0 {
		out["catalog.paths"] = strings.Join(f.Catalog.Paths, " ")
	}
	for rule, severity := range f.Catalog.Severities {
		out["catalog.severities."+rule] = severity
	}
	return out
}
