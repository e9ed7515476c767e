package commands

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestMask(t *testing.T) {
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
		v, err := decodeJSON([]byte(tt.in))
		if err != nil {
			t.Fatal(err)
		}
		out, hit := mask(v, strings.Split(tt.path, "."))
		b, err := json.Marshal(out)
		if err != nil {
			t.Fatal(err)
		}
		if string(b) != tt.want || hit != strings.Contains(tt.want, maskedText) {
			t.Errorf("%s at %s: %s (hit %v), want %s", tt.in, tt.path, b, hit, tt.want)
		}
	}
}
