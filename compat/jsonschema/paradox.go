package jsonschema

import "slices"

// A reference may lead back to where it started with the same value in hand. Where that
// happens under not, if or oneOf, whether the value is valid can depend on its own answer,
// the other way round. JSON Schema leaves open what then holds (core 2020-12, 9.4.1) and
// validators differ, so nothing is proven of such a schema by argument.
const paradoxReason = "a reference under not, if or oneOf leads back to itself with the same value, which JSON Schema leaves undefined"

// paradox reports whether a schema refers to itself in that way.
func (c *compiled) paradox() bool {
	ring, size := c.rings()
	for _, n := range c.nodes {
		if size[ring[n]] == 0 {
			continue
		}
		for _, m := range slices.Concat(n.oneOf, []*node{n.not, n.cond}) {
			if m != nil && ring[m] == ring[n] {
				return true
			}
		}
	}
	return false
}

// onward are the nodes that judge the same value as n.
func (n *node) onward(do func(*node)) {
	for _, m := range []*node{n.ref, n.not, n.cond, n.then, n.els} {
		if m != nil {
			do(m)
		}
	}
	for _, list := range [][]*node{n.allOf, n.anyOf, n.oneOf} {
		for _, m := range list {
			do(m)
		}
	}
	for _, d := range n.depSchemas {
		do(d.node)
	}
}

// rings numbers the sets of nodes that lead to each other (Tarjan 1972), and tells how
// many steps stay within each: none where a node does not come back to itself.
func (c *compiled) rings() (ring map[*node]int, steps []int) {
	ring = make(map[*node]int, len(c.nodes))
	index, low := make(map[*node]int, len(c.nodes)), make(map[*node]int, len(c.nodes))
	var stack []*node
	var visit func(n *node)
	visit = func(n *node) {
		index[n] = len(index) + 1
		low[n] = index[n]
		stack = append(stack, n)
		n.onward(func(m *node) {
			if index[m] == 0 {
				visit(m)
				low[n] = min(low[n], low[m])
			} else if _, done := ring[m]; !done {
				low[n] = min(low[n], index[m])
			}
		})
		if low[n] != index[n] {
			return
		}
		for {
			m := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			ring[m] = len(steps)
			if m == n {
				break
			}
		}
		steps = append(steps, 0)
	}
	for _, n := range c.nodes {
		if index[n] == 0 {
			visit(n)
		}
	}
	for _, n := range c.nodes {
		n.onward(func(m *node) {
			if ring[m] == ring[n] {
				steps[ring[n]]++
			}
		})
	}
	return ring, steps
}
