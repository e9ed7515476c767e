package catalog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// jsonReader reads JSON into nodes. encoding/json gives no places, and its tokens
// with offsets cost four times as much, which every start of the program would pay
// for the official schemas. What it accepts is what encoding/json accepts, without
// duplicate keys; a fuzz target compares the two.
type jsonReader struct {
	*reader
	at    int // offset of the next byte
	line  int
	start int // offset at which the line starts
}

func (r *reader) json(data []byte) (*Node, error) {
	r.src = data
	j := &jsonReader{reader: r, line: 1}
	j.space()
	n, err := j.value(nil, 1)
	if err != nil {
		return nil, err
	}
	if j.space(); j.at < len(j.src) {
		return nil, j.bad("something follows the value")
	}
	return n, nil
}

func (j *jsonReader) space() {
	for j.at < len(j.src) {
		switch j.src[j.at] {
		case '\n':
			j.at++
			j.line, j.start = j.line+1, j.at
		case ' ', '\t', '\r':
			j.at++
		default:
			return
		}
	}
}

func (j *jsonReader) bad(msg string) error {
	return j.fail(RuleSyntax, j.line, j.at-j.start+1, "not valid JSON: "+msg, "")
}

func (j *jsonReader) unexpected(want string) error {
	if j.at >= len(j.src) {
		return j.bad("the text ends where " + want + " should be")
	}
	r, _ := utf8.DecodeRune(j.src[j.at:])
	return j.bad(fmt.Sprintf("found %q where %s should be", r, want))
}

func (j *jsonReader) value(parent *Node, depth int) (*Node, error) {
	if j.at >= len(j.src) {
		return nil, j.unexpected("a value")
	}
	line, col := j.line, j.at-j.start+1
	if err := j.depth(depth, line, col); err != nil {
		return nil, err
	}
	n := &Node{parent: parent, line: int32(line), col: int32(col)}
	switch c := j.src[j.at]; {
	case c == '{':
		n.Kind = Map
		return n, j.object(n, depth)
	case c == '[':
		n.Kind = List
		return n, j.list(n, depth)
	case c == '"':
		s, err := j.str()
		n.Kind, n.Value = String, s
		return n, err
	case c == '-' || c >= '0' && c <= '9':
		return n, j.number(n)
	}
	for word, kind := range map[string]Kind{"true": Bool, "false": Bool, "null": Null} {
		if bytes.HasPrefix(j.src[j.at:], []byte(word)) {
			j.at += len(word)
			if n.Kind = kind; kind == Bool {
				n.Value = word
			}
			return n, nil
		}
	}
	return nil, j.unexpected("a value")
}

func (j *jsonReader) number(n *Node) error {
	end := j.at
	for end < len(j.src) && strings.IndexByte("+-.eE0123456789", j.src[end]) >= 0 {
		end++
	}
	text := string(j.src[j.at:end])
	if !json.Valid([]byte(text)) {
		return j.bad("bad number " + shorten(text, 40))
	}
	j.at = end
	n.Kind, n.Value = Number, text
	return nil
}

// str reads a string. Escapes are rare, so they are left to encoding/json.
func (j *jsonReader) str() (string, error) {
	plain := true
	for i := j.at + 1; i < len(j.src); i++ {
		switch c := j.src[i]; {
		case c == '"':
			text := j.src[j.at : i+1]
			j.at = i + 1
			if inner := text[1 : len(text)-1]; plain && utf8.Valid(inner) {
				return string(inner), nil
			}
			var s string
			if err := json.Unmarshal(text, &s); err != nil {
				j.at = i + 1 - len(text)
				return "", j.bad("bad string: " + err.Error())
			}
			return s, nil
		case c == '\\':
			plain = false
			i++
		case c < ' ':
			j.at = i
			return "", j.bad("a line break or control character inside of a string")
		}
	}
	return "", j.bad("a string has no end")
}

func (j *jsonReader) list(n *Node, depth int) error {
	j.at++
	if j.space(); j.at < len(j.src) && j.src[j.at] == ']' {
		j.at++
		return nil
	}
	for {
		j.space()
		k, err := j.value(n, depth+1)
		if err != nil {
			return err
		}
		k.index = int32(len(n.kids))
		n.kids = append(n.kids, k)
		j.space()
		if j.at >= len(j.src) {
			return j.unexpected("a comma or ]")
		}
		switch j.src[j.at] {
		case ',':
			j.at++
		case ']':
			j.at++
			return nil
		default:
			return j.unexpected("a comma or ]")
		}
	}
}

func (j *jsonReader) object(n *Node, depth int) error {
	j.at++
	if j.space(); j.at < len(j.src) && j.src[j.at] == '}' {
		j.at++
		return nil
	}
	var seen map[string]int32 // of an object with many keys
	for {
		if j.space(); j.at >= len(j.src) || j.src[j.at] != '"' {
			return j.unexpected("a key")
		}
		line, col := int32(j.line), int32(j.at-j.start+1)
		key, err := j.str()
		if err != nil {
			return err
		}
		old := int32(0)
		if seen != nil {
			old = seen[key]
			seen[key] = line
		} else if k := n.Get(key); k != nil {
			old = k.kline
		}
		if old != 0 {
			return j.fail(RuleDuplicate, int(line), int(col), fmt.Sprintf("key %q is here twice, first in line %d", key, old), "keep one of the two")
		}
		if j.space(); j.at >= len(j.src) || j.src[j.at] != ':' {
			return j.unexpected("a colon")
		}
		j.at++
		j.space()
		k, err := j.value(n, depth+1)
		if err != nil {
			return err
		}
		k.Key, k.kline, k.kcol = key, line, col
		n.kids = append(n.kids, k)
		if seen == nil && len(n.kids) == 32 {
			seen = make(map[string]int32, 64)
			for _, k := range n.kids {
				seen[k.Key] = k.kline
			}
		}
		j.space()
		if j.at >= len(j.src) {
			return j.unexpected("a comma or }")
		}
		switch j.src[j.at] {
		case ',':
			j.at++
		case '}':
			j.at++
			return nil
		default:
			return j.unexpected("a comma or }")
		}
	}
}
