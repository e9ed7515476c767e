package commands

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/compat"
	"github.com/weirhq/weir/compat/avro"
	"github.com/weirhq/weir/compat/protobuf"
	"github.com/weirhq/weir/registry"
)

// maxSchemas bounds what one run asks a registry for: the ids are whatever stands in the
// values.
const maxSchemas = 1000

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
	if cat == nil {
		return out
	}
	s := cat.OnlyPayload(topic)
	if s == nil || s.Format != catalog.FormatAvro && s.Format != catalog.FormatProtobuf {
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

// openPayload reads a schema and notes the fields that it marks as personal.
func openPayload(ctx context.Context, s compat.Schema) *payloadSchema {
	out := &payloadSchema{}
	note := func(text []byte) {
		if v, err := decodeJSON(text); err == nil {
			out.personal = catalog.PersonalNames(v, out.personal)
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
