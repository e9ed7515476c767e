package catalog

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
)

// The published schema of weir's extensions knows all of them, and accepts what the
// example catalog writes.
func TestExtensionsSchema(t *testing.T) {
	const file = "../schemas/extensions.json"
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Properties map[string]any `json:"properties"`
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	for name := range doc.Properties {
		if !slices.Contains(extensionKeys[:], name) {
			t.Errorf("%s is published and not read", name)
		}
	}
	c := jsonschema.NewCompiler()
	schemas := map[string]*jsonschema.Schema{}
	for _, name := range extensionKeys {
		if schemas[name], err = c.Compile(file + "#/properties/" + name); err != nil {
			t.Errorf("%s is read and not published: %v", name, err)
		}
	}

	seen := map[string]int{}
	var walk func(place string, v any)
	walk = func(place string, v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				walk(place, e)
			}
		case map[string]any:
			for k, e := range v {
				if s := schemas[k]; s != nil {
					seen[k]++
					if err := s.Validate(e); err != nil {
						t.Errorf("%s: %s: %v", place, k, err)
					}
				}
				walk(place, e)
			}
		}
	}
	err = filepath.WalkDir("../examples", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".yaml") && !strings.HasSuffix(path, ".json") {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var v any
		if err := yaml.Unmarshal(b, &v); err != nil {
			return err
		}
		walk(path, v)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(seen) < 4 {
		t.Errorf("the example shows only %v", seen)
	}
	for name, bad := range map[string]any{
		"x-owner": 7.0, "x-lifecycle": "dead", "x-classification": "secret", "x-compatibility": "SIDEWAYS",
		"x-slo": map[string]any{"lag": "soon"}, "x-waivers": []any{map[string]any{"rule": "a/b"}}, "x-perspective": "server",
	} {
		if schemas[name].Validate(bad) == nil {
			t.Errorf("%s: %v is accepted", name, bad)
		}
	}
}
