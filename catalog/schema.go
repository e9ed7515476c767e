package catalog

import (
	"context"
	"errors"

	"github.com/weirhq/weir/finding"
)

// Schema is the schema of a payload, of headers or of a key, where it was found
// after following references.
type Schema struct {
	Format SchemaFormat
	// MediaType is the schemaFormat as written, or the default of the document.
	MediaType string
	// Identity is equal for two uses of one schema.
	Identity Identity
	// At is where the schema starts.
	At finding.Position
	// Remote is the URL of a schema that was not fetched; it has no text then and
	// nothing can be said about its compatibility.
	Remote string

	node  *Node
	store *store
}

// ErrRemote is the error of reading a schema that lies behind a URL.
var ErrRemote = errors.New("remote schema was not fetched")

// Node is the schema as it was written, nil for Protobuf, RAML and remote schemas.
// It may hold $ref; [Schema.Text] does not depend on other files.
func (s *Schema) Node() *Node { return s.node }

// Text is the schema as one self-contained text: JSON for JSON Schema, OpenAPI and
// Avro, with what it refers to gathered under definitions, and the source text for
// Protobuf and RAML. It is deterministic.
func (s *Schema) Text() ([]byte, error) { return s.text() }

// Locate maps a JSON pointer into the result of Text (Protobuf: "line:col") to its
// place in the sources. A pointer that is not there maps to the nearest place above.
func (s *Schema) Locate(pointer string) finding.Position { return s.locate(pointer) }

// Load resolves what a schema names and Text cannot hold: an imported .proto file,
// or an Avro type by its full name, searched in all .avsc files of the catalog. The
// result is the text and its name.
func (s *Schema) Load(ctx context.Context, ref, from string) (text []byte, name string, err error) {
	return s.load(ctx, ref, from)
}
