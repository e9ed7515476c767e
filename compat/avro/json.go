package avro

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/weirhq/weir/finding"
)

// maxDepth bounds the nesting of the schema's JSON. A nested record costs four
// levels, so this leaves room for 250 of them; real schemas stay below 20.
const maxDepth = 1000

type valueKind uint8

const (
	valueNull valueKind = iota
	valueBool
	valueNumber
	valueString
	valueArray
	valueObject
)

// value is a JSON value that remembers where it starts.
type value struct {
	off     int
	kind    valueKind
	text    string // the string, the number's digits, or "true"
	items   []value
	members []member
}

type member struct {
	key string
	val value
}

// get returns the last member of that name: Jackson, which the Java parser sits
// on, lets a repeated key overwrite the earlier one.
func (v *value) get(key string) *value {
	for i := len(v.members) - 1; i >= 0; i-- {
		if v.members[i].key == key {
			return &v.members[i].val
		}
	}
	return nil
}

// errAt is an error at a byte offset of the text; the caller turns it into a
// SchemaError once it knows the file.
type errAt struct {
	off int
	ptr string
	err error
}

func (e *errAt) Error() string { return e.err.Error() }
func (e *errAt) Unwrap() error { return e.err }

func failAt(off int, ptr, format string, args ...any) error {
	return &errAt{off: off, ptr: ptr, err: fmt.Errorf(format, args...)}
}

// readJSON reads one JSON document.
func readJSON(text []byte) (*value, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	r := &jsonReader{d: d, text: text}
	v, err := r.next(0)
	if err != nil {
		return nil, err
	}
	end := r.start()
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, failAt(end, "", "read schema: more follows after the end of the schema")
	}
	return v, nil
}

type jsonReader struct {
	d    *json.Decoder
	text []byte
}

// start is where the next token begins: the decoder stops right behind the last one.
func (r *jsonReader) start() int {
	off := int(r.d.InputOffset())
	for off < len(r.text) && strings.IndexByte(" \t\r\n,:", r.text[off]) >= 0 {
		off++
	}
	return off
}

func (r *jsonReader) token() (json.Token, int, error) {
	off := r.start()
	t, err := r.d.Token()
	switch {
	case err == nil:
		return t, off, nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, off, failAt(off, "", "read schema: the JSON ends too early")
	}
	var syn *json.SyntaxError
	if errors.As(err, &syn) && syn.Offset > int64(off) {
		off = int(syn.Offset) - 1
	}
	return nil, off, failAt(off, "", "read schema: %w", err)
}

func (r *jsonReader) next(depth int) (*value, error) {
	t, off, err := r.token()
	if err != nil {
		return nil, err
	}
	if depth > maxDepth {
		return nil, failAt(off, "", "read schema: nested deeper than %d levels", maxDepth)
	}
	switch t := t.(type) {
	case nil:
		return &value{off: off, kind: valueNull}, nil
	case bool:
		return &value{off: off, kind: valueBool, text: strconv.FormatBool(t)}, nil
	case json.Number:
		return &value{off: off, kind: valueNumber, text: t.String()}, nil
	case string:
		return &value{off: off, kind: valueString, text: t}, nil
	}
	v := &value{off: off, kind: valueObject}
	if t == json.Delim('[') {
		v.kind = valueArray
	}
	for r.d.More() {
		var key string
		if v.kind == valueObject {
			k, koff, err := r.token()
			if err != nil {
				return nil, err
			}
			s, ok := k.(string)
			if !ok {
				return nil, failAt(koff, "", "read schema: an object key must be a string")
			}
			key = s
		}
		e, err := r.next(depth + 1)
		if err != nil {
			return nil, err
		}
		if v.kind == valueArray {
			v.items = append(v.items, *e)
		} else {
			v.members = append(v.members, member{key: key, val: *e})
		}
	}
	if _, _, err := r.token(); err != nil { // the closing delimiter
		return nil, err
	}
	return v, nil
}

// lines turns byte offsets into positions.
type lines struct {
	file   string
	text   []byte
	once   sync.Once
	starts []int
	ascii  bool
}

func (l *lines) at(off int) finding.Position {
	l.once.Do(func() {
		l.starts, l.ascii = []int{0}, true
		for i, c := range l.text {
			l.ascii = l.ascii && c < utf8.RuneSelf
			if c == '\n' {
				l.starts = append(l.starts, i+1)
			}
		}
	})
	off = min(off, len(l.text))
	line, exact := slices.BinarySearch(l.starts, off)
	if !exact {
		line--
	}
	column := off - l.starts[line]
	if !l.ascii { // counting again and again is dear in a file of one long line
		column = utf8.RuneCount(l.text[l.starts[line]:off])
	}
	return finding.Position{File: l.file, Line: line + 1, Column: column + 1}
}

var pointerEscaper = strings.NewReplacer("~", "~0", "/", "~1")

func pointerKey(ptr, key string) string { return ptr + "/" + pointerEscaper.Replace(key) }

func pointerIndex(ptr string, i int) string { return ptr + "/" + strconv.Itoa(i) }

// write appends the value as compact JSON in a fixed form: members sorted by the
// caller's order, numbers as written.
func (v *value) write(b *strings.Builder) {
	switch v.kind {
	case valueNull:
		b.WriteString("null")
	case valueBool, valueNumber:
		b.WriteString(v.text)
	case valueString:
		writeString(b, v.text)
	case valueArray:
		b.WriteByte('[')
		for i := range v.items {
			if i > 0 {
				b.WriteByte(',')
			}
			v.items[i].write(b)
		}
		b.WriteByte(']')
	case valueObject:
		b.WriteByte('{')
		for i, k := range v.sortedKeys() {
			if i > 0 {
				b.WriteByte(',')
			}
			writeString(b, k)
			b.WriteByte(':')
			v.get(k).write(b)
		}
		b.WriteByte('}')
	}
}

func (v *value) String() string {
	var b strings.Builder
	v.write(&b)
	return b.String()
}

func writeString(b *strings.Builder, s string) {
	q, err := json.Marshal(s)
	if err != nil { // a Go string always encodes; invalid bytes become U+FFFD
		return
	}
	b.Write(q)
}
