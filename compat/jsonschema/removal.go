package jsonschema

import (
	"fmt"
	"slices"

	"github.com/weirhq/weir/compat"
	"github.com/weirhq/weir/finding"
)

// removals are the findings of mode ADDITIVE: what the old version declares and the
// new one does not.
func (p *pair) removals() []compat.Finding {
	var out []compat.Finding
	more := 0
	add := func(old, new place, what, change string) {
		if len(out) == maxFindings {
			more++
			return
		}
		f := compat.Finding{
			Rule: "compat/removed", Severity: finding.Error, Message: what, Direction: p.dir, Proof: compat.ProvenBreak, Contract: true, Change: change,
			OldPointer: old.pointer, NewPointer: new.pointer, Suggestion: "keep it and mark it deprecated",
		}
		if old.doc != nil {
			f.OldAt = old.doc.at(old.pointer)
		}
		if new.doc != nil {
			f.NewAt = new.doc.at(new.pointer)
		}
		out = append(out, f)
	}
	seen := map[[2]*node]bool{}
	var walk func(a, b *node)
	walk = func(a, b *node) {
		if a == nil || b == nil || seen[[2]*node{a, b}] {
			return
		}
		seen[[2]*node{a, b}] = true
		as, bs := inPlace([]*node{a}), inPlace([]*node{b})
		at := b.place()
		var values map[string]bool
		for _, n := range bs {
			for _, v := range n.enum {
				if values == nil {
					values = map[string]bool{}
				}
				values[key(v)] = true
			}
		}
		for _, n := range as {
			for _, name := range n.propNames {
				i := slices.IndexFunc(bs, func(m *node) bool { return m.props[name] != nil })
				if i < 0 {
					add(n.props[name].place(), at, fmt.Sprintf("property %q was removed", name), "properties/"+name+": declared -> none")
					continue
				}
				walk(n.props[name], bs[i].props[name])
			}
			if n.rest != nil {
				for _, m := range bs {
					walk(n.rest, m.rest)
				}
			}
			if values != nil {
				for _, v := range n.enum[:min(len(n.enum), 1000)] {
					if !values[key(v)] {
						add(n.place().with("enum"), at, "enum value "+string(encode(v))+" was removed", string(encode(v))+" -> none")
					}
				}
			}
		}
	}
	walk(p.w.root, p.r.root)
	if more > 0 {
		f := p.blank(moreCauses, fmt.Sprintf("%d more removals are not told", more))
		f.Proof, f.Contract, f.Change, f.Suggestion = compat.ProvenBreak, true, fmt.Sprintf("%d removals", more+maxFindings), suggestion(moreCauses)
		out = append(out, f)
	}
	return out
}
