package commands

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/weirhq/weir/registry"
)

// Confluent's framing: a zero, a schema id of four bytes and, for Protobuf, the way to
// the message among the declarations.
const (
	frameSize  = 5
	maxIndexes = 32
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
