package commands

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/weirhq/weir/compat"
	"github.com/weirhq/weir/finding"
	"github.com/weirhq/weir/internal/config"
)

// settingsChanged reports that weir.yaml says otherwise than in the baseline how changes
// are judged: a reviewer who looks at schemas would not see it. Waivers are not among it,
// since what they cover is shown as waived.
func settingsChanged(ctx context.Context, b *compat.Baseline, cfg *config.Config) ([]finding.Finding, error) {
	text, ok, err := b.Settings(ctx, cfg.Root)
	if err != nil || !ok {
		return nil, err
	}
	line, column := cfg.Project.Line("compat")
	f := finding.Finding{
		Rule: "compat/settings-changed", Severity: finding.Warning, Subject: finding.Subject{Kind: "config", Name: "weir.yaml"},
		Position: finding.Position{File: "weir.yaml", Line: line, Column: column}, Hint: "change weir.yaml in a change of its own",
	}
	past, err := config.Parse("weir.yaml of "+b.Words, text)
	if err != nil {
		f.Message, f.Hint = fmt.Sprintf("how changes were judged is not known: %v", err), ""
		return []finding.Finding{f}, nil
	}
	was, is := judging(past), judging(cfg.Project)
	all := maps.Clone(was)
	maps.Copy(all, is)
	var changes []string
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if a, b := cmp.Or(was[key], "the default"), cmp.Or(is[key], "the default"); a != b {
			changes = append(changes, fmt.Sprintf("%s was %s and is %s", key, a, b))
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
