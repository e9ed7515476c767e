package catalog

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/weirhq/weir/finding"
)

// examples checks the examples of a message against its payload and headers. Like the
// official rules for 2.x it is strict about schemas of the message itself and lenient
// about those that a trait brings.
func (v *documentCheck) examples(m *Message) {
	for _, e := range m.node.Get("examples").Children() {
		if e.Kind != Map {
			continue
		}
		for _, part := range [...]struct {
			key string
			s   *Schema
		}{{"payload", m.Payload}, {"headers", m.Headers}} {
			value := e.Get(part.key)
			if value == nil || part.s == nil || part.s.node == nil {
				continue
			}
			what := "example"
			if name := e.Get("name").Text(); name != "" {
				what += " " + quote(name)
			}
			what += " of message " + m.ID
			holder := m.node.Get(part.key).parent
			own := holder != nil && holder.Identity() == m.Identity
			strict := own && v.d.file.major == 2
			switch {
			case part.s.Format == FormatJSON:
				v.instance(part.s.node, mediaDialect(part.s.MediaType), value, what, "its "+part.key, e, subjectOf("message", m.ID), strict)
			case part.s.foreign():
				v.d.foreign = append(v.d.foreign, foreignExample{
					schema: part.s, value: value, what: what + " does not match its " + part.key, message: m.ID, strict: strict,
				})
			}
		}
	}
}

// foreignExample is judged when the schemas of other languages are read.
type foreignExample struct {
	schema        *Schema
	value         *Node
	what, message string
	strict        bool
}

// misfits reports what the judge of a schema finds in one example.
func (l *loader) misfits(judge Judge, e foreignExample) {
	ms := judge.Misfits(e.value.JSON())
	if len(ms) == 0 {
		return
	}
	is := make([]issue, len(ms))
	for i, m := range ms {
		is[i] = issue{kind: issueValue, n: e.value, onKey: m.OnKey, msg: m.Message}
		if m.Pointer == "" {
			continue
		}
		if n := l.st.pointer(e.value, m.Pointer, 0).node; n != nil {
			is[i].n = n
		}
	}
	// The official parser passes over a field that the schema does not have.
	strict := e.strict && slices.ContainsFunc(ms, func(m Misfit) bool { return !m.OnKey })
	l.report(exampleFinding(is, is[0].n, subjectOf("message", e.message), e.what, strict))
}

// instance reports when a value does not match the schema it stands for. The walk of
// this package finds the causes; the JSON Schema library has the last word, so that
// nothing is called wrong that the library accepts. strict makes it an error and
// asserts formats, as the official rules do.
func (v *documentCheck) instance(schema *Node, in dialect, value *Node, what, against string, at *Node, sub finding.Subject, strict bool) {
	c := &checker{st: v.l.st, seen: map[walked]bool{}, formats: strict}
	is := c.check(v.payloadEnv().at(schema), value)
	if len(is) == 0 && !c.unsure {
		return
	}
	refusal := refusal(v.l.st, schema, in, value, strict)
	if refusal == nil {
		return
	}
	if len(is) == 0 {
		is = []issue{leaf(refusal, value)}
	}
	v.d.fs = append(v.d.fs, exampleFinding(is, at, sub, what+" does not match "+against, strict))
}

// exampleFinding is one finding for all that is wrong with one example.
func exampleFinding(is []issue, at *Node, sub finding.Subject, what string, strict bool) finding.Finding {
	f := newFinding("schema/example-invalid", at, sub, what+": "+is[0].msg, "correct the example, or the schema")
	f.Position = is[0].position()
	f.Severity = finding.Warning
	if strict {
		f.Severity = finding.Error
	}
	for _, more := range is[1:] {
		f.Details = append(f.Details, finding.Detail{Label: "also", Text: more.position().String() + ": " + more.msg})
		if len(f.Details) == 10 {
			break
		}
	}
	return f
}

// refusal is why the library refuses a value, nil when it does not. A schema that it
// cannot compile refuses nothing: the checks of compatibility report on such a schema.
func refusal(st *store, schema *Node, in dialect, value *Node, formats bool) *jsonschema.ValidationError {
	s, err := compileExample(st, schema, in, formats)
	if err == nil {
		var inst any
		if inst, err = jsonschema.UnmarshalJSON(bytes.NewReader(value.JSON())); err == nil {
			err = s.Validate(inst)
		}
	}
	refused, _ := errors.AsType[*jsonschema.ValidationError](err)
	return refused
}

func compileExample(st *store, schema *Node, in dialect, formats bool) (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(newBundle(st, schema, in).write()))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft7)
	c.UseLoader(noLoader{})
	registerFormats(c, formats)
	if err := c.AddResource("weir:schema", doc); err != nil {
		return nil, err
	}
	return c.Compile("weir:schema")
}

// leaf is the first cause that the library names, at its place in the value.
func leaf(e *jsonschema.ValidationError, value *Node) issue {
	for len(e.Causes) > 0 {
		e = e.Causes[0]
	}
	n := value
	for _, tok := range e.InstanceLocation {
		next := n.Get(tok)
		if i, err := strconv.Atoi(tok); n.Kind == List && err == nil && i >= 0 && i < len(n.kids) {
			next = n.kids[i]
		}
		if next == nil {
			break
		}
		n = next
	}
	return issue{kind: issueValue, n: n, msg: e.ErrorKind.LocalizedString(message.NewPrinter(language.English))}
}

// registerFormats makes format what it is to weir, an annotation, although the library
// asserts it in the drafts up to 7; or asserts the formats on which validators agree.
func registerFormats(c *jsonschema.Compiler, assert bool) {
	annotation := func(any) error { return nil }
	for _, name := range [...]string{
		"time", "duration", "period", "iri", "iri-reference", "uri-template", "json-pointer", "relative-json-pointer", "regex", "semver",
	} {
		c.RegisterFormat(&jsonschema.Format{Name: name, Validate: annotation})
	}
	for _, name := range assertedFormats {
		if !assert {
			c.RegisterFormat(&jsonschema.Format{Name: name, Validate: annotation})
		}
	}
	if assert {
		c.RegisterFormat(&jsonschema.Format{Name: "date-time", Validate: func(v any) error {
			if s, ok := v.(string); ok && !isDateTime(s) {
				return errors.New("not a date and time with a zone, such as 2026-01-31T08:00:00Z")
			}
			return nil
		}})
	}
}

var assertedFormats = [...]string{"date", "date-time", "email", "hostname", "ipv4", "ipv6", "uri", "uri-reference", "uuid"}

// isDateTime takes a space for the T, as the official validator does.
func isDateTime(s string) bool {
	_, err := time.Parse(time.RFC3339, strings.ToUpper(strings.Replace(s, " ", "T", 1)))
	return err == nil
}

// plainly reports whether a string is of a format without doubt; the library judges
// the others.
func plainly(format, s string) bool {
	switch format {
	case "date-time":
		return isDateTime(s)
	case "date":
		_, err := time.Parse(time.DateOnly, s)
		return err == nil
	}
	return !slices.Contains(assertedFormats[:], format)
}

type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("load %s: %w", url, errors.ErrUnsupported)
}

// schemas checks the defaults and examples inside of the document's schemas.
func (v *documentCheck) schemas() {
	w := schemaWalk{v: v, seen: map[*Node]bool{}}
	components := v.l.st.deref(v.d.root().Get("components"))
	for _, s := range components.Get("schemas").Children() {
		w.top(s)
	}
	for _, m := range v.messages() {
		for _, s := range [...]*Schema{m.Payload, m.Headers} {
			if s != nil && s.node != nil && s.Format == FormatJSON {
				w.top(s.node)
			}
		}
	}
	for _, ch := range v.d.app.Channels {
		for _, p := range v.l.st.deref(ch.node.Get("parameters")).Children() {
			if s := v.l.st.deref(p).Get("schema"); s != nil {
				w.top(s)
			}
		}
	}
}

type schemaWalk struct {
	v    *documentCheck
	seen map[*Node]bool
}

func (w *schemaWalk) top(n *Node) {
	if n.Get("schemaFormat") != nil && n.Get("schema") != nil {
		if formatOf(n.Get("schemaFormat").Text()) != FormatJSON {
			return
		}
		n = n.Get("schema")
	}
	w.walk(n, true, 0)
}

func (w *schemaWalk) walk(n *Node, top bool, depth int) {
	if n == nil || n.Kind != Map || w.seen[n] || depth > 200 {
		return
	}
	w.seen[n] = true
	if _, ok := refOf(n); ok {
		if t := w.v.l.st.deref(w.v.l.st.step(n).node); t != nil && t.fileName() != n.fileName() && w.v.fragment(t) {
			w.walk(t, top, depth+1)
		}
		if !moreThanRef(n, "") {
			return
		}
	}
	if depth == 0 || top {
		if !w.v.sameFile(n) && !w.v.mine(n) {
			return
		}
	}
	strict := top && w.v.d.file.major == 2
	sub := subjectAround(n)
	if d := n.Get("default"); d != nil {
		w.v.instance(n, "", d, "default", "its schema", d, sub, strict)
	}
	if e := n.Get("examples"); e != nil && e.Kind == List {
		for _, x := range e.kids {
			w.v.instance(n, "", x, "example", "its schema", x, sub, strict)
		}
	}
	for _, k := range n.kids {
		switch {
		case schemaNames[k.Key]:
			for _, p := range k.kids {
				w.walk(p, false, depth+1)
			}
		case dataKeys[k.Key], strings.HasPrefix(k.Key, "x-"):
		case k.Kind == List:
			for _, p := range k.kids {
				w.walk(p, false, depth+1)
			}
		default:
			w.walk(k, false, depth+1)
		}
	}
}
