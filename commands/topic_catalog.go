package commands

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/internal/term"
)

// topicFacts is what the catalog says about a topic.
type topicFacts struct {
	Owner          string   `json:"owner"`
	Definition     string   `json:"definition"` // file:line:col, empty when only referred to
	Lifecycle      string   `json:"lifecycle"`
	Classification string   `json:"classification"`
	Messages       []string `json:"messages"`
	Producers      []string `json:"producers"`
	Consumers      []string `json:"consumers"`
	DeadLetters    []string `json:"dead_letter_topics"`
	DeadLetterOf   []string `json:"dead_letter_of"` // operations whose failures land here
}

// quietCatalog is the catalog for commands that only enrich their answer with it: nil
// when there is none here or when it cannot be read, which other commands tell.
func (d *Deps) quietCatalog(ctx context.Context) *catalog.Catalog {
	cat, err := d.Catalog(ctx, &catalogFlags{}, false)
	if err != nil {
		d.Log.Debug("the catalog is left out: " + err.Error())
		return nil
	}
	if len(cat.Applications) == 0 {
		return nil
	}
	return cat
}

// factsOf returns nil when the catalog does not know the topic.
func factsOf(cat *catalog.Catalog, topic string) *topicFacts {
	if cat == nil {
		return nil
	}
	channels, dead := cat.TopicChannels(topic), cat.DeadLetterOf(topic)
	if len(channels)+len(dead) == 0 {
		return nil
	}
	f := &topicFacts{Owner: cat.Owner(topic).V.Team, Messages: []string{}, Producers: []string{}, Consumers: []string{}, DeadLetters: []string{}, DeadLetterOf: []string{}}
	if def := cat.Definition(topic); def != nil {
		f.Definition, f.Classification, f.Lifecycle = def.At.String(), def.Classification.V, def.Lifecycle.V.State
	}
	add := func(list *[]string, word string) {
		if word != "" && !slices.Contains(*list, word) {
			*list = append(*list, word)
		}
	}
	for _, ch := range channels {
		for _, m := range ch.Messages {
			add(&f.Messages, cmp.Or(m.Name, m.ID))
		}
	}
	for _, op := range cat.Producers(topic) {
		add(&f.Producers, op.App.Name())
	}
	for _, op := range cat.Consumers(topic) {
		add(&f.Consumers, op.App.Name())
		if dlt := op.DLT(); dlt != nil {
			add(&f.DeadLetters, dlt.Topic)
		}
	}
	for _, op := range dead {
		add(&f.DeadLetterOf, op.App.Name()+" "+op.ID)
	}
	return f
}

func viewTopicFacts(p *term.Page, c *topicFacts) {
	p.Line("  catalog: %s", joinWords("defined in "+cmp.Or(c.Definition, "another document"), ownedBy(c.Owner), c.Lifecycle, c.Classification))
	for _, line := range []struct {
		label string
		names []string
	}{{"messages", c.Messages}, {"producers", c.Producers}, {"consumers", c.Consumers}, {"dead letters", c.DeadLetters}, {"dead letters of", c.DeadLetterOf}} {
		if len(line.names) > 0 {
			p.Line("    %-15s %s", line.label, strings.Join(line.names, ", "))
		}
	}
}

func ownedBy(team string) string {
	if team == "" {
		return ""
	}
	return fmt.Sprintf("(owner %s)", team)
}
