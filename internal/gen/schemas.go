package main

import (
	"bytes"
	"cmp"
	"encoding"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/commands"
	"github.com/weirhq/weir/finding"
	"github.com/weirhq/weir/internal/config"
	"github.com/weirhq/weir/lag"
)

const (
	dialect    = "https://json-schema.org/draft/2020-12/schema"
	schemaHome = "https://raw.githubusercontent.com/weirhq/weir/main/schemas/"
	module     = "github.com/weirhq/weir"
)

// schemas writes the JSON Schema of every JSON document and of weir.yaml. They say
// what the Go types say: an omitted field is optional, a pointer that is always there
// is null for unknown, a list is null only where its comment says so. Unknown fields are allowed, because the
// contract is that fields are only ever added. root is the module, whose comments
// become descriptions.
func schemas(root, dir string) error {
	docs, err := readComments(root)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(dir, "output")); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, "output"), 0o755); err != nil { //nolint:gosec // documentation is public
		return err
	}
	for _, d := range commands.Documents() {
		g := &schemaMaker{docs: docs, tag: "json", defs: map[string]any{}, names: map[reflect.Type]string{}}
		file := filepath.Join("output", d.Kind+".json")
		if err := writeSchema(dir, file, d.About, g.document(d), g.defs); err != nil {
			return err
		}
	}
	g := &schemaMaker{docs: docs, tag: "yaml", strict: true, defs: map[string]any{}, names: map[reflect.Type]string{}}
	body := g.object(reflect.TypeFor[config.File]())
	return writeSchema(dir, "weir.yaml.json", "weir.yaml, and the user file", body, g.defs)
}

func writeSchema(dir, file, title string, body, defs map[string]any) error {
	s := map[string]any{"$schema": dialect, "$id": schemaHome + filepath.ToSlash(file), "title": title}
	maps.Copy(s, body)
	if len(defs) > 0 {
		s["$defs"] = defs
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(s); err != nil {
		return err
	}
	return write(filepath.Join(dir, file), b.String())
}

// schemaMaker turns Go types into JSON Schema.
type schemaMaker struct {
	docs   comments
	tag    string // of the field names: json or yaml
	strict bool   // refuse unknown fields; nothing is required then, for people write these files
	defs   map[string]any
	names  map[reflect.Type]string
}

func (g *schemaMaker) document(d commands.Document) map[string]any {
	var bodies []any
	for _, v := range d.Types {
		t := reflect.TypeOf(v)
		if t.Kind() != reflect.Struct {
			bodies = append(bodies, g.value(t))
			continue
		}
		o := g.object(t)
		if !d.Bare {
			props := o["properties"].(map[string]any)
			props["kind"] = map[string]any{"const": d.Kind}
			props["schema_version"] = map[string]any{"const": 1}
			required := slices.DeleteFunc(o["required"].([]string), func(n string) bool { return n == "kind" || n == "schema_version" })
			o["required"] = append([]string{"kind", "schema_version"}, required...)
		}
		bodies = append(bodies, o)
	}
	if len(bodies) > 1 {
		return map[string]any{"anyOf": bodies}
	}
	return bodies[0].(map[string]any)
}

// overrides are the types whose JSON is not what their fields say.
var overrides = map[reflect.Type]map[string]any{
	reflect.TypeFor[time.Time]():        {"type": "string", "format": "date-time"},
	reflect.TypeFor[json.RawMessage]():  {},
	reflect.TypeFor[finding.Severity](): {"enum": []string{finding.Error.String(), finding.Warning.String(), finding.Info.String(), finding.Off.String()}},
	reflect.TypeFor[lag.Status]():       {"type": []string{"string", "null"}},
}

// secretSettings is how a file names a secret: see cluster.Secret.
var secretSettings = map[string]any{
	"description": "a secret, never the value itself where it can be helped", "anyOf": []any{
		map[string]any{"type": "string"},
		map[string]any{
			"type": "object", "additionalProperties": false, "minProperties": 1, "maxProperties": 1,
			"properties": map[string]any{"file": text, "env": text, "command": text},
		},
	},
}

var text = map[string]any{"type": "string"}

func (g *schemaMaker) value(t reflect.Type) map[string]any {
	if s, ok := overrides[t]; ok {
		return maps.Clone(s)
	}
	if t == reflect.TypeFor[cluster.Secret]() {
		if g.tag == "yaml" {
			return maps.Clone(secretSettings)
		}
		return map[string]any{"type": []string{"string", "null"}, "description": "redacted"}
	}
	switch {
	case t.Kind() != reflect.Pointer && implements[json.Marshaler](t):
		return map[string]any{}
	case t.Kind() != reflect.Pointer && implements[encoding.TextMarshaler](t):
		return maps.Clone(text)
	}
	switch t.Kind() {
	case reflect.Pointer:
		return g.value(t.Elem())
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.String:
		return maps.Clone(text)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return map[string]any{"type": "integer"}
	case reflect.Float32, reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return map[string]any{"type": "string", "contentEncoding": "base64"}
		}
		return map[string]any{"type": "array", "items": g.value(t.Elem())}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": g.value(t.Elem())}
	case reflect.Struct:
		if t.Name() == "" {
			return g.object(t)
		}
		if t.PkgPath() == "go.yaml.in/yaml/v4" { // a section that its owner reads itself
			return map[string]any{}
		}
		return map[string]any{"$ref": "#/$defs/" + g.define(t)}
	default:
		return map[string]any{}
	}
}

func implements[I any](t reflect.Type) bool {
	return t.Implements(reflect.TypeFor[I]()) || reflect.PointerTo(t).Implements(reflect.TypeFor[I]())
}

// define puts a named type under $defs, once, and returns its name there.
func (g *schemaMaker) define(t reflect.Type) string {
	if name, ok := g.names[t]; ok {
		return name
	}
	name := strings.ToUpper(t.Name()[:1]) + t.Name()[1:]
	if _, taken := g.defs[name]; taken {
		name = strings.ToUpper(filepath.Base(t.PkgPath())[:1]) + filepath.Base(t.PkgPath())[1:] + name
	}
	g.names[t] = name
	g.defs[name] = nil // keeps the name while the type refers to itself
	g.defs[name] = g.object(t)
	return name
}

func (g *schemaMaker) object(t reflect.Type) map[string]any {
	o := map[string]any{"type": "object", "properties": map[string]any{}, "required": []string{}}
	if about := g.docs[t.PkgPath()+"."+t.Name()]; about != "" {
		o["description"] = about
	}
	g.fields(o, t)
	if g.strict {
		delete(o, "required")
		o["additionalProperties"] = false
	}
	return o
}

func (g *schemaMaker) fields(o map[string]any, t reflect.Type) {
	props := o["properties"].(map[string]any)
	for f := range t.Fields() {
		tag, ok := f.Tag.Lookup(g.tag)
		name, options, _ := strings.Cut(tag, ",")
		inner := f.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		switch {
		case name == "-" || !f.IsExported() && !f.Anonymous:
			continue
		case f.Anonymous && name == "" && inner.Kind() == reflect.Struct: // encoding/json flattens it
			g.fields(o, inner)
			continue
		case !ok && g.tag == "yaml":
			continue
		}
		name = cmp.Or(name, f.Name)
		s := g.value(f.Type)
		optional := strings.Contains(options, "omitempty") || strings.Contains(options, "omitzero")
		about := g.docs[t.PkgPath()+"."+t.Name()+"."+f.Name]
		null := strings.Contains(about, "null") || strings.Contains(about, "nil ") || strings.Contains(g.docs[t.PkgPath()+"."+t.Name()], "A nil field is")
		if !g.strict && !optional && (f.Type.Kind() == reflect.Pointer || null) {
			s = nullable(s)
		}
		if about != "" && len(s) > 0 {
			s["description"] = about
		}
		props[name] = s
		if !optional {
			o["required"] = append(o["required"].([]string), name)
		}
	}
}

func nullable(s map[string]any) map[string]any {
	if word, ok := s["type"].(string); ok {
		s["type"] = []string{word, "null"}
		return s
	}
	if len(s) == 0 {
		return s
	}
	return map[string]any{"anyOf": []any{s, map[string]any{"type": "null"}}}
}

// comments are what the source says about types and fields: package.Type or
// package.Type.Field to one paragraph.
type comments map[string]string

// readComments parses the module below root.
func readComments(root string) (comments, error) {
	found := comments{}
	err := filepath.WalkDir(root, func(path string, e os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && path != root && strings.HasPrefix(e.Name(), "."), e.IsDir() && e.Name() == "testdata":
			return filepath.SkipDir
		case e.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		pkg := strings.TrimSuffix(module+"/"+filepath.ToSlash(rel), "/.")
		for _, d := range f.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.TYPE {
				for _, s := range g.Specs {
					found.add(pkg, s.(*ast.TypeSpec), g.Doc)
				}
			}
		}
		return nil
	})
	return found, err
}

func (c comments) add(pkg string, t *ast.TypeSpec, group *ast.CommentGroup) {
	st, ok := t.Type.(*ast.StructType)
	if !ok {
		return
	}
	key := pkg + "." + t.Name.Name
	c[key] = paragraph(cmp.Or(t.Doc, group))
	for _, f := range st.Fields.List {
		for _, n := range f.Names {
			c[key+"."+n.Name] = paragraph(cmp.Or(f.Doc, f.Comment))
		}
	}
}

// paragraph is the first one of a comment, on one line.
func paragraph(g *ast.CommentGroup) string {
	first, _, _ := strings.Cut(g.Text(), "\n\n")
	return strings.Join(strings.Fields(first), " ")
}
