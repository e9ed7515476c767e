package catalog

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/weirhq/weir/finding"
)

// validate checks all documents against the official schemas and every rule.
func (l *loader) validate(ctx context.Context, c *Catalog) error {
	l.specs = &specs{}
	var shared sync.Map
	claim := func(w walked) bool {
		_, taken := shared.LoadOrStore(w, true)
		return !taken
	}
	var failed error
	var once sync.Once
	err := l.each(ctx, l.docs, func(d *document) {
		if err := l.validateDocument(d, claim); err != nil {
			once.Do(func() { failed = err })
		}
	})
	if err != nil {
		return err
	}
	if failed != nil {
		return failed
	}
	l.foreignSchemas(ctx, c)
	l.crossRules(c)
	l.everybodyReceives(c)
	return nil
}

// foreignSchemas reads each Avro and Protobuf schema once in its own language, and
// checks the examples of messages against it.
func (l *loader) foreignSchemas(ctx context.Context, c *Catalog) {
	if l.o.Parse == nil {
		return
	}
	wrong := map[string][]string{} // pointers of what the official schemas refuse, by file
	for _, d := range l.docs {
		for _, f := range d.fs {
			if strings.HasPrefix(f.Rule, "spec/") {
				wrong[f.Position.File] = append(wrong[f.Position.File], f.Pointer+"/")
			}
		}
	}
	type reading struct {
		schema  *Schema
		message string // that names it first
		judge   Judge
		at      finding.Position
		err     error
	}
	var all []*reading
	known := map[Identity]*reading{}
	add := func(s *Schema, message string) {
		if known[s.Identity] != nil || slices.ContainsFunc(wrong[s.Identity.File], func(p string) bool { return strings.HasPrefix(p, s.Identity.Pointer+"/") }) {
			return
		}
		r := &reading{schema: s, message: message}
		known[s.Identity] = r
		all = append(all, r)
	}
	for ch := range c.Channels() {
		for _, m := range ch.Messages {
			for _, s := range [...]*Schema{m.Payload, m.Headers, m.Key} {
				if s != nil && s.node != nil && s.foreign() {
					add(s, m.ID)
				}
			}
		}
	}
	for _, d := range l.docs {
		for _, e := range d.foreign {
			add(e.schema, e.message)
		}
	}
	atOnce(len(all), func(i int) { all[i].judge, all[i].at, all[i].err = l.o.Parse(ctx, all[i].schema) })
	for _, r := range all {
		if r.err == nil {
			continue
		}
		f := newFinding("schema/invalid", r.schema.node, subjectOf("message", r.message), "not a valid "+string(r.schema.Format)+" schema: "+r.err.Error(), "")
		if r.at.File != "" {
			f.Position = r.at
		}
		l.report(f)
	}
	atOnce(len(l.docs), func(i int) {
		for _, e := range l.docs[i].foreign {
			if r := known[e.schema.Identity]; r != nil && r.judge != nil {
				l.misfits(r.judge, e)
			}
		}
	})
}

// atOnce does n things on all processors.
func atOnce(n int, do func(i int)) {
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range n {
		g.Go(func() error {
			do(i)
			return nil
		})
	}
	_ = g.Wait() // no error can come
}

func (l *loader) validateDocument(d *document, claim func(walked) bool) error {
	sp, err := l.specs.version(d.file.spec)
	if err != nil {
		return err
	}
	v := &documentCheck{l: l, d: d, claim: claim, names: map[string]bool{}}
	c := v.checker()
	if d.file.major == 2 {
		c.onBinding = v.bindings2
	}
	for _, is := range causes(c.check(sp.env.at(sp.definition("")), d.root())) {
		if is.n.parent == d.root() && is.n.Key == "asyncapi" {
			continue // normalised, and reported by the version gate
		}
		v.issue(is, finding.Error)
	}
	if d.app != nil {
		v.rules()
	}
	return nil
}

// causes drops what another issue explains: a second word on a value that has the
// wrong type, and a missing field whose name is there with a slip in it.
func causes(all []issue) []issue {
	type field struct {
		of  *Node
		key string
	}
	mistyped, misspelt := map[*Node]bool{}, map[field]bool{}
	for _, is := range all {
		switch {
		case is.kind == issueType:
			mistyped[is.n] = true
		case is.kind == issueUnknown && is.field != "":
			misspelt[field{is.n.parent, is.field}] = true
		}
	}
	return slices.DeleteFunc(all, func(is issue) bool {
		return is.kind == issueValue && !is.onKey && mistyped[is.n] || is.kind == issueMissing && misspelt[field{is.n, is.field}]
	})
}

// documentCheck reports what is wrong with one document.
type documentCheck struct {
	l     *loader
	d     *document
	claim func(walked) bool
	env   *schemaEnv
	names map[string]bool
}

func (v *documentCheck) checker() *checker {
	return &checker{
		st: v.l.st, spec: true, seen: map[walked]bool{}, claim: v.claim, file: v.d.file.name,
		ver: v.d.file.spec, def: "asyncapi.json", onExtension: v.extension,
	}
}

func (v *documentCheck) report(rule string, n *Node, msg, hint string) {
	v.d.fs = append(v.d.fs, newFinding(rule, n, subjectAround(n), msg, hint))
}

func (v *documentCheck) reportKey(rule string, n *Node, msg, hint string) {
	v.report(rule, n, msg, hint)
	v.d.fs[len(v.d.fs)-1].Position = n.KeyPos()
}

// unless softens the last finding to a warning where the specification and the
// official rules do not demand what it asks for.
func (v *documentCheck) unless(demanded bool) {
	if !demanded {
		v.d.fs[len(v.d.fs)-1].Severity = finding.Warning
	}
}

// subjectAround is the named thing around a node.
func subjectAround(n *Node) finding.Subject {
	var chain []*Node
	root := n
	for ; root.parent != nil; root = root.parent {
		chain = append(chain, root)
	}
	kinds := map[string]string{
		"channels": "channel", "operations": "operation", "messages": "message", "servers": "server",
		"schemas": "schema", "parameters": "parameter", "securitySchemes": "security scheme",
		"messageTraits": "message trait", "operationTraits": "operation trait",
	}
	for i := len(chain) - 1; i > 0; i-- {
		if k, ok := kinds[chain[i].Key]; ok {
			return subjectOf(k, chain[i-1].Key)
		}
	}
	return subjectOf("document", n.fileName())
}

func (v *documentCheck) issue(is issue, sev finding.Severity) {
	rule := [...]string{
		issueUnknown: "spec/unknown-field", issueMissing: "spec/missing-field", issueType: "spec/type",
		issueValue: "spec/value", issueRefPlace: "ref/place",
	}[is.kind]
	if strings.HasPrefix(is.def, "bindings/") || is.n.Key == "bindingVersion" || (is.n.Key == "groupId" || is.n.Key == "clientId") && is.kind == issueType {
		rule = "spec/binding"
		if is.n.Kind == String && (is.n.Key == "groupId" || is.n.Key == "clientId") {
			is.msg = is.n.Key + " must be a schema, it is " + describe(is.n)
			is.hint = "write " + is.n.Key + ": {type: string, const: " + is.n.Value + "}"
		}
		if is.kind == issueUnknown && strings.HasPrefix(is.def, "bindings/kafka/") && slices.Contains(kafka06[:], is.n.Key) {
			v.reportKey("spec/binding-0.6", is.n, quote(is.n.Key)+" is a field of Kafka binding 0.6.0, which is not released; weir reads it already",
				"other tools refuse it until then; the x- spelling is accepted everywhere")
			return
		}
	}
	f := newFinding(rule, is.n, subjectAround(is.n), is.msg, is.hint)
	f.Position = is.position()
	if is.kind == issueMissing && is.n.parent != nil {
		f.Position = is.n.KeyPos()
	}
	f.Severity = sev
	v.d.fs = append(v.d.fs, f)
}

var kafka06 = [...]string{
	"envServerOverrides", "errorTopic", "retryTopic", "principal", "transactional", "transactionalId",
	"isolationLevel", "compatibility",
}

// Keys of weir's own, to recognise a slip.
var extensionKeys = [...]string{
	"x-owner", "x-system", "x-visibility", "x-lifecycle", "x-classification", "x-pii", "x-env-server-overrides",
	"x-error-topics", "x-principal", "x-transactional", "x-transactional-id", "x-isolationLevel", "x-compatibility",
	"x-perspective", "x-managed", "x-external", "x-erasure", "x-retention-reason", "x-slo", "x-static-membership",
	"x-waivers", "x-publish-mode", "x-schemaReferences", "x-producers", "x-consumers",
}

func (v *documentCheck) extension(k *Node) {
	if slices.Contains(extensionKeys[:], k.Key) {
		return
	}
	for _, e := range extensionKeys {
		if edits(k.Key, e, 2) == 1 || strings.EqualFold(k.Key, e) {
			v.reportKey("ext/unknown", k, "extension "+quote(k.Key)+" is not read", "did you mean "+e+"?")
			return
		}
	}
}

// bindings2 checks the bindings of a 2.x object, which the 2.x schemas leave open.
func (v *documentCheck) bindings2(def string, n *Node) {
	object := ""
	switch def {
	case "server.json":
		object = "server"
	case "channelItem.json":
		object = "channel"
	case "operation.json", "operationTrait.json":
		object = "operation"
	case "message.json", "messageTrait.json":
		object = "message"
	case "components.json":
		if n.parent != nil {
			object = strings.TrimSuffix(n.parent.Key, "Bindings")
		}
	}
	if n = v.l.st.deref(n); object == "" || n == nil || n.Kind != Map {
		return
	}
	for _, b := range n.kids {
		for _, is := range causes(v.binding(object, b.Key, v.l.st.deref(b))) {
			v.issue(is, finding.Warning)
		}
	}
}

// binding checks one binding object against the schema of its version.
func (v *documentCheck) binding(object, protocol string, n *Node) []issue {
	if n == nil || strings.HasPrefix(protocol, "x-") {
		return nil
	}
	sp, err := v.l.specs.bindings()
	if err != nil {
		return nil
	}
	return checkBinding(sp, v.l.st, object, protocol, n)
}

func checkBinding(sp *spec, st *store, object, protocol string, n *Node) []issue {
	ver := n.Get("bindingVersion")
	s, known := sp.binding(protocol, object, ver.Text())
	if len(known) == 0 {
		return nil
	}
	if s == nil {
		return []issue{{
			kind: issueValue, n: ver, def: "bindings/" + protocol,
			msg: "bindingVersion " + show(ver) + " of " + protocol + " does not exist for a " + object, hint: "known: " + join(known),
		}}
	}
	c := &checker{st: st, spec: true, noFollow: true, seen: map[walked]bool{}, def: s.Key}
	return c.check(sp.env.at(s), n)
}

// payloadEnv compiles the schemas of payloads; references lead through the catalog.
func (v *documentCheck) payloadEnv() *schemaEnv {
	if v.env == nil {
		v.env = &schemaEnv{payload: true, lookup: func(n *Node, _ string) *Node { return v.l.st.step(n).node }}
	}
	return v.env
}
