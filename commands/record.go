package commands

import (
	"encoding/binary"
	"encoding/json"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/catalog"
)

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

// newRecordReader takes the marks of personal data that the catalog, which may be nil,
// has for the topic.
func newRecordReader(cat *catalog.Catalog, topic string, unmask bool) *recordReader {
	r := &recordReader{unmask: unmask}
	if cat != nil && !unmask {
		r.personal = cat.PersonalFields(topic)
	}
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
			s.hideAll(dec.personal)
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
		s.hideAll(r.personal)
		return
	}
	if v, hidden := catalog.HideFields(v, r.personal); len(hidden) > 0 {
		s.Value.Value, s.Masked = v, hidden
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
			s.hideAll(r.personal)
			return
		}
		names = append(names, strings.TrimSuffix(path[strings.LastIndexByte(path, '.')+1:], "[]"))
	}
	v, hidden := catalog.HideFields(v, r.personal)
	if v, hidden = catalog.HideNames(v, names, hidden); len(hidden) > 0 {
		s.Value.Value, s.Masked = v, hidden
	}
}

func (s *shownRecord) hideAll(paths []string) {
	s.Value, s.Masked = shownField{catalog.Hidden, new(asMasked)}, paths
}
