// Package config reads weir's configuration and decides which source wins.
//
// It decides where the files lie, what may stand in them, and the precedence: flag,
// WEIR_* variable, project file weir.yaml, user file, default. Connection settings
// are the exception: they come whole from one source and are never mixed. It
// refuses unknown keys (with position and a suggestion), literal secrets and
// connections put together from two sources.
// The two types to know are [File] and [Config].
package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/weirhq/weir/cluster"
	"github.com/weirhq/weir/internal/suggest"
)

// File is what weir.yaml and the user file may hold. Sections that describe the
// platform (catalog, compat, scope, waivers) stand in weir.yaml only, beside the
// catalog in git; connections, audit and dlt may stand in either.
type File struct {
	// Profile is the profile a project works with.
	Profile string `yaml:"profile"`
	// CurrentProfile is set by `weir profile use`, in the user file.
	CurrentProfile string             `yaml:"current_profile"`
	Profiles       map[string]Profile `yaml:"profiles"`
	Catalog        Catalog            `yaml:"catalog"`
	Compat         Compat             `yaml:"compat"`
	Scope          Scope              `yaml:"scope"`
	DLT            DLT                `yaml:"dlt"`
	Audit          Audit              `yaml:"audit"`
	Waivers        []Waiver           `yaml:"waivers"`

	// Path is where the file was read from.
	Path string `yaml:"-"`
	node *yaml.Node
}

// Profile is a connection in a file.
type Profile struct {
	cluster.Profile `yaml:",inline"`
	// Environment is the catalog's environment this cluster is (--env).
	Environment string `yaml:"environment"`
}

// Catalog says where the documents are and how they are read.
type Catalog struct {
	Paths       []string                `yaml:"paths"`
	RefRoot     string                  `yaml:"ref_root"`
	AllowRemote []string                `yaml:"allow_remote"`
	Perspective []Perspective           `yaml:"perspective"`
	Env         map[string]Env          `yaml:"env"`
	Limits      Limits                  `yaml:"limits"`
	Severities  map[string]string       `yaml:"severities"`
	Sources     map[string]SourceOption `yaml:"sources"`
}

// Limits bound what one load of the catalog may cost; zero takes the default.
type Limits struct {
	DocumentBytes int64 `yaml:"document_bytes"`
	Depth         int   `yaml:"depth"`
	Nodes         int   `yaml:"nodes"`
	Files         int   `yaml:"files"`
}

// check refuses words and numbers that would be passed over.
func (c *Catalog) check(path string) error {
	if l := c.Limits; min(l.DocumentBytes, int64(l.Depth), int64(l.Nodes), int64(l.Files)) < 0 {
		return bad("leave it out for the default", "%s: catalog.limits: a limit is a positive number", path)
	}
	for _, p := range c.Perspective {
		if p.Is != "application" && p.Is != "client" {
			return bad("", "%s: catalog.perspective: %q for %s: use application or client", path, p.Is, p.Match)
		}
		if !isGlob(p.Match) {
			return bad(globHint, "%s: catalog.perspective: match: %q is not a pattern", path, p.Match)
		}
	}
	for _, glob := range slices.Sorted(maps.Keys(c.Sources)) {
		if d := c.Sources[glob].Dialect; d != "" && d != "specmesh" {
			return bad("", "%s: catalog.sources.%s: unknown dialect %q: use specmesh", path, glob, d)
		}
		if !isGlob(glob) {
			return bad(globHint, "%s: catalog.sources: %q is not a pattern", path, glob)
		}
	}
	return nil
}

// Perspective sets how publish and subscribe of AsyncAPI 2.x documents are meant.
type Perspective struct {
	Match string `yaml:"match"`
	Is    string `yaml:"is"` // application or client
}

// Env is one environment of the catalog.
type Env struct {
	Overlays []string `yaml:"overlays"`
}

// SourceOption is a setting for the documents under a path.
type SourceOption struct {
	Dialect string `yaml:"dialect"`
}

// Compat holds the policies of the compatibility gate.
type Compat struct {
	Against           string   `yaml:"against"`
	Mode              string   `yaml:"mode"`
	FailOn            string   `yaml:"fail_on"`
	Unproven          string   `yaml:"unproven"`
	ContentModel      string   `yaml:"content_model"`
	JSONFormatKeyword string   `yaml:"json_format_keyword"`
	Defaults          string   `yaml:"defaults"`
	ProtobufProfile   string   `yaml:"protobuf_profile"`
	History           int      `yaml:"history"`
	Registry          Registry `yaml:"registry"`
}

// WithDefaults fills in what holds where a file says nothing.
func (c Compat) WithDefaults() Compat {
	for _, s := range []struct {
		value *string
		or    string
	}{
		{&c.Mode, "FULL"},
		{&c.FailOn, "error"},
		{&c.Unproven, "error"},
		{&c.ContentModel, "lenient"},
		{&c.JSONFormatKeyword, "annotation"},
		{&c.Defaults, "ignore"},
		{&c.ProtobufProfile, "wire-json"},
	} {
		*s.value = cmp.Or(*s.value, s.or)
	}
	return c
}

// Registry is how a schema registry is reached.
type Registry struct {
	// URL is where topic read looks schemas up; empty for nowhere.
	URL      string         `yaml:"url"`
	Username string         `yaml:"username"`
	Password cluster.Secret `yaml:"password"`
	Token    cluster.Secret `yaml:"token"`
	CA       string         `yaml:"ca"`
	Cert     string         `yaml:"cert"`
	Key      string         `yaml:"key"`
}

// Scope bounds what weir may touch on a cluster.
type Scope struct {
	Prefixes []string `yaml:"prefixes"`
	Ignore   []string `yaml:"ignore"`
}

// DLT holds what weir cannot find out about dead letters by itself.
type DLT struct {
	Dialects yaml.Node `yaml:"dialects"`
}

// Audit says where the record of weir's own writes goes.
type Audit struct {
	File  string `yaml:"file"`
	Topic string `yaml:"topic"`
}

// Waiver accepts a finding until a day.
type Waiver struct {
	Rule        string `yaml:"rule"`
	Target      string `yaml:"target"`
	Fingerprint string `yaml:"fingerprint"`
	Reason      string `yaml:"reason"`
	Until       string `yaml:"until"`
	Owner       string `yaml:"owner"`
	Line        int    `yaml:"-"`
	Column      int    `yaml:"-"`
}

// Error is a configuration that cannot be used. It is a usage error (exit 2).
type Error struct {
	msg, hint string
}

func (e *Error) Error() string { return e.msg }

// Code is the class of the failure.
func (e *Error) Code() string { return "usage" }

// Hint says what to do next.
func (e *Error) Hint() string { return e.hint }

func bad(hint, format string, args ...any) error {
	return &Error{msg: fmt.Sprintf(format, args...), hint: hint}
}

// maxFile bounds a configuration file, in bytes.
const maxFile = 4 << 20

// read reads a configuration file strictly. A missing file is an error that satisfies
// errors.Is(err, os.ErrNotExist).
func read(path string, env Environment) (*File, error) {
	b, err := env.ReadFile(path, maxFile)
	if _, ok := errors.AsType[*os.PathError](err); ok {
		return nil, err // names the path itself
	}
	if err != nil {
		return nil, fmt.Errorf("read configuration %s: %w", path, err)
	}
	return Parse(path, b)
}

// Line returns where a top-level key stands, from 1, or 0 and 0.
func (f *File) Line(key string) (line, column int) {
	if f.node != nil {
		for i := 0; i+1 < len(f.node.Content); i += 2 {
			if k := f.node.Content[i]; k.Value == key {
				return k.Line, k.Column
			}
		}
	}
	return 0, 0
}

// Parse reads the text of a configuration file strictly.
func Parse(path string, b []byte) (*File, error) {
	f := &File{Path: path}
	dec := yaml.NewDecoder(bytes.NewReader(b))
	var doc yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return f, nil
	case err != nil:
		return nil, bad("", "%s", yamlText(path, err))
	}
	second := new(yaml.Node)
	switch err := dec.Decode(second); {
	case err == nil:
		return nil, bad("keep one document in the file", "%s:%d:%d: a second YAML document", path, second.Line, second.Column)
	case !errors.Is(err, io.EOF):
		return nil, bad("", "%s", yamlText(path, err))
	}
	if len(doc.Content) == 0 || doc.Content[0].Tag == "!!null" {
		return f, nil
	}
	if err := checkKeys(path, doc.Content[0], reflect.TypeFor[File](), 0); err != nil {
		return nil, err
	}
	if err := doc.Content[0].Decode(f); err != nil {
		return nil, bad("", "%s", yamlText(path, err))
	}
	if err := f.Catalog.check(path); err != nil {
		return nil, err
	}
	f.node = doc.Content[0]
	if err := f.checkScope(); err != nil {
		return nil, err
	}
	f.waiverLines()
	for name, p := range f.Profiles {
		p.Name = name
		p.Source = "profile " + name + " in " + path
		f.Profiles[name] = p
	}
	return f, nil
}

const globHint = `a [ begins a set of characters and needs its ]; \\ takes a character as it is`

// isGlob says whether a pattern can match at all: one that cannot is passed over.
func isGlob(pattern string) bool {
	_, err := path.Match(pattern, "")
	return err == nil
}

// checkScope refuses what would take in more than it says: a prefix that ends within a
// word, and a glob that matches nothing because it is not one.
func (f *File) checkScope() error {
	scope := under([]*yaml.Node{f.node}, "scope")
	for _, n := range under(scope, "prefixes") {
		for _, prefix := range n.Content {
			if v := prefix.Value; v != "" && !strings.ContainsAny(v[len(v)-1:], "._-") {
				return bad("write "+v+". (or with - or _ at the end)", "%s:%d:%d: scope.prefixes: %q ends in no delimiter and takes in every name that goes on with letters", f.Path, prefix.Line, prefix.Column, v)
			}
		}
	}
	for _, n := range under(scope, "ignore") {
		for _, glob := range n.Content {
			if !isGlob(glob.Value) {
				return bad(globHint, "%s:%d:%d: scope.ignore: %q is not a pattern", f.Path, glob.Line, glob.Column, glob.Value)
			}
		}
	}
	return nil
}

// under are the values of a key in mappings.
func under(mappings []*yaml.Node, key string) []*yaml.Node {
	var out []*yaml.Node
	for _, m := range mappings {
		for i := 0; i+1 < len(m.Content); i += 2 {
			if m.Content[i].Value == key {
				out = append(out, m.Content[i+1])
			}
		}
	}
	return out
}

// waiverLines notes where each waiver stands, so that a finding about one can say so.
func (f *File) waiverLines() {
	for i := 0; i+1 < len(f.node.Content); i += 2 {
		if f.node.Content[i].Value != "waivers" {
			continue
		}
		for j, w := range f.node.Content[i+1].Content {
			if j < len(f.Waivers) {
				f.Waivers[j].Line, f.Waivers[j].Column = w.Line, w.Column
			}
		}
	}
}

// misplaced refuses sections that nothing would read in this file: a scope that is not
// read bounds nothing.
func (f *File) misplaced(where string, keys ...string) error {
	if f.node == nil {
		return nil
	}
	for i := 0; i+1 < len(f.node.Content); i += 2 {
		k := f.node.Content[i]
		if !slices.Contains(keys, k.Value) {
			continue
		}
		hint := "write it into weir.yaml, beside the catalog"
		switch {
		case filepath.Base(f.Path) == "weir.yaml" && k.Value != "current_profile":
			hint = "weir.yaml is found upwards from the current directory: go there, and leave out --config and WEIR_CONFIG"
		case k.Value == "profile":
			hint = "current_profile is the user's own; weir profile use sets it"
		case k.Value == "current_profile":
			hint = "profile is the one that a project works with"
		}
		return bad(hint, "%s:%d:%d: %s has no effect in %s", f.Path, k.Line, k.Column, k.Value, where)
	}
	return nil
}

// decode reads a part of the file that this package knows no type for, as strictly as the rest.
func (f *File) decode(n *yaml.Node, v any) error {
	if n.Kind == 0 || n.Tag == "!!null" {
		return nil
	}
	if err := checkKeys(f.Path, n, reflect.TypeOf(v), 0); err != nil {
		return err
	}
	if err := n.Decode(v); err != nil {
		return bad("", "%s", yamlText(f.Path, err))
	}
	return nil
}

// yamlText puts a YAML error on one line, path and line first where it has one, and
// without the library's name and headings.
func yamlText(path string, err error) string {
	if le, ok := errors.AsType[*yaml.LoadError](err); ok && le.Mark.Line > 0 {
		msg := le.Message
		if strings.Contains(msg, "cannot start any token") {
			msg += "; a tab does not indent, and @, ` and % need quotes"
		}
		return fmt.Sprintf("%s:%d:%d: %s", path, le.Mark.Line, le.Mark.Column, msg)
	}
	text := strings.Join(strings.Fields(strings.TrimPrefix(err.Error(), "yaml: ")), " ")
	if _, rest, ok := strings.Cut(text, "line "); ok {
		if n, msg, ok := strings.Cut(rest, ": "); ok && strings.Trim(n, "0123456789") == "" {
			return path + ":" + n + ": " + msg
		}
	}
	return path + ": " + text
}

// checkKeys refuses keys that the type does not know, doubled keys and aliases,
// with their position. The library's strict mode gives no column and no suggestion,
// and checks no doubled keys at node level.
func checkKeys(path string, n *yaml.Node, t reflect.Type, depth int) error {
	at := func(n *yaml.Node) string { return fmt.Sprintf("%s:%d:%d", path, n.Line, n.Column) }
	if depth > 20 {
		return bad("", "%s: nested too deeply", at(n))
	}
	if n.Kind == yaml.AliasNode {
		return bad("write the value out", "%s: aliases are not used in configuration", at(n))
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == reflect.TypeFor[yaml.Node]() {
		return nil
	}
	if u, ok := reflect.TypeAssert[yaml.Unmarshaler](reflect.New(t)); ok {
		if err := u.UnmarshalYAML(n); err != nil {
			return bad("", "%s: %v", at(n), err)
		}
		return nil
	}
	switch t.Kind() {
	case reflect.Slice:
		if n.Kind != yaml.SequenceNode {
			return bad("", "%s: a list is needed here", at(n))
		}
		for _, c := range n.Content {
			if err := checkKeys(path, c, t.Elem(), depth+1); err != nil {
				return err
			}
		}
	case reflect.Struct, reflect.Map:
		if n.Kind != yaml.MappingNode {
			return bad("", "%s: a mapping is needed here", at(n))
		}
		fields := fieldsOf(t)
		seen := map[string]bool{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			k, v := n.Content[i], n.Content[i+1]
			if seen[k.Value] {
				return bad("", "%s: the key %q stands twice", at(k), k.Value)
			}
			seen[k.Value] = true
			if t.Kind() == reflect.Map && strings.TrimSpace(k.Value) == "" {
				return bad("", "%s: an empty name", at(k))
			}
			var elem reflect.Type
			if t.Kind() == reflect.Map {
				elem = t.Elem()
			} else if elem = fields[k.Value]; elem == nil {
				names := make([]string, 0, len(fields))
				for name := range fields {
					names = append(names, name)
				}
				slices.Sort(names)
				return bad("the keys here are: "+strings.Join(names, ", "), "%s: unknown key %q%s", at(k), k.Value, suggest.DidYouMean(k.Value, names))
			}
			if v.Tag == "!!null" {
				continue
			}
			if err := checkKeys(path, v, elem, depth+1); err != nil {
				return err
			}
		}
	default:
		if n.Kind != yaml.ScalarNode {
			return bad("", "%s: a single value is needed here", at(n))
		}
		if err := n.Decode(reflect.New(t).Interface()); err != nil {
			want := map[reflect.Kind]string{reflect.Bool: "true or false", reflect.Int: "a whole number"}[t.Kind()]
			return bad("", "%s: %s is needed here, not %q", at(n), cmp.Or(want, "another kind of value"), n.Value)
		}
	}
	return nil
}

func fieldsOf(t reflect.Type) map[string]reflect.Type {
	m := map[string]reflect.Type{}
	if t.Kind() != reflect.Struct {
		return m
	}
	for f := range t.Fields() {
		name, opts, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case name == "-" || !f.IsExported():
		case strings.Contains(opts, "inline"):
			maps.Copy(m, fieldsOf(f.Type))
		case name != "":
			m[name] = f.Type
		}
	}
	return m
}
