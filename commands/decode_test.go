package commands

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weirhq/weir/catalog"
	"github.com/weirhq/weir/registry"
)

// registrySchemas are what the test's registry holds: id, type, text.
var registrySchemas = map[string][2]string{
	"1": {"AVRO", `{"type":"record","name":"P","fields":[
		{"name":"home","type":{"type":"record","name":"A","fields":[{"name":"street","type":"string","confluent:tags":["PII"]}]}},
		{"name":"others","type":{"type":"map","values":"A"}},
		{"name":"day","type":{"type":"int","logicalType":"date"}},
		{"name":"n","type":["null","long","double"]}]}`},
	"2": {"PROTOBUF", `syntax = "proto3"; message A { message B { string b = 1; } string a = 1; }`},
	"3": {"JSON", `{"type":"object"}`},
	"4": {"AVRO", `{"type":"array","items":"null"}`},
	"5": {"AVRO", `{"type":"record","name":"L","fields":[{"name":"next","type":["null","L"]}]}`},
}

func TestDecodeByRegistry(t *testing.T) {
	asked := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		s, ok := registrySchemas[strings.TrimPrefix(r.URL.Path, "/schemas/ids/")]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"error_code":40403,"message":"Schema not found"}`)
			return
		}
		b, err := json.Marshal(map[string]string{"schemaType": s[0], "schema": s[1]})
		if err != nil {
			t.Error(err)
		}
		_, _ = w.Write(b)
	}))
	defer srv.Close()
	c, err := registry.New(registry.Options{URL: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	dec := &decoder{registry: askRegistry(t.Context(), c)}
	const person = "\x02x\x02\x02k\x02y\x00\x02"
	tests := []struct{ name, value, want, problem string }{
		{"Avro", "\x00\x00\x00\x00\x01" + person + "\x02\x06", `{"home":{"street":"***"},"others":{"k":{"street":"***"}},"day":"1970-01-02","n":3}`, ""},
		{"Avro too long", "\x00\x00\x00\x00\x01" + person + "\x02\x06\x00", "", "1 of 12 bytes are left over"},
		{"Avro cut short", "\x00\x00\x00\x00\x01" + person, "", "no message of this schema"},
		{"Avro not UTF-8", "\x00\x00\x00\x00\x01\x02\xff\x00\x02\x00", "", "not UTF-8"},
		{"Avro, a great many of nothing", "\x00\x00\x00\x00\x04\xfe\xff\xff\xff\xff\xff\x7f\x00", "", "schema registry:4"},
		{"Avro, endlessly deep", "\x00\x00\x00\x00\x05" + strings.Repeat("\x02", 1<<20), "", "schema registry:5"},
		{"Protobuf, the first message", "\x00\x00\x00\x00\x02\x00\x0a\x01z", `{"a":"z"}`, ""},
		{"Protobuf, an inner message", "\x00\x00\x00\x00\x02\x04\x00\x00\x0a\x01z", `{"b":"z"}`, ""},
		{"Protobuf, no such message", "\x00\x00\x00\x00\x02\x02\x0a\x0a\x01z", "", "no message at [5]"},
		{"Protobuf, a field more", "\x00\x00\x00\x00\x02\x00\x12\x01z", "", "does not declare"},
		{"JSON", "\x00\x00\x00\x00\x03{\"a\":1}", `{"a":1}`, ""},
		{"unknown id", "\x00\x00\x00\x00\x09x", "", "schema registry:9"},
		{"no header", "x", "", ""},
		{"null", "", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k := &kgo.Record{Value: []byte(tt.value)}
			got := dec.decode(k.Value)
			if !strings.Contains(got.problem, tt.problem) || (got.problem == "") != (tt.problem == "") {
				t.Fatalf("problem %q, want %q", got.problem, tt.problem)
			}
			if (got.json == nil) != (tt.want == "") {
				t.Fatalf("decoded %s", got.json)
			}
			if tt.want == "" {
				return
			}
			s := newRecordReader(nil, "t", false).show(k, got)
			var have, want any
			if err := json.Unmarshal([]byte(s.text), &have); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(tt.want), &want); err != nil {
				t.Fatal(err)
			}
			if fmt.Sprint(have) != fmt.Sprint(want) {
				t.Errorf("got %s, want %s", s.text, tt.want)
			}
		})
	}
	if asked != 6 {
		t.Errorf("asked %d times, want once for each of 6 ids", asked)
	}
}

// TestDecodedRenamed: the schema of a value calls a marked field by another name, so
// nothing of it is shown.
func TestDecodedRenamed(t *testing.T) {
	r := &recordReader{personal: []string{"holder"}}
	k := &kgo.Record{Value: []byte("x")}
	s := r.show(k, decoded{json: []byte(`{"owner":"Ada"}`), as: asAvro, schema: "registry:1"})
	if s.text != catalog.Hidden || len(s.Masked) != 1 {
		t.Errorf("shown %q, masked %v", s.text, s.Masked)
	}
}
