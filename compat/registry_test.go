package compat_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/compat"
	"github.com/weirhq/weir/compat/avro"
	"github.com/weirhq/weir/compat/jsonschema"
	"github.com/weirhq/weir/compat/protobuf"
	"github.com/weirhq/weir/registry"
)

// realRegistry is the address of the registry of `make kafka-registry-up`, or empty.
func realRegistry() string { return os.Getenv("WEIR_TEST_REGISTRY") }

// call speaks to the registry beside the client under test, which only reads.
func call(t *testing.T, method, path string, body, answer any) error {
	t.Helper()
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(body); err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, realRegistry()+path, &b)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/vnd.schemaregistry.v1+json")
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		var e struct {
			Message string `json:"message"`
		}
		_ = json.NewDecoder(resp.Body).Decode(&e)
		return fmt.Errorf("%s %s: %s %s", method, path, resp.Status, e.Message)
	}
	if answer != nil {
		return json.NewDecoder(resp.Body).Decode(answer)
	}
	return nil
}

func register(t *testing.T, subject, format, text string) error {
	t.Helper()
	return call(t, http.MethodPost, "/subjects/"+subject+"/versions", map[string]string{"schema": text, "schemaType": strings.ToUpper(format)}, nil)
}

// TestRealRegistryBaseline takes a registry as the past of a catalog: versions, the
// level of the subject, references.
func TestRealRegistryBaseline(t *testing.T) {
	if realRegistry() == "" {
		return
	}
	topic := fmt.Sprintf("orders%d", time.Now().UnixNano())
	subject := topic + "-value"
	order := func(fields string) string {
		return `{"type":"record","name":"Order","fields":[{"name":"id","type":"string"}` + fields + `]}`
	}
	for _, text := range []string{order(""), order(`,{"name":"n","type":"int","default":0}`)} {
		if err := register(t, subject, "avro", text); err != nil {
			t.Fatal(err)
		}
	}
	if err := call(t, http.MethodPut, "/config/"+subject, map[string]string{"compatibility": "BACKWARD_TRANSITIVE"}, nil); err != nil {
		t.Fatal(err)
	}
	c, err := registry.New(registry.Options{URL: realRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	fsys := sub(txtar.Parse(fmt.Appendf(nil, `-- new/o.yaml --
asyncapi: 3.0.0
info: {title: Orders, version: 1.0.0}
channels:
  c:
    address: %s
    messages:
      Order:
        payload:
          schemaFormat: application/vnd.apache.avro;version=1.9.0
          schema: %s
`, topic, order(`,{"name":"n","type":"int"}`))), "new")
	all, _ := compat.CatalogSubjects(compat.Past{Side: compat.Side{Catalog: &catalog.Catalog{}}}, compat.Side{Catalog: load(t, fsys)})
	subjects, _, err := compat.FromRegistry(t.Context(), c, all, compat.TopicNames, true)
	if err != nil {
		t.Fatal(err)
	}
	e := compat.NewEngine(checkers(), compat.Policy{Now: today})
	results, err := e.Compare(t.Context(), subjects)
	if err != nil {
		t.Fatal(err)
	}
	r := e.Report(results, nil, "registry")
	if len(results) != 1 || results[0].Mode != compat.ModeBackwardTransitive || r.Verdict != compat.ProvenBreak {
		t.Errorf("mode and verdict of the whole history:\n%s", brief(r))
	}
}

// TestRealRegistryPredictions compares predictions with what a registry answers. The
// one that can be started here runs the same Java class for Avro, so there every
// disagreement is an error; for JSON Schema and Protobuf it follows its own rules, and
// the disagreements are listed.
func TestRealRegistryPredictions(t *testing.T) {
	root := os.Getenv("WEIR_TEST_CONFORMANCE")
	if realRegistry() == "" || root == "" {
		return
	}
	for _, tt := range []struct {
		file    string
		checker compat.Checker
		strict  bool
	}{
		{"apache-avro.jsonl", &avro.Checker{Nameless: true}, true},
		{"confluent-json-draft7.jsonl", jsonschema.New(), false},
		{"confluent-protobuf.jsonl", protobuf.New(protobuf.Config{Unresolved: true}), false},
	} {
		t.Run(tt.file, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join(root, "compat", tt.file))
			if err != nil {
				t.Fatal(err)
			}
			agree, refused := 0, 0
			var differ []string
			for i, line := range bytes.Split(bytes.TrimSpace(data), []byte("\n")) {
				var v struct {
					ID      string            `json:"id"`
					History []json.RawMessage `json:"history"`
					New     json.RawMessage   `json:"new"`
					Refs    json.RawMessage   `json:"refs"`
				}
				if err := json.Unmarshal(line, &v); err != nil {
					t.Fatal(err)
				}
				if v.Refs != nil {
					continue
				}
				old, cur := schemaText(tt.checker.Format(), v.History[0]), schemaText(tt.checker.Format(), v.New)
				a, errA := tt.checker.Parse(t.Context(), compat.Schema{Name: "old", Text: []byte(old)})
				b, errB := tt.checker.Parse(t.Context(), compat.Schema{Name: "new", Text: []byte(cur)})
				if errA != nil || errB != nil {
					continue
				}
				p, err := tt.checker.Predict(t.Context(), a, b, compat.Backward)
				if err != nil {
					t.Fatal(err)
				}
				subject := fmt.Sprintf("p%d-%d", time.Now().UnixNano(), i)
				if err := register(t, subject, string(tt.checker.Format()), old); err != nil {
					t.Log(v.ID, err)
					refused++ // a schema it does not take, such as a record without a name
					continue
				}
				if err := call(t, http.MethodPut, "/config/"+subject, map[string]string{"compatibility": "BACKWARD"}, nil); err != nil {
					t.Fatal(err)
				}
				var answer struct {
					Compatible bool `json:"is_compatible"`
				}
				err = call(t, http.MethodPost, "/compatibility/subjects/"+subject+"/versions/latest",
					map[string]string{"schema": cur, "schemaType": strings.ToUpper(string(tt.checker.Format()))}, &answer)
				switch {
				case err != nil:
					refused++
					t.Log(v.ID, err)
				case answer.Compatible == p.Compatible:
					agree++
				default:
					truth, err := tt.checker.Check(t.Context(), a, b, compat.Backward, compat.Options{})
					if err != nil {
						t.Fatal(err)
					}
					reason := why(tt.checker.Format(), p, truth)
					if reason == "" {
						t.Errorf("%s: registry %v, predicted %v, and nothing explains it", v.ID, answer.Compatible, p.Compatible)
					}
					differ = append(differ, fmt.Sprintf("%s: registry %v, predicted %v: %s", v.ID, answer.Compatible, p.Compatible, reason))
				}
			}
			t.Logf("%d agree, %d differ, %d not taken", agree, len(differ), refused)
			for _, d := range differ {
				t.Log(d)
			}
			if tt.strict && len(differ) > 0 {
				t.Error(errors.New("the same class must give the same answer"))
			}
			if agree == 0 {
				t.Error("no pair was answered")
			}
		})
	}
}

// why names the rule in which the two registries part, from what the prediction met, or
// else from what was really changed; empty when nothing explains it.
func why(f compat.Format, p compat.Prediction, truth compat.Result) string {
	const (
		branches = "it matches the branches of combined schemas one by one"
		names    = "any added or removed name is a break to it"
		items    = "any added or removed item is a break to it"
		oneofs   = "it does not look at moves between oneofs"
		groups   = "it knows no groups of types: every other scalar type is a break to it"
		labels   = "it refuses a changed label"
	)
	reasons := map[string]string{
		"COMBINED_TYPE_EXTENDED": branches, "SUM_TYPE_EXTENDED": branches,
		"PROPERTY_REMOVED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL": "it does not look at what covers a name",
		"PROPERTY_WITH_EMPTY_SCHEMA_ADDED_TO_OPEN_CONTENT_MODEL":      names, "PROPERTY_WITH_FALSE_REMOVED_FROM_CLOSED_CONTENT_MODEL": names,
		"REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_UNOPEN_CONTENT_MODEL": names, "OPTIONAL_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL": names,
		"ITEM_WITH_EMPTY_SCHEMA_ADDED_TO_OPEN_CONTENT_MODEL": items, "ITEM_WITH_FALSE_REMOVED_FROM_CLOSED_CONTENT_MODEL": items,
		"REQUIRED_ATTRIBUTE_REMOVED":            "it compares the lists of required names as written",
		"REQUIRED_ATTRIBUTE_WITH_DEFAULT_ADDED": "it does not accept a default in place of a value",
		"PACKAGE_CHANGED":                       "it does not look at the package",
		"FIELD_REMOVED":                         "it wants number and name of a removed field reserved",
		"FIELD_NAME_CHANGED":                    "it refuses a renamed field",
		"ENUM_CONST_CHANGED":                    "it refuses a renamed enum value",
		"ENUM_ADDED":                            groups, "ENUM_REMOVED": groups,
		"FIELD_STRING_OR_BYTES_LABEL_CHANGED": labels,
		"MULTIPLE_FIELDS_MOVED_TO_ONEOF":      oneofs, "FIELD_MOVED_TO_EXISTING_ONEOF": oneofs,
	}
	for _, f := range p.Findings {
		if r := reasons[f.Type]; r != "" {
			return r
		}
	}
	changed := map[string]string{
		"proto/field-type-changed": groups, "proto/int-truncated": groups, "proto/sign-changed": groups,
		"proto/label-to-repeated": labels,
	}
	for _, f := range truth.Findings {
		if r := changed[f.Rule]; r != "" {
			return r
		}
	}
	if f == compat.Protobuf && len(p.Findings)+len(truth.Findings) == 0 {
		return "it compares the names of types as they are written, qualified or not"
	}
	return ""
}

// schemaText is what is sent. The registry knows a JSON Schema by its $schema only.
func schemaText(f compat.Format, raw json.RawMessage) string {
	var o map[string]json.RawMessage
	if f == compat.JSON && json.Unmarshal(raw, &o) == nil && o["$schema"] == nil {
		o["$schema"] = json.RawMessage(`"http://json-schema.org/draft-07/schema#"`)
		if b, err := json.Marshal(o); err == nil {
			return string(b)
		}
	}
	var s string
	if f == compat.Protobuf && json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}
