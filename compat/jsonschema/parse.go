package jsonschema

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dlclark/regexp2/v2"
	v6 "github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/weirhq/weir/compat"
	"github.com/weirhq/weir/finding"
)

// matchTimeout bounds one regular expression match; the pattern and the text are
// both untrusted. regexp2 looks at a clock that ticks every timeoutTick.
const (
	matchTimeout = 20 * time.Millisecond
	timeoutTick  = 5 * time.Millisecond
)

// Checker is the [compat.Checker] for JSON Schema drafts 4, 6, 7, 2019-09 and
// 2020-12; a schema without $schema is read as draft 7.
type Checker struct {
	budget budget
}

var tickOnce = sync.OnceFunc(func() { regexp2.SetTimeoutCheckPeriod(timeoutTick) })

// New returns a checker. It holds no state between calls.
func New() *Checker {
	tickOnce()
	return &Checker{budget: defaultBudget}
}

// Format implements [compat.Checker].
func (*Checker) Format() compat.Format { return compat.JSON }

// schema is a parsed document with what was compiled from it.
type schema struct {
	label string // how people call this version
	doc   *document
	docs  map[string]*document // every document by URL, the root included
	root  string               // URL of the root
	refs  []reference
	// timeouts counts regular expression matches that ran out of time. A validation
	// during which it moved says nothing: the validator reads a timeout as a refusal.
	timeouts  atomic.Int64
	canonical string

	annotation *compiled
	assert     *compiled
	assertErr  error
}

// reference is one $ref as it was written.
type reference struct {
	url     string // resolved
	raw     string
	from    string // name of the document it stands in
	doc     string // URL of that document
	pointer string
}

// Canonical implements [compat.Parsed].
func (s *schema) Canonical() string { return s.canonical }

// Parse implements [compat.Checker].
func (c *Checker) Parse(ctx context.Context, in compat.Schema) (p compat.Parsed, err error) {
	var doc *document
	// The validator's compiler is not ours; a panic in it must not end the process.
	defer func() {
		if r := recover(); r != nil {
			at := finding.Position{File: in.Name}
			p, err = nil, &compat.SchemaError{At: at, Err: fmt.Errorf("compile schema: %v", r)}
		}
	}()
	doc, err = readDocument(in)
	if err != nil {
		return nil, err
	}
	s := &schema{label: cmpOr(in.Version, in.Name), doc: doc, docs: map[string]*document{}}
	s.root = "weir://schema/" + escapePath(in.Name)
	if in.Name == "" {
		s.root += "schema.json"
	}
	s.docs[s.root] = doc
	if err := s.checkDraft(); err != nil {
		return nil, err
	}
	s.collectRefs(s.root, doc)
	if s.annotation, err = s.compile(ctx, in, false); err != nil {
		return nil, err
	}
	if slices.ContainsFunc(slices.Collect(maps.Values(s.docs)), func(d *document) bool { return uses(d.root, "format", true) }) {
		// Compiled here, not on first use: its references need the loader and ctx.
		s.assert, s.assertErr = s.compile(ctx, in, true)
	} else {
		s.assert = s.annotation
	}
	s.canonical = s.canonicalText()
	return s, nil
}

func (s *schema) compiled(assertFormat bool) (*compiled, error) {
	if assertFormat {
		return s.assert, s.assertErr
	}
	return s.annotation, nil
}

func escapePath(name string) string {
	parts := strings.Split(strings.ReplaceAll(name, `\`, "/"), "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return strings.TrimLeft(strings.Join(parts, "/"), "/")
}

var knownDraft = regexp.MustCompile(`^https?://json-schema\.org/(draft-0[467]/schema|draft/2019-09/schema|draft/2020-12/schema|schema)#?$`)

func (s *schema) checkDraft() error {
	obj, ok := s.doc.root.(map[string]any)
	if !ok {
		return nil
	}
	draft, ok := obj["$schema"].(string)
	if !ok || knownDraft.MatchString(draft) {
		return nil
	}
	return &compat.SchemaError{At: s.doc.at("/$schema"), Err: fmt.Errorf("read schema: unknown draft %q: known are draft-04, draft-06, draft-07, 2019-09 and 2020-12", draft)}
}

// canonicalText is the documents without what never changes a verdict: key order,
// white space, titles and other pure annotations. default stays: with defaults
// applied it matters.
func (s *schema) canonicalText() string {
	drop := func(k string) bool {
		switch k {
		case "title", "description", "$comment", "examples", "deprecated", "readOnly", "writeOnly":
			return true
		}
		return false
	}
	var b strings.Builder
	writeKey(&b, without(s.doc.root, drop, true))
	for _, u := range slices.Sorted(maps.Keys(s.docs)) {
		if u != s.root {
			b.WriteString("\n" + strconv.Quote(u) + ":")
			writeKey(&b, without(s.docs[u].root, drop, true))
		}
	}
	return b.String()
}

// collectRefs notes every reference of a document as it was written, because the
// compiler only tells the resolved URL and a loader wants the text.
func (s *schema) collectRefs(docURL string, d *document) {
	base, err := url.Parse(docURL)
	if err != nil {
		return
	}
	var walk func(v any, base *url.URL, ptr string)
	walk = func(v any, base *url.URL, ptr string) {
		switch v := v.(type) {
		case []any:
			for i, x := range v {
				walk(x, base, ptr+"/"+strconv.Itoa(i))
			}
		case map[string]any:
			for _, name := range []string{"$id", "id"} {
				if id, ok := v[name].(string); ok && !strings.HasPrefix(id, "#") {
					if u, err := base.Parse(id); err == nil {
						base = u
					}
				}
			}
			for _, k := range slices.Sorted(maps.Keys(v)) {
				if k == "enum" || k == "const" {
					continue
				}
				if raw, ok := v[k].(string); ok && (k == "$ref" || k == "$dynamicRef" || k == "$recursiveRef") {
					if u, err := base.Parse(raw); err == nil {
						s.refs = append(s.refs, reference{url: u.String(), raw: raw, from: d.name, doc: docURL, pointer: ptr + "/" + k})
					}
					continue
				}
				walk(v[k], base, ptr+"/"+escapeToken(k))
			}
		}
	}
	walk(d.root, base, "")
}

// refTo finds the reference that leads to a URL, fragment aside unless exact.
func (s *schema) refTo(target string, exact bool) (reference, bool) {
	for _, r := range s.refs {
		if r.url == target {
			return r, true
		}
	}
	if unescaped, err := url.PathUnescape(target); err == nil {
		for _, r := range s.refs {
			if u, err := url.PathUnescape(r.url); err == nil && u == unescaped {
				return r, true
			}
		}
	}
	if !exact {
		for _, r := range s.refs {
			if u, _, _ := strings.Cut(r.url, "#"); u == target {
				return r, true
			}
		}
	}
	return reference{}, false
}

// loader resolves references through the schema's own Load only, never through the
// file system or a network.
type loader struct {
	ctx          context.Context
	s            *schema
	in           compat.Schema
	assertFormat bool
}

func (l *loader) Load(u string) (any, error) {
	d, ok := l.s.docs[u]
	if !ok {
		ref, found := l.s.refTo(u, false)
		if !found {
			ref = reference{raw: u, from: l.in.Name}
		}
		raw, _, _ := strings.Cut(ref.raw, "#")
		if l.in.Load == nil {
			return nil, fmt.Errorf("no document %q is known here", raw)
		}
		if raw == "" {
			return nil, errors.New("nothing to load")
		}
		text, name, err := l.in.Load(l.ctx, raw, ref.from)
		if err != nil {
			return nil, err
		}
		d, err = readDocument(compat.Schema{Name: name, Text: text})
		if err != nil {
			return nil, err
		}
		l.s.docs[u] = d
		l.s.collectRefs(u, d)
	}
	return stripFormat(d.root, l.assertFormat), nil
}

// stripFormat is the copy that makes format an annotation: up to draft 7 the
// validator always asserts it.
func stripFormat(v any, assertFormat bool) any {
	if assertFormat || !uses(v, "format", true) {
		return v
	}
	return without(v, func(k string) bool { return k == "format" }, true)
}

// compiled is one reading of a schema: format as annotation or as assertion.
type compiled struct {
	v6    *v6.Schema
	root  *node
	nodes []*node
}

func (s *schema) compile(ctx context.Context, in compat.Schema, assertFormat bool) (*compiled, error) {
	c := v6.NewCompiler()
	c.DefaultDraft(v6.Draft7)
	c.UseLoader(&loader{ctx, s, in, assertFormat})
	c.UseRegexpEngine(s.compileRegexp)
	if assertFormat {
		c.AssertFormat()
	}
	sch, err := c.Compile(s.root)
	if err != nil {
		return nil, s.compileError(err)
	}
	return s.convert(sch, s.dynamicScope(sch, c)), nil
}

// dynamicScope is nil where no reference of the graph depends on one.
func (s *schema) dynamicScope(root *v6.Schema, c *v6.Compiler) *dynamicScope {
	seen := map[*v6.Schema]bool{root: true}
	queue := []*v6.Schema{root}
	for i := 0; i < len(queue); i++ {
		if dynamic(queue[i]) {
			return &dynamicScope{s: s, compile: c.Compile, known: map[string]*bindings{}, anchors: map[string]map[string]*v6.Schema{}}
		}
		for _, next := range subschemas(queue[i]) {
			if next != nil && !seen[next] {
				seen[next] = true
				queue = append(queue, next)
			}
		}
	}
	return nil
}

// compileError gives the compiler's error the position it is about.
func (s *schema) compileError(err error) error {
	where := func(u string) (finding.Position, bool) {
		base, frag, _ := strings.Cut(u, "#")
		if f, err := url.PathUnescape(frag); err == nil {
			frag = f
		}
		d, ok := s.docs[base]
		if !ok {
			return finding.Position{}, false
		}
		return d.at(frag), true
	}
	byRef := func(u string, exact bool) finding.Position {
		if r, ok := s.refTo(u, exact); ok {
			return s.docs[r.doc].at(r.pointer)
		}
		if at, ok := where(u); ok {
			return at
		}
		return s.doc.at("")
	}
	raw := func(u string) string {
		if r, ok := s.refTo(u, false); ok {
			return r.raw
		}
		return u
	}
	at, msg := s.doc.at(""), err
	var (
		inner    *compat.SchemaError
		invalid  *v6.SchemaValidationError
		pattern  *v6.InvalidRegexError
		pointer  *v6.JSONPointerNotFoundError
		anchor   *v6.AnchorNotFoundError
		load     *v6.LoadURLError
		verr     *v6.ValidationError
		duplicat *v6.DuplicateIDError
		draft    *v6.UnsupportedDraftError
	)
	switch {
	case errors.As(err, &inner):
		return inner
	case errors.As(err, &invalid):
		base, frag, _ := strings.Cut(invalid.URL, "#")
		if errors.As(invalid.Err, &verr) {
			leaf := leaves(verr)[0]
			p := frag
			if f, err := url.PathUnescape(frag); err == nil {
				p = f
			}
			p += pointerOf(leaf.InstanceLocation)
			if d, ok := s.docs[base]; ok {
				at = d.at(p)
			}
			msg = fmt.Errorf("%s: %s", cmpOr(p, "/"), leafText(leaf))
		}
	case errors.As(err, &pattern):
		if p, ok := where(pattern.URL); ok {
			at = p
		}
		msg = fmt.Errorf("pattern %q is no ECMA-262 regular expression: %w", pattern.Regex, pattern.Err)
	case errors.As(err, &pointer):
		at = byRef(pointer.URL, true)
		msg = fmt.Errorf("reference %q points to nothing", raw(pointer.URL))
	case errors.As(err, &anchor):
		at = byRef(anchor.Reference, true)
		msg = fmt.Errorf("reference %q points to no anchor", raw(anchor.Reference))
	case errors.As(err, &load):
		at = byRef(load.URL, false)
		msg = fmt.Errorf("reference %q cannot be resolved: %w", raw(load.URL), load.Err)
	case errors.As(err, &duplicat):
		at = s.doc.at(duplicat.Ptr1)
		msg = fmt.Errorf("$id %q is used twice, at %s and at %s", duplicat.ID, cmpOr(duplicat.Ptr1, "/"), cmpOr(duplicat.Ptr2, "/"))
	case errors.As(err, &draft):
		msg = fmt.Errorf("unknown draft %q", draft.URL)
	}
	return &compat.SchemaError{At: at, Err: fmt.Errorf("compile schema: %w", msg)}
}

func cmpOr(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// pattern is an ECMA-262 regular expression: matched by regexp2, and, where it is
// regular and understood, also an automaton.
type pattern struct {
	src      string
	re       *regexp2.Regexp
	ast      *reNode
	reason   string // why ast is nil
	timeouts *atomic.Int64
}

func (p *pattern) String() string { return p.src }

func (p *pattern) MatchString(s string) bool {
	ok, _ := p.match(s)
	return ok
}

// match also tells whether the answer is known: it is not after a timeout.
func (p *pattern) match(s string) (ok, known bool) {
	ok, err := p.re.MatchString(s)
	if err != nil {
		p.timeouts.Add(1)
		return false, false
	}
	return ok, true
}

func (s *schema) compileRegexp(src string) (v6.Regexp, error) {
	// JSON Schema asks for Unicode semantics; many patterns in use carry identity
	// escapes that only the legacy syntax allows.
	re, err := regexp2.Compile(src, regexp2.ECMAScript|regexp2.Unicode)
	if err != nil {
		var legacy error
		if re, legacy = regexp2.Compile(src, regexp2.ECMAScript); legacy != nil {
			return nil, err
		}
	}
	re.MatchTimeout = matchTimeout
	p := &pattern{src: src, re: re, timeouts: &s.timeouts}
	if p.ast, err = parseRegexp(src); err != nil {
		p.reason = err.Error()
	}
	return p, nil
}

func unescapeFragment(frag string) string {
	if p, err := url.PathUnescape(frag); err == nil {
		return p
	}
	return frag
}
