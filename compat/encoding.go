package compat

import (
	"strings"

	"github.com/weirhq/weir/finding"
)

// Content is what a message says of how its payload is encoded.
type Content struct {
	MediaType string
	At        finding.Position
}

// encoding is the family of encodings that a media type belongs to, empty where it is not
// known: two spellings of one are no change. What names a schema language and the form of
// the schema's text, as application/vnd.apache.avro+json does, does not tell what the
// records are.
func (c Content) encoding() string {
	media, _, _ := strings.Cut(strings.ToLower(c.MediaType), ";")
	media = strings.TrimSpace(media)
	switch media {
	case "application/vnd.apache.avro+json", "application/vnd.apache.avro+yaml":
		return ""
	case "application/json", "text/json":
		return "JSON"
	case "application/avro", "application/x-avro", "avro/binary", "application/vnd.apache.avro", "application/avro-binary":
		return "Avro"
	case "application/protobuf", "application/x-protobuf", "application/vnd.google.protobuf", "application/x-google-protobuf":
		return "Protobuf"
	case "application/xml", "text/xml":
		return "XML"
	case "application/cbor":
		return "CBOR"
	case "application/msgpack", "application/x-msgpack", "application/vnd.msgpack":
		return "MessagePack"
	}
	if i := strings.LastIndexByte(media, '+'); i >= 0 {
		return map[string]string{"json": "JSON", "avro": "Avro", "protobuf": "Protobuf", "xml": "XML", "cbor": "CBOR", "msgpack": "MessagePack"}[media[i+1:]]
	}
	return ""
}

// recoded reports that two versions of a payload are known to be encoded in two ways: no
// reader of one can read the other, whatever the schemas say. It is not sure where a content
// type and the language of its own schema part, as Avro under an inherited application/json.
func recoded(a, b *Version) (is, sure bool) {
	x, y := a.Content.encoding(), b.Content.encoding()
	return x != "" && y != "" && x != y, a.coherent() && b.coherent()
}

// coherent reports that the content type does not contradict the schema: JSON Schema may
// describe what is written otherwise, Avro and Protobuf say themselves how it is.
func (v *Version) coherent() bool {
	own := map[Format]string{Avro: "Avro", Protobuf: "Protobuf"}[v.Schema.Format]
	return own == "" || own == v.Content.encoding()
}
