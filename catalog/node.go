package catalog

import (
	"slices"
	"strconv"
	"strings"

	"github.com/weirhq/weir/finding"
)

// Kind is the JSON type of a [Node].
type Kind uint8

// The kinds.
const (
	Null Kind = iota
	Bool
	Number
	String
	Map
	List
)

func (k Kind) String() string {
	return [...]string{"null", "boolean", "number", "string", "mapping", "list"}[k]
}

// Node is one value of a document, YAML or JSON alike, with the place where it was
// written. Scalars keep their text: dates stay strings and big integers keep all
// their digits. Nodes are read-only after loading.
type Node struct {
	Kind Kind
	// Value is the text of a scalar: "true", "12", or a string's content.
	Value string
	// Key is the node's key in its parent when that is a mapping.
	Key string

	parent        *Node
	kids          []*Node
	file          *file // of a root
	line, col     int32 // of the value
	kline, kcol   int32 // of the key
	textLine, ind int32 // first line and indentation of a block scalar's text, else 0
	index         int32 // in the parent's list
}

// Get returns the value of a key of a mapping, or nil.
func (n *Node) Get(key string) *Node {
	if n == nil || n.Kind != Map {
		return nil
	}
	for _, k := range n.kids {
		if k.Key == key {
			return k
		}
	}
	return nil
}

// Children are the values of a mapping (each has its Key) or of a list, in the
// order of the document.
func (n *Node) Children() []*Node {
	if n == nil {
		return nil
	}
	return n.kids
}

// Text returns the text of a string, and "" for anything else.
func (n *Node) Text() string {
	if n == nil || n.Kind != String {
		return ""
	}
	return n.Value
}

// Pos is where the value starts.
func (n *Node) Pos() finding.Position {
	if n == nil {
		return finding.Position{}
	}
	return finding.Position{File: n.fileName(), Line: int(n.line), Column: int(n.col)}
}

// KeyPos is where the node's key starts; without a key it is Pos.
func (n *Node) KeyPos() finding.Position {
	if n == nil || n.kline == 0 {
		return n.Pos()
	}
	return finding.Position{File: n.fileName(), Line: int(n.kline), Column: int(n.kcol)}
}

func (n *Node) root() *Node {
	for n.parent != nil {
		n = n.parent
	}
	return n
}

func (n *Node) fileName() string {
	if n == nil {
		return ""
	}
	if f := n.root().file; f != nil {
		return f.name
	}
	return ""
}

// Pointer is the JSON pointer of the node inside its file.
func (n *Node) Pointer() string {
	if n == nil || n.parent == nil {
		return ""
	}
	var parts []string
	for ; n.parent != nil; n = n.parent {
		if n.parent.Kind == Map {
			parts = append(parts, escapePointer(n.Key))
		} else {
			parts = append(parts, strconv.Itoa(int(n.index)))
		}
	}
	var b strings.Builder
	for _, part := range slices.Backward(parts) {
		b.WriteByte('/')
		b.WriteString(part)
	}
	return b.String()
}

// Identity is the file and pointer of the node.
func (n *Node) Identity() Identity { return Identity{File: n.fileName(), Pointer: n.Pointer()} }

func escapePointer(s string) string {
	if !strings.ContainsAny(s, "~/") {
		return s
	}
	return strings.ReplaceAll(strings.ReplaceAll(s, "~", "~0"), "/", "~1")
}

func unescapePointer(s string) string {
	if !strings.Contains(s, "~") {
		return s
	}
	return strings.ReplaceAll(strings.ReplaceAll(s, "~1", "/"), "~0", "~")
}

// file is one file of the catalog, parsed.
type file struct {
	name  string // relative to the root, with slashes
	root  *Node  // of a text file (.proto) one string
	major int    // 2 or 3 for an AsyncAPI document, 0 for a fragment
	spec  string // the AsyncAPI version as normalised
	scan  scan
}
