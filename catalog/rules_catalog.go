package catalog

import (
	"maps"
	"slices"
	"strings"

	"github.com/weirhq/weir/finding"
)

// topicNames finds illegal names without a full validation, so that no load leaves a
// topic that plan must not touch unmarked.
func (l *loader) topicNames(c *Catalog) {
	for ch := range c.Channels() {
		if ch.Foreign || ch.Topic == "" || ch.Protocol != "kafka" {
			continue
		}
		if err := TopicNameError(ch.Topic); err != nil {
			l.report(topicFinding("topic/name", ch.Topic, ch.At, "/channels/"+escapePointer(ch.ID),
				"topic name "+quote(shorten(ch.Topic, 80))+" "+err.Error(), "Kafka refuses it"))
		}
	}
}

// crossRules checks what only the whole catalog shows.
func (l *loader) crossRules(c *Catalog) {
	l.definedTwice(c)
	l.collisions(c)
}

func topicFinding(rule, topic string, at finding.Position, pointer, msg, hint string) finding.Finding {
	f := finding.Finding{
		Rule: rule, Severity: finding.Error, Subject: subjectOf("topic", topic),
		Message: msg, Hint: hint, Position: at, Pointer: pointer,
	}
	if r, ok := ruleByID(rule); ok {
		f.Severity = r.Severity
	}
	return f
}

// definedTwice finds topics that two documents, or two channels, own.
func (l *loader) definedTwice(c *Catalog) {
	for _, topic := range c.Topics() {
		var owned []*Channel
		for _, ch := range c.topics[topic] {
			if ch.Foreign || slices.ContainsFunc(owned, func(o *Channel) bool { return o.Identity == ch.Identity }) {
				continue
			}
			owned = append(owned, ch)
		}
		for i, ch := range owned {
			for _, first := range owned[:i] {
				if disjoint(first, ch) {
					continue
				}
				f := topicFinding("topic/defined-twice", topic, ch.At, "/channels/"+escapePointer(ch.ID),
					"topic "+topic+" is defined here and in "+first.App.Name()+" ("+first.At.String()+")",
					"let one document define it and the others refer to it with $ref, or set x-owner here to the team that owns it")
				f.Related = []finding.Related{{Position: first.At, Message: "first definition"}}
				l.report(f)
				break
			}
		}
	}
}

// disjoint reports whether two channels of one document are on different servers:
// the same name on two clusters is two topics.
func disjoint(a, b *Channel) bool {
	if len(a.Servers) == 0 || len(b.Servers) == 0 || a.App != b.App {
		return false
	}
	for _, s := range a.Servers {
		if slices.Contains(b.Servers, s) {
			return false
		}
	}
	return true
}

// collisions finds names that differ by dots and underscores only; the broker keeps
// metrics of both under one name and refuses the second (KAFKA-14337).
func (l *loader) collisions(c *Catalog) {
	type use struct {
		at      finding.Position
		pointer string
	}
	names := map[string]use{}
	for _, t := range c.Topics() {
		ch := c.topics[t][0]
		if d := c.Definition(t); d != nil {
			ch = d
		}
		names[t] = use{ch.At, "/channels/" + escapePointer(ch.ID)}
	}
	for op := range c.Operations() {
		if op.ErrorTopics == nil {
			continue
		}
		for _, e := range append(slices.Clone(op.ErrorTopics.Retry), op.ErrorTopics.DLT) {
			if e == nil {
				continue
			}
			if _, ok := names[e.Topic]; !ok {
				names[e.Topic] = use{at: e.At}
			}
			if err := TopicNameError(e.Topic); err != nil {
				l.report(topicFinding("topic/name", e.Topic, e.At, "", "topic name "+quote(shorten(e.Topic, 80))+" "+err.Error(), "Kafka refuses it"))
			}
		}
	}
	first := map[string]string{}
	sorted := slices.Sorted(maps.Keys(names))
	slices.SortStableFunc(sorted, func(a, b string) int { return names[a].at.Compare(names[b].at) })
	for _, t := range sorted {
		key := strings.ReplaceAll(t, ".", "_")
		old, ok := first[key]
		if !ok {
			first[key] = t
			continue
		}
		f := topicFinding("topic/collision", t, names[t].at, names[t].pointer,
			"topic "+t+" differs from "+old+" by dots and underscores only, Kafka refuses to create both", "rename one of them")
		f.Related = []finding.Related{{Position: names[old].at, Message: old}}
		l.report(f)
	}
}
