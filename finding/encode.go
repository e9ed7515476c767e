package finding

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/weirhq/weir/internal/safetext"
)

// Run is a report with what the encoders for other tools need to know beside it.
type Run struct {
	*Report
	// Name of the check, such as "catalog validate"; it names JUnit's suite and the
	// Markdown heading.
	Name string
	// Version of weir.
	Version string
	// Rules that could have fired.
	Rules []Rule
	// Gate says which findings fail a JUnit case.
	Gate Gate
	// Prefix stands before each file for readers that start at the top of the repository,
	// SARIF and GitHub; empty, or with a slash behind it.
	Prefix string
	// Verdict is the closing sentence.
	Verdict string
}

// file is the path of p from the top of the repository; an address stays what it is.
func (r *Run) file(p Position) string {
	if strings.Contains(p.File, "://") {
		return p.File
	}
	return r.Prefix + p.File
}

// helpBase is where a rule is explained.
const helpBase = "https://github.com/weirhq/weir/blob/main/docs/rules.md#"

// WriteSARIF writes SARIF 2.1.0 (OASIS standard), one run.
func (r *Run) WriteSARIF(w io.Writer) error {
	type text struct {
		Text string `json:"text"`
	}
	type region struct {
		StartLine   int `json:"startLine,omitempty"`
		StartColumn int `json:"startColumn,omitempty"`
	}
	type location struct {
		Physical *struct {
			Artifact struct {
				URI string `json:"uri"`
			} `json:"artifactLocation"`
			Region *region `json:"region,omitempty"`
		} `json:"physicalLocation,omitempty"`
		Logical []struct {
			FullyQualifiedName string `json:"fullyQualifiedName"`
			Kind               string `json:"kind,omitempty"`
		} `json:"logicalLocations,omitempty"`
		Message *text `json:"message,omitempty"`
	}
	place := func(p Position) location {
		var l location
		if p.File == "" {
			return l
		}
		l.Physical = &struct {
			Artifact struct {
				URI string `json:"uri"`
			} `json:"artifactLocation"`
			Region *region `json:"region,omitempty"`
		}{}
		l.Physical.Artifact.URI = uri(r.file(p))
		if p.Line > 0 {
			l.Physical.Region = &region{p.Line, p.Column}
		}
		return l
	}
	type suppression struct {
		Kind          string `json:"kind"`
		Justification string `json:"justification"`
	}
	type result struct {
		RuleID       string            `json:"ruleId"`
		Kind         string            `json:"kind,omitempty"`
		Level        string            `json:"level"`
		Message      text              `json:"message"`
		Locations    []location        `json:"locations,omitempty"`
		Related      []location        `json:"relatedLocations,omitempty"`
		Fingerprints map[string]string `json:"partialFingerprints,omitempty"`
		Suppressions []suppression     `json:"suppressions,omitempty"`
	}
	type rule struct {
		ID      string         `json:"id"`
		Short   text           `json:"shortDescription"`
		HelpURI string         `json:"helpUri"`
		Config  map[string]any `json:"defaultConfiguration"`
	}
	type notification struct {
		Level      string         `json:"level"`
		Message    text           `json:"message"`
		Descriptor map[string]any `json:"associatedRule,omitempty"`
	}
	results := make([]result, 0, len(r.Findings))
	used := map[string]bool{}
	for _, f := range r.Findings {
		used[f.Rule] = true
		res := result{RuleID: f.Rule, Level: sarifLevel(f.Severity), Message: text{f.fullText("\n")}}
		if f.Unproven { // section 3.27.9: not enough is known to decide, so there is no level
			res.Kind, res.Level = "open", "none"
		}
		l := place(f.Position)
		if f.Subject.Name != "" {
			l.Logical = append(l.Logical, struct {
				FullyQualifiedName string `json:"fullyQualifiedName"`
				Kind               string `json:"kind,omitempty"`
			}{f.Subject.Name, f.Subject.Kind})
		}
		if l.Physical != nil || l.Logical != nil {
			res.Locations = []location{l}
		}
		for _, rel := range f.Related {
			l := place(rel.Position)
			l.Message = &text{rel.Message}
			res.Related = append(res.Related, l)
		}
		if f.Fingerprint != "" {
			res.Fingerprints = map[string]string{"weir/v1": f.Fingerprint}
		}
		if f.Waived != nil {
			res.Suppressions = []suppression{{"external", f.Waived.Reason + " (until " + f.Waived.Until + ")"}}
		}
		results = append(results, res)
	}
	rules := make([]rule, 0, len(r.Rules))
	for _, ru := range r.Rules {
		used[ru.ID] = false
		rules = append(rules, rule{ru.ID, text{ru.Purpose}, helpBase + anchor(ru.ID), map[string]any{"level": sarifLevel(ru.Severity)}})
	}
	for id, missing := range used {
		if missing {
			rules = append(rules, rule{id, text{id}, helpBase + anchor(id), map[string]any{"level": "warning"}})
		}
	}
	slices.SortFunc(rules, func(a, b rule) int { return strings.Compare(a.ID, b.ID) })
	notes := make([]notification, 0, len(r.Skipped))
	for _, s := range r.Skipped {
		notes = append(notes, notification{"note", text{"skipped: " + s.Reason}, map[string]any{"id": s.Rule}})
	}
	run := map[string]any{
		"tool": map[string]any{"driver": map[string]any{
			"name": "weir", "version": r.Version, "informationUri": "https://github.com/weirhq/weir", "rules": rules,
		}},
		"results":    results,
		"columnKind": "unicodeCodePoints",
		"invocations": []any{map[string]any{
			"executionSuccessful":        true,
			"toolExecutionNotifications": notes,
		}},
	}
	return writeJSON(w, map[string]any{
		"$schema": "https://json.schemastore.org/sarif-2.1.0.json",
		"version": "2.1.0",
		"runs":    []any{run},
	})
}

func writeJSON(w io.Writer, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(safetext.JSON(b.Bytes()))
	return err
}

func sarifLevel(s Severity) string {
	switch s {
	case Error:
		return "error"
	case Warning:
		return "warning"
	case Info:
		return "note"
	case Off:
	}
	return "none"
}

// uri escapes what RFC 3986 does not allow in a path; SARIF consumers refuse the rest.
func uri(file string) string {
	var b strings.Builder
	for i := range len(file) {
		switch c := file[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-._~/:@!$&'()*+,;=", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// anchor is the fragment that GitHub makes of a heading that is the id.
func anchor(id string) string { return strings.NewReplacer("/", "", ".", "").Replace(id) }

// fullText is the message with its details and hint.
func (f Finding) fullText(sep string) string {
	parts := []string{f.Message}
	for _, d := range f.Details {
		parts = append(parts, d.Label+": "+d.Text)
	}
	if f.Hint != "" {
		parts = append(parts, "fix: "+f.Hint)
	}
	return strings.Join(parts, sep)
}

// WriteJUnit writes one test case a finding; findings below the gate and waived
// ones pass with their text, skipped checks are skipped. What is unproven and closes
// the gate is an error, as of a test that came to no end. A run without any finding is
// one passing case, so that CI shows that something ran.
func (r *Run) WriteJUnit(w io.Writer) error {
	type message struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr,omitempty"`
		Text    string `xml:",chardata"`
	}
	type testcase struct {
		Class   string   `xml:"classname,attr"`
		Name    string   `xml:"name,attr"`
		Failure *message `xml:"failure,omitempty"`
		Error   *message `xml:"error,omitempty"`
		Skipped *message `xml:"skipped,omitempty"`
		Out     string   `xml:"system-out,omitempty"`
	}
	type suite struct {
		XMLName  xml.Name   `xml:"testsuite"`
		Name     string     `xml:"name,attr"`
		Tests    int        `xml:"tests,attr"`
		Failures int        `xml:"failures,attr"`
		Errors   int        `xml:"errors,attr"`
		Skipped  int        `xml:"skipped,attr"`
		Cases    []testcase `xml:"testcase"`
	}
	s := suite{Name: "weir " + r.Name}
	for _, f := range r.Findings {
		c := testcase{Class: f.Rule, Name: xmlText(strings.TrimSpace(f.Position.String() + " " + f.Subject.Name))}
		body := xmlText(f.fullText("\n"))
		switch {
		case f.Waived != nil:
			c.Skipped = &message{Message: xmlText("waived: " + f.Waived.Reason)}
			s.Skipped++
		case f.Unproven && r.Gate.Closes(f):
			c.Error = &message{Message: xmlText(f.Message), Type: "unproven", Text: body}
			s.Errors++
		case r.Gate.Closes(f):
			c.Failure = &message{Message: xmlText(f.Message), Type: f.Severity.String(), Text: body}
			s.Failures++
		default:
			c.Out = f.Word() + ": " + body
		}
		s.Cases = append(s.Cases, c)
	}
	for _, k := range r.Skipped {
		s.Cases = append(s.Cases, testcase{Class: k.Rule, Name: xmlText(k.Subject.Name), Skipped: &message{Message: xmlText(k.Reason)}})
		s.Skipped++
	}
	if len(s.Cases) == 0 {
		s.Cases = append(s.Cases, testcase{Class: "weir", Name: r.Name})
	}
	s.Tests = len(s.Cases)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(s); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// xmlText keeps XML 1.0 legal: control characters do not exist in it.
func xmlText(s string) string { return safetext.NeutraliseLines(s) }

// WriteGitHub writes GitHub Actions workflow commands, one a line. Waived findings
// are notices.
func (r *Run) WriteGitHub(w io.Writer) error {
	for _, f := range r.Findings {
		level := map[Severity]string{Error: "error", Warning: "warning", Info: "notice", Off: "notice"}[f.Severity]
		if f.Waived != nil {
			level = "notice"
		}
		var props []string
		if f.Position.File != "" {
			props = append(props, "file="+githubProp(r.file(f.Position)))
			if f.Position.Line > 0 {
				props = append(props, fmt.Sprintf("line=%d", f.Position.Line))
			}
			if f.Position.Column > 0 {
				props = append(props, fmt.Sprintf("col=%d", f.Position.Column))
			}
		}
		title := f.Rule
		if f.Unproven {
			title = "unproven: " + title
		}
		props = append(props, "title="+githubProp(title))
		if _, err := fmt.Fprintf(w, "::%s %s::%s\n", level, strings.Join(props, ","), githubData(f.fullText("\n"))); err != nil {
			return err
		}
	}
	if r.Verdict != "" {
		_, err := fmt.Fprintf(w, "%s\n", safetext.Neutralise(r.Verdict))
		return err
	}
	return nil
}

// githubData and githubProp escape as the runner unescapes; the escapes also keep a
// catalog from writing workflow commands of its own.
func githubData(s string) string {
	s = safetext.NeutraliseLines(s)
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

func githubProp(s string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(githubData(s))
}
