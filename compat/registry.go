package compat

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/weirhq/weir/finding"
	"github.com/weirhq/weir/registry"
)

// FromRegistry gives subjects the versions of a registry as their past. names are
// tried in order; a subject that the registry does not know is new. A subject
// without a mode of its own takes the level that the registry has for it, when level
// is set.
func FromRegistry(ctx context.Context, c *registry.Client, subjects []Subject, names func(Subject) []string, level bool) ([]Subject, []finding.Finding, error) {
	var loose []finding.Finding
	out := make([]Subject, 0, len(subjects))
	for _, s := range subjects {
		if s.Part == partHeaders {
			continue // registries hold keys and values
		}
		s.Old, s.Earlier, s.NoHistory = nil, nil, ""
		var numbers []int
		var name string
		for _, name = range names(s) {
			var err error
			if numbers, err = c.Numbers(ctx, name); err != nil {
				return nil, nil, err
			}
			if len(numbers) > 0 {
				break
			}
		}
		if len(numbers) == 0 {
			loose = append(loose, finding.Finding{
				Rule: "compat/subject-added", Severity: finding.Info, Subject: s.subject(), Position: s.New.At, Owner: s.Owner,
				Message: "registry " + c.Name() + " has no such subject yet", Fingerprint: fingerprint("compat/subject-added", s.Name, "", "", ""),
			})
			out = append(out, s)
			continue
		}
		if level && s.Mode == "" {
			l, err := c.Level(ctx, name)
			if err != nil {
				return nil, nil, err
			}
			if m, err := ParseMode(l); err == nil {
				s.Mode = m
			}
		}
		old, err := registryVersion(ctx, c, name, numbers[0])
		if err != nil {
			return nil, nil, err
		}
		s.Old = old
		s.Earlier = func(ctx context.Context, limit int) ([]*Version, bool, error) {
			rest := numbers[1:]
			cut := len(rest) > limit
			if cut {
				rest = rest[:max(limit, 0)]
			}
			var vs []*Version
			for _, n := range rest {
				v, err := registryVersion(ctx, c, name, n)
				if err != nil {
					return nil, false, err
				}
				vs = append(vs, v)
			}
			return vs, cut, nil
		}
		out = append(out, s)
	}
	return out, loose, nil
}

func registryVersion(ctx context.Context, c *registry.Client, subject string, number int) (*Version, error) {
	v, err := c.Version(ctx, subject, number)
	if err != nil {
		return nil, err
	}
	label := fmt.Sprintf("%s v%d", subject, number)
	return &Version{At: finding.Position{File: label}, Schema: RegistrySchema(c, v, label)}, nil
}

// RegistrySchema is a schema of a registry with its references, under a name for
// messages.
func RegistrySchema(c *registry.Client, v *registry.Version, name string) Schema {
	return Schema{
		Format: Format(v.Format), Text: []byte(v.Text), Name: name, Version: fmt.Sprintf("v%d", v.Number),
		Load: func(ctx context.Context, ref, _ string) ([]byte, string, error) {
			name, _, _ := strings.Cut(ref, "#")
			r, err := c.Resolve(ctx, v, name)
			if _, ok := errors.AsType[*registry.Error](err); ok {
				return nil, "", err
			}
			if err != nil {
				return nil, "", fmt.Errorf("%w: %w", err, fs.ErrNotExist)
			}
			return []byte(r.Text), fmt.Sprintf("%s v%d", r.Subject, r.Number), nil
		},
	}
}

// TopicNames are the names that the usual strategies give a message: by topic, by
// topic and record, by record.
func TopicNames(s Subject) []string {
	if s.Channel == "" {
		base := strings.TrimSuffix(s.Name, path.Ext(s.Name))
		return compactNames(base, strings.ReplaceAll(base, "/", "."), path.Base(base))
	}
	if s.Part == partKey {
		return []string{s.Channel + "-key"}
	}
	var names []string
	if s.RecordName != "" {
		names = append(names, s.Channel+"-"+s.RecordName, s.RecordName)
	}
	if s.Alone { // else the topic's subject may be of another message
		names = append(names, s.Channel+"-value")
	}
	return names
}

func compactNames(names ...string) []string {
	slices.Sort(names[1:])
	return slices.Compact(names)
}
