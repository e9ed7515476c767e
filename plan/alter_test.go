package plan

import "testing"

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
