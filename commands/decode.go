package commands

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/compat"
	"github.com/weirhq/weir/compat/avro"
	"github.com/weirhq/weir/compat/protobuf"
	"github.com/weirhq/weir/registry"
)

// Confluent's framing: a zero, a schema id of four bytes and, for Protobuf, the way to
// the message among the declarations.
const (
	frameSize  = 5
	maxIndexes = 32
	maxSchemas = 1000 // of one run; the ids are whatever stands in the values
)

// decoded is a value as JSON, or why it has none; neither for one without a schema.
type decoded struct {
	json     []byte
	as       string
	schema   string // catalog or registry:ID
	id       *uint32
	personal []string // names of fields that the schema marks
	problem  string
}

// decoder turns Avro and Protobuf into JSON with schemas of the registry and of the
// catalog.
type decoder struct {
	catalog  *payloadSchema // nil when the catalog does not know the one schema
	registry func(id uint32) *payloadSchema
}

// payloadSchema is a schema to decode with, or the reason why it cannot be used.
type payloadSchema struct {
	as       string
	read     func(raw []byte, index []int) ([]byte, error)
	personal []string
	err      error
}

// newDecoder finds the catalog's schema of a topic and the registry to ask.
func newDecoder(ctx context.Context, d *Deps, cat *catalog.Catalog, topic, address string) (*decoder, error) {
	out := catalogDecoder(ctx, cat, topic)
	if address == "" {
		cfg, err := d.Config()
		if err != nil {
			return out, nil //nolint:nilerr // whatever needed it has said so
		}
		against, isRegistry := strings.CutPrefix(cfg.Project.Compat.Against, "registry:")
		if address = cfg.Project.Compat.Registry.URL; address == "" && isRegistry {
			address = against
		}
	}
	if address == "" {
		return out, nil
	}
	c, err := openRegistry(ctx, d, strings.TrimPrefix(address, "registry:"))
	if err != nil {
		return nil, err
	}
	out.registry = askRegistry(ctx, c)
	return out, nil
}

// catalogDecoder decodes with the catalog's schema alone: it asks nobody.
func catalogDecoder(ctx context.Context, cat *catalog.Catalog, topic string) *decoder {
	out := &decoder{}
	s := onlyPayload(cat, topic)
	if s == nil {
		return out
	}
	v := compat.SchemaVersion(s, "")
	out.catalog = &payloadSchema{err: v.Err}
	switch {
	case v.Remote != "":
		out.catalog.err = catalog.ErrRemote
	case v.Err == nil:
		out.catalog = openPayload(ctx, v.Schema)
	}
	return out
}

// askRegistry asks once for each id, and not again once the registry cannot be reached.
func askRegistry(ctx context.Context, c *registry.Client) func(uint32) *payloadSchema {
	known := map[uint32]*payloadSchema{}
	var down *payloadSchema
	return func(id uint32) *payloadSchema {
		if s := cmp.Or(known[id], down); s != nil {
			return s
		}
		if len(known) >= maxSchemas {
			return &payloadSchema{err: fmt.Errorf("the values name more than %d schemas", maxSchemas)}
		}
		v, err := c.ByID(ctx, id)
		if err != nil {
			s := &payloadSchema{err: err}
			if e, ok := errors.AsType[*registry.Error](err); !ok || e.Class != registry.NotFound {
				down = s
			}
			known[id] = s
			return s
		}
		known[id] = openPayload(ctx, compat.RegistrySchema(c, v, fmt.Sprintf("schema %d", id)))
		return known[id]
	}
}

// onlyPayload is the payload of a topic's one message, where it is Avro or Protobuf.
func onlyPayload(cat *catalog.Catalog, topic string) *catalog.Schema {
	if cat == nil {
		return nil
	}
	var one *catalog.Schema
	for _, ch := range cat.TopicChannels(topic) {
		for _, m := range ch.Messages {
			if m.Payload == nil || one != nil && one.Identity != m.Payload.Identity {
				return nil
			}
			one = m.Payload
		}
	}
	if one == nil || one.Format != catalog.FormatAvro && one.Format != catalog.FormatProtobuf {
		return nil
	}
	return one
}

// openPayload reads a schema and notes the fields that it marks as personal.
func openPayload(ctx context.Context, s compat.Schema) *payloadSchema {
	out := &payloadSchema{}
	note := func(text []byte) {
		if v, err := decodeJSON(text); err == nil {
			out.personal = markedNames(v, out.personal)
		}
	}
	if s.Format == compat.Avro {
		note(s.Text)
		if load := s.Load; load != nil {
			s.Load = func(ctx context.Context, ref, from string) ([]byte, string, error) {
				text, name, err := load(ctx, ref, from)
				if err == nil {
					note(text)
				}
				return text, name, err
			}
		}
	}
	switch s.Format {
	case compat.Avro:
		d, err := avro.NewDecoder(ctx, s)
		out.as, out.err = asAvro, err
		out.read = func(raw []byte, _ []int) ([]byte, error) { return d.JSON(raw) }
	case compat.Protobuf:
		d, err := protobuf.NewDecoder(ctx, s)
		out.as, out.err = asProto, err
		switch {
		case err == nil:
			out.personal = d.Personal()
		case bytes.Contains(s.Text, []byte("x-pii")):
			out.personal = []string{"x-pii"} // of which field is not known
		}
		out.read = func(raw []byte, index []int) ([]byte, error) { return d.JSON(raw, index) }
	default:
		note(s.Text)
		out.as = asJSON
		out.read = func(raw []byte, _ []int) ([]byte, error) {
			if !json.Valid(raw) {
				return nil, errors.New("the value is not JSON")
			}
			return raw, nil
		}
	}
	return out
}

// markedNames collects the names of fields that carry a mark of personal data, in Avro
// and in JSON Schema.
func markedNames(v any, names []string) []string {
	add := func(name string, of any) {
		m, ok := of.(map[string]any)
		if ok && name != "" && isPersonal(m) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	switch x := v.(type) {
	case map[string]any:
		name, _ := x["name"].(string)
		add(name, x)
		add(name, x["type"])
		if props, ok := x["properties"].(map[string]any); ok {
			for k, p := range props {
				add(k, p)
			}
		}
		for _, e := range x {
			names = markedNames(e, names)
		}
	case []any:
		for _, e := range x {
			names = markedNames(e, names)
		}
	}
	return names
}

func isPersonal(m map[string]any) bool {
	switch x := m["x-pii"].(type) {
	case nil:
	case bool:
		return x
	case string:
		return x != "" && x != "false"
	default:
		return true
	}
	tags, _ := m["confluent:tags"].([]any)
	return slices.Contains(tags, any("PII"))
}

// decode reads a value with the schema that its header names, else with the catalog's.
func (d *decoder) decode(value []byte) decoded {
	if d == nil || value == nil || d.catalog == nil && d.registry == nil {
		return decoded{}
	}
	var id *uint32
	if len(value) >= frameSize && value[0] == 0 {
		id = new(binary.BigEndian.Uint32(value[1:frameSize]))
	}
	if id != nil && d.registry != nil {
		s := d.registry(*id)
		e, _ := errors.AsType[*registry.Error](s.err)
		if s.err == nil || e == nil || e.Class != registry.NotFound || d.catalog == nil {
			return s.decode(fmt.Sprintf("registry:%d", *id), value, id)
		}
		// The registry does not know the id: the zero may be the value's own.
	}
	if d.catalog == nil {
		return decoded{}
	}
	out := d.catalog.decode("catalog", value, nil)
	if id == nil || d.catalog.err != nil {
		return out
	}
	framed := d.catalog.decode("catalog", value, id)
	switch {
	case framed.json != nil && out.json != nil:
		return decoded{problem: "the catalog's schema fits with and without the header of a registry"}
	case framed.json != nil:
		return framed
	}
	return out
}

// decode reads one value; with an id it has a header.
func (s *payloadSchema) decode(from string, value []byte, id *uint32) decoded {
	fail := func(err error) decoded {
		return decoded{problem: "schema " + from + ": " + err.Error(), personal: s.personal}
	}
	if s.err != nil {
		return fail(s.err)
	}
	var index []int
	if id != nil {
		value = value[frameSize:]
		if s.as == asProto {
			var err error
			if index, value, err = new(sr.ConfluentHeader).DecodeIndex(value, maxIndexes); err != nil {
				return fail(fmt.Errorf("the header names no message: %w", err))
			}
		}
	}
	text, err := s.read(value, index)
	if err != nil {
		return fail(err)
	}
	return decoded{json: text, as: s.as, schema: from, id: id, personal: s.personal}
}
