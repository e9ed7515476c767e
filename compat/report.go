package compat

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/weirhq/weir/finding"
)

// Report is the result of a run. Verdict and gate are two things: the verdict says
// what is true of the messages, the gate whether the change may pass.
type Report struct {
	Verdict Verdict `json:"verdict"`
	// Grade is that of the worst proven break, empty without one.
	Grade Grade `json:"grade,omitempty"`
	// Gate is passed or failed.
	Gate string `json:"gate"`
	// Prediction is compatible or incompatible under --as, else empty.
	Prediction string `json:"prediction,omitempty"`
	// Baseline is what was compared with, as a person would name it.
	Baseline string          `json:"baseline,omitempty"`
	Subjects []SubjectResult `json:"subjects"`
	Counts   Counts          `json:"counts"`
	*finding.Report

	closing string
	invalid bool
	gate    finding.Gate
}

// Counts are of subjects, by verdict and by state.
type Counts struct {
	Subjects   int `json:"subjects"`
	Compatible int `json:"compatible"`
	Unproven   int `json:"unproven"`
	Breaks     int `json:"breaks"`
	Changed    int `json:"changed"`
	Added      int `json:"added"`
	Removed    int `json:"removed"`
	// Unchecked are those under mode NONE and those that nothing can compare.
	Unchecked int `json:"unchecked"`
}

// Passed reports whether the gate is open.
func (r *Report) Passed() bool { return r.Gate == "passed" }

// Invalid reports that a schema under test could not be read, which is a failure
// of the input and no judgement of a change.
func (r *Report) Invalid() bool { return r.invalid }

// FailOn is the gate the report was judged by.
func (r *Report) FailOn() finding.Gate { return r.gate }

// Closing is the last line for people.
func (r *Report) Closing() string { return r.closing }

// Report judges results and loose findings: waivers, verdict, grade and gate.
func (e *Engine) Report(results []SubjectResult, loose []finding.Finding, baseline string) *Report {
	loose = slices.Clone(loose)
	results = slices.Clone(results)
	for i := range results { // waivers are marked in a copy
		results[i].findings = slices.Clone(results[i].findings)
	}
	loose = append(loose, e.waive(results, loose)...)
	r := &Report{Baseline: baseline, Subjects: results, Verdict: ProvenCompatible, gate: e.policy.FailOn}
	if r.Subjects == nil {
		r.Subjects = []SubjectResult{}
	}
	all := slices.Clone(loose)
	var skipped []finding.Skipped
	for i := range results {
		s := &results[i]
		all = append(all, s.findings...)
		skipped = append(skipped, s.skipped...)
		r.count(s)
		if s.Verdict != "" {
			r.Verdict = r.Verdict.Worse(s.Verdict)
		}
		if s.Verdict == ProvenBreak {
			r.Grade = worseGrade(r.Grade, cmp.Or(s.Grade, Direct))
		}
		if p := s.Prediction; p != nil {
			if r.Prediction != "incompatible" {
				r.Prediction = p.Answer
			}
		}
		r.invalid = r.invalid || s.err != nil
	}
	for _, f := range loose {
		if f.Severity == finding.Error && isBreak(f.Rule) {
			r.Verdict, r.Grade = r.Verdict.Worse(ProvenBreak), Direct
		}
		if strings.HasPrefix(f.Rule, "load/") || f.Rule == "compat/invalid-baseline" {
			r.Verdict = r.Verdict.Worse(Unproven) // what was not read was not compared
		}
	}
	if r.Counts.Unchecked > 0 && r.Counts.Compatible+r.Counts.Breaks == 0 && r.Verdict == ProvenCompatible {
		r.Verdict = Unproven // nothing was proven at all
	}
	if e.policy.As != "" && r.Prediction == "" {
		r.Prediction = "compatible"
	}
	slices.SortFunc(skipped, func(a, b finding.Skipped) int {
		return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Subject.Name, b.Subject.Name), cmp.Compare(a.Reason, b.Reason))
	})
	r.Report = finding.NewReport(all, skipped)
	r.Gate = "failed"
	if e.policy.FailOn.Passes(r.Findings) {
		r.Gate = "passed"
	}
	r.closing = e.sentence(r)
	return r
}

// isBreak reports whether a finding of the engine's own says that something breaks.
func isBreak(rule string) bool {
	switch rule {
	case "compat/message-removed", "compat/channel-removed", "compat/subject-removed", "compat/producer-consumer-mismatch":
		return true
	}
	return false
}

func (r *Report) count(s *SubjectResult) {
	r.Counts.Subjects++
	switch s.State {
	case StateChanged:
		r.Counts.Changed++
	case StateAdded:
		r.Counts.Added++
	case StateRemoved:
		r.Counts.Removed++
	case StateUnchecked:
		r.Counts.Unchecked++
	case StateUnchanged:
	}
	switch s.Verdict {
	case ProvenCompatible:
		r.Counts.Compatible++
	case Unproven:
		r.Counts.Unproven++
	case ProvenBreak:
		r.Counts.Breaks++
	}
}

// sentence is the closing line. Unproven is never counted as a break or as
// compatible, and a break that only strange names can meet is not called compatible.
func (e *Engine) sentence(r *Report) string {
	checked := fmt.Sprintf("%s checked, %d changed", count(r.Counts.Subjects, "schema"), r.Counts.Changed)
	var parts []string
	if n := r.Summary.Errors; n > 0 {
		parts = append(parts, count(n, "error"))
	}
	if n := r.Summary.Warnings; n > 0 {
		parts = append(parts, count(n, "warning"))
	}
	if n := r.Summary.Unproven; n > 0 {
		parts = append(parts, fmt.Sprintf("%d unproven", n))
	}
	if n := r.Counts.Unchecked; n > 0 {
		parts = append(parts, fmt.Sprintf("%d not checked", n))
	}
	if n := r.Summary.Waived; n > 0 {
		parts = append(parts, fmt.Sprintf("%d waived", n))
	}
	if n := len(r.Skipped); n > 0 {
		parts = append(parts, fmt.Sprintf("%d skipped", n))
	}
	tail := strings.Join(append(parts, checked), ", ")
	if e.policy.As != "" {
		return fmt.Sprintf("%s registry: %s; %s", strings.TrimSuffix(e.policy.As, "-lenient"), r.Prediction, tail)
	}
	switch {
	case !r.Passed() && r.Verdict == ProvenBreak && len(r.Subjects) > 0 && r.onlyLinks():
		return "senders and receivers do not fit: " + tail
	case !r.Passed() && r.Verdict == ProvenBreak:
		return "not compatible: " + r.broken() + tail
	case !r.Passed():
		return "the gate did not pass: " + tail
	case r.Verdict == ProvenBreak && r.Grade == OpenContent:
		return fmt.Sprintf("breaks only on undeclared names: passed with %s (%s)", count(r.Summary.Warnings, "warning"), checked)
	case r.Verdict == ProvenBreak:
		return "breaks, and passed: " + tail
	case r.Verdict == Unproven:
		return "unproven, and passed: " + tail
	}
	return "compatible: " + tail
}

// onlyLinks reports that all breaks are between documents of one catalog.
func (r *Report) onlyLinks() bool {
	for _, f := range r.Findings {
		if f.Severity == finding.Error && f.Rule != "compat/producer-consumer-mismatch" {
			return false
		}
	}
	return true
}

// broken names the directions that are violated.
func (r *Report) broken() string {
	var out []string
	for _, d := range []Direction{Backward, Forward} {
		for _, s := range r.Subjects {
			if s.Link == nil && slices.ContainsFunc(s.Comparisons, func(c Comparison) bool { return c.Direction == d && c.Verdict == ProvenBreak }) {
				out = append(out, map[Direction]string{Backward: "BACKWARD (new readers, old records)", Forward: "FORWARD (old readers, new records)"}[d])
				break
			}
		}
	}
	if len(out) == 0 {
		return ""
	}
	return strings.Join(out, " and ") + " broken; "
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
