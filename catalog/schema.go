package catalog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

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

// foreign reports whether only the schema's own language can judge it.
func (s *Schema) foreign() bool { return s.Format == FormatAvro || s.Format == FormatProtobuf }

// ErrRemote is the error of reading a schema that lies behind a URL.
var ErrRemote = errors.New("remote schema was not fetched")

// Node is the schema as it was written, nil for a remote one. A Protobuf or RAML
// schema is one string. It may hold $ref; [Schema.Text] does not depend on other files.
func (s *Schema) Node() *Node { return s.node }

// Text is the schema as one self-contained text: JSON for JSON Schema, OpenAPI and
// Avro, with what it refers to gathered under definitions, and the source text for
// Protobuf and RAML. It is deterministic.
func (s *Schema) Text() ([]byte, error) {
	b, err := s.bundled()
	if err != nil {
		return nil, err
	}
	if b == nil {
		return []byte(s.node.Value), nil
	}
	return b.write(), nil
}

// bundled is nil for a schema that is text in a language of its own.
func (s *Schema) bundled() (*bundle, error) {
	if s.node == nil {
		return nil, fmt.Errorf("read schema %s: %w", s.Remote, ErrRemote)
	}
	if s.node.Kind == String && (s.Format != FormatAvro || strings.HasPrefix(strings.TrimSpace(s.node.Value), "{")) {
		return nil, nil //nolint:nilnil // documented above
	}
	b := newBundle(s.store, s.node, mediaDialect(s.MediaType))
	b.inline = s.Format == FormatAvro
	return b, nil
}

// Locate maps a JSON pointer into the result of Text (Protobuf: "line:col") to its
// place in the sources. A pointer that is not there maps to the nearest place above.
func (s *Schema) Locate(pointer string) finding.Position {
	b, err := s.bundled()
	if err != nil {
		return s.At
	}
	if b == nil {
		return s.locateText(pointer)
	}
	if strings.Contains(pointer, "definitions/") {
		b.write() // names the definitions
	}
	return b.locate(pointer)
}

func (s *Schema) locateText(place string) finding.Position {
	l, c, _ := strings.Cut(place, ":")
	line, err := strconv.Atoi(l)
	if err != nil || line < 1 || s.node.textLine == 0 {
		return s.At
	}
	col, err := strconv.Atoi(c)
	if err != nil || col < 1 {
		col = 1
	}
	return finding.Position{File: s.node.fileName(), Line: int(s.node.textLine) + line - 1, Column: int(s.node.ind) + col}
}

// Load resolves what a schema names and Text cannot hold: an imported .proto file,
// or an Avro type by its full name, searched in all .avsc files of the catalog, the
// nearest to from first. from is the name of the text that refers, empty for the
// schema itself. The result is the text and its name. Nothing outside of the catalog
// is read.
func (s *Schema) Load(ctx context.Context, ref, from string) (text []byte, name string, err error) {
	if err := ctx.Err(); err != nil {
		return nil, "", err
	}
	if s.store == nil {
		return nil, "", fmt.Errorf("load %s: the schema has no catalog", ref)
	}
	if from == "" {
		from = s.Identity.File
	}
	if s.Format == FormatAvro && !strings.ContainsAny(ref, "/#") && !strings.HasSuffix(ref, ".avsc") {
		n, err := s.store.avroType(ref, from)
		if err != nil {
			return nil, "", fmt.Errorf("load %s: %w", ref, err)
		}
		return n.JSON(), n.fileName(), nil
	}
	names := []string{ref}
	if p, bad := s.store.localName(ref, from); bad == nil {
		names = []string{p, ref}
	} else if bad.kind == refEscapes {
		return nil, "", fmt.Errorf("load %s: the reference leaves the root of the catalog", ref)
	}
	for _, p := range names {
		if !fs.ValidPath(p) {
			continue
		}
		f, err := s.store.read(p)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, "", fmt.Errorf("load %s: %w", ref, err)
		}
		if strings.HasSuffix(p, ".proto") {
			return []byte(f.root.Value), p, nil
		}
		return f.root.JSON(), p, nil
	}
	return nil, "", fmt.Errorf("load %s for %s: %w", ref, from, fs.ErrNotExist)
}

// avroType finds a named type in the .avsc files of the catalog: in the folder of the
// file that refers and then below it, and so on in the folders above. Folders often
// hold a version each, so of two types that differ none is taken by chance.
func (s *store) avroType(full, from string) (*Node, error) {
	s.avroOnce.Do(func() {
		s.avroTypes = map[string][]*Node{}
		for _, name := range s.avsc {
			f, err := s.read(name)
			if err != nil {
				continue
			}
			collectAvro(f.root, "", s.avroTypes, 0)
		}
	})
	all := s.avroTypes[full]
	for dir := path.Dir(from); len(all) > 0; dir = path.Dir(dir) {
		var here, deeper []*Node
		for _, n := range all {
			switch d := path.Dir(n.fileName()); {
			case d == dir:
				here = append(here, n)
			case dir == "." || dir == "/" || strings.HasPrefix(d, dir+"/"):
				deeper = append(deeper, n)
			}
		}
		if len(here) == 0 {
			here = deeper
		}
		for _, n := range here {
			if !bytes.Equal(n.JSON(), here[0].JSON()) {
				return nil, fmt.Errorf("%s and %s both declare it, and not alike", here[0].Pos(), n.Pos())
			}
		}
		if len(here) > 0 {
			return here[0], nil
		}
		if dir == "." || dir == "/" {
			break
		}
	}
	return nil, fmt.Errorf("no .avsc file of the catalog declares the type: %w", fs.ErrNotExist)
}

func collectAvro(n *Node, space string, into map[string][]*Node, depth int) {
	if n == nil || depth > 100 {
		return
	}
	if n.Kind == List {
		for _, k := range n.kids {
			collectAvro(k, space, into, depth+1)
		}
		return
	}
	if name := n.Get("name").Text(); name != "" {
		switch n.Get("type").Text() {
		case "record", "enum", "fixed", "error":
			if ns := n.Get("namespace").Text(); ns != "" {
				space = ns
			}
			if !strings.Contains(name, ".") && space != "" {
				name = space + "." + name
			}
			into[name] = append(into[name], n)
		}
	}
	for _, f := range n.Get("fields").Children() {
		collectAvro(f.Get("type"), space, into, depth+1)
	}
	for _, key := range [...]string{"items", "values", "type"} {
		if k := n.Get(key); k != nil && k.Kind != String {
			collectAvro(k, space, into, depth+1)
		}
	}
}
