package compat

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/weirhq/weir/finding"
)

// maxFile bounds a bare schema file, in bytes.
const maxFile = 64 << 20

// FormatOf tells the format of a schema file from its name.
func FormatOf(name string) (Format, error) {
	switch path.Ext(name) {
	case ".avsc":
		return Avro, nil
	case ".proto":
		return Protobuf, nil
	case ".json":
		return JSON, nil
	}
	return "", fmt.Errorf("read %s: its name does not tell the format: use --schema-format json, avro or protobuf", name)
}

// FileVersion makes a version of a file in a tree. References are resolved in the
// tree: relative to the file, then from its root.
func FileVersion(fsys fs.FS, name, version string, f Format) (*Version, error) {
	text, err := readFile(fsys, name)
	if err != nil {
		return nil, err
	}
	if f == "" {
		if f, err = FormatOf(name); err != nil {
			return nil, err
		}
	}
	return &Version{
		At:     finding.Position{File: name, Line: 1, Column: 1},
		Schema: Schema{Format: f, Text: text, Name: name, Version: version, Load: loadFrom(fsys)},
	}, nil
}

// OpenFile makes a version of a file on disk, under the name that the user gave it; its
// references may lie in its own folder. f is empty where the name tells the format.
func OpenFile(cwd, name, version string, f Format) (*Version, error) {
	full := name
	if !filepath.IsAbs(full) {
		full = filepath.Join(cwd, name)
	}
	base := filepath.Base(full)
	v, err := FileVersion(os.DirFS(filepath.Dir(full)), base, version, f)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &FileError{fmt.Errorf("read %s: there is no such file", name)}
	}
	if err != nil {
		return nil, &FileError{err}
	}
	shown := filepath.ToSlash(name)
	load := v.Schema.Load
	v.Schema.Name, v.At.File = shown, shown
	v.Schema.Load = func(ctx context.Context, ref, from string) ([]byte, string, error) {
		if from == shown || from == "" {
			from = base
		}
		return load(ctx, ref, from)
	}
	return v, nil
}

// FileError is a file of the command line that cannot be read.
type FileError struct{ err error }

func (e *FileError) Error() string { return e.err.Error() }
func (e *FileError) Unwrap() error { return e.err }

// Code is the class of the failure.
func (*FileError) Code() string { return "usage" }

func readFile(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, plain(err))
	}
	defer func() { _ = f.Close() }() // read only
	st, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, plain(err))
	}
	if st.IsDir() {
		return nil, fmt.Errorf("read %s: it is a folder", name)
	}
	if st.Size() > maxFile {
		return nil, fmt.Errorf("read %s: it has %d bytes, more than the %d that are read", name, st.Size(), int64(maxFile))
	}
	text, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, plain(err))
	}
	return text, nil
}

// plain drops the operation and the path that the caller has already said.
func plain(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}

func loadFrom(fsys fs.FS) func(ctx context.Context, ref, from string) ([]byte, string, error) {
	return func(ctx context.Context, ref, from string) ([]byte, string, error) {
		if err := ctx.Err(); err != nil {
			return nil, "", err
		}
		if strings.Contains(ref, "://") {
			return nil, "", fmt.Errorf("%s is remote, and nothing is fetched", ref)
		}
		ref, _, _ = strings.Cut(ref, "#")
		for _, name := range []string{path.Join(path.Dir(from), ref), path.Clean(ref), strings.ReplaceAll(ref, ".", "/") + ".avsc", path.Join(path.Dir(from), ref+".avsc")} {
			if !fs.ValidPath(name) {
				continue
			}
			text, err := readFile(fsys, name)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			return text, name, err
		}
		return nil, "", fmt.Errorf("%s: %w", ref, fs.ErrNotExist)
	}
}

// SchemaFiles lists the bare schema files of a tree, sorted: .avsc, .proto, and .json
// files that look like a schema, or that are the root itself. maybe are the other .json
// files: {} is a schema as well, if the other version of the file is one.
func SchemaFiles(fsys fs.FS, root string) (files, maybe []string, err error) {
	err = fs.WalkDir(fsys, root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("read folder %s: %w", p, plain(err))
		}
		base := path.Base(p)
		if d.IsDir() {
			if p != root && (strings.HasPrefix(base, ".") || base == "node_modules") {
				return fs.SkipDir
			}
			return nil
		}
		switch path.Ext(p) {
		case ".avsc", ".proto":
			files = append(files, p)
		case ".json":
			text, err := readFile(fsys, p)
			if err != nil {
				return err
			}
			if p == root || looksLikeSchema(text) {
				files = append(files, p)
			} else {
				maybe = append(maybe, p)
			}
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	slices.Sort(files)
	slices.Sort(maybe)
	return files, maybe, nil
}

// looksLikeSchema keeps package.json and its kind out of the gate. What is no JSON, and
// may be a schema with a slip of the pen, is judged by its words: the checker then says
// what is wrong with it.
func looksLikeSchema(text []byte) bool {
	var v any
	if json.Unmarshal(text, &v) == nil {
		return isSchema(v)
	}
	for _, k := range []string{`"$schema"`, `"properties"`, `"$ref"`, `"allOf"`, `"anyOf"`, `"oneOf"`, `"enum"`, `"$defs"`, `"definitions"`, `"type"`} {
		if bytes.Contains(text, []byte(k)) {
			return true
		}
	}
	return false
}

// isSchema reports whether a value holds a keyword of JSON Schema with a value that the
// keyword takes: many files have a "type", few of them one that is a JSON type.
func isSchema(v any) bool {
	m, _ := v.(map[string]any)
	for k, v := range m {
		_, text := v.(string)
		list, isList := v.([]any)
		_, object := v.(map[string]any)
		_, boolean := v.(bool)
		found := false
		switch k {
		case "$schema":
			s, _ := v.(string)
			found = strings.Contains(s, "json-schema.org/")
		case "$ref":
			found = text
		case "type":
			found = text && typeWord(v) || len(list) > 0 && !slices.ContainsFunc(list, func(x any) bool { return !typeWord(x) && !isSchema(x) })
		case "const":
			found = true
		case "enum", "allOf", "anyOf", "oneOf":
			found = isList
		case "required":
			found = len(list) > 0 && !slices.ContainsFunc(list, func(x any) bool { _, ok := x.(string); return !ok })
		case "properties", "patternProperties", "dependentSchemas", "dependentRequired", "$defs", "definitions":
			found = object
		case "additionalProperties", "additionalItems", "unevaluatedProperties", "unevaluatedItems":
			found = boolean || isSchema(v)
		case "not", "if", "then", "else", "items", "prefixItems", "contains", "propertyNames":
			found = isSchema(v) || slices.ContainsFunc(list, isSchema)
		}
		if found {
			return true
		}
	}
	return false
}

func typeWord(v any) bool {
	s, _ := v.(string)
	return slices.Contains([]string{"string", "number", "integer", "boolean", "object", "array", "null"}, s)
}

// FilePair is the subject of two bare files.
func FilePair(old, cur *Version, mode Mode) Subject {
	return Subject{Kind: "file", Name: cur.Schema.Name, Mode: mode, Old: old, New: cur, NoHistory: "there is one earlier version"}
}

// Tree is one version of a folder of bare schema files.
type Tree struct {
	FS      fs.FS
	Version string
	Files   []string
	// Maybe are .json files that do not look like a schema; one counts where the other
	// side has a schema in its place.
	Maybe []string
	// Roots are the folders or files that were asked for.
	Roots []string
	// Apart says that both sides stand in folders of their own, so that a file is the
	// same when its path below its root is. In one repository the whole path counts: two
	// roots may hold files of one name.
	Apart bool
	// Gone are the files that stood outside of the roots and are there no more; nil when
	// there are none.
	Gone *Tree
	// Earlier are the trees of the commits before this one that changed a file, newest
	// first, each with the name it had there as Files; nil when there is no history.
	Earlier func(ctx context.Context, file string, limit int) (trees []Tree, cut bool, err error)
	// NoHistory says why Earlier is nil.
	NoHistory string
}

// below is the path of a file below the root that it was found under.
func (t Tree) below(file string) string {
	for _, r := range t.Roots {
		if r == "." || r == file {
			return map[bool]string{true: path.Base(file), false: file}[r == file]
		}
		if rel, ok := strings.CutPrefix(file, r+"/"); ok {
			return rel
		}
	}
	return file
}

// byKey are the files of a tree by what makes one the same on both sides.
func (t Tree) byKey(old Tree) map[string]string {
	out := map[string]string{}
	for _, f := range slices.Concat(t.Files, t.Maybe) {
		k := f
		if old.Apart {
			k = t.below(f)
		}
		if _, taken := out[k]; taken {
			k = f
		}
		out[k] = f
	}
	return out
}

// TreeSubjects pairs the files of two trees by their path.
func TreeSubjects(old, cur Tree, mode Mode) ([]Subject, []finding.Finding, error) {
	was, is := old.byKey(old), cur.byKey(old)
	schema := map[string]bool{} // by key: the old side has a schema there
	for k, f := range was {
		_, maybe := slices.BinarySearch(old.Maybe, f)
		schema[k] = !maybe
	}
	shorter := map[string]int{} // how many files a waiver means that leaves out the root
	for k, f := range is {
		if _, maybe := slices.BinarySearch(cur.Maybe, f); maybe && !schema[k] {
			delete(is, k)
			continue
		}
		shorter[cur.below(f)]++
	}
	var out []Subject
	var loose []finding.Finding
	var added []*Version
	for _, name := range slices.Sorted(maps.Keys(is)) {
		n, err := FileVersion(cur.FS, is[name], cur.Version, "")
		if err != nil {
			return nil, nil, err
		}
		if was[name] == "" {
			added = append(added, n)
		}
		s := Subject{Kind: "file", Name: name, Mode: mode, New: n, NoHistory: old.NoHistory, aliases: []string{is[name]}}
		if rel := cur.below(is[name]); shorter[rel] == 1 {
			s.aliases = append(s.aliases, rel)
		}
		out = append(out, s)
	}
	from, unsure, err := old.Gone.origins(added)
	if err != nil {
		return nil, nil, err
	}
	for i := range out {
		s := &out[i]
		side, before := &old, was[s.Name]
		if before == "" {
			side, before = old.Gone, from[s.New]
		}
		delete(was, s.Name)
		if before == "" {
			loose = append(loose, s.added(unsure[s.New]))
			continue
		}
		if s.Old, err = FileVersion(side.FS, before, side.Version, ""); err != nil {
			return nil, nil, err
		}
		s.Earlier = treeHistory(*side, before)
	}
	for _, name := range slices.Sorted(maps.Keys(was)) {
		if !schema[name] {
			continue
		}
		sev := finding.Error
		if mode == ModeNone {
			sev = finding.Info
		}
		loose = append(loose, finding.Finding{
			Rule: "compat/subject-removed", Severity: sev, Subject: finding.Subject{Kind: "file", Name: name}, Position: finding.Position{File: was[name]},
			Message: "the schema was removed", Hint: "keep it until nobody uses it", Fingerprint: fingerprint("compat/subject-removed", name, "", "", ""),
		})
	}
	return out, loose, nil
}

func treeHistory(t Tree, name string) func(context.Context, int) ([]*Version, bool, error) {
	if t.Earlier == nil {
		return nil
	}
	return func(ctx context.Context, limit int) ([]*Version, bool, error) {
		trees, cut, err := t.Earlier(ctx, name, limit)
		if err != nil {
			return nil, false, err
		}
		var out []*Version
		for _, t := range trees {
			v, err := FileVersion(t.FS, t.Files[0], t.Version, "")
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, false, err
			}
			out = append(out, v)
		}
		return out, cut, nil
	}
}
