package catalog

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Graph is who sends what to whom.
type Graph struct {
	Nodes []GraphNode `json:"nodes"`
	Edges []GraphEdge `json:"edges"`
}

// GraphNode is an application, a stream or a dead-letter topic.
type GraphNode struct {
	ID       string `json:"id"`
	Kind     string `json:"kind"` // application, channel, dead_letter
	Name     string `json:"name"`
	Owner    string `json:"owner,omitempty"`
	Protocol string `json:"protocol,omitempty"`
}

// GraphEdge leads from a producer to a stream, from a stream to a consumer, or from a
// consumer to its dead-letter topic.
type GraphEdge struct {
	From  string `json:"from"`
	To    string `json:"to"`
	Kind  string `json:"kind"` // send, receive, dead_letter
	Label string `json:"label,omitempty"`
}

// Graph draws the whole catalog.
func (c *Catalog) Graph() *Graph {
	g := &Graph{Nodes: []GraphNode{}, Edges: []GraphEdge{}}
	for _, a := range c.Applications {
		g.Nodes = append(g.Nodes, GraphNode{ID: "app:" + a.File, Kind: "application", Name: a.Name(), Owner: a.Owner.V.Team})
	}
	dlts := map[string]bool{}
	for _, s := range c.Streams() {
		id := "channel:" + s.Name
		if s.Protocol != "" && s.Protocol != "kafka" {
			id = "channel:" + s.Protocol + ":" + s.Name
		}
		owner := ""
		if d := s.Definition(); d != nil {
			owner = d.Owner.V.Team
		}
		g.Nodes = append(g.Nodes, GraphNode{ID: id, Kind: "channel", Name: s.Name, Owner: owner, Protocol: s.Protocol})
		for _, op := range s.Producers {
			g.Edges = append(g.Edges, GraphEdge{From: "app:" + op.App.File, To: id, Kind: "send", Label: messageNames(op)})
		}
		for _, op := range s.Consumers {
			label := messageNames(op)
			if n, ok := op.Group.V.Literal(); ok {
				label = "group " + n
			}
			g.Edges = append(g.Edges, GraphEdge{From: id, To: "app:" + op.App.File, Kind: "receive", Label: label})
			if d := op.DLT(); d != nil {
				did := "channel:" + d.Topic
				if !dlts[d.Topic] && len(c.topics[d.Topic]) == 0 {
					dlts[d.Topic] = true
					g.Nodes = append(g.Nodes, GraphNode{ID: did, Kind: "dead_letter", Name: d.Topic, Owner: op.App.Owner.V.Team, Protocol: "kafka"})
				}
				g.Edges = append(g.Edges, GraphEdge{From: "app:" + op.App.File, To: did, Kind: "dead_letter"})
			}
		}
	}
	slices.SortFunc(g.Nodes, func(a, b GraphNode) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(g.Edges, func(a, b GraphEdge) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Label, b.Label))
	})
	g.Edges = slices.Compact(g.Edges)
	return g
}

func messageNames(op *Operation) string {
	var names []string
	for _, m := range op.Messages {
		names = append(names, cmpOr(m.Name, m.ID))
	}
	return shorten(join(names), 60)
}

// Around keeps what is at most depth edges away from the nodes with a name, which
// may also be an owner's. It is nil when nothing has the name.
func (g *Graph) Around(name string, depth int) *Graph {
	keep := map[string]bool{}
	for _, n := range g.Nodes {
		if n.Name == name || n.Owner == name || strings.TrimPrefix(n.ID, "app:") == name {
			keep[n.ID] = true
		}
	}
	if len(keep) == 0 {
		return nil
	}
	for range depth {
		var more []string
		for _, e := range g.Edges {
			if keep[e.From] != keep[e.To] {
				more = append(more, e.From, e.To)
			}
		}
		for _, id := range more {
			keep[id] = true
		}
	}
	out := &Graph{Nodes: []GraphNode{}, Edges: []GraphEdge{}}
	for _, n := range g.Nodes {
		if keep[n.ID] {
			out.Nodes = append(out.Nodes, n)
		}
	}
	for _, e := range g.Edges {
		if keep[e.From] && keep[e.To] {
			out.Edges = append(out.Edges, e)
		}
	}
	return out
}

// short gives each node an identifier that every drawing language takes.
func (g *Graph) short() map[string]string {
	ids := make(map[string]string, len(g.Nodes))
	for i, n := range g.Nodes {
		ids[n.ID] = fmt.Sprintf("n%d", i+1)
	}
	return ids
}

// Mermaid is the graph as a Mermaid flowchart.
func (g *Graph) Mermaid() string {
	var b strings.Builder
	ids := g.short()
	label := func(s string) string {
		return `"` + strings.NewReplacer(`"`, "#quot;", "\n", " ", "<", "#lt;", ">", "#gt;").Replace(s) + `"`
	}
	b.WriteString("flowchart LR\n")
	for _, n := range g.Nodes {
		text := n.Name
		open, end := "([", "])"
		switch n.Kind {
		case "application":
			open, end = "[", "]"
			if n.Owner != "" {
				text += " · " + n.Owner
			}
		case "dead_letter":
			open, end = "[/", "/]"
		}
		b.WriteString("    " + ids[n.ID] + open + label(text) + end + "\n")
	}
	for _, e := range g.Edges {
		arrow := " --> "
		if e.Kind == "dead_letter" {
			arrow = " -.-> "
		}
		if e.Label != "" {
			arrow = strings.TrimRight(arrow, " ") + "|" + label(e.Label) + "| "
		}
		b.WriteString("    " + ids[e.From] + arrow + ids[e.To] + "\n")
	}
	return b.String()
}

// DOT is the graph for Graphviz.
func (g *Graph) DOT() string {
	var b strings.Builder
	ids := g.short()
	label := func(s string) string {
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", " ").Replace(s) + `"`
	}
	b.WriteString("digraph catalog {\n    rankdir=LR;\n")
	for _, n := range g.Nodes {
		shape := map[string]string{"application": "box", "channel": "ellipse", "dead_letter": "note"}[n.Kind]
		b.WriteString("    " + ids[n.ID] + " [shape=" + shape + ", label=" + label(n.Name) + "];\n")
	}
	for _, e := range g.Edges {
		attr := ""
		if e.Label != "" {
			attr = "label=" + label(e.Label)
		}
		if e.Kind == "dead_letter" {
			attr = "style=dashed"
		}
		if attr != "" {
			attr = " [" + attr + "]"
		}
		b.WriteString("    " + ids[e.From] + " -> " + ids[e.To] + attr + ";\n")
	}
	b.WriteString("}\n")
	return b.String()
}
