package catalog

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/weirhq/weir/finding"
)

// document is one AsyncAPI document on its way into the model.
type document struct {
	file *file
	app  *Application
	errs []*LoadError
	fs   []finding.Finding

	// where the entries of the document's own maps went, for references to them
	channels map[*Node]*Channel
	messages map[*Node]*Message

	// examples under schemas that only their own language can judge
	foreign []foreignExample
}

func (d *document) root() *Node { return d.file.root }

// Load reads a catalog. The catalog is nil only when the error is neither nil nor a
// *LoadErrors: with *LoadErrors it holds every file that could be read. An
// environment that nobody declares is an *EnvError.
func Load(ctx context.Context, o Options) (*Catalog, error) {
	l := &loader{o: o, st: &store{
		ctx: ctx, fsys: o.FS, dir: o.Dir, limits: o.Limits.withDefaults(),
		remote: o.Remote, files: map[string]*entry{}, parsed: o.Parsed,
	}}
	if len(o.Overlays) > 0 {
		l.st.parsed = nil // patches are written into the nodes
	}
	severities, err := o.severities()
	if err != nil {
		return nil, err
	}
	names, err := l.discover(ctx)
	if err != nil {
		return nil, err
	}
	if err := l.parseAll(ctx, names); err != nil {
		return nil, err
	}
	if err := l.overlay(); err != nil {
		return nil, err
	}
	if err := l.each(ctx, l.docs, l.build); err != nil {
		return nil, err
	}
	c, err := l.assemble()
	if err != nil {
		return nil, err
	}
	if o.Validate {
		if err := l.validate(ctx, c); err != nil {
			return nil, err
		}
	} else {
		l.topicNames(c)
		l.crossRules(c)
	}
	c.finish(l, severities)
	if len(l.errs) > 0 {
		return c, &LoadErrors{Errors: l.loadErrors()}
	}
	return c, nil
}

type loader struct {
	o    Options
	st   *store
	mu   sync.Mutex
	errs []*LoadError
	docs []*document
	fs   []finding.Finding

	owners     []ownerRule
	ownersOnce sync.Once
	overlays   map[string]bool // names of overlay files
	named      map[string]bool // files that Paths name themselves
	specs      *specs
}

func (l *loader) fail(e *LoadError) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.errs = append(l.errs, e)
}

func (l *loader) report(f finding.Finding) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fs = append(l.fs, f)
}

// loadErrors are sorted, and an error in a fragment that several documents reach is
// one error.
func (l *loader) loadErrors() []*LoadError {
	slices.SortStableFunc(l.errs, func(a, b *LoadError) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Message, b.Message))
	})
	return slices.CompactFunc(l.errs, func(a, b *LoadError) bool {
		return a.At == b.At && a.Rule == b.Rule && a.Message == b.Message
	})
}

// discover lists the files to look at, sorted.
func (l *loader) discover(ctx context.Context) ([]string, error) {
	paths := l.o.Paths
	if len(paths) == 0 {
		paths = []string{"."}
	}
	found := map[string]bool{}
	l.named = map[string]bool{}
	for _, p := range paths {
		p = path.Clean(strings.TrimPrefix(p, "./"))
		st, err := fs.Stat(l.st.fsys, p)
		if err != nil {
			l.fail(&LoadError{
				Rule: RuleUnreadable, At: finding.Position{File: p},
				Message: "read file: " + plainFSError(err), Err: err,
			})
			continue
		}
		if !st.IsDir() {
			found[p], l.named[p] = true, true
			continue
		}
		if err := l.walk(ctx, p, found); err != nil {
			return nil, err
		}
	}
	if len(found) > l.st.limits.Files {
		return nil, &LoadErrors{Errors: []*LoadError{{
			Rule: RuleLimit, At: finding.Position{File: paths[0]},
			Message: fmt.Sprintf("catalog has %d files, the limit is %d", len(found), l.st.limits.Files),
			Hint:    "name the folders that hold AsyncAPI documents, or raise catalog.limits.files in weir.yaml",
		}}}
	}
	names := slices.Sorted(maps.Keys(found))
	for _, n := range names {
		switch path.Ext(n) {
		case ".avsc":
			l.st.avsc = append(l.st.avsc, n)
		case ".proto":
			l.st.protos = append(l.st.protos, n)
		}
	}
	return names, nil
}

func (l *loader) walk(ctx context.Context, dir string, found map[string]bool) error {
	return fs.WalkDir(l.st.fsys, dir, func(p string, d fs.DirEntry, err error) error {
		if ctxErr := ctx.Err(); ctxErr != nil {
			return ctxErr
		}
		if err != nil {
			l.fail(&LoadError{
				Rule: RuleUnreadable, At: finding.Position{File: p},
				Message: "read folder: " + plainFSError(err), Err: err,
			})
			return nil
		}
		base := path.Base(p)
		if d.IsDir() {
			if p != dir && (strings.HasPrefix(base, ".") || base == "node_modules") {
				return fs.SkipDir
			}
			return nil
		}
		switch path.Ext(p) {
		case ".yaml", ".yml", ".json", ".avsc", ".proto":
		default:
			return nil
		}
		if d.Type()&fs.ModeSymlink != 0 {
			// A link that leaves the root, or leads to a folder, is not followed.
			if st, serr := fs.Stat(l.st.fsys, p); serr != nil || st.IsDir() {
				return nil //nolint:nilerr // it is left out, as is every link that leads nowhere in the root
			}
		}
		found[p] = true
		return nil
	})
}

// each runs f for all documents on all processors.
func (l *loader) each(ctx context.Context, docs []*document, f func(*document)) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, d := range docs {
		g.Go(func() error {
			if err := gctx.Err(); err != nil {
				return err
			}
			defer func() {
				if r := recover(); r != nil {
					// A document must never take the program down with it.
					d.app = nil
					l.fail(&LoadError{
						Rule: RuleUnreadable, At: finding.Position{File: d.file.name},
						Message: fmt.Sprintf("weir failed on this document, which is a defect of weir: %v", r),
						Hint:    "please report it with the document",
					})
				}
			}()
			f(d)
			return nil
		})
	}
	return g.Wait()
}

func (l *loader) parseAll(ctx context.Context, names []string) error {
	docs := make([]*document, len(names))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, name := range names {
		if ext := path.Ext(name); ext == ".avsc" || ext == ".proto" {
			continue
		}
		g.Go(func() error {
			if err := gctx.Err(); err != nil {
				return err
			}
			docs[i] = l.open(name)
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, d := range docs {
		if d != nil {
			l.docs = append(l.docs, d)
		}
	}
	return nil
}

// open reads one file and returns it when it is an AsyncAPI document. A file that
// does not look like one is not even parsed: it is a fragment, and it is read when a
// reference asks for it.
func (l *loader) open(name string) *document {
	e := l.st.slot(name)
	isDoc := true
	e.once.Do(func() {
		data, err := l.st.bytes(name)
		if err != nil {
			e.err = err
			return
		}
		if !looksLikeDocument(data) && !l.named[name] {
			isDoc = false
			return
		}
		e.f, e.err = l.st.parse(name, data)
	})
	if !isDoc {
		l.st.forget(name)
		return nil
	}
	if e.err != nil {
		le, ok := errors.AsType[*LoadError](e.err)
		if !ok {
			le = &LoadError{Rule: RuleUnreadable, At: finding.Position{File: name}, Message: e.err.Error(), Err: e.err}
		}
		l.fail(le)
		return nil
	}
	v := e.f.root.Get("asyncapi")
	if v == nil {
		if l.named[name] {
			at := e.f.root.Pos()
			l.fail(&LoadError{
				Rule: RuleVersion, At: at, Message: "file has no asyncapi field at its top, so it is no AsyncAPI document",
				Hint: "begin it with asyncapi: 3.0.0, or name the document that refers to it",
			})
		}
		return nil
	}
	d := &document{file: e.f, channels: map[*Node]*Channel{}, messages: map[*Node]*Message{}}
	if le := d.version(v); le != nil {
		l.fail(le)
		return nil
	}
	return d
}

// forget drops a file that was looked at and not parsed, so that a reference reads it
// later.
func (s *store) forget(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.files, name)
}

func looksLikeDocument(data []byte) bool {
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		data = bytes.ReplaceAll(data, []byte{0}, nil) // UTF-16, which YAML allows
	}
	for rest := data; ; {
		i := bytes.Index(rest, []byte("asyncapi"))
		if i < 0 {
			return false
		}
		rest = rest[i+len("asyncapi"):]
		tail := bytes.TrimLeft(rest, "\"' \t\r\n")
		if len(tail) > 0 && tail[0] == ':' {
			return true
		}
	}
}

// The versions that are read.
var supported = [...]string{"2.0", "2.1", "2.2", "2.3", "2.4", "2.5", "2.6", "3.0", "3.1"}

func (d *document) version(v *Node) *LoadError {
	e := &LoadError{Rule: RuleVersion, At: v.Pos(), Pointer: "/asyncapi"}
	if v.Kind == Number {
		e.Message = "asyncapi: " + v.Value + " is a number, the version must be a string of three parts"
		e.Hint = "write asyncapi: '" + v.Value + ".0'"
		return e
	}
	if v.Kind != String {
		e.Message = "asyncapi must be a version such as 3.0.0, it is a " + v.Kind.String()
		return e
	}
	num, pre, _ := strings.Cut(v.Value, "-")
	parts := strings.Split(num, ".")
	minor := strings.Join(parts[:min(2, len(parts))], ".")
	switch {
	case parts[0] == "1":
		e.Message = "AsyncAPI " + v.Value + " is not supported, weir reads 2.0 to 2.6, 3.0 and 3.1"
		e.Hint = "convert it to 2.x with the AsyncAPI converter, and from there to 3.0"
		return e
	case len(parts) != 3 || !slices.Contains(supported[:], minor):
		e.Message = "AsyncAPI version " + quote(v.Value) + " is not supported, weir reads 2.0 to 2.6, 3.0 and 3.1"
		return e
	}
	d.file.spec, d.file.major = minor+".0", int(parts[0][0]-'0')
	if parts[2] != "0" || pre != "" {
		d.fs = append(d.fs, newFinding("spec/version", v, subjectOf("document", d.file.name),
			"AsyncAPI "+v.Value+" is read as "+d.file.spec, "write asyncapi: "+d.file.spec+"; other tools refuse a patch version"))
	}
	return nil
}

// build makes one document into an application, or into load errors.
func (l *loader) build(d *document) {
	c := &refChecker{l: l, d: d, seen: map[visit]state{}}
	c.check()
	if len(d.errs) > 0 {
		for _, e := range d.errs {
			l.fail(e)
		}
		return
	}
	b := &builder{l: l, st: l.st, doc: d}
	b.application()
}

// assemble links the applications into one catalog.
func (l *loader) assemble() (*Catalog, error) {
	c := &Catalog{Env: l.o.Env, store: l.st, Applications: []*Application{}}
	for _, d := range l.docs {
		if d.app != nil {
			c.Applications = append(c.Applications, d.app)
		}
	}
	if l.o.Env != "" {
		if err := c.selectEnv(l.o.Env); err != nil {
			files := map[string]bool{}
			for _, e := range l.errs {
				files[e.At.File] = true
			}
			err.Unloaded = len(files)
			return nil, err
		}
	}
	disown(c)
	owned := map[Identity]*Channel{}
	for ch := range c.Channels() {
		if !ch.Foreign {
			owned[ch.Identity] = ch
		}
	}
	for ch := range c.Channels() {
		if ch.Foreign {
			if ch.defn == nil {
				ch.defn = owned[ch.Identity]
			}
			if ch.defn != nil {
				ch.Owner = ch.Owner.Or(ch.defn.Owner)
				if ch.Protocol == "" && !ch.defn.Kafka() { // a reader that names no servers
					ch.Protocol, ch.Topic = ch.defn.Protocol, ""
				}
			}
		}
	}
	c.index()
	return c, nil
}

// disown makes an inline channel foreign when its explicit owner is not that of its
// document and another document of that owner defines the topic: the inline one is a
// description then, as a reference would be.
func disown(c *Catalog) {
	owned := map[string][]*Channel{}
	for ch := range c.Channels() {
		if ch.Topic != "" && !ch.Foreign {
			owned[ch.Topic] = append(owned[ch.Topic], ch)
		}
	}
	for _, chs := range owned {
		for _, ch := range chs {
			explicit := ch.Owner.Origin == OriginExtension || ch.Owner.Origin == OriginTag
			if !explicit || ch.Owner.V.Team == ch.App.Owner.V.Team {
				continue
			}
			for _, d := range chs {
				if d != ch && !d.Foreign && d.App.Owner.V.Team == ch.Owner.V.Team {
					ch.Foreign, ch.defn = true, d
				}
			}
		}
	}
}

// severities reads Options.Severities.
func (o *Options) severities() (map[string]finding.Severity, error) {
	m := map[string]finding.Severity{}
	for _, id := range slices.Sorted(maps.Keys(o.Severities)) {
		setting := "catalog.severities." + id
		sev, err := finding.ParseSeverity(o.Severities[id])
		if err != nil {
			return nil, &SettingError{Setting: setting, Reason: err.Error()}
		}
		if _, ok := ruleByID(id); !ok {
			return nil, &SettingError{Setting: setting, Reason: "there is no such rule of the catalog"}
		}
		if strings.HasPrefix(id, "load/") || slices.Contains(blocking[:], id) {
			return nil, &SettingError{Setting: setting, Reason: "the severity of this rule cannot be changed"}
		}
		m[id] = sev
	}
	return m, nil
}

func (c *Catalog) finish(l *loader, severities map[string]finding.Severity) {
	c.preload()
	c.Files = l.st.fileNames()
	all := l.fs
	for _, d := range l.docs {
		all = append(all, d.fs...)
	}
	for i := range all {
		if sev, ok := severities[all[i].Rule]; ok {
			all[i].Severity = sev
		}
		if all[i].Owner == "" {
			all[i].Owner = c.ownerOfFile(all[i].Position.File)
		}
	}
	c.Findings = finding.NewReport(all, nil).Findings
	c.block()
}

// preload reads what [Schema.Load] may be asked for: the file system may be closed
// when the load is done.
func (c *Catalog) preload() {
	avro, proto := false, false
	for ch := range c.Channels() {
		for _, m := range ch.Messages {
			for _, s := range [...]*Schema{m.Payload, m.Key, m.Headers} {
				if s != nil {
					avro = avro || s.Format == FormatAvro
					proto = proto || s.Format == FormatProtobuf
				}
			}
		}
	}
	if avro {
		_, _ = c.store.avroType("", "")
	}
	if proto {
		for _, n := range c.store.protos {
			_, _ = c.store.read(n) // an unreadable one is an error when it is asked for
		}
	}
}

func (c *Catalog) ownerOfFile(name string) string {
	i, ok := slices.BinarySearchFunc(c.Applications, name, func(a *Application, n string) int { return cmp.Compare(a.File, n) })
	if !ok {
		return ""
	}
	return c.Applications[i].Owner.V.Team
}

// block collects what plan and apply must not touch.
func (c *Catalog) block() {
	c.blocked = map[string][]finding.Finding{}
	for _, f := range c.Findings {
		if f.Subject.Kind == "topic" && slices.Contains(blocking[:], f.Rule) {
			c.blocked[f.Subject.Name] = append(c.blocked[f.Subject.Name], f)
			if f.Rule == "topic/collision" {
				for _, r := range f.Related {
					c.blocked[r.Message] = append(c.blocked[r.Message], f)
				}
			}
		}
	}
}

func newFinding(rule string, n *Node, subject finding.Subject, msg, hint string) finding.Finding {
	sev := finding.Warning
	if r, ok := ruleByID(rule); ok {
		sev = r.Severity
	}
	return finding.Finding{
		Rule: rule, Severity: sev, Subject: subject, Message: msg, Hint: hint,
		Position: n.Pos(), Pointer: n.Pointer(),
	}
}

func subjectOf(kind, name string) finding.Subject { return finding.Subject{Kind: kind, Name: name} }
