package commands

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/internal/term"
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

// maskedText stands where personal data was.
const maskedText = "***"

// shownField is a key, value or header as it is shown. As is null for null.
type shownField struct {
	// Value is the JSON value itself, text, or base64, as As says; null for null.
	Value any     `json:"value"`
	As    *string `json:"as"`
}

type shownHeader struct {
	Name string `json:"name"`
	shownField
}

// shownRecord is one line of topic read -o json.
type shownRecord struct {
	Kind          string        `json:"kind"`
	SchemaVersion int           `json:"schema_version"`
	Topic         string        `json:"topic"`
	Partition     int32         `json:"partition"`
	Offset        int64         `json:"offset"`
	TimestampMS   int64         `json:"timestamp_ms"`
	TimestampType string        `json:"timestamp_type"`
	Key           shownField    `json:"key"`
	Value         shownField    `json:"value"`
	Headers       []shownHeader `json:"headers"`
	// SchemaID is the registry's id in front of the value, null where there is none.
	SchemaID *uint32 `json:"schema_id"`
	// Schema is what the value was decoded with, registry:ID or catalog; null when it was not.
	Schema *string `json:"schema"`
	// DecodeError says why a value that has a schema was not decoded.
	DecodeError *string `json:"decode_error"`
	// Masked are the paths of personal data that are hidden.
	Masked []string `json:"masked"`

	text string // the value for people
}

// recordReader turns records into what is shown.
type recordReader struct {
	// personal are the paths of personal data in the topic's payloads; see catalog.FieldMark.
	personal []string
	unmask   bool
}

// newRecordReader takes the marks of personal data of every message that the catalog
// knows on the topic; a record does not tell which of them it is.
func newRecordReader(cat *catalog.Catalog, topic string, unmask bool) *recordReader {
	r := &recordReader{unmask: unmask}
	if cat == nil || unmask {
		return r
	}
	for _, ch := range cat.TopicChannels(topic) {
		for _, m := range ch.Messages {
			for _, mark := range m.PII() {
				if !slices.Contains(r.personal, mark.Path) {
					r.personal = append(r.personal, mark.Path)
				}
			}
		}
	}
	slices.Sort(r.personal)
	return r
}

func (r *recordReader) show(k *kgo.Record, dec decoded) *shownRecord {
	s := &shownRecord{
		Kind: "record", SchemaVersion: 1, Topic: k.Topic, Partition: k.Partition, Offset: k.Offset,
		TimestampMS: k.Timestamp.UnixMilli(), TimestampType: "CreateTime", Headers: []shownHeader{}, Masked: []string{},
	}
	if k.Attrs.TimestampType() == 1 {
		s.TimestampType = "LogAppendTime"
	}
	s.Key = field(k.Key, false)
	s.Value = field(k.Value, true)
	if len(k.Value) > 5 && k.Value[0] == 0 && s.Value.As != nil && *s.Value.As == asBinary {
		id := binary.BigEndian.Uint32(k.Value[1:5])
		s.SchemaID = &id
	}
	for _, h := range k.Headers {
		s.Headers = append(s.Headers, shownHeader{h.Key, field(h.Value, false)})
	}
	switch {
	case dec.json != nil:
		s.Value, s.SchemaID, s.Schema = shownField{json.RawMessage(dec.json), &dec.as}, dec.id, &dec.schema
		r.hideDecoded(s, dec)
	case dec.problem != "":
		s.Value, s.DecodeError = undecoded(k.Value), &dec.problem
		r.hide(s, k.Value)
		if len(s.Masked) == 0 && len(dec.personal) > 0 && !r.unmask { // somewhere in bytes that nobody can read
			word := asMasked
			s.Value, s.Masked = shownField{maskedText, &word}, dec.personal
		}
	default:
		r.hide(s, k.Value)
	}
	s.text = fieldText(s.Value)
	return s
}

// hide masks personal data. Where the fields cannot be told apart the whole value is
// hidden: showing too little is a nuisance, showing too much cannot be taken back.
func (r *recordReader) hide(s *shownRecord, value []byte) {
	if len(r.personal) == 0 || value == nil {
		return
	}
	v, err := decodeJSON(value)
	if err != nil {
		word := asMasked
		s.Value, s.Masked = shownField{maskedText, &word}, r.personal
		return
	}
	for _, path := range r.personal {
		var hit bool
		if v, hit = mask(v, strings.Split(path, ".")); hit {
			s.Masked = append(s.Masked, path)
		}
	}
	if len(s.Masked) > 0 {
		s.Value.Value = v
	}
}

// hideDecoded masks personal data of a decoded value: at the catalog's paths, and in
// every field of a name that the schema or the catalog marks, wherever it stands, for a
// named type may be used in many places. Where a path does not begin in the value,
// another schema wrote it, which may call the field by another name: all is hidden.
func (r *recordReader) hideDecoded(s *shownRecord, dec decoded) {
	if r.unmask || len(r.personal)+len(dec.personal) == 0 {
		return
	}
	v, err := decodeJSON(dec.json)
	top, _ := v.(map[string]any)
	names := slices.Clone(dec.personal)
	for _, path := range r.personal {
		first, _, _ := strings.Cut(path, ".")
		if _, ok := top[strings.TrimSuffix(first, "[]")]; !ok || err != nil {
			word := asMasked
			s.Value, s.Masked = shownField{maskedText, &word}, r.personal
			return
		}
		names = append(names, strings.TrimSuffix(path[strings.LastIndexByte(path, '.')+1:], "[]"))
	}
	for _, path := range r.personal {
		var hit bool
		if v, hit = mask(v, strings.Split(path, ".")); hit {
			s.Masked = append(s.Masked, path)
		}
	}
	v = maskNames(v, names, "", &s.Masked)
	if len(s.Masked) > 0 {
		s.Value.Value = v
	}
}

// maskNames masks the fields of these names at any depth and notes their paths.
func maskNames(v any, names []string, at string, hidden *[]string) any {
	switch x := v.(type) {
	case map[string]any:
		for k, e := range x {
			path := strings.TrimPrefix(at+"."+k, ".")
			switch {
			case !slices.Contains(names, k):
				x[k] = maskNames(e, names, path, hidden)
			case e != nil && e != maskedText:
				x[k] = maskedText
				if !slices.Contains(*hidden, path) {
					*hidden = append(*hidden, path)
				}
			}
		}
		slices.Sort(*hidden)
	case []any:
		for i := range x {
			x[i] = maskNames(x[i], names, at+"[]", hidden)
		}
	}
	return v
}

// undecoded is a value whose schema did not fit: text would be a guess.
func undecoded(b []byte) shownField {
	if f := field(b, false); f.As == nil || *f.As == asJSON {
		return f
	}
	as := asBinary
	return shownField{base64.StdEncoding.EncodeToString(b), &as}
}

// mask replaces what a path reaches; [] after a name steps into every item of a list.
func mask(v any, path []string) (out any, hit bool) {
	if len(path) == 0 {
		return maskedText, true
	}
	name, list := strings.CutSuffix(path[0], "[]")
	if name == "" && list { // the value itself is the list
		return maskItems(v, path[1:])
	}
	m, ok := v.(map[string]any)
	if !ok {
		return v, false
	}
	child, ok := m[name]
	if !ok || child == nil {
		return v, false
	}
	if list {
		m[name], hit = maskItems(child, path[1:])
		return m, hit
	}
	m[name], hit = mask(child, path[1:])
	return m, hit
}

func maskItems(v any, path []string) (out any, hit bool) {
	items, ok := v.([]any)
	if !ok {
		// Declared as a list and sent as one value: hide it all the same.
		return mask(v, path)
	}
	for i := range items {
		var h bool
		items[i], h = mask(items[i], path)
		hit = hit || h
	}
	return items, hit
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
		return maskedText
	}
	return string(b)
}

func viewRecord(p *term.Page, s *shownRecord, wide bool) {
	p.Line("%s  %s  %s  %s", term.In(term.Faint, recordPlace(s)), time.UnixMilli(s.TimestampMS).UTC().Format("2006-01-02T15:04:05.000Z"), term.In(term.Accent, fieldText(s.Key)), s.text)
	if !wide {
		return
	}
	for _, h := range s.Headers {
		p.Line("    %s: %s", h.Name, fieldText(h.shownField))
	}
	if s.SchemaID != nil {
		p.Line("    schema id %d", *s.SchemaID)
	}
	if s.Schema != nil {
		p.Line("    decoded with schema %s", *s.Schema)
	}
	if s.DecodeError != nil {
		p.Line("    not decoded: %s", *s.DecodeError)
	}
}
