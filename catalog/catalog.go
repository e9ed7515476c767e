// Package catalog reads AsyncAPI documents, 2.0 to 2.6, 3.0 and 3.1, from a whole
// tree of files into one model with a source position and an origin on every value.
//
// It decides what a document means: which topic a channel is, who produces and
// consumes it, who owns it, which settings, groups, principals and error topics are
// declared, and where each of these was written. It reports what is wrong with a
// document as findings, one for each cause, and what cannot be read at all as load
// errors; a file with a load error is left out and hides no other.
//
// It refuses to guess: a consumer is never inferred from a producer's document, a
// topic never from a channel id, and what is not declared is unknown, not empty. It
// never touches the network unless it is handed a loader that may.
//
// The two types to know are [Catalog] and [Channel].
package catalog

import (
	"context"
	"errors"
	"io/fs"

	"github.com/weirhq/weir/finding"
)

// Options say what to load and how to read it. The zero value of every field but FS
// is usable.
type Options struct {
	// FS is the root of the catalog. No reference leaves it.
	FS fs.FS
	// Dir is the absolute path of FS on disk, for file:// references; empty for a git tree.
	Dir string
	// Paths are the files and folders to load, relative to FS and slash-separated;
	// none means the whole root. References reach files outside of Paths too.
	Paths []string
	// Env selects an environment: a server key or a tag env:NAME of some server.
	// Empty means the documents as written.
	Env string
	// Overlays are merge-patch files of the selected environment, in order.
	Overlays []string
	// Perspective tells how 2.x publish and subscribe of a file are meant; nil means
	// [PerspectiveApplication] for all.
	Perspective func(file string) Perspective
	// Dialect names the dialect of a file; nil means none for all.
	Dialect func(file string) Dialect
	// Compatibility is the mode of messages that declare none; empty means FULL.
	Compatibility string
	// Limits bound hostile input; zero fields take their defaults.
	Limits Limits
	// Remote fetches a remote reference; nil fetches none. What is not fetched, because
	// of nil or of [ErrNotAllowed], stays unknown and is a finding; any other error is
	// a load error.
	Remote func(ctx context.Context, url string) ([]byte, error)
	// Severities change the severity of rules by id: error, warning, info or off. Load
	// errors and the rules that block a topic keep theirs.
	Severities map[string]string
	// Parsed, when set, keeps the files of this load for the next one that is given it.
	Parsed *Parsed
	// Validate also checks the documents against the official schemas and every
	// rule of [Rules]. Without it the model is built and only the rules that block a
	// topic are checked.
	Validate bool
	// Parse reads an Avro or Protobuf schema in its own language, which this package
	// does not know, and says where and why it cannot be read. The judge checks the
	// examples of messages; nil checks none. A nil Parse checks nothing.
	Parse func(ctx context.Context, s *Schema) (Judge, finding.Position, error)
}

// Judge is a schema that was read in its own language.
type Judge interface {
	// Misfits are the places where an example, as JSON, does not fit the schema. None
	// means that it fits, or that nothing can be said.
	Misfits(example []byte) []Misfit
}

// Misfit is one place of an example that does not fit its schema.
type Misfit struct {
	Pointer string // JSON pointer into the example
	OnKey   bool   // the field's name is what is wrong
	Message string // what the schema wants there, and what is there
}

// ErrNotAllowed is returned by [Options.Remote] for a host that may not be asked.
var ErrNotAllowed = errors.New("host is not allowed")

// Perspective says whose view 2.x publish and subscribe are written from.
type Perspective string

// The perspectives. Application is the specification's: publish means that the
// application consumes, subscribe that it produces. Client is the other way round.
const (
	PerspectiveApplication Perspective = "application"
	PerspectiveClient      Perspective = "client"
)

// Dialect names a way of writing documents that changes what they mean.
type Dialect string

// DialectSpecMesh makes the topic of a channel the document's domain (its id) and
// the channel key, joined by a dot.
const DialectSpecMesh Dialect = "specmesh"

// Limits bound what one load may cost.
type Limits struct {
	DocumentBytes int64 // of one file; default 16 MiB
	Depth         int   // of nesting; default 200
	Nodes         int   // that aliases may expand to in one file; default 100,000
	Files         int   // in one catalog; default 20,000
}

// The default limits.
const (
	DefaultDocumentBytes = 16 << 20
	DefaultDepth         = 200
	DefaultNodes         = 100_000
	DefaultFiles         = 20_000
)

func (l Limits) withDefaults() Limits {
	if l.DocumentBytes <= 0 {
		l.DocumentBytes = DefaultDocumentBytes
	}
	if l.Depth <= 0 {
		l.Depth = DefaultDepth
	}
	if l.Nodes <= 0 {
		l.Nodes = DefaultNodes
	}
	if l.Files <= 0 {
		l.Files = DefaultFiles
	}
	return l
}

// LoadErrors is the error of a load that left files out. The catalog returned with
// it holds everything else.
type LoadErrors struct {
	Errors []*LoadError
}

func (e *LoadErrors) Error() string {
	if len(e.Errors) == 1 {
		return e.Errors[0].Error()
	}
	return countOf(len(e.Errors), "load error") + ", the first: " + e.Errors[0].Error()
}

// Unwrap gives errors.Is and errors.As the single errors.
func (e *LoadErrors) Unwrap() []error {
	es := make([]error, len(e.Errors))
	for i, x := range e.Errors {
		es[i] = x
	}
	return es
}

// Findings turns the load errors into findings, so that every encoder can print
// them beside the others. Their rules are in [Rules] and cannot be waived.
func (e *LoadErrors) Findings() []finding.Finding {
	fs := make([]finding.Finding, len(e.Errors))
	for i, x := range e.Errors {
		fs[i] = finding.Finding{
			Rule: x.Rule, Severity: finding.Error,
			Subject: finding.Subject{Kind: "file", Name: x.At.File},
			Message: x.Message, Hint: x.Hint, Position: x.At, Pointer: x.Pointer,
		}
	}
	return fs
}

// LoadError tells why one file is not in the model.
type LoadError struct {
	// Rule is the id of the kind of error, load/slug.
	Rule    string
	At      finding.Position
	Pointer string
	Message string
	Hint    string
	Err     error
}

func (e *LoadError) Error() string {
	if at := e.At.String(); at != "" {
		return at + ": " + e.Message
	}
	return e.Message
}

func (e *LoadError) Unwrap() error { return e.Err }

// SettingError is a setting of a load that cannot be.
type SettingError struct{ Setting, Reason string }

func (e *SettingError) Error() string { return e.Setting + ": " + e.Reason }

// Code is the class of the failure.
func (*SettingError) Code() string { return "usage" }

// EnvError is an environment that no document knows.
type EnvError struct {
	Env   string
	Known []string // sorted
	// Unloaded is the number of files that could not be loaded and may declare it.
	Unloaded int
}

func (e *EnvError) Error() string {
	return "select environment " + quote(e.Env) + ": no server key and no tag env:" + e.Env + " in the catalog"
}

// Hint lists the environments that exist.
func (e *EnvError) Hint() string {
	switch {
	case e.Unloaded > 0 && len(e.Known) == 0:
		return countOf(e.Unloaded, "file") + " could not be loaded: weir catalog validate without --env says why"
	case e.Unloaded > 0:
		return "known: " + join(e.Known) + "; " + countOf(e.Unloaded, "file") + " could not be loaded, weir catalog validate without --env says why"
	}
	if len(e.Known) == 0 {
		return "the catalog declares no servers"
	}
	return "known: " + join(e.Known)
}
