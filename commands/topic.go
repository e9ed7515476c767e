package commands

import (
	"regexp"

	"github.com/spf13/cobra"
)

func newTopic(d *Deps) *cobra.Command {
	return noun("topic", "List, describe and change topics", Govern, []string{"topics", "t"},
		newTopicList(d),
		newTopicDescribe(d),
		newTopicCreate(d),
		newTopicAlter(d),
		newTopicDelete(d),
		newTopicPurge(d),
		newTopicRead(d),
	)
}

// namesFilter selects by literal names, or by anchored patterns with --regex.
// Internal topics never match a pattern.
type namesFilter struct {
	literal  map[string]bool
	patterns []*regexp.Regexp
}

func newNamesFilter(args []string, regex bool) (*namesFilter, error) {
	f := &namesFilter{literal: map[string]bool{}}
	for _, a := range args {
		if !regex {
			f.literal[a] = true
			continue
		}
		re, err := regexp.Compile("^(?:" + a + ")$")
		if err != nil {
			return nil, usage("patterns are Go (RE2) expressions and match whole names", "pattern %q: %w", a, err)
		}
		f.patterns = append(f.patterns, re)
	}
	return f, nil
}

func (f *namesFilter) match(name string) bool {
	if len(f.literal) == 0 && len(f.patterns) == 0 {
		return true
	}
	if f.literal[name] {
		return true
	}
	for _, re := range f.patterns {
		if re.MatchString(name) {
			return true
		}
	}
	return false
}
