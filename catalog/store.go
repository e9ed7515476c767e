package catalog

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/weirhq/weir/finding"
)

// store holds every file of one load, read once, and resolves references between
// them.
type store struct {
	ctx    context.Context //nolint:containedctx // lives for one load only
	fsys   fs.FS
	dir    string
	limits Limits
	remote func(ctx context.Context, url string) ([]byte, error)
	parsed *Parsed

	mu     sync.Mutex
	files  map[string]*entry
	avsc   []string // names of all .avsc files below the paths
	protos []string

	memo sync.Map // *Node with $ref -> *resolution

	avroOnce  sync.Once
	avroTypes map[string][]*Node
}

type entry struct {
	once sync.Once
	f    *file
	err  error
}

func (s *store) slot(name string) *entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.files[name]
	if e == nil {
		e = &entry{}
		s.files[name] = e
	}
	return e
}

// read returns the parsed file. Errors are *LoadError.
func (s *store) read(name string) (*file, error) {
	e := s.slot(name)
	e.once.Do(func() {
		data, err := s.bytes(name)
		if err != nil {
			e.err = err
			return
		}
		e.f, e.err = s.parse(name, data)
	})
	return e.f, e.err
}

// bytes reads a file no further than the limit allows.
func (s *store) bytes(name string) ([]byte, error) {
	fail := func(err error) error {
		e := &LoadError{
			Rule: RuleUnreadable, At: finding.Position{File: name},
			Message: "read file: " + plainFSError(err), Err: err,
		}
		if h, ok := errors.AsType[interface {
			error
			Hint() string
		}](err); ok {
			e.Hint = h.Hint()
		}
		return e
	}
	f, err := s.fsys.Open(name)
	if err != nil {
		return nil, fail(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, fail(err)
	}
	if st.IsDir() {
		return nil, fail(errors.New("is a folder"))
	}
	if st.Size() > s.limits.DocumentBytes {
		return nil, tooBig(name, st.Size(), s.limits)
	}
	data, err := io.ReadAll(io.LimitReader(f, s.limits.DocumentBytes+1))
	if err != nil {
		return nil, fail(err)
	}
	return data, nil
}

// plainFSError drops the operation and path that the message around it has already.
func plainFSError(err error) string {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		err = pe.Err
	}
	return err.Error()
}

// Parsed shares files between loads of two versions of one catalog, so that what both
// have alike is parsed once. The loads have the same Paths and Limits, and run one
// after the other.
type Parsed struct {
	files sync.Map // parsedKey -> *file
}

type parsedKey struct {
	name string
	hash [sha256.Size]byte
}

func (s *store) parse(name string, data []byte) (*file, error) {
	if s.parsed == nil {
		return s.parseAnew(name, data)
	}
	key := parsedKey{name, sha256.Sum256(data)}
	if f, ok := s.parsed.files.Load(key); ok {
		return f.(*file), nil //nolint:forcetypeassert // nothing else is stored
	}
	f, err := s.parseAnew(name, data)
	if err == nil {
		s.parsed.files.Store(key, f)
	}
	return f, err
}

func (s *store) parseAnew(name string, data []byte) (*file, error) {
	f := &file{name: name}
	if strings.HasSuffix(name, ".proto") {
		if int64(len(data)) > s.limits.DocumentBytes {
			return nil, tooBig(name, int64(len(data)), s.limits)
		}
		f.root = &Node{Kind: String, Value: string(data), line: 1, col: 1, textLine: 1, file: f}
		return f, nil
	}
	if err := parse(f, data, s.limits); err != nil {
		return nil, err
	}
	return f, nil
}

// refKind tells the ways a reference can fail apart.
type refKind int

const (
	refOK refKind = iota
	refMissingFile
	refMissingPointer
	refEscapes
	refRemote
	refCycle
	refUnreadable
	refAnchor // a plain-name fragment, which only a schema compiler can resolve
)

// resolution is where a reference leads.
type resolution struct {
	node *Node // target, not followed further
	kind refKind
	err  error  // of the file that could not be read
	what string // the file, pointer or URL that is missing
}

// refOf returns the text of $ref when n is a mapping that holds one.
func refOf(n *Node) (string, bool) {
	if n == nil || n.Kind != Map {
		return "", false
	}
	r := n.Get("$ref")
	if r == nil || r.Kind != String {
		return "", false
	}
	return r.Value, true
}

// step follows one reference, relative to the file that holds it.
func (s *store) step(n *Node) *resolution { return s.stepFrom(n, 0) }

// stepFrom counts how many references are being resolved to resolve this one: a
// pointer may run through another reference, and two of them through each other.
func (s *store) stepFrom(n *Node, depth int) *resolution {
	if depth > 64 {
		return &resolution{kind: refCycle, what: n.Identity().String()}
	}
	if r, ok := s.memo.Load(n); ok {
		return r.(*resolution) //nolint:forcetypeassert // only resolutions are stored
	}
	ref, _ := refOf(n)
	r := s.embedded(n, ref, depth)
	if r == nil {
		r = s.lookup(ref, n.Get("$ref").fileName(), depth)
	}
	s.memo.Store(n, r)
	return r
}

func (s *store) lookup(ref, from string, depth int) *resolution {
	loc, frag, hasFrag := strings.Cut(ref, "#")
	name := from
	switch {
	case strings.HasPrefix(loc, "http://"), strings.HasPrefix(loc, "https://"):
		r := s.fetch(loc)
		if r.kind != refOK {
			return r
		}
		name = loc
	case isRemoteName(from) && loc != "":
		base, err := url.Parse(from)
		if err != nil {
			return &resolution{kind: refMissingFile, what: loc}
		}
		u, err := base.Parse(loc)
		if err != nil {
			return &resolution{kind: refMissingFile, what: loc}
		}
		return s.lookup(u.String()+"#"+frag, from, depth)
	case loc != "":
		var bad *resolution
		if name, bad = s.localName(loc, from); bad != nil {
			return bad
		}
	}
	f, err := s.read(name)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return &resolution{kind: refMissingFile, what: name, err: err}
		}
		return &resolution{kind: refUnreadable, what: name, err: err}
	}
	if !hasFrag || frag == "" {
		return &resolution{node: f.root}
	}
	if u, err := url.PathUnescape(frag); err == nil {
		frag = u
	}
	if !strings.HasPrefix(frag, "/") {
		return &resolution{kind: refAnchor, what: "#" + frag}
	}
	r := s.pointer(f.root, frag, depth)
	if r.kind == refMissingPointer && loc != "" {
		r.what = name + r.what
	}
	return r
}

func (s *store) localName(loc, from string) (string, *resolution) {
	p := loc
	if rest, ok := strings.CutPrefix(p, "file://"); ok {
		p = rest
	} else if i := strings.Index(p, "://"); i > 0 {
		return "", &resolution{kind: refRemote, what: loc}
	}
	if u, err := url.PathUnescape(p); err == nil {
		p = u
	}
	p = strings.ReplaceAll(p, `\`, "/")
	if path.IsAbs(p) {
		rel, ok := strings.CutPrefix(p, strings.TrimSuffix(s.dir, "/")+"/")
		if !ok || s.dir == "" {
			return "", &resolution{kind: refEscapes, what: loc}
		}
		p = rel
	} else {
		p = path.Join(path.Dir(from), p)
	}
	if p == ".." || strings.HasPrefix(p, "../") {
		return "", &resolution{kind: refEscapes, what: loc}
	}
	p = path.Clean(p)
	if !fs.ValidPath(p) {
		return "", &resolution{kind: refMissingFile, what: loc}
	}
	return p, nil
}

// pointer evaluates a JSON pointer and follows references on the way. What lies below
// a remote reference is remote too.
func (s *store) pointer(n *Node, ptr string, depth int) *resolution {
	missing := &resolution{kind: refMissingPointer, what: "#" + ptr}
	for tok := range strings.SplitSeq(ptr[1:], "/") {
		tok = unescapePointer(tok)
		for range 32 {
			if _, ok := refOf(n); !ok || n.Get(tok) != nil {
				break
			}
			res := s.stepFrom(n, depth+1)
			switch {
			case res.kind == refRemote:
				return res
			case res.node == nil:
				return missing
			}
			n = res.node
		}
		switch n.Kind {
		case Map:
			n = n.Get(tok)
		case List:
			i, err := strconv.Atoi(tok)
			if err != nil || i < 0 || i >= len(n.kids) {
				return missing
			}
			n = n.kids[i]
		default:
			return missing
		}
		if n == nil {
			return missing
		}
	}
	return &resolution{node: n}
}

// follow resolves a node to what it stands for. The resolution of a reference that
// leads nowhere has no node; a node that is no reference resolves to itself, and so
// does a schema for which a reference is one keyword of several.
func (s *store) follow(n *Node) *resolution { return s.followIn(n, "") }

// followIn is follow for a schema of a dialect that is not written where it is.
func (s *store) followIn(n *Node, in dialect) *resolution {
	r := &resolution{node: n}
	for hop := 0; ; hop++ {
		if _, ok := refOf(r.node); !ok || moreThanRef(r.node, in) {
			return r
		}
		if hop == 64 {
			return &resolution{kind: refCycle, what: r.node.Identity().String()}
		}
		r = s.step(r.node)
		if r.node == nil {
			return r
		}
	}
}

// deref is follow for nodes whose references were checked; nil stays nil.
func (s *store) deref(n *Node) *Node {
	if n == nil {
		return nil
	}
	return s.follow(n).node
}

func isRemoteName(name string) bool {
	return strings.HasPrefix(name, "http://") || strings.HasPrefix(name, "https://")
}

// fetch reads a remote file into the store once.
func (s *store) fetch(u string) *resolution {
	if s.remote == nil {
		return &resolution{kind: refRemote, what: u}
	}
	e := s.slot(u)
	e.once.Do(func() {
		data, err := s.remote(s.ctx, u)
		if errors.Is(err, ErrNotAllowed) {
			return
		}
		if err != nil {
			e.err = &LoadError{Rule: RuleRefRemote, At: finding.Position{File: u}, Message: "cannot be fetched: " + err.Error(), Err: err}
			return
		}
		name := u
		if json.Valid(data) {
			name = u + "#.json"
		}
		f := &file{name: name}
		if e.err = parse(f, unwrapRegistry(data), s.limits); e.err == nil {
			f.name = u
			e.f = f
		}
	})
	switch {
	case e.err != nil:
		return &resolution{kind: refUnreadable, what: u, err: e.err}
	case e.f == nil:
		return &resolution{kind: refRemote, what: u}
	}
	return &resolution{node: e.f.root}
}

// unwrapRegistry takes the schema out of the envelope {subject, version, schema} in
// which a schema registry answers.
func unwrapRegistry(data []byte) []byte {
	var env struct {
		Subject string `json:"subject"`
		Schema  string `json:"schema"`
	}
	if json.Unmarshal(data, &env) == nil && env.Subject != "" && json.Valid([]byte(env.Schema)) {
		return []byte(env.Schema)
	}
	return data
}

// fileNames are all files that were read, sorted.
func (s *store) fileNames() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for name, e := range s.files {
		if e.f != nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// refError words the failure of a reference at the place that holds it.
func (r *resolution) loadError(n *Node) *LoadError {
	ref, _ := refOf(n)
	at := n.Get("$ref")
	e := &LoadError{At: at.Pos(), Pointer: n.Pointer(), Err: r.err}
	switch r.kind {
	case refMissingFile:
		e.Rule, e.Message = RuleRefMissing, fmt.Sprintf("reference %q: file %s does not exist", ref, r.what)
		e.Hint = "a reference is relative to the file that holds it"
	case refMissingPointer:
		e.Rule, e.Message = RuleRefMissing, fmt.Sprintf("reference %q: nothing is at %s", ref, r.what)
	case refAnchor:
		e.Rule, e.Message = RuleRefMissing, fmt.Sprintf("reference %q: %s is not a JSON pointer", ref, r.what)
		e.Hint = "write #/path/to/the/target"
	case refEscapes:
		e.Rule, e.Message = RuleRefEscape, fmt.Sprintf("reference %q leaves the root of the catalog", ref)
		e.Hint = "name the folder that holds both files with --ref-root"
	case refRemote: // a finding, not an error
	case refCycle:
		e.Rule, e.Message = RuleRefCycle, fmt.Sprintf("reference %q leads back to itself", ref)
	case refUnreadable:
		le, _ := errors.AsType[*LoadError](r.err)
		if le != nil {
			// The file's own error, at its own place: one cause, however many need it.
			own := *le
			own.Hint = "correct the reference at " + at.Pos().String() + ", or what it leads to"
			if le.Hint != "" {
				own.Hint = le.Hint + "; needed by " + at.Pos().String()
			}
			return &own
		}
	case refOK:
	}
	return e
}
