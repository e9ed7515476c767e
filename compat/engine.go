package compat

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/weirhq/weir/finding"
)

// Policy is what a run was asked to be strict about. It decides severities and the
// gate, never a verdict.
type Policy struct {
	// Mode holds where a subject declares none; empty means FULL.
	Mode    Mode
	Options Options
	// Strict makes open-content breaks errors (--content-model strict).
	Strict bool
	// Unproven is the severity of what could not be proven either way: Error or Warning.
	Unproven finding.Severity
	FailOn   finding.Gate
	// As is empty, or the registry whose answer decides: "confluent", or
	// "confluent-lenient" for its lenient policy.
	As string
	// History bounds the earlier versions of a subject; 0 means 50.
	History int
	Waivers []Waiver
	// Others are the rules of other checks, which a waiver may mean as well.
	Others []finding.Rule
	// Now dates waivers.
	Now time.Time
}

// DefaultHistory is how many earlier versions a transitive mode looks at.
const DefaultHistory = 50

// Version is one version of a subject: a schema and where it stands.
type Version struct {
	Schema Schema
	At     finding.Position
	// Opaque names a format that is not compared, such as raml; the text is then only
	// hashed. Remote is the URL of a schema that was not fetched.
	Opaque string
	Remote string
	// Content is how a message's payload is encoded, where it says so.
	Content Content
	// Err is why the text could not be had.
	Err error
}

// Subject is one schema with its past: a message's payload, headers or key on a
// channel, or a file.
type Subject struct {
	// Kind is message or file; Name is unique in a run.
	Kind string `json:"kind"`
	Name string `json:"name"`
	// Channel, Message and Part are set for messages of a catalog.
	Channel string `json:"channel,omitempty"`
	Message string `json:"message,omitempty"`
	Part    string `json:"part,omitempty"` // payload, headers or key
	// RecordName is what the payload calls itself, where it has a name; Alone says
	// that the message is the only one of its channel.
	RecordName string `json:"record_name,omitempty"`
	Alone      bool   `json:"-"`
	Mode       Mode   `json:"mode"`
	Owner      string `json:"owner,omitempty"`
	// Old is the latest earlier version, nil for a new subject.
	Old *Version `json:"-"`
	New *Version `json:"-"`
	// Earlier loads the versions before Old, newest first; nil when there is no
	// history to look at. cut tells that there were more than limit.
	Earlier func(ctx context.Context, limit int) (versions []*Version, cut bool, err error) `json:"-"`
	// NoHistory says why a transitive mode sees one version only.
	NoHistory string `json:"-"`
	Who       Who    `json:"who,omitzero"`
	// Link is set for a sender and a receiver within one catalog: Old is what the
	// sender declares, New what the receiver does.
	Link *Link `json:"link,omitempty"`

	// aliases are further names under which a waiver may mean the subject, documents the
	// AsyncAPI documents that it belongs to.
	aliases, documents []string
}

// Engine compares subjects. It is safe for concurrent use.
type Engine struct {
	checkers map[Format]Checker
	policy   Policy
}

// NewEngine returns an engine with one checker a format.
func NewEngine(checkers []Checker, p Policy) *Engine {
	e := &Engine{checkers: map[Format]Checker{}, policy: p}
	for _, c := range checkers {
		e.checkers[c.Format()] = c
	}
	e.policy.Mode = cmp.Or(p.Mode, ModeFull)
	if e.policy.Unproven == finding.Off {
		e.policy.Unproven = finding.Error
	}
	if e.policy.FailOn == (finding.Gate{}) {
		e.policy.FailOn = finding.Gate{At: finding.Error}
	}
	e.policy.History = cmp.Or(p.History, DefaultHistory)
	return e
}

// Rules lists the rules of the engine and of all its checkers, sorted by id.
func (e *Engine) Rules() []finding.Rule {
	seen := map[string]finding.Rule{}
	for _, r := range engineRules() {
		seen[r.ID] = r
	}
	// Two formats may share an id; the first format by name tells it, in every run.
	for _, format := range slices.Sorted(maps.Keys(e.checkers)) {
		for _, r := range e.checkers[format].Rules() {
			if _, own := seen[r.ID]; !own {
				seen[r.ID] = r
			}
		}
	}
	out := make([]finding.Rule, 0, len(seen))
	for _, r := range seen {
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b finding.Rule) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// Comparison is one direction of one pair of versions.
type Comparison struct {
	Version   string    `json:"version"`
	Direction Direction `json:"direction"`
	Verdict   Verdict   `json:"verdict"`
	Grade     Grade     `json:"grade,omitempty"`
	Findings  []Finding `json:"findings"`
}

// State says what happened to a subject between the versions.
type State string

// The states.
const (
	StateUnchanged State = "unchanged"
	StateChanged   State = "changed"
	StateAdded     State = "added"
	StateRemoved   State = "removed"
	// StateUnchecked is a subject under mode NONE, or one that nothing can compare.
	StateUnchecked State = "unchecked"
)

// SubjectResult is what a run says about one subject.
type SubjectResult struct {
	Subject
	Format      Format           `json:"format,omitempty"`
	State       State            `json:"state"`
	Verdict     Verdict          `json:"verdict,omitempty"`
	Grade       Grade            `json:"grade,omitempty"`
	Comparisons []Comparison     `json:"comparisons"`
	Prediction  *PredictedAnswer `json:"prediction,omitempty"`

	findings []finding.Finding
	skipped  []finding.Skipped
	err      error
}

// PredictedAnswer is what a registry will say to registering the new version.
type PredictedAnswer struct {
	Registry string `json:"registry"`
	// Answer is compatible or incompatible.
	Answer   string          `json:"answer"`
	Findings []VendorFinding `json:"findings"`
	// Differs says how the answer and the truth part, empty when they agree.
	Differs string `json:"differs,omitempty"`
}

// Compare judges all subjects and returns their results in the order given.
func (e *Engine) Compare(ctx context.Context, subjects []Subject) ([]SubjectResult, error) {
	out := make([]SubjectResult, len(subjects))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range subjects {
		g.Go(func() error {
			if err := gctx.Err(); err != nil {
				return err
			}
			r, err := e.subject(gctx, subjects[i])
			out[i] = r
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return out, nil
}

// subject judges one subject. Its error is one of the run; what is wrong with the
// subject's own text is in the result.
func (e *Engine) subject(ctx context.Context, s Subject) (SubjectResult, error) {
	s.Mode = cmp.Or(s.Mode, e.policy.Mode)
	r := SubjectResult{Subject: s, Comparisons: []Comparison{}, State: StateChanged}
	switch {
	case s.New == nil:
		r.State = StateRemoved
		return r, nil
	case s.Old == nil:
		r.State = StateAdded
	case s.Mode == ModeNone:
		r.State = StateUnchecked
	}
	r.Format = s.New.Schema.Format
	if done := e.incomparable(&r); done {
		return r, nil
	}
	checker := e.checkers[s.New.Schema.Format]
	if checker == nil {
		return r, fmt.Errorf("compare %s: no checker for format %q", s.Name, s.New.Schema.Format)
	}
	if s.Old != nil && selfContained(s.Old.Schema, s.New.Schema) {
		r.State, r.Verdict = StateUnchanged, ProvenCompatible
		return r, nil
	}
	cur, asked := watchLoad(s.New.Schema)
	parsed, err := checker.Parse(ctx, cur)
	if err != nil {
		return r, e.unreadable(ctx, &r, s.New, err)
	}
	if s.Old != nil && !asked.Load() && s.Old.Schema.Format == cur.Format && bytes.Equal(s.Old.Schema.Text, cur.Text) {
		r.State, r.Verdict = StateUnchanged, ProvenCompatible
		return r, nil
	}
	if r.State == StateUnchecked {
		r.skipped = append(r.skipped, finding.Skipped{Rule: "compat/mode", Subject: r.subject(), Reason: "the mode is NONE and the schema changed"})
	}
	if r.State != StateChanged {
		return r, nil
	}
	if err := e.versions(ctx, checker, &r, parsed); err != nil {
		return r, err
	}
	e.conclude(&r)
	return r, nil
}

// selfContained reports that two texts are the same and mean the same: a text that
// names other documents may be equal while they differ.
func selfContained(a, b Schema) bool {
	if a.Format != b.Format || !bytes.Equal(a.Text, b.Text) {
		return false
	}
	switch a.Format {
	case JSON:
		return !bytes.Contains(a.Text, []byte(`"$ref"`)) || a.Load == nil || onlyLocalRefs(a.Text)
	case Protobuf:
		return !bytes.Contains(a.Text, []byte("import"))
	}
	return false // Avro may name a type of another file anywhere; see watchLoad
}

// watchLoad notes whether a text asked for other documents while it was parsed.
func watchLoad(s Schema) (Schema, *atomic.Bool) {
	asked := new(atomic.Bool)
	if load := s.Load; load != nil {
		s.Load = func(ctx context.Context, ref, from string) ([]byte, string, error) {
			asked.Store(true)
			return load(ctx, ref, from)
		}
	}
	return s, asked
}

// onlyLocalRefs reports that every $ref points into the document.
func onlyLocalRefs(text []byte) bool {
	for {
		_, rest, found := bytes.Cut(text, []byte(`"$ref"`))
		if !found {
			return true
		}
		rest = bytes.TrimLeft(rest, " \t\r\n:")
		if !bytes.HasPrefix(rest, []byte(`"#`)) {
			return false
		}
		text = rest
	}
}

// incomparable deals with what no checker can judge.
func (e *Engine) incomparable(r *SubjectResult) bool {
	old, cur := r.Old, r.New
	// A registry knows no content type: under --as it has no say.
	if old != nil && r.Mode != ModeNone && e.policy.As == "" {
		message := fmt.Sprintf("the content type changed from %s to %s", old.Content.MediaType, cur.Content.MediaType)
		switch other, sure := recoded(old, cur); {
		case other && sure:
			e.formatChanged(r, Finding{
				Message: message, OldAt: old.Content.At, NewAt: cur.Content.At, Change: old.Content.MediaType + " -> " + cur.Content.MediaType,
			})
			return true
		case other && r.Link == nil:
			r.skipped = append(r.skipped, finding.Skipped{
				Rule: "compat/format-changed", Subject: r.subject(), Reason: message + ", and one of them contradicts the schema: whether the records changed is not known",
			})
		}
	}
	if cur.Err != nil || (old != nil && old.Err != nil) {
		err := cur.Err
		at := cur.At
		if err == nil {
			err, at = old.Err, cur.At
		}
		r.State = StateUnchecked
		e.unprovenFinding(r, "compat/unreadable-schema", at, "the schema could not be read: "+err.Error(), "repair the reference, or fetch the schema")
		return true
	}
	if cur.Remote != "" || (old != nil && old.Remote != "") {
		if old == nil || old.Remote == cur.Remote {
			r.skipped = append(r.skipped, finding.Skipped{
				Rule: "compat/remote-schema", Subject: r.subject(), Reason: "the schema lies behind " + cmp.Or(cur.Remote, "a URL") + " and was not fetched",
			})
			r.State = StateUnchecked
			return true
		}
		e.unprovenFinding(r, "compat/remote-schema", cur.At, "the schema lies behind a URL on one side at least and was not fetched", "bring the schema into the catalog, or allow the host with --allow-remote")
		return true
	}
	if cur.Opaque != "" || (old != nil && old.Opaque != "") {
		if old == nil || (old.Opaque == cur.Opaque && bytes.Equal(old.Schema.Text, cur.Schema.Text)) {
			r.State = map[bool]State{true: StateAdded, false: StateUnchanged}[old == nil]
			return true
		}
		e.unprovenFinding(r, "compat/not-compared", cur.At, fmt.Sprintf("schemas in %s are not compared, and this one changed", cmp.Or(cur.Opaque, old.Opaque)), "waive it after a review, or describe the message in JSON Schema, Avro or Protobuf")
		return true
	}
	if old != nil && old.Schema.Format != cur.Schema.Format && r.Mode != ModeNone {
		e.formatChanged(r, Finding{
			Message: fmt.Sprintf("the format changed from %s to %s", old.Schema.Format, cur.Schema.Format),
			OldAt:   old.At, NewAt: cur.At, Change: string(old.Schema.Format) + " -> " + string(cur.Schema.Format),
		})
		return true
	}
	return false
}

// formatChanged concludes a subject of which no reader of one side can read the other.
func (e *Engine) formatChanged(r *SubjectResult, f Finding) {
	r.Verdict, r.Grade = ProvenBreak, Direct
	f.Rule, f.Severity, f.Proof, f.Grade, f.Contract = "compat/format-changed", finding.Error, ProvenBreak, Direct, true
	f.Suggestion = "publish the new format as a new message on a new topic version"
	for _, dir := range r.Mode.Directions() {
		f.Direction = dir
		r.Comparisons = append(r.Comparisons, Comparison{
			Version: r.Old.Schema.Version, Direction: dir, Verdict: ProvenBreak, Grade: Direct, Findings: []Finding{f},
		})
	}
	e.conclude(r)
}

func (e *Engine) unprovenFinding(r *SubjectResult, rule string, at finding.Position, msg, hint string) {
	r.Verdict = Unproven
	r.findings = append(r.findings, finding.Finding{
		Rule: rule, Severity: e.policy.Unproven, Unproven: true, Subject: r.subject(), Message: msg, Hint: hint, Position: at, Owner: r.Owner,
		Fingerprint: fingerprint(rule, r.Name, "", "", ""),
	})
}

// unreadable records a new version that does not parse. Other errors end the run.
func (e *Engine) unreadable(ctx context.Context, r *SubjectResult, v *Version, err error) error {
	if cerr := ctx.Err(); cerr != nil {
		return cerr
	}
	se, ok := errors.AsType[*SchemaError](err)
	if !ok {
		return fmt.Errorf("read %s: %w", r.Name, err)
	}
	if r.Link != nil { // the subject of its own says it
		r.State = StateUnchecked
		return nil
	}
	at, why := se.At, se.Err.Error()
	if at.File == "" {
		at = v.At
	}
	r.State, r.Verdict, r.err = StateUnchecked, Unproven, err
	r.findings = append(r.findings, finding.Finding{
		Rule: "compat/invalid-schema", Severity: finding.Error, Subject: r.subject(), Message: why, Position: at, Owner: r.Owner,
		Hint: "repair the schema: nothing can be said about it", Fingerprint: fingerprint("compat/invalid-schema", r.Name, "", "", ""),
	})
	return nil
}

// versions compares the new version with the latest, and in a transitive mode with
// every earlier one.
func (e *Engine) versions(ctx context.Context, checker Checker, r *SubjectResult, parsed Parsed) error {
	past := []*Version{r.Old}
	seen := map[string]bool{}
	for i := 0; i < len(past); i++ {
		v := past[i]
		if v.Schema.Format != r.New.Schema.Format {
			continue
		}
		old, err := checker.Parse(ctx, v.Schema)
		if err != nil {
			if cerr := ctx.Err(); cerr != nil {
				return cerr
			}
			se, ok := errors.AsType[*SchemaError](err)
			if !ok {
				return fmt.Errorf("read %s %s: %w", r.Name, v.Schema.Version, err)
			}
			e.unprovenFinding(r, "compat/invalid-baseline", r.New.At,
				fmt.Sprintf("the schema of %s cannot be read: %v", words(v.Schema.Version), se), "compare with a version that can be read")
			continue
		}
		hash := old.Canonical()
		if hash == parsed.Canonical() {
			if i == 0 {
				r.State, r.Verdict = StateUnchanged, ProvenCompatible
				return nil
			}
			continue
		}
		if !seen[hash] {
			seen[hash] = true
			if err := e.directions(ctx, checker, r, v, old, parsed); err != nil {
				return err
			}
		}
		if i == 0 && r.Mode.Transitive() {
			earlier, err := e.earlier(ctx, r)
			if err != nil {
				return err
			}
			past = append(past, earlier...)
		}
	}
	return nil
}

func (e *Engine) earlier(ctx context.Context, r *SubjectResult) ([]*Version, error) {
	if r.Earlier == nil {
		if r.NoHistory != "" {
			r.skipped = append(r.skipped, finding.Skipped{
				Rule: "compat/history", Subject: r.subject(), Reason: r.NoHistory + ": " + string(r.Mode) + " was checked against one version only",
			})
		}
		return nil, nil
	}
	vs, cut, err := r.Earlier(ctx, e.policy.History-1)
	if err != nil {
		return nil, fmt.Errorf("read the history of %s: %w", r.Name, err)
	}
	if cut {
		reason := fmt.Sprintf("only the newest %d versions were checked, there are more (--history)", e.policy.History)
		if n := len(vs) + 1; n < e.policy.History {
			reason = fmt.Sprintf("only %s found, there may be more: the clone is shallow, or --history too low", map[bool]string{true: "1 version was", false: fmt.Sprintf("%d versions were", n)}[n == 1])
		}
		r.skipped = append(r.skipped, finding.Skipped{Rule: "compat/history", Subject: r.subject(), Reason: reason})
	}
	return vs, nil
}

func (e *Engine) directions(ctx context.Context, checker Checker, r *SubjectResult, v *Version, old, cur Parsed) error {
	o := e.policy.Options
	o.Additive = r.Mode == ModeAdditive
	for _, dir := range r.Mode.Directions() {
		res, err := checker.Check(ctx, old, cur, dir, o)
		se, unlinked := errors.AsType[*SchemaError](err)
		switch {
		case unlinked && ctx.Err() == nil: // a prediction may do without what is missing
			e.unprovenFinding(r, "compat/invalid-schema", se.At, se.Err.Error(), "repair the schema: nothing can be said about it")
		case err != nil:
			return fmt.Errorf("compare %s: %w", r.Name, err)
		default:
			c := Comparison{Version: v.Schema.Version, Direction: dir, Verdict: res.Verdict, Findings: res.Findings}
			if res.Verdict == ProvenBreak {
				c.Grade = gradeOf(res.Findings)
			}
			r.Comparisons = append(r.Comparisons, c)
		}
		if e.policy.As != "" {
			if err := e.predict(ctx, checker, r, old, cur, dir); err != nil {
				return err
			}
		}
	}
	return nil
}

// gradeOf is the worst grade among breaks. One that a reading of format alone shows counts
// only where there is no other.
func gradeOf(findings []Finding) Grade {
	var g, alone Grade
	for _, f := range findings {
		switch {
		case f.Proof != ProvenBreak || f.Severity <= finding.Info:
		case f.Reading != "":
			alone = worseGrade(alone, cmp.Or(f.Grade, Direct))
		default:
			g = worseGrade(g, cmp.Or(f.Grade, Direct))
		}
	}
	return cmp.Or(g, alone)
}

func worseGrade(a, b Grade) Grade {
	if a == Direct || b == Direct {
		return Direct
	}
	return cmp.Or(a, b)
}

func (e *Engine) predict(ctx context.Context, checker Checker, r *SubjectResult, old, cur Parsed, dir Direction) error {
	p, err := checker.Predict(ctx, old, cur, dir)
	if err != nil {
		return fmt.Errorf("predict the registry's answer for %s: %w", r.Name, err)
	}
	ok := p.Compatible
	if e.policy.As == "confluent-lenient" {
		ok = p.Lenient
	}
	if r.Prediction == nil {
		r.Prediction = &PredictedAnswer{Registry: e.policy.As, Answer: "compatible", Findings: []VendorFinding{}}
	}
	if !ok {
		r.Prediction.Answer = "incompatible"
	}
	for _, f := range p.Findings {
		if !slices.Contains(r.Prediction.Findings, f) {
			r.Prediction.Findings = append(r.Prediction.Findings, f)
		}
	}
	return nil
}

// conclude sets the subject's verdict and makes findings of its comparisons.
func (e *Engine) conclude(r *SubjectResult) {
	if r.State == StateUnchanged {
		return
	}
	for _, c := range r.Comparisons {
		r.Verdict = r.Verdict.Worse(c.Verdict)
		r.Grade = worseGrade(r.Grade, c.Grade)
	}
	if r.Verdict == "" {
		r.Verdict = ProvenCompatible
	}
	type key struct{ rule, old, new, change string }
	broken := map[key]bool{}
	for _, c := range r.Comparisons {
		for _, f := range c.Findings {
			if f.Severity > finding.Info {
				broken[key{f.Rule, f.OldPointer, f.NewPointer, f.Change}] = true
			}
		}
	}
	index := map[string]int{}
	versions := map[int][]string{}
	for _, c := range r.Comparisons {
		for _, f := range c.Findings {
			if f.Severity <= finding.Info && broken[key{f.Rule, f.OldPointer, f.NewPointer, f.Change}] {
				continue // the other direction, or another version, says it
			}
			out := e.finding(r, c, f)
			i, again := index[out.Fingerprint]
			if !again {
				i = len(r.findings)
				index[out.Fingerprint] = i
				r.findings = append(r.findings, out)
			}
			if !slices.Contains(versions[i], c.Version) {
				versions[i] = append(versions[i], c.Version)
			}
		}
	}
	for i, vs := range versions {
		if len(vs) > 1 {
			r.findings[i].Details = append(r.findings[i].Details, finding.Detail{Label: "versions", Text: strings.Join(vs, ", ")})
		}
	}
	if r.Prediction != nil {
		e.concludePrediction(r)
	}
}

func (e *Engine) concludePrediction(r *SubjectResult) {
	p := r.Prediction
	name := map[string]string{"confluent": "a Confluent registry", "confluent-lenient": "a Confluent registry under its lenient policy"}[p.Registry]
	refused := p.Answer == "incompatible"
	switch {
	case refused && r.Verdict == ProvenCompatible:
		p.Differs = name + " will refuse this version, although no message can break"
	case refused && r.Verdict == Unproven:
		p.Differs = name + " will refuse this version; whether a message can break is unproven"
	case !refused && r.Verdict == ProvenBreak:
		p.Differs = name + " will accept this version, but a message breaks"
	case !refused && r.Verdict == Unproven:
		p.Differs = name + " will accept this version; whether a message can break is unproven"
	}
	// The registry's answer alone decides: what weir itself found stays to be read.
	for i := range r.findings {
		r.findings[i].Severity = min(r.findings[i].Severity, finding.Warning)
	}
	if refused {
		f := finding.Finding{
			Rule: "compat/registry-refuses", Severity: finding.Error, Subject: r.subject(), Position: r.New.At, Owner: r.Owner,
			Message: name + " will refuse this version under " + string(r.Mode), Hint: "change what it lists, or loosen the subject's level",
			Fingerprint: fingerprint("compat/registry-refuses", r.Name, "", "", ""),
		}
		for _, v := range p.Findings {
			f.Details = append(f.Details, finding.Detail{Label: "vendor", Text: strings.TrimSpace(v.Type + " " + v.Path + " " + v.Message)})
		}
		if p.Differs != "" {
			f.Details = append(f.Details, finding.Detail{Label: "truth", Text: p.Differs})
		}
		r.findings = append(r.findings, f)
		return
	}
	if p.Differs != "" {
		r.findings = append(r.findings, finding.Finding{
			Rule: "compat/registry-accepts", Severity: finding.Warning, Subject: r.subject(), Position: r.New.At, Owner: r.Owner,
			Message: p.Differs, Hint: "do not rely on the registry for this change",
			Fingerprint: fingerprint("compat/registry-accepts", r.Name, "", "", ""),
		})
	}
}

func (s *Subject) subject() finding.Subject { return finding.Subject{Kind: s.Kind, Name: s.Name} }

// severity is what the policy makes of a finding.
func (e *Engine) severity(r *SubjectResult, f Finding) finding.Severity {
	switch {
	case f.Proof == Unproven && f.Grade == OpenContent && !e.policy.Strict:
		return min(e.policy.Unproven, finding.Warning) // it would be a warning if it were known
	case f.Proof == Unproven:
		return e.policy.Unproven
	case f.Reading != "":
		return min(f.Severity, finding.Warning)
	case f.Proof == ProvenBreak && f.Grade == OpenContent:
		if r.Mode == ModeAdditive && strings.Contains(f.Rule, "optional-property-added-to-") {
			return finding.Info
		}
		if e.policy.Strict {
			return finding.Error
		}
		return min(f.Severity, finding.Warning)
	}
	return f.Severity
}

// finding renders one of a checker's findings for people and encoders.
func (e *Engine) finding(r *SubjectResult, c Comparison, f Finding) finding.Finding {
	out := finding.Finding{
		Rule: f.Rule, Severity: e.severity(r, f), Unproven: f.Proof == Unproven, Subject: r.subject(), Message: clip(f.Message), Hint: f.Suggestion,
		Position: f.NewAt, Pointer: cmp.Or(f.NewPointer, f.OldPointer), Owner: r.Owner,
		Fingerprint: fingerprint(f.Rule, r.Name, string(f.Direction), cmp.Or(f.OldPointer, f.NewPointer), f.Change),
	}
	was := "as it was in " + words(c.Version)
	if f.Contract { // a contract is broken for both sides at once
		out.Fingerprint = fingerprint(f.Rule, r.Name, "", cmp.Or(f.OldPointer, f.NewPointer), f.Change)
	} else {
		out.Message = strings.ToUpper(string(f.Direction)) + ": " + out.Message
	}
	if r.Link != nil {
		out.Rule = "compat/producer-consumer-mismatch"
		out.Message = fmt.Sprintf("%s refuses what %s sends: %s", r.Link.Receiver.Application, r.Link.Sender.Application, f.Message)
		out.Fingerprint = fingerprint(out.Rule, r.Name, f.Rule, cmp.Or(f.OldPointer, f.NewPointer), f.Change)
		was = "as " + r.Link.Sender.Application + " declares it"
	}
	switch {
	case f.NewAt.IsZero():
		out.Position = f.OldAt
		if out.Position.IsZero() {
			out.Position = r.New.At
		}
	case !f.OldAt.IsZero():
		out.Related = []finding.Related{{Position: f.OldAt, Message: was}}
	}
	detail := func(label, text string) {
		if text != "" {
			out.Details = append(out.Details, finding.Detail{Label: label, Text: clip(text)})
		}
	}
	if r.Kind == "message" {
		detail("message", r.Name)
	}
	switch {
	case r.Link != nil:
		detail("rule", f.Rule)
	case f.Contract:
		detail("breaks", "the contract, mode "+string(r.Mode))
	default:
		detail("breaks", directionText(f.Direction)+", mode "+string(r.Mode))
	}
	if f.Witness != nil {
		detail("witness", f.Witness.Explanation)
	}
	switch {
	case f.Proof == Unproven:
		detail("proof", cmp.Or(f.Reason, "none was found"))
	case f.Contract:
		detail("proof", "no wire witness: contract")
	case f.Grade == OpenContent:
		detail("grade", "open-content: only messages with names the schema does not declare break")
	}
	for _, d := range f.Details {
		if d != "no wire witness: contract" {
			detail("note", d)
		}
	}
	if r.Link != nil {
		detail("who", fmt.Sprintf("%s sends, %s receives", r.Link.Sender, r.Link.Receiver))
		return out
	}
	switch {
	case f.Contract:
		detail("who", r.Who.contract())
	case f.Severity > finding.Info:
		detail("who", r.Who.text(f.Direction))
	}
	return out
}

// clip keeps a line readable: a schema may list a million values. The whole witness
// is in the comparison.
func clip(s string) string {
	const most = 2000 // bytes
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + fmt.Sprintf("… (%d bytes)", len(s))
}

func words(version string) string { return cmp.Or(version, "the old version") }

func directionText(d Direction) string {
	if d == Backward {
		return "new readers of old records"
	}
	return "old readers of new records"
}

// fingerprint names a finding for a waiver: stable while the change is the same,
// whatever else happens to the document.
func fingerprint(rule, subject, direction, pointer, change string) string {
	h := sha256.New()
	for _, s := range []string{rule, subject, direction, pointer, change} {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// Witness returns the message of the first break of a pair, in the order of the
// mode's directions, or nil when there is none.
func (e *Engine) Witness(ctx context.Context, s Subject) (*Witness, error) {
	checker := e.checkers[s.New.Schema.Format]
	if checker == nil || s.Old.Schema.Format != s.New.Schema.Format {
		return nil, fmt.Errorf("compare %s with %s: the formats are %s and %s", s.Old.Schema.Name, s.New.Schema.Name, s.Old.Schema.Format, s.New.Schema.Format)
	}
	old, err := checker.Parse(ctx, s.Old.Schema)
	if err != nil {
		return nil, err
	}
	cur, err := checker.Parse(ctx, s.New.Schema)
	if err != nil {
		return nil, err
	}
	mode := cmp.Or(s.Mode, e.policy.Mode)
	for _, dir := range mode.Directions() {
		o := e.policy.Options
		o.Additive = mode == ModeAdditive
		res, err := checker.Check(ctx, old, cur, dir, o)
		if err != nil {
			return nil, err
		}
		for _, f := range res.Findings {
			if res.Verdict == ProvenBreak && f.Proof == ProvenBreak && f.Witness != nil && f.Severity > finding.Info {
				return f.Witness, nil
			}
		}
	}
	return nil, nil //nolint:nilnil // documented above
}
