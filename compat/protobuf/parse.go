package protobuf

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/ast"
	"github.com/bufbuild/protocompile/linker"
	"github.com/bufbuild/protocompile/parser"
	"github.com/bufbuild/protocompile/protoutil"
	"github.com/bufbuild/protocompile/reporter"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/weirhq/weir/compat"
	"github.com/weirhq/weir/finding"
)

// Limits on what is read. The compiler recurses over nested declarations, and a Go
// stack that outgrows its limit cannot be recovered from, so depth is bounded first.
const (
	maxText  = 4 << 20  // bytes of one file, of which the compiler takes 150 times as much memory
	maxLine  = 16 << 10 // bytes of one line; finding a place costs the compiler its line's length, so a file with a longer one has no places
	maxDepth = 100      // brackets open at once; protoc stops at 32 nested messages
	maxFiles = 2000     // files of one import closure
)

// source is one file of an import closure.
type source struct {
	path  string // as imports spell it
	name  string // for people: what Schema.Load called it
	text  []byte
	file  *ast.FileNode
	root  bool
	lines []int // byte offset of every line
}

// schema is a parsed and, unless linkErr says why not, linked schema.
type schema struct {
	name      string
	version   string
	locate    func(string) finding.Position
	single    bool // one root file; else a folder
	sources   map[string]*source
	roots     []protoreflect.FileDescriptor
	linkErr   error
	canonical string
	proto     *model // parsed elements, for predictions
}

// Canonical is equal for schemas whose descriptors are equal: comments, white space
// and the order of imports do not count.
func (s *schema) Canonical() string { return s.canonical }

// Parse reads one file and, through s.Load, what it imports.
func (c *Checker) Parse(ctx context.Context, s compat.Schema) (compat.Parsed, error) {
	path := s.Name
	if path == "" {
		path = "schema.proto"
	}
	l := &loader{ctx: ctx, load: s.Load, sources: map[string]*source{}, unresolved: c.cfg.Unresolved}
	l.add(path, path, s.Text, true)
	return l.finish(s, true)
}

// ParseFolder reads several files that import each other by their path, such as a
// module with one root. Types that move between its files are still the same types.
func (c *Checker) ParseFolder(ctx context.Context, s compat.Schema, files map[string][]byte) (compat.Parsed, error) {
	l := &loader{ctx: ctx, load: s.Load, sources: map[string]*source{}, files: files, unresolved: c.cfg.Unresolved}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		if _, done := l.sources[path]; !done {
			l.add(path, path, files[path], true)
		}
	}
	return l.finish(s, false)
}

type loader struct {
	ctx        context.Context //nolint:containedctx // lives as long as one Parse
	load       func(ctx context.Context, ref, from string) ([]byte, string, error)
	files      map[string][]byte
	sources    map[string]*source
	unresolved bool
	err        error // the first that stops everything
	linkErr    error // the first that only linking minds
}

func (l *loader) add(path, name string, text []byte, root bool) {
	src := &source{path: path, name: name, text: text, root: root}
	l.sources[path] = src
	if l.err != nil {
		return
	}
	if len(l.sources) > maxFiles {
		l.err = &compat.SchemaError{At: finding.Position{File: name}, Err: fmt.Errorf("more than %d files are imported", maxFiles)}
		return
	}
	if l.err = src.parse(); l.err != nil {
		return
	}
	for _, d := range src.file.Decls {
		imp, ok := d.(*ast.ImportNode)
		if !ok {
			continue
		}
		ref := imp.Name.AsString()
		if _, seen := l.sources[ref]; seen {
			continue
		}
		if text, ok := l.files[ref]; ok {
			l.add(ref, ref, text, true)
			continue
		}
		if l.isStandard(ref) {
			continue
		}
		at := src.position(src.file.NodeInfo(imp.Name).Start())
		if l.load == nil {
			l.missing(at, ref, errors.New("nothing here resolves imports"))
			continue
		}
		text, canonical, err := l.load(l.ctx, ref, name)
		if err != nil {
			l.missing(at, ref, err)
			continue
		}
		l.add(ref, canonical, text, false)
	}
}

func (l *loader) missing(at finding.Position, ref string, err error) {
	e := &compat.SchemaError{At: at, Err: fmt.Errorf("import %q: %w", ref, err)}
	switch {
	case !l.unresolved && l.err == nil:
		l.err = e
	case l.linkErr == nil:
		l.linkErr = e
	}
}

func (l *loader) isStandard(path string) bool {
	if !strings.HasPrefix(path, "google/protobuf/") {
		return false
	}
	_, err := standardImports().FindFileByPath(path)
	return err == nil
}

func standardImports() protocompile.Resolver {
	return protocompile.WithStandardImports(protocompile.ResolverFunc(
		func(string) (protocompile.SearchResult, error) {
			return protocompile.SearchResult{}, errors.New("not a standard import")
		}))
}

func (l *loader) finish(s compat.Schema, single bool) (*schema, error) {
	if l.err != nil {
		return nil, relocate(l.err, s)
	}
	out := &schema{name: s.Name, version: s.Version, locate: s.Locate, single: single, sources: l.sources}
	out.linkErr = l.linkErr
	if out.linkErr == nil {
		if err := out.link(l.ctx); err != nil {
			if !l.unresolved {
				return nil, relocate(err, s)
			}
			out.linkErr = err
		}
	}
	if out.linkErr != nil {
		out.linkErr = relocate(out.linkErr, s)
	}
	out.proto = newModel(out)
	out.canonical = out.hash()
	return out, nil
}

// relocate maps a position in the text to where the text stands, if it is embedded.
func relocate(err error, s compat.Schema) error {
	se, ok := errors.AsType[*compat.SchemaError](err)
	if !ok || s.Locate == nil || se.At.Line == 0 || se.At.File != s.Name {
		return err
	}
	return &compat.SchemaError{At: s.Locate(pointer(se.At.Line, se.At.Column)), Err: se.Err}
}

func pointer(line, col int) string { return strconv.Itoa(line) + ":" + strconv.Itoa(col) }

// parse reads the text into a syntax tree.
func (s *source) parse() (err error) {
	fail := func(line, col int, err error) error {
		return &compat.SchemaError{At: finding.Position{File: s.name, Line: line, Column: col}, Err: err}
	}
	if len(s.text) > maxText {
		return fail(0, 0, fmt.Errorf("the file has %d bytes, more than the %d that are read", len(s.text), maxText))
	}
	if line, col, deep := tooDeep(s.text); deep {
		return fail(line, col, fmt.Errorf("nested deeper than %d levels", maxDepth))
	}
	s.lines = []int{0}
	for i, b := range s.text {
		if b == '\n' {
			s.lines = append(s.lines, i+1)
		}
	}
	defer func() {
		if r := recover(); r != nil { // the parser is not ours and the text is anybody's
			err = fail(0, 0, fmt.Errorf("the compiler gave up on this file: %v", r))
		}
	}()
	s.file, err = parser.Parse(s.path, bytes.NewReader(s.text), reporter.NewHandler(nil))
	if err != nil {
		return s.wrap(err)
	}
	if e := s.file.Edition; e != nil && e.Edition.AsString() != "2023" {
		pos := s.position(s.file.NodeInfo(e.Edition).Start())
		return fail(pos.Line, pos.Column, fmt.Errorf("edition %q is not known: use proto2, proto3 or edition 2023", e.Edition.AsString()))
	}
	return nil
}

func longestLine(text []byte) int {
	longest := 0
	for line := range bytes.Lines(text) {
		longest = max(longest, len(line))
	}
	return longest
}

// wrap turns a compiler error into ours.
func (s *source) wrap(err error) error {
	if pos, ok := errors.AsType[reporter.ErrorWithPos](err); ok {
		at := s.position(pos.GetPosition())
		return &compat.SchemaError{At: at, Err: pos.Unwrap()}
	}
	return &compat.SchemaError{At: finding.Position{File: s.name}, Err: err}
}

// position turns the compiler's column, in which a tab runs to the next multiple of
// eight as protoc has it, into one that counts bytes, as editors do.
func (s *source) position(p ast.SourcePos) finding.Position {
	return finding.Position{File: s.name, Line: p.Line, Column: s.column(p.Line, p.Col)}
}

func (s *source) column(line, col int) int {
	if line < 1 || line > len(s.lines) {
		return col
	}
	text := s.text[s.lines[line-1]:]
	wide := 1
	for i, b := range text {
		if wide >= col || b == '\n' {
			return i + 1
		}
		if b == '\t' {
			wide += 8 - (wide-1)%8
		} else {
			wide++
		}
	}
	return col
}

// tooDeep looks for the place where more brackets are open than maxDepth, outside
// comments and strings.
func tooDeep(text []byte) (line, col int, deep bool) {
	line, col = 1, 0
	depth := 0
	var quote byte
	for i := 0; i < len(text); i++ {
		b := text[i]
		col++
		if b == '\n' {
			line, col, quote = line+1, 0, 0
			continue
		}
		if quote != 0 {
			switch b {
			case '\\':
				if i+1 < len(text) && text[i+1] != '\n' {
					i, col = i+1, col+1
				}
			case quote:
				quote = 0
			}
			continue
		}
		switch b {
		case '"', '\'':
			quote = b
		case '/':
			if i+1 < len(text) && text[i+1] == '/' {
				for i+1 < len(text) && text[i+1] != '\n' {
					i++
				}
			} else if i+1 < len(text) && text[i+1] == '*' {
				end := bytes.Index(text[i+2:], []byte("*/"))
				if end < 0 {
					return 0, 0, false
				}
				line += bytes.Count(text[i:i+2+end], []byte("\n"))
				i += end + 3
			}
		case '{', '[', '<', '(':
			if depth++; depth > maxDepth {
				return line, col, true
			}
		case '}', ']', '>', ')':
			depth = max(depth-1, 0)
		}
	}
	return 0, 0, false
}

// link turns the syntax trees into descriptors.
func (s *schema) link(ctx context.Context) error {
	resolve := protocompile.ResolverFunc(func(path string) (protocompile.SearchResult, error) {
		if src, ok := s.sources[path]; ok {
			return protocompile.SearchResult{AST: src.file}, nil
		}
		return standardImports().FindFileByPath(path)
	})
	compiler := protocompile.Compiler{Resolver: resolve, MaxParallelism: 1, SourceInfoMode: protocompile.SourceInfoStandard}
	for _, src := range s.sources {
		if longestLine(src.text) > maxLine {
			compiler.SourceInfoMode = protocompile.SourceInfoNone
		}
	}
	var paths []string
	for path, src := range s.sources {
		if src.root {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	files, err := compile(ctx, &compiler, paths)
	if err != nil {
		if pos, ok := errors.AsType[reporter.ErrorWithPos](err); ok {
			if src, ok := s.sources[pos.GetPosition().Filename]; ok {
				return src.wrap(err)
			}
		}
		return &compat.SchemaError{At: finding.Position{File: s.name}, Err: err}
	}
	for _, f := range files {
		s.roots = append(s.roots, f)
	}
	return nil
}

func compile(ctx context.Context, c *protocompile.Compiler, paths []string) (files linker.Files, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the compiler gave up: %v", r)
		}
	}()
	return c.Compile(ctx, paths...)
}

// hash covers the descriptors of the whole closure, without the root's own name and
// without comments. What cannot be linked is hashed as text.
func (s *schema) hash() string {
	h := sha256.New()
	if s.linkErr != nil {
		for _, path := range slices.Sorted(maps.Keys(s.sources)) {
			src := s.sources[path]
			if !src.root || !s.single {
				writeString(h, path)
			}
			writeString(h, string(src.text))
		}
		return "text:" + hex.EncodeToString(h.Sum(nil))
	}
	seen := map[string]bool{}
	var visit func(f protoreflect.FileDescriptor, root bool)
	visit = func(f protoreflect.FileDescriptor, root bool) {
		if seen[f.Path()] {
			return
		}
		seen[f.Path()] = true
		var deps []string
		byPath := map[string]protoreflect.FileDescriptor{}
		for i := range f.Imports().Len() {
			imp := f.Imports().Get(i).FileDescriptor
			deps = append(deps, imp.Path())
			byPath[imp.Path()] = imp
		}
		slices.Sort(deps)
		for _, d := range deps {
			if !isStandardFile(byPath[d]) {
				visit(byPath[d], false)
			}
		}
		fd, ok := protoutil.ProtoFromDescriptor(f).(*descriptorpb.FileDescriptorProto)
		if !ok {
			return
		}
		fd = proto.CloneOf(fd)
		fd.SourceCodeInfo = nil
		if root && s.single {
			fd.Name = nil
		}
		slices.Sort(fd.Dependency)
		raw, err := proto.MarshalOptions{Deterministic: true, AllowPartial: true}.Marshal(fd)
		if err != nil {
			raw = s.sources[f.Path()].text
		}
		writeString(h, string(raw))
	}
	for _, f := range s.roots {
		visit(f, true)
	}
	return "proto:" + hex.EncodeToString(h.Sum(nil))
}

func writeString(h hash.Hash, s string) {
	_, _ = io.WriteString(h, strconv.Itoa(len(s))+":"+s) // a hash never fails
}

func isStandardFile(f protoreflect.FileDescriptor) bool {
	return strings.HasPrefix(f.Path(), "google/protobuf/")
}
