package cmd

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"github.com/weirhq/weir/commands"
	"github.com/weirhq/weir/internal/config"
	"github.com/weirhq/weir/internal/kafkatest"
)

// Scripts name here the file where the programs they start note what they printed.
const documentLog = "WEIR_TEST_DOCUMENTS"

// checkedMain is Main, and notes for every JSON document on standard output whether
// its published schema accepts it.
func checkedMain(args, environ []string) int {
	build := Build{Version: "0.0.0-test"}
	log, repo := os.Getenv(documentLog), os.Getenv("REPO")
	if log == "" || !wantsJSON(nil, args) {
		return Main(args, os.Stdin, os.Stdout, os.Stderr, environ, build)
	}
	var out bytes.Buffer
	code := Main(args, os.Stdin, io.MultiWriter(os.Stdout, &out), os.Stderr, environ, build)
	f, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 99
	}
	defer f.Close()
	note := "ok"
	kind, err := checkDocuments(filepath.Join(repo, "schemas"), args, &out)
	if err != nil {
		note = fmt.Sprintf("weir %s: %v", strings.Join(args, " "), err)
	}
	b, _ := json.Marshal([]string{kind, note})
	_, _ = f.Write(append(b, '\n'))
	return code
}

// checkDocuments holds everything a command printed to the schema of its kind, and to
// nothing beyond it: a field that no schema names is a mistake too.
func checkDocuments(dir string, args []string, out io.Reader) (kind string, err error) {
	dec := json.NewDecoder(out)
	dec.UseNumber()
	schemas := map[string]*jsonschema.Schema{}
	for {
		var v any
		if err := dec.Decode(&v); errors.Is(err, io.EOF) {
			return kind, nil
		} else if err != nil {
			return kind, fmt.Errorf("standard output is not JSON: %w", err)
		}
		if kind = kindOf(v, args); kind == "" {
			return kind, errors.New("a document without kind: name it in commands.Documents")
		}
		if schemas[kind] == nil {
			s, err := strictSchema(filepath.Join(dir, "output", kind+".json"))
			if errors.Is(err, os.ErrNotExist) {
				return kind, fmt.Errorf("no schema for kind %s: name it in commands.Documents and run make docs", kind)
			}
			if err != nil {
				return kind, err
			}
			schemas[kind] = s
		}
		if err := schemas[kind].Validate(v); err != nil {
			return kind, fmt.Errorf("the schema of %s refuses it (run make docs if its struct changed): %w", kind, err)
		}
	}
}

// kindOf is what a document calls itself, or what its command prints.
func kindOf(v any, args []string) string {
	if o, ok := v.(map[string]any); ok {
		if k, ok := o["kind"].(string); ok && o["schema_version"] != nil {
			return k
		}
	}
	c, _, err := Tree().Find(args)
	if err != nil {
		return ""
	}
	for _, d := range commands.Documents() {
		if command, _, _ := strings.Cut(d.About, ":"); d.Bare && command == c.CommandPath() {
			return d.Kind
		}
	}
	return ""
}

func strictSchema(path string) (*jsonschema.Schema, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	doc, err := jsonschema.UnmarshalJSON(f)
	if err != nil {
		return nil, err
	}
	closeObjects(doc)
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("doc.json", doc); err != nil {
		return nil, err
	}
	return c.Compile("doc.json")
}

// closeObjects refuses what a schema does not name. The published ones allow it,
// because fields may be added.
func closeObjects(v any) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			closeObjects(e)
		}
	case map[string]any:
		delete(v, "$id")
		if _, ok := v["properties"].(map[string]any); ok && v["type"] == "object" {
			v["additionalProperties"] = false
		}
		for _, e := range v {
			closeObjects(e)
		}
	}
}

// watchDocuments makes the scripts of t note their documents, and fails t at its end
// for one that its schema refuses. A whole run on the embedded broker must print
// every kind at least once.
func watchDocuments(t *testing.T) (log string) {
	t.Helper()
	log = filepath.Join(t.TempDir(), "documents")
	t.Cleanup(func() {
		b, err := os.ReadFile(log)
		if err != nil {
			return // no script printed JSON
		}
		seen := map[string]bool{}
		for line := range bytes.Lines(b) {
			var n [2]string
			if err := json.Unmarshal(line, &n); err != nil {
				t.Fatal(err)
			}
			seen[n[0]] = true
			if n[1] != "ok" {
				t.Error(n[1])
			}
		}
		if flag.Lookup("test.run").Value.String() != "" || kafkatest.Real() != nil || t.Failed() {
			return
		}
		for _, d := range commands.Documents() {
			if !seen[d.Kind] {
				t.Errorf("no script prints %s (%s) with -o json", d.Kind, d.About)
			}
		}
	})
	return log
}

// Every schema is one, and stands for a kind that exists.
func TestSchemasAreValid(t *testing.T) {
	files, err := filepath.Glob("../schemas/output/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no schemas: %v", err)
	}
	for _, f := range append(files, "../schemas/weir.yaml.json", "../schemas/extensions.json") {
		c := jsonschema.NewCompiler()
		if _, err := c.Compile(f); err != nil {
			t.Error(err)
		}
		kind := strings.TrimSuffix(filepath.Base(f), ".json")
		if filepath.Base(filepath.Dir(f)) == "output" && !slices.ContainsFunc(commands.Documents(), func(d commands.Document) bool { return d.Kind == kind }) {
			t.Errorf("%s stands for no document", f)
		}
	}
}

// The schema of weir.yaml accepts every file that weir reads: each one of the scripts.
func TestConfigSchemaAgreesWithTheReader(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("../schemas/weir.yaml.json")
	if err != nil {
		t.Fatal(err)
	}
	scripts, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	accepted := 0
	for _, s := range scripts {
		a, err := txtar.ParseFile(s)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range a.Files {
			if base := filepath.Base(f.Name); base != "weir.yaml" && base != "config.yaml" {
				continue
			}
			if _, err := config.Parse("weir.yaml", f.Data); err != nil {
				continue
			}
			var v any
			if err := yaml.Unmarshal(f.Data, &v); err != nil {
				t.Fatal(err)
			}
			accepted++
			if err := schema.Validate(v); v != nil && err != nil {
				t.Errorf("%s: weir reads %s and the schema refuses it: %v", s, f.Name, err)
			}
		}
	}
	if accepted < 5 {
		t.Errorf("only %d files are read: the test proves too little", accepted)
	}
	for _, bad := range []string{"catalg: {}", "profiles: {dev: {brokers: a, password: b}}", "compat: {history: many}"} {
		var v any
		if err := yaml.Unmarshal([]byte(bad), &v); err != nil {
			t.Fatal(err)
		}
		if schema.Validate(v) == nil {
			t.Errorf("the schema accepts %s", bad)
		}
	}
}
