package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func pages(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out[e.Name()] = string(b)
	}
	return out
}

// Two runs give the same bytes, so that a release can be reproduced.
func TestManPagesAreReproducible(t *testing.T) {
	a, b := filepath.Join(t.TempDir(), "man"), filepath.Join(t.TempDir(), "man")
	for _, dir := range []string{a, b} {
		if err := man(dir); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff(pages(t, a), pages(t, b)); d != "" {
		t.Error(d)
	}
}
