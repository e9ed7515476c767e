package suggest

import "testing"

func TestNearest(t *testing.T) {
	words := []string{"apply", "describe", "list", "plan", "retention.ms"}
	for _, c := range []struct{ word, want string }{
		{"lst", "list"},
		{"lits", "list"},
		{"descrbe", "describe"},
		{"pla", "plan"},
		{"retention_ms", "retention.ms"},
		{"LIST", "list"},
		{"consume", ""},
		{"", ""},
		{"list", ""},
	} {
		if got := Nearest(c.word, words); got != c.want {
			t.Errorf("Nearest(%q) = %q, want %q", c.word, got, c.want)
		}
	}
}
