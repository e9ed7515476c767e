// Package finding holds what weir says about other people's files and clusters.
//
// A finding is a result: one of many, about a subject, with a stable rule id and,
// where there is one, a position in a source file. It goes to standard output and
// can close a gate. A failure of weir itself is an error and never a finding.
//
// The package decides how findings are ordered, counted and encoded (text, JSON,
// SARIF, JUnit, GitHub annotations, Markdown). It refuses to know where they come
// from. The two types to know are [Finding] and [Report].
package finding

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
)

// Severity says how bad a finding is. The zero value is Off.
type Severity int

// The severities, mildest first, so that they compare with < and >.
const (
	Off Severity = iota
	Info
	Warning
	Error
)

var severityNames = [...]string{Off: "off", Info: "info", Warning: "warning", Error: "error"}

func (s Severity) String() string {
	if s < Off || s > Error {
		return "Severity(" + strconv.Itoa(int(s)) + ")"
	}
	return severityNames[s]
}

// MarshalText writes the lower-case name.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a name written by MarshalText; "warn" is accepted for warning.
func (s *Severity) UnmarshalText(b []byte) error {
	v, err := ParseSeverity(string(b))
	if err != nil {
		return err
	}
	*s = v
	return nil
}

// ParseSeverity reads off, info, warning (or warn) and error.
func ParseSeverity(s string) (Severity, error) {
	if s == "warn" {
		return Warning, nil
	}
	if i := slices.Index(severityNames[:], s); i >= 0 {
		return Severity(i), nil
	}
	return Off, fmt.Errorf("unknown severity %q: use error, warning, info or off", s)
}

// Position is a place in a source file. Line and Column count from 1; zero means
// unknown. File is relative to the root that the run was given, with slashes.
type Position struct {
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

// String renders file:line:col as far as it is known, so that editors can follow it.
func (p Position) String() string {
	switch {
	case p.File == "":
		return ""
	case p.Line == 0:
		return p.File
	case p.Column == 0:
		return p.File + ":" + strconv.Itoa(p.Line)
	}
	return p.File + ":" + strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Column)
}

// IsZero reports whether nothing is known of the position.
func (p Position) IsZero() bool { return p == Position{} }

// Compare orders by file, line and column.
func (p Position) Compare(q Position) int {
	return cmp.Or(cmp.Compare(p.File, q.File), cmp.Compare(p.Line, q.Line), cmp.Compare(p.Column, q.Column))
}

// Subject is the thing a finding is about: a topic, a channel, a message, a group.
type Subject struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
}

// Detail is one labelled line below a finding, such as "witness" or "fix".
// Labels are one lower-case word.
type Detail struct {
	Label string `json:"label"`
	Text  string `json:"text"`
}

// Related is a second place that explains a finding.
type Related struct {
	Position Position `json:"at"`
	Message  string   `json:"message"`
}

// Waiver tells why a finding does not close the gate although it is one.
type Waiver struct {
	Reason string `json:"reason"`
	Until  string `json:"until"` // RFC 3339 full-date
	Owner  string `json:"owner,omitempty"`
}

// Finding is one statement about a subject.
type Finding struct {
	// Rule is a stable id, category/slug. It is never renamed and never reused.
	Rule     string   `json:"rule"`
	Severity Severity `json:"severity"`
	// Unproven marks what could be shown neither way. Severity says what the gate makes
	// of that; no encoder counts it as an error or as fine.
	Unproven bool    `json:"unproven,omitempty"`
	Subject  Subject `json:"subject"`
	// Message is one sentence without a full stop, operation or subject first.
	Message string `json:"message"`
	// Hint says what to do about it.
	Hint     string   `json:"hint,omitempty"`
	Position Position `json:"at,omitzero"`
	// Pointer is the JSON pointer (RFC 6901) of the place inside its document.
	Pointer     string    `json:"pointer,omitempty"`
	Owner       string    `json:"owner,omitempty"`
	Details     []Detail  `json:"details,omitempty"`
	Related     []Related `json:"related,omitempty"`
	Waived      *Waiver   `json:"waived,omitempty"`
	Fingerprint string    `json:"fingerprint,omitempty"`
}

// Word is what a finding counts as: waived, unproven, or its severity.
func (f Finding) Word() string {
	switch {
	case f.Waived != nil:
		return "waived"
	case f.Unproven:
		return "unproven"
	}
	return f.Severity.String()
}

// Compare orders findings by position, rule, subject and message, which is the
// order in which every encoder prints them.
func (f Finding) Compare(g Finding) int {
	return cmp.Or(
		f.Position.Compare(g.Position),
		cmp.Compare(f.Rule, g.Rule),
		cmp.Compare(f.Subject.Kind, g.Subject.Kind),
		cmp.Compare(f.Subject.Name, g.Subject.Name),
		cmp.Compare(f.Pointer, g.Pointer),
		cmp.Compare(f.Message, g.Message),
	)
}

// Skipped is a check that could not run. It is never counted as passed.
type Skipped struct {
	Rule    string  `json:"rule"`
	Subject Subject `json:"subject,omitzero"`
	Reason  string  `json:"reason"`
}

// Rule describes a rule for `weir explain`, SARIF and the rule lists.
type Rule struct {
	ID       string   `json:"id"`
	Severity Severity `json:"severity"`
	// Purpose is one sentence.
	Purpose string `json:"purpose"`
	// Why, Fails, Passes and Fix are the body of `weir explain`; any may be empty.
	Why    string `json:"why,omitempty"`
	Fails  string `json:"fails,omitempty"`
	Passes string `json:"passes,omitempty"`
	Fix    string `json:"fix,omitempty"`
	Source string `json:"source,omitempty"`
}

// Summary counts the findings of a report by what they mean for a gate.
type Summary struct {
	Errors   int `json:"errors"`
	Warnings int `json:"warnings"`
	Infos    int `json:"infos"`
	// Unproven findings are in none of the counts above.
	Unproven int `json:"unproven,omitempty"`
	Waived   int `json:"waived"`
	Skipped  int `json:"skipped"`
}

// Report is the sorted result of one run.
type Report struct {
	Findings []Finding `json:"findings"`
	Skipped  []Skipped `json:"skipped"`
	Summary  Summary   `json:"summary"`
}

// NewReport sorts the findings, drops exact repeats and those that are off, and counts.
func NewReport(fs []Finding, skipped []Skipped) *Report {
	kept := make([]Finding, 0, len(fs))
	for _, f := range fs {
		if f.Severity != Off {
			kept = append(kept, f)
		}
	}
	slices.SortStableFunc(kept, Finding.Compare)
	kept = slices.CompactFunc(kept, func(a, b Finding) bool { return a.Compare(b) == 0 && a.Severity == b.Severity })
	if skipped == nil {
		skipped = []Skipped{}
	}
	r := &Report{Findings: kept, Skipped: skipped, Summary: Summary{Skipped: len(skipped)}}
	for _, f := range kept {
		switch {
		case f.Waived != nil:
			r.Summary.Waived++
		case f.Unproven:
			r.Summary.Unproven++
		case f.Severity == Error:
			r.Summary.Errors++
		case f.Severity == Warning:
			r.Summary.Warnings++
		default:
			r.Summary.Infos++
		}
	}
	return r
}

// Gate is the lowest severity that closes the gate; Never leaves it open.
type Gate struct {
	At    Severity
	Never bool
}

// ParseGate reads the value of --fail-on: error, warning, info or never.
func ParseGate(s string) (Gate, error) {
	if s == "never" {
		return Gate{Never: true}, nil
	}
	v, err := ParseSeverity(s)
	if err != nil || v == Off {
		return Gate{}, fmt.Errorf("unknown value %q: use error, warning, info or never", s)
	}
	return Gate{At: v}, nil
}

// Closes reports whether a finding that nobody waived closes the gate.
func (g Gate) Closes(f Finding) bool { return !g.Never && f.Waived == nil && f.Severity >= g.At }

// Passes reports whether no finding that is not waived reaches the gate.
func (g Gate) Passes(fs []Finding) bool {
	return !slices.ContainsFunc(fs, g.Closes)
}
