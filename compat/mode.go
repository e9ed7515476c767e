package compat

import (
	"fmt"
	"slices"
	"strings"
)

// Mode is what a contract promises: which directions are checked, against which
// earlier versions.
type Mode string

// The modes: the seven of the registries, and one of weir's own.
const (
	ModeNone               Mode = "NONE"
	ModeBackward           Mode = "BACKWARD"
	ModeForward            Mode = "FORWARD"
	ModeFull               Mode = "FULL"
	ModeBackwardTransitive Mode = "BACKWARD_TRANSITIVE"
	ModeForwardTransitive  Mode = "FORWARD_TRANSITIVE"
	ModeFullTransitive     Mode = "FULL_TRANSITIVE"
	// ModeAdditive is FULL_TRANSITIVE, and nothing is ever removed or renamed; a newly
	// declared optional name is no break there, however open the content was.
	ModeAdditive Mode = "ADDITIVE"
)

// Modes are all modes, weakest first.
func Modes() []Mode {
	return []Mode{
		ModeNone, ModeBackward, ModeForward, ModeFull,
		ModeBackwardTransitive, ModeForwardTransitive, ModeFullTransitive, ModeAdditive,
	}
}

// ParseMode reads a mode in any case.
func ParseMode(s string) (Mode, error) {
	m := Mode(strings.ToUpper(s))
	if slices.Contains(Modes(), m) {
		return m, nil
	}
	var names []string
	for _, m := range Modes() {
		names = append(names, string(m))
	}
	return "", fmt.Errorf("unknown mode %q: use one of %s", s, strings.Join(names, ", "))
}

// Directions are the directions a mode checks.
func (m Mode) Directions() []Direction {
	switch m {
	case ModeBackward, ModeBackwardTransitive:
		return []Direction{Backward}
	case ModeForward, ModeForwardTransitive:
		return []Direction{Forward}
	case ModeNone, "":
		return nil
	default:
		return []Direction{Backward, Forward}
	}
}

// Transitive reports whether a mode looks at every earlier version.
func (m Mode) Transitive() bool {
	return m == ModeAdditive || strings.HasSuffix(string(m), "_TRANSITIVE")
}
