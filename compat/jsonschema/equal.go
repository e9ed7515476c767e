package jsonschema

import (
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
)

// sameVisits bounds the refinement, in visits of nodes: a list of nodes that lead to each
// other takes one round a link.
const sameVisits = 2_000_000

// same maps every node to the first one that accepts exactly the same values for a
// structural reason: partition refinement over both graphs, references followed.
// Annotations do not count.
func same(graphs ...*compiled) map[*node]*node {
	var all []*node
	seen := map[*node]bool{}
	for _, g := range graphs {
		for _, n := range g.nodes {
			if !seen[n] && n.target == n {
				seen[n] = true
				all = append(all, n)
			}
		}
	}
	class := make(map[*node]uint32, len(all))
	local := make([]string, len(all))
	for i, n := range all {
		local[i] = n.localKey()
	}
	children := make([][]*node, len(all))
	for i, n := range all {
		children[i] = n.children()
	}
	classes := 0
	for round := range len(all) + 1 {
		if round*len(all) > sameVisits {
			// A partition that is not refined to its end would call different nodes
			// equal: without an answer every node is equal to itself only.
			rep := make(map[*node]*node, len(all))
			for _, n := range all {
				rep[n] = n
			}
			return rep // chains of references are followed anyway
		}
		index := make(map[string]uint32, len(all))
		next := make(map[*node]uint32, len(all))
		var buf []byte
		for i, n := range all {
			buf = append(buf[:0], local[i]...)
			for _, c := range children[i] {
				buf = binary.AppendUvarint(buf, uint64(class[c.target]))
			}
			id, ok := index[string(buf)]
			if !ok {
				id = uint32(len(index))
				index[string(buf)] = id
			}
			next[n] = id
		}
		class = next
		if len(index) == classes {
			break
		}
		classes = len(index)
	}
	first := map[uint32]*node{}
	rep := make(map[*node]*node, len(all))
	for _, n := range all {
		if _, ok := first[class[n]]; !ok {
			first[class[n]] = n
		}
		rep[n] = first[class[n]]
	}
	for _, g := range graphs {
		for _, n := range g.nodes {
			rep[n] = rep[n.target]
		}
	}
	return rep
}

// localKey spells what a node says itself, with the shape of what it applies.
func (n *node) localKey() string {
	var b strings.Builder
	str := func(k, v string) {
		b.WriteString(k)
		b.WriteByte('=')
		b.WriteString(strconv.Quote(v))
		b.WriteByte(';')
	}
	integer := func(k string, v *int) {
		if v != nil {
			str(k, strconv.Itoa(*v))
		}
	}
	if n.always != nil {
		return strconv.FormatBool(*n.always)
	}
	if n.isEmpty() {
		return "true"
	}
	if n.opaque != "" {
		// What it means depends on where it stands: equal to itself only.
		str("opaque", n.url+"#"+n.pointer)
	}
	str("t", strconv.Itoa(int(n.types))+strconv.FormatBool(n.integer))
	if n.enumKey != nil {
		str("enum", n.enumID)
	}
	if n.konst != nil {
		str("const", key(*n.konst))
	}
	if n.format != nil {
		str("format", n.format.Name)
	}
	integer("minLength", n.minLen)
	integer("maxLength", n.maxLen)
	if n.pattern != nil {
		str("pattern", n.pattern.src)
	}
	if n.min != nil {
		str("min", n.min.RatString()+strconv.FormatBool(n.minExcl))
	}
	if n.max != nil {
		str("max", n.max.RatString()+strconv.FormatBool(n.maxExcl))
	}
	if n.multipleOf != nil {
		str("multipleOf", n.multipleOf.RatString())
	}
	for _, name := range n.propNames {
		str("p", name)
	}
	for _, p := range n.patternProps {
		str("pp", p.re.src)
	}
	for _, r := range n.required {
		str("r", r)
	}
	integer("minProperties", n.minProps)
	integer("maxProperties", n.maxProps)
	for _, d := range n.depRequired {
		needs := slices.Sorted(slices.Values(d.needs))
		str("dr", d.name+"\x00"+strings.Join(needs, "\x00"))
	}
	for _, d := range n.depSchemas {
		str("ds", d.name)
	}
	integer("minItems", n.minItems)
	integer("maxItems", n.maxItems)
	integer("minContains", n.minCont)
	integer("maxContains", n.maxCont)
	str("u", strconv.FormatBool(n.unique)+strconv.FormatBool(n.containsCovers))
	for _, c := range []struct {
		k string
		n *node
	}{{"ref", n.ref}, {"not", n.not}, {"if", n.cond}, {"then", n.then}, {"else", n.els}, {"ap", n.additional}, {"names", n.names}, {"rest", n.rest}, {"contains", n.contains}, {"up", n.unevalProps}, {"ui", n.unevalItems}} {
		if c.n != nil {
			str("has", c.k)
		}
	}
	str("n", strconv.Itoa(len(n.allOf))+","+strconv.Itoa(len(n.anyOf))+","+strconv.Itoa(len(n.oneOf))+","+strconv.Itoa(len(n.prefix)))
	return b.String()
}

func (n *node) isEmpty() bool { return n.ref == nil && n.saysNothing() }

// children lists what a node applies, in the order localKey announces.
func (n *node) children() []*node {
	var out []*node
	for _, name := range n.propNames {
		out = append(out, n.props[name])
	}
	for _, p := range n.patternProps {
		out = append(out, p.node)
	}
	for _, d := range n.depSchemas {
		out = append(out, d.node)
	}
	for _, c := range []*node{n.ref, n.not, n.cond, n.then, n.els, n.additional, n.names, n.rest, n.contains, n.unevalProps, n.unevalItems} {
		if c != nil {
			out = append(out, c)
		}
	}
	out = append(out, n.allOf...)
	out = append(out, n.anyOf...)
	out = append(out, n.oneOf...)
	return append(out, n.prefix...)
}
