package jsonschema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/weirhq/weir/compat"
	"github.com/weirhq/weir/finding"
)

// Limits of what is read at all. Compiling grows more than quadratically with the
// depth, so depth is refused on the tree, before anything is compiled.
const (
	maxLevels   = 200
	maxNesting  = 1000
	maxExponent = 1000
)

// document is one JSON text with what is needed to name places in it.
type document struct {
	name   string
	text   []byte
	root   any
	locate func(pointer string) finding.Position
}

// at is the position of a JSON pointer; an unknown pointer falls back to the
// nearest ancestor that exists.
func (d *document) at(pointer string) finding.Position {
	if d.locate != nil {
		for p := pointer; ; {
			if at := d.locate(p); !at.IsZero() {
				return at
			}
			i := strings.LastIndexByte(p, '/')
			if i < 0 {
				break
			}
			p = p[:i]
		}
	}
	return d.position(offsetOf(d.text, pointer))
}

// position turns a byte offset into line and column, both from 1, columns in runes.
func (d *document) position(off int) finding.Position {
	off = min(max(off, 0), len(d.text))
	head := d.text[:off]
	line := bytes.Count(head, []byte("\n")) + 1
	col := utf8.RuneCount(head[bytes.LastIndexByte(head, '\n')+1:]) + 1
	return finding.Position{File: d.name, Line: line, Column: col}
}

// readDocument decodes the text and refuses what is over a limit.
func readDocument(s compat.Schema) (*document, error) {
	d := &document{name: s.Name, text: s.Text, locate: s.Locate}
	if off := tooDeep(s.Text, maxNesting); off >= 0 {
		return nil, &compat.SchemaError{At: d.position(off), Err: fmt.Errorf("read schema: nested deeper than %d levels", maxNesting)}
	}
	if !utf8.Valid(s.Text) {
		return nil, &compat.SchemaError{At: d.position(0), Err: errors.New("read schema: the text is not UTF-8")}
	}
	dec := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(s.Text, []byte("\xef\xbb\xbf"))))
	dec.UseNumber()
	if err := dec.Decode(&d.root); err != nil {
		return nil, d.syntaxError(err, dec.InputOffset())
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, &compat.SchemaError{At: d.position(int(dec.InputOffset())), Err: errors.New("read schema: text after the end of the JSON document")}
	}
	if ptr := numberOutOfRange(d.root, ""); ptr != "-" {
		return nil, &compat.SchemaError{At: d.at(ptr), Err: fmt.Errorf("read schema: a number has an exponent beyond %d", maxExponent)}
	}
	switch d.root.(type) {
	case map[string]any, bool:
	default:
		return nil, &compat.SchemaError{At: d.at(""), Err: fmt.Errorf("read schema: want an object or a boolean, got %s", typeName(d.root))}
	}
	if ptr, deep := deeperThan(d.root, "", 1, true); deep {
		return nil, &compat.SchemaError{At: d.at(ptr), Err: fmt.Errorf("read schema: schemas nested deeper than %d levels", maxLevels)}
	}
	return d, nil
}

func (d *document) syntaxError(err error, off int64) error {
	if syn, ok := errors.AsType[*json.SyntaxError](err); ok {
		off = syn.Offset - 1
	}
	if errors.Is(err, io.EOF) {
		return &compat.SchemaError{At: d.position(0), Err: errors.New("read schema: the text is empty")}
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		off = int64(len(d.text))
	}
	return &compat.SchemaError{At: d.position(int(off)), Err: fmt.Errorf("read schema: %w", err)}
}

// tooDeep returns the offset at which brackets nest deeper than limit, or -1.
func tooDeep(text []byte, limit int) int {
	depth, inString := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > limit {
				return i
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return -1
}

// numberOutOfRange finds a number whose exponent would make exact arithmetic
// explode; "-" means none (no pointer is "-").
func numberOutOfRange(v any, ptr string) string {
	switch v := v.(type) {
	case json.Number:
		if i := strings.IndexAny(string(v), "eE"); i >= 0 {
			if e, err := strconv.Atoi(string(v)[i+1:]); err != nil || e > maxExponent || e < -maxExponent {
				return ptr
			}
		}
	case []any:
		for i, x := range v {
			if p := numberOutOfRange(x, ptr+"/"+strconv.Itoa(i)); p != "-" {
				return p
			}
		}
	case map[string]any:
		for k, x := range v {
			switch x.(type) {
			case json.Number, []any, map[string]any:
				if p := numberOutOfRange(x, ptr+"/"+escapeToken(k)); p != "-" {
					return p
				}
			}
		}
	}
	return "-"
}

// keywordShape says what a keyword's value holds.
type keywordShape int

const (
	shapeSchema  keywordShape = iota // a schema, or a list of them
	shapeMap                         // a map of names to schemas
	shapeLiteral                     // data that is no schema
)

func shapeOf(keyword string) keywordShape {
	switch keyword {
	case "properties", "patternProperties", "definitions", "$defs", "dependentSchemas", "dependencies":
		return shapeMap
	case "const", "enum", "default", "examples", "example", "required", "dependentRequired", "$vocabulary", "discriminator":
		return shapeLiteral
	}
	return shapeSchema
}

// deeperThan finds the first place where schemas nest deeper than maxLevels.
func deeperThan(v any, ptr string, level int, schema bool) (string, bool) {
	if level > maxLevels {
		return ptr, true
	}
	switch v := v.(type) {
	case []any:
		for i, x := range v {
			switch x.(type) {
			case map[string]any, []any:
				if p, deep := deeperThan(x, ptr+"/"+strconv.Itoa(i), level, schema); deep {
					return p, true
				}
			}
		}
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			x := v[k]
			switch x.(type) {
			case map[string]any, []any:
			default:
				continue
			}
			p := ptr + "/" + escapeToken(k)
			switch {
			case !schema: // the values of a map of schemas
				if q, deep := deeperThan(x, p, level+1, true); deep {
					return q, true
				}
			case shapeOf(k) == shapeMap:
				if q, deep := deeperThan(x, p, level, false); deep {
					return q, true
				}
			case shapeOf(k) == shapeSchema:
				if q, deep := deeperThan(x, p, level+1, true); deep {
					return q, true
				}
			}
		}
	}
	return "", false
}

// without copies a schema, leaving out the keywords drop names, in schema positions
// only: a property that happens to have such a name stays.
func without(v any, drop func(keyword string) bool, schema bool) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = without(x, drop, schema)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, x := range v {
			switch {
			case !schema:
				out[k] = without(x, drop, true)
			case drop(k):
			case shapeOf(k) == shapeMap:
				out[k] = without(x, drop, false)
			case shapeOf(k) == shapeLiteral:
				out[k] = x
			default:
				out[k] = without(x, drop, true)
			}
		}
		return out
	}
	return v
}

// uses reports whether a keyword stands anywhere in a schema position.
func uses(v any, keyword string, schema bool) bool {
	switch v := v.(type) {
	case []any:
		return slices.ContainsFunc(v, func(x any) bool { return uses(x, keyword, schema) })
	case map[string]any:
		for k, x := range v {
			switch {
			case !schema:
				if uses(x, keyword, true) {
					return true
				}
			case k == keyword:
				return true
			case shapeOf(k) != shapeLiteral:
				if uses(x, keyword, shapeOf(k) != shapeMap) {
					return true
				}
			}
		}
	}
	return false
}

func escapeToken(s string) string {
	if !strings.ContainsAny(s, "~/") {
		return s
	}
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(s)
}

func unescapeToken(s string) string {
	if !strings.Contains(s, "~") {
		return s
	}
	return strings.NewReplacer("~1", "/", "~0", "~").Replace(s)
}

// lookup follows a JSON pointer.
func lookup(v any, pointer string) (any, bool) {
	if pointer == "" {
		return v, true
	}
	for tok := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		tok = unescapeToken(tok)
		switch x := v.(type) {
		case map[string]any:
			y, ok := x[tok]
			if !ok {
				return nil, false
			}
			v = y
		case []any:
			i, err := strconv.Atoi(tok)
			if err != nil || i < 0 || i >= len(x) {
				return nil, false
			}
			v = x[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// offsetOf finds the byte at which the value of a pointer begins (for a member of an
// object: its key), in a text that has already been decoded once. Positions are
// asked for rarely, so they are found again by scanning and no index is kept.
func offsetOf(text []byte, pointer string) int {
	s := scanner{text: text}
	s.space()
	if pointer == "" {
		return s.i
	}
	off := s.i
	for tok := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		at, ok := s.child(unescapeToken(tok))
		if !ok {
			return off
		}
		off = at
	}
	return off
}

type scanner struct {
	text []byte
	i    int
}

func (s *scanner) space() {
	for s.i < len(s.text) && strings.IndexByte(" \t\r\n\xef\xbb\xbf", s.text[s.i]) >= 0 {
		s.i++
	}
}

// pass moves behind a string.
func (s *scanner) pass() {
	for s.i++; s.i < len(s.text) && s.text[s.i] != '"'; s.i++ {
		if s.text[s.i] == '\\' {
			s.i++
		}
	}
	s.i = min(s.i+1, len(s.text))
}

func (s *scanner) string() string {
	start := s.i
	s.pass()
	var out string
	if json.Unmarshal(s.text[start:s.i], &out) != nil {
		return ""
	}
	return out
}

func (s *scanner) skip() {
	depth := 0
	for s.i < len(s.text) {
		switch s.text[s.i] {
		case '"':
			s.pass()
			if depth == 0 {
				return
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth < 0 {
				return
			}
			if depth == 0 {
				s.i++
				return
			}
		case ',':
			if depth == 0 {
				return
			}
		}
		s.i++
	}
}

// child moves to the value of a member or element and returns where it is named. Of
// members with the same name the last one counts, as in the decoder.
func (s *scanner) child(tok string) (int, bool) {
	s.space()
	if s.i >= len(s.text) {
		return 0, false
	}
	object := s.text[s.i] == '{'
	if !object && s.text[s.i] != '[' {
		return 0, false
	}
	s.i++
	key, value, found := 0, 0, false
	for n := 0; ; n++ {
		s.space()
		if s.i >= len(s.text) || s.text[s.i] == '}' || s.text[s.i] == ']' {
			break
		}
		at, name := s.i, strconv.Itoa(n)
		if object {
			name = s.string()
			s.space()
			s.i++
			s.space()
		}
		if name == tok {
			key, value, found = at, s.i, true
			if !object {
				break
			}
		}
		s.skip()
		s.space()
		if s.i < len(s.text) && s.text[s.i] == ',' {
			s.i++
		}
	}
	s.i = value
	return key, found
}
