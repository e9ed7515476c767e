package compat

import (
	"bytes"
	"context"
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
// files that look like a schema.
func SchemaFiles(fsys fs.FS, root string) ([]string, error) {
	var out []string
	err := fs.WalkDir(fsys, root, func(p string, d fs.DirEntry, err error) error {
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
			out = append(out, p)
		case ".json":
			text, err := readFile(fsys, p)
			if err != nil {
				return err
			}
			if looksLikeSchema(text) {
				out = append(out, p)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(out)
	return out, nil
}

// looksLikeSchema keeps package.json and its kind out of the gate.
func looksLikeSchema(text []byte) bool {
	for _, k := range []string{`"$schema"`, `"properties"`, `"$ref"`, `"allOf"`, `"anyOf"`, `"oneOf"`, `"enum"`, `"$defs"`, `"definitions"`} {
		if bytes.Contains(text, []byte(k)) {
			return true
		}
	}
	return bytes.Contains(text, []byte(`"type"`))
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
	// Roots are the folders or files that were asked for: a file is the same on both
	// sides when its path below them is.
	Roots []string
	// Earlier are the trees of the commits before this one that changed a file,
	// newest first; nil when there is no history.
	Earlier func(ctx context.Context, file string, limit int) (trees []Tree, cut bool, err error)
	// NoHistory says why Earlier is nil.
	NoHistory string
}

// key is the path below the root that the file was found under.
func (t Tree) key(file string) string {
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

// TreeSubjects pairs the files of two trees by their path.
func TreeSubjects(old, cur Tree, mode Mode) ([]Subject, []finding.Finding, error) {
	was := map[string]string{}
	for _, f := range old.Files {
		was[old.key(f)] = f
	}
	var out []Subject
	var loose []finding.Finding
	for _, name := range cur.Files {
		n, err := FileVersion(cur.FS, name, cur.Version, "")
		if err != nil {
			return nil, nil, err
		}
		key := cur.key(name)
		s := Subject{Kind: "file", Name: key, Mode: mode, New: n, NoHistory: old.NoHistory}
		if before, ok := was[key]; ok {
			delete(was, key)
			if s.Old, err = FileVersion(old.FS, before, old.Version, ""); err != nil {
				return nil, nil, err
			}
			s.Earlier = treeHistory(old, before)
		} else {
			loose = append(loose, finding.Finding{
				Rule: "compat/subject-added", Severity: finding.Info, Subject: s.subject(), Position: n.At,
				Message: "new schema, there is nothing to compare it with", Fingerprint: fingerprint("compat/subject-added", key, "", "", ""),
			})
		}
		out = append(out, s)
	}
	for _, name := range slices.Sorted(maps.Keys(was)) {
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
			v, err := FileVersion(t.FS, name, t.Version, "")
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
