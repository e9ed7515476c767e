package term

import "github.com/charmbracelet/x/ansi"

// width is the number of columns s takes: wide characters count two.
func width(s string) int { return ansi.StringWidth(s) }

// cut shortens s to n columns and marks the loss.
func cut(s string, n int, tail string) string {
	if n <= 0 {
		return ""
	}
	return ansi.Truncate(s, n, tail)
}
