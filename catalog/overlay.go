package catalog

import (
	"errors"
	"path"
	"strings"

	"github.com/weirhq/weir/finding"
)

// overlay applies the overlay files, in order, before anything is built. A file is a
// mapping from a selector to a merge patch (RFC 7396): null removes, lists replace.
// A selector is FILE#/json/pointer, the identity of a node relative to the root, or
// topic:NAME, which is every channel that is written inline with that topic.
func (l *loader) overlay() error {
	l.overlays = map[string]bool{}
	for _, name := range l.o.Overlays {
		name = path.Clean(strings.TrimPrefix(name, "./"))
		f, err := l.st.read(name)
		if err != nil {
			le, ok := errors.AsType[*LoadError](err)
			if !ok {
				le = &LoadError{Rule: RuleUnreadable, At: finding.Position{File: name}, Message: err.Error(), Err: err}
			}
			return &LoadErrors{Errors: []*LoadError{le}}
		}
		l.overlays[name] = true
		if f.root.Kind != Map {
			return &LoadErrors{Errors: []*LoadError{{
				Rule: RuleSyntax, At: f.root.Pos(), Message: "overlay must be a mapping from selectors to patches, it is " + describe(f.root),
				Hint: "write FILE#/channels/KEY: {...} or topic:NAME: {...}",
			}}}
		}
		for _, entry := range f.root.kids {
			targets := l.selected(entry.Key)
			if len(targets) == 0 {
				fd := newFinding("env/overlay-unused", entry, subjectOf("overlay", name),
					"selector "+quote(entry.Key)+" selects nothing", "a selector is FILE#/channels/KEY relative to the root, or topic:NAME")
				fd.Position = entry.KeyPos()
				l.report(fd)
			}
			for _, t := range targets {
				mergePatch(t, entry)
			}
		}
	}
	return nil
}

func (l *loader) selected(selector string) []*Node {
	if topic, ok := strings.CutPrefix(selector, "topic:"); ok {
		var out []*Node
		for _, d := range l.docs {
			for _, ch := range d.root().Get("channels").Children() {
				if inlineTopic(ch, d.file.major) == topic {
					out = append(out, ch)
				}
			}
		}
		return out
	}
	name, ptr, ok := strings.Cut(selector, "#")
	if !ok || name == "" {
		return nil
	}
	f, err := l.st.read(path.Clean(name))
	if err != nil {
		return nil
	}
	if ptr == "" {
		return []*Node{f.root}
	}
	if !strings.HasPrefix(ptr, "/") {
		return nil
	}
	if r := l.st.pointer(f.root, ptr, 0); r.node != nil {
		return []*Node{r.node}
	}
	return nil
}

// inlineTopic is the topic of a channel as far as its own document says it.
func inlineTopic(ch *Node, major int) string {
	if t := ch.Get("bindings").Get("kafka").Get("topic").Text(); t != "" {
		return t
	}
	if major == 2 {
		return ch.Key
	}
	return ch.Get("address").Text()
}

// mergePatch changes target in place. What comes from the patch keeps its place in
// the overlay, so that every value can tell where it was written.
func mergePatch(target, patch *Node) {
	if target.Kind != Map || patch.Kind != Map {
		key, parent, index, kline, kcol := target.Key, target.parent, target.index, target.kline, target.kcol
		*target = *patch
		target.Key, target.index = key, index
		if patch.parent == nil || patch.Key == "" {
			target.parent, target.kline, target.kcol = parent, kline, kcol
		}
		return
	}
	for _, p := range patch.kids {
		i := -1
		for j, k := range target.kids {
			if k.Key == p.Key {
				i = j
			}
		}
		switch {
		case p.Kind == Null && i >= 0:
			target.kids = append(target.kids[:i:i], target.kids[i+1:]...)
		case p.Kind == Null:
		case i >= 0 && target.kids[i].Kind == Map && p.Kind == Map:
			mergePatch(target.kids[i], p)
		case i >= 0:
			target.kids[i] = withoutNulls(p)
		default:
			target.kids = append(target.kids, withoutNulls(p))
		}
	}
}

// withoutNulls drops members that are null from a patch that becomes a value.
func withoutNulls(n *Node) *Node {
	if n.Kind != Map {
		return n
	}
	c := *n
	c.kids = nil
	for _, k := range n.kids {
		if k.Kind != Null {
			c.kids = append(c.kids, withoutNulls(k))
		}
	}
	return &c
}
