package commands

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"

	"github.com/weirhq/weir/catalog"
)

// The readings of a key or value.
const (
	asJSON   = "json"
	asText   = "text"
	asBinary = "binary"   // base64
	asAvro   = "avro"     // decoded into a JSON value
	asProto  = "protobuf" // decoded into a JSON value
	asMasked = "masked"   // personal data in a form whose fields weir cannot tell apart
)

// shownField is a key, value or header as it is shown. As is null for null.
type shownField struct {
	// Value is the JSON value itself, text, or base64, as As says; null for null.
	Value any     `json:"value"`
	As    *string `json:"as"`
}

// field reads bytes as JSON, text or neither. A key or header such as 42 is text: only
// a value is taken for a JSON number.
func field(b []byte, scalars bool) shownField {
	as := asBinary
	switch {
	case b == nil:
		return shownField{}
	case json.Valid(b) && (scalars || b[0] == '{' || b[0] == '['):
		as = asJSON
		return shownField{json.RawMessage(b), &as}
	case utf8.Valid(b) && !bytes.ContainsRune(b, 0):
		as = asText
		return shownField{string(b), &as}
	}
	return shownField{base64.StdEncoding.EncodeToString(b), &as}
}

// undecoded is a value whose schema did not fit: text would be a guess.
func undecoded(b []byte) shownField {
	if f := field(b, false); f.As == nil || *f.As == asJSON {
		return f
	}
	as := asBinary
	return shownField{base64.StdEncoding.EncodeToString(b), &as}
}

func fieldText(f shownField) string {
	if f.As == nil {
		return "null"
	}
	switch v := f.Value.(type) {
	case json.RawMessage:
		var b bytes.Buffer
		if json.Compact(&b, v) == nil {
			return b.String()
		}
		return string(v)
	case string:
		if *f.As == asBinary {
			return "base64:" + v
		}
		return v
	}
	b, err := json.Marshal(f.Value)
	if err != nil {
		return catalog.Hidden
	}
	return string(b)
}

// decodeJSON reads exactly one JSON value and keeps numbers as they are written.
func decodeJSON(b []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one JSON value")
	}
	return v, nil
}
