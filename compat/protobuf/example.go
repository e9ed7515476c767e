package protobuf

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/weirhq/weir/catalog"
)

var _ catalog.Judge = (*schema)(nil)

// Misfits is the first place where a JSON value is no message in the JSON form of
// Protobuf, which has no second way to write one. A file with several messages does not
// say which of them the example is: it fits when it is any. An Any of a type that the
// file does not know cannot be judged and fits.
func (s *schema) Misfits(example []byte) (ms []catalog.Misfit) {
	defer func() {
		if recover() != nil { // protojson is not ours and the text is anybody's
			ms = nil
		}
	}()
	if s.linkErr != nil || !s.single || len(s.roots) != 1 {
		return nil
	}
	types := newTypes(s.roots[0])
	messages := s.roots[0].Messages()
	var first error
	for i := range messages.Len() {
		err := protojson.UnmarshalOptions{Resolver: types, RecursionLimit: maxDepth}.Unmarshal(example, dynamicpb.NewMessage(messages.Get(i)))
		if err == nil || types.unknown {
			return nil
		}
		if first == nil {
			first = err
		}
	}
	switch {
	case first == nil:
		return nil
	case messages.Len() > 1:
		return []catalog.Misfit{{Message: fmt.Sprintf("the value is none of the %d messages of the schema", messages.Len())}}
	}
	return []catalog.Misfit{misfit(example, first, messages.Get(0))}
}

// protojsonPlace is how protojson says where it stopped; it varies the space on purpose.
var protojsonPlace = regexp.MustCompile(`^proto:[\s\x{a0}]*(?:syntax error )?(?:\(line 1:(\d+)\): )?`)

func misfit(example []byte, err error, typ protoreflect.MessageDescriptor) catalog.Misfit {
	text := err.Error()
	m := catalog.Misfit{}
	if place := protojsonPlace.FindStringSubmatch(text); place != nil {
		text = strings.TrimPrefix(text, place[0])
		if column, err := strconv.Atoi(place[1]); err == nil {
			m.Pointer, m.OnKey = pointerAt(example, column)
		}
	}
	m.Message = text + " (JSON form of " + string(typ.FullName()) + ")"
	return m
}

// pointerAt is the value, or the key, at a column (from 1, in characters) of a compact
// JSON text.
func pointerAt(text []byte, column int) (pointer string, onKey bool) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	w := placeWalk{d: d, text: text, column: column}
	w.value("")
	return w.found, w.onKey
}

type placeWalk struct {
	d      *json.Decoder
	text   []byte
	column int
	found  string
	onKey  bool
}

// next reads a token and reports whether it reaches the column.
func (w *placeWalk) next() (t json.Token, hit, ok bool) {
	t, err := w.d.Token()
	end := utf8.RuneCount(w.text[:min(int(w.d.InputOffset()), len(w.text))])
	return t, end >= w.column, err == nil
}

// value reports whether to go on.
func (w *placeWalk) value(pointer string) bool {
	t, hit, ok := w.next()
	if hit {
		w.found = pointer
	}
	open, nested := t.(json.Delim)
	if hit || !ok || !nested {
		return ok && !hit
	}
	for i := 0; w.d.More(); i++ {
		below := pointer + "/" + strconv.Itoa(i)
		if open == '{' {
			key, hit, ok := w.next()
			name, _ := key.(string)
			below = pointer + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
			if hit {
				w.found, w.onKey = below, true
			}
			if hit || !ok {
				return false
			}
		}
		if !w.value(below) {
			return false
		}
	}
	_, hit, ok = w.next()
	if hit {
		w.found = pointer
	}
	return ok && !hit
}

// types are the types that one file knows, its imports included.
type types struct {
	*dynamicpb.Types
	unknown bool // somebody asked for another
}

func newTypes(f protoreflect.FileDescriptor) *types {
	files := &protoregistry.Files{}
	seen := map[string]bool{}
	var add func(f protoreflect.FileDescriptor)
	add = func(f protoreflect.FileDescriptor) {
		if seen[f.Path()] {
			return
		}
		seen[f.Path()] = true
		_ = files.RegisterFile(f) // what clashes stays unknown
		for i := range f.Imports().Len() {
			add(f.Imports().Get(i).FileDescriptor)
		}
	}
	add(f)
	return &types{Types: dynamicpb.NewTypes(files)}
}

// FindMessageByURL is how protojson resolves the type of an Any.
func (t *types) FindMessageByURL(url string) (protoreflect.MessageType, error) {
	m, err := t.Types.FindMessageByURL(url)
	t.unknown = t.unknown || errors.Is(err, protoregistry.NotFound)
	return m, err
}
