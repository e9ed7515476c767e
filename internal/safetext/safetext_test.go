package safetext

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestNeutralise(t *testing.T) {
	for in, want := range map[string]string{
		"orders.order.v1":         "orders.order.v1",
		"héllo 日本 👩‍👩‍👧":          "héllo 日本 👩‍👩‍👧",
		"\x1b[31mred\x1b[0m":      `\x1b[31mred\x1b[0m`,
		"\x1b]0;title\a":          `\x1b]0;title\x07`,
		"\u009b31m":               `\x9b31m`,
		"\x9b31m":                 `\x9b31m`,
		"a\r\nb\tc\x7f":           `a\r\nb\tc\x7f`,
		"user\u202egnp.exe":       `user\u202egnp.exe`,
		"tag\U000e0041":           `tag\U000e0041`,
		"\xff\xfe":                `\xff\xfe`,
		"line\u2028sep":           `line\u2028sep`,
		"replacement \ufffd char": "replacement \ufffd char",
	} {
		if got := Neutralise(in); got != want {
			t.Errorf("Neutralise(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestNeutraliseLines(t *testing.T) {
	if got, want := NeutraliseLines("a\tb\r\n\x1b[2Jc\n"), "a    b\n\\x1b[2Jc\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzNeutralise(f *testing.F) {
	for _, s := range []string{"", "plain", "\x1b[0m", "\x9b", "\xf0\x9f", "\u202e", "\U000e0001"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Neutralise(s)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, Harmful) {
			t.Errorf("Neutralise(%q) = %q", s, got)
		}
		if Neutralise(got) != got {
			t.Errorf("not stable on %q", s)
		}
	})
}
