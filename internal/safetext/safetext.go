// Package safetext makes text from outside safe to show.
//
// Records, headers, catalogs and broker messages are written by others and may hold
// terminal escapes or characters that reorder text. The package decides which
// characters those are and shows them as escapes; it refuses to drop anything in
// silence. The function to know is [Neutralise].
package safetext

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Neutralise makes text from outside safe to print on one line: control
// characters (C0, DEL, C1, and with them every terminal escape), line breaks,
// bytes that are not UTF-8 and characters that reorder text are shown as escapes
// such as \x1b, \n or \u202e. Everything else is kept as it is.
func Neutralise(s string) string {
	if clean(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 16)
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case Harmful(r) && r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		case Harmful(r) && r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		case Harmful(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}

func clean(s string) bool {
	for i, r := range s {
		if Harmful(r) {
			return false
		}
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(s[i:]); n == 1 {
				return false
			}
		}
	}
	return true
}

// Harmful reports whether a character may not reach a terminal: the control characters
// (category Cc), the line and paragraph separators, and the format characters (Cf) that
// hide or reorder text, the trick of CVE-2021-42574. Zero-width joiners stay: emoji and
// several scripts need them.
func Harmful(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' ||
		(unicode.Is(unicode.Cf, r) && r != '\u200d' && r != '\u200c')
}

// NeutraliseLines is Neutralise for text of several lines: line breaks and tabs
// stay, everything else that could move the cursor goes.
func NeutraliseLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		parts := strings.Split(strings.TrimSuffix(l, "\r"), "\t")
		for j := range parts {
			parts[j] = Neutralise(parts[j])
		}
		lines[i] = strings.Join(parts, "    ")
	}
	return strings.Join(lines, "\n")
}

// JSON escapes what JSON allows in a string but a terminal obeys: DEL, the C1
// controls and the characters that reorder text. b is whole JSON and stays equal.
func JSON(b []byte) []byte {
	return escape(b, func(out *bytes.Buffer, r rune) {
		if r > 0xffff {
			r -= 0x10000
			fmt.Fprintf(out, `\u%04x\u%04x`, 0xd800+(r>>10), 0xdc00+(r&0x3ff))
			return
		}
		fmt.Fprintf(out, `\u%04x`, r)
	})
}

// YAML does the same for YAML whose strings with such characters are double-quoted.
func YAML(b []byte) []byte {
	return escape(b, func(out *bytes.Buffer, r rune) { fmt.Fprintf(out, `\U%08x`, r) })
}

func escape(b []byte, write func(*bytes.Buffer, rune)) []byte {
	harmful := func(r rune) bool { return r != '\n' && Harmful(r) }
	if !bytes.ContainsFunc(b, harmful) {
		return b
	}
	var out bytes.Buffer
	for _, r := range string(b) {
		if harmful(r) {
			write(&out, r)
		} else {
			out.WriteRune(r)
		}
	}
	return out.Bytes()
}
