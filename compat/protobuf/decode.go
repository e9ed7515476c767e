package protobuf

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/weirhq/weir/compat"
)

// Decoder reads messages of one .proto file into JSON.
type Decoder struct{ file protoreflect.FileDescriptor }

// NewDecoder reads the file and, through s.Load, what it imports.
func NewDecoder(ctx context.Context, s compat.Schema) (*Decoder, error) {
	p, err := New(Config{}).Parse(ctx, s)
	if err != nil {
		return nil, err
	}
	sch, ok := p.(*schema)
	if !ok || len(sch.roots) != 1 {
		return nil, fmt.Errorf("read schema %s: it is not one file", s.Name)
	}
	return &Decoder{file: sch.roots[0]}, nil
}

// personalMark is how a comment beside a field marks personal data: x-pii, or x-pii:
// and a category.
var personalMark = regexp.MustCompile(`(?m)^[\s*]*x-pii[ \t]*(?::[ \t]*(\S*))?`)

// Personal are the names of the fields that are marked as personal data, in the file and
// in what it imports: by a comment beside them, or by Confluent's field_meta option with
// the tag PII.
func (d *Decoder) Personal() []string {
	found, seen := map[string]bool{}, map[string]bool{}
	var file func(protoreflect.FileDescriptor)
	var messages func(protoreflect.FileDescriptor, protoreflect.MessageDescriptors)
	messages = func(f protoreflect.FileDescriptor, ms protoreflect.MessageDescriptors) {
		for i := range ms.Len() {
			fields := ms.Get(i).Fields()
			for j := range fields.Len() {
				if field := fields.Get(j); personal(f, field) {
					found[string(field.Name())] = true
				}
			}
			messages(f, ms.Get(i).Messages())
		}
	}
	file = func(f protoreflect.FileDescriptor) {
		if seen[f.Path()] {
			return
		}
		seen[f.Path()] = true
		messages(f, f.Messages())
		for i := range f.Imports().Len() {
			file(f.Imports().Get(i).FileDescriptor)
		}
	}
	file(d.file)
	return slices.Sorted(maps.Keys(found))
}

func personal(f protoreflect.FileDescriptor, field protoreflect.FieldDescriptor) bool {
	at := f.SourceLocations().ByDescriptor(field)
	for _, comment := range append(at.LeadingDetachedComments, at.LeadingComments, at.TrailingComments) {
		if m := personalMark.FindStringSubmatch(comment); m != nil && m[1] != "false" {
			return true
		}
	}
	tagged := false
	if options := field.Options(); options != nil {
		options.ProtoReflect().Range(func(x protoreflect.FieldDescriptor, v protoreflect.Value) bool {
			if x.FullName() == "confluent.field_meta" && x.Message() != nil {
				tags := x.Message().Fields().ByName("tags")
				if tags != nil && tags.IsList() && tags.Kind() == protoreflect.StringKind {
					list := v.Message().Get(tags).List()
					for i := range list.Len() {
						tagged = tagged || list.Get(i).String() == "PII"
					}
				}
			}
			return !tagged
		})
	}
	return tagged
}

// JSON is one message under the names of the .proto file, with the defaults of fields
// that have no presence. index is the way to its type among the declarations, as
// Confluent's framing carries it; nil means the only message of the file. A message
// with a field that the file does not declare is refused: another schema wrote it.
func (d *Decoder) JSON(raw []byte, index []int) ([]byte, error) {
	typ, err := d.message(index)
	if err != nil {
		return nil, err
	}
	m := dynamicpb.NewMessage(typ)
	if err := (proto.UnmarshalOptions{RecursionLimit: maxDepth}).Unmarshal(raw, m); err != nil {
		return nil, fmt.Errorf("the %d bytes are no %s: %w", len(raw), typ.FullName(), err)
	}
	if at := undeclared(m); at != "" {
		return nil, fmt.Errorf("%s has fields that the schema does not declare", at)
	}
	text, err := protojson.MarshalOptions{UseProtoNames: true, EmitDefaultValues: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("write %s as JSON: %w", typ.FullName(), err)
	}
	var out bytes.Buffer // protojson varies its white space on purpose
	if err := json.Compact(&out, text); err != nil {
		return nil, fmt.Errorf("write %s as JSON: %w", typ.FullName(), err)
	}
	return out.Bytes(), nil
}

func (d *Decoder) message(index []int) (protoreflect.MessageDescriptor, error) {
	in := d.file.Messages()
	if index == nil {
		if in.Len() != 1 {
			return nil, fmt.Errorf("the schema declares %d messages, and nothing says which this is", in.Len())
		}
		return in.Get(0), nil
	}
	var typ protoreflect.MessageDescriptor
	for _, i := range index {
		if i < 0 || i >= in.Len() {
			return nil, fmt.Errorf("the schema has no message at %v", index)
		}
		for j := range i + 1 {
			if in.Get(j).IsMapEntry() { // some writers count the entries of maps, others do not
				return nil, fmt.Errorf("the way %v to the message passes a map, where writers count differently", index)
			}
		}
		typ = in.Get(i)
		in = typ.Messages()
	}
	if typ == nil {
		return nil, errors.New("the message names no type")
	}
	return typ, nil
}

// undeclared names the type of the first message that holds unknown fields.
func undeclared(m protoreflect.Message) (at string) {
	if len(m.GetUnknown()) > 0 {
		return string(m.Descriptor().FullName())
	}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsMap():
			if f.MapValue().Message() != nil {
				v.Map().Range(func(_ protoreflect.MapKey, e protoreflect.Value) bool {
					at = undeclared(e.Message())
					return at == ""
				})
			}
		case f.Message() == nil:
		case f.IsList():
			for i := range v.List().Len() {
				if at = undeclared(v.List().Get(i).Message()); at != "" {
					break
				}
			}
		default:
			at = undeclared(v.Message())
		}
		return at == ""
	})
	return at
}
