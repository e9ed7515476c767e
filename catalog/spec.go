package catalog

import (
	"bytes"
	"compress/gzip"
	"embed"
	"fmt"
	"io"
	"math/big"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// The walk over a document is our own and not a JSON Schema library's: it reads
// nodes with their places instead of values, reads a definition when it first meets
// it (so a document pays for the protocols that it uses), follows references between
// files once, takes a $ref for what it is where the official schemas say oneOf
// [Reference, X], and names one cause where a library gives a tree of failures. Its
// verdicts are compared with the library's in a test over the whole corpus.

//go:embed specs/*.gz
var specFiles embed.FS

// schemaEnv is a set of schemas that refer to each other.
type schemaEnv struct {
	memo sync.Map // *Node -> *schema
	// lookup resolves a $ref found at n; nil means that it leads nowhere.
	lookup func(n *Node, ref string) *Node
	// payload tells that these are the schemas of somebody's payload: everything
	// odd makes the result unsure instead of wrong.
	payload bool
}

// schema is one JSON Schema (draft-07), read from a node.
type schema struct {
	env  *schemaEnv
	node *Node
	def  string // last element of $id, "channel.json"

	never      bool // the schema false
	ref        *Node
	types      uint8
	props      map[string]*Node
	patterns   []pattern
	additional *Node
	required   []string
	enum       []*Node
	constant   *Node
	items      *Node
	tuple      []*Node
	moreItems  *Node
	contains   *Node
	names      *Node
	depends    []*Node
	allOf      []*Node
	anyOf      []*Node
	oneOf      []*Node
	not        *Node
	cond       *Node
	then       *Node
	otherwise  *Node
	minimum, maximum,
	above, under,
	multiple *big.Rat
	minLength, maxLength, minItems, maxItems, minProps, maxProps int // -1: absent
	unique                                                       bool
	pattern                                                      *regexp.Regexp
	format                                                       string
	reference                                                    int  // index of the Reference branch of oneOf or anyOf, -1
	unsure                                                       bool // holds a keyword that is not understood here
}

type pattern struct {
	ext bool // ^x-, the extension pattern
	re  *regexp.Regexp
	n   *Node
}

func (p pattern) match(s string) bool {
	if p.ext {
		return strings.HasPrefix(s, "x-")
	}
	return p.re.MatchString(s)
}

func (e *schemaEnv) at(n *Node) *schema {
	if s, ok := e.memo.Load(n); ok {
		return s.(*schema) //nolint:forcetypeassert // only schemas are stored
	}
	s, _ := e.memo.LoadOrStore(n, e.compile(n))
	return s.(*schema) //nolint:forcetypeassert // only schemas are stored
}

func intOf(n *Node) int {
	if n == nil {
		return -1
	}
	i, ok := wholeNumber(n.Value)
	if !ok || i < 0 || i > 1<<31 {
		return -1
	}
	return int(i)
}

func ratOf(n *Node) *big.Rat {
	if n == nil || n.Kind != Number || len(n.Value) > 60 {
		return nil
	}
	if i := strings.IndexAny(n.Value, "eE"); i >= 0 {
		if x, err := strconv.Atoi(n.Value[i+1:]); err != nil || x > 400 || x < -400 {
			return nil
		}
	}
	r, ok := new(big.Rat).SetString(n.Value)
	if !ok {
		return nil
	}
	return r
}

func (e *schemaEnv) compile(n *Node) *schema {
	s := &schema{
		env: e, node: n, reference: -1,
		minLength: -1, maxLength: -1, minItems: -1, maxItems: -1, minProps: -1, maxProps: -1,
	}
	if n.Kind == Bool {
		s.never = n.Value == "false"
		return s
	}
	if n.Kind != Map {
		s.unsure = true
		return s
	}
	if r := n.Get("$ref"); r != nil && r.Kind == String {
		if s.ref = e.lookup(n, r.Value); s.ref == nil {
			s.unsure = true
		}
		s.unsure = s.unsure || e.payload && besideRef(n)
		return s
	}
	for _, k := range n.kids {
		switch k.Key {
		case "$id":
			if i := strings.LastIndexByte(k.Value, '/'); i >= 0 && !e.payload {
				s.def = k.Value[i+1:]
				if strings.Contains(k.Value, "/bindings/") {
					s.def = k.Value[strings.Index(k.Value, "/bindings/")+1:]
				}
			}
		case "type":
			s.typed(k)
		case "properties":
			s.props = make(map[string]*Node, len(k.kids))
			for _, p := range k.kids {
				s.props[p.Key] = p
			}
		case "patternProperties":
			for _, p := range k.kids {
				pt := pattern{n: p, ext: p.Key == `^x-[\w\d\.\x2d_]+$` || p.Key == "^x-"}
				if !pt.ext {
					if pt.re = s.regexp(p.Key); pt.re == nil {
						continue
					}
				}
				s.patterns = append(s.patterns, pt)
			}
		case "additionalProperties":
			s.additional = k
		case "required":
			for _, r := range k.kids {
				s.required = append(s.required, r.Value)
			}
		case "enum":
			s.enum = k.kids
		case "const":
			s.constant = k
		case "items":
			if k.Kind == List {
				s.tuple = k.kids
			} else {
				s.items = k
			}
		case "additionalItems":
			s.moreItems = k
		case "contains":
			s.contains = k
		case "propertyNames":
			s.names = k
		case "dependencies":
			s.depends = k.kids
		case "allOf":
			s.allOf = k.kids
		case "anyOf":
			s.anyOf = k.kids
			s.findReference(k.kids)
		case "oneOf":
			s.oneOf = k.kids
			s.findReference(k.kids)
		case "not":
			s.not = k
		case "if":
			s.cond = k
		case "then":
			s.then = k
		case "else":
			s.otherwise = k
		case "minimum":
			s.minimum = ratOf(k)
		case "maximum":
			s.maximum = ratOf(k)
		case "exclusiveMinimum":
			s.above = ratOf(k)
			s.unsure = s.unsure || k.Kind == Bool
		case "exclusiveMaximum":
			s.under = ratOf(k)
			s.unsure = s.unsure || k.Kind == Bool
		case "multipleOf":
			s.multiple = ratOf(k)
		case "minLength":
			s.minLength = intOf(k)
		case "maxLength":
			s.maxLength = intOf(k)
		case "minItems":
			s.minItems = intOf(k)
		case "maxItems":
			s.maxItems = intOf(k)
		case "minProperties":
			s.minProps = intOf(k)
		case "maxProperties":
			s.maxProps = intOf(k)
		case "uniqueItems":
			s.unique = k.Value == "true"
		case "pattern":
			s.pattern = s.regexp(k.Value)
		case "format":
			s.format = k.Value
		case "prefixItems", "minContains", "maxContains", "unevaluatedProperties", "unevaluatedItems",
			"dependentRequired", "dependentSchemas", "$dynamicRef", "$recursiveRef":
			s.unsure = true
		}
	}
	if s.def == "schema.json" && !e.payload {
		s.shallow()
	}
	return s
}

// shallow takes the plain draft-07 schema out of AsyncAPI's Schema Object for the
// keywords that the Schema Object describes again itself; each level of a payload
// would be walked once more for every level above it otherwise.
func (s *schema) shallow() {
	if len(s.allOf) != 2 {
		return
	}
	draft := s.env.at(s.allOf[0])
	if draft.ref == nil {
		return
	}
	own := s.allOf[1].Get("properties")
	m := *draft.ref
	m.kids = slices.Clone(draft.ref.kids)
	for i, k := range m.kids {
		if k.Key == "$id" {
			c := *k
			c.Value = "draft-07"
			m.kids[i] = &c
		}
		if k.Key != "properties" {
			continue
		}
		p := *k
		p.kids = nil
		for _, kw := range k.kids {
			if own.Get(kw.Key) == nil {
				p.kids = append(p.kids, kw)
			}
		}
		m.kids[i] = &p
	}
	s.allOf = []*Node{&m, s.allOf[1]}
}

func (s *schema) findReference(branches []*Node) {
	for i, b := range branches {
		if r := b.Get("$ref"); r != nil && strings.HasSuffix(r.Value, "/Reference.json") {
			s.reference = i
		}
	}
}

// ecmaToGo are the classes that ECMAScript and Go's syntax both know, so most
// patterns compile as they are; the others make the schema unsure.
func (s *schema) regexp(p string) *regexp.Regexp {
	re, err := regexp.Compile(p)
	if err != nil {
		s.unsure = true
		return nil
	}
	return re
}

const (
	tNull uint8 = 1 << iota
	tBool
	tNumber
	tString
	tMap
	tList
	tInteger
)

func (s *schema) typed(k *Node) {
	names := []*Node{k}
	if k.Kind == List {
		names = k.kids
	}
	for _, n := range names {
		switch n.Value {
		case "null":
			s.types |= tNull
		case "boolean":
			s.types |= tBool
		case "number":
			s.types |= tNumber
		case "integer":
			s.types |= tInteger
		case "string":
			s.types |= tString
		case "object":
			s.types |= tMap
		case "array":
			s.types |= tList
		default:
			s.unsure = true
		}
	}
}

func (s *schema) allows(n *Node) bool {
	switch n.Kind {
	case Null:
		return s.types&tNull != 0
	case Bool:
		return s.types&tBool != 0
	case String:
		return s.types&tString != 0
	case Map:
		return s.types&tMap != 0
	case List:
		return s.types&tList != 0
	default:
	}
	if s.types&tNumber != 0 {
		return true
	}
	if s.types&tInteger == 0 {
		return false
	}
	r := ratOf(n)
	return r == nil || r.IsInt()
}

// typeNames are the types for people, "an integer or a string".
func (s *schema) typeNames() string {
	var names []string
	for _, t := range [...]struct {
		bit  uint8
		name string
	}{
		{tMap, "a mapping"},
		{tList, "a list"},
		{tString, "a string"},
		{tInteger, "a whole number"},
		{tNumber, "a number"},
		{tBool, "true or false"},
		{tNull, "null"},
	} {
		if s.types&t.bit != 0 {
			names = append(names, t.name)
		}
	}
	return strings.Join(names, " or ")
}

// specs are the official schemas, each file read when a document first needs it, and of
// it only the definitions that the document meets.
type specs struct {
	mu    sync.Mutex
	files map[string]*spec
}

// spec is one vendored file: a definition a line, its name before it.
type spec struct {
	once sync.Once
	err  error
	env  *schemaEnv
	ids  []string // of the definitions, in order
	base func() (*spec, error)

	mu   sync.Mutex
	text map[string][]byte
	defs map[string]*Node
}

const specHost = "http://asyncapi.com/"

// version holds the schema of the documents of one version, as the definition "".
func (p *specs) version(v string) (*spec, error) { return p.open(v, nil) }

// bindings holds the schemas of all versions of all bindings, by path. They refer to the
// definitions of AsyncAPI 3.
func (p *specs) bindings() (*spec, error) {
	return p.open("bindings", func() (*spec, error) { return p.version("3.1.0") })
}

func (p *specs) open(name string, base func() (*spec, error)) (*spec, error) {
	p.mu.Lock()
	s := p.files[name]
	if s == nil {
		s = &spec{base: base, defs: map[string]*Node{}}
		s.env = &schemaEnv{lookup: s.lookup}
		if p.files == nil {
			p.files = map[string]*spec{}
		}
		p.files[name] = s
	}
	p.mu.Unlock()
	s.once.Do(func() { s.ids, s.text, s.err = unpackSpec(name) })
	return s, s.err
}

// unpackSpec returns the definitions of a vendored file in their order.
func unpackSpec(name string) (ids []string, text map[string][]byte, err error) {
	data, err := specFiles.ReadFile("specs/" + name + ".gz")
	if err != nil {
		return nil, nil, fmt.Errorf("read embedded schema: %w", err)
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, nil, fmt.Errorf("read embedded schema %s: %w", name, err)
	}
	all, err := io.ReadAll(io.LimitReader(z, 4<<20))
	if err != nil {
		return nil, nil, fmt.Errorf("read embedded schema %s: %w", name, err)
	}
	text = map[string][]byte{}
	for line := range bytes.Lines(all) {
		id, def, ok := bytes.Cut(line, []byte(" "))
		if !ok {
			return nil, nil, fmt.Errorf("read embedded schema %s: a line without a definition", name)
		}
		ids = append(ids, string(id))
		text[string(id)] = def
	}
	return ids, text, nil
}

// definition reads a definition when it is first met; nil when there is none.
func (s *spec) definition(id string) *Node {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n, ok := s.defs[id]; ok {
		return n
	}
	text, ok := s.text[id]
	if !ok {
		return nil
	}
	f := &file{name: "definition.json"}
	if parse(f, text, Limits{}.withDefaults()) != nil {
		return nil // a test reads every one of them
	}
	f.root.Key = id
	s.defs[id] = f.root
	return f.root
}

func (s *spec) lookup(n *Node, ref string) *Node {
	id, frag, _ := strings.Cut(ref, "#")
	var root *Node
	switch {
	case id == "":
		root = n.root()
	case s.base == nil:
		root = s.definition(id)
	default:
		if root = s.definition(strings.TrimPrefix(id, specHost)); root == nil {
			if base, err := s.base(); err == nil {
				root = base.definition(strings.Replace(id, "/3.0.0/", "/3.1.0/", 1))
			}
		}
	}
	for tok := range strings.SplitSeq(strings.TrimPrefix(frag, "/"), "/") {
		if tok != "" && root != nil {
			root = root.Get(unescapePointer(tok))
		}
	}
	return root
}

// binding finds the schema of one binding object. latest tells that the version was
// not written down. The path is empty when there is no schema for the protocol.
func (s *spec) binding(protocol, object, version string) (n *Node, known []string) {
	protocol = bindingFolder(protocol)
	found := ""
	for _, id := range s.ids {
		dir, name := path.Split(id)
		if name != object+".json" || !strings.HasPrefix(dir, "bindings/"+protocol+"/") {
			continue
		}
		v := path.Base(dir)
		known = append(known, v)
		if v == version || version == "" {
			found = id // versions are sorted, so the last one is the latest
		}
	}
	if found != "" {
		n = s.definition(found)
	}
	return n, known
}

// bindingFolder is the folder of a protocol's bindings, which differs from its key
// for some.
func bindingFolder(protocol string) string {
	switch protocol {
	case "ws":
		return "websockets"
	case "mqtt5":
		return "mqtt"
	}
	return protocol
}

// formatError tells why a value is not of a format; only the formats of the official
// schemas are known, and only what is wrong beyond doubt is told.
func formatError(format, v string) string {
	switch format {
	case "uri":
		u, err := url.Parse(v)
		if err != nil || u.Scheme == "" {
			return "is not an absolute URI"
		}
	case "uri-reference":
		if _, err := url.Parse(v); err != nil {
			return "is not a URI reference"
		}
	case "email":
		if i := strings.LastIndexByte(v, '@'); i <= 0 || i == len(v)-1 {
			return "is not an e-mail address"
		}
	}
	return ""
}

func runeLen(s string) int { return utf8.RuneCountInString(s) }
