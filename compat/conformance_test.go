package compat_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/weirhq/weir/compat"
	"github.com/weirhq/weir/finding"
)

// TestConformanceModes runs whole histories through the engine: the modes of a
// registry, newest version first, for Avro.
func TestConformanceModes(t *testing.T) {
	root := os.Getenv("WEIR_TEST_CONFORMANCE")
	if root == "" {
		return // no vectors, no cases
	}
	data, err := os.ReadFile(filepath.Join(root, "compat", "confluent-avro-modes.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	sc := bufio.NewScanner(bytes.NewReader(data))
	for sc.Scan() {
		var v struct {
			ID         string            `json:"id"`
			Mode       string            `json:"mode"`
			History    []json.RawMessage `json:"history"`
			New        json.RawMessage   `json:"new"`
			Compatible bool              `json:"compatible"`
		}
		if err := json.Unmarshal(sc.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		mode, err := compat.ParseMode(v.Mode)
		if err != nil {
			t.Fatal(err)
		}
		version := func(text json.RawMessage) *compat.Version {
			return &compat.Version{Schema: compat.Schema{Format: compat.Avro, Text: text, Name: v.ID}}
		}
		past := slices.Clone(v.History)
		slices.Reverse(past)
		s := compat.Subject{Kind: "file", Name: v.ID, Mode: mode, New: version(v.New), Old: version(past[0])}
		s.Earlier = func(context.Context, int) ([]*compat.Version, bool, error) {
			var vs []*compat.Version
			for _, text := range past[1:] {
				vs = append(vs, version(text))
			}
			return vs, false, nil
		}
		e := compat.NewEngine(checkers(), compat.Policy{Now: today, FailOn: finding.Gate{At: finding.Error}})
		results, err := e.Compare(t.Context(), []compat.Subject{s})
		if err != nil {
			t.Fatal(err)
		}
		r := e.Report(results, nil, "")
		want := compat.ProvenCompatible
		if !v.Compatible {
			want = compat.ProvenBreak
		}
		if r.Verdict != want || r.Passed() != v.Compatible {
			t.Errorf("%s %s: verdict %s, gate %s, want %s", v.ID, v.Mode, r.Verdict, r.Gate, want)
		}
	}
}
