package catalog

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestHideFields(t *testing.T) {
	tests := []struct{ in, path, want string }{
		{`{"a":{"b":"x"},"c":1}`, "a.b", `{"a":{"b":"***"},"c":1}`},
		{`{"a":[{"b":"x"},{"b":"y"},{}]}`, "a[].b", `{"a":[{"b":"***"},{"b":"***"},{}]}`},
		{`{"a":["x","y"]}`, "a[]", `{"a":["***","***"]}`},
		{`{"a":{"b":{"c":1}}}`, "a.b", `{"a":{"b":"***"}}`},
		// Declared as a list and sent as one value: hidden all the same.
		{`{"a":{"b":"x"}}`, "a[].b", `{"a":{"b":"***"}}`},
		{`{"a":"x"}`, "a[]", `{"a":"***"}`},
		{`[{"a":"x"}]`, "[].a", `[{"a":"***"}]`},
		{`{"b":1}`, "a", `{"b":1}`},
		{`{"a":null}`, "a", `{"a":null}`},
		{`3`, "a", `3`},
		// Numbers stay as they were written.
		{`{"n":12345678901234567890,"a":1}`, "a", `{"a":"***","n":12345678901234567890}`},
	}
	for _, tt := range tests {
		d := json.NewDecoder(strings.NewReader(tt.in))
		d.UseNumber()
		var v any
		if err := d.Decode(&v); err != nil {
			t.Fatal(err)
		}
		out, hidden := HideFields(v, []string{tt.path})
		b, err := json.Marshal(out)
		if err != nil {
			t.Fatal(err)
		}
		if string(b) != tt.want || (len(hidden) > 0) != strings.Contains(tt.want, Hidden) {
			t.Errorf("%s at %s: %s (hidden %v), want %s", tt.in, tt.path, b, hidden, tt.want)
		}
	}
}

// Every mark of personal data is known in the text of a schema, too.
func TestPersonalNames(t *testing.T) {
	var schema any
	if err := json.Unmarshal([]byte(`{"properties":{
		"a":{"x-pii":true},"b":{"x-pii":"email"},"c":{"confluent:tags":["PII"]},"d":{"x-sap-dpp-is-potentially-personal":true},
		"e":{"x-pii":false},"f":{"x-sap-dpp-is-potentially-personal":false},"g":{"confluent:tags":["PUBLIC"]}}}`), &schema); err != nil {
		t.Fatal(err)
	}
	got := PersonalNames(schema, nil)
	slices.Sort(got)
	if strings.Join(got, "") != "abcd" {
		t.Errorf("personal: %q", got)
	}
}
