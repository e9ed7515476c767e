package jsonschema

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"slices"

	"github.com/weirhq/weir/compat"
	"github.com/weirhq/weir/finding"
)

// Validators disagree about format: the specification calls it an annotation, many
// assert it. A pair that uses it is judged under both readings. The verdict is that of
// the policy; a break that exists under the other alone is a warning, and so is one
// that asserting, or not asserting, would undo.

// bothReadings completes the result of a pair with what the other reading says.
func (p *pair) bothReadings(ctx, limited context.Context, res compat.Result) compat.Result {
	if p.writer.assert == p.writer.annotation && p.reader.assert == p.reader.annotation {
		return res // nobody uses format
	}
	q := &pair{writer: p.writer, reader: p.reader, dir: p.dir, o: p.o}
	q.o.AssertFormat = !p.o.AssertFormat
	var werr, rerr error
	q.w, werr = p.writer.compiled(q.o.AssertFormat)
	q.r, rerr = p.reader.compiled(q.o.AssertFormat)
	if werr != nil || rerr != nil {
		return res // that reading does not compile; the policy's does
	}
	var alone []int // breaks whose witness shows nothing under the other reading
	for i, f := range res.Findings {
		if f.Proof == compat.ProvenBreak && f.Witness != nil && !q.shows(f) {
			alone = append(alone, i)
		}
	}
	if res.Verdict == compat.ProvenBreak && len(alone) == 0 && p.sameFormats() {
		return res // nothing that format could add, or undo
	}
	other := q.check(ctx, limited)
	known := func(in []compat.Finding, f compat.Finding) bool {
		return slices.ContainsFunc(in, func(g compat.Finding) bool {
			return f.Rule == g.Rule && f.OldPointer == g.OldPointer && f.NewPointer == g.NewPointer
		})
	}
	// The absence of a finding means something only where all was searched.
	if other.Verdict == compat.ProvenCompatible {
		for _, i := range alone {
			res.Findings[i] = only(res.Findings[i], p.o.AssertFormat, p.o.AssertFormat)
		}
	}
	for _, f := range other.Findings {
		if f.Proof != compat.ProvenBreak || f.Witness == nil || known(res.Findings, f) {
			continue
		}
		// The witness of a format may show something else as well.
		if f.Rule == "json/format-changed" || !p.shows(f) {
			res.Findings = append(res.Findings, only(f, q.o.AssertFormat, p.o.AssertFormat))
		}
	}
	return res
}

// sameFormats reports whether both sides use the same formats in the same places.
func (p *pair) sameFormats() bool {
	formats := func(s *schema) map[string]string {
		out := map[string]string{}
		for _, n := range s.assert.nodes {
			if n.format != nil {
				out[n.pointer] = n.format.Name
			}
		}
		return out
	}
	return maps.Equal(formats(p.writer), formats(p.reader))
}

// shows reports whether the witness of a finding proves a break for this pair too.
func (p *pair) shows(f compat.Finding) bool {
	d := json.NewDecoder(bytes.NewReader(f.Witness.JSON))
	d.UseNumber()
	var v any
	return d.Decode(&v) == nil && p.proves(v)
}

// only marks a break that one reading alone shows.
func only(f compat.Finding, asserted, policy bool) compat.Finding {
	f.Severity = min(f.Severity, finding.Warning)
	f.Reading = "annotation"
	note := "only where format is an annotation; validators that assert it accept the change"
	if asserted {
		f.Reading = "assertion"
		note = "only where format is asserted; as an annotation, which is what the specification calls it, nothing breaks"
	}
	if asserted == policy {
		note += " (--json-format-keyword)"
	} else {
		note += " (this check reads it so; --json-format-keyword changes that)"
	}
	f.Details = append(f.Details, note)
	return f
}
