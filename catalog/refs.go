package catalog

import (
	"slices"
	"strings"

	"github.com/weirhq/weir/finding"
)

// refChecker walks everything that a document reaches and finds references that
// lead nowhere. It runs before the model is built, so that the builder may follow
// every reference without looking.
type refChecker struct {
	l    *loader
	d    *document
	seen map[visit]state
	// cycles are the references of cycles that were reported: one cycle is one cause.
	cycles map[*Node]bool
}

// visit is a node in one of two roles: a schema may refer to itself, anything else
// may not.
type visit struct {
	n      *Node
	schema bool
}

type state uint8

const (
	open state = iota + 1
	done
)

func (c *refChecker) check() {
	c.walk(c.d.root(), false, false)
}

// Keys below which a schema begins.
var schemaKeys = map[string]bool{
	"payload": true, "headers": true, "schema": true, "schemas": true, "key": true,
	"groupId": true, "clientId": true, "query": true, "responseTopic": true, "correlationData": true,
}

// Keys whose children are named by the author, in schemas and outside of them.
var (
	schemaNames = map[string]bool{
		"properties": true, "patternProperties": true, "definitions": true, "$defs": true,
		"dependencies": true, "dependentSchemas": true,
	}
	otherNames = map[string]bool{
		"channels": true, "servers": true, "operations": true, "messages": true, "parameters": true,
		"variables": true, "schemas": true, "messageTraits": true, "operationTraits": true,
	}
	// Keys whose values are data: a $ref in there is no reference.
	dataKeys = map[string]bool{
		"default": true, "const": true, "enum": true, "example": true, "examples": true,
	}
)

// walk visits n. names tells that the keys of n are names, not keywords.
func (c *refChecker) walk(n *Node, schema, names bool) {
	if n.Kind != Map && n.Kind != List {
		return
	}
	v := visit{n, schema}
	if s := c.seen[v]; s != 0 {
		return
	}
	c.seen[v] = open
	defer func() { c.seen[v] = done }()
	if _, ok := refOf(n); ok && !names {
		c.ref(n, schema)
		return
	}
	for _, k := range n.kids {
		if n.Kind == List {
			c.walk(k, schema, false)
			continue
		}
		if !names {
			if dataKeys[k.Key] && (schema || k.Key != "default") {
				continue
			}
			if strings.HasPrefix(k.Key, "x-") && k.Key != "x-error-topics" {
				continue
			}
		}
		switch {
		case schema:
			c.walk(k, true, !names && schemaNames[k.Key])
		case !names && k.Key == "schemas":
			for _, s := range k.kids {
				c.walk(s, true, false)
			}
		case !names && schemaKeys[k.Key]:
			c.walk(k, true, false)
		default:
			c.walk(k, false, !names && otherNames[k.Key])
		}
	}
}

func (c *refChecker) ref(n *Node, schema bool) {
	r := c.l.st.step(n)
	switch {
	case len(n.kids) == 1:
	case schema && dialectAt(n).siblings():
		for _, k := range n.kids {
			if !dataKeys[k.Key] && !strings.HasPrefix(k.Key, "x-") {
				c.walk(k, true, schemaNames[k.Key])
			}
		}
	default:
		c.siblings(n, schema)
	}
	if r.node == nil {
		switch {
		case schema && r.kind == refAnchor:
		case r.kind == refRemote:
			c.remote(n, schema)
		default:
			c.d.errs = append(c.d.errs, r.loadError(n))
		}
		return
	}
	// A chain of nothing but references that closes is no schema either.
	if f := c.l.st.follow(n); f.kind == refCycle {
		if first := c.newCycle(n); first != nil {
			c.d.errs = append(c.d.errs, f.loadError(first))
		}
		return
	}
	if !schema && c.seen[visit{r.node, false}] == open {
		c.d.errs = append(c.d.errs, (&resolution{kind: refCycle}).loadError(n))
		return
	}
	c.walk(r.node, schema, false)
}

// remote reports a reference that was not fetched. A schema behind it is unproven; of
// anything else the model lacks a part.
func (c *refChecker) remote(n *Node, schema bool) {
	ref := n.Get("$ref")
	f := newFinding("ref/remote", ref, subjectOf("schema", ref.Value), "remote schema is not fetched, so nothing is known of it",
		"keep a copy in the catalog, or allow the host with --allow-remote")
	if !schema {
		f.Severity = finding.Warning
		f.Subject.Kind, f.Message = "reference", "remote reference is not fetched, so what it stands for is not known"
	}
	c.l.report(f)
}

// newCycle marks all references of the cycle that n leads into, and returns the first
// of them by place, so that every document that reaches the cycle reports the same.
// It is nil for a cycle that was reported.
func (c *refChecker) newCycle(n *Node) *Node {
	if c.cycles == nil {
		c.cycles = map[*Node]bool{}
	}
	fresh := true
	at := map[*Node]int{}
	var chain []*Node
	for n != nil && fresh {
		if i, ok := at[n]; ok {
			chain = chain[i:] // without the way into the cycle
			break
		}
		fresh = !c.cycles[n]
		at[n] = len(chain)
		chain = append(chain, n)
		n = c.l.st.step(n).node
	}
	for n := range at {
		c.cycles[n] = true
	}
	if !fresh {
		return nil
	}
	return slices.MinFunc(chain, func(a, b *Node) int { return a.Pos().Compare(b.Pos()) })
}

func (c *refChecker) siblings(n *Node, schema bool) {
	if !schema && n.parent != nil && n.parent.Key == "channels" && n.root().file.major == 2 {
		return // 2.x channel items may have siblings; the builder looks at each
	}
	for _, k := range n.kids {
		if k.Key != "$ref" {
			f := newFinding("ref/siblings", k, subjectOf("reference", n.Get("$ref").Value),
				quote(k.Key)+" beside $ref is ignored", "move it into the target, or drop it")
			f.Position = k.KeyPos()
			c.l.report(f)
			return
		}
	}
}
