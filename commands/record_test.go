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

func TestDataRisk(t *testing.T) {
	s := func(v string) *string { return &v }
	tests := []struct {
		name          string
		before, after *string
		risk          bool
	}{
		{"retention.ms", s("1000"), s("2000"), false},
		{"retention.ms", s("2000"), s("1000"), true},
		{"retention.ms", s("-1"), s("1000"), true},
		{"retention.ms", s("1000"), s("-1"), false},
		{"retention.bytes", s("1000"), s("1000"), false},
		// Not known is not harmless.
		{"retention.ms", nil, s("1000"), true},
		{"retention.ms", s("1000"), nil, true},
		{"cleanup.policy", s("delete"), s("compact"), true},
		{"cleanup.policy", s("compact"), s("compact,delete"), true},
		{"cleanup.policy", s("compact,delete"), s("compact"), false},
		{"cleanup.policy", s("compact,delete"), nil, true},
		{"segment.ms", s("2"), s("1"), false},
	}
	for _, tt := range tests {
		if got := dataRisk(tt.name, tt.before, tt.after); (got != "") != tt.risk {
			t.Errorf("%s %v -> %v: %q", tt.name, tt.before, tt.after, got)
		}
	}
}
