package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v4"

	"github.com/weirhq/weir/finding"
)

// The kinds of load errors. A file with one of them is not in the model.
const (
	RuleUnreadable = "load/unreadable"
	RuleSyntax     = "load/syntax"
	RuleDuplicate  = "load/duplicate-key"
	RuleLimit      = "load/limit"
	RuleVersion    = "load/version"
	RuleRefMissing = "load/ref-missing"
	RuleRefEscape  = "load/ref-escape"
	RuleRefRemote  = "load/ref-remote"
	RuleRefCycle   = "load/ref-cycle"
)

// reader turns the text of one file into nodes. The YAML library guards nothing
// when it decodes into its own nodes: duplicate keys, alias bombs, further documents
// and nesting are checked here.
type reader struct {
	f      *file
	limits Limits
	nodes  int        // made by expanding aliases
	alias  int        // nesting of aliases
	use    *yaml.Node // the outermost alias that is being expanded
	lines  []int      // offsets of line starts, for JSON and block scalars
	src    []byte
}

// parse reads data as JSON when the name says so and as YAML otherwise.
func parse(f *file, data []byte, limits Limits) error {
	if int64(len(data)) > limits.DocumentBytes {
		return tooBig(f.name, int64(len(data)), limits)
	}
	r := &reader{f: f, limits: limits, src: data}
	var root *Node
	var err error
	if isJSONName(f.name) {
		root, err = r.json(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")))
	} else {
		root, err = r.yaml(data)
	}
	if err != nil {
		return err
	}
	root.file = f
	f.root = root
	return nil
}

func tooBig(name string, size int64, limits Limits) *LoadError {
	return &LoadError{
		Rule: RuleLimit, At: finding.Position{File: name},
		Message: fmt.Sprintf("file is %d bytes, the limit is %d", size, limits.DocumentBytes),
		Hint:    "raise catalog.limits.document_bytes in weir.yaml if the file is meant to be this big",
	}
}

func isJSONName(name string) bool {
	return strings.HasSuffix(name, ".json") || strings.HasSuffix(name, ".avsc")
}

func (r *reader) fail(rule string, line, col int, msg, hint string) *LoadError {
	return &LoadError{Rule: rule, At: finding.Position{File: r.f.name, Line: line, Column: col}, Message: msg, Hint: hint}
}

// count bounds what aliases expand to; nodes that are written out are bounded by the
// size of the file.
func (r *reader) count(line, col int) error {
	if r.alias == 0 {
		return nil
	}
	if r.nodes++; r.nodes > r.limits.Nodes {
		if r.use != nil {
			line, col = r.use.Line, r.use.Column
		}
		return r.fail(RuleLimit, line, col,
			fmt.Sprintf("aliases expand to more than %d nodes", r.limits.Nodes),
			"raise catalog.limits.nodes in weir.yaml if the document is meant to be this big")
	}
	return nil
}

func (r *reader) depth(d, line, col int) error {
	if d > r.limits.Depth {
		return r.fail(RuleLimit, line, col, fmt.Sprintf("nesting is deeper than %d", r.limits.Depth),
			"raise catalog.limits.depth in weir.yaml if the document is meant to be this deep")
	}
	return nil
}

func (r *reader) yaml(data []byte) (*Node, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return &Node{Kind: Null, line: 1, col: 1}, nil
		}
		return nil, r.yamlError(err)
	}
	var second yaml.Node
	switch err := dec.Decode(&second); {
	case err == nil:
		return nil, r.fail(RuleSyntax, max(second.Line, 1), max(second.Column, 1), "file holds a second YAML document",
			"keep one document in a file")
	case !errors.Is(err, io.EOF):
		return nil, r.yamlError(err)
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return &Node{Kind: Null, line: 1, col: 1}, nil
	}
	return r.fromYAML(doc.Content[0], nil, 1, nil)
}

func (r *reader) yamlError(err error) error {
	line, col := 0, 0
	msg := err.Error()
	if le, ok := errors.AsType[*yaml.LoadError](err); ok {
		line, col, msg = le.Mark.Line, le.Mark.Column, le.Message
		if line > 0 && col == 0 {
			col = 1
		}
	}
	hint := ""
	if line == 0 {
		line, col = r.firstControl()
	}
	if strings.Contains(msg, "max depth") {
		return r.depth(r.limits.Depth+1, line, col)
	}
	if l := r.lineText(line); strings.Contains(l[:min(len(l), indentOf(l)+1)], "\t") {
		msg, hint = "a tab indents this line, YAML takes spaces only", "replace the tab with spaces"
		col = strings.IndexByte(l, '\t') + 1
	}
	return r.fail(RuleSyntax, line, col, "not valid YAML: "+msg, hint)
}

func (r *reader) firstControl() (line, col int) {
	line, col = 1, 1
	for i := 0; i < len(r.src); {
		c, n := utf8.DecodeRune(r.src[i:])
		switch {
		case c == '\n':
			line, col = line+1, 0
		case c == utf8.RuneError && n == 1, c < ' ' && c != '\t' && c != '\r', c == 0x7f:
			return line, col
		}
		col++
		i += n
	}
	return 0, 0
}

func indentOf(l string) int { return len(l) - len(strings.TrimLeft(l, " \t")) }

func (r *reader) lineText(line int) string {
	r.index()
	if line < 1 || line > len(r.lines) {
		return ""
	}
	rest := r.src[r.lines[line-1]:]
	if i := bytes.IndexByte(rest, '\n'); i >= 0 {
		rest = rest[:i]
	}
	return string(rest)
}

func (r *reader) index() {
	if r.lines != nil {
		return
	}
	r.lines = append(make([]int, 0, 64), 0)
	for i, c := range r.src {
		if c == '\n' {
			r.lines = append(r.lines, i+1)
		}
	}
}

// fromYAML converts a node. An alias is converted again at each use, so that keys,
// places and pointers are those of the use; the count of nodes bounds what that may
// cost, and a chain of open aliases finds a cycle.
func (r *reader) fromYAML(y *yaml.Node, parent *Node, depth int, open []*yaml.Node) (*Node, error) {
	if err := r.depth(depth, y.Line, y.Column); err != nil {
		return nil, err
	}
	if err := r.count(y.Line, y.Column); err != nil {
		return nil, err
	}
	if y.Kind == yaml.AliasNode {
		if slices.Contains(open, y.Alias) {
			return nil, r.fail(RuleSyntax, y.Line, y.Column, "alias *"+y.Value+" lies inside of its own anchor", "")
		}
		if r.alias == 0 {
			r.use = y
		}
		r.alias++
		defer func() { r.alias-- }()
		return r.fromYAML(y.Alias, parent, depth+1, append(open, y.Alias))
	}
	n := &Node{parent: parent, line: int32(y.Line), col: int32(y.Column)}
	switch y.Kind {
	case yaml.MappingNode:
		n.Kind = Map
		if y.Anchor != "" {
			open = append(open, y)
		}
		return n, r.mapping(y, n, depth, open)
	case yaml.SequenceNode:
		n.Kind = List
		if y.Anchor != "" {
			open = append(open, y)
		}
		n.kids = make([]*Node, 0, len(y.Content))
		for i, c := range y.Content {
			k, err := r.fromYAML(c, n, depth+1, open)
			if err != nil {
				return nil, err
			}
			k.index = int32(i)
			n.kids = append(n.kids, k)
		}
	case yaml.ScalarNode:
		r.scalar(y, n)
	default:
		return nil, r.fail(RuleSyntax, y.Line, y.Column, "unexpected YAML node", "")
	}
	return n, nil
}

func (r *reader) mapping(y *yaml.Node, n *Node, depth int, open []*yaml.Node) error {
	n.kids = make([]*Node, 0, len(y.Content)/2)
	var seen map[string]*Node
	if len(y.Content) > 32 {
		seen = make(map[string]*Node, len(y.Content)/2)
	}
	find := func(key string) *Node {
		if seen != nil {
			return seen[key]
		}
		return n.Get(key)
	}
	var merges []*yaml.Node
	for i := 0; i+1 < len(y.Content); i += 2 {
		k, v := y.Content[i], y.Content[i+1]
		if k.Kind == yaml.AliasNode {
			k = k.Alias
		}
		if k.Kind != yaml.ScalarNode {
			return r.fail(RuleSyntax, k.Line, k.Column, "a key must be a plain value, this one is a mapping or a list", "")
		}
		if k.ShortTag() == "!!merge" {
			merges = append(merges, v)
			continue
		}
		if old := find(k.Value); old != nil {
			return r.fail(RuleDuplicate, k.Line, k.Column,
				fmt.Sprintf("key %q is here twice, first in line %d", k.Value, old.kline), "keep one of the two")
		}
		c, err := r.fromYAML(v, n, depth+1, open)
		if err != nil {
			return err
		}
		c.Key, c.kline, c.kcol = k.Value, int32(k.Line), int32(k.Column)
		n.kids = append(n.kids, c)
		if seen != nil {
			seen[c.Key] = c
		}
	}
	for _, m := range merges {
		list := []*yaml.Node{m}
		if m.Kind == yaml.SequenceNode {
			list = m.Content
		}
		for _, src := range list {
			if src.Kind != yaml.MappingNode && (src.Kind != yaml.AliasNode || src.Alias.Kind != yaml.MappingNode) {
				return r.fail(RuleSyntax, src.Line, src.Column, "<< takes a mapping or a list of mappings", "")
			}
			from, err := r.fromYAML(src, n, depth+1, open)
			if err != nil {
				return err
			}
			for _, c := range from.kids {
				if find(c.Key) == nil {
					c.parent = n
					n.kids = append(n.kids, c)
					if seen != nil {
						seen[c.Key] = c
					}
				}
			}
		}
	}
	return nil
}

func (r *reader) scalar(y *yaml.Node, n *Node) {
	n.Kind, n.Value = String, y.Value
	if y.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		r.index()
		for l := y.Line + 1; l <= len(r.lines); l++ {
			t := r.lineText(l)
			if strings.TrimSpace(t) != "" {
				n.textLine, n.ind = int32(y.Line+1), int32(indentOf(t))
				break
			}
		}
		return
	}
	if y.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 && y.Style&yaml.TaggedStyle == 0 {
		return
	}
	switch y.ShortTag() {
	case "!!null":
		n.Kind, n.Value = Null, ""
	case "!!bool":
		n.Kind, n.Value = Bool, strings.ToLower(y.Value)
	case "!!int", "!!float":
		if v, ok := number(y.Value); ok {
			n.Kind, n.Value = Number, v
		}
	}
}

// number turns a YAML number into the text of a JSON number without losing a digit.
func number(s string) (string, bool) {
	if validJSONNumber(s) {
		return s, true
	}
	t := strings.ReplaceAll(s, "_", "")
	t = strings.TrimPrefix(t, "+")
	if i, ok := new(big.Int).SetString(t, 0); ok {
		return i.String(), true
	}
	if validJSONNumber(t) {
		return t, true
	}
	f, err := strconv.ParseFloat(t, 64)
	if err != nil || f != f || f > 1.7e308 || f < -1.7e308 {
		return "", false
	}
	return strconv.FormatFloat(f, 'g', -1, 64), true
}

func validJSONNumber(s string) bool {
	return s != "" && (s[0] == '-' || s[0] >= '0' && s[0] <= '9') && json.Valid([]byte(s))
}
