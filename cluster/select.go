package cluster

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// NameFilter selects by literal names, or by patterns that match whole names. One without
// either selects every name.
type NameFilter struct {
	literal  []string
	patterns []*regexp.Regexp
}

// NewNameFilter takes names as they stand, or with regex as patterns of Go (RE2). The
// error is a [PatternError].
func NewNameFilter(names []string, regex bool) (*NameFilter, error) {
	if !regex {
		return &NameFilter{literal: names}, nil
	}
	f := &NameFilter{}
	for _, n := range names {
		re, err := regexp.Compile("^(?:" + n + ")$")
		if err != nil {
			return nil, &PatternError{n, err}
		}
		f.patterns = append(f.patterns, re)
	}
	return f, nil
}

// Match reports whether the filter selects the name.
func (f *NameFilter) Match(name string) bool {
	return len(f.literal)+len(f.patterns) == 0 || slices.Contains(f.literal, name) ||
		slices.ContainsFunc(f.patterns, func(re *regexp.Regexp) bool { return re.MatchString(name) })
}

// PatternError says that a pattern cannot be read.
type PatternError struct {
	Pattern string
	Err     error
}

func (e *PatternError) Error() string { return fmt.Sprintf("pattern %q: %v", e.Pattern, e.Err) }

// Unwrap gives errors.Is and errors.As the cause.
func (e *PatternError) Unwrap() error { return e.Err }

// Code is the class of the failure.
func (*PatternError) Code() string { return "usage" }

// Hint says what to do next.
func (*PatternError) Hint() string {
	return "patterns are Go (RE2) expressions and match whole names"
}

// SelectTopics reads the topics that names select, with the caller's rights: each literal
// name must exist and be visible; patterns match whole names, never internal topics, and
// at least one topic. op is what the topics are for, as an [Error] tells it.
func (c *Conn) SelectTopics(ctx context.Context, op string, names []string, regex bool) ([]Topic, error) {
	filter, err := NewNameFilter(names, regex)
	if err != nil {
		return nil, err
	}
	q := TopicsQuery{Rights: true}
	if !regex {
		q.Names = slices.Compact(slices.Sorted(slices.Values(names)))
	}
	list, err := c.Topics(ctx, q)
	if err != nil {
		return nil, err
	}
	var out []Topic
	for i := range list.Topics {
		t := &list.Topics[i]
		if !filter.Match(t.Name) || regex && t.Internal {
			continue
		}
		if err := t.Err(op); err != nil {
			return nil, err
		}
		out = append(out, *t)
	}
	if len(out) > 0 {
		return out, nil
	}
	if err := list.Err(); err != nil {
		return nil, err
	}
	what := "no topic matches " + strings.Join(names, ",")
	if !list.Scope.Proven() {
		what = fmt.Sprintf("no visible topic matches %s, and there may be others: %s", strings.Join(names, ","), list.Scope.Reason)
	}
	return nil, &Error{
		Class: NotFound, Err: errors.New(what),
		Remedy: "patterns match whole names: " + regexp.QuoteMeta("orders.") + ".* for all that begin so",
	}
}
