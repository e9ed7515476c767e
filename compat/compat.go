// Package compat decides whether two versions of a schema, or of a catalog, can
// live side by side, and proves what it says.
//
// It decides modes and directions, what is compared with what across versions,
// verdicts, severities, waivers and the gate. It refuses to guess: a break is
// proven by a witness (a concrete message that one schema accepts and the other
// refuses), compatibility is proven by sound rules, and everything else is called
// unproven. A format is checked by a [Checker], one per package below this one;
// the two types to know are [Checker] and [Finding].
package compat

import (
	"context"
	"encoding/json"

	"github.com/weirhq/weir/finding"
)

// Format is the language a schema is written in.
type Format string

// The formats that have a checker.
const (
	JSON     Format = "json"
	Avro     Format = "avro"
	Protobuf Format = "protobuf"
)

// Verdict says what is known about one direction of one pair of schemas.
// Severities and waivers never change it.
type Verdict string

// The verdicts.
const (
	ProvenCompatible Verdict = "proven-compatible"
	Unproven         Verdict = "unproven"
	ProvenBreak      Verdict = "proven-break"
)

// Worse returns the worse of two verdicts: a break, then unproven, then compatible.
func (v Verdict) Worse(w Verdict) Verdict {
	rank := map[Verdict]int{ProvenCompatible: 1, Unproven: 2, ProvenBreak: 3}
	if rank[w] > rank[v] {
		return w
	}
	return v
}

// Direction says whose data meets whose reader.
type Direction string

// The directions. Backward: data written under the old schema meets the new
// reader. Forward: data written under the new schema meets the old reader.
const (
	Backward Direction = "backward"
	Forward  Direction = "forward"
)

// Grade tells how likely a proven break is to be met: direct breaks use only names
// the writer's schema declares, open-content breaks need an undeclared name.
type Grade string

// The grades.
const (
	Direct      Grade = "direct"
	OpenContent Grade = "open-content"
)

// Schema is one version of a schema, before parsing.
type Schema struct {
	Format Format
	// Text is the schema document itself: JSON, YAML turned into JSON, or .proto.
	Text []byte
	// Name is the file (or registry subject) the text came from, for messages.
	Name string
	// Version names the version for people: a commit, a registry version, "new".
	Version string
	// Locate maps a JSON pointer into Text (Protobuf: "line:col") to its place in
	// the source; nil means positions are computed in Text itself under Name.
	Locate func(pointer string) finding.Position
	// Load resolves a reference to another document, on this schema's own side
	// only: a relative file, an import path, a registry reference name. nil
	// refuses all. The result is the document's text and its canonical name.
	Load func(ctx context.Context, ref, from string) (text []byte, name string, err error)
}

// Options are the policies a check runs under.
type Options struct {
	// AssertFormat treats the JSON Schema keyword format as an assertion instead
	// of an annotation (--json-format-keyword assert).
	AssertFormat bool
	// ApplyDefaults fills the reader's defaults into a witness before it is
	// validated (--defaults apply).
	ApplyDefaults bool
	// WireOnly asks of Protobuf that the binary form stays readable, and not the JSON
	// form too (--protobuf-profile wire).
	WireOnly bool
	// Additive adds the findings of mode ADDITIVE: removals and renames.
	Additive bool
}

// Witness is the concrete message that proves a break.
type Witness struct {
	// JSON is the message in JSON form (Protobuf: protojson; Avro: Avro JSON).
	JSON json.RawMessage `json:"json,omitempty"`
	// Binary is the message as the writer encodes it, where the format has one.
	// It may be empty; nil means that there is none.
	Binary []byte `json:"binary,omitzero"`
	// Reads is what the reader makes of it, where it does not simply refuse.
	Reads string `json:"reads,omitempty"`
	// Explanation is one sentence: who accepts it, who refuses it, and why.
	Explanation string `json:"explanation"`
}

// Finding is one incompatibility, or one remark, between a writer and a reader.
type Finding struct {
	// Rule is named for what the author did, old to new, in either direction.
	Rule     string           `json:"rule"`
	Severity finding.Severity `json:"severity"`
	Message  string           `json:"message"`
	// OldPointer and NewPointer are JSON pointers (Protobuf: full names) into the
	// two schemas; one is empty where the element exists on one side only.
	OldPointer string           `json:"old_pointer"`
	NewPointer string           `json:"new_pointer"`
	OldAt      finding.Position `json:"old_at,omitzero"`
	NewAt      finding.Position `json:"new_at,omitzero"`
	Direction  Direction        `json:"direction"`
	Proof      Verdict          `json:"proof"`
	// Reason says why a finding is unproven.
	Reason  string   `json:"reason,omitempty"`
	Grade   Grade    `json:"grade,omitempty"`
	Witness *Witness `json:"witness,omitempty"`
	// Reading is set on a break that exists only where the JSON Schema keyword format
	// is read so: annotation or assertion.
	Reading string `json:"reading,omitempty"`
	// Contract marks a break of the contract that has no witness on the wire.
	Contract   bool   `json:"contract,omitempty"`
	Suggestion string `json:"suggestion,omitempty"`
	// Change is the keyword's old and new value, "old -> new", for fingerprints.
	Change string `json:"change,omitempty"`
	// VendorType is another tool's name for it: the registry's constant, or the id of
	// buf's rule.
	VendorType string   `json:"vendor_type,omitempty"`
	Details    []string `json:"details,omitempty"`
}

// Result is what a checker says about one direction of one pair.
type Result struct {
	Verdict  Verdict   `json:"verdict"`
	Findings []Finding `json:"findings"`
}

// Prediction is what a vendor's registry will answer for a pair.
type Prediction struct {
	Compatible bool `json:"compatible"`
	// Lenient is the same under the vendor's lenient policy (JSON Schema only).
	Lenient  bool            `json:"lenient"`
	Findings []VendorFinding `json:"findings"`
}

// VendorFinding is one difference in the vendor's own words.
type VendorFinding struct {
	Type    string `json:"type"`
	Path    string `json:"path"`
	Message string `json:"message,omitempty"`
}

// Parsed is a schema that its checker has read and compiled once.
type Parsed interface {
	// Canonical is equal for two schemas that differ in nothing that matters
	// (key order, white space, annotations); equal schemas are never compared.
	Canonical() string
}

// Checker compares schemas of one format. Implementations are safe for concurrent
// use and deterministic: equal input gives equal output, in equal order.
type Checker interface {
	Format() Format
	// Parse reads a schema. Errors are *SchemaError with a position.
	Parse(ctx context.Context, s Schema) (Parsed, error)
	// Check answers for one direction between an old and a new version: backward,
	// writer old and reader new; forward, writer new and reader old.
	Check(ctx context.Context, old, new Parsed, dir Direction, o Options) (Result, error)
	// Predict answers as the named vendor's registry would (only "confluent"),
	// with reader and writer chosen by dir.
	Predict(ctx context.Context, old, new Parsed, dir Direction) (Prediction, error)
	// Rules lists every rule the checker can report.
	Rules() []finding.Rule
}

// SchemaError is a schema that cannot be read: unparsable, over a limit, an
// unresolvable reference, an unknown draft or edition.
type SchemaError struct {
	At  finding.Position
	Err error
}

func (e *SchemaError) Error() string {
	if at := e.At.String(); at != "" {
		return at + ": " + e.Err.Error()
	}
	return e.Err.Error()
}

func (e *SchemaError) Unwrap() error { return e.Err }
