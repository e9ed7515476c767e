package jsonschema

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/weirhq/weir/compat"
)

// BenchmarkVectors checks every changed pair of the public suites once per round,
// parsing left out, and reports the median and the worst pair.
func BenchmarkVectors(b *testing.B) {
	type pair struct {
		id       string
		old, new compat.Parsed
	}
	var pairs []pair
	c := New()
	for _, file := range []string{"confluent-json-draft7.jsonl", "confluent-json-draft7-combined.jsonl", "containment-draft7.jsonl"} {
		for _, v := range vectors[vector](b, file) {
			old, err := c.Parse(b.Context(), compat.Schema{Name: "old.json", Text: v.History[0]})
			if err != nil {
				continue
			}
			new, err := c.Parse(b.Context(), compat.Schema{Name: "new.json", Text: v.New})
			if err != nil || old.Canonical() == new.Canonical() {
				continue
			}
			pairs = append(pairs, pair{v.ID, old, new})
		}
	}
	if len(pairs) == 0 {
		return
	}
	best := make([]time.Duration, len(pairs))
	broken := make([]bool, len(pairs))
	for b.Loop() {
		for i, p := range pairs {
			start := time.Now()
			res, err := c.Check(b.Context(), p.old, p.new, compat.Backward, compat.Options{})
			if err != nil {
				b.Fatal(err)
			}
			if d := time.Since(start); best[i] == 0 || d < best[i] {
				best[i] = d
			}
			broken[i] = res.Verdict == compat.ProvenBreak
		}
	}
	var with []time.Duration
	worst := 0
	for i, d := range best {
		if broken[i] {
			with = append(with, d)
		}
		if d > best[worst] {
			worst = i
		}
	}
	slices.Sort(with)
	b.ReportMetric(float64(with[len(with)/2].Microseconds()), "µs-median-break")
	b.ReportMetric(float64(best[worst].Microseconds()), "µs-worst")
	b.Logf("%d pairs, %d with a witness, worst %s", len(pairs), len(with), pairs[worst].id)
}

// BenchmarkLarge checks pairs whose cost must not grow faster than they do, parsing
// left out.
func BenchmarkLarge(b *testing.B) {
	pairs := large()
	for _, name := range slices.Sorted(maps.Keys(pairs)) {
		b.Run(name, func(b *testing.B) {
			old, new := parse(b, "old.json", []byte(pairs[name].old)), parse(b, "new.json", []byte(pairs[name].new))
			for b.Loop() {
				if _, err := New().Check(b.Context(), old, new, compat.Backward, compat.Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
