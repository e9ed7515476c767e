package finding

import (
	"bytes"
	"encoding/xml"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func sample() *Run {
	return &Run{
		Name: "catalog validate", Version: "1.2.3", Gate: Gate{At: Error}, Verdict: "1 error, 1 warning",
		Rules: []Rule{{ID: "cat/topic-name", Severity: Error, Purpose: "A topic has a legal name."}},
		Report: NewReport([]Finding{
			{Rule: "json/enum-array-extended", Severity: Warning, Subject: Subject{"message", "Order"}, Message: "enum gained \"PARTIAL\"", Position: Position{"b.yaml", 22, 5}, Hint: "publish v2", Details: []Detail{{"witness", `{"a":1}`}}, Fingerprint: "f00"},
			{Rule: "cat/topic-name", Severity: Error, Subject: Subject{"channel", "bad topic"}, Message: "illegal\x1b[31m topic name\n::error::injected", Position: Position{"a dir/a.yaml", 3, 7}, Related: []Related{{Position{"b.yaml", 1, 1}, "also here"}}},
			{Rule: "own/owner", Severity: Error, Subject: Subject{"channel", "x"}, Message: "no owner", Waived: &Waiver{Reason: "moving | soon", Until: "2027-01-01"}},
			{Rule: "off/rule", Severity: Off, Message: "never shown"},
		}, []Skipped{{Rule: "topic/replicas", Reason: "DESCRIBE_CONFIGS not granted"}}),
	}
}

func TestReportSortsAndCounts(t *testing.T) {
	r := sample().Report
	var rules []string
	for _, f := range r.Findings {
		rules = append(rules, f.Rule)
	}
	if d := cmp.Diff([]string{"own/owner", "cat/topic-name", "json/enum-array-extended"}, rules); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(Summary{Errors: 1, Warnings: 1, Waived: 1, Skipped: 1}, r.Summary); d != "" {
		t.Error(d)
	}
	for gate, want := range map[string]bool{"error": false, "warning": false, "never": true} {
		g, err := ParseGate(gate)
		if err != nil || g.Passes(r.Findings) != want {
			t.Errorf("gate %s: passes %v, want %v (%v)", gate, !want, want, err)
		}
	}
}

// No encoder lets a control character, a forged workflow command or an unescaped
// cell separator through.
func TestEncodersNeutralise(t *testing.T) {
	r := sample()
	for name, write := range map[string]func(*bytes.Buffer) error{
		"junit":    func(b *bytes.Buffer) error { return r.WriteJUnit(b) },
		"github":   func(b *bytes.Buffer) error { return r.WriteGitHub(b) },
		"markdown": func(b *bytes.Buffer) error { return r.WriteMarkdown(b) },
		"sarif":    func(b *bytes.Buffer) error { return r.WriteSARIF(b) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if bytes.ContainsRune(b.Bytes(), '\x1b') {
			t.Errorf("%s holds an escape:\n%s", name, b.String())
		}
		for line := range strings.Lines(b.String()) {
			if strings.HasPrefix(line, "::error::injected") {
				t.Errorf("%s: a finding wrote a workflow command", name)
			}
		}
	}
}

func TestJUnit(t *testing.T) {
	var b bytes.Buffer
	if err := sample().WriteJUnit(&b); err != nil {
		t.Fatal(err)
	}
	var s struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Skipped  int `xml:"skipped,attr"`
	}
	if err := xml.Unmarshal(b.Bytes(), &s); err != nil {
		t.Fatal(err)
	}
	if s.Tests != 4 || s.Failures != 1 || s.Skipped != 2 {
		t.Errorf("tests %d failures %d skipped %d, want 4 1 2", s.Tests, s.Failures, s.Skipped)
	}
}

func TestGitHub(t *testing.T) {
	var b bytes.Buffer
	if err := sample().WriteGitHub(&b); err != nil {
		t.Fatal(err)
	}
	want := `::notice title=own/owner::no owner
::error file=a dir/a.yaml,line=3,col=7,title=cat/topic-name::illegal\x1b[31m topic name%0A::error::injected
::warning file=b.yaml,line=22,col=5,title=json/enum-array-extended::enum gained "PARTIAL"%0Awitness: {"a":1}%0Afix: publish v2
1 error, 1 warning
`
	if d := cmp.Diff(want, b.String()); d != "" {
		t.Error(d)
	}
}

// TestUnproven holds each encoder to it: what is unproven is neither an error nor fine.
func TestUnproven(t *testing.T) {
	f := Finding{Rule: "json/unproven", Severity: Error, Unproven: true, Message: "not proven", Position: Position{File: "a.json", Line: 1, Column: 2}}
	for _, tt := range []struct {
		severity Severity
		open     bool
		want     map[string]string
	}{
		{Error, false, map[string]string{
			"sarif": `"kind": "open"`, "junit": `<error message="not proven" type="unproven">`,
			"github": "::error file=a.json,line=1,col=2,title=unproven%3A json/unproven::not proven", "markdown": "#### Unproven",
		}},
		{Warning, true, map[string]string{
			"sarif": `"level": "none"`, "junit": "<system-out>unproven: not proven</system-out>",
			"github": "::warning file=a.json,line=1,col=2,title=unproven%3A json/unproven::not proven", "markdown": "0 errors, 0 warnings, 1 unproven",
		}},
	} {
		f.Severity = tt.severity
		r := &Run{Report: NewReport([]Finding{f}, nil), Name: "compat check", Gate: Gate{At: Error}}
		if r.Summary != (Summary{Unproven: 1}) || r.Gate.Passes(r.Findings) != tt.open {
			t.Errorf("%s: summary %+v, gate open %t", tt.severity, r.Summary, r.Gate.Passes(r.Findings))
		}
		for name, write := range map[string]func(io.Writer) error{"sarif": r.WriteSARIF, "junit": r.WriteJUnit, "github": r.WriteGitHub, "markdown": r.WriteMarkdown} {
			var b bytes.Buffer
			if err := write(&b); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(b.String(), tt.want[name]) || strings.Contains(b.String(), "<failure") {
				t.Errorf("%s of %s: want %q in\n%s", name, tt.severity, tt.want[name], b.String())
			}
		}
	}
}

// TestMarkdownFits holds a comment to what GitHub takes, however much there is to say.
func TestMarkdownFits(t *testing.T) {
	var fs []Finding
	for i := range 2000 {
		fs = append(fs, Finding{Rule: "json/type-changed", Severity: Error, Message: strings.Repeat("word ", 20), Position: Position{File: "a.json", Line: i + 1}})
	}
	r := &Run{Report: NewReport(fs, nil), Name: "ci", Gate: Gate{At: Error}}
	var b bytes.Buffer
	if err := r.WriteMarkdown(&b); err != nil {
		t.Fatal(err)
	}
	if b.Len() > 65_536 || !strings.Contains(b.String(), "more, which have no room here") || !strings.HasSuffix(b.String(), "2000 errors, 0 warnings, 0 unproven, 0 notes, 0 waived, 0 skipped\n") {
		t.Errorf("%d bytes, ends %q", b.Len(), b.String()[b.Len()-200:])
	}
}
